"""Where the columns of a query come from, and how a name finds its column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dsflow.embedded.compiler.types import TableSchema
from dsflow.embedded.compiler.values import Type, Value, quote
from dsflow.embedded.errors import SqlError
from dsflow.openmldb import bound
from dsflow.openmldb.bound.names import Qualified, named, names_under

Position = dict[str, Any]
"""``line`` and ``col`` for an error."""


@dataclass(frozen=True)
class Field:
    """A column that expressions may use.

    Attributes:
        name: its name in OpenMLDB.
        type: its type.
        sql: how DuckDB SQL names it where the expression stands.
        names: the names with a point that find it; see `dsflow.openmldb.bound.names.Named`.
        origins: for each of the relation's ``scans`` the column of that table that it is, whatever it is called now;
            None when it is computed there. Empty when it is another table's.
        given: it is made of nothing but the values of the request row.
    """

    name: str
    type: Type
    sql: str
    names: frozenset[Qualified] = frozenset()
    origins: tuple[str | None, ...] = ()
    given: bool = False

    def origin(self, place: int) -> str | None:
        """The column of the table of ``scans[place]`` that it is, if any."""
        return self.origins[place] if place < len(self.origins) else None


@dataclass(frozen=True)
class Scan:
    """The one place in a statement where a stored table is read.

    Attributes:
        schema: the table.
        alias: the alias that its rows have there.
        place: the place in the bound query.
        source: in request mode the name under which the statement reads it; see `stored.Sources`.
    """

    schema: TableSchema
    alias: str
    place: bound.Scan
    source: str = ""


@dataclass(frozen=True)
class Relation:
    """Rows with an order of arrival.

    Attributes:
        sql: what stands after FROM, without an alias.
        alias: the alias to give it.
        fields: its columns; their ``sql`` names them through the alias.
        row: SQL for a row's place in the order of arrival.
        one_row: it is the request row, or made of it; its fields are expressions over parameters and joins.
        scans: the left-most stored table, from whose rows this relation's are made, or those of both sides of UNION;
            empty when there is none, or GROUP BY or LIMIT stands between.
        stacked: a UNION stands between.
        untimed: a UNION's row does not tell the order of arrival.
        side: SQL for the number of the UNION's side that a row is of; "" when it is not known any more.
        windowed: a window stands between: rows that are left out of a table must stay in the frames of the others.
        shared: columns of the table in which the rows of a frame agree, whichever of the windows it is of.
        computed: a query whose columns are more than columns, constants and casts stands between.
        many: a LEFT JOIN can make several rows of one row of the table.
        fixed: columns of the table that WHERE of a query between compares with a constant; OpenMLDB then reads the
            table through an index on these, and in the order of no other one.
        sorted: the rows come in the order of ``row``.
        frames: in request mode the names under which the frames of its windows read their rows; see `stored.Sources`.
        repeats: several rows may have the same ``row``: those that LEFT JOIN makes of one.
    """

    sql: str
    alias: str
    fields: tuple[Field, ...]
    row: str
    one_row: bool = False
    scans: tuple[Scan, ...] = ()
    stacked: bool = False
    side: str = ""
    untimed: bool = False
    windowed: bool = False
    many: bool = False
    repeats: bool = False
    computed: bool = False
    shared: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    sorted: bool = False
    frames: tuple[str, ...] = ()

    @property
    def stored(self) -> bool:
        """Whether it is a stored table and nothing else."""
        return [scan.alias for scan in self.scans] == [self.alias]

    @property
    def from_sql(self) -> str:
        return f"{self.sql} AS {self.alias}"

    @property
    def scan(self) -> Scan | None:
        """The one stored table of whose rows, and in whose order of arrival, its own are; None when there is none."""
        return self.scans[0] if len(self.scans) == 1 and not self.many else None

    def origin(self, sql: str) -> str | None:
        """The column of `scan` that a field is, by its SQL; None when it is no such column."""
        return next((f.origin(0) for f in self.fields if f.sql == sql), None) if self.scan is not None else None

    def never_null(self, sql: str) -> bool:
        """Whether a field, by its SQL, is known to have no NULL."""
        origin = self.origin(sql)
        if self.scan is None or origin is None:
            return False
        schema = self.scan.schema
        declared = any(c.name == origin and not c.nullable for c in schema.columns)
        return declared or (schema.facts is not None and not schema.facts.has_null(origin))

    def renamed(self, alias: str) -> Relation:
        """The same relation under another SQL alias."""
        old, new = f"{self.alias}.", f"{alias}."
        fields = tuple(replace(f, sql=new + f.sql.removeprefix(old)) for f in self.fields)
        side = self.side and new + self.side.removeprefix(old)
        return replace(self, alias=alias, fields=fields, row=new + self.row.removeprefix(old), side=side)

    def called(self, table: str | None) -> Relation:
        """The same relation under another OpenMLDB name."""
        return replace(self, fields=called(self.fields, table)) if table else self


@dataclass
class FreshNames:
    """Fresh SQL names, one sequence for one statement."""

    count: int = 0

    def __call__(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"


def called(fields: tuple[Field, ...], table: str, db: str | None = None) -> tuple[Field, ...]:
    """Columns under the name of a table; see `dsflow.openmldb.bound.names.names_under`."""
    names = names_under(fields, table, db)
    return tuple(replace(f, names=n) for f, n in zip(fields, names, strict=True))


def resolve(
    fields: tuple[Field, ...],
    name: str,
    table: str | None,
    db: str | None,
    current_db: str | None,
    where: Position,
) -> Field:
    """The field that a name means.

    Raises:
        SqlError: there is none, or more than one.
    """
    found = named(fields, name, table, db, current_db)
    full = ".".join(part for part in (db, table, name) if part)
    if not found:
        known = ", ".join(sorted({f.name for f in fields})) or "none"
        raise SqlError(f"there is no column {full}", hint=f"the columns here are: {known}", **where)
    if len({f.sql for f in found}) > 1:
        tables = ", ".join(sorted({n[1] for f in found for n in f.names if n[2] == name})) or "subqueries"
        raise SqlError(f"the column {full} is ambiguous: it is in {tables}", **where)
    return found[0]


def column_value(field: Field) -> Value:
    """A field as an expression."""
    return Value(field.sql, field.type, column=True, given=field.given)


__all__ = ["Field", "FreshNames", "Qualified", "Relation", "called", "column_value", "named", "quote", "resolve"]
