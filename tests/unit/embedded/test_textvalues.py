"""Text as values: the SQL and the Python reading agree on everything."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.embedded.textvalues import sql_is_bad, sql_of_text, value_of_text
from dsflow.openmldb.types import ColumnType

REFUSED = "refused"
CONNECTION = duckdb.connect()
CONNECTION.execute("SET TimeZone = 'UTC'")
STATEMENTS = {kind: f"SELECT {sql_of_text(kind, '$1')}" for kind in ColumnType}
BAD = {kind: f"SELECT {sql_is_bad(kind, 't')} FROM (SELECT CAST($1 AS VARCHAR) AS t)" for kind in ColumnType}


def by_sql(kind: ColumnType, text: str) -> Any:
    try:
        row = CONNECTION.execute(STATEMENTS[kind], [text]).fetchone()
    except duckdb.Error:
        return REFUSED
    assert row is not None
    return row[0]


def by_python(kind: ColumnType, text: str) -> Any:
    if text == "" and kind is not ColumnType.STRING:
        return None
    try:
        return value_of_text(kind, text)
    except ValueError:
        return REFUSED


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        # the Python reading only tells good from bad, so it need not round to single precision
        huge = abs(right) > 3.4e38 and math.isinf(left)
        tiny = abs(left - right) < 1e-37
        return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-6) or huge or tiny
    return bool(left == right) and type(left) is type(right)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.INT, "05", 5),
        (ColumnType.INT, "+5", 5),
        (ColumnType.INT, "-2147483648", -(2**31)),
        (ColumnType.INT, "2147483648", REFUSED),
        (ColumnType.INT, "1.5", REFUSED),
        (ColumnType.INT, "1e3", REFUSED),
        (ColumnType.INT, "0x10", REFUSED),
        (ColumnType.INT, "1_000", REFUSED),
        (ColumnType.INT, " 5", REFUSED),
        (ColumnType.INT, "", None),
        (ColumnType.SMALLINT, "32768", REFUSED),
        (ColumnType.BIGINT, "9223372036854775807", 2**63 - 1),
        (ColumnType.BIGINT, "9223372036854775808", REFUSED),
        (ColumnType.DOUBLE, "1e400", math.inf),
        (ColumnType.DOUBLE, ".5", 0.5),
        (ColumnType.DOUBLE, "5.", 5.0),
        (ColumnType.DOUBLE, "-Infinity", -math.inf),
        (ColumnType.BOOL, "TRUE", True),
        (ColumnType.BOOL, "1", REFUSED),
        (ColumnType.DATE, "2017-1-8", dt.date(2017, 1, 8)),
        (ColumnType.DATE, "2017-02-30", REFUSED),
        (ColumnType.DATE, "20170208", REFUSED),
        (ColumnType.TIMESTAMP, "2017-11-08 06:30:54", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54.1239", 1510093854123),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54+08:00", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-07T22:30:54Z", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08", 1510070400000),
        (ColumnType.TIMESTAMP, "1510093854123", 1510093854123),
        (ColumnType.TIMESTAMP, "2017-11-08 25:00:00", REFUSED),
        (ColumnType.TIMESTAMP, "yesterday", REFUSED),
        (ColumnType.STRING, "", ""),
        (ColumnType.STRING, "null", "null"),
    ],
)
def test_values(kind: ColumnType, text: str, value: Any) -> None:
    assert same(by_sql(kind, text), value)
    assert same(by_python(kind, text), value)


TEXTS = st.one_of(
    st.text(alphabet="0123456789+-.eE:TZ NaInfityrusl_x", max_size=24),
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2200, 1, 1)).map(str),
)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(ColumnType), text=TEXTS)
def test_sql_and_python_agree(kind: ColumnType, text: str) -> None:
    sql, python = by_sql(kind, text), by_python(kind, text)
    assert same(sql, python), (kind, text, sql, python)
    assert CONNECTION.execute(BAD[kind], [text]).fetchone() == (python == REFUSED,)
