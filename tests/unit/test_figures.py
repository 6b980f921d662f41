"""The figures of a training step, in its log and beside its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import calibration, metrics

from dsflow.figures import figures_beside, figures_in, without_figures
from dsflow.worker.contract import write_contract
from dsflow.worker.figures import auc, write_figures, write_regression_figures

HEAD = "[INFO] 2026-11-30 02:00:00.123 +0000 - [taskAppId=TASK-1] - "


@pytest.mark.parametrize(
    "log",
    [
        'figures: {"format":1,"rows":3}\n',
        'hello\nfigures: {"format":1,"rows":3}\n${setValue(a=1)}\n',
        HEAD + ' -> figures: {"format":1,"rows":3}\n' + HEAD + "done\n",  # 3.1
        HEAD + ' -> \n\tprogress: 1/2\n\tfigures: {"format":1,"rows":3}\r\n',  # 3.2
        'figures: {"format":1,"rows":2}\nfigures: {"format":1,"rows":3}\nfigures: {"format":9}\n',
    ],
)
def test_they_are_found_in_a_log(log: str) -> None:
    assert figures_in(log) == {"format": 1, "rows": 3}
    assert '"rows":3' not in without_figures(log)


@pytest.mark.parametrize(
    "log", ["", "figures: none", 'figures: {"format":1', "figures: {1}", 'my figures: {"format":1}']
)
def test_other_texts_are_none(log: str) -> None:
    assert figures_in(log) is None


def test_what_is_written_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.json"
    model.write_bytes(b"{}")
    rng = np.random.default_rng(3)
    answers = rng.integers(0, 2, 400)
    scores = np.clip(0.5 * answers + 0.7 * rng.random(400), 0, 1).astype(np.float32)
    features: dict[str, Any] = {"a": np.arange(400), "b": ["x"] * 400}
    write_contract(str(model), features)
    path = write_figures(str(model), answers, scores, {"a": 2.0})
    figures = json.loads(Path(path).read_text(encoding="utf-8"))
    assert figures_in(capsys.readouterr().out) == figures == figures_beside({"n": 1, "model_path": str(model)})
    assert figures_beside({"path": "m.json", "other": str(tmp_path)}) is None
    assert [feature["name"] for feature in figures["features"]] == ["a", "b"]
    assert np.trapezoid(figures["roc"][1], figures["roc"][0]) == pytest.approx(figures["auc"], abs=0.01)

    # no threshold has a better F1
    def f1(cut: float) -> float:
        told = scores >= cut
        return float(2 * (told & (answers == 1)).sum() / (told.sum() + answers.sum()))

    assert f1(figures["threshold"]) == pytest.approx(max(map(f1, scores)))
    assert len(json.dumps(figures)) < 8000


@pytest.mark.parametrize(("rows", "share", "digits"), [(40, 0.2, 1), (400, 0.01, 9), (5000, 0.5, 2), (5000, 0.003, 9)])
def test_they_are_what_scikit_learn_says(tmp_path: Path, rows: int, share: float, digits: int) -> None:
    rng = np.random.default_rng(rows)
    answers = np.append([0, 1], rng.random(rows - 2) < share).astype(np.int8)
    scores = np.round(0.8 * rng.beta(2, 5, rows) + 0.2 * answers, digits).astype(np.float32)
    model = tmp_path / "m.json"
    figures = json.loads(Path(write_figures(str(model), answers, scores)).read_text(encoding="utf-8"))
    assert figures["rows"] == rows
    assert figures["positives"] == answers.sum()
    assert figures["auc"] == auc(answers, scores) == pytest.approx(metrics.roc_auc_score(answers, scores))
    assert figures["average_precision"] == pytest.approx(metrics.average_precision_score(answers, scores))
    assert figures["confusion"] == metrics.confusion_matrix(answers, scores >= figures["threshold"]).tolist()
    precision, recall, _ = metrics.precision_recall_curve(answers, scores)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-9)).max()
    (_, false), (missed, hit) = figures["confusion"]
    assert 2 * hit / (2 * hit + false + missed) == pytest.approx(best)
    observed, predicted = calibration.calibration_curve(answers, scores, n_bins=10, strategy="quantile")
    assert np.ptp(predicted) == pytest.approx(np.ptp(figures["calibration"][0]), abs=1e-4)
    assert set(figures["calibration"][1]) <= set(np.round(observed, 5))
    assert np.trapezoid(figures["roc"][1], figures["roc"][0]) == pytest.approx(figures["auc"], abs=0.02)


@pytest.mark.parametrize(("answers", "scores"), [([1, 1], [0.1, 0.2]), ([0], [0.1]), ([0, 1], [0.1, np.nan])])
def test_one_class_has_no_curves(tmp_path: Path, answers: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="rows of both classes"):
        write_figures(str(tmp_path / "m.json"), answers, scores)
    assert not list(tmp_path.iterdir())


def test_a_regression_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.json"
    model.write_bytes(b"{}")
    write_contract(str(model), {"a": np.arange(200)})
    answers = np.arange(200.0)
    path = write_regression_figures(str(model), answers, answers + 3, {"a": 2.0})
    figures = json.loads(Path(path).read_text(encoding="utf-8"))
    assert figures_in(capsys.readouterr().out) == figures == figures_beside({"model_path": str(model)})
    assert (figures["rmse"], figures["mae"], figures["rows"]) == (3, 3, 200)
    assert figures["r2"] == pytest.approx(1 - 9 / np.var(answers))
    predicted, observed = figures["predicted"]
    assert [p - o for p, o in zip(predicted, observed, strict=True)] == pytest.approx([3] * 10)
    assert figures["off"][0] == pytest.approx([3] * 19)
    assert [feature["name"] for feature in figures["features"]] == ["a"]


@pytest.mark.parametrize("answers", [[5.0], [5.0, 5.0]])
def test_a_regression_of_too_little_has_no_share(tmp_path: Path, answers: list[float]) -> None:
    model = tmp_path / "m.json"
    model.write_bytes(b"{}")
    path = write_regression_figures(str(model), answers, [4.0] * len(answers))
    figures = json.loads(Path(path).read_text(encoding="utf-8"))
    assert (figures["r2"], figures["rmse"], len(figures["predicted"][0])) == (None, 1, len(answers))
