"""Parts of timestamps and dates. A timestamp's parts are taken at UTC+8, whatever the machine's zone."""

from __future__ import annotations

import re

from dsflow.embedded.compiler.functions.registry import Entry, Overload, named
from dsflow.embedded.compiler.values import BIGINT, DATE, INT, INTEGERS, STRING, TIMESTAMP, Type, Value, string_sql
from dsflow.embedded.errors import UnsupportedError

# C's format codes, as DuckDB writes them
_CODES = {code: f"%{code}" for code in "YmdHMSyjp%IBbAawuUWVG"}
_CODES |= {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "h": "%b", "n": "\n", "t": "\t"}


def _part(template: str) -> list[Overload]:
    moment = f"CAST({template.format('oml_local({0})')} AS INTEGER)"
    day = f"CAST({template.format('{0}')} AS INTEGER)"
    return [Overload((BIGINT,), INT, moment), Overload((TIMESTAMP,), INT, moment), Overload((DATE,), INT, day)]


def _remainder(moment: str, unit: int, size: int) -> list[Overload]:
    """Hour, minute, second: the remainder has the sign of the moment, also before 1970, as in OpenMLDB."""
    part = f"CAST({moment} % {unit} // {size} AS INTEGER)"
    return [Overload((BIGINT,), INT, part), Overload((TIMESTAMP,), INT, part)]


def _week(moment: str) -> str:
    return f"CASE WHEN year({moment}) NOT BETWEEN 1400 AND 9999 THEN 0 ELSE week({moment}) END"


def _not_before_1970(template: str, returns: Type) -> list[Overload]:
    """Functions that give NULL for a moment before 1970."""
    moment = f"CASE WHEN {{0}} >= 0 THEN {template.format('oml_local({0})')} END"
    return [
        Overload((BIGINT,), returns, moment),
        Overload((TIMESTAMP,), returns, moment),
        Overload((DATE,), returns, template.format("{0}")),
    ]


def _date_format(values: list[Value]) -> Value:
    if not values[1].is_literal:
        raise UnsupportedError("date_format with a format that is not a literal")
    text = str(values[1].literal)
    constant = values[0].constant
    if not text:
        return Value(f"CASE WHEN {values[0].sql} IS NOT NULL THEN '' END", STRING, constant=constant)
    codes = re.findall("%(.?)", text, re.DOTALL)
    # OpenMLDB writes into 80 bytes and gives nothing certain when they are too few; a code gives 10 at most
    if set(codes) - set(_CODES) or len(re.sub("%.", "", text, flags=re.DOTALL).encode()) + 10 * len(codes) >= 80:
        raise UnsupportedError(f"date_format with the format {text!r}")
    pattern = string_sql(re.sub("%(.)", lambda code: _CODES[code[1]], text))
    moment = f"oml_local({values[0].sql})" if values[0].type is TIMESTAMP else values[0].sql
    return Value(f"strftime({moment}, {pattern})", STRING, constant=constant)


_TEXT_DAY = {
    STRING: "oml_text_to_day({})",
    DATE: "{}",
}


def _date_diff(values: list[Value]) -> Value:
    days = [_TEXT_DAY[v.type].format(v.sql) for v in values]  # type: ignore[index]
    sql = f"CAST(date_diff('day', {days[1]}, {days[0]}) AS INTEGER)"
    return Value(sql, INT, constant=all(v.constant for v in values))


def _unix_timestamp(values: list[Value]) -> Value:
    if values[0].type is DATE:
        return Value(f"(oml_date_to_timestamp({values[0].sql}) // 1000)", BIGINT, constant=values[0].constant)
    text = values[0].sql
    now = "oml_refuse('unix_timestamp of an empty text is the present time, which is not supported')"
    sql = f"CASE WHEN {text} = '' THEN {now} ELSE oml_text_to_timestamp({text}) // 1000 END"
    return Value(sql, BIGINT, constant=values[0].constant)


def _add_months(values: list[Value]) -> Value:
    sql = f"oml_date(oml_add_months({values[0].sql}, {values[1].sql}))"
    return Value(sql, DATE, constant=all(v.constant for v in values))


MACROS = {
    "oml_text_to_day(s)": (
        # a text without a zone is read as UTC and its day taken at UTC+8
        "CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]') THEN"
        " CAST(try_strptime(s[1:10], '%Y-%m-%d') AS DATE) + CASE WHEN s[12:13] >= '16' THEN 1 ELSE 0 END"
        " WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN CAST(try_strptime(s, '%Y-%m-%d') AS DATE)"
        " WHEN regexp_full_match(s, '[0-9]{8}') THEN CAST(try_strptime(s, '%Y%m%d') AS DATE)"
        " WHEN regexp_matches(s, '^\\s*[0-9]{1,4}\\s*-\\s*[0-9]{1,2}\\s*-') THEN"
        " oml_refuse('datediff of the text ' || s || ' is not supported') END"
    ),
    "oml_add_months(d, n)": (
        "CASE WHEN n NOT BETWEEN -120000 AND 120000"
        " THEN oml_refuse('add_months of more than 10000 years is not supported')"
        " ELSE d + to_months(CAST(n AS INTEGER)) END"
    ),
}

FUNCTIONS: dict[str, Entry] = {
    "year": _part("year({})"),
    "month": _part("month({})"),
    **named(("dayofmonth", "day"), _part("day({})")),
    "dayofweek": _part("(dayofweek({}) + 1)"),
    **named(("weekofyear", "week"), _part(_week("{0}"))),
    "dayofyear": _not_before_1970("CAST(dayofyear({}) AS INTEGER)", INT),
    "last_day": _not_before_1970("oml_date(last_day({}))", DATE),
    "hour": _remainder("oml_utc8({0})", 86_400_000, 3_600_000),
    "minute": _remainder("{0}", 3_600_000, 60_000),
    "second": _remainder("{0}", 60_000, 1000),
    "date_format": [Overload((t, STRING), None, _date_format) for t in (TIMESTAMP, DATE)],
    "datediff": [Overload((a, b), None, _date_diff) for a in (DATE, STRING) for b in (DATE, STRING)],
    "unix_timestamp": [Overload((t,), None, _unix_timestamp) for t in (DATE, STRING)],
    "add_months": [Overload((DATE, t), None, _add_months) for t in INTEGERS],
}
