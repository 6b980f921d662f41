"""The aggregate functions.

An aggregate is one or more DuckDB aggregates over the rows of a frame (``parts``) and an expression over their
results (``result``). The parts can stand before OVER (native windows), in a GROUP BY, or in a request's subquery. They
are kept apart and written once, where they stand: what a user wrote is in no text that is filled in later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    sql_type,
    string_sql,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

_ADDABLE = (*INTEGERS, *FLOATS)
_LARGEST_INTEGER: dict[Type, int] = {SMALLINT: 2**15 - 1, INT: 2**31 - 1, BIGINT: 2**63 - 1}
_LARGEST: dict[Type, str] = {FLOAT: "3.4028234663852886e38::FLOAT", DOUBLE: "1.7976931348623157e308::DOUBLE"}


@dataclass(frozen=True)
class Part:
    """One DuckDB aggregate.

    Attributes:
        function: its name.
        argument: its argument, DuckDB SQL; ``*`` for ``count(*)``.
        condition: the rows that it counts, as DuckDB SQL; "" for all.
        values_only: it passes over rows whose argument is NULL.
        ordered: the order of the frame's rows matters to it.
        distinct: each value counts once.
    """

    function: str
    argument: str
    condition: str = ""
    values_only: bool = False
    ordered: bool = False
    distinct: bool = False

    @property
    def counts_rows(self) -> bool:
        """Whether it is a count of whatever its argument is."""
        return self.function == "count" and not (self.condition or self.values_only or self.distinct)

    def grouped(self, order: str) -> str:
        """The part over the rows of a GROUP BY or of a subquery.

        Args:
            order: the order of the rows, as behind ORDER BY.
        """
        return self._call(order) + self._filter()

    def windowed(self, window: str, order: str = "") -> str:
        """The part as a window function.

        Args:
            window: what stands behind OVER.
            order: the order of the rows, where ``window`` does not give it.
        """
        if self.function in ("first", "last") and (order or self.condition):
            # DuckDB's window functions of these names have neither an order of their own nor FILTER
            place = 1 if self.function == "first" else -1
            return f"({replace(self, function='list').windowed(window, order)})[{place}]"
        if self.function in ("first", "last"):
            nulls = " IGNORE NULLS" if self.values_only else ""
            return f"{self.function}({self.argument}{nulls}) OVER {window}"
        return f"{self._call(order)}{self._filter()} OVER {window}"

    def _call(self, order: str) -> str:
        distinct = "DISTINCT " if self.distinct else ""
        by = f" ORDER BY {order}" if self.ordered and order else ""
        return f"{self.function}({distinct}{self.argument}{by})"

    def _filter(self) -> str:
        kept = [*([self.condition] if self.condition else []), *([f"{self.argument} IS NOT NULL"] * self.values_only)]
        return f" FILTER ({' AND '.join(kept)})" if kept else ""


Result = Callable[..., str]


@dataclass(frozen=True)
class Aggregate:
    """See the module's text; ``result`` takes the SQL of each part."""

    parts: tuple[Part, ...]
    result: Result
    type: Type


def alone(part: str) -> str:
    """The result of an aggregate that is its only part."""
    return part


def or_zero(part: str) -> str:
    """The result of a count: over no rows it is 0."""
    return f"coalesce({part}, 0)"


def answer(sql: str) -> Result:
    """The result of an aggregate that needs no row of the frame."""
    return lambda: sql


Builder = Callable[[str, list[Value]], Aggregate]


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


def ordered(name: str, value: Value) -> Value:
    """A value for a function that orders its values or uses them as keys: NaN has no place there and is refused."""
    if value.type not in FLOATS:
        return value
    refusal = string_sql(f"{name} of NaN is not supported")
    return replace(value, sql=f"CASE WHEN isnan({value.sql}) THEN oml_refuse({refusal}) ELSE {value.sql} END")


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
    """
    names = []
    for part in call.parts:
        sql = part.windowed(f"({partition})", order)
        if sql not in known:
            known.append(sql)
        names.append(f"r.n{known.index(sql)}")
    return f"({call.result(*names)})"


def grouped(call: Aggregate, order: str, known: list[str], alias: str) -> str:
    """An aggregate over the rows of a subquery with the alias ``r``, named through the alias of its aggregates.

    Args:
        call: the aggregate.
        order: the order of the rows.
        known: the columns ``a0``, ``a1`` ... of aggregates, as SQL; those that it needs are added.
        alias: the alias of the row that has these columns.
    """
    names = []
    for part in call.parts:
        sql = part.grouped(order)
        if sql not in known:
            known.append(sql)
        names.append(f"{alias}.a{known.index(sql)}")
    return f"({call.result(*names)})"


def with_nested(rows: str, known: Sequence[str]) -> str:
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
    "Part",
    "Result",
    "aggregate",
    "alone",
    "answer",
    "default_of",
    "grouped",
    "is_aggregate",
    "nests",
    "ordered",
    "over_all",
    "with_nested",
]
