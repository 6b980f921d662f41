"""Train the click model: the script of the workflow's PYTHON task "train".

It reads the features that OpenMLDB has written (CSV with a header line, or parquet), learns the earlier clicks, is
judged by the latest ones, and writes the model with its contract and figures. DolphinScheduler fills in the
placeholders of the five lines below before Python sees the script.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

FEATURE_DIR = r"${feature_dir}"
MODEL_DIR = r"${model_dir}"
FEATURES = r"${features}"
LABEL = r"${label}"
FINGERPRINTS = r"${fingerprints}"

SHARE, LEAST = 0.3, 5  # of the clicks, held out; of either class, on either side
SEED, ROUNDS = 20171106, 100
# small trees and slow steps, because positives are few; no weights, so that predictions stay probabilities
PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "eta": 0.1, "nthread": 1}


def main() -> None:
    """Read, split, train, measure, write, and tell DolphinScheduler."""
    label, features = given("label", LABEL), [name.strip() for name in given("features", FEATURES).split(",")]
    if len({label, "", *features}) < len(features) + 2:
        sys.exit(f"train: features takes names, each once, without the label {label}; it is {', '.join(features)}")
    models = place("model_dir", MODEL_DIR)
    clicks = read_features(place("feature_dir", FEATURE_DIR), features, label)
    answers = clicks[label].to_numpy(dtype=np.int8)
    whole = xgb.DMatrix(clicks[features].to_numpy(dtype=np.float32), answers, feature_names=features)
    held_out, how = split(answers, hours(clicks))
    print(f"{len(clicks)} clicks, {answers.sum()} of them with {label} = 1; held out: {how}")

    booster = xgb.train(PARAMETERS, whole.slice(np.flatnonzero(~held_out)), ROUNDS, callbacks=[Progress()])
    unseen, scores = answers[held_out], booster.predict(whole)[held_out]
    auc = float(roc_auc_score(unseen, scores))
    print(f"AUC {auc:.4f} on {len(unseen)} unseen clicks ({unseen.sum()} positive)")
    if unseen.sum() < 100:  # an AUC by so few is uncertain
        folds = StratifiedKFold(5, shuffle=True, random_state=SEED).split(answers, answers)
        found = xgb.cv(PARAMETERS, whole, ROUNDS, folds=list(folds), metrics="auc")
        print(f"for comparison: AUC {found['test-auc-mean'].iloc[-1]:.4f} in a cross-validation over all clicks")

    booster.set_attr(auc=f"{auc:.6f}", label=label, validation=how, clicks=str(len(clicks) - len(unseen)))
    path = write_model(models, bytes(booster.save_raw("json")))
    write_contract(
        path, clicks.loc[~held_out, features], label=label, kind="binary", classes=(0, 1), metrics={"auc": auc},
        fingerprints="" if FINGERPRINTS.startswith("$") else FINGERPRINTS, time_range=days(clicks[~held_out]),
    )  # fmt: skip
    write_figures(path, unseen, scores, booster.get_score(importance_type="total_gain"))
    for output in (f"auc={auc:.6f}", f"model_path={path}"):
        print("$" + "{setValue(" + output + ")}", flush=True)


def given(name: str, text: str) -> str:
    """The text of a parameter, if DolphinScheduler put one where the placeholder was."""
    if text.startswith("$" + "{") or not text.strip():
        sys.exit(f"train: the parameter {name} has no value")
    return text.strip()


def place(name: str, text: str) -> Path:
    """The local path that a parameter names, as a path or as a file URL."""
    path = given(name, text)
    path = "/" + path[5:].lstrip("/") if path.startswith("file:") else path
    if not path.startswith("/") or set(path) & set("()=$\r\n"):  # which would break the line of the output
        sys.exit(f"train: the parameter {name} is {path!r}; it takes an absolute local path without any of ( ) = $")
    return Path(path)


def read_features(directory: Path, features: list[str], label: str) -> pd.DataFrame:
    """The clicks of all part files: label, features and time, in an order that depends on the content only."""
    found = [directory] if directory.is_file() else sorted(directory.glob("[!._]*.*"))
    parts = [part for part in found if part.suffix in (".csv", ".parquet") and part.stat().st_size]
    if len({part.suffix for part in parts}) != 1:
        what = "both CSV and parquet files" if parts else "no feature files; did the extraction run?"
        sys.exit(f"train: {directory} holds {what}")
    frames = []
    for part in parts:
        try:
            frame = pd.read_parquet(part) if part.suffix == ".parquet" else pd.read_csv(part)
        except (ValueError, OSError, ImportError) as error:  # pandas' own errors of reading are ValueErrors
            sys.exit(f"train: cannot read {part}: {error}")
        if lacking := [name for name in (label, *features) if name not in frame]:
            sys.exit(f"train: {part} has no column {', '.join(lacking)}; it has {', '.join(map(str, frame))}")
        columns = dict.fromkeys([label, *features, *(name for name in ("day", "hour") if name in frame)])
        frames += [frame[list(columns)]] if len(frame) else []
    if not frames:
        sys.exit(f"train: the feature files in {directory} hold no clicks; was the offline table loaded?")
    clicks = pd.concat(frames, ignore_index=True)
    counts = clicks[label].value_counts(dropna=False)
    if set(counts.index) != {0, 1} or counts.min() < LEAST:
        told = ", ".join(f"{count} times {value}" for value, count in counts.items())
        sys.exit(f"train: the label {label} takes 0 and 1, each {LEAST} times at least; {directory} has {told}")
    for name in clicks:
        numbers = pd.to_numeric(clicks[name], errors="coerce")
        if (numbers.isna() & clicks[name].notna()).any() or np.isinf(numbers).any():
            sys.exit(f"train: the feature {name} in {directory} is no number in some clicks, or infinite")
    # part files have random names and splits; sorted, the same clicks are the same training set
    return clicks.sort_values(list(clicks), kind="stable", ignore_index=True)


def hours(clicks: pd.DataFrame) -> np.ndarray | None:
    """Hours since the first day, which comes after the largest gap of the month; None if the features carry no day."""
    if "day" not in clicks or clicks["day"].isna().any():
        return None
    day = clicks["day"].to_numpy(dtype=np.int64)
    present = np.unique(day)
    first = present[-np.diff(present, append=present[0] + 31)[::-1].argmax()]
    hour = clicks["hour"].fillna(0).to_numpy(dtype=np.int64) if "hour" in clicks else 0
    return np.asarray((day - first) % 31 * 24 + hour)


def days(clicks: pd.DataFrame) -> tuple[str, str] | None:
    """The first and the last day of the clicks; None if the features carry none."""
    time = hours(clicks)
    return None if time is None else tuple(f"day {clicks['day'].iloc[at]:.0f}" for at in (time.argmin(), time.argmax()))


def split(answers: np.ndarray, time: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Which clicks are held out, and how they were chosen, in words."""
    if time is not None:
        for first in sorted(np.unique(time)[1:], key=lambda hour: abs((time >= hour).mean() - SHARE)):
            late = time >= first
            least = min(np.bincount(answers[side], minlength=2).min() for side in (late, ~late))
            if abs(late.mean() - SHARE) <= 0.1 and least >= LEAST:
                return late, f"the last {100 * late.mean():.1f} % of the clicks by day and hour"
    thirds = StratifiedKFold(3, shuffle=True, random_state=SEED).split(answers, answers)
    chosen = np.isin(np.arange(len(answers)), next(thirds)[1])
    return chosen, "a third of each class at random; no cut in time has enough of both"


