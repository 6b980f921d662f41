"""Several APIServers of one cluster: when one is gone the next one answers, and it is used again when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dsflow.serving import PredictionServer
from dsflow.serving.apiserver import ApiServer, Deployment
from dsflow.serving.breaker import PAUSE

from .fakes import CLICK, EVERYWHERE, update
from .test_http1 import request_of

ROOT = Path(__file__).resolve().parents[3]
APISERVER = """
import sys
from tests.unit.serving.fakes import FakeApiServer
server = FakeApiServer(int(sys.argv[1]))
server.start()
print(server.url, flush=True)
sys.stdin.read()
"""
DEPLOYMENT = Deployment("demo_db", "demo", (), ())


@contextlib.asynccontextmanager
async def answering(port: int, counted: Counter[int]) -> AsyncIterator[int]:
    """A server that answers everything; its end breaks off what is under way."""
    writers: list[asyncio.StreamWriter] = []
    known = port

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await request_of(reader):
                counted[known] += 1
                await asyncio.sleep(0.001)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    known = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


def test_one_that_is_back_answers_all_when_the_other_one_goes() -> None:
    """Also those that ask while the first of them tries whether it is back."""
    counted: Counter[int] = Counter()

    async def ask(apiserver: ApiServer) -> None:
        answers = await asyncio.gather(*(apiserver.execute(DEPLOYMENT, b"{}") for _ in range(30)))
        assert answers == [b"{}"] * 30

    async def go() -> None:
        async with contextlib.AsyncExitStack() as second:
            async with answering(0, counted) as one:
                other = await second.enter_async_context(answering(0, counted))
                apiserver = ApiServer(f"http://127.0.0.1:{one},http://127.0.0.1:{other}", timeout=20)
                await ask(apiserver)
                assert set(counted) == {one}
            await ask(apiserver)
            assert counted[other] == 30
            async with answering(one, counted):
                await asyncio.sleep(PAUSE + 0.1)
                await second.aclose()
                await ask(apiserver)
                assert counted[one] == 60
            await apiserver.aclose()

    asyncio.run(go())


class Process:
    """An APIServer that can be killed."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", APISERVER, str(self.port)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline().strip() == self.url

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.communicate()


@pytest.fixture
def two() -> Iterator[tuple[Process, Process]]:
    processes = Process(), Process()
    yield processes
    for process in processes:
        process.kill()


def test_no_request_fails_while_one_of_two_is_killed_and_comes_back(
    two: tuple[Process, Process], models: tuple[str, str]
) -> None:
    first, second = two
    answers: Counter[tuple[int, str]] = Counter()
    stop = threading.Event()

    def load(url: str) -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            while not stop.is_set():
                answer = client.post("/predict", json=CLICK)
                told = "" if answer.status_code == 200 else json.dumps(answer.json())
                answers[answer.status_code, told] += 1

    def some_more(count: int) -> None:
        wanted = answers.total() + count
        eventually(lambda: answers.total() >= wanted)

    with (
        PredictionServer(f"{first.url},{second.url}", options=EVERYWHERE) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        assert update(client, models[0]).status_code == 200
        threads = [threading.Thread(target=load, args=(server.url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            some_more(100)
            first.kill()
            some_more(200)
            assert client.get("/ready").status_code == 200
            first.start()
            some_more(100)
            time.sleep(PAUSE)
            second.kill()
            some_more(200)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert set(answers) == {(200, "")}


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
