"""How online rows lie: in stretches that a look-up reads little of, whatever came, left, was cut short or went on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.embedded import catalog, onlinerows, storage
from dsflow.embedded.catalog import Layout
from dsflow.embedded.engine import Engine

QUERY = (
    "SELECT k, count(v) OVER w AS n FROM t"
    " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)


def make_small(patch: pytest.MonkeyPatch) -> None:
    """Sizes at which a few rows are many."""
    patch.setattr(storage, "BLOCK_ROWS", 30)
    patch.setattr(catalog, "_WAITING_ROWS", 20)
    patch.setattr(catalog, "_MOST_STRETCHES", 3)
    patch.setattr(onlinerows, "SLICE_ROWS", 40)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@given(st.lists(st.tuples(st.integers(1, 10_000_000), st.booleans()), max_size=60))
def test_there_are_few_stretches_and_each_row_moves_seldom(added: list[tuple[int, bool]]) -> None:
    layout, end, moved = Layout("k"), 0, 0
    for count, ordered in added:
        if ordered:
            layout = layout.with_stretch(end, end + count)
        end += count
        layout, begin = layout.settled(end)
        assert end - layout.end <= catalog._WAITING_ROWS
        assert list(layout.ends) == sorted(set(layout.ends))
        assert layout.settled(end) == (layout, None)
        moved += end - begin if begin is not None else 0
    levels = max(end, 2).bit_length()
    assert len(layout.ends) <= catalog._MOST_STRETCHES + levels
    assert moved <= (levels + 1) * end


def stored(engine: Engine) -> list[tuple[Any, ...]]:
    """The online rows of t in their order of arrival, as they are in the relation."""
    found = engine._storage.connection().execute("SELECT k, v, ts, f FROM online.t1 ORDER BY __row").fetchall()
    return [tuple(row) for row in found]


def stretches(engine: Engine) -> list[list[str | None]]:
    """The keys of each stretch in the order in which they are stored."""
    layout = engine.table("d", "t").layout
    assert layout is not None
    starts = [0, *layout.ends][: len(layout.ends)]
    return [
        [
            key
            for (key,) in engine._storage.connection()
            .execute("SELECT k FROM online.t1 WHERE __row >= ? AND __row < ? ORDER BY rowid", [start, end])
            .fetchall()
        ]
        for start, end in zip(starts, layout.ends, strict=True)
    ]


def text(row: tuple[Any, ...]) -> str:
    return ",".join("" if value is None else str(value) for value in row)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**9), key=st.sampled_from(["string", "int", "bigint"]))
def test_rows_are_those_of_a_list_whatever_happens(seed: int, key: str) -> None:
    """Inserts, loads, each row once or not, deletes, restarts and deployments, in any order."""
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        make_small(patch)
        engine = Engine(Path(folder) / "engine")
        model: list[tuple[Any, ...]] = []

        def row() -> tuple[Any, ...]:
            number = rng.choice([None, *range(9)])
            shown = f"k{number}" if key == "string" and number is not None else number
            return (shown, rng.choice([None, 1, 2]), rng.randrange(5) * 1000, rng.choice([None, 0.5, 0.0, -0.0]))

        def add(rows: list[tuple[Any, ...]], once: bool) -> None:
            for one in rows:  # a text tells 0.0 from -0.0
                if not once or str(one) not in map(str, model):
                    model.append(one)

        def run(sql: str) -> None:
            job = engine.execute(sql, "d").job
            assert job is None or job.state == "FINISHED", job and job.error

        def insert(once: bool) -> None:
            rows = [row() for _ in range(rng.randrange(1, 12))]
            values = ", ".join(f"({', '.join('NULL' if v is None else repr(v) for v in one)})" for one in rows)
            run(f"INSERT {'OR IGNORE ' if once else ''}INTO t VALUES {values}")
            add(rows, once)

        def load(once: bool) -> None:
            rows = [row() for _ in range(rng.choice([5, 25, 35, 90, 150]))]
            file = Path(folder) / "rows.csv"
            file.write_text("k,v,ts,f\n" + "".join(f"{text(one)}\n" for one in rows))
            run(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append', put_if_absent={str(once).lower()})")
            add(rows, once)

        def restart() -> None:
            nonlocal engine
            engine.close()
            engine = Engine(Path(folder) / "engine")

        def delete() -> None:
            second = rng.randrange(5) * 1000
            run(f"DELETE FROM t WHERE ts = {second}")
            model[:] = [one for one in model if one[2] != second]

        def truncate() -> None:
            run("TRUNCATE TABLE t")
            model.clear()

        def deploy() -> None:
            run(f"DEPLOY IF NOT EXISTS demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
            run("DEPLOY IF NOT EXISTS other OPTIONS(RANGE_BIAS='inf') " + QUERY.replace("k ORDER", "v ORDER"))

        run("CREATE DATABASE d")
        run(f"CREATE TABLE t (k {key}, v int, ts timestamp, f double)")
        try:
            steps = [lambda: insert(False), lambda: insert(True), lambda: load(False), lambda: load(True)] * 3
            for _ in range(14):
                rng.choice([*steps, restart, delete, truncate, deploy, deploy])()
                assert str(stored(engine)) == str(model)
            deploy()
            insert(False)
            for known in stretches(engine):
                values = [(k is None, k if k is not None else 0) for k in known]
                assert values == sorted(values) or len(values) <= 20
            for asked in {one[0] for one in model if one[0] is not None}:
                found = engine.request("d", "demo", [[asked, 1, 10_000, None]])
                assert found == [(asked, sum(one[0] == asked and one[1] is not None for one in model) + 1)]
            for v in (1, 2):
                found = engine.request("d", "other", [[None, v, 10_000, None]])
                assert found == [(None, sum(one[1] == v for one in model) + 1)]
        finally:
            engine.close()


def test_an_index_of_an_earlier_version_gives_way_to_the_layout(engine: Engine) -> None:
    """DuckDB would keep it up with each row, and all of it in memory."""
    connection = engine._storage.connection()
    engine.execute("CREATE TABLE t (k string, v int, ts timestamp)", "d")
    connection.execute("CREATE INDEX t1_c0 ON online.t1 (k)")
    engine.execute("INSERT INTO t VALUES ('a', 1, 1)", "d")
    engine.execute(f"DEPLOY demo {QUERY}", "d")
    assert connection.execute("SELECT index_name FROM duckdb_indexes()").fetchall() == []
    engine.execute("DEPLOY other " + QUERY.replace("k ORDER", "v ORDER"), "d")
    assert connection.execute("SELECT index_name FROM duckdb_indexes()").fetchall() == [("t1_c1",)]
    assert engine.request("d", "demo", [["a", 1, 2]]) == [("a", 2)]


@pytest.mark.parametrize("loaded_first", [False, True], ids=["deployed first", "loaded first"])
def test_the_column_is_the_one_that_all_windows_have(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded_first: bool
) -> None:
    """However the indexes write their columns: a deployment of several windows looks rows up by what they share."""
    make_small(monkeypatch)
    declared = ", ".join(f"INDEX(KEY=({keys}), TS=ts)" for keys in ("k", "a, k", "a, b, k"))
    engine.execute(f"CREATE TABLE t (k int, a int, b int, ts timestamp, {declared})", "d")
    windows = ", ".join(
        f"w{n} AS (PARTITION BY {keys} ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        for n, keys in enumerate(("k", "k, a", "k, a, b"))
    )
    deploy = (
        f"DEPLOY demo SELECT k, {', '.join(f'count(b) OVER w{n} AS n{n}' for n in range(3))} FROM t WINDOW {windows}"
    )
    file = tmp_path / "rows.csv"
    file.write_text("k,a,b,ts\n" + "".join(f"{n % 9},{n % 4},{n % 2},{n}\n" for n in range(100)))
    load = f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')"
    for statement in (load, deploy) if loaded_first else (deploy, load):
        engine.execute(statement, "d")
    layout = engine.table("d", "t").layout
    assert layout is not None
    assert layout.column == "k"
    assert engine._storage.connection().execute("SELECT index_name FROM duckdb_indexes()").fetchall() == []
    rows = [n for n in range(100) if n % 9 == 3]
    counts = (len(rows), sum(n % 4 == 1 for n in rows), sum(n % 4 == 1 for n in rows))
    assert engine.request("d", "demo", [[3, 1, 1, 1000]]) == [(3, *(count + 1 for count in counts))]


@pytest.mark.usefixtures("small")
def test_rows_that_were_there_before_the_deployment_are_put_in_order(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (k string, v int, ts timestamp)", "d")
    engine.insert("d", "t", [[f"k{n % 7}", n, n] for n in range(100)])
    assert engine.table("d", "t").layout is None
    engine.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}", "d")
    (keys,) = stretches(engine)
    assert keys == sorted(f"k{n % 7}" for n in range(100))
    assert engine.request("d", "demo", [["k3", 1, 1000]]) == [("k3", 15)]


LOADS = """
import sys
from pathlib import Path
from dsflow.embedded import catalog, onlinerows, storage
from dsflow.embedded.engine import Engine
storage.BLOCK_ROWS, catalog._WAITING_ROWS, catalog._MOST_STRETCHES, onlinerows.SLICE_ROWS = 300, 200, 3, 400
with Engine(sys.argv[1]) as engine:
    while True:
        count = len(engine.execute("SELECT v FROM t", "d").rows)
        file = Path(sys.argv[2]) / "rows.csv"
        size = (500, 90)[count // 590 % 2 if count % 590 == 0 else 1] if count % 590 in (0, 500) else 90
        file.write_text("k,v\\n" + "".join(f"{n * 7919 % 101},{n}\\n" for n in range(count, count + size)))
        engine.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "d")
        print(count + size, flush=True)
"""


def test_a_kill_at_any_time_leaves_whole_loads(tmp_path: Path) -> None:
    """Large loads, small ones and the moving of rows between them are cut by SIGKILL; each load is there or not."""
    folder = tmp_path / "engine"
    with Engine(folder) as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE t (k int, v int)", "d")
        engine.execute("DEPLOY demo SELECT k, v FROM t", "d")
    rng = random.Random(7)
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", LOADS, str(folder), str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            known = int(process.stdout.readline())
            time.sleep(rng.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            known = int(([str(known), *process.stdout.read().split()])[-1])
        with Engine(folder) as engine:
            values = engine._storage.connection().execute("SELECT k, v FROM online.t1 ORDER BY __row").fetchall()
            assert known <= len(values) <= known + 500
            assert values == [(n * 7919 % 101, n) for n in range(len(values))]
