"""Queries and parts of them that several rules look for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Query

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.openmldb.bound import BoundQuery, Join, Rows


def parsed(model: Model) -> Iterator[tuple[Query, BoundQuery]]:
    """The queries that parse, each with what it resolves to."""
    for query in model.queries:
        if query.tree is not None:
            yield query, model.bound(query)


def deployed(model: Model) -> Iterator[tuple[Query, BoundQuery]]:
    """Those of them that are deployed."""
    yield from ((query, bound) for query, bound in parsed(model) if "request" in query.modes)


def calls(bound: BoundQuery) -> Iterator[tuple[Any, Rows]]:
    """The calls of functions in a query's output columns and conditions, each with the rows that it sees."""
    from sqlglot import exp

    for select in bound.selects:
        for call in select.node.find_all(exp.Anonymous):
            if call.find_ancestor(exp.Select) is select.node:
                yield call, select.input


def equal_columns(join: Join) -> list[tuple[exp.Column, exp.Column]]:
    """Pairs of columns, left and right, that a join compares by =."""
    from sqlglot import exp

    return [(a, b) for a, b in join.pairs if isinstance(a, exp.Column) and isinstance(b, exp.Column)]


def bare_cast(item: Any) -> tuple[Any, ColumnType] | None:
    """The column and the type of ``cast(column as type)`` or ``type(column)``."""
    from sqlglot import exp

    from dsflow.openmldb.bound import cast_type

    kind = cast_type(item)
    column = (item.this if isinstance(item, exp.Cast) else item.expressions[0]) if kind is not None else None
    return (column, kind) if kind is not None and isinstance(column, exp.Column) else None


def column_type(rows: Rows, column: Any) -> ColumnType | None:
    """The type of a column of some rows; None of what is no column, or not declared."""
    from sqlglot import exp

    found = rows.found(column) if isinstance(column, exp.Column) else None
    return found.type if found is not None else None
