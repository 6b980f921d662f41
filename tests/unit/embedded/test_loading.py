"""LOAD DATA: what it reads, what it says, and that a failed load changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsflow.embedded.engine import Engine
from dsflow.embedded.failures import StorageError
from dsflow.embedded.results import Result
from dsflow.embedded.storage import MEMORY_VARIABLE

Run = Callable[..., Result]

HEADER = "ip,s,f,ts,dt,b\n"
GOOD = "1,a,1.5,2017-11-08 06:30:54,2020-1-5,true\n"


@pytest.fixture
def table(run: Run) -> None:
    run("CREATE TABLE t (ip int, s string NOT NULL, f double, ts timestamp, dt date, b bool)")


def load(run: Run, path: Path | str, options: str = "mode='append'", mode: str = "offline") -> Result:
    return run(f"LOAD DATA INFILE '{path}' INTO TABLE t OPTIONS({options})", mode)


def rows(run: Run, mode: str = "offline") -> list[tuple[object, ...]]:
    return list(run("SELECT * FROM t", mode).rows)


@pytest.mark.usefixtures("table")
def test_values(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "good.csv"
    file.write_text(
        HEADER + GOOD + 'null,"x,\\"y",NaN,2017-11-08 06:30:54.123,2020-01-05,FALSE\n"","",-Inf,,,\n', newline=""
    )
    result = load(run, file)
    assert result.job is not None
    assert (result.job.state, result.job.error) == ("FINISHED", "")
    first, second, third = rows(run)
    assert str(first) == "(1, 'a', 1.5, 1510093854000, datetime.date(2020, 1, 5), True)"
    assert second[:2] == (None, 'x,"y')
    assert second[3:] == (1510093854123, first[4], False)
    assert third == (None, "", float("-inf"), None, None, None)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + GOOD * 3 + "abc,a,1,1,2020-01-01,true\n", "x.csv line 5, column ip (1): 'abc' is not an int"),
        (HEADER + GOOD + "1.5,a,1,1,,\n", "x.csv line 3, column ip (1): '1.5' is not an int"),
        (HEADER + "99999999999,a,1,1,,\n", "x.csv line 2, column ip (1): '99999999999' is not an int"),
        (HEADER + "1,a,1,1,2020-02-30,\n", "column dt (5): '2020-02-30' is not a date (YYYY-MM-DD)"),
        (HEADER + "1,a,1,2020-13-01,,\n", "column ts (4): '2020-13-01' is not a timestamp"),
        (HEADER + " 1,a,1.5,1,,\n", "' 1' is not an int\n  hint: blanks around a value"),
        (HEADER + GOOD + "1,a,1,1510093854000,,\n", "column ts (4): '1510093854000' is not written as the column's"),
        (HEADER + '1,"say ""a""",1,1,,\n', 'line 2: a quote inside a quoted value is doubled'),
        (HEADER + "NA,a,1,1,,\n", "write OPTIONS(null_value='NA')"),
        (HEADER + GOOD + "1,a,2\n", "x.csv line 3: 3 values instead of 6; missing: ts (4), dt (5), b (6)"),
        (HEADER + GOOD.strip() + ",9,8\n", "x.csv line 2: 8 values instead of 6; too many: '9', '8'"),
        (HEADER + '1,"a\nb",1,1,,\nx,a,1,1,,\n', "x.csv line 2: a quoted value does not end on its line"),
        (HEADER + "\n" + GOOD + "\nx,a,1,1,,\n", "x.csv line 5, column ip (1): 'x' is not an int"),
        (HEADER + GOOD + "1,,1,1,,\n", "x.csv line 3, column s (2): NULL is not allowed"),
        (HEADER + GOOD + "1,null,1,1,,\n", "x.csv line 3, column s (2): NULL is not allowed"),
        (HEADER + '1,"abc,1,1,,\n' + GOOD, "x.csv line 2: a quoted value does not end on its line"),
        (HEADER + '1,"abc"d,1,1,,\n' + GOOD, "x.csv line 2: a quoted value is followed by more text"),
        ("", "x.csv is empty: not even a header"),
        (GOOD, "if the file has no header, write OPTIONS(header=false)"),
        (HEADER.replace(",f", ""), "x.csv line 1: the header does not fit table d.t (ip, s, f, ts, dt, b); missing: f"),
        (HEADER.replace(",f", ",f,g") + GOOD, "unknown: 'g'"),
        ("s,ip,f,ts,dt,b\n" + GOOD, "in another order (s, ip, f, ts, dt, b)"),
        (HEADER.replace(",", ";"), "check OPTIONS(delimiter=...)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["offline", "online"])
def test_messages(run: Run, tmp_path: Path, text: str, message: str, mode: str) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "x.csv"
    good.write_text(HEADER + GOOD)
    load(run, good, mode=mode)
    before = rows(run, mode)
    bad.write_text(text, newline="")
    job = load(run, bad, mode=mode).job
    assert job is not None
    assert job.state == "FAILED"
    assert message in job.error
    assert rows(run, mode) == before != []


@pytest.mark.usefixtures("table")
def test_not_utf8(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes((HEADER + GOOD).encode() + b"1,\xff\xfe,1,1,,\n")
    job = load(run, file).job
    assert job is not None
    assert "latin.csv line 3: the text is not UTF-8" in job.error


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nowhere/x.csv", "file /nowhere/x.csv does not exist\n  hint: there is no folder /nowhere either"),
        ("x.csv", "the path is relative to"),
        ("/nowhere/*.csv", "no file matches /nowhere/*.csv"),
        ("hdfs://host/x.csv", "this machine only, not hdfs://"),
        ("", "the path is empty"),
    ],
)
def test_missing_paths(run: Run, path: str, message: str) -> None:
    job = load(run, path).job
    assert job is not None
    assert job.state == "FAILED"
    assert message in job.error


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("mode='replace'", "mode='replace' is not known"),
        ("mode='append', format='orc'", "does not support format='orc'"),
        ("mode='append', wrong=1", "LOAD DATA has no option 'wrong'"),
        ("mode='append', header='maybe'", "must be true or false"),
        ("mode='append', delimiter=''", "option delimiter is ''"),
        ("mode='append', quote='xx'", "option quote is 'xx'"),
    ],
)
def test_options_refused(run: Run, tmp_path: Path, options: str, message: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(HEADER + GOOD)
    job = load(run, file, options).job
    assert job is not None
    assert job.state == "FAILED"
    assert message in job.error


@pytest.mark.usefixtures("table")
def test_options(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.tsv"
    file.write_text("1||'it\\'s'||-||-||-||-\n")
    job = load(run, file, "mode='append', header=false, delimiter='||', null_value='-', quote='\\''").job
    assert job is not None
    assert job.error == ""
    assert rows(run) == [(1, "it's", None, None, None, None)]


@pytest.mark.usefixtures("table")
def test_modes(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(HEADER + GOOD)

    def state(options: str, mode: str) -> str:
        job = load(run, file, options, mode).job
        assert job is not None
        return job.state

    assert state("mode='error_if_exists'", "offline") == "FINISHED"
    assert state("mode='error_if_exists'", "offline") == "FAILED"
    assert state("header=true", "offline") == "FAILED"  # error_if_exists is the default
    assert state("mode='append'", "offline") == "FINISHED"
    assert len(rows(run)) == 2
    assert state("mode='overwrite'", "offline") == "FINISHED"
    assert len(rows(run)) == 1
    assert rows(run, "online") == []
    assert state("mode='overwrite'", "online") == "FAILED"
    assert state("header=true", "online") == "FAILED"
    assert state("mode='append'", "online") == "FINISHED"
    assert state("mode='append'", "online") == "FINISHED"
    assert len(rows(run, "online")) == 2


@pytest.mark.usefixtures("table")
def test_folders_and_patterns_in_order(run: Run, tmp_path: Path) -> None:
    for number in (2, 1, 3):
        text = HEADER + GOOD.replace("1,a", f"{number},a")
        (tmp_path / f"part-{number}.csv").write_text(text)
    (tmp_path / "_SUCCESS").touch()
    load(run, tmp_path)
    assert [row[0] for row in rows(run)] == [1, 2, 3]
    load(run, f"file://{tmp_path}/part-[12].csv", "mode='overwrite'")
    assert [row[0] for row in rows(run)] == [1, 2]


def test_parquet(run: Run, tmp_path: Path) -> None:
    run("CREATE TABLE t (n int, s string, ts timestamp)")
    file = tmp_path / "x.parquet"
    times = pa.array([1510093854123456, None], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"n": pa.array([1, None], pa.int32()), "s": ["a", None], "ts": times}), file)
    job = load(run, file, "format='parquet', mode='append'").job
    assert job is not None
    assert job.error == ""
    assert rows(run) == [(1, "a", 1510093854123), (None, None, None)]

    pq.write_table(pa.table({"n": pa.array([1], pa.int64()), "s": ["a"], "ts": times[:1]}), file)
    job = load(run, file, "format='parquet', mode='append'").job
    assert job is not None
    assert "column n (1): it holds bigint, the table wants int" in job.error
    pq.write_table(pa.table({"m": pa.array([1], pa.int32())}), file)
    job = load(run, file, "format='parquet', mode='append'").job
    assert job is not None
    assert "it has the columns m, the table has n, s, ts" in job.error
    file.write_text("no parquet")
    job = load(run, file, "format='parquet', mode='append'").job
    assert job is not None
    assert "x.parquet is not a Parquet file" in job.error


def test_order_of_the_file_is_kept(run: Run, tmp_path: Path) -> None:
    run("CREATE TABLE t (n int, s string)")
    file = tmp_path / "x.csv"
    count = 200_000
    file.write_text("n,s\n" + "".join(f"{n},text {n}\n" for n in range(count)))
    load(run, file, "mode='append'", "online")
    load(run, file, "mode='append'", "online")
    assert [row[0] for row in rows(run, "online")] == [*range(count), *range(count)]


def test_a_late_error_is_found(run: Run, tmp_path: Path) -> None:
    run("CREATE TABLE t (n int, s string)")
    file = tmp_path / "x.csv"
    file.write_text("n,s\n" + "".join(f"{n},text {n}\n" for n in range(200_000)) + "200000.,x\n")
    job = load(run, file).job
    assert job is not None
    assert "x.csv line 200002, column n (1): '200000.' is not an int" in job.error


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.tuples(TEXTS, st.none() | st.integers(-(2**31), 2**31 - 1)), min_size=1, max_size=8))
def test_any_text_survives(engine: Engine, tmp_path: Path, values: list[tuple[str, int | None]]) -> None:
    engine.execute("CREATE TABLE IF NOT EXISTS t (s string, n int)", "d")
    engine.execute("TRUNCATE TABLE t", "d")
    # as Spark writes it: a backslash before a quote or a backslash
    quoted = ['"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"' for s, _ in values]
    lines = ["s,n", *(f"{s},{'' if n is None else n}" for s, (_, n) in zip(quoted, values, strict=True))]
    file = tmp_path / "any.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    job = engine.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "d").job
    assert job is not None
    assert job.error == ""
    wanted = [(None if s == "null" else s, n) for s, n in values]
    assert list(engine.execute("SELECT * FROM t", "d").rows) == wanted


