"""Queries that train on other numbers than they serve: forms that OpenMLDB's offline engine and its request mode answer
differently, each seen by asking both (docs/skew.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Problem, Query
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.trees import bare_cast, calls, column_type, deployed, equal_columns, parsed

if TYPE_CHECKING:
    from dsflow.openmldb.bound import BoundQuery, Select, Source, Use, Window

_SKEW = "this query trains on other numbers than it serves"
_ORDERED = frozenset(["lag", "at", "first_value", "last_value", "nth_value_where"])
_TEXT_CASES = frozenset(["lcase", "lower", "ucase", "upper", "reverse"])


@rule("DSF150")
def end_twice(model: Model) -> Iterator[Problem]:
    """A window that ends before its row, below a join or UNION."""
    for query, bound in deployed(model):
        for window in _windows_below(bound):
            frame = window.frame
            if frame is not None and not frame.by_rows and frame.end is not None and frame.end.before_row:
                yield model.problem_in_query(
                    query,
                    frame.node,
                    f"{query.owner}: {_SKEW}: below a join or UNION, request mode takes the end of a"
                    " ROWS_RANGE frame away twice, and gives NULL where it reaches no row; offline once",
                    "end the frame at CURRENT ROW, or count it in rows: ROWS BETWEEN ... PRECEDING",
                )


@rule("DSF151")
def leaves_out_its_row(model: Model) -> Iterator[Problem]:
    """A window below a join or UNION that leaves out rows of its own time."""
    for query, bound in deployed(model):
        for window in _windows_below(bound):
            if window.has("exclude_current_time"):
                yield model.problem_in_query(
                    query,
                    window.node,
                    f"{query.owner}: {_SKEW}: below a join or UNION, EXCLUDE CURRENT_TIME leaves out the row itself"
                    " in request mode, and keeps it offline",
                    "write EXCLUDE CURRENT_ROW",
                )


@rule("DSF152", "warning")
def joined_keys(model: Model) -> Iterator[Problem]:
    """A key of several texts, in which one may hold a |."""
    hint = "keep | out of these columns; in a join, compare one of them by <= and >= instead of ="
    for query, bound in deployed(model):
        for join in bound.joins:
            texts = [
                right
                for left, right in equal_columns(join)
                if column_type(join.left, left) is column_type(join.right.rows, right) is ColumnType.STRING
            ]
            if len(texts) > 1:
                names = ", ".join(column.name for column in texts)
                yield model.problem_in_query(query, join.node.args["on"], _bar(query, names), hint)
        for select in bound.selects:
            for window in select.windows:
                keys = [key for key in window.partition if column_type(select.input, key) is ColumnType.STRING]
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

    for query, bound in deployed(model):
        for join in bound.joins:
            compared = [column for _, column in join.pairs if isinstance(column, exp.Column)]
            counts = Counter(column.name for column in compared)
            for column in compared:
                if counts.pop(column.name, 1) > 1:
                    yield model.problem_in_query(
                        query,
                        join.node.args["on"],
                        f"{query.owner}: {_SKEW}: of two conditions on {column.sql()}, request mode looks at the"
                        " last one only; offline both must hold",
                        f"put one of them into a subquery: (SELECT * FROM {join.right.node.name or 'the_table'} WHERE"
                        f" {column.name} IN (...))",
                    )


@rule("DSF154", "warning")
def unset_null(model: Model) -> Iterator[Problem]:
    """A result that OpenMLDB may give as NULL by chance."""
    from sqlglot import exp

    for query, bound in deployed(model):
        for call, _ in calls(bound):
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
    for query, bound in parsed(model):
        for select in bound.selects:
            for window in select.windows:
                frame = window.frame
                edges = (frame.start, frame.end) if frame is not None else ()
                if frame is not None and any(edge is not None and edge.side == "FOLLOWING" for edge in edges):
                    yield model.problem_in_query(
                        query,
                        frame.node,
                        f"{query.owner}: OpenMLDB takes FOLLOWING and ends the frame at the current row,"
                        " without a word",
                        "a row that is served has no later ones: end the frame at CURRENT ROW. For a label that looks"
                        " ahead, load it as a column of its own",
                    )


@rule("DSF156")
def descending(model: Model) -> Iterator[Problem]:
    """A window that is ordered DESC."""
    for query, bound in parsed(model):
        for select in bound.selects:
            for window in select.windows:
                order = window.node.args.get("order")
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
    for query, bound in deployed(model):
        for select in bound.selects:
            use = _tied(select)
            if use is not None:
                yield model.problem_in_query(
                    query,
                    use.node,
                    f"{query.owner}: where a SELECT has several windows, a join, or a UNION of windows, the offline"
                    " engine takes rows of the same time in any order, request mode as they were stored;"
                    f" {use.node.this.name}() depends on it",
                    "EXCLUDE CURRENT_TIME in a ROWS_RANGE frame, or silence this where no two rows of a key have the"
                    " same time",
                )


@rule("DSF158", "warning")
def below_zero(model: Model) -> Iterator[Problem]:
    """A window ordered by a bigint, which may be below 0."""
    for query, bound in deployed(model):
        for select in bound.selects:
            for window in select.windows:
                column = window.order.this if window.order is not None else None
                if column is not None and column_type(select.input, column) is ColumnType.BIGINT:
                    yield model.problem_in_query(
                        query,
                        window.node.args["order"],
                        f"{query.owner}: the offline engine drops rows whose {column.name} is below 0, request mode"
                        " answers them",
                        "order by a timestamp, or silence this where it is never below 0",
                    )


@rule("DSF159", "warning")
def date_out_of_range(model: Model) -> Iterator[Problem]:
    """A date of a number that may be no time."""
    from sqlglot import exp

    for query, bound in deployed(model):
        for call, rows in calls(bound):
            inner = call.expressions[0] if call.name.lower() == "date" and len(call.expressions) == 1 else None
            if inner is None or not isinstance(inner, exp.Anonymous) or inner.name.lower() != "timestamp":
                continue
            if call.find_ancestor(exp.Case) is not None or not inner.expressions:
                continue
            if column_type(rows, inner.expressions[0]) is ColumnType.BIGINT:
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: a number after the year 9999 (microseconds, say) is the date 1900-01-00 in request"
                    " mode, and a year of five digits offline",
                    "CASE WHEN n < 253402300800000 THEN date(timestamp(n)) END, or silence this where it is always"
                    " milliseconds",
                )


# ------------------------------------------------------------------------------------------- what cannot be deployed


@rule("DSF160")
def constant_in_where(model: Model) -> Iterator[Problem]:
    """A filter by a constant that cannot be deployed."""
    from sqlglot import exp

    from dsflow.openmldb.bound import conjuncts

    for query, bound in deployed(model):
        places: list[Source] = []
        for select in bound.selects:
            places += [join.right for join in select.joins if join.last and (join.order is not None or select.windows)]
            places += [source for window in select.windows for source in window.union]
        for inner in _subqueries(places):
            where = inner.node.args.get("where")
            for condition in conjuncts(where.this if where is not None else None):
                if isinstance(condition, exp.EQ) and _compares_constant(condition):
                    yield model.problem_in_query(
                        query,
                        condition,
                        f"{query.owner}: OpenMLDB cannot deploy column = constant in a subquery that is read by a LAST"
                        " JOIN with ORDER BY, by a UNION, or beside a window",
                        "write column IN (constant), or put the condition into ON",
                    )


@rule("DSF161")
def left_join(model: Model) -> Iterator[Problem]:
    """A LEFT JOIN that cannot be deployed."""
    for query, bound in deployed(model):
        for join in (join for select in bound.selects if not select.below for join in select.joins):
            if join.node.side == "LEFT":
                yield model.problem_in_query(
                    query,
                    join.node,
                    f"{query.owner}: OpenMLDB cannot deploy a LEFT JOIN beside a plain column (unsupport non-row"
                    " output type for online-request mode); beside aggregates alone one row of it counts, offline all",
                    "LAST JOIN, which gives one",
                )


@rule("DSF162")
def computed_below(model: Model) -> Iterator[Problem]:
    """A subquery that computes and cannot be deployed."""
    for query, bound in deployed(model):
        for inner in _subqueries([*_read_below(bound)]):
            scan = inner.source.scan if inner.source is not None else None
            if scan is None or scan.request or inner.joins or any(window.uses for window in inner.windows):
                continue
            item = next((item for item in inner.node.expressions if not _simple(item)), None)
            if item is not None:
                yield model.problem_in_query(
                    query,
                    item,
                    f"{query.owner}: OpenMLDB cannot deploy a subquery without a window that computes a column, below"
                    " a join or UNION: it finds no index through it",
                    "hand the columns through and compute in the query around it",
                )


# ------------------------------------------------------------------------------------------------------------- helpers


def _windows_below(bound: BoundQuery) -> Iterator[Window]:
    """The windows of SELECTs whose rows a join, or the UNION of a window, reads."""
    return (window for select in bound.selects if select.below for window in select.windows)


def _read_below(bound: BoundQuery) -> Iterator[Source]:
    """What joins and the UNIONs of windows read."""
    for select in bound.selects:
        yield from (join.right for join in select.joins)
        yield from (source for window in select.windows for source in window.union)


def _subqueries(places: list[Source]) -> Iterator[Select]:
    """The places where one SELECT stands, or its name in WITH."""
    from dsflow.openmldb.bound import Select

    yield from (place.of for place in places if isinstance(place.of, Select))


def _constant(call: Any) -> bool:
    from sqlglot import exp

    return call.find(exp.Column) is None


def _tied(select: Select) -> Use | None:
    """The first window function whose value depends on the order of ties, in a SELECT where that is not the input's."""
    used = [window for window in select.windows if window.uses and window.frame is not None]
    found = []
    # a source with a window of its own has been ordered for that one
    unordered = bool(select.joins) or any(_has_windows(source) for window in used for source in window.union)
    sources = {(tuple(p.sql() for p in w.partition), w.order.sql() if w.order is not None else "") for w in used}
    for window in used:
        by_rows = window.frame is not None and window.frame.by_rows
        if not window.has("exclude_current_time"):
            found += [use for use in window.uses if by_rows or use.function in _ORDERED]
    return found[0] if found and (unordered or len(sources) > 1) else None


def _has_windows(source: Source) -> bool:
    from dsflow.openmldb import nodes

    return source.query is not None and source.query.node.find(nodes.Over) is not None


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
