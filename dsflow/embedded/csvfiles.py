"""CSV files as rows of a table: DuckDB reads them where it reads what Spark reads, and our own reader the others.

What Spark would turn into NULL, cut elsewhere or pass over without a word is refused; the message names the file, the
line and the column.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsflow.embedded.compiler import ROW_COLUMN, Column, duckdb_type
from dsflow.embedded.csvdialect import BLANK, Malformed, fields, lines, shape
from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.queryerrors import named
from dsflow.embedded.shanghai import sql_instant
from dsflow.embedded.sources import Source, check_readable
from dsflow.embedded.sparkvalues import TimeForm, form_of, sql_is_bad, sql_of_text
from dsflow.embedded.storage import Stage, quote, text_literal
from dsflow.embedded.textvalues import EXPECTED
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table

_RAW = "csv_texts"
_LINE, _FILE = "line", "file"
_BATCH = 50_000
_DUCKDB_DELIMITER = 4
"""Bytes that a delimiter of DuckDB's may have."""

_INTEGERS = (ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT)
_SECONDS, _SECONDS_FORMAT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII), "%Y-%m-%d %H:%M:%S"
_FIRST_LONG_YEAR_MS = -30610224000000
"""The year 1000: earlier ones could have been written with fewer digits than four."""


def check_start(source: Source, table: Table, options: LoadOptions) -> None:
    """Look at a file's first line.

    Raises:
        LoadError: the file is empty or cannot be read, or its header is not that of the table.
    """
    file = source.file
    columns = [column.name for column in columns_of_file(source, table)]
    described = f"{table.db}.{table.name} ({', '.join(columns)})"
    try:
        check_readable(file)
        if Path(file).stat().st_size == 0:
            expected = "not even a header" if options.header else "no rows"
            raise LoadError(f"{_short(file)} is empty: {expected}", hint=f"the file is {file}")
        first = next(lines(file), None)
    except OSError as error:
        raise LoadError(f"cannot read {file}: {error.strerror or error}") from error
    if first is None or not options.header:
        return
    line, text = first
    where = f"{_short(file)} line {line}"
    try:
        names = [name or "" for name in fields(text, options.delimiter, options.quote)]
    except Malformed as error:
        raise LoadError(f"{where}: {error.problem}", hint=error.hint) from None
    if names == columns:
        return
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


def columns_of_file(source: Source, table: Table) -> tuple[Column, ...]:
    """The table's columns that the file itself has: those that its folders name are the last ones.

    Raises:
        LoadError: they are other ones.
    """
    named = [name for name, _ in source.columns if any(column.name == name for column in table.columns)]
    count = len(table.columns) - len(named)
    if [column.name for column in table.columns[count:]] != named:
        raise LoadError(
            f"the folders of {source.file} give the columns {', '.join(named)}, and OpenMLDB puts them last:"
            f" the last columns of {table.db}.{table.name} are other ones",
            hint="name the folder of one value, or put the columns last in the table",
        )
    return table.columns[:count]


def stage(
    connection: duckdb.DuckDBPyConnection,
    place: Stage,
    sources: Sequence[Source],
    table: Table,
    options: LoadOptions,
    on_rows: Callable[[int], None] | None = None,
) -> None:
    """Read files into a stage.

    Args:
        on_rows: told how many rows are read so far, where they are read line by line.

    Raises:
        LoadError: a line or a value is not what Spark reads for OpenMLDB, or is NULL in a NOT NULL column.
    """
    import duckdb

    found = [_plain_file(connection, source, table, options) for source in sources]
    plain = [file for file in found if file is not None]
    if len(plain) == len(found):
        for read in (_read_numbers, _read_texts):
            try:
                if read(connection, place, plain, table, options):
                    return
            except duckdb.InterruptException:
                raise
            except duckdb.Error:
                pass  # whatever it is, the reading line by line says where; or reads what DuckDB does not
    _stage_by_line(connection, place, sources, table, options, on_rows)


def _read_texts(
    connection: duckdb.DuckDBPyConnection, place: Stage, files: Sequence[_PlainFile], table: Table, options: LoadOptions
) -> bool:
    """Read all values as texts, each held against Spark's rules; False where one is NULL that must not be."""
    texts = _query(files, {}, options)
    _fill(connection, place, texts, "", table, options, _first_times(connection, texts, table, options))
    return not _has_null(connection, place, table)


