"""How a function is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsflow.embedded.compiler.values import NULL, Type, Value

Function = Callable[[list[Value]], Value]


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


def each(types: tuple[Type, ...], count: int, returns: Type | None, sql: str) -> list[Overload]:
    """One overload for each type, with ``count`` arguments of that type; returns None gives the argument's type."""
    return [Overload((t,) * count, returns or t, sql) for t in types]


def named(names: tuple[str, ...], overloads: list[Overload]) -> dict[str, list[Overload]]:
    """The same overloads under several names."""
    return {name: list(overloads) for name in names}
