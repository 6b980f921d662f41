from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dsflow.openmldb.sdk import Sdk, SdkMissing, find_sdk, install, install_sdk, sdk_folder


@pytest.fixture(autouse=True)
def _supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_unsupported", lambda: "")
    monkeypatch.delenv("DSFLOW_OPENMLDB_SDK", raising=False)


def wheel(folder: Path) -> Path:
    native = folder / "openmldb" / "native"
    native.mkdir(parents=True)
    (native / "sql_router_sdk.py").write_text("")
    (native / "_sql_router_sdk.so").write_bytes(b"")
    return native


class Pip:
    """Stands for pip: fills the target, or fails."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        target = Path(command[command.index("--target") + 1])
        if self.error:
            (target / "openmldb").mkdir(parents=True)  # half-done
            return subprocess.CompletedProcess(command, 1, "", self.error + "\n")
        wheel(target)
        return subprocess.CompletedProcess(command, 0, "", "")


def test_the_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSFLOW_OPENMLDB_SDK", str(tmp_path))
    assert find_sdk() == SdkMissing("OpenMLDB's compiler is not installed", installable=True)
    native = wheel(tmp_path)
    assert find_sdk() == Sdk(native)


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sdk_folder() == tmp_path / "dsflow" / "openmldb-0.9.2"
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    native = wheel(sdk_folder())
    assert find_sdk() == Sdk(native)


def test_install_needs_no_dependencies_and_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setenv("DSFLOW_OPENMLDB_SDK", str(tmp_path / "a" / "b"))
    assert install_sdk() == install_sdk() == Sdk(tmp_path / "a" / "b" / "openmldb" / "native")
    [command] = pip.commands
    assert "--no-deps" in command
    assert command[-1] == "openmldb==0.9.2"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]  # nothing temporary is left


def test_a_failed_install_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", Pip("ERROR: No matching distribution"))
    monkeypatch.setenv("DSFLOW_OPENMLDB_SDK", str(tmp_path / "sdk"))
    with pytest.raises(install.SdkInstallError, match="ERROR: No matching distribution"):
        install_sdk()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSFLOW_OPENMLDB_SDK", str(tmp_path))
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(install.SdkInstallError, match="holds something else"):
        install_sdk()
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("system", "machine", "libc", "reason"),
    [
        ("linux", "x86_64", "glibc", ""),
        ("linux", "x86_64", "", "needs glibc"),
        ("linux", "aarch64", "glibc", "not for linux on aarch64"),
        ("darwin", "x86_64", "", ""),
        ("darwin", "arm64", "", "not for darwin on arm64"),
        ("win32", "AMD64", "", "not for win32"),
    ],
)
def test_machines(system: str, machine: str, libc: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the fixture's _unsupported
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, ""))
    found = install._unsupported()
    assert reason in found
    assert bool(reason) == bool(found)
    if reason:
        assert find_sdk() == SdkMissing(found, installable=False)
        with pytest.raises(install.SdkInstallError, match=reason):
            install_sdk()
