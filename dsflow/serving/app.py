"""The prediction server's HTTP: JSON in and out, every error as ``{"error": ..., "hint": ..., "request": ...}``.

POST /predict   a row, or many: features and prediction for each (``?probabilities=1``: of each class, too)
POST /update    {"database", "deployment", "model_path"}: serve this pair from now on; with "compare" (a number of
                rows), "table" and "columns" only if it answers like the pair in service where it should
POST /rollback  serve the pair of before again
/shadow         POST as /update: let a second pair answer in the background; GET: how it does; DELETE: end it
GET  /schema    what a row looks like, and who answers
GET  /health    does the process live, and what does it serve
GET  /ready     200 when every service serves, else 503
GET  /metrics   for Prometheus
GET  /docs      the page over /openapi.json, which describes all of this

Each of the first five has a sibling for every further service: /predict/NAME.

`Application` lets requests in (tokens, pages of other sites), and answers /predict itself, straight from ASGI: routing,
request objects and middleware cost more than the prediction does. All other paths are an ordinary Starlette
application, `routes`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from dsflow.serving.apiserver import ApiServer
from dsflow.serving.body import ClientGoneError, read_body, read_json
from dsflow.serving.errors import BadRequestError, NoModelError, ServingError
from dsflow.serving.logs import REQUEST_ID, request_id
from dsflow.serving.metrics import CONTENT_TYPE, Metrics
from dsflow.serving.openapi import describe
from dsflow.serving.options import DEFAULT_SERVICE, Gate, Options
from dsflow.serving.places import ModelPlaces
from dsflow.serving.service import PredictionService
from dsflow.serving.settings import Settings
from dsflow.serving.store import Store
from dsflow.serving.together import Shared, Together
from dsflow.web.access import Tokens, check_browser, check_token
from dsflow.web.errors import AccessError

log = logging.getLogger("dsflow.serving")

_PATHS = "POST /predict, POST /update, POST /rollback, /shadow, GET /schema, /health, /ready, /metrics, /docs"
_CHANGES = frozenset({"update", "rollback", "shadow"})
_ASKS = frozenset({"predict", "schema", "metrics"})
_COMMON = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
# the page loads from this server alone, and nothing may frame it
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_PAGE = Path(__file__).with_name("page")
_PAGE_FILES = {
    "/docs": ("docs.html", "text/html"),
    "/docs.js": ("docs.js", "text/javascript"),
    "/docs.css": ("docs.css", "text/css"),
}
_LOG_SECONDS = 1.0
"""Between two lines of the log about the same kind of failure: a client must not fill the disk."""


def create_app(apiserver: str, model_dir: Path | None = None, options: Options | None = None) -> Application:
    """The ASGI application, for a server that listens on the loopback.

    Args:
        apiserver: base URL of OpenMLDB's APIServer, as in ``http://127.0.0.1:9080``; several are separated by commas.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.
        options: where models may lie, tokens, further services.

    Raises:
        ConfigError: the URL is not one, or an option cannot be.
    """
    return build_app(Settings(apiserver, None if model_dir is None else str(model_dir), options=options or Options()))


def build_app(settings: Settings, line: Together | None = None) -> Application:
    """The ASGI application.

    Args:
        settings: of the server.
        line: to the other worker processes, whose parent has taken the model directory; None when there are none.
    """
    options = settings.options
    gate = options.gate(settings.host)
    places, apiserver = ModelPlaces(options.models), ApiServer(settings.apiserver)
    services: dict[str, PredictionService] = {}
    metrics = Metrics(lambda: {name: service.drift() for name, service in services.items()})
    shared = None if line is None else Shared(line)
    for name in options.names:
        store = None
        if settings.model_dir is not None:
            directory = Path(settings.model_dir)
            own = directory if name == DEFAULT_SERVICE else directory / "services" / name
            store = Store(own, locked=line is not None)
        together = None if shared is None else shared.of(name)
        services[name] = PredictionService(apiserver, store, together, name=name, places=places, metrics=metrics)
    return Application(services, gate, metrics, access_log=options.access_log)


class Application:
    """The ASGI application of the prediction services, which it starts and stops.

    Args:
        services: by name; the default one is among them.
        gate: who may ask.
        metrics: what counts.
        access_log: whether each request is a line of the log.
    """

    def __init__(
        self, services: Mapping[str, PredictionService], gate: Gate, metrics: Metrics, *, access_log: bool = False
    ) -> None:
        self.services = services
        self.gate = gate
        self.metrics = metrics
        self.access_log = access_log
        self._logged: dict[str, float] = {}
        self.routes = _routes(self)
        self._predicts = {"/predict": services[DEFAULT_SERVICE]} | {
            f"/predict/{name}": service for name, service in services.items()
        }

    @property
    def service(self) -> PredictionService:
        """The default service."""
        return self.services[DEFAULT_SERVICE]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or the server's start and stop)."""
        if scope["type"] != "http":
            await self.routes(scope, receive, send)
            return
        begun = time.perf_counter()
        host = origin = authorization = given = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"x-request-id":
                given = value.decode("latin-1")
        asked = request_id(given)
        REQUEST_ID.set(asked)
        path = scope["path"]
        service = self._predicts.get(path)
        name = DEFAULT_SERVICE if service is None else service.name
        label = "/predict" if service is not None else self._label(path)
        more = [*_COMMON, (b"x-request-id", asked.encode("ascii"))]
        try:
            check_browser(host, origin, self.gate.hosts)
            check_token(self.gate.predict if service is not None else self._tokens(path), authorization)
        except AccessError as error:
            status = error.status
            headers = [(b"www-authenticate", b"Bearer")] if status == 401 else []
            self.metrics.error(name, type(error).__name__)
            await _send(send, status, _json(error.to_json() | {"request": asked}), [*more, *headers])
        else:
            try:
                if service is not None and scope["method"] == "POST":
                    status = await self._predict(service, scope, receive, send, more)
                else:
                    status = await self._other(scope, receive, send, more)
            except asyncio.CancelledError:
                # uvicorn cuts off what is under way when it has waited long enough; it would log where that stood
                status = 503
                log.warning("%s %s was cut off: the server ends", scope["method"], path, extra={"status": status})
                ends = {"error": "the prediction server ends", "hint": "ask again"} | {"request": asked}
                with suppress(RuntimeError):  # an answer had begun
                    await _send(send, status, _json(ends), [*more, (b"retry-after", b"1")])
        self.metrics.request(label, name, status)
        if self.access_log:
            took = round(1000 * (time.perf_counter() - begun), 3)
            log.info("%s %s", scope["method"], path, extra={"status": status, "milliseconds": took})

    async def _predict(
        self,
        service: PredictionService,
        scope: Scope,
        receive: Receive,
        send: Send,
        more: list[tuple[bytes, bytes]],
    ) -> int:
        status = 200
        try:
            query = scope["query_string"]
            probabilities = bool(query) and _wants_probabilities(query)
            body = await service.predict(await read_body(receive), probabilities=probabilities)
        except ClientGoneError:
            return 400  # nobody is there to read an answer
        except Exception as error:
            status, content, headers = self.refusal(error, service.name)
            body, more = _json(content), [*more, *headers]
        await _send(send, status, body, more)
        return status

    async def _other(self, scope: Scope, receive: Receive, send: Send, more: list[tuple[bytes, bytes]]) -> int:
        status = 500

        async def send_with(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in more if each[0] not in names)]
            await send(message)

        await self.routes(scope, receive, send_with)
        return status

    def refusal(self, error: Exception, service: str) -> tuple[int, dict[str, object], list[tuple[bytes, bytes]]]:
        """Status, body and headers of an error's answer; what is nobody's business goes to the log alone."""
        self.metrics.error(service, type(error).__name__)
        asked: dict[str, object] = {"request": REQUEST_ID.get()}
        if not isinstance(error, ServingError):
            log.error("a request failed", exc_info=error)
            return 500, {"error": "the prediction server failed", "hint": "its log has the details"} | asked, []
        kind, now = type(error).__name__, time.monotonic()
        if (error.status >= 500 or error.detail) and now - self._logged.get(kind, -math.inf) > _LOG_SECONDS:
            self._logged[kind] = now
            log.warning("%s", error.message, extra={"status": error.status, "detail": error.detail or None})
        headers = [] if error.retry_after is None else [(b"retry-after", b"%d" % error.retry_after)]
        return error.status, error.to_json() | asked, headers

    def _tokens(self, path: str) -> Tokens | None:
        first = path.split("/", 2)[1] if "/" in path else ""
        if first in _CHANGES:
            return self.gate.update
        return self.gate.predict if first in _ASKS else None

    def _label(self, path: str) -> str:
        """A path for the metrics; what a client makes up is one of them."""
        first = path.split("/", 2)[1] if "/" in path else ""
        return f"/{first}" if first in _KNOWN else "other"


