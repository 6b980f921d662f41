"""What the embedded OpenMLDB knows of: databases, tables with their indexes, deployments and procedures.

The catalog is immutable data. `CatalogStore` swaps one state for the next inside the DuckDB transaction that changes
the storage, so that a killed process leaves either the old or the new state, and readers need no lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from dsflow.embedded.compiler import Column
from dsflow.embedded.errors import SqlError
from dsflow.errors import did_you_mean
from dsflow.openmldb.ttl import Ttl
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

ProcedureKind = Literal["deployment", "procedure"]


@dataclass(frozen=True)
class Index:
    """An index of a table: rows by key, newest first.

    Attributes:
        name: its name.
        keys: the key columns.
        ts: the time column, None for the order of arrival.
        ttl: which rows are kept.
    """

    name: str
    keys: tuple[str, ...]
    ts: str | None = None
    ttl: Ttl = field(default_factory=Ttl)

    @property
    def id(self) -> tuple[tuple[str, ...], str | None]:
        """What makes two indexes the same index: the set of keys, and the time column."""
        return tuple(sorted(set(self.keys))), self.ts


BLOCK_ROWS = 122_880
"""How many rows DuckDB keeps in one block (a row group), for each column with its smallest and largest value."""

_WAITING_ROWS = 2 * BLOCK_ROWS
_MOST_STRETCHES = 8


@dataclass(frozen=True)
class Layout:
    """How a table's online rows lie: in stretches, each in the order of one column.

    A request looks rows up by that column, and reads a block or two of each stretch: DuckDB passes over the others by
    their smallest and largest key. An index of DuckDB's would have to be in memory as a whole. Rows that come in small
    numbers wait behind the last stretch, as they came, until they are many enough for one of their own; many stretches
    are made one as soon as those before the last have become no longer than what follows them, so that there are never
    more than the logarithm of the rows, and no row is moved more often than that.

    Attributes:
        column: by what they are in order.
        ends: the ``__row`` behind each stretch; the first begins at 0.
    """

    column: str
    ends: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """The ``__row`` of the first row that waits."""
        return self.ends[-1] if self.ends else 0

    def with_stretch(self, first: int, end: int) -> Layout:
        """After rows in order were added. What waited before them counts as a stretch, if a short and mixed one."""
        ends = self.ends if first <= self.end else (*self.ends, first)
        return replace(self, ends=(*ends, end))

    def settled(self, end: int) -> tuple[Layout, int | None]:
        """What has to be put in order now.

        Args:
            end: the ``__row`` behind the last row.

        Returns:
            The layout afterwards, and the ``__row`` from which on the rows have to be put in order; None: all is well.
        """
        begin = self.end if end - self.end > _WAITING_ROWS else None
        ends = self.ends if begin is None else (*self.ends, end)
        if len(ends) > _MOST_STRETCHES:
            starts = (0, *ends[:-1])
            last = len(ends) - 1
            while last > 0 and ends[last - 1] - starts[last - 1] <= end - starts[last]:
                last -= 1
            if last < len(ends) - 1:
                begin, ends = starts[last], (*ends[:last], end)
        return replace(self, ends=ends), begin


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        tid: its number, never used again.
        db: its database.
        name: its name.
        columns: its columns.
        defaults: the DEFAULT values of columns that have one, as JSON values.
        indexes: its indexes, at least one.
        options: OPTIONS of CREATE TABLE, names in lower case.
        has_offline: whether it has offline data: data was imported, or paths were added.
        copied: whether some of it is in the offline storage, and not only in files that stay where they are.
        links: paths of offline data that stays in its files, in the order in which they were added.
        offline_format, offline_options: how these files are read, as in OPTIONS of LOAD DATA.
        layout: how the online rows lie; None as long as there is neither a deployment nor a large load.
    """

    tid: int
    db: str
    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    has_offline: bool = False
    copied: bool = False
    links: tuple[str, ...] = ()
    offline_format: str = "parquet"
    offline_options: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout | None = None

    def column(self, name: str) -> Column | None:
        """The column of that name, None when there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, keys: Iterable[str], ts: str | None) -> Index | None:
        """The index with these keys and this time column; without a time column, the first one with these keys."""
        wanted = tuple(sorted(set(keys)))
        return next((index for index in self.indexes if index.id[0] == wanted and ts in (None, index.ts)), None)

    def index_for(self, keys: Iterable[str], ts: str | None) -> Index | None:
        """The index that a look-up by these keys reads through: the one with all of them, else with most of them."""
        keys = set(keys)
        usable = [index for index in self.indexes if set(index.keys) < keys and ts in (None, index.ts)]
        return self.index(keys, ts) or max(usable, key=lambda index: len(set(index.keys)), default=None)


@dataclass(frozen=True)
class Procedure:
    """A deployment or a procedure: a query in request mode, under a name.

    Attributes:
        db: its database.
        name: its name.
        kind: ``deployment`` (DEPLOY) or ``procedure`` (CREATE PROCEDURE).
        text: the CREATE PROCEDURE statement that OpenMLDB shows for it.
        query: the SELECT.
        inputs: the columns of the request row.
        outputs: the columns of the result.
        constants: names of input columns that are constant in one batch of requests (procedures only).
        constant_outputs: names of output columns that then are constant, too.
        tables: (database, name) of the tables it reads, in their alphabetical order.
        options: OPTIONS of DEPLOY.
    """

    db: str
    name: str
    kind: ProcedureKind
    text: str
    query: str
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    constants: tuple[str, ...] = ()
    constant_outputs: tuple[str, ...] = ()
    tables: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CatalogState:
    """Everything at one moment. ``version`` grows with each change."""

    version: int = 0
    next_tid: int = 1
    databases: tuple[str, ...] = ()
    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    procedures: Mapping[tuple[str, str], Procedure] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def tables_of(self, db: str) -> list[Table]:
        """The tables of a database, in the order of their creation."""
        return sorted((t for t in self.tables.values() if t.db == db), key=lambda t: t.tid)

    def procedures_of(self, db: str) -> list[Procedure]:
        """The deployments and procedures of a database, by name."""
        return sorted((p for p in self.procedures.values() if p.db == db), key=lambda p: p.name)

    def database(self, db: str | None) -> str:
        """The database itself, when there is one of that name.

        Raises:
            SqlError: none is named, or there is no such database.
        """
        if not db:
            raise SqlError("please use database first", hint="name it (db.table), or run USE db")
        if db not in self.databases:
            raise SqlError(f"database {db} does not exist", hint=_similar(db, self.databases))
        return db

    def table(self, db: str | None, name: str) -> Table:
        """The table of that name.

        Raises:
            SqlError: there is no such database or table.
        """
        self.database(db)
        table = self.tables.get((str(db), name))
        if table is None:
            names = [t.name for t in self.tables_of(str(db))]
            raise SqlError(f"table {db}.{name} does not exist", hint=_similar(name, names))
        return table

    def procedure(self, db: str | None, name: str) -> Procedure | None:
        """The deployment or procedure of that name, None when there is none."""
        return self.procedures.get((db or "", name))

    # ---- changes: each gives the next state

    def with_database(self, db: str) -> CatalogState:
        return self._next(databases=(*self.databases, db))

    def without_database(self, db: str) -> CatalogState:
        return self._next(databases=tuple(d for d in self.databases if d != db))

    def with_table(self, table: Table) -> CatalogState:
        """The table added, or put in place of the one of the same name."""
        state = self._next(tables={**self.tables, (table.db, table.name): table})
        return replace(state, next_tid=max(state.next_tid, table.tid + 1))

    def without_table(self, db: str, name: str) -> CatalogState:
        return self._next(tables={key: table for key, table in self.tables.items() if key != (db, name)})

    def with_procedure(self, procedure: Procedure) -> CatalogState:
        return self._next(procedures={**self.procedures, (procedure.db, procedure.name): procedure})

    def without_procedure(self, db: str, name: str) -> CatalogState:
        return self._next(procedures={key: value for key, value in self.procedures.items() if key != (db, name)})

    def with_variable(self, name: str, value: str) -> CatalogState:
        return self._next(variables={**self.variables, name: value})

    def _next(self, **changes: Any) -> CatalogState:
        return replace(self, version=self.version + 1, **changes)


class CatalogStore:
    """The current `CatalogState`, kept in one row of a DuckDB table.

    Args:
        connection: a connection to the engine's database; used only while opening.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("CREATE SCHEMA IF NOT EXISTS dsflow")
        connection.execute("CREATE TABLE IF NOT EXISTS dsflow.catalog (version BIGINT, state VARCHAR)")
        row = connection.execute("SELECT state FROM dsflow.catalog ORDER BY version DESC LIMIT 1").fetchone()
        self._state = _state_from_json(row[0]) if row else CatalogState()

    @property
    def state(self) -> CatalogState:
        """The state as of the last change that was committed."""
        return self._state

    def write(self, connection: duckdb.DuckDBPyConnection, state: CatalogState) -> None:
        """Write the next state as a part of the connection's transaction; `publish` it after the commit."""
        connection.execute("DELETE FROM dsflow.catalog")
        connection.execute("INSERT INTO dsflow.catalog VALUES (?, ?)", [state.version, _state_to_json(state)])

    def publish(self, state: CatalogState) -> None:
        """Make a committed state the current one."""
        self._state = state


