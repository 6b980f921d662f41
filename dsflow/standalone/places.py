"""Where things are kept and come from: the cache folder, a Maven repository, a place with Apache's releases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsflow.standalone.errors import StandaloneError

CACHE_VARIABLE = "DSFLOW_DOLPHINSCHEDULER_CACHE"
MAVEN_VARIABLE = "DSFLOW_MAVEN_REPOSITORY"
RELEASES_VARIABLE = "DSFLOW_DOLPHINSCHEDULER_RELEASES"


def cache_folder() -> Path:
    """``$DSFLOW_DOLPHINSCHEDULER_CACHE``, else ``dsflow/dolphinscheduler`` in the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "dsflow" / "dolphinscheduler"


def address(variable: str) -> str | None:
    """The URL that a variable holds, without a slash at its end; None when it is not set.

    Raises:
        StandaloneError: it is no http(s) address.
    """
    url = os.environ.get(variable, "").strip().rstrip("/")
    if url and not url.startswith(("http://", "https://")):
        raise StandaloneError(f"{variable} is {url!r}, which is not an http:// or https:// address")
    return url or None


@contextmanager
def exclusive(lock: Path, busy: str | None = None) -> Iterator[int]:
    """Of several processes, one at a time. The system ends the hold with the process, however that ends.

    Args:
        lock: a file, which stays.
        busy: what to say when another one holds it; None waits.

    Yields:
        the file descriptor that holds it; a child that inherits it holds on to it too.

    Raises:
        StandaloneError: another one holds it, or the file cannot be made.
    """
    import fcntl

    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StandaloneError(f"cannot write to {lock.parent}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise StandaloneError(busy or "") from error
        yield descriptor
    finally:
        os.close(descriptor)
