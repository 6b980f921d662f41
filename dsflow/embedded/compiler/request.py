"""Request mode (deployments): one request row in, one row out.

The first table of a query is the request table: wherever the query names it, the request row stands; only a window
over it sees its stored rows, and the request row as the newest one. The values of the request row are parameters
(``$1``, ``$2``) inside the statement, so that DuckDB finds stored rows by their key in an index.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.expressions import Expressions, Frame
from dsflow.embedded.compiler.frames import called_window, check_union, partition_columns, single_window, windows_of
from dsflow.embedded.compiler.joins import JoinedRelation, bare_keys, last_join, tail_of
from dsflow.embedded.compiler.lineage import with_rows
from dsflow.embedded.compiler.parse import parse_query
from dsflow.embedded.compiler.requestframes import RequestFrame
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.select import (
    Context,
    Item,
    bound_query,
    final_sql,
    names_above,
    output_columns,
    table_names,
    typed,
)
from dsflow.embedded.compiler.stored import StoredCompiler, as_main, check_sorted, check_window_source
from dsflow.embedded.compiler.types import ROW_COLUMN, Catalog, CompiledRequest, duckdb_type
from dsflow.embedded.compiler.values import STRING, quote
from dsflow.embedded.compiler.windows import Reach, Window, named_windows, reaches
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import bound, nodes


class RequestCompiler(StoredCompiler):
    """Compiles queries over the request row.

    LEFT JOIN makes a row of the request row and each match, which is refused in the end; until then the one of the
    newest match stands for them.
    """

    def _joined(self, left: Relation, right: Relation, join: bound.Join, expressions: Expressions) -> Relation:
        if join.last or not left.one_row:
            return super()._joined(left, right, join, expressions)
        found = last_join(left, right, join, expressions, self.context.names, null_keys=True)
        return replace(found, many=True)

    # ---- FROM

    def table(self, scan: bound.Scan) -> Relation:
        if not scan.request:
            return super().table(scan)
        schema = self.state.table = self.schema(scan.node)
        alias = self.context.names("q")
        parameters = [f"CAST(${i + 1} AS {duckdb_type(c.type)})" for i, c in enumerate(schema.columns)]
        fields = tuple(
            Field(c.name, c.type, sql, given=True) for c, sql in zip(schema.columns, parameters, strict=True)
        )
        fields = table_names(fields, schema, scan.node)
        columns = "".join(f", {sql} AS p{i}" for i, sql in enumerate(parameters))
        return Relation(f"(SELECT 0 AS {ROW_COLUMN}{columns})", alias, fields, f"{alias}.{ROW_COLUMN}", one_row=True)

    # ---- SELECT

    def _limited(self, relation: Relation, node: exp.Expr) -> Relation:
        if node.args.get("offset"):
            raise SqlError("Un-support OFFSET", **nodes.position(node))
        if node.args.get("order"):
            raise SqlError("Non-support kSortPlan Op in online serving", **nodes.position(node))
        limit = node.args.get("limit")
        if relation.one_row and limit is not None:
            count = limit.args["expression"]
            # one row passes whatever the limit
            if isinstance(count, exp.Literal) and str(count.this).isdigit():
                return relation
            raise UnsupportedError("LIMIT that is not a literal", **nodes.position(node))
        return super()._limited(relation, node)

    def _grouped(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        if relation.one_row:
            raise SqlError("GROUP BY of the request table is not possible in request mode", **nodes.position(node))
        return super()._grouped(node, relation, items)

    def _projected(self, select: bound.Select, relation: Relation, items: list[Item]) -> Relation:
        if not relation.one_row:
            return super()._projected(select, relation, items)
        node = select.node
        if node.args.get("where"):
            self.expressions(relation.fields).condition(node.args["where"].this)
            # one that deploys and never answers is better told before
            reason = "OpenMLDB deploys it, and then fails on every request: fail to filter when input is row"
            raise UnsupportedError("WHERE on the request row", reason, **nodes.position(node))
        if any(item.node.find(nodes.Over) for item in items):
            if node.args.get("where"):
                raise SqlError("Do not support window on WHERE in request mode", **nodes.position(node))
            check_window_source(select, joins=1)
        self.check_null_marks(items)
        check_names(node, items, relation)
        named = named_windows(node.args.get("windows") or [])
        for definition in named.values():
            single_window(nodes.Over(this=exp.Null(), window=definition.copy()), {})
        gathers = reaches(windows_of(items, named))
        aggregates = RequestWindows(self, select, relation, named, gathers)
        expressions = Expressions(relation.fields, self.context.parameters, aggregates, db=self.context.db)
        fields, values = [], []
        for item in items:
            aggregates.begin(item.node)
            value = typed(expressions.compile(item.node))
            values.append(value)
            given = all(expressions.compile(c).given for c in item.node.find_all(exp.Column))
            given = given and aggregates.current is None
            fields.append(Field(item.name, value.type, value.sql, given=given))
        names = names_above(items, values, relation)
        fields = [replace(f, names=n) for f, n in zip(fields, names, strict=True)]
        joins = "".join(f" CROSS JOIN LATERAL {frame.sql}" for frame in aggregates.frames.values())
        tail = tail_of(relation) + joins
        return JoinedRelation(
            relation.sql, relation.alias, tuple(fields), relation.row, one_row=True, many=relation.many, tail=tail
        )

    def stored_from(self, select: bound.Select) -> Relation:
        """FROM of a SELECT over the stored rows instead of the request row."""
        return StoredCompiler(self.context, self.state).from_clause(select)


def check_names(node: exp.Select, items: list[Item], relation: Relation) -> None:
    """A SELECT over several windows, or a window and rows, finds its columns by their names in the end.

    Raises:
        SqlError: two have the same name and are not the same plain column.
    """
    named = named_windows(node.args.get("windows") or [])
    gathers = reaches(windows_of(items, named))
    groups, columns = set(), set()
    expressions = Expressions(relation.fields)
    for item in items:
        window = single_window(item.node, named)
        groups.add(window and (window.source_key(), gathers.get(window.key())))
        plain = expressions.compile(item.node).sql if isinstance(item.node, exp.Column) else id(item)
        columns.add((item.name, plain))
    names = [name for name, _ in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if len(groups) > 1 and twice is not None:
        raise SqlError(f"Ambiguous column name {twice}", hint="give each column a name", **nodes.position(node))


@dataclass
class RequestWindows:
    """The windows of one SELECT over the request row: `Aggregates` for its expressions."""

    compiler: RequestCompiler
    select: bound.Select
    relation: Relation
    named: dict[str, nodes.WindowDefinition]
    gathers: dict[str, Reach]
    frames: dict[str, RequestFrame] = field(default_factory=dict)
    current: Window | None = None

    def begin(self, item: exp.Expr) -> None:
        """Take up a column of SELECT."""
        self.current = single_window(item, self.named)

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        """See `Aggregates`."""
        del window
        found = self.current
        if found is None:
            raise UnsupportedError("an aggregate over a whole table in request mode", hint="use OVER")
        found = called_window(found, call, top=top)
        key = found.key()
        if key not in self.frames:
            self._check_source()
            self.frames[key] = RequestFrame(
                self.compiler.context.names("w"),
                self.relation,
                found,
                self.gathers.get(key) or Reach.of(found),
                self._sources(found),
            )
        return self.frames[key]

    def _check_source(self) -> None:
        """Windows alone over a LEFT JOIN, which OpenMLDB does take."""
        if self.relation.many and all(
            single_window(item.unalias(), self.named) for item in self.select.node.expressions
        ):
            raise UnsupportedError(
                "aggregates of a LEFT JOIN in request mode",
                "OpenMLDB takes one of its rows for the request",
                hint="take LAST JOIN",
                **nodes.position(self.select.node),
            )

    def _sources(self, window: Window) -> list[tuple[Relation, int]]:
        partition_columns(window, self.relation.fields)
        found: list[tuple[Relation, int]] = []
        if not window.instance_not_in_window:
            # each window reads it under names of its own
            found.append((self._by_key(self.compiler.stored_from(self.select), window), 1))
        for place, node in enumerate(window.union):
            union = self.compiler.source(self.select.united(node))
            if union.one_row:
                raise UnsupportedError("a window's UNION with the request table", **nodes.position(node))
            if self.select.joins:
                raise UnsupportedError("UNION of a window over a join in request mode", **nodes.position(node))
            check_union(self.relation.fields, union.fields, node)
            check_sorted(union, window, node)
            found.append((self._by_key(union, window), -place))
        return found

    def _by_key(self, source: Relation, window: Window) -> Relation:
        """A source over the stored rows of the request row's key, those that an index's TTL has left."""
        request = self.relation.fields
        index, rows = self.compiler.window_rows(window, self.select, source, as_main(self.relation, source))
        keys = partition_columns(window, request)
        if keys[0].given:
            value = bare_keys([key.sql for key in keys], [key.type is STRING for key in keys])[0]
            rows = self.compiler.state.lookups.rows(rows, quote(index.keys[0]), value)
            self.compiler.of_one_key(source, [(index.keys[0], value, None)])
        return with_rows(source, [rows], self.compiler.state.sources)


def compile_request(query: str | exp.Expr, catalog: Catalog, db: str | None) -> CompiledRequest:
    """See `dsflow.embedded.compiler.compile_request`."""
    tree = parse_query(query) if isinstance(query, str) else query
    if tree.find(exp.Placeholder):
        raise SqlError("a deployment's query cannot have parameters")
    context = Context(catalog, db, online=True, request=True)
    compiler = RequestCompiler(context)
    relation = compiler.query(bound_query(tree, context))
    request = compiler.state.table
    if request is None:
        raise SqlError("a deployment's query needs a table")
    if relation.many:
        raise SqlError(
            "unsupport non-row output type for online-request mode: a plain column beside LEFT JOIN gives a table,"
            " not one row for a request",
            hint="take LAST JOIN",
        )
    if not relation.one_row:
        raise SqlError("the query gives a table, not one row for a request")
    sql = compiler.state.with_clause + final_sql(relation)
    return CompiledRequest(sql, output_columns(relation), request, tuple(compiler.state.lookups.needs))
