"""How a function or an aggregate is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dsflow.embedded.compiler.aggregates import Aggregate
from dsflow.embedded.compiler.values import NULL, Type, Value

Function = Callable[[list[Value]], Value]
_Any = TypeVar("_Any")


@dataclass(frozen=True)
class Overload:
    """One signature of a function.

    Attributes:
        arguments: the types it takes; None takes any.
        returns: its type; None when ``sql`` is a `Function` that says so itself.
        sql: DuckDB SQL with ``{0}``, ``{1}`` for the arguments, or a `Function`.
        variadic: any number of further arguments of any type may follow.
    """

    arguments: tuple[Type | None, ...]
    returns: Type | None
    sql: str | Function
    variadic: bool = False

    def matches(self, values: list[Value], *, wildcards: bool) -> bool:
        """Whether the arguments fit; without wildcards only an overload that names every type does."""
        if not wildcards and (self.variadic or None in self.arguments):
            return False
        if len(values) < len(self.arguments) or (len(values) > len(self.arguments) and not self.variadic):
            return False
        return all(t is None or t == v.type for t, v in zip(self.arguments, values, strict=False))

    def build(self, values: list[Value]) -> Value:
        if callable(self.sql):
            return self.sql(values)
        constant = all(v.constant for v in values)
        return Value(self.sql.format(*(v.sql for v in values)), self.returns or NULL, constant=constant)


@dataclass(frozen=True)
class Fold:
    """An aggregate over the rows of a frame.

    Attributes:
        build: makes it from its name and its arguments; raises SqlError when it does not take them.
        of_lists: it takes a list in place of a column as well.
        of_constants: OpenMLDB compiles it of a constant.
        needs_window: OpenMLDB has it for windows only.
    """

    build: Callable[[str, list[Value]], Aggregate]
    of_lists: bool = False
    of_constants: bool = True
    needs_window: bool = False


@dataclass(frozen=True)
class Refused:
    """A function of OpenMLDB that the embedded engine does not have, and why."""

    reason: str


Entry = Sequence[Overload] | Fold | Refused
"""What a family of functions says of a name: a function of one row, an aggregate, or why there is none."""


@dataclass(frozen=True)
class Known:
    """All that is known of a name. ``at`` and ``lag`` are both a function (of a list) and an aggregate."""

    overloads: tuple[Overload, ...] = ()
    fold: Fold | None = None
    refused: str = ""


def table(families: Iterable[Mapping[str, Entry]]) -> dict[str, Known]:
    """The families' entries, one for each name."""
    found: dict[str, Known] = {}
    for family in families:
        for name, entry in family.items():
            known = found.get(name, Known())
            if isinstance(entry, Fold):
                found[name] = replace(known, fold=entry)
            elif isinstance(entry, Refused):
                found[name] = replace(known, refused=entry.reason)
            else:
                found[name] = replace(known, overloads=(*known.overloads, *entry))
    return found


def each(types: tuple[Type, ...], count: int, returns: Type | None, sql: str) -> list[Overload]:
    """One overload for each type, with ``count`` arguments of that type; returns None gives the argument's type."""
    return [Overload((t,) * count, returns or t, sql) for t in types]


def named(names: Iterable[str], entry: _Any) -> dict[str, _Any]:
    """The same entry under several names."""
    return dict.fromkeys(names, entry)
