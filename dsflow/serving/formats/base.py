"""What every model format gives: names, a task, and predictions for a matrix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dsflow.serving.errors import NotServableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Task = Literal["regression", "binary", "multiclass"]


class ModelFormat(ABC):
    """A loaded model of one format.

    Attributes:
        format: the format's name in answers.
        takes_missing: whether the format has a meaning for a value that is not there.
        suffix: the ending of a copy's name.
        features: the names of the inputs, in the order of a matrix's columns; empty when the file carries none.
        width: number of inputs; 0 when the file does not say.
        task: what the numbers of a prediction are. ``binary``: one number a row, as a rule the probability of the
            second class. ``multiclass``: one number for each class, or the class itself.
        classes: number of classes of ``multiclass``, 2 of ``binary``, 0 of ``regression``.
        attributes: what the training wrote into the file.
        details: what else answers say about the model.
    """

    format: ClassVar[str]
    takes_missing: ClassVar[bool] = True
    suffix: str
    features: tuple[str, ...]
    width: int
    task: Task
    classes: int
    attributes: Mapping[str, str]
    details: Mapping[str, Any]

    @classmethod
    @abstractmethod
    def load(cls, name: str, raw: bytes) -> ModelFormat:
        """The model in a file's bytes.

        Args:
            name: the file's name, for messages.
            raw: bytes that have been checked, or that a child process checks.

        Raises:
            NotServableError: it is no model of this format, or one that cannot be served.
        """

    @abstractmethod
    def predict(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        """One number for each row, or one row of numbers, one for each class. Safe to call from several threads.

        Args:
            matrix: rows by inputs, float32; NaN where there is no value.
        """

    def set_missing(self, missing: float) -> None:
        """Take a number for no value, beside NaN, as the training did.

        Raises:
            NotServableError: the format has no such thing.
        """
        raise NotServableError(
            f"the contract says that {missing:g} stood for no value, which {self.format} does not know",
            hint="train with null in its place",
        )

    @property
    def gives_probabilities(self) -> bool:
        """Whether the numbers of a prediction are probabilities of classes."""
        return self.task != "regression"

    def check(self) -> None:  # noqa: B027  (most formats have nothing to look at)
        """Look through the loaded model for damage that loading does not see; in the child process only.

        Raises:
            ValueError: the model is damaged.
        """
