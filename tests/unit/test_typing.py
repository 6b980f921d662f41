"""A user's own mypy passes over the pipelines of this project, as strict as it can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dsflow import DsflowError, FeatureView, Table, types

ROOT = Path(__file__).parents[2]
FILES = ["pipelines/talkingdata.py", "examples/nightly.py", "examples/quickstart.py"]


def test_pipelines_pass_a_users_type_checker(tmp_path: Path) -> None:
    # a process of its own: mypy raises the recursion limit of the one that it runs in
    options = ["--strict", "--config-file", "", "--cache-dir", str(tmp_path)]
    command = [sys.executable, "-m", "mypy", *options, *(str(ROOT / file) for file in FILES)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_label_that_nobody_declared_is_an_error_with_its_line() -> None:
    view = FeatureView("v", source=Table("clicks", database="d", a=types.Int), sql="SELECT a FROM clicks")
    with pytest.raises(DsflowError, match=r"test_typing\.py:\d+: feature view 'v' declares no label"):
        _ = view.label
