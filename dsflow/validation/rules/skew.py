"""Queries that train on other numbers than they serve: forms that OpenMLDB's offline engine and its request mode answer
differently, each seen by asking both (docs/skew.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Problem, Query
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.trees import (
    bare_cast,
    column_type,
    conjuncts,
    deployed,
    equal_columns,
    joins,
    read_below,
    selects,
    trees,
    windows_of,
)

_SKEW = "this query trains on other numbers than it serves"
_ORDERED = frozenset(["lag", "at", "first_value", "last_value", "nth_value_where"])
_TEXT_CASES = frozenset(["lcase", "lower", "ucase", "upper", "reverse"])


@rule("DSF150")
def end_twice(model: Model) -> Iterator[Problem]:
    """A window that ends before its row, below a join or UNION."""
    for query in deployed(model):
        for select in read_below(query.tree):
            for window in windows_of(select):
                if _ends_before(window):
                    yield model.problem_in_query(
                        query,
                        window.args["frame"],
                        f"{query.owner}: {_SKEW}: below a join or UNION, request mode takes the end of a"
                        " ROWS_RANGE frame away twice, and gives NULL where it reaches no row; offline once",
                        "end the frame at CURRENT ROW, or count it in rows: ROWS BETWEEN ... PRECEDING",
                    )


@rule("DSF151")
def leaves_out_its_row(model: Model) -> Iterator[Problem]:
    """A window below a join or UNION that leaves out rows of its own time."""
    for query in deployed(model):
        for select in read_below(query.tree):
            for window in windows_of(select):
                if window.args.get("exclude_current_time"):
                    yield model.problem_in_query(
                        query,
                        window,
                        f"{query.owner}: {_SKEW}: below a join or UNION, EXCLUDE CURRENT_TIME leaves out the row itself"
                        " in request mode, and keeps it offline",
                        "write EXCLUDE CURRENT_ROW",
                    )


@rule("DSF152", "warning")
def joined_keys(model: Model) -> Iterator[Problem]:
    """A key of several texts, in which one may hold a |."""
    hint = "keep | out of these columns; in a join, compare one of them by <= and >= instead of ="
    for query in deployed(model):
        for join in joins(query.tree):
            pairs = equal_columns(join.args.get("on"))
            texts = [pair for pair in pairs if all(_is_text(model, query, column) for column in pair)]
            if len(texts) > 1:
                names = ", ".join(pair[1].name for pair in texts)
                yield model.problem_in_query(query, join.args["on"], _bar(query, names), hint)
        for select in selects(query.tree):
            for window in windows_of(select):
                keys = [key for key in window.args.get("partition_by") or () if _is_text(model, query, key)]
                if len(keys) > 1:
                    names = ", ".join(key.name for key in keys)
                    yield model.problem_in_query(query, keys[0], _bar(query, names), hint)


def _bar(query: Query, names: str) -> str:
    return (
        f"{query.owner}: request mode joins the texts of a key ({names}) with |: 'a|b' and 'c' are found as 'a' and"
        " 'b|c'; offline they are apart"
    )


@rule("DSF153")
def two_conditions(model: Model) -> Iterator[Problem]:
    """Two conditions on one column of a joined table."""
    from sqlglot import exp

    for query in deployed(model):
        for join in joins(query.tree):
            name = join.this.alias_or_name
            compared = [
                column
                for equal in conjuncts(join.args.get("on"))
                if isinstance(equal, exp.EQ)
                for column in (equal.this, equal.expression)
                if isinstance(column, exp.Column) and column.table == name
            ]
            counts = Counter(column.name for column in compared)
            for column in compared:
                if counts.pop(column.name, 1) > 1:
                    yield model.problem_in_query(
                        query,
                        join.args["on"],
                        f"{query.owner}: {_SKEW}: of two conditions on {column.sql()}, request mode looks at the"
                        " last one only; offline both must hold",
                        f"put one of them into a subquery: (SELECT * FROM {join.this.name or 'the_table'} WHERE"
                        f" {column.name} IN (...))",
                    )


@rule("DSF154", "warning")
def unset_null(model: Model) -> Iterator[Problem]:
    """A result that OpenMLDB may give as NULL by chance."""
    from sqlglot import exp

    for query in deployed(model):
        for call in query.tree.find_all(exp.Anonymous):
            name = call.name.lower()
            if name == "add_months":
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: add_months() does not say whether its result is NULL: beside other columns a date"
                    " comes out as NULL by chance, offline and online each in its own way",
                    "count in months: year(d) * 12 + month(d) + n; or store the date that is needed",
                )
            elif name in _TEXT_CASES and not _constant(call) and call.find_ancestor(exp.Case) is None:
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: {name}() of an empty text does not say whether its result is NULL: it comes out as"
                    " '' or NULL by chance, offline and online each in its own way",
                    f"CASE WHEN s = '' THEN '' ELSE {name}(s) END, or silence this where texts are never empty",
                )


@rule("DSF155")
def following(model: Model) -> Iterator[Problem]:
    """A frame that reaches past its row."""
    for query in trees(model):
        for select in selects(query.tree):
            for window in windows_of(select):
                frame = window.args.get("frame")
                bounds = [frame.args["start"], frame.args.get("end")] if frame is not None else []
                if any(bound is not None and bound.args["side"] == "FOLLOWING" for bound in bounds):
                    yield model.problem_in_query(
                        query,
                        frame,
                        f"{query.owner}: OpenMLDB takes FOLLOWING and ends the frame at the current row,"
                        " without a word",
                        "a row that is served has no later ones: end the frame at CURRENT ROW. For a label that looks"
                        " ahead, load it as a column of its own",
                    )


@rule("DSF156")
def descending(model: Model) -> Iterator[Problem]:
    """A window that is ordered DESC."""
    for query in trees(model):
        for select in selects(query.tree):
            for window in windows_of(select):
                order = window.args.get("order")
                if order is not None and any(item.args.get("desc") for item in order.expressions):
                    yield model.problem_in_query(
                        query,
                        order,
                        f"{query.owner}: a window with ORDER BY ... DESC fails in an offline job (Fail to setup row"
                        " builder); request mode takes the oldest rows",
                        "leave DESC out: a window reaches back from its row",
                    )


@rule("DSF157", "warning")
def order_of_ties(model: Model) -> Iterator[Problem]:
    """A window that depends on the order of rows of the same time."""
    for query in deployed(model):
        for select in selects(query.tree):
            over = _tied(select)
            if over is not None:
                yield model.problem_in_query(
                    query,
                    over,
                    f"{query.owner}: where a SELECT has several windows, a join, or a UNION of windows, the offline"
                    " engine takes rows of the same time in any order, request mode as they were stored;"
                    f" {over.this.name}() depends on it",
                    "EXCLUDE CURRENT_TIME in a ROWS_RANGE frame, or silence this where no two rows of a key have the"
                    " same time",
                )


@rule("DSF158", "warning")
def below_zero(model: Model) -> Iterator[Problem]:
    """A window ordered by a bigint, which may be below 0."""
    for query in deployed(model):
        for select in selects(query.tree):
            for window in windows_of(select):
                order = window.args.get("order")
                column = order.expressions[0].this if order is not None and order.expressions else None
                if column is not None and column_type(model, query, column) is ColumnType.BIGINT:
                    yield model.problem_in_query(
                        query,
                        order,
                        f"{query.owner}: the offline engine drops rows whose {column.name} is below 0, request mode"
                        " answers them",
                        "order by a timestamp, or silence this where it is never below 0",
                    )


@rule("DSF159", "warning")
def date_out_of_range(model: Model) -> Iterator[Problem]:
    """A date of a number that may be no time."""
    from sqlglot import exp

    for query in deployed(model):
        for call in query.tree.find_all(exp.Anonymous):
            inner = call.expressions[0] if call.name.lower() == "date" and len(call.expressions) == 1 else None
            if inner is None or not isinstance(inner, exp.Anonymous) or inner.name.lower() != "timestamp":
                continue
            if call.find_ancestor(exp.Case) is not None or not inner.expressions:
                continue
            if column_type(model, query, inner.expressions[0]) is ColumnType.BIGINT:
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: a number after the year 9999 (microseconds, say) is the date 1900-01-00 in request"
                    " mode, and a year of five digits offline",
                    "CASE WHEN n < 253402300800000 THEN date(timestamp(n)) END, or silence this where it is always"
                    " milliseconds",
                )


# ------------------------------------------------------------------------------------------- what can not be deployed


@rule("DSF160")
def constant_in_where(model: Model) -> Iterator[Problem]:
    """A filter by a constant that can not be deployed."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    for query in deployed(model):
        places = []
        for join in joins(query.tree):
            outer = join.find_ancestor(exp.Select)
            if isinstance(join, nodes.LastJoin) and (join.args.get("order") or (outer and list(windows_of(outer)))):
                places.append(join.this)
        for window in query.tree.find_all(nodes.WindowDefinition):
            places += window.args.get("union") or ()
        for place in places:
            inner = place.this if isinstance(place, exp.Subquery) else None
            where = inner.args.get("where") if isinstance(inner, exp.Select) else None
            for condition in conjuncts(where.this if where is not None else None):
                if isinstance(condition, exp.EQ) and _compares_constant(condition):
                    yield model.problem_in_query(
                        query,
                        condition,
                        f"{query.owner}: OpenMLDB can not deploy column = constant in a subquery that is read by a LAST"
                        " JOIN with ORDER BY, by a UNION, or beside a window",
                        "write column IN (constant), or put the condition into ON",
                    )


