"""The columns of a deployment, and the check of request rows against them.

The value that each type takes is the one of the APIServer's protocol (``AppendJsonValue`` in OpenMLDB's
``src/apiserver/api_server_impl.cc``): integers for the integer types, integers or floats for ``float`` and ``double``,
a text for ``string``, integer milliseconds for ``timestamp``, a text ``Y-M-D`` for ``date``. A timestamp may also be an
ISO text here; without an offset it is local time at UTC+8, which is how OpenMLDB itself reads and splits timestamps.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import BadRequestError

OPENMLDB_ZONE = timezone(timedelta(hours=8))
"""The zone in which OpenMLDB reads timestamp texts and takes their parts, whatever the machine's zone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INTEGER_BITS = {ColumnType.SMALLINT: 16, ColumnType.INT: 32, ColumnType.BIGINT: 64}
_FLOAT_MAX = 3.4028234663852886e38  # the largest IEEE 754 binary32


@dataclass(frozen=True)
class Column:
    """One column of a deployment's input or output."""

    name: str
    type: ColumnType

    def to_json(self) -> dict[str, str]:
        """The column as the APIServer writes it: ``int`` is ``int32`` there."""
        return {"name": self.name, "type": self.type.api_name}

    @classmethod
    def from_json(cls, value: object) -> Column:
        """The column that the APIServer, or this class's ``to_json``, wrote.

        Raises:
            ValueError: it is not ``{"name": text, "type": type of OpenMLDB}``.
        """
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            raise ValueError(f"a column is an object with name and type, not {value!r}")
        kind = value.get("type")
        if not isinstance(kind, str):
            raise ValueError(f"column {value['name']!r} has no type")
        return cls(value["name"], ColumnType.parse(kind))


def check_rows(
    rows: Sequence[object], columns: Sequence[Column], *, may_be_left_out: Collection[str] = ()
) -> list[dict[str, object]]:
    """Request rows as the APIServer takes them.

    Args:
        rows: what a client sent, one object by column name for each row.
        columns: the deployment's input columns.
        may_be_left_out: columns that become null when a row leaves them out.

    Raises:
        BadRequestError: some row has missing or unknown columns, or values of a wrong type; it names each of them.
    """
    good: list[dict[str, object]] = []
    problems: list[str] = []
    for number, row in enumerate(rows):
        converted, wrong = _check_row(row, columns, may_be_left_out)
        good.append(converted)
        problems += [f"row {number}: {text}" if len(rows) > 1 else text for text in wrong]
    if problems:
        shown = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise BadRequestError(
            f"the request does not fit the deployment's input: {shown}",
            hint="GET /schema lists the request columns with their types; send null for a value that is not known",
            problems=problems[:100],
        )
    return good


def _check_row(
    row: object, columns: Sequence[Column], may_be_left_out: Collection[str]
) -> tuple[dict[str, object], list[str]]:
    if not isinstance(row, Mapping):
        return {}, [f"a row is an object by column name, not {_kind(row)}"]
    converted: dict[str, object] = {}
    problems: list[str] = []
    for column in columns:
        if column.name not in row:
            if column.name not in may_be_left_out:
                problems.append(f"column {column.name!r} ({column.type}) is missing")
            converted[column.name] = None
            continue
        try:
            converted[column.name] = check_value(row[column.name], column.type)
        except ValueError as error:
            problems.append(f"column {column.name!r} ({column.type}): {error}")
    known = {column.name for column in columns}
    problems += [f"column {name!r} is unknown" for name in row if name not in known]
    return converted, problems


def check_value(value: object, kind: ColumnType) -> object:
    """A JSON value as the APIServer takes it for a column type; null is null for every type.

    Raises:
        ValueError: the value is of another type or outside the type's range.
    """
    if value is None:
        return None
    if kind in _INTEGER_BITS:
        return _integer(value, _INTEGER_BITS[kind])
    if kind is ColumnType.BOOL:
        if not isinstance(value, bool):
            raise ValueError(f"takes true or false, not {_kind(value)}")
        return value
    if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
        return _number(value, kind)
    if kind is ColumnType.STRING:
        if not isinstance(value, str):
            raise ValueError(f"takes a string, not {_kind(value)}")
        if not is_text(value):
            raise ValueError(f"takes whole characters, not {_kind(value)}")
        return value
    if kind is ColumnType.TIMESTAMP:
        return timestamp_ms(value)
    return _date(value)


def is_text(value: str) -> bool:
    """Whether a string can be sent: JSON's escapes can hold half a character (a lone surrogate), UTF-8 can not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def timestamp_ms(value: object) -> int:
    """Milliseconds since 1970-01-01 00:00:00 UTC from an integer of such, or from an ISO text.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            raise ValueError(
                f"takes milliseconds since 1970 (an integer) or a string like '2017-11-06 17:21:28', not {value!r}"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=OPENMLDB_ZONE)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(
            f"takes milliseconds since 1970 (an integer) or a string like '2017-11-06 17:21:28', not {_kind(value)}"
        )
    return _integer(value, 64)


def _integer(value: object, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"takes an integer, not {_kind(value)}")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(f"{value} does not fit into {bits} bits")
    return value


def _number(value: object, kind: ColumnType) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"takes a number, not {_kind(value)}")
    try:
        size = abs(float(value))
    except OverflowError:
        size = math.inf
    if size > (_FLOAT_MAX if kind is ColumnType.FLOAT else math.inf) or math.isinf(size):
        raise ValueError("the number is too large")
    return value


def _date(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"takes a string like '2017-11-06', not {_kind(value)}")
    parts = value.split("-")
    try:
        year, month, day = (int(part) for part in parts)
        date(year, month, day)
    except ValueError:
        raise ValueError(f"takes a string like '2017-11-06', not {value!r}") from None
    return f"{year}-{month}-{day}"


def _kind(value: object) -> str:
    """A JSON value in the words of JSON, short enough for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"[:60]
    return "an array" if isinstance(value, (list, tuple)) else "an object"
