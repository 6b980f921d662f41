"""Plans that look at the data: they are taken when they fit, and give what the plan that knows nothing gives."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from .conftest import Database

COLUMNS = "id int, k int, ts timestamp, v int, s string"
FRAMES = (
    "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 1s OPEN PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 0s PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 3650000d PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 9223372036854775807 PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND 1s PRECEDING",
    "ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING",
    "ROWS_RANGE BETWEEN 9223372036854775807 PRECEDING AND 3650000d PRECEDING",
    "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
    "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
)
LARGEST = 2**63 - 1


def query(frame: str, source: str = "t", what: str = "count(v) OVER w AS c") -> str:
    return f"SELECT id, {what} FROM {source} WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"


def is_narrow(sql: str) -> bool:
    return not re.search(r"AS HUGEINT\) \* 2199023255552|NULLS FIRST", sql)


def fill(database: Database, rows: list[tuple[Any, ...]], first: int = 0, columns: str = COLUMNS) -> None:
    database.create("t", columns)
    for place, row in enumerate(rows):
        database.insert("t", row, first + place)


# around 0, around one another, and at the ends of what BIGINT holds
_NEAR = st.integers(-2, 4).map(lambda n: n * 1000)
_TIMES = st.one_of(
    st.just(_NEAR),
    st.just(_NEAR.map(lambda t: t + 1509955200000)),
    st.just(st.one_of(_NEAR, st.none())),
    st.just(st.one_of(_NEAR, st.sampled_from([LARGEST, LARGEST - 1, -LARGEST - 1, 2**62, 2**62 - 2]))),
    st.just(st.integers(-LARGEST - 1, LARGEST)),
    st.just(st.integers(LARGEST - 3000, LARGEST)),
    st.just(st.integers(-LARGEST - 1, -LARGEST + 3000)),
)
_COUNTED = st.one_of(st.just(st.integers(0, 3)), st.just(st.one_of(st.integers(0, 3), st.none())))


@st.composite
def tables(draw: Any) -> tuple[list[tuple[Any, ...]], int]:
    times, counted = draw(_TIMES), draw(_COUNTED)
    row = st.tuples(st.integers(1, 2), times, counted, st.sampled_from(["a", "", None]))
    rows = draw(st.lists(row, max_size=12))
    return [(number, *values) for number, values in enumerate(rows)], draw(st.sampled_from([0, 7, 10**9, 10**12]))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.sampled_from(FRAMES), st.sampled_from(["t", "(SELECT k, ts AS ts, v, id, s FROM t)"]))
def test_both_plans_agree(
    database: Database, table: tuple[list[tuple[Any, ...]], int], frame: str, source: str
) -> None:
    fill(database, *table)
    what = (
        "count(*) OVER w AS a, count(v) OVER w AS b, count(s) OVER w AS c, sum(v) OVER w AS d,"
        " first_value(v) OVER w AS e, max(s) OVER w AS f, lag(v, 1) OVER w AS g, count(v) OVER w + 1 AS h"
    )
    text = query(frame, source, what)
    database.batch(text)
    event("narrow" if is_narrow(database.plan(text, informed=True)) else "wide")


def test_the_right_side_of_a_join_may_be_null(database: Database) -> None:
    fill(database, [(n, n % 2, 1000 * n, 1, "a") for n in range(6)])
    database.create("r", "k int, w int", [(1, 10)])
    joined = "(SELECT t.id AS id, t.k AS k, t.ts AS ts, t.v AS v, r.w AS w FROM t LAST JOIN r ON t.k = r.k)"
    text = query(FRAMES[5], joined, "count(v) OVER w AS a, count(w) OVER w AS b")
    assert is_narrow(database.plan(text, informed=True))
    assert [row[1:] for row in database.batch(text)] == [(1, 0), (1, 1), (2, 0), (2, 2), (3, 0), (3, 3)]


def test_the_narrow_plan_is_taken_for_usual_data(database: Database) -> None:
    fill(database, [(n, n % 3, 1509955200000 + n * 60_000, n, "a") for n in range(100)])
    text = query(FRAMES[0])
    assert not is_narrow(database.plan(text, informed=False))
    assert is_narrow(database.plan(text, informed=True))
    assert "count(*)" in database.plan(text, informed=True)
    assert "row_number()" in database.plan(query(FRAMES[5]), informed=True)
    assert "row_number()" in database.plan(query(FRAMES[3]), informed=True)  # 10,000 years reach back to the first


@pytest.mark.parametrize(
    ("rows", "narrow"),
    [
        ([(1, 1, None, 1, "a"), (2, 1, 5, 1, "a")], False),
        ([], False),
        # two rows take one bit: 62 bits are left for the milliseconds
        ([(1, 1, 0, 1, "a"), (2, 1, 2**62 - 2, 1, "a")], True),
        ([(1, 1, 0, 1, "a"), (2, 1, 2**62 - 1, 1, "a")], False),
        ([(1, 1, LARGEST - (2**62 - 2), 1, "a"), (2, 1, LARGEST, 1, "a")], True),
        ([(1, 1, -LARGEST - 1, 1, "a"), (2, 1, 3, 1, "a")], True),  # what is before 1970 is in no window
    ],
)
def test_the_narrow_plan_is_taken_when_it_fits(database: Database, rows: list[tuple[Any, ...]], narrow: bool) -> None:
    fill(database, rows, first=10**12)
    for frame in FRAMES:
        database.batch(query(frame))
    assert is_narrow(database.plan(query(FRAMES[0]), informed=True)) is narrow


@pytest.mark.parametrize(
    ("value", "counted"),
    [(1, "count(*)"), (None, 'count(t1."v")')],
)
def test_a_count_looks_at_values_only_when_there_may_be_null(
    database: Database, value: int | None, counted: str
) -> None:
    fill(database, [(1, 1, 1000, value, "a"), (2, 1, 1500, 2, "a"), (3, 1, 3000, 2, "a")])
    assert counted in database.plan(query(FRAMES[0]), informed=True)
    assert 'count(t1."v")' in database.plan(query(FRAMES[0]), informed=False)
    assert [row[1] for row in database.batch(query(FRAMES[0]))] == ([1, 2, 1] if value else [0, 1, 1])