def _similar(name: str, known: Iterable[str]) -> str | None:
    known = list(known)
    there = f"there are: {', '.join(known)}" if known and len(known) <= 20 else ""
    return did_you_mean(name, known, there) or None


# ---- as JSON


def _state_to_json(state: CatalogState) -> str:
    return json.dumps(
        {
            "version": state.version,
            "next_tid": state.next_tid,
            "databases": list(state.databases),
            "tables": [_table_to_json(table) for table in state.tables.values()],
            "procedures": [_procedure_to_json(procedure) for procedure in state.procedures.values()],
            "variables": dict(state.variables),
        },
        ensure_ascii=False,
    )


def _state_from_json(text: str) -> CatalogState:
    data = json.loads(text)
    tables = [_table_from_json(item) for item in data["tables"]]
    procedures = [_procedure_from_json(item) for item in data["procedures"]]
    return CatalogState(
        version=data["version"],
        next_tid=data["next_tid"],
        databases=tuple(data["databases"]),
        tables={(table.db, table.name): table for table in tables},
        procedures={(procedure.db, procedure.name): procedure for procedure in procedures},
        variables=data["variables"],
    )


def _columns_to_json(columns: Iterable[Column]) -> list[list[Any]]:
    return [[column.name, column.type.value, column.nullable] for column in columns]


