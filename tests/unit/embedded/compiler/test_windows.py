"""Windows: frames count row by row, in batch mode and in request mode."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsflow.embedded.errors import SqlError, UnsupportedError

from .conftest import Database

COLUMNS = "id int, k string, ts timestamp, v int"
ROWS = [
    (1, "a", 1000, 10),
    (2, "a", 1000, 20),
    (3, "a", 2000, 30),
    (4, "a", 2000, 40),
    (5, "a", 4001, 50),
    (6, "b", 1000, 60),
    (7, None, 1000, 70),
    (8, None, 1500, None),
]


def select(frame: str, what: str = "count(v) OVER w AS c, sum(v) OVER w AS s", union: str = "") -> str:
    return f"SELECT id, {what} FROM t WINDOW w AS ({union}PARTITION BY k ORDER BY ts {frame})"


@pytest.mark.parametrize(
    ("frame", "sums"),
    [
        ("ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW", [10, 30, 60, 100, 50, 60, 70, 70]),
        ("ROWS_RANGE BETWEEN 1s OPEN PRECEDING AND CURRENT ROW", [10, 30, 30, 70, 50, 60, 70, 70]),
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", [10, 30, 60, 100, 150, 60, 70, 70]),
        ("ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING", [None, None, 30, 30, 70, None, None, None]),
        ("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", [10, 30, 50, 70, 90, 60, 70, 70]),
        ("ROWS BETWEEN 2 OPEN PRECEDING AND CURRENT ROW", [10, 30, 50, 70, 90, 60, 70, 70]),
        ("ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING", [None, 10, 30, 50, 70, None, None, 70]),
        ("ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW MAXSIZE 2", [10, 30, 50, 70, 50, 60, 70, 70]),
        (
            "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
            [None, 10, 30, 60, None, None, None, 70],
        ),
        (
            "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME",
            [10, 20, 60, 70, 50, 60, 70, 70],
        ),
        ("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW", [None, 10, 30, 50, 70, None, None, 70]),
    ],
)
def test_frames(database: Database, frame: str, sums: list[Any]) -> None:
    query = select(frame, "sum(v) OVER w AS s")
    database.create("t", COLUMNS, ROWS)
    assert [row[1] for row in database.batch(query)] == sums
    database.create("t", COLUMNS)
    assert [row[1] for row in database.request(query, ROWS)] == sums


def test_empty_frames_count_nothing(database: Database) -> None:
    database.create("t", COLUMNS, ROWS[:1])
    frame = "ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING"
    what = "count(v) OVER w AS a, distinct_count(v) OVER w AS b, avg(v) OVER w AS c, min(v) OVER w AS d"
    assert database.batch(select(frame, what)) == [(1, 0, 0, None, None)]


def test_union(database: Database) -> None:
    database.create("t", COLUMNS, ROWS)
    database.create("u", COLUMNS, [(101, "a", 1000, 1), (102, "a", 3000, 2), (103, None, 1500, 4)])
    frame = "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW"
    expected = [11, 31, 61, 101, 50, 60, 70, 74]
    assert [r[1] for r in database.batch(select(frame, "sum(v) OVER w AS s", "UNION u "))] == expected
    alone = f"{frame} INSTANCE_NOT_IN_WINDOW"
    expected = [11, 21, 31, 41, 50, 60, 70, 4]
    assert [r[1] for r in database.batch(select(alone, "sum(v) OVER w AS s", "UNION u "))] == expected
    database.create("t", COLUMNS)
    assert [r[1] for r in database.request(select(alone, "sum(v) OVER w AS s", "UNION u "), ROWS)] == expected


def test_rows_with_a_time_before_1970_are_dropped(database: Database) -> None:
    database.create("t", COLUMNS, [(1, "a", -5, 1), (2, "a", 0, 2), (3, "a", None, 4)])
    frame = "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW"
    assert database.batch(select(frame, "sum(v) OVER w AS s")) == [(2, 6), (3, 4)]


def test_lag_looks_back_past_the_frame(database: Database) -> None:
    database.create("t", COLUMNS, ROWS[:5])
    frame = "ROWS_RANGE BETWEEN 0s PRECEDING AND CURRENT ROW"
    what = "lag(v, 1) OVER w AS l, first_value(v) OVER w AS f, lag(v, 1) OVER w - 0 AS inside"
    assert database.batch(select(frame, what)) == [
        (1, None, 10, None),
        (2, 10, 10, 10),
        (3, 20, 30, None),
        (4, 30, 30, 30),
        (5, 40, 50, None),
    ]


def test_one_column_uses_one_window(database: Database) -> None:
    database.create("t", COLUMNS)
    frame = "(PARTITION BY k ORDER BY ts ROWS BETWEEN {} PRECEDING AND CURRENT ROW)"
    query = f"SELECT sum(v) OVER {frame.format(1)} + sum(v) OVER {frame.format(2)} AS x FROM t"
    with pytest.raises(SqlError, match="two windows"):
        database.batch(query)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("ROWS BETWEEN 1s PRECEDING AND CURRENT ROW", "counts rows"),
        ("ROWS BETWEEN 1 PRECEDING AND 2 PRECEDING", "ends before"),
        ("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW MAXSIZE 3", "MAXSIZE"),
        ("RANGE BETWEEN 1 PRECEDING AND CURRENT ROW", "RANGE"),
        ("", "needs a frame"),
    ],
)
def test_wrong_frames(database: Database, frame: str, message: str) -> None:
    database.create("t", COLUMNS)
    with pytest.raises(SqlError, match=message):
        database.batch(select(frame))


NESTED = {
    # an aggregate alone has its value for each row of the frame
    "sum(max(v))": lambda vs: len(vs) * max(vs),
    "count(sum(v))": len,
    "max(first_value(v))": lambda vs: vs[0],
    "distinct_count(sum(v))": lambda vs: 1,
    "sum(v - count(v))": lambda vs: sum(v - len(vs) for v in vs),
    "sum(v + sum(v * count(v)))": lambda vs: sum(v + sum(w * len(vs) for w in vs) for v in vs),
    "count_where(id, v = first_value(v))": lambda vs: vs.count(vs[0]),
    "count_where(id, v = last_value(v))": lambda vs: vs.count(vs[-1]),
    "count_where(id, v = lag(v, 0))": lambda vs: vs.count(vs[-1]),
    "count_where(id, v > avg(v))": lambda vs: sum(v > sum(vs) / len(vs) for v in vs),
    "max(v - min(v)) + count(*)": lambda vs: max(vs) - min(vs) + len(vs),
    "sum(v - int(distinct_count(v)))": lambda vs: sum(v - len(set(vs)) for v in vs),
}


@pytest.mark.parametrize("what", NESTED)
@pytest.mark.parametrize("more", ["", "MAXSIZE 2"])
def test_an_aggregate_in_the_argument_of_another_runs_over_all_of_the_frame(
    database: Database, what: str, more: str
) -> None:
    rows = [(1, "a", 1, 4), (2, "a", 2, 2), (3, "b", 3, 9), (4, "a", 4, 4), (5, "a", 5, 7), (6, "a", 5, 4)]
    of_a = [row[3] for row in rows if row[1] == "a"]
    size = 2 if more else 9
    frame = f"ROWS_RANGE BETWEEN 9s PRECEDING AND CURRENT ROW {more}"
    frames = {row[0]: of_a[max(0, n + 1 - size) : n + 1] for n, row in enumerate(r for r in rows if r[1] == "a")}
    frames[3] = [9]
    wanted = [(id_, NESTED[what](frames[id_])) for id_ in sorted(frames)]
    item = what.replace(")) + count(*)", ")) OVER w + count(*)") + " OVER w AS x"
    database.create("t", COLUMNS, rows)
    assert database.batch(select(frame, item)) == wanted
    database.create("t", COLUMNS)
    assert database.request(select(frame, item), rows) == wanted


def test_an_aggregate_in_an_empty_frame(database: Database) -> None:
    database.create("t", COLUMNS, [(1, "a", 1, 4)])
    frame = "ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING"
    items = "sum(v - count(v)) OVER w AS x, count_where(v, v = max(v)) OVER w AS y"
    assert database.batch(select(frame, items)) == [(1, None, 0)]
    database.create("t", COLUMNS)
    assert database.request(select(frame, items), [(1, "a", 1, 4)]) == [(1, None, 0)]


def test_a_nested_aggregate_in_group_by_is_refused(database: Database) -> None:
    database.create("t", COLUMNS)
    with pytest.raises(UnsupportedError, match="in GROUP BY"):
        database.batch("SELECT k, sum(v - count(v)) AS x FROM t GROUP BY k")


def test_a_frame_of_rows_that_ends_after_the_current_one_ends_there(database: Database) -> None:
    rows = [(1, "a", 1, 4), (2, "a", 2, 2), (3, "a", 3, 9), (4, "a", 4, 1)]
    query = select("ROWS BETWEEN 2 PRECEDING AND -1 PRECEDING", "sum(v) OVER w AS x")
    wanted = [(1, 4), (2, 6), (3, 15), (4, 12)]
    database.create("t", COLUMNS, rows)
    assert database.batch(query) == wanted
    database.create("t", COLUMNS)
    assert database.request(query, rows) == wanted
    for frame in ("ROWS_RANGE BETWEEN 2s PRECEDING AND -1s PRECEDING", "ROWS BETWEEN 2 PRECEDING AND -1 PRECEDING {}"):
        with pytest.raises(UnsupportedError, match="negative bound"):
            database.batch(select(frame.format("EXCLUDE CURRENT_ROW"), "sum(v) OVER w AS x"))


def expected_sum(rows: list[tuple[Any, ...]], place: int, back: int, maxsize: int, skip_row: bool) -> int | None:
    """The sum of a frame, spelled out."""
    _, key, now, _ = rows[place]
    frame = [i for i in range(place + 1) if rows[i][1] == key and now - back <= rows[i][2] <= now]
    frame.sort(key=lambda i: (rows[i][2], i))
    if skip_row:
        frame.remove(place)
    values = [rows[i][3] for i in (frame[-maxsize:] if maxsize else frame)]
    return sum(values) if values else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(-9, 9)), min_size=1, max_size=12),
    st.integers(0, 4),
    st.sampled_from([0, 1, 3]),
    st.booleans(),
)
def test_request_mode_against_a_definition(
    database: Database, given_rows: list[tuple[str, int, int]], back: int, maxsize: int, skip_row: bool
) -> None:
    """Rows come in any order of time; a request sees the rows stored before it."""
    rows = [(i, key, time, value) for i, (key, time, value) in enumerate(given_rows)]
    limit = f" MAXSIZE {maxsize}" if maxsize else ""
    exclude = " EXCLUDE CURRENT_ROW" if skip_row else ""
    frame = f"ROWS_RANGE BETWEEN {back} PRECEDING AND CURRENT ROW{limit}{exclude}"
    database.create("t", COLUMNS)
    answers = database.request(select(frame, "sum(v) OVER w AS s"), rows)
    assert [s for _, s in answers] == [expected_sum(rows, i, back, maxsize, skip_row) for i in range(len(rows))]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 5), st.integers(-9, 9)), max_size=12),
    st.sampled_from(
        [
            "ROWS_RANGE BETWEEN 2 PRECEDING AND CURRENT ROW",
            "ROWS_RANGE BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME",
            "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
            "ROWS_RANGE BETWEEN 3 PRECEDING AND 1 PRECEDING MAXSIZE 2",
        ]
    ),
)
def test_batch_and_request_agree_when_time_runs_forward(
    database: Database, given_rows: list[tuple[Any, int, int]], frame: str
) -> None:
    ordered = sorted(given_rows, key=lambda row: row[1])
    # from 1 on: a row of time 0 is in its own past frame, and MAXSIZE counts it offline but not online
    rows = [(i, key, time + 1, value) for i, (key, time, value) in enumerate(ordered)]
    query = select(frame, "count(v) OVER w AS c, sum(v) OVER w AS s, min(v) OVER w AS m")
    database.create("t", COLUMNS, rows)
    batch = database.batch(query)
    database.create("t", COLUMNS)
    assert sorted(database.request(query, rows), key=repr) == batch


def test_a_window_without_order_follows_the_arrival(database: Database) -> None:
    rows = [(1, "a", 9, 1), (2, "a", 3, 2), (3, "a", 5, 4), (4, "b", 1, 8)]
    query = "SELECT id, sum(v) OVER w AS s FROM t WINDOW w AS (PARTITION BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    database.create("t", COLUMNS, rows)
    assert database.batch(query) == [(1, 1), (2, 3), (3, 6), (4, 8)]
    database.create("t", COLUMNS)
    assert database.request(query, rows) == [(1, 1), (2, 3), (3, 6), (4, 8)]


def test_nan_among_the_values_of_a_frame(database: Database) -> None:
    """NaN never replaces a value in max, but min_where and max_where begin with the newest value."""
    rows = [(1, "a", 1, 2.0), (2, "a", 2, math.nan), (3, "a", 3, 5.0), (4, "a", 4, math.nan)]
    what = "max(v) OVER w AS b, min_where(v, id > 0) OVER w AS c, distinct_count(v) OVER w AS d"
    database.create("t", "id int, k string, ts timestamp, v double", rows)
    found = database.batch(select("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", what))
    assert [row[1] for row in found] == [2.0, 2.0, 5.0, 5.0]
    assert [row[3] for row in found] == [1, 2, 3, 4]
    assert (found[0][2], found[2][2]) == (2.0, 2.0)
    assert math.isnan(found[1][2])
    assert math.isnan(found[3][2])


def test_no_frame_has_rows_from_before_1970(database: Database) -> None:
    database.create("t", COLUMNS, [(1, "a", -5, 1), (2, "a", 0, 2), (3, "a", 4, 4)])
    database.create("u", COLUMNS, [(101, "a", -1, 8), (102, "a", 1, 16)])
    frame = "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    for limit in ("", " MAXSIZE 9"):
        query = select(frame + limit, "sum(v) OVER w AS s")
        assert database.batch(query) == [(2, 2), (3, 6)]
        assert database.batch(query.replace("(PARTITION", "(UNION u PARTITION")) == [(2, 2), (3, 22)]


def test_ties_among_the_tables_of_a_union(database: Database) -> None:
    """The last table's rows come first, then the others', then the window's own; online it is the same."""
    rows = [(1, "a", 5, 1)]
    database.create("t", COLUMNS, rows)
    database.create("u", COLUMNS, [(101, "a", 5, 2), (102, "a", 5, 3)])
    database.create("x", COLUMNS, [(201, "a", 5, 4), (202, "a", 5, 5)])
    frame = "ROWS BETWEEN {} PRECEDING AND CURRENT ROW"
    queries = [select(frame.format(n), "first_value(v) OVER w AS s", "UNION u, x ") for n in range(5)]
    assert [database.batch(query)[0][1] for query in queries] == [1, 3, 2, 5, 4]
    for query, value in zip(queries, [1, 3, 2, 5, 4], strict=True):
        database.create("t", COLUMNS)
        assert database.request(query, rows) == [(1, value)]


