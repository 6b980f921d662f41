"""OPTIONS of LOAD DATA and SELECT INTO OUTFILE: which there are, what they may be, how they stand in a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from typing import Any

from dsflow.declare.locations import caller
from dsflow.declare.statements import Options, Value
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.errors import DeclarationError, did_you_mean

CSV_OPTIONS = ("delimiter", "header", "null_value", "quote")
"""Those of CSV files, for reading and for writing."""

_NOT_KNOWN = {
    "escape": "OpenMLDB's CSV has no such option: a backslash is the escape, inside quotes",
    "encoding": "OpenMLDB reads UTF-8 only",
    "sep": "OpenMLDB calls it delimiter",
    "mode": "the step chooses it: offline loads and extracts overwrite, online loads append",
    "put_if_absent": "load_online() chooses it",
    "load_mode": "the checks look at jobs of the cluster, which load_mode='local' does not start",
    "thread": "it is an option of load_mode='local', which starts no job that the checks could look at",
}


def checked_options(call: str, format: str, given: Mapping[str, Any], more: Mapping[str, Value]) -> Options:
    """The options of a statement, in the order in which they stand.

    Args:
        call: what the user called, for messages.
        format: ``csv`` or ``parquet``.
        given: options by name; those that are None are left out.
        more: options that the step chooses.

    Raises:
        DeclarationError: a value is none that the option can have, or the option is not one of the format.
    """
    found: dict[str, Value] = {"format": format, **more}
    for name, value in given.items():
        if value is None:
            continue
        if name in CSV_OPTIONS and format != "csv":
            raise DeclarationError(
                f"{call}: {name}={value!r} is an option of CSV files, not of {format}", where=caller()
            )
        problem = _problem(name, value)
        if problem:
            raise DeclarationError(f"{call}: {name}={value!r} {problem}", where=caller())
        found[name] = value
    quote, delimiter = given.get("quote"), given.get("delimiter") or ","
    if quote == delimiter or (quote is None and delimiter == '"'):
        raise DeclarationError(f"{call}: delimiter and quote are the same, {delimiter!r}", where=caller())
    return tuple(found.items())


def check_fields(call: str, given: Mapping[str, Any], options: Sequence[str]) -> None:
    """Whether names that were given are fields of the task.

    Raises:
        DeclarationError: one is not; names what was meant, or why OpenMLDB has no such option.
    """
    known = [field.name for field in dataclass_fields(OpenMLDB) if field.init]
    for name in given:
        if name in known:
            continue
        hint = _NOT_KNOWN.get(name) or did_you_mean(name, [*options, *known], f"options: {', '.join(options)}")
        raise DeclarationError(f"{call} has no option {name!r}", where=caller(), hint=hint)


def _problem(name: str, value: object) -> str | None:
    if name in ("header", "deep_copy"):
        return None if isinstance(value, bool) else "is neither True nor False"
    if name == "coalesce":
        return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "is no number above 0"
    if not isinstance(value, str):
        return "is not a string"
    if name == "delimiter" and (not value or any(mark in value for mark in "\\\r\n\0")):
        return "is no delimiter: it is empty, or holds a backslash, a line end or NUL"
    if name == "quote" and (len(value) > 1 or value in ("\\", "\r", "\n", "\0")):
        return "is not one character (no backslash or line end), or empty for none"
    return "holds a line end" if any(mark in value for mark in "\r\n\0") else None
