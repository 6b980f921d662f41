"""Redeployments under load: the pipeline with other SQL and another model, again and again, while /predict is asked."""

from __future__ import annotations

import csv
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsflow.cli.loading import load_workflow
from dsflow.local.runner import local_values
from dsflow.local.scheduler import Scheduler
from dsflow.report import FAILURE, SUCCESS
from dsflow.serving.model import read_model
from dsflow.serving.places import ModelPlaces

REDEPLOYMENTS = 10
CLICKS = 3000
CLIENTS = 2
WIDTH = "count(channel) OVER w1 AS qty"
STEP = 1000  # what a version adds to the feature qty, times its number: an answer's features tell whose they are
COLUMNS = ("ip", "app", "device", "os", "channel", "click_time", "is_attributed")


@dataclass
class Load:
    """Clients that ask for predictions without a pause until they are told to stop."""

    url: str
    clicks: list[dict[str, int]]
    answers: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(stop, number)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)

    def _ask(self, stop: threading.Event, number: int) -> None:
        end = time.monotonic() + 600  # a bound, should the test itself hang
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            for click in itertools.cycle(self.clicks[number:] + self.clicks[:number]):
                if stop.is_set() or time.monotonic() > end:
                    return
                try:
                    answer = client.post("/predict", json=click)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.answers.append(answer.json() | {"click": click})
                else:
                    self.failures.append(f"{answer.status_code} {answer.text}")

    def asked(self) -> int:
        return len(self.answers) + len(self.failures)


@dataclass
class Version:
    """A version of the pipeline: what it deployed, and the model that it trained."""

    number: int
    deployment: str
    model_path: str