def blocks_of(engine: Engine, key: int) -> int:
    """How many of DuckDB's blocks of the online table t may hold a value of its column n, by their statistics."""
    found = engine._storage.connection().execute(
        "SELECT stats FROM pragma_storage_info('online.t1') WHERE column_name = 'n' AND segment_type = 'INTEGER'"
    )
    bounds = []
    for (stats,) in found.fetchall():
        if isinstance(stats, str):  # DuckDB 1.5 has them as text: [Min: 0, Max: 245][Has Null: ...]
            bounds.append([int(number) for number in re.findall(r"(?:Min|Max): (-?\d+)", stats)])
        else:
            bounds.append([stats["min"], stats["max"]])
    return sum(least <= key <= most for least, most in bounds)


def test_a_large_load_lays_the_rows_of_a_key_side_by_side(engine: Engine, tmp_path: Path) -> None:
    """Else a request has to look through the whole table for a key with many rows."""
    engine.execute("CREATE TABLE t (n int, s string)", "d")
    file = tmp_path / "keys.csv"
    file.write_text("n,s\n" + "".join(f"{row % 1000},{row}\n" for row in range(500_000)))
    job = engine.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "d").job
    assert job is not None
    assert job.state == "FINISHED"
    assert blocks_of(engine, 500) == 1
    # the order of arrival is kept all the same
    rows = engine._storage.connection().execute("SELECT s FROM online.t1 ORDER BY __row").fetchall()
    assert [int(row[0]) for row in rows] == list(range(500_000))


