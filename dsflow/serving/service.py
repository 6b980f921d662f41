"""What the prediction server does, without HTTP around it: one pair of deployment and model, updated and asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.serving.apiserver import ApiServer
from dsflow.serving.body import read_json
from dsflow.serving.codec import Codec, Row, Unreadable
from dsflow.serving.compare import Comparison, compare, shared_columns
from dsflow.serving.contract import Feature
from dsflow.serving.drift import Drift, Served
from dsflow.serving.errors import BadRequestError, BodyTooLargeError, NoModelError, NotServableError, ServingError
from dsflow.serving.forms import read_rows
from dsflow.serving.joining import Batch, Joiner
from dsflow.serving.metrics import Metrics
from dsflow.serving.model import read_model
from dsflow.serving.options import DEFAULT_SERVICE
from dsflow.serving.pair import Pair, fit
from dsflow.serving.places import ModelPlaces
from dsflow.serving.schema import check_rows
from dsflow.serving.shadow import Shadow
from dsflow.serving.store import Store
from dsflow.serving.together import Alone, Together
from dsflow.serving.update import Update, read_update

log = logging.getLogger("dsflow.serving")

MAX_ROWS = 10_000
"""Rows that one request may hold."""

RECENT_ROWS = 1000
"""Request rows that are remembered, to compare a new deployment with the one in service."""

_ZERO: dict[ColumnType, object] = {
    ColumnType.BOOL: False,
    ColumnType.STRING: "",
    ColumnType.DATE: "1970-1-1",
}


class PredictionService:
    """The state of one prediction server.

    Args:
        apiserver: where deployments are asked.
        store: where the last good pair is kept; None keeps it in memory alone.
        together: the other worker processes that serve the same; they need a store.
        name: the service's, for metrics.
        places: where models may lie; None takes none.
        metrics: what counts; None counts for nobody.
    """

    def __init__(
        self,
        apiserver: ApiServer,
        store: Store | None = None,
        together: Together | None = None,
        *,
        name: str = DEFAULT_SERVICE,
        places: ModelPlaces | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.apiserver = apiserver
        self.restore_error: str | None = None
        self._store = store
        self._places = ModelPlaces() if places is None else places
        self._metrics = Metrics() if metrics is None else metrics
        self._served = Served()
        self.shadow: Shadow | None = None
        self._joiner: Joiner | None = None
        self._previous: Pair | None = None
        # with what knows their columns: a row of other columns is no request any more
        self._recent: deque[tuple[Codec, Row]] = deque(maxlen=RECENT_ROWS)
        self._together = together or Alone()
        self._started = asyncio.Event()
        self._prepared: Joiner | None = None

    @property
    def pair(self) -> Pair | None:
        """The pair in service."""
        return None if self._joiner is None else self._joiner.pair

    @property
    def previous(self) -> Pair | None:
        """The pair that was in service before, to which `rollback` goes back."""
        return self._previous

    def open_store(self) -> None:
        """Take the model directory already, before `start`.

        Raises:
            StoreError: it cannot be used.
        """
        if self._store is not None:
            self._store.open()

    async def start(self) -> None:
        """Take the model directory and serve what was served before.

        A pair that cannot be restored is no reason not to start: the server says so in its log and under /health, and
        waits for an update.

        Raises:
            StoreError: the model directory cannot be used.
        """
        if self._store is not None:
            await asyncio.to_thread(self._store.open)
        await self._together.start(self._told)
        await self._restore()
        await self._restore_shadow()
        self._started.set()

    async def stop(self) -> None:
        """Close connections and give the model directory back."""
        await self._end_shadow()
        await self._together.stop()
        await self.apiserver.aclose()
        if self._store is not None:
            self._store.close()

    async def _restore(self) -> None:
        """Serve what the store says."""
        if self._store is None:
            return
        try:
            saved = await asyncio.to_thread(self._store.load)
            if saved is not None:
                current, previous = saved
                joiner = self._joiner_of(fit(current.deployment, current.model, current.columns))
                before = None if previous is None else fit(previous.deployment, previous.model, previous.columns)
                self._joiner, self._previous = joiner, before
                self.restore_error = None
        except ServingError as error:
            self.restore_error = "; ".join(filter(None, (error.message, error.hint)))
            log.error("nothing is served until the next update: %s", error, extra={"detail": error.detail or None})

    async def _restore_shadow(self) -> None:
        """Begin the shadow that the store knows, unless it is there."""
        try:
            await self._shadow_as_saved(anew=False)
        except ServingError as error:
            log.warning("there is no shadow any more: %s", error, extra={"detail": error.detail or None})

    async def _shadow_as_saved(self, *, anew: bool) -> None:
        """Have the shadow that the store knows, or none; anew: also one that is there begins again.

        Raises:
            StoreError, NotServableError: it cannot be read, or does not fit together any more.
        """
        saved = None if self._store is None else await asyncio.to_thread(self._store.load_shadow)
        if saved is None:
            await self._end_shadow()
            return
        pair = fit(saved[0].deployment, saved[0].model, saved[0].columns)
        if anew or self.shadow is None or not self.shadow.is_of(pair, saved[1]):
            await self._begin_shadow(pair, saved[1])

    async def _told(self, what: str, about: Mapping[str, Any]) -> None:
        """Another worker updates: prepare its pair, change over to it, or look at the store again."""
        await self._started.wait()
        prepared = None
        if what in ("prepare", "commit", "abort", "restore"):
            prepared, self._prepared = self._prepared, None
        if what == "prepare" and self._store is not None:
            saved = await asyncio.to_thread(self._store.read, about)
            self._prepared = await self._probed(fit(saved.deployment, saved.model, saved.columns))
        elif what == "commit" and prepared is not None:
            self._change_over(prepared, self._before(prepared.pair))
        elif what == "shadow":
            await self._shadow_as_saved(anew=True)
        elif what in ("commit", "restore"):  # a worker that was started in the middle of an update
            await self._restore()
            await self._restore_shadow()

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
        async with self._together.exclusive():
            deployment = await self.apiserver.deployment(update.database, update.deployment)
            model = await asyncio.to_thread(read_model, update.model_path, self._places)
            pair = fit(deployment, model, update.columns)
            joiner = await self._probed(pair)
            comparison = await self._compare(pair, update)
            await self._serve(joiner)
            return pair, comparison

    async def rollback(self) -> Pair:
        """Serve the pair of before again; what is served now becomes the one to go back to.

        Raises:
            NotServableError: there is none, or its deployment is gone.
            ApiServerError, ApiServerUnreachableError: the APIServer could not be asked.
            StoreError: the change could not be saved.
        """
        async with self._together.exclusive():
            pair = self._previous
            if pair is None:
                raise NotServableError("there is no earlier pair to go back to", hint="POST /update serves another one")
            deployment = await self.apiserver.deployment(pair.deployment.database, pair.deployment.name)
            pair = fit(deployment, pair.model, pair.columns)
            await self._serve(await self._probed(pair))
            return pair

    async def _serve(self, joiner: Joiner) -> None:
        """Save and serve a pair that was probed, in all workers or in none."""
        pair, previous = joiner.pair, self._before(joiner.pair)
        if self._store is not None:
            saved, before = pair.to_saved(), None if previous is None else previous.to_saved()
            try:
                if self._together.others:
                    await self._together.tell("prepare", await asyncio.to_thread(self._store.stage, saved))
                await asyncio.to_thread(self._store.save, saved, before)
            except ServingError:
                with contextlib.suppress(NotServableError):  # a worker that ends has nothing prepared
                    await self._together.tell("abort")
                raise
        self._change_over(joiner, previous)
        try:
            await self._together.tell("commit")
        except NotServableError as error:  # it is started again, and serves what has been saved
            log.warning("a worker did not change over: %s", error)

    def _before(self, pair: Pair) -> Pair | None:
        """What to go back to when this pair is served."""
        unchanged = self.pair is not None and self.pair.to_json() == pair.to_json()
        return self._previous if unchanged else self.pair

    def _change_over(self, joiner: Joiner, previous: Pair | None) -> None:
        pair = joiner.pair
        self._joiner, self._previous = joiner, previous
        self._served.clear()
        self.restore_error = None
        about = {"service": self.name, "path": pair.model.path}
        log.info("serving %s with %s (%s)", pair.deployment, pair.model.name, pair.model.version, extra=about)
        self._metrics.ready(self.name, True)

    async def _compare(self, pair: Pair, update: Update) -> Comparison:
        """Both deployments' answers, to requests that came lately and to rows of the table."""
        old = self.pair
        if old is None or not update.compare or str(old.deployment) == str(pair.deployment):
            return Comparison()
        columns = shared_columns(old.columns, pair.columns)
        if not columns or old.deployment.input != pair.deployment.input:
            return Comparison()
        recent = [codec.row_json(row) for codec, row in self._recent if codec.input == pair.deployment.input]
        rows = recent[-update.compare :]
        if update.table and len(rows) < update.compare:
            stored = await self.apiserver.rows(pair.deployment, update.table, update.compare - len(rows))
            rows += check_rows(stored, pair.deployment.input)
        return await compare(self.apiserver, old.deployment, pair.deployment, columns, rows)

    async def predict(self, body: bytes, *, probabilities: bool = False) -> bytes:
        """The answer to the body of a request: for each row of it, in order, features and prediction.

        All of one answer is of the pair that is in service when the request arrives.

        Args:
            body: JSON, a row or an array of rows; see `dsflow.serving.forms`.
            probabilities: whether each answer has the probability of each class.

        Raises:
            NoModelError: no pair is served.
            BodyTooLargeError: more than ``MAX_ROWS`` rows.
            BadRequestError: it is not JSON, or not rows that fit the deployment's input; or the model gives no
                probabilities.
            ApiServerError, ApiServerUnreachableError: the features could not be had.
        """
        begun = time.perf_counter()
        joiner = self._joiner
        if joiner is None:
            raise NoModelError
        codec, model = joiner.codec, joiner.pair.model
        try:
            rows, many = codec.rows(body)
        except Unreadable:
            rows, many = _read_generally(joiner, body)
        if len(rows) > MAX_ROWS:
            raise _too_many(len(rows))
        if not rows:
            return codec.encode([])
        features, values, asked, took = await joiner.predict(rows)
        if probabilities:
            shares = [model.probabilities(value) for value in values]
            answers = list(map(codec.answer_with, features, map(model.told, values), shares))
        else:
            told = values if model.task != "multiclass" else list(map(model.told, values))
            answers = list(map(codec.answer, features, told))
        found = codec.encode(answers if many else answers[0])
        self._metrics.predicted(self.name, len(rows), asked, took, time.perf_counter() - begun - asked - took)
        return found

    def drift(self) -> tuple[tuple[Feature, ...], dict[str, Drift]]:
        """The training's features, and how those that were served lately compare; nothing without a contract."""
        contract = None if self.pair is None else self.pair.model.contract
        return ((), {}) if contract is None else (contract.features, self._served.drift(contract.features))

    async def set_shadow(self, body: object) -> dict[str, object]:
        """Let a second pair answer in the background; one that was there before ends.

        Args:
            body: as for `update`, and ``share``, of the calls that it is asked for too (above 0, up to 1).

        Raises:
            BadRequestError, NotServableError, ApiServerError, ApiServerUnreachableError, StoreError: as `update`.
        """
        share = 1.0
        if isinstance(body, Mapping) and "share" in body:
            share = _share(body["share"])
            body = {key: value for key, value in body.items() if key != "share"}
        update = read_update(body)
        async with self._together.exclusive():
            deployment = await self.apiserver.deployment(update.database, update.deployment)
            model = await asyncio.to_thread(read_model, update.model_path, self._places)
            pair = fit(deployment, model, update.columns)
            await self._probed(pair)
            if self._store is not None:
                await self._save_shadow(self._store, pair, share)
            return (await self._begin_shadow(pair, share)).to_json()

    async def _save_shadow(self, store: Store, pair: Pair, share: float) -> None:
        """Save the shadow and have the other workers begin it; when one cannot, all have the one of before."""
        before = self.shadow
        await asyncio.to_thread(store.save_shadow, pair.to_saved(), share)
        try:
            await self._together.tell("shadow")
        except NotServableError:
            if before is None:
                await asyncio.to_thread(store.remove_shadow)
            else:
                await asyncio.to_thread(store.save_shadow, before.pair.to_saved(), before.share)
            with contextlib.suppress(NotServableError):  # a worker that ends begins with what is saved
                await self._together.tell("shadow")
            raise

    async def end_shadow(self) -> None:
        """End the shadow, if there is one, in all workers.

        Raises:
            StoreError: it cannot be taken out of the model directory; it stays.
        """
        async with self._together.exclusive():
            if self._store is not None:
                await asyncio.to_thread(self._store.remove_shadow)
            await self._end_shadow()
            try:
                await self._together.tell("shadow")
            except NotServableError as error:  # it is started again, and begins with what has been saved
                log.warning("a worker did not end the shadow: %s", error)

    async def _begin_shadow(self, pair: Pair, share: float) -> Shadow:
        await self._end_shadow()
        self.shadow = Shadow(pair, self.apiserver, share, partial(self._metrics.shadowed, self.name))
        return self.shadow

    async def _end_shadow(self) -> None:
        shadow, self.shadow = self.shadow, None
        if shadow is not None:
            await shadow.stop()

    def _joiner_of(self, pair: Pair) -> Joiner:
        return Joiner(pair, self.apiserver, [self._remember])

    def _remember(self, batch: Batch) -> None:
        if batch.pair is self.pair:  # not what was asked of the pair before
            self._served.add(batch.matrix)
        if self.shadow is not None:
            self.shadow.observe(batch)
        # only rows that a deployment answered
        self._recent.extend((batch.codec, row) for row in batch.rows[-RECENT_ROWS:])

    async def _probed(self, pair: Pair) -> Joiner:
        """What answers by the pair, after one whole prediction on a row of zeros: the deployment answers, and the model
        takes what it answers.

        Request mode does not store the row, and zeros are fit for NOT NULL columns too.
        """
        row = {column.name: _ZERO.get(column.type, 0) for column in pair.deployment.input}
        try:
            probe = Joiner(pair, self.apiserver)
            await probe.predict(probe.codec.from_checked([row]))
        except BadRequestError as error:
            raise NotServableError(
                f"deployment {pair.deployment} does not answer a row of zeros: {error.message}", hint=error.hint
            ) from error
        return self._joiner_of(pair)


def _read_generally(joiner: Joiner, body: bytes) -> tuple[list[Row], bool]:
    """Rows in all the forms that are allowed; what is wrong with others is an error that says so."""
    pair = joiner.pair
    rows, many = read_rows(read_json(body), pair.deployment.input)
    if len(rows) > MAX_ROWS:
        raise _too_many(len(rows))
    checked = check_rows(rows, pair.deployment.input, may_be_left_out=pair.may_be_left_out)
    return joiner.codec.from_checked(checked), many


def _share(given: object) -> float:
    # DolphinScheduler's HTTP task sends every value as a string
    if isinstance(given, str) and re.fullmatch(r"[01](\.\d{1,9})?|\.\d{1,9}", given.strip()):
        given = float(given)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given <= 1:
        raise BadRequestError("share takes a number above 0 and up to 1")
    return float(given)


def _too_many(rows: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"{rows} rows in one request", hint=f"send at most {MAX_ROWS} rows at a time")
