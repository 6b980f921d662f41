"""Queries over stored rows in request mode: what a request looks up, and through which index.

What a join or a window takes from a table comes through an index of that table, which has dropped what its TTL says.
Rows of the request row's own keys are looked up once each, as subqueries that DuckDB answers from its index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.expressions import Expressions
from dsflow.embedded.compiler.frames import BatchWindows, check_union, windows_of
from dsflow.embedded.compiler.joins import (
    JoinCondition,
    check_clear,
    index_key,
    last_join,
    left_join_newest_last,
    split_condition,
)
from dsflow.embedded.compiler.lineage import by_time, index_time, join_indexes, narrow, window_index, with_rows
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.select import Context, Item, SelectCompiler, is_simple
from dsflow.embedded.compiler.storedframes import StoredWindows
from dsflow.embedded.compiler.types import TableSchema
from dsflow.embedded.compiler.values import quote
from dsflow.embedded.compiler.windows import Window, reaches
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import bound, nodes
from dsflow.openmldb.indexes import IndexNeed, TableKey

# a column, the value that is looked up, and another that an online index may find for it
Wanted = tuple[str, str, str | None]


@dataclass
class Lookups:
    """The stored rows that a request looks up by a key, each key once."""

    names: Callable[[str], str]
    found: dict[tuple[str, str, str, str | None], str] = field(default_factory=dict)
    needs: list[tuple[TableKey, IndexNeed]] = field(default_factory=list)

    def rows(self, table: str, column: str, value: str, other: str | None = None) -> str:
        """The rows of a stored table whose column has a value, or the other one, as text for a FROM clause."""
        key = (table, column, value, other)
        if key not in self.found:
            self.found[key] = self.names("k")
        return self.found[key]

    @property
    def subqueries(self) -> list[str]:
        """The lookups as subqueries of WITH, with nothing but the key's condition: DuckDB then uses an index."""
        return [
            f"{name} AS MATERIALIZED (SELECT * FROM {relation} WHERE {column} IS NOT DISTINCT FROM {value}"
            + (f" UNION ALL SELECT * FROM {relation} WHERE {column} = {other}" if other else "")
            + ")"
            for (relation, column, value, other), name in self.found.items()
        ]


@dataclass
class RequestState:
    """What all parts of a request's query share.

    Attributes:
        lookups: the rows that it looks up by a key.
        sources: the rows that its parts read, each under a name of its own. Which rows these are is often known only
            when what stands around the part is compiled; the statement says it once, in WITH.
        table: the request table.
    """

    lookups: Lookups
    sources: dict[str, str] = field(default_factory=dict)
    table: TableSchema | None = None

    def source(self, rows: str) -> str:
        """A name for some rows, a FROM clause's text."""
        name = self.lookups.names("s")
        self.sources[name] = rows
        return name

    @property
    def with_clause(self) -> str:
        """WITH, before the statement's SELECT."""
        named = [f"{name} AS NOT MATERIALIZED (SELECT * FROM {rows})" for name, rows in self.sources.items()]
        subqueries = [*self.lookups.subqueries, *named]
        return f"WITH {', '.join(subqueries)} " if subqueries else ""


def check_sorted(union: Relation, window: Window, node: exp.Expr) -> None:
    """A table of a window's UNION is read in the window's order.

    Raises:
        SqlError: it is read by a condition of its WHERE, in no order.
    """
    if union.fixed and window.order is not None:
        raise SqlError(
            "Window node hasn't been optimzied: WHERE of the UNION compares a column with a constant",
            hint="write IN instead of =, as in IN (1)",
            **nodes.position(node),
        )


def as_main(main: Relation, source: Relation) -> tuple[Field, ...]:
    """The columns of a window's source under the names of those that it goes by."""
    pairs = zip(main.fields, source.fields, strict=True)
    return tuple(replace(f, sql=other.sql, origins=other.origins) for f, other in pairs)


