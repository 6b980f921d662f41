"""Windows: what a WINDOW clause or an OVER (...) says, as plain data.

Frames count row by row in the order of arrival: of rows with the same time, those that come later are outside.
"""

from __future__ import annotations

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
        found = []
        if not self.by_time:
            found.append(f"place > {self.end}")
            if self.start is not None:
                found.append(f"place <= {self.start + 1}")
        if self.maxsize:
            # the current row does not count when it is left out
            found.append(f"place <= {self.maxsize + self.drops_current_row}")
        if self.drops_current_row:
            found.append(not_current)
        return found

    def rows_back(self, count: int) -> Window:
        """The window of ``lag(x, count) OVER this``: that many rows back, whatever the frame."""
        return replace(self, by_time=False, start=count, end=0, maxsize=0, exclude_current_row=False)

    def key(self) -> str:
        """Two windows with the same key have the same frames."""
        parts = [p.sql(dialect="openmldb") for p in (*self.partition, *self.union)]
        order = self.order.sql(dialect="openmldb") if self.order is not None else ""
        flags = (self.exclude_current_row, self.exclude_current_time, self.instance_not_in_window)
        return repr((parts, order, self.by_time, self.start, self.end, self.maxsize, flags))


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
        raise UnsupportedError("a window that is built on another window")
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
    end_offset = _offset(end, by_time, is_end=True) if end is not None else 0
    assert end_offset is not None
    if start_offset is not None and start_offset < end_offset:
        raise SqlError("the window's frame ends before it starts")
    excluded = ("exclude_current_row", "exclude_current_time", "instance_not_in_window", "union")
    if end is not None and isinstance(end.this, exp.Neg) and any(definition.args.get(key) for key in excluded):
        raise UnsupportedError("a frame with a negative bound in a window with UNION or EXCLUDE")
    maxsize = int(frame.args["maxsize"] or 0) if frame.args.get("maxsize") else 0
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
    )


def _order(definition: nodes.WindowDefinition) -> exp.Expr | None:
    order = definition.args.get("order")
    if order is None:
        if definition.args.get("exclude_current_time"):
            raise UnsupportedError("EXCLUDE CURRENT_TIME in a window without ORDER BY")
        return None
    if len(order.expressions) != 1:
        raise SqlError("a window is ordered by one column")
    ordered = order.expressions[0]
    if ordered.args.get("desc"):
        raise SqlError("a window cannot be ordered DESC")
    key: exp.Expr = ordered.this
    return key


def _offset(bound: nodes.FrameBound, by_time: bool, *, is_end: bool) -> int | None:
    side = bound.args["side"]
    if side == "CURRENT ROW":
        return 0
    if side == "FOLLOWING":
        raise SqlError("a window's frame cannot reach into FOLLOWING rows")
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
