"""Request mode (deployments): one request row in, one row out.

The first table of a query is the request table: wherever the query names it, the request row stands; only a window
over it sees its stored rows, and the request row as the newest one. The values of the request row are parameters
(``$1``, ``$2``) inside the statement, so that DuckDB finds stored rows by their key in an index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate, over_all, with_nested
from dsflow.embedded.compiler.expressions import Expressions, Frame
from dsflow.embedded.compiler.frames import (
    BatchWindows,
    check_union,
    lag_window,
    order_column,
    partition_columns,
    single_window,
)
from dsflow.embedded.compiler.joins import (
    JoinCondition,
    JoinedRelation,
    last_join,
    left_join_newest_last,
    split_condition,
    tail_of,
)
from dsflow.embedded.compiler.lineage import by_time, index_time, join_indexes, narrowed, window_index, with_rows
from dsflow.embedded.compiler.parse import parse_query
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.select import (
    Context,
    Item,
    SelectCompiler,
    Subquery,
    final_sql,
    is_simple,
    output_columns,
    typed,
)
from dsflow.embedded.compiler.types import (
    ROW_COLUMN,
    Catalog,
    CompiledRequest,
    IndexKey,
    TableSchema,
    duckdb_type,
)
from dsflow.embedded.compiler.values import quote
from dsflow.embedded.compiler.windows import Window, named_windows
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes


@dataclass
class Lookups:
    """The stored rows that a request looks up by a key, each key once."""

    names: Callable[[str], str]
    found: dict[tuple[str, str, str], str] = field(default_factory=dict)
    keys: dict[tuple[str, tuple[str, ...], str | None], IndexKey] = field(default_factory=dict)

    def rows(self, table: str, column: str, value: str) -> str:
        """The rows of a stored table whose column has a value, as text for a FROM clause."""
        key = (table, column, value)
        if key not in self.found:
            self.found[key] = self.names("k")
        return self.found[key]

    @property
    def sql(self) -> str:
        """The lookups as subqueries of WITH, with nothing but the key's condition: DuckDB then uses an index."""
        subqueries = [
            f"{name} AS MATERIALIZED (SELECT * FROM {relation} WHERE {column} IS NOT DISTINCT FROM {value})"
            for (relation, column, value), name in self.found.items()
        ]
        return f"WITH {', '.join(subqueries)} " if subqueries else ""


@dataclass
class RequestState:
    """What all parts of a request's query share."""

    lookups: Lookups
    table: TableSchema | None = None
    times: dict[str, str] = field(default_factory=dict)
    frames: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """A condition that refuses a request row without a time for its windows.

        OpenMLDB takes such a row for one of a window without ORDER BY (``runner.cc``, ``RequestUnionRunner``: a time of
        -1), whose frames hold all stored rows, those of later times as well.
        """
        refusals = [
            f"WHEN coalesce({time}, -1) < 0 THEN error('a request row whose {name}, the ORDER BY of a window, '"
            f" || CASE WHEN {time} IS NULL THEN 'is NULL' ELSE 'is before 1970' END || ' is not supported')"
            for time, name in self.times.items()
        ]
        return f" WHERE CASE {' '.join(refusals)} ELSE true END" if refusals else ""


def is_constant(sql: str) -> bool:
    """Whether SQL names no column of the statement, only parameters."""
    return re.search(r"\b[a-z]+\d+\.", sql) is None


def as_main(main: Relation, source: Relation) -> tuple[Field, ...]:
    """The columns of a window's source under the names of those that it goes by."""
    pairs = zip(main.fields, source.fields, strict=True)
    return tuple(replace(f, sql=other.sql, origins=other.origins) for f, other in pairs)


