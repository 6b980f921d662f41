"""Going back to an earlier version, and deleting, each write cut once: nothing goes offline without a word."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dsflow.definition import Definition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.versions import delete_workflow, rollback
from dsflow.errors import ServerError
from tests.integration.conftest import Running
from tests.integration.proxy import Cut, Exchange, Position
from tests.integration.test_faults import (
    Trial,
    check_words,
    declared,
    impatient,  # noqa: F401  (a fixture)
    profile_of,
    report,
    silent,
    through,
    whole,
)

Act = Callable[[Server], object]
SETTLED = 1.0  # seconds after which a request is done of which nobody waits for the answer


def writing(exchanges: list[Exchange]) -> Iterator[Cut]:
    """Each request that changes something, before, during and after it, every other time with the server gone."""
    for index, exchange in enumerate(exchanges):
        if exchange.writes or "/versions/" in exchange.name:  # versions are switched by a GET
            for turn, position in enumerate((Position.BEFORE, Position.DURING, Position.SWALLOWED)):
                yield Cut(index, position, down=(index + turn) % 2 == 0)


def attempt(running: Running, direct: Server, wanted: Definition, act: Act, cut: Cut) -> tuple[Trial, str]:
    """The trial, and what was said: '' when it was done."""
    said = ""
    with through(running, cut) as proxy, Server(profile_of(running, proxy), timeout=10.0) as server:
        trial = Trial(cut, Exchange("?"))
        server.rest._sleep = lambda seconds: None
        try:
            act(server)
        except ServerError as error:
            check_words(trial, error)
            said = str(error)
        trial.expect(proxy.happened, "the cut was never reached")
        if proxy.happened:
            trial.exchange = proxy.exchanges[cut.index]
    if cut.position is Position.DURING:
        time.sleep(SETTLED)
    left = silent(direct, wanted)
    trial.expect(not left or "may now be offline" in said, f"{left}, and said was {said!r}")
    return trial, said


def try_all(running: Running, direct: Server, wanted: Definition, act: Act, done: Callable[[], bool]) -> list[Trial]:
    """``done`` looks whether what was said to be done is."""
    direct.submit(wanted)
    with through(running) as proxy, Server(profile_of(running, proxy)) as server:
        act(server)
    trials = []
    for cut in writing(proxy.exchanges):
        direct.submit(wanted, overwrite=True)
        trial, said = attempt(running, direct, wanted, act, cut)
        trial.expect(bool(said) or done(), "said to be done, and is not")
        direct.submit(wanted, overwrite=True)
        trial.complaints += [f"after the next submit: {c}" for c in whole(direct, wanted)]
        trials.append(trial)
    assert len(trials) >= 6
    return trials


def test_a_rollback_that_is_cut(running: Any, server: Server, project: str, tally: list[str]) -> None:
    first = declared(project, 1)
    server.submit(first)
    second = replace(declared(project, 2), schedule=first.schedule)
    trials = try_all(
        running,
        server,
        second,
        lambda connected: rollback(connected, project, "chain", to=1),
        lambda: server.state(project, "chain").version == 1 and not silent(server, first),
    )
    tally.append(f"rollback, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)


def test_a_deletion_that_is_cut(running: Any, server: Server, project: str, tally: list[str]) -> None:
    def delete(connected: Server) -> None:
        state = server.state(project, "chain")
        assert state.code is not None
        delete_workflow(connected.rest, state.project_code, state.code)

    trials = try_all(running, server, declared(project, 1), delete, lambda: server.state(project, "chain").code is None)
    tally.append(f"deletion, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)
