"""Requests answered from rows in memory: the same answers as the compiled statement's, and never old ones."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dsflow.embedded import keyrows
from dsflow.embedded.deployments import Plan
from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.keyrows import KeyRows
from dsflow.embedded.results import Result

Run = Callable[..., Result]

COLUMNS = {
    "k": "int", "s": "string", "g": "smallint", "b": "bigint", "a": "int", "d": "double", "ts": "timestamp",
    "o": "bigint",
}  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "k": [1, 1, 2, -3, None],
    "s": ["x", "", "y|z", None],
    "g": [0, 1, -32768, 32767, None],
    "b": [0, 2**62, -(2**63), None],
    "a": [0, 7, 2**31 - 1, 2**31 - 1, -(2**31), None],
    "d": [0.0, -0.0, 1.5, None],
    "ts": [0, 1000, 5000, 5000, 9000, 1_510_093_854_123, 253_402_214_400_000, -5, None],
    "o": [0, 1000, 5000, 9000, -1, None],
}
FRAMES = ("4s PRECEDING", "0s PRECEDING", "UNBOUNDED PRECEDING", "4000 PRECEDING", "1s OPEN PRECEDING")
CALLS = (
    "count(*)", "count(a)", "count(s)", "count(d)", "count(ts)", "sum(a)", "sum(g)", "avg(a)", "avg(g)", "min(a)",
    "max(g)",
)  # fmt: skip
PLAIN = ("k", "s", "d", "ts", "hour(ts)", "minute(ts)", "second(ts)", "day(ts)", "month(ts)", "year(ts)")


def _row(rng: random.Random) -> list[Any]:
    return [rng.choice(VALUES[name]) for name in COLUMNS]


def _query(rng: random.Random) -> str:
    key = rng.choice(["k", "s", "b"])
    names, windows = ["w1", "w2", "w3"], []
    for name in names:
        others = [c for c in rng.sample(["k", "s", "g", "b"], rng.randint(0, 2)) if c != key]
        columns = [key, *others]
        rng.shuffle(columns)
        windows.append(
            f"{name} AS (PARTITION BY {', '.join(columns)} ORDER BY {rng.choice(['ts', 'o'])}"
            f" ROWS_RANGE BETWEEN {rng.choice(FRAMES)} AND CURRENT ROW)"
        )
    items = [f"{rng.choice(CALLS)} OVER {name}" for name in (*names, *rng.choices(names, k=2))]
    items += rng.sample(PLAIN, 3)
    selected = ", ".join(f"{item} AS c{place}" for place, item in enumerate(items))
    return f"SELECT {selected} FROM t WINDOW {', '.join(windows)}"


def _answer(engine: Engine, plan: Plan, row: list[Any]) -> str:
    try:
        return repr(engine._plans.run(plan, [row]))
    except SqlError as error:
        return str(error)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_answers_are_those_of_the_statement(
    engine: Engine, run: Run, seed: int, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether each row of a key is looked at, or they are put in order because they are many."""
    if many:
        monkeypatch.setattr(keyrows, "MANY", 1)
        monkeypatch.setattr(keyrows, "_ASKED", 1)
    rng = random.Random(seed)
    run(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    engine.insert("d", "t", [row for row in (_row(rng) for _ in range(400)) if (row[6] or 0) >= 0])
    quick = 0
    for number in range(15):
        options = "" if number % 3 else "OPTIONS(RANGE_BIAS='inf')"
        run(f"DEPLOY p{seed}_{number} {options} {_query(rng)}")
        plan = engine._plans.get("d", f"p{seed}_{number}")
        for row in (_row(rng) for _ in range(25)):
            found = [_answer(engine, plan, row), _answer(engine, replace(plan, quick=None), row)]
            assert found[0] == found[1], (plan.procedure.query, row)
            quick += plan.quick is not None and plan.quick.answer(row, engine._plans._stored) is not None
    assert quick > 50
    assert many == any(rows._orders for _, _, rows in engine._plans._stored._entries.values())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(a) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 3 PRECEDING AND"
        " CURRENT ROW)",
        "SELECT sum(d) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s PRECEDING AND"
        " CURRENT ROW)",
        "SELECT count(a) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s PRECEDING AND"
        " 1s PRECEDING)",
        "SELECT count(a) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s PRECEDING AND"
        " CURRENT ROW MAXSIZE 2)",
        "SELECT count(a) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s PRECEDING AND"
        " CURRENT ROW EXCLUDE CURRENT_TIME)",
        "SELECT count(a) OVER w AS c FROM t WINDOW w AS (PARTITION BY k, s, s2 ORDER BY ts ROWS_RANGE BETWEEN 3s"
        " PRECEDING AND CURRENT ROW)",
        "SELECT count(a) OVER w AS c, a + 1 AS e FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s"
        " PRECEDING AND CURRENT ROW)",
        "SELECT count(a) OVER w AS c FROM (SELECT * FROM t) AS t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE"
        " BETWEEN 3s PRECEDING AND CURRENT ROW)",
        "SELECT a FROM t",
    ],
)
def test_what_is_left_to_the_statement(engine: Engine, run: Run, query: str) -> None:
    run("CREATE TABLE t (k int, s string, s2 string, a int, d double, ts timestamp)")
    run(f"DEPLOY p {query}")
    assert engine._plans.get("d", "p").quick is None


