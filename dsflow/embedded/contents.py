"""Digests of what the engine holds: equal as long as nobody has changed it, by whatever way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from dsflow.embedded.catalog import Table
from dsflow.embedded.compiler import ROW_COLUMN
from dsflow.embedded.errors import SqlError
from dsflow.embedded.failures import LoadError
from dsflow.embedded.onlinerows import identity
from dsflow.embedded.sources import find_sources
from dsflow.embedded.storage import Kind, Storage, stored_rows


class Contents:
    """Tells by digests what an engine holds; may be asked by several threads.

    Args:
        storage: the engine's. The rows of a table are looked at once after each change of them.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._seen: dict[tuple[int, Kind], tuple[int, list[str]]] = {}

    def digest(self, kind: str, db: str, name: str) -> str:
        """A digest of one thing; '' when it is not there. See :meth:`dsflow.embedded.engine.Engine.contents`.

        Raises:
            SqlError: there is no such kind of thing.
        """
        state = self._storage.catalog.state
        if kind == "database":
            return "there" if db in state.databases else ""
        if kind == "deployment":
            procedure = state.procedure(db, name)
            return _hashed(repr(procedure)) if procedure is not None else ""
        table = state.tables.get((db, name))
        if table is None:
            return ""
        columns = [[c.name, c.type.value, c.nullable] for c in table.columns]
        parts: list[object] = [columns, sorted(table.defaults.items()), sorted(table.options.items())]
        if kind == "indexes":
            parts.append([asdict(index) for index in table.indexes])
        elif kind == "online":
            parts.append(self._rows(table, "online"))
        elif kind == "offline":
            parts += [self._rows(table, "offline"), table.has_offline, _linked(table)]
        elif kind != "table":
            raise SqlError(f"there is no kind of thing {kind!r}")
        return _hashed(json.dumps(parts, default=str))

    def _rows(self, table: Table, kind: Kind) -> list[str]:
        version = self._storage.version(table, kind)  # before the rows are read: a later change makes them old
        seen = self._seen.get((table.tid, kind))
        if seen is None or seen[0] != version:
            seen = self._seen[table.tid, kind] = version, _rows(self._storage, table, kind)
        return seen[1]


def _rows(storage: Storage, table: Table, kind: Kind) -> list[str]:
    """The number of rows, and the sum of their hashes, each with its place in the order of arrival."""
    values = ", ".join(identity(table))
    rows = stored_rows(table, kind)
    place = f"{ROW_COLUMN} - (SELECT min({ROW_COLUMN}) FROM {rows})"
    row = (
        storage.connection()
        .execute(f"SELECT count(*), sum(hash(row({values}, {place}))::HUGEINT) FROM {rows}")
        .fetchone()
    )
    return [str(value) for value in row or ()]


def _linked(table: Table) -> list[object]:
    """Of offline rows that stay in their files: which these are, and what the system says of them."""
    found: list[object] = [table.offline_format, sorted(table.offline_options.items())]
    for path in table.links:
        try:
            files = [Path(source.file) for source in find_sources(path)]
        except LoadError:
            files = []  # gone: a query of them fails
        found.append([path, [[str(f), *_stat(f)] for f in files]])
    return found


def _stat(file: Path) -> list[int]:
    seen = file.stat()
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
