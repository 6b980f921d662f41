"""Scripts with outputs on their way to DolphinScheduler 3.1 and back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.outputs import CODING
from dsflow.worker.lingering import LINES, with_line, without_line

OUT = [{"prop": "n", "direct": "OUT", "type": "INTEGER", "value": ""}]


def params(script: str, local: Any = OUT) -> dict[str, Any]:
    return {"rawScript": script, "localParams": local}


SCRIPTS = st.text() | st.lists(
    st.sampled_from(["", "x = 1", "from __future__ import annotations", "from __future__ import (", ")", '"""', "\\"])
).map("\n".join)


TEXT = [{"prop": "path", "direct": "OUT", "type": "VARCHAR", "value": ""}]


@given(st.sampled_from(["SHELL", "PYTHON"]), SCRIPTS, st.sampled_from([OUT, TEXT]))
def test_there_and_back(kind: str, script: str, outs: Any) -> None:
    there = with_line(kind, params(script, outs))
    assert there["rawScript"].count(LINES[kind]) == 1
    assert there["rawScript"].count(CODING[kind]) == (outs is TEXT)
    assert without_line(kind, there) == params(script, outs)


def test_what_was_sent_before_texts_were_coded_is_read_too() -> None:
    assert without_line("PYTHON", params(f"{LINES['PYTHON']}\nx = 1", TEXT)) == params("x = 1", TEXT)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("SHELL", params("true", [])),
        ("SHELL", params("true", None)),
        ("PYTHON", params("pass", [{"prop": "n", "direct": "IN", "type": "VARCHAR", "value": "1"}])),
        ("SPARK", params("true")),
        ("HTTP", {"url": "http://example.com", "localParams": OUT}),
    ],
)
def test_what_has_no_outputs_or_no_script_stays(kind: str, given: dict[str, Any]) -> None:
    assert with_line(kind, given) == given
    assert without_line(kind, given) == given


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("echo '${setValue(n=1)}'", 0),
        ("echo '${setValue(n=1)}'; exit 3", 3),
        ("set -e\necho '${setValue(n=1)}'\nfalse", 1),
    ],
)
def test_a_shell_script_ends_as_it_did(script: str, status: int) -> None:
    text = with_line("SHELL", params(script))["rawScript"].replace("sleep 1", "echo stays")
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "${setValue(n=1)}\nstays\n")


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("print('n=1')", 0),
        ("import sys\nprint('n=1')\nsys.exit(3)", 3),
        ('"""Doc."""\nfrom __future__ import annotations\n\nprint("n=1")', 0),
        ('"""Doc."""\nfrom __future__ import (\n    annotations,\n)\nprint("n=1")', 0),
        ("from __future__ import \\\n    annotations\nprint('n=1')", 0),
    ],
)
def test_a_python_script_ends_as_it_did_with_its_output_written(script: str, status: int) -> None:
    text = with_line("PYTHON", params(script))["rawScript"].replace("time.sleep(1)", "print('stays')")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, "n=1\nstays\n", "")
