"""Requests that need no DuckDB statement of their own: their key's rows are looked up, and counted and summed here.

DuckDB plans each statement anew, which takes longer than the rest of a request. What is told apart here is the usual
deployment: a SELECT from one table of its columns, of parts of its times, and of counts, sums, averages and extremes of
whole numbers over ROWS_RANGE windows that end at the current row and whose keys have a column in common. Any other
query, and any request whose values have a meaning of their own (no key, no time, a time before 1970), goes to the
compiled statement; the answers are the same, and ``tests/unit/embedded/test_quickrequests.py`` holds them against each
other.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dsflow.embedded.compiler.parse import parse_query
from dsflow.embedded.compiler.windows import Window, named_windows, window_of
from dsflow.embedded.keyrows import KeyRows, Rows
from dsflow.openmldb import nodes
from dsflow.openmldb.ttl import MINUTE_MS
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import numpy as np

    from dsflow.embedded.catalog import CatalogState, Table

    Mask = np.ndarray[Any, Any] | None
    """Which rows, as a truth for each or as the places of those; None is all of them."""

    Output = Callable[[Sequence[Any], Rows, Sequence[Mask]], Any]
    """The value of a column, from the request row, the key's rows, and which of them each frame has."""

_UTC8_MS = 8 * 3_600_000
_LAST_MS = 253_402_214_400_000
"""9999-12-31 at UTC+8: Python's dates end there."""

_EXACT = 2**53
_WHOLE = (ColumnType.SMALLINT, ColumnType.INT)
_KEYS = (ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT, ColumnType.STRING)
_TIMES = (ColumnType.TIMESTAMP, ColumnType.BIGINT)
_WRAP = {ColumnType.SMALLINT: 2**15, ColumnType.INT: 2**31}


class _NotQuickError(Exception):
    """The compiled statement has to answer."""


@dataclass(frozen=True)
class _Frame:
    """A window's frame.

    Attributes:
        keys: name and place of the columns of PARTITION BY but for the one by which rows are looked up.
        time: name and place of the column of ORDER BY.
        start: how many milliseconds it reaches back; None is without end.
        young: how many milliseconds ago the oldest row was that the index has not dropped; None for any.
    """

    keys: tuple[tuple[str, int], ...]
    time: tuple[str, int]
    start: int | None
    young: int | None

    def rows(self, request: Sequence[Any], rows: Rows) -> Mask:
        """Which stored rows are in the frame of a request row."""
        order = rows.order([name for name, _ in self.keys], self.time[0]) if self.young is None else None
        if order is not None:
            wanted, now = [request[place] for _, place in self.keys], request[self.time[1]]
            if None in wanted or now is None or now < 0:
                raise _NotQuickError
            return order.between(wanted, max(now - self.start, 0) if self.start is not None else 0, now)
        mask: Mask = None
        for name, place in self.keys:
            column, wanted = rows.columns[name], request[place]
            if wanted is None:
                raise _NotQuickError
            mask = _both(mask, _values(column.values == wanted, column.nulls))
        now, column = request[self.time[1]], rows.columns[self.time[0]]
        if now is None or now < 0:
            raise _NotQuickError
        times = column.values
        if column.nulls is not None:  # a row without a time is one of 1970
            import numpy as np

            times = np.where(column.nulls, 0, times)
        mask = _both(
            _both(mask, times <= now), times >= max(now - self.start, 0) if self.start is not None else times >= 0
        )
        if self.young is not None:
            first = time.time_ns() // 1_000_000 - self.young
            mask = _both(mask, _values(column.values > first, column.nulls))
        return mask


def _known(mask: Mask, nulls: Mask) -> Mask:
    """Those of the rows where there is a value."""
    if nulls is None:
        return mask
    if mask is None or mask.dtype == bool:
        return _both(mask, ~nulls)
    return mask[~nulls[mask]]


def _both(one: Mask, other: Mask) -> Mask:
    return other if one is None else one if other is None else one & other


def _values(mask: np.ndarray[Any, Any], nulls: Mask) -> np.ndarray[Any, Any]:
    return mask if nulls is None else mask & ~nulls


# ---- what a column of SELECT is


def _part_of_time(place: int, part: Callable[[int], int]) -> Output:
    def output(request: Sequence[Any], rows: Rows, masks: Sequence[Mask]) -> Any:
        value = request[place]
        if value is None:
            return None
        if not 0 <= value < _LAST_MS:
            raise _NotQuickError
        return part(value)

    return output


