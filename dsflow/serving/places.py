"""Which files the prediction server reads as models: regular files below configured directories, and no others."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dsflow.errors import ConfigError
from dsflow.serving.errors import NotServableError

MAX_MODEL = 2 * 2**30
"""Bytes that a model's file may have."""

_HINT = "give the whole path of a file below a directory that the prediction server was started with (--models)"


class ModelPlaces:
    """The directories whose models may be served.

    Args:
        directories: each is one, or is made later. None at all means that no file may be read.

    Raises:
        ConfigError: one is there and no directory.
    """

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self.directories = tuple(directory.absolute() for directory in directories)
        for directory in self.directories:
            if directory.exists() and not directory.is_dir():
                raise ConfigError(f"{directory} is not a directory", hint="give the directory that holds the models")

    def _real(self) -> list[Path]:
        """The directories that are there, links resolved."""
        found = []
        for directory in self.directories:
            try:
                found.append(directory.resolve(strict=True))
            except (OSError, RuntimeError):
                continue
        return found

    def read(self, path: str, *, most: int = MAX_MODEL) -> bytes:
        """The bytes of a model's file.

        Args:
            path: absolute path, or a file URL, as a client sent it.
            most: bytes that it may have.

        Raises:
            NotServableError: it is no regular file below one of the directories, or cannot be read.
        """
        wanted = _local(path)
        if ".." in wanted.parts:
            raise NotServableError("a model's path takes no '..'", hint=_HINT)
        try:
            real = wanted.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            # Whether a file is there is told only of files below the directories.
            if not self._may_be_named(wanted):
                raise _outside() from error
            raise _unreadable(wanted.name, error) from error
        home = next((d for d in self._real() if real.is_relative_to(d) and real != d), None)
        if home is None:
            raise _outside()
        try:
            return _read_below(home, real.relative_to(home).parts, most)
        except OSError as error:
            raise _unreadable(wanted.name, error) from error

    def read_beside(self, path: str, suffix: str, *, most: int) -> bytes | None:
        """The bytes of a file whose name is a model's and a suffix; None when there is none.

        Of a link, the file beside what it leads to.

        Raises:
            NotServableError: it cannot be read.
        """
        real = _local(path).resolve()
        beside = real.with_name(real.name + suffix)
        return self.read(str(beside), most=most) if os.path.lexists(beside) else None

    def _may_be_named(self, wanted: Path) -> bool:
        try:
            parent = wanted.parent.resolve(strict=False)
        except (OSError, RuntimeError, ValueError):
            return False
        return any(parent.is_relative_to(directory) for directory in self._real())


def _local(path: str) -> Path:
    text = path.strip()
    if "\x00" in text:
        raise NotServableError("a model's path takes no NUL", hint=_HINT)
    if "://" in text or text.startswith("file:"):
        parts = urlsplit(text)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise NotServableError("a model is read from this machine's files, not from a URL", hint=_HINT)
        text = unquote(parts.path)
    if not text.startswith("/"):
        raise NotServableError(f"the model path {text[:200]!r} is not absolute", hint=_HINT)
    if "\x00" in text:
        raise NotServableError("a model's path takes no NUL", hint=_HINT)
    return Path(text)


def _read_below(home: Path, parts: tuple[str, ...], most: int) -> bytes:
    """Read a file step by step, each step without following links: what was resolved may have been changed since."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # not blocking, so that a FIFO is no trap
        handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if about.st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most} bytes")
        return file.read(most)


def _unreadable(name: str, error: Exception) -> NotServableError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return NotServableError(
        f"cannot read the model {name}: {reason}",
        hint="the file must be readable on the machine of the prediction server, or on a volume that it shares",
    )


def _outside() -> NotServableError:
    return NotServableError("the model's file is not below a directory of models of this server", hint=_HINT)
