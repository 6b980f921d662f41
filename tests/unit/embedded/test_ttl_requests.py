"""What a TTL hides from a deployment's windows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError, UnsupportedError

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
FOR_EVER = 'OPTIONS(RANGE_BIAS="inf", ROWS_BIAS="inf")'
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


# ---- the right side of a join

RIGHT = "rk string, rg int, rv int, rts timestamp"
WINDOWED = "SELECT rk, rts, rv, count(rv) OVER w AS n FROM r WINDOW w AS (PARTITION BY rk ORDER BY rts {})"


def right_rows(engine: Engine, moment: int, *indexes: str) -> None:
    """Table r with three rows of key a, the newest of which has another second key."""
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    engine.execute("CREATE TABLE p (k string, pv int, pts timestamp)", "db")
    engine.execute(f"CREATE TABLE r ({', '.join([RIGHT, *indexes])})", "db")
    rows = ", ".join(f"('a', {7 if n == 3 else 8}, {n}, {moment + n})" for n in (1, 2, 3))
    engine.execute(f"INSERT INTO r VALUES {rows}", "db")


def asked(engine: Engine, query: str, options: str = NO_CHANGE, *, name: str = "d") -> tuple[object, ...]:
    engine.execute(f"DEPLOY {name} {options} {query}", "db")
    [found] = engine.request("db", name, [("a", 8, 5)])
    return found


JOINED = {
    "a table": "r AS x ORDER BY x.rts ON t.k = x.rk",
    "a table, no order": "r AS x ON t.k = x.rk",
    "a subquery": "(SELECT * FROM r) AS x ORDER BY x.rts ON t.k = x.rk",
    "renamed columns": "(SELECT rts AS b, rv, rk AS a FROM r) AS x ORDER BY x.b ON t.k = x.a",
    "no time among the columns": "(SELECT rk, rv FROM r) AS x ON t.k = x.rk",
    "WHERE": "(SELECT * FROM r WHERE rv > 0) AS x ORDER BY x.rts ON t.k = x.rk",
    "LAST JOIN": "(SELECT rk, rv, rts FROM r LAST JOIN p ON r.rk = p.k) AS x ORDER BY x.rts ON t.k = x.rk",
    "LEFT JOIN": "(SELECT rk, rv, rts FROM r LEFT JOIN p ON r.rk = p.k) AS x ORDER BY x.rts ON t.k = x.rk",
    "WITH": "x ORDER BY x.rts ON t.k = x.rk",
}


@pytest.mark.parametrize("shape", JOINED)
def test_a_join_does_not_see_what_its_index_has_dropped(engine: Engine, shape: str) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=60m)")
    before = "WITH x AS (SELECT rk, rv, rts FROM r) " if shape == "WITH" else ""
    assert asked(engine, f"{before}SELECT x.rv FROM t LAST JOIN {JOINED[shape]}") == (None,)


@pytest.mark.parametrize("shape", JOINED)
def test_a_join_sees_what_its_index_has_left(engine: Engine, shape: str) -> None:
    right_rows(engine, int(time.time() * 1000) - 1000, "INDEX(KEY=rk, TS=rts, TTL=60m)")
    before = "WITH x AS (SELECT rk, rv, rts FROM r) " if shape == "WITH" else ""
    assert asked(engine, f"{before}SELECT x.rv FROM t LAST JOIN {JOINED[shape]}") == (3,)


@pytest.mark.parametrize("right", ["r", "(SELECT * FROM r)", "(SELECT * FROM r WHERE rv > 0)"])
def test_rows_are_dropped_before_other_conditions_are_looked_at(engine: Engine, right: str) -> None:
    # the index keeps one row of the key, and that one does not fit
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=1, TTL_TYPE=latest)")
    query = f"SELECT x.rv FROM t LAST JOIN {right} AS x ORDER BY x.rts ON t.k = x.rk AND x.rg > t.g - 1"
    assert asked(engine, query) == (None,)


@pytest.mark.parametrize("key", ["t.g = x.rg", "x.rg = 8"])
def test_a_join_by_two_keys_has_an_index_of_both(engine: Engine, key: str) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=1, TTL_TYPE=latest)")
    assert asked(engine, f"SELECT x.rv FROM t LAST JOIN r AS x ORDER BY x.rts ON t.k = x.rk AND {key}") == (2,)
    assert ttls(engine, "r")[("rg", "rk"), "rts"] == "1"


def test_a_procedure_makes_no_index_and_reads_through_the_one_with_most_keys(engine: Engine) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=1, TTL_TYPE=latest)")
    query = "SELECT x.rv FROM t LAST JOIN r AS x ORDER BY x.rts ON t.k = x.rk AND t.g = x.rg"
    engine.execute(f"CREATE PROCEDURE d (k string, g int, ts timestamp) BEGIN {query}; END;", "db")
    assert engine.request("db", "d", [("a", 8, 5), ("a", 7, 5)]) == [(None,), (3,)]


def test_keys_of_two_types_go_by_the_index_too(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k bigint)", "db")
    engine.execute("CREATE TABLE r (rk int, rv int, rts timestamp, INDEX(KEY=rk, TS=rts, TTL=60m))", "db")
    engine.execute(f"INSERT INTO r VALUES (1, 5, {LONG_AGO})", "db")
    engine.execute(f"DEPLOY d {NO_CHANGE} SELECT rv FROM t LAST JOIN r ORDER BY rts ON t.k = r.rk", "db")
    assert engine.request("db", "d", [(1,)]) == [(None,)]


def test_the_last_row_is_the_newest_by_the_index_whatever_the_query_names(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    engine.execute("CREATE TABLE r (rk string, rv int, rts timestamp, INDEX(KEY=rk, TS=rts))", "db")
    engine.execute("INSERT INTO r VALUES ('a', 1, 1000), ('a', 2, 3000), ('a', 3, 2000)", "db")
    assert asked(engine, "SELECT x.rv FROM t LAST JOIN (SELECT rk, rv FROM r) AS x ON t.k = x.rk") == (2,)


def test_the_last_row_of_a_union_is_the_newest_by_the_indexes_of_its_tables(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    for name, moment in (("r", 3000), ("s", 1000), ("u", 2000)):
        engine.execute(f"CREATE TABLE {name} (k string, v string, ts timestamp, INDEX(KEY=k, TS=ts))", "db")
        engine.execute(f"INSERT INTO {name} VALUES ('a', '{name}', {moment}), ('a', 'old', 5)", "db")
    nested = "SELECT k, v FROM s UNION ALL (SELECT k, v FROM r UNION ALL SELECT k, v FROM u)"
    assert asked(engine, f"SELECT x.v FROM t LAST JOIN ({nested}) AS x ON t.k = x.k") == ("r",)
    engine.execute("INSERT INTO u VALUES ('a', 'newer', 3000)", "db")
    assert engine.request("db", "d", [("a", 8, 5)]) == [("newer",)]


@pytest.mark.parametrize("order", ["", "ORDER BY x.rts "])
def test_a_union_of_a_table_with_itself_has_no_last_row(engine: Engine, order: str) -> None:
    """No index leads through it: a cluster's DEPLOY refuses it."""
    right_rows(engine, LONG_AGO, "INDEX(KEY=rg, TS=rts)")
    union = "SELECT rk, rv, rts FROM r UNION ALL SELECT rk, rv, rts FROM r"
    with pytest.raises(SqlError, match="a UNION in the join reads a table twice"):
        asked(engine, f"SELECT x.rv FROM t LAST JOIN ({union}) AS x {order}ON t.k = x.rk")


