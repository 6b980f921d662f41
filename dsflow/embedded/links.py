"""Offline data that stays in its files: LOAD DATA with ``deep_copy=false``, and ALTER TABLE ... OFFLINE_PATH.

The table knows the paths; each offline query reads the files anew, as OpenMLDB's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from dsflow.embedded import loading
from dsflow.embedded.compiler import ROW_COLUMN
from dsflow.embedded.errors import SqlError
from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.storage import quote, stored_rows

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table
    from dsflow.embedded.repeatedrows import Known

_ROWS_OF_A_PATH = 1 << 34
"""``__row`` of a path's rows begins at its place times this, so that what is copied comes first, then path by path."""

_MOST_PATHS = 100

_NOT_FOR_READING = ("format", "mode", "put_if_absent", "deep_copy")


def reading_options(options: LoadOptions) -> dict[str, Any]:
    """What OpenMLDB keeps of a statement's options to read the files with later."""
    if options.format != "csv":
        return {}
    return {name: value for name, value in asdict(options).items() if name not in _NOT_FOR_READING}


def linked(table: Table, path: str, options: LoadOptions) -> Table:
    """The table after a LOAD DATA with ``deep_copy=false``.

    Raises:
        LoadError: its other offline data has another format or is read with other options.
    """
    reading = reading_options(options)
    if options.mode == "overwrite" or not table.has_offline:
        first = replace(table, has_offline=True, copied=False, links=(path,))
        return replace(first, offline_format=options.format, offline_options=reading)
    check_same(table, options.format, reading)
    return table if path in table.links else replace(table, links=_more(table, path))


def check_same(table: Table, format: str, reading: Mapping[str, Any]) -> None:
    """A table's offline data has one format and one set of options.

    Raises:
        LoadError: it has others.
    """
    if (table.offline_format, dict(table.offline_options)) != (format, dict(reading)):
        raise LoadError(
            f"the offline data of {table.db}.{table.name} is {_described(table.offline_format, table.offline_options)},"
            f" not {_described(format, reading)}: OpenMLDB reads all of it in one way",
            hint="write OPTIONS(mode='overwrite') to replace what is there",
        )


def altered(table: Table, path: str, *, add: bool) -> Table:
    """The table after ALTER TABLE ... ADD or DROP OFFLINE_PATH.

    Raises:
        SqlError: the path is there already, or is not there.
    """
    if add:
        if path in table.links:
            raise SqlError(f"the offline path {path} is there already")
        return replace(table, has_offline=True, links=_more(table, path))
    if path not in table.links:
        raise SqlError(f"the offline path {path} is not there", hint=_known(table))
    return replace(table, links=tuple(link for link in table.links if link != path))


def _known(table: Table) -> str:
    return f"there are: {', '.join(table.links)}" if table.links else "the table has none"


def _more(table: Table, path: str) -> tuple[str, ...]:
    if len(table.links) >= _MOST_PATHS:
        raise LoadError(f"the embedded OpenMLDB takes {_MOST_PATHS} offline paths of a table at most")
    return (*table.links, path)


def _described(format: str, reading: Mapping[str, Any]) -> str:
    return f"{format} ({', '.join(f'{n}={v!r}' for n, v in sorted(reading.items()))})" if reading else format


class LinkedRows:
    """The offline rows of tables with paths, read into temporary tables of a connection.

    Use it as a context manager: at its end the temporary tables are gone.

    Args:
        connection: the one that runs the query; None reads nothing, and is enough to see whether a query is right.
        known: gives the rows that matter to the query where they need not be read.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None, known: Known | None = None) -> None:
        self._connection = connection
        self._known = known
        self._staged: dict[int, str] = {}

    def relation(self, table: Table) -> str:
        """The offline rows of a table, as text for a FROM clause.

        Raises:
            SqlError: a file is missing, or does not fit the table.
        """
        if not table.links or self._connection is None:
            return stored_rows(table, "offline")
        if table.tid not in self._staged:
            try:
                self._staged[table.tid] = self._read(self._connection, table)
            except LoadError as error:
                of = f"the offline data of {table.db}.{table.name}"
                raise SqlError(f"{of}: {error.message}", hint=error.hint) from error
        return self._staged[table.tid]

    def _read(self, connection: duckdb.DuckDBPyConnection, table: Table) -> str:
        names = ", ".join(quote(column.name) for column in table.columns)
        options = LoadOptions.of({**table.offline_options, "format": table.offline_format, "mode": "append"})
        parts = [f"SELECT {names}, {ROW_COLUMN} FROM {stored_rows(table, 'offline')}"]
        for place, path in enumerate(table.links, 1):
            name = f"linked_{table.tid}_{place}"
            alone = table.links == (path,) and not table.copied
            known = self._known(table, path, options) if self._known is not None and alone else None
            if known is None:
                _stage(connection, table, path, options, name)
            else:
                connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {parts[0]} LIMIT 0")
                for rows in known:
                    _write(connection, f"INSERT INTO {name} BY NAME", rows)
            parts.append(f"SELECT {names}, {ROW_COLUMN} + {place * _ROWS_OF_A_PATH} FROM {name}")
        return f"({' UNION ALL '.join(parts)})"

    def __enter__(self) -> LinkedRows:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None and self._staged:
            rows = self._connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'linked!_%' ESCAPE '!'"
            ).fetchall()
            for (name,) in rows:
                self._connection.execute(f"DROP TABLE temp.{quote(name)}")


def _stage(connection: duckdb.DuckDBPyConnection, table: Table, path: str, options: LoadOptions, name: str) -> None:
    """Read a path beside the connection's transaction, which a file that is read in a second try would end."""
    with connection.cursor() as beside:
        staged = loading.stage(beside, table, path, options)
        rows = beside.sql(f"SELECT *, rowid AS {ROW_COLUMN} FROM {staged.place.relation}").to_arrow_reader()
        _write(connection, f"CREATE OR REPLACE TEMP TABLE {name} AS", rows)


def _write(connection: duckdb.DuckDBPyConnection, into: str, rows: object) -> None:
    """Write rows of Arrow's into a table."""
    connection.register("linked_rows", rows)
    try:
        connection.execute(f"{into} SELECT * FROM linked_rows")
    finally:
        connection.unregister("linked_rows")
