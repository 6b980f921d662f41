"""Tables and their rows: what CREATE TABLE, CREATE INDEX, INSERT and DELETE mean."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dsflow.embedded.catalog import Index, Table
from dsflow.embedded.compiler import Column
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.storage import quote
from dsflow.embedded.textvalues import EXPECTED, INT_RANGES, check_range, value_of_text
from dsflow.openmldb import nodes
from dsflow.openmldb.ttl import UNITS_MS, Ttl, minutes_of
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    from dsflow.openmldb.nodes import ColumnSpec, CreateTable, IndexSpec, InsertRows


# ---- CREATE TABLE


def table_of(statement: CreateTable, db: str, tid: int) -> Table:
    """The table that a CREATE TABLE describes.

    Raises:
        SqlError: it contradicts itself, or names a type or column that is not there.
        UnsupportedError: OpenMLDB may know it, the embedded engine does not.
    """
    if statement.like is not None:
        raise UnsupportedError(
            f"CREATE TABLE ... LIKE {statement.like[0].upper()}: there is no Hive here", **nodes.position(statement)
        )
    columns = tuple(_column(spec) for spec in statement.columns)
    if not columns:
        raise SqlError("a table needs at least one column")
    seen: dict[str, str] = {}
    for column, spec in zip(columns, statement.columns, strict=True):
        lower = column.name.lower()
        if lower in seen:
            twice = "twice" if seen[lower] == column.name else f"beside {seen[lower]}, which differs in case only"
            raise SqlError(f"column {column.name} is there {twice}", **nodes.position(spec))
        if lower == "__row":
            raise UnsupportedError("a column named __row", "the name is taken", **nodes.position(spec))
        seen[lower] = column.name
    defaults = {
        spec.name: _stored_json(literal(spec.default, column))
        for spec, column in zip(statement.columns, columns, strict=True)
        if spec.default is not None
    }
    table = Table(tid, db, statement.table.name, columns, (), defaults, _options(statement))
    indexes: list[Index] = []
    for index_spec in statement.indexes:
        index = index_of(index_spec, table, f"INDEX_{len(indexes)}_{tid}")
        if any(index.id == other.id for other in indexes):
            keys = ", ".join(index.keys)
            raise SqlError(f"two indexes have the key ({keys}) and the same TS", **nodes.position(index_spec))
        indexes.append(index)
    return _with_indexes(table, indexes or [_default_index(table)])


def _with_indexes(table: Table, indexes: Sequence[Index]) -> Table:
    from dataclasses import replace

    return replace(table, indexes=tuple(indexes))


def _column(spec: ColumnSpec) -> Column:
    try:
        kind = ColumnType.parse(spec.kind)
    except ValueError as error:
        raise SqlError(f"column {spec.name}: {error}", **nodes.position(spec)) from None
    return Column(spec.name, kind, not spec.not_null)


def _options(statement: CreateTable) -> dict[str, Any]:
    known = {"partitionnum", "replicanum", "storage_mode", "compress_type", "distribution"}
    for name in statement.options:
        if name not in known:
            raise SqlError(f"CREATE TABLE has no option {name!r}; it knows {', '.join(sorted(known))}")
    return {name: value for name, value in statement.options.items() if isinstance(value, str | int | bool)}


def _default_index(table: Table) -> Index:
    for column in table.columns:
        if column.type not in (ColumnType.FLOAT, ColumnType.DOUBLE):
            return Index(f"INDEX_0_{table.tid}", (column.name,))
    raise SqlError("a table needs a column that can be a key; float and double cannot")


def index_of(spec: IndexSpec, table: Table, name: str) -> Index:
    """The index that an ``INDEX(...)`` describes.

    Raises:
        SqlError: its columns or its TTL are wrong.
    """
    where = nodes.position(spec)
    if spec.key_kind != "key":
        raise UnsupportedError(f"{spec.key_kind.upper()} indexes", **where)
    if spec.unknown_options:
        raise SqlError(f"an index has no option {spec.unknown_options[0]!r}", **where)
    if not spec.keys:
        raise SqlError("an index needs KEY=column or KEY=(column, ...)", **where)
    for key in spec.keys:
        column = table.column(key)
        if column is None:
            raise SqlError(f"the index names column {key}, which table {table.name} does not have", **where)
        if column.type in (ColumnType.FLOAT, ColumnType.DOUBLE):
            raise SqlError(f"column {key} is {column.type}: float and double cannot be a key", **where)
    if spec.ts is not None:
        column = table.column(spec.ts)
        if column is None:
            raise SqlError(f"the index names TS={spec.ts}, which table {table.name} does not have", **where)
        if column.type not in (ColumnType.TIMESTAMP, ColumnType.BIGINT):
            raise SqlError(f"TS={spec.ts} is {column.type}, but must be timestamp or bigint", **where)
    ttl = _ttl(spec, where)
    if spec.ts is None and ttl.normalised().minutes:
        raise UnsupportedError(
            "an index with a TTL by age and no TS column", "it would go by the time of arrival, which is not kept",
            hint="name a TS column, or use TTL_TYPE=latest", **where,
        )  # fmt: skip
    return Index(spec.name or name, spec.keys, spec.ts, ttl)


def _ttl(spec: IndexSpec, where: dict[str, Any]) -> Ttl:
    kind = (spec.ttl_type or "absolute").lower()
    if kind not in ("absolute", "latest", "absorlat", "absandlat"):
        raise SqlError(f"TTL_TYPE={kind} is not known; use absolute, latest, absorlat or absandlat", **where)
    minutes = latest = None
    for part in spec.ttl:
        match = re.fullmatch(r"([0-9]+)([smhdSMHD]?)", part)
        if match is None:
            raise SqlError(f"TTL={part} is neither a time like 10d nor a number of rows", **where)
        if match[2]:
            minutes = minutes_of(int(match[1]) * UNITS_MS[match[2].lower()])
        else:
            latest = int(match[1])
    if kind == "absolute" and latest is not None and not (latest == 0 and len(spec.ttl) == 1):
        raise SqlError("TTL_TYPE=absolute needs a TTL with a unit, like 10d or 30m", **where)
    if kind == "latest" and minutes is not None:
        raise SqlError("TTL_TYPE=latest needs a TTL without a unit: the number of rows to keep", **where)
    if kind == "absolute":
        return Ttl("absolute", minutes or 0)
    if kind == "latest":
        return Ttl("latest", latest=latest or 0)
    return Ttl(kind, minutes or 0, latest or 0)  # type: ignore[arg-type]


# ---- INSERT


def rows_of(statement: InsertRows, table: Table) -> list[list[Any]]:
    """The stored values of an INSERT's rows, in the order of the table's columns.

    Raises:
        SqlError: a value does not fit its column.
    """
    names = statement.columns or tuple(column.name for column in table.columns)
    unknown = next((name for name in names if table.column(name) is None), None)
    if unknown is not None:
        raise SqlError(f"table {table.name} has no column {unknown}", **nodes.position(statement))
    positions = {name: position for position, name in enumerate(names)}
    rows = []
    for number, values in enumerate(statement.rows, 1):
        if len(values) != len(names):
            where = nodes.position(values[0]) if values else {}
            raise SqlError(f"row {number} of the INSERT has {len(values)} values for {len(names)} columns", **where)
        row = []
        for column in table.columns:
            position = positions.get(column.name)
            if position is not None:
                row.append(literal(values[position], column))
            elif column.name in table.defaults:
                row.append(stored(table.defaults[column.name], column))
            elif column.nullable:
                row.append(None)
            else:
                raise SqlError(f"the INSERT gives no value for column {column.name}, which is NOT NULL")
        rows.append(row)
    return rows


def literal(node: exp.Expr | None, column: Column) -> Any:
    """The stored value of a literal for a column.

    Raises:
        SqlError: it does not fit.
        UnsupportedError: it is an expression.
    """
    node = node.unnest() if node is not None else None
    inner = node.this if isinstance(node, exp.Neg) else node
    if not isinstance(inner, exp.Literal | exp.Boolean | exp.Null):
        text = node.sql(dialect="openmldb") if node is not None else ""
        raise UnsupportedError(f"the expression {text} as a value: only literals", **_at(node))
    try:
        return stored(nodes.literal_value(node) if node is not None else None, column)
    except ValueError as error:
        raise SqlError(f"column {column.name}: {error}", **_at(node)) from None


def _at(node: exp.Expr | None) -> dict[str, Any]:
    return nodes.position(node) if node is not None else {}


def stored(value: Any, column: Column) -> Any:
    """A Python value as it is stored in a column.

    Raises:
        ValueError: it does not fit; the message says why.
    """
    kind = column.type
    if value is None:
        if not column.nullable:
            raise ValueError("NULL is not allowed (the column is NOT NULL)")
        return None
    if isinstance(value, bool):
        if kind is ColumnType.BOOL:
            return value
    elif isinstance(value, int):
        if kind in INT_RANGES:
            return check_range(kind, value)
        if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
            return float(value)
        if kind is ColumnType.TIMESTAMP:
            return check_range(ColumnType.BIGINT, value)
    elif isinstance(value, float):
        if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
            return value
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        if kind is ColumnType.DATE:
            return value
    elif isinstance(value, str):
        if kind is ColumnType.STRING:
            return value
        if kind in (ColumnType.TIMESTAMP, ColumnType.DATE):
            try:
                return value_of_text(kind, value)
            except ValueError:
                pass
    raise ValueError(f"{value!r} is not {EXPECTED[kind]}")


def _stored_json(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    return value if not (isinstance(value, float) and math.isnan(value)) else None


# ---- DELETE


def delete_condition(where: exp.Expr | None, table: Table) -> tuple[str, list[Any]]:
    """The condition of a DELETE as DuckDB SQL and its parameters.

    OpenMLDB deletes by key and time only: comparisons of columns with literals, joined by AND.

    Raises:
        SqlError: there is no condition, or it is of another kind.
    """
    if where is None:
        raise SqlError("DELETE needs a WHERE; TRUNCATE TABLE removes all rows")
    parts: list[str] = []
    values: list[Any] = []
    for part in where.flatten() if isinstance(where, exp.And) else [where]:
        condition = part.unnest()
        operator = _OPERATORS.get(type(condition))
        column_node, value_node = condition.args.get("this"), condition.args.get("expression")
        if operator is None or not isinstance(column_node, exp.Column) or value_node is None:
            raise SqlError(
                f"DELETE cannot go by {condition.sql(dialect='openmldb')}: only comparisons of a column with a literal",
                **nodes.position(condition),
            )
        column = table.column(column_node.name)
        if column is None:
            raise SqlError(f"table {table.name} has no column {column_node.name}", **nodes.position(column_node))
        value = literal(value_node, Column(column.name, column.type))
        if value is None:
            parts.append(f"{quote(column.name)} IS NULL")
        else:
            parts.append(f"{quote(column.name)} {operator} ?")
            values.append(value)
    return " AND ".join(parts), values


_OPERATORS: dict[type[exp.Expr], str] = {exp.EQ: "=", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
