"""Extracts whose windows are computed outside of DuckDB: the rows are the same, and nothing is left behind."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dsflow.embedded import packedframes, packedrows
from dsflow.embedded.engine import Engine
from dsflow.embedded.results import Result

Run = Callable[..., Result]

COLUMNS = {
    "id": "int", "k": "int", "s": "string", "g": "smallint", "b": "bigint", "dt": "date", "a": "int", "l": "bigint",
    "tm": "timestamp", "d": "double", "ok": "bool", "ts": "timestamp", "o": "bigint", "n": "int",
}  # fmt: skip
VALUES: dict[str, list[str]] = {
    "k": ["1", "1", "1", "2", "-3", "2147483647", "NULL"],
    "s": ["'x'", "''", "'y|z'", "'ü'", "NULL"],
    "g": ["0", "1", "-32768", "32767", "NULL"],
    "b": ["0", "9223372036854775807", "-9223372036854775807", "4611686018427387904", "NULL"],
    "dt": ["'1999-12-31'", "'2020-02-29'", "NULL"],
    "a": ["0", "7", "2147483647", "2147483647", "-2147483648", "NULL"],
    "l": ["9223372036854775807", "-9223372036854775807", "1", "NULL"],
    "tm": ["0", "1", "1510093854123"],
    "d": ["0.0", "-0.0", "1.5", "NULL"],
    "ok": ["true", "false", "NULL"],
    "ts": ["0", "1000", "5000", "5000", "9000", "9001", "1510093854123", "9223372036854775807", "-5"],
    "o": ["0", "1000", "5000", "9000", "-1"],
    "n": ["0", "1000", "5000", "-1"],
}
FRAMES = (
    "ROWS_RANGE BETWEEN 4s PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 0s PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 4000 PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 1s OPEN PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 9223372036854775807 PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 4s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW",
)
CALLS = (
    "count(*)", "count(a)", "count(s)", "count(d)", "count(ts)", "count(ok)", "sum(a)", "sum(g)", "sum(l)", "sum(tm)",
    "avg(g)", "avg(a)", "count(id)", "count(dt)",
)  # fmt: skip
PLAIN = ("k", "s", "d", "ok", "dt", "tm", "hour(tm)", "a + 1", "concat(s, '-')", "case when a > 1 then b end")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each chunk had; the shortest table is packed, a few rows at a time."""
    found: list[int] = []
    compute = packedframes.compute

    def counted(rows: Any, row: Any, *rest: Any) -> Any:
        found.append(len(row))
        return compute(rows, row, *rest)

    monkeypatch.setattr(packedframes, "compute", counted)
    monkeypatch.setattr(packedrows, "FEWEST_ROWS", 1)
    monkeypatch.setattr(packedrows, "CHUNK_ROWS", 20)
    monkeypatch.setattr(packedrows, "CHUNKS", 10**6)
    monkeypatch.setattr(packedframes, "BLOCK_ROWS", 10)
    return found


