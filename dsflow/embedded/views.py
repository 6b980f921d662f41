"""The catalog as the compiler sees it: which relation to read for a table, in batch mode and in request mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dsflow.embedded.catalog import CatalogState, Index, Table
from dsflow.embedded.compiler import TableSchema
from dsflow.embedded.storage import Kind, live_relation, quote, relation, stored_rows
from dsflow.openmldb.indexes import IndexNeed, TableKey

if TYPE_CHECKING:
    import duckdb


class StoredFacts:
    """`Facts` of a stored relation. DuckDB takes most of them from its statistics, without reading the rows.

    They hold until the connection's transaction ends.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, stored: str) -> None:
        self._connection = connection
        self._stored = stored
        self._bounds: dict[str, tuple[int, int] | None] = {}
        self._has_null: dict[str, bool] = {}

    def bounds(self, column: str) -> tuple[int, int] | None:
        """See `Facts`."""
        if column not in self._bounds:
            values = f"min({quote(column)}), max({quote(column)}), count({quote(column)}), count(*)"
            low, high, known, rows = self._connection.execute(f"SELECT {values} FROM {self._stored}").fetchall()[0]
            self._bounds[column] = (low, high) if known == rows > 0 else None
        return self._bounds[column]

    def has_null(self, column: str) -> bool:
        """See `Facts`."""
        if column not in self._has_null:
            query = f"SELECT 1 FROM {self._stored} WHERE {quote(column)} IS NULL LIMIT 1"
            self._has_null[column] = bool(self._connection.execute(query).fetchall())
        return self._has_null[column]


class BatchCatalog:
    """Tables for a batch query: all rows of the offline storage, or the unexpired ones of the online storage.

    A scan of the online storage goes through the table's first index, so that one's TTL counts.

    Args:
        connection: where the query will run, in the transaction that it is in now; its facts are asked there. None:
            the query is compiled to see whether it is right, and needs none.
        offline: the offline rows of a table, as text for a FROM clause; by default those that are stored.
    """

    def __init__(
        self,
        state: CatalogState,
        kind: Kind,
        db: str | None,
        connection: duckdb.DuckDBPyConnection | None = None,
        offline: Callable[[Table], str] = lambda table: stored_rows(table, "offline"),
    ) -> None:
        self._state = state
        self._kind = kind
        self._db = db
        self._connection = connection
        self._offline = offline
        self._facts: dict[int, StoredFacts] = {}

    def table(self, db: str | None, name: str) -> TableSchema:
        """The table, or a SqlError."""
        table = self._state.table(db or self._db, name)
        stored = stored_rows(table, "online") if self._kind == "online" else self._offline(table)
        rows = live_relation(table, table.indexes[0]) if self._kind == "online" else stored
        facts = None
        if self._connection is not None:
            facts = self._facts.setdefault(table.tid, StoredFacts(self._connection, stored))
        return TableSchema(table.db, table.name, table.columns, rows, _index_ids(table), facts)


class RequestCatalog:
    """Tables for a query in request mode; it notes which tables the compiler asks for."""

    def __init__(self, state: CatalogState, db: str | None) -> None:
        self._state = state
        self._db = db
        self.tables: dict[tuple[str, str], Table] = {}

    def table(self, db: str | None, name: str) -> TableSchema:
        """The table, or a SqlError."""
        table = self._state.table(db or self._db, name)
        self.tables[table.db, table.name] = table
        return TableSchema(table.db, table.name, table.columns, relation(table, "online"), _index_ids(table))

    def index_relation(self, table: TableKey, need: IndexNeed) -> str:
        """The rows that a lookup by an index's key sees, as text for a FROM clause."""
        found = self._state.table(*table)
        index = found.index_for(need.keys, need.ts)
        return relation(found, "online") if index is None else live_relation(found, index)


def _index_ids(table: Table) -> tuple[tuple[tuple[str, ...], str | None], ...]:
    return tuple((index.keys, index.ts) for index in table.indexes)


def table_with_needs(table: Table, needs: Sequence[IndexNeed], *, lengthen: bool) -> Table:
    """A table with the indexes that a deployment needs: missing ones added, TTLs lengthened (unless told not to)."""
    for need in needs:
        found = table.index(need.keys, need.ts)
        if found is None:
            new = Index(f"INDEX_{len(table.indexes)}_{table.tid}", need.keys, need.ts, need.ttl)
            table = replace(table, indexes=(*table.indexes, new))
        elif lengthen and found.id == need.id:
            longer = replace(found, ttl=found.ttl.merge(need.ttl))
            table = replace(table, indexes=tuple(longer if index is found else index for index in table.indexes))
    return table
