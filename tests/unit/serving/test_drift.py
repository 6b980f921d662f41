from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dsflow.serving.contract import Contract, read_contract
from dsflow.serving.drift import Served, stability_index
from dsflow.serving.metrics import Metrics
from dsflow.worker.contract import write_contract

RNG = np.random.default_rng(11)
TRAINED = RNG.normal(size=20_000)


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    model = tmp_path / "m"
    model.write_bytes(b"{}")
    made = write_contract(str(model), {"a": TRAINED, "b": np.full(20_000, 3.0)})
    return read_contract("c", Path(made).read_bytes())


def rows(a: np.ndarray, b: float = 3.0) -> np.ndarray:
    return np.column_stack([a, np.full(len(a), b)]).astype(np.float32)


def test_the_same_distribution_is_no_drift_and_another_is_one(contract: Contract) -> None:
    served = Served()
    assert served.drift(contract.features) == {}
    for part in np.array_split(RNG.normal(size=5000), 70):
        served.add(rows(part))
    found = served.drift(contract.features)
    assert found["a"].rows == 5000
    assert found["a"].index is not None
    assert found["a"].index < 0.02
    assert found["b"].index == pytest.approx(0)
    served.clear()
    served.add(rows(RNG.normal(loc=1.0, size=5000), b=4.0))
    found = served.drift(contract.features)
    assert found["a"].index is not None
    assert found["b"].index is not None
    assert found["a"].index > 0.25
    assert found["b"].index > 0.25
    assert found["a"].mean == pytest.approx(1.0, abs=0.1)


def test_values_that_are_missing_are_counted(contract: Contract) -> None:
    served = Served()
    served.add(rows(np.array([0.0, math.nan, math.nan, 1.0])))
    found = served.drift(contract.features)
    assert (found["a"].missing, found["b"].missing) == (0.5, 0.0)
    served.clear()
    served.add(rows(np.full(3, math.nan)))
    assert served.drift(contract.features)["a"].index is None


def test_only_the_last_rows_are_kept() -> None:
    served = Served(window=100)
    for value in range(1000):
        served.add(np.full((7, 1), value, dtype=np.float32))
    assert 100 <= sum(len(matrix) for matrix in served._matrices) < 107
    served.add(np.zeros((1000, 1), dtype=np.float32))
    assert sum(len(matrix) for matrix in served._matrices) == 100


def test_the_index_by_its_definition() -> None:
    p, q = np.array([0.2, 0.8]), np.array([0.5, 0.5])
    assert stability_index(p, q) == pytest.approx(-0.3 * math.log(0.4) + 0.3 * math.log(1.6))


def test_metrics_are_what_prometheus_reads(contract: Contract) -> None:
    served = Served()
    served.add(rows(np.array([0.0, math.nan])))
    metrics = Metrics(lambda: {"default": (contract.features, served.drift(contract.features))})
    metrics.request("/predict", "default", 200)
    metrics.request("/predict", "default", 200)
    metrics.error("default", "BadRequestError")
    metrics.predicted("default", 5, 0.002, 0.0002, 0.0001)
    metrics.updated("default", "ok")
    metrics.ready("default", True)
    metrics.shadowed("default", "equal", 3)
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }
    service = ("service", "default")
    assert found["dsflow_serve_requests_total", ("path", "/predict"), service, ("status", "200")] == 2
    assert found["dsflow_serve_rows_total", service] == 5
    assert found["dsflow_serve_predict_seconds_sum", ("part", "openmldb"), service] == 0.002
    assert found["dsflow_serve_predict_seconds_count", ("part", "rest"), service] == 1
    assert found["dsflow_serve_feature_missing_ratio", ("feature", "a"), service] == 0.5
    assert found["dsflow_serve_feature_training_mean", ("feature", "b"), service] == 3
    assert found["dsflow_serve_feature_rows", service] == 2
    assert found["dsflow_serve_ready", service] == 1
