"""The embedded OpenMLDB as a server: APIServer's protocol over HTTP, on 127.0.0.1.

    POST http://127.0.0.1:9080/dbs/demo_db/deployments/demo     {"input": [[1, 2, 3]]}

See `dsflow.embedded.api` for the routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsflow.embedded.failures import StorageError
from dsflow.web.access import Tokens, allowed_hosts, check_browser, check_listening, check_token
from dsflow.web.errors import AccessError
from dsflow.web.parent import end_with_parent
from dsflow.web.tls import Certificate

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from dsflow.embedded.engine import Engine

READY = "embedded OpenMLDB ready at "
"""What `serve` prints before its URL once requests can come."""

TOKEN_VARIABLE = "DSFLOW_OPENMLDB_TOKEN"
"""The variable with the token, or two tokens, of the server; its clients send the first one."""

MAX_BODY = 64 * 2**20
"""Bytes that the body of one request may have."""

REQUEST_THREADS = 4
STATEMENT_THREADS = 16


def create_app(engine: Engine, tokens: Tokens | None = None, hosts: frozenset[str] | None = None) -> Starlette:
    """An ASGI application that answers for an engine; the engine stays the caller's to close.

    Args:
        tokens: of which a request must hold one; None asks for none.
        hosts: see `dsflow.web.access.check_browser`.

    Statements that wait (a synchronous import) run on threads of their own, so that they do not hold up requests.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from dsflow.embedded.api import Api

    api = Api(engine)
    requests = ThreadPoolExecutor(max_workers=REQUEST_THREADS, thread_name_prefix="openmldb-request")
    statements = ThreadPoolExecutor(max_workers=STATEMENT_THREADS, thread_name_prefix="openmldb-statement")

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            check_browser(request.headers.get("host"), request.headers.get("origin"), hosts)
            check_token(tokens, request.headers.get("authorization"))
        except AccessError as error:
            await refuse(error.status, error.message)(scope, receive, send)
            return
        parts = bytearray()
        async for part in request.stream():
            parts += part
            if len(parts) > MAX_BODY:
                await refuse(413, f"the body has more than {MAX_BODY // 2**20} MiB")(scope, receive, send)
                return
        body = bytes(parts)
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw.split(b"?")[0].decode("latin-1")
        pool = statements if path.strip("/").count("/") == 1 else requests
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(pool, api.handle, request.method, path, body)
        await Response(content, media_type="application/json")(scope, receive, send)

    def refuse(status: int, message: str) -> Response:
        return JSONResponse({"code": -1, "msg": message}, status)

    class Everything:
        """One route for all paths and methods: APIServer answers unknown ones itself."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await answer(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        together = threading.Barrier(REQUEST_THREADS)  # each thread has to come, so that each is made and warm

        def warm_up() -> None:
            together.wait(60)
            engine.warm_up()

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(requests, warm_up) for _ in range(REQUEST_THREADS)))
        yield
        requests.shutdown(wait=False, cancel_futures=True)
        statements.shutdown(wait=False, cancel_futures=True)

    return Starlette(routes=[Route("/{path:path}", Everything())], lifespan=lifespan)


def serve(
    dir: Path,
    host: str = "127.0.0.1",
    port: int = 9080,
    *,
    tokens: Tokens | None = None,
    no_token: str | None = None,
    tls: Certificate | None = None,
) -> None:
    """Serve the engine in a folder until SIGTERM or SIGINT; prints one line with its URL when it is ready.

    Args:
        dir: the engine's folder, made when missing.
        host: the address to listen at.
        port: the port; 0 takes a free one.
        tokens: of which a request must hold one. Whoever may ask may run any statement, and read and write the files
            of this process by LOAD DATA and INTO OUTFILE.
        no_token: why none is needed, in the user's words; without a reason or a token only the loopback is served.
        tls: None serves plain HTTP.

    Raises:
        StorageError: the folder or the port cannot be used.
        ConfigError: the address is beyond this machine, and there is neither a token nor a reason.
    """
    from dsflow.embedded.engine import Engine

    check_listening(host, tokens, no_token)
    listener = _listen(host, port)
    try:
        engine = Engine(dir)
    except BaseException:
        listener.close()
        raise
    try:
        address, number = listener.getsockname()[:2]
        engine.set_endpoint(f"{address}:{number}")
        app = create_app(engine, tokens, allowed_hosts(host))
        _run(app, listener, f"{'https' if tls else 'http'}://{address}:{number}", tls)
    finally:
        engine.close()
        listener.close()


def _run(app: Starlette, listener: socket.socket, url: str, tls: Certificate | None) -> None:
    import uvicorn

    from dsflow.web.limits import Limits, limited_protocol

    class Server(uvicorn.Server):
        """A server that says when it is ready, and leaves signals to us: uvicorn would end the process on SIGTERM."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"{READY}{url}", flush=True)

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        http=limited_protocol(Limits(request_seconds=60)),
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
        **(tls.uvicorn() if tls else {}),
    )
    server = Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it; saves 40 ms an answer
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StorageError(
            f"cannot listen at {host}:{port}: {error.strerror or error}",
            hint="choose another port, or 0 for a free one",
        ) from error
    return listener


class EmbeddedServer:
    """A server in a process of its own, for as long as a ``with`` block lasts.

    Args:
        dir: the engine's folder.
        port: the port; 0 takes a free one.
        env: further environment variables for the process.
        timeout: seconds to wait until it is ready.

    Attributes:
        url: ``http://127.0.0.1:port``; "" before `start`.
        process: the process; None before `start`.
    """

    def __init__(
        self, dir: Path | str, *, port: int = 0, env: dict[str, str] | None = None, timeout: float = 60.0
    ) -> None:
        self.dir = Path(dir)
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self._port = port
        self._env = env or {}
        self._timeout = timeout

    @property
    def _log(self) -> Path:
        return self.dir / "server.log"

    def launch(self) -> None:
        """Start the process and go on; `start` then waits for it."""
        self.dir.mkdir(parents=True, exist_ok=True)
        with open(self._log, "wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dsflow.embedded.server", str(self.dir), "127.0.0.1", str(self._port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **self._env},
            )

    def start(self) -> EmbeddedServer:
        """Start the process, unless it is launched, and wait until it answers.

        Raises:
            StorageError: it did not start; the message has what it wrote.
        """
        if self.process is None:
            self.launch()
        line = self._first_line()
        if not line.startswith(READY):
            self.stop()
            written = self._log.read_text(errors="replace").strip()
            raise StorageError(f"the embedded OpenMLDB did not start in {self.dir}:\n{written or line or 'no output'}")
        self.url = line[len(READY) :].strip()
        return self

    def _first_line(self) -> str:
        import selectors

        assert self.process is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if selector.select(0.2):
                    return self.process.stdout.readline()
                if self.process.poll() is not None:
                    return ""
        return ""

    def stop(self) -> None:
        """End the process and wait for it; does nothing when it is not running."""
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self.process = None

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


if __name__ == "__main__":
    from dsflow.errors import DsflowError

    try:
        end_with_parent()
        serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    except DsflowError as failure:
        print(failure, file=sys.stderr)
        sys.exit(failure.exit_code)
    sys.stdout.flush()
    os._exit(0)  # all is written and closed; the interpreter would take some tenths of a second to take itself apart