def test_a_union_of_tables_without_a_common_time_has_no_last_row(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    for name in ("r", "s"):
        engine.execute(f"CREATE TABLE {name} (k string, v string, ts timestamp, g int, INDEX(KEY=g, TS=ts))", "db")
        engine.execute(f"INSERT INTO {name} VALUES ('a', '{name}', 5, 1)", "db")
    union = "SELECT k, v FROM r UNION ALL SELECT k, v FROM s"
    with pytest.raises(SqlError, match="LAST JOIN of a UNION without ORDER BY, with rows of both sides"):
        asked(engine, f"SELECT x.v FROM t LAST JOIN ({union}) AS x ON t.k = x.k")


def test_left_join_does_not_see_what_its_index_has_dropped(engine: Engine) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=60m)")
    engine.execute("INSERT INTO p VALUES ('a', 9, 1)", "db")
    inner = "SELECT p.k, p.pv, r.rv FROM p LEFT JOIN r ON p.k = r.rk"
    assert asked(engine, f"SELECT x.pv, x.rv FROM t LAST JOIN ({inner}) AS x ON t.k = x.k") == (9, None)
    engine.execute(f"INSERT INTO r VALUES ('a', 1, 4, {int(time.time() * 1000)})", "db")
    assert engine.request("db", "d", [("a", 8, 5)]) == [(9, 4)]


