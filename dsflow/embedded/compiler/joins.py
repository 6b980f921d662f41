"""LAST JOIN and LEFT JOIN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from dsflow.embedded.compiler.expressions import Expressions
from dsflow.embedded.compiler.operators import comparable, operands_for_comparison, truth
from dsflow.embedded.compiler.scope import FreshNames, Relation, named
from dsflow.embedded.compiler.types import ROW_COLUMN
from dsflow.embedded.compiler.values import FLOATS, INTEGERS, STRING, TIMESTAMP, Value
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes
from dsflow.openmldb.bound import Join


@dataclass(frozen=True)
class JoinCondition:
    """The condition of ON in parts.

    Attributes:
        left_keys, right_keys: the two sides of ``left = right``, one of each for every such part; the left one may be a
            constant.
        right_columns: for each of them the SQL of the right side's column, "" when it is computed.
        others: the parts that are no such equality, as DuckDB SQL.
        given: for each of the left keys whether it is made of nothing but constants and values of the request row.
        right_only: the others use the right side's columns only.
        texts: for each of the left keys whether it is a text.
    """

    left_keys: tuple[str, ...]
    right_keys: tuple[str, ...]
    right_columns: tuple[str, ...]
    given: tuple[bool, ...]
    others: tuple[str, ...]
    right_only: bool
    texts: tuple[bool, ...] = ()

    def by_index(self) -> JoinCondition:
        """What the online engine's index looks at: of several keys for one column only the last."""
        last = {column: place for place, column in enumerate(self.right_columns) if column}
        kept = [p for p, column in enumerate(self.right_columns) if not column or last[column] == p]

        def only(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[p] for p in kept)

        texts = tuple(self.texts[p] for p in kept)
        return replace(
            self,
            left_keys=only(self.left_keys),
            right_keys=only(self.right_keys),
            right_columns=only(self.right_columns),
            given=tuple(self.given[p] for p in kept),
            texts=texts,
        )

    @property
    def of_index(self) -> list[int]:
        """The places of the keys that an online index joins by |, so that other texts may meet; [] if none can."""
        places = [place for place, column in enumerate(self.right_columns) if column]
        return places if sum(self.texts[place] for place in places) > 1 else []

    def joined(self) -> JoinCondition:
        """The condition with those keys as one, as an online index compares them."""
        places = self.of_index
        if not places:
            return self
        rest = [place for place in range(len(self.left_keys)) if place not in places]

        def one(values: tuple[str, ...]) -> tuple[str, ...]:
            return (index_key([values[p] for p in places]), *(values[p] for p in rest))

        return replace(
            self,
            left_keys=one(self.left_keys),
            right_keys=one(self.right_keys),
            right_columns=("",) * (1 + len(rest)),
            given=(all(self.given[p] for p in places), *(self.given[p] for p in rest)),
            texts=(True, *(self.texts[p] for p in rest)),
        )


def index_key(values: Sequence[str]) -> str:
    """The text by which an online index knows several values."""
    return f"concat_ws('|', {', '.join(f'oml_key_part(CAST({value} AS VARCHAR))' for value in values)})"


def bare_keys(keys: Sequence[str], texts: Sequence[bool]) -> tuple[str, ...]:
    """The values that are looked up; of several texts none may hold a |, by which an online index joins them."""
    if sum(texts) < 2:
        return tuple(keys)
    all_of_them = f"concat({', '.join(key for key, text in zip(keys, texts, strict=True) if text)})"
    return tuple(f"oml_bare_key({key}, {all_of_them})" if text else key for key, text in zip(keys, texts, strict=True))


def split_condition(join: Join, left: Relation, right: Relation, expressions: Expressions) -> JoinCondition:
    """The equalities between the two sides in ON, and its other parts."""
    left_keys, right_keys, right_columns, given, texts = [], [], [], [], []
    for a, b in join.pairs:
        va = expressions.over(left.fields).compile(a) if a.find(exp.Column) else expressions.compile(a)
        vb = expressions.over(right.fields).compile(b)
        if not comparable(va, vb):
            raise SqlError(f"= does not take {va.type} and {vb.type}", **nodes.position(b.parent or b))
        sql_a, sql_b, _ = operands_for_comparison(va, vb)
        left_keys.append(sql_a)
        right_keys.append(sql_b)
        right_columns.append(vb.sql if isinstance(b, exp.Column) else "")
        given.append(_given(a, expressions.over(left.fields)))
        check_key(b, vb)
        texts.append(va.type is vb.type is STRING)
    others = tuple(truth(expressions.compile(part)) for part in join.others)
    right_only = all(_is_of(part, right, expressions) for part in join.others)
    return JoinCondition(
        tuple(left_keys), tuple(right_keys), tuple(right_columns), tuple(given), others, right_only, tuple(texts)
    )


def _given(node: exp.Expr, expressions: Expressions) -> bool:
    return all(expressions.compile(column).given for column in node.find_all(exp.Column))


