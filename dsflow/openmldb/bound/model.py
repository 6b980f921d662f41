"""What `dsflow.openmldb.bound.bind` gives, as plain data. Each part knows its node in the query's tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from dsflow.openmldb import nodes
from dsflow.openmldb.bound.frames import Frame
from dsflow.openmldb.bound.names import ANY, Qualified, named
from dsflow.openmldb.types import ColumnType

TableKey = tuple[str, str]
"""A table's database and name."""


@dataclass(frozen=True, eq=False)
class Scan:
    """One place of a query where a stored table is read.

    Attributes:
        table: the table.
        node: where it is named.
        request: it is the request table. In request mode the request row stands in its place, and a window over it sees
            its stored rows.
        known: its columns are known.
    """

    table: TableKey
    node: exp.Table
    request: bool
    known: bool


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a FROM clause or of a query.

    Attributes:
        name: its name; `ANY` for all columns of a table whose columns are not known.
        type: its type; None where an expression computes it, or nobody says.
        names: see `dsflow.openmldb.bound.names.Named`.
        origins: the stored columns that it is, whatever it is called now, by where they are read; empty when it is
            computed.
        node: the output column of SELECT that gives it, in a query.
    """

    name: str
    type: ColumnType | None = None
    names: frozenset[Qualified] = frozenset()
    origins: Mapping[Scan, str] = field(default_factory=dict)
    node: exp.Expr | None = None


@dataclass(frozen=True)
class Rows:
    """What stands in FROM, or what a query gives.

    Attributes:
        columns: its columns.
        scans: the tables through whose index its rows can be found: the left-most one, or those of a UNION; none when
            GROUP BY or LIMIT stands between.
        filters: the stored columns by which conditions leave out some of the rows that an index gives; `ANY` for one
            that is none.
        db: the current database.
    """

    columns: tuple[Column, ...] = ()
    scans: tuple[Scan, ...] = ()
    filters: frozenset[str] = frozenset()
    db: str = ""

    def found(self, column: exp.Column) -> Column | None:
        """The column that a name means, the first where several have it; None when there is none."""
        found = named(self.columns, column.name, column.table or None, column.text("db") or None, self.db)
        return found[0] if found else None

    def origins(self, node: exp.Expr) -> dict[Scan, str]:
        """The stored columns that an expression is, nothing more."""
        column = node.unnest()
        found = self.found(column) if isinstance(column, exp.Column) else None
        if found is None:
            return {}
        return {scan: column.name if name == ANY else name for scan, name in found.origins.items()}


@dataclass(frozen=True, eq=False)
class Source:
    """A table, a subquery or a name of WITH that stands in FROM, in a join, or in a window's UNION.

    Attributes:
        node: where it stands.
        rows: what it gives there, under its name there.
        of: the place where a stored table is read, or the query.
    """

    node: exp.Expr
    rows: Rows
    of: Scan | Query

    @property
    def scan(self) -> Scan | None:
        return self.of if isinstance(self.of, Scan) else None

    @property
    def query(self) -> Query | None:
        return None if isinstance(self.of, Scan) else self.of


@dataclass(frozen=True, eq=False)
class Lookup:
    """How rows of one table are found in request mode, by columns that a query compares.

    Attributes:
        scan: the table.
        keys: for each part of the key, as written, the stored column that it is; None where it is none.
        ts: the stored column that orders them; None where it is none, or nothing orders them.
        ordered: whether something shall order them.
        filtered: the rows are looked through by other columns, too.
    """

    scan: Scan
    keys: tuple[str | None, ...]
    ts: str | None
    ordered: bool
    filtered: bool

    @property
    def usable(self) -> bool:
        """Whether an index can serve it."""
        return any(self.keys) and not (self.ordered and self.ts is None)


@dataclass(frozen=True, eq=False)
class Join:
    """A join.

    Attributes:
        node: its node; a `dsflow.openmldb.nodes.LastJoin` for LAST JOIN.
        left: the rows that it is joined to.
        right: the other side.
        pairs: the two sides of each ``left = right`` in ON; the left one may be a constant.
        others: the parts of ON that are no such equality.
        lookups: how the right side's rows are found, for each of its tables.
    """

    node: exp.Join
    left: Rows
    right: Source
    pairs: tuple[tuple[exp.Expr, exp.Expr], ...]
    others: tuple[exp.Expr, ...]
    lookups: tuple[Lookup, ...]

    @property
    def last(self) -> bool:
        """Whether it is LAST JOIN."""
        return isinstance(self.node, nodes.LastJoin)

    @property
    def rows(self) -> Rows:
        """Where the names of ON are looked up: both sides."""
        return Rows((*self.left.columns, *self.right.rows.columns), db=self.left.db)

    @property
    def order(self) -> exp.Ordered | None:
        """What LAST JOIN is ordered by."""
        order = self.node.args.get("order")
        return order.expressions[0] if order is not None else None


@dataclass(frozen=True, eq=False)
class Use:
    """A call over a window: ``node`` is it with its OVER; ``whole``: it is a whole column of SELECT."""

    node: nodes.Over
    whole: bool

    @property
    def function(self) -> str:
        """The function's name, in lower case."""
        return str(self.node.this.name).lower()


