"""Which indexes a deployed query needs, read off its tree.

In request mode a window, a LAST JOIN and a condition ``column = constant`` find their rows through an index of the
table that those columns come from, so DEPLOY makes the indexes that are not there. Which, and with which TTL, OpenMLDB
decides in its ``group_and_sort_optimized.cc`` (``KeysOptimizedImpl``) and ``ddl_parser.cc`` (``IndexMapBuilder``). This
is the same reading, so that a table can be created with them, and without the native compiler.

It keeps more rows than OpenMLDB would in these cases, where its TTL takes rows that the query still needs:

* LAST JOIN with a condition on other columns than its keys (``AND clicks.ts >= prices.ts``, or WHERE in a subquery), or
  in descending order: OpenMLDB keeps the newest row of a key, which may not be the one that fits.
* A window that counts rows after some were left out, by WHERE in its UNION, by EXCLUDE CURRENT_TIME or by a key that is
  no column: OpenMLDB keeps as many rows as the window counts, and some of them do not count.
* ``column = constant`` in WHERE: OpenMLDB keeps one row.

DEPLOY lengthens the TTL of an index that is there, and never shortens it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dsflow.openmldb.ttl import UNITS_MS, Ttl, ttl_of_frame

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.openmldb import nodes

TableKey = tuple[str, str]
"""A table's database and name."""

_EVERYTHING = Ttl()
_NEWEST = Ttl("latest", latest=1)
_ANY = "*"  # stands for every column of a table whose columns are not known


@dataclass(frozen=True)
class IndexNeed:
    """An index that a query needs when it is deployed.

    Attributes:
        keys: columns, in alphabetical order, as DEPLOY has them.
        ts: the column that orders the rows of a key, or None.
        ttl: which rows must be kept.
    """

    keys: tuple[str, ...]
    ts: str | None
    ttl: Ttl = _EVERYTHING

    @property
    def id(self) -> tuple[tuple[str, ...], str | None]:
        """What OpenMLDB knows an index by."""
        return self.keys, self.ts


def needed_indexes(
    query: exp.Expr, db: str, tables: Mapping[TableKey, Sequence[str]]
) -> dict[TableKey, list[IndexNeed]]:
    """The indexes that a query needs in request mode, by table; parts that OpenMLDB would refuse need none.

    Args:
        query: its tree, in the dialect ``openmldb``.
        db: the current database.
        tables: names of the columns of the tables that are known; another table is taken to have any column.
    """
    reader = _Reader(db, tables)
    reader.query(query, {})
    return {table: list(merged(found)) for table, found in reader.needs.items()}


def merged(needs: Iterable[IndexNeed]) -> list[IndexNeed]:
    """One need for each index, with a TTL that serves all."""
    found: dict[tuple[tuple[str, ...], str | None], IndexNeed] = {}
    for need in needs:
        before = found.get(need.id)
        ttl = need.ttl.normalised() if before is None else before.ttl.merge(need.ttl)
        found[need.id] = replace(need, ttl=ttl)
    return sorted(found.values(), key=lambda need: (need.keys, need.ts or ""))


@dataclass(frozen=True, eq=False)
class _Scan:
    """One place of a query where a table is read."""

    table: TableKey
    request: bool


@dataclass(frozen=True, eq=False)
class _Field:
    """A column of a FROM clause: its name, the name its table goes by, and the stored columns that it is.

    ``db`` is the table's database, '' when it goes by an alias.
    """

    name: str
    called: str
    origins: Mapping[_Scan, str]
    db: str = ""


@dataclass(frozen=True)
class _Rows:
    """What stands in FROM.

    Attributes:
        scans: the tables through whose index its rows can be found: the left-most one, or those of a UNION.
        filters: the stored columns by which conditions leave out some of the rows that an index gives.
    """

    fields: tuple[_Field, ...]
    scans: tuple[_Scan, ...]
    filters: frozenset[str] = frozenset()

    def called(self, name: str) -> _Rows:
        return replace(self, fields=tuple(_Field(f.name, name, f.origins) for f in self.fields))


