"""The module ``openmldb`` of the embedded engine, against what OpenMLDB 0.9.2's own module does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("uvicorn")

from dsflow.embedded.server import EmbeddedServer
from dsflow.worker.path.openmldb import dbapi
from dsflow.worker.path.openmldb.session import Session

ROW = {"ats": 3000, "city": "gz", "n": 10}
SUM = (
    "SELECT ats, sum(n) OVER w AS s FROM o"
    " WINDOW w AS (PARTITION BY city ORDER BY ats ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServer(tmp_path_factory.mktemp("sdk")) as server:
        session = Session(server.url)
        for statement in [
            "CREATE DATABASE db",
            "USE db",
            "CREATE TABLE o (ats BIGINT, city STRING, n INT, INDEX(KEY=city, TS=ats))",
            "INSERT INTO o VALUES (1000, 'gz', 1)",
            "CREATE TABLE times (id INT, t TIMESTAMP, d DATE)",
            "INSERT INTO times VALUES (1, 1000, '2024-01-02')",
            f"DEPLOY d1 {SUM}",
        ]:
            session.execute(statement)
        yield server.url


@pytest.fixture
def cursor(url: str, monkeypatch: pytest.MonkeyPatch) -> dbapi.Cursor:
    monkeypatch.setenv("DSFLOW_EMBEDDED_OPENMLDB", url)
    return dbapi.connect(database="db", zk="z", zkPath="/p").cursor()


def test_a_select_with_a_row_is_request_mode(cursor: dbapi.Cursor) -> None:
    assert cursor.execute("SELECT ats, n FROM o", ROW).fetchall() == [(3000, 10)]
    assert cursor.execute(SUM, ROW).fetchall() == [(3000, 11)]
    assert cursor.executeRequest(SUM, (3000, "gz", 10)).fetchall() == [(3000, 11)]
    assert cursor.execute("SELECT ats, n FROM o").fetchall() == [(1000, 1)]
    assert cursor.execute("SELECT n FROM o WHERE ats = ?", (1000,)).fetchall() == [(1,)]


def test_a_row_is_not_stored_and_makes_no_index(cursor: dbapi.Cursor) -> None:
    by_n = SUM.replace("PARTITION BY city", "PARTITION BY n")
    assert cursor.execute(by_n, ROW).fetchall() == [(3000, 10)]
    assert cursor.execute("SELECT ats FROM o").fetchall() == [(1000,)]
    assert "| n " not in str(cursor.execute("DESC o").fetchall())


def test_procedures_and_batches(cursor: dbapi.Cursor) -> None:
    assert cursor.callproc("d1", ROW).fetchall() == [(3000, 11)]
    assert cursor.callproc("d1", (3000, "sz", 10)).fetchall() == [(3000, 10)]
    rows = [ROW, {**ROW, "n": None}, {**ROW, "ats": 1}]
    assert cursor.batch_row_request(SUM, [], rows).fetchall() == [(3000, 11), (3000, 1), (1, 10)]
    assert cursor.batch_row_request(SUM, ["city"], rows).rowcount == 3
    assert cursor.batch_row_request("SELECT n FROM o", [], ROW).fetchall() == [(10,)]


def test_times_in_a_row(cursor: dbapi.Cursor) -> None:
    moment = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.timezone.utc)
    row = {"id": 1, "t": moment, "d": dt.date(2024, 11, 12)}
    found = cursor.execute("SELECT t, d FROM times", row).fetchall()
    assert found == [(int(moment.timestamp() * 1000), "2024-11-12")]


def test_attributes(cursor: dbapi.Cursor) -> None:
    assert (cursor.rowcount, cursor.description, cursor.lastrowid, cursor.arraysize) == (-1, None, None, 1)
    cursor.execute("SELECT ats, city, n FROM o")
    assert [(name, code) for name, code, *_ in cursor.description or ()] == [("ats", 3), ("city", 6), ("n", 2)]
    assert cursor.get_resultset_schema() == [
        {"name": "ats", "type": "int64"}, {"name": "city", "type": "string"}, {"name": "n", "type": "int32"},
    ]  # fmt: skip
    assert (cursor.rowcount, cursor.is_online_mode(), dbapi.Type.Timestamp) == (1, True, 8)
    assert cursor.fetchone() == (1000, "gz", 1)
    assert cursor.fetchone() is None


@pytest.mark.parametrize(
    ("do", "error", "says"),
    [
        (lambda c: c.execute("INSERT INTO o VALUES (1, 'a?b', 3)"), dbapi.DatabaseError, "not enough: 0 for 1"),
        (lambda c: c.execute("insert into o values (1, 'a', 3) -- ?"), dbapi.DatabaseError, "parameters is not enough"),
        (lambda c: c.execute("INSERT INTO o VALUES (1, ?, 3)", ("bj",)), dbapi.DatabaseError, "only literals"),
        (lambda c: c.execute("SELECT n FROM o", {"n": 1}), dbapi.DatabaseError, "can't find"),
        (lambda c: c.execute("SELECT n FROM o", {}), dbapi.DatabaseError, "can't find"),
        (lambda c: c.callproc("d1", {}), dbapi.DatabaseError, "data for proc"),
        (lambda c: c.callproc("none", ROW), dbapi.DatabaseError, "none does not exist in db"),
        (lambda c: c.executeRequest("SELECT n FROM o", 5), dbapi.DatabaseError, "Invalid row type"),
        (lambda c: c.executemany("SELECT n FROM o WHERE n = ?", [(1,)]), dbapi.DatabaseError, "unsupported sql"),
        (lambda c: c.batch_row_request(SUM, ["n"], [ROW, {**ROW, "n": 2}]), dbapi.NotSupportedError, "common"),
        (lambda c: c.fetchall(), dbapi.DatabaseError, "resultset is not set"),
        (lambda c: c.nextset(), dbapi.NotSupportedError, "nextset"),
        (lambda c: c.setinputsizes(1), dbapi.NotSupportedError, "setinputsizes"),
        (lambda c: iter(c), dbapi.NotSupportedError, "fetchall"),
        (lambda c: c.connection.execute("SELECT 1"), dbapi.NotSupportedError, "Connection.execute"),
        (lambda c: (c.close(), c.execute("SELECT n FROM o")), dbapi.CursorClosedException, "Cursor object is closed"),
        (lambda c: (c.connection.close(), c.execute("SELECT n FROM o")), dbapi.ConnectionClosedException, "closed"),
    ],
)  # fmt: skip
def test_refused_as_there(cursor: dbapi.Cursor, do: Callable[[Any], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        do(cursor)
    assert says in str(caught.value)


def test_a_question_mark_written_as_an_escape_arrives(cursor: dbapi.Cursor) -> None:
    cursor.execute(r"INSERT INTO o VALUES (5, 'a\x3fb', 3)")
    assert cursor.execute("SELECT city FROM o WHERE ats = 5").fetchall() == [("a?b",)]


def test_the_request_table_is_the_first_of_the_query(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        session = Session(server.url)
        for statement in [
            "CREATE DATABASE db",
            "USE db",
            "CREATE TABLE a_users (k STRING, age INT, t BIGINT, INDEX(KEY=k, TS=t))",
            "CREATE TABLE z_clicks (k STRING, n INT, t BIGINT, INDEX(KEY=k, TS=t))",
            "DEPLOY d SELECT z_clicks.k, n, age FROM z_clicks"
            " LAST JOIN a_users ORDER BY a_users.t ON z_clicks.k = a_users.k",
        ]:
            session.execute(statement)
        import httpx

        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/dbs/db/deployments/d").json()["data"]["tables"] == ["a_users", "z_clicks"]
            answer = client.get("/dsflow/dbs/db/deployments/d/request").json()
            assert answer["data"] == {"db": "db", "table": "z_clicks"}
            assert client.get("/dsflow/dbs/db/deployments/none/request").json()["code"] != 0