def check_key(node: exp.Expr, value: Value) -> None:
    """A key of a join or of GROUP BY.

    Raises:
        SqlError: it is a float or a double.
    """
    if value.type in FLOATS:
        raise SqlError(
            f"unsupported partition key: '{node.sql(dialect='openmldb')}', type is {value.type},"
            " should be bool, intxx, string, date or timestamp",
            **nodes.position(node),
        )


def check_clear(join: Join, left: Relation) -> None:
    """The keys by which an index is found say of which table they are, where the left side has such a column, too.

    Raises:
        SqlError: one does not.
    """
    for column in (column for _, key in join.pairs for column in key.find_all(exp.Column)):
        if not column.text("table") and any(f.name == column.name for f in left.fields):
            raise SqlError(
                f"Isn't partition provider: the column {column.name} is on both sides of the join",
                hint="write the table before it",
                **nodes.position(column),
            )


def _is_of(node: exp.Expr, relation: Relation, expressions: Expressions) -> bool:
    """Whether an expression has columns and all of them are ones of the relation."""
    columns = list(node.find_all(exp.Column))
    names = [(c.name, c.text("table") or None, c.text("db") or None) for c in columns]
    return bool(columns) and all(named(relation.fields, *parts, expressions.db) for parts in names)


def last_join(
    left: Relation,
    right: Relation,
    join: Join,
    expressions: Expressions,
    names: FreshNames,
    *,
    null_keys: bool,
    known_order: bool = False,
) -> Relation:
    """For each row of the left side the last matching row of the right side, by ORDER BY or else by arrival.

    Args:
        null_keys: whether NULL keys match each other.
        known_order: ``right.row`` is in the order of arrival also for the rows of a UNION.

    Raises:
        UnsupportedError: nothing says which row of a UNION is the last one.
    """
    condition = split_condition(join, left, right, expressions)
    if null_keys:
        condition = condition.by_index().joined()
    check_order(join, left, right)
    newest = newest_first(join, right)
    operator = "IS NOT DISTINCT FROM" if null_keys else "="
    keys = [f"{a} {operator} {b}" for a, b in zip(condition.left_keys, condition.right_keys, strict=True)]
    if right.stacked and join.order is None and not known_order:
        if not right.side:
            raise UnsupportedError("LAST JOIN of a UNION without ORDER BY", **nodes.position(join.node))
        return _join_one_side(left, right, [*keys, *condition.others], names)
    if condition.left_keys and condition.right_only:
        return _join_newest(left, right, condition, newest, names, operator)
    return _join_lateral(left, right, [*keys, *condition.others], newest, names)


def newest_first(join: Join, right: Relation) -> str:
    """ORDER BY that puts the last row first."""
    order = join.node.args.get("order")
    parts: list[str] = []
    if order is not None:
        if len(order.expressions) != 1:
            raise UnsupportedError("LAST JOIN ordered by more than one column", **nodes.position(join.node))
        ordered = order.expressions[0]
        value = order_value(ordered, right)
        parts.append(f"{value.sql} {'ASC NULLS LAST' if ordered.args.get('desc') else 'DESC NULLS LAST'}")
    parts.append(f"{right.row} DESC")
    return ", ".join(parts)


def check_order(join: Join, left: Relation, right: Relation) -> None:
    """ORDER BY of LAST JOIN says of which table its column is, where both sides have one of that name.

    Raises:
        SqlError: it does not.
    """
    order = join.node.args.get("order")
    for column in order.find_all(exp.Column) if order is not None else ():
        both = all(any(f.name == column.name for f in side.fields) for side in (left, right))
        if both and not column.text("table"):
            raise SqlError(
                f"Ambiguous column name {column.name}", hint="write the table before it", **nodes.position(column)
            )


def order_value(ordered: exp.Ordered, right: Relation) -> Value:
    """The column of LAST JOIN's ORDER BY."""
    if not isinstance(ordered.this, exp.Column):
        raise SqlError("ORDER BY of LAST JOIN takes a column", **nodes.position(ordered))
    value = Expressions(right.fields).compile(ordered.this)
    if value.type not in (*INTEGERS, TIMESTAMP):
        raise SqlError(f"ORDER BY of LAST JOIN does not take {value.type}", **nodes.position(ordered))
    return value


def _join_newest(
    left: Relation, right: Relation, condition: JoinCondition, newest: str, names: FreshNames, operator: str
) -> Relation:
    alias = names("j")
    keys = ", ".join(condition.right_keys)
    columns = [f"{f.sql} AS c{i}" for i, f in enumerate(right.fields)]
    columns += [f"{key} AS k{i}" for i, key in enumerate(condition.right_keys)]
    where = f" WHERE {' AND '.join(condition.others)}" if condition.others else ""
    rank = f"row_number() OVER (PARTITION BY {keys} ORDER BY {newest}) = 1"
    inner = f"(SELECT {', '.join(columns)} FROM {right.from_sql}{where} QUALIFY {rank})"
    on = " AND ".join(f"{key} {operator} {alias}.k{i}" for i, key in enumerate(condition.left_keys))
    return _joined(left, f"LEFT JOIN {inner} AS {alias} ON {on}", right, alias)


