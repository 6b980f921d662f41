"""Loading a file that holds rows more than once: the load's statements and its check, on the embedded OpenMLDB."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsflow import Index, Table, Workflow, types
from dsflow.embedded.server import EmbeddedServer
from dsflow.worker import checks
from dsflow.worker.environment import worker_path_folder

Rows = Counter[tuple[Any, ...]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("openmldb")) as running:
        yield running


@pytest.fixture
def cursor(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(worker_path_folder()))
    for name in [name for name in sys.modules if name.split(".")[0] == "openmldb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("DSFLOW_EMBEDDED_OPENMLDB", server.url)
    monkeypatch.setattr(checks, "PAUSE_SECONDS", 0.0)
    import openmldb.dbapi

    cursor = openmldb.dbapi.connect().cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS d")
    cursor.execute("USE d")
    return cursor


def make(indexes: tuple[Index, ...] = (), **columns: Any) -> Table:
    with Workflow("w", project="p"):
        return Table("t", database="d", indexes=indexes, **columns)


def create(cursor: Any, table: Table) -> None:
    cursor.execute("DROP TABLE IF EXISTS t")
    cursor.execute(table.ddl())


def load(cursor: Any, table: Table, file: Path, **options: Any) -> None:
    """Run the nodes of a load one after another, as a worker does."""
    with Workflow("w", project="p", params={"zookeeper": "", "zookeeper_path": ""}):
        step = table.load_online(str(file), check=False, **options)
    for statement in [f"SET @@execute_mode='{step.mode}'", *step.statements]:
        cursor.execute(str(statement))
    for last in step.nodes[1:]:
        text = last.raw_script.replace("${zookeeper}", "").replace("${zookeeper_path}", "")
        call = text.partition("\n\n")[0] + "\nmain()\n"
        exec(compile(call, "check", "exec"), vars(checks).copy())


def online(cursor: Any) -> Rows:
    cursor.execute("SET @@execute_mode='online'")
    cursor.execute("SELECT * FROM t")
    return Counter(tuple(str(v) if isinstance(v, float) else v for v in row) for row in cursor.fetchall())


def test_equality_is_that_of_stored_rows(cursor: Any, tmp_path: Path) -> None:
    table = make(uid=types.String, ts=types.Timestamp, amt=types.Double)
    create(cursor, table)
    file = tmp_path / "pay.csv"
    file.write_text("uid,ts,amt\na,1000,1.0\na,1000,1.00\nb,1000,1e0\na,1000,1\nb,1000,-0.0\nb,1000,0\n")
    for _ in range(2):
        load(cursor, table, file)
        assert online(cursor) == {
            ("a", 1000, "1.0"): 3, ("b", 1000, "1.0"): 1, ("b", 1000, "-0.0"): 1, ("b", 1000, "0.0"): 1
        }  # fmt: skip
    cursor.execute("SHOW TABLES")
    assert cursor.fetchall() == [("t",)]


def test_what_else_can_be_said_of_equal_rows(cursor: Any, tmp_path: Path) -> None:
    table = make(k=types.Int, v=types.Int)
    create(cursor, table)
    file = tmp_path / "x.csv"
    file.write_text("k,v\n1,2\n1,2\n")
    with pytest.raises(SystemExit, match="repeated='refuse'"):
        load(cursor, table, file, repeated="refuse")
    load(cursor, table, file, repeated="drop")
    assert online(cursor) == {(1, 2): 1}
    load(cursor, table, file, replace=True)
    assert online(cursor) == {(1, 2): 2}


def test_expired_rows_are_not_inserted_again(cursor: Any, tmp_path: Path) -> None:
    table = make((Index("k", ts="ts", ttl="1m"),), k=types.Int, ts=types.Timestamp)
    create(cursor, table)
    file = tmp_path / "x.csv"
    file.write_text("k,ts\n" + "1,1000\n" * 3 + "1,32503680000000\n" * 2)
    load(cursor, table, file)
    load(cursor, table, file)
    assert online(cursor) == {(1, 32503680000000): 2}


VALUES = {
    "i": st.integers(-(2**31), 2**31 - 1) | st.integers(0, 2),
    "l": st.integers(-(2**63) + 1, 2**63 - 1),
    "s": st.text(
        st.characters(codec="utf-8", exclude_characters='"\\\r\n,', exclude_categories=("Cc", "Cs")), max_size=5
    )
    .map(str.strip)
    .filter(lambda text: text.lower() != "null"),
    "d": st.floats(allow_nan=False, allow_infinity=False),
    "f": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "b": st.booleans(),
    "ts": st.integers(0, 2**42),
    "dt": st.dates(min_value=__import__("datetime").date(1970, 1, 2)).map(str),
}


def rows() -> st.SearchStrategy[list[tuple[Any, ...]]]:
    row = st.tuples(*(st.none() | values for values in list(VALUES.values())[:-2]), VALUES["ts"], VALUES["dt"])
    return st.lists(st.tuples(row, st.integers(1, 3), st.integers(0, 4)), min_size=1, max_size=6).map(
        lambda found: [(*values, copies, before) for values, copies, before in found]
    )


def text(value: Any) -> str:
    if value is None:
        return ""
    if value == "":
        return '""'
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(found=rows(), cut=st.integers(0, 3))
def test_whatever_is_there_before_each_row_counts_afterwards(
    cursor: Any, tmp_path: Path, found: list[tuple[Any, ...]], cut: int
) -> None:
    table = make(
        (Index("i"), Index(("s", "b"), ts="ts")),
        i=types.Int, l=types.BigInt, s=types.String, d=types.Double, f=types.Float, b=types.Bool,
        ts=types.Timestamp, dt=types.Date,
    )  # fmt: skip
    create(cursor, table)
    header = ",".join(table.columns)
    before, file = tmp_path / "before.csv", tmp_path / "x.csv"
    before.write_text("\n".join([header, *(",".join(map(text, r[:-2])) for r in found for _ in range(r[-1]))]) + "\n")
    file.write_text("\n".join([header, *(",".join(map(text, r[:-2])) for r in found for _ in range(r[-2]))]) + "\n")
    # what an earlier load, or one that was cut, has left
    cursor.execute("SET @@sync_job=true")
    cursor.execute("SET @@execute_mode='online'")
    cursor.execute(f"LOAD DATA INFILE '{before}' INTO TABLE t OPTIONS(mode='append')")
    there = online(cursor)
    cursor.execute("SET @@execute_mode='offline'")
    cursor.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='overwrite')")
    cursor.execute("SELECT * FROM t")
    offline: Rows = Counter(tuple(str(v) if isinstance(v, float) else v for v in row) for row in cursor.fetchall())
    with pytest.MonkeyPatch.context() as patch:  # cut after some inserts of one row each
        patch.setattr(checks, "INSERTED_AT_ONCE", 1)
        session = type(cursor.connection.session)
        execute, left = session.execute, [cut]

        def cutting(self: Any, statement: str, *args: Any) -> Any:
            if statement.startswith("INSERT"):
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            return execute(self, statement, *args)

        patch.setattr(session, "execute", cutting)
        try:
            load(cursor, table, file)
        except KeyboardInterrupt:
            assert sum((there | offline).values()) > sum(online(cursor).values())
    for _ in range(2):
        load(cursor, table, file)
        assert online(cursor) == there | offline
