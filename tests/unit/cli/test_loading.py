"""How a pipeline file is loaded; its mistakes are tested where they are found."""

import os
import sys
from pathlib import Path

import pytest

from dsflow.cli.loading import load_workflow

_FILE = """
from dsflow import Shell, Workflow

with Workflow("w", project="p") as wf:
    Shell("a", "echo {word}")
"""


def test_a_file_is_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may write it twice within a second, with as many bytes: byte code would be taken for current."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "pipeline.py"
    found = []
    for word in ("one", "two"):
        file.write_text(_FILE.format(word=word))
        os.utime(file, (1_700_000_000, 1_700_000_000))
        found.append(load_workflow(str(file)).definition().task("a").task_params["rawScript"])
    assert found == ["echo one", "echo two"]
    assert os.listdir(tmp_path) == ["pipeline.py"]  # and nothing is left beside it
