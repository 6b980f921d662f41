"""Text in a literal or a request, as a value of a column; `sparkvalues` is for text in files.

Nothing is guessed: ``1.5`` is no int, ``2017-02-30`` is no date, blanks around a number are not ignored.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from dsflow.openmldb.types import ColumnType

UTC8_MS = 8 * 3600 * 1000
"""The engine reads the text of a timestamp in a statement as local time at UTC+8, whatever the year."""

INT_RANGES = {
    ColumnType.SMALLINT: (-(2**15), 2**15 - 1),
    ColumnType.INT: (-(2**31), 2**31 - 1),
    ColumnType.BIGINT: (-(2**63), 2**63 - 1),
}

_INT = "[+-]?[0-9]{1,19}"
_FLOAT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|NaN|[+-]?Inf(inity)?"
_BOOL = "(?i:true|false)"
_DATE = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_LOCAL_TIME = _DATE + r"([ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{1,9})?)?)?"
_ZONED_TIME = _DATE + r"[ T][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"

_PATTERNS = {
    ColumnType.SMALLINT: _INT,
    ColumnType.INT: _INT,
    ColumnType.BIGINT: _INT,
    ColumnType.FLOAT: _FLOAT,
    ColumnType.DOUBLE: _FLOAT,
    ColumnType.BOOL: _BOOL,
    ColumnType.DATE: _DATE,
}

_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}
_COMPILED_TIMES = re.compile(_INT), re.compile(_LOCAL_TIME), re.compile(_ZONED_TIME)

EXPECTED = {
    ColumnType.BOOL: "a bool (true or false)",
    ColumnType.SMALLINT: "a smallint",
    ColumnType.INT: "an int",
    ColumnType.BIGINT: "a bigint",
    ColumnType.FLOAT: "a float",
    ColumnType.DOUBLE: "a double",
    ColumnType.TIMESTAMP: "a timestamp (YYYY-MM-DD hh:mm:ss at UTC+8, or milliseconds)",
    ColumnType.DATE: "a date (YYYY-MM-DD)",
    ColumnType.STRING: "a string",
}
"""How to name what was expected in a message."""


def value_of_text(kind: ColumnType, text: str) -> Any:
    """The stored value of a text.

    Raises:
        ValueError: the text is no value of this type.
    """
    if kind is ColumnType.STRING:
        return text
    if kind is ColumnType.TIMESTAMP:
        return _timestamp(text)
    if not _COMPILED[kind].fullmatch(text):
        raise ValueError(text)
    if kind in INT_RANGES:
        return check_range(kind, int(text))
    if kind is ColumnType.BOOL:
        return text.lower() == "true"
    if kind is ColumnType.DATE:
        year, month, day = map(int, text.split("-"))
        return dt.date(year, month, day)
    return float(text)


def check_range(kind: ColumnType, number: int) -> int:
    """The number itself, if its type can hold it.

    Raises:
        ValueError: it is too large or too small.
    """
    low, high = INT_RANGES[kind]
    if not low <= number <= high:
        raise ValueError(f"{number} does not fit into {kind}")
    return number


def _timestamp(text: str) -> int:
    whole, local, zoned = _COMPILED_TIMES
    if whole.fullmatch(text):
        return check_range(ColumnType.BIGINT, int(text))
    if local.fullmatch(text):
        return _local_ms(text) - UTC8_MS
    if zoned.fullmatch(text):
        stem, sign, offset = (text[:-1], "+", "00:00") if text.endswith("Z") else (text[:-6], text[-6], text[-5:])
        hours, minutes = map(int, offset.split(":"))
        shift = (hours * 60 + minutes) * 60_000
        return _local_ms(stem) - (shift if sign == "+" else -shift)
    raise ValueError(text)


def _local_ms(text: str) -> int:
    date, _, time = text.replace("T", " ").partition(" ")
    clock, _, fraction = time.partition(".")
    year, month, day = map(int, date.split("-"))
    hour, minute, second, *_ = [*map(int, clock.split(":") if clock else ()), 0, 0, 0]
    moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.timezone.utc)
    return int(moment.timestamp()) * 1000 + int((fraction + "000")[:3])
