"""LightGBM's text files, as ``Booster.save_model`` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

_FORMATS = "write it with lightgbm's Booster.save_model"
_NO_NAMES = re.compile(r"Column_\d+")  # what lightgbm calls inputs that have no name
_CLASSIFIES = {"binary": "binary", "cross_entropy": "binary", "multiclass": "multiclass", "multiclassova": "multiclass"}


class LightGBMModel(ModelFormat):
    """A booster; early stopping is in the file, which holds the trees up to the best round."""

    format: ClassVar[str] = "lightgbm"

    def __init__(self, name: str, raw: bytes) -> None:
        import lightgbm

        try:
            text = raw.decode("utf-8")
            booster = lightgbm.Booster(model_str=text)
            names = tuple(booster.feature_name())
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError, TypeError) as error:
            told = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise NotServableError(f"{name} is not a lightgbm model: {told}", hint=_FORMATS) from error
        header = dict(line.split("=", 1) for line in text[:100_000].splitlines() if "=" in line)
        objective = header.get("objective", "").split(" ")[0]
        categories = re.search(r"^pandas_categorical:(.*)$", text, re.MULTILINE)
        if categories is not None and categories[1].strip() not in ("", "null", "[]"):
            raise NotServableError(
                f"the model {name} takes pandas categories, not numbers",
                hint="train it on numeric columns, as the deployment gives them",
            )
        self.booster = booster
        self.objective = objective
        self.suffix = ".txt"
        self.width = len(names)
        self.features = () if all(_NO_NAMES.fullmatch(each) for each in names) else names
        self.task: Task = _CLASSIFIES.get(objective, "regression")  # type: ignore[assignment]
        rows = int(header.get("num_class", "1"))
        self.classes = {"multiclass": rows, "binary": 2, "regression": 0}[self.task]
        self.attributes: Mapping[str, str] = {}
        self.details: Mapping[str, Any] = {}

    @classmethod
    def load(cls, name: str, raw: bytes) -> LightGBMModel:
        return cls(name, raw)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        return np.asarray(self.booster.predict(matrix, num_threads=1))
