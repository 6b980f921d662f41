"""What is begun is undone when the process that began it dies, whatever way, and lives on when it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.guarded import Guarded
from dsflow.standalone.places import exclusive
from dsflow.standalone.process import end, is_alive, started

# begins a program that would run for long, and waits
BEGIN = """
import sys, time
from pathlib import Path
from dsflow.standalone.guarded import Guarded
from dsflow.standalone.places import exclusive
folder = Path(sys.argv[1])
with exclusive(folder / "lock") as lock:
    half = folder / "half"
    half.mkdir()
    stubborn = ["sh", "-c", "sleep 300 & echo $! > child; trap '' TERM INT; wait"]
    command = stubborn if sys.argv[2] == "stubborn" else ["sleep", "300"]
    with Guarded(command, folder=folder, output=folder / "log", remove=[half], inherit=[lock]) as running:
        if sys.argv[2] == "kept":
            running.keep()
        print(running.pid, flush=True)
        time.sleep(300)
"""


def begun(folder: Path, how: str) -> tuple[subprocess.Popen[str], int, int | None]:
    process = subprocess.Popen([sys.executable, "-c", BEGIN, str(folder), how], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    return process, pid, started(pid)


def wait_for(what: object, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_process_dies_all_is_undone(tmp_path: Path, number: signal.Signals) -> None:
    process, pid, began = begun(tmp_path, "plain")
    assert is_alive(pid, began)
    process.send_signal(number)
    with process:
        process.wait()
    with exclusive(tmp_path / "lock"):  # as soon as the lock is free, all is gone
        assert not is_alive(pid, began)
        assert not (tmp_path / "half").exists()


def test_a_program_that_will_not_end_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, pid, began = begun(tmp_path, "stubborn")
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
    child = int((tmp_path / "child").read_text())
    child_began = started(child)
    process.kill()
    with process:
        process.wait()
    wait_for(lambda: not is_alive(pid, began) and not is_alive(child, child_began))


def test_what_is_kept_lives_on(tmp_path: Path) -> None:
    process, pid, began = begun(tmp_path, "kept")
    process.kill()
    with process:
        process.wait()
    with exclusive(tmp_path / "lock"):
        assert is_alive(pid, began)
    assert (tmp_path / "half").exists()
    assert not end(pid, began, 10)
    assert not is_alive(pid, began)


def test_the_kept_program_takes_signals_as_usual(tmp_path: Path) -> None:
    """What the guard turns a deaf ear to must not be ignored by what it has started."""
    with Guarded(["sh", "-c", "kill -TERM $$; sleep 300"], folder=tmp_path, output=tmp_path / "log") as running:
        assert running.wait() == -signal.SIGTERM


def test_a_status_and_a_program_that_is_not_there(tmp_path: Path) -> None:
    with Guarded(["sh", "-c", "echo said; exit 7"], folder=tmp_path, output=tmp_path / "log") as running:
        assert running.wait() == 7
    assert (tmp_path / "log").read_text() == "said\n"
    with pytest.raises(StandaloneError, match="cannot run /no/such/program"):
        Guarded(["/no/such/program"], folder=tmp_path, output=tmp_path / "log")


def test_a_guard_that_was_killed_itself(tmp_path: Path) -> None:
    running = Guarded(["sleep", "300"], folder=tmp_path, output=tmp_path / "log")
    began = running.began
    try:
        running._guard.kill()
        with pytest.raises(StandaloneError, match="has been killed"):
            running.wait()
        running.undo()
    finally:
        os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(running.pid, began))


def test_two_at_once(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "lock"),
        pytest.raises(StandaloneError, match="is busy"),
        exclusive(tmp_path / "lock", "it is busy"),
    ):
        raise AssertionError("both hold it")
