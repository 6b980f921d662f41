"""Which files a path of LOAD DATA means, as Spark finds them: a file, a folder, a pattern, ``dt=2024-01-01``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dsflow.embedded.failures import LoadError

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_MAGIC = re.compile(r"[*?\[\]{}\\]")
_NOT_READ = (".zst", ".lz4", ".snappy", ".lzo")
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xfd7zXZ": "xz",
}


@dataclass(frozen=True)
class Source:
    """A file, and what the names of the folders above it say: ``dt=2024-01-01`` gives the column ``dt``."""

    file: str
    columns: tuple[tuple[str, str | None], ...] = ()


def local_path(path: str) -> str:
    """A path of LOAD DATA or INTO OUTFILE as a path of this machine.

    Raises:
        LoadError: it is on another system (``hdfs://``, ``hive://`` ...).
    """
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path[len("file:") :] if path.startswith("file:/") else path
    if scheme.lower() == "file":
        parts = urlsplit(path)
        if parts.netloc not in ("", "localhost"):
            return unquote(parts.netloc + parts.path)
        return unquote(parts.path) if "%" in rest else rest[len(parts.netloc) :]
    raise LoadError(f"the embedded OpenMLDB reads and writes files of this machine only, not {scheme}://: {path}")


def find_sources(path: str) -> list[Source]:
    """The files that a path of LOAD DATA means.

    Of a folder these are the files that do not begin with ``.`` or ``_``; or, if it has folders named
    ``column=value``, those in them.

    Raises:
        LoadError: there are none, or Spark would pass over some without a word.
    """
    local = local_path(path)
    if not local:
        raise LoadError("LOAD DATA INFILE names no file: the path is empty")
    if _MAGIC.search(local):
        found = [source for match in _matches(local) for source in _below(match, pattern=True)]
        if not found:
            hint = "* ? [ ] { } are a pattern to OpenMLDB: rename the file, or name its folder"
            raise LoadError(f"no file matches {local}", hint=hint if Path(local).exists() else None)
        return found
    target = Path(local)
    if target.is_dir():
        found = list(_below(target, pattern=False))
        if not found:
            raise LoadError(f"the folder {local} has no files to read")
        return found
    if not target.exists():
        raise LoadError(f"file {local} does not exist", hint=_where_instead(target))
    if _hidden(target.name):
        raise LoadError(f"OpenMLDB passes over {target.name}: its name begins with _ or .", hint="rename the file")
    return [Source(local)]


def check_readable(file: str) -> None:
    """Whether Spark reads a file of this name and, if it is compressed, in this way.

    Raises:
        LoadError: it does not.
    """
    if ":" in Path(file).name:
        raise LoadError(f"OpenMLDB's job fails on a file name with a colon: {Path(file).name}", hint="rename the file")
    with open(file, "rb") as stream:
        start = stream.read(8)
    name = Path(file).name
    kind = next((kind for mark, kind in _PACKED.items() if start.startswith(mark)), None)
    if name.endswith(_NOT_READ):
        raise LoadError(
            f"OpenMLDB does not read {name}: Spark has no such codec by itself", hint="compress it with gzip"
        )
    expected = {".gz": "gzip", ".bz2": "bzip2"}.get(Path(name).suffix)
    if expected and kind != expected and start:
        raise LoadError(f"{name} is not compressed with {expected}, as its name says", hint="rename it")
    if kind and kind != expected:
        ending = {"gzip": ".gz", "bzip2": ".bz2"}.get(kind)
        what = f"give it a name that ends with {ending}" if ending else "compress it with gzip, or not at all"
        raise LoadError(f"{name} is compressed ({kind}), and OpenMLDB would read it as text", hint=what)


def _hidden(name: str) -> bool:
    """Whether Spark passes over a file or folder of this name."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def _below(place: Path, *, pattern: bool) -> Iterator[Source]:
    if _hidden(place.name) and pattern:
        return
    if place.is_file():
        yield Source(str(place))
        return
    inside = sorted(child for child in place.iterdir() if not _hidden(child.name))
    files = [child for child in inside if child.is_file()]
    named = [child for child in inside if child.is_dir() and "=" in child.name]
    if not named:
        yield from (Source(str(file)) for file in files)
        return
    if files or any(child.is_dir() and "=" not in child.name for child in inside):
        other = next(child.name for child in inside if child not in named)
        raise LoadError(
            f"the folder {place} has {other} beside {named[0].name}: OpenMLDB passes over it, or fails",
            hint="name the folders or files that are meant",
        )
    yield from _partitions(place, named, (), pattern)


def _partitions(
    place: Path, folders: Sequence[Path], above: tuple[tuple[str, str | None], ...], pattern: bool
) -> Iterator[Source]:
    if len({folder.name.partition("=")[0] for folder in folders}) > 1:
        raise LoadError(f"the folders in {place} name different columns: {', '.join(f.name for f in folders)}")
    for folder in folders:
        name, _, value = folder.name.partition("=")
        columns = (*above, (unquote(name), None if value == _NO_VALUE else unquote(value)))
        inside = sorted(child for child in folder.iterdir() if not _hidden(child.name))
        deeper = [child for child in inside if child.is_dir() and "=" in child.name]
        files = [child for child in inside if child.is_file()]
        if deeper and (files or len(deeper) < len(inside)):
            raise LoadError(f"the folder {folder} has files beside {deeper[0].name}: OpenMLDB fails on it")
        if deeper:
            yield from _partitions(folder, deeper, columns, pattern)
        yield from (Source(str(file), columns) for file in files)


def _where_instead(target: Path) -> str | None:
    if not target.is_absolute():
        return f"the path is relative to the embedded OpenMLDB's folder {Path.cwd()}; write it in full"
    parent = target.parent
    if not parent.is_dir():
        return f"there is no folder {parent} either"
    return None


# ---- patterns, as Hadoop reads them


def _matches(pattern: str) -> list[Path]:
    if "\\" in pattern:
        raise LoadError(f"{pattern}: a backslash in a pattern is not supported")
    found: dict[Path, None] = {}
    for one in _without_braces(pattern):
        start = Path("/") if one.startswith("/") else Path(".")
        places = [start]
        for part in one.strip("/").split("/"):
            if not part:
                continue
            if not _MAGIC.search(part):
                places = [place / part for place in places if (place / part).exists()]
                continue
            form = _regex(part, pattern)
            places = [
                child
                for place in places
                if place.is_dir()
                for child in sorted(place.iterdir())
                if form.fullmatch(child.name)
            ]
        found |= dict.fromkeys(places)
    return list(found)


def _without_braces(pattern: str) -> Iterator[str]:
    """``x{1,2}`` as ``x1`` and ``x2``; there may be several, and one inside another."""
    begin = pattern.find("{")
    if begin < 0:
        yield pattern
        return
    depth, at, cuts = 0, begin, [begin]
    for at in range(begin, len(pattern)):
        depth += {"{": 1, "}": -1}.get(pattern[at], 0)
        if depth == 0:
            break
        if pattern[at] == "," and depth == 1:
            cuts.append(at)
    else:
        raise LoadError(f"{pattern}: a {{ of the pattern has no }}")
    cuts.append(at)
    for left, right in pairwise(cuts):
        yield from _without_braces(pattern[:begin] + pattern[left + 1 : right] + pattern[at + 1 :])


def _regex(part: str, pattern: str) -> re.Pattern[str]:
    text, at = "", 0
    while at < len(part):
        mark = part[at]
        if mark == "[":
            end = part.find("]", at + 2)
            if end < 0:
                raise LoadError(f"{pattern}: a [ of the pattern has no ]")
            inside = part[at + 1 : end]
            negated = inside[0] in "^!"
            text += f"[{'^' if negated else ''}{re.escape(inside[negated:]).replace(chr(92) + '-', '-')}]"
            at = end
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(mark, re.escape(mark))
        at += 1
    return re.compile(text)
