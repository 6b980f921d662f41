"""Errors of this package."""

from __future__ import annotations

from dsflow.errors import DsflowError


class SourceError(DsflowError):
    """A workflow cannot be written as source in such a way that reading the source gives the same workflow again."""
