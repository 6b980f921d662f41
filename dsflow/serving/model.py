"""A model in memory, and the check that a file is one.

The loaders of the formats trust their input: damaged files can end the process. A file that nobody has checked is
therefore loaded in another process first (`dsflow.serving.checker`), and only then here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from dsflow.serving.checker import Checker
from dsflow.serving.contract import MAX_BYTES, SUFFIX, Contract, check_model, read_contract
from dsflow.serving.errors import ApiServerError, BadRequestError, NotServableError
from dsflow.serving.formats import HINT, ModelFormat, Task, load_model
from dsflow.serving.places import ModelPlaces


@dataclass(frozen=True)
class Model:
    """A model that is ready to predict.

    Attributes:
        path: where its file was when it was loaded; answers hold its last part alone.
        raw: the file's bytes.
        sha256: hexadecimal digest of the bytes.
        features: names of its features, in the order in which it takes them.
        loaded: the model in its format.
        contract: what its training wrote beside it; None when it wrote nothing.
        contract_raw: the contract's bytes.
    """

    path: str
    raw: bytes = field(repr=False)
    sha256: str
    features: tuple[str, ...]
    loaded: ModelFormat = field(repr=False)
    contract: Contract | None = field(default=None, repr=False)
    contract_raw: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The file's name, without the folders, which are nobody's business."""
        return PurePosixPath(self.path).name

    @property
    def version(self) -> str:
        """A short name of the content: the first 12 digits of the SHA-256."""
        return self.sha256[:12]

    @property
    def suffix(self) -> str:
        """The file name's ending by content, such as ``.ubj``; one of the format's."""
        return self.loaded.suffix

    @property
    def task(self) -> Task:
        """What a prediction is: a number (``regression``), one number of two classes (``binary``), or a class."""
        return (self.contract.kind if self.contract else "") or self.loaded.task  # type: ignore[return-value]

    @property
    def classes(self) -> tuple[Any, ...]:
        """The names of the classes as the contract has them, else their numbers; () for a regression."""
        if self.contract is not None and self.contract.classes:
            return self.contract.classes
        return tuple(range(self.loaded.classes))

    def to_json(self) -> dict[str, object]:
        """What answers say about the model."""
        return (
            {"name": self.name, "version": self.version, "format": self.loaded.format}
            | ({"attributes": dict(self.loaded.attributes)} if self.loaded.attributes else {})
            | dict(self.loaded.details)
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
                told = "gives no" if value is _MISSING else f"gives a {type(value).__name__} as"
                raise ApiServerError(
                    f"the deployment {told} feature {name!r}, which the model needs as a number",
                    hint="if the deployment was changed, POST /update again",
                    detail="" if value is _MISSING else repr(value)[:200],
                )
        return values

    def predict(self, vectors: Sequence[Sequence[float]]) -> list[Any]:
        """One prediction for each vector; see `predict_matrix`."""
        matrix = np.asarray(vectors, dtype=np.float32).reshape(len(vectors), len(self.features))
        found: list[Any] = self.predict_matrix(matrix).tolist()
        return found

    def predict_matrix(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """What the model gives for each row of features: a number, or one number for each class; no value is NaN.

        Safe to call from several threads.
        """
        return self.loaded.predict(matrix)

    def told(self, value: Any) -> Any:
        """The prediction that answers hold: the number, or of several classes the likeliest one."""
        if self.task != "multiclass":
            return value
        index = int(np.argmax(value)) if isinstance(value, list) else int(value)
        return self.classes[index] if index < len(self.classes) else index

    def probabilities(self, value: Any) -> dict[str, float]:
        """The probability of each class, by its name.

        Raises:
            BadRequestError: the model gives none.
        """
        if not self.loaded.gives_probabilities or self.task == "regression":
            raise BadRequestError("this model gives no probabilities of classes", hint="ask without probabilities=1")
        numbers = value if isinstance(value, list) else [1.0 - value, value]
        return {str(name): float(number) for name, number in zip(self.classes, numbers, strict=True)}


_MISSING = object()
_checker = Checker()
_GOOD_SIZE = 1000
_good: set[bytes] = set()
"""Digests of contents that passed the check in this process: the same content need not pass it twice."""


def prepare_check() -> None:
    """Have the process that checks models import its libraries before there is a model to check."""
    _checker.prepare()


def read_model(path: str, places: ModelPlaces) -> Model:
    """The model in a file that nobody has checked yet, with the contract beside it, if there is one.

    Args:
        path: absolute path on this machine.
        places: the directories that it may lie in.

    Raises:
        NotServableError: there is no such file in them, or it is not a model that can be served.
    """
    raw = places.read(path)
    contract = places.read_beside(path, SUFFIX, most=MAX_BYTES)
    digest = hashlib.sha256(raw).digest()
    if digest not in _good:
        _checker.check(PurePosixPath(path.strip()).name, raw)
    model = load_checked(path.strip(), raw, contract)
    if len(_good) >= _GOOD_SIZE:
        _good.clear()
    _good.add(digest)
    return model


def load_checked(path: str, raw: bytes, contract_raw: bytes | None = None) -> Model:
    """The model in bytes that have been checked before.

    Args:
        path: where the file was.
        raw: the file's bytes.
        contract_raw: the bytes of its contract.

    Raises:
        NotServableError: it is not a model that can be served.
    """
    name = PurePosixPath(path).name
    loaded = load_model(name, raw)
    digest = hashlib.sha256(raw).hexdigest()
    contract = None
    if contract_raw is not None:
        contract = read_contract(f"{name}{SUFFIX}", contract_raw)
        check_model(contract, name, digest, loaded.features, loaded.width)
        if contract.missing is not None:
            loaded.set_missing(contract.missing)
    features = loaded.features or (tuple(feature.name for feature in contract.features) if contract else ())
    if not features:
        raise NotServableError(
            f"the model {name} carries no feature names, so its features cannot be found in the deployment's output",
            hint="train it with named columns (DMatrix(..., feature_names=[...]), a pandas DataFrame),"
            " or write its contract with write_contract()",
        )
    model = Model(path, raw, digest, features, loaded, contract, contract_raw)
    _check_task(model)
    for value in (math.nan, 0.0) if loaded.takes_missing else (0.0,):
        try:
            (found,) = model.predict([[value] * len(features)])
        except (ValueError, TypeError) as error:
            raise NotServableError(f"the model {name} cannot predict: {str(error)[:300]}", hint=HINT) from error
        numbers = found if isinstance(found, list) else [found]
        if isinstance(found, list) and (model.task != "multiclass" or len(found) != len(model.classes)):
            raise NotServableError(
                f"the model {name} gives {len(numbers)} numbers a row, and its task is {model.task}",
                hint="serve a regression of one number, or a classification",
            )
        if not all(math.isfinite(number) for number in numbers):
            raise NotServableError(f"the model {name} predicts {numbers[0]}", hint="train it again")
    return model


def _check_task(model: Model) -> None:
    """Check that contract and file do not speak of different tasks."""
    contract, loaded = model.contract, model.loaded
    if contract is None:
        return
    if contract.kind == "multiclass" and loaded.task != "multiclass":
        raise NotServableError(
            f"the contract of {model.name} says multiclass, and the model is a {loaded.task}", hint="write it again"
        )
    if loaded.task == "multiclass" and contract.kind not in ("", "multiclass"):
        raise NotServableError(
            f"the contract of {model.name} says {contract.kind}, and the model is multiclass", hint="write it again"
        )
    if contract.classes and loaded.classes and len(contract.classes) != loaded.classes:
        raise NotServableError(
            f"the contract of {model.name} names {len(contract.classes)} classes, and the model has {loaded.classes}",
            hint="write it again",
        )