class Site:
    """An embedded OpenMLDB and a prediction server, processes of their own, and the pipeline that is run on them."""

    def __init__(self, folder: Path, openmldb: str, predict: str, pipelines: Path) -> None:
        self.folder, self.openmldb, self.predict, self.pipelines = folder, openmldb, predict, pipelines
        self.data = folder / "clicks.csv"
        with (pipelines / "data" / "train_sample.csv").open() as file:
            self.data.write_text("".join(itertools.islice(file, CLICKS + 1)))
        self.runs = 0

    def run(self, number: int, **changes: str) -> tuple[str, Version, dict[str, str]]:
        """Run the pipeline with the SQL of a version, as ``run --local`` does it.

        Args:
            number: the version.
            changes: other changes of the pipeline's text.
        """
        self.runs += 1
        text = (self.pipelines / "talkingdata.py").read_text()
        assert WIDTH in text
        text = text.replace(WIDTH, f"count(channel) OVER w1 + {STEP * number} AS qty")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        text = text.replace('"talkingdata_train.py"', repr(str(self._training(number))))
        pipeline = self.folder / f"pipeline{self.runs}.py"
        pipeline.write_text(text)
        workflow = load_workflow(str(pipeline))
        given = {"data": str(self.data), "min_auc": "0.0", "predict_server": self.predict.removeprefix("http://")}
        places = {"here": str(self.pipelines), "state": str(self.folder), "openmldb": self.openmldb}
        values = local_values(workflow, given, places | {"predict_server": self.predict})
        logs = self.folder / f"run{self.runs}"
        logs.mkdir()
        scheduler = Scheduler(workflow.definition(values), logs, self.openmldb, lambda report: None)
        state = scheduler.run()
        reports = {report.name: report for report in scheduler.reports}
        deploy = next(task for task in workflow.definition(values).tasks if task.name == "check deploy features")
        (name,) = set(re.findall(r"\$\{deployment\}_\w+", deploy.task_params["rawScript"]))
        version = Version(
            number, name.replace("${deployment}", "demo"), str(reports["train"].outputs.get("model_path", ""))
        )
        if state == FAILURE:
            failed = next(report for report in reports.values() if report.state == FAILURE)
            self.log = failed.log
        return state, version, {name: report.state for name, report in reports.items()}

    def _training(self, number: int) -> Path:
        """The training script, with so many rounds that each version has a model of its own."""
        text = (self.pipelines / "talkingdata_train.py").read_text()
        for old, new in (("ROUNDS = 20\n", f"ROUNDS = {5 + number}\n"), ("sum() < 100", "sum() < 0")):
            assert old in text
            text = text.replace(old, new)
        script = self.folder / f"train{number}.py"
        script.write_text(text)
        return script

    def sql(self, text: str) -> list[list[Any]]:
        answer = httpx.post(f"{self.openmldb}/dbs/demo_db", json={"mode": "online", "sql": text}, trust_env=False)
        found: list[list[Any]] = answer.json()["data"]["data"]
        return found

    def fault(self, pattern: str) -> None:
        fault = {"job": pattern, "message": "the disk is full", "times": 1}
        assert httpx.post(f"{self.openmldb}/dsflow/fault", json=fault, trust_env=False).json()["code"] == 0

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.predict}/health", trust_env=False).json()
        return found


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    """``dsflow ARGUMENTS`` as a process; gives the address that its first line names."""
    with subprocess.Popen(
        [sys.executable, "-m", "dsflow", *arguments, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield next(word.rstrip(",") for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


@pytest.fixture
def site(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("DSFLOW_EMBEDDED_STRICT", "0")  # a failed job leaves its node green, as with OpenMLDB's own SDK
    with (
        server("openmldb", "--dir", str(tmp_path / "openmldb")) as openmldb,
        server("serve", "--apiserver", openmldb, "--model-dir", str(tmp_path / "served"), "--models", "/") as predict,
    ):
        yield Site(tmp_path, openmldb, predict, root / "pipelines")


def clicks(path: Path, count: int) -> list[dict[str, int]]:
    zone = timezone(timedelta(hours=8))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))[-count:]
    return [
        {name: int(row[name]) for name in COLUMNS if name != "click_time"}
        | {"click_time": int(datetime.fromisoformat(row["click_time"]).replace(tzinfo=zone).timestamp() * 1000)}
        for row in rows
    ]


def check_answers(answers: list[dict[str, Any]], versions: list[Version]) -> Counter[int]:
    """Each answer is wholly of one version: deployment, model, features and prediction. Gives answers by version."""
    by_deployment = {version.deployment: version for version in versions}
    models = {version.number: read_model(version.model_path, ModelPlaces([Path("/")])) for version in versions}
    assert len(by_deployment) == len(versions)
    assert len({model.sha256 for model in models.values()}) == len(versions)
    known: dict[tuple[int, str], float] = {}
    plain: dict[str, dict[str, int]] = {}
    counts: Counter[int] = Counter()
    for answer in answers:
        version = by_deployment[answer["deployment"]]
        model = models[version.number]
        assert answer["model"] == model.to_json()
        features = answer["features"]
        assert features["qty"] // STEP == version.number
        # apart from what a version adds, a click has the same features in all of them
        same = features | {"qty": features["qty"] % STEP}
        assert plain.setdefault(json.dumps(answer["click"]), same) == same
        key = (version.number, json.dumps(features))
        if key not in known:
            (known[key],) = model.predict([model.vector(features)])
        assert answer["prediction"] == pytest.approx(known[key], rel=1e-6)
        counts[version.number] += 1
    return counts


def test_redeployments_under_load(site: Site, tally: list[str]) -> None:
    state, version, states = site.run(0)
    assert state == SUCCESS, site.log
    versions = [version]
    load = Load(site.predict, clicks(site.data, 50))
    with load.running():
        for number in range(1, REDEPLOYMENTS + 1):
            state, version, states = site.run(number)
            assert state == SUCCESS, site.log
            assert states["deploy features"] == SUCCESS
            versions.append(version)
            assert site.health()["deployment"] == version.deployment
            # the one before is kept for a way back, those before it are dropped
            kept = {older.deployment for older in versions[-2:]}
            assert {row[1] for row in site.sql("SHOW DEPLOYMENTS")} == kept
            assert [int(row[4]) for row in site.sql("SHOW TABLE STATUS")] == [CLICKS]
    assert load.failures == []
    counts = check_answers(load.answers, versions)
    assert set(counts) == set(range(REDEPLOYMENTS + 1))
    tally.append(
        f"redeployed {REDEPLOYMENTS} times under load: {load.asked()} requests, {len(load.failures)} failed;"
        f" answers by version: {', '.join(str(counts[number]) for number in sorted(counts))}"
    )


def test_a_failure_in_between_leaves_the_old_pair_serving(site: Site, tally: list[str]) -> None:
    state, old, _ = site.run(0)
    assert state == SUCCESS, site.log
    load = Load(site.predict, clicks(site.data, 50))
    failures = {
        "check offline talkingdata": ("LOAD DATA.*overwrite", {}),
        "check extract features": ("INTO OUTFILE", {}),
        "check online talkingdata": ("LOAD DATA.*append", {}),
        "serve features": ("", {"model_path=train.outputs.model_path": 'model_path="/nowhere/model.json"'}),
    }
    with load.running():
        for number, (task, (fault, changes)) in enumerate(failures.items(), 1):
            before = site.health()
            if fault:
                site.fault(fault)
            state, _, states = site.run(number, **changes)
            assert (state, states[task]) == (FAILURE, FAILURE), (task, states)
            assert ("the disk is full" if fault else "/nowhere/model.json") in site.log
            assert site.health() == before
        state, new, _ = site.run(9)
        assert state == SUCCESS, site.log
        assert site.health()["deployment"] == new.deployment
        # and back: the pair of before serves again, for it was not dropped
        answer = httpx.post(f"{site.predict}/rollback", trust_env=False)
        assert answer.status_code == 200, answer.text
        assert site.health()["deployment"] == old.deployment
        at_the_end = load.asked()
        while load.asked() < at_the_end + 20:
            time.sleep(0.05)
    assert load.failures == []
    counts = check_answers(load.answers, [old, new])
    assert min(counts.values()) > 0
    tally.append(
        f"{len(failures)} failed redeployments and a rollback under load: {load.asked()} requests,"
        f" {len(load.failures)} failed"
    )
