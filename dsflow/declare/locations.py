"""Where in the user's code a declaration stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from dsflow.errors import SourceLocation

_PACKAGE = str(Path(__file__).parents[1]) + os.sep

_given: ContextVar[SourceLocation | None] = ContextVar("dsflow_given_location", default=None)


@contextmanager
def located(where: SourceLocation) -> Iterator[None]:
    """What is declared inside stands at ``where``: for declarations that are read from a file that is not Python."""
    token = _given.set(where)
    try:
        yield
    finally:
        _given.reset(token)


def caller() -> SourceLocation | None:
    """The innermost line outside this package (and outside generated dataclass code) that led here."""
    given = _given.get()
    if given is not None:
        return given
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not in_package(name):
            return SourceLocation(name, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def in_package(file: str) -> bool:
    """Whether a frame's file is dsflow's own, or code that a dataclass generated."""
    return file.startswith((_PACKAGE, "<string>"))
