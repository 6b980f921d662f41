"""How a name finds its column, as OpenMLDB looks for it (its ``schemas_context.cc``, ``ResolveColumnID``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

Qualified = tuple[str | None, str, str]
"""Database (None: the current one), table or alias, and column: a name with a point that finds a column."""

ANY = "*"
"""The name that stands for every column of a table whose columns are not known."""


class Named(Protocol):
    """A column that names may find.

    Attributes:
        name: its name.
        names: the names with a point that find it. A table or subquery that stands further down is among them, by the
            column's name there, as long as no alias above hides it.
    """

    @property
    def name(self) -> str: ...

    @property
    def names(self) -> frozenset[Qualified]: ...


Found = TypeVar("Found", bound=Named)


def names_under(columns: Sequence[Named], table: str, db: str | None = None) -> list[frozenset[Qualified]]:
    """The names of columns below the name of a table; what they are called below is hidden where it is the same.

    Args:
        columns: the columns.
        table: a table's name, or an alias.
        db: the table's database; None for an alias, which is in the current one.
    """
    hidden = {(table, c.name) for c in columns}
    return [frozenset({(db, table, c.name), *(n for n in c.names if n[1:] not in hidden)}) for c in columns]


def named(
    columns: Iterable[Found], name: str, table: str | None, db: str | None, current_db: str | None
) -> list[Found]:
    """The columns that a name can mean; a table without a database is one of the current database.

    What no column is called may be one of a table whose columns are not known.
    """
    columns = tuple(columns)
    if table is None:
        unknown = [c for c in columns if c.name == ANY]
        return [c for c in columns if c.name == name] or (unknown if len(unknown) == 1 else [])
    db = db or current_db or None

    def finds(qualified: Qualified, wanted: str) -> bool:
        of_db = db is None or (qualified[0] or current_db or db) == db
        return of_db and qualified[1:] == (table, wanted)

    return [c for c in columns if any(finds(n, name) for n in c.names)] or [
        c for c in columns if c.name == ANY and any(finds(n, ANY) for n in c.names)
    ]