def check_window_source(select: bound.Select, joins: int) -> None:
    """In request mode OpenMLDB has windows over a table and plain columns of it, with no WHERE below.

    Args:
        select: the SELECT with the window.
        joins: how many joins there may be: one over the request row, none inside the right side of a join.

    Raises:
        SqlError: the window is over something else.
    """
    source = select.source
    assert source is not None  # it has columns
    if len(select.joins) > joins:
        place = "over one join at most" if joins else "over no join inside the right side of another"
        raise SqlError(f"in request mode a window is {place}", **nodes.position(source.node))
    if isinstance(source.of, bound.Scan):
        return
    inner = source.of
    brackets = len(inner.around) - isinstance(source.node, exp.Subquery)
    plain = isinstance(inner, bound.Select) and not brackets
    clauses = ("where", "group", "having", "limit", "windows", "with_")
    if select.joins or not plain or any(inner.node.args.get(key) for key in clauses):
        raise SqlError("a window in request mode needs a table on its left", **nodes.position(source.node))
    assert isinstance(inner, bound.Select)
    for item in inner.node.expressions:
        value = item.this if isinstance(item, exp.Alias) else item
        if not (isinstance(value, exp.Star) or is_simple(value)):
            raise UnsupportedError("a window over computed columns in request mode", **nodes.position(value))
    check_window_source(inner, joins)


