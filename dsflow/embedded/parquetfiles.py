"""Parquet files as rows of a table: what Spark takes each of Parquet's types for, and what it fails on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsflow.embedded.csvfiles import columns_of_file
from dsflow.embedded.failures import LoadError
from dsflow.embedded.queryerrors import named, reason
from dsflow.embedded.sources import Source, find_sources
from dsflow.embedded.sparkvalues import floor_ms, sql_of_text
from dsflow.embedded.storage import Stage, quote, text_literal
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table

_ANNOTATED = {
    "INT_8": "tinyint", "INT_16": "smallint", "INT_32": "int", "INT_64": "bigint",
    "UINT_8": "smallint", "UINT_16": "int", "UINT_32": "bigint", "UINT_64": "decimal", "DECIMAL": "decimal",
    "DATE": "date", "TIMESTAMP_MILLIS": "timestamp", "TIMESTAMP_MICROS": "timestamp",
    "UTF8": "string", "ENUM": "string", "JSON": "string", "BSON": "binary",
}  # fmt: skip
_PLAIN = {
    "BOOLEAN": "bool", "INT32": "int", "INT64": "bigint", "INT96": "timestamp", "FLOAT": "float", "DOUBLE": "double",
    "BYTE_ARRAY": "binary",
}  # fmt: skip
_COMPRESSIONS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4")

FIRST_TIME_MS = -2208988800000
"""1900-01-01 in UTC: Spark writes no earlier timestamp to Parquet, and reads one from files of Spark 3 only."""

FIRST_DAY = "1582-10-15"
"""Likewise for dates."""


def check_schema(connection: duckdb.DuckDBPyConnection, source: Source, table: Table) -> None:
    """Whether a file's columns are those of the table, by name, order and type; more may follow them.

    Raises:
        LoadError: they are not, or Spark fails on the file.
    """
    import duckdb

    file = source.file
    columns = columns_of_file(source, table)
    try:
        found = connection.execute(
            f"SELECT name, type, num_children, converted_type, logical_type FROM parquet_schema({text_literal(file)})"
        ).fetchall()
        packed = connection.execute(
            f"SELECT DISTINCT compression FROM parquet_metadata({text_literal(file)})"
        ).fetchall()
    except duckdb.Error as error:
        raise LoadError(f"{_short(file)} is not a Parquet file: {reason(error)}") from error
    for (compression,) in packed:
        if compression not in _COMPRESSIONS:
            raise LoadError(
                f"{_short(file)} is compressed with {compression}: OpenMLDB's job fails on it",
                hint="write it with snappy",
            )
    kinds = _kinds(file, found)
    names = [name for name, _ in kinds]
    wanted = [column.name for column in columns]
    if names[: len(wanted)] != wanted:
        raise LoadError(
            f"{_short(file)} does not fit table {table.db}.{table.name}: it has the columns {', '.join(names)},"
            f" the table has {', '.join(wanted)}",
            hint="OpenMLDB takes them by position and name: write them in the table's order, any others after them",
        )
    for number, ((_, kind), column) in enumerate(zip(kinds, columns, strict=False), 1):
        if kind != str(column.type):
            raise LoadError(
                f"{_short(file)}, column {column.name} ({number}): it holds {kind}, the table wants {column.type}"
            )
    for name, value in source.columns:
        wanted_kind = next((str(column.type) for column in table.columns if column.name == name), None)
        if wanted_kind is not None and value is not None and _kind_of_folder(value) != wanted_kind:
            raise LoadError(
                f"{file}: the folder {name}={value} gives a {_kind_of_folder(value)}, the table wants {wanted_kind}"
            )


def columns_of_path(connection: duckdb.DuckDBPyConnection, path: str) -> list[tuple[str, ColumnType]]:
    """Names and types of the columns of a path's files, as OpenMLDB's types.

    Raises:
        LoadError: there is no such file, or a column has a type that OpenMLDB has not.
    """
    import duckdb

    file = find_sources(path)[0].file
    try:
        found = connection.execute(
            f"SELECT name, type, num_children, converted_type, logical_type FROM parquet_schema({text_literal(file)})"
        ).fetchall()
    except duckdb.Error as error:
        raise LoadError(f"{_short(file)} is not a Parquet file: {reason(error)}") from error
    types = {kind.value: kind for kind in ColumnType}
    kinds = _kinds(file, found)
    for name, kind in kinds:
        if kind not in types:
            raise LoadError(f"{_short(file)}, column {name}: OpenMLDB has no type for {kind}")
    return [(name, types[kind]) for name, kind in kinds]


def _kinds(
    file: str, rows: Sequence[tuple[str, str | None, int | None, str | None, str | None]]
) -> list[tuple[str, str]]:
    """Names and types, as Spark sees them, of a schema's outermost columns."""
    kinds = []
    inside = 0  # how many more entries belong to a nested column
    for name, stored, children, converted, logical in rows[1:]:
        _check_readable(file, name, stored, converted, logical or "")
        if inside:
            inside += (children or 0) - 1
            continue
        if children:
            inside = children
            kinds.append((name, (converted or "struct").lower()))
        else:
            kinds.append((name, _ANNOTATED.get(converted or "", _PLAIN.get(stored or "", "binary"))))
    return kinds


