"""The batch query that answers, over the offline tables, what a deployment answers to requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsflow.errors import DeclarationError

if TYPE_CHECKING:
    from sqlglot import exp

KEY = "dsflow_probe_"
"""What the names of the columns begin with that hand a probe's own values through."""


def as_requests(sql: str, source: str, probes: str, columns: Sequence[str]) -> str:
    """A feature query, rewritten so that each row of a table of probes is taken as a request.

    A deployment sees the request row and what is stored, the row's own stored copy and other rows of the same time
    included, and of other requests nothing. In batch mode that is a query of the probes whose windows hold the rows of
    the source table (UNION) and none of the other probes (INSTANCE_NOT_IN_WINDOW). The query as it stands would give
    other numbers for the same rows: there each row counts itself once, and later rows of the same time do not count.

    Args:
        sql: the feature query, whose request rows are of the source table.
        source: the source table's name.
        probes: the name of a table of the same columns.
        columns: the source table's columns. They come first in the result, named ``KEY`` and a number, since a batch
            query keeps no order.

    Raises:
        DeclarationError: the query is not one of the source table itself.
    """
    from sqlglot import exp

    from dsflow.openmldb import nodes
    from dsflow.openmldb.dialect import OpenMLDB
    from dsflow.openmldb.query import parse_query

    query = parse_query(sql).copy()
    main = _main_table(query)
    if not isinstance(query, exp.Select) or main is None or main.name != source:
        raise DeclarationError(
            f"the features cannot be asked for in batch mode: the query is not a SELECT ... FROM {source}",
            hint="a query of a subquery, of WITH or of UNION has no request rows of its own",
        )
    alias = main.alias or main.name
    # the windows of subqueries are over other rows than the requests; and what is put in below has windows too
    own = [w for w in query.find_all(nodes.WindowDefinition) if w.find_ancestor(exp.Select) is query]
    for window in own:
        if not window.args.get("base") and not window.args.get("instance_not_in_window"):
            window.append("union", _stored(query, main))
            window.set("instance_not_in_window", True)
    main.replace(exp.alias_(exp.to_table(probes), alias, table=True))
    keys = [exp.alias_(exp.column(name, table=alias), f"{KEY}{number}") for number, name in enumerate(columns)]
    query.set("expressions", [*keys, *query.expressions])
    return query.sql(OpenMLDB)


def time_column(sql: str) -> str:
    """The column that the query's first window is ordered by, "" when there is none."""
    from sqlglot import exp

    from dsflow.openmldb import nodes
    from dsflow.openmldb.query import parse_query

    for window in parse_query(sql).find_all(nodes.WindowDefinition):
        column = window.args["order"].find(exp.Column) if window.args.get("order") else None
        if column is not None:
            return str(column.name)
    return ""


def _stored(query: exp.Select, main: exp.Table) -> exp.Expr:
    """What is stored, in the columns that the query's windows see: those of its joins as well."""
    from sqlglot import exp

    joins = query.args.get("joins") or []
    if not joins:
        return exp.to_table(main.name)
    select = exp.select("*").from_(main.copy())
    select.set("joins", [join.copy() for join in joins])
    return exp.Subquery(this=select)


def _main_table(query: exp.Query) -> exp.Table | None:
    from sqlglot import exp

    source = query.args.get("from_") or query.args.get("from")
    table = source.this if source is not None else None
    return table if isinstance(table, exp.Table) else None
