"""What somebody changed on the web page, told apart from what the user changed in the source."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.definition import Definition, JsonDict, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import DriftError
from dsflow.dolphinscheduler.lock import lock_name
from dsflow.dolphinscheduler.plan import Plan, Since
from dsflow.dolphinscheduler.versions import rollback
from dsflow.dolphinscheduler.wire.fingerprint import record
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
    process, tasks = state.raw["workflow"], state.raw["tasks"]
    edit(process, tasks)
    codes = {t["code"] for t in tasks}
    edges = [{**r, "conditionParams": {}} for r in state.raw["edges"] if r["postTaskCode"] in codes]
    known = {r["postTaskCode"] for r in edges}
    edges += [{**edges[0], "preTaskCode": 0, "preTaskVersion": 0, "postTaskCode": c} for c in codes if c not in known]
    server.rest.release(state.project_code, int(state.code or 0), "OFFLINE")
    form = {
        "name": "flow", "description": process["description"], "globalParams": process["globalParams"],
        "locations": json.dumps([{"taskCode": c, "x": 100, "y": 100} for c in codes]),
        "timeout": process["timeout"], "tenantCode": server.rest.user().tenant, "releaseState": "OFFLINE",
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
    task = next(t for t in state.raw["tasks"] if t["name"] == "a")
    changed = {**task, "taskParams": {**task["taskParams"], "rawScript": "echo by hand"}}
    path = f"/projects/{state.project_code}/task-definition/{task['code']}"
    server.rest.put(path, "edit one task", {"taskDefinitionJsonObj": json.dumps(changed)})

    plan = server.plan(declared(project, timeout=30))

    assert "was changed since dsflow submitted it" in plan.drift
    assert since(plan).version == 1
    assert texts(since(plan).own) == {"timeout: 10 -> 30"}
    assert texts(since(plan).unknown) == {"releaseState: 'OFFLINE' -> 'ONLINE'"}
    assert texts(since(plan).theirs) == {"task 'a': rawScript: 'echo a' -> 'echo by hand'"}


SCHEDULE = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "Asia/Shanghai")


def edit_schedule(server: Server, project: str, *, live: bool = True, **changes: Any) -> None:
    """As the web page does it."""
    state = server.state(project, "flow")
    row, where = state.schedules[0].row, state.project_code
    times = {k: changes.pop(k, row[k]) for k in ("startTime", "endTime", "crontab", "timezoneId")}
    fields = ("warningType", "warningGroupId", "failureStrategy", "workerGroup", "runPriority")
    form = {k: changes.pop(k, row[k]) for k in fields} | {"environmentCode": -1, "schedule": json.dumps(times)}
    assert not changes
    if row["releaseState"] == "ONLINE":
        server.rest.release_schedule(where, int(row["id"]), online=False)
    if "tenantCode" in row:
        form["tenantCode"] = row["tenantCode"]
    server.rest.update_schedule(where, int(row["id"]), form)
    if live:
        server.rest.release_schedule(where, int(row["id"]), online=True)


def held_schedule(server: Server, project: str) -> tuple[ScheduleDefinition | None, str, bool]:
    state = server.state(project, "flow")
    assert state.definition is not None
    return state.definition.schedule, state.definition.warning_type, state.online


@pytest.mark.parametrize(
    ("edit", "theirs"),
    [
        ({"crontab": "0 0 5 * * ? *"}, {"schedule crontab: '0 0 2 * * ? *' -> '0 0 5 * * ? *'"}),
        ({"timezoneId": "Europe/Berlin"}, {"schedule timezoneId: 'Asia/Shanghai' -> 'Europe/Berlin'"}),
        (
            {"startTime": "2031-01-01 00:00:00", "endTime": "2032-01-01 00:00:00"},
            {
                "schedule startTime: '2030-01-01 00:00:00' -> '2031-01-01 00:00:00'",
                "schedule endTime: '2040-01-01 00:00:00' -> '2032-01-01 00:00:00'",
            },
        ),
        ({"warningType": "ALL"}, {"warningType: 'FAILURE' -> 'ALL'"}),
        ({"live": False}, {"schedule online: True -> False"}),
    ],
)
def test_an_edited_schedule_is_drift(server: Server, project: str, edit: dict[str, Any], theirs: set[str]) -> None:
    ours = declared(project, schedule=SCHEDULE, warning_type="FAILURE")
    server.submit(ours)
    edit_schedule(server, project, **edit)
    edited = held_schedule(server, project)

    # of what is declared now, one field is our own change, in the schedule and in the workflow
    changed = replace(ours, timeout=30, schedule=replace(SCHEDULE, failure_strategy="END"))
    plan = server.plan(changed)

    assert "the schedule of workflow 'flow' was changed on the server since dsflow submitted it" in plan.drift
    assert texts(since(plan).theirs) == theirs
    assert texts(since(plan).own) == {"timeout: 10 -> 30", "schedule failureStrategy: 'CONTINUE' -> 'END'"}
    assert since(plan).unknown.differences() == []
    for wanted in (ours, changed):
        with pytest.raises(DriftError, match="--overwrite-drift"):
            server.submit(wanted)
    assert held_schedule(server, project) == edited
    assert server.submit(ours, overwrite=True).version == 1  # the record still holds
    assert held_schedule(server, project) == (SCHEDULE, "FAILURE", True)
    assert server.plan(ours).is_empty
    server.submit(changed)


def test_an_edited_schedule_that_is_left_alone_is_no_drift(server: Server, project: str) -> None:
    """When it is not declared, or declared as it was edited."""
    server.submit(declared(project, schedule=SCHEDULE))
    edit_schedule(server, project, crontab="0 0 5 * * ? *")
    edited = replace(SCHEDULE, crontab="0 0 5 * * ? *")
    assert server.plan(declared(project, schedule=edited)).is_empty
    server.submit(declared(project, timeout=11, schedule=edited))
    edit_schedule(server, project, crontab="0 0 6 * * ? *")
    server.submit(declared(project, timeout=12))
    assert held_schedule(server, project)[0] == replace(SCHEDULE, crontab="0 0 6 * * ? *")
    # of a schedule that was not declared the record says nothing
    server.submit(declared(project, timeout=12, schedule=SCHEDULE))


def test_a_deleted_schedule_is_drift(server: Server, project: str) -> None:
    server.submit(declared(project, schedule=SCHEDULE))
    state = server.state(project, "flow")
    schedule = state.schedules[0].id
    server.rest.release_schedule(state.project_code, schedule, online=False)
    server.rest.delete_schedule(state.project_code, schedule)
    with pytest.raises(DriftError, match="schedule of workflow 'flow' was deleted"):
        server.submit(declared(project, schedule=SCHEDULE))
    server.submit(declared(project, schedule=SCHEDULE), overwrite=True)
    assert held_schedule(server, project)[0] == SCHEDULE


def test_what_takes_a_schedule_offline_besides_people_is_no_drift(server: Server, project: str) -> None:
    ours = declared(project, schedule=SCHEDULE)
    server.submit(ours)
    state = server.state(project, "flow")
    assert state.code is not None
    # dsflow itself, which needs no new version for it
    assert server.submit(replace(ours, release_state="OFFLINE")).version == 1
    assert server.submit(ours).version == 1
    # somebody who sets the workflow offline
    server.rest.release(state.project_code, state.code, "OFFLINE")
    assert server.plan(ours).drift == ""
    server.submit(ours)
    # a submit that was cut short
    schedule = state.schedules[0].id
    server.rest.release_schedule(state.project_code, schedule, online=False)
    lock = server.rest.create_empty_workflow(state.project_code, lock_name("flow"), "of somebody who is gone")
    plan = server.plan(ours)
    assert (plan.drift, texts(plan)) == ("", {"schedule online: False -> True"})
    server.rest.delete_workflow(state.project_code, lock)
    assert "online True -> False" in server.plan(ours).drift
    server.submit(ours, overwrite=True)
    assert held_schedule(server, project) == (SCHEDULE, "NONE", True)


def test_a_schedule_that_changes_with_each_submit(server: Server, project: str) -> None:
    """dsflow's own changes are never drift: of the schedule alone, together with the content, after a rollback."""
    for hour in (1, 2, 3):
        server.submit(declared(project, schedule=replace(SCHEDULE, crontab=f"0 0 {hour} * * ? *")))
    server.submit(declared(project, timeout=11, schedule=replace(SCHEDULE, crontab="0 0 4 * * ? *")))
    assert rollback(server, project, "flow").after == 3
    assert server.plan(declared(project, schedule=replace(SCHEDULE, crontab="0 0 4 * * ? *"))).is_empty
    server.submit(declared(project, schedule=replace(SCHEDULE, crontab="0 0 5 * * ? *")))
    assert server.state(project, "flow").version == 5


def test_a_record_without_a_schedule_stays_valid(server: Server, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an earlier dsflow wrote it."""
    ours = declared(project, schedule=SCHEDULE)
    monkeypatch.setattr("dsflow.dolphinscheduler.payload.record", lambda d: record(d, schedule=False))
    server.submit(ours)
    monkeypatch.undo()
    assert server.plan(ours).is_empty
    edit_schedule(server, project, crontab="0 0 5 * * ? *")
    plan = server.plan(ours)
    assert (plan.drift, texts(plan)) == ("", {"schedule crontab: '0 0 5 * * ? *' -> '0 0 2 * * ? *'"})
    assert server.plan(declared(project, timeout=11, schedule=SCHEDULE)).drift == ""
    server.submit(ours)
    edit_schedule(server, project, crontab="0 0 5 * * ? *")
    assert "crontab '0 0 2 * * ? *' -> '0 0 5 * * ? *'" in server.plan(ours).drift


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
