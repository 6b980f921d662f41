"""The prediction server as a process of its own (``serve``) and inside another one (``PredictionServer``)."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType

import uvicorn

from dsflow.errors import DsflowError
from dsflow.serving.apiserver import apiserver_urls
from dsflow.serving.app import Application, build_app
from dsflow.serving.errors import ServingError
from dsflow.serving.formats import import_beforehand
from dsflow.serving.heap import Heap
from dsflow.serving.listening import listen, url_of
from dsflow.serving.logs import configure
from dsflow.serving.options import Options
from dsflow.serving.settings import Settings
from dsflow.serving.together import Link
from dsflow.serving.workers import serve_workers
from dsflow.web.limits import limited_protocol

log = logging.getLogger("dsflow.serving")

_GRACE_SECONDS = 10
_START_SECONDS = 60.0
_OTHER_FILES = 1000
"""Files and connections to APIServers that may be open beside the clients' connections."""


def serve(
    apiserver: str,
    host: str = "127.0.0.1",
    port: int = 8881,
    model_dir: Path | None = None,
    options: Options | None = None,
    *,
    workers: int = 1,
) -> None:
    """Serve predictions until SIGTERM or SIGINT; requests that are under way are answered first.

    One line with the server's URL goes to standard output when it answers.

    Args:
        apiserver: base URL of OpenMLDB's APIServer; several are separated by commas.
        host: address to listen on.
        port: 0 takes a free one.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.
        options: where models may lie, tokens, TLS, limits, further services.
        workers: number of processes that answer; an update reaches all of them or none.

    Raises:
        ConfigError: the APIServer's URL is not one, or an option cannot be.
        ServingError: the address is taken, or the model directory cannot be used.
    """
    settings = _settings(apiserver, host, model_dir, options)
    configure(settings.options.log)
    settings.options.gate(host)  # what is wrong with these is said before anything is opened
    settings.options.certificate()
    if settings.options.no_token:
        log.warning("no token is asked for: %s", settings.options.no_token)
    if workers > 1:
        serve_workers(settings, host, port, workers)
        return
    with contextlib.closing(listen(host, port)) as listening:
        told = f"dsflow prediction server on {url_of(host, listening, settings.tls)}, APIServer {apiserver}"
        serve_on(listening, settings, lambda: print(told, flush=True))


def run_worker(settings: Settings, listening: socket.socket, descriptor: int) -> None:
    """Serve as one of several processes, until SIGTERM or until the parent is gone.

    Args:
        settings: of the server; with a model directory, which the parent has taken.
        listening: a socket that listens.
        descriptor: of the socket to the parent.

    Raises:
        ServingError: it does not start.
    """

    def gone() -> None:
        server.should_exit = True

    link = Link(descriptor, gone)
    with _quiet_signals():
        server = _Process(_app(settings, link), settings, link.ready)
        server.run(sockets=[listening])
    if not server.was_ready:
        raise ServingError("a worker of the prediction server did not start", hint="the lines above say why")


def serve_on(listening: socket.socket, settings: Settings, ready: Callable[[], object]) -> None:
    """Serve in this process on a socket that listens, until SIGTERM.

    Args:
        ready: called when requests are answered.

    Raises:
        ServingError: it does not start, or the model directory cannot be used.
    """
    with _quiet_signals():
        server = _Process(_app(settings), settings, ready)
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
        options: where models may lie, tokens, TLS, limits, further services.

    Raises:
        ConfigError: the APIServer's URL is not one.
    """

    def __init__(
        self,
        apiserver: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        model_dir: Path | None = None,
        options: Options | None = None,
    ) -> None:
        self._settings = _settings(apiserver, host, model_dir, options)
        self._host, self._port = host, port
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
            ConfigError: an option cannot be.
        """
        if self._thread is not None:
            raise ServingError("the prediction server is running already")
        listening = listen(self._host, self._port)
        decided = threading.Event()
        try:
            server = _Server(_app(self._settings), self._settings, decided.set)
        except DsflowError:
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
        self._url = url_of(self._host, listening, self._settings.tls)
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

    def __init__(self, app: Application, settings: Settings, ready: Callable[[], object]) -> None:
        limits, tls = settings.options.limits, settings.options.certificate()
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="on",
                ws="none",
                proxy_headers=False,  # nobody asks for the client's address
                http=limited_protocol(limits),
                server_header=False,
                timeout_keep_alive=limits.keep_alive_seconds,
                **(tls.uvicorn() if tls else {}),
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


class _Process(_Server):
    """The server of a process that does nothing else."""

    def __init__(self, app: Application, settings: Settings, ready: Callable[[], object]) -> None:
        super().__init__(app, settings, ready)
        self._connections = settings.options.limits.connections
        self._heap = Heap()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        _allow_files(self._connections + _OTHER_FILES)
        import_beforehand()
        self._heap.settle()
        await super().startup(sockets=sockets)

    async def on_tick(self, counter: int) -> bool:
        self._heap.settle()
        return await super().on_tick(counter)


def _allow_files(wanted: int) -> None:
    """Let this process open so many files, as far as the system lets it: each connection is one."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _settings(apiserver: str, host: str, model_dir: Path | None, options: Options | None) -> Settings:
    directory = None if model_dir is None else str(model_dir)
    return Settings(",".join(apiserver_urls(apiserver)), directory, host, options or Options())


def _app(settings: Settings, link: Link | None = None) -> Application:
    """The application, its model directory taken already: what is wrong with that is then an error of the caller."""
    app = build_app(settings, link)
    for service in app.services.values():
        service.open_store()
    return app


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
