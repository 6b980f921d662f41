"""Can this model be loaded and trusted? The body of the child process of ``dsflow.serving.model.read_model``.

Exit code 0: yes. Exit code 1: no, with ``{"error", "hint"}`` as JSON on standard output. Any other end: loading the
model ended the process, which is an answer too.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import NoReturn

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats import format_of, import_format, load_model


def main() -> NoReturn:
    """Check the model on standard input and end the process; the last argument is its name, for messages only."""
    name = sys.argv[-1]
    raw = sys.stdin.buffer.read()
    try:
        import_format(format_of(name, raw))  # the library itself takes room, too
        _limit_memory(2**29 + 64 * len(raw))
        model = load_model(name, raw)
        try:
            model.check()
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise NotServableError(
                f"{name} is a damaged model of {model.format}: {error}", hint="write it again"
            ) from error
    except NotServableError as error:
        json.dump({"error": error.message, "hint": error.hint}, sys.stdout)
        sys.exit(1)
    sys.exit(0)


def _limit_memory(more: int) -> None:
    """Let this process grow by so many bytes only: a damaged length must not take the machine's memory."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        now = int(sizes.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