def _check_readable(file: str, name: str, stored: str | None, converted: str | None, logical: str) -> None:
    where = f"{_short(file)}, column {name}"
    if "NANOS=NanoSeconds" in logical and logical.startswith("Timestamp"):
        raise LoadError(
            f"{where}: it holds timestamps in nanoseconds, on which OpenMLDB's job fails (Spark knows microseconds)",
            hint="write microseconds: to_parquet(..., coerce_timestamps='us', allow_truncated_timestamps=True)",
        )
    if logical.startswith("TimeType") or (converted or "").startswith("TIME_"):
        raise LoadError(f"{where}: it holds times without a day, on which OpenMLDB's job fails", hint="leave it out")
    if stored == "FIXED_LEN_BYTE_ARRAY" and converted != "DECIMAL":
        kind = "half-precision floats" if logical.startswith("Float16") else "texts of a fixed length"
        raise LoadError(f"{where}: it holds {kind}, on which OpenMLDB's job fails", hint="write another type")


def _kind_of_folder(value: str) -> str:
    """The type that Spark takes from the text of a folder's name."""
    if re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        number = int(value)
        return "int" if -(2**31) <= number < 2**31 else "bigint" if -(2**63) <= number < 2**63 else "decimal"
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?", value, re.ASCII):
        return "double"
    if re.fullmatch(r"\d{4}-\d\d?-\d\d?", value, re.ASCII):
        return "date"
    return "timestamp" if re.fullmatch(r"\d{4}-\d\d?-\d\d?[ T]\d.*", value, re.ASCII) else "string"


def stage(connection: duckdb.DuckDBPyConnection, place: Stage, sources: Sequence[Source], table: Table) -> None:
    """Read files into a stage.

    Raises:
        LoadError: a file cannot be read, or has times that Spark fails on.
    """
    import duckdb

    parts = [_query(source, table) for source in sources]
    place.create(connection, table)
    try:
        connection.execute(f"INSERT INTO {place.relation} {' UNION ALL '.join(parts)}")
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        files = ", ".join(source.file for source in sources)
        raise LoadError(f"cannot read {files}: {named(error).message}") from error
    check_old_times(connection, place.relation, table, "OpenMLDB's job fails on such values in Parquet")


def _query(source: Source, table: Table) -> str:
    columns = columns_of_file(source, table)
    values = dict(source.columns)
    selected = []
    for column in columns:
        stored = quote(column.name)
        kind = {"int": "INTEGER", "string": "VARCHAR"}.get(str(column.type), str(column.type).upper())
        value = floor_ms(stored) if column.type is ColumnType.TIMESTAMP else f"CAST({stored} AS {kind})"
        selected.append(f"{value} AS {stored}")
    for column in table.columns[len(columns) :]:
        given = values[column.name]
        text = "CAST(NULL AS VARCHAR)" if given is None else text_literal(given)
        selected.append(f"{sql_of_text(column.type, text, 'text')} AS {quote(column.name)}")
    return f"SELECT {', '.join(selected)} FROM read_parquet({text_literal(source.file)})"


def check_old_times(connection: duckdb.DuckDBPyConnection, name: str, table: Table, reason: str) -> None:
    """Whether a staged relation has times that Spark does not take in Parquet, offline data's own format.

    Raises:
        LoadError: it has.
    """
    for number, column in enumerate(table.columns, 1):
        if column.type is ColumnType.TIMESTAMP:
            first, shown = str(FIRST_TIME_MS), "1900-01-01 in UTC"
        elif column.type is ColumnType.DATE:
            first, shown = f"DATE '{FIRST_DAY}'", FIRST_DAY
        else:
            continue
        stored = quote(column.name)
        row = connection.execute(
            f"SELECT rowid + 1, CAST({stored} AS VARCHAR) FROM {name} WHERE {stored} < {first} ORDER BY rowid LIMIT 1"
        ).fetchone()
        if row is not None:
            raise LoadError(
                f"row {row[0]}, column {column.name} ({number}): {row[1]} is before {shown}: {reason}",
                hint="leave such values empty, or keep them as string or bigint",
            )


def _short(file: str) -> str:
    return Path(file).name
