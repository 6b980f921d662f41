"""A DolphinScheduler of one's own, on the loopback: start, stop, status."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dsflow.standalone.configuration import Given, configure
from dsflow.standalone.errors import PortTakenError, StandaloneError
from dsflow.standalone.guarded import Guarded, program
from dsflow.standalone.java import Java
from dsflow.standalone.model import INFO, PASSWORD, USER, Info, Source, Start, read_info
from dsflow.standalone.places import exclusive
from dsflow.standalone.ports import LOOPBACK, answers, choose_ports
from dsflow.standalone.process import end, is_alive
from dsflow.standalone.readiness import wait_until_ready

MAIN_CLASS = "org.apache.dolphinscheduler.StandaloneServer"
GATEWAY_PASSWORD = "userPythonGateway"  # what pydolphinscheduler's submit() gives the administrator
ATTEMPTS = 3  # when somebody else takes a port between our look and the server's
LOCK = ".lock"
TOKEN_FILE = "gateway.token"
CLASS_PATH_FILE = "class-path.txt"
DATABASE, MADE = "dolphinscheduler.mv.db", "made"
# what DolphinScheduler's libraries reach into
OPEN = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.util",
    "java.io",
    "java.net",
    "java.nio",
    "sun.nio.ch",
)
OPTIONS = ("-Xmx1200m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
QUIET = "-Dpolyglot.engine.WarnInterpreterOnly=false"  # conditions are short
# variables that Spring or Java would read
_NOT_OURS = re.compile(
    r"(SPRING|MASTER|WORKER|ALERT|API|REGISTRY|SERVER|KUBERNETES)_|_?JAVA_TOOL_OPTIONS$|JDK_JAVA_OPTIONS$|CLASSPATH$"
)
_NOT_IN_A_PATH = re.compile(r"[\s'\":;$]")


@dataclass(frozen=True)
class Stopped:
    """What stopping did: whether something ran, and whether it had to be killed."""

    ran: bool
    pid: int
    killed: bool


def start(source: Source, how: Start, java: Java) -> Info:
    """Start a server and wait until it can be used.

    Raises:
        StandaloneError: it cannot be started; nothing of it runs.
    """
    busy = f"another process is starting or stopping a server in {how.folder}"
    with exclusive(how.folder / LOCK, busy) as lock:
        check_free(how)
        old = read_info(how.folder)
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _start(source, how, java, old, began, lock)
            except PortTakenError:
                if attempt == ATTEMPTS:
                    raise
                choose_ports(how.ports)  # one that is named does not change: say so
            except OSError as error:
                raise StandaloneError(f"the server cannot be started in {how.folder}: {error}") from error
    raise AssertionError("the last attempt returns or raises")


def stop(folder: Path, patience: float) -> Stopped:
    """Stop the server of a folder, and wait until it is gone.

    Args:
        patience: seconds in which it may end in peace; then it is killed.

    Raises:
        StandaloneError: no server was started in that folder.
    """
    with exclusive(_existing(folder) / LOCK, f"another process is starting or stopping a server in {folder}"):
        info = read_info(folder)
        if info is None:
            raise StandaloneError(f"no server was started in {folder}: it holds no {INFO}")
        if not is_running(info):
            return Stopped(False, info.pid, False)
        killed = end(info.pid, info.pid_start, patience)
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        return Stopped(True, info.pid, killed)


def is_running(info: Info) -> bool:
    """Whether the server is still that very process."""
    return is_alive(info.pid, info.pid_start)


def check_free(how: Start) -> None:
    """See, before anything is got, that a server can be started.

    Raises:
        StandaloneError: one runs in the folder, or the folder is none that it can write to.
        PortTakenError: a port that is named is taken.
    """
    check_folder(how.folder)
    old = read_info(how.folder)
    if old is not None and is_running(old):
        raise StandaloneError(
            f"a server already runs in {how.folder} (process {old.pid})",
            hint=f"use it, stop it (dsflow dolphinscheduler stop --dir {how.folder}), or give another folder",
        )
    choose_ports(how.ports)


def check_folder(folder: Path) -> None:
    """See that a server can write to a folder.

    Raises:
        StandaloneError: its path holds what DolphinScheduler's scripts do not bear.
    """
    found = _NOT_IN_A_PATH.search(str(folder))
    if found:
        raise StandaloneError(
            f"the folder {str(folder)!r} has {found.group()!r} in its path, which DolphinScheduler does not take",
            hint="give a folder whose path has no spaces, quotes, ':', ';' or '$'",
        )


def find_python(given: str | None) -> str:
    """The full path of an interpreter: of the one that is given, else of the one that runs this.

    Raises:
        StandaloneError: there is no such program.
    """
    name = given or sys.executable
    path = os.path.abspath(os.path.expanduser(name)) if os.sep in name else shutil.which(name)
    if not path or not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise StandaloneError(f"there is no Python interpreter {name!r}", hint="give --python PATH")
    return path


def may_sudo() -> bool:
    """Whether this user may run programs as another one without being asked for a password."""
    try:
        done = subprocess.run(
            ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return done.returncode == 0


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise StandaloneError(f"no server was started in {folder}: there is no such folder")
    return folder


def _start(source: Source, how: Start, java: Java, old: Info | None, began: float, lock: int) -> Info:
    folder = how.folder
    given = Given(choose_ports(how.ports), may_sudo(), secrets.token_urlsafe(32))
    made = folder / "db" / MADE
    if how.persist and not made.exists():
        (folder / "db" / DATABASE).unlink(missing_ok=True)  # of a start that did not come to its end
    configure(source, how, given, fresh=not (how.persist and made.exists()))
    log, console = folder / "logs" / "dolphinscheduler-standalone.log", folder / "logs" / "console.log"
    for file in (log, console):
        if file.exists():
            file.replace(file.with_suffix(".previous"))
    environment = {k: v for k, v in os.environ.items() if not _NOT_OURS.match(k)}
    environment |= {"DOLPHINSCHEDULER_HOME": str(folder), "PYTHON_HOME": how.python, "PYTHON_LAUNCHER": how.python}
    with Guarded(
        _command(source, how, java), folder=folder, environment=environment, output=console, inherit=[lock]
    ) as server:
        info = Info(
            version=source.version,
            pid=server.pid,
            pid_start=server.began,
            api_url=f"http://{LOOPBACK}:{given.ports['api']}/dolphinscheduler",
            web_url=None,
            gateway_host=LOOPBACK,
            gateway_port=given.ports["gateway"],
            gateway_token=given.token,
            user=USER,
            password=PASSWORD,
            dir=str(folder),
            log=str(log),
            console=str(console),
            persist=how.persist,
            python=how.python,
            java=java.path,
            java_version=java.version,
            sudo=given.sudo,
            ports=dict(given.ports),
            source=str(source.home) if source.home else "maven",
        )
        if source.home is not None and (source.home / "ui" / "index.html").is_file():
            info = replace(info, web_url=f"{info.api_url}/ui/")
        passwords = dict.fromkeys([PASSWORD, *([old.password] if old else []), GATEWAY_PASSWORD])
        with _translated(source, info, lock) as translation:
            info = wait_until_ready(info, began + how.timeout, list(passwords) if how.persist else [PASSWORD])
            info = replace(info, ready_seconds=round(time.monotonic() - began, 1))
            made.touch()
            info.write()
            server.keep()
            if translation is not None:
                translation.keep()
    return info


class _translated:
    """The translation before the gateway of 3.1.1; nothing before that of later servers."""

    def __init__(self, source: Source, info: Info, lock: int) -> None:
        self._running: Guarded | None = None
        if source.needs_translation:
            token = Path(info.dir, "conf", TOKEN_FILE)
            token.touch(mode=0o600)
            token.write_text(info.gateway_token, encoding="ascii")
            ports = info.ports
            self._running = Guarded(
                program("translation", str(ports["gateway"]), str(ports["real_gateway"]), str(info.pid), str(token)),
                folder=Path(info.dir),
                output=Path(info.dir, "logs", "gateway.log"),
                inherit=[lock],
            )

    def __enter__(self) -> Guarded | None:
        return self._running

    def __exit__(self, *exc: object) -> None:
        if self._running is not None:
            self._running.undo()


def _command(source: Source, how: Start, java: Java) -> list[str]:
    conf = how.folder / "conf"
    opened = [word for package in OPEN for word in ("--add-opens", f"java.base/{package}=ALL-UNNAMED")]
    return [
        java.path,
        *OPTIONS,
        *opened,
        QUIET,
        "-Duser.timezone=UTC",
        "-Dfile.encoding=UTF-8",
        f"-Djava.io.tmpdir={how.folder / 'tmp'}",
        f"-Dspring.config.additional-location=file:{conf}/dsflow.properties",
        *how.java_options,
        f"@{_class_path_file(source, conf)}",
        MAIN_CLASS,
    ]


def _class_path_file(source: Source, conf: Path) -> Path:
    """A file of Java's own form with the class path: hundreds of jars in a long folder are more than one word of a
    command may hold, 128 KiB on Linux."""
    path = os.pathsep.join(map(str, [conf, *source.class_path]))
    file = conf / CLASS_PATH_FILE
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    # Java reads the file with the encoding of the file system
    file.write_bytes(os.fsencode(f'-cp\n"{quoted}"\n'))
    return file


def api_answers(info: Info) -> bool:
    """Whether the server runs and its REST API takes connections."""
    return is_running(info) and answers(info.ports["api"])