class StoredCompiler(SelectCompiler):
    """Compiles over stored rows; what LAST JOIN takes from a table comes through an index of that table."""

    def __init__(
        self, context: Context, ctes: dict[str, Subquery] | None = None, state: RequestState | None = None
    ) -> None:
        super().__init__(context, ctes)
        self.state = state or RequestState(Lookups(context.names))

    def child(self, ctes: dict[str, Subquery]) -> StoredCompiler:
        return StoredCompiler(self.context, ctes, self.state)

    def join(self, left: Relation, join: exp.Join) -> Relation:
        last = isinstance(join, nodes.LastJoin)
        if not last and join.args.get("side") != "LEFT":
            return super().join(left, join)
        right = self.source(join.this)
        expressions = self.expressions((*left.fields, *right.fields))
        if not join.args.get("on"):
            raise SqlError("a join needs ON", **nodes.position(join))
        if not right.one_row:
            condition = split_condition(join.args["on"], left, right, expressions)
            right = self._looked_up(right, join, condition)
        return self._joined(left, right, join, expressions)

    def _joined(self, left: Relation, right: Relation, join: exp.Join, expressions: Expressions) -> Relation:
        if isinstance(join, nodes.LastJoin):
            return last_join(left, right, join, expressions, self.context.names, null_keys=True)
        return left_join_newest_last(left, right, join, expressions, self.context.names)

    def _looked_up(self, right: Relation, join: exp.Join, condition: JoinCondition) -> Relation:
        """The right side of a join over the rows that an index has for it."""
        if not right.scans:
            raise UnsupportedError(
                "a join in request mode with a query that has LIMIT or GROUP BY, or a window inside another query",
                **nodes.position(join),
            )
        ordered = join.args.get("order") is not None
        rows = []
        for place, index in enumerate(join_indexes(join, condition, right)):
            found = self.through_index(index, 1, None, "JOIN" if isinstance(join, nodes.LastJoin) else "LEFT JOIN")
            found = self._of_key(found, place, right, condition)
            time = index_time(index, exact=right.stacked) if not ordered else None
            if not ordered and right.stacked and (time is None or right.many):
                raise UnsupportedError("LAST JOIN of a UNION without ORDER BY", **nodes.position(join))
            rows.append(by_time(found, time) if time is not None else found)
        return with_rows(self.of_one_key(right, self._constant_keys(0, right, condition)), rows)

    def _of_key(self, rows: str, place: int, right: Relation, condition: JoinCondition) -> str:
        """Rows of a table where a column is what a join's condition says, if that is the same for all left rows."""
        for origin, value in self._constant_keys(place, right, condition):
            return self.state.lookups.rows(rows, quote(origin), value)
        return rows

    def _constant_keys(self, place: int, right: Relation, condition: JoinCondition) -> Iterator[tuple[str, str]]:
        """Columns of a table with the value that a join's condition wants, if that is the same for all left rows."""
        for value, key, column in zip(condition.left_keys, condition.right_keys, condition.right_columns, strict=True):
            # a cast column is not found by an index
            if key == column and is_constant(value):
                origin = next(f.origin(place) for f in right.fields if f.sql == column)
                if origin is not None:
                    yield origin, value

    def of_one_key(self, source: Relation, keys: Iterable[tuple[str, str]]) -> Relation:
        """A source whose rows have these values, with its windows computed for no more rows than need be."""
        found = next((pair for pair in keys if source.windowed and pair[0] in source.shared), None)
        if found is None:
            return source
        column, value = quote(found[0]), found[1]
        return narrowed(source, self.state.frames, lambda rows: self.state.lookups.rows(rows, column, value))

    # ---- windows over the rows of a table that a join looks up

    def _projected(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        if any(item.node.find(nodes.Over) for item in items):
            self.check_window_source(node, joins=0)
            if node.args.get("where"):
                raise SqlError("in request mode a window has no WHERE below it", **nodes.position(node))
        return super()._projected(node, relation, items)

    def check_window_source(self, node: exp.Select, joins: int) -> None:
        """In request mode OpenMLDB has windows over a table and plain columns of it, with no WHERE below.

        Args:
            node: the SELECT with the window.
            joins: how many joins there may be: one over the request row, none inside the right side of a join.

        Raises:
            SqlError: the window is over something else.
        """
        source = node.args["from_"].this
        if len(node.args.get("joins") or []) > joins:
            place = "over one join at most" if joins else "over no join inside the right side of another"
            raise SqlError(f"in request mode a window is {place}", **nodes.position(source))
        compiler, inner = self, source.this
        if isinstance(source, exp.Table):
            named = None if source.db else self.ctes.get(source.name)
            if named is None:
                return
            compiler, inner = self.child(named.ctes), named.node
        plain = isinstance(inner, exp.Select) and not any(
            inner.args.get(key) for key in ("where", "group", "having", "limit", "windows", "with_")
        )
        if node.args.get("joins") or not plain:
            raise SqlError("a window in request mode needs a table on its left", **nodes.position(source))
        for item in inner.expressions:
            value = item.this if isinstance(item, exp.Alias) else item
            if not (isinstance(value, exp.Star) or is_simple(value)):
                raise UnsupportedError("a window over computed columns in request mode", **nodes.position(value))
        compiler.check_window_source(inner, joins)

    def windows(self, relation: Relation, named: dict[str, nodes.WindowDefinition]) -> BatchWindows:
        def union(window: Window, node: exp.Expr) -> Relation:
            source = self.source(node)
            check_union(relation.fields, source.fields, node)
            return with_rows(source, [self.window_rows(window, source, as_main(relation, source))[1]])

        def live(window: Window) -> str | None:
            index, rows = self.window_rows(window, relation, relation.fields)
            if rows == index.table.relation:
                return None
            self.state.frames.append(rows)
            return rows

        return BatchWindows(relation, named, self.context.names, union, online=True, live=live)

    def window_rows(self, window: Window, source: Relation, fields: tuple[Field, ...]) -> tuple[IndexKey, str]:
        """The index through which a window reads a source, and the rows that its TTL has left there."""
        index = window_index(window, source, fields)
        # MAXSIZE is no matter of the TTL
        count, unit = (None, "ROWS_RANGE") if window.by_time else (window.start, "ROWS")
        return index, self.through_index(index, count, window.start if window.by_time else None, unit)

    def through_index(self, index: IndexKey, rows: int | None, range_ms: int | None, unit: str) -> str:
        """The rows of a stored table that an index has not dropped by its TTL, as text for a FROM clause."""
        table = index.table
        self.state.lookups.keys[table.relation, index.keys, index.ts] = index
        relation = getattr(self.context.catalog, "index_relation", None)
        if relation is None:
            return table.relation
        return str(relation(table.db, table.name, index.keys, index.ts, rows, range_ms, unit=unit))


class RequestCompiler(StoredCompiler):
    """Compiles queries over the request row.

    LEFT JOIN makes a row of the request row and each match. With ``matches`` these are the rows of the relation, as the
    frames of windows have them; without, its row is the one of the newest match, of which the other columns are.
    """

    def __init__(
        self,
        context: Context,
        ctes: dict[str, Subquery] | None = None,
        state: RequestState | None = None,
        *,
        matches: bool = False,
    ) -> None:
        super().__init__(context, ctes, state)
        self.matches = matches

    def child(self, ctes: dict[str, Subquery]) -> StoredCompiler:
        return RequestCompiler(self.context, ctes, self.state, matches=self.matches)

    def _joined(self, left: Relation, right: Relation, join: exp.Join, expressions: Expressions) -> Relation:
        if isinstance(join, nodes.LastJoin) or not left.one_row or self.matches:
            return super()._joined(left, right, join, expressions)
        last = nodes.LastJoin(this=join.this.copy(), on=join.args["on"].copy())
        found = last_join(left, right, last, expressions, self.context.names, null_keys=True)
        return replace(found, many=True)

    # ---- FROM

    def table(self, node: exp.Table) -> Relation:
        schema = self.schema(node)
        state = self.state
        if state.table is None:
            state.table = schema
        if state.table != schema:
            return super().table(node)
        alias = self.context.names("q")
        called = node.alias or schema.name
        parameters = [f"CAST(${i + 1} AS {duckdb_type(c.type)})" for i, c in enumerate(schema.columns)]
        fields = tuple(
            Field(c.name, c.type, sql, called, None if node.alias else schema.db)
            for c, sql in zip(schema.columns, parameters, strict=True)
        )
        columns = "".join(f", {sql} AS p{i}" for i, sql in enumerate(parameters))
        return Relation(f"(SELECT 0 AS {ROW_COLUMN}{columns})", alias, fields, f"{alias}.{ROW_COLUMN}", one_row=True)

    # ---- SELECT

    def _limited(self, relation: Relation, node: exp.Expr) -> Relation:
        limit = node.args.get("limit")
        if relation.one_row and limit is not None:
            count = limit.args["expression"]
            if isinstance(count, exp.Literal) and str(count.this).isdigit() and int(str(count.this)) > 0:
                return relation
            raise UnsupportedError("LIMIT 0 in request mode", **nodes.position(node))
        return super()._limited(relation, node)

    def _grouped(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        if relation.one_row:
            raise SqlError("GROUP BY of the request table is not possible in request mode", **nodes.position(node))
        return super()._grouped(node, relation, items)

    def _projected(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        if not relation.one_row:
            return super()._projected(node, relation, items)
        if node.args.get("where"):
            raise UnsupportedError("WHERE on the request row", **nodes.position(node))
        if any(item.node.find(nodes.Over) for item in items):
            self.check_window_source(node, joins=1)
        named = named_windows(node.args.get("windows") or [])
        for definition in named.values():
            single_window(nodes.Over(this=exp.Null(), window=definition.copy()), {})
        aggregates = RequestWindows(self, node, relation, named)
        expressions = Expressions(relation.fields, self.context.parameters, aggregates, db=self.context.db)
        fields = []
        for item in items:
            aggregates.begin(item.node)
            value = typed(expressions.compile(item.node))
            fields.append(Field(item.name, value.type, value.sql))
        joins = "".join(f" CROSS JOIN LATERAL {frame.sql}" for frame in aggregates.frames.values())
        tail = tail_of(relation) + joins
        # an aggregate is one row, however many there are below it
        many = relation.many and not aggregates.frames
        return JoinedRelation(
            relation.sql, relation.alias, tuple(fields), relation.row, one_row=True, many=many, tail=tail
        )

    def stored_from(self, node: exp.Select) -> Relation:
        """FROM of a SELECT over the stored rows instead of the request row."""
        return StoredCompiler(self.context, self.ctes, self.state).from_clause(node)


@dataclass
class RequestFrame(Frame):
    """The rows of a window's frame for the request row: stored rows, rows of UNION, and the request row itself."""

    alias: str
    request: Relation
    window: Window
    sources: list[tuple[Relation, int]]
    matches: Relation | None = None
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.request.fields))

    def add(self, call: Aggregate) -> str:
        names = []
        for part in call.parts:
            sql = part.replace("{order}", " ORDER BY r.ts, r.known, r.main, r.seq")
            if sql not in self.aggregates:
                self.aggregates.append(sql)
            names.append(f"{self.alias}.a{self.aggregates.index(sql)}")
        return f"({call.result.format(*names)})"

    def nest(self, call: Aggregate) -> str:
        return over_all(call, "r.ts, r.known, r.main, r.seq", "", self.nested)

    @property
    def sql(self) -> str:
        """The one row of aggregates."""
        if not self.aggregates:
            return f"(SELECT 1) AS {self.alias}"
        outputs = ", ".join(f"{sql} AS a{i}" for i, sql in enumerate(self.aggregates))
        return f"(SELECT {outputs} FROM {with_nested(self._rows(), self.nested)} AS r) AS {self.alias}"

    def _rows(self) -> str:
        """The frame's rows, with no more columns than the aggregates read."""
        window, request = self.window, self.request
        time = order_column(window, request.fields).sql
        now = f"coalesce({time}, 0)"
        places = self._places()
        parts = [self._stored(source, rank, now, placed=bool(places)) for source, rank in self.sources]
        if window.end == 0 or not window.by_time:
            current = self.matches or request
            values = [f"{f.sql} AS f{i}" for i, f in self._used(current.fields)]
            # the newest of its time, whether that is known or not
            seq = self.matches.row if self.matches else "0"
            values += self._order([f"{now} AS ts", "1 AS known", "2 AS main", f"{seq} AS seq"], placed=bool(places))
            rows = f" FROM {self.matches.from_sql}" if self.matches else ""
            parts.append(f"SELECT {', '.join([*values, 'true AS here'])}{rows}")
        if not parts:
            width = "".join(f"NULL AS f{i}, " for i, _ in self._used(request.fields))
            return f"(SELECT {width}0 AS ts, 0 AS known, 0 AS main, 0 AS seq, false AS here WHERE false)"
        rows = " UNION ALL ".join(parts)
        if not places:
            return f"({rows})"
        place = "row_number() OVER (ORDER BY ts DESC, known DESC, main DESC, seq DESC) AS place"
        return f"(SELECT * FROM (SELECT *, {place} FROM ({rows})) WHERE {' AND '.join(places)})"

    def _used(self, fields: tuple[Field, ...]) -> list[tuple[int, Field]]:
        parts = (*self.aggregates, *self.nested)
        read = {int(place) for sql in parts for place in re.findall(r"\br\.f(\d+)\b", sql)}
        return [(i, f) for i, f in enumerate(fields) if i in read]

    def _order(self, columns: list[str], *, placed: bool) -> list[str]:
        return columns if placed or any("r.seq" in sql for sql in (*self.aggregates, *self.nested)) else []

    def _stored(self, source: Relation, rank: int, now: str, *, placed: bool) -> str:
        window = self.window
        as_main = tuple(replace(f, sql=other.sql) for f, other in zip(self.request.fields, source.fields, strict=True))
        keys = zip(partition_columns(window, as_main), partition_columns(window, self.request.fields), strict=True)
        raw = order_column(window, as_main).sql
        time = f"coalesce({raw}, 0)"
        where = [f"{key.sql} IS NOT DISTINCT FROM {value.sql}" for key, value in keys]
        if window.by_time and window.end > 0:
            where.append(f"{time} <= {now} - {window.end}")
        else:
            where.append(f"{time} {'<' if window.exclude_current_time else '<='} {now}")
        if window.by_time and window.start is not None:
            where.append(f"{time} >= {now} - {window.start}")
        columns = [f"{f.sql} AS f{i}" for i, f in self._used(source.fields)]
        known = f"CASE WHEN {raw} IS NULL THEN 0 ELSE 1 END AS known"
        columns += self._order([f"{time} AS ts", known, f"{rank} AS main", f"{source.row} AS seq"], placed=placed)
        columns.append("false AS here")
        return f"SELECT {', '.join(columns)} FROM {source.from_sql} WHERE {' AND '.join(where)}"

    def _places(self) -> list[str]:
        window = self.window
        found = []
        if not window.by_time:
            found.append(f"place > {window.end}")
            if window.start is not None:
                found.append(f"place <= {window.start + 1}")
        if window.maxsize:
            found.append(f"place <= {window.maxsize + window.drops_current_row}")
        if window.drops_current_row:
            # of the rows that LEFT JOIN makes of the request row, OpenMLDB drops one
            found.append("place > 1" if self.matches else "NOT here")
        return found


@dataclass
class RequestWindows:
    """The windows of one SELECT over the request row: `Aggregates` for its expressions."""

    compiler: RequestCompiler
    node: exp.Select
    relation: Relation
    named: dict[str, nodes.WindowDefinition]
    frames: dict[str, RequestFrame] = field(default_factory=dict)
    current: Window | None = None
    stored: Relation | None = None

    def begin(self, item: exp.Expr) -> None:
        """Take up a column of SELECT."""
        self.current = single_window(item, self.named)

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        """See `Aggregates`."""
        del window
        found = self.current
        if found is None:
            raise UnsupportedError("an aggregate over a whole table in request mode", hint="use OVER")
        if top:
            found = lag_window(found, call)
        key = found.key()
        if key not in self.frames:
            self.frames[key] = RequestFrame(
                self.compiler.context.names("w"), self.relation, found, self._sources(found), self._matches(found)
            )
        return self.frames[key]

    def _matches(self, window: Window) -> Relation | None:
        """The rows that a LEFT JOIN makes of the request row."""
        if not self.relation.many:
            return None
        if window.maxsize:
            raise UnsupportedError("MAXSIZE of a window over LEFT JOIN in request mode", **nodes.position(self.node))
        compiler = RequestCompiler(self.compiler.context, self.compiler.ctes, self.compiler.state, matches=True)
        return compiler.from_clause(self.node)

    def _sources(self, window: Window) -> list[tuple[Relation, int]]:
        partition_columns(window, self.relation.fields)
        time = order_column(window, self.relation.fields).sql
        if window.order is not None and is_constant(time):
            self.compiler.state.times[time] = window.order.name
        found: list[tuple[Relation, int]] = []
        if not window.instance_not_in_window:
            if self.stored is None:
                self.stored = self.compiler.stored_from(self.node)
            found.append((self._by_key(self.stored, window), 1))
        for place, node in enumerate(window.union):
            union = self.compiler.source(node)
            if union.one_row:
                raise UnsupportedError("a window's UNION with the request table", **nodes.position(node))
            check_union(self.relation.fields, union.fields, node)
            found.append((self._by_key(union, window), -place))
        return found

    def _by_key(self, source: Relation, window: Window) -> Relation:
        """A source over the stored rows of the request row's key, those that an index's TTL has left."""
        request = self.relation.fields
        index, rows = self.compiler.window_rows(window, source, as_main(self.relation, source))
        value = partition_columns(window, request)[0].sql
        if is_constant(value):
            rows = self.compiler.state.lookups.rows(rows, quote(index.keys[0]), value)
            source = self.compiler.of_one_key(source, [(index.keys[0], value)])
        return with_rows(source, [rows])


def compile_request(query: str | exp.Expr, catalog: Catalog, db: str | None) -> CompiledRequest:
    """See `dsflow.embedded.compiler.compile_request`."""
    tree = parse_query(query) if isinstance(query, str) else query
    if tree.find(exp.Placeholder):
        raise SqlError("a deployment's query cannot have parameters")
    compiler = RequestCompiler(Context(catalog, db, online=True))
    relation = compiler.query(tree)
    request = compiler.state.table
    if request is None:
        raise SqlError("a deployment's query needs a table")
    if not relation.one_row or relation.many:
        raise SqlError("the query gives a table, not one row for a request")
    lookups = compiler.state.lookups
    sql = lookups.sql + final_sql(relation) + compiler.state.where
    return CompiledRequest(sql, output_columns(relation), request, tuple(lookups.keys.values()))