_Subqueries = Mapping[str, "_Subquery"]


@dataclass(frozen=True)
class _Subquery:
    """A subquery of WITH, and those that it may name."""

    node: exp.Expr
    known: _Subqueries


@dataclass
class _Reader:
    db: str
    tables: Mapping[TableKey, Sequence[str]]
    request: TableKey | None = None
    needs: dict[TableKey, list[IndexNeed]] = field(default_factory=dict)

    # -- queries -------------------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, known: _Subqueries) -> _Rows:
        from sqlglot import exp

        inner = dict(known)
        for cte in node.args["with_"].expressions if node.args.get("with_") else ():
            inner[cte.alias] = _Subquery(cte.this, dict(inner))
        if isinstance(node, exp.Subquery):
            rows = self.query(node.this, inner)
        elif isinstance(node, exp.Union):
            rows = _stacked(self.query(node.this, inner), self.query(node.args["expression"], inner))
        elif isinstance(node, exp.Select):
            rows = self._select(node, inner)
        else:
            rows = _Rows((), ())
        # which rows LIMIT takes is not a matter of keys
        return replace(rows, scans=()) if node.args.get("limit") else rows

    def _select(self, node: exp.Select, known: _Subqueries) -> _Rows:
        from_ = node.args.get("from_")
        rows = self._source(from_.this, known) if from_ is not None else _Rows((), ())
        for join in node.args.get("joins") or ():
            rows = self._join(rows, join, known)
        if where := node.args.get("where"):
            rows = self._where(rows, where.this)
        self._windows(node, rows, known)
        fields = tuple(_outputs(node, rows))
        return replace(rows, fields=fields, scans=() if node.args.get("group") else rows.scans)

    def _source(self, node: exp.Expr, known: _Subqueries) -> _Rows:
        from sqlglot import exp

        if not isinstance(node, exp.Table):
            return self.query(node, known).called(node.alias_or_name)
        if not node.db and node.name in known:
            subquery = known[node.name]
            return self.query(subquery.node, subquery.known).called(node.alias_or_name)
        key = (node.db or self.db, node.name)
        self.request = self.request or key
        scan = _Scan(key, key == self.request)
        columns = self.tables.get(key, (_ANY,))
        db = "" if node.alias else key[0]
        return _Rows(tuple(_Field(c, node.alias_or_name, {scan: c}, db) for c in columns), (scan,))

    # -- what reads by key ---------------------------------------------------------------------------------------------

    def _join(self, left: _Rows, join: exp.Join, known: _Subqueries) -> _Rows:
        from dsflow.openmldb import nodes

        right = self._source(join.this, known)
        fields = (*left.fields, *right.fields)
        keys, filters = [], right.filters
        for part in _conjuncts(join.args["on"]) if join.args.get("on") else ():
            key = _join_key(part, fields, left)
            if key is not None:
                keys.append(key)
            else:
                filters |= _columns_read(part, fields, besides=left.fields)
        order = join.args["order"].expressions[0] if join.args.get("order") else None
        takes_newest = isinstance(join, nodes.LastJoin) and not (order is not None and order.args.get("desc"))
        by_time = None if order is None else order.this
        ttl = _NEWEST if takes_newest else _EVERYTHING
        self._need(replace(right, filters=filters), keys, by_time, ttl, fields=fields)
        # no index leads from a column of the right side to rows of the left
        return replace(left, fields=(*left.fields, *(replace(f, origins={}) for f in right.fields)))

    def _where(self, rows: _Rows, condition: exp.Expr) -> _Rows:
        keys = [key for part in _conjuncts(condition) if (key := _constant_key(part)) is not None]
        if keys:
            self._need(rows, keys, None, _EVERYTHING)
        return replace(rows, filters=rows.filters | _columns_read(condition, rows.fields))

    def _windows(self, node: exp.Select, rows: _Rows, known: _Subqueries) -> None:
        from dsflow.openmldb import nodes

        named = {window.name: window for window in node.args.get("windows") or ()}
        for item in node.expressions:
            for over in item.find_all(nodes.Over):
                window = over.args["window"]
                if not isinstance(window, nodes.WindowDefinition):
                    window = named.get(window.name)
                if window is not None:
                    self._window(window, _reach(over, window, whole=item.unalias() is over), rows, known)

    def _window(self, window: nodes.WindowDefinition, ttl: Ttl, rows: _Rows, known: _Subqueries) -> None:
        if window.args.get("exclude_current_time") and ttl.type != "absolute":
            ttl = _EVERYTHING
        keys: list[exp.Expr] = window.args.get("partition_by") or []
        order = window.args.get("order")
        by_time = order.expressions[0].this if order is not None else None
        if not window.args.get("instance_not_in_window"):
            self._need(rows, keys, by_time, ttl, stored=True)
        for union in window.args.get("union") or ():
            # its columns have the names of the window's own, whatever it is called itself
            other = self._source(union, known).called("")
            bare = [_bare(key) for key in keys]
            self._need(other, bare, None if by_time is None else _bare(by_time), ttl)

    def _need(
        self,
        rows: _Rows,
        keys: Sequence[exp.Expr],
        by_time: exp.Expr | None,
        ttl: Ttl,
        *,
        fields: tuple[_Field, ...] = (),
        stored: bool = False,
    ) -> None:
        """Note the index by which rows are found.

        Args:
            rows: what is looked up.
            keys, by_time: expressions; those that are no stored columns are no part of an index.
            ttl: what must be kept of each key.
            fields: where the expressions' names are looked up, if not among the rows' own.
            stored: whether the request's table means its stored rows; elsewhere it means the request's row.
        """
        from sqlglot import exp

        if any(isinstance(part, exp.Placeholder) for part in (*keys, by_time)):
            return  # which column a parameter names is not known
        for scan in rows.scans:
            if scan.request and not stored:
                continue
            columns = [_stored(key, fields or rows.fields, scan) for key in keys]
            found = sorted({column for column in columns if column is not None})
            ts = None if by_time is None else _stored(by_time, fields or rows.fields, scan)
            if not found or (by_time is not None and ts is None):
                continue
            fewer = None in columns or not rows.filters <= set(found)
            kept = _EVERYTHING if (fewer and ttl.type != "absolute") or (ts is None and ttl.minutes) else ttl
            self.needs.setdefault(scan.table, []).append(IndexNeed(tuple(found), ts, kept))


