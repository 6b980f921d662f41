"""Placeholders filled in, with the way back to where they stood."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from dsflow.declare.encoding import DOLLAR
from dsflow.declare.params import PLACEHOLDER

_TIME = r"\$\[[^\[\]\n]*[A-Za-z][^\[\]\n]*\]"
_ANY = re.compile(rf"{PLACEHOLDER.pattern}|{_TIME}|{DOLLAR}")
_A_DAY = "20240101"
"""What a time placeholder stands for while a text is checked."""


@dataclass(frozen=True)
class Filled:
    """A text with its placeholders filled.

    Attributes:
        raw: as it was written.
        text: with values.
    """

    raw: str
    text: str
    _starts: tuple[tuple[int, int, bool], ...]  # where a piece begins: in the text, in raw, and whether it is a value

    def raw_offset(self, offset: int) -> int:
        """Where a character of the filled text stands in the raw one; inside a value, the placeholder's start."""
        start, raw, is_value = self._starts[bisect_right(self._starts, (offset, len(self.raw) + 1, True)) - 1]
        return raw if is_value else min(raw + offset - start, len(self.raw))


def fill(raw: str, values: Mapping[str, str]) -> Filled:
    """Fill ``${name}`` by its value and ``$[time]`` by some day; a name without a value stays as it stands."""
    pieces: list[str] = []
    starts: list[tuple[int, int, bool]] = [(0, 0, False)]
    at = length = 0
    for match in _ANY.finditer(raw):
        name = match[1]
        if match[0] == DOLLAR:
            value: str | None = "$"  # no placeholder: it was written by literal()
        else:
            value = _A_DAY if name is None or name.startswith("system.") else values.get(name)
        if value is None:
            continue
        pieces += [raw[at : match.start()], value]
        length += match.start() - at
        starts.append((length, match.start(), True))
        length += len(value)
        starts.append((length, match.end(), False))
        at = match.end()
    return Filled(raw, "".join([*pieces, raw[at:]]), tuple(starts))