def test_left_join_gives_its_newest_match_to_last_join(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    engine.execute("CREATE TABLE p (k string, pts timestamp, INDEX(KEY=k, TS=pts))", "db")
    engine.execute("CREATE TABLE r (rk string, rv int, rts timestamp, INDEX(KEY=rk, TS=rts))", "db")
    engine.execute("INSERT INTO p VALUES ('a', 1000)", "db")
    engine.execute("INSERT INTO r VALUES ('a', 1, 1000), ('a', 2, 3000), ('a', 3, 2000)", "db")
    inner = "SELECT p.k, r.rv FROM p LEFT JOIN r ON p.k = r.rk"
    assert asked(engine, f"SELECT x.rv FROM t LAST JOIN ({inner}) AS x ON t.k = x.k") == (2,)


def test_a_deployment_keeps_all_rows_for_left_join(engine: Engine) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rg)")
    inner = "SELECT p.k, r.rv FROM p LEFT JOIN r ON p.k = r.rk"
    asked(engine, f"SELECT x.rv FROM t LAST JOIN ({inner}) AS x ON t.k = x.k", "")
    assert ttls(engine, "r")[("rk",), None] == "0min"
    assert ttls(engine, "p")[("k",), None] == "0min"  # the first column's, which a table has when it names none


@pytest.mark.parametrize(
    ("frame", "seen"),
    [
        (FRAME, 1),
        ("ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", 1),
        (f"{FRAME} EXCLUDE CURRENT_ROW", 0),
    ],
)
def test_the_rows_of_a_window_on_the_right_come_through_an_index(engine: Engine, frame: str, seen: int) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts, TTL=1, TTL_TYPE=latest)")
    query = f"SELECT x.rv, x.n FROM t LAST JOIN ({WINDOWED.format(frame)}) AS x ORDER BY x.rts ON t.k = x.rk"
    assert asked(engine, query) == (3, seen)
    engine.execute(f"DEPLOY longer {query}", "db")
    assert engine.request("db", "longer", [("a", 8, 5)]) == [(3, seen + 2)]


def test_the_window_and_the_join_have_each_their_index(engine: Engine) -> None:
    by_key, by_second = "INDEX(KEY=rk, TS=rts, TTL=2, TTL_TYPE=latest)", "INDEX(KEY=rg, TS=rts, TTL=60m)"
    right_rows(engine, LONG_AGO, by_key, by_second)
    window = "PARTITION BY rk ORDER BY rts ROWS BETWEEN 5 PRECEDING AND CURRENT ROW"
    right = f"SELECT rk, rg, rts, rv, count(rv) OVER w AS n FROM r WINDOW w AS ({window})"
    # the only row of the second key is expired for the join
    query = f"SELECT x.rv, x.n FROM t LAST JOIN ({right}) AS x ORDER BY x.rts ON t.g = x.rg"
    assert asked(engine, query) == (None, None)
    now = int(time.time() * 1000)
    engine.execute(f"INSERT INTO r VALUES ('a', 8, 4, {now})", "db")
    # it is there now, and of its window's rows the index of the window keeps two
    assert engine.request("db", "d", [("a", 8, 5)]) == [(4, 2)]


def test_the_last_row_of_a_query_with_a_window_is_the_newest_by_the_index(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, g int, ts timestamp)", "db")
    engine.execute("CREATE TABLE r (rk string, rg int, rv int, rts timestamp, INDEX(KEY=rk, TS=rts))", "db")
    engine.execute("INSERT INTO r VALUES ('a', 0, 1, 1000), ('a', 0, 2, 3000), ('a', 0, 3, 2000)", "db")
    assert asked(engine, f"SELECT x.rv, x.n FROM t LAST JOIN ({WINDOWED.format(FRAME)}) AS x ON t.k = x.rk") == (2, 3)


def test_a_union_of_a_window_on_the_right_comes_through_an_index(engine: Engine) -> None:
    now = int(time.time() * 1000)
    right_rows(engine, now - 1000)
    engine.execute(f"CREATE TABLE s ({RIGHT}, INDEX(KEY=rk, TS=rts, TTL=1, TTL_TYPE=latest))", "db")
    engine.execute(f"INSERT INTO s VALUES ('a', 1, 1, {now - 3000}), ('a', 1, 2, {now - 2000})", "db")
    right = WINDOWED.format(FRAME).replace("(PARTITION", "(UNION s PARTITION")
    query = f"SELECT x.n FROM t LAST JOIN ({right}) AS x ORDER BY x.rts ON t.k = x.rk"
    assert asked(engine, query) == (4,)
    assert asked(engine, query, "", name="longer") == (5,)


