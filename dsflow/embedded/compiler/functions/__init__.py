"""The functions of OpenMLDB's SQL, those of a row and the aggregates: one table of all names.

A function has overloads, as OpenMLDB's library registers them; one is taken only if the argument types are exactly its
own, since OpenMLDB widens no argument.
"""

from __future__ import annotations

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate
from dsflow.embedded.compiler.functions import (
    arrays,
    cast,
    categories,
    conditional,
    datetime,
    features,
    frames,
    jsons,
    maps,
    maths,
    sparkcast,
    strings,
)
from dsflow.embedded.compiler.functions.registry import Entry, Fold, Function, Known, Overload, Refused, table
from dsflow.embedded.compiler.values import ListType, Value
from dsflow.embedded.errors import SqlError, UnsupportedError

FAMILIES = (arrays, cast, conditional, datetime, features, frames, jsons, maps, maths, strings, categories)

FUNCTIONS: dict[str, Known] = table(family.FUNCTIONS for family in FAMILIES)
"""Name, in small letters -> what there is of it."""

MACROS: dict[str, str] = {
    signature: body for family in (*FAMILIES, sparkcast) for signature, body in getattr(family, "MACROS", {}).items()
}


def fold_of(name: str) -> Fold | None:
    """The aggregate of a name, if it is one."""
    known = FUNCTIONS.get(name.lower())
    return known.fold if known else None


def is_aggregate(name: str) -> bool:
    """Whether a function is an aggregate."""
    return fold_of(name) is not None


def nests(node: exp.Expr) -> bool:
    """Whether an aggregate is in the argument of another one."""
    calls = [c for c in node.find_all(exp.Anonymous) if is_aggregate(c.name)]
    return any(
        inner is not outer and is_aggregate(inner.name) for outer in calls for inner in outer.find_all(exp.Anonymous)
    )


def call(name: str, arguments: list[Value]) -> Value | None:
    """A call of a function of one row; None when there is no function of that name.

    Raises:
        SqlError: the function does not take these types.
    """
    known = FUNCTIONS.get(name.lower(), Known())
    if known.refused:
        raise UnsupportedError(f"the function {name}", known.refused)
    if not known.overloads:
        return None
    for wildcards in (False, True):
        for overload in known.overloads:
            if overload.matches(arguments, wildcards=wildcards):
                return overload.build(arguments)
    types = ", ".join(str(a.type) for a in arguments) or "nothing"
    raise SqlError(f"{name} does not take ({types})")


def aggregate(name: str, values: list[Value]) -> Aggregate:
    """The aggregate of a name, for these arguments.

    Raises:
        SqlError: it does not take them.
        KeyError: no aggregate has that name.
    """
    fold = fold_of(name)
    if fold is None:
        raise KeyError(name)
    if values and isinstance(values[0].type, ListType) and not fold.of_lists:
        raise UnsupportedError(f"{name} of a list")
    return fold.build(name.lower(), values)


__all__ = [
    "FUNCTIONS",
    "MACROS",
    "Entry",
    "Fold",
    "Function",
    "Known",
    "Overload",
    "Refused",
    "aggregate",
    "call",
    "fold_of",
    "is_aggregate",
    "nests",
]
