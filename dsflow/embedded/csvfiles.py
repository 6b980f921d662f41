"""CSV files: how DuckDB reads them, and which line and column to name when they do not fit their table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsflow.embedded.compiler import ROW_COLUMN, Column
from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.storage import quote, text_literal
from dsflow.embedded.textvalues import EXPECTED, sql_is_bad, sql_of_text, value_of_text
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table


def select_rows(files: Sequence[str], table: Table, options: LoadOptions) -> str:
    """A query for the rows of files as they are stored, with ``__row`` from 0; it fails where a value is none."""
    names = _names(table)
    values = ", ".join(
        f"{sql_of_text(column.type, _text(name, options))} AS {quote(column.name)}"
        for name, column in zip(names, table.columns, strict=True)
    )
    return f"SELECT {values}, row_number() OVER () - 1 AS {ROW_COLUMN} FROM {_reader(files, names, options)}"


def _names(table: Table) -> list[str]:
    return [f"c{number}" for number in range(len(table.columns))]


def _text(name: str, options: LoadOptions) -> str:
    return f"nullif({name}, {text_literal(options.null_value)})"


def _reader(files: Sequence[str], names: Sequence[str], options: LoadOptions) -> str:
    kinds = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}"
    # unquoted and empty is NULL, "" is an empty text: that needs allow_quoted_nulls=false and null_value by nullif
    return (
        f"read_csv([{', '.join(map(text_literal, files))}], auto_detect=false, columns={kinds},"
        f" header={str(options.header).lower()}, delim={text_literal(options.delimiter)},"
        f" quote={text_literal(options.quote)}, escape={text_literal(options.quote)}, nullstr='',"
        " allow_quoted_nulls=false, null_padding=false, ignore_errors=false, strict_mode=true)"
    )


def check_start(file: str, table: Table, options: LoadOptions) -> None:
    """Look at a file's first line.

    Raises:
        LoadError: the file is empty or cannot be read, or its header is not that of the table.
    """
    columns = [column.name for column in table.columns]
    described = f"{table.db}.{table.name} ({', '.join(columns)})"
    try:
        if Path(file).stat().st_size == 0:
            expected = "not even a header" if options.header else "no rows"
            raise LoadError(f"{_short(file)} is empty: {expected}", hint=f"the file is {file}")
        first = next(_records(file, options), None)
    except OSError as error:
        raise LoadError(f"cannot read {file}: {error.strerror or error}") from error
    if first is None or not options.header:
        return
    line, names = first
    if names == columns:
        return
    where = f"{_short(file)} line {line}"
    missing = [name for name in columns if name not in names]
    extra = [name for name in names if name not in columns]
    if not missing and not extra and len(names) == len(columns):
        raise LoadError(
            f"{where}: the header has the columns in another order ({', '.join(names)}) than table {described}",
            hint="columns are read by position: put them in the order of the table",
        )
    problems = [f"missing: {', '.join(missing)}"] if missing else []
    problems += [f"unknown: {', '.join(map(repr, extra))}"] if extra else []
    problems = problems or [f"{len(names)} columns instead of {len(columns)}"]
    hint = None
    if not set(names) & set(columns):
        hint = "if the file has no header, write OPTIONS(header=false)"
        if len(names) == 1:
            hint = "check OPTIONS(delimiter=...); if the file has no header, write OPTIONS(header=false)"
    raise LoadError(f"{where}: the header does not fit table {described}; {'; '.join(problems)}", hint=hint)


def explain(connection: duckdb.DuckDBPyConnection, file: str, table: Table, options: LoadOptions) -> None:
    """Find out why a file was refused, or which NOT NULL column has NULL in it.

    Raises:
        LoadError: it names the first line and column at fault. Nothing is raised when the file is fine.
    """
    suspect = _first_bad_record(connection, file, table, options)
    for number, (line, values) in enumerate(_data_records(file, table, options)):
        if suspect is None or number == suspect:
            _check_record(f"{_short(file)} line {line}", values, table, options, strict=suspect is not None)


def _data_records(file: str, table: Table, options: LoadOptions) -> Iterator[tuple[int, list[str]]]:
    """The records that DuckDB takes for rows: without the header, and without empty lines if there are more columns."""
    records = _records(file, options)
    if options.header:
        next(records, None)
    for line, values in records:
        if len(table.columns) == 1 or (values and values != [""]):
            yield line, values or [""]


def _first_bad_record(
    connection: duckdb.DuckDBPyConnection, file: str, table: Table, options: LoadOptions
) -> int | None:
    """The number of the first record with a value that does not fit; None when DuckDB cannot tell."""
    import duckdb

    names = _names(table)
    checks = []
    for name, column in zip(names, table.columns, strict=True):
        checks.append(sql_is_bad(column.type, _text(name, options)))
        if not column.nullable:
            checks.append(f"{_text(name, options)} IS NULL")
    numbered = f"SELECT row_number() OVER () - 1 AS number, {' OR '.join(checks)} AS bad"
    try:
        row = connection.execute(
            f"SELECT min(number) FILTER (WHERE bad) FROM ({numbered} FROM {_reader([file], names, options)})"
        ).fetchone()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return None  # the file is broken as a whole; reading it record by record will tell
    return int(row[0]) if row and row[0] is not None else None


def _check_record(where: str, values: Sequence[str], table: Table, options: LoadOptions, *, strict: bool) -> None:
    columns = table.columns
    if len(values) != len(columns):
        raise LoadError(_wrong_width(where, values, columns))
    for number, (column, text) in enumerate(zip(columns, values, strict=True), 1):
        place = f"{where}, column {column.name} ({number})"
        if text in ("", options.null_value):
            # an empty text may be "", which is a value; that is seen only when DuckDB said that the record is bad
            if not column.nullable and (text or strict or column.type is not ColumnType.STRING):
                raise LoadError(f"{place}: NULL is not allowed (the column is NOT NULL)")
            continue
        try:
            value_of_text(column.type, text)
        except ValueError:
            shown = text if len(text) <= 60 else text[:57] + "..."
            raise LoadError(
                f"{place}: {shown!r} is not {EXPECTED[column.type]}", hint=_value_hint(text, options)
            ) from None


def _wrong_width(where: str, values: Sequence[str], columns: Sequence[Column]) -> str:
    if len(values) < len(columns):
        missing = ", ".join(f"{c.name} ({n})" for n, c in list(enumerate(columns, 1))[len(values) :])
        noun = "value" if len(values) == 1 else "values"
        return f"{where}: {len(values)} {noun} instead of {len(columns)}; missing: {missing}"
    extra = ", ".join(map(repr, values[len(columns) :][:5]))
    return f"{where}: {len(values)} values instead of {len(columns)}; too many: {extra}"


def _value_hint(text: str, options: LoadOptions) -> str | None:
    if text.strip() != text:
        return "blanks around a value are a part of it: remove them"
    if text.lower() in ("null", "na", "n/a", "none", "nan", "\\n"):
        return f"if it stands for NULL, write OPTIONS(null_value={text!r}) (now it is {options.null_value!r})"
    return None


def _records(file: str, options: LoadOptions) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV file, each with the number of the line that it begins on."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            if len(options.delimiter) > 1:
                for number, line in enumerate(stream, 1):
                    yield number, line.rstrip("\r\n").split(options.delimiter)
                return
            reader = (
                csv.reader(stream, delimiter=options.delimiter, quotechar=options.quote, strict=True)
                if options.quote
                else csv.reader(stream, delimiter=options.delimiter, quoting=csv.QUOTE_NONE, strict=True)
            )
            begin = 1
            while True:
                try:
                    record = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    raise LoadError(f"{_short(file)} line {begin}: {_csv_problem(error)}") from error
                yield begin, record
                begin = reader.line_num + 1
    except UnicodeDecodeError as error:
        bad = _line_of_byte(file)
        raise LoadError(f"{_short(file)} line {bad}: the text is not UTF-8", hint="save the file as UTF-8") from error


def _csv_problem(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quoted value that begins here never ends"
    if "expected after" in text:
        return "a quoted value is followed by more text; double a quote inside it"
    return text


def _line_of_byte(file: str) -> int:
    """The first line that is not UTF-8; the error's own position counts from the start of a buffer."""
    with open(file, "rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def _short(file: str) -> str:
    return Path(file).name
