"""XGBoost's own files, JSON and UBJSON, by its in-place prediction.

xgboost's loader trusts its input: damaged UBJSON, or trees that point outside themselves, end the process. `check`
looks at the trees, in a child process (``dsflow.serving.modelcheck``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import xgboost
from numpy.typing import NDArray

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

_FORMATS = "write it with xgboost's Booster.save_model as .json or .ubj"


class XGBoostModel(ModelFormat):
    """A booster.

    Attributes:
        booster: the loaded model.
        iterations: how many rounds of boosting predict; 0 for all. xgboost's scikit-learn wrapper predicts with those
            up to the best one after it stopped early, a Booster with all: what the wrapper saved is cut there.
        missing: a number that stands for no value beside null: the attribute ``missing``, since a file does not say
            what ``XGBClassifier(missing=...)`` was.
    """

    format: ClassVar[str] = "xgboost"

    def __init__(self, name: str, raw: bytes) -> None:
        try:
            booster = xgboost.Booster({"nthread": 1})
            booster.load_model(bytearray(raw))
            booster.set_param({"nthread": 1, "device": "cpu"})
            self.features = tuple(booster.feature_names or ())
            self.width = int(booster.num_features())
            self.attributes = {k: str(v) for k, v in booster.attributes().items() if v is not None}
            learner = json.loads(booster.save_config())["learner"]
            objective = str(learner["objective"]["name"])
            classes = int(learner["learner_model_param"].get("num_class", "0"))
        except (xgboost.core.XGBoostError, ValueError, TypeError, KeyError) as error:
            raise NotServableError(f"{name} is not an xgboost model: {first_line(error)}", hint=_FORMATS) from error
        categorical = [n for n, kind in zip(self.features, booster.feature_types or (), strict=False) if kind == "c"]
        if categorical:
            raise NotServableError(
                f"the model {name} takes categories, not numbers, for {', '.join(categorical)}",
                hint="train it on numeric columns, as the deployment gives them",
            )
        self.booster = booster
        self.objective = objective
        self.suffix = ".json" if _is_json(raw) else ".ubj"
        self.task: Task = (
            "multiclass"
            if objective.startswith("multi:")
            else "binary"
            if objective.startswith("binary:")
            else "regression"
        )
        self.classes = {"multiclass": classes, "binary": 2, "regression": 0}[self.task]
        self.iterations = _iterations(name, booster, self.attributes)
        self.missing = _missing(name, self.attributes)
        self.details: Mapping[str, Any] = {"iterations": self.iterations} if self.iterations else {}

    @classmethod
    def load(cls, name: str, raw: bytes) -> XGBoostModel:
        return cls(name, raw)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        try:
            found = self.booster.inplace_predict(
                matrix, iteration_range=(0, self.iterations), missing=self.missing, validate_features=False
            )
        except xgboost.core.XGBoostError as error:
            raise ValueError(first_line(error)) from error
        return np.asarray(found)

    def set_missing(self, missing: float) -> None:
        self.missing = missing

    @property
    def gives_probabilities(self) -> bool:
        return self.objective in ("binary:logistic", "multi:softprob")

    def check(self) -> None:
        check_trees(bytes(self.booster.save_raw("json")))


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


def _iterations(name: str, booster: xgboost.Booster, attributes: Mapping[str, str]) -> int:
    """Rounds up to the best one, of a model that the scikit-learn wrapper saved after it stopped early; else 0."""
    best = attributes.get("best_iteration")
    if "scikit_learn" not in attributes or best is None:
        return 0
    rounds = booster.num_boosted_rounds()
    if not re.fullmatch("[0-9]{1,9}", best) or int(best) >= rounds:
        raise NotServableError(
            f"the model {name} says that its best iteration was {best!r}, of {rounds}",
            hint="save it again, or cut it: booster[: best + 1], with the attribute best_iteration set to None",
        )
    return int(best) + 1


def _missing(name: str, attributes: Mapping[str, str]) -> float:
    given = attributes.get("missing", "nan")
    try:
        return float(given)
    except ValueError:
        raise NotServableError(
            f"the model {name} has the attribute missing = {given!r}, which is no number",
            hint="set it to the number that stood for no value in the training: booster.set_attr(missing='-1')",
        ) from None


def _is_json(raw: bytes) -> bool:
    # xgboost tells the formats apart in the same way: UBJSON has a type marker after the brace.
    return raw[:1] == b"{" and raw[1:2] in (b'"', b" ", b"\n", b"\r", b"\t")


def first_line(error: BaseException) -> str:
    """xgboost's message without its stack trace and without the place in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(("Stack trace", "[bt]"))]
    first = (useful or [type(error).__name__])[0]
    return re.sub(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", first)[:300]