def _join_lateral(left: Relation, right: Relation, on: list[str], newest: str, names: FreshNames) -> Relation:
    alias = names("j")
    columns = ", ".join(f"{f.sql} AS c{i}" for i, f in enumerate(right.fields))
    inner = f"(SELECT {columns} FROM {right.from_sql} WHERE {' AND '.join(on)} ORDER BY {newest} LIMIT 1)"
    return _joined(left, f"LEFT JOIN LATERAL {inner} AS {alias} ON true", right, alias)


def _join_one_side(left: Relation, right: Relation, on: list[str], names: FreshNames) -> Relation:
    """LAST JOIN of a UNION without ORDER BY: of rows of one side the newest is known, of rows of several none."""
    alias = names("j")
    row = ", ".join(f"'c{i}': {f.sql}" for i, f in enumerate(right.fields))
    inner = (
        f"(SELECT arg_max({{{row}}}, {right.row}) AS newest, min({right.side}) <> max({right.side}) AS several"
        f" FROM {right.from_sql} WHERE {' AND '.join(on)})"
    )
    refusal = "oml_refuse('LAST JOIN of a UNION without ORDER BY, with rows of both sides, is not supported')"
    joined = _joined(left, f"LEFT JOIN LATERAL {inner} AS {alias} ON true", right, alias)
    width = len(left.fields)
    fields = tuple(
        replace(f, sql=f"CASE WHEN {alias}.several THEN {refusal} ELSE ({alias}.newest).c{i} END")
        for i, f in enumerate(joined.fields[width:])
    )
    return replace(joined, fields=(*joined.fields[:width], *fields))


def left_join(left: Relation, right: Relation, join: Join, expressions: Expressions, names: FreshNames) -> Relation:
    """LEFT JOIN."""
    if not join.node.args.get("on"):
        raise SqlError("LEFT JOIN needs ON", **nodes.position(join.node))
    split_condition(join, left, right, expressions)  # looks at the keys
    condition = expressions.condition(join.node.args["on"])
    joined = _joined(left, f"LEFT JOIN {right.from_sql} ON {condition}", right, right.alias, keep=True)
    return replace(joined, repeats=True)


def left_join_newest_last(
    left: Relation, right: Relation, join: Join, expressions: Expressions, names: FreshNames
) -> Relation:
    """LEFT JOIN where NULL keys match and the rows have an order: the left side's, then the right side's."""
    condition = split_condition(join, left, right, expressions)
    keys = zip(condition.left_keys, condition.right_keys, strict=True)
    on = [*(f"{a} IS NOT DISTINCT FROM {b}" for a, b in keys), *condition.others]
    alias = names("t")
    fields = (*left.fields, *(replace(f, origins=()) for f in right.fields))
    columns = "".join(f"{f.sql} AS c{i}, " for i, f in enumerate(fields))
    number = f"row_number() OVER (ORDER BY {left.row}, {right.row}) AS {ROW_COLUMN}"
    sql = f"(SELECT {columns}{number} FROM {left.from_sql} LEFT JOIN {right.from_sql} ON {' AND '.join(on)})"
    fields = tuple(replace(f, sql=f"{alias}.c{i}") for i, f in enumerate(fields))
    row = f"{alias}.{ROW_COLUMN}"
    return Relation(
        sql,
        alias,
        fields,
        row,
        scans=left.scans,
        stacked=left.stacked,
        many=True,
        computed=left.computed,
        fixed=left.fixed,
    )


def _joined(left: Relation, join: str, right: Relation, alias: str, *, keep: bool = False) -> Relation:
    added = [replace(f, sql=f.sql if keep else f"{alias}.c{i}", origins=()) for i, f in enumerate(right.fields)]
    return JoinedRelation(
        sql=left.sql,
        alias=left.alias,
        fields=(*left.fields, *added),
        row=left.row,
        one_row=left.one_row,
        scans=left.scans,
        stacked=left.stacked,
        windowed=left.windowed,
        many=left.many,
        repeats=left.repeats,
        computed=left.computed,
        fixed=left.fixed,
        tail=f"{tail_of(left)} {join}",
    )


@dataclass(frozen=True)
class JoinedRelation(Relation):
    """A relation with joins behind it."""

    tail: str = ""

    @property
    def stored(self) -> bool:
        return False

    @property
    def from_sql(self) -> str:
        return f"{self.sql} AS {self.alias}{self.tail}"


def tail_of(relation: Relation) -> str:
    """The joins behind a relation."""
    return relation.tail if isinstance(relation, JoinedRelation) else ""