def _local(ms: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=ms + _UTC8_MS)


_PARTS: dict[str, Callable[[int], int]] = {
    "hour": lambda ms: (ms + _UTC8_MS) % 86_400_000 // 3_600_000,
    "minute": lambda ms: ms % 3_600_000 // 60_000,
    "second": lambda ms: ms % 60_000 // 1000,
    "day": lambda ms: _local(ms).day,
    "dayofmonth": lambda ms: _local(ms).day,
    "month": lambda ms: _local(ms).month,
    "year": lambda ms: _local(ms).year,
}


def _count_rows(frame: int) -> Output:
    def output(request: Sequence[Any], rows: Rows, masks: Sequence[Mask]) -> int:
        return _size(masks[frame], rows) + 1

    return output


def _count(frame: int, name: str, place: int) -> Output:
    def output(request: Sequence[Any], rows: Rows, masks: Sequence[Mask]) -> int:
        mask = _known(masks[frame], rows.columns[name].nulls)
        return _size(mask, rows) + (request[place] is not None)

    return output


def _size(mask: Mask, rows: Rows) -> int:
    if mask is None:
        return rows.count
    return int(mask.sum()) if mask.dtype == bool else len(mask)


def _of_numbers(frame: int, name: str, place: int, result: Callable[[np.ndarray[Any, Any], int | None], Any]) -> Output:
    """A column of the numbers that the frame has, without NULL, and of the request row's own."""

    def output(request: Sequence[Any], rows: Rows, masks: Sequence[Mask]) -> Any:
        column = rows.columns[name]
        mask = _known(masks[frame], column.nulls)
        return result(column.values if mask is None else column.values[mask], request[place])

    return output


def _sum(numbers: np.ndarray[Any, Any], own: int | None) -> int | None:
    if own is None and not len(numbers):
        return None
    return int(numbers.sum(dtype="int64")) + (own or 0)


def _avg(numbers: np.ndarray[Any, Any], own: int | None) -> float | None:
    total = _sum(numbers, own)
    if total is None:
        return None
    if int(abs(numbers.astype("int64")).sum()) + abs(own or 0) >= _EXACT:
        raise _NotQuickError
    return total / (len(numbers) + (own is not None))


def _extreme(pick: Callable[..., int]) -> Callable[[np.ndarray[Any, Any], int | None], int | None]:
    def result(numbers: np.ndarray[Any, Any], own: int | None) -> int | None:
        found = [] if own is None else [own]
        if len(numbers):
            found.append(int(numbers.min() if pick is min else numbers.max()))
        return pick(found) if found else None

    return result


def _wrapped(kind: ColumnType) -> Callable[[np.ndarray[Any, Any], int | None], int | None]:
    half = _WRAP[kind]

    def result(numbers: np.ndarray[Any, Any], own: int | None) -> int | None:
        total = _sum(numbers, own)
        return None if total is None else (total + half) % (2 * half) - half

    return result


# ---- the whole


@dataclass(frozen=True)
class QuickPlan:
    """A deployment's query as it is answered here; made by `quick_plan`.

    Attributes:
        table: the table of the query.
        key: name and place of the column by which rows are looked up.
        columns: those that are read.
        frames: the windows' frames, each once.
        outputs: the columns of the answer.
    """

    table: Table
    key: tuple[str, int]
    columns: tuple[str, ...]
    frames: tuple[_Frame, ...]
    outputs: tuple[Output, ...]

    def answer(self, request: Sequence[Any], stored: KeyRows) -> tuple[Any, ...] | None:
        """The answer to a request row; None where the compiled statement has to give it."""
        name, place = self.key
        if request[place] is None:
            return None
        rows = stored.get(self.table, name, request[place], self.columns)
        try:
            masks = [frame.rows(request, rows) for frame in self.frames]
            return tuple(output(request, rows, masks) for output in self.outputs)
        except _NotQuickError:
            return None


def quick_plan(query: str, state: CatalogState, db: str) -> QuickPlan | None:
    """How a query is answered here; None if it is not.

    Args:
        query: a deployment's SELECT, which has been compiled and is right.
        state: the catalog.
        db: the database of tables that are named without one.
    """
    tree = parse_query(query)
    source = tree.args.get("from_")
    if not isinstance(tree, exp.Select) or source is None or not isinstance(source.this, exp.Table):
        return None
    if any(value for name, value in tree.args.items() if name not in ("expressions", "from_", "windows")):
        return None
    if any(value for name, value in source.this.args.items() if name not in ("this", "db", "alias")):
        return None
    table = state.tables.get((source.this.db or db, source.this.name))
    try:
        return _Maker(table, named_windows(tree.args.get("windows") or [])).plan(tree) if table is not None else None
    except _NotQuickError:
        return None


