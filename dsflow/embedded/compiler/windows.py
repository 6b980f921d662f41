"""Windows: what a WINDOW clause or an OVER (...) says, as plain data.

Frames count row by row in the order of arrival: of rows with the same time, those that come later are outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes
from dsflow.openmldb.ttl import UNITS_MS


@dataclass(frozen=True)
class Window:
    """A window.

    Attributes:
        partition: the columns of PARTITION BY, as written.
        order: the column of ORDER BY, as written; None when there is none: then all rows have the same time.
        by_time: the frame is one of times (ROWS_RANGE), else of rows (ROWS).
        start: how far the frame reaches back, milliseconds or rows; None is without end.
        end: how far back it ends; 0 is the current row.
        maxsize: at most so many rows, the newest ones; 0 is no limit.
        union: the other tables of UNION, as written.
        descending: ORDER BY says DESC.
    """

    partition: tuple[exp.Expr, ...]
    order: exp.Expr | None
    by_time: bool
    start: int | None
    end: int
    maxsize: int = 0
    exclude_current_row: bool = False
    exclude_current_time: bool = False
    instance_not_in_window: bool = False
    union: tuple[exp.Expr, ...] = ()
    descending: bool = False

    @property
    def native(self) -> bool:
        """Whether a DuckDB window function has the same frame."""
        return not (self.maxsize or self.exclude_current_time or self.instance_not_in_window or self.union)

    @property
    def drops_current_row(self) -> bool:
        """Whether EXCLUDE CURRENT_ROW has something to drop: OpenMLDB looks at it only if the frame ends there."""
        return self.exclude_current_row and self.end == 0

    def places(self, not_current: str) -> list[str]:
        """Conditions on ``place``, a row's number counted from the newest one, of the rows that are in the frame.

        Args:
            not_current: the condition that drops the current row.
        """
        found = [*self.rows_by_place()]
        if self.maxsize:
            # the current row does not count when it is left out
            found.append(f"place <= {self.maxsize + self.drops_current_row}")
        if self.drops_current_row:
            found.append(not_current)
        return found

    def rows_by_place(self) -> list[str]:
        """Conditions on ``place`` of the bounds of a frame of rows."""
        if self.by_time:
            return []
        return [f"place > {self.end}", *([f"place <= {self.start + 1}"] if self.start is not None else [])]

    def rows_back(self, count: int) -> Window:
        """The window of ``lag(x, count) OVER this``: that many rows back, whatever the frame."""
        return replace(self, by_time=False, start=count, end=0, maxsize=0, exclude_current_row=False)

    def source_key(self) -> str:
        """Two windows with the same one differ in their frames only."""
        parts = [p.sql(dialect="openmldb") for p in (*self.partition, *self.union)]
        order = self.order.sql(dialect="openmldb") if self.order is not None else ""
        return repr((parts, order, self.exclude_current_time, self.instance_not_in_window))

    def key(self) -> str:
        """Two windows with the same key have the same frames."""
        frame = (self.by_time, self.start, self.end, self.maxsize, self.exclude_current_row)
        return repr((self.source_key(), frame))


@dataclass(frozen=True)
class Reach:
    """The rows that the online engine gathers for a window before it looks at the frame.

    It gathers once for all windows of a SELECT that differ in their frames only (its ``planner.cc``, ``MergeWindows``).

    Attributes:
        by_rows, by_time: whether there are frames of rows, of times.
        rows: how many rows they reach back; None is without end.
        start, end: how far the frames of times reach back, and how far back they end, in milliseconds.
        maxsize: at most so many rows; 0 is no limit.
        exclude_current_row: as in the windows.
    """

    by_rows: bool
    by_time: bool
    rows: int | None
    start: int | None
    end: int
    maxsize: int
    exclude_current_row: bool

    @staticmethod
    def of(window: Window) -> Reach:
        """What one window gathers."""
        time = window.by_time
        return Reach(
            by_rows=not time,
            by_time=time,
            rows=0 if time else window.start,
            start=window.start if time else 0,
            end=window.end if time else 0,
            maxsize=window.maxsize,
            exclude_current_row=window.exclude_current_row,
        )

    @property
    def limit(self) -> int | None:
        """How many rows at most, the current one counted; None is without end."""
        if not self.maxsize:
            return None
        return self.maxsize + (self.exclude_current_row and self.end == 0)

    def takes(self, other: Reach) -> bool:
        """Whether the engine gathers for both at once; ``other`` is over the same rows."""
        if self == other:
            return True
        if self.by_time and other.by_time and self.maxsize != other.maxsize:
            return False
        for times, rows in ((self, other), (other, self)):
            # rows without end are a negative number there, which is below any MAXSIZE
            short = times.maxsize and rows.rows is not None and times.maxsize < rows.rows
            if times.by_time and not rows.by_time and (times.end > 0 or short):
                return False
        same_kind = (self.by_rows, self.by_time) == (other.by_rows, other.by_time)
        return self.exclude_current_row == other.exclude_current_row and (same_kind or not self.exclude_current_row)

    def with_(self, other: Reach) -> Reach:
        """What both gather together."""
        rows = None if None in (self.rows, other.rows) else max(self.rows or 0, other.rows or 0)
        times = [reach for reach in (self, other) if reach.by_time]
        starts = [reach.start for reach in times]
        return Reach(
            by_rows=self.by_rows or other.by_rows,
            by_time=bool(times),
            rows=rows,
            start=None if None in starts else max((start or 0 for start in starts), default=0),
            end=min((reach.end for reach in times), default=0),
            maxsize=self.maxsize or other.maxsize,
            exclude_current_row=self.exclude_current_row,
        )


def reaches(windows: Sequence[Window]) -> dict[str, Reach]:
    """What the online engine gathers for each of the windows of a SELECT, by `Window.key`."""
    found: dict[str, Reach] = {}
    groups: dict[str, list[tuple[Reach, list[str]]]] = {}
    for window in sorted(windows, key=lambda w: w.by_time):
        if window.key() in found:
            continue
        own = Reach.of(window)
        found[window.key()] = own
        known = groups.setdefault(window.source_key(), [])
        for place, (reach, keys) in enumerate(known):
            if own.takes(reach):
                merged = own.with_(reach)
                known[place] = merged, [*keys, window.key()]
                found.update(dict.fromkeys(known[place][1], merged))
                break
        else:
            known.append((own, [window.key()]))
    return found


def named_windows(definitions: list[nodes.WindowDefinition]) -> dict[str, nodes.WindowDefinition]:
    """The windows of a WINDOW clause by name.

    Raises:
        SqlError: a name twice.
    """
    found: dict[str, nodes.WindowDefinition] = {}
    for definition in definitions:
        name = definition.args["this"].name
        if name in found:
            raise SqlError(f"there are two windows {name}", **nodes.position(definition))
        found[name] = definition
    return found


def window_of(over: exp.Expr, named: dict[str, nodes.WindowDefinition]) -> Window:
    """What stands after OVER as a window.

    Raises:
        SqlError: there is no such window, or it is wrong.
        UnsupportedError: it is not supported.
    """
    if isinstance(over, nodes.WindowDefinition) and over.args.get("base"):
        # OVER (w) is OVER w
        rest = {key for key, value in over.args.items() if value} - {"base"}
        if not rest:
            over = over.args["base"]
    if isinstance(over, exp.Identifier):
        if over.name not in named:
            raise SqlError(f"there is no window {over.name}", **nodes.position(over))
        over = named[over.name]
    assert isinstance(over, nodes.WindowDefinition)
    try:
        return _window(over)
    except SqlError as error:
        if error.line is None:
            where = nodes.position(over)
            error.line, error.col = where.get("line"), where.get("col")
        raise


def _window(definition: nodes.WindowDefinition) -> Window:
    if definition.args.get("base"):
        raise SqlError("un-implemented: a window that is built on another window")
    frame = definition.args.get("frame")
    if frame is None:
        raise SqlError("a window needs a frame: ROWS or ROWS_RANGE BETWEEN ... AND ...")
    if not definition.args.get("partition_by"):
        raise UnsupportedError("a window without PARTITION BY")
    unit = frame.args["unit"]
    if unit == "RANGE":
        raise UnsupportedError("a window with RANGE", hint="use ROWS_RANGE")
    by_time = unit == "ROWS_RANGE"
    end = frame.args.get("end")
    start_offset = _offset(frame.args["start"], by_time, is_end=False)
    if end is None:
        raise SqlError("Un-support window frame with null end", hint="write BETWEEN ... PRECEDING AND CURRENT ROW")
    end_offset = _offset(end, by_time, is_end=True)
    assert end_offset is not None
    if by_time and definition.args.get("order") is None and (start_offset or end_offset):
        raise SqlError(
            "RANGE/ROWS_RANGE-type FRAME with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"
        )
    if start_offset is not None and start_offset < end_offset:
        raise SqlError("the window's frame ends before it starts")
    excluded = ("exclude_current_row", "exclude_current_time", "instance_not_in_window", "union")
    if isinstance(end.this, exp.Neg) and any(definition.args.get(key) for key in excluded):
        raise UnsupportedError("a frame with a negative bound in a window with UNION or EXCLUDE")
    maxsize = int(frame.args["maxsize"]) if frame.args.get("maxsize") else 0
    if frame.args.get("maxsize") and maxsize == 0:
        raise SqlError("MAXSIZE must be at least 1")
    if maxsize and not by_time:
        raise SqlError("MAXSIZE is for ROWS_RANGE windows only")
    return Window(
        partition=tuple(definition.args["partition_by"]),
        order=_order(definition),
        by_time=by_time,
        start=start_offset,
        end=end_offset,
        maxsize=maxsize,
        exclude_current_row=bool(definition.args.get("exclude_current_row")),
        exclude_current_time=bool(definition.args.get("exclude_current_time")),
        instance_not_in_window=bool(definition.args.get("instance_not_in_window")),
        union=tuple(definition.args.get("union") or ()),
        descending=_descending(definition),
    )


def _order(definition: nodes.WindowDefinition) -> exp.Expr | None:
    order = definition.args.get("order")
    if order is None:
        if definition.args.get("exclude_current_time"):
            raise UnsupportedError("EXCLUDE CURRENT_TIME in a window without ORDER BY")
        return None
    if len(order.expressions) != 1:
        raise SqlError("a window is ordered by one column")
    key: exp.Expr = order.expressions[0].this
    return key


def _descending(definition: nodes.WindowDefinition) -> bool:
    order = definition.args.get("order")
    return order is not None and bool(order.expressions[0].args.get("desc"))


def _offset(bound: nodes.FrameBound, by_time: bool, *, is_end: bool) -> int | None:
    side = bound.args["side"]
    if side == "CURRENT ROW":
        return 0
    if side == "FOLLOWING":
        # OpenMLDB takes it for the current row (its ``sql_node.h``, ``GetHistoryRangeEnd``)
        if bound.this is not None:
            _number(bound.this, by_time)
        return 0
    if bound.this is None:
        if is_end:
            raise SqlError("a window's frame cannot end UNBOUNDED PRECEDING")
        return None
    if is_end and not by_time and isinstance(bound.this, exp.Neg) and not bound.args.get("open"):
        # what would follow the current row is not there
        _number(bound.this.this, by_time)
        return 0
    offset = _number(bound.this, by_time)
    if bound.args.get("open"):
        offset += 1 if is_end else -1
        if offset < 0:
            raise SqlError("the window's frame is empty: 0 OPEN PRECEDING")
    return offset


def _number(node: exp.Expr, by_time: bool) -> int:
    text = str(node.this) if isinstance(node, exp.Literal) and not node.is_string else ""
    if text.isdigit():
        return int(text)
    if text and text[:-1].isdigit() and text[-1].lower() in UNITS_MS:
        if not by_time:
            raise SqlError(f"a ROWS frame counts rows; {text} is a time")
        return int(text[:-1]) * UNITS_MS[text[-1].lower()]
    if text and text[:-1].isdigit() and text[-1] in "lL":
        return int(text[:-1])
    if isinstance(node, exp.Neg):
        raise UnsupportedError("a frame with a negative bound")
    raise SqlError("a frame's bound must be a whole number or an interval like 10s, 5m, 3h, 1d")