class Progress(xgb.callback.TrainingCallback):
    """Says how far the training is; dsflow shows such lines while the task runs."""

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:
        if epoch % 10 == 9:
            print(f"progress: {epoch + 1}/{ROUNDS} rounds", flush=True)
        return False


def write_model(directory: Path, raw: bytes) -> str:
    """Write the model under the name of its content: a file that is being served is never changed in place."""
    path = directory / f"model-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    temporary = directory / f".{path.name}.{os.getpid()}.tmp"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != raw:
            temporary.write_bytes(raw)
            temporary.replace(path)
    except OSError as error:
        sys.exit(f"train: cannot write the model to {directory}: {error}")
    return str(path)


# fmt: off
# of dsflow.worker.contract and dsflow.worker.figures, which say more: a worker has no dsflow
def write_contract(
 model_path,
 features,
 *,
 label = "",
 kind = "",
 classes = (),
 missing = None,
 fingerprints = "",
 metrics = None,
 time_range = None,
):
 import hashlib
 import json
 import math
 import os
 import platform
 import sys
 import numpy as np
 def column(name, values):
  raw = np.asarray(values)
  kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
  found = {"name": str(name), "type": kinds.get(raw.dtype.kind, "text")}
  if str(name) in digits:
   found["fingerprint"] = digits[str(name)]
  if raw.dtype.kind not in "biuf":
   return found
  numbers = raw.astype(float)
  known = numbers[np.isfinite(numbers) if missing is None else np.isfinite(numbers) & (numbers != missing)]
  statistics = {"count": len(numbers), "missing": len(numbers) - len(known)}
  if len(known):
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
 def moment(value):
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
 contract = {
  "format": 1,
  "model": {"sha256": digest, "kind": kind or None, "classes": [str(name) for name in classes]},
  "features": columns,
  "missing": missing,
  "label": label or None,
  "sql": hashlib.sha256(fingerprints.encode()).hexdigest()[:16] if fingerprints else None,
  "libraries": libraries,
  "metrics": {str(name): float(value) for name, value in (metrics or {}).items() if math.isfinite(value)},
  "trained_on": {
   "rows": len(np.asarray(features[names[0]])) if names else 0,
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

def write_figures(model_path, answers, scores, importance = None):
 import json
 import os
 import numpy as np
 from sklearn import calibration, metrics
 def curve(x, y):
  way = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
  kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], 50)))
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

# fmt: on

if __name__ == "__main__":
    main()
