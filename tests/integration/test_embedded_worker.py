"""The `openmldb` module that stands in for OpenMLDB's SDK on a DolphinScheduler worker, as a worker runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsflow.embedded.server import EmbeddedServer
from dsflow.worker.environment import worker_path_folder

# what DolphinScheduler's OPENMLDB task writes around the statements
SCRIPT = """
import openmldb
import sqlalchemy as db
engine = db.create_engine('openmldb:///?zk=127.0.0.1:2181&zkPath=/openmldb')
con = engine.connect()
con.execute("set @@execute_mode='offline';")
con.execute("set @@sync_job=true")
con.execute("set @@job_timeout=1800000")
{statements}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("openmldb")) as running:
        yield running


def work(url: str | None, *statements: str, strict: str | None = None) -> subprocess.CompletedProcess[str]:
    lines = "\n".join(f"con.execute({statement!r})" for statement in statements)
    return python(url, SCRIPT.format(statements=lines), strict)


def python(url: str | None, code: str, strict: str | None = None) -> subprocess.CompletedProcess[str]:
    given = {"DSFLOW_EMBEDDED_OPENMLDB": url, "DSFLOW_EMBEDDED_STRICT": strict}
    env = {k: v for k, v in os.environ.items() if k not in given} | {"PYTHONPATH": str(worker_path_folder())}
    env |= {k: v for k, v in given.items() if v is not None}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_task(server: EmbeddedServer, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,s\n1,%(x)s :y\n2,z\n")
    done = work(
        server.url,
        "create database if not exists demo_db;",
        "use demo_db;",
        "create table if not exists t (a int, s string)",
        f"LOAD DATA INFILE 'file://{tmp_path}/x.csv' INTO TABLE t OPTIONS(format='csv',header=true,mode='overwrite')",
        f"SELECT a, s FROM t WHERE s = '%(x)s :y' INTO OUTFILE '{tmp_path}/out' OPTIONS(mode='overwrite')",
    )
    assert done.stderr == ""
    assert done.returncode == 0
    (part,) = (tmp_path / "out").glob("part-*")
    assert part.read_text() == "a,s\n1,%(x)s :y\n"


@pytest.mark.parametrize(("strict", "code"), [(None, 1), ("1", 1), ("0", 0)])
def test_a_failed_job_fails_the_task(server: EmbeddedServer, strict: str | None, code: int) -> None:
    done = work(
        server.url,
        "create database if not exists e",
        "create table if not exists e.t (a int)",
        "LOAD DATA INFILE '/nowhere/x.csv' INTO TABLE e.t OPTIONS(mode='append')",
        strict=strict,
    )
    assert done.returncode == code, done.stderr
    assert ("FAILED: file /nowhere/x.csv does not exist" in done.stderr) == (code == 1)


def test_wrong_sql_fails_the_task_always(server: EmbeddedServer) -> None:
    done = work(server.url, "selec 1", strict="0")
    assert done.returncode == 1
    assert "line 1, column" in done.stderr


def test_no_address() -> None:
    done = work(None, "show databases")
    assert done.returncode == 1
    assert "the environment variable DSFLOW_EMBEDDED_OPENMLDB is not set" in done.stderr


def test_nobody_there() -> None:
    done = work("http://127.0.0.1:9", "show databases")
    assert done.returncode == 1
    assert "the embedded OpenMLDB at http://127.0.0.1:9 does not answer" in done.stderr


def test_rows_and_dbapi(server: EmbeddedServer) -> None:
    code = """
import openmldb, openmldb.dbapi, sqlalchemy as db
con = db.create_engine('openmldb:///?zk=a&zkPath=/b').connect()
con.execute("create database if not exists r")
con.execute("use r")
con.execute("create table if not exists t (a int, s string)")
con.execute("insert into t values (1, 'x'), (2, null)")
print([tuple(row) for row in con.execute("select a, s from t where a > 0")])
print(con.execute("select a as n from t").keys())
cursor = openmldb.dbapi.connect(database='r', zk='a', zkPath='/b').cursor()
cursor.execute("select a from t where s = ?", ("x",))
print(cursor.description[0][:2], cursor.rowcount, cursor.fetchone(), cursor.fetchone())
try:
    openmldb.dbapi.connect(database='nope')
except openmldb.dbapi.DatabaseError as error:
    print(error)
"""
    done = python(server.url, code)
    assert done.stderr == ""
    assert done.stdout.splitlines()[:3] == ["[(1, 'x'), (2, None)]", "RMKeyView(['n'])", "('a', 2) 1 (1,) None"]
    assert "database nope does not exist" in done.stdout


def test_needs_nothing_of_dsflow(server: EmbeddedServer) -> None:
    code = """
import sys
sys.modules['dsflow'] = None
import openmldb
print(openmldb.Session().execute('show databases').columns)
"""
    done = python(server.url, code)
    assert done.stderr == ""
    assert done.stdout == "('Databases',)\n"
