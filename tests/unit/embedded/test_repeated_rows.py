"""Which rows of a file are there more than once, as a load has found it, and when a query is answered from that."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsflow.declare.equalrows import EqualRows, equal_rows
from dsflow.embedded import links, repeatedrows
from dsflow.embedded.engine import Engine
from dsflow.embedded.repeatedrows import grouped_by
from dsflow.openmldb import nodes
from dsflow.openmldb.query import shared_tree as parse
from dsflow.openmldb.types import ColumnType

COLUMNS = {"k": ColumnType.INT, "s": ColumnType.STRING, "d": ColumnType.DOUBLE, "ts": ColumnType.TIMESTAMP}


def statements(columns: dict[str, ColumnType]) -> EqualRows:
    return equal_rows("d", "t", columns)


@pytest.mark.parametrize("columns", [COLUMNS, {"k": ColumnType.INT, "dt": ColumnType.DATE}])
def test_the_query_for_equal_rows_is_known(columns: dict[str, ColumnType]) -> None:
    statement = parse(statements(columns).find)
    assert isinstance(statement, nodes.SelectInto)
    assert grouped_by(statement.query) == set(columns)


INNER = "SELECT a, b, count(*) AS n FROM r GROUP BY a, b"
OTHERS = [
    "SELECT a, b FROM r",
    INNER,
    f"SELECT a FROM ({INNER}) AS g",
    f"SELECT a FROM ({INNER}) AS g WHERE n > 0",
    f"SELECT a FROM ({INNER}) AS g WHERE n >= 1",
    f"SELECT a FROM ({INNER}) AS g WHERE a > 1",
    f"SELECT a FROM ({INNER}) AS g WHERE n > 1 OR a > 1",
    f"SELECT a FROM ({INNER}) AS g WHERE n > 1 LIMIT 1",
    f"SELECT a FROM ({INNER.replace('count(*)', 'count(a)')}) AS g WHERE n > 1",
    f"SELECT a FROM ({INNER.replace('count(*)', 'sum(a)')}) AS g WHERE n > 1",
    f"SELECT a FROM ({INNER.replace('FROM r', 'FROM r WHERE a > 1')}) AS g WHERE n > 1",
    f"SELECT a FROM ({INNER.replace('FROM r', 'FROM (SELECT a, b FROM r WHERE a > 1) AS x')}) AS g WHERE n > 1",
    f"SELECT a FROM ({INNER.replace('FROM r', 'FROM r LAST JOIN q ON r.a = q.a')}) AS g WHERE n > 1",
]


@pytest.mark.parametrize("query", OTHERS)
def test_other_queries_want_all_rows(query: str) -> None:
    assert not grouped_by(parse(query))


def test_what_it_groups_by() -> None:
    def by(keys: str, rows: str = "r") -> set[str]:
        inner = f"SELECT count(*) AS n FROM {rows} GROUP BY {keys}"
        return set(grouped_by(parse(f"SELECT n FROM ({inner}) AS g WHERE n > 1")))

    assert by("a, b") == {"a", "b"}
    assert by("a + 1, b") == set()
    assert by("a, h", "(SELECT a, hash64(b) AS h FROM r) AS x") == {"a", "b"}
    assert by("a, h", "(SELECT a, abs(b) AS h FROM r) AS x") == set()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(repeatedrows, "_TICK_NS", -(10**9))  # as if the file had lain there for long
    with Engine(tmp_path / "engine") as running:
        running.execute("CREATE DATABASE d", None)
        yield running


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that queries have read."""
    found: list[str] = []
    stage = links._stage

    def noting(connection: Any, table: Any, path: str, *more: Any) -> None:
        found.append(path)
        stage(connection, table, path, *more)

    monkeypatch.setattr(links, "_stage", noting)
    return found


def run(engine: Engine, sql: str, mode: Any = "offline") -> list[tuple[Any, ...]]:
    job = engine.execute(sql, "d", mode=mode, sync=True, timeout_ms=60_000)
    state = [row[2] for row in job.rows if len(row) > 10]
    assert state in ([], ["FINISHED"]), job.rows
    return list(job.rows)


