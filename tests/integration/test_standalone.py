"""The command that starts servers, on real ones: from Maven Central, from a release, killed while it starts."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.standalone.configuration import DATA, Given, _of_maven
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import get_jars, locked
from dsflow.standalone.model import PASSWORD, USER
from dsflow.standalone.places import CACHE_VARIABLE, MAVEN_VARIABLE, cache_folder, exclusive
from dsflow.standalone.ports import answers
from dsflow.standalone.process import is_alive
from dsflow.standalone.sources import DEFAULT
from dsflow.standalone.tables import schema
from tests.servers import START_SECONDS, missing, server_command

from .conftest import ENVIRONMENT, TENANT, Running

KILLS = 20
VERSION = DEFAULT


@pytest.fixture(autouse=True)
def _can_start() -> None:
    lacking = missing(VERSION)
    if lacking:
        pytest.skip(lacking)


@pytest.fixture(scope="module")
def jars() -> dict[str, Path]:
    """The jars from Maven Central, by their path below a repository's address."""
    if missing(VERSION):
        return {}
    wanted = locked(VERSION)
    return dict(zip((jar.path for jar in wanted), get_jars(wanted, print), strict=True))


@contextlib.contextmanager
def web(files: dict[str, Path], pause: float = 0) -> Iterator[str]:
    """A web server that serves these files, each after a pause; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = files.get(self.path.lstrip("/"))
            if path is None:
                self.send_error(404)
                return
            time.sleep(pause)
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            with contextlib.suppress(OSError), path.open("rb") as file:  # the client may be killed meanwhile
                while piece := file.read(1 << 16):
                    self.wfile.write(piece)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def archive(jars: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 3.1.1, laid out as Apache's are: its jars, its configuration, its SQL."""
    top = f"apache-dolphinscheduler-{VERSION}-bin"
    folder = tmp_path_factory.mktemp("release") / top
    conf = folder / "standalone-server" / "conf"
    (conf / "sql").mkdir(parents=True)
    ports = dict.fromkeys(("real_gateway", "callback"), 25333)
    values = _of_maven(Given(ports, False, ""))
    values["spring.sql.init.schema-locations"] = values["spring.sql.init.schema-locations"].replace(
        "classpath:dolphinscheduler.sql", "classpath:sql/dolphinscheduler_h2.sql"
    )
    (conf / "application.yaml").write_text(yaml.safe_dump(values))
    (conf / "sql" / "dolphinscheduler_h2.sql").write_text(schema(VERSION, list(jars.values()), USER, PASSWORD))
    (conf / "common.properties").write_text("sudo.enable=true\nresource.storage.type=NONE\n")
    for name in ("logback-spring.xml", "task-type-config.yaml"):
        (conf / name).write_bytes((DATA / name).read_bytes())
    (folder / "standalone-server" / "ui").mkdir()
    (folder / "standalone-server" / "ui" / "index.html").write_text("<title>DolphinScheduler</title>")
    path = folder.parent / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(folder, top)
        for jar in jars.values():
            own = jar.name.startswith("dolphinscheduler-standalone-server")
            place = "standalone-server/libs/standalone-server" if own else "api-server/libs"
            tar.add(jar, f"{top}/{place}/{jar.name}")
    return path


