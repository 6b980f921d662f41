"""Deployments and procedures: made, asked, dropped; the indexes and TTLs that they leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dsflow.embedded.catalog import Index
from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.results import Result
from dsflow.openmldb.ttl import Ttl

Run = Callable[..., Result]

QUERY = (
    "SELECT k, v, count(v) OVER w AS n, sum(v) OVER w AS s FROM t"
    " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
)
HOUR = 3_600_000


@pytest.fixture(autouse=True)
def table(run: Run) -> None:
    run("CREATE TABLE t (k string, v int, ts timestamp)")


def test_requests_see_what_is_stored_and_are_not_stored(engine: Engine, run: Run) -> None:
    run(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    run("INSERT INTO t VALUES ('a', 1, 0), ('a', 2, 1000), ('b', 5, 1000)")
    ask = [["a", 10, 2000]]
    assert engine.request("d", "demo", ask) == [("a", 10, 3, 13)]
    assert engine.request("d", "demo", ask) == [("a", 10, 3, 13)]
    assert engine.request("d", "demo", [["a", 10, HOUR + 1], ["b", 1, 1000], [None, 1, 1]]) == [
        ("a", 10, 2, 12),
        ("b", 1, 2, 6),
        (None, 1, 1, 1),
    ]
    run("INSERT INTO t VALUES ('a', 100, 2000)")
    assert engine.request("d", "demo", ask) == [("a", 10, 4, 113)]


def test_maxsize_is_no_matter_of_the_ttl(engine: Engine, run: Run) -> None:
    """As OpenMLDB's own compiler has it: its index for this query is ttl_type=absolute, ttl=60m."""
    run(f"DEPLOY demo {QUERY.replace('CURRENT ROW', 'CURRENT ROW MAXSIZE 10')}")
    assert engine.table("d", "t").index(["k"], "ts") is not None
    assert [index.ttl for index in engine.table("d", "t").indexes if index.ts == "ts"] == [Ttl("absolute", 60)]


def test_the_name_is_taken(engine: Engine, run: Run) -> None:
    run(f"DEPLOY demo {QUERY}")
    with pytest.raises(SqlError, match="deployment demo already exists in database d"):
        run(f"DEPLOY demo {QUERY}")
    run("DEPLOY IF NOT EXISTS demo SELECT k FROM t")
    assert len(engine.procedure("d", "demo").outputs) == 4
    run("DROP DEPLOYMENT demo")
    run("DROP DEPLOYMENT IF EXISTS demo")
    run("DEPLOY demo SELECT k FROM t")
    assert engine.request("d", "demo", [["a", 1, 1]]) == [("a",)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DEPLOY demo SELECT nope FROM t", "nope"),
        ("DEPLOY demo SELECT k FROM nope", "table d.nope does not exist"),
        (f"DEPLOY demo OPTIONS(RANGE_BIAS='soon') {QUERY}", "range bias 'soon' is illegal"),
        (f"DEPLOY demo OPTIONS(ROWS_BIAS='10d') {QUERY}", "rows bias '10d' is illegal"),
        (f"DEPLOY demo OPTIONS(WRONG=1) {QUERY}", "DEPLOY has no option 'wrong'"),
        (f"DEPLOY demo OPTIONS(LONG_WINDOWS='w9:1d') {QUERY}", "does not match a window of the query: 'w9'"),
    ],
)
def test_refused(engine: Engine, run: Run, sql: str, message: str) -> None:
    before = engine.table("d", "t")
    with pytest.raises(SqlError) as caught:
        run(sql)
    assert message in str(caught.value)
    assert engine.table("d", "t") == before
    assert run("SHOW DEPLOYMENTS").rows == ()


def test_not_in_offline_mode(run: Run) -> None:
    with pytest.raises(SqlError, match="cannot deploy in offline mode"):
        run(f"DEPLOY demo {QUERY}", "offline")


def test_a_table_in_use_stays(run: Run) -> None:
    run(f"DEPLOY demo {QUERY}")
    with pytest.raises(SqlError, match=r"cannot drop table d\.t: d\.demo use it"):
        run("DROP TABLE t")
    run("DROP DEPLOYMENT d.demo")
    run("DROP TABLE t")


