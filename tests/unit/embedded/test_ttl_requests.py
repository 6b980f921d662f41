"""What a TTL hides from a deployment's windows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError

QUERY = (
    "SELECT k, count(v) OVER w AS n FROM t"
    " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
)
LONG_AGO = 1_000_000  # milliseconds: in January 1970


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = Engine(tmp_path)
    engine.execute("CREATE DATABASE db")
    return engine


def stored(engine: Engine, moment: int, columns: str = "k string, v int, ts timestamp") -> None:
    engine.execute(f"CREATE TABLE t ({columns})", "db")
    engine.execute(f"INSERT INTO t VALUES ('a', 1, {moment}), ('a', 2, {moment + 1})", "db")


def served(engine: Engine, moment: int, options: str = "") -> int:
    engine.execute(f"DEPLOY d {options} {QUERY}", "db")
    [(_, count)] = engine.request("db", "d", [("a", 3, moment)])
    return int(count)


def test_a_deployment_keeps_what_its_window_needs_by_the_clock(engine: Engine) -> None:
    # a 1h window gives the index a TTL of an hour: rows of long ago are gone, whatever the request's own time
    stored(engine, LONG_AGO)
    assert served(engine, LONG_AGO + 2) == 1


def test_a_bias_keeps_them(engine: Engine) -> None:
    stored(engine, LONG_AGO)
    assert served(engine, LONG_AGO + 2, 'OPTIONS(RANGE_BIAS="inf")') == 3


def test_rows_of_today_are_there(engine: Engine) -> None:
    now = int(time.time() * 1000)
    stored(engine, now - 1000)
    assert served(engine, now) == 3


def test_a_table_keeps_the_newest_rows_of_a_key(engine: Engine) -> None:
    index = "INDEX(KEY=k, TS=ts, TTL=1, TTL_TYPE=latest)"
    now = int(time.time() * 1000)
    stored(engine, now - 1000, f"k string, v int, ts timestamp, {index}")
    window = "PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"
    engine.execute(f"DEPLOY d SELECT k, count(v) OVER w AS n FROM t WINDOW w AS ({window})", "db")
    [(_, count)] = engine.request("db", "d", [("a", 3, now)])
    assert count == 2


# ---- windows over more than a table: the rows come through the index of the left-most table

COLUMNS = "k string, v int, ts timestamp, seen timestamp"
NO_CHANGE = 'OPTIONS(SKIP_INDEX_CHECK="true")'
FRAME = "ROWS BETWEEN 5 PRECEDING AND CURRENT ROW"
SHAPES = {
    "subquery": ("FROM (SELECT k, v, ts FROM t) AS s", "k", "ts"),
    "subquery without a name": ("FROM (SELECT * FROM t)", "k", "ts"),
    "renamed columns": ("FROM (SELECT ts AS b, v, k AS a FROM t) AS s", "a", "b"),
    "renamed twice": ("FROM (SELECT v, b AS ts, a AS x FROM (SELECT k AS a, ts AS b, v FROM t)) AS s", "x", "ts"),
    "names exchanged": ("FROM (SELECT k, v, ts AS seen, seen AS ts FROM t) AS s", "k", "seen"),
    "WITH": ("FROM x", "k", "ts"),
    "left side of a join": ("FROM t LAST JOIN u ON t.k = u.uk", "t.k", "t.ts"),
    "left side of a join in a subquery": ("FROM (SELECT t.k AS a, v, ts FROM t LAST JOIN u ON t.k = u.uk)", "a", "ts"),
    "left side of a LEFT JOIN": ("FROM t LEFT JOIN u ON t.k = u.uk", "t.k", "t.ts"),
}


def tables(engine: Engine, moment: int, index: str = "") -> None:
    """Table t with two rows of key a, and an empty table u."""
    engine.execute(f"CREATE TABLE t ({COLUMNS}{', ' if index else ''}{index})", "db")
    engine.execute("CREATE TABLE u (uk string, uv int)", "db")
    rows = ", ".join(f"('a', {n}, {moment + n}, {moment + n})" for n in (1, 2))
    engine.execute(f"INSERT INTO t VALUES {rows}", "db")


def seen(engine: Engine, shape: str, moment: int, frame: str, options: str = "") -> int:
    """How many rows a deployment's window counts for a request of key a."""
    source, key, order = SHAPES[shape]
    with_ = "WITH x AS (SELECT * FROM t) " if shape == "WITH" else ""
    window = f"PARTITION BY {key} ORDER BY {order} {frame}"
    engine.execute(f"DEPLOY d {options} {with_}SELECT count(v) OVER w AS n {source} WINDOW w AS ({window})", "db")
    [(count,)] = engine.request("db", "d", [("a", 3, moment, moment)])
    return int(count)


