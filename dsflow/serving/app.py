"""The prediction server's HTTP: five paths, JSON in and out, every error as ``{"error": ..., "hint": ...}``.

POST /update    {"database", "deployment", "model_path"}: serve this pair from now on; with "compare" (a number of
                rows), "table" and "columns" only if it answers like the pair in service where it should
POST /rollback  serve the pair of before again
POST /predict   a row, or an array of rows: features and prediction for each
GET  /schema    what a row looks like, and who answers
GET  /health    does the process live, and does it serve
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dsflow.serving.apiserver import ApiServer
from dsflow.serving.errors import BadRequestError, BodyTooLargeError, NoModelError, ServingError
from dsflow.serving.service import Prediction, PredictionService
from dsflow.serving.store import Store

MAX_BODY = 16 * 1024 * 1024
"""Bytes that the body of one request may have."""

_PATHS = "POST /update, POST /rollback, POST /predict, GET /schema, GET /health"


def create_app(apiserver: str, model_dir: Path | None = None) -> Starlette:
    """The ASGI application.

    Args:
        apiserver: base URL of OpenMLDB's APIServer, as in ``http://127.0.0.1:9080``.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.

    Raises:
        ConfigError: the URL is not one.
    """
    return build_app(ApiServer(apiserver), Store(model_dir) if model_dir is not None else None)


def build_app(apiserver: ApiServer, store: Store | None) -> Starlette:
    """The ASGI application over parts that stand already; it closes them when it ends."""
    service = PredictionService(apiserver, store)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await service.start()
            yield
        finally:
            await service.stop()

    async def update(request: Request) -> Response:
        pair, comparison = await service.update(await _json_body(request))
        about = {"features": list(pair.model.features), "compared": comparison.to_json()}
        return _answer({"status": "ok"} | pair.to_json() | about)

    async def rollback(request: Request) -> Response:
        pair = await service.rollback()
        return _answer({"status": "ok"} | pair.to_json() | {"features": list(pair.model.features)})

    async def predict(request: Request) -> Response:
        body = await _json_body(request)
        if not isinstance(body, (dict, list)):
            raise BadRequestError("the body of /predict is one row (a JSON object) or an array of rows")
        predictions = await service.predict(body if isinstance(body, list) else [body])
        answers = [_prediction(prediction) for prediction in predictions]
        return _answer(answers if isinstance(body, list) else answers[0])

    async def schema(request: Request) -> Response:
        pair = service.pair
        if pair is None:
            raise NoModelError
        optional = pair.may_be_left_out
        columns = [
            {"name": column.name, "type": column.type.value, "may_be_left_out": column.name in optional}
            for column in pair.deployment.input
        ]
        types = {column.name: column.type.value for column in pair.deployment.output}
        features = [{"name": name, "type": types[name]} for name in pair.model.features]
        return _answer(pair.to_json() | {"request": columns, "features": features})

    async def health(request: Request) -> Response:
        pair = service.pair
        about: dict[str, object] = {
            "status": "no model" if pair is None else "ok",
            "ready": pair is not None,
            "apiserver": service.apiserver.url,
        }
        if pair is not None:
            about |= pair.to_json()
        if service.previous is not None:
            about["previous"] = service.previous.to_json()
        if service.restore_error is not None:
            about["restore_error"] = service.restore_error
        return _answer(about)

    return Starlette(
        routes=[
            Route("/update", update, methods=["POST"]),
            Route("/rollback", rollback, methods=["POST"]),
            Route("/predict", predict, methods=["POST"]),
            Route("/schema", schema, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        exception_handlers={
            ServingError: _refuse,
            HTTPException: _no_such_path,
            ClientDisconnect: _gone,
            Exception: _bug,
        },
        lifespan=lifespan,
    )


def _prediction(prediction: Prediction) -> dict[str, object]:
    features = {name: _finite(value) for name, value in prediction.features.items()}
    return prediction.pair.to_json() | {"features": features, "prediction": prediction.value}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; they go out as the texts that OpenMLDB's APIServer uses."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


async def _json_body(request: Request) -> object:
    """The body as JSON, whatever content type the client says.

    Raises:
        BadRequestError: it is empty or not JSON.
        BodyTooLargeError: it has more than ``MAX_BODY`` bytes.
    """
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY:
            raise BodyTooLargeError(
                "the body of the request is too large", hint=f"send at most {MAX_BODY // 2**20} MiB at a time"
            )
    if not parts.strip():
        raise BadRequestError("the request has no body", hint="send JSON; GET /schema tells what a row looks like")
    try:
        return json.loads(parts.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequestError(f"the body of the request is not JSON: {text}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; send null for a value that is not known")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServingError)
    return _answer(error.to_json(), error.status)


async def _no_such_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _answer({"error": message, "hint": f"the paths are {_PATHS}"}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _bug(request: Request, error: Exception) -> Response:
    message = f"the prediction server failed: {type(error).__name__}: {error}"
    return _answer({"error": message, "hint": "its log has the details"}, 500)


def _answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, headers=dict(headers or {}), media_type="application/json")
