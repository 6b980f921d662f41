"""A circuit breaker: a server that fails again and again is left alone for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 5
"""Failures in a row after which nobody asks."""

PAUSE = 0.5
"""Seconds until one request tries again. Short, since a server that is back should be used within a second."""


class Breaker:
    """Says whether to ask a server. The states: closed (ask), open (do not), half open (one asks, the rest wait).

    Args:
        clock: seconds, for tests.
    """

    def __init__(
        self, *, failures: int = FAILURES, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._pause, self._clock = failures, pause, clock
        self._failed = 0
        self._try_at: float | None = None
        self._tried_until: float | None = None

    @property
    def is_open(self) -> bool:
        """The server failed `failures` times in a row and has not answered since."""
        return self._try_at is not None

    @property
    def is_tried(self) -> bool:
        """One request has been let through an open breaker, and the next pause has not passed since."""
        return self._tried_until is not None and self._clock() < self._tried_until

    def allow(self) -> bool:
        """Whether to ask now. Of an open breaker the first one after each pause may, the others may not."""
        if self._try_at is None:
            return True
        now = self._clock()
        if now < self._try_at:
            return False
        self._try_at = self._tried_until = now + self._pause
        return True

    def succeeded(self) -> None:
        """The server answered."""
        self._failed, self._try_at, self._tried_until = 0, None, None

    def failed(self) -> None:
        """The server did not answer."""
        self._failed += 1
        self._tried_until = None
        if self._failed >= self._limit:
            self._try_at = self._clock() + self._pause