def test_each_change_of_the_rows_is_seen(engine: Engine, run: Run, tmp_path: Any) -> None:
    run("CREATE TABLE t (k int, ts timestamp)")
    run(
        "DEPLOY p SELECT count(k) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN"
        " UNBOUNDED PRECEDING AND CURRENT ROW)"
    )

    def counted() -> Any:
        return engine.request("d", "p", [[1, 10_000]])[0][0]

    assert counted() == 1
    run("INSERT INTO t VALUES (1, 1000), (1, 2000), (2, 1000)")
    assert counted() == 3
    engine.insert("d", "t", [[1, 3000]])
    assert counted() == 4
    (tmp_path / "more.csv").write_text("k,ts\n1,4000\n1,5000\n")
    run(f"LOAD DATA INFILE '{tmp_path}/more.csv' INTO TABLE t OPTIONS(mode='append')")
    assert counted() == 6
    run("DELETE FROM t WHERE k = 1 AND ts = 1000")
    assert counted() == 5
    run("TRUNCATE TABLE t")
    assert counted() == 1


def test_a_ttl_goes_by_the_time_of_the_request(engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("CREATE TABLE t (k int, ts timestamp, INDEX(KEY=k, TS=ts, TTL=1m, TTL_TYPE=absolute))")
    run(
        "DEPLOY p OPTIONS(SKIP_INDEX_CHECK='true') SELECT count(k) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER"
        " BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
    )
    now = time.time_ns() // 1_000_000
    engine.insert("d", "t", [[1, now - 40_000], [1, now - 90_000]])
    assert engine._plans.get("d", "p").quick is not None
    assert engine.request("d", "p", [[1, now]]) == [(2,)]
    later = time.time_ns() + 30 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert engine.request("d", "p", [[1, now]]) == [(1,)]


def test_memory_is_limited_and_the_oldest_go_first(engine: Engine, run: Run) -> None:
    run("CREATE TABLE t (k int, s string)")
    engine.insert("d", "t", [[key, "text" * 100] for key in range(40)])
    table = engine.table("d", "t")
    kept = KeyRows(engine._storage, most_bytes=25_000)
    for key in range(40):
        assert kept.get(table, "k", key, ("s",)).count == 1
        assert kept.get(table, "k", 0, ("s",)).count == 1
    assert 5 < len(kept._entries) < 20
    assert (table.tid, "k", ("s",), 0) in kept._entries
    assert (table.tid, "k", ("s",), 1) not in kept._entries
