"""What the asks and checks of the reference pipeline cost in a run on a DolphinScheduler server, all from one run.

    python benchmarks/run.py [--release apache-dolphinscheduler-3.2.2-bin.tar.gz] [--repeat 5] [--client FOLDER]

A server (3.1.1 from Maven Central, or a release) is started for it and stopped at the end, with the embedded OpenMLDB
and a prediction server behind it. ``pipelines/talkingdata.py`` is compiled twice: as it is, and with each step its own
node alone, without asks, switches and checks around it. Both are submitted, and run in turns; who begins changes from
turn to turn. Each run deploys anew. A third workflow run, of the pipeline as it is, finds everything deployed already.

A run's time is from the start's request until the server calls it ended. For the run in the middle each node of the
critical path is shown: how long the server took to start it after the node before it had ended, and how long it ran,
both as seen from here by asking ten times a second. The client of the version must be installed (or name a folder that
holds it with --client): apache-dolphinscheduler 4.0.x for 3.1, 4.1.x for 3.2.
"""

from __future__ import annotations

import argparse
import getpass
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dsflow.config import Profile
from dsflow.declare import features, table
from dsflow.declare.workflow import Workflow
from dsflow.definition import Definition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.runs import Run, map_state
from dsflow.embedded.server import EmbeddedServer
from dsflow.report import FINAL_STATES, SUCCESS
from dsflow.serving import Options, PredictionServer
from dsflow.worker.environment import worker_environment

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "benchmark"
TARGET = 1.3  # times the pipeline without asks and checks
PERIOD = 0.1  # seconds between two looks
WITH, WITHOUT, AGAIN = "with asks and checks", "without", "again, all deployed"


@dataclass
class Node:
    """When a node was first seen in the server's list, running, and ended; seconds since the run's start."""

    seen: float
    began: float | None = None
    ended: float | None = None


@dataclass
class Timed:
    """One run."""

    seconds: float
    nodes: dict[str, Node] = field(default_factory=dict)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", help="an Apache release of DolphinScheduler, as an archive or a folder")
    parser.add_argument("--repeat", type=int, default=5, help="the median of that many turns (default: %(default)s)")
    parser.add_argument("--client", type=Path, help="a folder that holds the pydolphinscheduler of the version")
    parser.add_argument("--dir", type=Path, help="the folder of a server that runs already; it is left running")
    arguments = parser.parse_args()
    if arguments.client is not None:
        sys.path.insert(0, str(arguments.client))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that no server outlives us
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = arguments.dir or stack.enter_context(scheduler(work / "dolphinscheduler", arguments.release))
        openmldb = stack.enter_context(EmbeddedServer(work / "openmldb"))
        options = Options(models=(Path("/"),))
        predict = stack.enter_context(
            PredictionServer(apiserver=openmldb.url, model_dir=work / "served", options=options)
        )
        info = json.loads((place / "server.json").read_text())
        with Server(profile(info)) as server:
            Bench(server, info["version"], openmldb.url, predict.url, work).run(arguments.repeat)


@contextmanager
def scheduler(place: Path, release: str | None) -> Iterator[Path]:
    """A DolphinScheduler of its own; its folder."""
    command = [sys.executable, "-m", "dsflow", "dolphinscheduler"]
    more = ["--release", release] if release else []
    python = str(Path(sys.executable).with_name("python3"))
    start = [*command, "start", *more, "--dir", str(place), "--python", python]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
    try:
        yield place
    finally:
        subprocess.run([*command, "stop", "--dir", str(place)], check=True, stdout=subprocess.DEVNULL)


def profile(info: dict[str, Any]) -> Profile:
    """How to speak to the server of a folder."""
    return Profile(
        name="benchmark",
        api_url=info["api_url"],
        user=info["user"],
        password=info["password"],
        gateway=f"{info['gateway_host']}:{info['gateway_port']}",
        gateway_token=info["gateway_token"],
        environment=f"benchmark {os.getpid()}",
    )


