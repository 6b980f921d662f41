"""Many submits of one workflow at the same moment, each a process of its own as CI jobs are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dsflow.cli.loading import load_workflow
from dsflow.dolphinscheduler.client import Server
from tests.integration.conftest import Running
from tests.integration.proxy import Exchange
from tests.integration.test_faults import INTERRUPTED, profile_of, through

PROCESSES = 20
PIPELINE = """
from dsflow import Schedule, Shell, Workflow

with Workflow("race", project={project!r}, schedule=Schedule("0 0 2 * * ? *", timezone="UTC")) as wf:
    Shell("first", "echo {text}") >> Shell("second", "echo {text}") >> Shell({text!r}, "true")

if __name__ == "__main__":
    wf.cli()
"""


def pipeline(folder: Path, project: str, text: str) -> Path:
    path = folder / f"{text}.py"
    path.write_text(PIPELINE.format(project=project, text=text))
    return path


def environment(running: Running, **changes: str) -> dict[str, str]:
    """The variables of a process that submits to ``running``, with the client that belongs to it."""
    profile = running.profile()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSFLOW_", "PYDS_"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "DSFLOW_API_URL": str(profile.api_url),
        "DSFLOW_GATEWAY": str(profile.gateway),
        "DSFLOW_GATEWAY_TOKEN": str(profile.gateway_token),
        "DSFLOW_USER": str(profile.user),
        "DSFLOW_PASSWORD": str(profile.password),
        **changes,
    }


def start(path: Path, env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(path), *(arguments or ("submit",))],
        env=env,
        cwd=path.parent if path.is_file() else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def texts_of(server: Server, project: str) -> tuple[set[str], int]:
    """What the tasks of the server's workflow say, and its version; it must be whole."""
    state = server.state(project, "race")
    assert state.definition is not None
    assert state.online
    assert [w.name for w in server.rest.workflows(state.project_code)] == ["race"]
    assert [s.online for s in state.schedules] == [True]
    last = next(t.name for t in state.definition.tasks if t.name not in ("first", "second"))
    assert sorted((r.pre, r.post) for r in state.definition.relations) == [("first", "second"), ("second", last)]
    scripts = {t.task_params["rawScript"] for t in state.definition.tasks if t.name != last}
    return {last, *(s.removeprefix("echo ") for s in scripts)}, state.version


def test_twenty_submits_of_two_versions_at_once(running: Any, server: Server, tmp_path: Path, tally: list[str]) -> None:
    """Of a project that is not there yet either."""
    project = f"race-{os.urandom(3).hex()}"
    paths = [pipeline(tmp_path, project, text) for text in ("red", "blue")]
    env = environment(running)
    began = time.monotonic()
    processes = [start(paths[i % 2], env) for i in range(PROCESSES)]
    said: dict[str, list[str]] = {"submitted": [], "unchanged": [], "lost": []}
    versions: dict[int, str] = {}
    for index, process in enumerate(processes):
        out, err = process.communicate(timeout=240)
        text = ("red", "blue")[index % 2]
        assert "Traceback" not in err, err
        if process.returncode == 0:
            assert err == ""
            if found := re.search(r": submitted, version (\d+)", out):
                assert int(found[1]) not in versions, "two processes say that they made the same version"
                versions[int(found[1])] = text
                said["submitted"].append(text)
            else:
                assert "unchanged, nothing was written" in out, out
                said["unchanged"].append(text)
        else:
            assert process.returncode in (1, 5)
            assert err.startswith("error: ")
            said["lost"].append(err)
    held, version = texts_of(server, project)
    tally.append(
        f"{PROCESSES} submits at once, DolphinScheduler {running.version}: "
        + ", ".join(f"{len(v)} {k}" for k, v in said.items())
        + f" in {time.monotonic() - began:.0f} s"
    )
    assert sorted(versions) == list(range(1, version + 1)), said
    assert held == {versions[version]}
    assert said["lost"] == []


@pytest.mark.parametrize(
    "at", ["process-definition/empty|v2/workflows", "gateway createOrUpdateWorkflow", "schedules/[0-9]+/online|DELETE"]
)
def test_a_submit_that_is_killed(
    running: Any,
    server: Server,
    project: str,
    tmp_path: Path,
    at: str,
    tally: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGKILL when a request arrives at the server: the next submit finishes, and says what it found."""
    red, blue = (pipeline(tmp_path, project, text) for text in ("red", "blue"))
    first = start(red, environment(running))
    assert first.wait(60) == 0, first.communicate()
    first.communicate()
    killed: list[subprocess.Popen[str]] = []

    def kill(index: int, exchange: Exchange) -> None:
        if killed and exchange.writes and re.search(at, exchange.name) and killed[0].poll() is None:
            killed[0].send_signal(signal.SIGKILL)

    with through(running, on_request=kill) as proxy:
        profile = profile_of(running, proxy)
        env = environment(running, DSFLOW_API_URL=str(profile.api_url), DSFLOW_GATEWAY=str(profile.gateway))
        killed.append(start(blue, env))
        killed[0].communicate(timeout=60)
    assert killed[0].returncode == -signal.SIGKILL

    monkeypatch.setattr("dsflow.dolphinscheduler.submit.GRACE", 0.5)
    wanted = load_workflow(str(blue)).definition()
    assert any(INTERRUPTED in note for note in server.plan(wanted).notes)
    result = server.submit(wanted)
    assert any(INTERRUPTED in note and f"process {killed[0].pid}" in note for note in result.notes)
    assert texts_of(server, project)[0] == {"blue"}
    tally.append(f"killed at {at.split('|')[0]}, DolphinScheduler {running.version}")


def test_two_deployments_at_once(running: Any, server: Server, project: str, tmp_path: Path) -> None:
    """Of the same workflows, in two versions and opposite orders: neither waits for what the other only keeps."""
    count, folders = 8, {}
    for text in ("red", "blue"):
        folders[text] = tmp_path / text
        folders[text].mkdir()
        for n in range(count):
            place = n if text == "red" else count - n
            source = PIPELINE.format(project=project, text=text).replace('"race"', f'"w{n}"')
            (folders[text] / f"{place:02}.py").write_text(source)
    env = environment(running)
    began = time.monotonic()
    processes = {
        text: start(Path("-m"), env, "dsflow", "deploy", str(folder), "--owner", "both", "--overwrite")
        for text, folder in folders.items()
    }
    for process in processes.values():
        out, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (0, ""), out
    assert time.monotonic() - began < 100  # a lock that is never let go is taken over after two minutes
    names = set()
    for row in server.rest.workflows(server.rest.project_code(project) or 0):
        names.add(row.name)
        if row.name.startswith("w"):
            state = server.state(project, row.name)
            assert state.definition is not None
            assert (state.online, len(state.live_schedules)) == (True, 1)
            last = next(t.name for t in state.definition.tasks if t.name not in ("first", "second"))
            texts = {t.task_params["rawScript"] for t in state.definition.tasks if t.name != last}
            assert texts == {f"echo {last}"}
    assert names == {f"w{n}" for n in range(count)} | {"dsflow deployed both"}
