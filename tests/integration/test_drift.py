"""What somebody changed on the web page, told apart from what the user changed in the source."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.definition import Definition, JsonDict, Property, Relation, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.plan import Plan, Since
from tests.integration.commands import Commands

A_SECOND = 1.1  # the server's history counts in whole ones


def shell(name: str, script: str) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script, "localParams": [], "resourceList": []})


def declared(project: str, **changes: Any) -> Definition:
    tasks = (shell("a", "echo a"), shell("b", "echo b"), shell("c", "echo c"))
    base = Definition(
        project,
        "flow",
        tasks,
        (Relation("a", "b"),),
        description="ours",
        timeout=10,
        global_params=(Property("day", value="2024-01-01"), Property("n", type="INTEGER", value="1")),
    )
    return replace(base, **changes)


def saved_on_the_web_page(server: Server, project: str, edit: Callable[[JsonDict, list[JsonDict]], None]) -> None:
    """As the page does it: all is sent anew, with the tasks' places in the drawing and without dsflow's record."""
    time.sleep(A_SECOND)
    state = server.state(project, "flow")
    process, tasks = state.raw["processDefinition"], state.raw["taskDefinitionList"]
    edit(process, tasks)
    codes = {t["code"] for t in tasks}
    edges = [{**r, "conditionParams": {}} for r in state.raw["processTaskRelationList"] if r["postTaskCode"] in codes]
    known = {r["postTaskCode"] for r in edges}
    edges += [{**edges[0], "preTaskCode": 0, "preTaskVersion": 0, "postTaskCode": c} for c in codes if c not in known]
    server.rest.release(state.project_code, int(state.code or 0), "OFFLINE")
    form = {
        "name": "flow", "description": process["description"], "globalParams": process["globalParams"],
        "locations": json.dumps([{"taskCode": c, "x": 100, "y": 100} for c in codes]),
        "timeout": process["timeout"], "tenantCode": server.rest.user()["tenantCode"], "releaseState": "OFFLINE",
        "executionType": "PARALLEL", "taskRelationJson": json.dumps(edges), "taskDefinitionJson": json.dumps(tasks),
    }  # fmt: skip
    server.rest.put(f"/projects/{state.project_code}/process-definition/{state.code}", "edit", form)
    server.rest.release(state.project_code, int(state.code or 0), "ONLINE")


def by_name(tasks: list[JsonDict], name: str) -> JsonDict:
    """The taskParams of a task."""
    found: JsonDict = next(t["taskParams"] for t in tasks if t["name"] == name)
    return found


def since(plan: Plan) -> Since:
    assert plan.since is not None, plan
    return plan.since


def texts(plan: Plan) -> set[str]:
    return set(plan.differences())


def test_both_sides_changed_it(server: Server, project: str) -> None:
    server.submit(declared(project))
    new_code = server.rest.task_codes(server.state(project, "flow").project_code, 1)[0]

    def edit(process: JsonDict, tasks: list[JsonDict]) -> None:
        process.update(timeout=20, globalParams=process["globalParams"].replace("2024", "2025"))
        by_name(tasks, "a")["rawScript"] = "echo by hand"
        added = {**tasks[0], "taskParams": {"rawScript": "true"}, "name": "new", "code": new_code, "version": 0}
        tasks.append(added)

    saved_on_the_web_page(server, project, edit)
    ours = declared(
        project, description="still ours", tasks=(shell("a", "echo a"), shell("b", "echo bb"), shell("cc", "echo c"))
    )
    plan = server.plan(ours)

    assert "was not submitted by dsflow, or was edited on the web page" in plan.drift
    assert since(plan).version == 1
    assert texts(since(plan).own) == {
        "description: 'ours' -> 'still ours'",
        "task 'b': rawScript: 'echo b' -> 'echo bb'",
        "task 'cc' renamed from 'c'",
    }
    day = [{**p.to_dict()} for p in declared(project).global_params][:1][0]
    assert texts(since(plan).theirs) == {
        "timeout: 10 -> 20",
        f"parameter day: {str(day)[:57]}... -> {str({**day, 'value': '2025-01-01'})[:57]}...",
        "task 'a': rawScript: 'echo a' -> 'echo by hand'",
        "task 'new' added",
    }
    # what would be done is all of it
    assert {"timeout: 20 -> 10", "task 'new' removed", "task 'a': rawScript: 'echo by hand' -> 'echo a'"} <= texts(plan)
    server.submit(ours, overwrite=True)
    assert server.plan(ours).is_empty
    # and once more, after a version of the page's in between
    saved_on_the_web_page(server, project, lambda p, t: by_name(t, "b").update(rawScript="again by hand"))
    after = since(server.plan(ours))
    assert (after.version, texts(after.own)) == (3, set())
    assert texts(after.theirs) == {"task 'b': rawScript: 'echo bb' -> 'again by hand'"}


def test_a_second_save_and_only_theirs(server: Server, project: str) -> None:
    server.submit(declared(project, description="first"))
    server.submit(declared(project))
    for text in ("one", "two"):
        saved_on_the_web_page(server, project, lambda p, t, text=text: by_name(t, "b").update(rawScript=text))
    plan = server.plan(declared(project))
    assert (since(plan).version, texts(since(plan).own)) == (2, set())
    assert texts(since(plan).theirs) == {"task 'b': rawScript: 'echo b' -> 'two'"}


def test_one_task_that_was_edited_by_itself(server: Server, project: str) -> None:
    server.submit(declared(project))
    time.sleep(A_SECOND)
    state = server.state(project, "flow")
    server.rest.release(state.project_code, int(state.code or 0), "OFFLINE")
    task = next(t for t in state.raw["taskDefinitionList"] if t["name"] == "a")
    changed = {**task, "taskParams": {**task["taskParams"], "rawScript": "echo by hand"}}
    path = f"/projects/{state.project_code}/task-definition/{task['code']}"
    server.rest.put(path, "edit one task", {"taskDefinitionJsonObj": json.dumps(changed)})

    plan = server.plan(declared(project, timeout=30))

    assert "was changed since dsflow submitted it" in plan.drift
    assert since(plan).version == 1
    assert texts(since(plan).own) == {"timeout: 10 -> 30"}
    assert texts(since(plan).unknown) == {"releaseState: 'OFFLINE' -> 'ONLINE'"}
    assert texts(since(plan).theirs) == {"task 'a': rawScript: 'echo a' -> 'echo by hand'"}


def test_what_the_user_reads(
    running: Any, server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsflow = Commands(running.profile(), tmp_path, monkeypatch)
    file = dsflow.write("w.py", f"with Workflow('flow', project='{project}') as wf:\n    Shell('a', 'one')\n")
    assert dsflow("submit", "w.py").code == 0
    saved_on_the_web_page(server, project, lambda p, t: by_name(t, "a").update(rawScript="by hand"))
    file.write_text(file.read_text() + "    Shell('b', 'two')\n")

    shown = dsflow("plan", "w.py")

    assert shown.code == 2
    mine, theirs = shown.out.split("  drift: changed on the server since version 1, submitted ")
    assert "  your changes since version 1, submitted " in mine
    assert "+ b [SHELL]" in mine
    assert '"by hand"' not in mine
    assert "~ a [SHELL]" in theirs
    assert 'rawScript: "one" -> "by hand"' in theirs
    told = json.loads(dsflow("plan", "w.py", "--json").out)["since"]
    assert (told["version"], [t["name"] for t in told["own"]["tasks"]]) == (1, ["b"])
    assert [t["name"] for t in told["theirs"]["tasks"]] == ["a"]
