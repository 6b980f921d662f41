"""The aggregate functions.

An aggregate is one or more DuckDB aggregates over the rows of a frame (``parts``) and an expression over their
results (``result``). The parts can stand before OVER (native windows), in a GROUP BY, or in a request's subquery. They
are kept apart and written once, where they stand: what a user wrote is in no text that is filled in later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dsflow.embedded.compiler.values import (
    BIGINT,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    SMALLINT,
    Type,
    Value,
    string_sql,
)

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


def ordered(name: str, value: Value) -> Value:
    """A value for a function that orders its values or uses them as keys: NaN has no place there and is refused."""
    if value.type not in FLOATS:
        return value
    refusal = string_sql(f"{name} of NaN is not supported")
    return replace(value, sql=f"CASE WHEN isnan({value.sql}) THEN oml_refuse({refusal}) ELSE {value.sql} END")


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