_KNOWN = _CHANGES | _ASKS | {"health", "ready", "docs", "docs.js", "docs.css", "openapi.json"}


def _routes(application: Application) -> Starlette:
    services = application.services

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        started: list[PredictionService] = []
        try:
            for service in services.values():
                await service.start()
                started.append(service)
                application.metrics.ready(service.name, service.pair is not None)
            yield
        finally:
            for service in started:
                await service.stop()

    async def health(request: Request) -> Response:
        main = services[DEFAULT_SERVICE]
        about = _state(main) | {"apiserver": main.apiserver.url}
        if len(services) > 1:
            about["services"] = {name: _state(service) for name, service in services.items()}
        return _answer(about)

    async def ready(request: Request) -> Response:
        waiting = [name for name, service in services.items() if service.pair is None]
        reachable = services[DEFAULT_SERVICE].apiserver.reachable
        about = {"ready": not waiting and reachable, "waiting": waiting, "openmldb": reachable}
        return _answer(about, 200 if about["ready"] else 503)

    async def metrics(request: Request) -> Response:
        return Response(application.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def openapi(request: Request) -> Response:
        gate = application.gate
        opened = gate.predict is None or gate.predict.allow(request.headers.get("authorization"))
        pairs = {name: service.pair if opened else None for name, service in services.items()}
        return _answer(
            describe(
                pairs, DEFAULT_SERVICE, update_token=gate.update is not None, predict_token=gate.predict is not None
            )
        )

    async def page(request: Request) -> Response:
        name, kind = _PAGE_FILES[request.url.path]
        return Response((_PAGE / name).read_bytes(), media_type=kind, headers=_PAGE_HEADERS)

    def refuse(request: Request, error: Exception) -> Response:
        name = request.path_params.get("service", DEFAULT_SERVICE)
        status, content, headers = application.refusal(error, name if name in services else DEFAULT_SERVICE)
        return _answer(content, status, {name.decode(): value.decode() for name, value in headers})

    routes = [Route(path, page, methods=["GET"]) for path in _PAGE_FILES]
    routes += [
        Route("/health", health, methods=["GET"]),
        Route("/ready", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]
    for service in services.values():
        tails = ["", f"/{service.name}"] if service.name == DEFAULT_SERVICE else [f"/{service.name}"]
        for tail in tails:
            routes += _service_routes(service, application.metrics, tail)
    return Starlette(
        routes=routes,
        exception_handlers={
            ServingError: refuse,
            HTTPException: _no_such_path,
            ClientGoneError: _gone,
            Exception: refuse,
        },
        lifespan=lifespan,
    )


def _service_routes(service: PredictionService, metrics: Metrics, tail: str) -> list[Route]:
    """The paths of one service; the tail is what they have behind their word."""

    def counted(change: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                found = await change(request)
            except ServingError:
                metrics.updated(service.name, "refused")
                raise
            metrics.updated(service.name, "ok")
            metrics.ready(service.name, service.pair is not None)
            return found

        return answer

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
        about: dict[str, object] = {"request": columns, "features": features, "task": pair.model.task}
        if pair.model.classes:
            about["classes"] = list(pair.model.classes)
        if pair.model.contract is not None:
            about["contract"] = pair.model.contract.to_json()
        return _answer(pair.to_json() | about)

    async def shadow(request: Request) -> Response:
        if request.method == "POST":
            return _answer({"status": "ok"} | await service.set_shadow(await _json_body(request)))
        found = service.shadow
        if request.method == "DELETE":
            await service.end_shadow()
        return _answer({"shadow": None if found is None else found.to_json()})

    return [
        Route(f"/update{tail}", counted(update), methods=["POST"]),
        Route(f"/rollback{tail}", counted(rollback), methods=["POST"]),
        Route(f"/predict{tail}", predict),
        Route(f"/schema{tail}", schema, methods=["GET"]),
        Route(f"/shadow{tail}", shadow, methods=["GET", "POST", "DELETE"]),
    ]


def _state(service: PredictionService) -> dict[str, object]:
    pair = service.pair
    about: dict[str, object] = {"status": "no model" if pair is None else "ok", "ready": pair is not None}
    if pair is not None:
        about |= pair.to_json()
    if service.previous is not None:
        about["previous"] = service.previous.to_json()
    if service.restore_error is not None:
        about["restore_error"] = service.restore_error
    return about


def _wants_probabilities(query: bytes) -> bool:
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("probabilities", ["0"])[-1]
    if given not in ("0", "1"):
        raise BadRequestError("probabilities takes 0 or 1", hint="ask /predict?probabilities=1")
    return given == "1"


async def _json_body(request: Request) -> object:
    return read_json(await read_body(request.receive))


async def _no_such_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path[:200]}: {error.detail}"
    content = {"error": message, "hint": f"the paths are {_PATHS}", "request": REQUEST_ID.get()}
    return _answer(content, error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _send(send: Send, status: int, body: bytes, more: Sequence[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_json(content), status, headers=dict(headers or {}), media_type="application/json")


def _json(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")  # half a character in what a client sent, as JSON escapes it
