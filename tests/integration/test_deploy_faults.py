"""Every request of a deployment is cut once: then one more deployment sets all right.

The repository holds a workflow that is online with a live schedule, another one that runs it as a SUB_PROCESS, and a
third one that is new each time while the one before it is no longer declared: each deployment updates, creates and
prunes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest

from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.deploy import Declared, Deployer, Deployment
from dsflow.dolphinscheduler.register import entries_of, register_name
from dsflow.errors import ServerError
from tests.integration.conftest import Running
from tests.integration.proxy import Cut, Exchange, Position
from tests.integration.test_faults import (
    INTERRUPTED,
    LIMIT,
    Trial,
    check_words,
    declared,
    differs,
    impatient,  # noqa: F401  (a fixture)
    profile_of,
    report,
    silent,
    strangers,
    through,
    writes_a_workflow,
)


def owner_of(definitions: list[Definition]) -> str:
    """The repository's identity: one of its own for each project."""
    return f"example.com/{definitions[0].project}"


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a request's number means nearly the same request each time."""
    monkeypatch.setattr("dsflow.dolphinscheduler.deploy.READERS", 1)
    monkeypatch.setattr("dsflow.dolphinscheduler.deploy.WRITERS", 1)


def repository(project: str, number: int) -> list[Definition]:
    """Each number another content."""
    call = TaskDefinition("call", "SUB_PROCESS", {"processDefinitionCode": "chain"})
    caller = Definition(project, "caller", (call,), (), description=f"number {number}")
    new = Definition(project, f"new {number}", (TaskDefinition("a", "SHELL", {"rawScript": "true"}),), ())
    return [caller, declared(project, number), new]


def deploy(server: Server, definitions: list[Definition]) -> Deployment:
    """What ``dsflow deploy --prune --yes`` does."""
    deployer = Deployer(server, owner_of(definitions))
    sources = [Declared(d, f"pipelines/{d.name}.py") for d in definitions]
    deployment = deployer.plan(sources, prune=["pipelines"])
    deployer.apply(deployment)
    return deployment


def deploy_cuts(exchanges: list[Exchange]) -> Iterator[Cut]:
    """What to try: each write before, during and after, every other time with the server gone; reads with it gone.

    Of one kind of read that is made several times between two writes, the first is cut.
    """
    after, positions = itertools.cycle((Position.SWALLOWED, Position.HALF)), itertools.cycle(Position)
    counts: dict[str, int] = {}
    tried: set[str] = set()
    for index, exchange in enumerate(exchanges):
        number = counts.setdefault(exchange.kind, 0)
        counts[exchange.kind] += 1
        if exchange.writes:
            tried.clear()
            for turn, position in enumerate((Position.BEFORE, Position.DURING, next(after))):
                yield Cut(number, position, down=(index + turn) % 2 == 0, kind=exchange.kind)
        elif exchange.kind not in tried:
            tried.add(exchange.kind)
            yield Cut(number, next(positions), down=True, kind=exchange.kind)


def notes_of(deployment: Deployment) -> list[str]:
    return [*deployment.notes, *(note for item in deployment.items if item.result for note in item.result.notes)]


def left_over(server: Server, wanted: list[Definition]) -> list[str]:
    """Signs that a deployment was cut short, other than that something is not as declared."""
    found = [f"{d.name}: {s}" for d in wanted for s in silent(server, d)]
    return found + [s for s in strangers(server, wanted[0].project, set()) if "dsflow lock" in s]


def unfinished(server: Server, wanted: list[Definition]) -> list[str]:
    """How the project is not what the repository declares."""
    project, register = wanted[0].project, register_name(owner_of(wanted))
    found = [f"{d.name}: {c}" for d in wanted for c in differs(server, d)]
    listed = {e.code for e in entries_of(server.state(project, register).raw)}
    if listed != {server.state(project, d.name).code for d in wanted}:
        found.append(f"the register lists {listed}")
    return found + strangers(server, project, {register, *(d.name for d in wanted)})