@rule("DSF161")
def left_join(model: Model) -> Iterator[Problem]:
    """A LEFT JOIN that can not be deployed."""
    from sqlglot import exp

    for query in deployed(model):
        below = {id(select) for select in read_below(query.tree)}
        for join in joins(query.tree):
            select = join.find_ancestor(exp.Select)
            if join.side == "LEFT" and id(select) not in below:
                yield model.problem_in_query(
                    query,
                    join,
                    f"{query.owner}: OpenMLDB can not deploy a LEFT JOIN beside a plain column (unsupport non-row"
                    " output type for online-request mode); beside aggregates alone one row of it counts, offline all",
                    "LAST JOIN, which gives one",
                )


@rule("DSF162")
def computed_below(model: Model) -> Iterator[Problem]:
    """A subquery that computes and can not be deployed."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    for query in deployed(model):
        places = [join.this for join in joins(query.tree)]
        for window in query.tree.find_all(nodes.WindowDefinition):
            places += window.args.get("union") or ()
        main = _request_table(query)
        for place in places:
            inner = place.this if isinstance(place, exp.Subquery) else None
            if not isinstance(inner, exp.Select):
                continue
            source = inner.args.get("from_")
            if source is None or not isinstance(source.this, exp.Table) or source.this.name == main:
                continue
            if inner.args.get("joins") or inner.find(nodes.Over):
                continue
            item = next((item for item in inner.expressions if not _simple(item)), None)
            if item is not None:
                yield model.problem_in_query(
                    query,
                    item,
                    f"{query.owner}: OpenMLDB can not deploy a subquery without a window that computes a column, below"
                    " a join or UNION: it finds no index through it",
                    "hand the columns through and compute in the query around it",
                )


# ------------------------------------------------------------------------------------------------------------- helpers


def _ends_before(window: Any) -> bool:
    frame = window.args.get("frame")
    end = frame.args.get("end") if frame is not None else None
    if end is None or str(frame.args["unit"]).upper() == "ROWS" or end.args["side"] != "PRECEDING" or end.this is None:
        return False
    number = re.match(r"\d+", str(end.this.this))
    return bool(end.args.get("open")) or (number is not None and int(number[0]) > 0)


def _is_text(model: Model, query: Query, column: Any) -> bool:
    return column_type(model, query, column) is ColumnType.STRING


def _constant(call: Any) -> bool:
    from sqlglot import exp

    return call.find(exp.Column) is None


def _tied(select: Any) -> Any:
    """The first window function whose value depends on the order of ties, in a SELECT where that is not the input's."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    named = {window.name: window for window in windows_of(select) if window.name}
    found = []
    sources = set()
    unordered = bool(select.args.get("joins"))
    for over in select.find_all(nodes.Over, bfs=False):
        if over.find_ancestor(exp.Select) is not select:
            continue
        window = over.args["window"]
        window = named.get(window.name) if isinstance(window, exp.Identifier) else window
        if window is None or window.args.get("frame") is None:
            continue
        order = window.args.get("order")
        # a source with a window of its own has been ordered for that one
        unordered = unordered or any(source.find(nodes.Over) for source in window.args.get("union") or ())
        sources.add((tuple(p.sql() for p in window.args.get("partition_by") or ()), order.sql() if order else ""))
        by_rows = str(window.args["frame"].args["unit"]).upper() == "ROWS"
        if not window.args.get("exclude_current_time") and (by_rows or over.this.name.lower() in _ORDERED):
            found.append(over)
    return found[0] if found and (unordered or len(sources) > 1) else None


def _compares_constant(condition: Any) -> bool:
    from sqlglot import exp

    sides = (condition.this, condition.expression)
    return any(isinstance(side, exp.Column) for side in sides) and any(side.find(exp.Column) is None for side in sides)


def _simple(item: Any) -> bool:
    """Whether an output column is one that OpenMLDB hands through: a column, a constant, a cast of a column."""
    from sqlglot import exp

    inner = item.this if isinstance(item, exp.Alias) else item
    if isinstance(inner, (exp.Column, exp.Star)) or bare_cast(inner) is not None:
        return True
    return inner.find(exp.Column, exp.Star, exp.Anonymous) is None


def _request_table(query: Query) -> str:
    from sqlglot import exp

    if query.view is not None:
        return str(query.view.source.name)
    table = query.tree.find(exp.Table)
    return str(table.name) if table is not None else ""
