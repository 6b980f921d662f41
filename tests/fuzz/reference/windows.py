"""Which rows are in a window's frame, and which row LAST JOIN takes.

Offline, a row meets all rows of its table that sort before it; online, a request meets what was stored before it.
``hybridse/src/vm/mem_catalog.cc`` (HistoryWindow) builds the first, ``hybridse/src/vm/runner.cc`` (RequestUnionWindow)
the second; both hand the rows on newest first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """A window; ``start`` and ``end`` are how far back the frame goes, both inside (``start`` None: without end)."""

    partition: tuple[str, ...]
    order: str | None
    counts_rows: bool
    start: int | None
    end: int
    maxsize: int = 0
    exclude_current_row: bool = False
    exclude_current_time: bool = False
    instance_not_in_window: bool = False
    unions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A row, the table it comes from (0 the window's own, 1, 2 ... those of UNION) and its place in that table."""

    row: Row
    table: int
    place: int


@dataclass(frozen=True)
class Frame:
    """Rows, newest first; ``history`` is what ``lag`` looks back on, the current row at its head."""

    rows: tuple[Row, ...]
    history: tuple[Row, ...]


def time_of(window: Window, row: Row) -> int:
    """A NULL time counts as 0, and without ORDER BY all times are the same."""
    return 0 if window.order is None else (row[window.order] or 0)


def _rank(window: Window, placed: Placed) -> tuple[int, bool, int, int]:
    known = window.order is None or placed.row[window.order] is not None
    # of rows with the same time those of UNION come first, the last named table's before the others'
    return time_of(window, placed.row), known, -placed.table, placed.place


def offline(window: Window, main: Sequence[Row], unions: Mapping[str, Sequence[Row]]) -> list[tuple[int, Frame]]:
    """The frame of each row of the table, with the row's place. Rows with a time before 0 are left out altogether."""
    all_rows = _placed(window, main, unions)
    found = []
    for current in all_rows:
        if current.table == 0:
            before = [p for p in all_rows if _rank(window, p) <= _rank(window, current)]
            found.append((current.place, _frame(window, [current], before)))
    return sorted(found, key=lambda pair: pair[0])


NO_TIME = 2**63 - 1
"""The time of a request row whose ORDER BY column is NULL or negative: it comes after all rows."""


def online(window: Window, request: Sequence[Row], stored: Sequence[Row], unions: Mapping[str, Sequence[Row]]) -> Frame:
    """The frame of a request row: it is the newest of its time, whatever is stored.

    LEFT JOIN makes several rows of one, the stored ones as well; they are given by age, the newest last.
    """
    current = [Placed(row, 0, len(stored) + n) for n, row in enumerate(request)]
    known = window.order is None or (request[0][window.order] or -1) >= 0 or request[0][window.order] == 0
    now = time_of(window, request[0]) if known else NO_TIME
    before = [p for p in _placed(window, stored, unions) if time_of(window, p.row) <= now]
    return _frame(window, current, [*before, *current], now)


def of_stored(window: Window, rows: Sequence[Row], left: Sequence[Row]) -> list[Frame | None]:
    """The frame of each stored row as the online engine makes it for a subquery of LAST JOIN.

    The row itself is not known there: of the rows up to its time that the TTL has ``left`` those that the frame reaches
    are gathered, and the newest of them stands for it: the frame is looked for again from there, and EXCLUDE
    CURRENT_ROW drops that one. None where nothing is gathered.
    """
    frames: list[Frame | None] = []
    for row in rows:
        known = window.order is None or row[window.order] is not None
        now = time_of(window, row)
        end = 0 if window.counts_rows else window.end
        before = [p for p in _placed(window, left, {}) if not known or time_of(window, p.row) <= max(now - end, 0)]
        if window.exclude_current_time and end == 0 and known:
            before = [p for p in before if time_of(window, p.row) < now]
        if not window.counts_rows and window.start is not None and known:
            before = [p for p in before if time_of(window, p.row) >= now - window.start]
        before = [p for p in before if all(p.row[column] == row[column] for column in window.partition)]
        before.sort(key=lambda p: _rank(window, p), reverse=True)
        if window.counts_rows and window.start is not None:
            before = before[: window.start + 1]
        if window.maxsize:
            before = before[: window.maxsize + (window.exclude_current_row and end == 0)]
        whole = replace(window, maxsize=0)
        frames.append(_cut(whole, time_of(window, before[0].row), before) if before else None)
    return frames


