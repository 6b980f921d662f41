"""A model directory belongs to one prediction server at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from dsflow.serving.errors import StoreError

_LOCK = "serving.lock"


def take_directory(directory: Path) -> IO[bytes]:
    """Take a model directory, which is made if it is missing; closing what this returns, or ending, gives it back.

    Raises:
        StoreError: it cannot be made or written, or another server uses it.
    """
    make_directory(directory)
    try:
        handle = (directory / _LOCK).open("ab")
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StoreError(
            f"the model directory {directory} is in use by another prediction server",
            hint="give each server a directory of its own",
        ) from error
    return handle


def make_directory(directory: Path) -> None:
    """Make a model directory if it is missing.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(directory, error) from error


def _unusable(directory: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the model directory {directory} cannot be used: {error.strerror}",
        hint="give a directory that the prediction server may write",
    )
