"""SELECT over stored tables: how a query becomes a relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate
from dsflow.embedded.compiler.expressions import Expressions, Frame
from dsflow.embedded.compiler.frames import BatchWindows, partition_columns, single_window
from dsflow.embedded.compiler.functions import fold_of, nests
from dsflow.embedded.compiler.functions.cast import TYPE_WORDS
from dsflow.embedded.compiler.joins import (
    check_key,
    last_join,
    left_join,
    left_join_newest_last,
)
from dsflow.embedded.compiler.naming import column_name
from dsflow.embedded.compiler.scope import Field, FreshNames, Qualified, Relation, Scan, called
from dsflow.embedded.compiler.types import ROW_BITS, ROW_COLUMN, Catalog, Column, TableSchema
from dsflow.embedded.compiler.values import BOOL, DATE, INTEGERS, TIMESTAMP, Value, null_of, quote
from dsflow.embedded.compiler.windows import Window, named_windows
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import bound, nodes
from dsflow.openmldb.bound import conjuncts
from dsflow.openmldb.types import ColumnType


@dataclass
class Context:
    """What all parts of one statement share.

    ``online``: the online engine runs it, for a request or as a SELECT over the stored tables.
    ``request``: for a request.
    """

    catalog: Catalog
    db: str | None
    parameters: Sequence[tuple[ColumnType, object]] = ()
    names: FreshNames = field(default_factory=FreshNames)
    online: bool = False
    request: bool = False


@dataclass
class GroupFrame(Frame):
    """The rows of a group of GROUP BY."""

    relation: Relation

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.relation.fields

    def read(self, field: Field) -> None:
        """It has all columns."""

    def add(self, call: Aggregate) -> str:
        return f"({call.result(*(part.grouped(self.relation.row) for part in call.parts))})"

    def nest(self, call: Aggregate) -> str:
        raise UnsupportedError("an aggregate as the argument of another in GROUP BY")


@dataclass
class GroupAggregates:
    """`Aggregates` of a SELECT with GROUP BY, or over all rows."""

    group: GroupFrame

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        del call, top
        if window is not None:
            raise SqlError("GROUP BY and windows cannot stand together", **nodes.position(window))
        return self.group


@dataclass(frozen=True)
class Item:
    """A column of SELECT."""

    name: str
    node: exp.Expr


class SelectCompiler:
    """Compiles queries to relations."""

    def __init__(self, context: Context) -> None:
        self.context = context

    # ---- queries

    def query(self, query: bound.Query) -> Relation:
        """The relation of a query; its fields belong to no table.

        Raises:
            SqlError: the query is wrong.
        """
        for node in (query.node, *query.around):
            _check_with(node)
        relation = self.select(query) if isinstance(query, bound.Select) else self._union(query)
        for node in (query.node, *query.around):
            relation = self._limited(relation, node)
        return relation

    def _limited(self, relation: Relation, node: exp.Expr) -> Relation:
        if node.args.get("settings"):
            raise UnsupportedError("CONFIG", **nodes.position(node))
        if node.args.get("offset"):
            raise UnsupportedError("OFFSET", **nodes.position(node))
        if order := node.args.get("order"):
            relation = self._sorted(relation, order)
        limit = node.args.get("limit")
        if limit is None:
            return relation
        count = limit.args["expression"]
        if not (isinstance(count, exp.Literal) and str(count.this).isdigit()):
            raise UnsupportedError("LIMIT that is not a literal", **nodes.position(node))
        alias = self.context.names("t")
        order = f" ORDER BY {relation.row}" if relation.sorted else ""
        sql = f"(SELECT * FROM {relation.from_sql}{order} LIMIT {count.this})"
        return replace(relation.renamed(alias), sql=sql, scans=())

    def _sorted(self, relation: Relation, order: exp.Order) -> Relation:
        """A query with ORDER BY: its rows are numbered in that order."""
        where = nodes.position(order)
        if self.context.request:
            raise SqlError("Non-support kSortPlan Op in online serving", **where)
        if self.context.online:
            raise UnsupportedError(
                "ORDER BY of an online query", "OpenMLDB's online engine has no runner for it", **where
            )
        if len(order.expressions) != 1:
            raise SqlError("ORDER BY takes one column", **where)
        ordered = order.expressions[0]
        if not isinstance(ordered.this, exp.Column):
            raise SqlError("Un-support order expression type, expect column expression", **where)
        value = self.expressions(relation.fields).compile(ordered.this)
        if value.type not in (*INTEGERS, TIMESTAMP, DATE):
            raise SqlError(f"Invalid Order column type: ORDER BY does not take {value.type}", **where)
        alias = self.context.names("t")
        # as Spark does: NULL before all values
        by = f"{value.sql} {'DESC NULLS LAST' if ordered.args.get('desc') else 'ASC NULLS FIRST'}, {relation.row}"
        columns = "".join(f"{f.sql} AS c{i}, " for i, f in enumerate(relation.fields))
        sql = f"(SELECT {columns}row_number() OVER (ORDER BY {by}) AS {ROW_COLUMN} FROM {relation.from_sql})"
        fields = tuple(replace(f, sql=f"{alias}.c{i}", origins=()) for i, f in enumerate(relation.fields))
        return Relation(sql, alias, fields, f"{alias}.{ROW_COLUMN}", sorted=True)

    def _union(self, query: bound.Union) -> Relation:
        node = query.node
        left, right = self.query(query.left), self.query(query.right)
        if [(f.name, f.type) for f in left.fields] != [(f.name, f.type) for f in right.fields]:
            raise SqlError(
                "union sources have different schema: the two sides of UNION need the same columns",
                **nodes.position(node),
            )
        alias = self.context.names("t")
        columns = [f"c{i}" for i in range(len(left.fields))]

        def side(relation: Relation, place: int) -> str:
            outputs = ", ".join(f"{f.sql} AS {c}" for f, c in zip(relation.fields, columns, strict=True))
            number = f"{place} + {relation.side or 0}"
            return f"SELECT {outputs}, {number} AS side, {relation.row} AS {ROW_COLUMN} FROM {relation.from_sql}"

        stacked = f"{side(left, 0)} UNION ALL {side(right, max(len(left.scans), 1))}"
        listed = ", ".join(columns)
        # a composed row begins with the time by which an index orders it
        time = f"{ROW_COLUMN} // {ROW_BITS}"
        row = f"{time} * {ROW_BITS} + row_number() OVER (ORDER BY {time}, side, {ROW_COLUMN}) AS {ROW_COLUMN}"
        if node.args.get("distinct"):
            first = f"min(side) AS side, min({ROW_COLUMN}) AS {ROW_COLUMN}"
            stacked = f"SELECT {listed}, {first} FROM ({stacked}) GROUP BY ALL"
        sql = f"(SELECT {listed}, side, {row} FROM ({stacked}))"
        fields = tuple(
            Field(f.name, f.type, f"{alias}.{c}", f.names, (*_origins(f, left), *_origins(other, right)))
            for f, other, c in zip(left.fields, right.fields, columns, strict=True)
        )
        scans = (*left.scans, *right.scans) if left.scans and right.scans else ()
        if node.args.get("distinct") and self.context.request:
            # no index leads through it
            scans = ()
        computed = left.computed or right.computed
        return Relation(
            sql,
            alias,
            fields,
            f"{alias}.{ROW_COLUMN}",
            scans=scans,
            stacked=True,
            computed=computed,
            side=f"{alias}.side",
        )

    # ---- FROM

    def source(self, source: bound.Source) -> Relation:
        """A table, subquery or name of WITH that stands in FROM."""
        if isinstance(source.of, bound.Scan):
            return self.table(source.of)
        return self.query(source.of).called(source.node.alias_or_name or None)

    def schema(self, node: exp.Table) -> TableSchema:
        """A stored table's schema.

        Raises:
            SqlError: there is no such table.
        """
        try:
            return self.context.catalog.table(node.db or self.context.db, node.name)
        except SqlError as error:
            if error.line is None and (where := nodes.position(node)):
                raise SqlError(error.message, hint=error.hint, **where) from error
            raise

    def table(self, scan: bound.Scan) -> Relation:
        """A stored table."""
        schema = self.schema(scan.node)
        alias = self.context.names("t")
        fields = tuple(Field(c.name, c.type, f"{alias}.{quote(c.name)}", origins=(c.name,)) for c in schema.columns)
        fields = table_names(fields, schema, scan.node)
        return Relation(schema.relation, alias, fields, f"{alias}.{ROW_COLUMN}", scans=(Scan(schema, alias, scan),))

    def from_clause(self, select: bound.Select) -> Relation:
        """FROM with its joins."""
        if select.source is None:
            alias = self.context.names("t")
            return Relation(f"(SELECT 0 AS {ROW_COLUMN})", alias, (), f"{alias}.{ROW_COLUMN}")
        relation = self.source(select.source)
        for join in select.joins:
            relation = self.join(relation, join)
        return relation

    def join(self, left: Relation, join: bound.Join) -> Relation:
        """A join of the relation so far with one more."""
        right = self.source(join.right)
        node = join.node
        expressions = self.expressions((*left.fields, *right.fields))
        if join.last:
            return last_join(left, right, join, expressions, self.context.names, null_keys=self.context.online)
        if node.args.get("side") == "LEFT" and self.context.online:
            if not node.args.get("on"):
                raise SqlError("LEFT JOIN needs ON", **nodes.position(node))
            return left_join_newest_last(left, right, join, expressions, self.context.names)
        if node.args.get("side") == "LEFT":
            return left_join(left, right, join, expressions, self.context.names)
        kind = node.args.get("side") or node.args.get("kind") or "INNER"
        raise SqlError(f"{kind} JOIN is not supported by OpenMLDB", **nodes.position(node))

    def expressions(self, fields: tuple[Field, ...]) -> Expressions:
        """A compiler of expressions over these columns, without aggregates."""
        return Expressions(fields, self.context.parameters, db=self.context.db)

    # ---- SELECT

    def select(self, select: bound.Select) -> Relation:
        """One SELECT, without its LIMIT."""
        node = select.node
        # OpenMLDB passes over DISTINCT (its ``ast_node_converter.cc``, ``is_distinct``)
        relation = self.from_clause(select)
        items = expand(node.expressions, relation)
        if not node.args.get("from_") and not all(item.name for item in items):
            raise SqlError("a column of constants needs a name", hint="write AS", **nodes.position(node))
        if node.args.get("group"):
            return self._grouped(node, relation, items)
        if any(map(is_over_all, items)):
            return self._over_all(node, relation, items)
        if node.args.get("having"):
            raise SqlError("HAVING needs GROUP BY", **nodes.position(node))
        return self._projected(select, relation, items)

    def _over_all(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        """Aggregates over all rows: one row, none when there are no rows (OpenMLDB gives none then, either)."""
        where = nodes.position(items[0].node)
        if self.context.request:
            raise SqlError("an aggregate over a whole table does not exist in request mode", hint="use OVER", **where)
        if not self.context.online:
            raise SqlError(
                "an aggregate over a whole table does not run offline: OpenMLDB's engine refuses it"
                " (Project type kAggregation not supported)",
                hint="use OVER or GROUP BY, or ask online",
                **where,
            )
        if node.args.get("windows") or any(item.node.find(nodes.Over) for item in items):
            raise SqlError("aggregates over a table and over windows cannot stand in one SELECT", **where)
        for item in items:
            if not is_over_all(item):
                raise SqlError(
                    f"beside aggregates over the whole table, {item.name} has to be one as well",
                    **nodes.position(item.node),
                )
        aggregates = GroupAggregates(GroupFrame(relation))
        expressions = Expressions(relation.fields, self.context.parameters, aggregates, db=self.context.db)
        values = [self._group_value(item, expressions, [], relation) for item in items]
        tail = self._where(node, relation) + " HAVING count(*) > 0"
        if having := node.args.get("having"):
            tail += f" AND {expressions.condition(having.this)}"
        return self._output(items, values, relation, tail, "", row=f"min({relation.row})")

    def _where(self, node: exp.Select, relation: Relation) -> str:
        where = node.args.get("where")
        return f" WHERE {self.expressions(relation.fields).condition(where.this)}" if where else ""

    def _projected(self, select: bound.Select, relation: Relation, items: list[Item]) -> Relation:
        node = select.node
        self.check_null_marks(items)
        named = named_windows(node.args.get("windows") or [])
        for definition in named.values():
            single_window(nodes.Over(this=exp.Null(), window=definition.copy()), {})
        where = self._where(node, relation)
        prefix = ""
        windows = [w for item in items if (w := single_window(item.node, named)) is not None]
        joined = self.context.request or relation.repeats or any(nests(item.node) for item in items)
        if (windows and joined) or any(not w.native for w in windows):
            prefix, relation = self._numbered(relation, where)
            where = ""
            items = expand(node.expressions, relation)  # `*` means the columns of the numbered rows now
        aggregates = self.windows(select, relation, named, items)
        if any(w.descending for w in windows):
            self.check_descending(node)
        spark = not self.context.online and not windows and all(is_simple(item.node) for item in items)
        expressions = Expressions(
            relation.fields, self.context.parameters, aggregates, spark_casts=spark, db=self.context.db
        )
        values = []
        for item in items:
            aggregates.begin(item.node)
            values.append(aggregates.finished(expressions.compile(item.node)))
        joins = "".join(f" {frame.join(f'{relation.alias}.rid')}" for frame in aggregates.joined)
        for time in sorted(aggregates.order_sql):
            # OpenMLDB drops the rows whose time is before 1970
            where += f"{' AND' if where else ' WHERE'} ({time} >= 0 OR {time} IS NULL)"
        definitions = ", ".join(frame.definition for frame in aggregates.native.values())
        window = f" WINDOW {definitions}" if definitions else ""
        relation, where = aggregates.read(relation, where)
        found = self._output(items, values, relation, f"{joins}{where}{window}", prefix)
        found = replace(found, fixed=relation.fixed | self._fixed(node, relation))
        if not windows:
            return found
        shared = frozenset.intersection(*(_shared(window, relation) for window in windows))
        return replace(found, windowed=True, computed=relation.computed, shared=shared)

    def _fixed(self, node: exp.Select, relation: Relation) -> frozenset[str]:
        """The columns of the relation's table that WHERE compares with a constant by ``=``."""
        where = node.args.get("where")
        parts = [part for part in conjuncts(where.this) if isinstance(part, exp.EQ)] if where else []
        origins = {f.sql: f.origin(0) for f in relation.fields}
        found = set()
        for part in parts:
            for one, other in ((part.this, part.args["expression"]), (part.args["expression"], part.this)):
                if isinstance(one, exp.Column) and not other.find(exp.Column):
                    found.add(origins.get(self.expressions(relation.fields).compile(one).sql))
        return frozenset(name for name in found if name)

    def check_descending(self, node: exp.Select) -> None:
        """A window ordered DESC: a request passes over DESC, a job of the offline engine fails.

        Raises:
            SqlError: it is no request's.
        """
        if self.context.request:
            return
        if self.context.online:
            raise UnsupportedError("a window ordered DESC in an online query", **nodes.position(node))
        raise SqlError(
            "a window ordered DESC fails in a batch job: Fail to setup row builder, maybe row buf is corrupted",
            hint="leave DESC out: a window's rows are always those before the row",
            **nodes.position(node),
        )

    def check_null_marks(self, items: Sequence[Item]) -> None:
        """Refuse functions whose result OpenMLDB's online engine marks as NULL or not by chance.

        Raises:
            UnsupportedError: there is one beside another column.
        """
        if not self.context.online or len(items) < 2:
            return
        for item in items:
            for call in item.node.find_all(exp.Anonymous):
                if call.name.lower() == "add_months":
                    reason = (
                        "OpenMLDB does not set whether its result is NULL: beside another column it is so by chance"
                    )
                    raise UnsupportedError("add_months in an online query", reason, **nodes.position(call))

    def windows(
        self,
        select: bound.Select,
        relation: Relation,
        named: dict[str, nodes.WindowDefinition],
        items: Sequence[Item],
    ) -> BatchWindows:
        """The windows of a SELECT over a relation."""
        del items
        return BatchWindows(relation, named, self.context.names, lambda _, node: self.source(select.united(node)))

    def _numbered(self, relation: Relation, where: str) -> tuple[str, Relation]:
        """The rows with a number each, computed once: they are read as rows and again as the rows of frames."""
        name, alias = self.context.names("src"), self.context.names("t")
        columns = "".join(f"{f.sql} AS c{i}, " for i, f in enumerate(relation.fields))
        numbers = f"{relation.row} AS {ROW_COLUMN}, row_number() OVER (ORDER BY {relation.row}) AS rid"
        prefix = f"WITH {name} AS MATERIALIZED (SELECT {columns}{numbers} FROM {relation.from_sql}{where}) "
        fields = tuple(replace(f, sql=f"{alias}.c{i}") for i, f in enumerate(relation.fields))
        if relation.repeats:
            return prefix, Relation(name, alias, fields, f"{alias}.rid")
        return prefix, Relation(name, alias, fields, f"{alias}.{ROW_COLUMN}", scans=relation.scans)

    def _grouped(self, node: exp.Select, relation: Relation, items: list[Item]) -> Relation:
        if node.args.get("windows") or any(i.node.find(nodes.Over) for i in items):
            raise SqlError("GROUP BY and windows cannot stand together", **nodes.position(node))
        keys = []
        for key in node.args["group"].expressions:
            if not isinstance(key, exp.Column):
                raise SqlError("GROUP BY takes columns only", **nodes.position(key))
            keys.append(self.expressions(relation.fields).compile(key))
            check_key(key, keys[-1])
        aggregates = GroupAggregates(GroupFrame(relation))
        expressions = Expressions(relation.fields, self.context.parameters, aggregates, db=self.context.db)
        values = [self._group_value(item, expressions, keys, relation) for item in items]
        tail = self._where(node, relation) + f" GROUP BY {', '.join(k.sql for k in keys)}"
        if having := node.args.get("having"):
            if not self.context.online:
                raise UnsupportedError(
                    "HAVING offline: OpenMLDB's engine passes over it and gives every group",
                    hint="write SELECT ... FROM (SELECT ... GROUP BY ...) AS g WHERE ...",
                    **nodes.position(having.this),
                )
            tail += f" HAVING {expressions.condition(having.this)}"
        return self._output(items, values, relation, tail, "", row=f"min({relation.row})")

    def _group_value(self, item: Item, expressions: Expressions, keys: list[Value], relation: Relation) -> Value:
        value = expressions.compile(item.node)
        known = {k.sql for k in keys}
        plain = self.expressions(relation.fields)
        for column in item.node.find_all(exp.Column):
            call = column.find_ancestor(exp.Anonymous)
            inside = False
            while call is not None:
                inside = inside or _folds_groups(str(call.this))
                call = call.find_ancestor(exp.Anonymous)
            if not inside and plain.compile(column).sql not in known:
                raise SqlError(
                    "Expression of SELECT list is not in GROUP BY clause and contains nonaggregated column"
                    f" '{column.name}'",
                    **nodes.position(column),
                )
        return value

    def _output(
        self,
        items: list[Item],
        values: list[Value],
        relation: Relation,
        tail: str,
        prefix: str,
        row: str | None = None,
    ) -> Relation:
        alias = self.context.names("t")
        origins = {f.sql: f.origins for f in relation.fields}
        fields, outputs = [], []
        names = names_above(items, values, relation)
        for i, (item, value) in enumerate(zip(items, values, strict=True)):
            value = typed(value)
            # a cast that changes nothing is no column for OpenMLDB
            found = origins.get(value.sql, ()) if isinstance(item.node, exp.Column) else ()
            fields.append(Field(item.name, value.type, f"{alias}.c{i}", names[i], found))
            outputs.append(f"{value.sql} AS c{i}")
        if relation.side and row is None:
            outputs.append(f"{relation.side} AS side")
        outputs.append(f"{row or relation.row} AS {ROW_COLUMN}")
        sql = f"({prefix}SELECT {', '.join(outputs)} FROM {relation.from_sql}{tail})"
        output = Relation(sql, alias, tuple(fields), f"{alias}.{ROW_COLUMN}", repeats=relation.repeats)
        if row is not None:
            return output
        return replace(
            output,
            # a window's rows are found by its own SELECT only
            scans=() if relation.windowed else relation.scans,
            stacked=relation.stacked,
            side=f"{alias}.side" if relation.side else "",
            many=relation.many,
            computed=relation.computed or not all(is_simple(item.node) for item in items),
        )


