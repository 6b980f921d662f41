"""Wrong passwords, tokens, ports and rights: a clear error, and nothing changed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dsflow.definition import Definition, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.deploy import Declared, Deployer
from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import ConfigError, ServerError, UnreachableError
from tests.integration.proxy import Cut, Exchange, Position
from tests.integration.test_faults import profile_of, through
from tests.parallel import OWN


def small(project: str) -> Definition:
    return Definition(project, "small", (TaskDefinition("a", "SHELL", {"rawScript": "true"}),), ())


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


def test_a_wrong_password_or_token(running: Any, project: str) -> None:
    with running.connect(password="wrong") as server, pytest.raises(AuthenticationError, match="user 'admin'"):
        server.plan(small(project))
    with running.connect(token="wrong") as server, pytest.raises(AuthenticationError, match="access token"):
        server.plan(small(project))
    with pytest.raises(ConfigError, match="lacks the password"):
        running.connect(password=None).__enter__()


def test_an_access_token_serves_for_everything(server: Server, running: Any, project: str) -> None:
    user = server.rest.user().id
    form = {"userId": user, "expireTime": "2099-01-01 00:00:00"}
    token = server.rest.post("/access-tokens/generate", "generate a token", form)
    server.rest.post("/access-tokens", "store the token", {**form, "token": token})
    with running.connect(token=token, user=None, password=None) as by_token:
        assert by_token.submit(small(project)).written
        assert by_token.follow(by_token.start(small(project)), poll=0.2) == "SUCCESS"


def test_a_session_that_another_log_in_ended_is_renewed(server: Server, running: Any) -> None:
    server.rest.user()
    server.rest._session = "00000000-0000-0000-0000-000000000000"
    assert server.rest.user(refresh=True).name == "admin"


def test_no_server_at_the_address(running: Any, project: str, closed_port: int, silent_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/dolphinscheduler"
    with running.connect(api_url=url) as server, pytest.raises(UnreachableError, match=f"127.0.0.1:{closed_port}") as e:
        server.plan(small(project))
    assert e.value.exit_code == 5
    silent = running.profile(api_url=f"http://127.0.0.1:{silent_port}/dolphinscheduler")
    with Server(silent, timeout=0.3) as server, pytest.raises(UnreachableError, match="time limit"):
        server.plan(small(project))


def test_an_address_without_the_path(running: Any, project: str) -> None:
    url = running.info["api_url"].removesuffix("/dolphinscheduler")
    with running.connect(api_url=url) as server, pytest.raises(RefusedError, match=r"404(.|\n)*/dolphinscheduler"):
        server.plan(small(project))


def test_a_gateway_that_is_not_there_or_refuses(
    server: Server, running: Any, project: str, closed_port: int, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsflow.dolphinscheduler.wire.gateway.CONNECT_TIMEOUT", 0.5)
    wrong = [
        ({"gateway": f"127.0.0.1:{closed_port}"}, UnreachableError, f"127.0.0.1:{closed_port}"),
        ({"gateway": f"127.0.0.1:{silent_port}"}, UnreachableError, f"127.0.0.1:{silent_port}"),
        ({"gateway": running.info["api_url"].split("/")[2]}, AuthenticationError, "or is no DolphinScheduler gateway"),
        ({"gateway_token": "wrong"}, AuthenticationError, "gateway token"),
        ({"gateway": "nonsense"}, ConfigError, "host:port"),
    ]
    for changes, kind, words in wrong:
        with running.connect(**changes) as other, pytest.raises(kind, match=words):
            other.submit(small(project))
        assert server.state(project, "small").code is None
    server.submit(small(project))
    changed = replace(small(project), description="changed")
    with running.connect(gateway_token="wrong") as other, pytest.raises(AuthenticationError):
        other.submit(changed)
    assert server.plan(small(project)).is_empty


def test_a_gateway_of_another_server(server: Server, running: Any, prepared: Callable[..., Any], project: str) -> None:
    """It holds a workflow of the same name, online with a live schedule, and that stays so."""
    elsewhere = prepared(running.version, OWN)
    schedule = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "UTC")
    theirs = replace(small(project), schedule=schedule)
    with elsewhere.connect() as other:
        other.submit(theirs)
        before = other.state(project, "small")
        assert before.live_schedules
        theirs_profile = elsewhere.profile()
        with running.connect(gateway=theirs_profile.gateway, gateway_token=theirs_profile.gateway_token) as mixed:
            deployer = Deployer(mixed, "example.com/mixed")
            for wanted, words in ((theirs, "another code"), (small(f"{project}-new"), "is not there")):
                with pytest.raises(ServerError, match=rf"belongs to another server(.|\n)*{words}") as error:
                    mixed.submit(wanted)
                assert error.value.exit_code == 1
            deployment = deployer.plan([Declared(theirs, "small.py")])
            deployer.apply(deployment)
            assert [i.outcome for i in deployment.items] == ["failed"]
        assert other.state(project, "small") == before
    assert server.rest.workflows(server.rest.project_code(project) or 0) == []
    assert server.rest.project_code(f"{project}-new") is None


def test_a_user_who_is_no_administrator_submits(server: Server, running: Any, project: str) -> None:
    name = "u" + project[-6:]
    user = {"userName": name, "userPassword": "secret123", "tenantId": server.rest.user().tenant_id,
            "email": f"{name}@example.org", "state": 1}  # fmt: skip
    server.rest.post("/users/create", "create a user", user)
    with running.connect(user=name, password="secret123") as other:
        own = f"own-{project[-6:]}"
        assert other.submit(small(own)).written
        assert not other.submit(small(own)).written


@pytest.mark.parametrize("version", ["2.0.9", "3.0.6", "3.5.0-alpha"])
def test_a_server_of_a_version_that_is_not_known(server: Server, running: Any, project: str, version: str) -> None:
    """Said as such, before anything is made: also no project."""

    def answer(exchange: Exchange, data: bytes) -> bytes:
        return f"!ys{version}\n".encode() if exchange.name == "gateway getGatewayVersion" else data

    server.submit(small(project))
    before = server.state(project, "small")
    words = f"is DolphinScheduler {version}, which dsflow does not know"
    with through(running, rewrite=answer) as proxy, Server(profile_of(running, proxy)) as other:
        for wanted in (small(f"{project}-new"), replace(small(project), description="changed")):
            with pytest.raises(ServerError, match=words) as error:
                other.submit(wanted)
            assert error.value.exit_code == 1
        deployer = Deployer(other, "example.com/versions")
        deployment = deployer.plan([Declared(small(f"{project}-new"), "small.py")])
        with pytest.raises(ServerError, match=words):
            deployer.apply(deployment)
    assert server.state(project, "small") == before
    assert server.rest.project_code(f"{project}-new") is None
    assert [w.name for w in server.rest.workflows(before.project_code)] == ["small"]


def test_the_administrator_is_left_as_he_was(server: Server, running: Any, project: str) -> None:
    before = next(u for u in server.rest.pages("/users/list-paging", "list the users") if u["userName"] == "admin")
    server.submit(small(project))
    server.bootstrap(tenant=before["tenantCode"], project=project, say=lambda line: None)
    after = next(u for u in server.rest.pages("/users/list-paging", "list the users") if u["userName"] == "admin")
    assert after == before
    with RestClient(running.profile()) as fresh:
        assert fresh.user().name == "admin"


def test_a_user_without_a_tenant_and_without_rights(server: Server, running: Any, project: str) -> None:
    name = "u" + project[-6:]
    user = {
        "userName": name,
        "userPassword": "secret123",
        "tenantId": server.rest.user().tenant_id,
        "email": f"{name}@example.org",
        "state": 1,
    }
    server.rest.post("/users/create", "create a user", user)
    made = next(u for u in server.rest.users() if u.name == name)
    server.rest.bind_tenant(made, -1 if running.is_new else 0)
    with running.connect(user=name, password="secret123") as other:
        with pytest.raises(ServerError, match="may not see it" if running.is_new else "has no tenant"):
            other.submit(small(project))
        with pytest.raises(ServerError, match=r"no administrator(.|\n)*administrator"):
            other.bootstrap(tenant="brand-new", say=lambda line: None)
        own = f"own-{project[-6:]}"
        other.bootstrap(project=own, say=lambda line: None)
        if not running.is_new:
            with pytest.raises(ServerError, match=r"has no tenant(.|\n)*dsflow bootstrap"):
                other.submit(small(own))
            assert other.state(own, "small").code is None
        with pytest.raises(ServerError, match="may not see it"):
            other.bootstrap(project=project, say=lambda line: None)


def test_after_submitting_nothing_keeps_the_process_alive(running: Any, project: str) -> None:
    """And nothing is written to standard output or error but what the caller says."""
    profile = running.profile()
    code = f"""
