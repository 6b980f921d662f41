"""What the prediction server does, without HTTP around it: one pair of deployment and model, updated and asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.serving.apiserver import ApiServer, Deployment
from dsflow.serving.errors import BadRequestError, BodyTooLargeError, NoModelError, NotServableError, ServingError
from dsflow.serving.model import Model, read_model
from dsflow.serving.schema import check_rows
from dsflow.serving.store import Store

log = logging.getLogger("dsflow.serving")

MAX_ROWS = 10_000
"""Rows that one request may hold."""

_INLINE_ROWS = 32  # a few rows take less time than handing them to another thread
_UPDATE_KEYS = ("database", "deployment", "model_path")
_NUMERIC = frozenset(
    {ColumnType.BOOL, ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT, ColumnType.FLOAT, ColumnType.DOUBLE}
)
_ZERO: dict[ColumnType, object] = {
    ColumnType.BOOL: False,
    ColumnType.STRING: "",
    ColumnType.DATE: "1970-1-1",
}


@dataclass(frozen=True)
class Pair:
    """A deployment and a model that belong together: every answer comes from one pair alone."""

    deployment: Deployment
    model: Model

    @property
    def may_be_left_out(self) -> frozenset[str]:
        """Request columns that the deployment hands through and the model does not use: the label, as a rule."""
        handed_through = {column.name for column in self.deployment.output} - set(self.model.features)
        return frozenset(column.name for column in self.deployment.input if column.name in handed_through)

    def to_json(self) -> dict[str, object]:
        """Who answers: ``database``, ``deployment``, ``model``."""
        return {
            "database": self.deployment.database,
            "deployment": self.deployment.name,
            "model": self.model.to_json(),
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
        self._updating = asyncio.Lock()

    @property
    def pair(self) -> Pair | None:
        """The pair in service. Take it once for each request, so that an update in between changes nothing for it."""
        return self._pair

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
                self._pair = _fit(saved.deployment, saved.model)
        except ServingError as error:
            self.restore_error = str(error)
            log.error("nothing is served until the next update: %s", error)

    async def stop(self) -> None:
        """Close connections and give the model directory back."""
        await self.apiserver.aclose()
        if self._store is not None:
            self._store.close()

    async def update(self, body: object) -> Pair:
        """Serve another deployment and model. Until this returns, and if it raises, the old pair is served.

        Args:
            body: ``{"database": text, "deployment": text, "model_path": absolute path}``.

        Raises:
            BadRequestError: the body is not that.
            NotServableError: there is no such deployment or model, or the two do not fit together.
            ApiServerError, ApiServerUnreachableError: the APIServer could not be asked.
            StoreError: the pair could not be saved.
        """
        database, deployment_name, model_path = _update_request(body)
        async with self._updating:
            deployment = await self.apiserver.deployment(database, deployment_name)
            model = await asyncio.to_thread(read_model, model_path)
            pair = _fit(deployment, model)
            await self._probe(pair)
            if self._store is not None:
                await asyncio.to_thread(self._store.save, deployment, model)
            self._pair = pair
            self.restore_error = None
            log.info("serving %s with %s (%s)", deployment, model.path, model.version)
            return pair

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
        return await self._predict(pair, checked) if checked else []

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


def _fit(deployment: Deployment, model: Model) -> Pair:
    """The pair, if the deployment gives what the model needs.

    Raises:
        NotServableError: it does not.
    """
    output: dict[str, list[ColumnType]] = {}
    for column in deployment.output:
        output.setdefault(column.name, []).append(column.type)
    missing = [name for name in model.features if name not in output]
    if missing:
        raise NotServableError(
            f"the model {model.path} needs {', '.join(missing)}, which deployment {deployment} does not give;"
            f" it gives {', '.join(output)}",
            hint="deploy the features that the model was trained on, or train on the features that are deployed",
        )
    twice = [name for name in model.features if len(output[name]) > 1]
    if twice:
        raise NotServableError(
            f"deployment {deployment} gives {', '.join(twice)} more than once",
            hint="give each output column its own name",
        )
    other = [f"{name} ({output[name][0]})" for name in model.features if output[name][0] not in _NUMERIC]
    if other:
        raise NotServableError(
            f"deployment {deployment} gives {', '.join(other)}, where the model {model.path} needs numbers",
            hint="xgboost takes numbers only: encode these columns in the feature query",
        )
    return Pair(deployment, model)


def _update_request(body: object) -> tuple[str, str, str]:
    wanted = 'POST {"database": "demo_db", "deployment": "demo", "model_path": "/models/model.json"}'
    if not isinstance(body, Mapping):
        raise BadRequestError("the body of /update is a JSON object", hint=wanted)
    problems = [f"key {key!r} is unknown" for key in body if key not in _UPDATE_KEYS]
    values: list[str] = []
    for key in _UPDATE_KEYS:
        value = body.get(key)
        if key not in body:
            problems.append(f"key {key!r} is missing")
        elif not isinstance(value, str) or not value.strip():
            problems.append(f"key {key!r} takes a text that is not empty, not {value!r}")
        elif "${" in value:
            problems.append(f"key {key!r} still holds a placeholder that nobody filled in: {value}")
        else:
            values.append(value.strip())
    if problems:
        raise BadRequestError(f"the update cannot be read: {'; '.join(problems)}", hint=wanted, problems=problems)
    return values[0], values[1], values[2]
