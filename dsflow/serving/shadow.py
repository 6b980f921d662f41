"""A second pair that answers in the background, so that its answers can be counted before anybody switches to it.

It is asked for the rows that were answered, after they were, and never holds anything up: what it cannot keep up with
is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from dsflow.serving.apiserver import ApiServer
from dsflow.serving.errors import BadRequestError, ServingError
from dsflow.serving.joining import Batch, Joiner
from dsflow.serving.pair import Pair
from dsflow.serving.schema import check_rows

log = logging.getLogger("dsflow.serving")

WAITING = 64
"""Calls that may wait for the shadow."""

TOLERANCE = 1e-6
"""By what part, or by how much, predictions may differ and still be equal."""


class Shadow:
    """One shadow of one service.

    Args:
        pair: answers in the background.
        apiserver: where its deployment is asked.
        share: of the calls, which are taken.
        counted: told ``equal``, ``different``, ``error`` or ``dropped``, and a number of rows.
    """

    def __init__(self, pair: Pair, apiserver: ApiServer, share: float, counted: Callable[[str, int], None]) -> None:
        self.share, self._counted = share, counted
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(WAITING)
        self._rows: Counter[str] = Counter()
        self._features: Counter[str] = Counter()
        self._largest = self._sum = 0.0
        self._last_error = ""
        self._seen: list[Batch] = []
        self._joiner = Joiner(pair, apiserver, [self._seen.append])
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def pair(self) -> Pair:
        """What answers in the background."""
        return self._joiner.pair

    def is_of(self, pair: Pair, share: float) -> bool:
        """Whether it is the shadow of that pair and share."""
        return self.pair.to_json() == pair.to_json() and self.share == share

    def observe(self, batch: Batch) -> None:
        """Take the rows of a call that was answered, if there is room."""
        if self.share < 1 and random.random() >= self.share:
            return
        try:
            self._waiting.put_nowait(batch)
        except asyncio.QueueFull:
            self._count("dropped", len(batch.rows))

    async def stop(self) -> None:
        """End it; what waits is left out."""
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            pass

    def to_json(self) -> dict[str, object]:
        """What was counted so far."""
        compared = self._rows["equal"] + self._rows["different"]
        return self.pair.to_json() | {
            "share": self.share,
            "rows": {key: self._rows[key] for key in ("equal", "different", "error", "dropped")},
            "features_different": dict(self._features.most_common(100)),
            "prediction_difference": {"largest": self._largest, "mean": self._sum / compared if compared else 0.0},
            "last_error": self._last_error or None,
        }

    async def _run(self) -> None:
        while True:
            batch = await self._waiting.get()
            try:
                await self._ask(batch)
            except ServingError as error:
                self._failed(batch, error.message)
            except Exception as error:  # a fault here must not end the shadow, and reaches no client
                log.exception("the shadow failed")
                self._failed(batch, type(error).__name__)

    async def _ask(self, batch: Batch) -> None:
        pair, codec = self._joiner.pair, self._joiner.codec
        if codec.input == batch.codec.input:
            rows: list[Any] = list(batch.rows)
        else:
            given = [batch.codec.row_json(row) for row in batch.rows]
            rows = codec.from_checked(check_rows(given, pair.deployment.input, may_be_left_out=pair.may_be_left_out))
        self._seen.clear()
        try:
            await self._joiner.predict(rows)
        except BadRequestError as error:
            raise ServingError(error.message) from error
        matrix = np.concatenate([seen.matrix for seen in self._seen])
        values = np.concatenate([seen.values for seen in self._seen])
        self._compare(batch, matrix, values)

    def _compare(self, batch: Batch, matrix: Any, values: Any) -> None:
        ours, theirs = self._joiner.pair.model, batch.pair.model
        both = [name for name in ours.features if name in theirs.features]
        mine = matrix[:, [ours.features.index(name) for name in both]]
        served = batch.matrix[:, [theirs.features.index(name) for name in both]]
        other = ~np.isclose(mine, served, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        for column, count in enumerate(other.sum(axis=0)):
            if count:
                self._features[both[column]] += int(count)
        equal = 0
        for one, two in zip(batch.values.tolist(), values.tolist(), strict=True):
            a, b = theirs.told(one), ours.told(two)
            same, size = _difference(a, b)
            equal += same
            self._sum += size
            self._largest = max(self._largest, size)
        self._count("equal", equal)
        self._count("different", len(batch.rows) - equal)

    def _failed(self, batch: Batch, told: str) -> None:
        self._last_error = told[:300]
        self._count("error", len(batch.rows))

    def _count(self, result: str, rows: int) -> None:
        if rows:
            self._rows[result] += rows
            self._counted(result, rows)


def _difference(one: Any, two: Any) -> tuple[bool, float]:
    """Whether two predictions are equal, and how far they are apart; 1 for two classes."""
    if isinstance(one, float) and isinstance(two, float):
        size = abs(one - two)
        return math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=TOLERANCE), size if math.isfinite(size) else 0.0
    return one == two, 0.0 if one == two else 1.0
