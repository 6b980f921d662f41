"""pydolphinscheduler's files: recognised, named, never run; its YAML becomes dsflow's source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsflow.cli import main
from dsflow.cli.collecting import collect
from dsflow.cli.loading import load_workflows
from dsflow.cli.repository import Repository
from dsflow.definition import Definition, Relation
from dsflow.errors import DeclarationError
from dsflow.source.errors import SourceError
from dsflow.source.pydolphinscheduler import ForeignSourceError
from dsflow.source.pydolphinscheduler_yaml import read_yaml
from dsflow.source.python import python_source
from dsflow.source.yaml_form import yaml_source

SWITCH = """
workflow:
  name: nightly
  param: {level: 2}
  schedule: 0 0 2 * * ? *
  timezone: Europe/Berlin

tasks:
  - {name: many, task_type: Shell, command: echo many}
  - {name: few, task_type: shell, command: echo few, fail_retry_times: 2, timeout: 5}
  - name: which
    task_type: Switch
    condition:
      - {task: many, condition: "${level} > 1"}
      - {task: few}
"""
CHAIN = """
Variables:
  p: &p { "prop": "root", "direct": "IN", "type": "VARCHAR", "value": "${root}" }
workflow:
  name: prepare
  project: stock
  param: {root: "$ENV{APP_ROOT}"}
tasks:
  - name: fetch
    task_type: Shell
    command: $FILE{"fetch.sh"}
    local_params: [*p]
  - {name: train, task_type: SubProcess, deps: [fetch], process_definition_name: '$WORKFLOW{"train.yaml"}'}
"""
EVERY = """
workflow: {name: every, project: p}
tasks:
  - {name: a, task_type: Python, definition: print(1), input_params: {n: 3, s: VARCHAR(x)}, output_params: {out: ""}}
  - {name: b, task_type: Sql, datasource_name: db, sql: select 1, deps: [a]}
  - {name: c, task_type: Procedure, datasource_name: db, method: "call x()"}
  - {name: d, task_type: Http, url: "http://127.0.0.1/x", http_params: {q: 1}}
  - {name: e, task_type: OpenMLDB, zookeeper: "z:2181", zookeeper_path: /o, execute_mode: offline, sql: SELECT 1}
  - name: f
    task_type: Condition
    success_task: c
    failed_task: d
    op: and
    groups:
      - {op: or, groups: [{task: a, flag: true}, {task: b, flag: false}]}
  - name: g
    task_type: Dependent
    op: and
    groups:
      - op: or
        groups:
          - {project_name: x, workflow_name: y, dependent_task_name: z, dependent_date: LAST_ONE_DAYS}
          - {project_name: x, workflow_name: y}
