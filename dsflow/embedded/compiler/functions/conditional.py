"""isnull, ifnull, nvl2, minimum, maximum and what else chooses between values."""

from __future__ import annotations

from dsflow.embedded.compiler.functions.cast import cast
from dsflow.embedded.compiler.functions.registry import Entry, Overload, named
from dsflow.embedded.compiler.values import BOOL, Value
from dsflow.embedded.errors import SqlError


def _is_null(values: list[Value]) -> Value:
    return Value(f"({values[0].sql} IS NULL)", BOOL, constant=values[0].constant)


def choose(condition: str, then: Value, otherwise: Value) -> Value:
    """One of two values, in the type that fits both."""
    from dsflow.embedded.compiler.operators import compatible_type

    if then.is_null and otherwise.is_null:
        raise SqlError("a choice between NULL and NULL has no type", hint="give one a type, as in CAST(NULL AS int)")
    type_ = compatible_type(then.type, otherwise.type)
    a, b = cast(then, type_).sql, cast(otherwise, type_).sql
    return Value(f"CASE WHEN {condition} THEN {a} ELSE {b} END", type_, constant=then.constant and otherwise.constant)


def _if_null(values: list[Value]) -> Value:
    return choose(f"{values[0].sql} IS NULL", values[1], values[0])


def _nvl2(values: list[Value]) -> Value:
    return choose(f"{values[0].sql} IS NULL", values[2], values[1])


def _smaller(values: list[Value]) -> Value:
    from dsflow.embedded.compiler.operators import compare

    return choose(compare("<", values[0], values[1]).sql, values[0], values[1])


def _larger(values: list[Value]) -> Value:
    from dsflow.embedded.compiler.operators import compare

    return choose(compare(">", values[0], values[1]).sql, values[0], values[1])


def _identity(values: list[Value]) -> Value:
    return values[0]


_ONE, _TWO = (None,), (None, None)

FUNCTIONS: dict[str, Entry] = {
    **named(("is_null", "isnull"), [Overload(_ONE, None, _is_null)]),
    **named(("if_null", "ifnull", "nvl"), [Overload(_TWO, None, _if_null)]),
    "nvl2": [Overload((None, None, None), None, _nvl2)],
    "minimum": [Overload(_TWO, None, _smaller)],
    "maximum": [Overload(_TWO, None, _larger)],
    "identity": [Overload(_ONE, None, _identity)],
}
