"""The function by which a training step writes down what its model is: the contract beside the model's file.

A worker has no dsflow, so the function is complete in itself: a script holds its text, or imports it where dsflow is.
It needs numpy alone, which whatever trained the model needs too. `dsflow.serving.contract` reads what it writes.
"""

from __future__ import annotations

from typing import Any


def write_contract(
    model_path: str,
    features: Any,
    *,
    label: str = "",
    kind: str = "",
    classes: Any = (),
    missing: float | None = None,
    fingerprints: str = "",
    metrics: Any = None,
    time_range: Any = None,
    rows: int | None = None,
) -> str:
    """Write ``MODEL.contract.json`` beside a model: what goes in, what it was trained on, how good it was.

    Args:
        model_path: the model's file, written already: its digest goes into the contract.
        features: column name -> the training's values, in the model's order; a pandas DataFrame is such a mapping.
        label: the name of the column that was learned.
        kind: ``binary``, ``multiclass`` or ``regression``; "" leaves it to the model's file.
        classes: the names of the classes, in the model's order.
        missing: a number that stood for no value in the training, beside NaN.
        fingerprints: ``NAME:DIGITS,...`` of the feature view, as ``view.fingerprints`` gives them to /update.
        metrics: name -> number, as {"auc": 0.93}.
        time_range: the first and last moment of the training's rows, as ISO texts or anything with ``isoformat``.
        rows: how many rows the training had, where ``features`` holds a sample of them.

    Returns:
        the path of the contract.
    """
    import hashlib
    import json
    import math
    import os
    import platform
    import sys

    import numpy as np

    def column(name: str, values: Any) -> dict[str, Any]:
        raw = np.asarray(values)
        kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
        found: dict[str, Any] = {"name": str(name), "type": kinds.get(raw.dtype.kind, "text")}
        if str(name) in digits:
            found["fingerprint"] = digits[str(name)]
        if raw.dtype.kind not in "biuf":
            return found
        numbers = raw.astype(float)
        known = numbers[np.isfinite(numbers) if missing is None else np.isfinite(numbers) & (numbers != missing)]
        statistics: dict[str, Any] = {"count": len(numbers), "missing": len(numbers) - len(known)}
        if len(known):
            # deciles, each edge once; a bin holds the values up to its edge, the last one those above
            edges = np.unique(np.quantile(known, np.arange(1, 10) / 10))
            counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
            statistics.update(
                mean=float(known.mean()),
                std=float(known.std()),
                min=float(known.min()),
                max=float(known.max()),
                edges=[float(edge) for edge in edges],
                shares=[round(float(count) / len(known), 9) for count in counts],
            )
        found["statistics"] = statistics
        return found

    def moment(value: Any) -> str:
        return str(value.isoformat() if hasattr(value, "isoformat") else value)

    digits = dict(part.rsplit(":", 1) for part in fingerprints.split(",") if ":" in part)
    names = [str(name) for name in features]
    columns = [column(name, features[name]) for name in features]
    with open(model_path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    libraries = {"python": platform.python_version(), "numpy": np.__version__}
    for package in ("xgboost", "lightgbm", "sklearn", "onnx", "skl2onnx", "pandas"):
        if package in sys.modules and hasattr(sys.modules[package], "__version__"):
            libraries[package] = str(sys.modules[package].__version__)
    contract: dict[str, Any] = {
        "format": 1,
        "model": {"sha256": digest, "kind": kind or None, "classes": [str(name) for name in classes]},
        "features": columns,
        "missing": missing,
        "label": label or None,
        "sql": hashlib.sha256(fingerprints.encode()).hexdigest()[:16] if fingerprints else None,
        "libraries": libraries,
        "metrics": {str(name): float(value) for name, value in (metrics or {}).items() if math.isfinite(value)},
        "trained_on": {
            "rows": rows if rows is not None else len(np.asarray(features[names[0]])) if names else 0,
            "from": moment(time_range[0]) if time_range else None,
            "to": moment(time_range[1]) if time_range else None,
        },
    }
    path = model_path + ".contract.json"
    temporary = path + "." + str(os.getpid()) + ".tmp"
    with open(temporary, "w", encoding="utf-8") as out:
        json.dump(contract, out, ensure_ascii=False, indent=1, allow_nan=False)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)
    return path
