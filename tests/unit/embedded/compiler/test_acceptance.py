"""What OpenMLDB's compiler and a cluster's DEPLOY take and refuse, with their words."""

from __future__ import annotations

from typing import Any

import pytest

from dsflow.embedded.compiler import compile_batch, compile_request
from dsflow.embedded.errors import SqlError, UnsupportedError

from .conftest import Database

P = "PARTITION BY k ORDER BY ts"
F = "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"
W = f"WINDOW w AS ({P} {F})"
ROWS = [(1, "a", 1000, 10, 1.5), (2, "a", 2000, None, 2.5), (3, "b", 3000, 30, None)]


@pytest.fixture
def tables(database: Database) -> Database:
    database.create("t", "id int, k string, ts timestamp, v int, d double", ROWS)
    database.create(
        "r", "rid int, rk string, rts timestamp, rv int, rd double", [(7, "a", 500, 1, 1.5), (8, None, 600, 1, 0.5)]
    )
    return database


def over(what: str, window: str = f"{P} {F}") -> str:
    return f"SELECT id, {what} OVER w AS c FROM t WINDOW w AS ({window})"


REFUSED = {
    "an aggregate of a constant": (over("count(1)"), "Illegal while condition"),
    "of a constant and a constant": (over("count_where(1, true)"), "Illegal while condition"),
    "rows without an end": (over("count(v)", f"{P} ROWS 2 PRECEDING"), "null end"),
    "times without an order": (
        over("count(v)", "PARTITION BY k ROWS_RANGE BETWEEN 2s PRECEDING AND CURRENT ROW"),
        "ORDER BY",
    ),
    "no row at most": (over("count(v)", f"{P} ROWS_RANGE BETWEEN 2s PRECEDING AND CURRENT ROW MAXSIZE 0"), "MAXSIZE"),
    "a double as key": (
        "SELECT t.id, r.rid FROM t LAST JOIN r ON t.d = r.rd",
        "unsupported partition key: 'r.rd', type is double",
    ),
    "a list of NULL": ("SELECT size(split(NULL, ',')) AS c FROM t", "size does not take"),
    "an offset": ("SELECT id FROM t LIMIT 2 OFFSET 1", "OFFSET"),
}
REFUSED_ONLINE = {
    "LEFT JOIN beside a column": ("SELECT t.id FROM t LEFT JOIN r ON t.k = r.rk", "unsupport non-row output type"),
    "a constant in WHERE below an ordered join": (
        "SELECT t.id, r.rid FROM t LAST JOIN (SELECT * FROM r WHERE rv = 1) AS r ORDER BY r.rts ON t.k = r.rk",
        "Last Join node order by hasn't been optimized",
    ),
    "a constant in WHERE beside a window": (
        f"SELECT t.id, r.rid, count(t.v) OVER w AS c FROM t LAST JOIN (SELECT * FROM r WHERE 1 = rv) AS r ON t.k = r.rk"
        f" WINDOW w AS (PARTITION BY t.k ORDER BY t.ts {F})",
        "fail to build input runner",
    ),
    "a constant in WHERE of a window's UNION": (
        over("count(v)", f"UNION (SELECT * FROM t2 WHERE v = 1) {P} {F}"), "Window node hasn't been optimzied"
    ),
    "ORDER BY": ("SELECT id FROM t ORDER BY id", "kSortPlan"),
}  # fmt: skip
REFUSED_OFFLINE = {
    "first_value in GROUP BY": ("SELECT k, first_value(v) AS f FROM t GROUP BY k", "not in GROUP BY clause"),
    "a double in GROUP BY": ("SELECT d, count(*) AS c FROM t GROUP BY d", "unsupported partition key: 'd'"),
    "names of a UNION": ("SELECT id FROM t UNION ALL SELECT rid FROM r", "different schema"),
}


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_ONLINE])
def test_refused_as_a_deployment(tables: Database, name: str) -> None:
    query, message = {**REFUSED, **REFUSED_ONLINE}[name]
    tables.create("t2", "id int, k string, ts timestamp, v int, d double")
    with pytest.raises(SqlError, match=message):
        compile_request(query, tables, "db")


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_OFFLINE])
def test_refused_as_a_batch_query(tables: Database, name: str) -> None:
    query, message = {**REFUSED, **REFUSED_OFFLINE}[name]
    with pytest.raises(SqlError, match=message):
        compile_batch(query, tables, "db")


