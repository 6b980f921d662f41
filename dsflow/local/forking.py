"""The process that runs the scripts of dsflow's own nodes here: it forks for each, with what they import at hand.

`dsflow.local.processes.Forker` starts it, by the path of this file, since scripts run without dsflow. Arguments: the
descriptor of a socket, and the modules to import beforehand.

A job comes over the socket as its length (four bytes), a line of JSON (``script``, ``folder``, ``environment``) and two
descriptors: where the script's output goes, and a channel of its own. Over the channel each byte that comes is the
number of a signal for the script and what it has started, the end of it is SIGKILL; what goes back is the exit code,
once. When the socket is closed all scripts are killed, so that none is left when dsflow is gone, however it went.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import types
from typing import Any

LENGTH = struct.Struct("!I")
"""Of a job."""

EXIT_CODE = struct.Struct("!i")
"""Negative for the signal that ended it, as `subprocess` has it."""


def main() -> None:
    """Answer until the socket is closed; in a child, run its script."""
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):  # a script that needs it says so itself
            importlib.import_module(name)
    gc.freeze()  # what is there is not looked through again by each child
    with socket.socket(fileno=int(sys.argv[1])) as line:
        job = _serve(line)
    if job is not None:
        _run(job)


def _serve(line: socket.socket) -> dict[str, Any] | None:
    """Fork for each job; None when there are no more, and in each child its job."""
    running: dict[int, socket.socket] = {}
    woken, waking = socket.socketpair()
    with woken, waking:
        waking.setblocking(False)
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waking.fileno())
        while True:
            ready = select.select([line, woken, *running.values()], [], [])[0]
            if woken in ready:
                woken.recv(4096)
                _reap(running)
            for pid, channel in list(running.items()):
                if channel in ready:
                    _signal(pid, channel)
            if line not in ready:
                continue
            job = _receive(line)
            if job is None:
                for pid in running:
                    _end(pid, signal.SIGKILL)
                return None
            with job.pop("channel") as channel:
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, before)
                    for other in running.values():
                        other.close()
                    return job
                running[pid] = channel.dup()
            os.close(job["output"])


def _receive(line: socket.socket) -> dict[str, Any] | None:
    """The next job; None when nobody will send one."""
    head, descriptors, _, _ = socket.recv_fds(line, LENGTH.size, 2)
    with line.makefile("rb", buffering=0) as sent:
        while head and len(head) < LENGTH.size:
            head += sent.read(1)
        if not head:
            return None
        (left,) = LENGTH.unpack(head)
        text = b""
        while len(text) < left:
            part = sent.read(left - len(text))
            if not part:
                return None
            text += part
    output, channel = descriptors
    return {**json.loads(text), "output": output, "channel": socket.socket(fileno=channel)}


def _reap(running: dict[int, socket.socket]) -> None:
    """Tell of each script that has ended."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as channel, contextlib.suppress(OSError):  # nobody waits for it any more
                channel.sendall(EXIT_CODE.pack(os.waitstatus_to_exitcode(status)))


def _signal(pid: int, channel: socket.socket) -> None:
    number = channel.recv(1)
    _end(pid, number[0] if number else signal.SIGKILL)


def _end(pid: int, number: int) -> None:
    """Send a signal to a script, which nobody has waited for yet, and to what it has started."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has not come to lead a group
        os.kill(pid, number)


def _run(job: dict[str, Any]) -> None:
    """Be the process that ``python -u SCRIPT`` would be."""
    os.setsid()
    os.chdir(job["folder"])
    for stream in (1, 2):
        os.dup2(job["output"], stream)
    os.close(job["output"])
    os.environ.clear()
    os.environ.update(job["environment"])
    script = job["script"]
    sys.argv = [script]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(script))
    sys.excepthook = lambda kind, error, trace: _report(script, kind, error, trace)
    own = types.ModuleType("__main__")
    own.__dict__["__file__"] = script
    sys.modules["__main__"] = own
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    exec(code, own.__dict__)


def _report(script: str, kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """Print an error as it would be without the calls that stand in this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
