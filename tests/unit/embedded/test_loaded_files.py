"""A file whose rows are known is not read again; any doubt, and it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dsflow.embedded import csvfiles, repeatedrows
from dsflow.embedded.engine import Engine
from dsflow.embedded.jobs import Job
from dsflow.embedded.results import Result

Run = Callable[..., Result]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that a file was read for, in a world whose clock has no ticks."""
    found: list[str] = []
    stage = csvfiles.stage

    def noting(connection: object, place: object, sources: object, table: object, *rest: object) -> None:
        found.append(table.name)  # type: ignore[attr-defined]
        stage(connection, place, sources, table, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(csvfiles, "stage", noting)
    monkeypatch.setattr(repeatedrows, "_TICK_NS", 0)
    return found


@pytest.fixture
def file(tmp_path: Path, run: Run) -> Path:
    run("CREATE TABLE t (a int, b string)")
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n3,x\n1,y\n3,x\n2,\n")
    return file


ROWS = [(3, "x"), (1, "y"), (3, "x"), (2, None)]


def load(run: Run, file: Path, mode: str, options: str) -> Job:
    job = run(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS({options})", mode).job
    assert job is not None
    assert job.state == "FINISHED", job.error
    return job


def online(engine: Engine) -> list[tuple[object, ...]]:
    return engine._storage.connection().execute("SELECT a, b FROM online.t1 ORDER BY __row").fetchall()


def test_what_is_offline_is_not_read_for_online(engine: Engine, run: Run, file: Path, reads: list[str]) -> None:
    load(run, file, "offline", "mode='overwrite'")
    job = load(run, file, "online", "mode='append', put_if_absent=true")
    assert reads == ["t"]
    assert online(engine) == [(3, "x"), (1, "y"), (2, None)]
    assert job.log == (
        f"loaded 4 rows from {file} into d.t (online)\nput_if_absent left out 1 of them; the table has 3 rows now"
    )
    load(run, file, "online", "mode='append'")
    assert reads == ["t"]
    assert online(engine)[3:] == ROWS


def test_what_is_online_is_not_read_again(engine: Engine, run: Run, file: Path, reads: list[str]) -> None:
    load(run, file, "online", "mode='append', put_if_absent=true")
    before = online(engine)
    run("INSERT INTO t VALUES (9, 'z')")  # what came since changes nothing
    job = load(run, file, "online", "mode='append', put_if_absent=true")
    assert reads == ["t"]
    assert online(engine) == [*before, (9, "z")]
    assert job.log.endswith("put_if_absent left out 4 of them; the table has 4 rows now")


@pytest.mark.parametrize(
    "change",
    ["INSERT INTO t VALUES (9, 'z')", "LOAD DATA INFILE '{other}' INTO TABLE t OPTIONS(mode='append')"],
)
def test_changed_offline_rows_are_no_longer_the_file(
    engine: Engine, run: Run, file: Path, reads: list[str], change: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n7,q\n")
    load(run, file, "offline", "mode='overwrite'")
    run(change.format(other=other), "offline")
    reads.clear()
    load(run, file, "online", "mode='append'")
    assert reads == ["t"]
    assert online(engine) == ROWS


@pytest.mark.parametrize("change", ["DELETE FROM t WHERE a = 1", "TRUNCATE TABLE t"])
def test_removed_rows_come_back(engine: Engine, run: Run, file: Path, reads: list[str], change: str) -> None:
    load(run, file, "online", "mode='append', put_if_absent=true")
    run(change)
    load(run, file, "online", "mode='append', put_if_absent=true")
    assert reads == ["t", "t"]
    assert sorted(online(engine), key=str) == [(1, "y"), (2, None), (3, "x")]


@pytest.mark.parametrize("how", ["another text", "another option", "within a tick", "another table", "appended"])
def test_in_doubt_the_file_is_read(
    engine: Engine, run: Run, file: Path, reads: list[str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "within a tick":
        monkeypatch.setattr(repeatedrows, "_TICK_NS", 10**12)
    if how == "appended":
        run("INSERT INTO t VALUES (8, 'before')", "offline")
        load(run, file, "offline", "mode='append'")
    else:
        load(run, file, "offline", "mode='overwrite'")
    wanted, options = ROWS, "mode='append'"
    if how == "another text":
        file.write_text("a,b\n3,x\n1,y\n3,x\n5,\n")
        wanted = [*ROWS[:3], (5, None)]
    if how == "another option":
        options += ", null_value='x'"
        wanted = [(a, None if b == "x" else b) for a, b in ROWS]
    if how == "another table":
        run("DROP TABLE t")
        run("CREATE TABLE t (a int, b string)")
    reads.clear()
    load(run, file, "online", options)
    assert reads == ["t"]
    if how == "another table":
        found = engine._storage.connection().execute("SELECT a, b FROM online.t2 ORDER BY __row").fetchall()
        assert found == wanted
    else:
        assert online(engine) == wanted


@pytest.mark.parametrize("seed", range(12))
def test_the_rows_are_those_of_an_engine_that_always_reads(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loads, inserts, deletes and changed files in any order, with the memory and without it."""
    rng = random.Random(seed)
    texts = ["a,b\n" + "".join(f"{rng.randrange(4)},{rng.choice('xyz')}\n" for _ in range(6)) for _ in range(3)]
    files = [tmp_path / f"{n}.csv" for n in range(2)]
    statements: list[tuple[str, str] | None] = []
    for _ in range(25):
        file = rng.choice(files)
        statements.append(
            rng.choice(
                [
                    None,
                    (f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='overwrite')", "offline"),
                    (f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "offline"),
                    (f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "online"),
                    *[(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append', put_if_absent=true)", "online")]
                    * 3,
                    ("INSERT INTO t VALUES (1, 'x')", rng.choice(["online", "offline"])),
                    (f"DELETE FROM t WHERE a = {rng.randrange(4)}", "online"),
                    ("TRUNCATE TABLE t", "online"),
                ]
            )
        )
    found = []
    for tick in (0, 10**15):
        monkeypatch.setattr(repeatedrows, "_TICK_NS", tick)
        changes = random.Random(seed)
        for file in files:
            file.write_text(texts[0])
        with Engine(tmp_path / f"engine{tick}") as engine:
            engine.execute("CREATE DATABASE d")
            engine.execute("CREATE TABLE t (a int, b string)", "d")
            states = []
            for statement in statements:
                if statement is None:
                    changes.choice(files).write_text(changes.choice(texts))
                else:
                    job = engine.execute(statement[0], "d", mode=statement[1]).job  # type: ignore[arg-type]
                    assert job is None or job.state == "FINISHED"
                offline = engine.execute("SELECT * FROM t", "d", mode="offline").rows
                states.append((online(engine), list(offline)))
            found.append(states)
    assert found[0] == found[1]
