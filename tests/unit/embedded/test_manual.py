"""The list of OpenMLDB's statements in the documentation, held against the engine and against OpenMLDB's compiler."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.sdk.client import Compiler

PAGE = Path(__file__).parents[3] / "docs" / "statements.md"
ROW = re.compile(r"\| `(?P<sql>.+)` \| (?P<mode>online|offline) \| (?P<here>[a-z ]+) \|(?P<note>.*)\|")
STATEMENTS = [
    (found["sql"], found["mode"], found["here"])
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if (found := ROW.fullmatch(line))
]


def test_the_list_is_read_whole() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(lines) == len(STATEMENTS) > 90
    assert {here for _, _, here in STATEMENTS} == {"done", "refused", "refused there too"}


def outcome(engine: Engine, sql: str, mode: str) -> str:
    try:
        result = engine.execute(sql, "db", mode=mode)  # type: ignore[arg-type]
    except UnsupportedError as error:
        return f"refused: {error}"
    except SqlError as error:
        return f"refused there too: {error}"
    job = result.job
    if job is None or job.state == "FINISHED" or sql.startswith(("SHOW", "STOP")):
        return "done"
    ours = "machine only" in job.error  # files of other systems: OpenMLDB reads them
    return f"refused{'' if ours else ' there too'}: {job.error}"


def test_each_statement_does_what_the_list_says(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("k,n,v,ts\na,1,1.5,1000\nz,1,1.5,1000\n")
    for name in ("clicks", "more"):
        table = pa.table(
            {"k": ["x"], "n": pa.array([1], pa.int32()), "v": [1.5], "ts": pa.array([1000], pa.timestamp("ms"))}
        )
        pq.write_table(table, tmp_path / f"{name}.parquet")
    wrong = []
    with Engine(tmp_path / "engine") as engine:
        for sql, mode, here in STATEMENTS:
            found = outcome(engine, sql.replace("/data/", f"{tmp_path}/"), mode)
            if found.split(":")[0] != here:
                wrong.append(f"{sql} ({mode}) is {found}, not {here}")
    assert not wrong, "\n".join(wrong)


AT_RUN_TIME = re.compile(
    r"LOAD DATA .*mode='overwrite'|SELECT count\(\*\)|DEPLOY|SHOW JOBS FROM elsewhere|DROP FUNCTION f$"
)
"""Texts that its compiler reads; what runs them then refuses them."""


def test_openmldb_reads_what_the_list_says_that_it_has(compiler: Compiler) -> None:
    columns = [("k", "string"), ("n", "int"), ("v", "double"), ("ts", "timestamp")]
    wrong = []
    for sql, _, here in STATEMENTS:
        refusal = compiler.validate(sql, db="db", catalog={"db": {"t": columns}}, mode="batch")
        reads = refusal is None or refusal.message.startswith("Plan type not supported")
        if reads != (here != "refused there too" or AT_RUN_TIME.match(sql) is not None):
            wrong.append(f"{sql}: {refusal.message if refusal else 'compiles'}")
    assert not wrong, "\n".join(wrong)


READ = [
    sql
    for sql, _, here in STATEMENTS
    if here != "refused there too"
    and not sql.startswith(("CREATE PROCEDURE", "DROP PROCEDURE"))  # a grammar of their own
]


@pytest.mark.parametrize("sql", ["GRANT SELECT ON t TO u", "REVOKE SELECT ON t FROM u"])
def test_rights_are_refused_by_name(engine: Engine, sql: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{sql.split()[0]}: it has no users and no rights"):
        engine.execute(sql, "d")


@pytest.mark.parametrize("sql", READ)
def test_the_dialect_reads_and_writes_them(sql: str) -> None:
    from dsflow.embedded.compiler.parse import parse

    (tree,) = parse(sql)
    written = tree.sql(dialect="openmldb")
    assert parse(written)[0].sql(dialect="openmldb") == written
