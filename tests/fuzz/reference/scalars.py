"""Expressions over one row: each is SQL text with its type and, in Python, its value.

NULL, wrapping and truncation follow ``hybridse/src/codegen`` and ``hybridse/src/udf/udf.cc``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .aggregates import as_float, text, wrapped
from .windows import Row

INTEGERS = ("smallint", "int", "bigint")


@dataclass(frozen=True)
class Expression:
    """SQL, its OpenMLDB type, and its value for a row."""

    sql: str
    type: str
    value: Callable[[Row], Any]


def number_type(a: str, b: str) -> str:
    """The type in which two numbers meet: a bigint and a float meet in float."""
    if a in INTEGERS and b in INTEGERS:
        return max(a, b, key=INTEGERS.index)
    return "double" if "double" in (a, b) else "float"


def as_type(number: float, type_: str) -> Any:
    """A number as another type that is not narrower, or as float."""
    if type_ in INTEGERS:
        return number
    return as_float(float(number)) if type_ == "float" else float(number)


def strict(function: Callable[..., Any], *arguments: Expression) -> Callable[[Row], Any]:
    """A function that is NULL when one of its arguments is."""

    def value(row: Row) -> Any:
        values = [argument.value(row) for argument in arguments]
        return None if None in values else function(*values)

    return value


def arithmetic(sign: str, a: Expression, b: Expression) -> Expression:
    """``+``, ``-``, ``*`` and ``%`` of numbers, DIV of integers; ``/`` is double."""
    sql = f"({a.sql} {sign} {b.sql})"
    if sign == "/":
        return Expression(sql, "double", strict(lambda x, y: float(x) / float(y) if y else None, a, b))
    type_ = number_type(a.type, b.type)

    def compute(x: float, y: float) -> Any:
        x, y = as_type(x, type_), as_type(y, type_)
        if sign in ("DIV", "%") and y == 0:
            return None
        if type_ in INTEGERS:
            return wrapped(_WHOLE[sign](x, y), type_)
        return as_type(_REAL[sign](x, y), type_)

    return Expression(sql, type_, strict(compute, a, b))


def _quotient(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _remainder(x: int, y: int) -> int:
    return x - _quotient(x, y) * y


_WHOLE: dict[str, Callable[[Any, Any], int]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "DIV": _quotient,
    "%": _remainder,
}
_REAL: dict[str, Callable[[float, float], float]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "%": lambda x, y: math.nan if not math.isfinite(x) or math.isnan(y) else math.fmod(x, y),
}

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda x, y: x == y,
    "<>": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


NUMBERS = (*INTEGERS, "float", "double")


def comparison(sign: str, a: Expression, b: Expression) -> Expression:
    """A comparison of two values of one type, or of two numbers."""

    def compute(x: Any, y: Any) -> bool:
        if a.type in NUMBERS and b.type in NUMBERS:
            type_ = number_type(a.type, b.type)
            x, y = as_type(x, type_), as_type(y, type_)
        return _COMPARE[sign](x, y)

    return Expression(f"({a.sql} {sign} {b.sql})", "bool", strict(compute, a, b))


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
}
CLOCK_PARTS = ("hour", "minute", "second")
PARTS = (*_PARTS, *CLOCK_PARTS)


def _clock(name: str, moment: int) -> int:
    """Hour, minute, second; negative before 1970, where the remainder is."""
    size, count = {"hour": (3_600_000, 24), "minute": (60_000, 60), "second": (1000, 60)}[name]
    return _quotient(_remainder(moment + (28_800_000 if name == "hour" else 0), size * count), size)


def part(name: str, a: Expression) -> Expression:
    """A part of a timestamp, or of a date (those of the day only)."""
    if name in CLOCK_PARTS:
        return Expression(f"{name}({a.sql})", "int", strict(lambda moment: _clock(name, moment), a))
    function = _PARTS[name]
    if a.type == "timestamp":

        def compute(moment: int) -> int | None:
            # this one alone gives NULL for a moment before 1970
            return None if name == "dayofyear" and moment < 0 else function(local(moment))

        return Expression(f"{name}({a.sql})", "int", strict(compute, a))
    return Expression(f"{name}({a.sql})", "int", strict(function, a))


def last_day(a: Expression) -> Expression:
    """The last day of the month; NULL for a moment before 1970."""

    def compute(value: Any) -> dt.date | None:
        if a.type == "timestamp" and value < 0:
            return None
        day = local(value).date() if a.type == "timestamp" else value
        return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)

    return Expression(f"last_day({a.sql})", "date", strict(compute, a))


def add_months(a: Expression, months: int) -> Expression:
    """A date some months on; a day that the month does not have becomes its last one."""

    def compute(day: dt.date) -> dt.date:
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        following = dt.date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
        return dt.date(year, month + 1, min(day.day, (following - dt.timedelta(days=1)).day))

    return Expression(f"add_months({a.sql}, {months})", "date", strict(compute, a))


# ---- maths


def whole(name: str, a: Expression) -> Expression:
    """``ceil`` and ``floor``: bigint of integers, else double."""
    if a.type == "bigint":
        # through double and back
        return Expression(f"{name}({a.sql})", "bigint", strict(lambda x: _cast(float(x), "double", "bigint"), a))
    if a.type in INTEGERS:
        return Expression(f"{name}({a.sql})", "bigint", a.value)
    function = math.ceil if name == "ceil" else math.floor

    def compute(x: float) -> float:
        return float(function(x)) if math.isfinite(x) else x

    return Expression(f"{name}({a.sql})", "double", strict(compute, a))


def absolute(a: Expression) -> Expression:
    """``abs``: int of smallint and int, bigint of bigint, else double."""
    type_ = {"smallint": "int", "int": "int", "bigint": "bigint"}.get(a.type, "double")
    if type_ == "double":
        return Expression(f"abs({a.sql})", type_, strict(abs, a))
    return Expression(f"abs({a.sql})", type_, strict(lambda x: wrapped(abs(x), type_), a))


# ---- casts


def cast(a: Expression, target: str) -> Expression:
    """CAST between the types that `CASTS` names."""
    return Expression(f"CAST({a.sql} AS {target})", target, strict(lambda x: _cast(x, a.type, target), a))


CASTS: dict[str, tuple[str, ...]] = {
    "bool": ("smallint", "int", "bigint", "float", "double", "string"),
    **dict.fromkeys(INTEGERS, ("bool", "smallint", "int", "bigint", "float", "double", "string", "timestamp")),
    "float": ("bool", "int", "bigint", "double", "string"),
    "double": ("bool", "int", "bigint", "float", "string"),
    "string": ("bool", "smallint", "int", "bigint", "float", "double", "date"),
    "date": ("string", "timestamp"),
    "timestamp": ("bigint", "int", "double", "string", "date"),
}


def _cast(x: Any, source: str, target: str) -> Any:
    if source == "string":
        return _from_text(x, target)
    if target == "string":
        return _to_text(x, source)
    if source == "date":
        midnight = dt.datetime(x.year, x.month, x.day) - dt.timedelta(hours=8)
        return round((midnight - dt.datetime(1970, 1, 1)).total_seconds() * 1000)
    if target == "date":
        return local(x).date()
    if target == "timestamp":
        return x if x >= 0 else None
    if target == "bool":
        return x != 0
    if target in ("float", "double"):
        return as_type(x, target)
    if source in ("float", "double"):
        # beyond the type's range a processor gives its smallest number
        smallest = -(2 ** (31 if target == "int" else 63))
        return int(x) if math.isfinite(x) and smallest <= int(x) < -smallest else smallest
    return wrapped(int(x), target)


def _to_text(x: Any, source: str) -> str:
    if source == "bool":
        return "true" if x else "false"
    if source in ("float", "double"):
        return f"{x:g}"
    return text(x, source)


def _from_text(x: str, target: str) -> Any:
    if target == "bool":
        words = {"y": True, "yes": True, "1": True, "t": True, "true": True}
        return (words | {"n": False, "no": False, "0": False, "f": False, "false": False}).get(x.lower())
    if target == "date":
        return dt.date.fromisoformat(x) if re.fullmatch(r"\d{4}-\d\d-\d\d", x) else None
    if target in INTEGERS:
        number = int(x) if re.fullmatch(r"\s*[+-]?\d+\s*", x) else None
        return number if number is not None and wrapped(number, target) == number else None
    return as_type(float(x), target) if re.fullmatch(r"\s*[+-]?\d+(\.\d*)?(e[+-]?\d+)?", x) else None
