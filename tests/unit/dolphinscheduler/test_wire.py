"""DolphinScheduler's words are written in one place, and a release series is one module there."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import httpx
import pytest

import dsflow
from dsflow import placeholders
from dsflow.config import Profile
from dsflow.definition import SUB_WORKFLOW
from dsflow.dolphinscheduler.wire import rest, v3_1, v3_2, v3_3
from dsflow.dolphinscheduler.wire.known import SERIES, series_of

PACKAGE = Path(dsflow.__file__).parent
WIRE = PACKAGE / "dolphinscheduler" / "wire"
# paths of the REST API; the embedded OpenMLDB and the prediction server have other ones
PATH = re.compile(
    r"/(projects|process-|workflow-|task-definition|executors|schedules/|monitor/|log/|tenants|users/|worker-groups|"
    r"environment/|alert-groups|access-tokens|datasources|v2/)"
)
FIELD = re.compile(r"\bprocess(Definition|Define|Task|Instance)\w*")


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


def test_both_are_found_where_they_are() -> None:
    names = [text for file in WIRE.glob("*.py") for text in texts(file)]
    assert any(FIELD.search(text) for text in names)
    assert any(PATH.search(text) for text in names)


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
    assert [str(series) for series in SERIES] == ["3.2", "3.1"]
    assert {series.version for series in SERIES} == set(placeholders.SERIES)  # what a run here follows


def test_a_run_tells_what_it_ran() -> None:
    drawn = {"processDefinition": {"name": "w"}, "taskDefinitionList": [{"name": "a"}], "processTaskRelationList": []}
    data = {"id": 3, "processDefinitionCode": 2, "processDefinition": None, "dagData": drawn}
    answer = httpx.Response(200, json={"code": 0, "data": data})
    profile = Profile(name="x", api_url="http://server", token="t")
    with rest.RestClient(profile, transport=httpx.MockTransport(lambda request: answer)) as client:
        run = client.instance(1, 3)
    assert run == {"id": 3, "workflowCode": 2, "workflow": {"name": "w"}, "tasks": [{"name": "a"}]}


def test_a_further_series_is_asked_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = replace(
        v3_2.SERIES,
        version=(3, 3),
        words=v3_3.WORDS,
        workflows="workflow-definition",
        masters="/monitor/other",
    )
    monkeypatch.setattr(rest, "SERIES", (newer, *SERIES))
    asked: list[str] = []

    def server(is_newer: bool) -> rest.RestClient:
        data = {
            "/users/get-user-info": {"id": 1, "userName": "u"},
            "/monitor/MASTER": [],
            "/projects/1/process-definition/2": {"processDefinition": {"name": "w"}, "processTaskRelationList": []},
        }
        if is_newer:
            data["/monitor/other"] = []
            data["/projects/1/workflow-definition/2"] = {
                "workflowDefinition": {"name": "w"}, "workflowTaskRelationList": [],
            }  # fmt: skip

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            if request.url.path not in data:
                return httpx.Response(404, html="no such page")
            return httpx.Response(200, json={"code": 0, "data": data[request.url.path]})

        profile = Profile(name="x", api_url="http://server", token="t")
        return rest.RestClient(profile, transport=httpx.MockTransport(answer), sleep=lambda seconds: None)

    for is_newer in (True, False):
        with server(is_newer) as client:
            assert client.workflow(1, 2) == {"workflow": {"name": "w"}, "edges": []}
            assert str(client.series()) == ("3.3" if is_newer else "3.2")
    assert "/projects/1/workflow-definition/2" in asked
