"""Moving a project's workflows from one real server to another one, of another series where there is one."""

from __future__ import annotations

import pytest

from dsflow import Schedule, Shell, Workflow
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.deploy import Deployer
from dsflow.dolphinscheduler.move import gather
from dsflow.errors import RunError
from tests.integration.conftest import Running


def submit(server: Server, project: str) -> None:
    """Two workflows, of which one has a live schedule."""
    with Workflow("first", project=project, params={"day": "$[yyyyMMdd]"}) as first:
        Shell("make", 'echo "\\${setValue(rows=3)}"', outputs={"rows": int}) >> Shell("use", "echo ${rows} ${day}")
    schedule = Schedule("0 0 3 * * ? *", timezone="UTC")
    with Workflow("second", project=project, schedule=schedule) as second:
        Shell("only", "true")
    for workflow in (first, second):
        server.submit(workflow.definition())


def test_move(server: Server, of_another_series: Running, project: str) -> None:
    submit(server, project)
    before = [server.read(project, name) for name in ("first", "second")]
    with of_another_series.connect() as there:
        moving = gather(server, there, project)
        assert [d.definition.name for d in moving.declared] == ["first", "second"]
        assert moving.errors == []
        assert ["its schedule arrives offline" in note for note in moving.notes if "schedule" in note] == [True]
        deployer = Deployer(there)
        deployment = deployer.plan(moving.declared)
        deployer.apply(deployment)
        assert [item.outcome for item in deployment.items] == ["created", "created"]
        moved = there.read(project, "second")
        assert moved is not None
        assert moved.schedule is not None
        assert (moved.schedule.crontab, moved.schedule.online) == ("0 0 3 * * ? *", False)
        again = Deployer(there).plan(gather(server, there, project).declared)
        assert [item.outcome for item in again.items] == ["unchanged", "unchanged"]
    assert [server.read(project, name) for name in ("first", "second")] == before


def test_one_server_is_not_two(server: Server, running: Running, project: str) -> None:
    with (
        running.connect() as same,
        pytest.raises(RunError, match="is where the workflows are"),
    ):
        gather(server, same, project)
