"""Many rows into an online relation: in the order of one column, in slices that fit in memory, each row once if asked.

A slice is the rows of a stretch of keys, so that equal rows are in the same one, and the slices one after the other are
the whole in order. Sorting and comparing a slice takes as much memory for a hundred million rows as for ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsflow.embedded.compiler import ROW_COLUMN
from dsflow.embedded.compiler.values import quote
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

    from dsflow.embedded.catalog import Table

SLICE_ROWS = 24_000_000
"""About so many rows are put in order at once: some 1.5 GB of the demo's clicks."""

_SAMPLE = 200_000
_HASHES, _AGAIN, _PLACE = "hashes_again", "rows_again", "__place"

MOST_KEPT = 200_000
"""So many rows that are there more than once are told; of more only that they are left out."""


@dataclass(frozen=True)
class Rows:
    """Rows that are to be appended.

    Attributes:
        source: text for a FROM clause, with the table's columns; ``__row`` is their order, from 0 on.
        count: about how many.
    """

    source: str
    count: int


@dataclass(frozen=True)
class _Slice:
    """A condition on a column, as DuckDB SQL, with its parameters."""

    condition: str
    values: tuple[Any, ...] = ()


def identity(table: Table, of: str = "") -> list[str]:
    """What equal rows have alike; OpenMLDB compares them by their bytes, so -0.0 is not 0.0.

    Args:
        of: the relation's name and a dot, before each column.
    """
    floats = [c.name for c in table.columns if c.type in (ColumnType.FLOAT, ColumnType.DOUBLE)]
    return [f"{of}{quote(c.name)}" for c in table.columns] + [f"signbit({of}{quote(name)})" for name in floats]


def append(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    target: str,
    rows: Rows,
    *,
    first: int,
    order: str | None,
    absent: bool = False,
) -> list[pa.Table] | None:
    """Append rows to an online relation.

    Args:
        connection: in a transaction.
        table: whose rows they are.
        target: its relation.
        rows: which.
        first: the ``__row`` of the first one.
        order: the column that they are put in the order of; ties, and all rows without one, stay in their order.
        absent: leave out a row that equals, column by column, one in the target or one before it.

    Returns:
        Of ``absent``: all of the rows that equal another one of them, with ``__row``, maybe with some that do not. None
        where nobody has looked, or there are more than `MOST_KEPT`.
    """
    repeated: list[pa.Table] | None = [] if absent else None
    names = ", ".join(quote(column.name) for column in table.columns)
    by = ", ".join([*([quote(order)] if order is not None else []), ROW_COLUMN])
    stored_already = absent and connection.execute(f"SELECT 1 FROM {target} LIMIT 1").fetchone() is not None
    for part in _slices(connection, rows, order):
        source, values = f"(SELECT * FROM {rows.source} WHERE {part.condition})", list(part.values)
        fresh = f"{source} AS fresh"
        if stored_already:
            same = " AND ".join(
                f"{one} IS NOT DISTINCT FROM {other}"
                for one, other in zip(identity(table, "stored."), identity(table, "fresh."), strict=True)
            )
            # not by NOT EXISTS, for which DuckDB makes the fresh rows distinct first, and 0.0 and -0.0 one
            fresh += f" ANTI JOIN (SELECT * FROM {target} WHERE {part.condition}) AS stored ON {same}"
        if absent and _note_repeated(connection, table, source, values):
            fresh += f" WHERE {ROW_COLUMN} NOT IN (SELECT {ROW_COLUMN} FROM temp.{_AGAIN} WHERE {_PLACE} > 1)"
            repeated = _kept(connection, repeated)
        connection.execute(
            f"INSERT INTO {target} SELECT {names}, {ROW_COLUMN} + {first} FROM {fresh} ORDER BY {by}",
            values * 2 if stored_already else values,
        )
    connection.execute(f"DROP TABLE IF EXISTS temp.{_AGAIN}")
    return repeated