def untrue(server: Server, deployment: Deployment) -> list[str]:
    """What a deployment said of a workflow and is not so."""
    found = []
    for item in deployment.items:
        if item.outcome in ("created", "updated", "unchanged"):
            found += [f"{item.key[1]} said to be {item.outcome}, but: {c}" for c in differs(server, item.definition)]
    for gone in deployment.pruned:
        if server.state(gone.project, gone.entry.name).code is not None:
            found.append(f"{gone.entry.name} said to be deleted")
    return found


def attempt(running: Running, direct: Server, wanted: list[Definition], cut: Cut) -> Trial:
    began = time.monotonic()
    with through(running, cut) as proxy:
        trial, deployment = Trial(cut, Exchange("?")), None
        try:
            with Server(profile_of(running, proxy), timeout=10.0) as server:
                server.rest._sleep = lambda seconds: time.sleep(seconds / 10)
                deployment = deploy(server, wanted)
        except ServerError as error:
            check_words(trial, error)
        except Exception as error:
            trial.complaints.append(f"raised {error!r}")
        took = time.monotonic() - began
        trial.expect(took < LIMIT, f"took {took:.1f} s")
        if not proxy.happened:
            trial.complaints.append("the cut was never reached")
            return trial
        trial.exchange = [e for e in proxy.exchanges if e.kind == cut.kind][cut.index]
    left = left_over(direct, wanted)
    if deployment is not None:
        for error in deployment.all_errors:
            check_words(trial, error)
        trial.complaints += untrue(direct, deployment)
        told = any("could not be removed" in note for note in notes_of(deployment))
        if not deployment.failed and not told:
            trial.complaints += [f"said to be deployed, but: {c}" for c in unfinished(direct, wanted)]
    try:
        again = deploy(direct, wanted)
    except Exception as error:
        trial.complaints.append(f"the next deployment raised {error!r} (found: {left})")
        return trial
    trial.complaints += [f"the next deployment: {error}" for error in again.all_errors]
    if left:
        trial.expect(any(INTERRUPTED in n for n in notes_of(again)), f"nothing said about {left}: {notes_of(again)}")
    trial.complaints += [f"after the next deployment: {c}" for c in unfinished(direct, wanted)]
    return trial


@pytest.fixture
def somebody(running: Running, server: Server) -> Running:
    """The server as an ordinary user sees it, who has a tenant and no projects but those that he makes."""
    name = f"u{os.urandom(4).hex()}"
    tenant = next(t.id for t in server.rest.tenants() if t.code == server.rest.user().tenant)
    user = {
        "userName": name,
        "userPassword": "secret123",
        "tenantId": tenant,
        "email": f"{name}@example.org",
        "state": 1,
    }
    server.rest.post("/users/create", "create a user", user)
    return Running(running.version, {**running.info, "user": name, "password": "secret123"})


def test_a_deployment_that_is_cut(somebody: Running, tally: list[str]) -> None:
    project = f"cut-{os.urandom(3).hex()}"
    with somebody.connect() as direct:
        assert not deploy(direct, repository(project, 10_000)).failed
        with through(somebody) as proxy, Server(profile_of(somebody, proxy), timeout=10.0) as connected:
            assert not deploy(connected, repository(project, 0)).failed
        exchanges = proxy.exchanges
        assert sum(e.name == "gateway createOrUpdateWorkflow" for e in exchanges) == 3
        assert sum(writes_a_workflow(e) for e in exchanges) == 4  # the new one over REST, with places for its tasks
        trials = [
            attempt(somebody, direct, repository(project, number), cut)
            for number, cut in enumerate(deploy_cuts(exchanges), start=1)
        ]
    writes = sum(e.writes for e in exchanges)
    tally.append(
        f"deployment, DolphinScheduler {somebody.version}: {len(trials)} cuts in {len(exchanges)} requests, "
        f"{writes} of which write"
    )
    if found := report(trials):
        pytest.fail(found, pytrace=False)