def _placed(window: Window, main: Sequence[Row], unions: Mapping[str, Sequence[Row]]) -> list[Placed]:
    tables = [main, *(unions[name] for name in window.unions)]
    placed = [Placed(row, table, place) for table, rows in enumerate(tables) for place, row in enumerate(rows)]
    return [p for p in placed if time_of(window, p.row) >= 0]


def _frame(window: Window, current: Sequence[Placed], before: Sequence[Placed], when: int | None = None) -> Frame:
    now = time_of(window, current[0].row) if when is None else when
    key = [current[0].row[column] for column in window.partition]
    rows = [p for p in before if [p.row[column] for column in window.partition] == key]
    rows.sort(key=lambda p: (p in current, _rank(window, p)), reverse=True)
    if window.instance_not_in_window:
        rows = [p for p in rows if p in current or p.table > 0]
    if window.exclude_current_time:
        rows = [p for p in rows if p in current or time_of(window, p.row) < now]
    return _cut(window, now, rows, uncounted=len(current) if when is not None else 0)


def _cut(window: Window, now: int, rows: list[Placed], uncounted: int = 0) -> Frame:
    """The frame among rows that begin with the current row.

    ``uncounted``: so many rows at their head do not count for MAXSIZE where the frame ends before them.
    """
    history = rows
    if window.counts_rows:
        rows = rows[window.end :] if window.start is None else rows[window.end : window.start + 1]
    else:
        # the end of a frame is never before 0
        oldest = -math.inf if window.start is None else now - window.start
        current, last = rows[:1], max(now - window.end, 0)
        times = {id(p): now if p in current and now == NO_TIME else time_of(window, p.row) for p in rows}
        rows = [p for p in rows if oldest <= times[id(p)] <= last]
    excluded = window.exclude_current_row and window.end == 0
    if window.maxsize:
        free = uncounted if not window.counts_rows and window.end > 0 and rows[:1] == history[:1] else 0
        rows = rows[: window.maxsize + excluded + free]
    if excluded:
        rows = [p for p in rows if p is not history[0]]
    return Frame(tuple(p.row for p in rows), tuple(p.row for p in history))


def latest(rows: Sequence[Row], key: str, order: str, count: int) -> list[Row]:
    """What an index with ``TTL_TYPE=latest`` has left: the newest rows of each key."""
    kept = []
    for place, row in enumerate(rows):
        newer = [
            other for n, other in enumerate(rows) if other[key] == row[key] and (other[order], n) > (row[order], place)
        ]
        if len(newer) < count:
            kept.append(row)
    return kept


@dataclass(frozen=True)
class LastJoin:
    """LAST JOIN of a table: equal keys, maybe a condition more, maybe ORDER BY a column; LEFT JOIN without the last."""

    keys: tuple[tuple[str, str], ...]
    order: str | None
    condition: Callable[[Row, Row], bool | None]
    left: bool = False


def matches(join: LastJoin, left: Row, right: Sequence[Row], *, null_keys: bool) -> list[Row]:
    """The right rows that fit a left row; ``null_keys`` as in `last_joined`."""
    found = []
    for row in right:
        pairs = [(left[a], row[b]) for a, b in join.keys]
        if all(a == b and (a is not None or null_keys) for a, b in pairs) and join.condition(left, row):
            found.append(row)
    return found


def last_joined(join: LastJoin, left: Row, right: Sequence[Row], *, null_keys: bool) -> Row | None:
    """The right row that a left row gets: the one with the highest order, of several the one stored last.

    ``null_keys``: NULL equals NULL, as it does online and not offline.
    """
    found: Row | None = None
    for row in matches(join, left, right, null_keys=null_keys):
        if found is None or join.order is None or _not_less(row[join.order], found[join.order]):
            found = row
    return found


def _not_less(new: int | None, old: int | None) -> bool:
    return old is None or (new is not None and new >= old)