def test_the_limit_of_memory_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY_VARIABLE, "123MB")
    with Engine(tmp_path / "some") as engine:
        found = engine._storage.connection().execute("SELECT current_setting('memory_limit')").fetchall()
    assert found == [("117.3 MiB",)]
    monkeypatch.setenv(MEMORY_VARIABLE, "much")
    with pytest.raises(StorageError, match="DSFLOW_EMBEDDED_MEMORY=much is no amount of memory"):
        Engine(tmp_path / "none")
    monkeypatch.delenv(MEMORY_VARIABLE)
    with Engine(tmp_path / "none") as engine:  # nothing keeps the folder
        limit = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
        ((found,),) = engine._storage.connection().execute(limit).fetchall()
    ((own,),) = duckdb.connect().execute(limit).fetchall()
    assert 0.29 < found / own < 0.33  # a quarter of all, where DuckDB takes four fifths


@pytest.mark.parametrize(
    ("number", "time", "message"),
    [
        ("007", "2017-11-08 06:30:54", None),
        ("-5", "2017-1-8 6:3:5", None),
        ("+5", "2017-11-08", None),
        ("5", "2017-11-08 06:30:54+08:00", None),
        ("5", "2017-11-08 06:30:54 ", None),
        ("5", "", None),
        ("", "2017-11-08 06:30:54", None),
        ("5 ", "2017-11-08 06:30:54", "line 3, column n (1): '5 ' is not an int"),
        (" 5", "2017-11-0806:30:54", "line 3, column n (1): ' 5' is not an int"),
        ("5 ", "", "line 3, column n (1): '5 ' is not an int"),
        ("2147483648", "2017-11-08 06:30:54", "line 3, column n (1): '2147483648' is not an int"),
        ("5", "2017-11-08  06:30:54", "line 3, column ts (2): '2017-11-08  06:30:54' is not a timestamp"),
        ("5", "17-11-08 06:30:54", "line 3, column ts (2): '17-11-08 06:30:54' is not a timestamp"),
        ("5", "0017-11-08 06:30:54", "before 1900-01-01 in UTC"),
        ("5", "2017-02-29 06:30:54", "line 3, column ts (2): '2017-02-29 06:30:54' is not a timestamp"),
        ("5", "2017-11-08 24:00:00", "line 3, column ts (2): '2017-11-08 24:00:00' is not a timestamp"),
        ("5", "12017-11-08 06:30:54", "line 3, column ts (2): '12017-11-08 06:30:54' is not a timestamp"),
        ("5", "-2017-11-08 06:30:54", "line 3, column ts (2): '-2017-11-08 06:30:54' is not a timestamp"),
        ("5", "1510093854000", "is not written as the column's first value is, in local time"),
    ],
)
def test_digits_are_read_as_in_any_other_file(
    run: Run, tmp_path: Path, number: str, time: str, message: str | None
) -> None:
    """A file of digits, signs, colons and blanks is parsed by DuckDB; a text makes it one that is not."""
    found = []
    for text, columns in (("", "n int, ts timestamp"), (",x", "n int, ts timestamp, s string")):
        run(f"CREATE TABLE t{len(found)} ({columns})")
        file = tmp_path / f"digits{len(found)}.csv"
        file.write_text(
            f"1,1986-06-01 12:00:00{text}\n2,2017-11-08 06:30:54{text}\n{number},{time}{text}\n", newline=""
        )
        result = run(
            f"LOAD DATA INFILE '{file}' INTO TABLE t{len(found)} OPTIONS(mode='append', header=false)", "offline"
        )
        assert result.job is not None
        error = result.job.error.replace(file.name, "")
        found.append((error, [row[:2] for row in run(f"SELECT * FROM t{len(found)}", "offline").rows]))
    assert found[0] == found[1]
    assert message in found[0][0] if message else len(found[0][1]) == 3


def test_a_killed_load_leaves_nothing(tmp_path: Path) -> None:
    """What was read when the process ended is gone when the folder is opened again; so are numbers of old versions."""
    folder = tmp_path / "killed"
    with Engine(folder) as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE t (a int)", "d")
        engine._storage.connection().execute("CREATE TABLE offline.staged_7 (a INTEGER)")
        engine._storage.connection().execute("INSERT INTO offline.staged_7 VALUES (1)")
        engine._storage.connection().execute("ALTER TABLE offline.t1 ADD COLUMN __row BIGINT")
        engine._storage.connection().execute("INSERT INTO offline.t1 VALUES (5, 0), (4, 1)")
    with Engine(folder) as engine:
        names = engine._storage.connection().execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        assert ("staged_7",) not in names
        assert list(engine.execute("SELECT * FROM t", "d", mode="offline").rows) == [(5,), (4,)]
