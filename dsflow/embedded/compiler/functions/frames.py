"""The aggregates over a frame's numbers, and those that take a row by its place: sum, count, lag and their like."""

from __future__ import annotations

from dsflow.embedded.compiler.aggregates import Aggregate, Part, Result, alone, answer, or_zero, ordered
from dsflow.embedded.compiler.functions.registry import Entry, Fold, named
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
    sql_type,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

_ADDABLE = (*INTEGERS, *FLOATS)
_LARGEST_INTEGER: dict[Type, int] = {SMALLINT: 2**15 - 1, INT: 2**31 - 1, BIGINT: 2**63 - 1}
_LARGEST: dict[Type, str] = {FLOAT: "3.4028234663852886e38::FLOAT", DOUBLE: "1.7976931348623157e308::DOUBLE"}


def _need(name: str, values: list[Value], count: int) -> None:
    if len(values) != count:
        raise SqlError(f"{name} takes {count} argument{'s' if count > 1 else ''}, got {len(values)}")


def _addable(name: str, value: Value) -> Value:
    if value.type not in _ADDABLE:
        raise SqlError(f"{name} does not take {value.type}")
    return value


def _sum_result(type_: Type) -> Result:
    if type_ is DOUBLE:
        return alone
    if type_ is FLOAT:
        return lambda part: f"oml_to_float({part})"
    if type_ in (BIGINT, TIMESTAMP):
        return lambda part: f"oml_wrap_bigint({part})"
    return lambda part: f"oml_wrap_{type_}_huge({part})"


def _summand(value: Value) -> str:
    return f"CAST({value.sql} AS DOUBLE)" if value.type is FLOAT else value.sql


