"""An xgboost model in memory, and the check that a file is one.

xgboost's loader trusts its input: damaged UBJSON, or trees that point outside themselves, end the process. A file that
nobody has checked is therefore loaded in a child process first (``dsflow.serving.modelcheck``), and only then here.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from dsflow.serving.errors import ApiServerError, NotServableError

_CHECK_SECONDS = 60.0
# The child imports from where this process does, and not from whatever directory it happens to run in.
_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dsflow.serving.modelcheck import main; main()"
_FORMATS = "write it with xgboost's Booster.save_model as .json or .ubj"


@dataclass(frozen=True)
class Model:
    """A model that is ready to predict.

    Attributes:
        path: where its file was when it was loaded.
        raw: the file's bytes.
        sha256: hexadecimal digest of the bytes.
        features: names of its features, in the order in which it takes them.
        attributes: what the training wrote into the model (``Booster.set_attr``).
        iterations: how many rounds of boosting predict; 0 for all. xgboost's scikit-learn wrapper predicts with those
            up to the best one after it stopped early, a Booster with all: what the wrapper saved is cut there.
        missing: a number that stands for no value beside null: the attribute ``missing``, since a file does not say
            what ``XGBClassifier(missing=...)`` was.
    """

    path: str
    raw: bytes = field(repr=False)
    sha256: str
    features: tuple[str, ...]
    attributes: Mapping[str, str]
    booster: xgboost.Booster = field(repr=False)
    iterations: int = 0
    missing: float = math.nan

    @property
    def version(self) -> str:
        """A short name of the content: the first 12 digits of the SHA-256."""
        return self.sha256[:12]

    @property
    def suffix(self) -> str:
        """The file name's ending by content: ``.json`` or ``.ubj``."""
        return ".json" if _is_json(self.raw) else ".ubj"

    def to_json(self) -> dict[str, object]:
        """What answers say about the model."""
        return (
            {"path": self.path, "version": self.version}
            | ({"attributes": dict(self.attributes)} if self.attributes else {})
            | ({"iterations": self.iterations} if self.iterations else {})
        )

    def vector(self, features: Mapping[str, Any]) -> list[float]:
        """A deployment's output row as the model's input: by name, in the model's order, null as NaN.

        Raises:
            ApiServerError: a feature is missing, or is not a number.
        """
        values: list[float] = []
        for name in self.features:
            value = features.get(name, _MISSING)
            if value is None:
                values.append(math.nan)
            elif isinstance(value, (int, float)):
                values.append(float(value))
            else:
                told = "gives no" if value is _MISSING else f"gives {value!r} as"
                raise ApiServerError(
                    f"the deployment {told} feature {name!r}, which the model needs as a number",
                    hint="if the deployment was changed, POST /update again",
                )
        return values

    def predict(self, vectors: Sequence[Sequence[float]]) -> list[float]:
        """One prediction for each vector; for a logistic objective the probability of the positive class."""
        matrix = np.asarray(vectors, dtype=np.float32).reshape(len(vectors), len(self.features))
        return [float(value) for value in self.predict_matrix(matrix).reshape(-1)]

    def predict_matrix(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the model gives for each row of features, as float32; no value is NaN.

        xgboost reads the array where it is: no DMatrix is made. Safe to call from several threads.
        """
        found: npt.NDArray[np.float32] = self.booster.inplace_predict(
            matrix, iteration_range=(0, self.iterations), missing=self.missing, validate_features=False
        )
        return found


_MISSING = object()
_GOOD_SIZE = 1000
_good: set[bytes] = set()
"""Digests of contents that passed the check in this process: the same content need not pass it twice."""


def read_model(path: str) -> Model:
    """The model in a file that nobody has checked yet.

    Args:
        path: absolute path on this machine.

    Raises:
        NotServableError: there is no such file, or it is not a model with feature names and one prediction a row.
    """
    place = Path(path)
    if not place.is_absolute():
        raise NotServableError(
            f"the model path {path!r} is not absolute",
            hint="give the whole path, as the prediction server's machine has it",
        )
    try:
        raw = place.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotServableError(
            f"cannot read the model {path}: {reason}",
            hint="the file must be readable on the machine of the prediction server, or on a volume that it shares",
        ) from error
    digest = hashlib.sha256(raw).digest()
    if digest not in _good:
        _check_in_child(path, raw)
    model = load_checked(path, raw)
    if len(_good) >= _GOOD_SIZE:
        _good.clear()
    _good.add(digest)
    return model


def load_checked(path: str, raw: bytes) -> Model:
    """The model in bytes that have been checked before.

    Args:
        path: where the file was, for messages.
        raw: the file's bytes.

    Raises:
        NotServableError: it is not a model that can be served.
    """
    try:
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(raw))
        booster.set_param({"nthread": 1, "device": "cpu"})
        names = tuple(booster.feature_names or ())
        attributes = {key: str(value) for key, value in booster.attributes().items() if value is not None}
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise NotServableError(f"{path} is not an xgboost model: {_first_line(error)}", hint=_FORMATS) from error
    if not names:
        raise NotServableError(
            f"the model {path} carries no feature names, so its features cannot be found in the deployment's output",
            hint="train it with named columns: DMatrix(..., feature_names=[...]) or a pandas DataFrame",
        )
    categorical = [n for n, kind in zip(names, booster.feature_types or (), strict=False) if kind == "c"]
    if categorical:
        raise NotServableError(
            f"the model {path} takes categories, not numbers, for {', '.join(categorical)}",
            hint="train it on numeric columns, as the deployment gives them",
        )
    iterations, missing = _iterations(path, booster, attributes), _missing(path, attributes)
    digest = hashlib.sha256(raw).hexdigest()
    model = Model(path, raw, digest, names, attributes, booster, iterations, missing)
    for probe in ([math.nan] * len(names), [0.0] * len(names)):
        try:
            found = model.predict([probe])
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            raise NotServableError(f"the model {path} cannot predict: {_first_line(error)}", hint=_FORMATS) from error
        if len(found) != 1:
            raise NotServableError(
                f"the model {path} gives {len(found)} numbers a row", hint="serve a model with one: binary:logistic"
            )
        if not math.isfinite(found[0]):
            raise NotServableError(f"the model {path} predicts {found[0]}", hint="train it again")
    return model


def _iterations(path: str, booster: xgboost.Booster, attributes: Mapping[str, str]) -> int:
    """Rounds up to the best one, of a model that the scikit-learn wrapper saved after it stopped early; else 0."""
    best = attributes.get("best_iteration")
    if "scikit_learn" not in attributes or best is None:
        return 0
    rounds = booster.num_boosted_rounds()
    if not re.fullmatch("[0-9]{1,9}", best) or int(best) >= rounds:
        raise NotServableError(
            f"the model {path} says that its best iteration was {best!r}, of {rounds}",
            hint="save it again, or cut it: booster[: best + 1], with the attribute best_iteration set to None",
        )
    return int(best) + 1


def _missing(path: str, attributes: Mapping[str, str]) -> float:
    given = attributes.get("missing", "nan")
    try:
        return float(given)
    except ValueError:
        raise NotServableError(
            f"the model {path} has the attribute missing = {given!r}, which is no number",
            hint="set it to the number that stood for no value in the training: booster.set_attr(missing='-1')",
        ) from None


def _check_in_child(path: str, raw: bytes) -> None:
    """Load the model in a child process, so that what ends that process does not end this one."""
    if raw[:1] != b"{":  # as both of xgboost's formats begin
        what = "is neither JSON nor UBJSON" if raw else "is empty"
        raise NotServableError(f"{path} is not an xgboost model: it {what}", hint=_FORMATS)
    try:
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, json.dumps(sys.path), path],
            input=raw,
            capture_output=True,
            timeout=_CHECK_SECONDS,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # threads would count against the child's memory limit
        )
    except subprocess.TimeoutExpired as error:
        raise NotServableError(f"{path} was not loaded within {_CHECK_SECONDS:.0f} s", hint=_FORMATS) from error
    if child.returncode == 0:
        return
    try:
        told = json.loads(child.stdout)
        raise NotServableError(told["error"], hint=told["hint"])
    except (ValueError, KeyError, TypeError):
        raise NotServableError(
            f"{path} is not an xgboost model: loading it ended the process that tried (status {child.returncode})",
            hint=_FORMATS,
        ) from None


def check_trees(raw: bytes) -> None:
    """Check that every tree of a model stays within itself and within the model's features.

    Args:
        raw: the model as JSON, as ``Booster.save_raw("json")`` gives it.

    Raises:
        ValueError: a node's child is no node of the tree, or is reached twice, or a split is on no feature.
    """
    learner = json.loads(raw)["learner"]
    features = int(learner["learner_model_param"]["num_feature"])
    booster = learner["gradient_booster"]
    trees = booster.get("gbtree", booster).get("model", {}).get("trees", [])  # dart wraps gbtree; gblinear has no trees
    for number, tree in enumerate(trees):
        left, right, split = tree["left_children"], tree["right_children"], tree["split_indices"]
        if not len(left) == len(right) == len(split) == len(tree["split_conditions"]):
            raise ValueError(f"tree {number} has arrays of different lengths")
        seen = {0}
        nodes = [0] if left else []
        while nodes:
            node = nodes.pop()
            children = left[node], right[node]
            if children == (-1, -1):
                continue
            if not 0 <= split[node] < features:
                raise ValueError(f"tree {number}, node {node}: a split on feature {split[node]} of {features}")
            for child in children:
                if not 0 < child < len(left) or child in seen:
                    raise ValueError(f"tree {number}, node {node}: child {child} of {len(left)} nodes")
                seen.add(child)
                nodes.append(child)


def _is_json(raw: bytes) -> bool:
    # xgboost tells the formats apart in the same way: UBJSON has a type marker after the brace.
    return raw[:1] == b"{" and raw[1:2] in (b'"', b" ", b"\n", b"\r", b"\t")


def _first_line(error: BaseException) -> str:
    """xgboost's message without its stack trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(("Stack trace", "[bt]"))]
    first = (useful or [type(error).__name__])[0]
    return re.sub(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", first)[:300]
