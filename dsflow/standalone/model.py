"""What a server of one's own is: where it comes from, what it is given, and what is known of it while it runs."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER, PASSWORD = "admin", "dolphinscheduler123"  # of every fresh DolphinScheduler
INFO = "server.json"
# of what listens: the REST API, the gateway that clients use, py4j's call-backs, and DolphinScheduler's own calls.
# 3.1.1's own gateway stands behind a translation.
PORTS = ("api", "gateway", "callback", "master", "worker", "alert", "real_gateway")


@dataclass(frozen=True)
class Source:
    """A DolphinScheduler that can be started.

    Attributes:
        version: such as 3.1.1.
        class_path: its jars, in order.
        home: the folder standalone-server of an Apache release; None for jars of Maven Central, which hold no
            configuration, no SQL and no page.
    """

    version: str
    class_path: tuple[Path, ...]
    home: Path | None = None

    @property
    def needs_translation(self) -> bool:
        """Whether its gateway has the names of 3.1.1, and no token: a translation stands before it."""
        return self.version == "3.1.1"

    @property
    def is_3_2(self) -> bool:
        """3.2 rather than 3.1."""
        return series(self.version) >= (3, 2)


@dataclass(frozen=True)
class Start:
    """How a server is started.

    Attributes:
        folder: everything that the server writes is below it.
        python: the interpreter of PYTHON and OPENMLDB tasks.
        persist: keep the database over stop and start.
        ports: those that are named, by what listens there.
        timeout: seconds until it must be ready.
        java_options: more options of the Java machine.
    """

    folder: Path
    python: str
    persist: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    timeout: float = 180.0
    java_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Info:
    """A server that was started; the keys of ``server.json``.

    Attributes:
        pid_start: with pid, tells the process from a later one of that number; None where the system does not say.
        gateway_token: made anew for each server.
        web_url: the address of its page; None when there is none.
        sudo: whether tasks run as their tenant; else as the user who started the server.
        log, console: what the server writes.
        source: where it comes from: "maven", or the folder standalone-server of a release.
    """

    version: str
    pid: int
    pid_start: int | None
    api_url: str
    web_url: str | None
    gateway_host: str
    gateway_port: int
    gateway_token: str
    user: str
    password: str
    dir: str
    log: str
    console: str
    persist: bool
    python: str
    java: str
    java_version: int
    sudo: bool
    ports: dict[str, int]
    source: str
    ready_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``server.json``."""
        return dataclasses.asdict(self)

    def write(self) -> None:
        """Write ``server.json``: readable by nobody else, since it holds password and token; there whole, or not."""
        path = Path(self.dir, INFO)
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self.to_json(), file, indent=1)
        new.replace(path)


def read_info(folder: Path) -> Info | None:
    """What ``server.json`` of a folder says; None when there is none, or it is no such file."""
    try:
        values = json.loads((folder / INFO).read_text(encoding="utf-8"))
        names = {f.name for f in dataclasses.fields(Info)}
        return Info(**{name: value for name, value in values.items() if name in names})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def series(version: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
