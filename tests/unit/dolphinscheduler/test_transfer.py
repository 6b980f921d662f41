"""Export files, written and read without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.repair import find_dangling
from dsflow.dolphinscheduler.transfer import import_to_server
from dsflow.dolphinscheduler.wire import files, oldfiles, v3_4
from dsflow.dolphinscheduler.wire.codec import normalise
from dsflow.dolphinscheduler.wire.files import TransferError
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rows import WorkflowRow
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import ServerError
from tests.unit.source.definitions import EMPTY, SCHEDULE, definitions, every_type, orderly

TABLES = {
    "environment": {"env": 11},
    "alert group": {"admins": 21},
    "task group": {"group": 31},
    "datasource": {"db": 41},
    "project": {"demo": 100, "far": 101},
    "resource": {"/x.sh": "s3:/x.sh", "/y/z.py": "s3:/y/z.py"},
    "workflow": {"other": 51, "away": 52},
    "task": {"its task": 61},
}
SERVER = Names(lambda kind, scope: TABLES[kind])


def test_a_file_says_everything():
    exported = files.export(every_type(), SERVER)
    (back,) = files.definitions(
        files.check_exported(oldfiles.as_exported(json.loads(files.to_text(exported)), "x"), "x")
    )
    assert normalise(back) == normalise(every_type())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions())
def test_any_file_says_everything(definition: Definition):
    definition = replace(
        definition,
        tasks=tuple(
            replace(t, task_params={**t.task_params, "datasource": "db"}) if t.task_type == "SQL" else t
            for t in definition.tasks
        ),
    )
    exported = files.export(definition, SERVER)
    assert find_dangling(exported[0]) == []
    (back,) = files.definitions(oldfiles.as_exported(json.loads(files.to_text(exported)), "x"))
    assert normalise(back) == normalise(definition)


def test_the_same_definition_gives_the_same_file():
    assert files.to_text(files.export(orderly())) == files.to_text(files.export(orderly()))


def test_codes_are_such_that_javascript_and_java_read_them():
    (entry,) = files.export(orderly())
    codes = [t["code"] for t in entry["tasks"]] + [entry["workflow"]["code"]]
    assert len(set(codes)) == len(codes)
    assert all(10**14 <= code < 2**53 for code in codes)


def test_an_online_schedule_is_written_offline_and_remembered():
    (entry,) = files.export(replace(orderly(), schedule=SCHEDULE))
    assert entry["schedule"]["releaseState"] == "OFFLINE"
    assert "id" not in entry["schedule"]
    assert entry["dsflow"]["scheduleOnline"] is True


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": "env"}, "names the environment 'env'"),
        ({"task_group": "group"}, "names the task group 'group'"),
    ],
)
def test_what_only_a_server_knows_needs_one(change, says):
    task = TaskDefinition("a", "SHELL", {**EMPTY, "rawScript": "true"}, **change)
    with pytest.raises(files.TransferError, match=says) as caught:
        files.export(Definition("p", "w", (task,), ()))
    assert "task 'a'" in str(caught.value)
    assert "--profile" in str(caught.value)


def test_a_code_without_a_name_is_refused():
    exported = files.export(orderly())
    exported[0]["tasks"][0]["environmentCode"] = 4711
    with pytest.raises(files.TransferError, match="environment with the code 4711"):
        files.definitions(exported)


def test_a_file_of_a_server_needs_a_project():
    exported = files.export(orderly())
    del exported[0]["dsflow"]
    with pytest.raises(files.TransferError, match="--project"):
        files.definitions(exported)
    assert files.definitions(exported, "other")[0].project == "other"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("{", "x.json:1"),
        ("{}", "expected a list"),
        ("[]", "expected a list"),
        ("[1]", "has no processDefinition"),
        ('[{"processDefinition": {"name": "a", "code": 1}}]', "has no processTaskRelationList"),
        ('[{"processDefinition": {"code": 1}, "processTaskRelationList": [1], "taskDefinitionList": [1]}]', "no name"),
        (
            '[{"processDefinition": {"name": "a", "code": 1}, '
            '"processTaskRelationList": [1], "taskDefinitionList": [1]}]',
            "a task of workflow 1 has no name",
        ),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, text, says):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(files.TransferError) as caught:
        files.read_file(file)
    assert says in str(caught.value)
    assert "x.json" in str(caught.value)


def test_two_tasks_of_one_name_are_refused():
    exported = files.export(orderly())
    exported[0]["tasks"][1]["name"] = "train"
    with pytest.raises(files.TransferError, match="two tasks of one name"):
        files.check_exported(exported, "x")


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(files.TransferError, match="No such file"):
        files.read_file(tmp_path / "no.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(files.TransferError, match="not UTF-8"):
        files.read_file(tmp_path / "x.json")


class WithoutImporter:
    """A server of 3.4, whose workflows are submitted; the one named ``refused`` is not taken."""

    def __init__(self) -> None:
        self.rest = self
        self.submitted: list[Definition] = []
        self.deleted: list[int] = []

    def project_code(self, name: str) -> int:
        return 100

    def workflows(self, project: int) -> list[WorkflowRow]:
        return [WorkflowRow.of({"name": "there", "code": 1})]

    def projects(self) -> list[dict[str, Any]]:
        return [{"name": "p", "code": 100}]

    def series(self) -> Series:
        return v3_4.SERIES

    def submit(self, definition: Definition) -> Any:
        if definition.name == "refused":
            raise ServerError("no")
        self.submitted.append(definition)
        return SimpleNamespace(code=50 + len(self.submitted), project_code=100, notes=())

    def release(self, project: int, code: int, state: str) -> None:
        pass

    def delete_workflow(self, project: int, code: int) -> None:
        self.deleted.append(code)


def workflow(name: str) -> Definition:
    return Definition("elsewhere", name, (TaskDefinition("t", "SHELL", {"rawScript": "true"}),), ())


def test_import_without_an_importer() -> None:
    server = WithoutImporter()
    exported = [*files.export(workflow("a")), *files.export(workflow("b"))]
    done = import_to_server(cast(Server, server), exported, "p")
    assert [(one.project, one.name, one.code) for one in done] == [("p", "a", 51), ("p", "b", 52)]
    assert [d.tasks[0].task_params["rawScript"] for d in server.submitted] == ["true", "true"]


def test_import_without_an_importer_leaves_nothing_when_a_workflow_is_refused() -> None:
    server = WithoutImporter()
    with pytest.raises(ServerError, match="no"):
        import_to_server(cast(Server, server), files.export(workflow("a")) + files.export(workflow("refused")), "p")
    assert server.deleted == [51]
    with pytest.raises(TransferError, match="has a workflow 'there' already"):
        import_to_server(cast(Server, server), files.export(workflow("c")) + files.export(workflow("there")), "p")
    assert [d.name for d in server.submitted] == ["a"]  # nothing is written when a name is taken
