"""Every request of a submit is cut once, at each point where it can break: then one more submit sets all right."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from dsflow.definition import Definition, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import with_environment
from dsflow.dolphinscheduler.wire.codec import normalise
from dsflow.errors import DsflowError, ServerError
from tests.integration.conftest import ENVIRONMENT, Running
from tests.integration.proxy import Cut, Exchange, Position, Proxy

LIMIT = 20.0  # seconds that a submit which is cut may take
SETTLED = 0.5  # seconds after which the server has done what it was asked for last
INTERRUPTED = "cut short"
WORKFLOWS = "/dolphinscheduler/projects/N/process-definition"
OVER_REST = (f"POST {WORKFLOWS}", f"PUT {WORKFLOWS}/N")


def declared(project: str, number: int, name: str = "chain") -> Definition:
    """Each number another workflow: a task's text and the hour of its schedule."""
    tasks = tuple(
        TaskDefinition(n, "SHELL", {"rawScript": f"echo {number}" if n == "b" else "true"}) for n in ("a", "b", "c")
    )
    schedule = ScheduleDefinition(
        f"0 {number % 60} {number // 60 % 24} * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "Asia/Shanghai"
    )
    return Definition(
        project,
        name,
        tasks,
        (Relation("a", "b"), Relation("b", "c")),
        description=f"number {number}",
        schedule=schedule,
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """These servers answer in milliseconds: what waits minutes for a real one waits a moment here."""
    monkeypatch.setattr("dsflow.dolphinscheduler.submit.GRACE", 0.2)
    monkeypatch.setattr("dsflow.dolphinscheduler.lock.POLL", 0.05)
    monkeypatch.setattr("dsflow.dolphinscheduler.submit.SETTLE_CHECKS", 4)
    monkeypatch.setattr("dsflow.dolphinscheduler.submit.SETTLE_PAUSE", 0.15)


def through(running: Running, cut: Cut | None = None, **options: Any) -> Proxy:
    api = urlsplit(running.info["api_url"])
    assert api.hostname
    assert api.port
    return Proxy((api.hostname, api.port), (running.info["gateway_host"], running.info["gateway_port"]), cut, **options)


def profile_of(running: Running, proxy: Proxy) -> Any:
    return running.profile(
        api_url=f"http://127.0.0.1:{proxy.rest}/dolphinscheduler", gateway=f"127.0.0.1:{proxy.gateway}"
    )


def cuts(exchanges: list[Exchange]) -> Iterator[Cut]:
    """What to try: each write at every position, with the server back at once and with the server gone; each read once.

    A read that is cut once is repeated and costs nothing, so for reads the server is gone.
    """
    positions = itertools.cycle(Position)
    for index, exchange in enumerate(exchanges):
        if exchange.writes:
            for position, down in itertools.product(Position, (False, True)):
                yield Cut(index, position, down)
        else:
            yield Cut(index, next(positions), down=True)


@dataclass
class Trial:
    """What became of one cut."""

    cut: Cut
    exchange: Exchange
    complaints: list[str] = field(default_factory=list)

    def expect(self, what: bool, complaint: str) -> None:
        if not what:
            self.complaints.append(complaint)


def silent(server: Server, wanted: Definition) -> list[str]:
    """Whether a workflow that is to be online, with a live schedule if it has one, is not."""
    state = server.state(wanted.project, wanted.name)
    found = []
    if state.code is not None and not state.online:
        found.append("workflow offline")
    if state.code is not None and wanted.schedule is not None and not state.live_schedules:
        found.append("no live schedule")
    return found


def strangers(server: Server, project: str, known: set[str]) -> list[str]:
    """Workflows of the project that should not be there, such as a lock."""
    code = server.rest.project_code(project)
    names = {w.name for w in server.rest.workflows(code)} if code else set()
    return [f"{name!r} left" for name in sorted(names - known)]


def half_done(server: Server, wanted: Definition) -> list[str]:
    """What a submit that was cut left behind, in words."""
    return silent(server, wanted) + strangers(server, wanted.project, {wanted.name})


def differs(server: Server, wanted: Definition) -> list[str]:
    """How the server's workflow is not as declared."""
    state = server.state(wanted.project, wanted.name)
    if state.definition is None:
        return ["no workflow"]
    complaints = silent(server, wanted)
    if normalise(state.definition) != normalise(with_environment(wanted, ENVIRONMENT)):
        complaints.append("not as declared: " + "; ".join(server.plan(wanted).differences()))
    if len(state.schedules) != (wanted.schedule is not None):
        complaints.append(f"{len(state.schedules)} schedules")
    return complaints


def whole(server: Server, wanted: Definition) -> list[str]:
    """Complaints about what the server holds, in a project that holds this workflow alone."""
    return differs(server, wanted) + strangers(server, wanted.project, {wanted.name})


def check_words(trial: Trial, error: DsflowError) -> None:
    """An error is told as one, with an exit code that fits."""
    text = str(error)
    trial.expect(error.exit_code in (1, 5), f"exit code {error.exit_code}")
    trial.expect("Traceback" not in text and "py4j" not in text and bool(text.strip()), f"message: {text}")


def attempt(running: Running, direct: Server, wanted: Definition, cut: Cut) -> Trial:
    began = time.monotonic()
    with through(running, cut) as proxy:
        trial, outcome = Trial(cut, Exchange("?")), None
        try:
            with Server(profile_of(running, proxy), timeout=10.0) as server:
                server.rest._sleep = lambda seconds: time.sleep(seconds / 10)
                outcome = server.submit(wanted)
        except ServerError as error:
            text = str(error)
            check_words(trial, error)
        except Exception as error:
            text = repr(error)
            trial.complaints.append(f"raised {text}")
        took = time.monotonic() - began
        trial.expect(took < LIMIT, f"took {took:.1f} s")
        if not proxy.happened:
            trial.complaints.append("the cut was never reached")
            return trial
        trial.exchange = proxy.exchanges[cut.index]
    left = half_done(direct, wanted)
    if left:  # the server may still be at the request that was cut, such as the removal of the lock
        time.sleep(SETTLED)
        left = half_done(direct, wanted)
    if outcome is not None:
        told = any("could not be removed" in note for note in outcome.notes)
        found = [c for c in whole(direct, wanted) if not (told and c.endswith(" left"))]
        trial.complaints += [f"said to be submitted, but: {c}" for c in found]
    elif "online as before" in text:
        trial.expect("workflow offline" not in left and "no live schedule" not in left, f"said {text!r}, but: {left}")
    try:
        again = direct.submit(wanted)
    except Exception as error:
        trial.complaints.append(f"the next submit raised {error!r} (found: {left})")
        return trial
    if left:
        trial.expect(any(INTERRUPTED in n for n in again.notes), f"nothing said about {left}: {again.notes}")
    trial.complaints += [f"after the next submit: {c}" for c in whole(direct, wanted)]
    return trial


def try_all(
    running: Running,
    direct: Server,
    make: Callable[[int], Definition],
    prepare: Callable[[Definition], object],
    only: Callable[[Exchange], bool] = lambda exchange: True,
) -> list[Trial]:
    """A submit whole, to count its requests, and then one for each cut."""
    wanted = make(0)
    prepare(wanted)
    with through(running) as proxy, Server(profile_of(running, proxy), timeout=10.0) as server:
        server.submit(wanted)
    exchanges = proxy.exchanges
    assert any(writes_a_workflow(e) for e in exchanges)
    trials = []
    for number, cut in enumerate((c for c in cuts(exchanges) if only(exchanges[c.index])), start=1):
        wanted = make(number)
        prepare(wanted)
        trials.append(attempt(running, direct, wanted, cut))
    return trials


def writes_a_workflow(exchange: Exchange) -> bool:
    """Through the gateway; or, with places for new tasks, over REST."""
    return exchange.name == "gateway createOrUpdateWorkflow" or exchange.kind in OVER_REST


def report(trials: list[Trial]) -> str:
    return "\n".join(f"{t.cut} ({t.exchange.name}): {c}" for t in trials for c in t.complaints)


def test_an_update_that_is_cut(running: Any, server: Server, project: str, tally: list[str]) -> None:
    """Of a workflow that is online with a live schedule."""
    server.submit(declared(project, 10_000))
    server.submit(declared(project, 10_001))  # the first connection of a process to a gateway says more than later ones
    trials = try_all(running, server, lambda n: declared(project, n), lambda wanted: None)
    tally.append(f"update, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)


def test_an_update_with_a_new_task_that_is_cut(running: Any, server: Server, project: str, tally: list[str]) -> None:
    """A new task needs a place in the drawing: the update goes over REST, by way of OFFLINE; its schedule stays."""
    wanted = declared(project, 10_000)

    def changed(number: int) -> Definition:
        new = TaskDefinition(f"new {number}", "SHELL", {"rawScript": f"echo new {number}"})
        return replace(wanted, tasks=(*wanted.tasks, new), relations=(*wanted.relations, Relation("c", new.name)))

    server.submit(wanted)
    server.submit(changed(10_001))
    seen: list[Exchange] = []

    def only(exchange: Exchange) -> bool:
        seen.append(exchange)
        return exchange.writes

    trials = try_all(running, server, changed, lambda wanted: None, only)
    kinds = [e.kind for e in seen]
    assert f"PUT {WORKFLOWS}/N" in kinds
    assert "gateway createOrUpdateWorkflow" not in kinds
    tally.append(f"update with a new task, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)


def test_a_schedule_that_is_cut_is_no_drift(running: Any, server: Server, project: str, tally: list[str]) -> None:
    """A change of the schedule alone, of which the record may be newer than what the server then holds."""
    same = declared(project, 10_000)

    def changed(number: int) -> Definition:
        return replace(same, schedule=declared(project, number).schedule)

    server.submit(same)
    server.submit(changed(10_001))  # the first connection of a process to a gateway says more than later ones
    trials = try_all(running, server, changed, lambda wanted: None, lambda exchange: exchange.writes)
    tally.append(f"schedule alone, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)


def test_a_first_submit_that_is_cut(running: Any, server: Server, project: str, tally: list[str]) -> None:
    server.submit(declared(project, 0))  # the first connection of a process to a gateway says more than those after it
    trials = try_all(
        running, server, lambda n: declared(f"{project}-{n}", n), lambda wanted: None, lambda exchange: exchange.writes
    )
    tally.append(f"first submit, DolphinScheduler {running.version}: {len(trials)} cuts")
    if found := report(trials):
        pytest.fail(found, pytrace=False)