@pytest.mark.parametrize(
    "where", ["rv IN (1)", "rk = 'a'", "rv > 0"], ids=["IN", "the key itself", "no equality"]
)  # fmt: skip
def test_a_condition_that_leaves_the_order(tables: Database, where: str) -> None:
    query = f"SELECT t.id, r.rid FROM t LAST JOIN (SELECT * FROM r WHERE {where}) AS r ORDER BY r.rts ON t.k = r.rk"
    assert tables.request(query, [(4, "a", 4000, 1, 1.0)]) == [(4, 7)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (over("count(v)", f"PARTITION BY k ORDER BY ts DESC {F}"), (9, 2)),
        (over("count(CASE WHEN v > first_value(v) OVER w THEN v END)"), (9, 1)),
        (over("lag(v, -1)"), (9, 40)),
        (over("lag(v, -2)"), (9, None)),
        (over("lag(v, 2L)"), (9, 10)),
        (over("count(v)", f"{P} ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING"), (9, 2)),
        (over("count(v)", f"{P} ROWS_RANGE BETWEEN 1s FOLLOWING AND 2s FOLLOWING"), (9, 1)),
        ("SELECT id, v AS c FROM t LIMIT 0", (9, 40)),
    ],
)
def test_taken_as_a_deployment(tables: Database, query: str, wanted: tuple[Any, ...]) -> None:
    assert tables.request(query, [(9, "a", 3000, 40, 1.0)]) == [wanted]


def test_the_online_engine_has_no_runner_for_it(tables: Database) -> None:
    with pytest.raises(UnsupportedError, match="no runner"):
        compile_batch("SELECT id FROM t ORDER BY id", tables, "db", online=True)
    with pytest.raises(UnsupportedError, match="ordered DESC"):
        compile_batch(over("count(v)", f"PARTITION BY k ORDER BY ts DESC {F}"), tables, "db", online=True)


def test_what_a_job_fails_on_is_refused_before(tables: Database) -> None:
    with pytest.raises(SqlError, match="Fail to setup row builder"):
        run(tables, over("count(v)", f"PARTITION BY k ORDER BY ts DESC {F}"))


def run(database: Database, query: str, *, online: bool = False) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = database.connection.execute(
        compile_batch(query, database, "db", online=online).sql
    ).fetchall()
    return found


def test_order_of_an_offline_query(tables: Database) -> None:
    assert run(tables, "SELECT id, v FROM t ORDER BY v") == [(2, None), (1, 10), (3, 30)]
    assert run(tables, "SELECT id, v FROM t ORDER BY v DESC") == [(3, 30), (1, 10), (2, None)]
    with pytest.raises(SqlError, match="no column v"):
        run(tables, "SELECT id FROM t ORDER BY v")
    assert run(tables, "SELECT id FROM t ORDER BY id DESC LIMIT 2") == [(3,), (2,)]
    # OpenMLDB passes over DISTINCT
    for online in (False, True):
        assert sorted(run(tables, "SELECT DISTINCT k FROM t", online=online)) == [("a",), ("a",), ("b",)]
    assert tables.request("SELECT DISTINCT k FROM t", [(9, "a", 1, 1, 1.0)]) == [("a",)]


def test_an_online_query_goes_by_the_online_engine(tables: Database) -> None:
    tables.create("n", "id int, k string, s string", [(1, None, "1.9"), (2, "a", "0x10")])
    joined = "SELECT n.id, r.rid FROM n LAST JOIN r ON n.k = r.rk"
    assert sorted(run(tables, joined, online=True)) == [(1, 8), (2, 7)]
    assert sorted(run(tables, joined), key=repr) == [(1, None), (2, 7)]
    left = joined.replace("LAST", "LEFT")
    assert sorted(run(tables, left, online=True)) == [(1, 8), (2, 7)]
    assert sorted(run(tables, left), key=repr) == [(1, None), (2, 7)]
    # Spark's cast and OpenMLDB's own
    assert sorted(run(tables, "SELECT id, int(s) AS c FROM n")) == [(1, 1), (2, None)]
    assert sorted(run(tables, "SELECT id, int(s) AS c FROM n", online=True)) == [(1, None), (2, 16)]


def test_aggregates_of_a_whole_table_are_for_the_online_engine(tables: Database) -> None:
    assert run(tables, "SELECT count(*) AS c, sum(v) + 1 AS s FROM t WHERE id < 3", online=True) == [(2, 11)]
    with pytest.raises(SqlError, match="whole table"):
        run(tables, "SELECT count(*) AS c FROM t")
    with pytest.raises(SqlError, match="whole table"):
        run(tables, "SELECT k, count(*) AS c FROM t", online=True)


def test_a_union_without_an_order_is_answered_where_one_side_matches(tables: Database) -> None:
    tables.create("r2", "rid int, rk string, rts timestamp, rv int, rd double", [(9, "b", 500, 1, 1.5)])
    query = "SELECT t.id, u.rid FROM t LAST JOIN (SELECT * FROM r UNION ALL SELECT * FROM r2) AS u ON t.k = u.rk"
    assert tables.request(query, [(4, "a", 1, 1, 1.0), (5, "b", 1, 1, 1.0), (6, "c", 1, 1, 1.0)]) == [
        (4, 7),
        (5, 9),
        (6, None),
    ]
    tables.insert("r2", (10, "a", 700, 1, 1.0), 1)
    with pytest.raises(Exception, match="UNION without ORDER BY, with rows of both sides, is not supported"):
        tables.request(query, [(4, "a", 1, 1, 1.0)])


def test_regular_expressions_of_computed_texts(tables: Database) -> None:
    assert tables.request("SELECT regexp_like(reverse(k), 'a.*') AS a, char(65) RLIKE '(' AS b FROM t", [ROWS[0]]) == [
        (True, None)
    ]