def _folds_groups(name: str) -> bool:
    """Whether a function is an aggregate that OpenMLDB has outside of windows too."""
    fold = fold_of(name)
    return fold is not None and not fold.needs_window


def is_over_all(item: Item) -> bool:
    """Whether a column of a SELECT without GROUP BY has an aggregate that no OVER gives a window."""
    return any(
        _folds_groups(call.name) and call.find_ancestor(nodes.Over) is None
        for call in item.node.find_all(exp.Anonymous)
    )


def table_names(fields: tuple[Field, ...], schema: TableSchema, node: exp.Table) -> tuple[Field, ...]:
    """The columns of a stored table under its name, and under its alias."""
    fields = called(fields, schema.name, schema.db)
    return called(fields, node.alias) if node.alias else fields


def names_above(items: Sequence[Item], values: Sequence[Value], relation: Relation) -> list[frozenset[Qualified]]:
    """The names with a point that find the columns of a SELECT, from those of the columns below.

    Of several that are the same column the last one has them.
    """
    below = {f.sql: f.names for f in relation.fields}
    found: list[frozenset[Qualified]] = []
    for item, value in zip(reversed(items), reversed(values), strict=True):
        found.append(below.pop(value.sql, frozenset()) if isinstance(item.node, exp.Column) else frozenset())
    return found[::-1]


