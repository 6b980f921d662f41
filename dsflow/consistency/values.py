"""Values on their way between Parquet files, the APIServer's JSON and Python.

In Python they are bool, int, float, str and None; a timestamp is an int of milliseconds since 1970-01-01 UTC, a date a
text such as ``2017-11-06``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsflow.errors import MissingExtraError
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import pyarrow

_FLOATS = (ColumnType.FLOAT, ColumnType.DOUBLE)


def write_rows(path: Path, columns: Mapping[str, ColumnType], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a Parquet file."""
    pyarrow = _pyarrow()
    import pyarrow.parquet as parquet

    fields = []
    arrays = []
    for name, kind in columns.items():
        wanted = _arrow_type(pyarrow, kind)
        values = [row[name] for row in rows]
        if kind is ColumnType.DATE:
            values = [None if value is None else date.fromisoformat(value) for value in values]
        fields.append(pyarrow.field(name, wanted))
        arrays.append(pyarrow.array(values, wanted))
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields)), path)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder of Parquet files."""
    pyarrow = _pyarrow()
    import pyarrow.parquet as parquet

    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.parquet")):
        table = parquet.read_table(file)
        lists = []
        for column in table.columns:
            if pyarrow.types.is_timestamp(column.type):
                column = column.cast(pyarrow.timestamp("ms", column.type.tz), safe=False).cast(pyarrow.int64())
            values = column.to_pylist()
            if pyarrow.types.is_date(column.type):
                values = [None if value is None else value.isoformat() for value in values]
            lists.append(values)
        rows += [dict(zip(table.column_names, values, strict=True)) for values in zip(*lists, strict=True)]
    return rows


def from_json(value: Any, kind: ColumnType) -> Any:
    """A value of the APIServer's JSON; it writes a date without leading zeros, a whole double perhaps as an int."""
    if value is None:
        return None
    if kind is ColumnType.DATE:
        year, month, day = (int(part) for part in value.split("-"))
        return date(year, month, day).isoformat()
    return float(value) if kind in _FLOATS else value


def _arrow_type(pyarrow: Any, kind: ColumnType) -> pyarrow.DataType:
    types = {
        ColumnType.BOOL: pyarrow.bool_,
        ColumnType.SMALLINT: pyarrow.int16,
        ColumnType.INT: pyarrow.int32,
        ColumnType.BIGINT: pyarrow.int64,
        ColumnType.FLOAT: pyarrow.float32,
        ColumnType.DOUBLE: pyarrow.float64,
        ColumnType.STRING: pyarrow.string,
        ColumnType.DATE: pyarrow.date32,
    }
    return pyarrow.timestamp("ms", "UTC") if kind is ColumnType.TIMESTAMP else types[kind]()


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError("comparing offline and online features", "local", error.name or "pyarrow") from error
    return pyarrow
