"""Window frames in batch mode, over a relation of rows.

Plain frames become DuckDB window functions. Frames with UNION, MAXSIZE, EXCLUDE CURRENT_TIME or
INSTANCE_NOT_IN_WINDOW, which DuckDB does not have, become a join of each row with the rows of its frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate, Part, grouped, over_all, with_nested
from dsflow.embedded.compiler.expressions import Expressions, Frame
from dsflow.embedded.compiler.functions import is_aggregate, nests
from dsflow.embedded.compiler.places import RowPlace, narrow_place, wide_place
from dsflow.embedded.compiler.scope import Field, FreshNames, Relation
from dsflow.embedded.compiler.types import ROW_COLUMN
from dsflow.embedded.compiler.values import BIGINT, FLOATS, INT, SMALLINT, TIMESTAMP, Value
from dsflow.embedded.compiler.windows import Window, window_of
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes


def column_of(node: exp.Expr, fields: tuple[Field, ...], clause: str) -> Value:
    """A column of PARTITION BY or ORDER BY.

    Raises:
        SqlError: it is no column.
    """
    if not isinstance(node, exp.Column):
        raise SqlError(f"{clause} of a window takes columns only", **nodes.position(node))
    return Expressions(fields).compile(node)


def partition_columns(window: Window, fields: tuple[Field, ...]) -> list[Value]:
    """The columns of PARTITION BY."""
    found = [Expressions(fields).compile(node) for node in window.partition]
    for value in found:
        if value.type in FLOATS:
            raise SqlError(f"PARTITION BY does not take {value.type}")
    return found


def order_column(window: Window, fields: tuple[Field, ...]) -> Value:
    """The column of ORDER BY: a timestamp or an integer, read as milliseconds."""
    if window.order is None:
        return Value("CAST(0 AS BIGINT)", BIGINT, constant=True)
    value = column_of(window.order, fields, "ORDER BY")
    if value.type in (SMALLINT, INT):
        return Value(f"CAST({value.sql} AS BIGINT)", BIGINT)
    if value.type not in (TIMESTAMP, BIGINT):
        raise SqlError(f"ORDER BY of a window takes a timestamp or an integer, not {value.type}")
    return value


@dataclass
class NativeFrame(Frame):
    """A frame that a DuckDB window function has as well."""

    name: str
    relation: Relation
    window: Window
    narrow: RowPlace | None = field(init=False)
    start: int | None = field(init=False)
    end: int = field(init=False)

    def __post_init__(self) -> None:
        window, span = self.window, None
        self.narrow, self.start, self.end = self._narrow(), window.start, window.end
        if self.narrow is not None and window.by_time:
            span = self.narrow.span
        if span is not None:
            # beyond the first of all rows there is nothing
            self.start = None if self.start is not None and self.start > span else self.start
            self.end = min(self.end, span + 1)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.relation.fields

    def add(self, call: Aggregate) -> str:
        return f"({call.result(*(self._counted(part) for part in call.parts))})"

    def read(self, field: Field) -> None:
        """It has all columns."""

    def nest(self, call: Aggregate) -> str:
        raise AssertionError("a frame with an aggregate inside another is a JoinedFrame")

    def _narrow(self) -> RowPlace | None:
        if self.window.order is None:
            return None
        column = column_of(self.window.order, self.fields, "ORDER BY").sql
        return narrow_place(self.relation, column, order_column(self.window, self.fields).sql)

    def _counted(self, part: Part) -> str:
        """A part as a window function; a count of all rows of the frame does not look at them, where it is that."""
        if not part.counts_rows or not (part.argument == "*" or self.relation.never_null(part.argument)):
            return part.windowed(self.name)
        running = self.start is None and self.end == 0 and not self.window.drops_current_row
        return f"{'row_number()' if running else 'count(*)'} OVER {self.name}"

    @property
    def definition(self) -> str:
        """The window's definition for the WINDOW clause."""
        keys = ", ".join(v.sql for v in partition_columns(self.window, self.fields))
        time = order_column(self.window, self.fields).sql
        exclude = " EXCLUDE CURRENT ROW" if self.window.drops_current_row else ""
        return f"{self.name} AS (PARTITION BY {keys} {self._frame(time)}{exclude})"

    def _frame(self, time: str) -> str:
        row = self.relation.row
        if self.window.by_time and (self.start is not None or self.end > 0):
            place = self.narrow or wide_place(time, row)
            start = "UNBOUNDED" if self.start is None else place.back_to(self.start)
            end = f"{place.back_until(self.end)} PRECEDING" if self.end else "CURRENT ROW"
            return f"ORDER BY {place.sql} RANGE BETWEEN {start} PRECEDING AND {end}"
        order = self.narrow.sql if self.narrow else f"{time} NULLS FIRST, {row}"
        start = "UNBOUNDED" if self.start is None else str(self.start)
        end = f"{self.end} PRECEDING" if self.end else "CURRENT ROW"
        return f"ORDER BY {order} ROWS BETWEEN {start} PRECEDING AND {end}"


