"""The reference pipeline on real servers, by the commands that a user types, with the embedded OpenMLDB behind it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dsflow.declare.steps import part_name
from dsflow.dolphinscheduler.wire.rows import User
from dsflow.embedded.server import EmbeddedServer
from dsflow.serving import Options, PredictionServer
from tests.integration.conftest import CLIENTS, TENANT, Running
from tests.servers import KINDS

pytestmark = pytest.mark.own_server  # minutes, most of which the server waits

CLICK = {
    "ip": 114904,
    "app": 11,
    "device": 1,
    "os": 15,
    "channel": 319,
    "click_time": 1509960088000,
    "is_attributed": 0,
}
CLICKS = 10_000
FAILING = {
    "LOAD DATA.*overwrite": "load offline talkingdata",
    "INTO OUTFILE": "extract features",
    "LOAD DATA.*append": "load online talkingdata",
}
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def openmldb(tmp_path: Path) -> Iterator[str]:
    with EmbeddedServer(tmp_path / "openmldb") as server:
        yield server.url


@pytest.fixture
def predict(openmldb: str, tmp_path: Path) -> Iterator[str]:
    with PredictionServer(
        apiserver=openmldb, model_dir=tmp_path / "served", options=Options(models=(Path("/"),))
    ) as server:
        yield server.url


@pytest.fixture
def command(running: Running, root: Path, request: pytest.FixtureRequest) -> Command:
    """Runs ``python ARGUMENTS`` with the variables that name this server, and the client that belongs to it."""
    client = request.config.cache.mkdir("pydolphinscheduler") / CLIENTS[KINDS[running.version].series]
    variables = {
        "DSFLOW_API_URL": running.info["api_url"],
        "DSFLOW_USER": running.info["user"],
        "DSFLOW_PASSWORD": running.info["password"],
        "DSFLOW_GATEWAY": f"{running.info['gateway_host']}:{running.info['gateway_port']}",
        "DSFLOW_GATEWAY_TOKEN": running.info["gateway_token"],
        "PYTHONPATH": str(client),
    }

    def run(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=root,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def online_rows(openmldb: str) -> int:
    """How many clicks the online table holds."""
    query = {"mode": "online", "sql": "SHOW TABLE STATUS"}
    (row,) = httpx.post(f"{openmldb}/dbs/demo_db", json=query).json()["data"]["data"]
    return int(row[4])


def user(running: Running) -> User:
    """The administrator, as the server knows them; asking needs the password to work."""
    with running.connect() as server:
        return server.rest.user(refresh=True)


def test_bootstrap_submit_run_predict(
    running: Running, command: Command, openmldb: str, predict: str, root: Path, tmp_path: Path
) -> None:
    pipeline, report = "pipelines/talkingdata.py", tmp_path / "report.json"
    worker_path = command("-m", "dsflow", "openmldb", "--print-worker-path").stdout.strip()
    bootstrap = ["-m", "dsflow", "bootstrap", "--tenant", TENANT, "--environment", f"embedded {os.urandom(3).hex()}"]
    bootstrap += ["--env", f"PYTHONPATH={worker_path}", "--env", f"DSFLOW_EMBEDDED_OPENMLDB={openmldb}"]
    bootstrap += ["--env", "DSFLOW_EMBEDDED_STRICT=0"]  # as lenient as OpenMLDB's own SDK
    assert "made" in command(*bootstrap).stdout
    assert "made" not in command(*bootstrap).stdout
    before = user(running)

    values = {
        "data": str(root / "pipelines" / "data" / "train_sample.csv"),
        "predict_server": predict.removeprefix("http://"),
        "feature_dir": str(tmp_path / "features"),
        "model_dir": str(tmp_path / "models"),
    }
    given = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    command(pipeline, "plan", *given, expect=2)
    submitted = command(pipeline, "submit", *given)
    assert "/dolphinscheduler/ui/projects/" in submitted.stdout
    assert "nothing was written" in command(pipeline, "submit", *given).stdout
    assert "no changes" in command(pipeline, "plan", *given).stdout

    page = tmp_path / "run.html"
    command(pipeline, "run", "--report", str(report), "--html", str(page), "--apiserver", openmldb)
    tasks = {task["name"]: task for task in json.loads(report.read_text())["tasks"]}
    assert json.loads(report.read_text())["state"] == "SUCCESS"
    others = {name: task["state"] for name, task in tasks.items() if task["state"] != "SUCCESS"}
    assert others == {"reject model": "SKIPPED", "skip deploy features": "SKIPPED"}
    for task in tasks.values():
        if task["type"] == "OPENMLDB":
            assert "con.execute(" in task["log"], task["name"]
    assert tasks["train"]["outputs"]["auc"] >= 0.7
    # the figures of the training came back from the worker
    assert tasks["train"]["figures"]["auc"] == pytest.approx(tasks["train"]["outputs"]["auc"], abs=1e-6)
    for drawn in ("ROC curve", "Distributions of the features in the training", "Distributions, offline and online"):
        assert drawn in page.read_text(encoding="utf-8")

    jobs = httpx.post(f"{openmldb}/dbs/demo_db", json={"mode": "online", "sql": "SHOW JOBS"}).json()["data"]["data"]
    # load offline, extract, load online: all of them really ran there; and what the load's check asks about equal rows
    # (what comes after them is the page's comparison)
    assert [job[1] for job in jobs][:5] == [
        "ImportOfflineData",
        "ExportOfflineData",
        "ImportOnlineData",
        "ImportOfflineData",
        "ExportOfflineData",
    ]
    answer = httpx.post(f"{predict}/predict", json=CLICK, timeout=60)
    assert answer.status_code == 200, answer.text
    assert 0 < answer.json()["prediction"] < 1
    assert answer.json()["features"]["hour"] == 17

    rejected = command(pipeline, "run", "--set", "min_auc=0.9999", "--report", str(report), expect=1)
    states = {task["name"]: task["state"] for task in json.loads(report.read_text())["tasks"]}
    assert states["reject model"] == "FAILURE"
    skipped = {name for name, state in states.items() if state == "SKIPPED"}
    assert skipped >= {"deploy features", "load online talkingdata", "serve features"}
    assert not any(states[name] == "SUCCESS" for name in states if name.endswith(("deploy features", "serve features")))
    assert "is below 0.9999" in rejected.stdout

    # again, with everything there: nothing is deployed a second time, no row is doubled, the same is served
    command(pipeline, "run", "--report", str(report))
    tasks = {task["name"]: task for task in json.loads(report.read_text())["tasks"]}
    assert json.loads(report.read_text())["state"] == "SUCCESS"
    assert tasks["deploy features"]["state"] == "SKIPPED"
    assert tasks["skip deploy features"]["state"] == "SUCCESS"
    assert online_rows(openmldb) == CLICKS
    assert httpx.post(f"{predict}/predict", json=CLICK, timeout=60).json() == answer.json()

    # a part that begins with a step whose ask is the check before it: that check asks, and looks at nothing
    command(pipeline, "run", "--only", "extract features", "--report", str(report))
    tasks = {task["name"]: task for task in json.loads(report.read_text())["tasks"]}
    ran = {name for name, task in tasks.items() if task["state"] == "SUCCESS"}
    assert ran == {"check offline talkingdata", "extract features", "check extract features"}
    assert not re.search(r"job \d+ \(\w+\) is", tasks["check offline talkingdata"]["log"])
    assert re.search(r"job \d+ \(ExportOfflineData\) is FINISHED", tasks["check extract features"]["log"])

    # a job that fails leaves its OPENMLDB task green, as with OpenMLDB's own SDK: the check is what fails
    for job, step in FAILING.items():
        fault = {"job": job, "message": f"the disk is full ({step})", "times": 1}
        assert httpx.post(f"{openmldb}/dsflow/fault", json=fault).json()["code"] == 0
        failed = command(pipeline, "run", "--report", str(report), expect=1)
        states = {task["name"]: task["state"] for task in json.loads(report.read_text())["tasks"]}
        assert json.loads(report.read_text())["state"] == "FAILURE"
        assert (states[step], states[part_name("check", step)]) == ("SUCCESS", "FAILURE")
        assert f"the disk is full ({step})" in failed.stdout  # the job's own log
        assert re.search(rf"job \d+ \(\w+\) is FAILED: the disk is full \({step}\)", failed.stdout)
        assert httpx.post(f"{predict}/predict", json=CLICK, timeout=60).json() == answer.json()

    failed = command(pipeline, "run", "--set", "data=/nowhere/clicks.csv", expect=1)
    assert "check offline talkingdata (PYTHON) failed" in failed.stdout
    assert "/nowhere/clicks.csv" in failed.stdout

    refused = command(pipeline, "run", "--set", "zookeeper=10.0.0.1:2181", expect=1)
    assert "zookeeper" in refused.stderr
    assert user(running) == before
