"""Python names made of the names that people give to tasks."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

_RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))


def identifier(text: str, fallback: str) -> str:
    """A lower-case Python name that reads like ``text``; letters of every script stay."""
    normal = unicodedata.normalize("NFKC", text)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", normal)
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", spaced)).strip("_").lower()
    # lower() may leave the normal form that Python compares names in
    name = unicodedata.normalize("NFKC", name)
    if name[:1].isdigit():
        name = f"{fallback}_{name}"
    return name if name.isidentifier() else fallback


class Identifiers:
    """Hands out names, each once.

    Args:
        taken: names that must not be given.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken) | _RESERVED

    def new(self, text: str, fallback: str) -> str:
        """A name for ``text``."""
        base = identifier(text, fallback)
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


def is_attribute(name: str) -> bool:
    """Whether ``x.name`` can be written."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return plain and unicodedata.normalize("NFKC", name) == name
