"""How far the features that were served lately differ from those of the training.

The measure is the population stability index, the sum over bins of (p - q) ln(p / q) with p the shares served and q
those of the training, for bins that each hold a tenth of the training's values. As a rule of the trade below 0.1 is no
shift, and above 0.25 a large one (Siddiqi, Credit Risk Scorecards, 2006).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsflow.serving.contract import Feature

WINDOW = 10_000
"""Rows that are remembered."""

_LEAST_SHARE = 1e-4  # an empty bin would make the index infinite


@dataclass(frozen=True)
class Drift:
    """One feature over the rows that were served lately.

    Attributes:
        rows: how many.
        missing: the share of them without a value.
        mean: of the others; NaN when there are none.
        index: the population stability index against the training; None when the training's bins are not known.
    """

    rows: int
    missing: float
    mean: float
    index: float | None


class Served:
    """The inputs of a model for the rows that it answered lately; keeping them costs a request next to nothing."""

    def __init__(self, window: int = WINDOW) -> None:
        self._matrices: deque[NDArray[np.float32]] = deque()
        self._rows, self._window = 0, window

    def add(self, matrix: NDArray[np.float32]) -> None:
        """Remember the rows of a request; the matrix must not be changed afterwards."""
        matrix = matrix[-self._window :]
        self._matrices.append(matrix)
        self._rows += len(matrix)
        while self._rows - len(self._matrices[0]) >= self._window:
            self._rows -= len(self._matrices.popleft())

    def clear(self) -> None:
        """Forget them: another model answers."""
        self._matrices.clear()
        self._rows = 0

    def drift(self, features: tuple[Feature, ...]) -> dict[str, Drift]:
        """For each feature, in the model's order, how the rows compare."""
        if not self._matrices:
            return {}
        rows = np.concatenate(list(self._matrices)).astype(np.float64)
        if rows.shape[1] != len(features):
            return {}
        return {feature.name: _drift(rows[:, column], feature) for column, feature in enumerate(features)}


def _drift(values: NDArray[np.float64], feature: Feature) -> Drift:
    known = values[np.isfinite(values)]
    told = feature.statistics
    index: float | None = None
    if told is not None and told.shares and len(known):
        counts = np.bincount(np.searchsorted(np.asarray(told.edges), known), minlength=len(told.shares))
        index = stability_index(counts / len(known), np.asarray(told.shares))
    mean = float(known.mean()) if len(known) else math.nan
    return Drift(len(values), 1 - len(known) / len(values), mean, index)


def stability_index(served: NDArray[np.float64], trained: NDArray[np.float64]) -> float:
    """The population stability index of two lists of shares; 0 for equal ones."""
    p, q = np.maximum(served, _LEAST_SHARE), np.maximum(trained, _LEAST_SHARE)
    return float(np.sum((p - q) * np.log(p / q)))
