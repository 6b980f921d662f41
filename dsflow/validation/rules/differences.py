"""Where OpenMLDB's offline engine and its online engine do not give the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Problem, Query
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.trees import bare_cast, column_type, equal_columns, parsed

if TYPE_CHECKING:
    from dsflow.openmldb.bound import BoundQuery, Join


def _offline(model: Model) -> Iterator[tuple[Query, BoundQuery]]:
    yield from ((query, bound) for query, bound in parsed(model) if query.offline)


def _serves(model: Model) -> bool:
    return any("request" in q.modes for q in model.queries)


@rule("DSF130", "warning")
def last_join_order(model: Model) -> Iterator[Problem]:
    """A LAST JOIN that may take any row."""
    for query, bound in parsed(model):
        for join in _last_joins(bound):
            if join.order is None:
                yield model.problem_in_query(
                    query,
                    join.node,
                    f"{query.owner}: a LAST JOIN without ORDER BY takes any matching row offline, the row stored last"
                    " online",
                    "write LAST JOIN table ORDER BY its time column ON ...",
                )


@rule("DSF131", "warning")
def last_join_nulls(model: Model) -> Iterator[Problem]:
    """A LAST JOIN on keys that may be NULL."""
    if not _serves(model):
        return
    for query, bound in _offline(model):
        tables = [table for scan in bound.scans if (table := model.tables.get(scan.table)) is not None]
        guarded = _null_checked(query).union(*(table.not_null for table in tables))
        for join in _last_joins(bound):
            pairs = equal_columns(join)
            # NULL meets NULL only where neither side rules it out
            keys = [key for pair in pairs if not any(k.name in guarded for k in pair) for key in pair]
            if keys:
                names = ", ".join(dict.fromkeys(key.name for key in keys))
                yield model.problem_in_query(
                    query,
                    join.node.args["on"],
                    f"{query.owner}: where the join key ({names}) is NULL, no row matches offline, but rows with a NULL"
                    " key match online",
                    "join (SELECT * FROM the_table WHERE NOT isnull(key)), or silence this where keys are never NULL",
                )


@rule("DSF132", "warning")
def cast_of_bare_column(model: Model) -> Iterator[Problem]:
    """A cast that gives another value in training than in serving."""
    if not _serves(model):
        return
    from sqlglot import exp

    for query, bound in _offline(model):
        for select in bound.selects:
            items = [item.unalias() for item in select.node.expressions]
            casts = [bare_cast(item) for item in items]
            simple = all(cast or isinstance(item, exp.Column) for cast, item in zip(casts, items, strict=True))
            if not simple or select.windows:
                continue
            for item, cast in zip(items, casts, strict=True):
                if cast and cast[1] in _CAST_OTHERWISE.get(column_type(select.input, cast[0]), ()):
                    yield model.problem_in_query(
                        query,
                        item,
                        f"{query.owner}: in a SELECT of nothing but columns, the offline engine leaves this cast of"
                        f" {cast[0].name} to Spark, which converts in other ways than OpenMLDB does online",
                        "compute it in a query that has a window or another expression, or cast before loading",
                    )


@rule("DSF133", "warning")
def ignored_offline(model: Model) -> Iterator[Problem]:
    """A clause that the offline engine ignores."""
    for query, bound in _offline(model):
        for select in (select.node for select in bound.selects):
            if having := select.args.get("having"):
                yield model.problem_in_query(
                    query,
                    having,
                    f"{query.owner}: the offline engine ignores HAVING and gives every group",
                    "filter with WHERE in a query around it: SELECT ... FROM (SELECT ... GROUP BY ...) WHERE ...",
                )
            if select.args.get("distinct"):
                yield model.problem_in_query(
                    query,
                    select,
                    f"{query.owner}: the offline engine ignores DISTINCT and gives rows that are equal twice",
                    "GROUP BY the columns",
                )


@rule("DSF134")
def refused_offline(model: Model) -> Iterator[Problem]:
    """A query that the offline engine does not run."""
    from sqlglot import exp

    arithmetic = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod)
    for query, bound in _offline(model):
        for join in _last_joins(bound):
            on = join.node.args.get("on")
            refused = next(on.find_all(exp.Between, exp.In, exp.Not, *arithmetic), None) if on is not None else None
            if refused is not None:
                yield model.problem_in_query(
                    query,
                    refused,
                    f"{query.owner}: the offline engine refuses BETWEEN, IN, NOT and arithmetic in a join's condition",
                    "compute the value in a subquery and compare plain columns",
                )
        for select in (select.node for select in bound.selects):
            if select.args.get("group"):
                continue
            call = next((call for item in select.selects for call in _bare_aggregates(item, select)), None)
            if call is not None:
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: the offline engine refuses {call.name}() over a whole table",
                    "write OVER a window, or GROUP BY",
                )


# ------------------------------------------------------------------------------------------------------------- helpers


def _bare_aggregates(item: Any, select: Any) -> Iterator[Any]:
    """The aggregates of an output column that are over no window, those of subqueries left out."""
    from sqlglot import exp

    from dsflow.embedded.compiler.expressions import takes_list
    from dsflow.embedded.compiler.functions import is_aggregate
    from dsflow.openmldb import nodes

    for call in item.find_all(exp.Anonymous):
        if is_aggregate(call.name) and not takes_list(call.name, call) and call.find_ancestor(exp.Select) is select:
            over = call.find_ancestor(nodes.Over)
            if over is None or over.find_ancestor(exp.Select) is not select:
                yield call


def _last_joins(bound: BoundQuery) -> list[Join]:
    return [join for join in bound.joins if join.last]


def _null_checked(query: Query) -> set[str]:
    from sqlglot import exp

    calls = (c for c in query.tree.find_all(exp.Anonymous) if c.name.lower() in ("isnull", "is_null", "ifnull"))
    return {column.name for call in calls for column in call.find_all(exp.Column)}


_WHOLE = (ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT)
_CAST_OTHERWISE: dict[ColumnType | None, tuple[ColumnType, ...]] = {
    ColumnType.STRING: (*_WHOLE, ColumnType.FLOAT, ColumnType.DOUBLE, ColumnType.TIMESTAMP, ColumnType.DATE),
    ColumnType.FLOAT: (*_WHOLE, ColumnType.STRING),
    ColumnType.DOUBLE: (*_WHOLE, ColumnType.STRING),
    ColumnType.TIMESTAMP: (*_WHOLE, ColumnType.STRING),
    ColumnType.DATE: (ColumnType.TIMESTAMP,),
}
"""From and to: the casts that the two engines were seen to do differently (docs/skew.md)."""
