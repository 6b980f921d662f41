"""What a check says: plain data, with no idea of how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dsflow.errors import SourceLocation

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Place(SourceLocation):
    """A place in a file of the user, to the column.

    Attributes:
        column: from 1; None when only the line is known.
    """

    column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        code: the rule, ``DSF`` and three digits; each has a section in docs/rules.md.
        severity: an ``error`` would fail on a server or give wrong results; a ``warning`` may.
        message: what is wrong, in one sentence.
        where: the place in the user's files; None when nothing tells where.
        excerpt: the line itself, a caret below the column; '' when the file is not to be read.
        hint: what to do about it; '' when the message says it.
    """

    code: str
    severity: Severity
    message: str
    where: Place | None = None
    excerpt: str = ""
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, fit for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.where.file if self.where else None,
            "line": self.where.line if self.where else None,
            "column": self.where.column if self.where else None,
            "excerpt": self.excerpt,
            "hint": self.hint,
        }