def _shared(window: Window, relation: Relation) -> frozenset[str]:
    keys = {value.sql for value in partition_columns(window, relation.fields)}
    return frozenset(column for f in relation.fields if f.sql in keys and (column := f.origin(0)))


def _origins(field: Field, relation: Relation) -> tuple[str | None, ...]:
    return tuple(field.origin(place) for place in range(len(relation.scans)))


def _check_with(node: exp.Expr) -> None:
    """Refuse two subqueries of one name in a WITH."""
    ctes = node.args["with_"].expressions if node.args.get("with_") else []
    for place, cte in enumerate(ctes):
        if cte.alias in {other.alias for other in ctes[:place]}:
            raise SqlError(
                f"multiple CTEs in the same WITH clause can't have same name: {cte.alias}", **nodes.position(cte.this)
            )


def is_simple(node: exp.Expr) -> bool:
    """Whether a column of SELECT is a column, a constant, or a cast of one: OpenMLDB's "simple project"."""
    if isinstance(node, exp.Cast):
        return is_simple(node.this)
    if isinstance(node, exp.Anonymous):
        known = not isinstance(node.this, exp.Identifier) and str(node.this).lower() in TYPE_WORDS
        return known and len(node.expressions) == 1 and is_simple(node.expressions[0])
    return isinstance(node, exp.Column | exp.Literal | exp.Null | exp.Boolean)


