"""The gateway's errors and silence, without a server; what needs one is in tests/integration."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler.wire import gateway as module
from dsflow.dolphinscheduler.wire.gateway import Gateway
from dsflow.errors import ConfigError, UnreachableError


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose every connection is answered in this way, and closed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def hang_up() -> Iterator[int]:
    """A port that takes a connection and closes it at once."""
    with listening(lambda connection: None) as port:
        yield port


def profile(port: int) -> Profile:
    return Profile(gateway=f"127.0.0.1:{port}")


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(UnreachableError, match=f"no DolphinScheduler gateway answers at 127.0.0.1:{port}") as error:
            Gateway(profile(port))
    assert error.value.exit_code == 5


def test_another_service_listens(hang_up: int) -> None:
    root = list(logging.getLogger().handlers)
    with pytest.raises(UnreachableError, match=f"gateway 127.0.0.1:{hang_up} broke"):
        Gateway(profile(hang_up))
    assert logging.getLogger().handlers == root


def test_a_silent_service_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UnreachableError):
            Gateway(profile(silent.getsockname()[1]))


def test_half_an_answer_is_none() -> None:
    """The connection breaks within the version: `3.2` is not what the gateway was about to say."""

    def half(connection: socket.socket) -> None:
        with connection.makefile("rb") as questions:
            if questions.readline() == b"A\n" and questions.readline():  # the token
                connection.sendall(b"!yv\n")
                if b"e\n" in iter(questions.readline, b""):  # the last line of the call
                    connection.sendall(b"!ys3.2.2")

    with listening(half) as port, pytest.raises(UnreachableError, match="broke"):
        Gateway(profile(port))


def test_a_gateway_that_is_no_address() -> None:
    with pytest.raises(ConfigError, match="host:port"):
        Gateway(Profile(gateway="somewhere"))


def test_importing_us_imports_nothing_heavy() -> None:
    code = (
        "import sys, dsflow.dolphinscheduler.client\n"
        "heavy = {'httpx', 'py4j', 'pydolphinscheduler', 'rich', 'yaml', 'duckdb'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