import sys
import threading
sys.path[:0] = {[p for p in sys.path if p]!r}
from dsflow.config import Profile
from dsflow.definition import Definition, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
profile = Profile(
    api_url={profile.api_url!r}, user={profile.user!r}, password={profile.password!r}, gateway={profile.gateway!r},
    gateway_token={profile.gateway_token!r},
)
with Server(profile) as server:
    server.submit(Definition({project!r}, "small", (TaskDefinition("a", "SHELL", {{"rawScript": "true"}}),), ()))
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


CALLS = {"gateway": "gateway createOrUpdateWorkflow", "REST": "POST /dolphinscheduler/projects/N/process-definition"}


@pytest.mark.parametrize("passes_on", [True, False])
@pytest.mark.parametrize("exists", [True, False])
def test_the_connection_breaks_during_the_call(
    server: Server, running: Any, project: str, passes_on: bool, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update goes through the gateway, a new workflow over REST."""
    monkeypatch.setattr("dsflow.dolphinscheduler.submit.SETTLE_CHECKS", 6)
    schedule = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "UTC")
    declared = replace(small(project), schedule=schedule)
    if exists:
        server.submit(replace(declared, description="before"))
    call = CALLS["gateway" if exists else "REST"]
    cut = Cut(0, Position.DURING if passes_on else Position.BEFORE, kind=call)
    with through(running, cut) as proxy, Server(profile_of(running, proxy)) as other:
        if passes_on:
            result = other.submit(declared)
            assert any("carried it out" in note for note in result.notes)
        else:
            with pytest.raises(UnreachableError, match="gateway" if exists else "could not create workflow"):
                other.submit(declared)
    assert proxy.happened
    assert [e.kind for e in proxy.exchanges].count(call) == 1  # a call that may have been carried out is not repeated
    state = server.state(project, "small")
    if exists:
        assert (state.online, [s.online for s in state.schedules]) == (True, [True])
        assert state.definition is not None
        assert state.definition.description == ("" if passes_on else "before")
    elif not passes_on:
        assert state.code is None
    assert server.submit(declared).written is not passes_on
    assert server.plan(declared).is_empty
