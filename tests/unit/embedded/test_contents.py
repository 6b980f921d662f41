"""Digests of what an engine holds follow each change, by whatever statement, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsflow.embedded.contents import Contents
from dsflow.embedded.engine import Engine, Mode


@pytest.mark.parametrize(
    ("statement", "mode", "changed"),
    [
        ("INSERT INTO t VALUES (3, 1.5)", "online", {"online"}),
        ("DELETE FROM t WHERE k = 1", "online", {"online"}),
        ("TRUNCATE TABLE t", "online", {"online"}),
        ("LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "online", {"online"}),
        ("LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append', put_if_absent=true)", "online", {"online"}),
        ("LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')", "offline", {"offline"}),
        ("LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='overwrite')", "offline", {"offline"}),
        ("INSERT INTO t VALUES (3, 1.5)", "offline", {"offline"}),
        ("SELECT * FROM t INTO OUTFILE 'openmldb://d.t' OPTIONS(mode='append')", "offline", {"online"}),
        ("SELECT * FROM t", "online", set()),
        ("SELECT * FROM t", "offline", set()),
    ],
)
def test_each_change_is_seen(tmp_path: Path, statement: str, mode: Mode, changed: set[str]) -> None:
    first, file = tmp_path / "first.csv", tmp_path / "more.csv"
    first.write_text("k,v\n1,1.0\n2,2.0\n")
    file.write_text("k,v\n7,1.0\n")
    with Engine(tmp_path / "engine") as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE t (k int, v double)", "d")
        for kind in ("online", "offline"):
            engine.execute(f"LOAD DATA INFILE '{first}' INTO TABLE t OPTIONS(mode='append')", "d", mode=kind)  # type: ignore[arg-type]

        def digests() -> dict[str, str]:
            return {kind: engine.contents(kind, "d", "t") for kind in ("online", "offline", "table", "indexes")}

        before = digests()
        assert digests() == before
        engine.execute(statement.format(file=file), "d", mode=mode)
        after = digests()
        assert {kind for kind in before if after[kind] != before[kind]} == changed
        anew = Contents(engine._storage)
        assert {kind: anew.digest(kind, "d", "t") for kind in after} == after
