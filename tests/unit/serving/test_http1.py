"""The HTTP client against raw sockets: what servers really send, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dsflow.serving.http1 import BadAnswerError, Client, StaleConnectionError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


def asking(serve: Serve, ask: Callable[[Client], Awaitable[None]], prefix: str = "") -> None:
    """Run a server and a client of it in one event loop."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            pass  # the client has hung up
        finally:
            writer.close()

    async def go() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        client = Client(f"http://{host}:{port}{prefix}", connect_timeout=5)
        try:
            await ask(client)
        finally:
            await client.aclose()
            server.close()
            await asyncio.sleep(0.01)

    asyncio.run(go())


def test_a_request_as_it_goes_out_and_connections_that_are_kept() -> None:
    seen: list[bytes] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            seen.append(await request_of(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async def ask(client: Client) -> None:
        assert await client.ask("POST", "/a/b", b'{"x":1}', 5) == (200, b"{}")
        assert await client.ask("GET", "/c", None, 5) == (200, b"{}")

    asking(serve, ask, "/prefix")
    assert connections == 1
    assert seen[0].startswith(b"POST /prefix/a/b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert seen[0].endswith(b'\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"x":1}')
    assert seen[1].startswith(b"GET /prefix/c HTTP/1.1\r\n")
    assert b"Content-" not in seen[1]


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", 503, b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it is closed", 200, b"until it is closed"),
    ],
    ids=["chunked", "empty", "close", "no length"],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_answers_of_every_shape_in_pieces(answer: bytes, status: int, body: bytes, step: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for begin in range(0, len(answer), step):
            writer.write(answer[begin : begin + step])
            await writer.drain()

    async def ask(client: Client) -> None:
        for _ in range(2):
            try:
                assert await client.ask("GET", "/", None, 5) == (status, body)
            except StaleConnectionError:  # this server answers once a connection
                assert await client.ask("GET", "/", None, 5) == (status, body)

    asking(serve, ask)


def test_a_kept_connection_that_was_closed_is_told_from_one_that_broke_off() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await request_of(reader)  # and closes without a word

    async def ask(client: Client) -> None:
        await client.ask("GET", "/", None, 5)
        with pytest.raises(StaleConnectionError):
            await client.ask("GET", "/", None, 5)
        assert await client.ask("GET", "/", None, 5) == (200, b"{}")

    asking(serve, ask)

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{")

    async def ask_breaking(client: Client) -> None:
        with pytest.raises(ConnectionResetError, match="before it had answered"):
            await client.ask("GET", "/", None, 5)

    asking(breaking, ask_breaking)


def test_no_http_and_no_answer_and_nobody_there() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"SSH-2.0-x\r\n")
        await reader.read()

    async def ask(client: Client) -> None:
        with pytest.raises(BadAnswerError):
            await client.ask("GET", "/", None, 5)

    asking(babble, ask)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def wait(client: Client) -> None:
        with pytest.raises(TimeoutError):
            await client.ask("GET", "/", None, 0.05)

    asking(silence, wait)

    async def nobody() -> None:
        with pytest.raises(OSError, match=r".+"):
            await Client("http://127.0.0.1:9", connect_timeout=5).ask("GET", "/", None, 5)

    asyncio.run(nobody())


def test_an_answer_that_nobody_waits_for_any_more_is_not_the_next_ones() -> None:
    answers = iter((b"first", b"other"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_of(reader)
            body = next(answers)
            await asyncio.sleep(0.05 if body == b"first" else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    async def ask(client: Client) -> None:
        gone = asyncio.create_task(client.ask("GET", "/", None, 5))
        await asyncio.sleep(0.02)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await client.ask("GET", "/", None, 5) == (200, b"other")

    asking(serve, ask)


def test_many_at_once_take_turns_on_the_kept_connections() -> None:
    """A connection may have its next request before the task of the last one has woken up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = (await request_of(reader)).rpartition(b"\r\n\r\n")[2]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def ask(client: Client) -> None:
        async def some(who: int) -> None:
            for number in range(50):
                body = b"%d %d" % (who, number)
                assert await client.ask("POST", "/", body, 20) == (200, body)

        await asyncio.wait_for(asyncio.gather(*map(some, range(16))), 30)

    asking(serve, ask)