def bound_query(tree: exp.Expr, context: Context) -> bound.Query:
    """A query, resolved over the catalog's tables.

    Raises:
        UnsupportedError: the tree is none.
    """
    root = bound.bind(tree, context.db or "", _Columns(context.catalog)).root
    if root is None:
        raise UnsupportedError(type(tree).__name__, **nodes.position(tree))
    return root


@dataclass(frozen=True)
class _Columns:
    """The columns of a catalog's tables; see `dsflow.openmldb.bound.Tables`."""

    catalog: Catalog

    def get(self, key: bound.TableKey, /) -> dict[str, ColumnType] | None:
        try:
            return {c.name: c.type for c in self.catalog.table(key[0] or None, key[1]).columns}
        except SqlError:
            return None  # said where the table is compiled


def typed(value: Value) -> Value:
    """A column that is NULL and nothing else is a bool."""
    return Value(null_of(BOOL), BOOL, constant=True) if value.is_null else value


def expand(items: list[exp.Expr], relation: Relation) -> list[Item]:
    """The columns of SELECT, with ``*`` and ``t.*`` written out.

    Raises:
        SqlError: ``t.*`` of a table that is not there.
    """
    found: list[Item] = []
    for item in items:
        if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
            found += _star(item, relation)
        elif isinstance(item, exp.Alias):
            found.append(Item(item.alias, item.this))
        else:
            found.append(Item(column_name(item), item))
    return found


def _star(item: exp.Expr, relation: Relation) -> list[Item]:
    table = item.text("table") or None
    columns = []
    for f in relation.fields:
        if table is None or any(name[1] == table for name in f.names):
            column = exp.Column(this=exp.to_identifier(f.name))
            column.meta["field"] = f
            columns.append(Item(f.name, column))
    if not columns:
        raise SqlError(f"there are no columns of {table or 'a table'} here", **nodes.position(item))
    return columns


def output_columns(relation: Relation) -> tuple[Column, ...]:
    """The columns of a query's result.

    Raises:
        UnsupportedError: one of them is an array or a map.
    """
    columns = []
    for f in relation.fields:
        if not isinstance(f.type, ColumnType):
            raise UnsupportedError(f"a result of the type {f.type} (column {f.name})")
        columns.append(Column(f.name, f.type))
    return tuple(columns)


def final_sql(relation: Relation) -> str:
    """The statement that gives a relation's columns."""
    # a column that is called '' has no name in DuckDB
    outputs = ", ".join(f"{f.sql} AS {quote(f.name or ' ')}" for f in relation.fields)
    order = f" ORDER BY {relation.row}" if relation.sorted else ""
    return f"SELECT {outputs} FROM {relation.from_sql}{order}"
