"""The whole main job, ``pipelines/talkingdata.py run --local``, on so many clicks: what each step costs.

    python benchmarks/pipeline.py [--rows 0.01,1,5,20,185 | --file CLICKS.csv] [--against FOLDER] [--set NAME=VALUE]
        [--memory 8GB] [--dir DIR]

Generated clicks (see clicks.py, with some rows equal in every column) or those of a file, from the first statement to
the served prediction. For each step: seconds by the clock, processor seconds and peak memory of all its processes,
clicks a second; for the run what its folder holds, and how much of it the nodes around the steps take. FOLDER is a
checkout of another commit: both are run, one after the other, and the ratio of their times is printed. Memory is the
sum of what the processes have for themselves (USS), looked at twenty times a second, or less often where that would
take more than a twentieth of a processor; what a process does after the last look at it is not counted, so short steps
may show 0.

The largest size, 185 millions, takes 7.5 GB for the clicks and some twice that for the run; there must be room.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import clicks
import psutil

HERE = Path(__file__).resolve().parents[1]
PERIOD = 0.05  # seconds between two looks, or
SHARE = 20  # so many times what a look took: the memory of large processes takes a while to be counted
FEW, MANY = 10_000, 5_000_000  # clicks: up to, and from which on there is a target
AROUND = ("ask ", "check ", "choose ", "skip ", "done ", "drop old ", "equal rows ")
"""How nodes are called that dsflow puts around a step: they ask OpenMLDB, and look what the step has done."""

REPEATED = 50
"""Clicks of a million that are equal to the one before in every column."""


@dataclass(frozen=True)
class Look:
    """What all processes of the run had at one moment.

    Attributes:
        at: seconds since 1970.
        cpu: processor seconds so far, of processes that ended as well.
        memory: bytes that only they have.
    """

    at: float
    cpu: float
    memory: int


@dataclass
class Watch:
    """Looks at a process and all that it started, until it ends."""

    root: psutil.Process
    looks: list[Look] = field(default_factory=list)
    _spent: dict[psutil.Process, float] = field(default_factory=dict)

    def run(self) -> None:
        """Look until the process has ended."""
        while self.root.is_running() and self.root.status() != psutil.STATUS_ZOMBIE:
            begin = time.perf_counter()
            self.looks.append(self._look())
            time.sleep(max(PERIOD, SHARE * (time.perf_counter() - begin)))

    def _look(self) -> Look:
        memory = 0
        for process in self._processes():
            try:
                times = process.cpu_times()
                self._spent[process] = times.user + times.system
                memory += process.memory_full_info().uss
            except psutil.Error:  # it has ended meanwhile
                continue
        return Look(time.time(), sum(self._spent.values()), memory)

    def _processes(self) -> Iterator[psutil.Process]:
        try:
            yield from (self.root, *self.root.children(recursive=True))
        except psutil.NoSuchProcess:
            return


@dataclass(frozen=True)
class Step:
    """What one task cost."""

    name: str
    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Run:
    """A whole run."""

    steps: tuple[Step, ...]
    seconds: float
    cpu: float
    memory: int
    disk: int
    auc: float
    prediction: Any


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1,5", help="millions of clicks (default: %(default)s)")
    parser.add_argument("--file", type=Path, help="a file of clicks, with a header, in place of generated ones")
    parser.add_argument("--against", type=Path, help="a checkout of another commit")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    parser.add_argument("--memory", help="how much memory the embedded OpenMLDB may take (default: its own)")
    parser.add_argument("--dir", type=Path, help="where the files go meanwhile; there must be room")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that no child outlives us
    sides = [HERE, *([given.against.resolve()] if given.against else [])]
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, dsflow in {HERE.name}")
    if given.file is not None:
        measure(sides, given.file.resolve(), lines_of(given.file) - 1, given)
        return
    for rows in [round(float(part) * 1e6) for part in given.rows.split(",")]:
        with tempfile.TemporaryDirectory(dir=given.dir) as folder:
            file = Path(folder) / "clicks.csv"
            clicks.write_csv(file, rows, repeated=REPEATED)
            measure(sides, file, rows, given)


def lines_of(file: Path) -> int:
    """How many lines a file has."""
    with open(file, "rb") as opened:
        return sum(block.count(b"\n") for block in iter(lambda: opened.read(1 << 24), b""))


def measure(sides: Sequence[Path], file: Path, rows: int, given: argparse.Namespace) -> None:
    """Run the pipelines of all checkouts on a file, and print what they took."""
    size = file.stat().st_size
    print(f"\n{rows:,} clicks, {size / 1e6:,.0f} MB as CSV")
    # of few clicks hardly one is a download: how well they are told apart is chance
    sets = [*(["min_auc=0"] if rows < MANY else []), *given.set]
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        runs = [run(side, file, Path(folder) / f"state{n}", sets, given.memory) for n, side in enumerate(sides)]
    report(runs[0], rows, size)
    if len(runs) > 1:
        compare(*runs)


def run(side: Path, data: Path, state: Path, sets: Sequence[str], memory: str | None) -> Run:
    """Run the pipeline of a checkout on a file of clicks."""
    report_file = state.with_suffix(".json")
    options = [f"--set={text}" for text in (f"data={data}", *sets)]
    variables = {**os.environ, "PYTHONPATH": str(side), **({"DSFLOW_EMBEDDED_MEMORY": memory} if memory else {})}
    began = time.time()
    pipeline = [sys.executable, str(side / "pipelines/talkingdata.py"), "run", "--local"]
    process = subprocess.Popen(
        [*pipeline, f"--state={state}", f"--report={report_file}", *options],
        cwd=side,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = Watch(psutil.Process(process.pid))
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        said, _ = process.communicate()
    except BaseException:
        process.terminate()  # it ends what it started
        raise
    seconds = time.time() - began
    thread.join()
    if process.returncode:
        sys.exit(f"{side}: the run failed:\n{said}")
    found = json.loads(report_file.read_text(encoding="utf-8"))
    first = datetime.fromisoformat(found["began"]).timestamp() if found.get("began") else began
    auc = next(task["outputs"]["auc"] for task in found["tasks"] if "auc" in task["outputs"])
    disk = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    return Run(
        tuple(steps_of(found["tasks"], watch.looks, first)),
        seconds,
        watch.looks[-1].cpu,
        max(look.memory for look in watch.looks),
        disk,
        float(auc),
        found.get("prediction"),
    )


def steps_of(tasks: Sequence[dict[str, Any]], looks: Sequence[Look], first: float) -> Iterator[Step]:
    """The tasks that ran, in the order in which they began, with what the looks between their two ends say.

    Args:
        first: when the workflow began; its tasks' times are counted from there.
    """
    ran = [task for task in tasks if task.get("started") is not None]
    for task in sorted(ran, key=lambda each: each["started"]):
        begin = first + task["started"]
        end = begin + task["seconds"]
        inside = [look for look in looks if begin <= look.at <= end]
        cpu = inside[-1].cpu - inside[0].cpu if inside else 0.0
        yield Step(task["name"], task["seconds"], cpu, max((look.memory for look in inside), default=0))


def report(found: Run, rows: int, size: int) -> None:
    """Print a run."""
    print(f"  {'step':34} {'seconds':>8} {'processor':>9} {'clicks/s':>12} {'memory':>9}")
    for step in found.steps:
        print(
            f"  {step.name:34} {step.seconds:8.1f} {step.cpu:9.1f} {rows / max(step.seconds, 1e-3):12,.0f}"
            f" {step.memory / 2**20:5,.0f} MiB"
        )
    print(
        f"  {'from the command to its end':34} {found.seconds:8.1f} {found.cpu:9.1f} {rows / found.seconds:12,.0f}"
        f" {found.memory / 2**20:5,.0f} MiB"
    )
    print(f"  files {found.disk / 1e9:.2f} GB, {found.disk / size:.2f} times the CSV; AUC {found.auc:.4f}")
    inside = sum(step.seconds for step in found.steps)
    around = sum(step.seconds for step in found.steps if step.name.startswith(AROUND))
    target = " (at most 0.5 s)" if rows <= FEW else " (at most 5 %)" if rows >= MANY else ""
    print(
        f"  asks and checks {around:.2f} s, {100 * around / found.seconds:.1f} % of the run{target};"
        f" before, between and after the steps {found.seconds - inside:.2f} s"
    )
    if found.prediction is None:
        sys.exit("the prediction server answered nothing")


def compare(here: Run, there: Run) -> None:
    """Print how much less this checkout takes."""
    print(
        f"  of the other commit's: {here.seconds / there.seconds:.2f} of its time, {here.cpu / there.cpu:.2f} of its"
        f" processor time; AUC {here.auc:.4f} and {there.auc:.4f}"
    )


if __name__ == "__main__":
    main()
