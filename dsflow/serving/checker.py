"""Has models that nobody knows loaded by another process first, since the libraries that load them trust their input.

That process (`dsflow.serving.modelcheck`) is started for the first model and kept for those that come soon after:
importing the libraries takes seconds, a check with them at hand a fraction of one.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from dsflow.serving.errors import NotServableError, ServingError
from dsflow.serving.formats import HINT, format_of

# The process imports from where this one does, and not from whatever directory it happens to run in.
_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dsflow.serving.modelcheck import main; main()"
_GRACE_SECONDS = 60.0
"""For the import of libraries, and for handing a model over, beside the check itself."""


class Checker:
    """Asks the process that checks models, and starts it when it is not there. Safe to use from several threads.

    Args:
        seconds: that loading a model may take.
        idle: seconds without a question after which the process ends, to give its memory back.
    """

    def __init__(self, *, seconds: float = 60.0, idle: float = 600.0) -> None:
        self._seconds, self._idle = seconds, idle
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Of the process; None when there is none."""
        return None if self._process is None else self._process.pid

    def prepare(self) -> None:
        """Start the process already, so that the first check need not wait for it."""
        with self._lock:
            if self._process is None:
                self._start()

    def check(self, name: str, raw: bytes) -> None:
        """Have a model loaded and looked at.

        Args:
            name: the file's name, for messages.
            raw: the file's bytes.

        Raises:
            NotServableError: it is no model, or loading it ended or held up the process that tried.
            ServingError: there is no process to ask.
        """
        format = format_of(name, raw)
        with self._lock:
            answer = self._ask(name, raw)
        if answer.get("late"):
            raise NotServableError(f"{name} was not loaded within {self._seconds:.0f} s", hint=HINT)
        if "status" in answer:
            raise NotServableError(
                f"{name} is not a model of {format.name}:"
                f" loading it ended the process that tried (status {answer['status']})",
                hint=HINT,
            )
        if answer["error"] is not None:
            raise NotServableError(answer["error"], hint=answer["hint"])

    def close(self) -> None:
        """End the process, and whatever it is doing."""
        process, line = self._process, self._line
        self._process = self._line = None
        if line is not None:
            line.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            atexit.unregister(self.close)

    def _ask(self, name: str, raw: bytes) -> dict[str, Any]:
        if self._process is not None:
            with contextlib.suppress(OSError, EOFError):  # it has ended, as it does when nobody asks for long
                return self._exchange(name, raw)
            self.close()
        try:
            self._start()
            return self._exchange(name, raw)
        except (OSError, EOFError) as error:
            self.close()
            raise ServingError("the process that checks models does not answer", detail=repr(error)) from error

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(self._idle), str(self._seconds)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # its children end with it
                # a process that forks has one thread, and threads would count against the limit of memory
                env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
            )
        self._line = ours
        ours.settimeout(self._seconds + _GRACE_SECONDS)
        atexit.register(self.close)

    def _exchange(self, name: str, raw: bytes) -> dict[str, Any]:
        assert self._line is not None
        self._line.sendall(json.dumps({"name": name, "size": len(raw)}).encode() + b"\n")
        self._line.sendall(raw)
        with self._line.makefile("rb") as told:
            answer = told.readline()
        if not answer:
            raise EOFError("the process that checks models has ended")
        return dict(json.loads(answer))
