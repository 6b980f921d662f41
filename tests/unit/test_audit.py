"""The dependency audit of CI says what it found, and says so when it was left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit"
GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "0.9", "vulns": [{"id": "PYSEC-0000-1", "fix_versions": ["1.0"]}]}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("printed", "errors", "status", "told"),
    [
        (
            json.dumps({"dependencies": [GOOD, UNKNOWN]}),
            "",
            0,
            "1 packages looked up, 0 known vulnerabilities, 1 unknown",
        ),
        (json.dumps({"dependencies": [GOOD, BAD]}), "found one", 1, "bad 0.9: PYSEC-0000-1, mended in 1.0"),
        (json.dumps({"dependencies": [UNKNOWN]}), "", 0, "LEFT OUT: the database answered for none of 1 packages"),
        ("", "requests.exceptions.ConnectionError: no way", 0, "LEFT OUT: the database can not be reached"),
        ("", "TypeError: a fault of its own", 1, "FAILED"),
    ],
)
def test_what_pip_audit_says(tmp_path: Path, printed: str, errors: str, status: int, told: str) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdout.write({printed!r})\nsys.stderr.write({errors!r})\n"
        f"sys.exit({int(bool(errors))})\n"
    )
    stand_in.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(AUDIT)],
        env=os.environ | {"PYTHON": str(stand_in)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stdout


def test_an_audit_that_does_not_end(tmp_path: Path) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
    stand_in.chmod(0o755)
    variables = {"PYTHON": str(stand_in), "DSFLOW_AUDIT_SECONDS": "0.5"}
    done = subprocess.run(
        [sys.executable, str(AUDIT)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0
    assert "LEFT OUT: no answer" in done.stdout
