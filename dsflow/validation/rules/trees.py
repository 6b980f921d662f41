"""Parts of queries that several rules look for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Query


def trees(model: Model) -> Iterator[Query]:
    """The queries that parse."""
    yield from (q for q in model.queries if q.tree is not None)


def deployed(model: Model) -> Iterator[Query]:
    """Those of them that are deployed."""
    yield from (q for q in trees(model) if "request" in q.modes)


def selects(tree: Any) -> list[Any]:
    """All SELECTs of a query, subqueries included."""
    from sqlglot import exp

    return list(tree.find_all(exp.Select))


def joins(tree: Any) -> list[Any]:
    """All joins of a query, those of subqueries included."""
    from sqlglot import exp

    return list(tree.find_all(exp.Join))


def windows_of(select: Any) -> Iterator[Any]:
    """The windows that a SELECT itself defines, in its WINDOW clause or after OVER."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    yield from (w for w in select.find_all(nodes.WindowDefinition) if w.find_ancestor(exp.Select) is select)


def read_below(tree: Any) -> list[Any]:
    """The SELECTs whose rows a join, or the UNION of a window, reads: those of subqueries and of WITH."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    named = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
    waiting = [join.this for join in tree.find_all(exp.Join)]
    for window in tree.find_all(nodes.WindowDefinition):
        waiting += window.args.get("union") or ()
    found: dict[int, Any] = {}
    seen: set[str] = set()
    while waiting:
        place = waiting.pop()
        found |= {id(select): select for select in place.find_all(exp.Select)}
        for table in place.find_all(exp.Table):
            if table.name in named and table.name not in seen:
                seen.add(table.name)
                waiting.append(named[table.name])
    return list(found.values())


def conjuncts(condition: Any) -> list[Any]:
    """The parts of a condition that AND joins; [] of None."""
    from sqlglot import exp

    if condition is None:
        return []
    inner = condition.unnest()
    return [*conjuncts(inner.this), *conjuncts(inner.expression)] if isinstance(inner, exp.And) else [inner]


def equal_columns(condition: Any) -> list[tuple[Any, Any]]:
    """Pairs of columns that a condition compares by =."""
    from sqlglot import exp

    if condition is None:
        return []
    pairs = [(equal.this, equal.expression) for equal in condition.find_all(exp.EQ)]
    return [(a, b) for a, b in pairs if isinstance(a, exp.Column) and isinstance(b, exp.Column)]


_CAST_FUNCTIONS = {
    **{t.value: t for t in ColumnType},
    "int16": ColumnType.SMALLINT,
    "int32": ColumnType.INT,
    "int64": ColumnType.BIGINT,
}


def bare_cast(item: Any) -> tuple[Any, ColumnType] | None:
    """The column and the type of ``cast(column as type)`` or ``type(column)``."""
    from sqlglot import exp

    if isinstance(item, exp.Cast) and isinstance(item.this, exp.Column):
        word, column = str(item.args["to"].name).lower(), item.this
    elif isinstance(item, exp.Anonymous) and len(item.expressions) == 1:
        word, column = item.name.lower(), item.expressions[0]
    else:
        return None
    kind = _CAST_FUNCTIONS.get(word)
    return (column, kind) if kind and isinstance(column, exp.Column) else None


def column_type(model: Model, query: Query, column: Any) -> ColumnType | None:
    """The declared type of a column, by its name; None where no table of the query that is declared has it."""
    from sqlglot import exp

    if not isinstance(column, exp.Column):
        return None
    nodes = list(query.tree.find_all(exp.Table))
    named = [t for t in nodes if column.table in (t.name, t.alias)]
    for node in named or nodes:
        table = model.tables.get((node.db or query.db, node.name))
        if table and column.name in table.columns:
            return table.columns[column.name]
    return None