def _stacked(one: _Rows, other: _Rows) -> _Rows:
    """The rows of a UNION: each side is read through an index of its own."""
    pairs = zip(one.fields, other.fields, strict=False)
    fields = tuple(_Field(a.name, a.called, {**a.origins, **b.origins}) for a, b in pairs)
    return _Rows(fields, (*one.scans, *other.scans), one.filters | other.filters)


def _outputs(node: exp.Select, rows: _Rows) -> Iterator[_Field]:
    from sqlglot import exp

    for item in node.expressions:
        value = item.unalias().unnest()
        if isinstance(value, exp.Star):
            yield from rows.fields
        elif isinstance(value, exp.Column) and isinstance(value.this, exp.Star):
            yield from (f for f in rows.fields if f.called == value.table and value.db in ("", f.db))
        else:
            yield _Field(item.alias_or_name, "", _origins(value, rows.fields))


# ---- columns


def _field(column: exp.Column, fields: Iterable[_Field]) -> _Field | None:
    """The field that a column means."""
    named = [f for f in fields if column.table in ("", f.called) and column.db in ("", f.db)]
    usable = [f for f in named if f.name in (column.name, _ANY)]
    return next((f for f in usable if f.name == column.name), usable[0] if len(usable) == 1 else None)


def _origins(node: exp.Expr, fields: Iterable[_Field]) -> dict[_Scan, str]:
    """The stored columns that an expression is, nothing more."""
    from sqlglot import exp

    column = node.unnest()
    found = _field(column, fields) if isinstance(column, exp.Column) else None
    if found is None:
        return {}
    return {scan: column.name if name == _ANY else name for scan, name in found.origins.items()}


