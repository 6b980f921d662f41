"""From clicks to predictions on the embedded OpenMLDB: extract, train, deploy, update, predict."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from dsflow.embedded.server import EmbeddedServer
from dsflow.serving import Options, PredictionServer

SCRIPT = Path(__file__).parents[2] / "pipelines" / "talkingdata_train.py"
COLUMNS = ("ip", "app", "device", "os", "channel", "click_time", "is_attributed")
FEATURES = ("app", "device", "os", "channel", "hour", "day", "qty", "ip_app_count", "ip_app_os_count")
QUERY = """
SELECT is_attributed, app, device, os, channel, hour(click_time) AS hour, day(click_time) AS day,
  count(channel) OVER w1 AS qty, count(channel) OVER w2 AS ip_app_count, count(channel) OVER w3 AS ip_app_os_count
FROM clicks
WINDOW w1 AS (PARTITION BY ip ORDER BY click_time ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW),
  w2 AS (PARTITION BY ip, app ORDER BY click_time ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
  w3 AS (PARTITION BY ip, app, os ORDER BY click_time ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""
STORED = 1200
ZONE = timezone(timedelta(hours=8))


def clicks() -> list[dict[str, Any]]:
    """Clicks in order of time, no two at the same moment, on few enough ips for the windows to matter."""
    rng = np.random.default_rng(11)
    moments = np.sort(rng.choice(96 * 3600, 1240, replace=False))
    start = datetime(2017, 11, 6, tzinfo=ZONE)
    rows = []
    for moment in moments.tolist():
        app = int(rng.integers(1, 6))
        rows.append(
            {
                "ip": int(rng.integers(1, 20)),
                "app": app,
                "device": int(rng.integers(1, 3)),
                "os": int(rng.integers(1, 4)),
                "channel": int(rng.integers(100, 120)),
                "click_time": start + timedelta(seconds=moment),
                "is_attributed": int(rng.random() < (0.4 if app == 5 else 0.05)),
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        out.writerows(row | {"click_time": f"{row['click_time']:%Y-%m-%d %H:%M:%S}"} for row in rows)


def millis(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"click_time": int(row["click_time"].timestamp() * 1000)}


class Stack:
    """A running embedded OpenMLDB with the clicks in it, and a model that was trained on its features."""

    def __init__(self, folder: Path, apiserver: str) -> None:
        self.folder, self.apiserver = folder, apiserver
        self.client = httpx.Client(base_url=apiserver, timeout=120, trust_env=False)
        self.rows = clicks()
        write(folder / "all.csv", self.rows)
        write(folder / "stored.csv", self.rows[:STORED])
        self.sql("CREATE DATABASE demo_db")
        types = ", ".join(f"{name} {'timestamp' if name == 'click_time' else 'int'}" for name in COLUMNS)
        self.sql(f"CREATE TABLE clicks ({types})")
        self.sql(f"LOAD DATA INFILE '{folder}/all.csv' INTO TABLE clicks OPTIONS(mode='overwrite')", "offsync")
        self.sql(f"{QUERY} INTO OUTFILE '{folder}/features' OPTIONS(mode='overwrite')", "offsync")
        self.sql(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf', ROWS_BIAS='inf') {QUERY}")
        self.sql(f"LOAD DATA INFILE '{folder}/stored.csv' INTO TABLE clicks OPTIONS(mode='append')", "onsync")
        self.model = self.train()

    def sql(self, text: str, mode: str = "online") -> None:
        answer = self.client.post("/dbs/demo_db", json={"mode": mode, "sql": text, "timeout": 60000}).json()
        assert answer["code"] == 0, answer
        assert "FAILED" not in str(answer), answer

    def train(self) -> str:
        given = {
            "feature_dir": f"{self.folder}/features",
            "model_dir": f"{self.folder}/models",
            "features": ",".join(FEATURES),
            "label": "is_attributed",
            "fingerprints": "",
            "device": "cpu",
            "memory": "0.25",
        }
        text = re.sub(r"\$\{(\w+)\}", lambda match: given[match[1]], SCRIPT.read_text(encoding="utf-8"))
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert f"{len(self.rows)} clicks" in done.stdout
        found = re.search(r"\{setValue\(model_path=(.*)\)\}", done.stdout)
        assert found
        return found[1]

    def offline_features(self) -> dict[tuple[int, ...], list[dict[str, int]]]:
        """The extracted features, by what a click shows of itself."""
        found: dict[tuple[int, ...], list[dict[str, int]]] = {}
        for part in (self.folder / "features").glob("*.csv"):
            with part.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    numbers = {name: int(value) for name, value in row.items()}
                    found.setdefault(tuple(numbers[name] for name in FEATURES[:6]), []).append(numbers)
        return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with EmbeddedServer(folder / "openmldb", port=0) as server:
        running = Stack(folder, server.url)
        yield running
        running.client.close()


def test_what_is_served_is_what_was_trained_on(stack: Stack, tmp_path: Path) -> None:
    """Each new click is predicted, then stored: its features must be those that the extraction gave for it."""
    offline = stack.offline_features()
    compared = 0
    with (
        PredictionServer(stack.apiserver, model_dir=tmp_path, options=Options(models=(Path("/"),))) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        body = {"database": "demo_db", "deployment": "demo", "model_path": stack.model}
        answer = client.post("/update", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["features"] == list(FEATURES)

        for row in stack.rows[STORED:]:
            click = millis(row)
            asked = {name: value for name, value in click.items() if name != "is_attributed"}
            answer = client.post("/predict", json=asked)
            assert answer.status_code == 200, answer.text
            features = answer.json()["features"]
            moment = row["click_time"]
            assert (features["hour"], features["day"]) == (moment.hour, moment.day)
            same = offline[tuple(features[name] for name in FEATURES[:6])]
            assert features in [{name: one[name] for name in FEATURES} for one in same]
            compared += len(same) == 1
            assert 0 < answer.json()["prediction"] < 1
            stored = stack.client.put("/dbs/demo_db/tables/clicks", json={"value": [[click[name] for name in COLUMNS]]})
            assert stored.json()["code"] == 0, stored.text
    assert compared > 20


def test_an_update_to_what_is_not_there_changes_nothing(stack: Stack) -> None:
    with (
        PredictionServer(stack.apiserver, options=Options(models=(Path("/"),))) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        body = {"database": "demo_db", "deployment": "demo", "model_path": stack.model}
        assert client.post("/update", json=body).status_code == 200
        before = client.get("/health").json()
        for change in ({"deployment": "gone"}, {"database": "gone"}, {"model_path": "/gone.json"}):
            answer = client.post("/update", json=body | change)
            assert answer.status_code == 422, answer.text
            assert "gone" in answer.json()["error"]
        assert client.get("/health").json() == before
        refused = client.post("/predict", json=millis(stack.rows[0]) | {"ip": "1"})
        assert refused.status_code == 400