def _read_numbers(
    connection: duckdb.DuckDBPyConnection, place: Stage, files: Sequence[_PlainFile], table: Table, options: LoadOptions
) -> bool:
    """Read whole numbers and times by DuckDB's own parsers; False where these may have read something else than Spark.

    In files of digits, signs, colons and blanks they differ from Spark in blanks around a value and in years of less
    than four digits alone; each time has one blank in it, and so the blanks are counted.
    """
    blanks = [file.blanks for file in files]
    if None in blanks:
        return False
    first = _first_times(connection, _query(files, {}, options), table, options)
    times = [n for n, text in first.items() if text is not None and _SECONDS.fullmatch(text)]
    kinds = {n: duckdb_type(c.type) for n, c in enumerate(table.columns) if c.type in _INTEGERS}
    kinds |= dict.fromkeys(times, "TIMESTAMP")
    _fill(connection, place, _query(files, kinds, options), "", table, options, first, kinds)
    expected = 0
    for name in (quote(table.columns[n].name) for n in times):
        ((count, earliest),) = connection.execute(f"SELECT count({name}), min({name}) FROM {place.relation}").fetchall()
        expected += count
        if earliest is not None and earliest < _FIRST_LONG_YEAR_MS:
            return False
    return expected == sum(b for b in blanks if b is not None) and not _has_null(connection, place, table)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    place: Stage,
    rows: str,
    order: str,
    table: Table,
    options: LoadOptions,
    first: Mapping[int, str | None],
    kinds: Mapping[int, str] | None = None,
) -> None:
    """Put rows of texts into a stage as the stored values.

    Args:
        rows: text for a FROM clause with the columns ``c0``, ``c1`` ...
        order: by what they are in order; "" where they are so already.
        first: the first text of each column of timestamps.
        kinds: the types of the columns that are read already.
    """
    values = []
    for n, column in enumerate(table.columns):
        value = sql_of_text(column.type, _text(n, options), form_of(first.get(n)))
        if kinds and n in kinds:
            value = sql_instant(f"c{n}") if column.type is ColumnType.TIMESTAMP else f"c{n}"
        values.append(f"{value} AS {quote(column.name)}")
    place.create(connection, table)
    connection.execute(f"INSERT INTO {place.relation} SELECT {', '.join(values)} FROM {rows}{order}")


def _has_null(connection: duckdb.DuckDBPyConnection, place: Stage, table: Table) -> bool:
    """Whether there is NULL in a column that is NOT NULL."""
    strict = [f"{quote(column.name)} IS NULL" for column in table.columns if not column.nullable]
    query = f"SELECT 1 FROM {place.relation} WHERE {' OR '.join(strict)} LIMIT 1"
    return bool(strict and connection.execute(query).fetchone())


def _text(number: int, options: LoadOptions) -> str:
    return f"nullif(c{number}, {text_literal(options.null_value)})"


def _first_times(
    connection: duckdb.DuckDBPyConnection, texts: str, table: Table, options: LoadOptions
) -> Mapping[int, str | None]:
    """The first text of each column of timestamps: all its values are written as it is."""
    found: dict[int, str | None] = {}
    for number, column in enumerate(table.columns):
        if column.type is ColumnType.TIMESTAMP:
            text = _text(number, options)
            row = connection.execute(f"SELECT {text} FROM {texts} WHERE {text} IS NOT NULL LIMIT 1").fetchone()
            found[number] = row[0] if row else None
    return found


def _folder_values(source: Source, table: Table, first: int) -> list[str]:
    """The columns that a file's folders give, as texts."""
    values = dict(source.columns)
    given = [values[column.name] for column in table.columns[first:]]
    return [f"{'NULL' if v is None else text_literal(v)} AS c{n}" for n, v in enumerate(given, first)]


# ---- DuckDB's reader


@dataclass(frozen=True)
class _PlainFile:
    """A file whose lines and values DuckDB finds where Spark finds them.

    Attributes:
        file: its path.
        width: how many columns it has.
        folders: the columns that its folders give, as texts.
        quote: "" where it has none.
        blanks: as in `csvdialect.Shape`.
    """

    file: str
    width: int
    folders: Sequence[str]
    quote: str
    blanks: int | None


def _plain_file(
    connection: duckdb.DuckDBPyConnection, source: Source, table: Table, options: LoadOptions
) -> _PlainFile | None:
    """A file as DuckDB may read it, if it takes lines and values for what Spark takes them for."""
    columns = columns_of_file(source, table)
    if len(columns) < 2 or len(options.delimiter.encode()) > _DUCKDB_DELIMITER:
        return None
    if source.file.endswith((".bz2", ".deflate")) or _has_magic(source.file):
        return None
    looks = shape(source.file, options.quote, options.delimiter, header=options.header)
    if looks.nul or looks.blank_start or not looks.line_ends or (looks.quotes and looks.escapes):
        return None
    if looks.quotes and not _has_plain_quotes(connection, source.file, options):
        return None
    folders = _folder_values(source, table, len(columns))
    return _PlainFile(source.file, len(columns), folders, options.quote if looks.quotes else "", looks.blanks)


