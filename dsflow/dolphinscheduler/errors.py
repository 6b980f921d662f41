"""Errors of this package; all of them are :class:`dsflow.errors.ServerError`.

ServerError
├── RefusedError       the REST API answered with a code other than 0
├── AuthenticationError a log-in or a token was not accepted
├── DriftError          somebody else changed the workflow since dsflow submitted it
└── VerificationError  the server took a change, but does not hold what was declared
"""

from __future__ import annotations

import re

from dsflow.errors import ServerError

_CRON_NOT_READ = 10140  # PARSE_TO_CRON_EXPRESSION_ERROR
# MyBatis' words for what H2, MySQL and PostgreSQL say when two writers got in each other's way
_CONFLICT = re.compile(
    r"IntegrityConstraintViolation|Duplicate entry|duplicate key value|[Dd]eadlock|Lock wait timeout"
)


class RefusedError(ServerError):
    """DolphinScheduler's REST API answered a request with an error.

    Attributes:
        code: DolphinScheduler's own number (``org.apache.dolphinscheduler.api.enums.Status``), or None when the
            answer was no such envelope.
        reason: DolphinScheduler's own words.
    """

    def __init__(self, doing: str, reason: str, *, code: int | None = None, hint: str | None = None) -> None:
        number = f" (error {code})" if code is not None else ""
        super().__init__(f"could not {doing}: {reason}{number}", hint=hint)
        self.code = code
        self.reason = reason

    @property
    def is_conflict(self) -> bool:
        """Whether the server's database took another writer's row first; of what was asked it has kept nothing.

        The H2 database of a standalone server gives, with many writers at once, two rows the same number now and then.
        """
        return _CONFLICT.search(self.reason) is not None

    @property
    def is_cron_not_read(self) -> bool:
        """Whether the server's reader of cron expressions does not take one."""
        return self.code == _CRON_NOT_READ


class AuthenticationError(ServerError):
    """The server does not accept the user and password, or the token."""


class DriftError(ServerError):
    """Submitting would undo a change that somebody else made on the server."""


class VerificationError(ServerError):
    """What the server holds after a change is not what was declared.

    Attributes:
        differences: one line for each difference.
    """

    def __init__(self, message: str, differences: list[str], *, hint: str | None = None) -> None:
        lines = "".join(f"\n  - {line}" for line in differences)
        super().__init__(message + lines, hint=hint)
        self.differences = differences
