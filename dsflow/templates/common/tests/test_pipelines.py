"""Each pipeline passes the checks, and runs here to its end on the data of this project."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIPELINES = sorted(path for path in ROOT.glob("pipelines/*.py") if "cli()" in path.read_text(encoding="utf-8"))


def dsflow(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dsflow", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda path: path.stem)
def test_it_is_valid(pipeline: Path) -> None:
    dsflow("validate", str(pipeline))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda path: path.stem)
def test_it_runs(pipeline: Path, tmp_path: Path) -> None:
    dsflow("run", str(pipeline), "--local", "--state", str(tmp_path))
