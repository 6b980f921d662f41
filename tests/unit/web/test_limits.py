"""What a single client cannot take: time, headers, connections."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from dsflow.web.limits import Limits, limited_protocol


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the number of bytes of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@contextmanager
def running(limits: Limits, app: Any = application) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        app, http=limited_protocol(limits), lifespan="off", log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def all_of(connection: socket.socket) -> bytes:
    connection.settimeout(20)
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


def until(connection: socket.socket, end: bytes) -> None:
    connection.settimeout(20)
    found = b""
    while not found.endswith(end):
        part = connection.recv(65536)
        assert part, found
        found += part


@pytest.mark.parametrize(
    "begun", [b"", b"POST / HTT", b"POST / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n123"]
)
def test_a_request_that_never_ends_is_ended(begun: bytes) -> None:
    with running(Limits(request_seconds=0.3)) as place, socket.create_connection(place) as connection:
        connection.sendall(begun)
        found = all_of(connection)
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b'"error"' in found


def test_one_byte_now_and_then_gains_no_time() -> None:
    with running(Limits(request_seconds=0.5)) as place, socket.create_connection(place) as connection:
        begun, sent = time.monotonic(), 0
        connection.settimeout(0.05)
        found = b""
        while not found and sent < 400:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: xxxxxxxx"[sent : sent + 1] or b"x")
            sent += 1
            try:
                found = connection.recv(65536)
            except TimeoutError:
                continue
        assert found.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 5000,
        b"GET /" + b"a" * 5000,
    ],
    ids=["one header", "many headers", "a long path", "a header without an end", "a path without an end"],
)
def test_headers_have_a_limit(head: bytes) -> None:
    with running(Limits(header=2000)) as place, socket.create_connection(place) as connection:
        connection.sendall(head)
        assert all_of(connection).startswith(b"HTTP/1.1 431 ")


def test_a_body_is_no_header() -> None:
    with running(Limits(header=2000)) as place, socket.create_connection(place) as connection:
        for _ in range(2):  # at once, and headers first, on the same connection
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90000)
            until(connection, b"\r\n\r\n90000")
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n")
            time.sleep(0.05)
            connection.sendall(b"x" * 90000)
            until(connection, b"\r\n\r\n90000")


def test_connections_have_a_limit_and_come_free_again() -> None:
    with running(Limits(connections=2)) as place:
        held = [socket.create_connection(place) for _ in range(2)]
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(place) as more:
            found = all_of(more)
        assert found.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in found
        for connection in held:
            connection.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.create_connection(place) as again:
                again.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
                if all_of(again).startswith(b"HTTP/1.1 200 "):
                    break
        else:
            pytest.fail("no connection came free")


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_not_http_is_told_so(garbage: bytes) -> None:
    with running(Limits()) as place, socket.create_connection(place) as connection:
        connection.sendall(garbage)
        found = all_of(connection)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"not HTTP" in found


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "after",
    [
        b"3\r\nabc\r\n0\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(1000)),
        b"3\r\nabc\r\n0\r\nX: " + b"a" * 10_000,
        b"3;x=" + b"a" * 10_000,
    ],
    ids=["many trailers", "a trailer without an end", "an extension without an end"],
)
def test_what_stands_between_and_after_chunks_has_a_limit(after: bytes) -> None:
    with running(Limits(header=2000)) as place, socket.create_connection(place) as connection:
        connection.sendall(CHUNKED)
        with contextlib.suppress(ConnectionError):  # it may be cut off while it is being sent
            for begin in range(0, len(after), 1000):
                connection.sendall(after[begin : begin + 1000])
                time.sleep(0.01)
        assert all_of(connection).startswith(b"HTTP/1.1 431 ")


def test_chunks_and_trailers_are_read() -> None:
    """The trailers add nothing to the request."""
    body = b"".join(b"5\r\nabcde\r\n" for _ in range(2000)) + b"0\r\nX: y\r\nExpect: 100-continue\r\n\r\n"
    with running(Limits(header=2000)) as place, socket.create_connection(place) as connection:
        for _ in range(2):
            connection.sendall(CHUNKED + body)
            until(connection, b"\r\n\r\n10000")
            connection.sendall(CHUNKED)
            for begin in range(0, len(body), 999):
                connection.sendall(body[begin : begin + 999])
            until(connection, b"\r\n\r\n10000")


def test_empty_lines_are_no_request() -> None:
    """They may stand before one; sent for ever, they would hold a connection for ever."""
    with running(Limits(request_seconds=0.5)) as place, socket.create_connection(place) as connection:
        connection.sendall(b"\r\nGET / HTTP/1.1\r\n\r\n")
        until(connection, b"\r\n\r\n0")
        begun, found = time.monotonic(), b""
        connection.settimeout(0.05)
        while not found and time.monotonic() - begun < 15:
            connection.sendall(b"\r\n")
            try:
                found = connection.recv(65536)
            except TimeoutError:
                continue
        assert found.startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_nobody_reads_is_not_kept() -> None:
    size = 30 * 2**20

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * size})

    with running(Limits(request_seconds=0.5), large) as place:
        with socket.create_connection(place) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\n\r\n")
            slow.settimeout(20)
            time.sleep(1.5)
            found = 0
            with contextlib.suppress(ConnectionError):
                while part := slow.recv(2**20):
                    found += len(part)
            assert found < size
        with socket.create_connection(place) as steady:  # however long it takes
            steady.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            steady.settimeout(20)
            found = 0
            while part := steady.recv(2**20):
                found += len(part)
                time.sleep(0.02)
            assert found > size


def test_a_client_can_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with running(Limits()) as place:
        for sent in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"):
            with socket.create_connection(place) as connection:
                connection.sendall(sent)
                connection.settimeout(20)
                assert connection.recv(65536).startswith(b"HTTP/1.1 ")
    assert caplog.records == []
