"""DolphinScheduler's words are written in one place, and a release series is one module there."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import httpx

import dsflow
from dsflow import placeholders
from dsflow.config import Profile
from dsflow.definition import SUB_WORKFLOW
from dsflow.dolphinscheduler.wire import rest, v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.known import NEWEST, SERIES, series_of
from dsflow.dolphinscheduler.wire.rows import Instance

PACKAGE = Path(dsflow.__file__).parent
WIRE = PACKAGE / "dolphinscheduler" / "wire"
# paths of the REST API; the embedded OpenMLDB and the prediction server have other ones
PATH = re.compile(
    r"/(projects|process-|workflow-|task-definition|executors|schedules/|monitor/|log/|tenants|users/|worker-groups|"
    r"environment/|alert-groups|access-tokens|datasources|v2/)"
)
FIELD = re.compile(r"\bprocess(Definition|Define|Task|Instance)\w*")
KEY = re.compile(r"[a-z]+([A-Z][a-z]*)+")
# dsflow's own JSON, and what a plan calls the fields of a workflow, which users know from the server
OWN_KEYS = {
    "dolphinscheduler/plan.py": {
        "releaseState", "executionType", "warningType", "warningGroup", "workerGroup", "taskParams",
    },
    "dolphinscheduler/plan_text.py": {"oldName", "edgesAdded", "edgesRemoved", "nextRuns"},
    "cli/deploy_text.py": {"dryRun", "toDelete"},
    "cli/runs.py": {"commandType", "startTime", "endTime", "scheduleTime", "executorName"},
}  # fmt: skip


@cache
def texts(file: Path) -> list[str]:
    """The strings of a module, without its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    explained = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained
    ]


def outside() -> list[Path]:
    return [file for file in PACKAGE.rglob("*.py") if WIRE not in file.parents]


def test_no_field_of_the_server_is_named_outside_of_wire() -> None:
    found = {(file.name, text) for file in outside() for text in texts(file) if FIELD.search(text)}
    # what a Definition calls the workflow that a task runs, which is what every task type of it is called by
    assert found == {("definition.py", SUB_WORKFLOW)}


def test_no_path_of_the_server_is_named_outside_of_wire() -> None:
    # these are rules about what users write, and the parts of a real server
    others = {PACKAGE / "standalone", PACKAGE / "embedded", PACKAGE / "serving", PACKAGE / "worker"}
    found = {
        (str(file.relative_to(PACKAGE)), text)
        for file in outside()
        if not others & {*file.parents}
        for text in texts(file)
        if PATH.search(text) and "://" not in text
    }
    assert found == set()


def test_no_key_of_a_row_is_named_outside_of_wire() -> None:
    found: dict[str, set[str]] = {}
    for file in outside():
        place = str(file.relative_to(PACKAGE))
        keys = {text for text in texts(file) if KEY.fullmatch(text)}
        if keys and place.startswith(("dolphinscheduler/", "cli/")):
            found[place] = keys
    assert found == OWN_KEYS


def test_all_are_found_where_they_are() -> None:
    names = [text for file in WIRE.glob("*.py") for text in texts(file)]
    assert any(FIELD.search(text) for text in names)
    assert any(PATH.search(text) for text in names)
    assert {"releaseState", "startTime", "tenantCode", "preTaskCode"} <= {t for t in names if KEY.fullmatch(t)}


def test_words_go_there_and_back() -> None:
    ours = {
        "workflow": {"name": "w"},
        "edges": [{"workflowCode": 1, "workflowVersion": 2}],
        "tasks": [{"taskParams": {"processDefinition": "stays"}}],
        "schedule": {"runPriority": "HIGH"},
        "dsflow": {"names": []},
    }
    for words in (v3_1.WORDS, v3_3.WORDS):
        theirs = words.write(ours)
        assert words.read(theirs) == ours
    assert v3_1.WORDS.write(ours)["processTaskRelationList"][0] == {
        "processDefinitionCode": 1,
        "processDefinitionVersion": 2,
    }


def test_a_series_is_known_by_its_version() -> None:
    assert series_of((3, 1, 5)) is v3_1.SERIES
    assert series_of((3, 2)) is v3_2.SERIES
    assert series_of((2, 0)) is None
    assert series_of((3, 4, 3)) is v3_4.SERIES
    assert [str(series) for series in SERIES] == ["3.4", "3.3", "3.2", "3.1"]
    assert [str(series) for series in SERIES if series.experimental] == ["3.4", "3.3"]
    assert str(NEWEST) == "3.2"  # files are written for the newest that is no experiment
    assert {series.version for series in SERIES} == set(placeholders.SERIES)  # what a run here follows


def test_a_run_tells_what_it_ran() -> None:
    drawn = {"processDefinition": {"name": "w"}, "taskDefinitionList": [{"name": "a"}], "processTaskRelationList": []}
    data = {"id": 3, "processDefinitionCode": 2, "processDefinition": None, "dagData": drawn, "state": "SUCCESS"}
    answer = httpx.Response(200, json={"code": 0, "data": data})
    profile = Profile(name="x", api_url="http://server", token="t")
    with rest.RestClient(profile, transport=httpx.MockTransport(lambda request: answer)) as client:
        client._candidates = (v3_2.SERIES,)
        run = client.instance(1, 3)
    assert run == Instance(3, "SUCCESS", workflow_code=2, workflow="w", tasks=({"name": "a"},))


def test_a_task_that_runs_a_workflow_goes_there_and_back() -> None:
    ours = {"code": 1, "taskType": "SUB_PROCESS", "taskParams": {SUB_WORKFLOW: 7, "localParams": []}}
    theirs = v3_3.WORDS.sent_task(ours)
    assert theirs == {
        "code": 1, "taskType": "SUB_WORKFLOW", "taskParams": {"workflowDefinitionCode": 7, "localParams": []},
    }  # fmt: skip
    assert v3_3.WORDS.task(theirs) == ours
    assert v3_1.WORDS.sent_task(ours) == v3_1.WORDS.task(ours) == ours
    told = v3_3.WORDS.read({"taskDefinitionList": [{**theirs, "taskParams": json.dumps(theirs["taskParams"])}]})
    assert json.loads(told["tasks"][0]["taskParams"]) == ours["taskParams"]
    other = {"taskType": "SHELL", "taskParams": {"rawScript": "workflowDefinitionCode"}}
    assert v3_3.WORDS.task(other) == v3_3.WORDS.sent_task(other) == other


def test_each_series_is_asked_in_its_own_words() -> None:
    workflow = {"name": "w"}
    old = {"processDefinition": workflow, "processTaskRelationList": []}
    new = {"workflowDefinition": workflow, "workflowTaskRelationList": []}
    for series, path, row in ((v3_2.SERIES, "process-definition", old), (v3_4.SERIES, "workflow-definition", new)):
        answers = {f"/projects/1/{path}/2": row}

        def answer(request: httpx.Request, answers: dict[str, object] = answers) -> httpx.Response:
            return httpx.Response(200, json={"code": 0, "data": answers[request.url.path]})

        profile = Profile(name="x", api_url="http://server", token="t")
        with rest.RestClient(profile, transport=httpx.MockTransport(answer)) as client:
            client._candidates = (series,)
            assert client.workflow(1, 2) == {"workflow": workflow, "edges": []}
