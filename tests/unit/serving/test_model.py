from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from dsflow.serving.errors import ApiServerError, NotServableError
from dsflow.serving.formats.xgboost import check_trees
from dsflow.serving.model import Model, load_checked
from dsflow.serving.model import read_model as read_model_in
from dsflow.serving.places import ModelPlaces

from .fakes import FEATURES, train


def read_model(path: str) -> Model:
    return read_model_in(path, ModelPlaces([Path("/")]))


def test_a_model_predicts_as_xgboost_itself_does(
    models: tuple[str, str], boosters: tuple[xgboost.Booster, ...]
) -> None:
    rng = np.random.default_rng(3)
    for path, booster in zip(models, boosters, strict=True):
        model = read_model(path)
        assert model.features == tuple(booster.feature_names or ())
        assert model.suffix == Path(path).suffix
        rows = rng.integers(0, 400, size=(50, len(model.features))).astype(np.float32)
        rows[rng.random(rows.shape) < 0.2] = np.nan
        expected = booster.predict(xgboost.DMatrix(rows, feature_names=list(model.features)))
        assert model.predict(rows.tolist()) == pytest.approx(expected.tolist(), rel=1e-6)


def test_features_are_found_by_name_and_null_is_missing(models: tuple[str, str]) -> None:
    model = read_model(models[0])
    row = {"qty": 7, "hour": None, "channel": 5, "os": 4.5, "device": True, "app": 2, "ip": 9}
    vector = model.vector(row)
    assert [vector[i] for i in (0, 1, 2, 3, 5)] == [2.0, 1.0, 4.5, 5.0, 7.0]
    assert math.isnan(vector[4])
    with pytest.raises(ApiServerError, match="gives no feature 'qty'"):
        model.vector({name: 1 for name in FEATURES if name != "qty"})
    with pytest.raises(ApiServerError, match="gives a str as feature 'os'"):
        model.vector(dict.fromkeys(FEATURES, 1) | {"os": "3"})


def test_what_training_wrote_into_the_model_is_kept(tmp_path: Path) -> None:
    booster = train()
    booster.set_attr(auc="0.9")
    booster.save_model(tmp_path / "m.json")
    model = read_model(str(tmp_path / "m.json"))
    assert model.to_json() == {
        "name": "m.json",
        "version": model.sha256[:12],
        "format": "xgboost",
        "attributes": {"auc": "0.9"},
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"not a model", b'{"learner": {}}', b"\x00" * 100, b"binf" + b"\x07" * 500],
    ids=["empty", "brace", "text", "no trees", "zeros", "old binary"],
)
def test_a_file_that_is_no_model_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(NotServableError, match=r"bad\.json"):
        read_model(str(path))


def _as_json(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(path).read_bytes())
    return loaded


@pytest.mark.parametrize(
    ("array", "value", "told"),
    [
        ("left_children", 10**6, "child 1000000"),
        ("left_children", 0, "child 0"),
        ("right_children", 1, "child 1 of"),
        ("split_indices", 99, "feature 99 of 6"),
    ],
)
def test_a_tree_that_points_outside_itself_is_refused(
    models: tuple[str, str], array: str, value: int, told: str
) -> None:
    model = _as_json(models[0])
    model["learner"]["gradient_booster"]["model"]["trees"][2][array][0] = value
    with pytest.raises(ValueError, match=told):
        check_trees(json.dumps(model).encode())


def test_a_damaged_tree_is_refused_as_a_file(models: tuple[str, str], tmp_path: Path) -> None:
    model = _as_json(models[0])
    model["learner"]["gradient_booster"]["model"]["trees"][0]["right_children"][0] = 1
    path = tmp_path / "loop.json"
    path.write_text(json.dumps(model))
    with pytest.raises(NotServableError, match=r"loop\.json"):
        read_model(str(path))


def test_kinds_of_models_that_cannot_be_served(tmp_path: Path) -> None:
    rows, label = np.arange(60, dtype=np.float32).reshape(30, 2), np.arange(30) % 3
    nameless = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, label), 2)
    nameless.save_model(tmp_path / "nameless.json")
    with pytest.raises(NotServableError, match="carries no feature names"):
        read_model(str(tmp_path / "nameless.json"))
    two = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, rows, feature_names=["a", "b"]), 2)
    two.save_model(tmp_path / "two.json")
    with pytest.raises(NotServableError, match="gives 2 numbers a row, and its task is regression"):
        read_model(str(tmp_path / "two.json"))
    categories = xgboost.DMatrix(
        rows % 5, label, feature_names=["a", "b"], feature_types=["c", "q"], enable_categorical=True
    )
    xgboost.train({"nthread": 1}, categories, 2).save_model(tmp_path / "categories.json")
    with pytest.raises(NotServableError, match="takes categories, not numbers, for a"):
        read_model(str(tmp_path / "categories.json"))


@pytest.mark.filterwarnings(
    "ignore:.*`booster=.*` is deprecated"
)  # newer versions of xgboost say so, and still take them
def test_other_boosters(tmp_path: Path) -> None:
    train(booster="dart").save_model(tmp_path / "dart.ubj")
    assert 0 < read_model(str(tmp_path / "dart.ubj")).predict([[1.0] * len(FEATURES)])[0] < 1
    train(booster="gblinear", max_depth=None).save_model(tmp_path / "linear.json")
    with pytest.raises(NotServableError, match=r"linear\.json cannot predict: Inplace predict is not supported"):
        read_model(str(tmp_path / "linear.json"))


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotServableError, match="not absolute"):
        read_model("models/m.json")
    with pytest.raises(NotServableError, match=r"gone\.json: No such file"):
        read_model(str(tmp_path / "gone.json"))
    with pytest.raises(NotServableError, match="Is a directory"):
        read_model(str(tmp_path))
    with pytest.raises(NotServableError, match="NUL"):
        read_model("/tmp/a\0b")


def test_checked_bytes_keep_their_digest(models: tuple[str, str]) -> None:
    raw = Path(models[0]).read_bytes()
    assert load_checked("x", raw).version == load_checked("y", raw).version
