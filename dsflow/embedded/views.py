"""The catalog as the compiler sees it: which relation to read for a table, in batch mode and in request mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsflow.embedded.catalog import CatalogState, Index, Table
from dsflow.embedded.compiler import TableSchema
from dsflow.embedded.storage import Kind, live_relation, quote, relation, stored_rows
from dsflow.openmldb.ttl import Ttl, ttl_of_frame

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


@dataclass(frozen=True)
class IndexNeed:
    """An index that a query in request mode reads through, with the TTL that it needs there."""

    db: str
    table: str
    keys: tuple[str, ...]
    ts: str | None
    ttl: Ttl

    @property
    def id(self) -> tuple[tuple[str, ...], str | None]:
        """As `Index.id`."""
        return tuple(sorted(set(self.keys))), self.ts


class RequestCatalog:
    """Tables for a query in request mode; it notes which tables and indexes the compiler asks for."""

    def __init__(self, state: CatalogState, db: str | None) -> None:
        self._state = state
        self._db = db
        self.tables: dict[tuple[str, str], Table] = {}
        self.needs: list[IndexNeed] = []

    def table(self, db: str | None, name: str) -> TableSchema:
        """The table, or a SqlError."""
        table = self._state.table(db or self._db, name)
        self.tables[table.db, table.name] = table
        return TableSchema(table.db, table.name, table.columns, relation(table, "online"), _index_ids(table))

    def index_relation(
        self,
        db: str,
        table: str,
        keys: Sequence[str],
        ts: str | None,
        rows: int | None = None,
        range_ms: int | None = None,
        *,
        unit: str,
    ) -> str:
        """The rows that a lookup by key sees, as text for a FROM clause.

        Args:
            db, table: the table.
            keys: the columns that are compared with the request's values.
            ts: the column that orders the rows; None for the order of arrival.
            rows: how many rows back the lookup reads; None for all, or when it does not count rows.
            range_ms: how many milliseconds back it reads; None for all, or when it does not measure time.
            unit: ``ROWS``, ``ROWS_RANGE``, ``JOIN`` (LAST JOIN) or ``LEFT JOIN``.
        """
        found = self._state.table(db, table)
        self.needs.append(IndexNeed(found.db, found.name, tuple(keys), ts, _needed_ttl(unit, rows, range_ms)))
        index = found.index_for(keys, ts)
        return relation(found, "online") if index is None else live_relation(found, index)

    def with_needs(self, needs: Sequence[IndexNeed]) -> None:
        """Add needs that were found another way."""
        self.needs.extend(needs)


def _index_ids(table: Table) -> tuple[tuple[tuple[str, ...], str | None], ...]:
    return tuple((index.keys, index.ts) for index in table.indexes)


def _needed_ttl(unit: str, rows: int | None, range_ms: int | None) -> Ttl:
    if unit == "JOIN":
        return Ttl("latest", latest=1)
    if unit == "LEFT JOIN":
        return Ttl()
    return ttl_of_frame(rows, range_ms, has_rows=unit == "ROWS", has_range=unit == "ROWS_RANGE")


def merged_needs(needs: Sequence[IndexNeed]) -> list[IndexNeed]:
    """One need for each index."""
    merged: dict[tuple[str, str, tuple[str, ...], str | None], IndexNeed] = {}
    for need in needs:
        key = (need.db, need.table, *need.id)
        before = merged.get(key)
        ttl = need.ttl.normalised() if before is None else before.ttl.merge(need.ttl)
        merged[key] = IndexNeed(need.db, need.table, need.keys, need.ts, ttl)
    return list(merged.values())


def table_with_needs(table: Table, needs: Sequence[IndexNeed], *, lengthen: bool) -> Table:
    """A table with the indexes that a deployment needs: missing ones added, TTLs lengthened (unless told not to)."""
    from dataclasses import replace

    for need in needs:
        found = table.index(need.keys, need.ts)
        if found is None:
            new = Index(f"INDEX_{len(table.indexes)}_{table.tid}", need.keys, need.ts, need.ttl)
            table = replace(table, indexes=(*table.indexes, new))
        elif lengthen and found.id == need.id:
            longer = replace(found, ttl=found.ttl.merge(need.ttl))
            table = replace(table, indexes=tuple(longer if index is found else index for index in table.indexes))
    return table
