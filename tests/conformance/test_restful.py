"""OpenMLDB's own REST cases against the embedded OpenMLDB, over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsflow.embedded.server import EmbeddedServer
from dsflow.worker.client import OpenMLDBError, Session

# Cases whose expected answer no server gives to the request as the file has it; each with what is answered instead.
DIFFERENT = {
    "restful/v230/test_insert#17": (
        "the case is about a missing body, but its request is a valid one; a missing body answers like an empty one"
    ),
}


def _cases() -> list[Any]:
    folder = os.environ.get("DSFLOW_TEST_OPENMLDB")
    if not folder:
        return []
    with open(Path(folder) / "restful_cases.jsonl", encoding="utf-8") as lines:
        return [pytest.param(case, id=case["id"]) for case in map(json.loads, lines)]


CASES = _cases()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, openmldb_data: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("restful")) as running:
        yield running


def call(url: str, method: str, uri: str, headers: dict[str, str], body: str | None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        # what follows a '#' is never sent
        connection.request(method, uri.split("#")[0], body.encode() if body is not None else None, headers)
        response = connection.getresponse()
        assert response.status == 200
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    return answer


def quoted(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def prepare(session: Session, before: dict[str, Any]) -> None:
    db = before["database"]
    for name in [row[0] for row in session.execute("SHOW DATABASES").rows]:
        clean(session, name)
    session.execute(f"CREATE DATABASE {db}")
    session.execute(f"USE {db}")
    for table in before["tables"]:
        columns = [f"{n} {t}{' NOT NULL' if n in table['not_null'] else ''}" for n, t in table["columns"]]
        indexes = [f"INDEX(KEY=({', '.join(i['keys'])}), TS={i['ts']})" for i in table["indexes"]]
        session.execute(f"CREATE TABLE {table['name']} ({', '.join(columns + indexes)})")
        for row in table["rows"]:
            session.execute(f"INSERT INTO {table['name']} VALUES ({', '.join(map(quoted, row))})")
    for statement in before["sqls"]:
        session.execute(statement)


def clean(session: Session, db: str) -> None:
    session.execute(f"USE {db}")
    for _, name in session.execute("SHOW DEPLOYMENTS").rows:
        session.execute(f"DROP DEPLOYMENT {name}")
    for procedure_db, name in session.execute("SHOW PROCEDURE STATUS").rows:
        if procedure_db == db:
            session.execute(f"DROP PROCEDURE {name}")
    for (table,) in session.execute("SHOW TABLES").rows:
        session.execute(f"DROP TABLE {table}")
    session.execute(f"DROP DATABASE {db}")


def at(answer: dict[str, Any], path: str) -> Any:
    value: Any = answer
    for part in path.removeprefix("$.").split("."):
        value = value[part]
    return value


@pytest.mark.skipif(not CASES, reason="set DSFLOW_TEST_OPENMLDB to the folder with restful_cases.jsonl to run this")
@pytest.mark.parametrize("case", CASES or [None])
def test_case(case: dict[str, Any], server: EmbeddedServer) -> None:
    session = Session(server.url)
    prepare(session, case["before"])
    request = case["request"]
    answer = call(server.url, request["method"], request["uri"], request["headers"], request["body"])

    if case["id"] in DIFFERENT:
        assert answer == {"code": 0, "msg": "ok"}
        missing = call(server.url, request["method"], request["uri"], request["headers"], None)
        assert missing == {"code": -1, "msg": "Json parse failed, error code: 1"}
        return
    expect = case["expect"] | {k: v for k, v in case.get("source_says", {}).items() if k != "note"}
    assert answer["code"] == expect["code"], answer
    if "msg_contains" in case.get("source_says", {}) or "msg" not in expect:
        assert expect["msg_contains"] in answer["msg"]
    elif expect["code"] == 2000:
        assert "does not exist" in answer["msg"]
    else:
        assert answer["msg"] == expect["msg"]
    for path, value in expect.get("json_path", {}).items():
        if path not in case.get("stale_paths", []):
            assert at(answer, path) == value

    if "after" in case:
        for statement in case["after"]["sqls"]:
            result = session.execute(statement)
        assert [list(row) for row in result.rows] == case["after"]["rows"]
        assert [name for name, _ in case["after"]["columns"]] == list(result.columns)
    for statement in case["tear_down"]:
        with contextlib.suppress(OpenMLDBError):  # some drop what the case never made
            session.execute(statement)
