"""The aggregate functions.

An aggregate is one or more DuckDB aggregates over the rows of a frame (``parts``) and an expression over their
results (``result``). The parts can stand before OVER (native windows), in a GROUP BY, or in a request's subquery; in
``{order}`` an ORDER BY is put where the order of the frame's rows matters and no window gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

from dsflow.embedded.compiler.operators import truth
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    SMALLINT,
    STRING,
    TIMESTAMP,
    ListType,
    RowType,
    Type,
    Value,
    default_of,
    null_of,
    string_sql,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

_ADDABLE = (*INTEGERS, *FLOATS)
_LARGEST = {FLOAT: "3.4028234663852886e38::FLOAT", DOUBLE: "1.7976931348623157e308::DOUBLE"}


@dataclass(frozen=True)
class Aggregate:
    """See the module's text; ``{0}``, ``{1}`` in ``result`` are the parts."""

    parts: tuple[str, ...]
    result: str
    type: Type


Builder = Callable[[str, list[Value]], Aggregate]


def _need(name: str, values: list[Value], count: int) -> None:
    if len(values) != count:
        raise SqlError(f"{name} takes {count} argument{'s' if count > 1 else ''}, got {len(values)}")


def _addable(name: str, value: Value) -> Value:
    if value.type not in _ADDABLE:
        raise SqlError(f"{name} does not take {value.type}")
    return value


def _sum_result(type_: Type) -> str:
    if type_ is DOUBLE:
        return "{0}"
    if type_ is FLOAT:
        return "oml_to_float({0})"
    if type_ in (BIGINT, TIMESTAMP):
        return "oml_wrap_bigint({0})"
    return f"oml_wrap_{type_}_huge({{0}})"


def _summand(value: Value) -> str:
    return f"CAST({value.sql} AS DOUBLE)" if value.type is FLOAT else value.sql


