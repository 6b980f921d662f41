"""CatBoost's own binary files, as ``save_model`` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

_HINT = "write it with catboost's save_model, format cbm"
_TWO = frozenset({"Logloss", "CrossEntropy"})
_SEVERAL = frozenset({"MultiClass", "MultiClassOneVsAll"})
_LOGARITHMS = frozenset({"Poisson", "Tweedie"})  # its regressor answers with the exponent of what the trees give
_OWN_KEYS = frozenset(
    {
        "catboost_version_info",
        "class_params",
        "model_guid",
        "output_options",
        "params",
        "train_finish_time",
        "training",
    }
)


class CatBoostModel(ModelFormat):
    """A model of trees on numbers; those up to the best round, which ``save_model`` keeps after an early stop."""

    format: ClassVar[str] = "catboost"

    def __init__(self, name: str, raw: bytes) -> None:
        import catboost

        model = catboost.CatBoost()
        try:
            model.load_model(blob=raw)
            written = dict(model.get_metadata())
            loss = str(json.loads(written["params"])["loss_function"]["type"])
        except (catboost.CatBoostError, KeyError, TypeError, ValueError) as error:
            told = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise NotServableError(f"{name} is not a catboost model: {told}", hint=_HINT) from error
        others = (
            *model.get_cat_feature_indices(),
            *model.get_text_feature_indices(),
            *model.get_embedding_feature_indices(),
        )
        names = tuple(model.feature_names_)
        if others:
            raise NotServableError(
                f"the model {name} takes categories or texts, not numbers, for {', '.join(names[i] for i in others)}",
                hint="train it on numeric columns, as the deployment gives them",
            )
        self.model = model
        self.suffix = ".cbm"
        self.width = len(names)
        self.features = () if names == tuple(map(str, range(len(names)))) else names
        self.task: Task = "binary" if loss in _TWO else "multiclass" if loss in _SEVERAL else "regression"
        self.classes = {"multiclass": len(model.classes_), "binary": 2, "regression": 0}[self.task]
        self._gives = "Exponent" if loss in _LOGARITHMS else "RawFormulaVal"
        if self.task != "regression":
            self._gives = "Probability"
        elif self._predicted(np.zeros((1, self.width), dtype=np.float32)).ndim > 1:
            raise NotServableError(
                f"the model {name} ({loss}) gives several numbers for a row", hint="train one model for each number"
            )
        self.attributes: Mapping[str, str] = {k: str(v) for k, v in written.items() if k not in _OWN_KEYS}
        self.details: Mapping[str, Any] = {}

    @classmethod
    def load(cls, name: str, raw: bytes) -> CatBoostModel:
        return cls(name, raw)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        found = self._predicted(matrix)
        return found[:, 1] if self.task == "binary" else found

    def _predicted(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        return np.asarray(self.model.predict(matrix, prediction_type=self._gives, thread_count=1))
