"""Stands between a start and what it begins: when the starting process dies, whatever way, all of it is undone.

A program of its own (see :mod:`dsflow.standalone.guarded`). Its standard input is held open by the process that starts
it. The first line there is a JSON object::

    command, folder, environment, output   a program to run (optional), and the file for what it prints
    remove                                 folders to delete when it is undone

and each line that it writes is one: ``{"pid": ...}`` for the program once it runs, ``{"ended": STATUS}`` when it ends.
A line ``keep`` lets the program live on and ends the guard; the end of the input undoes.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from io import FileIO
from typing import Any

PATIENCE = 10.0  # seconds to end in peace


def main() -> None:
    """The script."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _nothing)  # its end is the end of its input; what is ignored, a child would ignore too
    lines = FileIO(0)  # unbuffered, so that select tells the truth
    task = json.loads(_line(lines) or b"{}")
    if not task:
        return
    process: subprocess.Popen[bytes] | None = None
    try:
        process = _run(task)
        if _kept(lines, process):
            return
    except BrokenPipeError:
        pass  # nobody listens any more: undo
    except OSError as error:
        _say({"failed": str(error)})
    _undo(process, task["remove"])


def _nothing(number: int, frame: object) -> None:
    """Go on."""


def _line(lines: FileIO) -> bytes:
    text = b""
    while not text.endswith(b"\n"):
        piece = lines.read(1)
        if not piece:
            return b""
        text += piece
    return text


def _run(task: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    if not task.get("command"):
        _say({"pid": None})
        return None
    with open(task["output"], "ab") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            task["command"],
            cwd=task["folder"],
            env=task["environment"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _say({"pid": process.pid})
    return process


def _kept(lines: FileIO, process: subprocess.Popen[bytes] | None) -> bool:
    """Wait for the word ``keep``, or for the end of the input."""
    said = False
    while True:
        ready, _, _ = select.select([lines], [], [], 0.1)
        if ready:
            return _line(lines).strip() == b"keep"
        if process is not None and not said and process.poll() is not None:
            _say({"ended": process.returncode})
            said = True


def _undo(process: subprocess.Popen[bytes] | None, folders: Sequence[str]) -> None:
    if process is not None:
        for number, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, PATIENCE)):
            try:
                os.killpg(process.pid, number)
            except (ProcessLookupError, PermissionError):
                break
            end = time.monotonic() + patience
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
