"""By which stored columns rows are found in request mode.

A window, a join and a condition ``column = constant`` find their rows through an index of the table that those columns
come from. OpenMLDB follows the columns down to the left-most table (its ``group_and_sort_optimized.cc``,
``KeysOptimizedImpl``); this is the same reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from dsflow.openmldb import nodes
from dsflow.openmldb.bound.model import Column, Lookup, Rows, conjuncts
from dsflow.openmldb.bound.names import ANY, named

Pairs = tuple[tuple[exp.Expr, exp.Expr], ...]


def split(left: Rows, right: Rows, on: exp.Expr | None) -> tuple[Pairs, tuple[exp.Expr, ...]]:
    """The equalities ``left = right`` and ``constant = right`` of a join's condition, and its other parts.

    A name without a table means a column of the side that it is looked for on (OpenMLDB's ``condition_optimized.cc``,
    ``TransformJoinEqualExprPair``).
    """
    pairs, others = [], []
    both = Rows((*left.columns, *right.columns), db=left.db)
    for part in conjuncts(on):
        pair = _pair(part, left, right, both) if isinstance(part, exp.EQ) else None
        if pair is None:
            others.append(part)
        else:
            pairs.append(pair)
    return tuple(pairs), tuple(others)


def _pair(part: exp.EQ, left: Rows, right: Rows, both: Rows) -> tuple[exp.Expr, exp.Expr] | None:
    sides = part.this, part.args["expression"]
    for constant in (True, False):
        for value, key in (sides, sides[::-1]):
            if _is_constant(value) is constant and _is_of(key, right, both) and (constant or _is_of(value, left, both)):
                return value, key
    return None


def _is_constant(node: exp.Expr) -> bool:
    return node.find(exp.Column) is None


def _is_of(node: exp.Expr, side: Rows, both: Rows) -> bool:
    """Whether an expression has columns, and all of them can be ones of a side."""
    columns = list(node.find_all(exp.Column))
    return bool(columns) and all(_can_be(column, side, both) for column in columns)


def _can_be(column: exp.Column, side: Rows, both: Rows) -> bool:
    parts = column.name, column.table or None, column.text("db") or None, side.db
    found = named(side.columns, *parts)
    if any(f.name == ANY for f in found):  # of a table that is not known: only what no other table has
        return any(f in found for f in named(both.columns, *parts))
    return bool(found)


def join_lookups(
    left: Rows, right: Rows, pairs: Pairs, others: Sequence[exp.Expr], order: exp.Ordered | None
) -> Iterator[Lookup]:
    """How a join finds the rows of its right side."""
    filters = right.filters
    for part in others:
        filters |= _columns_read(part, right, left)
    rows = replace(right, filters=filters)
    yield from _lookups(rows, [key for _, key in pairs], None if order is None else order.this)


def window_lookups(
    rows: Rows,
    window: nodes.WindowDefinition,
    partition: Sequence[exp.Expr],
    order: exp.Ordered | None,
    union: Sequence[Rows],
) -> Iterator[Lookup]:
    """How a window finds its rows: the SELECT's own, and those of the tables of its UNION."""
    by_time = None if order is None else order.this
    if not window.args.get("instance_not_in_window"):
        yield from _lookups(rows, partition, by_time, stored=True)
    for other in union:
        yield from _lookups(_in_place_of(rows, other), partition, by_time)


def constant_keys(rows: Rows, condition: exp.Expr) -> tuple[tuple[Lookup, ...], Rows]:
    """The lookups of conditions ``column = constant``, and the rows that a condition leaves."""
    keys = [key for part in conjuncts(condition) if (key := _constant_key(part)) is not None]
    found = tuple(_lookups(rows, keys, None)) if keys else ()
    return found, replace(rows, filters=rows.filters | _columns_read(condition, rows))


def _constant_key(part: exp.Expr) -> exp.Expr | None:
    """The expression that a condition says to be a constant."""
    if not isinstance(part, exp.EQ):
        return None
    sides = part.this, part.args["expression"]
    return next((k for value, k in (sides, sides[::-1]) if _is_constant(value) and not _is_constant(k)), None)


def _in_place_of(rows: Rows, other: Rows) -> Rows:
    """A table of a window's UNION under the names of the window's own columns, which it has in the same order."""
    known = not any(column.name == ANY for column in (*rows.columns, *other.columns))
    if known and len(rows.columns) == len(other.columns):
        pairs = zip(rows.columns, other.columns, strict=True)
        return replace(other, columns=tuple(replace(a, origins=b.origins) for a, b in pairs))
    names = {n[:2] for column in rows.columns for n in column.names}
    columns = (replace(c, names=frozenset((*n, c.name) for n in names)) for c in other.columns)
    return replace(other, columns=tuple(columns))


def _lookups(
    rows: Rows, keys: Sequence[exp.Expr], by_time: exp.Expr | None, *, stored: bool = False
) -> Iterator[Lookup]:
    """How rows are found.

    Args:
        rows: what is looked up.
        keys, by_time: expressions; those that are no stored columns are no part of an index.
        stored: whether the request's table means its stored rows; elsewhere it means the request's row.
    """
    if any(isinstance(part, exp.Placeholder) for part in (*keys, by_time)):
        return  # which column a parameter names is not known
    for scan in rows.scans:
        if scan.request and not stored:
            continue
        columns = tuple(rows.origins(key).get(scan) for key in keys)
        ts = None if by_time is None else rows.origins(by_time).get(scan)
        filtered = None in columns or not rows.filters <= {column for column in columns if column}
        yield Lookup(scan, columns, ts, by_time is not None, filtered)


def _columns_read(node: exp.Expr, rows: Rows, besides: Rows | None = None) -> frozenset[str]:
    """The stored columns that a condition looks at; `ANY` for one that is none.

    Args:
        besides: rows whose columns are left out.
    """
    found: set[str] = set()
    for column in node.find_all(exp.Column):
        if besides is not None and _of_left(column, rows, besides):
            continue
        found |= set(rows.origins(column).values()) or {ANY}
    return frozenset(found)


def _of_left(column: exp.Column, right: Rows, left: Rows) -> bool:
    both: tuple[Column, ...] = (*left.columns, *right.columns)
    found = named(both, column.name, column.table or None, column.text("db") or None, left.db)
    return bool(found) and found[0] in left.columns
