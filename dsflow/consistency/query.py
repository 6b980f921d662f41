"""The batch query that answers, over the offline tables, what a deployment answers to requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsflow.errors import DeclarationError

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.openmldb.bound import Select

KEY = "dsflow_probe_"
"""What the names of the columns begin with that hand a probe's own values through."""


def as_requests(sql: str, source: str, probes: str, columns: Sequence[str]) -> str:
    """A feature query, rewritten so that each row of a table of probes is taken as a request.

    A deployment sees the request row and what is stored, the row's own stored copy and other rows of the same time
    included, and of other requests nothing. In batch mode that is a query of the probes whose windows hold the rows of
    the source table (UNION) and none of the other probes (INSTANCE_NOT_IN_WINDOW). The query as it stands would give
    other numbers for the same rows: there each row counts itself once, and later rows of the same time do not count.
    Where the request rows come through subqueries, each of these is rewritten so, and hands the probe's values on.

    Args:
        sql: the feature query, whose request rows are of the source table.
        source: the source table's name.
        probes: the name of a table of the same columns.
        columns: the source table's columns. They come first in the result, named ``KEY`` and a number, since a batch
            query keeps no order.

    Raises:
        DeclarationError: the query has no request rows, or they are not of the source table.
    """
    from sqlglot import exp

    from dsflow.openmldb.dialect import OpenMLDB
    from dsflow.openmldb.query import parse_query

    query = parse_query(sql).copy()
    selects = _request_selects(query, source, columns)
    main = selects[-1].source
    assert main is not None
    for select in selects:
        _hand_on(select, columns)
    for select in selects:  # the outer ones first: what they hold is stored, and has windows of its own kind
        for window in select.windows:
            if not window.node.args.get("base") and not window.has("instance_not_in_window"):
                window.node.append("union", _stored(select))
                window.node.set("instance_not_in_window", True)
    main.node.replace(exp.alias_(exp.to_table(probes), main.node.alias_or_name, table=True))
    return query.sql(OpenMLDB)


def time_column(sql: str, source: str, columns: Sequence[str]) -> str:
    """The column of the source table that the query's first window over its rows is ordered by, "" when there is none.

    Raises:
        DeclarationError: as `as_requests`.
    """
    from dsflow.openmldb.query import parse_query

    selects = _request_selects(parse_query(sql).copy(), source, columns)
    scan = selects[-1].source.scan if selects[-1].source is not None else None
    ordered = [(s.input, w.order.this) for s in selects for w in s.windows if w.order is not None]
    found = (rows.origins(node).get(scan) for rows, node in ordered) if scan is not None else ()
    return next(filter(None, found), "")


def _request_selects(query: exp.Query, source: str, columns: Sequence[str]) -> list[Select]:
    """The SELECTs through which request rows come, the outer ones first; names of WITH among them are written out.

    Raises:
        DeclarationError: there is a UNION in their place, or they do not lead to the source table.
    """
    from sqlglot import exp

    from dsflow.openmldb.bound import Select, bind

    while True:
        part = bind(query, "", {("", source): tuple(columns)}).root
        found: list[Select] = []
        while isinstance(part, Select):
            found.append(part)
            part = part.source.query if part.source is not None else None
        last = found[-1].source if found and part is None else None
        if last is None or last.scan is None or last.scan.table[1] != source:
            raise DeclarationError(
                f"the features cannot be asked for in batch mode: the query is not a SELECT ... FROM {source}",
                hint="its request rows may come through subqueries and WITH, but not through UNION",
            )
        named = next((s.source for s in found if s.source is not last and isinstance(s.source.node, exp.Table)), None)  # type: ignore[union-attr]
        if named is None or named.query is None:
            return found
        alias = exp.TableAlias(this=exp.to_identifier(named.node.alias_or_name))
        named.node.replace(exp.Subquery(this=named.query.node.copy(), alias=alias))


def _hand_on(select: Select, columns: Sequence[str]) -> None:
    """Let a SELECT give the request row's own values first."""
    from sqlglot import exp

    assert select.source is not None
    node, name = select.node, select.source.node.alias_or_name or None
    items: list[exp.Expr]
    if select.source.scan is not None:
        items = [exp.alias_(exp.column(c, table=name), f"{KEY}{number}") for number, c in enumerate(columns)]
        node.set("expressions", [*items, *node.expressions])
        return
    # `*` would give them once more
    own = [exp.column(column.name, table=name) for column in select.source.rows.columns]
    items = [exp.column(f"{KEY}{number}", table=name) for number in range(len(columns))]
    for item in node.expressions:
        if isinstance(item, exp.Star):
            items += [column.copy() for column in own]
            joined = (join.right.node.alias_or_name for join in select.joins)
            items += [exp.Column(this=exp.Star(), table=exp.to_identifier(table)) for table in joined]
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star) and item.table == name:
            items += [column.copy() for column in own]
        else:
            items.append(item)
    node.set("expressions", items)


def _stored(select: Select) -> exp.Expr:
    """What is stored, in the columns that a SELECT's windows see: those of its joins as well."""
    from sqlglot import exp

    assert select.source is not None
    joins = select.node.args.get("joins") or []
    if joins:
        stored = exp.select("*").from_(select.source.node.copy())
        stored.set("joins", [join.copy() for join in joins])
        return exp.Subquery(this=stored)
    if select.source.scan is not None:
        return exp.to_table(select.source.node.name)
    return exp.Subquery(this=select.source.node.this.copy())
