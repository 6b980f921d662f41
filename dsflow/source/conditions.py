"""A switch's JavaScript, where dsflow's own operators write the same text, as Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsflow.declare.params import Condition, Reference, Scalar
from dsflow.errors import DsflowError

_OPERAND = r"(?:\$\{([^${}]+)\}|(?:Number|String)\(\$\{([^${}]+)\}\))"
_COMPARISON = re.compile(rf"{_OPERAND} (==|!=|<=|>=|<|>) (.+)", re.DOTALL)
_REFERENCE = re.compile(_OPERAND)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")

_COMPARE: dict[str, Callable[[Reference, object], Condition]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
}


@dataclass(frozen=True)
class Comparison:
    """``left OPERATOR right``; the right side is the name of a reference when ``is_reference``."""

    left: str
    operator: str
    right: Scalar
    is_reference: bool


@dataclass(frozen=True)
class Joined:
    """``(left) & (right)``, or ``|``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Negated:
    """``~(operand)``."""

    operand: Expression


Expression = Comparison | Joined | Negated


def parse(text: str, known: Mapping[str, Reference]) -> Expression | None:
    """The expression whose Python form gives exactly this text; None when there is none.

    Args:
        known: the parameters and outputs that may be referred to.
    """
    found = _expression(text)
    if found is None:
        return None
    try:
        same = _evaluate(found, known).expression == text
    except (DsflowError, KeyError):
        return None
    return found if same else None


def _expression(text: str) -> Expression | None:
    if text.startswith("!(") and _closing(text, 1) == len(text) - 1:
        inner = _expression(text[2:-1])
        return Negated(inner) if inner else None
    if text.startswith("("):
        end = _closing(text, 0)
        middle = text[end + 1 : end + 6]
        if end > 0 and middle in (" && (", " || (") and _closing(text, end + 5) == len(text) - 1:
            left, right = _expression(text[1:end]), _expression(text[end + 6 : -1])
            return Joined("&" if "&&" in middle else "|", left, right) if left and right else None
        return None
    match = _COMPARISON.fullmatch(text)
    if not match:
        return None
    name, operator, rest = match[1] or match[2], match[3], match[4]
    reference = _REFERENCE.fullmatch(rest)
    if reference:
        return Comparison(name, operator, reference[1] or reference[2], True)
    value = _value(rest)
    return None if value is None else Comparison(name, operator, value, False)


def _value(text: str) -> Scalar | None:
    if _NUMBER.fullmatch(text):
        return float(text) if any(c in text for c in ".e") else int(text)
    if text.startswith('"'):
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found if isinstance(found, str) else None
    return None


def _closing(text: str, start: int) -> int:
    """Where the parenthesis at ``start`` is closed, -1 when it is not."""
    depth = 0
    quoted = False
    i = start
    while i < len(text):
        c = text[i]
        if quoted and c == "\\":
            i += 1
        elif c == '"':
            quoted = not quoted
        elif not quoted and c in "()":
            depth += 1 if c == "(" else -1
            if depth == 0:
                return i
        i += 1
    return -1


def _evaluate(expression: Expression, known: Mapping[str, Reference]) -> Condition:
    if isinstance(expression, Negated):
        return ~_evaluate(expression.operand, known)
    if isinstance(expression, Joined):
        left, right = _evaluate(expression.left, known), _evaluate(expression.right, known)
        return left & right if expression.operator == "&" else left | right
    right_side = known[str(expression.right)] if expression.is_reference else expression.right
    return _COMPARE[expression.operator](known[expression.left], right_side)
