"""The prediction at the end of a local run asks with a row of the request table, whatever the tables' names."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
import xgboost

from dsflow.embedded.server import EmbeddedServer
from dsflow.local.runner import ask_prediction
from dsflow.serving import Options, PredictionServer
from dsflow.worker.path.openmldb.session import Session

FEATURES = ["n", "age"]


@pytest.mark.parametrize("columns", ["k STRING, age INT, t BIGINT", "k STRING, age INT, t BIGINT, town STRING"])
@pytest.mark.parametrize("database", ["db", "other"])
def test_several_tables(tmp_path: Path, columns: str, database: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 9, (40, 2)).astype("float32")
    booster = xgboost.train(
        {"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(rows, rows[:, 0] > 4, feature_names=FEATURES), 3
    )
    booster.save_model(tmp_path / "model.json")
    with (
        EmbeddedServer(tmp_path / "openmldb") as openmldb,
        PredictionServer(openmldb.url, options=Options(models=(Path("/"),))) as server,
    ):
        session = Session(openmldb.url)
        town = ", 'gz'" if "town" in columns else ""
        for statement in [
            "CREATE DATABASE db",
            *(["CREATE DATABASE other"] if database == "other" else []),
            "USE db",
            "CREATE TABLE z_clicks (k STRING, n INT, t BIGINT, INDEX(KEY=k, TS=t))",
            f"CREATE TABLE {database}.a_users ({columns}, INDEX(KEY=k, TS=t))",
            "INSERT INTO z_clicks VALUES ('ann', 7, 2000)",
            f"INSERT INTO {database}.a_users VALUES ('bob', 30, 1000{town})",
            "DEPLOY d SELECT n, u.age AS age FROM z_clicks AS c"
            f" LAST JOIN {database}.a_users AS u ORDER BY u.t ON c.k = u.k",
        ]:
            session.execute(statement)
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            body = {"database": "db", "deployment": "d", "model_path": str(tmp_path / "model.json")}
            answer = client.post("/update", json=body)
            assert answer.status_code == 200, answer.text
        found = ask_prediction(server.url, openmldb.url)
    assert found is not None
    # a second after the stored row, which would meet its own copy in the windows
    assert found["request"] == {"k": "ann", "n": 7, "t": 3000}
    assert 0 < found["answer"]["prediction"] < 1
