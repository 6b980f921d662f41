"""LOAD DATA: CSV and Parquet files into a table, all of it or nothing.

DuckDB reads the files into a stage, and one transaction moves its rows into the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsflow.embedded import csvfiles, parquetfiles
from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.sources import Source, find_sources
from dsflow.embedded.storage import Kind, Stage, Transaction, quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from dsflow.embedded.catalog import Table

_STAGE = Stage("staged_rows")


@dataclass(frozen=True)
class Staged:
    """Rows that were read and checked.

    Attributes:
        place: where they wait.
        count: how many rows.
        files: what they were read from.
    """

    place: Stage
    count: int
    files: tuple[str, ...]


def check_mode(table: Table, kind: Kind, options: LoadOptions) -> None:
    """Whether a load of this mode into this storage can be.

    Raises:
        LoadError: it cannot.
    """
    if kind == "online" and not options.deep_copy:
        raise LoadError("import to online storage copies the rows: deep_copy=false is for offline data")
    if kind == "online" and options.mode != "append":
        raise LoadError(
            f"import to online storage: mode must be append, not {options.mode}",
            hint="write OPTIONS(mode='append'); it adds the rows to those that are there",
        )
    if kind == "offline" and options.mode == "error_if_exists" and table.has_offline:
        raise LoadError(
            f"table {table.db}.{table.name} has offline data already, and mode is error_if_exists",
            hint="write OPTIONS(mode='overwrite') or OPTIONS(mode='append')",
        )


def stage(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    path: str,
    options: LoadOptions,
    place: Stage = _STAGE,
    on_rows: Callable[[int], None] | None = None,
) -> Staged:
    """Read files into a stage.

    Args:
        connection: the job's own connection.
        table: the table that they must fit.
        path: as in LOAD DATA: a file, a folder, a pattern with ``*``, ``?``, ``[]`` or ``{}``, or ``file://`` and one.
        options: the statement's options.
        place: where the rows go; by default to a temporary table of the connection.
        on_rows: told how many rows are read so far, where they are read line by line and DuckDB cannot tell.

    Raises:
        LoadError: a file is missing or empty, or does not fit the table; names file, line and column.
    """
    sources = check_files(connection, table, path, options)
    if options.format == "csv":
        csvfiles.stage(connection, place, sources, table, options, on_rows)
    else:
        parquetfiles.stage(connection, place, sources, table)
        _check_not_null(connection, table, sources, place.relation)
    ((count,),) = connection.execute(f"SELECT count(*) FROM {place.relation}").fetchall()
    return Staged(place, int(count), tuple(source.file for source in sources))


def size_of(path: str) -> int:
    """Bytes of the files that a path of LOAD DATA means.

    Raises:
        LoadError: there are none.
    """
    return sum(Path(source.file).stat().st_size for source in find_sources(path))


def check_files(
    connection: duckdb.DuckDBPyConnection, table: Table, path: str, options: LoadOptions
) -> Sequence[Source]:
    """The files of a path, after a look at their headers or schemas; their rows are not read.

    Raises:
        LoadError: a file is missing or empty, or its columns are not the table's.
    """
    sources = find_sources(path)
    if options.format == "csv":
        sources = [source for source in sources if Path(source.file).stat().st_size > 0] or sources[:1]
        for source in sources:
            csvfiles.check_start(source, table, options)
    else:
        for source in sources:
            parquetfiles.check_schema(connection, source, table)
    return sources


def check_staged(connection: duckdb.DuckDBPyConnection, table: Table, kind: Kind, staged: Staged) -> None:
    """Whether OpenMLDB could store rows that were read.

    Raises:
        LoadError: it could not: offline data is kept in Parquet, which Spark writes no old times to.
    """
    if kind == "offline":
        reason = "OpenMLDB keeps offline rows in Parquet, and its job fails on such values"
        try:
            parquetfiles.check_old_times(connection, staged.place.relation, table, reason)
        except LoadError as error:
            files = ", ".join(Path(file).name for file in staged.files)
            raise LoadError(f"{files}: {error.message}", hint=error.hint) from None


@dataclass(frozen=True)
class Stored:
    """What became of rows that were stored.

    Attributes:
        left_out: how many of them are not, because they are there; None where all of them are stored in any case.
        stored: how many rows the table has afterwards; None likewise.
        repeated: those of them that are there more than once, see `onlinerows.append`; None likewise.
    """

    left_out: int | None = None
    stored: int | None = None
    repeated: list[pa.Table] | None = None


def store(transaction: Transaction, table: Table, kind: Kind, staged: Staged, options: LoadOptions) -> Stored:
    """Move staged rows into the table, as a part of a transaction."""
    from dataclasses import replace

    current = transaction.state.table(table.db, table.name)
    if current.tid != table.tid:
        raise LoadError(f"table {table.db}.{table.name} was dropped while the data was read")
    check_mode(current, kind, options)
    if kind == "offline" and options.mode == "overwrite":
        transaction.clear(current, kind)
    absent = options.put_if_absent  # offline imports do not know the option, and OpenMLDB passes over it there
    if kind == "offline":
        transaction.append(current, staged.place)
    else:
        return _store_online(transaction, current, staged, if_absent=absent)
    after = replace(current, has_offline=True, copied=True)
    if options.mode == "overwrite":
        after = replace(after, links=(), offline_format="parquet", offline_options={})
    if after != current:
        transaction.state = transaction.state.with_table(after)
    return Stored()


def _store_online(transaction: Transaction, table: Table, staged: Staged, *, if_absent: bool) -> Stored:
    before = transaction.count_online(table)
    repeated = transaction.insert_staged(table, staged.place.relation, staged.count, if_absent=if_absent)
    if not if_absent:
        return Stored()
    after = transaction.count_online(table)
    return Stored(staged.count - (after - before), after, repeated)


def _check_not_null(connection: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], name: str) -> None:
    for column in table.columns:
        if column.nullable:
            continue
        if connection.execute(f"SELECT 1 FROM {name} WHERE {quote(column.name)} IS NULL LIMIT 1").fetchone():
            files = ", ".join(Path(source.file).name for source in sources)
            raise LoadError(f"column {column.name} is NOT NULL, but {files} has NULL in it")
