"""A TCP proxy between dsflow and a DolphinScheduler server that counts requests and cuts one of them.

It sits before both of the server's ports, REST (HTTP/1.1) and Python gateway (py4j's lines), knows where a request and
its answer end, and numbers the requests of both in one row. Any number of connections may be open at once.
"""

from __future__ import annotations

import enum
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class Position(enum.Enum):
    """Where in an exchange the connection breaks."""

    BEFORE = "before the server got the request"
    DURING = "when the server had the request and had not answered"
    SWALLOWED = "when the server had answered, before a byte of it arrived"
    HALF = "with half of the answer delivered"


@dataclass(frozen=True)
class Cut:
    """What goes wrong.

    Attributes:
        index: the number of the request, from 0; with ``kind``, among the requests of that kind.
        down: nothing gets through any more from then on, as when the network or the server has gone; else the next
            connection works again.
        kind: see :attr:`Exchange.kind`; for requests that are made side by side, in an order of their own each time.
    """

    index: int
    position: Position
    down: bool = False
    kind: str = ""

    def __str__(self) -> str:
        return f"request {self.index} cut {self.position.value}" + (", and down from then on" if self.down else "")


@dataclass
class Exchange:
    """One request, as ``GET /projects`` or ``gateway createOrUpdateWorkflow``."""

    name: str
    body: bytes = field(default=b"", repr=False)
    head: bytes = field(default=b"", repr=False)  # of an HTTP request: its first line and headers

    @property
    def kind(self) -> str:
        """The name without codes and ids, which differ each time."""
        return re.sub(r"\d+", "N", self.name)

    @property
    def writes(self) -> bool:
        """Whether it changes something on the server."""
        if self.name.startswith("gateway "):
            return self.name == "gateway createOrUpdateWorkflow"
        return changes_something(self.name)


def changes_something(name: str) -> bool:
    """Whether a request of REST, such as ``GET /projects``, changes something on the server."""
    method, path = name.split(" ", 1)
    return method != "GET" and not path.endswith(("/login", "/schedules/preview", "/schedules/list"))


class Gone(Exception):
    """The connection broke, or is to be broken."""


class Proxy:
    """Use it as a context manager; :attr:`rest` and :attr:`gateway` are the ports to talk to.

    Args:
        rest: where the server's REST API listens.
        gateway: where its Python gateway listens.
        cut: what goes wrong; None lets everything through.
        on_request: called with each request before it is passed on.
        rewrite: gives what is delivered in place of an answer.
    """

    def __init__(
        self,
        rest: tuple[str, int],
        gateway: tuple[str, int],
        cut: Cut | None = None,
        *,
        on_request: Callable[[int, Exchange], None] | None = None,
        rewrite: Callable[[Exchange, bytes], bytes] | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.happened = False
        self._cut, self._on_request, self._rewrite = cut, on_request, rewrite
        self._lock = threading.Lock()
        self._down = False
        self._closing = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.rest = self._listen(rest, http_request, _http_answer)
        self.gateway = self._listen(gateway, py4j_request, _py4j_answer)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        for end in list(self._sockets):
            _shut(end)
        for thread in list(self._threads):
            thread.join(10)
            assert not thread.is_alive()
        for end in self._sockets:
            end.close()

    def _listen(self, target: tuple[str, int], request: _Reader, answer: _Answerer) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(listener)
        self._start(self._accept, listener, target, request, answer)
        return int(listener.getsockname()[1])

    def _start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, target: tuple[str, int], request: _Reader, answer: _Answerer) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._down or self._closing:
                client.close()
                continue
            self._sockets.append(client)
            self._start(self._serve, client, target, request, answer)

    def _serve(self, client: socket.socket, target: tuple[str, int], request: _Reader, answer: _Answerer) -> None:
        server = socket.create_connection(target)
        self._sockets.append(server)
        from_client, from_server = Stream(client), Stream(server)
        try:
            while True:
                exchange, data = request(from_client)
                self._exchange(exchange, data, server, client, lambda: answer(from_server))
        except (Gone, OSError):
            pass  # one of the ends has closed, or it was our turn to
        finally:
            _shut(client)
            _shut(server)

    def _is_its_turn(self, cut: Cut, index: int, exchange: Exchange) -> bool:
        if not cut.kind:
            return cut.index == index
        before = sum(e.kind == cut.kind for e in self.exchanges[:index])
        return exchange.kind == cut.kind and before == cut.index

    def _exchange(
        self, exchange: Exchange, data: bytes, server: socket.socket, client: socket.socket, answer: Callable[[], bytes]
    ) -> None:
        with self._lock:
            if self._down:
                raise Gone
            index = len(self.exchanges)
            self.exchanges.append(exchange)
            cut = self._cut if self._cut is not None and self._is_its_turn(self._cut, index, exchange) else None
            if cut is not None:
                self.happened = True
                self._down = cut.down
        if self._on_request is not None:
            self._on_request(index, exchange)
        if cut is not None and cut.position is Position.BEFORE:
            raise Gone
        server.sendall(data)
        if cut is not None and cut.position is Position.DURING:
            _shut(client)  # the server's end stays open until it has answered, as through a real network
            answer()
            raise Gone
        text = answer()
        if self._rewrite is not None:
            text = self._rewrite(exchange, text)
        if cut is not None:
            if cut.position is Position.HALF:
                client.sendall(text[: len(text) // 2])
            raise Gone
        client.sendall(text)


class Stream:
    """Bytes from a socket, up to a separator or by number."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._rest = end, b""

    def until(self, separator: bytes) -> bytes:
        while separator not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(separator)
        return head + separator

    def exactly(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def _more(self) -> None:
        data = self._end.recv(65536)
        if not data:
            raise Gone
        self._rest += data


_Reader = Callable[[Stream], "tuple[Exchange, bytes]"]
_Answerer = Callable[[Stream], bytes]


def http_request(stream: Stream) -> tuple[Exchange, bytes]:
    head = stream.until(b"\r\n\r\n")
    method, target = head.split(b"\r\n", 1)[0].decode().split()[:2]
    body = stream.exactly(int(header(head, b"content-length") or 0))
    return Exchange(f"{method} {target.split('?')[0]}", body, head), head + body


def _http_answer(stream: Stream) -> bytes:
    head = stream.until(b"\r\n\r\n")
    if header(head, b"transfer-encoding") == b"chunked":
        text = head
        while True:
            size = stream.until(b"\r\n")
            text += size + stream.exactly(int(size, 16) + 2)
            if int(size, 16) == 0:
                return text
    return head + stream.exactly(int(header(head, b"content-length") or 0))


def header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


def py4j_request(stream: Stream) -> tuple[Exchange, bytes]:
    """py4j escapes line ends inside values, so that a command is some lines of which the last is ``e``."""
    lines = [stream.until(b"\n")]
    if lines[0] == b"A\n":
        lines.append(stream.until(b"\n"))
        return Exchange("gateway (token)", b"".join(lines)), b"".join(lines)
    while lines[-1] != b"e\n":
        lines.append(stream.until(b"\n"))
    words = [line.decode().strip() for line in lines[:3]]
    data = b"".join(lines)
    return Exchange("gateway " + (words[2] if words[0] == "c" else words[0]), data), data


def _py4j_answer(stream: Stream) -> bytes:
    return stream.until(b"\n")


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is down already
