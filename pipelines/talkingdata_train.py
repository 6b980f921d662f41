"""Train the click model: the script of the workflow's PYTHON task "train".

It runs as it stands on a DolphinScheduler worker that has pandas and xgboost. DolphinScheduler fills in the
placeholders of the five lines below before Python sees the script; nothing else here may look like one.

In:  the features that OpenMLDB wrote with SELECT ... INTO OUTFILE (part files with a header line, CSV or parquet).
Out: MODEL_DIR/model-<content>.json with its contract beside it (what goes in, what it was trained on), and the outputs
     `auc` and `model_path` for the tasks downstream.

How the model is judged. Clicks are ordered by day and hour; the model learns the earlier ones, and its AUC is measured
on the last three tenths or so, cut between two hours: clicks that it has not seen, as it will meet them in service. The
model that is written is the one that was measured. Clicks that were followed by a download are rare (1 in 300), so the
cut is only taken where both sides have MIN_PER_CLASS clicks of either class. If there is no such cut between two and
four tenths, the latest three tenths of each class are held out instead. An AUC over few such clicks is uncertain: its
standard error is reported, and beside it, for comparison only, that of a cross-validation over all clicks.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from pathlib import Path
from typing import Any

FEATURE_DIR = r"${feature_dir}"
MODEL_DIR = r"${model_dir}"
FEATURES = r"${features}"
LABEL = r"${label}"
FINGERPRINTS = r"${fingerprints}"

SHARE = 0.3  # of the clicks, held out for validation
MIN_PER_CLASS = 5
SEED = 20171106
ROUNDS = 100
FOLDS = 5
COMPARE_BELOW = 100  # held-out positives under which the cross-validation is worth its time
# Small trees and slow steps, because positives are few. The classes are not weighted and no rows are drawn at random:
# the predictions stay probabilities, and the same clicks give the same bytes.
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.1,
    "seed": SEED,
    "nthread": 1,
}


class TrainingError(Exception):
    """The training cannot be done; the message says why and what to do."""


try:
    import numpy as np
    import pandas as pd
    import xgboost as xgb
except ImportError as missing:
    sys.exit(
        f"train: {missing}: the worker's Python ({sys.executable}) needs pandas and xgboost;"
        f" install them there, or let PYTHON_HOME name a Python that has them"
    )


def main() -> None:
    """Read, split, train, measure, write, and tell DolphinScheduler."""
    features, label = columns(FEATURES, LABEL)
    feature_dir, model_dir = place("feature_dir", FEATURE_DIR), place("model_dir", MODEL_DIR)
    frame = read_features(feature_dir, features, label)
    answers = frame[label].to_numpy(dtype=np.int8)
    values = frame[features].to_numpy(dtype=np.float32)
    held_out, how = split(frame, answers)
    print(f"{len(answers)} clicks, {int(answers.sum())} of them with {label} = 1, from {feature_dir}")
    print(f"validation: {how}")

    booster = train(values[~held_out], answers[~held_out], features, [Rounds()])
    seen, unseen = answers[~held_out], answers[held_out]
    score = auc(unseen, predict(booster, values[held_out]))
    print(f"trained on {len(seen)} clicks ({int(seen.sum())} positive), {ROUNDS} trees")
    print(
        f"AUC {score:.4f}, standard error {standard_error(score, unseen):.4f},"
        f" on {len(unseen)} unseen clicks ({int(unseen.sum())} positive)"
    )
    if unseen.sum() < COMPARE_BELOW:
        mean = cross_validated(values, answers, features)
        print(f"for comparison: AUC {mean:.4f} in a stratified cross-validation over all clicks")

    booster.set_attr(auc=f"{score:.6f}", label=label, validation=how, clicks=str(len(seen)))
    path = write_model(model_dir, bytes(booster.save_raw("json")))
    learned = frame.loc[~held_out]
    try:
        write_contract(
            path,
            {name: learned[name] for name in features},
            label=label,
            kind="binary",
            classes=(0, 1),
            fingerprints="" if FINGERPRINTS.startswith("$" + "{") else FINGERPRINTS,
            metrics={"auc": score, "auc_standard_error": standard_error(score, unseen)},
            time_range=time_range(learned),
        )
    except OSError as error:
        raise TrainingError(f"cannot write the model's contract to {model_dir}: {error}") from error
    print(f"model: {path}")
    set_value("auc", f"{score:.6f}")
    set_value("model_path", path)


def columns(features: str, label: str) -> tuple[list[str], str]:
    """The names of the feature columns and of the label column."""
    names = [name.strip() for name in filled_in("features", features).split(",") if name.strip()]
    target = filled_in("label", label).strip()
    if not names:
        raise TrainingError("the parameter features names no column; give it as in app,device,os")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"the parameter features names {', '.join(twice)} more than once")
    if target in names:
        raise TrainingError(f"the label {target} is among the features: the model would be told the answer")
    return names, target


def place(name: str, text: str) -> Path:
    """The local path that a parameter names, as a path or as a file URL."""
    path = filled_in(name, text).strip()
    if path.startswith("file:"):
        path = "/" + path.removeprefix("file:").lstrip("/")
    elif "://" in path:
        raise TrainingError(f"the parameter {name} is {path}; this script reads and writes local files only")
    # What these characters would break is the line that tells DolphinScheduler the model's path.
    if not path or not path.startswith("/") or set(path) & set("()=$\r\n"):
        raise TrainingError(f"the parameter {name} is {path!r}; it takes an absolute path without any of ( ) = $")
    return Path(path)


def filled_in(name: str, text: str) -> str:
    """The text, if DolphinScheduler put a value where the placeholder was."""
    if text.startswith("$" + "{") or not text.strip():
        raise TrainingError(f"the parameter {name} has no value; define it in the workflow or the task")
    return text


def read_features(directory: Path, features: list[str], label: str) -> pd.DataFrame:
    """All part files as one frame of label, features and time columns, in an order that depends on the content only."""
    if directory.is_file():
        parts = [directory]
    else:
        found = {kind: sorted(directory.glob(f"[!._]*.{kind}")) for kind in ("csv", "parquet")}
        if all(found.values()):
            raise TrainingError(f"{directory} holds both CSV and parquet files; which are the features? Empty it first")
        parts = [part for part in found["csv"] or found["parquet"] if part.stat().st_size]
    if not parts:
        raise TrainingError(
            f"no feature files in {directory}; did the extraction job run? OpenMLDB: SHOW JOBS, SHOW JOBLOG <id>"
        )
    wanted = [label, *features]
    frames = []
    for part in parts:
        try:
            frame = pd.read_parquet(part) if part.suffix == ".parquet" else pd.read_csv(part)
        except (ValueError, OSError, ImportError) as error:  # pandas' own errors of reading are ValueErrors
            raise TrainingError(f"cannot read {part}: {error}") from error
        lacking = [name for name in wanted if name not in frame.columns]
        if lacking:
            raise TrainingError(
                f"{part} has no column {', '.join(lacking)}; it has {', '.join(map(str, frame.columns))}"
            )
        if len(frame):
            frames.append(frame[[*wanted, *(name for name in ("day", "hour") if name in frame and name not in wanted)]])
    if not frames:
        raise TrainingError(f"the feature files in {directory} hold no clicks; was the offline table loaded?")
    whole = pd.concat(frames, ignore_index=True)
    check_values(whole, features, label, directory)
    # Part files have random names and splits; sorted, the same clicks are the same training set.
    return whole.sort_values(list(whole.columns), kind="stable", ignore_index=True)


def check_values(frame: pd.DataFrame, features: list[str], label: str, directory: Path) -> None:
    """Refuse what would train a model on nonsense."""
    empty = int(frame[label].isna().sum())
    if empty:
        raise TrainingError(
            f"{empty} of {len(frame)} clicks in {directory} have no {label}; a label is needed to learn from"
        )
    if not frame[label].isin([0, 1]).all():
        some = ", ".join(map(repr, frame.loc[~frame[label].isin([0, 1]), label].unique()[:5].tolist()))
        raise TrainingError(f"the label {label} takes 0 and 1; {directory} has {some}")
    for name in dict.fromkeys([*features, *(name for name in ("day", "hour") if name in frame)]):
        if not (pd.api.types.is_numeric_dtype(frame[name]) or frame[name].isna().all()):
            raise TrainingError(f"the feature {name} in {directory} is not a number but {frame[name].dtype}")
        if np.isinf(frame[name].to_numpy(dtype=np.float64)).any():
            raise TrainingError(f"the feature {name} in {directory} is infinite in some clicks")
    for answer in (0, 1):
        count = int((frame[label] == answer).sum())
        if count < 2:
            raise TrainingError(
                f"{count} of {len(frame)} clicks in {directory} have {label} = {answer}; a model needs at least 2 of"
                " each class, one to learn from and one to be judged by. Give it more data"
            )


def split(frame: pd.DataFrame, answers: np.ndarray) -> tuple[np.ndarray, str]:
    """Which clicks are held out, and the sentence that says how they were chosen."""
    moment = hours(frame)
    if moment is not None:
        best: tuple[float, int] | None = None
        for first in np.unique(moment)[1:]:
            late = moment >= first
            share = float(late.mean())
            counts = [int((answers[side] == answer).sum()) for side in (late, ~late) for answer in (0, 1)]
            if 0.2 <= share <= 0.4 and min(counts) >= MIN_PER_CLASS:
                best = min(best, (abs(share - SHARE), int(first))) if best else (abs(share - SHARE), int(first))
        if best is not None:
            late = moment >= best[1]
            return late, f"the last {100 * late.mean():.1f} % of the clicks by day and hour"
        order = np.argsort(moment, kind="stable")
        how = f"the latest {100 * SHARE:.0f} % of each class by day and hour; no cut in time has enough of both classes"
    else:
        order = np.random.default_rng(SEED).permutation(len(answers))
        how = f"{100 * SHARE:.0f} % of each class at random, because the features carry no day"
    held_out = np.zeros(len(answers), dtype=bool)
    for answer in (0, 1):
        members = order[answers[order] == answer]
        held_out[members[-max(1, round(SHARE * len(members))) :]] = True
    return held_out, how


def hours(frame: pd.DataFrame) -> np.ndarray | None:
    """An hour count that grows with time; None if the features carry no day.

    The day is that of the month, so clicks around the end of a month go from 30 or 31 to 1: time starts after the
    largest gap in the circle of days.
    """
    if "day" not in frame or frame["day"].isna().any():
        return None
    day = frame["day"].to_numpy(dtype=np.int64)
    present = np.unique(day)
    gaps = np.diff(np.append(present, present[0] + 31))
    first = present[(int(np.argmax(gaps)) + 1) % len(present)] if gaps.max() > gaps[-1] else present[0]
    hour = frame["hour"].fillna(0).to_numpy(dtype=np.int64) if "hour" in frame else np.zeros_like(day)
    return np.asarray((day - first) % 31 * 24 + hour)


def time_range(frame: pd.DataFrame) -> tuple[str, str] | None:
    """The first and the last hour of the clicks; None if the features carry no day."""
    moment = hours(frame)
    if moment is None:
        return None
    first, last = (frame.iloc[int(each)] for each in (np.argmin(moment), np.argmax(moment)))
    hour = [f", hour {each['hour']:.0f}" if "hour" in frame else "" for each in (first, last)]
    return f"day {first['day']:.0f}{hour[0]}", f"day {last['day']:.0f}{hour[1]}"


class Rounds(xgb.callback.TrainingCallback):
    """Says how far the training is, by a line that dsflow shows while the task runs."""

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:
        if (epoch + 1) % 10 == 0:
            print(f"progress: {epoch + 1}/{ROUNDS} rounds", flush=True)
        return False


def train(
    values: np.ndarray, answers: np.ndarray, features: list[str], callbacks: list[Rounds] | None = None
) -> xgb.Booster:
    """The model of these clicks; the same clicks give the same model."""
    clicks = xgb.DMatrix(values, answers, feature_names=features)
    return xgb.train(PARAMETERS, clicks, ROUNDS, callbacks=callbacks)


def predict(booster: xgb.Booster, values: np.ndarray) -> np.ndarray:
    """The probability of a download after each click."""
    return np.asarray(booster.predict(xgb.DMatrix(values, feature_names=booster.feature_names)))


def auc(answers: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve: how often a positive is ranked above a negative, ties counting half.

    By ranks (Mann-Whitney); tied scores share the mean of their ranks.
    """
    _, group, size = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    positive = int((answers == 1).sum())
    negative = len(answers) - positive
    return float((rank[answers == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def standard_error(score: float, answers: np.ndarray) -> float:
    """The standard error of an AUC (Hanley and McNeil, Radiology 143, 1982)."""
    positive = int((answers == 1).sum())
    negative = len(answers) - positive
    above, below = score / (2 - score), 2 * score * score / (1 + score)
    spread = (positive - 1) * (above - score * score) + (negative - 1) * (below - score * score)
    return math.sqrt(max(0.0, score * (1 - score) + spread) / (positive * negative))


def cross_validated(values: np.ndarray, answers: np.ndarray, features: list[str]) -> float:
    """The mean AUC over folds in which every click is judged once by a model that has not seen it."""
    counts = [int((answers == answer).sum()) for answer in (0, 1)]
    folds = min(FOLDS, *counts)
    fold = np.empty(len(answers), dtype=np.int64)
    shuffled = np.random.default_rng(SEED).permutation(len(answers))
    for answer in (0, 1):
        members = shuffled[answers[shuffled] == answer]
        fold[members] = np.arange(len(members)) % folds
    found = []
    for number in range(folds):
        out = fold == number
        booster = train(values[~out], answers[~out], features)
        found.append(auc(answers[out], predict(booster, values[out])))
    return float(np.mean(found))


def write_model(directory: Path, raw: bytes) -> str:
    """Write the model under the name of its content: a file that is being served is never changed in place."""
    path = directory / f"model-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    temporary = directory / f".{path.name}.{os.getpid()}.tmp"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == raw:
            return str(path)
        with temporary.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary.exists():
            temporary.unlink()
        raise TrainingError(f"cannot write the model to {directory}: {error}") from error
    return str(path)


# As dsflow.worker.contract has it; a worker has no dsflow.
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


def set_value(name: str, value: str) -> None:
    """Set an output of the task: DolphinScheduler reads it from a line of the log."""
    print("$" + "{setValue(" + f"{name}={value}" + ")}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except TrainingError as problem:
        sys.stdout.flush()
        sys.exit(f"train: {problem}")
