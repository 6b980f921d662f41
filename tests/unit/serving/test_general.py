"""Any model, several services, all forms of a request; contract, shadow, metrics, description."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xgboost
from prometheus_client.parser import text_string_to_metric_families

from dsflow.serving import Options, PredictionServer
from dsflow.worker.contract import write_contract

from .fakes import CLICK, EVERYWHERE, FEATURES, FakeApiServer, FakeDeployment, click_features, train, update

RNG = np.random.default_rng(3)
ROWS = RNG.integers(0, 400, size=(400, len(FEATURES))).astype(np.float32)


@contextmanager
def serving(apiserver: FakeApiServer, options: Options = EVERYWHERE, **more: Any) -> Iterator[httpx.Client]:
    with (
        PredictionServer(apiserver.url, options=options, **more) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield client


def multiclass(path: Path, objective: str = "multi:softprob") -> xgboost.Booster:
    matrix = xgboost.DMatrix(ROWS, RNG.integers(0, 3, size=400), feature_names=list(FEATURES))
    booster = xgboost.train({"objective": objective, "num_class": 3, "nthread": 1, "max_depth": 3}, matrix, 4)
    booster.save_model(path)
    return booster


def of_click(booster: xgboost.Booster) -> Any:
    features = click_features(CLICK)
    row = np.array([[features[name] for name in FEATURES]], dtype=np.float32)
    return booster.predict(xgboost.DMatrix(row, feature_names=list(FEATURES)))[0]


def contract(path: str | Path, **more: Any) -> None:
    write_contract(str(path), dict(zip(FEATURES, ROWS.T.astype(int), strict=True)), **more)


def test_all_forms_of_a_request_are_answered_alike(client: httpx.Client, models: tuple[str, str]) -> None:
    update(client, models[0])
    one = client.post("/predict", json=CLICK).json()
    values = list(CLICK.values())
    assert client.post("/predict", json=values).json() == one
    assert client.post("/predict/default", json=CLICK).json() == one
    for body in ([CLICK], [values], {"input": [values]}, {"input": [CLICK]}):
        assert client.post("/predict", json=body).json() == [one]
    assert client.post("/predict", json=[CLICK, values]).json() == [one, one]
    answer = client.post("/predict", json=values[:-1])
    assert answer.status_code == 400
    assert "6 values, and the deployment takes 7: ip, app" in answer.json()["error"]


def test_classes_and_their_probabilities(apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str]) -> None:
    booster = multiclass(tmp_path / "three.json")
    with serving(apiserver) as client:
        update(client, str(tmp_path / "three.json"))
        expected = of_click(booster)
        answer = client.post("/predict?probabilities=1", json=CLICK).json()
        assert answer["prediction"] == int(expected.argmax())
        assert answer["probabilities"] == {str(i): pytest.approx(float(p), rel=1e-5) for i, p in enumerate(expected)}
        assert "probabilities" not in client.post("/predict", json=CLICK).json()

        contract(tmp_path / "three.json", kind="multiclass", classes=["red", "green", "blue"], label="colour")
        update(client, str(tmp_path / "three.json"))
        answer = client.post("/predict?probabilities=1", json=[CLICK]).json()[0]
        assert answer["prediction"] == ("red", "green", "blue")[int(expected.argmax())]
        assert set(answer["probabilities"]) == {"red", "green", "blue"}
        schema = client.get("/schema").json()
        assert (schema["task"], schema["classes"]) == ("multiclass", ["red", "green", "blue"])
        assert schema["contract"]["label"] == "colour"

        update(client, models[0])
        answer = client.post("/predict?probabilities=1", json=CLICK).json()
        assert answer["probabilities"] == {"0": pytest.approx(1 - answer["prediction"]), "1": answer["prediction"]}
        assert client.post("/predict?probabilities=yes", json=CLICK).status_code == 400

        softmax = multiclass(tmp_path / "max.json", "multi:softmax")
        update(client, str(tmp_path / "max.json"))
        assert client.post("/predict", json=CLICK).json()["prediction"] == int(of_click(softmax))
        regression = train(objective="reg:squarederror")
        regression.save_model(tmp_path / "r.ubj")
        update(client, str(tmp_path / "r.ubj"))
        assert client.post("/predict", json=CLICK).json()["prediction"] == pytest.approx(float(of_click(regression)))
        answer = client.post("/predict?probabilities=1", json=CLICK)
        assert (answer.status_code, "no probabilities" in answer.json()["error"]) == (400, True)


def test_other_formats(apiserver: FakeApiServer, tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed")
    label = (ROWS[:, 0] > 200).astype(int)
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(ROWS.copy(), label, feature_name=list(FEATURES)),
        5,
    )
    booster.save_model(tmp_path / "m.txt")
    served = tmp_path / "served"
    with serving(apiserver, model_dir=served) as client:
        assert update(client, str(tmp_path / "m.txt")).status_code == 200
        answer = client.post("/predict", json=CLICK).json()
        features = click_features(CLICK)
        expected = booster.predict(np.array([[features[name] for name in FEATURES]]))[0]
        assert answer["prediction"] == pytest.approx(expected)
        assert answer["model"]["format"] == "lightgbm"
    with serving(apiserver, model_dir=served) as client:  # after a restart as well
        assert client.post("/predict", json=CLICK).json() == answer


def test_services_have_pairs_of_their_own(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    apiserver.deployments["demo_db", "other"] = FakeDeployment()
    options = Options(models=(Path("/"),), services=("taxi", "fraud"))
    with serving(apiserver, options, model_dir=tmp_path / "served") as client:
        assert client.get("/ready").status_code == 503
        update(client, models[0])
        body = {"database": "demo_db", "deployment": "other", "model_path": models[1]}
        assert client.post("/update/taxi", json=body).status_code == 200
        one, two = client.post("/predict", json=CLICK).json(), client.post("/predict/taxi", json=CLICK).json()
        assert (one["deployment"], two["deployment"]) == ("demo", "other")
        assert client.post("/predict/fraud", json=CLICK).status_code == 503
        assert client.get("/ready").json()["waiting"] == ["fraud"]
        health = client.get("/health").json()
        assert health["deployment"] == "demo"
        assert {name: state["ready"] for name, state in health["services"].items()} == {
            "default": True,
            "taxi": True,
            "fraud": False,
        }
        for method, path in (("POST", "/predict/none"), ("POST", "/update/none"), ("GET", "/schema/none")):
            assert client.request(method, path, json=CLICK).status_code == 404
    with serving(apiserver, options, model_dir=tmp_path / "served") as client:
        assert client.post("/predict/taxi", json=CLICK).json() == two
        assert client.post("/predict", json=CLICK).json() == one


def test_a_model_that_does_not_fit_is_refused_with_the_difference(
    apiserver: FakeApiServer, models: tuple[str, str]
) -> None:
    with serving(apiserver) as client:
        update(client, models[0])
        before = client.post("/predict", json=CLICK).json()
        contract(models[0], fingerprints="app:00000001,os:00000002")
        apiserver.deployments["demo_db", "new"] = FakeDeployment(
            output=[{"name": name, "type": "double" if name == "os" else "int32"} for name in FEATURES if name != "qty"]
        )
        answer = update(client, models[0], deployment="new", columns="app:00000009,os:00000002")
        assert answer.status_code == 422
        for told in (
            "app is computed in another way",
            "os is double in the deployment, and was integer",
            "qty (integer)",
        ):
            assert told in answer.json()["error"]
        Path(models[0]).write_bytes(Path(models[0]).read_bytes() + b"\n")
        assert "another model" in update(client, models[0]).json()["error"]
        assert client.post("/predict", json=CLICK).json() == before


def test_the_contract_survives_a_restart(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    contract(models[0], label="is_attributed", metrics={"auc": 0.9})
    with serving(apiserver, model_dir=tmp_path / "served") as client:
        update(client, models[0])
        told = client.get("/schema").json()
        assert told["contract"]["metrics"] == {"auc": 0.9}
    Path(f"{models[0]}.contract.json").unlink()
    with serving(apiserver, model_dir=tmp_path / "served") as client:
        assert client.get("/schema").json() == told


def test_a_shadow_is_counted_and_answers_nobody(apiserver: FakeApiServer, models: tuple[str, str]) -> None:
    def other(row: dict[str, Any]) -> dict[str, Any]:
        return click_features(row) | {"qty": 1}

    apiserver.deployments["demo_db", "other"] = FakeDeployment(compute=other)
    with serving(apiserver) as client:
        update(client, models[0])
        assert client.get("/shadow").json() == {"shadow": None}
        plain = client.post("/predict", json=CLICK).json()
        body = {"database": "demo_db", "deployment": "other", "model_path": models[0]}
        assert client.post("/shadow", json=body).status_code == 200
        for channel in range(1, 22):
            answer = client.post("/predict", json=[CLICK | {"channel": channel}] * 2).json()
            assert answer[0]["deployment"] == "demo"
        assert client.post("/predict", json=CLICK).json() == plain
        deadline = time.monotonic() + 30
        while True:
            found = client.get("/shadow").json()["shadow"]
            if sum(found["rows"].values()) == 43:
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        assert found["deployment"] == "other"
        assert found["rows"]["error"] == found["rows"]["dropped"] == 0
        assert found["features_different"] == {"qty": 36 + (CLICK["channel"] % 7 != 0)}
        assert 'dsflow_serve_shadow_rows_total{result="equal",service="default"}' in client.get("/metrics").text

        del apiserver.deployments["demo_db", "other"]
        assert client.post("/predict", json=CLICK).status_code == 200
        deadline = time.monotonic() + 30
        while client.get("/shadow").json()["shadow"]["rows"]["error"] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.delete("/shadow").status_code == 200
        assert client.get("/shadow").json() == {"shadow": None}
        for share in (1, "1", "0.25", ".5"):
            told = client.post("/shadow", json=body | {"deployment": "demo", "share": share})
            assert told.json()["share"] == float(share)
        for share in (0, 2, "x", True, "1.1", "0", "nan", "1e-1000000000", None):
            assert client.post("/shadow", json=body | {"share": share}).status_code == 400


def test_a_shadow_survives_a_restart(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "served"
    body = {"database": "demo_db", "deployment": "demo", "model_path": models[1], "share": 0.5}
    with serving(apiserver, model_dir=kept) as client:
        update(client, models[0])
        assert client.post("/shadow", json=body).status_code == 200
        update(client, models[0])  # does not take the copy of the shadow's model away
    Path(models[1]).unlink()
    with serving(apiserver, model_dir=kept) as client:
        found = client.get("/shadow").json()["shadow"]
        assert (found["model"]["name"], found["share"]) == (Path(models[1]).name, 0.5)
        assert sum(found["rows"].values()) == 0
        assert client.delete("/shadow").status_code == 200
    with serving(apiserver, model_dir=kept) as client:
        assert client.get("/shadow").json() == {"shadow": None}
        update(client, models[0])
        assert len(list(kept.glob("served-*"))) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2, "share": 1, "pair": {}}', "[" * 100_000])
def test_a_shadow_that_cannot_be_read_is_no_reason_not_to_serve(
    apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = tmp_path / "served"
    with serving(apiserver, model_dir=kept) as client:
        update(client, models[0])
    (kept / "shadow.json").write_text(content)
    with serving(apiserver, model_dir=kept) as client:
        assert "there is no shadow any more" in caplog.text
        assert client.get("/shadow").json() == {"shadow": None}
        assert client.post("/predict", json=CLICK).status_code == 200
        update(client, models[1])
        body = {"database": "demo_db", "deployment": "demo", "model_path": models[0]}
        assert client.post("/shadow", json=body).status_code == 200


def test_metrics(client: httpx.Client, models: tuple[str, str]) -> None:
    contract(models[0])
    update(client, models[0])
    for _ in range(3):
        client.post("/predict", json=[CLICK, CLICK | {"channel": None}])
    client.post("/predict", json={"ip": "no"})
    update(client, "/none.json")
    client.get("/made-up-by-a-client")
    found = {
        " ".join([sample.name.removeprefix("dsflow_serve_"), *sorted(sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    assert found["requests_total /predict 200 default"] == 3
    assert found["requests_total /predict 400 default"] == 1
    assert found["requests_total 404 default other"] == 1
    assert found["errors_total BadRequestError default"] == 1
    assert found["rows_total default"] == 6
    assert found["updates_total default ok"] == 1
    assert found["updates_total default refused"] == 1
    assert found["ready default"] == 1
    for part in ("default openmldb", "default model", "default rest"):
        assert found[f"predict_seconds_count {part}"] == 3
        assert found[f"predict_seconds_sum {part}"] > 0
    assert found["feature_missing_ratio channel default"] == 0.5
    assert found["feature_stability_index app default"] > 0


def test_the_id_of_a_request(client: httpx.Client) -> None:
    assert client.get("/health", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    answer = client.post("/predict", json=CLICK, headers={"x-request-id": "mine-2"})
    assert (answer.status_code, answer.json()["request"]) == (503, "mine-2")
    assert client.get("/health", headers={"x-request-id": "not fit {}"}).headers["x-request-id"] != "not fit {}"


def test_the_description_s_examples_are_answered(client: httpx.Client, models: tuple[str, str]) -> None:
    update(client, models[0])
    told = client.get("/openapi.json").json()
    examples = told["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 4
    for example in examples.values():
        assert client.post("/predict", json=example["value"]).status_code == 200
    assert json.dumps(told["components"]["schemas"]["Row"]["required"]) == json.dumps(list(CLICK)[:-1])
