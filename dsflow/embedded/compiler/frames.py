"""Window frames in batch mode, over a relation of rows.

Plain frames become DuckDB window functions. Frames with UNION, MAXSIZE, EXCLUDE CURRENT_TIME or
INSTANCE_NOT_IN_WINDOW, which DuckDB does not have, become a join of each row with the rows of its frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate, nests, over_all, with_nested
from dsflow.embedded.compiler.expressions import Expressions, Frame
from dsflow.embedded.compiler.places import Place, narrow_place, wide_place
from dsflow.embedded.compiler.scope import Field, Names, Relation
from dsflow.embedded.compiler.types import ROW_COLUMN
from dsflow.embedded.compiler.values import BIGINT, FLOATS, INT, SMALLINT, TIMESTAMP, Value
from dsflow.embedded.compiler.windows import Window, window_of
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes

_COUNT = re.compile(r"count\((.*)\)")


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
    found = [column_of(node, fields, "PARTITION BY") for node in window.partition]
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
    narrow: Place | None = field(init=False)
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
        parts = [f"{self._counted(_as_window(part))} OVER {self.name}" for part in call.parts]
        return f"({call.result.format(*parts)})"

    def nest(self, call: Aggregate) -> str:
        raise AssertionError("a frame with an aggregate inside another is a JoinedFrame")

    def _narrow(self) -> Place | None:
        if self.window.order is None:
            return None
        column = column_of(self.window.order, self.fields, "ORDER BY").sql
        return narrow_place(self.relation, column, order_column(self.window, self.fields).sql)

    def _counted(self, part: str) -> str:
        """A count of all rows of the frame without looking at them, where it is known to be that."""
        found = _COUNT.fullmatch(part)
        if not found or not (found[1] == "*" or self.relation.never_null(found[1])):
            return part
        running = self.start is None and self.end == 0 and not self.window.drops_current_row
        return "row_number()" if running else "count(*)"

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


def _as_window(part: str) -> str:
    """A part before OVER. DuckDB has first and last with IGNORE NULLS there instead of FILTER."""
    part = part.replace("{order}", "")
    found = re.fullmatch(r"(first|last)\((.*)\) FILTER \(\2 IS NOT NULL\)", part)
    return f"{found[1]}({found[2]} IGNORE NULLS)" if found else part


@dataclass
class JoinedFrame(Frame):
    """A frame whose rows are joined to each row of the relation.

    ``online``: the frame of a stored row as the online engine builds it. It knows no arrival of the row itself: all
    rows up to its time are candidates, and what is left out as "current" is the newest of them. ``live`` are the rows
    of the table that an index has not dropped, where that counts.
    """

    alias: str
    relation: Relation
    window: Window
    unions: list[Relation]
    online: bool = False
    live: str | None = None
    row_fields: tuple[Field, ...] = ()
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.row_fields = tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.relation.fields))

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.row_fields

    def add(self, call: Aggregate) -> str:
        names = []
        for part in call.parts:
            sql = part.replace("{order}", " ORDER BY r.ord")
            if sql not in self.aggregates:
                self.aggregates.append(sql)
            names.append(f"{self.alias}.a{self.aggregates.index(sql)}")
        return f"({call.result.format(*names)})"

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
        keys = [f"k{i}" for i in range(len(window.partition))]
        # of rows with the same time those of UNION come first, the last table's before the others'
        stacked = [self._rows(self.relation, 1), *(self._rows(u, -place) for place, u in enumerate(self.unions))]
        by = ", ".join(keys)
        ordered = (
            f"(SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY ts, known, main, seq) AS ord"
            f" FROM ({' UNION ALL '.join(stacked)}) WHERE ts >= 0)"
        )
        same = " AND ".join(f"r.{k} IS NOT DISTINCT FROM b.{k}" for k in keys)
        upto = "r.ts <= b.ts" if self.online else "r.ord <= b.ord"
        where = ["b.main = 1", upto, *self._conditions()]
        columns = ", ".join([*(f"r.f{i} AS f{i}" for i in width), "r.ord AS ord", "b.rid AS rid"])
        current = "r.ord = b.ord AS here"
        rank = "row_number() OVER (PARTITION BY b.rid ORDER BY r.ord DESC) AS place"
        pairs = (
            f"(SELECT {columns}, {current}, {rank} FROM rows_of_window AS b JOIN rows_of_window AS r ON {same}"
            f" WHERE {' AND '.join(where)})"
        )
        kept = " AND ".join(self.window.places("place > 1" if self.online else "NOT here")) or "true"
        return f"(WITH rows_of_window AS {ordered} SELECT * FROM {pairs} WHERE {kept})"

    def _rows(self, relation: Relation, main: int) -> str:
        fields = relation.fields
        keys = partition_columns(self.window, self._as_main(relation))
        time = order_column(self.window, self._as_main(relation)).sql
        columns = [f"{f.sql} AS f{i}" for i, f in enumerate(fields)]
        columns += [f"{k.sql} AS k{i}" for i, k in enumerate(keys)]
        columns += [
            f"coalesce({time}, 0) AS ts",
            f"CASE WHEN {time} IS NULL THEN 0 ELSE 1 END AS known",
            f"{main} AS main",
            f"{relation.row} AS seq",
            f"{relation.alias}.rid AS rid" if main == 1 else "NULL AS rid",
        ]
        if self.live:
            live = f"{relation.row} IN (SELECT {ROW_COLUMN} FROM {self.live})"
            columns.append(f"{live if main == 1 else 'true'} AS live")
        return f"SELECT {', '.join(columns)} FROM {relation.from_sql}"

    def _as_main(self, relation: Relation) -> tuple[Field, ...]:
        """A union's columns under the names of the main relation's."""
        return tuple(replace(f, sql=other.sql) for f, other in zip(self.relation.fields, relation.fields, strict=True))

    def _conditions(self) -> list[str]:
        window = self.window
        found = []
        if window.by_time and window.start is not None:
            found.append(f"r.ts >= b.ts - {window.start}")
        if window.by_time and window.end > 0:
            found.append(f"r.ts <= b.ts - {window.end}")
        elif window.exclude_current_time:
            found.append("r.ts < b.ts" if self.online else "(r.ts < b.ts OR r.ord = b.ord)")
        if window.instance_not_in_window:
            found.append("(r.main < 1 OR r.ord = b.ord)")
        elif self.live:
            found.append("r.live")
        return found


@dataclass
class BatchWindows:
    """The windows of one SELECT in batch mode: `Aggregates` for its expressions.

    ``union_relation`` compiles a table of a window's UNION; ``live`` is what `JoinedFrame` has of that name.
    """

    relation: Relation
    named: dict[str, nodes.WindowDefinition]
    names: Names
    union_relation: Callable[[Window, exp.Expr], Relation]
    live: Callable[[Window], str | None] = lambda window: None
    native: dict[str, NativeFrame] = field(default_factory=dict)
    joined: dict[str, JoinedFrame] = field(default_factory=dict)
    online: bool = False
    current: Window | None = None
    order_sql: set[str] = field(default_factory=set)

    def begin(self, item: exp.Expr) -> None:
        """Take up a column of SELECT.

        Raises:
            SqlError: it uses more than one window.
        """
        self.current = single_window(item, self.named)

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        """See `Aggregates`."""
        del window
        found = self.current
        if found is None:
            raise SqlError(f"{call.name} needs a window", hint="use OVER", **nodes.position(call))
        if top:
            found = lag_window(found, call)
        self.order_sql.add(order_column(found, self.relation.fields).sql)
        native = found.native and not self.online and not nests(call)
        return self._native(found) if native else self._joined(found)

    def _native(self, window: Window) -> Frame:
        key = window.key()
        if key not in self.native:
            self.native[key] = NativeFrame(self.names("w"), self.relation, window)
        return self.native[key]

    def _joined(self, window: Window) -> Frame:
        key = window.key()
        if key not in self.joined:
            unions = [self.union_relation(window, node) for node in window.union]
            for node, other in zip(window.union, unions, strict=True):
                check_union(self.relation.fields, other.fields, node)
            live = None if window.instance_not_in_window else self.live(window)
            self.joined[key] = JoinedFrame(self.names("w"), self.relation, window, unions, self.online, live)
        return self.joined[key]


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
    overs = item.walk(prune=lambda node: isinstance(node, nodes.WindowDefinition))
    found = [window_of(over.args["window"], named) for over in overs if isinstance(over, nodes.Over)]
    if len(found) > 1 and len({window.key() for window in found}) > 1:
        raise SqlError("one column of SELECT cannot use two windows", **nodes.position(item))
    return found[0] if found else None


def lag_window(window: Window, call: exp.Expr) -> Window:
    """The window of an aggregate that is a whole column: ``lag(x, n) OVER w`` looks n rows back, whatever w's frame."""
    if not isinstance(call, exp.Anonymous) or str(call.this).lower() not in ("lag", "at"):
        return window
    if len(call.expressions) < 2:
        raise SqlError(f"{call.this} takes two arguments")
    offset = call.expressions[1]
    if not (isinstance(offset, exp.Literal) and str(offset.this).isdigit()):
        raise UnsupportedError(f"{call.this} with an offset that is not a whole number")
    return window.rows_back(int(offset.this))