class Item(Protocol):
    """A column of SELECT."""

    @property
    def node(self) -> exp.Expr:
        """Its expression."""
        ...


class Joined(Protocol):
    """A frame whose aggregates are joined to the rows."""

    def join(self, row: str) -> str:
        """The LEFT JOIN that brings the aggregates to a row whose number is ``row``."""
        ...


@dataclass
class JoinedFrame(Frame):
    """A frame whose rows are joined to each row of the relation."""

    alias: str
    relation: Relation
    window: Window
    unions: list[Relation]
    row_fields: tuple[Field, ...] = ()
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.row_fields = tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.relation.fields))

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.row_fields

    def add(self, call: Aggregate) -> str:
        return grouped(call, "r.ord", self.aggregates, self.alias)

    def read(self, field: Field) -> None:
        """It has all columns."""

    def nest(self, call: Aggregate) -> str:
        return over_all(call, "r.ord", "PARTITION BY r.rid", self.nested)

    def join(self, row: str) -> str:
        """The LEFT JOIN that brings the aggregates to a row whose number is ``row``."""
        outputs = "".join(f", {sql} AS a{i}" for i, sql in enumerate(self.aggregates))
        pairs = f"(SELECT r.rid{outputs} FROM {with_nested(self._pairs(), self.nested)} AS r GROUP BY r.rid)"
        return f"LEFT JOIN {pairs} AS {self.alias} ON {self.alias}.rid = {row}"

    def _pairs(self) -> str:
        window = self.window
        width = range(len(self.relation.fields))
        ordered = stacked_rows(self.relation, self.unions, window)
        same = " AND ".join(f"r.k{i} IS NOT DISTINCT FROM b.k{i}" for i in range(len(window.partition)))
        where = ["b.main = 1", "r.ord <= b.ord", *self._conditions()]
        columns = ", ".join([*(f"r.f{i} AS f{i}" for i in width), "r.ord AS ord", "b.rid AS rid"])
        current = "r.ord = b.ord AS here"
        rank = "row_number() OVER (PARTITION BY b.rid ORDER BY r.ord DESC) AS place"
        pairs = (
            f"(SELECT {columns}, {current}, {rank} FROM rows_of_window AS b JOIN rows_of_window AS r ON {same}"
            f" WHERE {' AND '.join(where)})"
        )
        kept = " AND ".join(self.window.places("NOT here")) or "true"
        return f"(WITH rows_of_window AS {ordered} SELECT * FROM {pairs} WHERE {kept})"

    def _conditions(self) -> list[str]:
        window = self.window
        found = []
        if window.by_time and window.start is not None:
            found.append(f"r.ts >= b.ts - {window.start}")
        if window.by_time and window.end > 0:
            # an end below 0 is 0
            found.append(f"r.ts <= greatest(b.ts - {window.end}, 0)")
        elif window.exclude_current_time:
            found.append("(r.ts < b.ts OR r.ord = b.ord)")
        if window.instance_not_in_window:
            found.append("(r.main < 1 OR r.ord = b.ord)")
        return found