def _stored(node: exp.Expr, fields: Iterable[_Field], scan: _Scan) -> str | None:
    return _origins(node, fields).get(scan)


def _bare(node: exp.Expr) -> exp.Expr:
    """A column without its table's name."""
    from sqlglot import exp

    column = node.unnest()
    return exp.Column(this=column.this.copy()) if isinstance(column, exp.Column) else node


# ---- conditions


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a condition that AND joins."""
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.args["expression"])
    else:
        yield node


def _sides(node: exp.Expr) -> tuple[tuple[exp.Expr, exp.Expr], ...]:
    """The two sides of an equality, either first."""
    from sqlglot import exp

    if not isinstance(node, exp.EQ):
        return ()
    one, other = node.this, node.args["expression"]
    return (one, other), (other, one)


def _is_constant(node: exp.Expr) -> bool:
    from sqlglot import exp

    return node.find(exp.Column) is None


def _columns_read(node: exp.Expr, fields: Sequence[_Field], besides: Sequence[_Field] = ()) -> frozenset[str]:
    """The stored columns that a condition looks at; ``*`` for one that is none."""
    from sqlglot import exp

    columns = [c for c in node.find_all(exp.Column) if _field(c, fields) not in besides]
    return frozenset(name for c in columns for name in _origins(c, fields).values() or (_ANY,))


def _reads_only(node: exp.Expr, fields: Sequence[_Field], of: Sequence[_Field]) -> bool:
    """Whether all columns of an expression are among some of the fields that its names may mean."""
    from sqlglot import exp

    return all(_field(column, fields) in of for column in node.find_all(exp.Column))


def _join_key(part: exp.Expr, fields: Sequence[_Field], left: _Rows) -> exp.Expr | None:
    """The right side's expression of ``left = right``, or of ``constant = right``."""
    right = fields[len(left.fields) :]
    for value, key in _sides(part):
        if not _is_constant(key) and _reads_only(key, fields, right) and _reads_only(value, fields, left.fields):
            return key
    return None


def _constant_key(part: exp.Expr) -> exp.Expr | None:
    """The expression that a condition says to be a constant."""
    return next((key for value, key in _sides(part) if _is_constant(value) and not _is_constant(key)), None)


# ---- frames


def _reach(over: nodes.Over, window: nodes.WindowDefinition, *, whole: bool) -> Ttl:
    """What a window keeps of each key.

    Args:
        whole: whether the function is a whole column: then ``lag(x, 3)`` looks three rows back, whatever the frame.
    """
    call, frame = over.this, window.args.get("frame")
    if whole and call.name.lower() in ("lag", "at") and len(call.expressions) > 1:
        return ttl_of_frame(_literal(call.expressions[1]), None, has_rows=True, has_range=False)
    if frame is None:
        return _EVERYTHING
    start, by_rows = _start(frame.args["start"]), frame.args["unit"] == "ROWS"
    return ttl_of_frame(start, start, has_rows=by_rows, has_range=not by_rows)


def _start(bound: nodes.FrameBound) -> int | None:
    """How far back a frame begins, in rows or milliseconds; None is without end, or not known."""
    if bound.args["side"] == "CURRENT ROW":
        return 0
    offset = None if bound.this is None else _literal(bound.this)
    return offset if offset is None or not bound.args.get("open") else max(offset - 1, 0)


def _literal(node: exp.Expr) -> int | None:
    """A whole number, or an interval such as ``3h`` in milliseconds; None for anything else."""
    from sqlglot import exp

    text = str(node.this) if isinstance(node, exp.Literal) and not node.is_string else ""
    number, unit = (text[:-1], text[-1:].lower()) if text[-1:].isalpha() else (text, "l")
    return int(number) * UNITS_MS.get(unit, 1) if number.isdigit() and unit in (*UNITS_MS, "l") else None
