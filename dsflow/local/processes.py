"""Running a task's script as a process of its own, with its log kept and its time limited."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from dsflow.local import forking


class Stopped(Exception):
    """The process was ended because the run was interrupted."""


class TimedOut(Exception):
    """The process was ended because its time was up."""


class Running(Protocol):
    """A process that leads a group of its own."""

    def wait(self, seconds: float) -> int | None:
        """Its exit code, as `subprocess` has it; None when it has not ended by then."""

    def signal(self, number: int) -> None:
        """Send a signal to it and what it has started; does nothing when it has ended."""


def start_process(command: Sequence[str], *, folder: Path, log: IO[str], environment: Mapping[str, str]) -> Running:
    """Start ``command`` in ``folder`` with both its outputs going to ``log``.

    Args:
        environment: all its variables.
    """
    return _Started(
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    )


def python_command(script: Path) -> list[str]:
    """A script with the Python that runs dsflow, its output at once in the log."""
    return [sys.executable, "-u", str(script)]


def wait_for(process: Running, timeout: float | None, stop: threading.Event) -> int:
    """Wait until a process has ended; gives its exit code.

    Args:
        timeout: seconds; None for none.
        stop: ends the process when set.

    Raises:
        TimedOut: its time was up; it and all that it started are gone.
        Stopped: ``stop`` was set; likewise.
    """
    waited = 0.0
    code = None
    try:
        while True:
            code = process.wait(0.05)
            if code is not None:
                return code
            waited += 0.05
            if stop.is_set():
                raise Stopped
            if timeout is not None and waited >= timeout:
                raise TimedOut
    finally:
        if code is None:
            _end(process)


def _end(process: Running) -> None:
    """Ask the process's whole group to end, then make it."""
    for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        process.signal(number)
        if process.wait(patience) is not None:
            break


class _Started:
    """A process that this one has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


class _Forked:
    """A process that a `Forker` has forked for us."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._code: int | None = None

    def wait(self, seconds: float) -> int | None:
        if self._code is None:
            self._channel.settimeout(seconds)
            try:
                told = self._channel.recv(forking.EXIT_CODE.size)
            except TimeoutError:
                return None
            # without a word the process that would tell has been killed, and how the script ended nobody knows
            self._code = forking.EXIT_CODE.unpack(told)[0] if told else -signal.SIGKILL
            self._channel.close()
        return self._code

    def signal(self, number: int) -> None:
        if self._code is None:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                self._channel.sendall(bytes([number]))


class Forker:
    """Runs scripts in forks of one process that has imported what they need: see `dsflow.local.forking`.

    Starting a Python and importing takes some tenths of a second, a fork a hundredth. The process is made at once, its
    imports go on by themselves, and it ends with this one.

    Args:
        modules: what to import beforehand; one that is not there is left to the scripts.
        environment: the variables that matter to an interpreter when it starts, beside this process's.
    """

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._line, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _START, forking.__file__, str(theirs.fileno()), *modules],
                cwd=os.sep,  # where no module of the user's can be taken for another
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @staticmethod
    def is_possible() -> bool:
        """Whether processes may be forked here: on macOS its libraries do not stand it, Windows has none."""
        return sys.platform == "linux"

    def start(self, script: Path, *, folder: Path, log: IO[str], environment: Mapping[str, str]) -> Running:
        """Start a script as `start_process` does with its `python_command`, which it gets when no process is left."""
        job = {"script": str(script), "folder": str(folder), "environment": dict(environment)}
        text = json.dumps(job).encode()
        channel, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    head = forking.LENGTH.pack(len(text))
                    socket.send_fds(self._line, [head], [log.fileno(), theirs.fileno()])
                    self._line.sendall(text)
            except OSError:
                channel.close()
                return start_process(python_command(script), folder=folder, log=log, environment=environment)
        return _Forked(channel)

    def close(self) -> None:
        """End the process, and what scripts are left."""
        self._line.close()
        self._process.wait()

    def __enter__(self) -> Forker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# as a script's own, its path begins without a folder of dsflow's, and without the working directory of -c
_START = (
    "import runpy, sys; '' in sys.path and sys.path.remove(''); del sys.argv[0];"
    " runpy.run_path(sys.argv[0], run_name='__main__')"
)
