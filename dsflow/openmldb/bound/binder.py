"""Resolves a query's tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from dsflow.openmldb import nodes
from dsflow.openmldb.bound.frames import frame_of
from dsflow.openmldb.bound.lookups import constant_keys, join_lookups, split, window_lookups
from dsflow.openmldb.bound.model import (
    BoundQuery,
    Column,
    Join,
    Lookup,
    Query,
    Rows,
    Scan,
    Select,
    Source,
    TableKey,
    Union,
    Use,
    Window,
)
from dsflow.openmldb.bound.names import ANY, Qualified, names_under
from dsflow.openmldb.types import ColumnType


class Tables(Protocol):
    """The columns of the tables that are known: names, or a mapping of names to types."""

    def get(self, key: TableKey, /) -> Iterable[str] | None: ...


def bind(tree: exp.Expr, db: str, tables: Tables) -> BoundQuery:
    """Resolve a query.

    Args:
        tree: its tree, in the dialect ``openmldb``, which is only read.
        db: the current database.
        tables: the columns of the tables that are known; another table is taken to have any column.
    """
    binder = _Binder(db, tables)
    root = binder.query(tree, {}, below=False)
    return BoundQuery(tree, db, root, tuple(binder.scans))


@dataclass(frozen=True)
class _Subquery:
    """A subquery of WITH, and those that it may name."""

    node: exp.Expr
    known: Mapping[str, _Subquery]


_Subqueries = Mapping[str, _Subquery]


@dataclass
class _Binder:
    db: str
    tables: Tables
    scans: list[Scan] = field(default_factory=list)

    def query(self, node: exp.Expr, known: _Subqueries, *, below: bool) -> Query | None:
        inner = dict(known)
        for cte in node.args["with_"].expressions if node.args.get("with_") else ():
            inner[cte.alias] = _Subquery(cte.this, dict(inner))
        found: Query | None = None
        if isinstance(node, exp.Subquery):
            found = self.query(node.this, inner, below=below)
            found = replace(found, around=(*found.around, node)) if found is not None else None
        elif isinstance(node, exp.Union):
            found = self._union(node, inner, below=below)
        elif isinstance(node, exp.Select):
            found = self._select(node, inner, below=below)
        if found is not None and node.args.get("limit"):
            # which rows LIMIT takes is not a matter of keys
            return replace(found, rows=replace(found.rows, scans=()))
        return found

    def _union(self, node: exp.Union, known: _Subqueries, *, below: bool) -> Query | None:
        left = self.query(node.this, known, below=below)
        right = self.query(node.args["expression"], known, below=below)
        if left is None or right is None:
            return left or right
        one, other = left.rows, right.rows
        pairs = zip(one.columns, other.columns, strict=False)
        columns = tuple(replace(a, origins={**a.origins, **b.origins}) for a, b in pairs)
        rows = Rows(columns, (*one.scans, *other.scans), one.filters | other.filters, self.db)
        return Union(node, rows, left, right)

    def _select(self, node: exp.Select, known: _Subqueries, *, below: bool) -> Select:
        from_ = node.args.get("from_")
        source = self.source(from_.this, known, below=below) if from_ is not None else None
        rows = source.rows if source is not None else Rows(db=self.db)
        joins: list[Join] = []
        for join in node.args.get("joins") or ():
            right = self.source(join.this, known, below=True)
            joins.append(_join(rows, right, join))
            # no index leads from a column of the right side to rows of the left
            added = (replace(column, origins={}) for column in right.rows.columns)
            rows = replace(rows, columns=(*rows.columns, *added))
        filters: tuple[Lookup, ...] = ()
        if where := node.args.get("where"):
            filters, rows = constant_keys(rows, where.this)
        windows = tuple(self._windows(node, rows, known))
        output = replace(rows, columns=tuple(_outputs(node, rows)), scans=() if node.args.get("group") else rows.scans)
        return Select(node, output, source, tuple(joins), rows, windows, filters, below)

    def source(self, node: exp.Expr, known: _Subqueries, *, below: bool) -> Source:
        """What stands in FROM, in a join, or in the UNION of a window."""
        if isinstance(node, exp.Table) and (node.db or node.name not in known):
            return self._table(node)
        if isinstance(node, exp.Table):
            named = known[node.name]
            query = self.query(named.node, named.known, below=below)
        else:
            query = self.query(node, known, below=below)
        assert query is not None  # the parser puts nothing else there
        return Source(node, _called(query.rows, node.alias_or_name), query)

    def _table(self, node: exp.Table) -> Source:
        key = (node.db or self.db, node.name)
        first = next(iter(self.scans), None)
        known = self.tables.get(key)
        scan = Scan(key, node, first is None or first.table == key, known is not None)
        self.scans.append(scan)
        types = known if isinstance(known, Mapping) else {}
        listed = (ANY,) if known is None else tuple(known)
        columns = tuple(Column(name, types.get(name), origins={scan: name}) for name in listed)
        rows = _called(Rows(columns, (scan,), db=self.db), node.name, key[0] or None)
        return Source(node, _called(rows, node.alias), scan)

    def _windows(self, node: exp.Select, rows: Rows, known: _Subqueries) -> Iterator[Window]:
        named = {window.name: window for window in node.args.get("windows") or ()}
        uses: dict[int, list[Use]] = {}
        definitions = {id(window): window for window in named.values()}
        for item in node.expressions:
            # what stands in the UNION of a window has windows of its own
            for over in item.walk(prune=lambda part: isinstance(part, nodes.WindowDefinition)):
                if isinstance(over, nodes.Over):
                    window = _definition(over.args["window"], named)
                    if window is not None:
                        definitions[id(window)] = window
                        uses.setdefault(id(window), []).append(Use(over, item.unalias() is over))
        for number, window in definitions.items():
            union = tuple(self.source(part, known, below=True) for part in window.args.get("union") or ())
            order = window.args.get("order")
            partition = tuple(window.args.get("partition_by") or ())
            ordered = order.expressions[0] if order is not None else None
            lookups = window_lookups(rows, window, partition, ordered, [source.rows for source in union])
            yield Window(
                window, partition, ordered, frame_of(window), union, tuple(uses.get(number, ())), tuple(lookups)
            )


def _definition(over: exp.Expr, named: Mapping[str, nodes.WindowDefinition]) -> nodes.WindowDefinition | None:
    """The definition that stands after OVER, or that its name means."""
    if not isinstance(over, nodes.WindowDefinition):
        return named.get(over.name)
    base = over.args.get("base")
    if base is not None and not any(value for key, value in over.args.items() if key != "base"):
        return named.get(base.name)  # OVER (w) is OVER w
    return over


def _called(rows: Rows, table: str, db: str | None = None) -> Rows:
    """The same rows under a table's name or an alias; '' leaves their names as they are."""
    if not table:
        return rows
    names = names_under(rows.columns, table, db)
    return replace(rows, columns=tuple(replace(column, names=n) for column, n in zip(rows.columns, names, strict=True)))


