"""From which stored table the rows of a window come, and through which index of it they are read.

The source of a window may be a table, a table with joins, or plain columns of those, under any names. OpenMLDB follows
the window's columns down to the left-most table and reads that one through an index, whose TTL then counts (its
``group_and_sort_optimized.cc``, ``KeysOptimized``). Columns that lead elsewhere it refuses (its ``transform.cc``,
``OptimizeRequestJoinAsWindowProducer`` and ``ValidateWindowIndexOptimization``).
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from dsflow.embedded.compiler.frames import column_of, partition_columns
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.types import IndexKey
from dsflow.embedded.compiler.windows import Window
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes


def window_index(window: Window, source: Relation, fields: tuple[Field, ...]) -> IndexKey:
    """The index of the source's left-most table by which a window finds its rows.

    Args:
        window: the window.
        source: the window's own source, or one of its UNION.
        fields: the source's columns as the window names them.

    Raises:
        SqlError: a column of PARTITION BY or ORDER BY is not one of that table's.
        UnsupportedError: the source is a UNION, has a LIMIT, GROUP BY or a window of its own.
    """
    if source.scan is None:
        raise UnsupportedError(
            "a window in request mode over a query with UNION, LIMIT, GROUP BY or a window",
            **nodes.position(window.partition[0]),
        )
    origins = {f.sql: f.origin for f in fields}

    def origin(node: exp.Expr, sql: str) -> str:
        found = origins.get(sql)
        if found is None:
            raise SqlError(
                "in request mode the rows of a window are found by columns of its left-most table, "
                f"and {node.sql(dialect='openmldb')} is none of them",
                hint="take a column of the table itself, neither computed nor from the right of a join",
                **nodes.position(node),
            )
        return found

    values = partition_columns(window, fields)
    keys = tuple(origin(node, value.sql) for node, value in zip(window.partition, values, strict=True))
    order = window.order
    ts = origin(order, column_of(order, fields, "ORDER BY").sql) if order is not None else None
    return IndexKey(source.scan.schema, keys, ts)


def with_rows(relation: Relation, rows: str) -> Relation:
    """The same relation over other rows of its left-most table, a FROM clause's text."""
    scan = relation.scan
    assert scan is not None
    if relation.alias == scan.alias:
        return replace(relation, sql=rows)
    # it stands there once: no other table of the statement has that alias
    table = rf"{re.escape(scan.schema.relation)} AS {scan.alias}\b"
    return replace(relation, sql=re.sub(table, lambda _: f"{rows} AS {scan.alias}", relation.sql, count=1))
