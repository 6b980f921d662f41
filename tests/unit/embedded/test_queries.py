"""Queries on the engine: the plan builds on what the rows are, and that stays so until it has run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsflow.embedded import engine as engine_module
from dsflow.embedded import outfile
from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.results import Result

Run = Callable[..., Result]

QUERY = """
    SELECT id, count(v) OVER w AS n FROM t
    WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW)
"""
ROWS = [(1, 1), (2, 2), (3, 1)]
UNFIT = "INSERT INTO t VALUES (4, 1, null, null), (5, 1, 9223372036854775807, 1)"
"""Rows for which the plan of the others does not fit."""


@pytest.fixture(autouse=True)
def table(run: Run) -> None:
    run("CREATE TABLE t (id int, k int, ts timestamp, v int)")
    for mode in ("online", "offline"):
        run("INSERT INTO t VALUES (1, 1, 1000, 1), (2, 1, 1500, 1), (3, 1, 3000, 1)", mode)


@pytest.mark.parametrize("into", ["a file", "the answer"])
def test_rows_that_come_after_the_plan_was_made(
    run: Run, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, into: str
) -> None:
    came = []

    def after_more_rows(work: Callable[..., Any]) -> Callable[..., Any]:
        def late(connection: Any, query: str, *others: Any) -> Any:
            assert "HUGEINT" not in query
            other = threading.Thread(target=engine.execute, args=(UNFIT, "d"), kwargs={"mode": "offline"})
            other.start()
            other.join()
            came.append(query)
            return work(connection, query, *others)

        return late

    if into == "a file":
        monkeypatch.setattr(outfile, "write_folder", after_more_rows(outfile.write_folder))
        run(f"{QUERY} INTO OUTFILE '{tmp_path / 'out'}' OPTIONS(format='parquet')", "offline")
        monkeypatch.undo()
        run("CREATE TABLE o (id int, n bigint)")
        run(f"LOAD DATA INFILE '{tmp_path / 'out'}' INTO TABLE o OPTIONS(format='parquet')", "offline")
        found = run("SELECT id, n FROM o", "offline").rows
    else:
        monkeypatch.setattr(engine_module, "_fetch", after_more_rows(engine_module._fetch))
        found = run(QUERY, "offline").rows
        monkeypatch.undo()
    assert len(came) == 1
    assert sorted(found) == ROWS
    assert sorted(run(QUERY, "offline").rows) == [*ROWS, (4, 0), (5, 1)]


def test_the_plan_that_is_shown_is_the_one_that_runs(run: Run) -> None:
    assert "HUGEINT" not in run(f"EXPLAIN {QUERY}").rows[0][0]
    run("INSERT INTO t VALUES (4, 2, 9223372036854775807, 1)")
    assert "HUGEINT" in run(f"EXPLAIN {QUERY}").rows[0][0]


def test_a_query_that_fails_leaves_nothing_behind(run: Run) -> None:
    frame = "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"
    bad = f"SELECT median(log(v - 2)) OVER w AS d FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    for mode in ("online", "offline"):
        with pytest.raises(SqlError, match="of NaN is not supported"):
            run(bad, mode)
        assert sorted(run(QUERY, mode).rows) == ROWS
        run("INSERT INTO t VALUES (6, 3, 1, 1)", mode)
        assert len(run("SELECT * FROM t", mode).rows) == 4


def test_a_table_that_is_dropped_while_the_query_is_compiled(
    run: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_batch = engine_module.compile_batch

    def late(*given: Any, **more: Any) -> Any:
        other = threading.Thread(target=engine.execute, args=("DROP TABLE t", "d"))
        other.start()
        other.join()
        return compile_batch(*given, **more)

    monkeypatch.setattr(engine_module, "compile_batch", late)
    with pytest.raises(SqlError, match="does not exist"):
        run(QUERY, "offline")
