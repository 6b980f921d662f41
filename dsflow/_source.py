"""Where in the user's code a declaration stands."""

from __future__ import annotations

import sys
from pathlib import Path

from dsflow.errors import SourceLocation

_PACKAGE = str(Path(__file__).parent)


def caller() -> SourceLocation | None:
    """The innermost line outside this package (and outside generated dataclass code) that led here."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, "<string>")):
            return SourceLocation(name, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
