"""The DolphinScheduler servers that the tests run on: which there are, and the command that starts and stops them."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import all_cached, locked
from dsflow.standalone.java import find_java
from dsflow.standalone.places import MAVEN_VARIABLE
from dsflow.standalone.sources import DEFAULT

RELEASES_VARIABLE = "DSFLOW_TEST_RELEASES"
START_SECONDS = 420  # of a start that fetches, on a machine that does other work too


@dataclass(frozen=True)
class Kind:
    """A server that the tests run on.

    Attributes:
        version: such as 3.1.1.
        release: the archive or the folder that it comes from; None for Maven Central.
    """

    version: str
    release: str | None = None

    @property
    def series(self) -> str:
        """The first two numbers of the version."""
        return ".".join(self.version.split(".")[:2])

    @property
    def options(self) -> tuple[str, ...]:
        """What names it on the command line of a start."""
        return ("--version", self.version) if self.release is None else ("--release", self.release)


def kinds() -> dict[str, Kind]:
    """The servers by version: the one from Maven Central, and those of DSFLOW_TEST_RELEASES.

    That variable holds archives or folders of Apache's releases, separated as in PATH.
    """
    found = {DEFAULT: Kind(DEFAULT)}
    for path in filter(None, os.environ.get(RELEASES_VARIABLE, "").split(os.pathsep)):
        version = re.search(r"dolphinscheduler-(\d+\.\d+\.\d+)", os.path.basename(path.rstrip("/")))
        if version is None or not os.path.exists(path):
            raise pytest.UsageError(f"{RELEASES_VARIABLE}: {path} is no release apache-dolphinscheduler-X-bin[.tar.gz]")
        found[version.group(1)] = Kind(version.group(1), os.path.abspath(path))
    return found


KINDS = kinds()


def server_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``dsflow dolphinscheduler ...``."""
    command = [sys.executable, "-m", "dsflow", "dolphinscheduler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS + 120)


@functools.cache
def missing(version: str) -> str | None:
    """What this machine lacks to start a server of that version: one line; None when it has all."""
    try:
        find_java()
    except StandaloneError as error:
        return f"tests on real servers need Java: {error.message}; {error.hint}"
    if KINDS[version].release or shutil.which("mvn") or os.environ.get(MAVEN_VARIABLE) or all_cached(locked(version)):
        return None
    return f"tests on real servers need Maven (the command mvn), or {MAVEN_VARIABLE} with a Maven repository's URL"
