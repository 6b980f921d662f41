"""The line by which a task says how far it is::

    progress: 30/100 rounds

that is, how much is done, how much there is in all (may be left out), and of what. A script prints it as any other
line, and flushes it; on a server it is a line of the log.
"""

from __future__ import annotations

import re

_PROGRESS = re.compile(r"progress: (?P<done>\d{1,18})(?:/(?P<total>\d{1,18}))?(?: (?P<what>\S.{0,60}))?\s*\Z")


def progress_line(done: int, total: int | None, what: str) -> str:
    """A line that says how far a task is."""
    return f"progress: {done}{'' if total is None else f'/{total}'} {what}"


def read_progress(line: str) -> str | None:
    """What a line says of a task's progress, for the user; None when it is an ordinary line."""
    match = _PROGRESS.match(line)
    if match is None:
        return None
    done, what = int(match["done"]), match["what"] or ""
    if match["total"] is None:
        return f"{_amount(done, what)}"
    total = int(match["total"])
    share = f" ({100 * min(done, total) // total} %)" if total else ""
    return f"{_number(done, what)} of {_amount(total, what)}{share}"


def _amount(number: int, what: str) -> str:
    unit = "" if what == "bytes" else what
    return f"{_number(number, what)} {unit}".rstrip()


def _number(number: int, what: str) -> str:
    if what != "bytes":
        return f"{number:,}"
    size, units = float(number), ["B", "KB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 100 else f"{size:.1f} {units[0]}"
