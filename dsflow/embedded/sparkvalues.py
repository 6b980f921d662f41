"""The text of a value in a CSV file, as DuckDB SQL, with the rules by which Spark reads it for OpenMLDB.

What Spark turns into NULL without a word is refused here: ``1.5`` is no int, ``2017-02-30`` is no date, ``24:00:00``
is no time. What Spark reads is read to the same value: a date may be followed by a time, which is left out, and a
timestamp is either milliseconds or a local time in the zone Asia/Shanghai. Which of the two a column has, its first
value says; a value of the other form is NULL on a cluster, and is refused here.
"""

from __future__ import annotations

import re
from typing import Literal

from dsflow.embedded.shanghai import sql_instant
from dsflow.openmldb.types import ColumnType

TimeForm = Literal["milliseconds", "text"]
"""How all timestamps of a column are written."""

_INT = "[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_SPECIAL = r"-?Inf|[+-]?Infinity|[+-]?NaN"
_BOOL = "(?i:true|false)"
_DATE = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_HOUR, _SIXTY = "([01]?[0-9]|2[0-3])", "[0-5]?[0-9]"
_CLOCK = rf"{_HOUR}:{_SIXTY}:{_SIXTY}"
_HOURS = "(0?[0-9]|1[0-7])"
_ZONE = f" ?(Z|z|UTC|GMT|UT|(UTC|GMT|UT)?[+-]({_HOURS}(:[0-5][0-9])?|(0[0-9]|1[0-7])[0-5][0-9]))"
"""Offsets from UTC; Spark also reads names of zones, which are refused here."""
_WHOLE = {ColumnType.SMALLINT: "SMALLINT", ColumnType.INT: "INTEGER", ColumnType.BIGINT: "BIGINT"}
_BLANKS = "' ' || chr(9)"


def sql_of_text(kind: ColumnType, text: str, form: TimeForm | None = None) -> str:
    """A DuckDB expression for the stored value of a text expression; it raises an error where the text is none.

    The empty text is NULL for all types but string.

    Args:
        kind: the column's type.
        text: the expression.
        form: how a timestamp is written.
    """
    if kind is ColumnType.STRING:
        return text
    given = f"nullif({text}, '')"
    whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in _cases(kind, given, form, "CAST"))
    return f"CASE {whens} WHEN {given} IS NULL THEN NULL ELSE error('bad value') END"


def sql_is_bad(kind: ColumnType, text: str, form: TimeForm | None = None) -> str:
    """A DuckDB condition: `sql_of_text` would raise an error for this text."""
    if kind is ColumnType.STRING:
        return "false"
    given = f"nullif({text}, '')"
    whens = " ".join(
        f"WHEN {condition} THEN ({value}) IS NULL" for condition, value in _cases(kind, given, form, "TRY_CAST")
    )
    return f"coalesce(CASE {whens} ELSE {given} IS NOT NULL END, true)"


def form_of(first: str | None) -> TimeForm:
    """How the timestamps of a column are written, as OpenMLDB tells it of its first text."""
    return "milliseconds" if first is not None and re.fullmatch(_INT, first) else "text"


def floor_ms(moment: str) -> str:
    """A DuckDB expression for the milliseconds of a timestamp, what is finer cut off (``epoch_ms`` alone rounds)."""
    return f"epoch_ms(date_trunc('milliseconds', {moment}))"


