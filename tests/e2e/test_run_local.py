"""``run --local`` of the reference pipeline, as a user types it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyarrow import parquet

CLICK = {
    "ip": 114904,
    "app": 11,
    "device": 1,
    "os": 15,
    "channel": 319,
    "click_time": 1509960088000,
    "is_attributed": 0,
}
# what the name of a node ends with that comes after the switch
AFTER_TRAIN = ("deploy features", "online talkingdata", "serve features")


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    def states(self) -> dict[str, str]:
        return {task["name"]: task["state"] for task in self.report["tasks"]}

    def task(self, name: str) -> dict[str, Any]:
        return next(task for task in self.report["tasks"] if task["name"] == name)


def run_local(root: Path, state: Path, *options: str, **variables: str) -> Ended:
    report = state.parent / f"{state.name}-report.json"
    command = [sys.executable, "pipelines/talkingdata.py", "run", "--local", "--state", str(state)]
    done = subprocess.run(
        [*command, "--report", str(report), *options],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr, json.loads(report.read_text()) if report.exists() else {})


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "state"


@pytest.fixture(scope="module")
def first(root: Path, state: Path) -> Ended:
    """The first run, on the sample that comes with the project."""
    return run_local(root, state)


def rows(path: Path) -> Counter[tuple[str, ...]]:
    """The rows of a CSV file or of a folder of parquet files, with the columns' names."""
    if path.is_file():
        with path.open(newline="") as handle:
            return Counter(tuple(row) for row in csv.reader(handle))
    table = parquet.read_table(path)
    values = zip(*table.to_pydict().values(), strict=True)
    return Counter([tuple(table.column_names), *(tuple(map(str, row)) for row in values)])


def test_the_main_job_ends_with_a_prediction(first: Ended) -> None:
    assert first.code == 0, first.err
    assert first.report["state"] == "SUCCESS"
    assert first.report["workflow"] == "talkingdata"
    assert {task["name"]: task["state"] for task in first.report["tasks"] if task["state"] != "SUCCESS"} == {
        "reject model": "SKIPPED",
        "skip deploy features": "SKIPPED",
    }
    outputs = first.task("train")["outputs"]
    assert 0.7 <= outputs["auc"] <= 1
    assert Path(outputs["model_path"]).is_file()
    answer = first.report["prediction"]["answer"]
    assert 0 < answer["prediction"] < 1
    assert set(answer["features"]) >= {"qty", "ip_app_count", "ip_app_os_count"}
    assert re.search(r"prediction", first.out)
    assert f"prediction  {answer['prediction']:.6g}\n" in first.out
    # a new click: the row that it is like counts once, and the click itself
    assert answer["features"]["qty"] >= 2


def test_every_task_has_its_log(first: Ended) -> None:
    for task in first.report["tasks"]:
        assert bool(task["log"]) is (task["state"] == "SUCCESS"), task["name"]
        assert set(task) >= {"name", "type", "state", "seconds", "outputs", "log"}
    assert "LOAD DATA INFILE" in first.task("load offline talkingdata")["log"]


def test_the_features_equal_the_real_engines(root: Path, first: Ended, state: Path, openmldb_data: Path) -> None:
    sample = openmldb_data / "talkingdata" / "train_sample.csv"
    assert sample.read_bytes() == (root / "pipelines" / "data" / "train_sample.csv").read_bytes()
    assert rows(state / "features") == rows(openmldb_data / "talkingdata" / "expected.csv")


def stored(state: Path, sql: str) -> list[list[Any]]:
    """Ask the embedded OpenMLDB of a run that has ended."""
    from dsflow.embedded.server import EmbeddedServer

    with EmbeddedServer(state / "openmldb") as server:
        answer = httpx.post(f"{server.url}/dbs/demo_db", json={"mode": "online", "sql": sql}, timeout=60).json()
    assert answer["code"] == 0, answer
    return list(answer["data"]["data"])


def test_a_second_run_leaves_the_same_rows(root: Path, first: Ended, state: Path) -> None:
    features = rows(state / "features")
    online = "SELECT * FROM talkingdata"
    before = Counter(map(tuple, stored(state, online)))
    assert sum(before.values()) == 10_000
    again = run_local(root, state)
    assert (again.code, again.report["state"]) == (0, "SUCCESS"), again.out
    assert rows(state / "features") == features
    assert Counter(map(tuple, stored(state, online))) == before
    assert again.task("train")["outputs"] == first.task("train")["outputs"]


def test_a_model_that_is_not_good_enough_is_rejected(root: Path, tmp_path: Path) -> None:
    ended = run_local(root, tmp_path / "state", "--set", "min_auc=0.9999")
    assert ended.code == 1
    assert ended.report["state"] == "FAILURE"
    states = ended.states()
    skipped = {name for name, state in states.items() if state == "SKIPPED"}
    assert skipped == {name for name in states if name.endswith(AFTER_TRAIN)}
    assert states["reject model"] == "FAILURE"
    assert re.search(r"AUC 0\.\d+ is below 0\.9999", ended.out)
    assert "prediction" not in ended.report


