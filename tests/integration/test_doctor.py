"""doctor on real servers: all is well, something is missing, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.doctor import PROJECT

from .conftest import Running
from .transfer_commands import command, start_command

ENVIRONMENT = "dsflow doctor tests"


@pytest.fixture(scope="module")
def openmldb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded OpenMLDB."""
    folder = tmp_path_factory.mktemp("openmldb")
    arguments = [sys.executable, "-m", "dsflow", "openmldb", "--dir", str(folder), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready at " in line
        yield line.split("ready at ")[1].strip()
        process.terminate()


def environment(server: Server, name: str, **variables: str) -> str:
    """Make or change a DolphinScheduler environment that is nobody's default."""
    config = "\n".join(f'export {key}="{value}"' for key, value in variables.items())
    held = {e.name: e.code for e in server.rest.environments()}
    if name in held:
        server.rest.update_environment(held[name], name, config, "", ["default"])
    else:
        server.rest.create_environment(name, config, "", ["default"])
    return name


@pytest.fixture
def profile(server: Server, running: Running, openmldb: str) -> Profile:
    """A profile whose tasks find the embedded OpenMLDB."""
    from dsflow.worker.environment import worker_path_folder

    variables = {"PYTHONPATH": str(worker_path_folder()), "DSFLOW_EMBEDDED_OPENMLDB": openmldb}
    return running.profile(environment=environment(server, ENVIRONMENT, **variables))


def examined(profile: Profile, folder: Path, *arguments: str, code: int) -> dict[str, dict[str, Any]]:
    process = start_command(profile, ["doctor", "--json", *arguments], folder)
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, out + err
    return {check["name"]: check for check in json.loads(out)["checks"]}


def leftovers(server: Server) -> list[str]:
    return [p["name"] for p in server.rest.projects() if p["name"].startswith(PROJECT)]


def test_all_is_well(server: Server, profile: Profile, tmp_path: Path) -> None:
    checks = examined(profile, tmp_path, code=0)

    assert [c for c in checks.values() if c["state"] == "problem"] == []
    fine = {
        "REST API",
        "gateway",
        "tenant",
        "workers",
        "tasks start",
        "Python",
        "package openmldb",
        "package sqlalchemy",
        "package pandas",
        "package pyarrow",
        "package sklearn",
        "package xgboost",
        "OpenMLDB",
        "TaskManager",
        "OPENMLDB task",
        "SWITCH task",
    }
    assert {name for name, check in checks.items() if check["state"] == "ok"} >= fine
    assert checks["gateway token"]["state"] == "ok"
    assert all(check["remedy"] for check in checks.values() if check["state"] != "ok")
    assert leftovers(server) == []


def test_each_problem_has_its_line_and_its_remedy(server: Server, running: Running, tmp_path: Path) -> None:
    """A worker without OpenMLDB's module."""
    name = environment(server, "dsflow doctor: nothing there", X="y")
    said = command(running.profile(environment=name), tmp_path, "doctor", code=1)

    lines = said.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("problem  package openmldb")]
    assert "No module named 'openmldb'" in lines[at]
    assert "pip install 'openmldb==0.9.2' 'sqlalchemy>=1.4,<2'" in lines[at + 1]
    assert any(line.startswith("problem  OPENMLDB task") for line in lines)
    assert any(line.startswith("ok       SWITCH task") for line in lines)
    assert lines[-1].endswith("problem")
    assert leftovers(server) == []


def test_a_cluster_that_is_not_there(server: Server, running: Running, openmldb: str, tmp_path: Path) -> None:
    from dsflow.worker.environment import worker_path_folder

    name = environment(
        server,
        "dsflow doctor: no cluster",
        PYTHONPATH=str(worker_path_folder()),
        DSFLOW_EMBEDDED_OPENMLDB="http://127.0.0.1:9",
    )
    checks = examined(running.profile(environment=name), tmp_path, "--zookeeper", "zk:2181", code=1)
    assert checks["OpenMLDB"]["state"] == "problem"
    assert "zk:2181/openmldb" in checks["OpenMLDB"]["detail"]
    assert checks["package openmldb"]["state"] == "ok"


def test_a_broken_interpreter(server: Server, running: Running, tmp_path: Path) -> None:
    variable = "PYTHON_LAUNCHER" if running.is_new else "PYTHON_HOME"
    name = environment(server, "dsflow doctor: no python", **{variable: "/no/such/bin/python3"})
    checks = examined(running.profile(environment=name), tmp_path, code=1)
    assert checks["Python"]["state"] == "problem"
    assert variable in checks["Python"]["remedy"]
    assert checks["tasks start"]["state"] == "ok"


def test_without_a_gateway_nothing_is_submitted(server: Server, running: Running, tmp_path: Path) -> None:
    checks = examined(running.profile(gateway="127.0.0.1:9"), tmp_path, code=5)
    assert checks["gateway"]["state"] == "problem"
    assert checks["gateway"]["unreachable"]
    assert checks["REST API"]["state"] == "ok"
    assert "not looked at" in checks["worker"]["detail"]


def test_wrong_password_and_wrong_address(running: Running, tmp_path: Path) -> None:
    checks = examined(running.profile(password="no"), tmp_path, code=1)
    assert "does not let user 'admin' in" in checks["REST API"]["detail"]
    checks = examined(running.profile(api_url="http://127.0.0.1:9/dolphinscheduler"), tmp_path, code=5)
    assert "no DolphinScheduler answers" in checks["REST API"]["detail"]
    assert checks["REST API"]["unreachable"]
    assert len(checks) == 1


def test_a_gateway_of_another_server(
    server: Server, running: Running, of_another_series: Running, tmp_path: Path
) -> None:
    """One of another series: REST and gateway are checked to belong together before anything is submitted."""
    other = of_another_series.profile()
    mixed = running.profile(gateway=other.gateway, gateway_token=other.gateway_token)

    checks = examined(mixed, tmp_path, code=1)

    assert checks["gateway"]["state"] == "problem"
    series = ".".join(running.version.split(".")[:2])
    detail = f"{other.gateway} is DolphinScheduler {of_another_series.version}, but the REST API is that of {series}"
    assert checks["gateway"]["detail"].startswith(detail)
    assert "must name the same server" in checks["gateway"]["remedy"]
    assert "not looked at" in checks["worker"]["detail"]
    assert leftovers(server) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(
    server: Server, profile: Profile, tmp_path: Path, kind: signal.Signals
) -> None:
    process = start_command(profile, ["doctor"], tmp_path)
    end = time.monotonic() + 60
    code = None
    while time.monotonic() < end:
        code = next((int(p["code"]) for p in server.rest.projects() if p["name"].startswith(PROJECT)), None)
        if code and server.rest.get(f"/projects/{code}/process-instances", "list", pageNo=1, pageSize=5)["totalList"]:
            break
        time.sleep(0.1)
    assert code is not None
    os.kill(process.pid, kind)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert leftovers(server) == []
