"""Window frames of request mode where the online engine goes its own ways, and those it shares with the offline one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from .conftest import Database

ROWS = [(n, "a", 1, 1_000_000 + n * 1000, n + 1) for n in range(6)]
COLUMNS = "id int, k string, g int, ts timestamp, v int"
WINDOWED = (
    "(SELECT k, u, sum(v) OVER w AS v FROM r WINDOW w AS"
    " (PARTITION BY k ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW))"
)
FRAME = "ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING"


def below_a_join(frame: str, what: str, beside: str = "") -> str:
    inner = f"SELECT k, ts, {what} OVER w AS c{beside} FROM r WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    return f"SELECT t.id, q.c FROM t LAST JOIN ({inner}) AS q ORDER BY q.ts ON t.k = q.k"


def joined(database: Database, query: str, rows: list[Any] = ROWS) -> tuple[Any, Any]:
    """The answers of request mode and of batch mode for one row of the left table."""
    row = (9, "a", 1, 9_000_000, 9)
    database.create("t", COLUMNS)
    database.create("r", COLUMNS, rows)
    online = database.request(query, [row])
    return online[0][1], database.batch(query)[0][1]


@pytest.mark.parametrize(
    ("what", "online", "offline"),
    [("count(v)", 2, 3), ("sum(v)", 7, 12), ("first_value(v)", 3, 3), ("last_value(v)", 4, 5)],
)
def test_an_end_before_the_row_counts_twice_online(database: Database, what: str, online: Any, offline: Any) -> None:
    assert joined(database, below_a_join(FRAME, what)) == (online, offline)


def test_a_window_beside_it_that_ends_at_the_row_takes_the_doubling_away(database: Database) -> None:
    """The engine gathers for both at once, and then the newest row is the row itself."""
    other = ", max(v) OVER (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 2s PRECEDING AND CURRENT ROW) AS m"
    assert joined(database, below_a_join(FRAME, "count(v)", other)) == (3, 3)


def test_where_nothing_is_gathered_all_is_null_online(database: Database) -> None:
    frame = "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"
    assert joined(database, below_a_join(frame, "count(v)"), ROWS[:1]) == (None, 1)
    inner = f"SELECT k, ts, ifnull(count(v) OVER w, 7) AS c FROM r WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    query = f"SELECT t.id, q.c FROM t LAST JOIN ({inner}) AS q ON t.k = q.k"
    database.create("t", COLUMNS)
    database.create("r", COLUMNS, ROWS[:1])
    assert database.request(query, [(9, "a", 1, 9_000_000, 9)]) == [(9, None)]


@pytest.mark.parametrize("what", ["topn_frequency(v, 2)"])
def test_nothing_gathered_nothing_inside_and_nothing_but_null(database: Database, what: str) -> None:
    assert joined(database, below_a_join("ROWS_RANGE BETWEEN 1s PRECEDING AND 1s PRECEDING", what), ROWS[:1])[0] is None
    past = "ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING"
    assert joined(database, below_a_join(past, what), ROWS[:1])[0] == ""
    nulls = [(1, "a", 1, 1_000_000, None)]
    assert joined(database, below_a_join("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", what), nulls)[0] == "NULL,NULL"


def test_topn_frequency_of_an_empty_frame(database: Database) -> None:
    what = "SELECT id, topn_frequency(v, 2) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {})"
    query = what.format("ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING")
    rows = [(1, "a", 1, 1000, None), (2, "a", 1, 2000, 5), (3, "a", 1, 3000, 5)]
    database.create("t", COLUMNS, rows)
    assert [row[1] for row in database.batch(query)] == ["", "NULL,NULL", "5,NULL"]
    database.create("t", COLUMNS)
    assert [row[1] for row in database.request(query, rows)] == ["", "NULL,NULL", "5,NULL"]


@pytest.mark.parametrize("end", ["1s", "1", "0 OPEN"])
@pytest.mark.parametrize("start", ["UNBOUNDED", "3s"])
def test_the_end_of_a_frame_is_never_before_0(database: Database, start: str, end: str) -> None:
    """Rows of time 0, and those without a time, are in the frames of the first times; so is the row itself."""
    query = (
        "SELECT id, count(v) OVER w AS c, last_value(v) OVER w AS l FROM t"
        f" WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN {start} PRECEDING AND {end} PRECEDING)"
    )
    rows = [(1, "a", 1, 0, 10), (2, "a", 1, 0, 20), (3, "a", 1, 1, 30), (4, "b", 1, 1, 40)]
    wanted = [(1, 1, 10), (2, 2, 20), (3, 2, 20), (4, 0, None)]
    database.create("t", COLUMNS, rows)
    assert database.batch(query) == wanted
    database.create("t", COLUMNS)
    assert database.request(query, rows) == wanted
    stored = [(5, "a", 1, None, 10), (6, "a", 1, 0, 20)]
    database.create("t", COLUMNS, stored)
    assert database.request(query, [(3, "a", 1, 1, 30)]) == [(3, 2, 20)]


@pytest.mark.parametrize("time", [None, -1])
@pytest.mark.parametrize(
    ("frame", "sums"),
    [
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", 7 + 60),
        ("ROWS_RANGE BETWEEN 3s PRECEDING AND CURRENT ROW", 7),
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND 1s PRECEDING", 60),
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW MAXSIZE 2", 7 + 30),
        ("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME", 7 + 30),
    ],
)
def test_a_request_without_a_time_comes_after_all_rows(
    database: Database, time: int | None, frame: str, sums: int
) -> None:
    rows = [(1, "a", 1, 1000, 10), (2, "a", 1, 2000, 20), (3, "a", 1, 9_000_000_000_000, 30)]
    database.create("t", COLUMNS, rows)
    query = f"SELECT id, sum(v) OVER w AS s FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    assert database.request(query, [(4, "a", 1, time, 7)]) == [(4, sums)]


def test_windows_with_one_maxsize_gather_once(database: Database) -> None:
    """The newest two rows are gathered for both windows; for the older one none of them is inside."""
    query = (
        "SELECT id, count(v) OVER w1 AS a, count(v) OVER w2 AS b FROM t WINDOW"
        " w1 AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 9s PRECEDING AND 4s PRECEDING MAXSIZE 2),"
        " w2 AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 9s PRECEDING AND CURRENT ROW MAXSIZE 2)"
    )
    database.create("t", COLUMNS, ROWS)
    assert database.request(query, [(9, "a", 1, 1_006_000, 9)]) == [(9, 0, 2)]
    alone = query.replace(", count(v) OVER w2 AS b", "")
    assert database.request(alone, [(9, "a", 1, 1_006_000, 9)]) == [(9, 2)]


@pytest.mark.parametrize(
    ("call", "values", "wanted"),
    [
        ("drawdown(d)", [math.inf], None),
        ("drawdown(d)", [math.inf, 1.0], 0.0),
        ("drawdown(d)", [4.0, 1.0, math.nan], 0.75),
        ("drawdown(d)", [4.0, math.nan, 1.0], 0.0),
        ("drawdown(d)", [8.0, 2.0, 6.0, 3.0], 0.75),
        ("drawdown(d)", [0.0, 0.0], 0.0),
        ("drawdown(d)", [-1.0], None),
        ("ew_avg(d, 2.0)", [1.0, 3.0], None),
        ("ew_avg(d, 2.0)", [1.0, 3.0, 5.0], 3.0),
        ("top(d, 2)", [1.0, 2.0, math.nan], "nan,nan"),
        ("top(d, 2)", [math.nan, 2.0, 1.0], "2.000000,1.000000"),
        ("top(d, 3)", [math.nan, 2.0, 1.0], "2.000000,1.000000,1.000000"),
        ("min_cate(d, k)", [1.0, 2.0, math.nan], "a:nan"),
        ("min_cate(d, k)", [1.0, math.nan, 2.0], "a:1.000000"),
        ("max_cate(d, k)", [1.0, math.nan, 2.0], "a:2.000000"),
        ("max_cate_where(d, d > 1.0, k)", [1.0, math.nan, 2.0], "a:2.000000"),
    ],
)
def test_infinity_nan_and_a_smoothing_factor_above_1(
    database: Database, call: str, values: list[float], wanted: Any
) -> None:
    database.create("t", "id int, k string, ts timestamp, d double", [(n, "a", n, v) for n, v in enumerate(values)])
    frame = "PARTITION BY k ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW"
    assert database.batch(f"SELECT id, {call} OVER w AS c FROM t WINDOW w AS ({frame})")[-1][1] == wanted


@pytest.mark.parametrize(
    ("stored", "asked", "found"),
    [
        (("a|b", "c"), ("a", "b|c"), 7),
        (("a", "b|c"), ("a|b", "c"), 7),
        (("a|b", "c"), ("a|b", "c"), 7),
        (("a|b", "c"), ("a|b", "d"), None),
        (("a", "b"), ("a|b", ""), None),
        ((None, "b|c"), (None, "b|c"), 7),
        (("", "b|c"), (None, "b|c"), None),
    ],
)
@pytest.mark.parametrize("right", ["r", WINDOWED])
def test_a_last_join_meets_texts_that_are_the_same_joined_by_a_bar(
    database: Database, stored: Any, asked: Any, found: int | None, right: str
) -> None:
    """An online index joins the columns of its key by |."""
    database.create("t", "id int, k string, u string")
    database.create("r", "k string, u string, ts timestamp, v int", [("z", "z", 1000, 1), (*stored, 2000, 7)])
    query = f"SELECT t.id, q.v FROM t LAST JOIN {right} AS q ON t.k = q.k AND t.u = q.u"
    assert database.request(query, [(9, *asked)]) == [(9, found)]
    same = stored == asked and None not in asked
    assert database.batch(query) == [(9, 7 if same else None)]


def test_texts_with_more_bars_are_refused(database: Database) -> None:
    database.create("t", "id int, k string, u string")
    database.create("r", "k string, u string, v int", [("a|b", "c|d", 7)])
    query = "SELECT t.id, r.v FROM t LAST JOIN r ON t.k = r.k AND t.u = r.u"
    with pytest.raises(Exception, match=r"more than one \| in the texts of a key"):
        database.request(query, [(9, "a|b", "c|d")])