def _sum(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = values[0]
    if value.type not in (*_ADDABLE, TIMESTAMP):
        raise SqlError(f"{name} does not take {value.type}")
    return Aggregate((f"sum({_summand(value)})",), _sum_result(value.type), value.type)


def _count(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    if isinstance(values[0].type, RowType):
        return Aggregate(("count(*)",), "coalesce({0}, 0)", BIGINT)
    if isinstance(values[0].type, ListType):
        return _of_list("CAST(len({0}) AS BIGINT)", values[0], BIGINT)
    if not isinstance(values[0].type, ColumnType):
        raise SqlError(f"{name} does not take {values[0].type}")
    return Aggregate((f"count({values[0].sql})",), "coalesce({0}, 0)", BIGINT)


def _of_list(template: str, value: Value, type_: Type) -> Aggregate:
    """An aggregate over the elements of a list, which needs no row of the frame."""
    return Aggregate((), template.format(value.sql).replace("{", "{{").replace("}", "}}"), type_)


def _avg(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = _addable(name, values[0])
    return Aggregate((f"avg(CAST({value.sql} AS DOUBLE))",), "{0}", DOUBLE)


def _extreme_operand(function: str, value: Value) -> str:
    """What lies beyond the largest number never replaces the first value, which is that number; in max nor does NaN.

    In min, OpenMLDB's machine code forgets what came before a NaN: the answer then depends on the order of the rows.
    """
    if value.type is TIMESTAMP and function == "max":
        # the first value is 0
        return f"greatest({value.sql}, CASE WHEN {value.sql} IS NOT NULL THEN 0 END)"
    if value.type not in _LARGEST:
        return value.sql
    largest = _LARGEST[value.type]
    if function == "min":
        value = ordered(function, value)
        return f"CASE WHEN {value.sql} < {largest} THEN {value.sql} WHEN {value.sql} IS NOT NULL THEN {largest} END"
    return (
        f"CASE WHEN isnan({value.sql}) THEN -{largest} WHEN {value.sql} > -{largest} THEN {value.sql}"
        f" WHEN {value.sql} IS NOT NULL THEN -{largest} END"
    )


def _extreme(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = values[0]
    if isinstance(value.type, ListType):
        return _of_list(f"list_{name}({{0}})", value, value.type.element)
    if value.type not in (*_ADDABLE, TIMESTAMP, DATE, STRING):
        raise SqlError(f"{name} does not take {value.type}")
    return Aggregate((f"{name}({_extreme_operand(name, value)})",), "{0}", value.type)


def _distinct_count(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = values[0]
    if isinstance(value.type, ListType):
        return _of_list("CAST(len(list_distinct({0})) AS BIGINT)", value, BIGINT)
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{name} does not take {value.type}")
    values_sql = f"coalesce({value.sql}, {default_of(value.type)})"
    if value.type in FLOATS:
        # a NaN equals no other NaN
        numbers = f"count(DISTINCT CASE WHEN isnan({values_sql}) THEN NULL ELSE {values_sql} END)"
        return Aggregate((numbers, f"count(*) FILTER (isnan({value.sql}))"), "coalesce({0} + {1}, 0)", BIGINT)
    return Aggregate((f"count(DISTINCT {values_sql})",), "coalesce({0}, 0)", BIGINT)


def _condition(name: str, value: Value) -> str:
    if value.type is not BOOL:
        raise SqlError(f"the condition of {name} must be bool, not {value.type}")
    return truth(value)


def _count_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    condition = _condition(name, values[1])
    if isinstance(values[0].type, RowType):
        return Aggregate((f"count(*) FILTER ({condition})",), "coalesce({0}, 0)", BIGINT)
    if not isinstance(values[0].type, ColumnType):
        raise SqlError(f"{name} does not take {values[0].type}")
    return Aggregate((f"count({values[0].sql}) FILTER ({condition})",), "coalesce({0}, 0)", BIGINT)


def _sum_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    # OpenMLDB asks "value AND condition": a value of zero is passed over
    kept = f"{condition} AND {truth(value)}"
    return Aggregate((f"sum({_summand(value)}) FILTER ({kept})",), _sum_result(value.type), value.type)


def _avg_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    kept = f"{condition} AND {truth(value)}"
    return Aggregate((f"avg(CAST({value.sql} AS DOUBLE)) FILTER ({kept})",), "{0}", DOUBLE)


def _extreme_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    function = name[:3]
    if value.type in FLOATS:
        # the newest value comes first; a NaN there stays, and other NaN never replace a value
        kept = f"CASE WHEN {condition} THEN {value.sql} END"
        newest = f"last({kept}{{order}}) FILTER ({kept} IS NOT NULL)"
        numbers = f"{function}({value.sql}) FILTER ({condition} AND NOT isnan({value.sql}))"
        return Aggregate((numbers, newest), "CASE WHEN isnan({1}) THEN {1} ELSE {0} END", value.type)
    part = f"{function}({_extreme_operand(function, value)}) FILTER ({condition})"
    return Aggregate((part,), "{0}", value.type)


def ordered(name: str, value: Value) -> Value:
    """A value for a function that orders its values or uses them as keys: NaN has no place there and is refused."""
    if value.type not in FLOATS:
        return value
    refusal = string_sql(f"{name} of NaN is not supported")
    return replace(value, sql=f"CASE WHEN isnan({value.sql}) THEN error({refusal}) ELSE {value.sql} END")


def _median(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = ordered(name, _addable(name, values[0]))
    median = f"median(CAST({value.sql} AS DOUBLE))"
    if value.type not in (INT, BIGINT):
        return Aggregate((median,), "{0}", DOUBLE)
    # of an even number of values OpenMLDB adds the middle two in their own type, which wraps around
    wrapped = "oml_wrap_int(CAST(2 * m AS BIGINT)) / 2.0::DOUBLE"
    if value.type is BIGINT:
        wrapped = "error('median of bigint values beyond 2^62 is not supported')"
    limit = 2 ** (30 if value.type is INT else 62)
    result = f"CASE WHEN abs(m) >= {limit} AND {{1}} % 2 = 0 THEN {wrapped} ELSE m END"
    return Aggregate((median, f"count({value.sql})"), f"list_transform([{{0}}], lambda m: {result})[1]", DOUBLE)


def _spread(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = _addable(name, values[0])
    function = {"stddev": "stddev_samp", "std": "stddev_samp"}.get(name, name)
    part = f"{function}(CAST({value.sql} AS DOUBLE))"
    if value.type in FLOATS and name.endswith("_pop"):
        # an infinity or NaN alone has no spread for DuckDB; for OpenMLDB its distance from itself is NaN
        return Aggregate((part, f"sum(CAST({value.sql} AS DOUBLE))"), "{0} + 0 * {1}", DOUBLE)
    return Aggregate((part,), "{0}", DOUBLE)


def _listed(value: Value, condition: str | None = None) -> str:
    where = f" FILTER ({condition})" if condition else ""
    return f"list({value.sql}{{order}}){where}"


def _ew_avg(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, alpha = _addable(name, values[0]), values[1]
    if not alpha.is_literal or alpha.type is not DOUBLE:
        if alpha.type is not DOUBLE:
            raise SqlError(f"the smoothing factor of {name} must be double, not {alpha.type}")
        raise UnsupportedError(f"{name} with a smoothing factor that is not a literal")
    part = f"list(CAST({value.sql} AS DOUBLE){{order}}) FILTER ({value.sql} IS NOT NULL)"
    return Aggregate((part,), f"oml_ew_avg({{0}}, {alpha.sql})", DOUBLE)


def _drawdown(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = ordered(name, _addable(name, values[0]))
    part = f"list(CAST({value.sql} AS DOUBLE){{order}}) FILTER ({value.sql} >= 0)"
    return Aggregate((part,), "oml_drawdown({0})", DOUBLE)


def _nth(position: int) -> str:
    """A frame's row by its place: 0 the newest, 1 the one before, -1 the oldest."""
    return f"{{0}}[{-(position + 1)}]" if position >= 0 else f"{{0}}[{-position}]"


def _column_only(name: str, value: Value) -> None:
    """These functions take a window's column as it lies there; OpenMLDB "can not lift" anything else to a list.

    (Its ``lambdafy_projects.cc``, ``VisitExpr``.)
    """
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{name} does not take {value.type}")
    if not value.column:
        raise SqlError(
            f"{name} takes a column, not an expression", hint=f"compute with its result: {name}(...) OVER w + 1"
        )


def _at(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, offset = values
    _column_only(name, value)
    if not offset.is_literal or offset.type not in INTEGERS:
        raise UnsupportedError(f"{name} with an offset that is not a whole number")
    return Aggregate((_listed(value),), _nth(int(offset.literal)), value.type)


def _edge(name: str, values: list[Value]) -> Aggregate:
    if len(values) not in (1, 2):
        raise SqlError(f"{name} takes one or two arguments")
    value = values[0]
    _column_only(name, value)
    kept: str | None = None
    if len(values) == 2:
        if not values[1].is_literal or values[1].type is not BOOL:
            raise UnsupportedError(f"{name} whose second argument is not true or false")
        kept = f"{value.sql} IS NOT NULL" if values[1].literal else None
    where = f" FILTER ({kept})" if kept else ""
    function = "first" if name == "first_value" else "last"
    return Aggregate((f"{function}({value.sql}{{order}}){where}",), "{0}", value.type)


def _nth_value_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 3)
    value, nth, condition = values
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{name} does not take {value.type}")
    if not nth.is_literal or nth.type not in INTEGERS:
        raise UnsupportedError(f"{name} with a position that is not a whole number")
    place = int(nth.literal)
    if place == 0:
        return Aggregate((), null_of(value.type), value.type)
    return Aggregate((_listed(value, _condition(name, condition)),), f"{{0}}[{place}]", value.type)


_FIXED: dict[str, Builder] = {
    "sum": _sum,
    "count": _count,
    "avg": _avg,
    "min": _extreme,
    "max": _extreme,
    "distinct_count": _distinct_count,
    "count_where": _count_where,
    "sum_where": _sum_where,
    "avg_where": _avg_where,
    "min_where": _extreme_where,
    "max_where": _extreme_where,
    "median": _median,
    "ew_avg": _ew_avg,
    "drawdown": _drawdown,
    "lag": _at,
    "at": _at,
    "first_value": _edge,
    "last_value": _edge,
    "nth_value_where": _nth_value_where,
    **dict.fromkeys(("stddev", "std", "stddev_samp", "stddev_pop", "var_samp", "var_pop", "variance"), _spread),
}


_OF_LISTS = ("count", "distinct_count", "min", "max", "topn_frequency", "top1_ratio")


def is_aggregate(name: str) -> bool:
    """Whether a function is an aggregate."""
    from dsflow.embedded.compiler.functions.categories import AGGREGATES

    return name.lower() in _FIXED or name.lower() in AGGREGATES


def nests(node: exp.Expr) -> bool:
    """Whether an aggregate is in the argument of another one."""
    calls = [c for c in node.find_all(exp.Anonymous) if is_aggregate(c.name)]
    return any(
        inner is not outer and is_aggregate(inner.name) for outer in calls for inner in outer.find_all(exp.Anonymous)
    )


def over_all(call: Aggregate, order: str, partition: str, known: list[str]) -> str:
    """An aggregate over all rows of a frame as a value of each of them.

    Args:
        call: the aggregate.
        order: the order of the frame's rows.
        partition: what tells the frame's rows from others, as PARTITION BY; "" when there are no others.
        known: the columns ``n0``, ``n1`` ... of the frame's rows, as SQL; those that it needs are added.

    Raises:
        UnsupportedError: it is none of those that can stand there.
    """
    names = []
    for part in call.parts:
        sql = part
        if found := re.fullmatch(r"(first|last)\(([^()]*)\{order\}\)( FILTER \([^()]*\))?", part):
            # DuckDB's window functions of these names have no FILTER
            place = 1 if found[1] == "first" else -1
            sql = f"(list({found[2]}{{order}}){found[3] or ''} OVER ({partition}))[{place}]"
        elif part.startswith(("first(", "last(")):
            raise UnsupportedError("an aggregate of this kind as the argument of another")
        else:
            sql = f"{part} OVER ({partition})"
        sql = sql.replace("{order}", f" ORDER BY {order}")
        if sql not in known:
            known.append(sql)
        names.append(f"r.n{known.index(sql)}")
    return f"({call.result.format(*names)})"


def with_nested(rows: str, known: list[str]) -> str:
    """The rows of frames, as text for a FROM clause, with the columns that `over_all` found."""
    for place, sql in enumerate(known):
        rows = f"(SELECT r.*, {sql} AS n{place} FROM {rows} AS r)"
    return rows


def aggregate(name: str, values: list[Value]) -> Aggregate:
    """The aggregate function of a name, for these arguments.

    Raises:
        SqlError: it does not take them.
    """
    from dsflow.embedded.compiler.functions.categories import AGGREGATES

    word = name.lower()
    if values and isinstance(values[0].type, ListType) and word not in _OF_LISTS:
        raise UnsupportedError(f"{name} of a list")
    return (_FIXED.get(word) or AGGREGATES[word])(word, values)


__all__ = [
    "INT",
    "SMALLINT",
    "Aggregate",
    "aggregate",
    "default_of",
    "is_aggregate",
    "nests",
    "ordered",
    "over_all",
    "with_nested",
]