def test_shown(engine: Engine, run: Run) -> None:
    run(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf', ROWS_BIAS=0) {QUERY}")
    assert run("SHOW DEPLOYMENTS").rows == (("d", "demo"),)
    text = run("SHOW DEPLOYMENT demo").rows[0][0]
    assert QUERY in text
    assert "# Output Schema" in text
    with pytest.raises(SqlError, match="deployment nope does not exist in d"):
        run("SHOW DEPLOYMENT nope")
    assert engine.procedure("d", "demo").text == (
        f"CREATE PROCEDURE demo (`k` string, `v` int, `ts` timestamp) BEGIN {QUERY}; END;"
    )


def test_indexes_are_added_once(engine: Engine, run: Run) -> None:
    run(f"DEPLOY one OPTIONS(RANGE_BIAS='inf') {QUERY}")
    run(f"DEPLOY two OPTIONS(RANGE_BIAS='inf') {QUERY}")
    assert [index.id for index in engine.table("d", "t").indexes] == [(("k",), None), (("k",), "ts")]


def test_deploy_after_rows_came_and_went(engine: Engine, run: Run) -> None:
    run("INSERT INTO t VALUES ('a', 1, 0), ('a', 2, 1000), ('b', 5, 1000)")
    run("DELETE FROM t WHERE k = 'b'")
    run(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    run("TRUNCATE TABLE t")
    run("INSERT INTO t VALUES ('a', 7, 0)")
    assert engine.request("d", "demo", [["a", 1, 1000]]) == [("a", 1, 2, 8)]


def test_a_changed_table_is_seen(engine: Engine, run: Run) -> None:
    run(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    assert engine.request("d", "demo", [["a", 1, 1000]]) == [("a", 1, 1, 1)]
    run("DROP DEPLOYMENT demo")
    run("DROP TABLE t")
    run("CREATE TABLE t (k string, v int, ts timestamp)")
    run("INSERT INTO t VALUES ('a', 7, 0)")
    run(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    assert engine.request("d", "demo", [["a", 1, 1000]]) == [("a", 1, 2, 8)]


def test_survives_a_restart(tmp_path: Any) -> None:
    with Engine(tmp_path) as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE d.t (k string, v int, ts timestamp)")
        engine.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}", "d")
        engine.execute("INSERT INTO d.t VALUES ('a', 7, 0)")
    with Engine(tmp_path) as engine:
        engine.warm_up()
        assert engine.request("d", "demo", [["a", 1, 1000]]) == [("a", 1, 2, 8)]


def test_procedures(engine: Engine, run: Run) -> None:
    text = f"create procedure sp(const k string, v int, ts timestamp)\nBEGIN\n{QUERY};\nEND;\n"
    run(text)
    found = engine.procedure("d", "sp")
    assert (found.kind, found.text, found.constants, found.constant_outputs) == ("procedure", text, ("k",), ("k",))
    assert run("SHOW DEPLOYMENTS").rows == ()
    with pytest.raises(SqlError, match="is not a deployment"):
        run("DROP DEPLOYMENT sp")
    with pytest.raises(SqlError, match="do not match table t"):
        run("create procedure sp2(v int) BEGIN SELECT k FROM t; END;")
    run("drop procedure sp")
    with pytest.raises(SqlError, match="sp does not exist in d"):
        engine.procedure("d", "sp")


def test_ttl_of_the_first_index_hides_rows_from_online_queries(engine: Engine, run: Run) -> None:
    run("CREATE TABLE u (k string, v int, ts timestamp, INDEX(KEY=k, TS=ts, TTL=2, TTL_TYPE=latest))")
    run("INSERT INTO u VALUES ('a', 1, 1000), ('a', 2, 3000), ('a', 3, 2000), ('b', 4, 1)")
    assert sorted(row[0] for row in run("SELECT v FROM u").rows) == [2, 3, 4]
    run("CREATE TABLE x (k string, v int, ts timestamp, INDEX(KEY=k, TS=ts, TTL=10m))")
    run("INSERT INTO x VALUES ('a', 1, 1000), ('a', 2, 9000000000000)")
    assert run("SELECT v FROM x").rows == ((2,),)
    run("CREATE TABLE y (k string, v int, ts timestamp, INDEX(KEY=k, TS=ts, TTL=(10m, 1), TTL_TYPE=absandlat))")
    run("INSERT INTO y VALUES ('a', 1, 1000), ('a', 2, 2000), ('a', 3, 9000000000000)")
    assert run("SELECT v FROM y").rows == ((3,),)
    run("INSERT INTO y VALUES ('b', 4, 2000)")
    assert sorted(row[0] for row in run("SELECT v FROM y").rows) == [3, 4]
    assert engine.table("d", "y").indexes == (Index("INDEX_0_4", ("k",), "ts", Ttl("absandlat", 10, 1)),)