def pipeline() -> Workflow:
    """The reference pipeline, declared anew."""
    spec = importlib.util.spec_from_file_location("talkingdata", ROOT / "pipelines" / "talkingdata.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.wf  # type: ignore[no-any-return]


def pipeline_alone() -> Workflow:
    """The reference pipeline in which each step is its own node alone; what `serve` does after it stays."""

    def alone(step: Any, *arguments: Any, **settings: Any) -> Any:
        return step

    with (
        patch.object(table, "add_check", alone),
        patch.object(features, "add_check", alone),
        patch.object(features, "unless_deployed", alone),
    ):
        return pipeline()


class Bench:
    """The runs on one server."""

    def __init__(self, server: Server, version: str, openmldb: str, predict: str, work: Path) -> None:
        self.server, self.version = server, version
        lenient = {"DSFLOW_EMBEDDED_STRICT": "0"}  # as OpenMLDB's own SDK
        server.bootstrap(
            tenant=getpass.getuser(),
            project=PROJECT,
            environment=server.profile.environment,
            variables=worker_environment(openmldb) | lenient,
            say=lambda line: None,
        )
        values = {
            "data": str(ROOT / "pipelines" / "data" / "train_sample.csv"),
            "predict_server": predict.removeprefix("http://"),
            "feature_dir": str(work / "features"),
            "model_dir": str(work / "models"),
        }
        self.definitions = {
            WITH: replace(pipeline().definition(values), project=PROJECT),
            WITHOUT: replace(pipeline_alone().definition(values), project=PROJECT, name="without"),
        }
        for definition in self.definitions.values():
            server.submit(definition)

    def run(self, turns: int) -> None:
        """Run them in turns, and print what they took."""
        size = len(self.definitions[WITH].to_json())
        print(f"DolphinScheduler {self.version}, median of {turns} turns; the Definition has {size:,} bytes")
        for side in self.definitions:  # the server's code is compiled, the worker's files are read
            self.timed(side, f"warm_{len(side)}")
        found: dict[str, list[Timed]] = {WITH: [], WITHOUT: [], AGAIN: []}
        for turn in range(turns):
            for side in sorted(self.definitions, reverse=bool(turn % 2)):
                found[side].append(self.timed(side, f"bench_{turn}_{len(side)}"))
            found[AGAIN].append(self.timed(WITH, f"bench_{turn}_{len(WITH)}"))
        medians = {side: statistics.median(one.seconds for one in runs) for side, runs in found.items()}
        for side, runs in found.items():
            middle = sorted(runs, key=lambda one: one.seconds)[len(runs) // 2]
            self.show(side, medians[side], middle)
        for side in (WITH, AGAIN):
            pairs = zip(found[side], found[WITHOUT], strict=True)
            ratio = statistics.median(one.seconds / other.seconds for one, other in pairs)
            word = "met" if ratio <= TARGET else "MISSED"
            print(f"{word:6} {side}: {ratio:.2f} times the time without, target {TARGET}")

    def timed(self, side: str, deployment: str) -> Timed:
        """One run, watched until it has ended."""
        begin = time.monotonic()
        run = self.server.start(self.definitions[side], params={"deployment": deployment})
        nodes: dict[str, Node] = {}
        while True:
            state = map_state(self.server.rest.instance(run.project_code, run.instance).state)
            now = time.monotonic() - begin
            self.look(run, now, nodes)
            if state in FINAL_STATES:
                break
            time.sleep(PERIOD)
        if state != SUCCESS:
            failed = [f"{task.name}:\n{task.log}" for task in self.server.report(run).failed]
            raise SystemExit(f"the run {side} is {state}\n" + "\n".join(failed))
        return Timed(now, nodes)

    def look(self, run: Run, now: float, nodes: dict[str, Node]) -> None:
        """Note what has changed."""
        for task in self.server.rest.task_instances(run.project_code, run.instance):
            node = nodes.setdefault(task.name, Node(now))
            state = map_state(task.state)
            if node.began is None and (task.state == "RUNNING_EXECUTION" or state in FINAL_STATES):
                node.began = now
            if node.ended is None and state in FINAL_STATES:
                node.ended = now

    def show(self, side: str, median: float, run: Timed) -> None:
        """The critical path of a run."""
        definition = self.definitions[WITHOUT if side == WITHOUT else WITH]
        path = critical_path(definition, run.nodes)
        print(f"\n{side}: {median:.1f} s, {len(run.nodes)} nodes, {len(path)} on the critical path")
        print(f"  {'node':28} {'type':9} {'listed':>7} {'started':>8} {'ran':>7} {'sum':>7}")
        before = 0.0
        for name in path:
            node, kind = run.nodes[name], definition.task(name).task_type
            assert node.began is not None
            assert node.ended is not None
            parts = (node.seen - before, node.began - node.seen, node.ended - node.began, node.ended - before)
            print(f"  {name:28} {kind:9} {parts[0]:7.1f} {parts[1]:8.1f} {parts[2]:7.1f} {parts[3]:7.1f}")
            before = node.ended
        print(f"  {'the run is called ended':38} {run.seconds - before:33.1f}\n")


def critical_path(definition: Definition, nodes: dict[str, Node]) -> list[str]:
    """The nodes that the end waited for, in order: from the one that ended last, always the last one before it."""

    def ended(name: str) -> float:
        return nodes[name].ended or 0.0

    path = [max(nodes, key=ended)]
    while before := [name for name in definition.upstream(path[-1]) if name in nodes]:
        path.append(max(before, key=ended))
    return path[::-1]


if __name__ == "__main__":
    main()
