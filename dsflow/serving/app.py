"""The prediction server's HTTP: five paths, JSON in and out, every error as ``{"error": ..., "hint": ...}``.

POST /update    {"database", "deployment", "model_path"}: serve this pair from now on; with "compare" (a number of
                rows), "table" and "columns" only if it answers like the pair in service where it should
POST /rollback  serve the pair of before again
POST /predict   a row, or an array of rows: features and prediction for each
GET  /schema    what a row looks like, and who answers
GET  /health    does the process live, and does it serve

`Application` answers /predict itself, straight from ASGI: routing, request objects and middleware cost more than the
prediction does. What every request must pass (a token, a limit) belongs at the top of `Application.__call__`. All other
paths are an ordinary Starlette application, `routes`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dsflow.serving.apiserver import ApiServer
from dsflow.serving.body import ClientGoneError, read_body, read_json
from dsflow.serving.errors import NoModelError, ServingError
from dsflow.serving.service import PredictionService
from dsflow.serving.store import Store
from dsflow.serving.together import Together

log = logging.getLogger("dsflow.serving")

_PATHS = "POST /update, POST /rollback, POST /predict, GET /schema, GET /health"


def create_app(apiserver: str, model_dir: Path | None = None) -> Application:
    """The ASGI application.

    Args:
        apiserver: base URL of OpenMLDB's APIServer, as in ``http://127.0.0.1:9080``; several are separated by commas.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.

    Raises:
        ConfigError: the URL is not one.
    """
    return build_app(ApiServer(apiserver), Store(model_dir) if model_dir is not None else None)


def build_app(apiserver: ApiServer, store: Store | None, together: Together | None = None) -> Application:
    """The ASGI application over parts that stand already; it closes them when it ends."""
    return Application(PredictionService(apiserver, store, together))


class Application:
    """The ASGI application of one prediction service, which it starts and stops."""

    def __init__(self, service: PredictionService) -> None:
        self.service = service
        self.routes = _routes(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or the server's start and stop)."""
        if scope["type"] == "http" and scope["path"] == "/predict" and scope["method"] == "POST":
            await self._predict(receive, send)
        else:
            await self.routes(scope, receive, send)

    async def _predict(self, receive: Receive, send: Send) -> None:
        status, retry_after = 200, None
        try:
            body = await self.service.predict(await read_body(receive))
        except ServingError as error:
            body, status, retry_after = _json(error.to_json()), error.status, error.retry_after
        except ClientGoneError:
            return  # nobody is there to read an answer
        except Exception as error:
            log.exception("POST /predict failed")
            body, status = _json(_bug_json(error)), 500
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if retry_after is not None:
            headers.append((b"retry-after", b"%d" % retry_after))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _routes(service: PredictionService) -> Starlette:
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
        raise HTTPException(405, headers={"allow": "POST"})  # POST has been answered before

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
            Route("/predict", predict),
            Route("/schema", schema, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        exception_handlers={
            ServingError: _refuse,
            HTTPException: _no_such_path,
            ClientGoneError: _gone,
            Exception: _bug,
        },
        lifespan=lifespan,
    )


async def _json_body(request: Request) -> object:
    return read_json(await read_body(request.receive))


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServingError)
    headers = None if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return _answer(error.to_json(), error.status, headers)


async def _no_such_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _answer({"error": message, "hint": f"the paths are {_PATHS}"}, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _bug(request: Request, error: Exception) -> Response:
    return _answer(_bug_json(error), 500)


def _bug_json(error: Exception) -> dict[str, str]:
    return {
        "error": f"the prediction server failed: {type(error).__name__}: {error}",
        "hint": "its log has the details",
    }


def _answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_json(content), status, headers=dict(headers or {}), media_type="application/json")


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
