"""plan and submit as a user types them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dsflow.dolphinscheduler.client import Server
from tests.integration.conftest import Running
from tests.integration.test_races import environment

PIPELINE = """
from dsflow import Shell, Workflow

with Workflow("flow", project={project!r}, schedule="0 0 2 * * ? *") as wf:
    Shell("a", "echo {text}") >> Shell("b", "true"{more})

if __name__ == "__main__":
    wf.cli()
"""
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def flow(tmp_path: Path, project: str) -> Callable[..., None]:
    """Writes the pipeline file."""

    def write(text: str, more: str = "") -> None:
        (tmp_path / "flow.py").write_text(PIPELINE.format(project=project, text=text, more=more))

    write("one")
    return write


@pytest.fixture
def run(running: Running, tmp_path: Path, flow: object) -> Command:
    """Runs ``python flow.py ...``; keywords are variables."""

    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "flow.py", *arguments],
            cwd=tmp_path,
            env=environment(running, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return command


def edited_elsewhere(server: Server, project: str) -> None:
    """The workflow by other means, so that it is not what dsflow has recorded."""
    state = server.state(project, "flow")
    assert state.code is not None
    assert state.definition is not None
    edges = [{**r, "conditionParams": {}} for r in state.raw["edges"]]
    server.rest.release(state.project_code, state.code, "OFFLINE")
    server.rest.put(
        f"/projects/{state.project_code}/process-definition/{state.code}", "edit",
        {"name": "flow", "description": "by hand", "globalParams": "[]", "locations": "[]", "timeout": 0,
         "tenantCode": server.rest.user().tenant, "releaseState": "OFFLINE", "executionType": "PARALLEL",
         "taskRelationJson": json.dumps(edges), "taskDefinitionJson": json.dumps(state.raw["tasks"])},
    )  # fmt: skip


def test_plan_and_its_exit_codes(run: Command, server: Server, project: str, flow: Callable[..., None]) -> None:
    new = run("plan")
    assert (new.returncode, new.stderr) == (2, "")
    assert "will be created" in new.stdout
    assert run("submit", "--dry-run").returncode == 2
    assert server.state(project, "flow").code is None

    assert run("submit").returncode == 0
    for arguments in (("plan",), ("plan", "--json"), ("submit", "--dry-run")):
        assert run(*arguments).returncode == 0

    flow("two")
    changed = run("plan", "--json")
    assert changed.returncode == 2
    found = json.loads(changed.stdout)
    assert (found["action"], [t["name"] for t in found["tasks"]]) == ("update", ["a"])
    flow("two", ", worker_group='nowhere', environment='no such'")
    refused = run("submit")
    assert refused.returncode == 1
    assert "2 things are wrong" in refused.stderr
    told = ("flow.py:5: task 'b' uses worker group 'nowhere'", "flow.py:5: task 'b' uses environment 'no such'")
    for text in told:
        assert text in refused.stderr
    for arguments in (("plan",), ("submit", "--dry-run")):
        refused = run(*arguments)
        assert (refused.returncode, refused.stderr) == (1, "")
        assert "will be updated" in refused.stdout
        assert all(text in refused.stdout for text in told)
    problems = json.loads(run("plan", "--json").stdout)["problems"]
    assert [problem.rsplit("/", 1)[1].split(", but")[0] for problem in problems] == list(told)
    flow("two", ", nonsense=1")
    assert run("plan").returncode == 1


def test_offline(run: Command, server: Server, project: str) -> None:
    assert run("submit", "--offline").returncode == 0
    state = server.state(project, "flow")
    assert (state.online, state.live_schedules) == (False, [])
    assert run("plan", "--offline").returncode == 0
    assert run("plan").returncode == 2
    assert run("submit").returncode == 0
    state = server.state(project, "flow")
    assert (state.online, len(state.live_schedules)) == (True, 1)


def test_drift_without_a_terminal(run: Command, server: Server, project: str) -> None:
    run("submit")
    edited_elsewhere(server, project)
    before = server.state(project, "flow")
    for arguments in ((), ("--yes",)):
        refused = run("submit", *arguments)
        assert refused.returncode == 1
        assert "--overwrite-drift" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert server.state(project, "flow") == before
    done = run("submit", "--overwrite-drift")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("plan").returncode == 0


@pytest.mark.parametrize("answer", ["n", "y"])
def test_drift_in_a_terminal(
    run: Command, running: Running, server: Server, project: str, tmp_path: Path, answer: str
) -> None:
    run("submit")
    edited_elsewhere(server, project)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "flow.py", "submit"], cwd=tmp_path, env=environment(running),
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # Linux says so when the other end has closed
        pass
    os.close(ours)
    text = shown.decode()
    assert "will be updated" in text
    assert "undo what was changed on the server?" in text
    assert process.wait(60) == (0 if answer == "y" else 1), text
    assert (run("plan").returncode == 0) == (answer == "y")


def test_what_a_command_says_when_it_may_not(
    run: Command, running: Running, server: Server, project: str, closed_port: int, flow: Callable[..., None]
) -> None:
    """Each: the exit code, one message that says what is wrong, nothing changed."""
    assert run("submit").returncode == 0
    flow("two")
    before = server.state(project, "flow")
    api, rest = running.info["api_url"], running.info["api_url"].split("/")[2]
    cases: list[tuple[dict[str, str], int, str]] = [
        ({"DSFLOW_PASSWORD": "wrong"}, 1, "user 'admin'"),
        ({"DSFLOW_TOKEN": "wrong", "DSFLOW_USER": ""}, 1, "access token"),
        ({"DSFLOW_API_URL": api.replace(rest, f"127.0.0.1:{closed_port}")}, 5, f"127.0.0.1:{closed_port}"),
        ({"DSFLOW_GATEWAY": f"127.0.0.1:{closed_port}"}, 5, f"127.0.0.1:{closed_port}"),
        ({"DSFLOW_GATEWAY": rest}, 1, "no DolphinScheduler gateway"),
        ({"DSFLOW_GATEWAY_TOKEN": "wrong"}, 1, "gateway token"),
        ({"DSFLOW_TENANT": "nobody-here"}, 1, "tenant 'nobody-here'"),
        ({"DSFLOW_API_URL": "ftp://x"}, 1, "http://"),
    ]
    for variables, code, words in cases:
        done = run("submit", **variables)
        assert (done.returncode, done.stdout) == (code, ""), (variables, done)
        assert words in done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("error: ") == 1
        assert "Traceback" not in done.stderr
        assert server.state(project, "flow") == before, variables
    assert [w.name for w in server.rest.workflows(before.project_code)] == ["flow"]


def test_a_project_that_one_may_only_read(
    run: Command, running: Running, server: Server, project: str, flow: Callable[..., None]
) -> None:
    assert run("submit").returncode == 0
    flow("two")
    before = server.state(project, "flow")
    name = "u" + project[-6:]
    server.rest.post(
        "/users/create", "create a user",
        {"userName": name, "userPassword": "secret123", "tenantId": server.rest.user().tenant_id,
         "email": f"{name}@example.org", "state": 1},
    )  # fmt: skip
    done = run("submit", DSFLOW_USER=name, DSFLOW_PASSWORD="secret123")
    assert (done.returncode, "may not see it" in done.stderr) == (1, True), done.stderr
    made = next(u for u in server.rest.users() if u.name == name)
    grant = {"userId": made.id, "projectIds": before.raw["workflow"].get("projectId") or ""}
    if running.is_new:
        grant = {"userId": made.id, "projectIds": _project_id(server, project)}
        server.rest.post("/users/grant-project-with-read-perm", "grant", grant)
        done = run("submit", DSFLOW_USER=name, DSFLOW_PASSWORD="secret123")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    assert replace(server.state(project, "flow"), lock=None) == before


def _project_id(server: Server, project: str) -> int:
    return next(int(p["id"]) for p in server.rest.projects() if p["name"] == project)