def _fill(run: Run, rows: list[list[str]]) -> None:
    run(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    if rows:
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        job = run(f"INSERT INTO t VALUES {values}", mode="offline").job
        assert job is not None
        assert job.state == "FINISHED", job.error


def _random_rows(rng: random.Random, count: int) -> list[list[str]]:
    return [[str(number), *(rng.choice(values) for values in VALUES.values())] for number in range(count)]


def _random_query(rng: random.Random) -> str:
    key, time = rng.choice(["k", "s", "b", "dt"]), rng.choice(["ts", "o", "n"])
    names, windows = ["w1", "w2", "w3"], []
    for name in names:
        others = [c for c in rng.sample(["k", "s", "g", "b", "dt"], rng.randint(0, 3)) if c != key]
        columns = [key, *others]
        rng.shuffle(columns)
        windows.append(f"{name} AS (PARTITION BY {', '.join(columns)} ORDER BY {time} {rng.choice(FRAMES)})")
    items = ["id", *(f"{rng.choice(CALLS)} OVER {name}" for name in (*names, *rng.choices(names, k=3)))]
    items += [f"count(a) OVER {rng.choice(names)} * 2 + id", *rng.sample(PLAIN, 3)]
    selected = ", ".join(f"{item} AS c{place}" for place, item in enumerate(items))
    where = rng.choice(["", "", " WHERE a > 0 OR g = 1"])
    return f"SELECT {selected} FROM t{where} WINDOW {', '.join(windows)}"


def _extract(run: Run, query: str, folder: Path, format: str = "parquet") -> list[str]:
    job = run(f"{query} INTO OUTFILE '{folder}' OPTIONS(mode='overwrite', format='{format}')", mode="offline").job
    assert job is not None
    assert job.state == "FINISHED", job.error
    if format == "csv":
        return sorted(line for file in folder.glob("*.csv") for line in file.read_text().splitlines())
    found = duckdb.sql(f"SELECT * FROM read_parquet('{folder}/*.parquet')").fetchall()
    return sorted(map(repr, found))


@pytest.mark.parametrize("seed", range(6))
def test_the_rows_are_those_of_the_statement(
    run: Run, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    _fill(run, _random_rows(rng, 150))
    packed = 0
    for number in range(12):
        query, format = _random_query(rng), rng.choice(["parquet", "csv"])
        taken.clear()
        given = _extract(run, query, tmp_path / "out", format)
        packed += bool(taken)
        with monkeypatch.context() as patch:
            patch.setattr(packedrows, "FEWEST_ROWS", 10**9)
            taken.clear()
            plain = _extract(run, query, tmp_path / "plain", format)
            assert given == plain, f"{number}: {query}"
            assert not taken
    assert packed >= 6


QUERY = (
    "SELECT id, s, d, count(a) OVER w1 AS x, sum(a) OVER w2 AS y FROM t WINDOW"
    " w1 AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 4s PRECEDING AND CURRENT ROW),"
    " w2 AS (PARTITION BY k, g ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)


def test_ties_and_chunks(run: Run, tmp_path: Path, taken: list[int]) -> None:
    """Of equal times those that came later are outside, whatever chunk a key is in."""
    rng = random.Random(1)
    rows = [[str(n), str(n % 40), *[rng.choice(v) for v in list(VALUES.values())[1:]]] for n in range(400)]
    for row in rows:
        row[list(COLUMNS).index("ts")] = "5000"
        row[list(COLUMNS).index("a")] = "1"
    _fill(run, rows)
    given = [eval(row) for row in _extract(run, QUERY, tmp_path / "out")]
    assert len(taken) == 20
    assert sum(taken) == 400
    assert {row[0]: row[3] for row in given} == {n: n // 40 + 1 for n in range(400)}


@pytest.mark.parametrize(
    ("change", "packed"),
    [
        (lambda q: q, True),
        (lambda q: q.replace("count(a)", "max(a)"), False),
        (lambda q: q.replace("count(a)", "distinct_count(a)"), False),
        (lambda q: q.replace("count(a)", "count_where(a, a > 0)"), False),
        (lambda q: q.replace("count(a)", "lag(a, 1)"), False),
        (lambda q: q.replace("sum(a)", "sum(d)"), False),
        (lambda q: q.replace("sum(a)", "avg(a)"), True),
        (lambda q: q.replace("sum(a)", "avg(l)"), False),  # its sums are not exact as doubles
        (lambda q: q.replace("sum(a)", "sum(a + 1)"), False),
        (lambda q: q.replace("PARTITION BY k ORDER", "PARTITION BY g ORDER"), True),
        (lambda q: q.replace("PARTITION BY k ORDER", "PARTITION BY s ORDER"), False),  # nothing in common
        (lambda q: q.replace("PARTITION BY k ORDER", "PARTITION BY ok ORDER"), False),
        (lambda q: q.replace("ORDER BY ts", "ORDER BY o", 1), False),  # two orders
        (lambda q: q.replace("4s PRECEDING AND CURRENT ROW", "4s PRECEDING AND 1s PRECEDING"), False),
        (lambda q: q.replace("4s PRECEDING AND CURRENT ROW", "4s PRECEDING AND CURRENT ROW MAXSIZE 2"), False),
        (lambda q: q.replace("CURRENT ROW)", "CURRENT ROW EXCLUDE CURRENT_TIME)"), False),
        (lambda q: q.replace("w1 AS (PARTITION", "w1 AS (UNION t PARTITION"), False),
        (lambda q: q.replace("CURRENT ROW)", "CURRENT ROW EXCLUDE CURRENT_ROW)"), True),
        (lambda q: q.replace("FROM t", "FROM t WHERE a > 0"), True),
        (lambda q: q.replace("FROM t", "FROM t WHERE char_length(s) > 0"), False),
        (lambda q: q.replace("FROM t", "FROM t AS x"), True),
        (lambda q: q.replace("FROM t", "FROM (SELECT * FROM t) AS t"), False),
        (lambda q: q + " LIMIT 10", False),
    ],
)
def test_what_is_packed(
    run: Run, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch, change: Any, packed: bool
) -> None:
    _fill(run, _random_rows(random.Random(3), 60))
    query = change(QUERY)
    given = _extract(run, query, tmp_path / "out")
    assert bool(taken) is packed
    if not query.endswith("LIMIT 10"):
        monkeypatch.setattr(packedrows, "FEWEST_ROWS", 10**9)
        assert given == _extract(run, query, tmp_path / "plain")


def test_a_time_that_may_be_null_is_not_packed(run: Run, tmp_path: Path, taken: list[int]) -> None:
    rows = _random_rows(random.Random(4), 60)
    rows[7][list(COLUMNS).index("ts")] = "NULL"
    _fill(run, rows)
    assert len(_extract(run, QUERY, tmp_path / "out")) > 0
    assert not taken


def test_a_column_with_the_name_of_a_part(run: Run, tmp_path: Path, taken: list[int]) -> None:
    run("CREATE TABLE p (__PART0 int, k int, ts bigint)")
    run("INSERT INTO p VALUES (7, 1, 1), (8, 1, 2)", mode="offline")
    query = (
        "SELECT __PART0, count(k) OVER w AS c FROM p WINDOW w AS (PARTITION BY k ORDER BY ts"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    assert _extract(run, query, tmp_path / "out") == ["(7, 1)", "(8, 2)"]
    assert not taken


def test_no_rows(run: Run, tmp_path: Path, taken: list[int]) -> None:
    _fill(run, [])
    assert _extract(run, QUERY, tmp_path / "out") == []
    assert not taken


@pytest.mark.parametrize("busy", [False, True])
def test_one_key_with_most_rows_does_not_come_into_memory(
    engine: Engine, run: Run, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    rows = _random_rows(random.Random(5), 200)
    for number, row in enumerate(rows):
        row[1] = "1" if busy and number % 2 else str(number % 40)
    _fill(run, rows)
    limit = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
    ((memory,),) = engine._storage.connection().execute(limit).fetchall()
    monkeypatch.setattr(packedrows, "_BYTES_MEANWHILE", memory // 2 // 100)  # there is room for 100 rows
    monkeypatch.setattr(packedrows, "CHUNK_ROWS", 10)
    assert len(_extract(run, QUERY, tmp_path / "out")) > 0
    assert bool(taken) is not busy


def test_a_table_of_files_is_packed(run: Run, tmp_path: Path, taken: list[int]) -> None:
    file = tmp_path / "t.csv"
    file.write_text("k,v,ts\n" + "".join(f"{n % 3},{n},{1000 * n}\n" for n in range(100)))
    run("CREATE TABLE f (k int, v int, ts bigint)")
    run(f"LOAD DATA INFILE '{file}' INTO TABLE f OPTIONS(deep_copy=false, mode='append')", mode="offline")
    query = (
        "SELECT v, count(v) OVER w AS c FROM f WINDOW w AS (PARTITION BY k ORDER BY ts"
        " ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    assert _extract(run, query, tmp_path / "out") == sorted(repr((n, n // 3 + 1)) for n in range(100))
    assert sum(taken) == 100


def test_a_failure_in_a_chunk_is_the_jobs(
    run: Run, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(run, _random_rows(random.Random(6), 200))

    def fails(*_: Any) -> Any:
        raise MemoryError("no room for a chunk")

    monkeypatch.setattr(packedframes, "compute", fails)
    job = run(f"{QUERY} INTO OUTFILE '{tmp_path}/out'", mode="offline").job
    assert job is not None
    assert (job.state, job.error) == ("FAILED", "no room for a chunk")
    assert list(tmp_path.glob("*out*")) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("packed-rows")]
    monkeypatch.undo()
    assert len(_extract(run, QUERY, tmp_path / "out")) > 0


def test_a_job_is_stopped_between_chunks(
    engine: Engine, run: Run, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(run, _random_rows(random.Random(7), 400))
    compute, begun, goes_on = packedframes.compute, threading.Event(), threading.Event()

    def waits(*arguments: Any) -> Any:
        begun.set()
        assert goes_on.wait(30)
        return compute(*arguments)

    monkeypatch.setattr(packedframes, "compute", waits)
    job = run(f"{QUERY} INTO OUTFILE '{tmp_path}/out'", mode="offline", sync=False).job
    assert job is not None
    assert begun.wait(30)
    engine.jobs.stop(job.id)
    goes_on.set()
    ended = engine.jobs.wait(job.id, 30_000)
    assert ended is not None
    assert (ended.state, ended.error) == ("KILLED", "stopped by STOP JOB")
    assert list(tmp_path.glob("*out*")) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("packed-rows")]