@pytest.mark.parametrize(
    ("strict", "node", "failed"),
    [
        ("0", "SUCCESS", "check extract features (PYTHON)"),  # as with OpenMLDB's own SDK: only the check sees it
        ("1", "FAILURE", "extract features (OPENMLDB)"),
    ],
)
def test_a_job_that_fails_ends_the_run(root: Path, tmp_path: Path, strict: str, node: str, failed: str) -> None:
    variables = {"DSFLOW_EMBEDDED_FAIL_JOB": "INTO OUTFILE", "DSFLOW_EMBEDDED_STRICT": strict}
    ended = run_local(root, tmp_path / "state", **variables)
    assert (ended.code, ended.report["state"]) == (1, "FAILURE")
    states = ended.states()
    assert states["check offline talkingdata"] == "SUCCESS"
    assert states["extract features"] == node
    assert states["train"] == "SKIPPED"
    assert f"{failed} failed" in ended.out
    assert "this job was told to fail by DSFLOW_EMBEDDED_FAIL_JOB=INTO OUTFILE" in ended.out
    assert re.search(r"job 2 .*FAILED", ended.out)


HEADER = "ip,app,device,os,channel,click_time,is_attributed\n"
GOOD = "1,2,3,4,5,2017-11-06 17:21:28,0\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(HEADER.replace("channel,", "") + GOOD.replace("5,", "", 1), r"channel", id="missing column"),
        pytest.param(HEADER + GOOD + GOOD.replace("1,", "abc,", 1), r"line 3, column .*\bip\b.*'abc'", id="no number"),
        pytest.param("", r"empty", id="empty file"),
        pytest.param(None, r"(?i)no such file|does not exist|no file|there is no", id="no file"),
    ],
)
def test_bad_clicks_are_named(root: Path, tmp_path: Path, content: str | None, message: str) -> None:
    data = tmp_path / "clicks.csv"
    if content is not None:
        data.write_text(content)
    ended = run_local(root, tmp_path / "state", "--set", f"data={data}")
    assert ended.code == 1
    assert ended.states()["load offline talkingdata"] == "FAILURE"
    log = ended.task("load offline talkingdata")["log"]
    assert "clicks.csv" in log
    assert re.search(message, log), log
    assert "load offline talkingdata (OPENMLDB) failed" in ended.out
    assert re.search(message, ended.out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "min_auc=high"], "'min_auc' is of type float"),
        (["--set", "nothing=1"], "no parameter 'nothing'"),
        (["--set", "novalue"], "not of the form KEY=VALUE"),
        (["--report", "/nowhere/report.json"], "no folder /nowhere"),
        (["--set", 'database=a"b'], "cannot go into the SQL"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(
    root: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    state = tmp_path / "state"
    ended = run_local(root, state, *options)
    assert ended.code == 1
    assert message in ended.err
    assert not state.exists()


@pytest.fixture
def serving(root: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Addresses of the prediction server and of OpenMLDB that ``run --local --serve`` keeps up."""
    command = [sys.executable, "-u", "pipelines/talkingdata.py", "run", "--local", "--serve"]
    with subprocess.Popen(
        [*command, "--state", str(tmp_path / "state")],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if "Ctrl-C" in line:
                break
        found = dict(re.findall(r"(prediction server|embedded OpenMLDB):\s+(http\S+)", text))
        try:
            yield found["prediction server"], found["embedded OpenMLDB"]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_serve_answers_until_it_is_stopped(serving: tuple[str, str]) -> None:
    predict, openmldb = serving
    answer = httpx.post(f"{predict}/predict", json=CLICK, timeout=30)
    assert answer.status_code == 200, answer.text
    assert 0 < answer.json()["prediction"] < 1
    assert answer.json()["features"]["hour"] == 17
    refused = httpx.post(f"{predict}/predict", json={**CLICK, "nonsense": 1}, timeout=30)
    assert refused.status_code == 400
    assert "nonsense" in refused.text
    served = httpx.get(f"{predict}/schema", timeout=30).json()
    update = {"database": served["database"], "deployment": served["deployment"], "model_path": "/nowhere/model.json"}
    assert 400 <= httpx.post(f"{predict}/update", json=update, timeout=30).status_code < 600
    assert httpx.post(f"{predict}/predict", json=CLICK, timeout=30).json() == answer.json()
    assert httpx.get(f"{openmldb}/dbs", timeout=30).json() == {"code": 0, "msg": "ok", "dbs": ["demo_db"]}
