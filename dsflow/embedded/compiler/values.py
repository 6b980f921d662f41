"""What an expression becomes: a piece of DuckDB SQL with its OpenMLDB type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dsflow.embedded.compiler.types import duckdb_type
from dsflow.openmldb.types import ColumnType


@dataclass(frozen=True)
class NullType:
    """The type of a bare NULL."""

    def __str__(self) -> str:
        return "null"


@dataclass(frozen=True)
class ArrayType:
    """An array; DuckDB's LIST."""

    element: Type

    def __str__(self) -> str:
        return f"array<{self.element}>"


@dataclass(frozen=True)
class ListType:
    """The list that split and the like give; no column can have this type. DuckDB's LIST."""

    element: Type

    def __str__(self) -> str:
        return f"list<{self.element}>"


@dataclass(frozen=True)
class MapType:
    """A map: a struct of the lists of its keys ``k`` and values ``v``. ``map()`` has the key and value type NULL."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map<{self.key}, {self.value}>"


@dataclass(frozen=True)
class RowType:
    """What ``*`` is inside ``count(*)``."""

    def __str__(self) -> str:
        return "row"


@dataclass(frozen=True)
class FeatureType:
    """The result of a feature signature function (``continuous``, ``discrete``, a label), good for a signature only."""

    kind: str

    def __str__(self) -> str:
        return f"feature<{self.kind}>"


Type = ColumnType | NullType | ArrayType | ListType | MapType | RowType | FeatureType

NULL = NullType()
ROW = RowType()
BOOL, SMALLINT, INT, BIGINT = ColumnType.BOOL, ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT
FLOAT, DOUBLE, STRING = ColumnType.FLOAT, ColumnType.DOUBLE, ColumnType.STRING
TIMESTAMP, DATE = ColumnType.TIMESTAMP, ColumnType.DATE

INTEGERS = (SMALLINT, INT, BIGINT)
FLOATS = (FLOAT, DOUBLE)
# OpenMLDB counts bool among its numbers
NUMBERS = (BOOL, *INTEGERS, *FLOATS)


@dataclass(frozen=True)
class Value:
    """A compiled expression.

    Attributes:
        sql: DuckDB SQL; an operand as it stands, no further parentheses needed.
        type: its OpenMLDB type.
        literal: the Python value when the expression is a literal (then ``is_literal``).
        constant: no column in it.
        column: it is a column and nothing else.
        given: it is a column made of nothing but the values of the request row.
    """

    sql: str
    type: Type
    literal: Any = None
    is_literal: bool = False
    constant: bool = False
    column: bool = False
    given: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def is_null(self) -> bool:
        """Whether it is a NULL without a type."""
        return isinstance(self.type, NullType)


def sql_type(type_: Type) -> str:
    """The DuckDB type that carries values of an OpenMLDB type."""
    if isinstance(type_, ColumnType):
        return duckdb_type(type_)
    if isinstance(type_, ArrayType | ListType):
        return f"{sql_type(type_.element)}[]"
    if isinstance(type_, MapType):
        return f"STRUCT(k {sql_type(type_.key)}[], v {sql_type(type_.value)}[])"
    return "INTEGER"


def null_of(type_: Type) -> str:
    """A NULL of a type."""
    return f"CAST(NULL AS {sql_type(type_)})"


def default_of(type_: Type) -> str:
    """The value that stands for NULL where OpenMLDB does not look at the null flag."""
    if type_ is STRING:
        return "''"
    if type_ is BOOL:
        return "false"
    if type_ is DATE:
        return "DATE '0001-01-01'"
    return f"CAST(0 AS {sql_type(type_)})"


def quote(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def string_sql(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def literal_value(value: object, type_: Type) -> Value:
    """A constant of a type; value None is NULL of that type.

    Timestamps are int milliseconds, dates ``datetime.date`` or ISO text.
    """
    if value is None:
        return Value(null_of(type_), type_, constant=True)
    if type_ is BOOL:
        sql = "true" if value else "false"
    elif type_ is STRING:
        sql = string_sql(str(value))
    elif type_ is DATE:
        sql = f"DATE {string_sql(str(value))}"
    elif type_ in FLOATS:
        sql = f"CAST({string_sql(repr(float(str(value))))} AS {sql_type(type_)})"
    elif type_ is TIMESTAMP or type_ in INTEGERS:
        sql = f"CAST({int(str(value))} AS {sql_type(type_)})"
    else:
        raise TypeError(f"no literal of type {type_}")
    return Value(sql, type_, literal=value, is_literal=True, constant=True)
