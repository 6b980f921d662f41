"""Waiting until a server that was started can be used: its API, its gateway, a master, a worker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dsflow.config import Profile
from dsflow.dolphinscheduler.errors import AuthenticationError
from dsflow.dolphinscheduler.wire.known import NEWEST, series_of
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import ServerError
from dsflow.standalone.errors import PortTakenError, StandaloneError
from dsflow.standalone.guarded import Guarded
from dsflow.standalone.model import Info, series
from dsflow.standalone.ports import answers
from dsflow.standalone.process import is_alive

POLL = 0.25  # seconds
FAILED = "Application run failed"  # Spring's words; threads of the master keep the process alive after it
TAKEN = re.compile(
    r"java\.net\.BindException|[Aa]ddress already in use|Port \d+ was already in use|py4j\.Py4JNetworkException"
)


def wait_until_ready(info: Info, deadline: float, passwords: Sequence[str], beside: Guarded | None = None) -> Info:
    """Wait; gives the server with the password that it takes.

    Args:
        deadline: of ``time.monotonic()``.
        passwords: those that the administrator may have, the likeliest first.
        beside: a program that belongs to the server.

    Raises:
        PortTakenError: something else listens on a port of it.
        StandaloneError: it ended, or is not ready in time; the message holds the last errors of its log.
    """
    _wait(info, deadline, "its REST API", lambda: answers(info.ports["api"]))
    info = _with_password(info, deadline, passwords)
    known = series_of(series(info.version)) or NEWEST
    with RestClient(profile_of(info), timeout=20.0) as rest:
        worker = f":{info.ports['worker']}"

        def in_a_group() -> bool:
            return any(worker in address for group in rest.whole_worker_groups() for address in group.workers)

        steps: list[tuple[str, Callable[[], object]]] = [
            ("its Python gateway", lambda: _gateway_answers(info, beside)),
            ("its master", lambda: rest.get(known.masters, "list the masters")),
            ("its worker", lambda: rest.get(known.workers, "list the workers")),
            ("its worker to be in a worker group", in_a_group),
        ]
        for what, is_ready in steps:
            _wait(info, deadline, what, is_ready)
    return info


def profile_of(info: Info) -> Profile:
    """A profile of this server."""
    return Profile(
        name=f"DolphinScheduler {info.version}",
        api_url=info.api_url,
        user=info.user,
        password=info.password,
        gateway=f"{info.gateway_host}:{info.gateway_port}",
        gateway_token=info.gateway_token,
    )


def _gateway_answers(info: Info, beside: Guarded | None) -> bool:
    if beside is None:
        return answers(info.ports["gateway"])
    if not is_alive(beside.pid, beside.began):
        path = Path(info.dir, "logs", "gateway.log")
        raise StandaloneError(
            "the program before the gateway ended:\n  " + "\n  ".join(_text(str(path)).splitlines()[-5:])
        )
    return answers(info.ports["gateway"]) and answers(info.ports["real_gateway"])


def _with_password(info: Info, deadline: float, passwords: Sequence[str]) -> Info:
    def logged_in() -> Info | None:
        for password in passwords:
            candidate = replace(info, password=password)
            try:
                with RestClient(profile_of(candidate), timeout=20.0) as rest:
                    rest.user()
                return candidate
            except AuthenticationError:
                continue
        raise StandaloneError(f"the server lets its user {info.user!r} in with no password that it may have")

    found = _wait(info, deadline, "the log-in", logged_in)
    assert isinstance(found, Info)
    return found


def _wait(info: Info, deadline: float, what: str, is_ready: Callable[[], object]) -> object:
    while True:
        if not is_alive(info.pid, info.pid_start):
            raise _failure(info, f"the server ended while {what} was waited for")
        if FAILED in _text(info.log):
            raise _failure(info, "the server did not come up")
        if time.monotonic() > deadline:
            raise _failure(info, f"the server is not ready in time: {what} is still waited for")
        try:
            found = is_ready()
        except ServerError:
            found = None  # not yet
        if found:
            return found
        time.sleep(POLL)


def _failure(info: Info, message: str) -> StandaloneError:
    text = _text(info.log) + _text(info.console)
    if TAKEN.search(text):
        return PortTakenError(f"{message}: something else took one of its ports meanwhile")
    _, spring, cause = text.rpartition("APPLICATION FAILED TO START")
    if spring:  # Spring explains why
        lines = [line for line in cause.splitlines() if line.strip(" *")][:12]
        return StandaloneError("\n  ".join([f"{message}; its log says:", *(line[:300] for line in lines)]))
    errors = [line[:300] for line in text.splitlines() if re.search("ERROR|Exception|Caused by|^Error", line)]
    said = "\n  ".join(["the last errors in its log:", *errors[-12:]]) if errors else f"its log is {info.log}"
    return StandaloneError(f"{message}; {said}")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
