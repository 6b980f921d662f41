"""What goes into the compiler and what comes out of it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from dsflow.openmldb.indexes import IndexNeed, TableKey
from dsflow.openmldb.types import ColumnType

ROW_COLUMN = "__row"
"""The last column of every stored relation: BIGINT, the order of insertion. Ties in time follow it."""

PACKED_ROWS = "packed_rows"
"""What a `PackedQuery` reads."""

ROW_BITS = 1 << 41
"""The order of arrival is below this, so that it can be the low bits of a key whose high bits are a time."""

_DUCKDB_TYPES = {
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.SMALLINT: "SMALLINT",
    ColumnType.INT: "INTEGER",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.FLOAT: "FLOAT",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.STRING: "VARCHAR",
    ColumnType.TIMESTAMP: "BIGINT",
    ColumnType.DATE: "DATE",
}


def duckdb_type(column_type: ColumnType) -> str:
    """The DuckDB type that stores a column; a timestamp is BIGINT, milliseconds since 1970-01-01 UTC."""
    return _DUCKDB_TYPES[column_type]


@dataclass(frozen=True)
class Column:
    """A column of a table or of a result."""

    name: str
    type: ColumnType
    nullable: bool = True


class Facts(Protocol):
    """What is true of all rows of a stored relation until the query has run; a plan may build on it."""

    def bounds(self, column: str) -> tuple[int, int] | None:
        """Smallest and largest value of a column of timestamps or integers, or of ``__row``; None when one may be NULL.

        They may be wider than need be. Without rows it is None as well.
        """
        ...

    def has_null(self, column: str) -> bool:
        """Whether a column may have a NULL."""
        ...


@dataclass(frozen=True)
class TableSchema:
    """A stored table.

    Attributes:
        db: the database it belongs to.
        name: its name.
        columns: its columns, without ``__row``.
        relation: the quoted DuckDB relation that holds its rows: these columns and, last, ``__row``.
        indexes: key columns and time column (None: order of insertion) of its indexes. In request mode LAST JOIN
            without ORDER BY takes the newest row of the index that its keys use.
        facts: what is known of its rows; None: nothing.
    """

    db: str
    name: str
    columns: tuple[Column, ...]
    relation: str
    indexes: tuple[tuple[tuple[str, ...], str | None], ...] = ()
    facts: Facts | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> TableKey:
        """Its database and name."""
        return self.db, self.name


class Catalog(Protocol):
    """Where the compiler looks tables up."""

    def table(self, db: str | None, name: str) -> TableSchema:
        """The table of that name; db None means the query named none and there is no current database.

        Raises:
            SqlError: there is no such table.
        """
        ...


@dataclass(frozen=True)
class PackedFrame:
    """The frame of a window that is computed outside of DuckDB: rows of the same key, the current one the last.

    Attributes:
        keys: the columns of PARTITION BY.
        by_time: it reaches back milliseconds, else rows.
        start: how far back; None is without end.
        end: how many rows back it ends; 0 for a frame of times.
        drops_current_row: the current row is left out.
    """

    keys: tuple[str, ...]
    by_time: bool
    start: int | None
    end: int
    drops_current_row: bool


@dataclass(frozen=True)
class PackedPart:
    """A number for each row: how many rows its frame has, or a count or sum of a column's values there.

    Attributes:
        frame: the frame.
        function: ``count`` or ``sum``.
        argument: the column, of whole numbers for a sum; None counts rows.
    """

    frame: PackedFrame
    function: Literal["count", "sum"]
    argument: str | None


@dataclass(frozen=True)
class PackedQuery:
    """A query whose windows are computed outside of DuckDB; see `dsflow.embedded.packedrows`.

    Attributes:
        sql: DuckDB SQL that gives what `CompiledQuery.sql` gives. It reads ``columns``, ``__row`` and a column for each
            part from the relation `PACKED_ROWS`.
        rows: the rows, as text after FROM, conditions included. Names need no alias there.
        columns: the columns of a row that the statement reads, beside those that the parts need.
        time: the column that orders rows, then ``__row`` does; whole numbers from 0, never NULL.
        parts: what is to be computed, by the name of its column.
    """

    sql: str
    rows: str
    columns: tuple[str, ...]
    time: str
    parts: dict[str, PackedPart]

    @property
    def frames(self) -> tuple[PackedFrame, ...]:
        """The frames, each once."""
        return tuple(dict.fromkeys(part.frame for part in self.parts.values()))

    @property
    def shared(self) -> tuple[str, ...]:
        """The columns in which the rows of every frame agree."""
        first, *others = (frame.keys for frame in self.frames)
        return tuple(name for name in first if all(name in keys for keys in others))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that the parts need, ``__row`` aside."""
        keys = [name for frame in self.frames for name in frame.keys]
        arguments = [part.argument for part in self.parts.values() if part.argument is not None]
        return tuple(dict.fromkeys([self.time, *keys, *arguments]))


@dataclass(frozen=True)
class CompiledQuery:
    """A query as one DuckDB statement.

    Attributes:
        sql: DuckDB SQL. Its result has exactly ``columns``, in their order, stored types as `duckdb_type` says.
        columns: names and OpenMLDB types of the result.
        packed: another way to the same rows, in whatever order, where there is one and it was asked for.
    """

    sql: str
    columns: tuple[Column, ...]
    packed: PackedQuery | None = None


@dataclass(frozen=True)
class CompiledRequest:
    """A deployment's query as one prepared DuckDB statement.

    Attributes:
        sql: DuckDB SQL whose positional parameters are the request row's values, in the order of ``request.columns``
            (a timestamp as int milliseconds, a date as ``datetime.date``). It gives exactly one row.
        columns: names and OpenMLDB types of that row.
        request: the table whose row is the request.
        needs: the indexes that the query looks rows up by, each with its table, and in the order of the query; the keys
            of each as the query names them.
    """

    sql: str
    columns: tuple[Column, ...]
    request: TableSchema
    needs: tuple[tuple[TableKey, IndexNeed], ...]
