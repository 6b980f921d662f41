"""Databases, tables, rows, SHOW and SET, as statements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsflow.embedded.compiler.functions.hashing import fingerprint64
from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.failures import StorageError
from dsflow.embedded.results import Result

Run = Callable[..., Result]

TABLE = (
    "CREATE TABLE t (a int, b string NOT NULL, c timestamp, INDEX(KEY=(a, b), TS=c, TTL=(10m, 2), TTL_TYPE=absorlat))"
)


def test_databases(engine: Engine) -> None:
    engine.execute("CREATE DATABASE IF NOT EXISTS d")
    with pytest.raises(SqlError, match="database d already exists"):
        engine.execute("CREATE DATABASE d")
    assert engine.execute("SHOW DATABASES").rows == (("d",),)
    engine.execute("USE d")
    with pytest.raises(SqlError, match="database nope does not exist"):
        engine.execute("USE nope")
    engine.execute("CREATE TABLE d.t (a int)")
    with pytest.raises(SqlError, match="not empty: it has the tables t"):
        engine.execute("DROP DATABASE d")
    engine.execute("DROP TABLE d.t")
    engine.execute("DROP DATABASE d")
    engine.execute("DROP DATABASE IF EXISTS d")
    with pytest.raises(SqlError, match="does not exist"):
        engine.execute("DROP DATABASE d")


def test_tables(run: Run) -> None:
    run(TABLE)
    with pytest.raises(SqlError, match=r"table d\.t already exists"):
        run(TABLE)
    run(TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
    assert run("SHOW TABLES").rows == (("t",),)
    columns, indexes, options = (row[0] for row in run("DESC t").rows)
    assert "Timestamp" in columns
    assert "a|b" in indexes
    assert "(10min,2)" in indexes
    assert "Memory" in options
    made = run("SHOW CREATE TABLE t").rows[0][1]
    run("DROP TABLE t")
    run(made)
    assert run("SHOW CREATE TABLE t").rows[0][1] == made
    run("DROP TABLE IF EXISTS nope")
    with pytest.raises(SqlError, match=r"did you mean 't'\?"):
        run("DESC tt")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TABLE x (a int, a int)", "column a is there twice"),
        ("CREATE TABLE x (a int, A int)", "differs in case only"),
        ("CREATE TABLE x (a varbinary)", "is not a column type"),
        ("CREATE TABLE x (a double)", "needs a column that can be a key"),
        ("CREATE TABLE x (a int, INDEX(KEY=b))", "names column b"),
        ("CREATE TABLE x (a int, INDEX(KEY=a, TS=a))", "must be timestamp or bigint"),
        ("CREATE TABLE x (a float, b int, INDEX(KEY=a))", "cannot be a key"),
        ("CREATE TABLE x (a int, c timestamp, INDEX(KEY=a, TS=c, TTL=10))", "needs a TTL with a unit"),
        ("CREATE TABLE x (a int, c timestamp, INDEX(KEY=a, TS=c, TTL=10d, TTL_TYPE=latest))", "without a unit"),
        ("CREATE TABLE x (a int, c timestamp, INDEX(KEY=a, TS=c), INDEX(KEY=a, TS=c))", "two indexes"),
        ("CREATE TABLE x (a int, INDEX(KEY=a, TTL=10d))", "no TS column"),
        ("CREATE TABLE x (a int) OPTIONS(wrong=1)", "no option 'wrong'"),
        ("INSERT INTO nope VALUES (1)", "does not exist"),
        ("SELECT * FROM nope", "does not exist"),
        ("SELECT * FRO t", "line 1"),
        ("", "no statement"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SET @@execute_mode='sideways'", "expect one of"),
        ("SET @@sync_job=maybe", "true|false"),
        ("SHOW JOB 99", "job not found: 99"),
        ("DROP DEPLOYMENT nope", "deployment not found"),
        ("LOAD DATA INFILE '/x' INTO TABLE nope", "does not exist"),
    ],
)  # fmt: skip
def test_refused(run: Run, sql: str, message: str) -> None:
    with pytest.raises(SqlError) as caught:
        run(sql)
    assert message in str(caught.value)


def test_rows(run: Run) -> None:
    run("CREATE TABLE t (a int, b string DEFAULT 'x' NOT NULL, c timestamp, d date, e double)")
    run("INSERT INTO t VALUES (1, 'a', 1000, '2020-01-05', 1), (-2, 'b', '2017-11-08 06:30:54', null, -1.5)")
    run("INSERT INTO t (a) VALUES (3)")
    found = run("SELECT a, b, c, e FROM t").rows
    assert found == ((1, "a", 1000, 1.0), (-2, "b", 1510093854000, -1.5), (3, "x", None, None))
    assert run("SELECT a FROM t", "offline").rows == ()
    run("DELETE FROM t WHERE a = -2 AND b = 'b'")
    assert [row[0] for row in run("SELECT a FROM t").rows] == [1, 3]
    run("TRUNCATE TABLE t")
    assert run("SELECT a FROM t").rows == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("(1, null)", "column b: NULL is not allowed"),
        ("('1', 'a')", "column a: '1' is not an int"),
        ("(1.5, 'a')", "column a: 1.5 is not an int"),
        ("(2147483648, 'a')", "does not fit into int"),
        ("(1)", "row 1 of the INSERT has 1 values for 2 columns"),
        ("(1, concat('a', 'b'))", "only literals"),
    ],
)
def test_rows_refused(run: Run, values: str, message: str) -> None:
    run("CREATE TABLE t (a int, b string NOT NULL)")
    with pytest.raises(SqlError) as caught:
        run(f"INSERT INTO t VALUES {values}")
    assert message in str(caught.value)
    assert run("SELECT * FROM t").rows == ()


def test_delete_needs_a_simple_condition(run: Run) -> None:
    run("CREATE TABLE t (a int, b string)")
    for sql in ("DELETE FROM t", "DELETE FROM t WHERE a + 1 = 2", "DELETE FROM t WHERE a = 1 OR a = 2"):
        with pytest.raises(SqlError):
            run(sql)


def test_unsupported_is_named(run: Run) -> None:
    with pytest.raises(UnsupportedError, match="LIKE HIVE: there is no Hive here"):
        run("CREATE TABLE x LIKE HIVE 'hive://x.y'")
    with pytest.raises(UnsupportedError, match="CREATE FUNCTION: a function's library is native code"):
        run("CREATE FUNCTION f (x int) RETURNS int OPTIONS (FILE='f.so')")
    with pytest.raises(SqlError, match="SHOW USER is no statement of OpenMLDB"):
        run("SHOW USER")


def test_a_table_like_parquet_files(run: Run, tmp_path: Path) -> None:
    table = pa.table({"k": ["x"], "n": pa.array([1], pa.int16()), "t": pa.array([1], pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "x.parquet")
    run(f"CREATE TABLE x LIKE PARQUET '{tmp_path}/x.parquet'")
    text = run("SHOW CREATE TABLE x").rows[0][1]
    assert "`k` string,\n`n` smallint,\n`t` timestamp,\nINDEX (KEY=`k`)" in text
    pq.write_table(pa.table({"d": pa.array([1], pa.decimal128(5, 2))}), tmp_path / "y.parquet")
    with pytest.raises(SqlError, match="column d: OpenMLDB has no type for decimal"):
        run(f"CREATE TABLE y LIKE PARQUET '{tmp_path}/y.parquet'")
    with pytest.raises(SqlError, match="does not exist"):
        run("CREATE TABLE y LIKE PARQUET '/nowhere/y.parquet'")


def test_show(run: Run) -> None:
    run("CREATE TABLE t (a int)")
    run("INSERT INTO t VALUES (1)")
    status = run("SHOW TABLE STATUS")
    assert [column.name for column in status.columns][:5] == [
        "Table_id",
        "Table_name",
        "Database_name",
        "Storage_type",
        "Rows",
    ]
    assert status.rows[0][1:5] == ("t", "d", "memory", "1")
    assert {row[1] for row in run("SHOW COMPONENTS").rows} == {"tablet", "nameserver", "taskmanager"}
    run("SET @@global.job_timeout=5000")
    assert ("job_timeout", "5000") in run("SHOW GLOBAL VARIABLES").rows


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute(TABLE, "d")
        engine.execute("INSERT INTO t VALUES (1, 'a', 9000000000000)", "d")
        before = (engine.table("d", "t"), engine.execute("SELECT * FROM t", "d").rows)
    with Engine(tmp_path) as engine:
        assert (engine.table("d", "t"), engine.execute("SELECT * FROM t", "d").rows) == before
        engine.execute("INSERT INTO t VALUES (2, 'b', 9000000000000)", "d")
        assert sorted(row[0] for row in engine.execute("SELECT a FROM t", "d").rows) == [1, 2]
        engine.execute("DROP TABLE t", "d")
        engine.execute(TABLE, "d")
        assert engine.table("d", "t").tid == 2


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot use the folder"):
        Engine(tmp_path / "file")


def test_one_engine_at_a_time_has_a_folder(tmp_path: Path) -> None:
    with Engine(tmp_path / "engine") as first:
        first.execute("CREATE DATABASE d")
        with pytest.raises(StorageError, match="in use by another engine of this process"):
            Engine(tmp_path / "engine")
        first.execute("CREATE TABLE d.t (a int)")
        first.execute("INSERT INTO d.t VALUES (1)")
        assert first.execute("SELECT hash64(a) AS h FROM d.t").rows == ((fingerprint64(b"\x01\0\0\0"),),)
    with Engine(tmp_path / "engine") as second:
        assert second.databases() == ["d"]
