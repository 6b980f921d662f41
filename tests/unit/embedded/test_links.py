"""Offline data that stays in its files, rows written from one table to another, and INSERT OR IGNORE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.results import Result

Run = Callable[..., Result]


@pytest.fixture
def csv(run: Run, tmp_path: Path) -> Path:
    run("CREATE TABLE t (k string, v double)")
    file = tmp_path / "x.csv"
    file.write_text("k;v\na;1.0\na;1.00\nNA;2\n")
    return file


def state(result: Result) -> tuple[str, str]:
    assert result.job is not None
    return result.job.state, result.job.error


def load(run: Run, path: Path, options: str, mode: str = "offline") -> tuple[str, str]:
    return state(run(f"LOAD DATA INFILE '{path}' INTO TABLE t OPTIONS({options})", mode))


LINK = "delimiter=';', null_value='NA', deep_copy=false"


def offline(run: Run, table: str = "t") -> list[tuple[object, ...]]:
    return sorted(run(f"SELECT k, v FROM {table}", "offline").rows, key=repr)


def test_linked_rows_are_read_by_each_query(run: Run, csv: Path) -> None:
    assert load(run, csv, f"{LINK}, mode='overwrite'") == ("FINISHED", "")
    assert offline(run) == [("a", 1.0), ("a", 1.0), (None, 2.0)]
    csv.write_text("k;v\nb;3\n")
    assert offline(run) == [("b", 3.0)]
    assert run("SELECT * FROM t").rows == ()
    csv.unlink()
    with pytest.raises(SqlError, match="does not exist"):
        offline(run)


def test_linked_rows_are_aggregated_and_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("k,v\na,1\na,2\nb,3\n")
    with Engine(tmp_path / "engine") as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE t (k string, v double)", "d")
        engine.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(deep_copy=false)", "d", mode="offline")
    with Engine(tmp_path / "engine") as engine:
        rows = engine.execute("SELECT k, count(*) AS n FROM t GROUP BY k", "d", mode="offline").rows
        assert sorted(rows) == [("a", 2), ("b", 1)]
        status = engine.execute("SHOW TABLE STATUS", "d").rows[0]
        assert status[-4:] == ("", "csv", str(file), "")


def test_a_linked_file_with_a_bad_value_fails_the_query(run: Run, csv: Path) -> None:
    csv.write_text("k;v\na;x\n")
    load(run, csv, f"{LINK}, mode='overwrite'")
    with pytest.raises(SqlError, match=r"x\.csv line 2, column v"):
        offline(run)


def test_copied_and_linked_rows_need_one_format(run: Run, csv: Path, tmp_path: Path) -> None:
    assert load(run, csv, "delimiter=';', null_value='NA'") == ("FINISHED", "")
    assert "OpenMLDB reads all of it in one way" in load(run, csv, f"{LINK}, mode='append'")[1]
    parquet = tmp_path / "y.parquet"
    pq.write_table(pa.table({"k": ["z"], "v": [9.0]}), parquet)
    for _ in range(2):  # the same path again is passed over
        assert load(run, parquet, "format='parquet', deep_copy=false, mode='append'") == ("FINISHED", "")
    assert offline(run) == [("a", 1.0), ("a", 1.0), ("z", 9.0), (None, 2.0)]
    assert "some of it stays in its files" in state(run("INSERT INTO t VALUES ('x', 1.0)", "offline"))[1]
    assert load(run, csv, f"{LINK}, mode='overwrite'") == ("FINISHED", "")
    assert len(offline(run)) == 3
    assert load(run, csv, "delimiter=';', null_value='NA', mode='overwrite'") == ("FINISHED", "")
    assert len(offline(run)) == 3
    assert load(run, csv, LINK)[0] == "FAILED"  # error_if_exists
    assert "deep_copy=false is for offline" in load(run, csv, f"{LINK}, mode='append'", "online")[1]


def test_alter_table(run: Run, tmp_path: Path) -> None:
    run("CREATE TABLE t (k string, v double)")
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    pq.write_table(pa.table({"k": ["a"], "v": [1.0]}), one)
    pq.write_table(pa.table({"k": ["b"], "v": [2.0]}), two)
    run(f"ALTER TABLE t ADD offline_path '{one}'")
    assert offline(run) == [("a", 1.0)]
    run(f"ALTER TABLE t ADD OFFLINE_PATH '{two}', DROP OFFLINE_PATH '{one}'")
    assert offline(run) == [("b", 2.0)]
    with pytest.raises(SqlError, match="is there already"):
        run(f"ALTER TABLE t ADD OFFLINE_PATH '{two}'")
    with pytest.raises(SqlError, match="is not there"):
        run(f"ALTER TABLE t DROP OFFLINE_PATH '{one}'")
    assert str(two) in run("DESC t").rows[2][0]


INTO = "SELECT k, count(*) AS n FROM t GROUP BY k INTO OUTFILE 'openmldb://d.{}' OPTIONS({})"


def test_rows_are_written_into_a_table(run: Run, csv: Path) -> None:
    load(run, csv, f"{LINK}, mode='overwrite'")
    run("CREATE TABLE counts (k string, n bigint)")
    for _ in range(2):
        assert state(run(INTO.format("counts", "mode='append'"), "offline")) == ("FINISHED", "")
    assert sorted(run("SELECT * FROM counts").rows, key=repr) == [("a", 2), ("a", 2), (None, 1), (None, 1)]
    assert run("SELECT * FROM counts", "offline").rows == ()
    assert state(run(INTO.format("made", "mode='append'"), "offline")) == ("FINISHED", "")
    assert run("SELECT count(*) FROM made").rows == ((2,),)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("counts", "mode='overwrite'", "takes mode='append' only"),
        ("counts", "", "takes mode='append' only"),
        ("counts", "mode='append', header=true", "has no option 'header'"),
        ("other", "mode='append'", "it gives k string, n bigint, the table has k string, n int"),
        ("missing", "mode='append', create_if_not_exists=false", "does not exist"),
    ],
)
def test_rows_that_do_not_go_into_a_table(run: Run, csv: Path, table: str, options: str, message: str) -> None:
    load(run, csv, f"{LINK}, mode='overwrite'")
    run("CREATE TABLE counts (k string, n bigint)")
    run("CREATE TABLE other (k string, n int)")
    assert message in state(run(INTO.format(table, options), "offline"))[1]
    assert run("SELECT * FROM counts").rows == ()


def test_insert_or_ignore_leaves_out_what_is_stored(run: Run) -> None:
    run("CREATE TABLE t (k string, v double)")
    run("INSERT OR IGNORE INTO t VALUES ('a', 1.0), ('a', 1.00), ('b', NULL)")
    run("INSERT OR IGNORE INTO t VALUES ('b', NULL), ('b', 2.0)")
    assert sorted(run("SELECT * FROM t").rows, key=repr) == [("a", 1.0), ("b", 2.0), ("b", None)]
    run("INSERT INTO t VALUES ('a', 1.0)")
    assert len(run("SELECT * FROM t").rows) == 4
