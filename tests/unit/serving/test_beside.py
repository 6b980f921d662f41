"""The prediction server as a process beside this one: it answers when it is asked, and goes when its parent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dsflow import OpenMLDB, Param, Shell, Workflow
from dsflow.local.runner import local_run
from dsflow.serving import Options, ServerBeside
from dsflow.serving.errors import ServingError

from .fakes import EVERYWHERE, FakeApiServer


def test_requests_wait_for_it(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with ServerBeside(apiserver.url, model_dir=tmp_path / "served", options=EVERYWHERE, log=log) as server:
        update = {"database": "demo_db", "deployment": "demo", "model_path": models[0]}
        answer = httpx.post(f"{server.url}/update", json=update, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        server.wait()
        url = server.url
    assert "serving demo_db.demo" in log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options, log = Options(), tmp_path / "server.log"
    with (
        ServerBeside("http://127.0.0.1:1", model_dir=tmp_path / "file", options=options, log=log) as server,
        pytest.raises(ServingError, match=r"did not start:\n.*the model directory .*file cannot be used"),
    ):
        server.wait()


def test_a_local_run_ends_when_its_prediction_server_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "served").touch()
    with Workflow("w", project="p", params={"server": Param("", local="{predict_server}")}) as wf:
        OpenMLDB("one", "SELECT 1") >> Shell("long", "sleep 60")
    began = time.monotonic()
    with pytest.raises(ServingError, match="the prediction server did not start"), local_run(wf, state=tmp_path):
        pass
    assert time.monotonic() - began < 50


PARENT = """
import sys, time
from pathlib import Path
from dsflow.serving import Options, ServerBeside
folder = Path(sys.argv[1])
beside = ServerBeside("http://127.0.0.1:1", model_dir=folder / "m", options=Options(), log=folder / "log")
with beside as server:
    server.wait()
    print(server._process.pid, "xgboost" in sys.modules, flush=True)
    time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_it_ends_with_its_parent_and_loads_nothing_into_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, loaded = parent.stdout.readline().split()
        children = Path(f"/proc/{pid}/task/{pid}/children")
        assert loaded == "False"
        assert soon(lambda: bool(children.read_text().split())), "the process that checks models is not there"
        started = [int(pid), *map(int, children.read_text().split())]
        os.kill(parent.pid, signal.SIGKILL)
    assert soon(lambda: all(map(gone, started)))
