"""Expressions over one row: each is SQL text with its type and, in Python, its value.

NULL, wrapping and truncation follow ``hybridse/src/codegen`` and ``hybridse/src/udf/udf.cc``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .aggregates import wrapped
from .windows import Row

INTEGERS = ("smallint", "int", "bigint")


@dataclass(frozen=True)
class Expression:
    """SQL, its OpenMLDB type, and its value for a row."""

    sql: str
    type: str
    value: Callable[[Row], Any]


def wider(a: str, b: str) -> str:
    """The type in which two integers meet."""
    return max(a, b, key=INTEGERS.index)


def strict(function: Callable[..., Any], *arguments: Expression) -> Callable[[Row], Any]:
    """A function that is NULL when one of its arguments is."""

    def value(row: Row) -> Any:
        values = [argument.value(row) for argument in arguments]
        return None if None in values else function(*values)

    return value


def arithmetic(sign: str, a: Expression, b: Expression) -> Expression:
    """``+``, ``-``, ``*``, DIV and ``%`` of integers; ``/`` is double."""
    sql = f"({a.sql} {sign} {b.sql})"
    if sign == "/":
        return Expression(sql, "double", strict(lambda x, y: x / y if y else None, a, b))
    type_ = wider(a.type, b.type)
    if sign in ("DIV", "%"):
        function = _quotient if sign == "DIV" else _remainder
        return Expression(sql, type_, strict(lambda x, y: wrapped(function(x, y), type_) if y else None, a, b))
    plain: dict[str, Callable[[int, int], int]] = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
    }
    return Expression(sql, type_, strict(lambda x, y: wrapped(plain[sign](x, y), type_), a, b))


def _quotient(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _remainder(x: int, y: int) -> int:
    return x - _quotient(x, y) * y


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda x, y: x == y,
    "<>": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


def comparison(sign: str, a: Expression, b: Expression) -> Expression:
    return Expression(f"({a.sql} {sign} {b.sql})", "bool", strict(_COMPARE[sign], a, b))


def logical(word: str, a: Expression, b: Expression) -> Expression:
    """AND and OR with three values."""

    def value(row: Row) -> bool | None:
        both = (a.value(row), b.value(row))
        deciding = word == "OR"
        if deciding in both:
            return deciding
        return None if None in both else not deciding

    return Expression(f"({a.sql} {word} {b.sql})", "bool", value)


def negation(a: Expression) -> Expression:
    return Expression(f"(NOT {a.sql})", "bool", strict(lambda x: not x, a))


def is_null(a: Expression) -> Expression:
    return Expression(f"isnull({a.sql})", "bool", lambda row: a.value(row) is None)


def among(a: Expression, options: tuple[Expression, ...]) -> Expression:
    """IN: a chain of = and OR."""
    found = comparison("=", a, options[0])
    for option in options[1:]:
        found = logical("OR", found, comparison("=", a, option))
    return Expression(f"({a.sql} IN ({', '.join(o.sql for o in options)}))", "bool", found.value)


def between(a: Expression, low: Expression, high: Expression) -> Expression:
    both = logical("AND", comparison(">=", a, low), comparison("<=", a, high))
    return Expression(f"({a.sql} BETWEEN {low.sql} AND {high.sql})", "bool", both.value)


def either(a: Expression, b: Expression) -> Expression:
    """ifnull of two values of one type."""

    def value(row: Row) -> Any:
        found = a.value(row)
        return b.value(row) if found is None else found

    return Expression(f"ifnull({a.sql}, {b.sql})", a.type, value)


def case(when: Expression, then: Expression, otherwise: Expression) -> Expression:
    """CASE; a condition that is NULL does not hold."""
    sql = f"CASE WHEN {when.sql} THEN {then.sql} ELSE {otherwise.sql} END"
    return Expression(sql, then.type, lambda row: (then if when.value(row) else otherwise).value(row))


# ---- functions of texts; positions and lengths count bytes (the texts here are ASCII)


def substring(a: Expression, start: int, size: int) -> Expression:
    def cut(text: str) -> str:
        if start == 0 or size < 1 or abs(start) > len(text):
            return ""
        first = start - 1 if start > 0 else len(text) + start
        return text[first : first + size]

    return Expression(f"substring({a.sql}, {start}, {size})", "string", strict(cut, a))


def concat(a: Expression, b: Expression) -> Expression:
    return Expression(f"concat({a.sql}, {b.sql})", "string", strict(lambda x, y: x + y, a, b))


def of_text(name: str, a: Expression) -> Expression:
    functions: dict[str, tuple[str, Callable[[str], Any]]] = {
        "upper": ("string", str.upper),
        "lcase": ("string", str.lower),
        "reverse": ("string", lambda text: text[::-1]),
        "char_length": ("int", len),
    }
    type_, function = functions[name]
    return Expression(f"{name}({a.sql})", type_, strict(function, a))


# ---- functions of time, at UTC+8


def local(moment: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=moment, hours=8)


_PARTS: dict[str, Callable[[Any], int]] = {
    "year": lambda t: t.year,
    "month": lambda t: t.month,
    "day": lambda t: t.day,
    "dayofweek": lambda t: t.isoweekday() % 7 + 1,
    "weekofyear": lambda t: t.isocalendar()[1],
    "dayofyear": lambda t: t.timetuple().tm_yday,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: t.second,
}
PARTS = tuple(_PARTS)
CLOCK_PARTS = ("hour", "minute", "second")


def part(name: str, a: Expression) -> Expression:
    """A part of a timestamp, or of a date (those of the day only)."""
    function = _PARTS[name]
    if a.type == "timestamp":
        return Expression(f"{name}({a.sql})", "int", strict(lambda moment: function(local(moment)), a))
    return Expression(f"{name}({a.sql})", "int", strict(function, a))