def make(engine: Engine, columns: dict[str, ColumnType] = COLUMNS) -> None:
    for name in ("t", "t__rows", "t__equal"):
        run(engine, f"DROP TABLE IF EXISTS {name}")
    run(engine, f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")


def load(engine: Engine, file: Path) -> str:
    options = "OPTIONS(header=true, mode='append', put_if_absent=true)"
    ((number, *_),) = run(engine, f"LOAD DATA INFILE '{file}' INTO TABLE t {options}", "online")
    job = engine.jobs.get(int(number))
    assert job is not None
    return job.log.splitlines()[-1]


def repeated(engine: Engine, file: Path, columns: dict[str, ColumnType] = COLUMNS) -> Counter[str]:
    wanted = statements(columns)
    for text in (*(f"DROP TABLE IF EXISTS {name}" for name in (wanted.rows, wanted.found)), *wanted.create):
        run(engine, text)
    run(engine, f"LOAD DATA INFILE '{file}' INTO TABLE t__rows OPTIONS(header=true, mode='overwrite', deep_copy=false)")
    run(engine, wanted.find)
    return Counter(map(repr, run(engine, "SELECT * FROM t__equal", "online")))


TEXT = "k,s,d,ts\n1,a,1.0,5\n1,a,1.00,5\n2,b,,6\n1,a,1,5\n2,b,0.0,6\n2,b,-0.0,6\n2,b,,6\n,,,\n"
FOUND = Counter({"(1, 'a', 1.0, 5, 3)": 1, "(2, 'b', None, 6, 2)": 1})


def test_a_file_that_was_loaded_is_not_read_again(engine: Engine, read: list[str], tmp_path: Path) -> None:
    make(engine)
    file = tmp_path / "x.csv"
    file.write_text(TEXT)
    assert repeated(engine, file) == FOUND
    assert read == [str(file)]
    assert load(engine, file) == "put_if_absent left out 3 of them; the table has 5 rows now"
    assert repeated(engine, file) == FOUND
    assert read == [str(file)]
    assert len(run(engine, "SELECT * FROM t__rows")) == 8  # another query reads it
    assert read == [str(file)] * 2
    assert load(engine, file) == "put_if_absent left out 8 of them; the table has 5 rows now"
    assert repeated(engine, file) == FOUND
    assert read == [str(file)] * 2


def test_a_load_that_stores_nothing_has_compared_all_the_same(engine: Engine, read: list[str], tmp_path: Path) -> None:
    make(engine)
    file = tmp_path / "x.csv"
    file.write_text(TEXT)
    load(engine, file)
    engine.close()
    with Engine(tmp_path / "engine") as later:
        assert load(later, file) == "put_if_absent left out 8 of them; the table has 5 rows now"
        assert repeated(later, file) == FOUND
    assert read == []


@pytest.mark.parametrize("how", ["changed", "other options", "other types", "another file too", "not settled"])
def test_otherwise_it_is_read(
    engine: Engine, read: list[str], tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(engine)
    file, columns = tmp_path / "x.csv", dict(COLUMNS)
    file.write_text(TEXT)
    if how == "not settled":
        monkeypatch.setattr(repeatedrows, "_TICK_NS", 10**12)
    load(engine, file)
    if how == "changed":
        file.write_text(TEXT + "7,x,1.5,9\n" * 4)
        assert repeated(engine, file) == FOUND + Counter({"(7, 'x', 1.5, 9, 4)": 1})
    elif how == "other types":
        columns["k"] = ColumnType.BIGINT
        assert repeated(engine, file, columns) == FOUND
    elif how == "not settled":
        assert repeated(engine, file) == FOUND
    else:
        other = tmp_path / "other.csv"
        other.write_text("k,s,d,ts\n2,b,0.0,6\n")
        for text in statements(COLUMNS).create:
            run(engine, text)
        null = "a" if how == "other options" else "null"
        for path in [other, file] if how == "another file too" else [file]:
            options = f"OPTIONS(null_value='{null}', mode='append', deep_copy=false)"
            run(engine, f"LOAD DATA INFILE '{path}' INTO TABLE t__rows {options}")
        run(engine, statements(COLUMNS).find)
        found = Counter(map(repr, run(engine, "SELECT * FROM t__equal", "online")))
        if how == "another file too":
            assert found == FOUND + Counter({"(2, 'b', 0.0, 6, 2)": 1})
        else:
            assert found == Counter({"(1, None, 1.0, 5, 3)": 1, "(2, 'b', None, 6, 2)": 1})
    assert str(file) in read


ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 1), st.none() | st.sampled_from(["a", "b"]),
        st.none() | st.sampled_from([0.0, -0.0, 1.5]), st.none() | st.integers(0, 1),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=ROWS, rows=ROWS)
def test_it_is_what_the_file_says(
    engine: Engine, read: list[str], tmp_path: Path, before: list[Any], rows: list[Any]
) -> None:
    make(engine)
    for name, content in (("before", before), ("rows", rows)):
        lines = [",".join("" if value is None else str(value) for value in row) for row in content]
        (tmp_path / f"{name}.csv").write_text("\n".join(["k,s,d,ts", *lines]) + "\n")
    file = tmp_path / "rows.csv"
    os.utime(file, ns=(len(read), len(read)))
    load(engine, tmp_path / "before.csv")
    wanted = repeated(engine, file)
    load(engine, file)
    read.clear()
    assert repeated(engine, file) == wanted
    assert read == []
