"""One run at a time on a state."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dsflow.errors import RunError

FILE = "in-use"


@contextlib.contextmanager
def held(state: Path, doing: str = "a run on it") -> Iterator[None]:
    """Hold a state as long as the ``with`` block lasts. A process that ends, however it does, lets go of it.

    Args:
        state: its folder, which must be there.
        doing: for the message, what cannot be done.

    Raises:
        RunError: another process holds it; says which.
    """
    with open(state / FILE, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{state} is in use by {_holder(file.name)}", hint=_hint(state, doing)) from None
        file.truncate(0)
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        json.dump({"pid": os.getpid(), "command": command, "since": datetime.now().isoformat("T", "seconds")}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _holder(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as opened:
            known = json.load(opened)
        return f"process {known['pid']} ({known['command']}), since {known['since'].replace('T', ' ')}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return "another process"  # it has just taken it, or lets go of it


def _hint(state: Path, doing: str) -> str:
    beside = shlex.quote(str(state.with_name(f"{state.name}-2")))
    return f"wait for its end, or stop it, before {doing}; to run beside it give a state of its own: --state {beside}"
