"""Running a task's script as a process of its own, with its log kept and its time limited."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Stopped(Exception):
    """The process was ended because the run was interrupted."""


class TimedOut(Exception):
    """The process was ended because its time was up."""


def run_process(
    command: Sequence[str],
    *,
    folder: Path,
    log: IO[str],
    environment: Mapping[str, str],
    timeout: float | None,
    stop: threading.Event,
) -> int:
    """Run ``command`` in ``folder`` with both its outputs going to ``log``; gives its exit code.

    Args:
        timeout: seconds; None for none.
        stop: ends the process when set.

    Raises:
        TimedOut: its time was up; it and all that it started are gone.
        Stopped: ``stop`` was set; likewise.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    waited = 0.0
    try:
        while True:
            try:
                return process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                waited += 0.05
            if stop.is_set():
                raise Stopped
            if timeout is not None and waited >= timeout:
                raise TimedOut
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process's whole group to end, then make it."""
    for sign, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break  # it ended by itself meanwhile
        try:
            process.wait(timeout=patience)
            break
        except subprocess.TimeoutExpired:
            continue