class StoredCompiler(SelectCompiler):
    """Compiles over stored rows; what LAST JOIN takes from a table comes through an index of that table."""

    def __init__(self, context: Context, state: RequestState | None = None) -> None:
        super().__init__(context)
        self.state = state or RequestState(Lookups(context.names))
        self.beside_windows = False
        self.frames: list[str] = []

    def select(self, select: bound.Select) -> Relation:
        outer, self.beside_windows = self.beside_windows, any(e.find(nodes.Over) for e in select.node.expressions)
        try:
            return super().select(select)
        finally:
            self.beside_windows = outer

    def table(self, scan: bound.Scan) -> Relation:
        relation = super().table(scan)
        name = self.state.source(relation.sql)
        return replace(relation, sql=name, scans=tuple(replace(scan, source=name) for scan in relation.scans))

    def join(self, left: Relation, join: bound.Join) -> Relation:
        if not join.last and join.node.args.get("side") != "LEFT":
            return super().join(left, join)
        right = self.source(join.right)
        expressions = self.expressions((*left.fields, *right.fields))
        if not join.node.args.get("on"):
            raise SqlError("a join needs ON", **nodes.position(join.node))
        if not right.one_row:
            check_clear(join, left)
            condition = split_condition(join, left, right, expressions)
            condition = condition.by_index() if join.last else condition
            right = self._looked_up(right, join, condition)
        return self._joined(left, right, join, expressions)

    def _joined(self, left: Relation, right: Relation, join: bound.Join, expressions: Expressions) -> Relation:
        if join.last:
            known = not right.untimed
            return last_join(left, right, join, expressions, self.context.names, null_keys=True, known_order=known)
        return left_join_newest_last(left, right, join, expressions, self.context.names)

    def _looked_up(self, right: Relation, join: bound.Join, condition: JoinCondition) -> Relation:
        """The right side of a join over the rows that an index has for it."""
        if not right.scans:
            raise UnsupportedError(
                "a join in request mode with a query that has LIMIT or GROUP BY, or a window inside another query",
                **nodes.position(join.node),
            )
        ordered = join.order is not None
        if len({scan.schema.relation for scan in right.scans}) < len(right.scans):
            wanted = "Last Join node order by hasn't been optimized" if ordered else "Isn't partition provider"
            raise SqlError(f"{wanted}: a UNION in the join reads a table twice", **nodes.position(join.node))
        indexes = join_indexes(join, right)
        unordered = ordered and not right.fixed <= set(indexes[0].keys)
        if unordered or (right.fixed and self.beside_windows and not ordered):
            wanted = "Last Join node order by hasn't been optimized" if ordered else "fail to build input runner"
            raise SqlError(
                f"{wanted}: WHERE below the join compares a column with a constant",
                hint="write IN instead of =, as in IN (1), or put the condition into ON",
                **nodes.position(join.node),
            )
        rows = []
        for place, (scan, index) in enumerate(zip(right.scans, indexes, strict=True)):
            found = self._of_key(self.through_index(scan.schema, index), place, right, condition)
            time = index_time(scan.schema, index, exact=right.stacked) if not ordered else None
            if not ordered and right.stacked and (time is None or right.many):
                right = replace(right, untimed=True)
            rows.append(by_time(found, time) if time is not None else found)
        self.of_one_key(right, self._constant_keys(0, right, condition))
        return with_rows(right, rows, self.state.sources)

    def _of_key(self, rows: str, place: int, right: Relation, condition: JoinCondition) -> str:
        """Rows of a table where a column is what a join's condition says, if that is the same for all left rows."""
        for origin, value, other in self._constant_keys(place, right, condition):
            return self.state.lookups.rows(rows, quote(origin), value, other)
        return rows

    def _constant_keys(self, place: int, right: Relation, condition: JoinCondition) -> Iterator[Wanted]:
        """Columns of a table with the value that a join's condition wants, if that is the same for all left rows."""
        sides = list(
            zip(condition.left_keys, condition.right_keys, condition.right_columns, condition.given, strict=True)
        )
        other = None
        if places := condition.of_index:
            # of texts that | joins, the first column is known by all of them together
            sides = [sides[places[0]]] if all(condition.given[p] for p in places) else []
            if condition.texts[places[0]]:
                values = [condition.left_keys[p] for p in places]
                other = f"oml_other_first({values[0]}, {index_key(values)}, {len(values)})"
        for value, key, column, given in sides:
            # a cast column is not found by an index
            if key == column and given:
                origin = next(f.origin(place) for f in right.fields if f.sql == column)
                if origin is not None:
                    yield origin, value, other

    def of_one_key(self, source: Relation, keys: Iterable[Wanted]) -> None:
        """Compute the windows of a source whose rows have these values for no more rows than need be."""
        found = next((pair for pair in keys if source.windowed and pair[0] in source.shared), None)
        if found is not None:
            column, value, other = quote(found[0]), *found[1:]
            narrow(source, lambda rows: self.state.lookups.rows(rows, column, value, other), self.state.sources)

    # ---- windows over the rows of a table that a join looks up

    def _projected(self, select: bound.Select, relation: Relation, items: list[Item]) -> Relation:
        if any(item.node.find(nodes.Over) for item in items):
            check_window_source(select, joins=0)
            if select.node.args.get("where"):
                raise SqlError("in request mode a window has no WHERE below it", **nodes.position(select.node))
        outer, self.frames = self.frames, []
        try:
            return replace(super()._projected(select, relation, items), frames=tuple(self.frames))
        finally:
            self.frames = outer

    def windows(
        self,
        select: bound.Select,
        relation: Relation,
        named: dict[str, nodes.WindowDefinition],
        items: Sequence[Item],
    ) -> BatchWindows:
        def union(window: Window, node: exp.Expr) -> Relation:
            source = self.source(select.united(node))
            check_union(relation.fields, source.fields, node)
            check_sorted(source, window, node)
            _, rows = self.window_rows(window, select, source, as_main(relation, source))
            return with_rows(source, [rows], self.state.sources)

        def live(window: Window) -> str | None:
            _, rows = self.window_rows(window, select, relation, relation.fields)
            if rows == relation.scans[0].schema.relation:
                return None
            self.frames.append(self.state.source(rows))
            return self.frames[-1]

        gathers = reaches(windows_of(items, named))
        return StoredWindows(relation, named, self.context.names, union, live=live, gathers=gathers)

    def window_rows(
        self, window: Window, select: bound.Select, source: Relation, fields: tuple[Field, ...]
    ) -> tuple[IndexNeed, str]:
        """The index through which a window reads a source, and the rows that its TTL has left there."""
        index = window_index(window, select, source, fields)
        return index, self.through_index(source.scans[0].schema, index)

    def through_index(self, table: TableSchema, index: IndexNeed) -> str:
        """The rows of a stored table that an index has not dropped by its TTL, as text for a FROM clause."""
        self.state.lookups.needs.append((table.key, index))
        relation = getattr(self.context.catalog, "index_relation", None)
        return table.relation if relation is None else str(relation(table.key, index))