def test_a_star_beside_a_window_of_any_kind(database: Database) -> None:
    database.create("t", COLUMNS, ROWS[:2])
    window = "(PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW{})"
    for limit in ("", " MAXSIZE 5"):
        query = f"SELECT *, count(v) OVER w AS c FROM t WINDOW w AS {window.format(limit)}"
        assert database.batch(query) == [(1, "a", 1000, 10, 1), (2, "a", 1000, 20, 2)]


def test_an_aggregate_that_reads_no_rows_gives_one_answer(database: Database) -> None:
    database.create("t", COLUMNS)
    what = "nth_value_where(v, 0, v > 0) OVER w AS n, topn_frequency(v, 0) OVER w AS f"
    for frame in ("ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING", "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"):
        assert database.request(select(frame, what), ROWS[:2]) == [(1, None, ""), (2, None, "")]
        database.create("t", COLUMNS)


def test_the_part_of_each_category_that_meets_a_condition(database: Database) -> None:
    rows = [(1, "x", 1, 0), (2, "x", 2, None), (3, "y", 3, 1), (4, "y", 4, 3), (5, None, 5, 1), (6, "z", 6, 5)]
    database.create("t", COLUMNS, rows)
    window = "WINDOW w AS (PARTITION BY g ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    what = ", ".join(f"top_n_{kind}_ratio_cate(v, v < 3, k, 2) OVER w AS {kind}" for kind in ("key", "value"))
    found = database.batch(f"SELECT id, {what} FROM (SELECT *, bool(true) AS g FROM t) AS q {window}")
    assert found[0][1:] == ("x:1.000000", "x:1.000000")
    assert found[-1][1:] == ("z:0.000000,y:0.500000", "x:1.000000,y:0.500000")


