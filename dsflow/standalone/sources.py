"""Where a server comes from."""

from __future__ import annotations

from collections.abc import Callable

from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import get_jars, locked, versions
from dsflow.standalone.model import Source

DEFAULT = "3.1.1"


def from_maven(version: str | None, say: Callable[[str], None]) -> Source:
    """A server whose jars Maven Central has.

    Raises:
        StandaloneError: Maven Central does not have that version as a whole, or its jars can not be got.
    """
    version = version or DEFAULT
    if version not in versions():
        known = ", ".join(versions())
        raise StandaloneError(f"Maven Central has no DolphinScheduler {version}", hint=f"it has {known}")
    return Source(version, tuple(get_jars(locked(version), say)))
