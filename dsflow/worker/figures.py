"""The functions by which a training step writes down how good its model is: the figures beside the model's file.

A worker has no dsflow, so each is complete in itself: a script holds its text, or imports it where dsflow is.
They need numpy; that of a regression scikit-learn too. `dsflow.figures` reads what they write.
"""

from __future__ import annotations

from typing import Any


def auc(answers: Any, scores: Any) -> float:
    """The area below the ROC curve: how often a row of class 1 has a higher score than one of class 0.

    Equal scores count half. It is exact, and sorts the scores of each class alone, which takes little room.

    Args:
        answers: 0 or 1 for each row.
        scores: any numbers; a higher one speaks for 1.

    Raises:
        ValueError: a class is missing, or a score is NaN.
    """
    import numpy as np

    answers, scores = np.asarray(answers), np.asarray(scores)
    ones, others = np.sort(scores[answers == 1]), np.sort(scores[answers == 0])
    if not (len(ones) and len(others)) or np.isnan([ones[-1], others[-1]]).any():
        raise ValueError("figures take rows of both classes, 0 and 1, and scores that are numbers")
    below, up_to = np.searchsorted(others, ones), np.searchsorted(others, ones, "right")
    return int(below.sum() + up_to.sum()) / 2 / len(ones) / len(others)


def write_figures(model_path: str, answers: Any, scores: Any, importance: Any = None) -> str:
    """Write ``MODEL.figures.json`` beside a model of two classes, and the same as a line of the log.

    The line is how the figures leave a worker whose files nobody else reads: the log of a task arrives whole. It is
    some 5 kB long, since curves have 50 points and the features are the first 50. Its threshold is the one with the
    best F1 (the harmonic mean of precision and recall) on these rows.

    All is what scikit-learn's metrics say of these rows, made from the sorted scores of each class: 50 millions take
    some seconds and less than a gigabyte.

    Args:
        model_path: the model's file. Of its contract, if `write_contract` was there before, it takes the features.
        answers: 0 or 1 for each row that was held out; both are among them.
        scores: the probabilities of 1 that the model gave them.
        importance: feature name -> how much the model owes it, in any unit.

    Returns:
        the path of the figures.

    Raises:
        ValueError: a class is missing, or a score is NaN.
    """
    import json
    import os

    import numpy as np

    def curve(x: Any, y: Any) -> list[list[float]]:
        way = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], 50)))  # evenly along the curve
        return [[round(float(value), 5) for value in axis[kept]] for axis in (x, y)]

    def counted(some: Any) -> Any:
        """How many rows of a class are above each cut and how many at it or above, from none of them to all."""
        above = np.stack([np.searchsorted(some, cuts, "right"), np.searchsorted(some, cuts)], axis=1)
        return np.concatenate([[0], len(some) - above.ravel(), [len(some)]])

    area = auc(answers, scores)
    answers, scores = np.asarray(answers), np.asarray(scores)
    ones, others = np.sort(scores[answers == 1]), np.sort(scores[answers == 0])
    cuts = np.unique(ones)[::-1]  # where all curves turn: the scores of class 1
    hits, misses = counted(ones), counted(others)
    told = hits + misses
    recall, precision = hits / len(ones), np.where(told, hits / np.maximum(told, 1), 1)
    best = int(np.argmax(hits / (told + len(ones))))
    edges = np.quantile(scores, np.arange(1, 10) / 10)
    tenths = [np.split(some, np.searchsorted(some, edges, "right")) for some in (others, ones)]
    calibration = [
        (sum(float(some.sum(dtype=float)) for some in tenth) / rows, len(tenth[1]) / rows)
        for tenth in zip(*tenths, strict=True)
        if (rows := sum(map(len, tenth)))
    ]
    figures = {
        "format": 1,
        "rows": len(answers),
        "positives": len(ones),
        "auc": area,
        "average_precision": float(np.sum(np.diff(recall) * precision[1:])),
        "roc": curve(misses / len(others), recall),
        "precision_recall": curve(recall[::-1], precision[::-1]),
        "calibration": curve(*np.transpose(calibration)),
        "threshold": float(cuts[best // 2 - 1]),
        "confusion": [
            [len(others) - int(misses[best]), int(misses[best])],
            [len(ones) - int(hits[best]), int(hits[best])],
        ],
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
