"""Scripts as processes: one that was forked is to its script, its log and its caller what a Python of its own is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dsflow.local.processes import (
    Forker,
    Running,
    Stopped,
    TimedOut,
    python_command,
    start_process,
    wait_for,
)

pytestmark = pytest.mark.skipif(not Forker.is_possible(), reason="nothing is forked on this system")


@pytest.fixture
def forker() -> Iterator[Forker]:
    with Forker(["fractions", "there_is_no_such_module"], {"PYTHONIOENCODING": "utf-8"}) as running:
        yield running


@dataclass
class Scripts:
    """Runs scripts in a folder of their own, in one of the two ways."""

    folder: Path
    starting: Callable[[Path], Callable[..., Running]]

    def start(self, text: str, log: Path, **variables: str) -> Running:
        script = self.folder / "script.py"
        script.write_text(text, encoding="utf-8")
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **variables}
        with open(log, "a", encoding="utf-8") as out:
            return self.starting(script)(folder=self.folder, log=out, environment=environment)

    def run(self, text: str, timeout: float | None = None, **variables: str) -> tuple[int, str]:
        log = self.folder / "task.log"
        log.unlink(missing_ok=True)
        code = wait_for(self.start(text, log, **variables), timeout, threading.Event())
        return code, log.read_text(encoding="utf-8")


def both(forker: Forker, folder: Path) -> tuple[Scripts, Scripts]:
    return Scripts(folder, lambda script: partial(start_process, python_command(script))), Scripts(
        folder, lambda script: partial(forker.start, script)
    )


@pytest.fixture(params=["started", "forked"])
def scripts(request: pytest.FixtureRequest, forker: Forker, tmp_path: Path) -> Scripts:
    return both(forker, tmp_path)[request.param == "forked"]


SEEN = """
import os, signal, sys
SEEN = 1
print("é", __name__, __file__, sys.argv, os.getcwd(), os.environ.get("A"))
print(os.getpid() == os.getpgid(0) == os.getsid(0), sorted(os.listdir("/proc/self/fd")), os.umask(0))
print(sys.path, sys.executable, [signal.getsignal(n) for n in (2, 13, 15, 17)])
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through)
print(sys.stdin.read(), [name for name in dir() if name[0] != "_"], sys.modules["__main__"].SEEN)
"""
ENDINGS = [
    "print('done')",
    "import sys; print('to stdout'); print('to stderr', file=sys.stderr); sys.exit(3)",
    "import sys; sys.exit('a text')",
    "def f():\n    1 / 0\ntry:\n    f()\nexcept ArithmeticError as error:\n    raise KeyError(1) from error\n",
    "this is no Python",
    "import os; os.kill(os.getpid(), 9)",
    "import atexit; atexit.register(print, 'at the end'); raise SystemExit(300)",
    "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('last'))).start()",
    "import os; os._exit(7)",
]


@pytest.mark.parametrize("text", [SEEN, *ENDINGS])
def test_both_ways_are_the_same_to_a_script(forker: Forker, tmp_path: Path, text: str) -> None:
    (code, log), (forked_code, forked_log) = (each.run(text, A="ü=") for each in both(forker, tmp_path))
    assert forked_log.splitlines() == log.splitlines()
    assert forked_code == code


def test_a_script_finds_what_is_imported_beforehand_and_all_else(forker: Forker, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("X = 1")
    text = "import sys; print('fractions' in sys.modules, 'dsflow' in sys.modules); import beside"
    assert both(forker, tmp_path)[1].run(text) == (0, "True False\n")


def test_scripts_run_side_by_side(forker: Forker, tmp_path: Path) -> None:
    scripts, logs = both(forker, tmp_path)[1], [tmp_path / f"{n}.log" for n in range(5)]
    text = "import os, time; time.sleep(0.2); print(os.environ['N'])"
    running = [scripts.start(text, log, N=str(n)) for n, log in enumerate(logs)]
    assert [wait_for(each, None, threading.Event()) for each in running] == [0] * 5
    assert [log.read_text() for log in logs] == [f"{n}\n" for n in range(5)]


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except FileNotFoundError:
        return True


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def pids(log: Path) -> list[int]:
    assert soon(lambda: log.exists() and log.read_text().endswith("\n"))
    return list(map(int, log.read_text().split()))


@pytest.mark.parametrize("why", [TimedOut, Stopped])
def test_one_whose_time_is_up_ends_with_all_that_it_has_started(
    scripts: Scripts, tmp_path: Path, why: type[Exception]
) -> None:
    process = scripts.start(STUBBORN, tmp_path / "log")
    started, stop = pids(tmp_path / "log"), threading.Event()
    if why is Stopped:
        stop.set()
    with pytest.raises(why):
        wait_for(process, 0.1, stop)
    assert all(soon(partial(gone, pid)) for pid in started)
    process.signal(signal.SIGTERM)  # nobody is there any more, and nobody else is meant


def test_when_the_process_that_forks_is_killed_scripts_are_started(forker: Forker, tmp_path: Path) -> None:
    scripts = both(forker, tmp_path)[1]
    _, log = scripts.run("import os; print(os.getppid())")
    waiting = scripts.start("import time; time.sleep(60)", tmp_path / "other.log")
    os.kill(int(log), signal.SIGKILL)
    assert wait_for(waiting, None, threading.Event()) == -signal.SIGKILL
    assert scripts.run("print('runs')") == (0, "runs\n")


KILLED = """
import os, sys, threading, time
from pathlib import Path
from dsflow.local.processes import Forker, wait_for
folder = Path(sys.argv[1])
with Forker([], {}) as forker, open(folder / "log", "w") as log:
    script = forker.start(folder / "script.py", folder=folder, log=log, environment=os.environ)
    wait_for(script, None, threading.Event())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_dsflow_is_killed_nothing_is_left(tmp_path: Path, number: int) -> None:
    (tmp_path / "script.py").write_text(STUBBORN.replace("os.getpid()", "os.getpid(), os.getppid()"))
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)]) as dsflow:
        started = pids(tmp_path / "log")
        dsflow.send_signal(number)
    assert all(soon(partial(gone, pid)) for pid in started)


def test_closing_ends_what_is_left(tmp_path: Path) -> None:
    with Forker([], {}) as forker:
        process = both(forker, tmp_path)[1].start(STUBBORN, tmp_path / "log")
        started = pids(tmp_path / "log")
    assert process.wait(10) == -signal.SIGKILL
    assert all(soon(partial(gone, pid)) for pid in started)
