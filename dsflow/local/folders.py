"""Folders for names: each name has its own, on file systems that fold case as well."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,98}[a-z0-9_-])?\Z")
_DIGEST = re.compile(r"-[0-9a-f]{12}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)")  # to Windows
_LONGEST = 60


def folder_name(name: str) -> str:
    """The folder of a name, the same always; no two names have the same, nor one that differs in case only.

    A name of small letters, digits, ``_``, ``-`` and ``.`` is its own folder; of every other name what can stand in
    one, with a digest of the whole.
    """
    if _PLAIN.match(name) and not _DIGEST.search(name) and not _RESERVED.match(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    readable = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:_LONGEST].rstrip("-")
    return f"{readable or 'x'}-{digest}"


def earlier_folder_name(name: str) -> str:
    """What an older version of dsflow made of a name; several names could share it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "x"
