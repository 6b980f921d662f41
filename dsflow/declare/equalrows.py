"""The statements that find out which rows a file holds more than once, equal as OpenMLDB stores them.

OpenMLDB's offline engine reads the file itself, so that ``1.0`` and ``1.00``, another order of NULL texts or a Parquet
file mean what they mean to the load. They need two tables beside the one that is loaded: one whose offline data is the
file (nothing is copied), and one whose online rows are what was found, each with how often it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsflow.declare.statements import CreateTable
from dsflow.openmldb.types import ColumnType

_FLOATS = (ColumnType.FLOAT, ColumnType.DOUBLE)


@dataclass(frozen=True)
class EqualRows:
    """The statements for one table.

    Attributes:
        rows: name of the table whose offline data is the file.
        found: name of the table of the rows that are there more than once; its last column says how often.
        create: CREATE TABLE for both.
        find: the offline query from one into the other.
    """

    rows: str
    found: str
    create: tuple[str, str]
    find: str


def equal_rows(database: object, table: str, columns: Mapping[str, ColumnType]) -> EqualRows:
    """What to ask for a file of a table.

    GROUP BY takes no float or double, so rows are told apart by a 64-bit hash of those (``hash64``). HAVING is not
    used, because OpenMLDB's offline engine passes over it.

    Args:
        database: a name, or a reference to a parameter.
        table: the table's name.
        columns: its columns.
    """
    rows, found = f"{table}__rows", f"{table}__equal"
    names = ", ".join(columns)
    copies, hashes = _free("copies", columns), _free("hash", columns)
    source, keys, values = rows, list(columns), list(columns)
    floats = [name for name, kind in columns.items() if kind in _FLOATS]
    if floats:
        hashed = {name: f"{hashes}_{number}" for number, name in enumerate(floats)}
        extra = ", ".join(f"hash64({name}) AS {alias}" for name, alias in hashed.items())
        source = f"(SELECT {names}, {extra} FROM {rows}) AS r"
        keys = [hashed.get(name, name) for name in columns]
        values = [f"max({name}) AS {name}" if name in hashed else name for name in columns]
    grouped = f"SELECT {', '.join(values)}, count(*) AS {copies} FROM {source} GROUP BY {', '.join(keys)}"
    find = (
        f"SELECT {names}, {copies} FROM ({grouped}) AS g WHERE {copies} > 1"
        f" INTO OUTFILE 'openmldb://{database}.{found}' OPTIONS(mode='append')"
    )
    return EqualRows(rows, found, (_ddl(rows, columns), _ddl(found, {**columns, copies: ColumnType.BIGINT})), find)


def _free(name: str, columns: Mapping[str, ColumnType]) -> str:
    """The name, with underscores until no column begins with it."""
    while any(column.lower().startswith(name) for column in columns):
        name += "_"
    return name


def _ddl(table: str, columns: Mapping[str, ColumnType]) -> str:
    key = next(name for name, kind in columns.items() if kind not in _FLOATS)
    made = tuple((name, str(kind)) for name, kind in columns.items())
    return CreateTable(table, made, (f"INDEX(KEY={key})",), if_missing=False).text