def _kept(connection: duckdb.DuckDBPyConnection, before: list[pa.Table] | None) -> list[pa.Table] | None:
    """The repeated rows of one more slice, beside those of the slices before."""
    ((count,),) = connection.execute(f"SELECT count(*) FROM temp.{_AGAIN}").fetchall()
    if before is None or sum(rows.num_rows for rows in before) + count > MOST_KEPT:
        return None
    return [*before, connection.sql(f"SELECT * EXCLUDE ({_PLACE}) FROM temp.{_AGAIN}").to_arrow_table()]


def put_in_order(
    connection: duckdb.DuckDBPyConnection, table: Table, target: str, stage: str, *, begin: int, end: int, column: str
) -> None:
    """Put rows of an online relation in the order of a column; they move to its end, and keep their ``__row``.

    Args:
        connection: in a transaction.
        table, target: the table and its relation.
        stage: the name of a relation that is made for the rows meanwhile.
        begin, end: the rows whose ``__row`` is one of these, without the end.
        column: by what.
    """
    these = f"{target} WHERE {ROW_COLUMN} >= {begin} AND {ROW_COLUMN} < {end}"
    connection.execute(f"CREATE TABLE {stage} AS SELECT * FROM {these}")
    connection.execute(f"DELETE FROM {these}")
    append(connection, table, target, Rows(stage, end - begin), first=0, order=column)
    connection.execute(f"DROP TABLE {stage}")


def _slices(connection: duckdb.DuckDBPyConnection, rows: Rows, column: str | None) -> Iterator[_Slice]:
    """Conditions of which each row meets one, in the order of the column (NULL is the last)."""
    parts = -(-rows.count // SLICE_ROWS)
    if parts < 2 or column is None:
        yield _Slice("TRUE")
        return
    name = quote(column)
    sample = f"SELECT {name} FROM {rows.source} WHERE {ROW_COLUMN} % {max(rows.count // _SAMPLE, 1)} = 0"
    shares = ", ".join(str(part / parts) for part in range(1, parts))
    ((cuts,),) = connection.execute(f"SELECT quantile_disc({name}, [{shares}]) FROM ({sample})").fetchall()
    bounds = list(dict.fromkeys(cuts or ()))
    for low, high in zip([None, *bounds], [*bounds, None], strict=True):
        conditions = ([f"{name} >= ?"] if low is not None else []) + ([f"{name} < ?"] if high is not None else [])
        if not conditions:
            yield _Slice("TRUE")
        elif high is None:
            yield _Slice(f"({conditions[0]} OR {name} IS NULL)", (low,))
        else:
            yield _Slice(" AND ".join(conditions), tuple(bound for bound in (low, high) if bound is not None))


def _note_repeated(connection: duckdb.DuckDBPyConnection, table: Table, source: str, values: Sequence[Any]) -> bool:
    """Write the rows that equal another one to a temporary table, numbered from 1 on; False where there are none.

    The hashes of the rows are sorted as whole numbers, which takes a fourth of what DuckDB takes to group the rows; the
    few whose hash is there twice are compared.
    """
    same = identity(table)
    hashed = f"hash({', '.join(same)})"
    again = _more_than_once(connection.execute(f"SELECT {hashed} AS h FROM {source}", values).fetchnumpy()["h"])
    if not len(again):
        return False
    connection.register(_HASHES, as_arrow("h", again))
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_AGAIN} AS SELECT *,"
            f" row_number() OVER (PARTITION BY {', '.join(same)} ORDER BY {ROW_COLUMN}) AS {_PLACE}"
            f" FROM (SELECT * FROM {source} WHERE {hashed} IN (SELECT h FROM {_HASHES}))",
            values,
        )
    finally:
        connection.unregister(_HASHES)
    return True


def _more_than_once(hashes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def as_arrow(name: str, values: np.ndarray[Any, Any]) -> pa.Table:
    """Whole numbers as a table of one column, without pandas, which pyarrow imports for arrays: most of a second."""
    import pyarrow as pa

    array = pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])
    return pa.table([array], names=[name])