def _join(left: Rows, right: Source, join: exp.Join) -> Join:
    pairs, others = split(left, right.rows, join.args.get("on"))
    order = join.args.get("order")
    ordered = order.expressions[0] if order is not None else None
    return Join(join, left, right, pairs, others, tuple(join_lookups(left, right.rows, pairs, others, ordered)))


def _outputs(node: exp.Select, rows: Rows) -> Iterator[Column]:
    found: list[tuple[exp.Expr, Column | None, str]] = []
    for item in node.expressions:
        value = item.unalias().unnest()
        if isinstance(value, exp.Star):
            found += [(item, column, column.name) for column in rows.columns]
        elif isinstance(value, exp.Column) and isinstance(value.this, exp.Star):
            found += [(item, column, column.name) for column in rows.columns if _is_of(column, value)]
        else:
            below = rows.found(value) if isinstance(value, exp.Column) else None
            found.append((item, below, item.alias_or_name))
    # of several that are the same column the last one is found by the names from below
    last = {id(below): place for place, (_, below, _) in enumerate(found) if below is not None}
    for place, (item, below, name) in enumerate(found):
        if below is None:
            yield Column(name, cast_type(item.unalias()), node=item)
            continue
        plain = isinstance(item.unalias(), exp.Column | exp.Star)
        names = below.names if plain and last[id(below)] == place else frozenset[Qualified]()
        origins = below.origins
        if below.name == ANY and name != ANY:
            # the one column that is meant of those that are not known
            meant = item.unalias().unnest().name
            origins = dict.fromkeys(origins, meant)
        yield Column(name, below.type, names, origins, item)


def _is_of(column: Column, star: exp.Column) -> bool:
    return any(n[1] == star.table and star.text("db") in ("", n[0]) for n in column.names)


def cast_type(node: exp.Expr) -> ColumnType | None:
    """The type that ``cast(x as type)`` or ``type(x)`` gives."""
    if isinstance(node, exp.Cast):
        word = str(node.args["to"].name)
    elif isinstance(node, exp.Anonymous) and len(node.expressions) == 1:
        word = str(node.name)
    else:
        return None
    return _CASTS.get(word.lower())


_CASTS: Mapping[str, ColumnType] = {
    **{kind.value: kind for kind in ColumnType},
    "int16": ColumnType.SMALLINT,
    "int32": ColumnType.INT,
    "int64": ColumnType.BIGINT,
}
"""The words of types, by which casts and functions of their name are called."""