def stacked_rows(main: Relation, unions: Sequence[Relation], window: Window, live: str | None = None) -> str:
    """The rows of a window's sources with their order within their key, as text for a FROM clause.

    Args:
        main: the window's own source, whose rows have numbers (``rid``).
        unions: the tables of its UNION.
        window: the window.
        live: the rows of ``main``'s table that an index has not dropped, where that counts.
    """
    # of rows with the same time those of UNION come first, the last table's before the others'
    parts = [_one_of(main, main, 1, window, live)]
    parts += [_one_of(union, main, -place, window, live) for place, union in enumerate(unions)]
    by = ", ".join(f"k{i}" for i in range(len(window.partition)))
    return (
        f"(SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY ts, known, main, seq) AS ord"
        f" FROM ({' UNION ALL '.join(parts)}) WHERE ts >= 0)"
    )


def _one_of(relation: Relation, main: Relation, rank: int, window: Window, live: str | None) -> str:
    # a union's columns under the names of the main relation's
    as_main = tuple(replace(f, sql=other.sql) for f, other in zip(main.fields, relation.fields, strict=True))
    time = order_column(window, as_main).sql
    columns = [f"{f.sql} AS f{i}" for i, f in enumerate(relation.fields)]
    columns += [f"{key.sql} AS k{i}" for i, key in enumerate(partition_columns(window, as_main))]
    columns += [
        f"coalesce({time}, 0) AS ts",
        f"CASE WHEN {time} IS NULL THEN 0 ELSE 1 END AS known",
        f"{rank} AS main",
        f"{relation.row} AS seq",
        f"{relation.alias}.rid AS rid" if rank == 1 else "NULL AS rid",
    ]
    if live:
        columns.append(f"{f'{relation.row} IN (SELECT {ROW_COLUMN} FROM {live})' if rank == 1 else 'true'} AS live")
    return f"SELECT {', '.join(columns)} FROM {relation.from_sql}"


@dataclass
class BatchWindows:
    """The windows of one SELECT in batch mode: `Aggregates` for its expressions.

    ``union_relation`` compiles a table of a window's UNION.
    """

    relation: Relation
    named: dict[str, nodes.WindowDefinition]
    names: FreshNames
    union_relation: Callable[[Window, exp.Expr], Relation]
    native: dict[str, NativeFrame] = field(default_factory=dict)
    by_join: dict[str, JoinedFrame] = field(default_factory=dict)
    current: Window | None = None
    order_sql: set[str] = field(default_factory=set)

    @property
    def joined(self) -> Sequence[Joined]:
        """The frames that are joined to the rows."""
        return tuple(self.by_join.values())

    def begin(self, item: exp.Expr) -> None:
        """Take up a column of SELECT.

        Raises:
            SqlError: it uses more than one window.
        """
        self.current = single_window(item, self.named)

    def finished(self, value: Value) -> Value:
        """What a column of SELECT becomes."""
        return value

    def read(self, relation: Relation, where: str) -> tuple[Relation, str]:
        """The rows that the SELECT reads, with its WHERE, once its columns are known."""
        return relation, where

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        """See `Aggregates`."""
        del window
        found = self.current
        if found is None:
            raise SqlError(f"{call.name} needs a window", hint="use OVER", **nodes.position(call))
        found = called_window(found, call, top=top)
        self.order_sql.add(order_column(found, self.relation.fields).sql)
        return self._frame(found, call)

    def _frame(self, window: Window, call: exp.Expr) -> Frame:
        return self._native(window) if window.native and not nests(call) else self._joined(window)

    def _native(self, window: Window) -> Frame:
        key = window.key()
        if key not in self.native:
            self.native[key] = NativeFrame(self.names("w"), self.relation, window)
        return self.native[key]

    def _joined(self, window: Window) -> Frame:
        key = window.key()
        if key not in self.by_join:
            unions = [self.union_relation(window, node) for node in window.union]
            for node, other in zip(window.union, unions, strict=True):
                check_union(self.relation.fields, other.fields, node)
            self.by_join[key] = JoinedFrame(self.names("w"), self.relation, window, unions)
        return self.by_join[key]