def _columns_from_json(items: Iterable[list[Any]]) -> tuple[Column, ...]:
    return tuple(Column(name, ColumnType(kind), nullable) for name, kind, nullable in items)


def _table_to_json(table: Table) -> dict[str, Any]:
    return {
        "tid": table.tid,
        "db": table.db,
        "name": table.name,
        "columns": _columns_to_json(table.columns),
        "indexes": [
            [index.name, list(index.keys), index.ts, index.ttl.type, index.ttl.minutes, index.ttl.latest]
            for index in table.indexes
        ],
        "defaults": dict(table.defaults),
        "options": dict(table.options),
        "has_offline": table.has_offline,
        "copied": table.copied,
        "links": list(table.links),
        "offline_format": table.offline_format,
        "offline_options": dict(table.offline_options),
        "layout": [table.layout.column, list(table.layout.ends)] if table.layout is not None else None,
    }


def _table_from_json(item: dict[str, Any]) -> Table:
    layout = item.get("layout")
    return Table(
        tid=item["tid"],
        db=item["db"],
        name=item["name"],
        columns=_columns_from_json(item["columns"]),
        indexes=tuple(
            Index(name, tuple(keys), ts, Ttl(kind, minutes, latest))
            for name, keys, ts, kind, minutes, latest in item["indexes"]
        ),
        defaults=item["defaults"],
        options=item["options"],
        has_offline=item["has_offline"],
        # states of earlier versions know copied data only
        copied=item.get("copied", item["has_offline"]),
        links=tuple(item.get("links", ())),
        offline_format=item.get("offline_format", "parquet"),
        offline_options=item.get("offline_options", {}),
        layout=Layout(layout[0], tuple(layout[1])) if layout else None,
    )


def _procedure_to_json(procedure: Procedure) -> dict[str, Any]:
    return {
        "db": procedure.db,
        "name": procedure.name,
        "kind": procedure.kind,
        "text": procedure.text,
        "query": procedure.query,
        "inputs": _columns_to_json(procedure.inputs),
        "outputs": _columns_to_json(procedure.outputs),
        "constants": list(procedure.constants),
        "constant_outputs": list(procedure.constant_outputs),
        "tables": [list(table) for table in procedure.tables],
        "options": dict(procedure.options),
    }


def _procedure_from_json(item: dict[str, Any]) -> Procedure:
    return Procedure(
        db=item["db"],
        name=item["name"],
        kind=item["kind"],
        text=item["text"],
        query=item["query"],
        inputs=_columns_from_json(item["inputs"]),
        outputs=_columns_from_json(item["outputs"]),
        constants=tuple(item["constants"]),
        constant_outputs=tuple(item["constant_outputs"]),
        tables=tuple((db, name) for db, name in item["tables"]),
        options=item["options"],
    )
