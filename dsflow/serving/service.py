"""What the prediction server does, without HTTP around it: one pair of deployment and model, updated and asked."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.serving.apiserver import ApiServer
from dsflow.serving.compare import Comparison, compare, shared_columns
from dsflow.serving.errors import BadRequestError, BodyTooLargeError, NoModelError, NotServableError, ServingError
from dsflow.serving.model import read_model
from dsflow.serving.pair import Pair, fit
from dsflow.serving.schema import Column, check_rows
from dsflow.serving.store import Store
from dsflow.serving.update import Update, read_update

log = logging.getLogger("dsflow.serving")

MAX_ROWS = 10_000
"""Rows that one request may hold."""

RECENT_ROWS = 1000
"""Request rows that are remembered, to compare a new deployment with the one in service."""

_INLINE_ROWS = 32  # a few rows take less time than handing them to another thread
_ZERO: dict[ColumnType, object] = {
    ColumnType.BOOL: False,
    ColumnType.STRING: "",
    ColumnType.DATE: "1970-1-1",
}


@dataclass(frozen=True)
class Prediction:
    """The answer to one request row."""

    pair: Pair
    features: Mapping[str, Any]
    value: float


class PredictionService:
    """The state of one prediction server.

    Args:
        apiserver: where deployments are asked.
        store: where the last good pair is kept; None keeps it in memory alone.
    """

    def __init__(self, apiserver: ApiServer, store: Store | None = None) -> None:
        self.apiserver = apiserver
        self.restore_error: str | None = None
        self._store = store
        self._pair: Pair | None = None
        self._previous: Pair | None = None
        # with the columns that they had: a row of other columns is no request any more
        self._recent: deque[tuple[tuple[Column, ...], Mapping[str, object]]] = deque(maxlen=RECENT_ROWS)
        self._updating = asyncio.Lock()

    @property
    def pair(self) -> Pair | None:
        """The pair in service. Take it once for each request, so that an update in between changes nothing for it."""
        return self._pair

    @property
    def previous(self) -> Pair | None:
        """The pair that was in service before, to which `rollback` goes back."""
        return self._previous

    async def start(self) -> None:
        """Take the model directory and serve what was served before.

        A pair that cannot be restored is no reason not to start: the server says so in its log and under /health, and
        waits for an update.

        Raises:
            StoreError: the model directory cannot be used.
        """
        if self._store is None:
            return
        await asyncio.to_thread(self._store.open)
        try:
            saved = await asyncio.to_thread(self._store.load)
            if saved is not None:
                current, previous = saved
                self._pair = fit(current.deployment, current.model, current.columns)
                if previous is not None:
                    self._previous = fit(previous.deployment, previous.model, previous.columns)
        except ServingError as error:
            self.restore_error = str(error)
            log.error("nothing is served until the next update: %s", error)

    async def stop(self) -> None:
        """Close connections and give the model directory back."""
        await self.apiserver.aclose()
        if self._store is not None:
            self._store.close()

    async def update(self, body: object) -> tuple[Pair, Comparison]:
        """Serve another deployment and model. Until this returns, and if it raises, the old pair is served.

        Args:
            body: ``{"database": text, "deployment": text, "model_path": absolute path}``, and what `Update` has more.

        Raises:
            BadRequestError: the body is not that.
            NotServableError: there is no such deployment or model, the two do not fit together, or the deployment does
                not answer like the one in service where it should.
            ApiServerError, ApiServerUnreachableError: the APIServer could not be asked.
            StoreError: the pair could not be saved.
        """
        update = read_update(body)
        async with self._updating:
            deployment = await self.apiserver.deployment(update.database, update.deployment)
            model = await asyncio.to_thread(read_model, update.model_path)
            pair = fit(deployment, model, update.columns)
            await self._probe(pair)
            comparison = await self._compare(pair, update)
            unchanged = self._pair is not None and self._pair.to_json() == pair.to_json()
            await self._serve(pair, self._previous if unchanged else self._pair)
            return pair, comparison

    async def rollback(self) -> Pair:
        """Serve the pair of before again; what is served now becomes the one to go back to.

        Raises:
            NotServableError: there is none, or its deployment is gone.
            ApiServerError, ApiServerUnreachableError: the APIServer could not be asked.
            StoreError: the change could not be saved.
        """
        async with self._updating:
            pair = self._previous
            if pair is None:
                raise NotServableError("there is no earlier pair to go back to", hint="POST /update serves another one")
            deployment = await self.apiserver.deployment(pair.deployment.database, pair.deployment.name)
            pair = fit(deployment, pair.model, pair.columns)
            await self._probe(pair)
            await self._serve(pair, self._pair)
            return pair

    async def _serve(self, pair: Pair, previous: Pair | None) -> None:
        if self._store is not None:
            before = None if previous is None else previous.to_saved()
            await asyncio.to_thread(self._store.save, pair.to_saved(), before)
        self._pair, self._previous = pair, previous
        self.restore_error = None
        log.info("serving %s with %s (%s)", pair.deployment, pair.model.path, pair.model.version)

    async def _compare(self, pair: Pair, update: Update) -> Comparison:
        """Both deployments' answers, to requests that came lately and to rows of the table."""
        old = self._pair
        if old is None or not update.compare or str(old.deployment) == str(pair.deployment):
            return Comparison()
        columns = shared_columns(old.columns, pair.columns)
        if not columns or old.deployment.input != pair.deployment.input:
            return Comparison()
        rows = [row for given, row in self._recent if given == pair.deployment.input][-update.compare :]
        if update.table and len(rows) < update.compare:
            stored = await self.apiserver.rows(pair.deployment, update.table, update.compare - len(rows))
            rows += check_rows(stored, pair.deployment.input)
        return await compare(self.apiserver, old.deployment, pair.deployment, columns, rows)

    async def predict(self, rows: Sequence[object]) -> list[Prediction]:
        """One prediction for each request row, in order, all from the pair that is in service now.

        Raises:
            NoModelError: there is none.
            BodyTooLargeError: more than ``MAX_ROWS`` rows.
            BadRequestError: rows that do not fit the deployment's input.
            ApiServerError, ApiServerUnreachableError: the features could not be had.
        """
        pair = self._pair
        if pair is None:
            raise NoModelError
        if len(rows) > MAX_ROWS:
            raise BodyTooLargeError(f"{len(rows)} rows in one request", hint=f"send at most {MAX_ROWS} rows at a time")
        checked = check_rows(rows, pair.deployment.input, may_be_left_out=pair.may_be_left_out)
        if not checked:
            return []
        predictions = await self._predict(pair, checked)
        # only rows that a deployment answered
        self._recent.extend((pair.deployment.input, row) for row in checked[-RECENT_ROWS:])
        return predictions

    async def _predict(self, pair: Pair, rows: Sequence[Mapping[str, object]]) -> list[Prediction]:
        found = await self.apiserver.features(pair.deployment, rows)
        vectors = [pair.model.vector(features) for features in found]
        if len(vectors) <= _INLINE_ROWS:
            values = pair.model.predict(vectors)
        else:
            values = await asyncio.to_thread(pair.model.predict, vectors)
        names = pair.model.features
        return [
            Prediction(pair, {name: features[name] for name in names}, value)
            for features, value in zip(found, values, strict=True)
        ]

    async def _probe(self, pair: Pair) -> None:
        """One whole prediction on a row of zeros: the deployment answers, and the model takes what it answers.

        Request mode does not store the row, and zeros are fit for NOT NULL columns too.
        """
        row = {column.name: _ZERO.get(column.type, 0) for column in pair.deployment.input}
        try:
            await self._predict(pair, [row])
        except BadRequestError as error:
            raise NotServableError(
                f"deployment {pair.deployment} does not answer a row of zeros: {error.message}", hint=error.hint
            ) from error
