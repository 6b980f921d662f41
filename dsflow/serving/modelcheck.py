"""Can a model be loaded and trusted? The process behind `dsflow.serving.checker`.

It keeps the library that every prediction server has loaded (one thread, so that it can fork), and never looks into
what a file holds. Each model is loaded by a child that it forks for that model alone, so that whatever loading does to
a process ends with that child.

The line is a socket on standard input. A question is a line of JSON, ``{"name", "size"}``, and so many bytes. The
answer is a line of JSON: ``{"error": null}`` for a good model, ``{"error", "hint"}`` for one that is not, and
``{"status"}`` (or ``{"late": true}``) when loading it ended the child (or took too long), which is an answer too.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats import format_of, import_beforehand, import_format, load_model

_MOST_TOLD = 64 * 1024


def main() -> None:
    """Answer until the other end is closed or asks nothing for some time; arguments: that time, and a check's."""
    import_beforehand()
    idle, most = map(float, sys.argv[-2:])
    with socket.socket(fileno=0) as line, line.makefile("rb") as asked:
        line.settimeout(idle)
        with contextlib.suppress(OSError):  # nobody asks any more, or nobody is there to hear
            while question := asked.readline():
                about = json.loads(question)
                raw = asked.read(about["size"])
                if len(raw) != about["size"]:
                    return
                line.sendall(json.dumps(_answer(about["name"], raw, most, line)).encode() + b"\n")
                del raw


def _answer(name: str, raw: bytes, most: float, line: socket.socket) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        line.detach()
        os.close(0)
        _child(name, raw, writing)
    os.close(writing)
    with open(reading, "rb", buffering=0) as told:
        text, late = _read(told.fileno(), time.monotonic() + most)
    if late:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if late:
        return {"late": True}
    with contextlib.suppress(ValueError):
        if status == 0:
            return dict(json.loads(text))
    return {"status": status}


def _read(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """What the child writes until it ends, and whether it has not ended in time."""
    told = b""
    while len(told) <= _MOST_TOLD:
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return told, True
        part = os.read(descriptor, _MOST_TOLD)
        if not part:
            return told, False
        told += part
    return told, True


def _child(name: str, raw: bytes, writing: int) -> NoReturn:
    """Load a model, tell what is wrong with it, and end."""
    answer: dict[str, Any] = {"error": None}
    try:
        import_format(format_of(name, raw))  # a library that is not there yet takes room, too
        _limit_memory(2**29 + 64 * len(raw))
        model = load_model(name, raw)
        try:
            model.check()
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise NotServableError(
                f"{name} is a damaged model of {model.format}: {error}", hint="write it again"
            ) from error
    except NotServableError as error:
        answer = {"error": error.message[:1000], "hint": error.hint}
    except BaseException:
        os._exit(1)  # such as no memory: as good as a crash
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)


def _limit_memory(more: int) -> None:
    """Let this process grow by so many bytes only: a damaged length must not take the machine's memory."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        now = int(sizes.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
