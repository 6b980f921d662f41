"""Bootstrapping a real server, twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import ConfigError, ServerError
from tests.integration.commands import Commands


def test_everything_is_made_once_and_said(server: Server, running: Any) -> None:
    mark = os.urandom(3).hex()
    user = server.rest.user()
    before = next(u for u in server.rest.pages("/users/list-paging", "list the users") if u["userName"] == "admin")
    wanted: dict[str, Any] = {
        "tenant": f"tenant{mark}",
        "project": f"project {mark}",
        "environment": f"environment {mark}",
        "variables": {"A": 'x "y" $HOME', "B": "2"},
        "worker_group": f"group {mark}",
        "workers": server.rest.worker_addresses(),
    }
    said: list[str] = []
    try:
        server.bootstrap(**wanted, say=said.append)
        *made, remark = said
        assert len(made) == 5
        assert all(" made" in line or "now has" in line for line in made)
        assert "submit again what is there already" in remark
        again: list[str] = []
        server.bootstrap(**wanted, say=again.append)
        assert len(again) == 5
        assert wanted["worker_group"] in server.rest.worker_groups()
        held = next(e for e in server.rest.environments() if e.name == wanted["environment"])
        assert wanted["worker_group"] in held.worker_groups
        assert all("already" in line for line in again)
        after = next(u for u in server.rest.pages("/users/list-paging", "list the users") if u["userName"] == "admin")
        assert after["tenantCode"] == wanted["tenant"]
        for key in ("email", "phone", "timeZone", "userType", "state", "userPassword"):
            assert after[key] == before[key]
        with RestClient(running.profile()) as fresh:
            fresh.user()
    finally:
        server.bootstrap(tenant=user.tenant, say=said.append)


def test_an_environment_keeps_its_other_lines_and_reaches_the_task(server: Server, project: str) -> None:
    name = f"environment {project}"
    server.rest.create_environment(name, "# by hand\nexport KEPT=kept\nexport A=old", "", ["default"])
    said: list[str] = []
    task = TaskDefinition("a", "SHELL", {"rawScript": 'echo "[$KEPT|$A|$B]"'}, environment=name)
    definition = Definition(project, "flow", (task,), ())
    server.bootstrap(environment=name, variables={"A": 'a "quoted" value', "B": "$A!"}, say=said.append)
    held = next(e for e in server.rest.environments() if e.name == name)
    assert held.config.splitlines() == [
        "# by hand", "export KEPT=kept", 'export A="a \\"quoted\\" value"', 'export B="$A!"',
    ]  # fmt: skip
    assert "A" in said[0]
    server.submit(definition)
    run = server.start(definition)
    assert server.follow(run, poll=0.2) == "SUCCESS"
    assert '[kept|a "quoted" value|a "quoted" value!]' in server.report(run).task("a").log


def test_what_is_refused(server: Server) -> None:
    with pytest.raises(ConfigError, match="no name"):
        server.bootstrap(environment="e", variables={"1x": "a"})
    with pytest.raises(ConfigError, match="more than one line"):
        server.bootstrap(environment="e", variables={"X": "a\nb"})
    with pytest.raises(ConfigError, match="name of an environment"):
        server.bootstrap(variables={"X": "a"})
    with pytest.raises(ServerError, match="no worker group 'gpu'"):
        server.bootstrap(environment="e", worker_group="gpu")
    with pytest.raises(ServerError, match=r"no worker is alive at 127.0.0.1:1(.|\n)*alive: "):
        server.bootstrap(tenant="brand-new", worker_group="gpu", workers=["127.0.0.1:1"])
    with pytest.raises(ConfigError, match="every worker is in"):
        server.bootstrap(tenant="brand-new", workers=server.rest.worker_addresses())
    assert "e" not in [e.name for e in server.rest.environments()]
    assert "brand-new" not in [t.code for t in server.rest.tenants()]


def test_tasks_run_in_a_worker_group_that_was_made(running: Any, server: Server, project: str) -> None:
    group = f"group {project}"
    said: list[str] = []
    server.bootstrap(worker_group=group, workers=server.rest.worker_addresses(), say=said.append)
    assert said == [f"worker group {group!r} made of {server.rest.worker_addresses()[0]}"]
    task = TaskDefinition("a", "SHELL", {"rawScript": "true"}, worker_group=group)
    definition = Definition(project, "flow", (task,), ())
    with running.connect(environment="") as plain:
        plain.submit(definition)
        run = plain.start(definition)
        assert plain.follow(run, poll=0.2) == "SUCCESS"


def test_what_a_hint_says_can_be_typed(
    running: Any, server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project alone, as the hint of a refused import has it; with nothing to make, an error."""
    dsflow = Commands(running.profile(), tmp_path, monkeypatch)
    for said in ("made", "exists already"):
        done = dsflow("bootstrap", "--project", f"other {project}")
        assert (done.code, done.out) == (0, f"project 'other {project}' {said}\n")
    assert server.rest.project_code(f"other {project}")
    assert "no tenant is named" in dsflow("bootstrap").err