def test_a_median_adds_in_the_type_of_its_values(database: Database) -> None:
    """Of an even number of values the middle two are added as they are, and their sum wraps around."""
    big = 1_600_000_000
    rows = [(1, "a", 1, big), (2, "a", 2, big), (3, "a", 3, big), (4, "b", 4, 3), (5, "b", 5, 4)]
    database.create("t", COLUMNS, rows)
    query = select("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "median(v) OVER w AS m")
    wrapped = (2 * big - 2**32) / 2
    assert database.batch(query) == [(1, big), (2, wrapped), (3, big), (4, 3.0), (5, 3.5)]
    database.create("t", "id int, k string, ts timestamp, v bigint", [(1, "a", 1, 2**62), (2, "a", 2, 2**62)])
    with pytest.raises(duckdb.Error, match="median of bigint values beyond"):
        database.batch(query)


def test_of_zeros_with_a_sign_the_newest_is_printed(database: Database) -> None:
    rows = [(1, "a", 1, 0.0), (2, "a", 2, -0.0), (3, "a", 3, 1.5), (4, "a", 4, 0.0)]
    database.create("t", "id int, k string, ts timestamp, v double", rows)
    what = "top(v, 9) OVER w AS a, topn_frequency(v, 1) OVER w AS b"
    assert database.batch(select("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", what)) == [
        (1, "0.000000", "0.000000"),
        (2, "-0.000000,-0.000000", "-0.000000"),
        (3, "1.500000,-0.000000,-0.000000", "-0.000000"),
        (4, "1.500000,0.000000,0.000000,0.000000", "0.000000"),
    ]


def test_the_largest_timestamp_is_not_before_1970(database: Database) -> None:
    database.create("t", "id int, k string, ts timestamp, v timestamp", [(1, "a", 1, None), (2, "a", 2, -5)])
    found = database.batch(select("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "max(v) OVER w AS m"))
    assert found == [(1, None), (2, 0)]


@pytest.mark.parametrize(
    "call",
    ["min(v)", "median(v)", "entropy(v)", "top1_ratio(v)", "topn_frequency(v, 2)",
     "top_n_value_sum_cate_where(v, true, k, 2)"],
)  # fmt: skip
def test_an_order_of_nan_is_refused(database: Database, call: str) -> None:
    database.create("t", "id int, k string, ts timestamp, v double", [(1, "a", 1, 2.0), (2, "a", 2, math.nan)])
    with pytest.raises(duckdb.Error, match="NaN is not supported"):
        database.batch(select("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", f"{call} OVER w AS m"))


def test_the_spread_of_an_infinity_alone(database: Database) -> None:
    database.create("t", "id int, k string, ts timestamp, v double", [(1, "a", 1, math.inf), (2, "b", 2, 3.0)])
    what = "stddev_pop(v) OVER w AS a, var_pop(v) OVER w AS b, stddev(v) OVER w AS c"
    first, second = database.batch(select("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", what))
    assert all(map(math.isnan, first[1:3]))
    assert (first[3], second) == (None, (2, 0.0, 0.0, None))


@pytest.mark.parametrize("start", ["9s", "UNBOUNDED"])
def test_ties_follow_the_arrival_in_a_frame_that_ends_in_the_past(database: Database, start: str) -> None:
    """However the rows lie in the table, as after a join."""
    database.create("t", COLUMNS)
    for row, place in (((3, "a", 9000, 3), 2), ((2, "a", 1000, 2), 1), ((1, "a", 1000, 1), 0)):
        database.insert("t", row, place)
    what = "first_value(v) OVER w AS f, last_value(v) OVER w AS l"
    frame = f"ROWS_RANGE BETWEEN {start} PRECEDING AND 1s PRECEDING"
    assert database.batch(select(frame, what)) == [(1, None, None), (2, None, None), (3, 1, 2)]


@pytest.mark.parametrize(
    ("frame", "counts"),
    [
        ("ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW", [1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8]),
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", list(range(1, 13))),
        # the end of a frame is never before 0: of the rows of that time those up to the row are inside
        ("ROWS_RANGE BETWEEN 2s PRECEDING AND 1s PRECEDING", [1, 2, 3, 4, 4, 4, 4, 4, 8, 8, 8, 8]),
        ("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", [1, 2, *[3] * 10]),
    ],
)
@pytest.mark.parametrize(
    "source", ["{}", "(SELECT id, k, ts FROM {})", "(SELECT id, k, ts FROM {} GROUP BY id, k, ts, w)"]
)
def test_rows_that_a_join_repeats_count_one_by_one(
    database: Database, frame: str, counts: list[int], source: str
) -> None:
    database.create("t", "id int, k int, ts timestamp", [(n, 1, 1000 * (n // 2)) for n in range(6)])
    database.create("r", "rk int, w int", [(1, 10), (1, 20), (2, 30)])
    joined = source.format("t LEFT JOIN r ON k = rk")
    rows = database.batch(
        f"SELECT id, count(*) OVER w AS c FROM {joined} WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    )
    if frame.endswith("CURRENT ROW"):
        assert sorted(row[1] for row in rows) == sorted(counts)
        by_time = sorted((row[0] // 2, row[1]) for row in rows)
        assert [count for _, count in by_time] == counts
    else:
        assert [row[1] for row in rows] == counts
