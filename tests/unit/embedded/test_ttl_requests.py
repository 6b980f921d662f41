"""What a TTL hides from a deployment's windows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dsflow.embedded.engine import Engine

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
