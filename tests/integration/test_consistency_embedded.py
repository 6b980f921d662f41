"""Training/serving skew on the embedded OpenMLDB: none where there is none, and each planted one found."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsflow import FeatureView, Table, types
from dsflow.embedded.server import EmbeddedServer
from dsflow.errors import ServerError

COLUMNS = {
    "id": types.Int,
    "amount": types.Double,
    "small": types.SmallInt,
    "name": types.String,
    "ok": types.Bool,
    "day": types.Date,
    "ts": types.Timestamp,
}
SQL = """
    SELECT id, name, day, ts, amount * 2 AS twice, hour(ts) AS hour, u.label AS label,
        count(t.id) OVER w AS n, sum(t.amount) OVER w AS total, avg(t.amount) OVER r AS mean,
        lag(t.name, 1) OVER w AS before, distinct_count(t.small) OVER w AS kinds, max(t.ts) OVER r AS newest
    FROM t LAST JOIN u ORDER BY u.since ON t.id = u.uid
    WINDOW w AS (PARTITION BY t.id ORDER BY t.ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW),
        r AS (PARTITION BY t.id ORDER BY t.ts ROWS BETWEEN 5 PRECEDING AND CURRENT ROW)
"""
START = 1_509_960_000_000
ROWS = 400


def rows(seed: int = 1) -> list[list[Any]]:
    """Rows with many ties of time, NULLs and few keys, no two equal."""
    rng = random.Random(seed)
    made = []
    for number in range(ROWS):
        made.append(
            [
                rng.randrange(12),
                None if rng.random() < 0.1 else round(rng.uniform(-5, 5), 3) + number,
                rng.randrange(4),
                None if rng.random() < 0.1 else rng.choice(["", "a", "NULL", "é, x"]),
                rng.random() < 0.5,
                f"2017-11-{rng.randrange(1, 29):02}",
                START + 60_000 * rng.randrange(200),
            ]
        )
    return made


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


class Live:
    """An embedded OpenMLDB with a table, its offline rows, its online rows and a deployment."""

    def __init__(self, client: httpx.Client) -> None:
        self.url, self.client = str(client.base_url), client
        self.sql("CREATE DATABASE d")
        self.table = Table("t", COLUMNS, database="d")
        self.view = FeatureView("f", source=self.table, sql=SQL)
        self.sql(self.table.ddl())
        self.sql("CREATE TABLE u (uid int, label string, since timestamp)")
        self.rows = rows()
        for mode in ("online", "offsync"):
            self.insert(mode)
            self.sql("INSERT INTO u VALUES (1, 'one', 1000), (2, 'two', 1000), (2, 'zwei', 2000), (5, NULL, 1)", mode)
        self.deploy(self.view.sql)

    def insert(self, mode: str) -> None:
        for start in range(0, ROWS, 500):
            values = ", ".join(f"({', '.join(map(literal, row))})" for row in self.rows[start : start + 500])
            self.sql(f"INSERT INTO t VALUES {values}", mode)

    def sql(self, text: str, mode: str = "online") -> list[list[Any]]:
        answer = self.client.post("/dbs/d", json={"mode": mode, "sql": text, "timeout": 60000}).json()
        assert answer["code"] == 0, (text, answer)
        assert "FAILED" not in str(answer), answer
        found: list[list[Any]] = (answer.get("data") or {}).get("data") or []
        return found

    def deploy(self, sql: str) -> None:
        self.sql(f"DEPLOY {self.view.deployment()} OPTIONS(RANGE_BIAS='inf', ROWS_BIAS='inf') {sql}")

    def differing(self, **options: Any) -> dict[str, int]:
        report = self.view.consistency(self.url, **options)
        return {column.name: column.different for column in report.columns if column.different}

    def state(self) -> list[list[Any]]:
        return [row[:5] for row in self.sql("SHOW TABLE STATUS")] + self.sql("SHOW DEPLOYMENTS")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        EmbeddedServer(tmp_path / "openmldb") as running,
        httpx.Client(base_url=running.url, timeout=120, trust_env=False) as made,
    ):
        yield made


def test_no_false_alarm_and_nothing_is_changed(client: httpx.Client) -> None:
    live = Live(client)
    before = live.state()
    report = live.view.consistency(live.url, sample=300)
    assert report.ok, str(report)
    assert report.rows == 300
    assert report.missing == 0
    assert [column.name for column in report.columns] == list(live.view.output_columns)
    assert live.view.consistency(live.url, sample=10 * ROWS).rows == ROWS  # as many as there are
    few = live.view.consistency(live.url, sample=20)  # taken from all over the table, by the hash of their time
    assert (few.rows, few.different) == (20, 0)
    assert live.state() == before


THROUGH = {
    "a subquery": (
        "SELECT who, count(amount) OVER w AS n, sum(amount) OVER w AS total"
        " FROM (SELECT id AS who, amount, ts AS happened FROM t) AS s"
        " WINDOW w AS (PARTITION BY who ORDER BY happened ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
    ),
    "WITH, and a window in it": (
        "WITH q AS (SELECT id, count(amount) OVER w AS n FROM t"
        " WINDOW w AS (PARTITION BY id ORDER BY ts ROWS BETWEEN 5 PRECEDING AND CURRENT ROW))"
        " SELECT q.*, n * 2 AS twice, u.label AS label FROM q LAST JOIN u ORDER BY u.since ON q.id = u.uid"
    ),
}


@pytest.mark.parametrize("name", THROUGH)
def test_request_rows_that_come_through_a_subquery(client: httpx.Client, name: str) -> None:
    live = Live(client)
    live.view = FeatureView("g", source=live.table, sql=THROUGH[name])
    live.deploy(live.view.sql)
    assert live.differing(sample=200) == {}
    live.sql("DELETE FROM t WHERE id = 3")
    assert live.differing(sample=200)["n"] > 0


def test_rows_that_are_missing_online(client: httpx.Client) -> None:
    live = Live(client)
    live.sql("DELETE FROM t WHERE id = 3")
    report = live.view.consistency(live.url)
    columns = {column.name: column for column in report.columns}
    assert 0 < report.different < report.rows
    assert {column.name for column in report.columns if column.different} >= {"n", "total", "mean"}
    assert columns["hour"].different == columns["label"].different == 0
    assert all(example.row["id"] == 3 for example in columns["n"].examples)
    assert (columns["n"].max_difference or 0) >= 1
    assert report.skew == report.different / report.rows


def test_equal_rows_that_count_once_online(client: httpx.Client) -> None:
    """What put_if_absent does to a file with equal rows."""
    live = Live(client)
    values = ", ".join(map(literal, live.rows[7]))
    live.sql(f"INSERT INTO t VALUES ({values}), ({values})", "offsync")
    differing = live.differing(sample=ROWS)
    assert differing["n"] >= 1
    assert "label" not in differing


def test_a_ttl_that_has_taken_rows(client: httpx.Client) -> None:
    """DEPLOY without a bias keeps rows as long as its window is, counted from now: those of 2017 are gone at once."""
    live = Live(client)
    sql = (
        "SELECT hour(ts) AS hour, count(id) OVER w AS n FROM t WINDOW w AS"
        " (PARTITION BY name ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
    )
    view = FeatureView("short", source=live.table, sql=sql)
    live.sql(f"DEPLOY {view.deployment()} {sql}")
    report = view.consistency(live.url)
    hour, n = report.columns
    assert (hour.name, hour.different) == ("hour", 0)
    assert n.different > report.rows / 2
    assert n.examples[0].online == 1  # the request row alone


def test_a_deployment_of_another_query(client: httpx.Client) -> None:
    live = Live(client)
    live.sql(f"DROP DEPLOYMENT {live.view.deployment()}")
    live.deploy(live.view.sql.replace("1h PRECEDING", "2h PRECEDING"))
    assert set(live.differing()) >= {"n", "total"}
    live.sql(f"DROP DEPLOYMENT {live.view.deployment()}")
    live.deploy(live.view.sql.replace("AS twice", "AS double_amount"))
    with pytest.raises(ServerError, match="gives double_amount, which the query does not"):
        live.view.consistency(live.url)


def test_a_job_that_fails_leaves_nothing_behind(client: httpx.Client) -> None:
    live = Live(client)
    before = live.state()
    for pattern in ("SELECT \\* FROM t", "LOAD DATA", "dsflow_probe_0"):
        fault = {"job": pattern, "message": "the disk is full", "times": 1}
        assert live.client.post("/dsflow/fault", json=fault).json()["code"] == 0
        with pytest.raises(ServerError, match="is FAILED: the disk is full"):
            live.view.consistency(live.url)
        assert live.state() == before
    assert live.view.consistency(live.url).ok


def test_without_offline_rows_there_is_nothing_to_compare(client: httpx.Client) -> None:
    live = Live(client)
    live.sql("CREATE TABLE v (id int, ts timestamp)")
    view = FeatureView("g", source=Table("v", database="d", id=types.Int, ts=types.Timestamp), sql="SELECT id FROM v")
    live.sql(f"DEPLOY {view.deployment()} SELECT id FROM v")
    with pytest.raises(ServerError, match=r"there are no offline rows in d\.v to compare"):
        view.consistency(live.url)


def test_the_command(client: httpx.Client, root: Path, tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.py"
    pipeline.write_text(
        "from dsflow import FeatureView, Table, Workflow, types\n"
        "with Workflow('w', project='p', params={'db': 'nowhere', 'name': 'f'}) as wf:\n"
        f"    columns = {{{', '.join(f'{name!r}: {str(kind)!r}' for name, kind in COLUMNS.items())}}}\n"
        "    table = Table('t', columns, database=wf.params.db)\n"
        f"    view = FeatureView('features', source=table, sql='''{SQL}''')\n"
        "    view.deploy(wf.params.name)\n"
    )
    live = Live(client)

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dsflow", "consistency", str(pipeline), "--apiserver", live.url, *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    done = run("--set", "db=d", "--sample", "200")
    assert done.returncode == 0, done.stderr
    assert "0 of 200 rows differ (skew 0.0000)" in done.stdout
    live.sql("DELETE FROM t WHERE id = 3")
    done = run("--set", "db=d", "--json")
    assert done.returncode == 1
    skew = json.loads(done.stdout)["skew"]
    assert 0 < skew < 0.5
    assert run("--set", "db=d", "--max-skew", "0.5").returncode == 0
    done = run()
    assert done.returncode == 1
    assert "there is no deployment nowhere.f_" in done.stderr
    done = run("--view", "other")
    assert done.returncode == 1
    assert "has no feature view 'other'" in done.stderr
    assert "its feature views: features" in done.stderr
