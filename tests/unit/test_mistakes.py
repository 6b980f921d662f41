"""A newcomer's wrong words: one message with file, line and the word that was meant, by both ways of calling."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORTS = "from dsflow import Python, Shell, Table, FeatureView, Workflow, types as t\n"
MISTAKES = {
    "keyword of a task": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x', retry=3)\n",
        3,
        ["Shell takes no 'retry'", "did you mean 'retries'"],
    ),
    "keyword of a workflow": (
        "wf = Workflow('w', project='p', parms={})\n",
        2,
        ["Workflow takes no 'parms'", "did you mean 'params'"],
    ),
    "keyword that a method hands on": (
        "with Workflow('w', project='p') as wf:\n    Table('t', database='d', a=t.Int).create(derive_index=True)\n",
        3,
        ["create takes no 'derive_index'", "did you mean 'derive_indexes'?"],
    ),
    "type": (
        "Table('t', database='d', a=t.Decimal)\n",
        2,
        ["openmldb.types has no 'Decimal'", "it has: BigInt, Bool,"],
    ),
    "type in another spelling": ("t.timestamp\n", 2, ["did you mean 'Timestamp'?"]),
    "method": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x')\nwf.definitoin()\n",
        4,
        ["Workflow has no 'definitoin'", "did you mean 'definition'?"],
    ),
    "parameter": (
        "with Workflow('w', project='p', params={'min_auc': 1}) as wf:\n    wf.params.min_acu\n",
        3,
        ["did you mean 'min_auc'?"],
    ),
    "cron": ("Workflow('w', project='p', schedule='0 0 25 * * ? *')\n", 2, ["'25' is no hour"]),
    "name twice": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x')\n    Shell('a', 'y')\n",
        4,
        ["there is a task of that name already"],
    ),
}
WAYS = {"python": [], "dsflow": ["-m", "dsflow", "validate"]}


def run(folder: Path, text: str, way: str) -> subprocess.CompletedProcess[str]:
    file = folder / "pipeline.py"
    file.write_text(IMPORTS + text, encoding="utf-8")
    command = [sys.executable, *WAYS[way], str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MISTAKES)
def test_one_message_with_its_place_and_no_traceback(tmp_path: Path, name: str, way: str) -> None:
    text, line, parts = MISTAKES[name]
    result = run(tmp_path, text, way)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.count("pipeline.py:") == 1 + ("declared at" in result.stderr)
    for part in [f"pipeline.py:{line}:", *parts]:
        assert part in result.stderr


def test_another_error_keeps_its_traceback(tmp_path: Path) -> None:
    result = run(tmp_path, "int('x', bas=3)\n", "python")
    assert "Traceback" in result.stderr
    assert "TypeError" in result.stderr


def test_a_traceback_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSFLOW_TRACEBACK", "1")
    assert "Traceback" in run(tmp_path, MISTAKES["cron"][0], "python").stderr