@dataclass(frozen=True, eq=False)
class Window:
    """A window of a SELECT, of its WINDOW clause or after OVER.

    Attributes:
        node: its definition.
        partition: the columns of PARTITION BY.
        order: the first item of ORDER BY, or None.
        frame: its frame, or None.
        union: the tables of its UNION.
        uses: the calls over it.
        lookups: how its rows are found: those of the SELECT's own table, unless INSTANCE_NOT_IN_WINDOW keeps them out,
            and those of each table of UNION.
    """

    node: nodes.WindowDefinition
    partition: tuple[exp.Expr, ...]
    order: exp.Ordered | None
    frame: Frame | None
    union: tuple[Source, ...]
    uses: tuple[Use, ...]
    lookups: tuple[Lookup, ...]

    @property
    def name(self) -> str:
        """Its name in the WINDOW clause, or ''."""
        return str(self.node.name)

    def is_of(self, partition: Sequence[exp.Expr]) -> bool:
        """Whether these are the nodes of its PARTITION BY."""
        return len(partition) > 0 and self.partition[:1] != () and self.partition[0] is partition[0]

    def has(self, flag: str) -> bool:
        """Whether it says ``exclude_current_row``, ``exclude_current_time`` or ``instance_not_in_window``."""
        return bool(self.node.args.get(flag))


@dataclass(frozen=True, eq=False)
class Select:
    """A SELECT.

    Attributes:
        node: its node.
        rows: what it gives.
        source: the first table of FROM; None without FROM.
        joins: the joins of FROM, in order.
        input: what its expressions see: FROM with its joins.
        windows: its windows: those of the WINDOW clause, then those after OVER.
        filters: the lookups of the conditions ``column = constant`` of WHERE.
        below: its rows are read by a join, or by the UNION of a window.
        around: the brackets around it, from the inside out; each may have a LIMIT of its own.
    """

    node: exp.Select
    rows: Rows
    source: Source | None
    joins: tuple[Join, ...]
    input: Rows
    windows: tuple[Window, ...]
    filters: tuple[Lookup, ...]
    below: bool
    around: tuple[exp.Subquery, ...] = ()

    def united(self, node: exp.Expr) -> Source:
        """What a node in the UNION of one of its windows is."""
        return next(source for window in self.windows for source in window.union if source.node is node)

    def inside(self) -> Iterator[Query]:
        for source in (self.source, *(j.right for j in self.joins), *(s for w in self.windows for s in w.union)):
            if source is not None and source.query is not None:
                yield source.query


@dataclass(frozen=True, eq=False)
class Union:
    """A UNION of two queries; ``around`` as in `Select`."""

    node: exp.Union
    rows: Rows
    left: Query
    right: Query
    around: tuple[exp.Subquery, ...] = ()

    def inside(self) -> Iterator[Query]:
        yield from (self.left, self.right)


Query = Select | Union
"""A query: a SELECT, or a UNION of queries."""


@dataclass(frozen=True, eq=False)
class BoundQuery:
    """A whole query, resolved.

    Attributes:
        node: its tree.
        db: the current database.
        root: its outermost part; None for a tree that is no query.
        scans: every place where a table is read, in the order in which OpenMLDB finds them.
    """

    node: exp.Expr
    db: str
    root: Query | None
    scans: tuple[Scan, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its output columns, in order."""
        return self.root.rows.columns if self.root is not None else ()

    @property
    def request(self) -> Scan | None:
        """Where the request table is named first."""
        return next((scan for scan in self.scans if scan.request), None)

    @cached_property
    def selects(self) -> tuple[Select, ...]:
        """Every SELECT, the outer ones first. One that is named in WITH stands there for each place that names it."""
        found: list[Select] = []
        waiting: list[Query] = [self.root] if self.root is not None else []
        while waiting:
            part = waiting.pop(0)
            if isinstance(part, Select):
                found.append(part)
            waiting += part.inside()
        return tuple(found)

    @property
    def joins(self) -> Iterator[Join]:
        """Every join."""
        return (join for select in self.selects for join in select.joins)


def conjuncts(node: exp.Expr | None) -> Sequence[exp.Expr]:
    """The parts of a condition that AND joins; none of None."""
    if node is None:
        return []
    inner = node.unnest()
    return [*conjuncts(inner.this), *conjuncts(inner.args["expression"])] if isinstance(inner, exp.And) else [inner]
