"""Processor time of what is typed most: validate, --help, and the import alone, beside ``import typer`` and another
checkout.

    python benchmarks/startup.py [--against FOLDER] [--turns 7]

FOLDER is a checkout of another commit (``git worktree add FOLDER COMMIT``); both sides, and the import of typer that no
command line of it can do without, run in this Python, in turns, so that a busy machine slows all. Each measurement is a
fresh process: its user and system time, without that of others. A ratio is the median of the ratios of the turns; below
1 means that this checkout takes less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
WHAT = {
    "validate": ("-m", "dsflow", "validate", "pipelines/talkingdata.py"),
    "--help": ("-m", "dsflow", "--help"),
    "import dsflow": ("-c", "import dsflow"),
}
BESIDE = ("-c", "import typer")


def seconds(folder: Path, arguments: tuple[str, ...]) -> float:
    """Processor time of one process whose dsflow is the folder's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling all sources is not what is measured
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{folder}: {' '.join(arguments)}: {done.stderr or done.stdout}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print one line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", type=Path, help="a checkout of another commit")
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    for name, arguments in WHAT.items():
        sides = {"": (HERE, arguments), "import typer": (HERE, BESIDE)}
        if given.against:
            sides["there"] = (given.against.resolve(), arguments)
        for folder, what in sides.values():
            seconds(folder, what)  # writes byte code
        turns = []
        for turn in range(given.turns):
            order = list(sides) if turn % 2 == 0 else list(sides)[::-1]
            turns.append({side: seconds(*sides[side]) for side in order})
        text = f"{name:<14} {statistics.median(turn[''] for turn in turns):.2f} s"
        for side in list(sides)[1:]:
            median = statistics.median(turn[side] for turn in turns)
            ratio = statistics.median(turn[""] / turn[side] for turn in turns)
            text += f"   {side} {median:.2f} s, ratio {ratio:.2f}"
        print(text, flush=True)


if __name__ == "__main__":
    main()
