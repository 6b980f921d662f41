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
    jsons,
    maps,
    maths,
    sparkcast,
    strings,
)
from dsflow.embedded.compiler.functions.registry import Function, Overload
from dsflow.embedded.compiler.values import Value
from dsflow.embedded.errors import SqlError, UnsupportedError

# Functions of OpenMLDB that the embedded engine does not have, with the reason
REFUSED = {
    "make_tuple": "no expression takes a tuple",
    "unhex": "OpenMLDB 0.9.2 does not set whether its result is NULL, which is then not certain",
}

_FAMILIES = (arrays, cast, conditional, datetime, features, jsons, maps, maths, strings)

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
    if overloads is None and name.lower() in REFUSED:
        raise UnsupportedError(f"the function {name}", REFUSED[name.lower()])
    if overloads is None:
        return None
    for wildcards in (False, True):
        for overload in overloads:
            if overload.matches(arguments, wildcards=wildcards):
                return overload.build(arguments)
    types = ", ".join(str(a.type) for a in arguments) or "nothing"
    raise SqlError(f"{name} does not take ({types})")


__all__ = ["FUNCTIONS", "MACROS", "REFUSED", "Function", "Overload", "call"]
