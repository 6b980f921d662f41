"""SELECT ... INTO OUTFILE: what is written, and that a failure leaves what was there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dsflow.embedded.results import Result

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def table(run: Run) -> None:
    run("CREATE TABLE t (n int, s string, ts timestamp, dt date, f float, b bool)")
    run("INSERT INTO t VALUES (1, 'a', 1510093854123, '2020-01-05', 1.5, true)", "offline")
    run("INSERT INTO t VALUES (2, 'x,\"y', null, null, null, null), (3, null, 0, null, 0.1, false)", "offline")


def export(run: Run, path: Path, options: str = "mode='error_if_exists'", mode: str = "offline") -> Result:
    return run(f"SELECT n, s, ts, dt, f, b FROM t INTO OUTFILE '{path}' OPTIONS({options})", mode)


def part(folder: Path) -> Path:
    (found,) = folder.glob("part-*")
    return found


def test_csv(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "made" / "out"
    job = export(run, out).job
    assert job is not None
    assert (job.state, job.error) == ("FINISHED", "")
    assert job.type == "ExportOfflineData"
    assert sorted(f.name.split("-")[0] for f in out.iterdir()) == ["_SUCCESS", "part"]
    assert part(out).name.startswith("part-00000-")
    assert part(out).read_text() == (
        "n,s,ts,dt,f,b\n"
        "1,a,2017-11-08T06:30:54.123+08:00,2020-01-05,1.5,true\n"
        '2,"x,\\"y",null,null,null,null\n'
        "3,null,1970-01-01T08:00:00.000+08:00,null,0.1,false\n"
    )


def test_an_empty_text_is_no_null(run: Run, tmp_path: Path) -> None:
    run("CREATE TABLE e (s string, n int)")
    run("INSERT INTO e VALUES ('', 1), (null, 2)", "offline")
    run(f"SELECT s, n FROM e INTO OUTFILE '{tmp_path / 'out'}'", "offline")
    assert part(tmp_path / "out").read_text() == 's,n\n"",1\nnull,2\n'
    run(f"LOAD DATA INFILE '{tmp_path / 'out'}' INTO TABLE e OPTIONS(mode='overwrite')", "offline")
    assert list(run("SELECT * FROM e", "offline").rows) == [("", 1), (None, 2)]


def test_options(run: Run, tmp_path: Path) -> None:
    export(run, tmp_path / "out", "header=false, delimiter='|', null_value='-', quote='\\''")
    assert part(tmp_path / "out").read_text().splitlines()[1] == '2|x,"y|-|-|-|-'


def test_a_header_of_any_names(run: Run, tmp_path: Path) -> None:
    names = {"plain": "Ab_1", "blank": "`a b`", "comma": "`a,b`", "null": "`null`", "word": "`select`", "mark": '`a"b`'}
    for name, written in names.items():
        run(f"SELECT n AS {written} FROM t INTO OUTFILE '{tmp_path / name}'", "offline")
    headers = {name: part(tmp_path / name).read_text().splitlines()[0] for name in names}
    assert headers == {
        "plain": "Ab_1",
        "blank": "a b",
        "comma": '"a,b"',
        "null": "null",
        "word": "select",
        "mark": '"a\\"b"',
    }


def test_a_header_with_no_rows(run: Run, tmp_path: Path) -> None:
    run(f"SELECT n, n AS m FROM t WHERE n > 100 INTO OUTFILE '{tmp_path / 'out'}'", "offline")
    assert part(tmp_path / "out").read_text() == "n,m\n"


def test_parquet(run: Run, tmp_path: Path) -> None:
    export(run, tmp_path / "out", "format='parquet'")
    found = pq.read_table(part(tmp_path / "out"))
    assert found.column_names == ["n", "s", "ts", "dt", "f", "b"]
    assert found.column("ts").cast("int64").to_pylist()[0] == 1510093854123000
    run("CREATE TABLE u (n int, s string, ts timestamp, dt date, f float, b bool)")
    job = run(f"LOAD DATA INFILE '{tmp_path / 'out'}' INTO TABLE u OPTIONS(format='parquet')", "offline").job
    assert job is not None
    assert job.error == ""
    assert run("SELECT * FROM u", "offline").rows == run("SELECT * FROM t", "offline").rows


def test_modes(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(run, out)
    before = part(out).read_text()
    job = export(run, out).job
    assert job is not None
    assert job.state == "FAILED"
    assert f"path {out} already exists" in job.error
    assert part(out).read_text() == before

    export(run, out, "mode='append'")
    assert len(list(out.glob("part-*"))) == 2
    run("INSERT INTO t VALUES (4, null, null, null, null, null)", "offline")
    export(run, out, "mode='overwrite'")
    assert part(out).read_text().splitlines()[-1] == "4,null,null,null,null,null"
    assert [f.name for f in tmp_path.iterdir() if f.name.startswith(".")] == []


def test_overwrite_replaces_a_file(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    export(run, out, "mode='overwrite'")
    assert part(out).is_file()


def test_a_path_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    job = export(run, tmp_path / "file" / "out").job
    assert job is not None
    assert job.state == "FAILED"
    assert "cannot write" in job.error
    assert (tmp_path / "file").read_text() == "old"


def test_two_columns_of_one_name(run: Run, tmp_path: Path) -> None:
    run(f"SELECT n AS a, n + 1 AS a FROM t INTO OUTFILE '{tmp_path / 'out'}'", "offline")
    assert part(tmp_path / "out").read_text().startswith("a,a\n1,2\n")
    job = run(
        f"SELECT n AS a, n + 1 AS a FROM t INTO OUTFILE '{tmp_path / 'p'}' OPTIONS(format='parquet')", "offline"
    ).job
    assert job is not None
    assert "two columns of the result are named 'a'" in job.error
    assert not (tmp_path / "p").exists()


def test_online_writes_one_file(run: Run, tmp_path: Path) -> None:
    run("INSERT INTO t VALUES (1, 'a', 1510093854123, '2020-01-05', 1.5, true)")
    out = tmp_path / "out.csv"
    assert export(run, out, "mode='error_if_exists'", "online").job is None
    assert out.read_text() == "n,s,ts,dt,f,b\n1,a,1510093854123,2020-01-05,1.5,true\n"
    with pytest.raises(Exception, match="already exists"):
        export(run, out, "mode='error_if_exists'", "online")
