"""Mending workflows on real servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.dolphinscheduler import repair
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire.codec import normalise, schedule_json

from .conftest import Running
from .test_transfer import RAN, SCHEDULE, delete, import_by_server, of_another_server, ran, server_file, steering
from .transfer_commands import command


def copied(server: Server, project: str) -> str:
    """What the web page's copy makes; gives its name."""
    state = server.state(project, "steering")
    code = state.project_code
    form = {"codes": state.code, "targetProjectCode": code}
    server.rest.post(f"/projects/{code}/process-definition/batch-copy", "copy", form)
    (name,) = {w.name for w in server.rest.workflows(code)} - {"steering"}
    return name


def snapshot(state: ServerState) -> Any:
    """What must not change: content, release state, schedules."""
    raw = state.raw
    return (
        raw["workflow"]["version"],
        raw["workflow"]["releaseState"],
        raw["tasks"],
        [(s.id, s.online, s.crontab) for s in state.schedules],
    )


def broken(server: Server, project: str) -> str:
    """An online workflow with a live schedule whose switch and conditions lead nowhere, and nothing to ask."""
    server.submit(steering(project))
    exported = of_another_server(server_file(server, project, "steering"))
    delete(server, project, "steering")
    name = import_by_server(server, project, exported)
    state = server.state(project, name)
    form = {
        "schedule": schedule_json(SCHEDULE),
        "warningType": "NONE",
        "failureStrategy": "CONTINUE",
    }
    server.rest.create_schedule(state.project_code, state.code or 0, form)
    schedule = server.state(project, name).schedules[0]
    server.rest.release_schedule(state.project_code, schedule.id, online=True)
    return name


def branches(server: Server, project: str, name: str) -> list[str]:
    """--branch options that mend it all."""
    wanted = {
        "branch 1": "excellent",
        "branch 2": "good",
        "otherwise": "bad",
        "on success": "tell",
        "on failure": "cry",
    }
    found = repair.find_dangling(server.state(project, name).raw)
    options = []
    for dangling in found:
        for start, target in wanted.items():
            if dangling.place.startswith(start):
                options += ["--branch", f"{dangling.task}:{dangling.code}={target}"]
    return options


def test_a_copy_is_mended_by_asking_the_server_for_the_old_tasks(server: Server, project: str) -> None:
    server.submit(steering(project))
    name = copied(server, project)
    state = server.state(project, name)

    plan = repair.plan_repair(server.rest, state, project)
    repair.apply(server.rest, state, plan)

    assert {m.because for m in plan.mendings} == {"the task that has this code on the server is called so"}
    held, source = server.read(project, name), server.read(project, "steering")
    assert held is not None
    assert source is not None
    assert normalise(replace(held, name="steering", release_state="ONLINE")) == normalise(source)
    server.rest.release(state.project_code, int(state.code or 0), "ONLINE")
    assert ran(server, project, name) == RAN


def test_release_state_and_live_schedule_are_as_before(
    server: Server, running: Running, project: str, tmp_path: Path
) -> None:
    name = broken(server, project)
    before = snapshot(server.state(project, name))
    profile, place = running.profile(), f"{project}/{name}"
    options = branches(server, project, name)

    said = command(profile, tmp_path, "repair", place, code=1)
    assert "not certain" in said
    said = command(profile, tmp_path, "repair", place, *options, "--dry-run", code=2)
    assert "-> 'excellent' (as you say)" in said
    said = command(profile, tmp_path, "repair", place, *options, code=1)
    assert "nobody to ask" in said
    assert snapshot(server.state(project, name)) == before

    said = command(profile, tmp_path, "repair", place, *options, "--yes")
    after = snapshot(server.state(project, name))
    assert (after[1], after[3]) == (before[1], before[3]) == ("ONLINE", before[3])
    assert [s[1] for s in after[3]] == [True]
    assert ran(server, project, name) == RAN


def test_a_branch_that_is_fine_or_a_task_that_is_not_there_is_refused(
    server: Server, running: Running, project: str, tmp_path: Path
) -> None:
    name = broken(server, project)
    before = snapshot(server.state(project, name))
    profile, place = running.profile(), f"{project}/{name}"
    code = repair.find_dangling(server.state(project, name).raw)[0].code
    for option, says in (
        ("check:1=good", "'check' has no dangling branch 1"),
        (f"check:{code}=nobody", "there is no task 'nobody'"),
        ("check=good", "not of the form"),
    ):
        assert says in command(profile, tmp_path, "repair", place, "--yes", "--branch", option, code=1)
    assert snapshot(server.state(project, name)) == before


def test_a_refusal_leaves_the_workflow_as_it_was(server: Server, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = broken(server, project)
    state = server.state(project, name)
    given = {
        (d.task, d.code): target
        for d in repair.find_dangling(state.raw)
        for start, target in {
            "branch 1": "excellent",
            "branch 2": "good",
            "otherwise": "bad",
            "on s": "tell",
            "on f": "cry",
        }.items()
        if d.place.startswith(start)
    }
    plan = repair.plan_repair(server.rest, state, project, given=given)
    assert plan.choices == ()

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise RefusedError("update", "no", code=1)

    monkeypatch.setattr(type(server.rest), "put", refuse)
    with pytest.raises(RefusedError):
        repair.apply(server.rest, state, plan)
    assert snapshot(server.state(project, name)) == snapshot(state)


def test_a_change_by_someone_else_in_between_is_not_overwritten(server: Server, project: str) -> None:
    server.submit(steering(project))
    name = copied(server, project)
    state = server.state(project, name)
    plan = repair.plan_repair(server.rest, state, project)
    repair.apply(server.rest, state, plan)
    with pytest.raises(repair.RepairError, match="changed by someone else"):
        repair.apply(server.rest, state, plan)
