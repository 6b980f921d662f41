"""Rows that OpenMLDB's online storage does not take: those whose index has no time for them.

An index with ``TS=column`` keeps a key's rows by that column; a row where it is NULL or before 1970 is refused
(``src/storage/mem_table.cc``: "get ts failed", "ts is negative").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dsflow.embedded.compiler.values import quote
from dsflow.embedded.errors import SqlError

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table


def check_times(table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Whether rows of stored values, in the order of the table's columns, can be stored online.

    Raises:
        SqlError: one cannot.
    """
    names = [column.name for column in table.columns]
    for column in _time_columns(table):
        place = names.index(column)
        for number, row in enumerate(rows, 1):
            if row[place] is None or row[place] < 0:
                raise _refusal(table, column, number, row[place])


def check_staged_times(connection: duckdb.DuckDBPyConnection, table: Table, staged: str) -> None:
    """The same for the rows of a relation that has the table's columns in their order."""
    for column in _time_columns(table):
        time = quote(column)
        found = connection.execute(
            f"SELECT rowid + 1, {time} FROM {staged} WHERE {time} IS NULL OR {time} < 0 ORDER BY rowid LIMIT 1"
        ).fetchone()
        if found is not None:
            raise _refusal(table, column, *found)


def _time_columns(table: Table) -> list[str]:
    return sorted({index.ts for index in table.indexes if index.ts is not None})


def _refusal(table: Table, column: str, number: int, value: int | None) -> SqlError:
    what = "NULL" if value is None else f"{value}, before 1970"
    return SqlError(
        f"row {number} cannot be stored online: {column}, the time of an index of {table.db}.{table.name}, is {what}",
        hint=f"leave such rows out, or give them a time; offline storage takes them, with {column} read as 0"
        if value is None
        else "leave such rows out; offline storage takes them, and windows pass over them",
    )
