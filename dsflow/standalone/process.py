"""Processes by number: whether one is still the very one, and ending it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def started(pid: int) -> int | None:
    """When a process began, in the system's own unit; None when there is none, or where there is no /proc.

    With its number, it tells a process from a later one of the same number.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def is_alive(pid: int, began: int | None) -> bool:
    """Whether the process with that number, begun then (see :func:`started`), lives."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # somebody else's
    except OSError:
        return False
    if not os.path.isdir("/proc/self"):
        return True
    return began is not None and started(pid) == began


def end(pid: int, began: int | None, patience: float) -> bool:
    """End a process that leads a group, wait until it is gone, and kill what is left of the group.

    Whether it had to be killed.

    Args:
        patience: seconds in which it may end in peace.
    """
    deadline = time.monotonic() + patience
    killed = False
    _send(pid, signal.SIGTERM)
    while is_alive(pid, began):
        if time.monotonic() > deadline and not killed:
            _send(pid, signal.SIGKILL)
            killed = True
        time.sleep(0.1)
    try:
        os.killpg(pid, signal.SIGKILL)  # tasks that its worker ran
    except (ProcessLookupError, PermissionError):
        pass  # none is left, or they are another user's
    return killed


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has just ended
