"""The scalar functions: for each name its overloads, as OpenMLDB's library registers them.

An overload is taken only if the argument types are exactly its own; OpenMLDB widens no argument.
"""

from __future__ import annotations

from dsflow.embedded.compiler.functions import (
    arrays,
    cast,
    conditional,
    datetime,
    features,
    maths,
    sparkcast,
    strings,
)
from dsflow.embedded.compiler.functions.registry import Function, Overload
from dsflow.embedded.compiler.values import Value
from dsflow.embedded.errors import SqlError, UnsupportedError

# Functions of OpenMLDB that the embedded engine does not have
_MISSING_NAMES = """array_combine array_contains array_join get_json_object json_array_length list_except_by_key
    list_except_by_value make_tuple map map_keys map_values map_contains_key split_array transform unhex now
    current_timestamp current_time json_extract index isin"""
_MISSING = frozenset(_MISSING_NAMES.split())

_FAMILIES = (arrays, cast, conditional, datetime, features, maths, strings)

FUNCTIONS: dict[str, list[Overload]] = {
    name: overloads for family in _FAMILIES for name, overloads in family.FUNCTIONS.items()
}
MACROS: dict[str, str] = {
    signature: body for family in (*_FAMILIES, sparkcast) for signature, body in getattr(family, "MACROS", {}).items()
}


def call(name: str, arguments: list[Value]) -> Value | None:
    """A call of a scalar function; None when there is no function of that name.

    Raises:
        SqlError: the function does not take these types.
    """
    overloads = FUNCTIONS.get(name.lower())
    if overloads is None and name.lower() in _MISSING:
        raise UnsupportedError(f"function {name}")
    if overloads is None:
        return None
    for wildcards in (False, True):
        for overload in overloads:
            if overload.matches(arguments, wildcards=wildcards):
                return overload.build(arguments)
    types = ", ".join(str(a.type) for a in arguments) or "nothing"
    raise SqlError(f"{name} does not take ({types})")


__all__ = ["FUNCTIONS", "MACROS", "Function", "Overload", "call"]
