"""The functions by which a training step writes down how good its model is: the figures beside the model's file.

A worker has no dsflow, so each is complete in itself: a script holds its text, or imports it where dsflow is.
They need numpy and scikit-learn. `dsflow.figures` reads what they write.
"""

from __future__ import annotations

from typing import Any


def write_figures(model_path: str, answers: Any, scores: Any, importance: Any = None) -> str:
    """Write ``MODEL.figures.json`` beside a model of two classes, and the same as a line of the log.

    The line is how the figures leave a worker whose files nobody else reads: the log of a task arrives whole. It is
    some 5 kB long, since curves have 50 points and the features are the first 50. Its threshold is the one with the
    best F1 (the harmonic mean of precision and recall) on these rows.

    Args:
        model_path: the model's file. Of its contract, if `write_contract` was there before, it takes the features.
        answers: 0 or 1 for each row that was held out; both are among them.
        scores: the probabilities of 1 that the model gave them.
        importance: feature name -> how much the model owes it, in any unit.

    Returns:
        the path of the figures.
    """
    import json
    import os

    import numpy as np
    from sklearn import calibration, metrics

    def curve(x: Any, y: Any) -> list[list[float]]:
        way = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], 50)))  # evenly along the curve
        return [[round(float(value), 5) for value in axis[kept]] for axis in (x, y)]

    precision, recall, cuts = metrics.precision_recall_curve(answers, scores)
    harmonic = precision * recall / np.maximum(precision + recall, 1e-9)
    threshold = float(cuts[np.argmax(harmonic[:-1])])
    observed, predicted = calibration.calibration_curve(answers, scores, n_bins=10, strategy="quantile")
    figures = {
        "format": 1,
        "rows": len(answers),
        "positives": int(np.sum(answers)),
        "auc": float(metrics.roc_auc_score(answers, scores)),
        "average_precision": float(metrics.average_precision_score(answers, scores)),
        "roc": curve(*metrics.roc_curve(answers, scores)[:2]),
        "precision_recall": curve(recall, precision),
        "calibration": curve(predicted, observed),
        "threshold": threshold,
        "confusion": metrics.confusion_matrix(answers, np.asarray(scores) >= threshold).tolist(),
        "importance": {str(name): float(value) for name, value in (importance or {}).items()},
    }
    if os.path.exists(model_path + ".contract.json"):
        with open(model_path + ".contract.json", encoding="utf-8") as file:
            figures["features"] = json.load(file)["features"][:50]
    text = json.dumps(figures, separators=(",", ":"), allow_nan=False)
    path = model_path + ".figures.json"
    with open(path + "." + str(os.getpid()) + ".tmp", "w", encoding="utf-8") as out:
        out.write(text + "\n")
    os.replace(out.name, path)
    print("figures: " + text, flush=True)
    return path


def write_regression_figures(model_path: str, answers: Any, predictions: Any, importance: Any = None) -> str:
    """Write ``MODEL.figures.json`` beside a model of a number, and the same as a line of the log.

    Its curves: the mean answer by the mean prediction in each tenth of the rows, in the order of their predictions; and
    what the predictions are off by (prediction - answer), as the quantiles of 5 % to 95 % of the rows.

    Args:
        model_path: the model's file. Of its contract, if `write_contract` was there before, it takes the features.
        answers: the number for each row that was held out.
        predictions: what the model gave them.
        importance: feature name -> how much the model owes it, in any unit.

    Returns:
        the path of the figures.
    """
    import json
    import os

    import numpy as np
    from sklearn import metrics

    real, told = np.asarray(answers, dtype=float), np.asarray(predictions, dtype=float)
    shares = np.arange(1, 20) / 20
    tenths = [tenth for tenth in np.array_split(np.argsort(told, kind="stable"), 10) if len(tenth)]
    figures: dict[str, Any] = {
        "format": 1,
        "rows": len(real),
        "rmse": float(np.sqrt(metrics.mean_squared_error(real, told))),
        "mae": float(metrics.mean_absolute_error(real, told)),
        "r2": float(metrics.r2_score(real, told)) if len(real) > 1 and np.ptp(real) else None,
        "predicted": [[float(axis[tenth].mean()) for tenth in tenths] for axis in (told, real)],
        "off": [np.quantile(told - real, shares).tolist(), shares.tolist()],
        "importance": {str(name): float(value) for name, value in (importance or {}).items()},
    }
    if os.path.exists(model_path + ".contract.json"):
        with open(model_path + ".contract.json", encoding="utf-8") as file:
            figures["features"] = json.load(file)["features"][:50]
    text = json.dumps(figures, separators=(",", ":"), allow_nan=False)
    path = model_path + ".figures.json"
    with open(path + "." + str(os.getpid()) + ".tmp", "w", encoding="utf-8") as out:
        out.write(text + "\n")
    os.replace(out.name, path)
    print("figures: " + text, flush=True)
    return path
