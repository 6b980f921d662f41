"""CSV as Spark writes it for SELECT INTO OUTFILE: DuckDB expressions for the text of each value.

A text is quoted only where it has to be, with a backslash before quotes and backslashes inside; what is up to a blank
is cut off both its ends; a text that is then empty is ``""``, whatever the quote is. Timestamps and dates are local in
the zone Asia/Shanghai, floats in Java's form.
"""

from __future__ import annotations

from dsflow.embedded.compiler.functions.javafloats import JAVA_DOUBLE, JAVA_FLOAT
from dsflow.embedded.csvdialect import BLANK
from dsflow.embedded.shanghai import sql_offset
from dsflow.embedded.storage import text_literal
from dsflow.openmldb.types import ColumnType

NOTHING = '""'
"""What stands for an empty text."""

_IN_OTHER_TYPES = set("0123456789+-.:TEINaefilnrstuy")
"""The characters that values of the other types are written with."""

_WHOLE = (ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT)

_FIVE_DIGITS_MS = 253402272000000
"""The first millisecond of the year 10000, local time."""

_BLANKS = " || ".join(f"chr({ord(blank)})" for blank in BLANK)


def sql_value(value: str, kind: ColumnType, *, first: bool, delimiter: str, quote: str, null_value: str) -> str:
    """An expression for the text of a value in a line.

    Whole numbers are left to DuckDB, which writes them alike, and NULL as it is told (`null_text`).

    It raises an error for a text that would have to be quoted if there is no quote: Spark writes NUL characters
    around it, and nothing reads them.

    Args:
        value: an expression for the stored value.
        kind: its type.
        first: whether it is the first of its line, where ``#`` begins a comment.
        delimiter, quote, null_value: the options.
    """
    plain = _plain(value, kind)
    if kind is ColumnType.STRING or _IN_OTHER_TYPES & set(delimiter + quote):
        plain = sql_text(plain, first=first, delimiter=delimiter, quote=quote)
    elif kind in _WHOLE:
        return value
    return f"coalesce({plain}, {text_literal(null_text(null_value))})"


def null_text(null_value: str) -> str:
    """What stands for NULL in a line, by the option of that name."""
    return null_value or NOTHING


def sql_text(text: str, *, first: bool, delimiter: str, quote: str) -> str:
    """An expression for a text as it stands in a line."""
    trimmed = f"trim({text}, {_BLANKS})"
    # blanks before it are cut off before Spark looks, those after it later
    seen = f"ltrim({text}, {_BLANKS})"
    inside = [f"contains({seen}, {text_literal(delimiter)})", f"regexp_matches({seen}, '[\\r\\n]')"]
    if first:
        inside.append(f"starts_with({trimmed}, '#')")
    if quote:
        mark = text_literal(quote)
        inside.append(f"contains({seen}, {mark})")
        escaped = f"replace(replace({trimmed}, '\\', '\\\\'), {mark}, {text_literal(chr(92) + quote)})"
        quoted = f"{mark} || {escaped} || {mark}"
    else:
        inside.append(f"contains({seen}, chr(0))")
        quoted = "error('a text would have to be quoted')"
    return (
        f"CASE WHEN {text} IS NULL THEN NULL WHEN {trimmed} = '' THEN '{NOTHING}'"
        f" WHEN {' OR '.join(inside)} THEN {quoted} ELSE {trimmed} END"
    )


def _plain(value: str, kind: ColumnType) -> str:
    if kind is ColumnType.STRING:
        return value
    if kind is ColumnType.TIMESTAMP:
        ahead = sql_offset(value)
        shown = f"strftime(epoch_ms({value} + {ahead}), '%Y-%m-%dT%H:%M:%S.%g')"
        zone = f"CASE {ahead} WHEN 28800000 THEN '+08:00' WHEN 32400000 THEN '+09:00' ELSE '+08:05' END"
        return f"({_plus(f'{value} >= {_FIVE_DIGITS_MS}')} || {shown} || {zone})"
    if kind is ColumnType.DATE:
        year = f"year({value}) > 9999"
        return f"({_plus(year)} || strftime({value}, '%Y-%m-%d'))"
    if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
        return _float(value, kind)
    return f"CAST({value} AS VARCHAR)"


def _plus(condition: str) -> str:
    """Java's sign before a year of more than four digits."""
    return f"if({condition}, '+', '')"


def _float(value: str, kind: ColumnType) -> str:
    """Java's text of a number, out of DuckDB's where both have the same digits."""
    size, text = f"abs({value})", f"CAST(abs({value}) AS VARCHAR)"
    function, low, high = (JAVA_FLOAT, "1e-37", "1e7") if kind is ColumnType.FLOAT else (JAVA_DOUBLE, "1e-300", "9e15")
    mantissa = f"split_part({text}, 'e', 1)"
    power = f"CAST(split_part({text}, 'e', 2) AS INTEGER)"
    # DuckDB begins with exponents at other sizes than Java
    digits = f"rtrim(replace({text}, '.', ''), '0')"
    large = f"{_point(digits)} || 'E' || (strpos({text}, '.') - 2)"
    small = f"{_point(f'ltrim({digits}, chr(48))')} || 'E-' || (length({digits}) - length(ltrim({digits}, '0')))"
    point = f"if(contains({mantissa}, '.'), {mantissa}, {mantissa} || '.0')"
    shown = (
        f"CASE WHEN {size} >= 1e-3 AND {size} < 1e7 THEN {text}"
        f" WHEN contains({text}, 'e') THEN {point} || 'E' || {power}"
        f" WHEN {size} >= 1e7 THEN {large} ELSE {small} END"
    )
    sign = f"if(signbit({value}), '-', '')"
    return (
        f"CASE WHEN isnan({value}) THEN 'NaN' WHEN isinf({value}) THEN {sign} || 'Infinity'"
        f" WHEN {value} = 0 THEN {sign} || '0.0'"
        f" WHEN {size} < {low} OR {size} >= {high} THEN {function}({value}) ELSE {sign} || {shown} END"
    )


def _point(digits: str) -> str:
    return f"left({digits}, 1) || '.' || if(length({digits}) > 1, substr({digits}, 2), '0')"