"""


def read(folder: Path, text: str, project: str | None = "p") -> tuple[Definition, list[str]]:
    file = folder / "old.yaml"
    file.write_text(text)
    found, notes = read_yaml(file, project)
    (definition,) = found
    python_source(definition)  # both compare what they wrote with the definition
    yaml_source(found)
    return definition, notes


def test_a_switch(tmp_path: Path) -> None:
    found, notes = read(tmp_path, SWITCH)
    assert (found.project, found.name, notes) == ("p", "nightly", [])
    assert found.task("which").task_params["switchResult"] == {
        "dependTaskList": [{"condition": "${level} > 1", "nextNode": "many"}], "nextNode": "few",
    }  # fmt: skip
    assert set(found.relations) == {Relation("which", "many"), Relation("which", "few")}
    assert (found.task("few").fail_retry_times, found.task("few").timeout) == (2, 5)
    assert [(p.prop, p.value) for p in found.global_params] == [("level", "2")]
    assert found.schedule is not None
    assert (found.schedule.timezone_id, found.schedule.online) == ("Europe/Berlin", True)


def test_what_is_filled_in_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fetch.sh").write_text("echo fetch\n")
    monkeypatch.setenv("APP_ROOT", "/srv/app")
    found, notes = read(tmp_path, CHAIN, None)
    assert (found.project, found.relations) == ("stock", (Relation("fetch", "train"),))
    assert found.task("fetch").task_params["rawScript"] == "echo fetch\n"
    assert found.task("fetch").task_params["localParams"][0]["value"] == "${root}"
    assert found.global_params[0].value == "/srv/app"
    assert found.task("train").task_params["processDefinitionCode"] == "train"
    assert any("train.yaml is not there" in note for note in notes)
    (tmp_path / "train.yaml").write_text(SWITCH)
    monkeypatch.delenv("APP_ROOT")
    found, notes = read(tmp_path, CHAIN, None)
    assert found.task("train").task_params["processDefinitionCode"] == "nightly"
    assert any("APP_ROOT of the environment is not set" in note for note in notes)


def test_every_type(tmp_path: Path) -> None:
    found, _ = read(tmp_path, EVERY, None)
    assert [t.task_type for t in found.tasks] == [
        "PYTHON", "SQL", "PROCEDURE", "HTTP", "OPENMLDB", "CONDITIONS", "DEPENDENT",
    ]  # fmt: skip
    assert [(p["prop"], p["type"], p["direct"]) for p in found.task("a").task_params["localParams"]] == [
        ("n", "INTEGER", "IN"), ("s", "VARCHAR", "IN"), ("out", "VARCHAR", "OUT"),
    ]  # fmt: skip
    items = found.task("g").task_params["dependence"]["dependTaskList"][0]["dependItemList"]
    assert [(i["depTaskCode"], i["cycle"], i["dateValue"]) for i in items] == [
        ("z", "day", "last1Days"), ("", "day", "today"),
    ]  # fmt: skip
    assert Relation("a", "f") in found.relations
    assert Relation("f", "d") in found.relations


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SWITCH.replace("task_type: shell", "task_type: Spark"), "is a Spark, which is not taken over"),
        (SWITCH.replace("{task: few}", "{task: some}"), "names a task 'some'"),
        (SWITCH.replace("timeout: 5", "time_out: 5"), "has 'time_out'"),
        (SWITCH.replace("command: echo many", "x: 1"), "task 'many' has"),
        (SWITCH.replace("name: few", "name: many"), "two tasks are named 'many'"),
        (CHAIN, "there is no file fetch.sh"),
        ("a: 1", "no YAML of pydolphinscheduler"),
    ],
)
def test_what_is_not_taken_over_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(tmp_path, text)


def test_a_project_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--project NAME"):
        read(tmp_path, SWITCH, None)


def test_a_file_that_is_named_says_whose_it_is(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    for text in (SWITCH, CHAIN):
        file.write_text(text)
        with pytest.raises(DeclarationError, match="pydolphinscheduler's form") as caught:
            load_workflows(file)
        assert "dsflow import" in str(caught.value)


def test_the_command_writes_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.yaml").write_text(SWITCH)
    assert exit_code("import", "old.yaml", "-o", "new.yaml", "--project", "demo") == 0
    assert exit_code("validate", "new.yaml") == 0
    assert exit_code("validate", "old.yaml") == 1
    assert "pydolphinscheduler's form" in "".join(capsys.readouterr())


def exit_code(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


SCRIPT = """
from pathlib import Path
from pydolphinscheduler.core.workflow import Workflow
Path("was_run").touch()
with Workflow(name="x") as w:
    w.submit()
"""


def test_an_old_script_is_not_run_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.py").write_text(SCRIPT)
    Path("old.yaml").write_text(SWITCH)
    Path("new.py").write_text(
        'from dsflow import Shell, Workflow\nwith Workflow("w", project="p"):\n    Shell("a", "true")\n'
    )
    collection = collect([Path()], Repository(None, tmp_path))
    assert [f.workflow.name for f in collection.found] == ["w"]
    assert (collection.errors, collection.files, len(collection.notes)) == ([], 1, 2)
    assert exit_code("validate", ".") == 0
    said = "".join(capsys.readouterr())
    assert "old.py:3: this is a script of pydolphinscheduler" in said
    assert "old.yaml: this is pydolphinscheduler's form" in said
    with pytest.raises(ForeignSourceError, match="it was not run"):
        load_workflows(Path("old.py"))
    assert exit_code("validate", "old.py") == 1
    assert not Path("was_run").exists()
