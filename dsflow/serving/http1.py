"""A small HTTP/1.1 client for one server: connections are kept alive, answers are read by llhttp (httptools).

It exists for speed: a request to a server at hand costs it 15 to 26 microseconds, where aiohttp takes 67 to 107 and
httpx 1000 to 1800 (seen with ``benchmarks/serving.py --clients``), and a prediction that comes alone needs one.
Redirects, cookies, compression and proxies are left out: OpenMLDB's APIServer has none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

_KEPT = 32
"""Connections that stay open when nobody uses them."""

_UNTIL_CLOSED = -1


class StaleConnectionError(ConnectionError):
    """A connection that was kept alive had been closed by the server: the request was not answered, not even begun."""


class BadAnswerError(ConnectionError):
    """What came is not HTTP."""


class Client:
    """Asks one server; use it from one event loop alone.

    Args:
        url: ``http://host[:port][/prefix]`` or ``https://...``, without a slash at its end.
        connect_timeout: seconds in which a connection must stand.
        token: sent with each request, as an embedded OpenMLDB may ask for one; None sends none.
    """

    def __init__(self, url: str, *, connect_timeout: float, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._ssl else 80)
        self._prefix = parts.path.encode("ascii", "replace")
        self._head = f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nAccept: application/json\r\n".encode()
        if token is not None:
            self._head += b"Authorization: Bearer %b\r\n" % token.encode("ascii")
        self._connect_timeout = connect_timeout
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._closed = False

    async def ask(self, method: str, path: str, body: bytes | None, timeout: float) -> tuple[int, bytes]:
        """The status and the body of the answer.

        Args:
            path: of ASCII letters, as ``urllib.parse.quote`` gives them.
            body: JSON, or None for a request without one.
            timeout: seconds from now until the whole answer must be there.

        Raises:
            TimeoutError: it was not, or no connection stood in time.
            StaleConnectionError: asking again is safe.
            BadAnswerError: the answer is not HTTP.
            OSError: the server cannot be reached, or broke off.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        connection, used = self._take(), True
        if connection is None:
            connection, used = await self._connect(min(timeout, self._connect_timeout)), False
        head = b"%b %b%b%b" % (method.encode(), self._prefix, path.encode("ascii"), self._head)
        if body is None:
            request = head + b"\r\n"
        else:
            request = b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        return await connection.ask(request, deadline - loop.time(), used)

    async def aclose(self) -> None:
        """Close all connections; whoever waits for an answer gets an error."""
        self._closed = True
        self._idle.clear()
        for connection in list(self._all):
            connection.close()
            await connection.lost.wait()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self, timeout: float) -> _Connection:
        if self._closed:
            raise ConnectionError("the client is closed")
        opening = asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._done), self._host, self._port, ssl=self._ssl
        )
        _, connection = await asyncio.wait_for(opening, timeout)
        self._all.add(connection)
        return connection

    def _done(self, connection: _Connection) -> None:
        """A connection has given its answer, or is gone."""
        if connection.lost.is_set():
            self._all.discard(connection)
        elif not connection.usable or self._closed or len(self._idle) >= _KEPT:
            connection.close()
        else:
            self._idle.append(connection)


class _Connection(asyncio.Protocol):
    """One connection: a request, then its answer, then the next request."""

    def __init__(self, done: Callable[[_Connection], None]) -> None:
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._used = self._began = False
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._length: int | None = None
        self.lost = asyncio.Event()

    @property
    def usable(self) -> bool:
        """It stands, and nobody waits for an answer of it."""
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    async def ask(self, request: bytes, timeout: float, used: bool) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            raise StaleConnectionError("the connection was closed")
        answer: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self._answer = answer
        self._used, self._began = used, False
        timer = loop.call_later(max(timeout, 0.0), self._expire, answer)
        try:
            self._transport.write(request)
            return await answer
        finally:
            timer.cancel()
            # by now the connection may have been given to the next one, who waits for another answer
            if self._answer is answer:  # whoever asked has gone: the answer must not be taken for the next one's
                self._answer = None
                self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _expire(self, answer: asyncio.Future[tuple[int, bytes]]) -> None:
        if self._answer is answer:
            self._fail(TimeoutError("no answer in time"))

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, though no subclass

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody has asked
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(BadAnswerError(f"the answer is not HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and self._length == _UNTIL_CLOSED and error is None:
            self._finish()
        elif self._used and not self._began:
            self._fail(StaleConnectionError("the server had closed a connection that was kept alive"))
        else:
            self._fail(ConnectionResetError("the server closed the connection before it had answered"))
        self.lost.set()
        self._done(self)

    # httptools

    def on_message_begin(self) -> None:
        self._began = True
        self._parts, self._length = [], None

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._length is None and name.lower() in (b"content-length", b"transfer-encoding"):
            self._length = 0

    def on_headers_complete(self) -> None:
        if self._length is None:
            self._length = _UNTIL_CLOSED

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        self._finish()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result((self._parser.get_status_code(), b"".join(self._parts)))
        self._done(self)