def _query(files: Sequence[_PlainFile], kinds: Mapping[int, str], options: LoadOptions) -> str:
    """The values of the files as ``c0``, ``c1`` ..., as text for a FROM clause.

    Args:
        files: which.
        kinds: the types of the columns that DuckDB parses itself, a timestamp to milliseconds; the others are texts.
        options: the statement's.
    """
    parts = []
    for file in files:
        names = [f"c{number}" for number in range(file.width)]
        described = ", ".join(f"'{name}': '{kinds.get(n, 'VARCHAR')}'" for n, name in enumerate(names))
        mark = text_literal(file.quote)
        # unquoted and empty is NULL, "" is an empty text: that needs allow_quoted_nulls=false and null_value by nullif
        nulls = f"['', {text_literal(options.null_value)}]" if kinds else "''"
        reader = (
            f"read_csv({text_literal(file.file)}, auto_detect=false, columns={{{described}}},"
            f" header={str(options.header).lower()}, delim={text_literal(options.delimiter)}, quote={mark},"
            f" escape={mark}, nullstr={nulls}, allow_quoted_nulls=false, null_padding=false, ignore_errors=false,"
            f" strict_mode=true, timestampformat='{_SECONDS_FORMAT}'{_packed(file.file)})"
        )
        values = [
            f"epoch_ms({name}) AS {name}" if kinds.get(n) == "TIMESTAMP" else name for n, name in enumerate(names)
        ]
        if options.delimiter.strip(BLANK) == "":
            # a line of blanks is passed over there
            values[0] = f"if({' AND '.join(f'{name} IS NULL' for name in names)}, error('blank'), c0) AS c0"
        parts.append(f"SELECT {', '.join([*values, *file.folders])} FROM {reader}")
    return f"({' UNION ALL BY NAME '.join(parts)})"


def _packed(file: str) -> str:
    return ", compression='gzip'" if file.endswith(".gz") else ""


def _has_magic(file: str) -> bool:
    return any(mark in file for mark in "*?[")


def _has_plain_quotes(connection: duckdb.DuckDBPyConnection, file: str, options: LoadOptions) -> bool:
    """Whether the file's quotes stand around whole values that hold none: all ways to read CSV agree on them."""
    import duckdb

    if len(options.delimiter) > 1:
        return False
    mark, cut = re.escape(options.quote), re.escape(options.delimiter)
    value = f"({mark}[^{mark}]*{mark}|[^{mark}{cut}]*)"
    pattern = text_literal(f"{value}({cut}{value})*")
    # a line as one value: no text has this delimiter, or else DuckDB fails
    reader = (
        f"read_csv({text_literal(file)}, auto_detect=false, columns={{'line': 'VARCHAR'}}, header=false,"
        f" delim=chr(31), quote='', escape='', nullstr='', strict_mode=true{_packed(file)})"
    )
    try:
        row = connection.execute(
            f"SELECT 1 FROM {reader} WHERE NOT regexp_full_match(line, {pattern}) LIMIT 1"
        ).fetchone()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return False
    return row is None


# ---- line by line


def _stage_by_line(
    connection: duckdb.DuckDBPyConnection,
    place: Stage,
    sources: Sequence[Source],
    table: Table,
    options: LoadOptions,
    on_rows: Callable[[int], None] | None,
) -> None:
    import duckdb

    names = [f"c{number}" for number in range(len(table.columns))]
    described = ", ".join(f"{name} VARCHAR" for name in names)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_RAW} ({described}, {_LINE} BIGINT, {_FILE} BIGINT, {ROW_COLUMN} BIGINT)"
    )
    try:
        _read_lines(connection, sources, table, options, on_rows)
        first = _first_times(connection, _RAW, table, options)
        forms = {number: form_of(text) for number, text in first.items()}
        bad = _first_bad(connection, table, options, forms)
        if bad is not None:
            raise _bad_value(sources, table, options, *bad)
        try:
            _fill(connection, place, _RAW, f" ORDER BY {ROW_COLUMN}", table, options, first)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            files = ", ".join(source.file for source in sources)
            raise LoadError(f"cannot read {files}: {named(error).message}") from error
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_RAW}")


