"""The prediction server as a process of its own (``serve``) and inside another one (``PredictionServer``)."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType

import uvicorn

from dsflow.serving.apiserver import ApiServer, apiserver_urls
from dsflow.serving.app import Application, build_app
from dsflow.serving.errors import ServingError
from dsflow.serving.store import Store

_GRACE_SECONDS = 10
_START_SECONDS = 60.0


def serve(apiserver: str, host: str = "127.0.0.1", port: int = 8881, model_dir: Path | None = None) -> None:
    """Serve predictions until SIGTERM or SIGINT; requests that are under way are answered first.

    One line with the server's URL goes to standard output when it answers.

    Args:
        apiserver: base URL of OpenMLDB's APIServer.
        host: address to listen on.
        port: 0 takes a free one.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.

    Raises:
        ConfigError: the APIServer's URL is not one.
        ServingError: the address is taken, or the model directory cannot be used.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with contextlib.closing(_listen(host, port)) as listening, _quiet_signals():
        app = _app(apiserver, model_dir)
        url = _url(host, listening)
        server = _Server(app, lambda: print(f"dsflow prediction server on {url}, APIServer {apiserver}", flush=True))
        server.run(sockets=[listening])
    if not server.was_ready:
        raise ServingError("the prediction server did not start", hint="the lines above say why")


class PredictionServer:
    """The prediction server in a thread of this process, ready when ``start`` returns.

    >>> with PredictionServer("http://127.0.0.1:9080") as server:  # doctest: +SKIP
    ...     print(server.url)

    Args:
        apiserver: base URL of OpenMLDB's APIServer.
        host: address to listen on.
        port: 0 takes a free one.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.

    Raises:
        ConfigError: the APIServer's URL is not one.
    """

    def __init__(
        self, apiserver: str, *, host: str = "127.0.0.1", port: int = 0, model_dir: Path | None = None
    ) -> None:
        self._apiserver = ",".join(apiserver_urls(apiserver))
        self._host, self._port, self._model_dir = host, port, model_dir
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._listening: socket.socket | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end.

        Raises:
            ServingError: the server is not running.
        """
        if self._url is None:
            raise ServingError(
                "the prediction server is not running", hint="call start() or use it as a context manager"
            )
        return self._url

    def start(self) -> PredictionServer:
        """Listen and answer; returns when requests are answered.

        Raises:
            ServingError: it cannot listen or cannot use its model directory.
        """
        if self._thread is not None:
            raise ServingError("the prediction server is running already")
        listening = _listen(self._host, self._port)
        decided = threading.Event()
        try:
            server = _Server(_app(self._apiserver, self._model_dir), decided.set)
        except ServingError:
            listening.close()
            raise

        def run() -> None:
            try:
                server.run(sockets=[listening])
            finally:
                decided.set()

        thread = threading.Thread(target=run, name="dsflow-prediction-server", daemon=True)
        thread.start()
        if not decided.wait(_START_SECONDS) or not server.was_ready:
            server.should_exit = True
            thread.join(_GRACE_SECONDS)
            listening.close()
            raise ServingError("the prediction server did not start", hint="its log says why")
        self._thread, self._server, self._listening = thread, server, listening
        self._url = _url(self._host, listening)
        return self

    def stop(self) -> None:
        """Answer the requests that are under way, then end. Stopping twice does nothing."""
        thread, server, listening = self._thread, self._server, self._listening
        self._thread = self._server = self._listening = self._url = None
        if thread is None or server is None or listening is None:
            return
        server.should_exit = True
        thread.join(_GRACE_SECONDS + 5)
        listening.close()
        if thread.is_alive():
            raise ServingError("the prediction server did not end in time")

    def __enter__(self) -> PredictionServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """uvicorn, telling when it is ready."""

    def __init__(self, app: Application, ready: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="on",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._ready = ready
        self.was_ready = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self.was_ready = True
            self._ready()


def _app(apiserver: str, model_dir: Path | None) -> Application:
    """The application, its model directory taken already: what is wrong with that is then an error of the caller."""
    client = ApiServer(apiserver)
    store = Store(model_dir) if model_dir is not None else None
    if store is not None:
        store.open()
    return build_app(client, store)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        listening.bind(address)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ServingError(
            f"cannot listen on {host}:{port}: {reason}", hint="is another server on this port? Port 0 takes a free one"
        ) from error
    return listening


def _url(host: str, listening: socket.socket) -> str:
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    return f"http://{host}:{listening.getsockname()[1]}"


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it again when it is done; here that is a good end, not a failure."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def done(number: int, frame: FrameType | None) -> None:
        logging.getLogger("dsflow.serving").info("stopped by %s", signal.Signals(number).name)

    before = {number: signal.signal(number, done) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
