"""SELECT ... INTO OUTFILE: a result as a folder of part files, as OpenMLDB's Spark writes it, or as one file (online).

The offline form gives a folder with ``part-00000-<id>-c000.csv`` (or ``.snappy.parquet``) and an empty ``_SUCCESS``;
`sparkcsv` says how its values are written. Everything is written beside the target first and moved there by renaming.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsflow.embedded import sparkcsv
from dsflow.embedded.failures import LoadError, OutfileError
from dsflow.embedded.options import check_option
from dsflow.embedded.sources import local_path
from dsflow.embedded.storage import quote, text_literal
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.compiler import Column

MODES = ("error_if_exists", "overwrite", "append")

_PLAIN_NAME = re.compile("[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class OutfileOptions:
    """OPTIONS of INTO OUTFILE, with OpenMLDB's names and defaults.

    Attributes:
        format: ``csv`` or ``parquet``.
        header: whether a CSV file begins with the columns' names.
        delimiter: between values.
        quote: around texts that need it; None: ``"`` offline, none online; "" for none.
        null_value: the text for NULL.
        mode: ``error_if_exists``, ``overwrite`` or ``append``.
    """

    format: str = "csv"
    header: bool = True
    delimiter: str = ","
    quote: str | None = None
    null_value: str = "null"
    mode: str = "error_if_exists"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> OutfileOptions:
        """The options as the statement gives them.

        Raises:
            OutfileError: an option or its value is unknown, or not supported here.
        """
        known = {"format", "header", "delimiter", "quote", "null_value", "mode"}
        for name in given:
            if name not in known | {"coalesce"}:
                raise OutfileError(f"INTO OUTFILE has no option {name!r}", hint=f"it knows {', '.join(sorted(known))}")
        try:
            options = cls(**{name: check_option(name, value) for name, value in given.items() if name in known})
        except LoadError as error:
            raise OutfileError(error.message, hint=error.hint) from error
        if options.mode not in MODES:
            raise OutfileError(f"mode={options.mode!r} is not known", hint=f"use one of {', '.join(MODES)}")
        return options


def write_folder(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Sequence[Column], path: str, options: OutfileOptions
) -> int:
    """Write a query's result as a folder of part files, in the order of the result.

    Args:
        connection: a connection of the caller's own.
        query: DuckDB SQL.
        columns: names and types of its result.
        path: the folder to make; ``file://`` before it is allowed.
        options: the statement's options.

    Returns:
        How many rows were written.

    Raises:
        OutfileError: the path is taken (and mode is error_if_exists), or cannot be written.
    """
    target = _target(path)
    if target.exists():
        if options.mode == "error_if_exists":
            raise OutfileError(
                f"path {target} already exists, and mode is error_if_exists",
                hint="write OPTIONS(mode='overwrite') or OPTIONS(mode='append')",
            )
        if options.mode == "append" and not target.is_dir():
            raise OutfileError(f"cannot append to {target}: it is a file, not a folder of part files")
    work = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
    part = f"part-00000-{uuid.uuid4()}-c000." + ("csv" if options.format == "csv" else "snappy.parquet")
    try:
        work.mkdir(parents=True)
        count = _copy(connection, query, columns, work / part, options)
        (work / "_SUCCESS").touch()
        if options.mode == "append" and target.is_dir():
            os.replace(work / part, target / part)
            os.replace(work / "_SUCCESS", target / "_SUCCESS")
        else:
            _swap(work, target)
    except OSError as error:
        raise OutfileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return count


def write_file(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Sequence[Column], path: str, options: OutfileOptions
) -> int:
    """Write a query's result as one CSV file, as OpenMLDB's clients do in online mode: timestamps are milliseconds.

    Raises:
        OutfileError: as for `write_folder`; or the format is not CSV, which OpenMLDB refuses here, too.
    """
    if options.format != "csv":
        raise OutfileError(f"in online mode INTO OUTFILE writes CSV only, not {options.format}")
    target = _target(path)
    if target.is_dir():
        raise OutfileError(f"cannot write {target}: it is a folder")
    if target.exists() and options.mode == "error_if_exists":
        raise OutfileError(
            f"file {target} already exists, and mode is error_if_exists",
            hint="write OPTIONS(mode='overwrite') or OPTIONS(mode='append')",
        )
    work = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
    try:
        work.parent.mkdir(parents=True, exist_ok=True)
        count = _copy(connection, query, columns, work, options, text_times=False)
        if options.mode == "append" and target.exists():
            with open(target, "ab") as out, open(work, "rb") as rows:
                shutil.copyfileobj(rows, out)
        else:
            os.replace(work, target)
    except OSError as error:
        raise OutfileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # what made the writing fail is told
            work.unlink(missing_ok=True)
    return count


def _target(path: str) -> Path:
    try:
        local = local_path(path)
    except LoadError as error:
        raise OutfileError(error.message) from error
    if not local:
        raise OutfileError("INTO OUTFILE names no path: it is empty")
    target = Path(local).absolute()
    try:
        target.exists()
    except OSError as error:  # a name that is too long
        raise OutfileError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _swap(work: Path, target: Path) -> None:
    """Put a finished folder in the place of what is there; the old one is gone only after the new one is in place."""
    if not target.exists():
        os.replace(work, target)
        return
    old = target.parent / f".{target.name}.{uuid.uuid4().hex}.old"
    os.replace(target, old)
    try:
        os.replace(work, target)
    except OSError:
        os.replace(old, target)
        raise
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink()


def _copy(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    columns: Sequence[Column],
    file: Path,
    options: OutfileOptions,
    *,
    text_times: bool = True,
) -> int:
    # a query may give two columns the same name: number them while they are in DuckDB's hands
    inner = ", ".join(f"c{number}" for number in range(len(columns)))
    if options.format == "parquet":
        return _copy_parquet(connection, f"({query}) AS result({inner})", columns, file)
    quoting = '"' if options.quote is None and text_times else options.quote or ""
    rows = f"({query}) AS result({inner})"
    if text_times:
        return _copy_spark_csv(connection, rows, columns, file, options, quoting)
    return _copy_csv(connection, rows, columns, file, options, quoting)


def _written(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Run a COPY; how many rows it wrote."""
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _copy_parquet(connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[Column], file: Path) -> int:
    names = [column.name.lower() for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OutfileError(f"two columns of the result are named {twice!r}: Parquet cannot hold that")
    stored = [
        f"make_timestamptz(c{n} * 1000)" if column.type is ColumnType.TIMESTAMP else f"c{n}"
        for n, column in enumerate(columns)
    ]
    values = ", ".join(f"{value} AS {quote(column.name)}" for value, column in zip(stored, columns, strict=True))
    to = f"TO {text_literal(str(file))} (FORMAT parquet, COMPRESSION snappy)"
    return _written(connection, f"COPY (SELECT {values} FROM {rows}) {to}")


def _copy_spark_csv(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[Column],
    file: Path,
    options: OutfileOptions,
    quoting: str,
) -> int:
    import duckdb

    values = [
        sparkcsv.sql_value(
            f"c{n}",
            column.type,
            first=n == 0,
            delimiter=options.delimiter,
            quote=quoting,
            null_value=options.null_value,
        )
        for n, column in enumerate(columns)
    ]
    try:
        texts = replace(options, null_value=sparkcsv.null_text(options.null_value))
        return _copy_texts(connection, rows, columns, file, texts, values, "", header_quoting=(quoting, "\\"))
    except duckdb.InvalidInputException as error:
        if "would have to be quoted" not in str(error):
            raise
        raise OutfileError(
            "a text holds the delimiter or a line end, and quote='' is given: OpenMLDB writes NUL characters around it",
            hint="leave quote out, or choose another delimiter",
        ) from error


def _copy_csv(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[Column],
    file: Path,
    options: OutfileOptions,
    quoting: str,
) -> int:
    values = [_csv_value(f"c{n}", column.type) for n, column in enumerate(columns)]
    return _copy_texts(connection, rows, columns, file, options, values, quoting, header_quoting=(quoting, quoting))


def _copy_texts(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[Column],
    file: Path,
    options: OutfileOptions,
    values: Sequence[str],
    quoting: str,
    *,
    header_quoting: tuple[str, str],
) -> int:
    by_duckdb = options.header and _has_plain_names(columns, options)
    named = [quote(column.name) if by_duckdb else f"c{n}" for n, column in enumerate(columns)]
    selected = ", ".join(f"{value} AS {name}" for value, name in zip(values, named, strict=True))
    settings = [
        "FORMAT csv",
        f"HEADER {str(by_duckdb).lower()}",
        f"DELIMITER {text_literal(options.delimiter)}",
        f"NULLSTR {text_literal(options.null_value)}",
        f"QUOTE {text_literal(quoting)}",
        f"ESCAPE {text_literal(quoting)}",
    ]
    to = f"TO {text_literal(str(file))} ({', '.join(settings)})"
    count = _written(connection, f"COPY (SELECT {selected} FROM {rows}) {to}")
    if options.header and not by_duckdb:
        _prepend_header(file, columns, options.delimiter, *header_quoting)
    return count


def _has_plain_names(columns: Sequence[Column], options: OutfileOptions) -> bool:
    """Whether DuckDB writes the same header as `_prepend_header`, which has to write the file once more for it.

    DuckDB cannot have a name twice, and quotes names by rules of its own.
    """
    names = [column.name.lower() for column in columns]
    return len(set(names)) == len(names) and all(
        _PLAIN_NAME.fullmatch(name) and name != options.null_value.lower() and options.delimiter.lower() not in name
        for name in names
    )


def _csv_value(name: str, kind: ColumnType) -> str:
    if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
        return (
            f"CASE WHEN isnan({name}) THEN 'NaN' WHEN isinf({name}) THEN if({name} > 0, 'Infinity', '-Infinity')"
            f" ELSE CAST({name} AS VARCHAR) END"
        )
    return name


def _prepend_header(file: Path, columns: Sequence[Column], delimiter: str, quoting: str, escape: str) -> None:
    def one(name: str) -> str:
        special = (delimiter, quoting, "\n", "\r")
        if not quoting or not any(mark in name for mark in special):
            return name
        for mark in dict.fromkeys((escape, quoting)):
            name = name.replace(mark, escape + mark)
        return quoting + name + quoting

    body = file.with_name(file.name + ".body")
    os.replace(file, body)
    try:
        with open(file, "wb") as out, open(body, "rb") as rows:
            out.write((delimiter.join(one(column.name) for column in columns) + "\n").encode())
            shutil.copyfileobj(rows, out, 1 << 20)
    finally:
        body.unlink()
