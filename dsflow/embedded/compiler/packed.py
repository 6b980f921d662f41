"""Queries whose windows are computed outside of DuckDB, which sorts the rows anew for each PARTITION BY.

What is told apart here is the usual extract: one SELECT from one stored table, with counts, sums and averages of whole
numbers over frames of rows, or of times up to the current row, all ordered by the same column. The statement stays
DuckDB's, with a column in place of each aggregate; any other query has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate, Part
from dsflow.embedded.compiler.expressions import Expressions
from dsflow.embedded.compiler.frames import BatchWindows, JoinedFrame, NativeFrame, column_of, partition_columns
from dsflow.embedded.compiler.scope import Field, FreshNames, Relation
from dsflow.embedded.compiler.select import Context, Item, SelectCompiler, final_sql
from dsflow.embedded.compiler.types import PACKED_ROWS, ROW_COLUMN, PackedFrame, PackedPart, PackedQuery
from dsflow.embedded.compiler.values import BIGINT, DATE, INT, SMALLINT, STRING, TIMESTAMP, Type, quote
from dsflow.embedded.compiler.windows import Window
from dsflow.openmldb import bound, nodes

_KEYS = (SMALLINT, INT, BIGINT, TIMESTAMP, DATE, STRING)
_WHOLE = (SMALLINT, INT, BIGINT, TIMESTAMP)
_EXACT = 2**53
"""Sums of whole numbers below it are the same as doubles, in whatever order they are added."""

_LARGEST: dict[Type, int] = {SMALLINT: 2**15, INT: 2**31}


class _NotPackedError(Exception):
    """DuckDB has to compute the windows."""


def packed_query(query: bound.Query, context: Context) -> PackedQuery | None:
    """How the windows of a query are computed outside of DuckDB; None where they are not.

    Args:
        query: a query that compiles.
        context: what it was compiled in.
    """
    if context.online or not isinstance(query, bound.Select) or query.around or query.joins:
        return None
    if query.source is None or query.source.scan is None:
        return None
    if any(
        value for name, value in query.node.args.items() if name not in ("expressions", "from_", "where", "windows")
    ):
        return None
    where = query.node.args.get("where")
    if where is not None and where.find(exp.Anonymous):  # each row is asked several times
        return None
    compiler = _Compiler(replace(context, names=FreshNames()))
    try:
        relation = compiler.query(query)
        return compiler.found.query(final_sql(relation)) if compiler.found is not None else None
    except _NotPackedError:
        return None


class _Compiler(SelectCompiler):
    """Compiles the one SELECT."""

    found: _Windows | None = None

    def windows(
        self,
        select: bound.Select,
        relation: Relation,
        named: dict[str, nodes.WindowDefinition],
        items: Sequence[Item],
    ) -> BatchWindows:
        """See `SelectCompiler.windows`."""
        self.found = _Windows(relation, named, self.context.names, _not_packed)
        return self.found


def _not_packed(*_: object) -> NoReturn:
    raise _NotPackedError


@dataclass
class _Windows(BatchWindows):
    """The windows of the SELECT.

    Attributes:
        parts: what is computed, by the name of its column.
        frames: the frames, by `Window.key`.
        columns: the columns of the table that the statement reads, each once.
        rows: the rows, as text after FROM.
    """

    parts: dict[str, PackedPart] = field(default_factory=dict)
    frames: dict[str, _Frame] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    rows: str = ""

    def query(self, sql: str) -> PackedQuery:
        """The whole, once all columns are compiled."""
        times = {frame.time for frame in self.frames.values()}
        if not self.parts or len(times) != 1:
            raise _NotPackedError
        return PackedQuery(sql, self.rows, tuple(self.columns), times.pop(), self.parts)

    def begin(self, item: exp.Expr) -> None:
        """See `BatchWindows`."""
        super().begin(item)
        for node in item.walk(prune=lambda node: isinstance(node, nodes.WindowDefinition)):
            if isinstance(node, exp.Column):
                self.columns[self.origin(Expressions(self.relation.fields).compile(node).sql)] = None

    def read(self, relation: Relation, where: str) -> tuple[Relation, str]:
        """See `BatchWindows`; what stands there has been seen to by whoever reads the rows."""
        self.rows = f"{relation.from_sql}{where}"
        return replace(relation, sql=PACKED_ROWS), ""

    def part(self, part: PackedPart) -> str:
        """SQL of what is computed."""
        name = next((name for name, known in self.parts.items() if known == part), f"__part{len(self.parts)}")
        if any(f.name.lower() == name for f in self.relation.fields):
            raise _NotPackedError
        self.parts[name] = part
        return f"{self.relation.alias}.{quote(name)}"

    def field(self, sql: str) -> Field:
        """The stored column that an argument is."""
        found = next((f for f in self.relation.fields if f.sql == sql), None)
        return found if found is not None else _not_packed()

    def origin(self, sql: str) -> str:
        """The name of a stored column."""
        return self.relation.origin(sql) or _not_packed()

    def bounds(self, column: str) -> tuple[int, int] | None:
        """See `Facts`; None as well where nothing is known."""
        scan = self.relation.scan
        facts = scan.schema.facts if scan is not None else None
        return facts.bounds(column) if facts is not None else None

    def _native(self, window: Window) -> NativeFrame:
        key = window.key()
        if key not in self.frames:
            self.frames[key] = _Frame(self.names("w"), self.relation, window, self)
        return self.frames[key]

    def _joined(self, window: Window) -> JoinedFrame:
        raise _NotPackedError


@dataclass
class _Frame(NativeFrame):
    """A frame whose aggregates are columns of the rows."""

    windows: _Windows
    time: str = field(init=False)
    packed: PackedFrame = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        window = self.window
        if window.order is None or (window.by_time and window.end > 0):
            raise _NotPackedError
        self.time = self.windows.origin(column_of(window.order, self.fields, "ORDER BY").sql)
        if self.windows.bounds(self.time) is None:  # it may be NULL
            raise _NotPackedError
        keys = partition_columns(window, self.fields)
        if any(key.type not in _KEYS for key in keys):
            raise _NotPackedError
        names = tuple(dict.fromkeys(self.windows.origin(key.sql) for key in keys))
        self.packed = PackedFrame(names, window.by_time, self.start, self.end, window.drops_current_row)

    def add(self, call: Aggregate) -> str:
        """See `Frame`."""
        if not call.parts:  # it reads the row itself
            raise _NotPackedError
        return f"({call.result(*map(self._part, call.parts))})"

    def _part(self, part: Part) -> str:
        if part.condition or part.values_only or part.distinct or part.ordered:
            raise _NotPackedError
        if part.counts_rows:
            whole = part.argument == "*" or self.relation.never_null(part.argument)
            return self._computed("count", None if whole else self.windows.field(part.argument))
        if part.function == "sum":
            return self._computed("sum", self._whole(part.argument))
        if part.function == "avg":
            return self._average(part.argument)
        raise _NotPackedError

    def _average(self, argument: str) -> str:
        of = next((f for f in self.fields if f"CAST({f.sql} AS DOUBLE)" == argument), None)
        found = self._whole(of.sql) if of is not None else _not_packed()
        values, rows = self.windows.bounds(self.windows.origin(found.sql)), self.windows.bounds(ROW_COLUMN)
        largest = max(map(abs, values)) if values is not None else _LARGEST.get(found.type, 2**63)
        if rows is None or largest * (rows[1] - rows[0] + 1) >= _EXACT:
            raise _NotPackedError
        whole = self.relation.never_null(found.sql)
        return f"CAST({self._computed('sum', found)} AS DOUBLE) / {self._computed('count', None if whole else found)}"

    def _whole(self, argument: str) -> Field:
        found = self.windows.field(argument)
        return found if found.type in _WHOLE else _not_packed()

    def _computed(self, function: Literal["count", "sum"], of: Field | None) -> str:
        argument = self.windows.origin(of.sql) if of is not None else None
        return self.windows.part(PackedPart(self.packed, function, argument))
