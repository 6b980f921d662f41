"""What DolphinScheduler takes for a script's outputs: lines ``${setValue(name=value)}`` of what it writes.

3.1 (``AbstractCommandExecutor``, ``AbstractParameters.dealOutParam``) reads only lines that begin with the mark: of
each the first one up to the next ``)``, and of that the value up to the next ``=``; an empty value fails the task. 3.2
(``TaskOutputParameterParser``) reads anywhere in a line and over lines, and a value ends with ``)}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsflow.errors import RunError
from dsflow.placeholders import Series

_MARKS = ("${setValue(", "#{setValue(")
_FIRST = re.compile(r"[$#]\{setValue\(([^)]*)\)\}")
_MOST_LINES = 1024


class OutputError(RunError):
    """What a script wrote fails its task on a server."""


def read_outputs(written: str, series: Series) -> dict[str, str]:
    """All outputs that a script's text sets, by name, as a server of the series reads them.

    Raises:
        OutputError: 3.1 fails the task on it.
    """
    # Java's lines end with \n, \r or \r\n
    lines = re.split(r"\r\n|\r|\n", written)
    return dict(_newer(lines) if series >= (3, 2) else _older(lines))


def _older(lines: list[str]) -> Iterator[tuple[str, str]]:
    pool = ""
    for line in lines:
        if line.startswith(_MARKS):
            found = _FIRST.search(line)
            pool += (found[1] if found else "null") + "$VarPool$"
    for entry in pool.split("$VarPool$"):
        if "=" not in entry:
            continue
        parts = entry.split("=")
        while parts and not parts[-1]:
            parts.pop()  # Java drops the empty ones at the end
        if len(parts) < 2:
            name = entry.partition("=")[0]
            raise OutputError(
                f"DolphinScheduler 3.1 fails the task on the output {name!r} without a value",
                hint="give it a value, such as none, when there is nothing",
            )
        yield parts[0], parts[1]


def _newer(lines: list[str]) -> Iterator[tuple[str, str]]:
    open_lines: list[str] | None = None
    pending = lines[::-1]
    while pending:
        line = pending.pop()
        if open_lines is None:
            # a # counts only in a line without a $
            starts = [at for at in map(line.find, _MARKS) if at >= 0][:1]
            if not starts:
                continue
            line, open_lines = line[starts[0] :], []
        elif len(open_lines) > _MOST_LINES:
            open_lines = None
            continue
        end = line.find(")}")
        if end < 0:
            open_lines.append(line)
            continue
        name, equals, value = "\n".join([*open_lines, line[: end + 2]])[11:-2].partition("=")
        if equals:
            yield name, value
        open_lines = None
        if line[end + 2 :]:
            pending.append(line[end + 2 :])


def kept(name: str, written: str, series: Series) -> bool:
    """Whether a server takes this value of an output whole when it is written on a line of its own."""
    try:
        return read_outputs(f"${{setValue({name}={written})}}", series) == {name: written} and bool(
            written or series >= (3, 2)
        )
    except OutputError:
        return False
