"""Local time in the zone Asia/Shanghai, which OpenMLDB's offline engine reads and writes the text of timestamps in.

The zone is eight hours ahead today; it was 5:43 minutes more before 1901, and an hour more in the summers of 1919,
1940 to 1949 and 1986 to 1991. The changes are those of the IANA time zone database; a local time that a change skips
is read with the offset before it, one that comes twice as the first, as Java does.
"""

from __future__ import annotations

_CHANGES = (
    (-2177481943, 29143, 28800), (-1600675200, 28800, 32400), (-1585904400, 32400, 28800), (-933667200, 28800, 32400),
    (-922093200, 32400, 28800), (-908870400, 28800, 32400), (-888829200, 32400, 28800), (-881049600, 28800, 32400),
    (-767869200, 32400, 28800), (-745833600, 28800, 32400), (-733827600, 32400, 28800), (-716889600, 28800, 32400),
    (-699613200, 32400, 28800), (-683884800, 28800, 32400), (-670669200, 32400, 28800), (-652348800, 28800, 32400),
    (-650019600, 32400, 28800), (515527200, 28800, 32400), (527014800, 32400, 28800), (545162400, 28800, 32400),
    (558464400, 32400, 28800), (577216800, 28800, 32400), (589914000, 32400, 28800), (608666400, 28800, 32400),
    (621968400, 32400, 28800), (640116000, 28800, 32400), (653418000, 32400, 28800), (671565600, 28800, 32400),
    (684867600, 32400, 28800),
)  # fmt: skip
"""Each change: its second since 1970 in UTC, and the seconds ahead of UTC before and after it."""


def sql_instant(local: str) -> str:
    """A DuckDB expression for the instant of a local time, both in milliseconds since 1970."""
    return f"({local} - {_offset(local, [(at + max(before, after), after) for at, before, after in _CHANGES])})"


def sql_offset(instant: str) -> str:
    """A DuckDB expression for how many milliseconds local time is ahead of UTC at an instant (milliseconds)."""
    return _offset(instant, [(at, after) for at, _, after in _CHANGES])


def _offset(milliseconds: str, starts: list[tuple[int, int]]) -> str:
    whens = " ".join(f"WHEN {milliseconds} >= {start * 1000} THEN {offset * 1000}" for start, offset in starts[::-1])
    return f"(CASE {whens} ELSE {_CHANGES[0][1] * 1000} END)"
