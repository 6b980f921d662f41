"""dsflow's commands against a test's server, as a user calls them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsflow.config import Profile

_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it, and so would we
from dsflow.cli import main
main(sys.argv[1:])
"""


def environ(profile: Profile) -> dict[str, str]:
    """The DSFLOW_* variables of a profile."""
    values = {
        "DSFLOW_API_URL": profile.api_url,
        "DSFLOW_USER": profile.user,
        "DSFLOW_PASSWORD": profile.password,
        "DSFLOW_GATEWAY": profile.gateway,
        "DSFLOW_GATEWAY_TOKEN": profile.gateway_token,
        "DSFLOW_TENANT": profile.tenant,
        "DSFLOW_ENVIRONMENT": profile.environment,
    }
    return {key: value for key, value in values.items() if value}


def start_command(
    profile: Profile, arguments: Sequence[str], folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a command in a folder; nobody sits at its standard input."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DSFLOW_")}
    path = os.pathsep.join(p for p in sys.path if "pydolphinscheduler" in p)
    variables = {**clean, **environ(profile), "PYTHONPATH": path, **(more or {})}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=folder, env=variables, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def command(profile: Profile, folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command to its end; gives what it said, once its exit code is as expected."""
    process = start_command(profile, arguments, folder)
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return out + err