@pytest.mark.parametrize(
    "right",
    [
        f"({WINDOWED.format(FRAME).replace('FROM r', 'FROM r LAST JOIN p ON r.rk = p.k')})",
        f"({WINDOWED.format(FRAME).replace('FROM r', 'FROM r WHERE rv > 0')})",
        f"({WINDOWED.format(FRAME).replace('FROM r', 'FROM (SELECT * FROM r WHERE rv > 0)')})",
        f"(SELECT rk, rts FROM ({WINDOWED.format(FRAME)}))",
        "(SELECT * FROM r LIMIT 2)",
        "(SELECT rk, max(rts) AS rts FROM r GROUP BY rk)",
    ],
)
def test_what_no_index_finds_is_refused(engine: Engine, right: str) -> None:
    right_rows(engine, LONG_AGO)
    with pytest.raises(SqlError, match="request mode"):
        engine.execute(f"DEPLOY d SELECT t.k, x.rk FROM t LAST JOIN {right} AS x ORDER BY x.rts ON t.k = x.rk", "db")


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ("r ON t.g > r.rg", "no column of the right side"),
        ("r ON t.g = r.rg + 1", "no column of the right side"),
        ("(SELECT r.rv, p.k FROM r LAST JOIN p ON r.rk = p.k) AS x ON t.k = x.k", "no column of the right side"),
        ("(SELECT rk, pts FROM r LAST JOIN p ON r.rk = p.k) AS x ORDER BY x.pts ON t.k = x.rk", "ORDER BY names no"),
    ],
)
def test_a_join_by_other_columns_is_refused(engine: Engine, join: str, message: str) -> None:
    right_rows(engine, LONG_AGO)
    with pytest.raises(SqlError, match=message):
        engine.execute(f"DEPLOY d SELECT t.k FROM t LAST JOIN {join}", "db")


# ---- a window over LEFT JOIN: OpenMLDB makes one row of the request's, whichever


def left_joined(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, v int, ts timestamp)", "db")
    engine.execute("CREATE TABLE u (uk string, uv int, uts timestamp, INDEX(KEY=uk, TS=uts))", "db")
    engine.execute("INSERT INTO t VALUES ('a', 1, 1), ('a', 2, 2)", "db")
    engine.execute("INSERT INTO u VALUES ('a', 10, 1), ('a', 30, 3), ('a', 20, 2)", "db")


@pytest.mark.parametrize("inside", [False, True])
def test_a_window_over_left_join_is_refused(engine: Engine, inside: bool) -> None:
    left_joined(engine)
    source, key, order = "t LEFT JOIN u ON t.k = u.uk", "t.k", "t.ts"
    if inside:
        source, key, order = f"(SELECT t.k, t.v, t.ts, u.uv FROM {source})", "k", "ts"
    window = f"PARTITION BY {key} ORDER BY {order} ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    with pytest.raises(UnsupportedError, match="aggregates of a LEFT JOIN in request mode"):
        engine.execute(f"DEPLOY d {FOR_EVER} SELECT count(v) OVER w FROM {source} WINDOW w AS ({window})", "db")


def test_left_join_of_the_request_row_alone_is_no_row(engine: Engine) -> None:
    left_joined(engine)
    with pytest.raises(SqlError, match="a table, not one row"):
        engine.execute("DEPLOY d SELECT t.k, uv FROM t LEFT JOIN u ON t.k = u.uk", "db")


# ---- a window's UNION with a query that has a window of its own

INNER = "SELECT k, count(v) OVER i AS n, ts FROM p WINDOW i AS (PARTITION BY {} ORDER BY ts {})"


def united(engine: Engine, moment: int, *indexes: str) -> None:
    engine.execute("CREATE TABLE t (k string, n bigint, ts timestamp)", "db")
    engine.execute(f"CREATE TABLE p ({', '.join(['k string, g int, v int, ts timestamp', *indexes])})", "db")
    rows = [("a", 1, 10), ("a", 1, 20), ("b", 1, 30), ("a", 2, 40), ("a", 1, 50)]
    values = ", ".join(f"('{k}', {g}, {v}, {moment + n})" for n, (k, g, v) in enumerate(rows))
    engine.execute(f"INSERT INTO p VALUES {values}", "db")