def _sum(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = values[0]
    if value.type not in (*_ADDABLE, TIMESTAMP):
        raise SqlError(f"{name} does not take {value.type}")
    return Aggregate((Part("sum", _summand(value)),), _sum_result(value.type), value.type)


def _count(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    if isinstance(values[0].type, RowType):
        return Aggregate((Part("count", "*"),), or_zero, BIGINT)
    if isinstance(values[0].type, ListType):
        return Aggregate((), answer(f"CAST(len({values[0].sql}) AS BIGINT)"), BIGINT)
    if not isinstance(values[0].type, ColumnType):
        raise SqlError(f"{name} does not take {values[0].type}")
    return Aggregate((Part("count", values[0].sql),), or_zero, BIGINT)


def _avg(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = _addable(name, values[0])
    return Aggregate((Part("avg", f"CAST({value.sql} AS DOUBLE)"),), alone, DOUBLE)


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
        return Aggregate((), answer(f"list_{name}({value.sql})"), value.type.element)
    if value.type not in (*_ADDABLE, TIMESTAMP, DATE, STRING):
        raise SqlError(f"{name} does not take {value.type}")
    return Aggregate((Part(name, _extreme_operand(name, value)),), alone, value.type)


def _distinct_count(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = values[0]
    if isinstance(value.type, ListType):
        return Aggregate((), answer(f"CAST(len(list_distinct({value.sql})) AS BIGINT)"), BIGINT)
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{name} does not take {value.type}")
    values_sql = f"coalesce({value.sql}, {default_of(value.type)})"
    if value.type in FLOATS:
        # a NaN equals no other NaN
        numbers = Part("count", f"CASE WHEN isnan({values_sql}) THEN NULL ELSE {values_sql} END", distinct=True)
        nans = Part("count", "*", f"isnan({value.sql})")
        return Aggregate((numbers, nans), lambda a, b: f"coalesce({a} + {b}, 0)", BIGINT)
    return Aggregate((Part("count", values_sql, distinct=True),), or_zero, BIGINT)


def _condition(name: str, value: Value) -> str:
    if value.type is not BOOL:
        raise SqlError(f"the condition of {name} must be bool, not {value.type}")
    return truth(value)


def _count_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    condition = _condition(name, values[1])
    if isinstance(values[0].type, RowType):
        return Aggregate((Part("count", "*", condition),), or_zero, BIGINT)
    if not isinstance(values[0].type, ColumnType):
        raise SqlError(f"{name} does not take {values[0].type}")
    return Aggregate((Part("count", values[0].sql, condition),), or_zero, BIGINT)


def _sum_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    # OpenMLDB asks "value AND condition": a value of zero is passed over
    kept = f"{condition} AND {truth(value)}"
    return Aggregate((Part("sum", _summand(value), kept),), _sum_result(value.type), value.type)


def _avg_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    kept = f"{condition} AND {truth(value)}"
    return Aggregate((Part("avg", f"CAST({value.sql} AS DOUBLE)", kept),), alone, DOUBLE)


def _extreme_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, condition = _addable(name, values[0]), _condition(name, values[1])
    function = name[:3]
    if value.type in FLOATS:
        # the newest value comes first; a NaN there stays, and other NaN never replace a value
        kept = f"CASE WHEN {condition} THEN {value.sql} END"
        newest = Part("last", kept, values_only=True, ordered=True)
        numbers = Part(function, value.sql, f"{condition} AND NOT isnan({value.sql})")
        return Aggregate((numbers, newest), lambda a, b: f"CASE WHEN isnan({b}) THEN {b} ELSE {a} END", value.type)
    return Aggregate((Part(function, _extreme_operand(function, value), condition),), alone, value.type)


def _median(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = ordered(name, _addable(name, values[0]))
    median = Part("median", f"CAST({value.sql} AS DOUBLE)")
    if value.type not in (INT, BIGINT):
        return Aggregate((median,), alone, DOUBLE)
    # of an even number of values OpenMLDB adds the middle two in their own type, which wraps around
    wrapped = "oml_wrap_int(CAST(2 * m AS BIGINT)) / 2.0::DOUBLE"
    if value.type is BIGINT:
        wrapped = "oml_refuse('median of bigint values beyond 2^62 is not supported')"
    limit = 2 ** (30 if value.type is INT else 62)

    def result(middle: str, count: str) -> str:
        found = f"CASE WHEN abs(m) >= {limit} AND {count} % 2 = 0 THEN {wrapped} ELSE m END"
        return f"list_transform([{middle}], lambda m: {found})[1]"

    return Aggregate((median, Part("count", value.sql)), result, DOUBLE)


def _spread(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = _addable(name, values[0])
    function = {"stddev": "stddev_samp", "std": "stddev_samp"}.get(name, name)
    number = f"CAST({value.sql} AS DOUBLE)"
    part = Part(function, number)
    if value.type in FLOATS and name.endswith("_pop"):
        # an infinity or NaN alone has no spread for DuckDB; for OpenMLDB its distance from itself is NaN
        return Aggregate((part, Part("sum", number)), lambda a, b: f"{a} + 0 * {b}", DOUBLE)
    return Aggregate((part,), alone, DOUBLE)


def _ew_avg(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value, alpha = _addable(name, values[0]), values[1]
    if not alpha.is_literal or alpha.type is not DOUBLE:
        if alpha.type is not DOUBLE:
            raise SqlError(f"the smoothing factor of {name} must be double, not {alpha.type}")
        raise UnsupportedError(f"{name} with a smoothing factor that is not a literal")
    part = Part("list", f"CAST({value.sql} AS DOUBLE)", values_only=True, ordered=True)
    return Aggregate((part,), lambda values: f"oml_ew_avg({values}, {alpha.sql})", DOUBLE)


def _drawdown(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    value = _addable(name, values[0])
    largest = _LARGEST.get(value.type) or f"CAST({_LARGEST_INTEGER[value.type]} AS {sql_type(value.type)})"
    part = Part("list", value.sql, f"({value.sql} >= 0 OR {_is_nan(value)})", ordered=True)
    return Aggregate((part,), lambda values: f"oml_drawdown({values}, {largest})", DOUBLE)


def _nth(position: int) -> Result:
    """A frame's row by its place: 0 the newest, 1 the one before, -1 the oldest."""
    place = -(position + 1) if position >= 0 else -position
    return lambda rows: f"({rows})[{place}]"


def _is_nan(value: Value) -> str:
    return f"isnan({value.sql})" if value.type in FLOATS else "false"


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
    return Aggregate((Part("list", value.sql, ordered=True),), _nth(int(offset.literal)), value.type)


def _edge(name: str, values: list[Value]) -> Aggregate:
    if len(values) not in (1, 2):
        raise SqlError(f"{name} takes one or two arguments")
    value = values[0]
    _column_only(name, value)
    values_only = False
    if len(values) == 2:
        if not values[1].is_literal or values[1].type is not BOOL:
            raise UnsupportedError(f"{name} whose second argument is not true or false")
        values_only = bool(values[1].literal)
    function = "first" if name == "first_value" else "last"
    part = Part(function, value.sql, values_only=values_only, ordered=True)
    return Aggregate((part,), alone, value.type)


def _nth_value_where(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 3)
    value, nth, condition = values
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{name} does not take {value.type}")
    if not nth.is_literal or nth.type not in INTEGERS:
        raise UnsupportedError(f"{name} with a position that is not a whole number")
    place = int(nth.literal)
    if place == 0:
        return Aggregate((), answer(null_of(value.type)), value.type)
    part = Part("list", value.sql, _condition(name, condition), ordered=True)
    return Aggregate((part,), lambda rows: f"({rows})[{place}]", value.type)


FUNCTIONS: dict[str, Entry] = {
    "sum": Fold(_sum, of_constants=False),
    "count": Fold(_count, of_lists=True, of_constants=False),
    "avg": Fold(_avg, of_constants=False),
    "min": Fold(_extreme, of_lists=True, of_constants=False),
    "max": Fold(_extreme, of_lists=True, of_constants=False),
    "distinct_count": Fold(_distinct_count, of_lists=True, of_constants=False),
    "count_where": Fold(_count_where),
    "sum_where": Fold(_sum_where),
    "avg_where": Fold(_avg_where),
    "min_where": Fold(_extreme_where),
    "max_where": Fold(_extreme_where),
    "median": Fold(_median, of_constants=False),
    "ew_avg": Fold(_ew_avg, of_constants=False),
    "drawdown": Fold(_drawdown, of_constants=False),
    **named(("lag", "at"), Fold(_at, needs_window=True)),
    **named(("first_value", "last_value"), Fold(_edge, needs_window=True)),
    "nth_value_where": Fold(_nth_value_where),
    **named(("stddev", "std", "stddev_samp", "stddev_pop", "var_samp", "var_pop", "variance"), Fold(_spread)),
}
