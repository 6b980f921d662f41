"""The online rows of single keys as arrays in memory, for requests that come again for the same keys.

An entry holds as long as nobody changes its table's online rows. How much memory all of them may take is limited; those
that were not asked for the longest go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsflow.embedded.compiler import duckdb_type
from dsflow.embedded.storage import Storage, quote, relation

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from dsflow.embedded.catalog import Table

_MOST_BYTES = 64 * 2**20
_BYTES_OF_TEXT = 80
"""About so much takes a text, beside its place in an array."""

_BYTES_OF_ENTRY = 2000

MANY, _TOO_MANY = 2000, 200_000
"""Of fewer rows each is looked at; more would not be worth the memory that their orders take."""

_ASKED = 4
"""So often rows are looked at before they are put in an order: it takes as long as some hundred looks."""

_ORDERS, _BYTES_OF_ORDER = 4, 32


@dataclass(frozen=True)
class Column:
    """The values of a column, and where there are none (None: nowhere); what stands there then means nothing."""

    values: np.ndarray[Any, Any]
    nulls: np.ndarray[Any, Any] | None


@dataclass(frozen=True)
class Order:
    """Rows of a key by some columns of whole numbers, and then by time.

    Attributes:
        places: of the rows, in that order; those where one of the columns is NULL are left out.
        keys: the columns, so ordered.
        times: the times, so ordered; NULL is 0.
    """

    places: np.ndarray[Any, Any]
    keys: tuple[np.ndarray[Any, Any], ...]
    times: np.ndarray[Any, Any]

    def between(self, wanted: Sequence[int], first: int, last: int) -> np.ndarray[Any, Any]:
        """The places of the rows with these values in the columns and a time from ``first`` to ``last``."""
        low, high = 0, len(self.places)
        for values, value in zip(self.keys, wanted, strict=True):
            low, high = _range(values, low, high, value, value)
        low, high = _range(self.times, low, high, first, last)
        return self.places[low:high]


def _range(values: np.ndarray[Any, Any], low: int, high: int, first: int, last: int) -> tuple[int, int]:
    """Where values from ``first`` to ``last`` stand in a part that is in order."""
    part = values[low:high]
    return low + int(part.searchsorted(first, "left")), low + int(part.searchsorted(last, "right"))


@dataclass(frozen=True)
class Rows:
    """The rows of a key.

    Attributes:
        count: how many.
        columns: their columns by name.
    """

    count: int
    columns: dict[str, Column]
    _asked: dict[tuple[str, ...], int] = field(default_factory=dict)
    _orders: dict[tuple[str, ...], Order] = field(default_factory=dict)

    def order(self, keys: Sequence[str], time: str) -> Order | None:
        """An order of many rows that are asked for again and again; None: look at each.

        May be asked from several threads: at worst two make the same order.
        """
        if not MANY <= self.count <= _TOO_MANY:
            return None
        name = (*keys, time)
        found = self._orders.get(name)
        if found is None:
            self._asked[name] = self._asked.get(name, 0) + 1
            whole = all(self.columns[key].values.dtype.kind == "i" for key in keys)
            if whole and self._asked[name] > _ASKED and len(self._orders) < _ORDERS:
                found = self._orders[name] = self._ordered(keys, time)
        return found

    def _ordered(self, keys: Sequence[str], time: str) -> Order:
        import numpy as np

        times = self.columns[time].values
        if (nulls := self.columns[time].nulls) is not None:
            times = np.where(nulls, 0, times)
        columns = [self.columns[key] for key in keys]
        places = np.lexsort((times, *(column.values for column in reversed(columns))))
        for column in columns:
            if column.nulls is not None:
                places = places[~column.nulls[places]]
        return Order(places, tuple(column.values[places] for column in columns), times[places])


class KeyRows:
    """Rows by key, read from DuckDB where they are not at hand; may be used by several threads."""

    def __init__(self, storage: Storage, most_bytes: int = _MOST_BYTES) -> None:
        self._storage = storage
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Any, ...], tuple[int, int, Rows]] = OrderedDict()
        self._bytes = 0
        self._parsed = threading.local()

    def get(self, table: Table, key: str, value: Any, columns: tuple[str, ...]) -> Rows:
        """The online rows of a table, expired ones included, whose column ``key`` has a value.

        Args:
            table: the table.
            key: the column, not a float or double.
            value: a stored value, not None.
            columns: which of their columns.
        """
        entry = (table.tid, key, columns, value)
        version = self._storage.version(table, "online")  # before the rows are read: a later change makes them old
        with self._lock:
            found = self._entries.get(entry)
            if found is not None and found[0] == version:
                self._entries.move_to_end(entry)
                return found[2]
        rows = self._read(table, key, value, columns)
        self._keep(entry, version, rows)
        return rows

    def _keep(self, entry: tuple[Any, ...], version: int, rows: Rows) -> None:
        size = _BYTES_OF_ENTRY + sum(_size(column) for column in rows.columns.values())
        if MANY <= rows.count <= _TOO_MANY:
            size += rows.count * _ORDERS * _BYTES_OF_ORDER
        with self._lock:
            before = self._entries.pop(entry, None)
            self._bytes += size - (before[1] if before else 0)
            self._entries[entry] = (version, size, rows)
            while self._bytes > self._most_bytes:
                self._bytes -= self._entries.popitem(last=False)[1][1]

    def _read(self, table: Table, key: str, value: Any, columns: tuple[str, ...]) -> Rows:
        import numpy as np

        connection = self._storage.connection()
        statement = self._statement(connection, table, key, columns)
        fetched = connection.execute(statement, [value]).fetchnumpy()
        found = {}
        for name, values in zip(columns, fetched.values(), strict=True):
            if isinstance(values, np.ma.MaskedArray):
                nulls = np.ma.getmaskarray(values)
                found[name] = Column(values.data, nulls if nulls.any() else None)
            else:
                found[name] = Column(values, None)
        return Rows(len(found[columns[0]].values), found)

    def _statement(
        self, connection: duckdb.DuckDBPyConnection, table: Table, key: str, columns: tuple[str, ...]
    ) -> duckdb.Statement:
        known: dict[tuple[Any, ...], duckdb.Statement] = self._parsed.__dict__.setdefault("by_key", {})
        name = (table.tid, key, columns)
        if name not in known:
            selected = ", ".join(f"{quote(column)} AS c{place}" for place, column in enumerate(columns))
            kind = duckdb_type(next(column.type for column in table.columns if column.name == key))
            wanted = f"{quote(key)} = CAST($1 AS {kind})"
            query = f"SELECT {selected} FROM {relation(table, 'online')} WHERE {wanted}"
            known[name] = connection.extract_statements(query)[0]
        return known[name]


def _size(column: Column) -> int:
    texts = len(column.values) * _BYTES_OF_TEXT if column.values.dtype == object else 0
    return int(column.values.nbytes) + texts + (int(column.nulls.nbytes) if column.nulls is not None else 0)
