"""The contract of a model: written by the training, read back, held against model and deployment."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.openmldb.types import ColumnType
from dsflow.serving.contract import check_model, deployment_differences, read_contract
from dsflow.serving.errors import NotServableError
from dsflow.serving.schema import Column
from dsflow.worker import contract as writer
from dsflow.worker.contract import write_contract

FRAME = pd.DataFrame({"app": [3, 1, 2, 2], "rate": [0.5, np.nan, -1.0, 2.5], "known": [True, False, True, True]})


def written(tmp_path: Path, frame: Any = FRAME, **more: Any) -> tuple[Path, bytes]:
    model = tmp_path / "model.json"
    model.write_bytes(b'{"a model": 1}')
    path = Path(write_contract(str(model), frame, **more))
    assert path == tmp_path / "model.json.contract.json"
    return path, path.read_bytes()


def test_what_the_training_knew_is_read_back(tmp_path: Path) -> None:
    _, raw = written(
        tmp_path,
        label="is_attributed",
        kind="binary",
        classes=[0, 1],
        missing=-1,
        fingerprints="is_attributed:00000000,app:12345678,rate:9abcdef0",
        metrics={"auc": 0.93, "nothing": math.nan},
        time_range=(pd.Timestamp("2017-11-06 00:00"), "2017-11-09T16:00:00"),
    )
    contract = read_contract("c", raw)
    assert [(f.name, f.type, f.fingerprint) for f in contract.features] == [
        ("app", "integer", "12345678"),
        ("rate", "number", "9abcdef0"),
        ("known", "boolean", ""),
    ]
    assert contract.sha256 == hashlib.sha256(b'{"a model": 1}').hexdigest()
    assert (contract.kind, contract.classes, contract.label, contract.missing) == (
        "binary",
        ("0", "1"),
        "is_attributed",
        -1.0,
    )
    assert contract.metrics == {"auc": 0.93}
    assert (contract.rows, contract.first, contract.last) == (4, "2017-11-06T00:00:00", "2017-11-09T16:00:00")
    assert {"python", "numpy", "pandas"} <= set(contract.libraries)
    rate = contract.features[1].statistics
    assert rate is not None
    assert (rate.count, rate.missing, rate.min, rate.max) == (4, 2, 0.5, 2.5)  # NaN, and the -1 that stands for none
    assert sum(rate.shares) == pytest.approx(1)


def test_the_same_training_writes_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path)[1] == written(tmp_path)[1]


def test_the_function_is_complete_in_itself(tmp_path: Path) -> None:
    """A worker script holds its text alone, without this package."""
    source = "from typing import Any\n" + inspect.getsource(write_contract)
    names: dict[str, Any] = {}
    exec(compile(source, "a worker's script", "exec"), names)
    model = tmp_path / "m.json"
    model.write_bytes(b"{}")
    read_contract("c", Path(names["write_contract"](str(model), {"a": [1.0, 2.0]})).read_bytes())
    assert "dsflow" not in inspect.getsource(writer.write_contract).replace("dsflow.yaml", "")


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
        st.lists(st.one_of(st.floats(width=32), st.integers(-(2**40), 2**40)), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_columns_it_had(columns: dict[str, list[float]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _, raw = written(Path(folder), columns)
    contract = read_contract("c", raw)
    assert [f.name for f in contract.features] == list(columns)
    for feature in contract.features:
        assert feature.statistics is not None
        assert len(feature.statistics.shares) in (0, len(feature.statistics.edges) + 1)


def test_a_contract_of_another_model(tmp_path: Path) -> None:
    _, raw = written(tmp_path)
    contract = read_contract("c", raw)
    names = ("app", "rate", "known")
    check_model(contract, "m", contract.sha256, names, 3)
    check_model(contract, "m", contract.sha256, (), 3)
    with pytest.raises(NotServableError, match="another model"):
        check_model(contract, "m", "0" * 64, names, 3)
    with pytest.raises(NotServableError, match="order is app, rate, known there and rate, app, known in the model"):
        check_model(contract, "m", contract.sha256, ("rate", "app", "known"), 3)
    with pytest.raises(NotServableError, match="known only in the contract; other only in the model"):
        check_model(contract, "m", contract.sha256, ("app", "rate", "other"), 3)
    with pytest.raises(NotServableError, match="has 3 features, and the model takes 4"):
        check_model(contract, "m", contract.sha256, (), 4)


def test_each_difference_to_a_deployment_is_spelled_out(tmp_path: Path) -> None:
    _, raw = written(tmp_path, fingerprints="app:12345678")
    contract = read_contract("c", raw)
    fits = [
        Column("app", ColumnType.BIGINT),
        Column("rate", ColumnType.FLOAT),
        Column("known", ColumnType.BOOL),
        Column("more", ColumnType.STRING),
    ]
    assert deployment_differences(contract, fits, {"app": "12345678", "more": "0"}) == ()
    assert deployment_differences(contract, fits, {}) == ()
    other = [Column("app", ColumnType.DOUBLE), Column("rate", ColumnType.STRING)]
    assert deployment_differences(contract, other, {}) == (
        "app is double in the deployment, and was integer in the training",
        "rate is string in the deployment, and was number in the training",
        "known (boolean) is not given",
    )
    assert deployment_differences(contract, fits, {"app": "ffffffff"}) == (
        "app is computed in another way than in the training (fingerprint ffffffff, not 12345678)",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"features": []},
        {"features": [{"name": "a", "type": "integer"}, {"name": "a", "type": "integer"}]},
        {"features": [{"name": "a", "type": "pickle"}]},
        {"features": [{"name": "a\nb", "type": "integer"}]},
        {"features": [{"name": "a", "type": "integer", "statistics": {"count": 1, "missing": 0, "edges": [2, 1]}}]},
        {"features": 3},
        {"model": {"sha256": "no digest"}},
        {"model": None},
        {"metrics": {"auc": "high"}},
        {"missing": "none"},
    ],
)
def test_what_is_no_contract_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    _, raw = written(tmp_path)
    with pytest.raises(NotServableError, match="the file"):
        read_contract("the file", json.dumps(json.loads(raw) | change).encode())
    for damaged in (b"", b"[]", b"{", raw[:50], b"\xff", b"[" * 100_000):
        with pytest.raises(NotServableError, match="the file"):
            read_contract("the file", damaged)
