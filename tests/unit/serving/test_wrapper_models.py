"""Models that xgboost's scikit-learn wrapper saved: served as the training measured them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from dsflow.serving.errors import NotServableError
from dsflow.serving.model import Model, load_checked

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn", reason="xgboost's wrapper needs scikit-learn; the dev extra has it")

RNG = np.random.default_rng(5)
ROWS = pd.DataFrame(RNG.normal(size=(400, 4)).astype("float32"), columns=list("abcd"))
NOISY = ROWS.a + RNG.normal(size=400) * 2
EARLY: dict[str, Any] = {"n_estimators": 200, "early_stopping_rounds": 5, "learning_rate": 0.5, "n_jobs": 1}


def load(path: Path) -> Model:
    return load_checked(str(path), path.read_bytes())


def saved(model: Any, answers: Any, folder: Path, suffix: str = ".json") -> Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's and xgboost's about each other's versions
        model.fit(ROWS[:300], answers[:300], eval_set=[(ROWS[300:], answers[300:])], verbose=False)
        model.save_model(folder / f"m{suffix}")
    return load(folder / f"m{suffix}")


@pytest.mark.parametrize("suffix", [".json", ".ubj"])
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_binary(tmp_path: Path, booster: str, suffix: str) -> None:
    wrapper = xgboost.XGBClassifier(booster=booster, **EARLY)
    served = saved(wrapper, (NOISY > 0).astype(int), tmp_path, suffix)
    assert served.loaded.iterations == wrapper.best_iteration + 1 < wrapper.get_booster().num_boosted_rounds()
    expected = wrapper.predict_proba(ROWS)[:, 1]
    assert served.predict(ROWS.to_numpy().tolist()) == pytest.approx(expected.tolist(), rel=1e-5)
    whole = wrapper.get_booster().predict(xgboost.DMatrix(ROWS), iteration_range=(0, 0))
    assert not np.allclose(expected, whole)
    assert served.to_json()["iterations"] == served.loaded.iterations


@pytest.mark.parametrize("more", [{}, {"num_parallel_tree": 3}, {"objective": "reg:absoluteerror"}])
def test_regression(tmp_path: Path, more: dict[str, Any]) -> None:
    wrapper = xgboost.XGBRegressor(**EARLY, **more)
    served = saved(wrapper, NOISY, tmp_path)
    assert served.loaded.iterations == wrapper.best_iteration + 1
    assert served.predict(ROWS.to_numpy().tolist()) == pytest.approx(wrapper.predict(ROWS).tolist(), rel=1e-5)


def test_without_early_stopping_all_rounds_predict(tmp_path: Path) -> None:
    wrapper = xgboost.XGBClassifier(n_estimators=20, n_jobs=1)
    served = saved(wrapper, (NOISY > 0).astype(int), tmp_path)
    assert served.loaded.iterations == 0
    assert "iterations" not in served.to_json()
    expected = wrapper.predict_proba(ROWS)[:, 1]
    assert served.predict(ROWS.to_numpy().tolist()) == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_booster_that_stopped_early_predicts_with_all_rounds_as_booster_predict_does(tmp_path: Path) -> None:
    data = [xgboost.DMatrix(ROWS[part], NOISY[part] > 0) for part in (slice(300), slice(300, None))]
    booster = xgboost.train(
        {"objective": "binary:logistic", "eta": 0.5, "nthread": 1}, data[0], 200, evals=[(data[1], "v")],
        early_stopping_rounds=5, verbose_eval=False,
    )  # fmt: skip
    booster.save_model(tmp_path / "m.json")
    served = load(tmp_path / "m.json")
    expected = booster.predict(xgboost.DMatrix(ROWS))
    assert served.predict(ROWS.to_numpy().tolist()) == pytest.approx(expected.tolist(), rel=1e-5)


def test_several_classes(tmp_path: Path) -> None:
    wrapper = xgboost.XGBClassifier(**EARLY)
    served = saved(wrapper, pd.Series(np.digitize(NOISY, [-1, 1])), tmp_path)
    assert served.loaded.iterations == wrapper.best_iteration + 1
    assert np.allclose(served.predict(ROWS.to_numpy().tolist()), wrapper.predict_proba(ROWS), rtol=1e-5)


def test_gblinear_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotServableError, match="cannot predict: Inplace predict is not supported"):
        saved(xgboost.XGBClassifier(booster="gblinear", **EARLY), (NOISY > 0).astype(int), tmp_path)


@pytest.mark.parametrize("best", ["6000", "-1", "x"])
def test_a_best_iteration_that_is_none_is_refused(tmp_path: Path, best: str) -> None:
    saved(xgboost.XGBClassifier(**EARLY), (NOISY > 0).astype(int), tmp_path)
    booster = xgboost.Booster(model_file=tmp_path / "m.json")
    booster.set_attr(best_iteration=best)
    booster.save_model(tmp_path / "other.json")
    with pytest.raises(NotServableError, match="says that its best iteration was"):
        load(tmp_path / "other.json")


def test_a_number_that_stands_for_no_value(tmp_path: Path) -> None:
    """A file does not say what the wrapper's missing= was: an attribute does."""
    rows = ROWS.assign(a=np.where(RNG.random(400) < 0.3, -1, ROWS.a)).astype("float32")
    wrapper = xgboost.XGBClassifier(n_estimators=10, missing=-1, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper.fit(rows, ((rows.a == -1) | (rows.b > 1)).astype(int))
    booster = wrapper.get_booster()
    booster.save_model(tmp_path / "untold.json")
    booster.set_attr(missing="-1")
    booster.save_model(tmp_path / "told.json")
    expected = wrapper.predict_proba(rows)[:, 1].tolist()
    told, untold = (load(tmp_path / f"{name}.json") for name in ("told", "untold"))
    assert told.predict(rows.to_numpy().tolist()) == pytest.approx(expected, rel=1e-5)
    assert untold.predict(rows.to_numpy().tolist()) != pytest.approx(expected, rel=1e-5)
    assert told.predict([[float("nan"), 0, 0, 0]]) == told.predict([[-1, 0, 0, 0]])
    booster.set_attr(missing="none")
    booster.save_model(tmp_path / "wrong.json")
    with pytest.raises(NotServableError, match="the attribute missing = 'none', which is no number"):
        load(tmp_path / "wrong.json")
