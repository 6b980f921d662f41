"""What can go wrong with a server of one's own."""

from __future__ import annotations

from dsflow.errors import DsflowError


class StandaloneError(DsflowError):
    """The server cannot be got, started or stopped; nothing of it is left running."""


class PortTakenError(StandaloneError):
    """Something else listens on a port that the server was to have."""
