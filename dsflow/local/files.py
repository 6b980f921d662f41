"""What a file or folder holds, in a form that can be kept and compared with what it holds later.

A file is the same when nothing that the system says of it has changed (size, both its times, its number on the disk),
or else when its bytes are: a big file that nobody touched is not read again, and one that was only copied or touched
is no other file. The time of change cannot be set by ``cp -p`` or ``touch``. A file that was written just before it
was looked at may change once more within the same tick of the clock: such a one is read again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

MOST_FILES = 10_000
MOST_BYTES = 32 << 30
_TICK_NS = 2_000_000_000  # no file system's clock is coarser
_BLOCK = 1 << 20
_NOT_DATA = frozenset({".dsflow", ".git", "__pycache__"})

FileState = dict[str, Any]
"""Plain data: ``{"at": ns, "files": {name: [size, mtime, ctime, number, digest]}}``; without ``files`` nothing is
there."""


class TooManyFiles(Exception):
    """There is more in a folder or file than can be looked at each time."""


def state_of(path: Path, without: Path | None = None) -> FileState:
    """What a file or a folder with all below it holds now.

    Args:
        path: the file or folder; nothing need be there.
        without: a folder that is left out where it lies below ``path``.

    Raises:
        TooManyFiles: it holds more than :data:`MOST_FILES` files or :data:`MOST_BYTES`.
        OSError: it cannot be read.
    """
    now = time.time_ns()
    if not path.exists():
        return {"at": now}
    found = {name: (file, _stat(file)) for name, file in _files(path, without)}
    if sum(size for _, (size, *_) in found.values()) > MOST_BYTES:
        raise TooManyFiles(str(path))
    files = {name: [*seen, _digest_of(file, seen, now)] for name, (file, seen) in found.items()}
    return {"at": now, "folder": path.is_dir(), "files": files}


def is_same(path: Path, before: FileState, without: Path | None = None) -> bool:
    """Whether a file or folder holds what :func:`state_of` once saw there.

    Raises:
        TooManyFiles, OSError: as of :func:`state_of`.
    """
    if "files" not in before:
        return not path.exists()
    if not path.exists() or path.is_dir() != before["folder"]:
        return False
    now = dict(_files(path, without))
    if now.keys() != before["files"].keys():
        return False
    return all(_is_same_file(file, before["files"][name], before["at"]) for name, file in now.items())


def _is_same_file(file: Path, before: list[Any], at: int) -> bool:
    now = time.time_ns()
    found = _stat(file)
    if found[0] != before[0]:
        return False
    return (_is_settled(before, at) and found == before[:4]) or bool(_digest_of(file, found, now) == before[4])


def _is_settled(seen: list[Any], at: int) -> bool:
    """Whether a file that was looked at then would have another time, had it changed since."""
    return bool(max(seen[1], seen[2]) < at - _TICK_NS)


def _digest_of(file: Path, seen: list[int], at: int) -> str:
    """The digest of a file that was looked at then; a big one that several steps read is read once."""
    return _settled_digest(file, *seen) if _is_settled(seen, at) else _digest(file)


@lru_cache(MOST_FILES)
def _settled_digest(file: Path, size: int, mtime: int, ctime: int, number: int) -> str:
    del size, mtime, ctime, number  # with them the same, the file is the same
    return _digest(file)


def _stat(file: Path) -> list[int]:
    seen = file.stat()
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]


def _digest(file: Path) -> str:
    found = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _files(path: Path, without: Path | None) -> Iterator[tuple[str, Path]]:
    """The regular files, by their names below ``path``; a file's own name is ''."""
    if path.is_file():
        yield "", path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if name not in _NOT_DATA and here / name != without)
        for name in sorted(names):
            file = here / name
            try:
                regular = stat.S_ISREG(file.stat().st_mode)
            except FileNotFoundError:
                continue  # a link that leads nowhere
            if regular:
                count += 1
                if count > MOST_FILES:
                    raise TooManyFiles(str(path))
                yield str(file.relative_to(path)), file
