"""Where the native library of the ``openmldb`` wheel is, and how it gets there.

The wheel's dependency pins hold back IPython, importlib-metadata and SQLAlchemy, so it is not a dependency of dsflow:
only its library is used, from an environment that has the wheel anyway or from a private folder.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dsflow.errors import DsflowError

VERSION = "0.9.2"
FOLDER_VARIABLE = "DSFLOW_OPENMLDB_SDK"

_INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Sdk:
    """The native library.

    Attributes:
        native: the folder of ``sql_router_sdk.py`` and ``_sql_router_sdk.so``.
    """

    native: Path


@dataclass(frozen=True)
class SdkMissing:
    """The native library cannot be used; ``reason`` is one line for the user, ``installable`` whether it can be had."""

    reason: str
    installable: bool


class SdkInstallError(DsflowError):
    """The wheel could not be fetched or has no library for this machine."""


def sdk_folder() -> Path:
    """The private folder: ``$DSFLOW_OPENMLDB_SDK``, else ``dsflow/openmldb-VERSION`` in the user's cache folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "dsflow" / f"openmldb-{VERSION}"


def find_sdk() -> Sdk | SdkMissing:
    """The native library: in ``$DSFLOW_OPENMLDB_SDK`` if that is set, else in this environment or the cache folder."""
    lacking = _unsupported()
    if lacking:
        return SdkMissing(lacking, installable=False)
    folder = sdk_folder()
    places = [folder / "openmldb"]
    if not os.environ.get(FOLDER_VARIABLE):
        spec = importlib.util.find_spec("openmldb")
        places = [*(Path(place) for place in (spec.submodule_search_locations or () if spec else ())), *places]
    for place in places:
        native = place / "native"
        if (native / "sql_router_sdk.py").is_file() and any(native.glob("_sql_router_sdk*")):
            return Sdk(native)
    return SdkMissing("OpenMLDB's compiler is not installed", installable=True)


def install_sdk() -> Sdk:
    """Fetch the wheel, without its dependencies, into :func:`sdk_folder`; what is there already is kept.

    Raises:
        SdkInstallError: this machine has no such wheel, or pip failed.
    """
    found = find_sdk()
    if isinstance(found, Sdk):
        return found
    if not found.installable:
        raise SdkInstallError(found.reason, hint="the other checks of `dsflow validate` need no compiler")
    folder = sdk_folder()
    if folder.exists() and any(folder.iterdir()):
        raise SdkInstallError(
            f"{folder} holds something else than openmldb {VERSION}", hint=f"remove it, or set {FOLDER_VARIABLE}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".openmldb-") as temporary:
        _pip(Path(temporary) / "new")
        try:
            if folder.exists():
                folder.rmdir()  # an empty folder that was made for it
            (Path(temporary) / "new").rename(folder)
        except OSError as error:
            found = find_sdk()  # another process may have been faster
            if isinstance(found, Sdk):
                return found
            raise SdkInstallError(f"cannot move the wheel to {folder}: {error.strerror}") from error
    found = find_sdk()
    if isinstance(found, SdkMissing):
        raise SdkInstallError(f"the wheel openmldb {VERSION} has no native library in {folder}")
    return found


def _pip(target: Path) -> None:
    arguments = ["install", "--no-deps", "--target", str(target), f"openmldb=={VERSION}"]
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", arguments[0], "--python", sys.executable, "--quiet", *arguments[1:]]
    else:
        raise SdkInstallError(
            "neither pip nor uv is here to fetch the wheel", hint="install one of them: python -m ensurepip"
        )
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SdkInstallError(f"fetching openmldb {VERSION} took more than {_INSTALL_SECONDS} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise SdkInstallError(
            f"fetching openmldb {VERSION} failed: " + (lines[-1] if lines else f"exit code {done.returncode}"),
            hint="the command was: " + " ".join(command),
        )


def _unsupported() -> str:
    """Why this machine cannot have the library; '' when it can."""
    machine = platform.machine().lower()
    if sys.platform not in ("linux", "darwin") or machine not in ("x86_64", "amd64"):
        return f"OpenMLDB's compiler exists for Linux and macOS on x86-64 only, not for {sys.platform} on {machine}"
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        return "OpenMLDB's compiler needs glibc, which this Linux does not use"
    return ""
