"""How much room a text takes, and how to make it fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# widths in units of the font's size, those of a bold and broad face, since the reader's font is unknown
_NARROW = frozenset("iljtfrI.,:;'|!()[]{}-`/\\ ")
_BROAD = frozenset("mwMW@%")


def drawn_width(text: str, size: float) -> float:
    """About how many pixels a text takes in a sans-serif font.

    Args:
        text: one line.
        size: the font's size in pixels.
    """
    return size * sum(_em(c) for c in text)


def _em(c: str) -> float:
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.02
    if c in _NARROW:
        return 0.4
    if c in _BROAD:
        return 0.98
    return 0.76 if c.isupper() else 0.66


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, width: int) -> str:
    """A text filled up with blanks to a number of terminal columns."""
    return text + " " * (width - columns(text))


def shorten(text: str, width: int) -> str:
    """A text cut to a number of terminal columns, with ``…`` where something is missing."""
    if columns(text) <= width:
        return text
    kept = ""
    for c in text:
        if columns(kept + c) > width - 1:
            break
        kept += c
    return kept.rstrip() + "…"


def wrap(text: str, size: float, width: float, lines: int = 2) -> list[str]:
    """Break a text into lines, between words where that is possible; ``…`` ends it when it is too long.

    Args:
        text: the text.
        size: the font's size in pixels.
        width: pixels of a line.
        lines: how many lines there may be.
    """
    words = re.findall(r"[^\s_\-./]*[\s_\-./]|[^\s_\-./]+", text) or [text]
    result = [""]
    for word in words:
        if drawn_width((result[-1] + word).rstrip(), size) <= width:
            result[-1] += word
            continue
        if result[-1] and drawn_width(word.rstrip(), size) <= width:
            result.append(word)
            continue
        for c in word:
            if drawn_width(result[-1] + c, size) > width:
                result.append("")
            result[-1] += c
    result = [line.strip() for line in result if line.strip()] or [""]
    if len(result) <= lines:
        return result
    return [*result[: lines - 1], _cut(" ".join(result[lines - 1 :]), size, width)]


def _cut(text: str, size: float, width: float) -> str:
    while text and drawn_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def fit(text: str, size: float, width: float) -> str:
    """A text on one line of at most ``width`` pixels."""
    return text if drawn_width(text, size) <= width else _cut(text, size, width)


def widest(texts: Sequence[str]) -> int:
    """The columns of the longest text, 0 when there is none."""
    return max(map(columns, texts), default=0)