def start(*arguments: object) -> dict[str, Any]:
    done = server_command("start", "--json", "--timeout", str(START_SECONDS), *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def stop_after() -> Iterator[Callable[[Path], Path]]:
    """Takes folders whose servers are stopped at the end of the test."""
    with contextlib.ExitStack() as stack:

        def take(folder: Path) -> Path:
            stack.callback(server_command, "stop", "--dir", str(folder))
            return folder

        yield take


def runs_a_task(info: dict[str, Any]) -> None:
    """Bootstrap, submit and run on a server."""
    running = Running(info["version"], info)
    definition = Definition("started", "flow", (TaskDefinition("a", "SHELL", {"rawScript": "echo hello"}),), ())
    with running.connect() as server:
        server.bootstrap(tenant=TENANT, environment=ENVIRONMENT, variables={"A": "b"}, say=lambda line: None)
        server.submit(definition)
        assert server.follow(server.start(definition), poll=0.2) == "SUCCESS"


def test_a_release_runs_with_its_page_two_side_by_side(
    archive: Path, tmp_path: Path, stop_after: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an archive, and as the folder that it was unpacked to."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    one = start("--dir", stop_after(tmp_path / "one"), "--release", archive)
    assert one["version"] == VERSION
    assert one["source"].startswith(str(tmp_path / "cache" / "releases"))
    assert one["web_url"] == f"{one['api_url']}/ui/"
    two = start("--dir", stop_after(tmp_path / "two"), "--release", Path(one["source"]).parent)
    assert not set(one["ports"].values()) & set(two["ports"].values())
    assert one["gateway_token"] != two["gateway_token"]
    runs_a_task(one)
    runs_a_task(two)


def test_what_is_persisted_is_there_after_a_stop(tmp_path: Path, stop_after: Callable[[Path], Path]) -> None:
    folder = stop_after(tmp_path / "kept")
    first = start("--dir", folder, "--persist")
    runs_a_task(first)
    stopped = server_command("stop", "--dir", str(folder), "--json")
    assert json.loads(stopped.stdout)["stopped"] is True
    assert not answers(first["ports"]["api"])
    again = start("--dir", folder, "--persist", "--port", first["ports"]["api"])
    assert again["api_url"] == first["api_url"]
    assert again["gateway_token"] != first["gateway_token"]
    with Server(Running(VERSION, again).profile()) as server:
        assert server.state("started", "flow").version == 1


# ---------------------------------------------------------------- killed while it starts


def phases(folder: Path, cache: Path) -> dict[str, Callable[[], bool]]:
    """How to see from outside that a start has come that far."""
    conf, log = folder / "conf" / "dsflow.properties", folder / "logs" / "dolphinscheduler-standalone.log"

    def port(name: str) -> int:
        for line in conf.read_text().splitlines() if conf.is_file() else ():
            if line.startswith(f"{name}="):
                return int(line.partition("=")[2])
        return 0

    return {
        "at once": lambda: True,
        "fetching": lambda: any(cache.glob(".jars-*/*.jar")),
        "keeping what came": lambda: any((cache / "jars").glob("*.jar")),
        "configuring": lambda: (folder / "conf").is_dir(),
        "starting": lambda: log.is_file(),
        "API": lambda: bool(port("server.port")) and answers(port("server.port")),
        "gateway": lambda: (
            bool(port("python-gateway.gateway-server-port")) and answers(port("python-gateway.gateway-server-port"))
        ),
    }


def processes_of(*folders: Path) -> list[str]:
    """The processes whose command or working directory names one of these folders."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace") + os.readlink(entry / "cwd")
        except OSError:
            continue  # it has just ended
        if int(entry.name) != os.getpid() and any(str(folder) in words for folder in folders):
            found.append(words.replace("\0", " ")[:200])
    return found


def came_so_far(is_there: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    return is_there() or process.poll() is not None


def all_gone(folders: list[Path]) -> bool:
    return not processes_of(*folders)


def is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    try:
        with exclusive(lock, "held"):
            return True
    except StandaloneError:
        return False


def patiently(what: Callable[[], object], seconds: float = 60) -> object:
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def sound(cache: Path) -> bool:
    """Whether each jar in the cache is the one that it should be, and nothing else is there."""
    digests = {jar.name: jar.sha256 for jar in locked(VERSION)}
    return all(
        digests.get(path.name) == hashlib.sha256(path.read_bytes()).hexdigest() for path in (cache / "jars").glob("*")
    ) and not list(cache.glob(".*"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, to see that no process is left")
@pytest.mark.timeout(1800)
def test_killed_while_it_starts_nothing_is_left(
    jars: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: list[str]
) -> None:
    """In each phase, by SIGKILL and by SIGTERM: no process, no lock, no broken cache; the next start is as if new."""
    reached: dict[str, int] = {}
    kept = cache_folder()
    names = list(phases(tmp_path, tmp_path))
    with web(dict(jars), pause=0.02) as repository:
        monkeypatch.setenv(MAVEN_VARIABLE, repository)
        for number in range(KILLS):
            phase = names[number % len(names)]
            cold = names.index(phase) <= names.index("keeping what came")
            folder = tmp_path / f"server-{number}"
            cache = tmp_path / f"cache-{number}" if cold else kept
            monkeypatch.setenv(CACHE_VARIABLE, str(cache))
            command = [sys.executable, "-m", "dsflow", "dolphinscheduler", "start", "--dir", str(folder)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
                is_there = phases(folder, cache)[phase]
                assert patiently(functools.partial(came_so_far, is_there, process), 200), phase
                assert process.poll() is None, process.stdout and process.stdout.read()
                process.send_signal(signal.SIGTERM if number % 3 == 2 else signal.SIGKILL)
                process.wait()
            # the guards hold the folder's lock until all is undone
            assert patiently(functools.partial(is_free, folder / ".lock")), f"held after a kill while {phase}"
            places = [folder, cache] if cold else [folder]
            assert patiently(functools.partial(all_gone, places)), f"{processes_of(*places)} after a kill while {phase}"
            assert not (folder / "server.json").exists()
            if cold:
                assert is_free(cache / "jars.lock")
                assert patiently(functools.partial(sound, cache)), phase
            reached[phase] = reached.get(phase, 0) + 1
        monkeypatch.setenv(CACHE_VARIABLE, str(kept))
        tally.append("starts killed: " + ", ".join(f"{count} {phase}" for phase, count in reached.items()))
        info = start("--dir", folder)
        assert is_alive(info["pid"], info["pid_start"])
        stopped = server_command("stop", "--dir", str(folder))
        assert stopped.returncode == 0
        assert patiently(lambda: not processes_of(folder))