def ttls(engine: Engine, table: str) -> dict[tuple[tuple[str, ...], str | None], str]:
    return {index.id: str(index.ttl) for index in engine.table("db", table).indexes}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_declared_number_of_rows_counts(engine: Engine, shape: str) -> None:
    now = int(time.time() * 1000)
    tables(engine, now - 1000, "INDEX(KEY=k, TS=ts, TTL=1, TTL_TYPE=latest)")
    assert seen(engine, shape, now, FRAME, NO_CHANGE) == 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_declared_age_counts(engine: Engine, shape: str) -> None:
    tables(engine, LONG_AGO, "INDEX(KEY=k, TS=ts, TTL=60m, TTL_TYPE=absolute)")
    frame = "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    assert seen(engine, shape, LONG_AGO + 9, frame, NO_CHANGE) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deployment_makes_the_index_with_what_the_window_needs(engine: Engine, shape: str) -> None:
    tables(engine, LONG_AGO)
    frame = "ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"
    assert seen(engine, shape, LONG_AGO + 9, frame) == 1
    assert ttls(engine, "t")[("k",), "ts"] == "60min"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deployment_lengthens_the_index(engine: Engine, shape: str) -> None:
    now = int(time.time() * 1000)
    tables(engine, now - 1000, "INDEX(KEY=k, TS=ts, TTL=1, TTL_TYPE=latest)")
    assert seen(engine, shape, now, FRAME) == 3
    assert ttls(engine, "t")[("k",), "ts"] == "5"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bias_keeps_all(engine: Engine, shape: str) -> None:
    tables(engine, LONG_AGO)
    frame = "ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"
    assert seen(engine, shape, LONG_AGO + 9, frame, 'OPTIONS(RANGE_BIAS="inf")') == 3
    assert ttls(engine, "t")[("k",), "ts"] == "0min"


@pytest.mark.parametrize(
    "union",
    [
        "(SELECT * FROM p)",
        "(SELECT a AS k, b AS v, c AS ts FROM (SELECT k AS a, v AS b, ts AS c FROM p))",
        "(SELECT p.k, p.v, p.ts FROM p LAST JOIN u ON p.k = u.uk)",
        "(SELECT * FROM p WHERE v > 0)",
    ],
)
def test_the_rows_of_a_union_come_through_an_index(engine: Engine, union: str) -> None:
    now = int(time.time() * 1000)
    engine.execute("CREATE TABLE t (k string, v int, ts timestamp)", "db")
    engine.execute("CREATE TABLE u (uk string, uv int)", "db")
    engine.execute("CREATE TABLE p (k string, v int, ts timestamp, INDEX(KEY=k, TS=ts, TTL=1, TTL_TYPE=latest))", "db")
    engine.execute(f"INSERT INTO p VALUES ('a', 1, {now - 2}), ('a', 2, {now - 1}), ('b', 3, {now})", "db")
    window = f"UNION {union} PARTITION BY k ORDER BY ts {FRAME}"
    query = f"SELECT count(v) OVER w AS n FROM t WINDOW w AS ({window})"
    engine.execute(f"DEPLOY short {NO_CHANGE} {query}", "db")
    assert engine.request("db", "short", [("a", 3, now)]) == [(2,)]
    engine.execute(f"DEPLOY long {query}", "db")
    assert engine.request("db", "long", [("a", 3, now)]) == [(3,)]
    assert ttls(engine, "p")[("k",), "ts"] == "5"


@pytest.mark.parametrize(
    ("source", "window"),
    [
        ("t LAST JOIN u ON t.k = u.uk", "PARTITION BY u.uk ORDER BY t.ts"),
        ("t LAST JOIN u ON t.k = u.uk", "PARTITION BY t.k, u.uk ORDER BY t.ts"),
        ("t LAST JOIN u ON t.k = u.uk", "PARTITION BY t.k ORDER BY u.uts"),
        ("(SELECT uk, ts, v FROM t LAST JOIN u ON t.k = u.uk) AS s", "PARTITION BY uk ORDER BY ts"),
        ("(SELECT string(v) AS k, ts, v FROM t) AS s", "PARTITION BY k ORDER BY ts"),
        ("(SELECT k, bigint(ts) AS ts, v FROM t) AS s", "PARTITION BY k ORDER BY ts"),
    ],
)
def test_a_window_of_other_columns_is_refused(engine: Engine, source: str, window: str) -> None:
    engine.execute(f"CREATE TABLE t ({COLUMNS})", "db")
    engine.execute("CREATE TABLE u (uk string, uts timestamp)", "db")
    with pytest.raises(SqlError, match="columns of its left-most table"):
        engine.execute(f"DEPLOY d SELECT count(v) OVER w AS n FROM {source} WINDOW w AS ({window} {FRAME})", "db")


def test_what_a_join_looks_up_has_a_ttl_in_the_rows_of_a_window_too(engine: Engine) -> None:
    now = int(time.time() * 1000)
    tables(engine, now - 1000)
    engine.execute("CREATE TABLE r (rk string, rv int, rts timestamp, INDEX(KEY=rk, TS=rts, TTL=60m))", "db")
    engine.execute(f"INSERT INTO r VALUES ('a', 5, {LONG_AGO})", "db")
    window = f"PARTITION BY t.k ORDER BY t.ts {FRAME}"
    query = f"SELECT count(rv) OVER w AS n FROM t LAST JOIN r ORDER BY rts ON t.k = r.rk WINDOW w AS ({window})"
    engine.execute(f"DEPLOY d {NO_CHANGE} {query}", "db")
    assert engine.request("db", "d", [("a", 3, now, now)]) == [(0,)]
