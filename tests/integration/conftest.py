"""Real DolphinScheduler servers for the tests: one of 3.1.5 and one of 3.2.2, each with its own client."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler.client import Server

VERSIONS = ("3.1.5", "3.2.2")
CLIENTS = {"3.1.5": "4.0.4", "3.2.2": "4.1.0"}
HOW_TO_RUN = "set DSFLOW_TEST_DOLPHINSCHEDULER to the folder that holds `standalone` to run the tests on real servers"
TALLY = pytest.StashKey[list[str]]()
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
        return self.version.startswith("3.2")


def _script() -> Path:
    folder = os.environ.get("DSFLOW_TEST_DOLPHINSCHEDULER")
    if not folder:
        pytest.skip(HOW_TO_RUN)
    return Path(folder) / "standalone"


def _standalone(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(_script()), *arguments], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def running_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """Every server, started side by side.

    DSFLOW_TEST_DOLPHINSCHEDULER_WORKDIR names a folder whose servers (WORKDIR/VERSION) are used if they run, started if
    they do not, and left running: for those who run these tests again and again.
    """
    _script()
    kept = os.environ.get("DSFLOW_TEST_DOLPHINSCHEDULER_WORKDIR")
    base = Path(kept) if kept else tmp_path_factory.mktemp("dolphinscheduler")
    python = str(Path(sys.executable).with_name("python3"))

    def start(version: str) -> Running:
        folder = base / version
        if kept and _standalone("status", "--dir", str(folder)).returncode == 0:
            return Running(version, json.loads((folder / "server.json").read_text()))
        done = _standalone("start", "--version", version, "--dir", str(folder), "--python", python)
        assert done.returncode == 0, done.stderr
        return Running(version, json.loads((folder / "server.json").read_text()))

    with ThreadPoolExecutor() as pool:
        servers = dict(zip(VERSIONS, pool.map(start, VERSIONS), strict=True))
    yield servers
    if not kept:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda v: _standalone("stop", "--dir", str(base / v)), VERSIONS))


@pytest.fixture(scope="session")
def prepared_servers(running_servers: dict[str, Running]) -> dict[str, Running]:
    """The same, each with a tenant bound to its administrator and an environment."""
    for running in running_servers.values():
        with running.connect() as server:
            server.bootstrap(
                tenant=TENANT, environment=ENVIRONMENT, variables={"DSFLOW_TEST": "yes"}, say=lambda line: None
            )
    return running_servers


def _client_folder(version: str, cache: Path) -> Path:
    """A folder with the pydolphinscheduler that belongs to a server, installed once."""
    client = CLIENTS[version]
    folder = cache / client
    if not (folder / "pydolphinscheduler").is_dir():
        arguments = ["install", "--no-deps", "--quiet", "--target", str(folder), f"apache-dolphinscheduler=={client}"]
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


@pytest.fixture(params=VERSIONS)
def running(request: pytest.FixtureRequest, prepared_servers: dict[str, Running]) -> Iterator[Running]:
    """A server of each version, with the client that belongs to it."""
    cache = Path(request.config.cache.mkdir("pydolphinscheduler"))
    with client_installed(_client_folder(request.param, cache)):
        yield prepared_servers[request.param]


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
    return request.config.stash.setdefault(TALLY, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the tests wrote down with the fixture ``tally``."""
    lines = config.stash.get(TALLY, [])
    if lines:
        terminalreporter.section("tried on real servers")
        for line in lines:
            terminalreporter.write_line(line)
