"""LOAD DATA: CSV and Parquet files into a table, all of it or nothing.

DuckDB reads the files into a temporary table, and one transaction moves them into the table.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dsflow.embedded import csvfiles
from dsflow.embedded.compiler import ROW_COLUMN
from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.storage import Kind, Transaction, quote, text_literal
from dsflow.embedded.textvalues import ms_of
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table

_STAGE = "staged_rows"


@dataclass(frozen=True)
class Staged:
    """Rows that were read and checked, waiting in a temporary table.

    Attributes:
        relation: its name; it has the table's columns, and ``__row`` from 0.
        count: how many rows.
        files: what they were read from.
    """

    relation: str
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
    connection: duckdb.DuckDBPyConnection, table: Table, path: str, options: LoadOptions, *, name: str = _STAGE
) -> Staged:
    """Read files into a temporary table of the connection.

    Args:
        connection: the job's own connection.
        table: the table that they must fit.
        path: as in LOAD DATA: a file, a folder of files, a pattern with ``*``, ``?`` or ``[]``, or ``file://`` and one.
        options: the statement's options.
        name: of the temporary table.

    Raises:
        LoadError: a file is missing or empty, or does not fit the table; names file, line and column.
    """
    import duckdb

    files = check_files(connection, table, path, options)
    query = csvfiles.select_rows(files, table, options) if options.format == "csv" else _parquet_query(files, table)

    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if options.format == "csv":
            for file in files:
                csvfiles.explain(connection, file, table, options)
        raise LoadError(f"cannot read {path}: {_first_line(error)}") from error
    _check_not_null(connection, table, files, options, name)
    row = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    return Staged(name, int(row[0]) if row else 0, tuple(files))


def check_files(connection: duckdb.DuckDBPyConnection, table: Table, path: str, options: LoadOptions) -> Sequence[str]:
    """The files of a path, after a look at their headers or schemas; their rows are not read.

    Raises:
        LoadError: a file is missing or empty, or its columns are not the table's.
    """
    files = find_files(path)
    if options.format == "csv":
        files = [file for file in files if Path(file).stat().st_size > 0] or files[:1]
        for file in files:
            csvfiles.check_start(file, table, options)
    else:
        for file in files:
            _check_parquet_schema(connection, file, table)
    return files


def store(transaction: Transaction, table: Table, kind: Kind, staged: Staged, options: LoadOptions) -> None:
    """Move staged rows into the table, as a part of a transaction."""
    from dataclasses import replace

    current = transaction.state.table(table.db, table.name)
    if current.tid != table.tid:
        raise LoadError(f"table {table.db}.{table.name} was dropped while the data was read")
    check_mode(current, kind, options)
    if kind == "offline" and options.mode == "overwrite":
        transaction.clear(current, kind)
    # offline imports do not know the option, and OpenMLDB passes over it there
    absent = options.put_if_absent and kind == "online"
    transaction.insert_staged(current, kind, staged.relation, staged.count, if_absent=absent)
    if kind == "online":
        return
    after = replace(current, has_offline=True, copied=True)
    if options.mode == "overwrite":
        after = replace(after, links=(), offline_format="parquet", offline_options={})
    if after != current:
        transaction.state = transaction.state.with_table(after)


# ---- which files


def local_path(path: str) -> str:
    """A path of LOAD DATA or INTO OUTFILE as a path of this machine.

    Raises:
        LoadError: it is on another system (``hdfs://``, ``hive://`` ...).
    """
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path[len("file:") :] if path.startswith("file:/") else path
    if scheme.lower() == "file":
        parts = urlsplit(path)
        if parts.netloc not in ("", "localhost"):
            return unquote(parts.netloc + parts.path)
        return unquote(parts.path) if "%" in rest else rest[len(parts.netloc) :]
    raise LoadError(f"the embedded OpenMLDB reads and writes files of this machine only, not {scheme}://: {path}")


def find_files(path: str) -> list[str]:
    """The files that a path of LOAD DATA means; of a folder, those that do not begin with ``.`` or ``_``.

    Raises:
        LoadError: there are none.
    """
    local = local_path(path)
    if not local:
        raise LoadError("LOAD DATA INFILE names no file: the path is empty")
    target = Path(local)
    if target.is_dir():
        files = sorted(str(f) for f in target.iterdir() if f.is_file() and f.name[0] not in "._")
        if not files:
            raise LoadError(f"the folder {local} has no files to read")
        return files
    if target.exists():
        return [local]
    if glob.has_magic(local):
        files = sorted(f for f in glob.glob(local) if Path(f).is_file())
        if not files:
            raise LoadError(f"no file matches {local}")
        return files
    raise LoadError(f"file {local} does not exist", hint=_where_instead(target))


def _where_instead(target: Path) -> str | None:
    if not target.is_absolute():
        return f"the path is relative to the embedded OpenMLDB's folder {Path.cwd()}; write it in full"
    parent = target.parent
    if not parent.is_dir():
        return f"there is no folder {parent} either"
    return None


def _check_not_null(
    connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[str], options: LoadOptions, staged: str
) -> None:
    strict = [column for column in table.columns if not column.nullable]
    for column in strict:
        row = connection.execute(f"SELECT 1 FROM {staged} WHERE {quote(column.name)} IS NULL LIMIT 1").fetchone()
        if row is None:
            continue
        if options.format == "csv":
            for file in files:
                csvfiles.explain(connection, file, table, options)
        raise LoadError(f"column {column.name} is NOT NULL, but {', '.join(files)} has NULL in it")


# ---- Parquet

_PARQUET_TYPES = {
    ColumnType.BOOL: {"BOOLEAN"},
    ColumnType.SMALLINT: {"SMALLINT"},
    ColumnType.INT: {"INTEGER"},
    ColumnType.BIGINT: {"BIGINT"},
    ColumnType.FLOAT: {"FLOAT"},
    ColumnType.DOUBLE: {"DOUBLE"},
    ColumnType.STRING: {"VARCHAR"},
    ColumnType.TIMESTAMP: {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_S"},
    ColumnType.DATE: {"DATE"},
}


def _check_parquet_schema(connection: duckdb.DuckDBPyConnection, file: str, table: Table) -> None:
    import duckdb

    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({text_literal(file)})").fetchall()
    except duckdb.Error as error:
        raise LoadError(f"{_short(file)} is not a Parquet file: {_first_line(error)}") from error
    names = [row[0] for row in found]
    wanted = [column.name for column in table.columns]
    if names != wanted:
        raise LoadError(
            f"{_short(file)} does not fit table {table.db}.{table.name}: it has the columns {', '.join(names)},"
            f" the table has {', '.join(wanted)}"
        )
    for number, (row, column) in enumerate(zip(found, table.columns, strict=True), 1):
        if row[1] not in _PARQUET_TYPES[column.type]:
            raise LoadError(
                f"{_short(file)}, column {column.name} ({number}): it holds {row[1]}, the table wants {column.type}"
            )


def _parquet_query(files: Sequence[str], table: Table) -> str:
    values = ", ".join(
        f"{ms_of(quote(c.name)) if c.type is ColumnType.TIMESTAMP else quote(c.name)} AS {quote(c.name)}"
        for c in table.columns
    )
    listed = ", ".join(text_literal(file) for file in files)
    return f"SELECT {values}, row_number() OVER () - 1 AS {ROW_COLUMN} FROM read_parquet([{listed}])"


# ---- small things


def _short(file: str) -> str:
    return Path(file).name


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