def check_union(main: tuple[Field, ...], other: tuple[Field, ...], node: exp.Expr) -> None:
    """A window's UNION takes tables with the same columns.

    Raises:
        SqlError: they differ.
    """
    if [(f.name, f.type) for f in main] != [(f.name, f.type) for f in other]:
        raise SqlError("the tables of a window's UNION must have the same columns", **nodes.position(node))


def single_window(item: exp.Expr, named: dict[str, nodes.WindowDefinition]) -> Window | None:
    """The one window that a column of SELECT uses, or None."""
    # what stands in a window's UNION has windows of its own
    overs = [over for over in item.walk(prune=_is_definition) if isinstance(over, nodes.Over)]
    found = [window_of(over.args["window"], named) for over in overs]
    # the same window under two names is two
    called = set(map(_name, overs))
    if len(found) > 1 and (len({window.key() for window in found}) > 1 or len(called) > 1):
        raise SqlError("fail to resolved window: one column of SELECT cannot use two windows", **nodes.position(item))
    return found[0] if found else None


def _is_definition(node: exp.Expr) -> bool:
    return isinstance(node, nodes.WindowDefinition)


def _name(over: nodes.Over) -> str:
    window = over.args["window"]
    return window.name if isinstance(window, exp.Identifier) else ""


def windows_of(items: Sequence[Item], named: dict[str, nodes.WindowDefinition]) -> list[Window]:
    """The windows that the columns of a SELECT use, in their order."""
    found = []
    for item in items:
        window = single_window(item.node, named)
        if window is not None:
            whole = item.node.this if isinstance(item.node, nodes.Over) else item.node
            found.append(lag_window(window, whole))
    return found


def called_window(window: Window, call: exp.Expr, *, top: bool) -> Window:
    """The window whose rows a call sees.

    Args:
        window: what stands after OVER.
        call: the call of an aggregate.
        top: the call with its OVER is the whole column.
    """
    if top:
        return lag_window(window, call)
    parent = call.parent
    if not call.name.lower().startswith("window_split") or not isinstance(parent, exp.Anonymous):
        return window
    if not is_aggregate(parent.name):
        return window
    # OpenMLDB 0.9.2 gives the list of all rows that were gathered to an aggregate over it
    if window.by_time and window.end > 0:
        raise UnsupportedError("an aggregate of window_split over a frame of times that ends before the row")
    return replace(window, end=0, exclude_current_row=False)


def lag_window(window: Window, call: exp.Expr) -> Window:
    """The window of an aggregate that is a whole column: ``lag(x, n) OVER w`` looks n rows back, whatever w's frame."""
    if not isinstance(call, exp.Anonymous) or str(call.this).lower() not in ("lag", "at"):
        return window
    if len(call.expressions) < 2:
        raise SqlError(f"{call.this} takes two arguments")
    offset = whole_number(call.expressions[1])
    if offset is None:
        raise UnsupportedError(f"{call.this} with an offset that is not a whole number")
    return window.rows_back(max(offset, 0))


def whole_number(node: exp.Expr) -> int | None:
    """The number that a literal is, as ``1``, ``2L`` or ``-1``; None when it is no whole number."""
    if isinstance(node, exp.Neg):
        number = whole_number(node.this)
        return None if number is None else -number
    text = str(node.this) if isinstance(node, exp.Literal) and not node.is_string else ""
    digits = text[:-1] if text[-1:] in "lL" else text
    return int(digits) if digits.isdigit() else None
