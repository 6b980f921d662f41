"""The online storage takes no row without a time for each of its indexes, as OpenMLDB's does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.server import EmbeddedServer
from dsflow.worker.client import Session


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "openmldb") as engine:
        engine.execute("CREATE DATABASE db")
        engine.execute("CREATE TABLE t (k string, v int, ts timestamp, INDEX(KEY=k, TS=ts))", "db")
        engine.execute("CREATE TABLE plain (k string, v int, ts timestamp)", "db")
        yield engine


@pytest.mark.parametrize(("value", "what"), [("NULL", "is NULL"), ("-1", "is -1, before 1970")])
def test_an_insert_without_a_time_is_refused_whole(engine: Engine, value: str, what: str) -> None:
    with pytest.raises(SqlError, match=f"row 2 cannot be stored online: ts, .* db.t, {what}"):
        engine.execute(f"INSERT INTO t VALUES ('a', 1, 5), ('a', 2, {value})", "db")
    assert engine.execute("SELECT * FROM t", "db").rows == ()


def test_a_load_without_a_time_fails(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("k,v,ts\na,1,1000\na,2,null\n", encoding="utf-8")
    load = f"LOAD DATA INFILE '{file}' INTO TABLE {{}} OPTIONS(mode='append')"
    job = engine.execute(load.format("t"), "db").job
    assert job is not None
    assert job.state == "FAILED"
    assert "row 2 cannot be stored online" in str(job.error)
    for table, mode in (("t", "offline"), ("plain", "online")):
        loaded = engine.execute(load.format(table), "db", mode=mode).job  # type: ignore[arg-type]
        assert loaded is not None
        assert loaded.state == "FINISHED"


def test_a_table_without_a_time_index_takes_all(engine: Engine) -> None:
    engine.execute("INSERT INTO plain VALUES ('a', 1, NULL), ('a', 2, -1)", "db")
    assert len(engine.execute("SELECT * FROM plain", "db").rows) == 2


@pytest.mark.parametrize("time", [None, -1])
def test_a_request_without_a_time_sees_all_rows_over_http(tmp_path: Path, time: int | None) -> None:
    with EmbeddedServer(tmp_path / "server") as server:
        session = Session(server.url)
        session.execute("CREATE DATABASE db")
        session.execute("USE db")
        session.execute("CREATE TABLE t (k string, v int, ts timestamp)")
        window = "PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"
        session.execute(f"DEPLOY d SELECT sum(v) OVER w AS s FROM t WINDOW w AS ({window})")
        url = f"{server.url}/dbs/db/deployments/d"
        session.execute("INSERT INTO t VALUES ('a', 10, 7), ('a', 20, 9000000000000)")
        answer = httpx.post(url, json={"input": [["a", 1, 8], ["a", 2, time]]}).json()
        assert answer["data"]["data"] == [[11], [32]]