def _cases(kind: ColumnType, given: str, form: TimeForm | None, cast: str) -> list[tuple[str, str]]:
    """Conditions on a text, each with the value that it then has; the usual one comes first."""
    trimmed = f"trim({given}, {_BLANKS})"
    if kind in _WHOLE:
        return [(_is(given, _INT), f"{cast}({given} AS {_WHOLE[kind]})")]
    if kind is ColumnType.BOOL:
        return [(_is(given, _BOOL), f"{cast}({given} AS BOOLEAN)")]
    if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
        name = "FLOAT" if kind is ColumnType.FLOAT else "DOUBLE"
        return [
            (_is(given, f"{_NUMBER}|{_SPECIAL}"), f"{cast}({given} AS {name})"),
            # Java's own form of a number: blanks around it, a letter for its type
            (_is(trimmed, f"{_NUMBER}[fFdD]?"), f"{cast}(rtrim({trimmed}, 'fFdD') AS {name})"),
        ]
    if kind is ColumnType.DATE:
        return [
            (_is(given, _DATE), f"{cast}({given} AS DATE)"),
            (_is(trimmed, rf"{_DATE}([ T].*)?"), f"{cast}(regexp_extract({trimmed}, '{_DATE}') AS DATE)"),
            (_is(trimmed, "[0-9]{4}-[0-9]{1,2}"), f"{cast}({trimmed} || '-01' AS DATE)"),
            (_is(trimmed, "[0-9]{4}"), f"{cast}({trimmed} || '-01-01' AS DATE)"),
        ]
    if form == "milliseconds":
        return [(_is(given, "[+-]?[0-9]{1,15}"), _from_milliseconds(f"{cast}({given} AS BIGINT)"))]
    return _local_times(given, trimmed, cast)


def _local_times(given: str, trimmed: str, cast: str) -> list[tuple[str, str]]:
    def naive(text: str) -> str:
        return floor_ms(f"{cast}({text} AS TIMESTAMP)")

    def local(text: str) -> str:
        return sql_instant(naive(text))

    exact = rf"{_DATE}[ T]{_CLOCK}(\.[0-9]{{1,6}})?"
    return [
        (_is(given, exact), local(given)),
        (_is(trimmed, _DATE), local(trimmed)),
        (_is(trimmed, rf"{_DATE}[ T]{_HOUR}:{_SIXTY}"), local(f"{trimmed} || ':00'")),
        (_is(trimmed, rf"{_DATE}[ T]{_HOUR}"), local(f"{trimmed} || ':00:00'")),
        (_is(trimmed, exact + r"\.?"), local(f"rtrim({trimmed}, '.')")),
        (_is(trimmed, exact + _ZONE), f"({naive(_part(trimmed, exact))} - {_zone_ms(trimmed)})"),
        # more than microseconds: the rest is cut off
        (_is(trimmed, rf"{_DATE}[ T]{_CLOCK}\.[0-9]{{7,}}"), local(_part(trimmed, ".*[.][0-9]{6}"))),
        (_is(trimmed, "[0-9]{4}-[0-9]{1,2}"), local(f"{trimmed} || '-01'")),
    ]


def _zone_ms(text: str) -> str:
    """How many milliseconds ahead of UTC the offset at a text's end is; it has no sign for UTC itself."""
    offset = _part(text, r"([+-])[0-9]{1,2}:?([0-9]{2})?$")
    digits = f"regexp_replace({offset}, '[^0-9]', '', 'g')"
    colon = f"contains({offset}, ':')"
    hours = f"if({colon} OR length({digits}) > 2, left({digits}, length({digits}) - 2), {digits})"
    minutes = f"if({colon} OR length({digits}) > 2, right({digits}, 2), '0')"
    total = f"(CAST({hours} AS INTEGER) * 60 + CAST({minutes} AS INTEGER)) * 60000"
    return f"CASE left({offset}, 1) WHEN '+' THEN {total} WHEN '-' THEN -{total} ELSE 0 END"


def _part(text: str, pattern: str) -> str:
    return f"regexp_extract({text}, '{pattern}')"


def _from_milliseconds(number: str) -> str:
    """OpenMLDB divides by 1000 and Spark takes microseconds of it: a double has not room for every millisecond."""
    return f"CAST(floor(trunc(CAST({number} AS DOUBLE) / 1000 * 1000000) / 1000) AS BIGINT)"


def _is(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, '{pattern}')"
