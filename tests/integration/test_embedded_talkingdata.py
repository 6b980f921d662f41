"""The demo's data through the embedded OpenMLDB: offline as the real engine computes it, online the same."""

from __future__ import annotations

import csv
import datetime as dt
import http.client
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsflow.embedded.server import EmbeddedServer
from dsflow.worker.client import Session

HEADER = ["ip", "app", "device", "os", "channel", "click_time", "is_attributed"]
COLUMNS = [f"{name} {'timestamp' if name == 'click_time' else 'int'}" for name in HEADER]
TABLE = f"CREATE TABLE talkingdata ({', '.join(COLUMNS)})"
STREAM = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("talkingdata")) as running:
        yield running


def session_of(server: EmbeddedServer, db: str) -> Session:
    session = Session(server.url)
    session.execute(f"CREATE DATABASE {db}")
    session.execute(f"USE {db}")
    session.execute(TABLE)
    session.execute("SET @@sync_job=true")
    return session


def rows_of(file: Path) -> list[list[str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def exported(folder: Path) -> list[list[str]]:
    (part,) = folder.glob("part-*")
    return rows_of(part)


def offline(session: Session, data: Path, query: str, out: Path) -> list[list[str]]:
    session.execute("SET @@execute_mode='offline'")
    session.execute(f"LOAD DATA INFILE 'file://{data}' INTO TABLE talkingdata OPTIONS(mode='overwrite')")
    session.execute(f"{query} INTO OUTFILE '{out}' OPTIONS(mode='overwrite')")
    return exported(out)


def multiset(rows: list[list[str]]) -> Counter[tuple[str, ...]]:
    return Counter(map(tuple, rows))


def test_offline_equals_the_real_engine(server: EmbeddedServer, openmldb_data: Path, tmp_path: Path) -> None:
    data = openmldb_data / "talkingdata"
    session = session_of(server, "offline_db")
    rows = offline(session, data / "train_sample.csv", (data / "query.sql").read_text(), tmp_path / "out")
    expected = rows_of(data / "expected.csv")
    assert rows[0] == expected[0]
    assert multiset(rows[1:]) == multiset(expected[1:])


@pytest.mark.parametrize("sample", ["train_sample.csv", "ties_sample.csv"])
def test_by_key(server: EmbeddedServer, openmldb_data: Path, tmp_path: Path, sample: str) -> None:
    data = openmldb_data / "talkingdata"
    session = session_of(server, f"db_{sample.split('_')[0]}")
    query = (data / "query.sql").read_text()
    query = query[query.lower().index("count(channel) over w1") :]
    query = f"select ip, app, os, click_time, {query}"
    rows = offline(session, data / sample, query, tmp_path / "out")[1:]
    file = "expected_by_key.csv" if sample.startswith("train") else "ties_expected_by_key.csv"
    expected = rows_of(data / file)[1:]
    for row in rows:
        row[3] = row[3].replace("T", " ").removesuffix(".000+08:00")
    for columns in ([0, 3, 4], [0, 1, 3, 5], [0, 1, 2, 3, 6]):
        found = multiset([[row[c] for c in columns] for row in rows])
        assert found == multiset([[row[c] for c in columns] for row in expected])


def test_online_requests_equal_offline_rows(server: EmbeddedServer, openmldb_data: Path, tmp_path: Path) -> None:
    data = openmldb_data / "talkingdata"
    query = (data / "query.sql").read_text()
    clicks = sorted(rows_of(data / "train_sample.csv")[1:], key=lambda row: row[5])
    before, stream = clicks[:-STREAM], clicks[-STREAM:]
    with open(tmp_path / "before.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *before])

    session = session_of(server, "online_db")
    by_click = query.replace("select is_attributed,", "select ip, click_time, is_attributed,", 1)
    wanted = {
        (int(row[0]), row[1]): list(map(int, row[2:]))
        for row in offline(session, data / "train_sample.csv", by_click, tmp_path / "out")[1:]
    }
    session.execute("SET @@execute_mode='online'")
    session.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf', ROWS_BIAS='inf') {query}")
    session.execute(
        f"LOAD DATA INFILE 'file://{tmp_path / 'before.csv'}' INTO TABLE talkingdata OPTIONS(mode='append')"
    )

    differences = []
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    for click in stream:
        moment = dt.datetime.fromisoformat(f"{click[5]}+08:00")
        row = [*map(int, click[:5]), int(moment.timestamp() * 1000), int(click[6])]
        (features,) = post(connection, "POST", "deployments/demo", {"input": [row]})["data"]["data"]
        offline_row = wanted[row[0], moment.isoformat(timespec="milliseconds")]
        if features != offline_row:
            differences.append((click, features, offline_row))
        assert post(connection, "PUT", "tables/talkingdata", {"value": [row]})["code"] == 0
    connection.close()
    assert differences == []
    assert any(features[-1] > 1 for features in wanted.values())


def post(connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> dict[str, Any]:
    connection.request(method, f"/dbs/online_db/{path}", json.dumps(body))
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer
