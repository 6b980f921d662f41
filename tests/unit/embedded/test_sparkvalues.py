"""Text in CSV files as values: what Spark reads is read to the same value, what it turns into NULL is bad."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.embedded.sparkvalues import TimeForm, sql_is_bad, sql_of_text
from dsflow.openmldb.types import ColumnType

REFUSED = "refused"
CONNECTION = duckdb.connect()
MILLISECONDS: TimeForm = "milliseconds"


def by_sql(kind: ColumnType, text: str, form: TimeForm | None = None) -> Any:
    try:
        row = CONNECTION.execute(f"SELECT {sql_of_text(kind, '$1', form)}", [text]).fetchone()
    except duckdb.Error:
        row = (REFUSED,)
    assert row is not None
    inner = "(SELECT CAST($1 AS VARCHAR) AS t)"
    bad = CONNECTION.execute(f"SELECT {sql_is_bad(kind, 't', form)} FROM {inner}", [text]).fetchone()
    assert bad == (row[0] == REFUSED,)
    return row[0]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.INT, "+05", 5),
        (ColumnType.INT, "1.5", REFUSED),
        (ColumnType.INT, " 5", REFUSED),
        (ColumnType.INT, "2147483648", REFUSED),
        (ColumnType.INT, "", None),
        (ColumnType.DOUBLE, " 1.5 ", 1.5),
        (ColumnType.DOUBLE, "1.5f", 1.5),
        (ColumnType.DOUBLE, "-Inf", -math.inf),
        (ColumnType.DOUBLE, "nan", REFUSED),
        (ColumnType.BOOL, "TRUE", True),
        (ColumnType.BOOL, "1", REFUSED),
        (ColumnType.DATE, "2017-1-8", dt.date(2017, 1, 8)),
        (ColumnType.DATE, "2017-01-08 23:59:59", dt.date(2017, 1, 8)),
        (ColumnType.DATE, "2017-01-08T23:59:59Z", dt.date(2017, 1, 8)),
        (ColumnType.DATE, "2017-02-30", REFUSED),
        (ColumnType.DATE, "20170208", REFUSED),
        (ColumnType.TIMESTAMP, "2017-11-08 06:30:54", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54.1239999", 1510093854123),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54+08:00", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54+0800", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-07T22:30:54Z", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-07 22:30:54 UTC", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-07 17:00:54 GMT-5:30", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08", 1510070400000),
        (ColumnType.TIMESTAMP, "1988-07-01 12:00:00", 583729200000),
        (ColumnType.TIMESTAMP, "1900-01-01 00:00:00", -2209017943000),
        (ColumnType.TIMESTAMP, "2017-11-08 24:00:00", REFUSED),
        (ColumnType.TIMESTAMP, "1510093854123", REFUSED),
        (ColumnType.TIMESTAMP, "06:30:54", REFUSED),
        (ColumnType.STRING, "", ""),
    ],
)
def test_values(kind: ColumnType, text: str, value: Any) -> None:
    assert by_sql(kind, text) == value


@settings(max_examples=200, deadline=None)
@given(st.datetimes(dt.datetime(1850, 1, 1), dt.datetime(2100, 1, 1)))
def test_local_times_are_those_of_the_zone_database(moment: dt.datetime) -> None:
    instant = moment.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    wanted = round((instant - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) / dt.timedelta(microseconds=1)) // 1000
    assert by_sql(ColumnType.TIMESTAMP, f"{moment:%Y-%m-%d %H:%M:%S.%f}") == wanted


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**12), 10**13))
def test_milliseconds(number: int) -> None:
    """They go through a double there, as microseconds."""
    micros = int(number / 1000 * 1000000)
    assert by_sql(ColumnType.TIMESTAMP, str(number), MILLISECONDS) == micros // 1000


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(ColumnType),
    text=st.text(alphabet="0123456789+-.eE:TZ NaInfityrusl_x", max_size=24),
    form=st.sampled_from(["milliseconds", "text"]),
)
def test_what_is_bad_is_refused(kind: ColumnType, text: str, form: TimeForm) -> None:
    by_sql(kind, text, form)
