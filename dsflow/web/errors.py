"""Requests that are not let in, with the HTTP status that says so.

AccessError
├── UnauthorizedError  401  no token, or not one that opens
└── ForbiddenError     403  what a page of another site makes a browser send
"""

from __future__ import annotations

from typing import ClassVar

from dsflow.errors import DsflowError


class AccessError(DsflowError):
    """A request that is not let in."""

    status: ClassVar[int] = 403

    def to_json(self) -> dict[str, object]:
        """The JSON body of the answer."""
        answer: dict[str, object] = {"error": self.message}
        if self.hint:
            answer["hint"] = self.hint
        return answer


class UnauthorizedError(AccessError):
    """The request holds no token that opens.

    Args:
        sent: it has an Authorization header.
    """

    status = 401

    def __init__(self, *, sent: bool) -> None:
        told = "the token is not one of this server's" if sent else "this path needs a token"
        super().__init__(told, hint="send the header Authorization: Bearer TOKEN")


class ForbiddenError(AccessError):
    """The request is one that a page of another site makes a browser send."""
