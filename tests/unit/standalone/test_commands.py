"""``dsflow dolphinscheduler``: what it says when it cannot do what is asked; nothing is started here."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsflow.cli import main
from dsflow.standalone import java, ports
from dsflow.standalone.errors import PortTakenError, StandaloneError
from dsflow.standalone.model import Info, Start
from dsflow.standalone.places import exclusive
from dsflow.standalone.ports import choose_ports
from dsflow.standalone.process import started
from dsflow.standalone.server import LOCK, check_free


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["dolphinscheduler", *map(str, arguments)])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def running(folder: Path) -> Info:
    """This process, as if it were the server of a folder."""
    folder.mkdir()
    info = Info(
        version="3.1.1", pid=os.getpid(), pid_start=started(os.getpid()), api_url="http://127.0.0.1:1/dolphinscheduler",
        web_url=None, gateway_host="127.0.0.1", gateway_port=2, gateway_token="a'b", user="admin", password="p",
        dir=str(folder), log="", console="", persist=False, python="", java="", java_version=17, sudo=True,
        ports={"api": 1}, source="maven",
    )  # fmt: skip
    info.write()
    return info


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path, taken: int) -> None:
    for option, word in (("--port", "api"), ("--gateway-port", "gateway")):
        code, out, err = run(capsys, "start", "--dir", tmp_path / "d", option, taken)
        assert (code, out) == (1, "")
        assert f"port {taken}, which is to be the server's {word} port, is taken" in err
    with pytest.raises(StandaloneError, match="the same number"):
        choose_ports({"api": 20001, "gateway": 20001})
    with pytest.raises(PortTakenError):
        choose_ports({"api": taken})


def test_free_ports_are_all_different_and_free() -> None:
    found = choose_ports({"api": ports._free(set())})
    assert len(set(found.values())) == len(found) == 7
    for port in found.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_no_java(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is fetched."""
    monkeypatch.setattr(java, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda name: None)
    code, out, err = run(capsys, "start", "--dir", tmp_path / "d")
    assert (code, out) == (1, "")
    assert "no Java 11 to 22 was found" in err
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("name", ["with space", "it's", "a:b", "$HOME"])
def test_a_folder_that_dolphinscheduler_can_not_bear(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    code, _, err = run(capsys, "start", "--dir", tmp_path / name)
    assert code == 1
    assert "in its path" in err
    assert not (tmp_path / name).exists()


def test_a_python_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("/no/such/python3", "no-such-python"):
        code, _, err = run(capsys, "start", "--dir", tmp_path / "d", "--python", name)
        assert code == 1
        assert f"there is no Python interpreter {name!r}" in err


def test_a_release_that_is_not_there_or_is_of_another_version(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, "fetch", "--release", tmp_path / "x.tar.gz")
    assert (code, "there is no release" in err) == (1, True)
    code, _, err = run(capsys, "fetch", "--version", "9.9.9")
    assert (code, "dsflow can start 3.1.1 and later, up to 3.4" in err) == (1, True)
    code, _, err = run(capsys, "fetch", "--version", "newest")
    assert (code, "no version of a release" in err) == (1, True)


def test_where_nothing_was_started(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "status", "--dir", tmp_path)
    assert (code, out) == (3, f"nothing runs in {tmp_path}\n")
    code, out, _ = run(capsys, "status", "--dir", tmp_path, "--json")
    assert (code, json.loads(out)) == (3, {"running": False, "api_answers": False})
    code, out, err = run(capsys, "status", "--dir", tmp_path, "--export")
    assert (code, out) == (3, "")
    for place in (tmp_path, tmp_path / "nowhere"):
        code, _, err = run(capsys, "stop", "--dir", place)
        assert (code, f"no server was started in {place}" in err) == (1, True)
    assert not (tmp_path / "nowhere").exists()


def test_one_that_runs_already(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    info = running(tmp_path / "d")
    code, _, err = run(capsys, "start", "--dir", tmp_path / "d")
    assert (code, f"a server already runs in {tmp_path / 'd'} (process {info.pid})" in err) == (1, True)
    code, out, _ = run(capsys, "status", "--dir", tmp_path / "d", "--export")
    assert code == 0
    assert """export DSFLOW_GATEWAY_TOKEN='a'"'"'b'""" in out


def test_another_process_of_that_number_is_not_the_server(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    info = running(tmp_path / "d")
    Info(**{**info.to_json(), "pid_start": 1}).write()
    assert run(capsys, "status", "--dir", tmp_path / "d")[0] == 3
    code, out, _ = run(capsys, "stop", "--dir", tmp_path / "d")
    assert (code, "nothing ran" in out) == (0, True)
    check_free(Start(tmp_path / "d", "python"))


def test_two_starts_in_one_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    running(tmp_path / "d")
    with exclusive(tmp_path / "d" / LOCK):
        code, _, err = run(capsys, "stop", "--dir", tmp_path / "d")
    assert (code, "another process is starting or stopping" in err) == (1, True)
