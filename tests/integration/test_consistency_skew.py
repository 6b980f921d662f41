"""`FeatureView.consistency` finds what OpenMLDB's two engines answer differently for the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsflow import FeatureView, Table, types
from dsflow.embedded.server import EmbeddedServer

REQUESTS = {
    "id": types.Int,
    "k": types.String,
    "s": types.String,
    "d": types.Double,
    "ts": types.Timestamp,
}
STORED = "rid int, rk string, rv int, rts timestamp"
START = 1_509_960_000_000
ROWS = [
    [1, "'a'", "'1.9'", 1e10, START + 9000],
    [2, "NULL", "'7'", 0.5, START + 9001],
    [3, "'b'", "' 8 '", 1.5, START + 9002],
]
# six of 'a', one a second; one of 'b'; one without a key
JOINED = [
    *([100 + i, "'a'", i + 1, START + 1000 * i] for i in range(6)),
    [200, "'b'", 7, START],
    [300, "NULL", 8, START],
]
BELOW = """
    SELECT t.id AS id, r.n AS n, r.total AS total FROM t LAST JOIN (
        SELECT rk, rts, count(rv) OVER w AS n, sum(rv) OVER w AS total FROM r
        WINDOW w AS (PARTITION BY rk ORDER BY rts {frame})
    ) AS r ORDER BY r.rts ON t.k = r.rk
"""


class Live:
    """An embedded OpenMLDB with the same rows in both storages."""

    def __init__(self, client: httpx.Client) -> None:
        self.url, self.client = str(client.base_url), client
        self.sql("CREATE DATABASE d")
        self.table = Table("t", REQUESTS, database="d")
        self.sql(self.table.ddl())
        self.sql(f"CREATE TABLE r ({STORED})")
        for mode in ("online", "offsync"):
            for name, rows in (("t", ROWS), ("r", JOINED)):
                values = ", ".join(f"({', '.join(map(str, row))})" for row in rows)
                self.sql(f"INSERT INTO {name} VALUES {values}", mode)

    def sql(self, text: str, mode: str = "online") -> None:
        answer = self.client.post("/dbs/d", json={"mode": mode, "sql": text, "timeout": 60000}).json()
        assert answer["code"] == 0, (text, answer)
        assert "FAILED" not in str(answer), answer

    def differing(self, sql: str) -> dict[str, list[tuple[int, Any, Any]]]:
        """Column -> id, offline value and online value of each row that differs."""
        view = FeatureView(f"f{abs(hash(sql))}", source=self.table, sql=sql)
        self.sql(f"DEPLOY {view.deployment()} OPTIONS(RANGE_BIAS='inf', ROWS_BIAS='inf') {sql}")
        report = view.consistency(self.url)
        assert report.rows == len(ROWS)
        return {
            column.name: sorted((example.row["id"], example.offline, example.online) for example in column.examples)
            for column in report.columns
            if column.different
        }


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with (
        EmbeddedServer(tmp_path / "openmldb") as running,
        httpx.Client(base_url=running.url, timeout=120, trust_env=False) as client,
    ):
        yield Live(client)


def test_the_end_of_a_frame_that_is_taken_away_twice(live: Live) -> None:
    found = live.differing(BELOW.format(frame="ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING"))
    # where the frame reaches no row, a count is NULL online; so it is for the NULL key, which finds a row there only
    assert found == {"n": [(1, 3, 2), (3, 0, None)], "total": [(1, 12, 7)]}


def test_a_row_that_is_left_out(live: Live) -> None:
    found = live.differing(BELOW.format(frame="ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"))
    assert found["total"] == [(1, 15, 12), (3, 7, None)]
    assert found["n"] == [(3, 1, None)]


def test_null_keys(live: Live) -> None:
    found = live.differing("SELECT t.id AS id, r.rid AS rid FROM t LAST JOIN r ORDER BY r.rts ON t.k = r.rk")
    assert found == {"rid": [(2, None, 300)]}
