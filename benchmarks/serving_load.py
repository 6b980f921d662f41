"""Does the prediction server keep its word under load? Every answer is looked at.

    python benchmarks/serving_load.py swaps [--requests 100000] [--workers 1,2]
    python benchmarks/serving_load.py outage
    python benchmarks/serving_load.py soak [--minutes 10]

swaps: 64 connections ask while /update changes between two models and deployments every second. No answer may be an
error, and each must be wholly of one pair. outage: the APIServer is killed under load and started again four seconds
later. Meanwhile every answer is a 503, and a second after it is back no answer is. soak: load with an update every five
seconds; no request may fail, and memory must stay as it is. The exit code says whether it is so.

The load comes from one Python process, so this measures promises, not speed; that is what serving.py does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving_parts import DATABASE, REQUEST, Process, build_standin, dsflow_serve, models, standin, update

from dsflow.serving.http1 import Client

CONNECTIONS = 64


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("swaps", "outage", "soak"))
    parser.add_argument("--requests", type=int, default=100_000, help="swaps: how many (default: %(default)s)")
    parser.add_argument("--workers", default="1,2", help="processes of the server (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="soak: how long (default: %(default)s)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that no child outlives us
    good = True
    with tempfile.TemporaryDirectory() as folder:
        program, made = build_standin(Path(folder)), models(Path(folder))
        for workers in map(int, given.workers.split(",")):
            if given.what == "swaps":
                good &= swaps(program, made, workers, given.requests)
            elif given.what == "outage":
                good &= outage(program, made, workers)
            else:
                good &= soak(program, made, workers, given.minutes * 60)
    sys.exit(0 if good else 1)


class Load:
    """Requests over 64 connections until they are enough, and what came back.

    Attributes:
        answers: how often each (status, body) came.
        slow: the longest time that an answer took (seconds).
        history: for each answer when it came, its status and how long it took.
    """

    def __init__(self, url: str) -> None:
        self.client = Client(url, connect_timeout=5)
        self.answers: Counter[tuple[int, bytes]] = Counter()
        self.history: list[tuple[float, int, float]] = []
        self.stop = False

    async def run(self, enough: Callable[[int], bool]) -> None:
        """Ask until `stop`, or until there are enough answers."""

        async def ask() -> None:
            while not self.stop and not enough(len(self.history)):
                begun = time.monotonic()
                try:
                    status, body = await self.client.ask("POST", "/predict", REQUEST, 30)
                except OSError as error:
                    status, body = 0, repr(error).encode()
                ended = time.monotonic()
                self.answers[status, body] += 1
                self.history.append((ended, status, ended - begun))

        await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
        await self.client.aclose()

    def statuses(self) -> dict[int, int]:
        """How often each status came; 0 for no answer."""
        found: Counter[int] = Counter()
        for (status, _), count in self.answers.items():
            found[status] += count
        return dict(found)

    def pairs(self) -> dict[tuple[Any, ...], int]:
        """How often each deployment answered with which model, channel and prediction."""
        found: Counter[tuple[Any, ...]] = Counter()
        for (status, body), count in self.answers.items():
            if status == 200:
                answer = json.loads(body)
                told = answer["deployment"], answer["model"]["version"], answer["features"]["channel"]
                found[(*told, answer["prediction"])] += count
        return dict(found)


async def updates(url: str, made: dict[str, Path], every: float, load: Load) -> int:
    """Change between the pairs until the load ends; the number of updates."""
    client = Client(url, connect_timeout=5)
    done, names = 0, list(made)
    while not load.stop:
        name = names[(done + 1) % 2]
        body = json.dumps({"database": DATABASE, "deployment": name, "model_path": str(made[name])}).encode()
        begun = time.monotonic()
        status, answer = await client.ask("POST", "/update", body, 120)
        if status != 200:
            raise SystemExit(f"POST /update: HTTP {status}: {answer.decode()}")
        done += 1
        await asyncio.sleep(max(0.0, every - (time.monotonic() - begun)))
    await client.aclose()
    return done


def swaps(program: Path, made: dict[str, Path], workers: int, requests: int) -> bool:
    """Requests while two pairs take turns every second."""

    async def go(server: Process) -> tuple[Load, int]:
        load = Load(server.url)
        changing = asyncio.create_task(updates(server.url, made, 1.0, load))
        await load.run(lambda answered: answered >= requests)
        load.stop = True
        return load, await changing

    with standin(program, 0) as apiserver, dsflow_serve(apiserver.url, workers) as server:
        for name in made:
            update(server.url, name, made[name])
        begun = time.monotonic()
        load, done = asyncio.run(go(server))
        seconds = time.monotonic() - begun
    statuses, pairs = load.statuses(), load.pairs()
    print(
        f"swaps, {workers} worker(s): {len(load.history)} requests in {seconds:.0f} s,"
        f" {done} updates, statuses {statuses}"
    )
    for pair, count in pairs.items():
        print(f"    {count} answers of {pair}")
    # the features and the prediction that belong to a deployment are always the same: two pairs, two answers
    good = set(statuses) == {200} and len(pairs) == 2 and len({pair[0] for pair in pairs}) == 2
    print("    every answer is wholly of one pair, none is an error" if good else "    NOT as promised")
    return good


def outage(program: Path, made: dict[str, Path], workers: int) -> bool:
    """The APIServer is killed and started again under load."""
    times: dict[str, float] = {}

    async def go(server: Process, apiserver: Process) -> Load:
        load = Load(server.url)
        asking = asyncio.create_task(load.run(lambda answered: False))
        await asyncio.sleep(3)
        apiserver.popen.kill()
        times["killed"] = time.monotonic()
        await asyncio.sleep(4)
        with standin(program, 0, int(apiserver.url.rsplit(":", 1)[1])):
            times["back"] = time.monotonic()
            await asyncio.sleep(4)
            load.stop = True
            await asking
        return load

    with standin(program, 0) as apiserver, dsflow_serve(apiserver.url, workers) as server:
        update(server.url, "demo", made["demo"])
        load = asyncio.run(go(server, apiserver))
    killed, back = times["killed"], times["back"]
    away = [entry for entry in load.history if killed + 0.5 < entry[0] < back]
    after = [entry for entry in load.history if entry[0] > back + 1]
    again = min((entry[0] for entry in load.history if entry[0] > back and entry[1] == 200), default=float("inf"))
    slowest = max((entry[2] for entry in load.history), default=0.0)
    print(
        f"outage, {workers} worker(s): {len(load.history)} requests, statuses {load.statuses()},"
        f" slowest {slowest:.3f} s"
    )
    print(
        f"    away: {len(away)} answers, {Counter(entry[1] for entry in away)};"
        f" first answer {again - back:.3f} s after it was back"
    )
    good = (
        set(load.statuses()) == {200, 503}
        and {entry[1] for entry in away} == {503}
        and {entry[1] for entry in after} == {200}
        and again - back < 1
    )
    print("    503 while it was away, answers again within a second" if good else "    NOT as promised")
    return good


def soak(program: Path, made: dict[str, Path], workers: int, seconds: float) -> bool:
    """A long load with an update every five seconds."""
    sizes: list[float] = []

    async def go(server: Process) -> tuple[Load, int]:
        load = Load(server.url)
        asking = asyncio.create_task(load.run(lambda answered: False))
        changing = asyncio.create_task(updates(server.url, made, 5.0, load))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(min(10.0, seconds / 12))
            sizes.append(server.memory_mb())
        load.stop = True
        await asking
        return load, await changing

    with standin(program, 0) as apiserver, dsflow_serve(apiserver.url, workers) as server:
        for name in made:
            update(server.url, name, made[name])
        load, done = asyncio.run(go(server))
    statuses = load.statuses()
    failed = sum(count for status, count in statuses.items() if status != 200)
    length = max(1, len(sizes) // 4)
    quarters = [statistics.mean(part) for n in range(4) if (part := sizes[n * length : (n + 1) * length])]
    print(
        f"soak, {workers} worker(s): {len(load.history)} requests in {seconds:.0f} s, {failed} failed,"
        f" {done} updates, statuses {statuses}"
    )
    print(f"    memory of a worker by quarters: {', '.join(f'{size:.1f}' for size in quarters)} MB")
    good = not failed and len(quarters) == 4 and quarters[3] < quarters[1] * 1.05
    print("    no request failed, memory is flat" if good else "    NOT as promised")
    return good


if __name__ == "__main__":
    main()
