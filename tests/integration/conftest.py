"""Real DolphinScheduler servers for the tests, one of each version, each with the client that belongs to it."""

from __future__ import annotations

import fcntl
import functools
import getpass
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler.client import Server
from tests.parallel import OWN, SECTIONS, SERVERS, TRIED, has_own_server
from tests.servers import KINDS, RELEASES_VARIABLE, START_SECONDS, Kind, missing, server_command

CLIENTS = {"3.1": "4.0.4", "3.2": "4.1.0"}  # the apache-dolphinscheduler of a series
TENANT = getpass.getuser()
ENVIRONMENT = "dsflow tests"


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    version: str
    info: dict[str, Any]

    def profile(self, **changes: Any) -> Profile:
        profile = Profile(
            name=f"test {self.version}",
            api_url=self.info["api_url"],
            user=self.info["user"],
            password=self.info["password"],
            gateway=f"{self.info['gateway_host']}:{self.info['gateway_port']}",
            gateway_token=self.info["gateway_token"],
            environment=ENVIRONMENT,
        )
        return replace(profile, **changes)

    @contextmanager
    def connect(self, **changes: Any) -> Iterator[Server]:
        with Server(self.profile(**changes)) as server:
            yield server

    @property
    def is_new(self) -> bool:
        """3.2 rather than 3.1."""
        return KINDS[self.version].series == "3.2"


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Of several processes, one at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_server(kind: Kind, folder: Path, *options: str) -> Running:
    """Start a server in a folder of its own."""
    python = str(Path(sys.executable).with_name("python3"))
    arguments = ["--dir", str(folder), "--python", python, "--timeout", str(START_SECONDS), *options]
    done = server_command("start", *kind.options, *arguments)
    assert done.returncode == 0, done.stderr
    return Running(kind.version, json.loads((folder / "server.json").read_text()))


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest) -> Callable[..., Running]:
    """Gives the server of a version, with a tenant bound to its administrator and an environment.

    A second argument names a folder, for another server of that version.

    It is started when the first test asks for it. DSFLOW_TEST_DOLPHINSCHEDULER_WORKDIR names a folder whose servers
    (WORKDIR/VERSION) are used if they run, started if they do not, and left running: for those who run these tests
    again and again.
    """
    base = request.config.stash[SERVERS]

    @functools.cache
    def prepare(version: str, place: str = ".") -> Running:
        lacking = missing(version)
        if lacking:
            pytest.skip(lacking)
        folder = base / place / version
        with only_one(folder.parent / f"{version}.lock"):
            if server_command("status", "--dir", str(folder)).returncode == 0:
                running = Running(version, json.loads((folder / "server.json").read_text()))
            else:
                running = start_server(KINDS[version], folder)
            with running.connect() as server:
                server.bootstrap(
                    tenant=TENANT, environment=ENVIRONMENT, variables={"DSFLOW_TEST": "yes"}, say=lambda line: None
                )
        return running

    return prepare


def _client_folder(version: str, cache: Path) -> Path:
    """A folder with the pydolphinscheduler that belongs to a server, installed once."""
    client = CLIENTS[KINDS[version].series]
    folder = cache / client
    with only_one(cache / f"{client}.lock"):
        return _installed(client, folder)


def _installed(client: str, folder: Path) -> Path:
    if not (folder / "pydolphinscheduler").is_dir():
        packages = [f"apache-dolphinscheduler=={client}"]
        if client.startswith("4.0"):
            packages.append("setuptools<82")  # it imports pkg_resources, which no environment need have
        arguments = ["install", "--no-deps", "--quiet", "--target", str(folder), *packages]
        commands = ([sys.executable, "-m", "pip", *arguments], ["uv", "pip", *arguments])
        errors = []
        for command in commands:
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            except OSError as error:
                errors.append(str(error))
                continue
            if done.returncode == 0:
                break
            errors.append(done.stderr)
        else:
            pytest.skip(f"apache-dolphinscheduler=={client} could not be installed: {errors[-1][-300:]}")
    return folder


@contextmanager
def client_installed(folder: Path) -> Iterator[None]:
    """Let ``import pydolphinscheduler`` find the one in this folder."""

    def forget() -> None:
        for name in [n for n in sys.modules if n.split(".")[0] == "pydolphinscheduler"]:
            del sys.modules[name]

    forget()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget()


@pytest.fixture(params=KINDS)
def running(request: pytest.FixtureRequest, prepared: Callable[..., Running]) -> Iterator[Running]:
    """A server of each version, with the client that belongs to it."""
    lacking = missing(request.param)
    if lacking:
        pytest.skip(lacking)
    cache = Path(request.config.cache.mkdir("pydolphinscheduler"))
    with client_installed(_client_folder(request.param, cache)):
        yield prepared(request.param, OWN) if has_own_server(request.node) else prepared(request.param)


@pytest.fixture
def of_another_series(running: Running, prepared: Callable[..., Running]) -> Running:
    """A server of another series than ``running`` is."""
    others = [kind for kind in KINDS.values() if kind.series != KINDS[running.version].series]
    if not others:
        pytest.skip(f"needs servers of two series: {RELEASES_VARIABLE} names a release of another one")
    return prepared(others[0].version)


@pytest.fixture
def server(running: Running) -> Iterator[Server]:
    """A connection to ``running`` as its administrator."""
    with running.connect() as server:
        yield server


@pytest.fixture
def project(server: Server, request: pytest.FixtureRequest) -> str:
    """A project of the test's own."""
    name = f"{request.node.originalname}-{os.urandom(3).hex()}"
    server.bootstrap(project=name, say=lambda line: None)
    return name


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> list[str]:
    """Lines that stand at the end of pytest's output: how much was tried."""
    return request.config.stash.setdefault(SECTIONS, {}).setdefault(TRIED, [])
