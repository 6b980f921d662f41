"""Several worker processes: an update reaches all of them or none, and a worker that dies comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from .fakes import CLICK, FakeApiServer, FakeDeployment, click_features, update

SERVE = """
import sys
from pathlib import Path
from dsflow.serving import serve
from dsflow.serving.options import Options
models = Path(sys.argv[2])
serve(sys.argv[1], "127.0.0.1", 0, models / "kept", workers=2, options=Options(models=(models,)))
"""


@dataclass
class Workers:
    """A server of two workers."""

    process: subprocess.Popen[str]
    url: str
    apiserver: FakeApiServer
    models: tuple[str, str]

    def pids(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def post(self, path: str, value: Any) -> httpx.Response:
        """By a connection of its own, which any worker may get."""
        return httpx.post(f"{self.url}{path}", json=value, timeout=60, trust_env=False)

    def update(self, number: int, deployment: str = "demo") -> httpx.Response:
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            return update(client, self.models[number], deployment=deployment)

    def answers(self, count: int = 30) -> set[tuple[str, str]]:
        """Who answers, of so many requests: with 30 connections both workers do, but once in half a billion times."""
        found = set()
        for _ in range(count):
            answer = self.post("/predict", CLICK)
            assert answer.status_code == 200, answer.text
            found.add((answer.json()["deployment"], answer.json()["model"]["version"]))
        return found

    def eventually(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 90
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="module")
def workers(
    boosters: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory, _running_apiserver: FakeApiServer
) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    models = str(folder / "first.json"), str(folder / "second.json")
    for booster, path in zip(boosters, models, strict=True):
        booster.save_model(path)
    command = [sys.executable, "-c", SERVE, _running_apiserver.url, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = next(word.rstrip(",") for word in line.split() if word.startswith("http://"))
            yield Workers(process, url, _running_apiserver, models)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _first_pair_is_served(workers: Workers, apiserver: FakeApiServer) -> None:
    apiserver.deployments["demo_db", "other"] = FakeDeployment()
    assert workers.update(0).status_code == 200


def test_an_update_and_a_rollback_reach_both(workers: Workers) -> None:
    assert len(workers.pids()) == 2
    first = workers.answers()
    assert len(first) == 1
    assert workers.update(1, "other").status_code == 200
    (second,) = workers.answers()
    assert second[0] == "other"
    assert workers.post("/rollback", {}).status_code == 200
    assert workers.answers() == first


def test_an_update_that_one_can_not_take_leaves_the_old_pair_with_both(workers: Workers) -> None:
    before = workers.answers()
    asked = 0

    def compute(row: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return click_features(row) if asked == 1 else {}  # the one that was asked to update finds nothing wrong

    workers.apiserver.deployments["demo_db", "other"] = FakeDeployment(compute=compute)
    refused = workers.update(1, "other")
    assert refused.status_code == 422, refused.text
    assert "another worker could not prepare" in refused.json()["error"]
    assert asked == 2
    assert workers.answers() == before


def test_a_worker_that_is_killed_comes_back_with_the_pair_of_now(workers: Workers) -> None:
    assert workers.update(1, "other").status_code == 200
    (now,) = workers.answers()
    killed = min(workers.pids())
    os.kill(killed, signal.SIGKILL)
    workers.eventually(lambda: len(workers.pids() - {killed}) == 2)
    # connections that its socket had taken are answered by the next one
    assert workers.answers() == {now}
    assert workers.update(0).status_code == 200
    assert len(workers.answers()) == 1


def test_updates_at_once_are_done_one_after_the_other_by_whichever_worker(workers: Workers) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda i: workers.update(i % 2), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len(workers.answers()) == 1


def test_a_shadow_reaches_both_and_comes_back_with_a_worker(workers: Workers) -> None:
    def shadows() -> set[str]:
        found = set()
        for _ in range(30):
            told = httpx.get(f"{workers.url}/shadow", timeout=60, trust_env=False).json()["shadow"]
            found.add(told and f"{told['deployment']} {told['share']}")
        return found

    body = {"database": "demo_db", "deployment": "other", "model_path": workers.models[1], "share": 0.5}
    assert workers.post("/shadow", body).status_code == 200
    assert shadows() == {"other 0.5"}
    os.kill(killed := min(workers.pids()), signal.SIGKILL)
    workers.eventually(lambda: len(workers.pids() - {killed}) == 2)
    assert shadows() == {"other 0.5"}
    assert httpx.delete(f"{workers.url}/shadow", timeout=60, trust_env=False).status_code == 200
    assert shadows() == {None}