class _Maker:
    def __init__(self, table: Table, named: dict[str, nodes.WindowDefinition]) -> None:
        self._table = table
        self._named = named
        self._places = {column.name: place for place, column in enumerate(table.columns)}
        self._windows: list[Window] = []
        self._read: dict[str, None] = {}

    def plan(self, tree: exp.Select) -> QuickPlan:
        outputs = tuple(self._output(item.unalias()) for item in tree.expressions)
        if not self._windows:
            raise _NotQuickError
        partitions = [[self._column(node, *_KEYS) for node in window.partition] for window in self._windows]
        texts = [[n for n in names if self._kind(n) is ColumnType.STRING] for names in partitions]
        common = set(partitions[0]).intersection(*partitions)
        # an index of DuckDB's is on the first column of each
        key = next((names[0] for names in partitions if names[0] in common), None)
        if key is None or any(len(found) > 1 for found in texts):  # several texts are one, joined by |, to OpenMLDB
            raise _NotQuickError
        frames = tuple(self._frame(window, names, key) for window, names in zip(self._windows, partitions, strict=True))
        return QuickPlan(self._table, (key, self._places[key]), tuple(self._read), frames, outputs)

    def _kind(self, name: str) -> ColumnType:
        return self._table.columns[self._places[name]].type

    def _column(self, node: exp.Expr, *kinds: ColumnType) -> str:
        """The name of a column of the table, which has one of the types."""
        if not isinstance(node, exp.Column) or node.name not in self._places:
            raise _NotQuickError
        if kinds and self._kind(node.name) not in kinds:
            raise _NotQuickError
        return node.name

    def _frame(self, window: Window, partition: Sequence[str], key: str) -> _Frame:
        plain = window.native and window.by_time and window.end == 0
        if not plain or window.drops_current_row or window.descending or window.order is None:
            raise _NotQuickError
        order = self._column(window.order, *_TIMES)
        index = self._table.index_for(partition, order)
        ttl = index.ttl.normalised() if index is not None else None
        if ttl is not None and not ttl.unlimited and ttl.type != "absolute":
            raise _NotQuickError
        self._read.update(dict.fromkeys([order, *(name for name in partition if name != key)]))
        young = ttl.minutes * MINUTE_MS if ttl is not None and not ttl.unlimited else None
        if young is not None and (index is None or index.ts != order):
            raise _NotQuickError
        keys = tuple((name, self._places[name]) for name in dict.fromkeys(partition) if name != key)
        return _Frame(keys, (order, self._places[order]), window.start, young)

    def _output(self, item: exp.Expr) -> Output:
        if isinstance(item, exp.Column):
            place = self._places[self._column(item)]
            return lambda request, rows, masks: request[place]
        if isinstance(item, nodes.Over):
            return self._aggregate(item)
        name, arguments = _called(item)
        if name not in _PARTS or len(arguments) != 1:
            raise _NotQuickError
        return _part_of_time(self._places[self._column(arguments[0], ColumnType.TIMESTAMP)], _PARTS[name])

    def _aggregate(self, item: nodes.Over) -> Output:
        name, arguments = _called(item.this)
        window = window_of(item.args["window"], self._named)
        keys = [known.key() for known in self._windows]
        if window.key() not in keys:
            self._windows.append(window)
        frame = keys.index(window.key()) if window.key() in keys else len(keys)
        if len(arguments) != 1:
            raise _NotQuickError
        if name == "count" and isinstance(arguments[0], exp.Star):
            return _count_rows(frame)
        column = self._column(arguments[0], *(() if name == "count" else _WHOLE))
        place = self._places[column]
        self._read[column] = None
        if name == "count":
            return _count(frame, column, place)
        results = {"sum": _wrapped(self._kind(column)), "avg": _avg, "min": _extreme(min), "max": _extreme(max)}
        if name not in results:
            raise _NotQuickError
        return _of_numbers(frame, column, place, results[name])


def _called(node: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """Name and arguments of a call."""
    if not isinstance(node, exp.Anonymous) or not isinstance(node.this, str):
        raise _NotQuickError
    return node.this.lower(), node.expressions
