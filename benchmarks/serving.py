"""How quick the prediction server is, beside others and beside its own HTTP server, all from one run.

    pip install 'dsflow-openmldb[benchmarks]' && apt-get install wrk
    python benchmarks/serving.py [--seconds 2] [--repeat 2]
    python benchmarks/serving.py --clients

Requests a second and the time of an answer (p50, p99, p99.9) at 1, 8 and 64 connections, for dsflow, a Tornado server
written the way OpenMLDB's demo is, FastAPI with a pooled client, and the HTTP server answering a constant (the floor).
All have the same model and the same stand-in for OpenMLDB's APIServer (standin.c), which answers at once and after
2 ms. The servers run all the time and are loaded in turns, so that what else the machine does meets all of them.
Prints Markdown; the targets are ratios within the run and are for a machine of two cores with nothing else to do.
--clients compares HTTP clients instead, which is why dsflow has its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from serving_parts import (
    DATABASE,
    FEATURES,
    REQUEST,
    Process,
    build_standin,
    dsflow_serve,
    models,
    running,
    standin,
    update,
)

CONNECTIONS = (1, 8, 64)
DELAYS_MS = (0, 2)
PEERS = ("tornado", "fastapi", "unjoined")
FLOORS = ("floor", "floor2")
ONLY_FEW_OR_MANY = ("floor2", "dsflow2", "unjoined")
"""Not loaded with 8 connections, which says nothing that 1 and 64 do not say."""
NAMES = {
    "floor": "the HTTP server, a constant",
    "floor2": "the HTTP server, a constant, 2 processes",
    "dsflow": "dsflow",
    "dsflow2": "dsflow, 2 workers",
    "tornado": "Tornado, the demo's way",
    "fastapi": "FastAPI, pooled client",
    "unjoined": "dsflow, requests not joined",
    "standin": "the stand-in itself",
}
_REPORT = """
done = function(summary, latency, requests)
  io.write(string.format('{"requests": %d, "seconds": %f, "errors": %d, "p50": %f, "p99": %f, "p999": %f}\\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What one load gave: requests a second, times in ms, and processor time for a request in microseconds: of the
    server, and of the load generator and the stand-in together."""

    rate: float
    p50: float
    p99: float
    p999: float
    cpu: float
    others: float
    errors: int


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=2, help="the median of that many (default: %(default)s)")
    parser.add_argument("--clients", action="store_true", help="compare HTTP clients")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that no child outlives us
    wrk = shutil.which("wrk")
    if wrk is None and not given.clients:
        raise SystemExit("the benchmark needs the load generator wrk: apt-get install wrk, or brew install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, made = build_standin(folder), models(folder)
        if given.clients or wrk is None:
            compare_clients(program)
            return
        measure(Wrk(wrk, folder, max(1, round(given.seconds))), program, made["demo"], given.repeat)


class Wrk:
    """wrk, loading one server at a time."""

    def __init__(self, program: str, folder: Path, seconds: int) -> None:
        self._program, self._seconds = program, seconds
        self._scripts = {}
        for name, body in (("/predict", REQUEST), (STANDIN_PATH, b'{"input":[' + REQUEST + b"]}")):
            script = folder / f"{len(self._scripts)}.lua"
            lines = [
                'wrk.method = "POST"',
                'wrk.headers["Content-Type"] = "application/json"',
                f"wrk.body = [[{body.decode()}]]",
                _REPORT,
            ]
            script.write_text("\n".join(lines))
            self._scripts[name] = script

    def load(self, server: Process, connections: int, path: str = "/predict", behind: Process | None = None) -> Load:
        """Load a server for some seconds, after a short warm-up; behind it another one may be asked."""
        command = [self._program, "-t1", f"-c{connections}", "-s", str(self._scripts[path])]
        subprocess.run([*command, "-d1", server.url + path], check=True, stdout=subprocess.DEVNULL)
        before, around = server.cpu_seconds(), _around(behind)
        done = subprocess.run(
            [*command, f"-d{self._seconds}", server.url + path], check=True, stdout=subprocess.PIPE, text=True
        )
        used, others = server.cpu_seconds() - before, _around(behind) - around
        told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
        count = max(told["requests"], 1)
        times = told["p50"], told["p99"], told["p999"]
        return Load(count / told["seconds"], *times, used / count * 1e6, others / count * 1e6, int(told["errors"]))


def _around(behind: Process | None) -> float:
    """Processor time so far of the loads and of the server behind the one that is loaded (seconds)."""
    loads = resource.getrusage(resource.RUSAGE_CHILDREN)
    return loads.ru_utime + loads.ru_stime + (behind.cpu_seconds() if behind else 0.0)


STANDIN_PATH = f"/dbs/{DATABASE}/deployments/demo"


def measure(wrk: Wrk, program: Path, model: Path, repeat: int) -> None:
    """Start everything, load it in turns, print the tables."""
    found: dict[tuple[str, int, int], list[Load]] = {}
    sizes: dict[str, tuple[float, float]] = {}
    here = Path(__file__).parent / "serving_peers.py"
    with contextlib.ExitStack() as stack:
        started = stack.enter_context
        servers: dict[tuple[str, int], Process] = {}
        floor, floor2 = (started(running([sys.executable, here, name, "", ""])) for name in ("floor", "floor2"))
        for delay in DELAYS_MS:
            apiserver = servers["standin", delay] = started(standin(program, delay))
            servers["floor", delay], servers["floor2", delay] = floor, floor2
            for name, workers in (("dsflow", 1), ("dsflow2", 2)):
                begun = time.perf_counter()
                server = servers[name, delay] = started(dsflow_serve(apiserver.url, workers))
                update(server.url, "demo", model)
                request = urllib.request.Request(f"{server.url}/predict", REQUEST)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answer.read()
                sizes.setdefault(name, (0.0, time.perf_counter() - begun))
            for name in PEERS:
                command = [sys.executable, here, name, apiserver.url, model]
                servers[name, delay] = started(running(command))
        for _ in range(repeat):
            for connections in CONNECTIONS:
                for (name, delay), server in servers.items():
                    if (name in FLOORS and delay) or (name in ONLY_FEW_OR_MANY and connections == 8):
                        continue
                    path = STANDIN_PATH if name == "standin" else "/predict"
                    behind = None if name in (*FLOORS, "standin") else servers["standin", delay]
                    load = wrk.load(server, connections, path, behind)
                    found.setdefault((name, delay, connections), []).append(load)
        for name in ("dsflow", "dsflow2"):
            sizes[name] = servers[name, 0].memory_mb(), sizes[name][1]
    loads = {key: _median(many) for key, many in found.items()}
    _print_table(loads)
    rows = model_rows_a_second(model)
    print(f"\nA worker of dsflow has {sizes['dsflow'][0]:.0f} MB of its own.", end=" ")
    print(f"From `dsflow serve` to its first answer, with an update between: {sizes['dsflow'][1]:.1f} s.")
    print(f"The model takes 1,000 rows at {rows:,.0f} rows a second.\n")
    _print_targets(loads, rows)
    _print_limit(loads)
    if errors := {key: load.errors for key, load in loads.items() if load.errors}:
        raise SystemExit(f"there were errors: {errors}")


def _median(loads: list[Load]) -> Load:
    def middle(of: Callable[[Load], float]) -> float:
        return statistics.median(map(of, loads))

    return Load(
        middle(lambda x: x.rate),
        middle(lambda x: x.p50),
        middle(lambda x: x.p99),
        middle(lambda x: x.p999),
        middle(lambda x: x.cpu),
        middle(lambda x: x.others),
        sum(x.errors for x in loads),
    )


def _print_table(loads: dict[tuple[str, int, int], Load]) -> None:
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {busy:.1f}. Times in ms; cpu: the server's microseconds a request.\n")
    print("| server | APIServer | connections | requests/s | of the floor | p50 | p99 | p99.9 | cpu |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for (name, delay, connections), load in sorted(loads.items(), key=lambda x: (x[0][1], x[0][2], -x[1].rate)):
        after = "-" if name in FLOORS else "at once" if not delay else f"after {delay} ms"
        share = load.rate / loads["floor", 0, connections].rate
        times = f"{load.p50:.2f} | {load.p99:.2f} | {load.p999:.2f}"
        print(
            f"| {NAMES[name]} | {after} | {connections} | {load.rate:,.0f} | {share:.2f} | {times} | {load.cpu:.0f} |"
        )


def _print_targets(loads: dict[tuple[str, int, int], Load], rows: float) -> None:
    ours, floor = loads["dsflow", 0, 64], loads["floor", 0, 64]
    alone = loads["dsflow", 0, 1].p50 - loads["floor", 0, 1].p50 - loads["standin", 0, 1].p50
    targets = [
        ("of the floor's requests at 64 connections", ours.rate / floor.rate, 0.35, True),
        ("times the demo's way at 64", ours.rate / loads["tornado", 0, 64].rate, 4, True),
        ("times FastAPI at 64", ours.rate / loads["fastapi", 0, 64].rate, 5, True),
        ("p99 at 64, of the floor's", ours.p99 / floor.p99, 4, False),
        ("p50 at one connection above floor and stand-in (ms)", alone, 0.35, False),
        ("two workers, of one, at 64", loads["dsflow2", 0, 64].rate / ours.rate, 1.7, True),
        ("rows a second of model time, in thousands", rows / 1000, 200, True),
        ("joined requests, of those that are not, at 64", ours.rate / loads["unjoined", 0, 64].rate, 1, True),
    ]
    print("| target | wanted | found | |")
    print("|---|---:|---:|---|")
    for what, value, wanted, above in targets:
        good = value >= wanted if above else value <= wanted
        print(f"| {what} | {'≥' if above else '≤'} {wanted:g} | {value:.2f} | {'met' if good else '**missed**'} |")


def _print_limit(loads: dict[tuple[str, int, int], Load]) -> None:
    """What a second worker could give here, where the load generator and the stand-in run on the same cores."""
    cores = os.cpu_count() or 1
    one, two, floor = loads["dsflow", 0, 64], loads["dsflow2", 0, 64], loads["floor", 0, 64]
    most = cores * 1e6 / (two.cpu + two.others)
    print(
        f"\nTwo workers take {two.cpu:.0f} microseconds of processor time for a request, the load generator and the"
        f" stand-in another {two.others:.0f}: {cores} cores give at most {most:,.0f} requests a second,"
        f" {most / one.rate:.2f} of one worker's. Two processes of the floor give"
        f" {loads['floor2', 0, 64].rate / floor.rate:.2f} of one's."
    )


def model_rows_a_second(model: Path) -> float:
    """How many rows the model takes in batches of 1,000, from rows of features to predictions, in one thread."""
    from dsflow.serving.codec import Codec
    from dsflow.serving.model import load_checked
    from dsflow.serving.pair import Pair

    loaded = load_checked(str(model), model.read_bytes())
    codec = Codec(Pair(_deployment(), loaded, {}))
    features = [codec.from_vector([*np.random.default_rng(i).integers(0, 400, len(FEATURES))]) for i in range(1000)]
    best = float("inf")
    for _ in range(20):
        begun = time.perf_counter()
        loaded.predict_matrix(codec.matrix(features))
        best = min(best, time.perf_counter() - begun)
    return 1000 / best


def _deployment():  # type: ignore[no-untyped-def]
    from dsflow.serving.apiserver import Deployment
    from dsflow.serving.schema import Column

    columns = tuple(Column.from_json({"name": name, "type": "int64"}) for name in FEATURES)
    return Deployment(DATABASE, "demo", columns, columns)


def compare_clients(program: Path) -> None:
    """Requests a second of HTTP clients to the stand-in, all in one process at a time."""
    import aiohttp
    import httpx
    import uvloop

    from dsflow.serving.http1 import Client

    body = b'{"input":[' + REQUEST + b"]}"

    async def rate(ask: Callable[[], Awaitable[object]], connections: int) -> float:
        begun, asked = time.process_time(), 0
        end = time.monotonic() + 2

        async def some() -> None:
            nonlocal asked
            while time.monotonic() < end:
                await ask()
                asked += 1

        await asyncio.gather(*(some() for _ in range(connections)))
        return (time.process_time() - begun) / asked * 1e6

    async def go(url: str) -> None:
        thin = Client(url, connect_timeout=5)
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as pooled,
            aiohttp.ClientSession(url) as session,
        ):

            async def by_aiohttp() -> None:
                async with session.post(STANDIN_PATH, data=body) as answer:
                    await answer.read()

            clients: dict[str, Callable[[], Awaitable[object]]] = {
                "dsflow.serving.http1": lambda: thin.ask("POST", STANDIN_PATH, body, 30),
                "aiohttp": by_aiohttp,
                "httpx": lambda: pooled.post(STANDIN_PATH, content=body),
            }
            print("Processor time of the client, microseconds a request:\n")
            print("| client | " + " | ".join(f"{c} at once" for c in CONNECTIONS) + " |")
            print("|---|" + "---:|" * len(CONNECTIONS))
            for name, ask in clients.items():
                print(f"| {name} | " + " | ".join([f"{await rate(ask, c):.0f}" for c in CONNECTIONS]) + " |")
        await thin.aclose()

    with standin(program, 0) as server:
        uvloop.run(go(server.url))


if __name__ == "__main__":
    main()