def _read_lines(
    connection: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    table: Table,
    options: LoadOptions,
    on_rows: Callable[[int], None] | None,
) -> None:
    import pyarrow as pa

    kinds = [pa.string()] * len(table.columns) + [pa.int64()] * 3
    rows = _rows(sources, table, options)
    read = 0
    while batch := list(itertools.islice(rows, _BATCH)):
        arrays = [pa.array(values, kind) for values, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
        texts = pa.table(arrays, names=[f"v{n}" for n in range(len(arrays))])
        connection.register("csv_batch", texts)
        try:
            connection.execute(f"INSERT INTO {_RAW} SELECT * FROM csv_batch")
        finally:
            connection.unregister("csv_batch")
        read += len(batch)
        if on_rows is not None:
            on_rows(read)


def _rows(sources: Sequence[Source], table: Table, options: LoadOptions) -> Iterator[tuple[str | int | None, ...]]:
    """The texts of each row, the number of its line and of its file, and its own."""
    number = 0
    for place, source in enumerate(sources):
        columns = columns_of_file(source, table)
        values = dict(source.columns)
        given = [values[column.name] for column in table.columns[len(columns) :]]
        numbered = lines(source.file, options.delimiter)
        if options.header:
            next(numbered, None)
        for line, text in numbered:
            where = f"{_short(source.file)} line {line}"
            try:
                texts = fields(text, options.delimiter, options.quote)
            except Malformed as error:
                raise LoadError(f"{where}: {error.problem}", hint=error.hint) from None
            if len(texts) != len(columns):
                raise LoadError(_wrong_width(where, texts, columns))
            yield (*texts, *given, line, place, number)
            number += 1


def _first_bad(
    connection: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions, forms: Mapping[int, TimeForm]
) -> tuple[int, int, int, str | None, TimeForm | None] | None:
    """File, line, column, text and its column's form of the first value that the table does not take."""
    for_column = []
    for n, column in enumerate(table.columns):
        bad = sql_is_bad(column.type, _text(n, options), forms.get(n))
        if not column.nullable:
            null = f"{_text(n, options)} IS NULL"
            bad += f" OR {null}" if column.type is ColumnType.STRING else f" OR {null} OR {_text(n, options)} = ''"
        for_column.append(f"WHEN {bad} THEN {n}")
    texts = "[" + ", ".join(f"c{n}" for n in range(len(table.columns))) + "]"
    row = connection.execute(
        f"SELECT {_FILE}, {_LINE}, bad, {texts}[bad + 1] FROM"
        f" (SELECT *, CASE {' '.join(for_column)} END AS bad FROM {_RAW}) WHERE bad IS NOT NULL"
        f" ORDER BY {ROW_COLUMN} LIMIT 1"
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2], row[3], forms.get(row[2]))


def _bad_value(
    sources: Sequence[Source],
    table: Table,
    options: LoadOptions,
    file: int,
    line: int,
    number: int,
    text: str | None,
    form: TimeForm | None,
) -> LoadError:
    column = table.columns[number]
    place = f"{_short(sources[file].file)} line {line}, column {column.name} ({number + 1})"
    if text in (None, "", options.null_value) and not column.nullable:
        return LoadError(f"{place}: NULL is not allowed (the column is NOT NULL)")
    text = text or ""
    shown = text if len(text) <= 60 else text[:57] + "..."
    if form is not None and form != form_of(text):
        first = "milliseconds" if form == "milliseconds" else "local time"
        return LoadError(
            f"{place}: {shown!r} is not written as the column's first value is, in {first}: OpenMLDB reads the whole"
            " column in the form of its first value, and takes the other form for NULL",
            hint="write all timestamps of the column in one form",
        )
    return LoadError(f"{place}: {shown!r} is not {EXPECTED[column.type]}", hint=_value_hint(text, column.type, options))


def _wrong_width(where: str, values: Sequence[str | None], columns: Sequence[Column]) -> str:
    if len(values) < len(columns):
        missing = ", ".join(f"{c.name} ({n})" for n, c in list(enumerate(columns, 1))[len(values) :])
        noun = "value" if len(values) == 1 else "values"
        return f"{where}: {len(values)} {noun} instead of {len(columns)}; missing: {missing}"
    extra = ", ".join(repr(value or "") for value in values[len(columns) :][:5])
    return f"{where}: {len(values)} values instead of {len(columns)}; too many: {extra}"


def _value_hint(text: str, kind: ColumnType, options: LoadOptions) -> str | None:
    if text.strip() != text:
        return "blanks around a value are a part of it: remove them"
    if text.lower() in ("null", "na", "n/a", "none", "nan", "\\n"):
        return f"if it stands for NULL, write OPTIONS(null_value={text!r}) (now it is {options.null_value!r})"
    if kind is ColumnType.TIMESTAMP and re.search(r"\d(Z| ?[A-Za-z/_]+|[+-]\d\d?:?\d*)$", text):
        return "write local time of the zone Asia/Shanghai, or an offset such as +08:00"
    if kind in (ColumnType.TIMESTAMP, ColumnType.DATE):
        return "OpenMLDB would read NULL, or another day, without a word"
    return None


def _short(file: str) -> str:
    return Path(file).name
