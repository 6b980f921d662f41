"""The conditions of a SWITCH task.

DolphinScheduler evaluates them as JavaScript. Here is the part of JavaScript that conditions are made of: numbers,
texts, ``true``, ``false``, ``null``, comparisons, ``+ - * / %``, ``&& || !``, ``Number()``, ``String()`` and
parentheses. Anything else is refused by name rather than guessed at.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from dsflow.definition import Property
from dsflow.errors import DsflowError
from dsflow.params import PLACEHOLDER

Value = float | str | bool | None

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z_]\w*)
      | (?P<operator>===|!==|==|!=|<=|>=|&&|\|\||[-+*/%<>!()])
    )""",
    re.VERBOSE,
)
_NUMBER_TYPES = frozenset({"INTEGER", "LONG", "FLOAT", "DOUBLE"})
_QUOTED_PLACEHOLDER = re.compile(r"""['"]*\$\{(.*?)\}['"]*""")


class ExpressionError(DsflowError):
    """A condition that is not well formed, or uses more of JavaScript than is known here."""


def fill(condition: str, values: Mapping[str, Property]) -> str:
    """Put the parameters' values into a condition, as the server does (``SwitchTaskUtils``).

    Numbers and booleans go in as they are, everything else between double quotes; an unknown name stays.
    """
    text = condition.replace("'", '"')

    def put(match: re.Match[str]) -> str:
        known = values.get(match[1])
        if known is None:
            return match[0]
        if known.type in _NUMBER_TYPES or known.type == "BOOLEAN":
            return match[0].replace(f"${{{match[1]}}}", known.value)
        if match[0].startswith('"'):
            return match[0].replace(f"${{{match[1]}}}", known.value)
        return match[0].replace(f"${{{match[1]}}}", json.dumps(known.value))

    return _QUOTED_PLACEHOLDER.sub(put, text)


def evaluate(expression: str) -> bool:
    """Whether a condition holds. As in DolphinScheduler only the value ``true`` counts.

    Raises:
        ExpressionError: the text is no expression, or one that is not known here.
    """
    if unfilled := PLACEHOLDER.search(expression):
        raise ExpressionError(f"{unfilled[0]} has no value", hint=f"in the condition {expression!r}")
    return _Parser(expression).parse() is True


class _Parser:
    """Precedence climbing over JavaScript's binary operators."""

    LEVELS: tuple[tuple[str, ...], ...] = (
        ("||",),
        ("&&",),
        ("==", "!=", "===", "!=="),
        ("<", "<=", ">", ">="),
        ("+", "-"),
        ("*", "/", "%"),
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None or match.lastgroup is None:
                raise self.error(f"{stripped[position:].lstrip()[:10]!r} is not known in a condition")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.next = 0

    def error(self, message: str) -> ExpressionError:
        return ExpressionError(f"the condition {self.text!r}: {message}")

    def parse(self) -> Value:
        value = self.binary(0)
        if self.next < len(self.tokens):
            raise self.error(f"{self.tokens[self.next][1]!r} was not expected")
        return value

    def accept(self, *operators: str) -> str | None:
        if self.next < len(self.tokens):
            kind, text = self.tokens[self.next]
            if kind == "operator" and text in operators:
                self.next += 1
                return text
        return None

    def binary(self, level: int) -> Value:
        if level == len(self.LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.accept(*self.LEVELS[level]):
            right = self.binary(level + 1)
            left = _BINARY[operator](left, right)
        return left

    def unary(self) -> Value:
        if self.accept("!"):
            return not _truthy(self.unary())
        if self.accept("-"):
            return -_number(self.unary())
        if self.accept("+"):
            return _number(self.unary())
        if self.accept("("):
            value = self.binary(0)
            if not self.accept(")"):
                raise self.error("a ')' is missing")
            return value
        return self.atom()

    def atom(self) -> Value:
        if self.next == len(self.tokens):
            raise self.error("it ends too early")
        kind, text = self.tokens[self.next]
        self.next += 1
        if kind == "number":
            return float(text)
        if kind == "text":
            try:
                return str(json.loads(text))
            except ValueError:
                raise self.error(f"the text {text} is not known in a condition") from None
        if kind == "word" and text in _CONVERSIONS and self.accept("("):
            value = self.binary(0)
            if not self.accept(")"):
                raise self.error("a ')' is missing")
            return _CONVERSIONS[text](value)
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        raise self.error(f"{text!r} is not known in a condition")


_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf}


def _truthy(value: Value) -> bool:
    return not (value is None or value == "" or value == 0 or value is False or value != value)


def _number(value: Value) -> float:
    """JavaScript's ToNumber."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        try:
            return float(value.strip() or "0")
        except ValueError:
            return math.nan
    return float(value)


def _same(left: Value, right: Value) -> bool:
    """JavaScript's ``==``: texts and booleans become numbers when the types differ; null equals only null."""
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return _number(left) == _number(right)


def _identical(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right


def _ordered(compare: Callable[[float | str, float | str], bool]) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(_number(left), _number(right))

    return apply


def _text(value: Value) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return _number_text(value) if isinstance(value, float) else value


def _number_text(value: float) -> str:
    """JavaScript's text of a number (ECMAScript, Number::toString)."""
    if value != value or math.isinf(value):
        return "NaN" if value != value else f"{'-' * (value < 0)}Infinity"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    if -7 <= int(exponent) < 0:
        return format(Decimal(repr(value)), "f")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        return _text(left) + _text(right)
    return _number(left) + _number(right)


def _divide(left: Value, right: Value) -> Value:
    dividend, divisor = _number(left), _number(right)
    if divisor == 0:
        return (
            math.nan
            if dividend == 0 or dividend != dividend
            else math.copysign(math.inf, dividend * math.copysign(1, divisor))
        )
    return dividend / divisor


def _remainder(left: Value, right: Value) -> Value:
    dividend, divisor = _number(left), _number(right)
    return math.nan if divisor == 0 or math.isinf(dividend) else math.fmod(dividend, divisor)


_CONVERSIONS: dict[str, Callable[[Value], Value]] = {"Number": _number, "String": _text}

_BINARY: dict[str, Callable[[Value, Value], Value]] = {
    "||": lambda a, b: a if _truthy(a) else b,
    "&&": lambda a, b: b if _truthy(a) else a,
    "==": _same,
    "!=": lambda a, b: not _same(a, b),
    "===": _identical,
    "!==": lambda a, b: not _identical(a, b),
    "<": _ordered(lambda a, b: a < b),  # type: ignore[operator]
    "<=": _ordered(lambda a, b: a <= b),  # type: ignore[operator]
    ">": _ordered(lambda a, b: a > b),  # type: ignore[operator]
    ">=": _ordered(lambda a, b: a >= b),  # type: ignore[operator]
    "+": _plus,
    "-": lambda a, b: _number(a) - _number(b),
    "*": lambda a, b: _number(a) * _number(b),
    "/": _divide,
    "%": _remainder,
}