def counted(engine: Engine, inner: str, options: str = NO_CHANGE, more: str = "", name: str = "d") -> object:
    window = f"UNION ({inner}) PARTITION BY k ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW {more}"
    items = "sum(n) OVER w AS s, count(n) OVER w AS c, first_value(n) OVER w AS f"
    engine.execute(f"DEPLOY {name} {options} SELECT {items} FROM t WINDOW w AS ({window})", "db")
    return engine.request("db", name, [("a", 100, int(time.time() * 1000))])[0]


def test_a_union_with_a_window_of_its_own(engine: Engine) -> None:
    united(engine, int(time.time() * 1000) - 5000)
    # the counts 1, 2, 3, 4 of key a, and the request's 100
    assert counted(engine, INNER.format("k", FRAME), FOR_EVER) == (110, 5, 1)
    # the counts of key a's rows by the second key, in which b's row counts as well
    assert counted(engine, INNER.format("g", FRAME), FOR_EVER, name="by_g") == (100 + 1 + 2 + 1 + 4, 5, 1)
    not_in = counted(engine, INNER.format("k", FRAME), FOR_EVER, "INSTANCE_NOT_IN_WINDOW", "not_in")
    assert not_in == (110, 5, 1)
    engine.execute(f"INSERT INTO t VALUES ('a', 7, {int(time.time() * 1000) - 9000})", "db")
    request = [("a", 100, int(time.time() * 1000))]
    assert engine.request("db", "d", request) == [(117, 6, 7)]
    assert engine.request("db", "not_in", request) == [(110, 5, 1)]


def test_a_ttl_counts_for_both_windows_of_a_union(engine: Engine) -> None:
    united(engine, int(time.time() * 1000) - 5000, "INDEX(KEY=k, TS=ts, TTL=2, TTL_TYPE=latest)")
    assert counted(engine, INNER.format("k", FRAME)) == (100 + 1 + 2, 3, 1)
    assert counted(engine, INNER.format("k", FRAME), "", name="longer") == (110, 5, 1)


def test_each_window_of_a_union_has_its_own_index(engine: Engine) -> None:
    by_g = "INDEX(KEY=g, TS=ts, TTL=1, TTL_TYPE=latest)"
    united(engine, int(time.time() * 1000) - 5000, "INDEX(KEY=k, TS=ts)", by_g)
    # the rows of key a are all there; in their frames by the second key, only the newest row of each is: for the first
    # two there is none, and their counts are NULL
    assert counted(engine, INNER.format("g", FRAME)) == (100 + 1 + 1, 3, None)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("SELECT string(g) AS k, bigint(v) AS n, ts FROM p", "columns of its left-most table"),
        ("SELECT k, bigint(v) AS n, timestamp(ts) AS ts FROM p", "columns of its left-most table"),
        ("SELECT k, v + 1L AS n, ts FROM p", "computed columns"),
        ("SELECT k, v AS n, ts FROM p", "must have the same columns"),
        ("SELECT k, bigint(v) AS n, ts FROM p LIMIT 3", "LIMIT"),
        ("SELECT k, bigint(v) AS n, ts FROM p UNION ALL SELECT k, bigint(v), ts FROM p", "UNION"),
        (f"SELECT k, n, ts FROM ({INNER.format('k', FRAME)})", "a window inside another"),
    ],
)
def test_a_union_that_no_index_finds_is_refused(engine: Engine, entry: str, message: str) -> None:
    united(engine, LONG_AGO)
    with pytest.raises(SqlError, match=message):
        counted(engine, entry)


def test_computed_columns_on_the_right_of_a_join_are_refused(engine: Engine) -> None:
    right_rows(engine, LONG_AGO, "INDEX(KEY=rk, TS=rts)")
    for right in ("SELECT rk, rv + 1 AS rv FROM r", "SELECT rk, rv FROM (SELECT rk, upper(rk) AS x, rv FROM r)"):
        with pytest.raises(SqlError, match="computed columns"):
            engine.execute(f"DEPLOY d SELECT x.rv FROM t LAST JOIN ({right}) AS x ON t.k = x.rk", "db")
    assert asked(engine, "SELECT x.rv FROM t LAST JOIN (SELECT rk, string(rv) AS rv FROM r) AS x ON t.k = x.rk") == (
        "3",
    )
