"""Errors of the embedded OpenMLDB.

DsflowError
└── SqlError               a statement is wrong: it does not parse, names what is not there, or its types do not fit
    └── UnsupportedError   a statement may be right for OpenMLDB, but the embedded engine does not run it
"""

from __future__ import annotations

from dsflow.errors import DsflowError

REFUSED = "refused: "
"""What a refusal of a value begins with while DuckDB carries it, to tell it from DuckDB's own errors."""


class SqlError(DsflowError):
    """A SQL statement is refused.

    Args:
        message: what is wrong.
        line: line of the statement's text where it is wrong, counted from 1; None when it is not at one place.
        col: column on that line, counted from 1.
        hint: what to do about it.
    """

    def __init__(
        self, message: str, *, line: int | None = None, col: int | None = None, hint: str | None = None
    ) -> None:
        where = None if line is None else f"line {line}" if col is None else f"line {line}, column {col}"
        super().__init__(message, where=where, hint=hint)
        self.line = line
        self.col = col


class UnsupportedError(SqlError):
    """The embedded engine refuses a construct by its name rather than guess what OpenMLDB would answer.

    Args:
        construct: the name of what is not supported, for example ``function hash64`` or ``RIGHT JOIN``.
        reason: why, when there is more to say.
    """

    def __init__(
        self,
        construct: str,
        reason: str | None = None,
        *,
        line: int | None = None,
        col: int | None = None,
        hint: str | None = None,
    ) -> None:
        text = f"the embedded OpenMLDB does not support {construct}"
        super().__init__(f"{text}: {reason}" if reason else text, line=line, col=col, hint=hint)
        self.construct = construct
