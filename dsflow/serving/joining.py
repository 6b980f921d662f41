"""Requests that wait at the same moment are answered together: one call of the APIServer and one of the model.

Both cost as much for one row as for a few, so under load this is what makes the server quick, and a request that comes
alone does not wait for others. `Joiner` does it for one pair: a request that was given to it is answered wholly by
that pair, whatever an update does meanwhile. A row that OpenMLDB or the model refuses fails its own request alone: the
call is divided in halves until the others have their answers.

What else wants to see each call (metrics, drift, a shadow) is an observer: a function of a `Batch`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dsflow.serving.apiserver import ApiServer
from dsflow.serving.codec import Codec, Features, Row, Unreadable
from dsflow.serving.errors import ApiServerError, ApiServerUnreachableError, BadRequestError
from dsflow.serving.pair import Pair

log = logging.getLogger("dsflow.serving")

CALLS = 4
"""Calls of the APIServer under way at once; what comes meanwhile waits and goes with the next one."""

ROWS = 256
"""Rows that are joined into one call; a request of more rows goes alone."""

_INLINE_SECONDS = 0.002
"""What the model may take on the event loop; a call that takes longer goes to a thread."""


@dataclass(frozen=True)
class Batch:
    """One call, for observers.

    Attributes:
        rows: request rows; `Codec.row_json` gives them by column name.
        matrix: the model's input, float32, one row for each request row.
        values: the model's output, one for each row.
        apiserver_seconds: from the call of the APIServer to its answer.
        model_seconds: what the model took.
    """

    pair: Pair
    codec: Codec
    rows: Sequence[Row]
    matrix: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    apiserver_seconds: float
    model_seconds: float


Observer = Callable[[Batch], None]
Answered = tuple[list[Any], list[Any], float, float]
"""Features and predictions of a request's rows, and the seconds of the APIServer and of the model in its call."""


class _Request:
    """One request's rows, waiting."""

    __slots__ = ("answer", "rows", "since")

    def __init__(self, rows: list[Row], answer: asyncio.Future[Answered], since: float) -> None:
        self.rows, self.answer, self.since = rows, answer, since


class Joiner:
    """Answers request rows by one pair.

    Args:
        pair: deployment and model.
        apiserver: where the deployment is asked.
        observers: called after each call that was answered, on the event loop; they must be quick and must not raise.
        calls: see `CALLS`.
        rows: see `ROWS`.

    Raises:
        NotServableError: a column's name cannot be served.
    """

    def __init__(
        self,
        pair: Pair,
        apiserver: ApiServer,
        observers: Sequence[Observer] = (),
        *,
        calls: int = CALLS,
        rows: int = ROWS,
    ) -> None:
        self.pair, self.codec = pair, Codec(pair)
        self._apiserver, self._observers = apiserver, observers
        self._calls, self._rows = calls, rows
        self._waiting: deque[_Request] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._flush_is_due = False
        self._seconds_a_row = 0.0

    async def predict(self, rows: list[Row]) -> Answered:
        """The features and the prediction of each row, in order.

        Raises:
            BadRequestError: OpenMLDB refuses a row.
            ApiServerError, ApiServerUnreachableError: the features could not be had.
        """
        loop = asyncio.get_running_loop()
        request = _Request(rows, loop.create_future(), time.monotonic())
        self._waiting.append(request)
        if not self._flush_is_due and len(self._under_way) < self._calls:
            # at the end of this turn of the event loop: what has arrived by then goes together
            self._flush_is_due = True
            loop.call_soon(self._flush)
        return await request.answer

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._waiting and len(self._under_way) < self._calls:
            requests, count = [self._waiting.popleft()], 0
            count = len(requests[0].rows)
            while self._waiting and count + len(self._waiting[0].rows) <= self._rows:
                requests.append(self._waiting.popleft())
                count += len(requests[-1].rows)
            task = asyncio.get_running_loop().create_task(self._call(requests))
            self._under_way.add(task)
            task.add_done_callback(self._called)

    def _called(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._flush()

    async def _call(self, requests: Sequence[_Request]) -> None:
        """Answer these requests together; see to it that each gets an answer or an error."""
        rows = requests[0].rows if len(requests) == 1 else [row for request in requests for row in request.rows]
        left = self._apiserver.timeout - (time.monotonic() - requests[0].since)  # the first one has waited longest
        try:
            if left <= 0:
                raise _too_late()
            features, values, asked, took = await self._ask(rows, left)
        except (BadRequestError, ApiServerError) as error:
            if len(requests) == 1:
                _fail(requests, error)
            else:
                half = len(requests) // 2
                await asyncio.gather(self._call(requests[:half]), self._call(requests[half:]))
            return
        except Exception as error:
            _fail(requests, error)
            return
        begin = 0
        for request in requests:
            end = begin + len(request.rows)
            if not request.answer.done():
                request.answer.set_result((features[begin:end], values[begin:end], asked, took))
            begin = end

    async def _ask(self, rows: list[Row], timeout: float) -> Answered:
        begun = time.perf_counter()
        content = await self._apiserver.execute(self.pair.deployment, self.codec.request(rows), timeout)
        told: list[Any]
        try:
            told = features = self.codec.features(content, len(rows))
        except Unreadable:
            told, features = self._read_generally(content, len(rows))
        asked = time.perf_counter()
        matrix = self.codec.matrix(features)
        values = await self._model(matrix)
        done = time.perf_counter()
        batch = Batch(self.pair, self.codec, rows, matrix, values, asked - begun, done - asked)
        for observe in self._observers:
            observe(batch)
        return told, values.tolist(), asked - begun, done - asked

    def _read_generally(self, content: bytes, count: int) -> tuple[list[dict[str, Any]], list[Features]]:
        """What the compiled reader did not take: a refusal, or values that JSON does not have.

        Returns:
            features as they go into answers, and as the model takes them.
        """
        model = self.pair.model
        found = self._apiserver.read_features(self.pair.deployment, content, count)
        features = [self.codec.from_vector(model.vector(row)) for row in found]
        return [{name: _finite(row[name]) for name in model.features} for row in found], features

    async def _model(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        begun = time.perf_counter()
        if len(matrix) * self._seconds_a_row > _INLINE_SECONDS:
            values = await asyncio.to_thread(self.pair.model.predict_matrix, matrix)
        else:
            values = self.pair.model.predict_matrix(matrix)
        # The quickest call counts: what it takes at least. A call that the machine's other work held up says nothing,
        # nor does one of a single row, most of which is the call itself.
        taken = (time.perf_counter() - begun) / len(matrix)
        self._seconds_a_row = min(self._seconds_a_row or taken, taken)
        return values


def _too_late() -> ApiServerUnreachableError:
    return ApiServerUnreachableError(
        "the OpenMLDB APIServer has not answered the requests before this one in time", hint="is it overloaded?"
    )


def _fail(requests: Sequence[_Request], error: Exception) -> None:
    for request in requests:
        if not request.answer.done():
            request.answer.set_exception(error)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; they go out as the texts that OpenMLDB's APIServer uses."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
