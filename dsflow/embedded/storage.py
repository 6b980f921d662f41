"""Where rows are: one DuckDB file, with an online and an offline relation for every table.

The order of insertion decides ties in time. Offline rows are only ever added at the end, or all replaced, so DuckDB's
``rowid`` is their order; an online relation has it in ``__row``, its last column. The online rows of one key lie side
by side (`catalog.Layout`), so that a request reads a few blocks however large the table is. Look-ups by other columns
have an index of DuckDB's.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dsflow.embedded import onlinerows
from dsflow.embedded.catalog import BLOCK_ROWS, CatalogState, CatalogStore, Index, Layout, Table
from dsflow.embedded.compiler import ROW_COLUMN, duckdb_type, find_udfs, has_udfs, register_udfs
from dsflow.embedded.failures import StorageError
from dsflow.embedded.onlinerows import identity
from dsflow.embedded.queryerrors import reason
from dsflow.embedded.times import check_staged_times, check_times
from dsflow.openmldb.ttl import MINUTE_MS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Kind = Literal["online", "offline"]

Change = Literal["online", "offline", "removed"]
"""What has happened to a table's rows: any change of the online ones, of the offline ones; online ones were removed."""

MEMORY_VARIABLE = "DSFLOW_EMBEDDED_MEMORY"
"""Environment variable: how much memory DuckDB may take, as ``8GB``; beyond it, it goes on in files beside its own.

Without it, that is a quarter of the machine's: a training, a prediction server and the user's programs want the rest.
"""

_KEPT_MEMORY = "256MiB"
"""What DuckDB may keep of the file in memory between two jobs; the system has the rest as long as nobody wants it."""

_QUARTER = "parse_formatted_bytes(current_setting('memory_limit')) * 5 // 16"
"""DuckDB takes 80 % by itself."""


def quote(name: str) -> str:
    """An identifier as DuckDB reads it."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as a literal that DuckDB reads."""
    return "'" + text.replace("'", "''") + "'"


def relation(table: Table, kind: Kind) -> str:
    """The DuckDB relation that holds a table's rows, whether expired or not.

    It is named by number, because DuckDB does not tell upper from lower case in names and OpenMLDB does.
    """
    return f"{kind}.t{table.tid}"


def stored_rows(table: Table, kind: Kind) -> str:
    """The rows of a relation with its columns and ``__row``, the order of insertion, as text for a FROM clause."""
    base = relation(table, kind)
    return base if kind == "online" else f"(SELECT *, rowid AS {ROW_COLUMN} FROM {base})"


def live_relation(table: Table, index: Index) -> str:
    """The online rows that are not expired for whoever reads through an index, as text for a FROM clause."""
    base = relation(table, "online")
    ttl = index.ttl.normalised()
    if ttl.unlimited:
        return base
    ts = quote(index.ts) if index.ts else None
    young = f"{ts} > epoch_ms(now()) - {ttl.minutes * MINUTE_MS}"
    newest = ", ".join([f"{ts} DESC" if ts else f"{ROW_COLUMN} DESC", f"{ROW_COLUMN} DESC"])
    keys = ", ".join(quote(key) for key in index.keys)
    rank = f"row_number() OVER (PARTITION BY {keys} ORDER BY {newest})"
    if ttl.type == "absolute":
        return f"(SELECT * FROM {base} WHERE {young})"
    if ttl.type == "latest":
        return f"(SELECT * FROM {base} QUALIFY {rank} <= {ttl.latest})"
    both = "AND" if ttl.type == "absorlat" else "OR"
    return f"(SELECT * FROM {base} QUALIFY {rank} <= {ttl.latest} {both} {young})"


def layout_key(table: Table) -> str:
    """The column by which online rows are laid out before anything looks them up: the one that most indexes have.

    Of several it is the first one of the newest index. The order of an index's columns says nothing: it is a set.
    """
    columns = [column for index in reversed(table.indexes) for column in index.keys]
    return max(columns, key=columns.count)


_INDEX_ROWS = 256
"""Beyond so many rows of a key, reading the blocks that hold them is quicker than fetching each through an index."""


_ROWS_AT_ONCE = 100
"""Rows of one INSERT of DuckDB's, which takes a third of the time of so many INSERTs."""


_STAGES = "staged_"


@dataclass(frozen=True)
class Stage:
    """A relation where rows of a table wait until they are stored; DuckDB's ``rowid`` is their order, from 0.

    Attributes:
        relation: its name.
        temporary: whether it is one of its connection's; else it is in the file, beside those of the tables.
    """

    relation: str
    temporary: bool = True

    @classmethod
    def of_job(cls, number: int) -> Stage:
        """The one of a job, in the file: what is there need not be written once more to be stored."""
        return cls(f"offline.{_STAGES}{number}", temporary=False)

    def create(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Make it, empty, with a table's columns; NOT NULL is the caller's to check."""
        columns = ", ".join(f"{quote(column.name)} {duckdb_type(column.type)}" for column in table.columns)
        kind = "TEMP TABLE" if self.temporary else "TABLE"
        connection.execute(f"CREATE OR REPLACE {kind} {self.relation} ({columns})")

    def drop(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove it with its rows, if it is there."""
        connection.execute(f"DROP TABLE IF EXISTS {self.relation}")


class Storage:
    """The engine's database file and the connections to it.

    Args:
        folder: where the file is; made when missing.

    Raises:
        StorageError: the folder cannot be used, or another process or engine has its database open.
    """

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.folder = folder
        self.file = folder / "openmldb.duckdb"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._root = duckdb.connect(str(self.file))
        except OSError as error:
            raise StorageError(f"cannot use the folder {folder}: {error.strerror or error}") from error
        except duckdb.Error as error:
            raise StorageError(
                f"cannot open the embedded OpenMLDB in {folder}: {_held(error)}",
                hint="one process at a time can use a folder; stop the other one, or choose another folder",
            ) from error
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._next_row: dict[str, int] = {}
        self._versions: dict[tuple[int, Change], int] = {}
        if has_udfs(self._root):  # DuckDB gives a process that opens a file twice the same database
            self._root.close()
            raise StorageError(
                f"the folder {folder} is in use by another engine of this process",
                hint="close that one first, or choose another folder",
            )
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        register_udfs(self._root)
        self._limit_memory()
        self._root.execute(f"SET index_scan_max_count = {_INDEX_ROWS}")
        self._root.execute("SET index_scan_percentage = 0")
        self._root.execute("CREATE SCHEMA IF NOT EXISTS online")
        self._root.execute("CREATE SCHEMA IF NOT EXISTS offline")
        self._tidy()
        self.catalog = CatalogStore(self._root)

    def _tidy(self) -> None:
        """Remove what loads left that were killed, and the numbers that earlier versions kept beside offline rows."""
        found = self._root.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'offline' AND starts_with(table_name, ?)",
            [_STAGES],
        ).fetchall()
        for (name,) in found:
            self._root.execute(f"DROP TABLE offline.{quote(name)}")
        numbered = self._root.execute(
            "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'offline' AND column_name = ?", [ROW_COLUMN]
        ).fetchall()
        for (name,) in numbered:
            self._root.execute(f"ALTER TABLE offline.{quote(name)} DROP COLUMN {ROW_COLUMN}")

    def _limit_memory(self) -> None:
        import duckdb

        limit = os.environ.get(MEMORY_VARIABLE)
        if not limit:
            ((quarter,),) = self._root.execute(f"SELECT {_QUARTER}").fetchall()
            limit = f"{quarter // 1024}KiB"
        try:
            self._root.execute(f"SET memory_limit = {text_literal(limit)}")
        except duckdb.Error as error:
            self._root.close()
            raise StorageError(
                f"{MEMORY_VARIABLE}={limit} is no amount of memory", hint="write a number and a unit, as 8GB or 500MB"
            ) from error
        self._memory_limit = limit

    def give_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let go of the memory that DuckDB keeps when a job has ended; for requests it reads what they need again."""
        import duckdb

        try:
            connection.execute(f"SET memory_limit = {text_literal(_KEPT_MEMORY)}")
        except duckdb.OutOfMemoryException:
            pass  # others use more than that just now, and the limit stays as it was
        finally:
            connection.execute(f"SET memory_limit = {text_literal(self._memory_limit)}")

    # ---- connections

    def connection(self) -> duckdb.DuckDBPyConnection:
        """This thread's own connection, kept as long as the thread lives."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self.new_connection()
            self._local.connection = connection
        return connection

    def new_connection(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for the caller to close."""
        with self._write_lock:
            connection = self._root.cursor()
            find_udfs(connection)
            self._cursors.append(connection)
        return connection

    def release(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Close a connection that `new_connection` gave."""
        with self._write_lock:
            if connection in self._cursors:
                self._cursors.remove(connection)
        connection.close()

    def close(self) -> None:
        """Write everything to the file and let go of it."""
        with self._write_lock:
            for connection in self._cursors:
                connection.close()
            self._cursors.clear()
            self._root.close()

    # ---- transactions

    @contextlib.contextmanager
    def reading(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """One transaction that changes nothing: all that it reads is as of one moment."""
        with _transaction(connection):
            yield

    @contextlib.contextmanager
    def writing(self, connection: duckdb.DuckDBPyConnection | None = None) -> Iterator[Transaction]:
        """One transaction that changes rows or the catalog; there is one at a time, and readers do not wait for it."""
        connection = connection or self.connection()
        with self._write_lock:
            transaction = Transaction(self, connection)
            with _transaction(connection):
                yield transaction
                if transaction.changed_state is not None:
                    self.catalog.write(connection, transaction.changed_state)
            self._next_row.update(transaction.next_rows)
            for change in transaction.changes:
                self._versions[change] = self._versions.get(change, 0) + 1
            if transaction.changed_state is not None:
                self.catalog.publish(transaction.changed_state)

    def version(self, table: Table, change: Change) -> int:
        """A number that is another one after each such change of a table's rows, before the change is reported."""
        return self._versions.get((table.tid, change), 0)

    def first_free_row(self, connection: duckdb.DuckDBPyConnection, target: str) -> int:
        """The ``__row`` of the next row to insert into a stored relation."""
        known = self._next_row.get(target)
        if known is not None:
            return known
        row = connection.execute(f"SELECT coalesce(max({ROW_COLUMN}) + 1, 0) FROM {target}").fetchone()
        return int(row[0]) if row else 0

    def count(self, table: Table, kind: Kind) -> int:
        """How many rows are stored, expired ones included."""
        row = self.connection().execute(f"SELECT count(*) FROM {relation(table, kind)}").fetchone()
        return int(row[0]) if row else 0


class Transaction:
    """A running change of the storage; made by `Storage.writing`."""

    def __init__(self, storage: Storage, connection: duckdb.DuckDBPyConnection) -> None:
        self._storage = storage
        self.connection = connection
        self.changed_state: CatalogState | None = None
        self.next_rows: dict[str, int] = {}
        self.changes: set[tuple[int, Change]] = set()

    @property
    def state(self) -> CatalogState:
        """The catalog with this transaction's changes."""
        return self.changed_state or self._storage.catalog.state

    @state.setter
    def state(self, state: CatalogState) -> None:
        self.changed_state = state

    def create(self, table: Table) -> None:
        """Make a table's two empty relations."""
        for kind in ("online", "offline"):
            self.connection.execute(f"CREATE TABLE {relation(table, kind)} ({column_definitions(table, kind)})")

    def drop(self, table: Table) -> None:
        """Drop both relations of a table with their rows."""
        for kind in ("online", "offline"):
            self.connection.execute(f"DROP TABLE {relation(table, kind)}")

    def look_up_by(self, table: Table, columns: Sequence[str]) -> None:
        """Let online rows be found by each of some columns without reading the whole table.

        For one of them the rows lie so that they are, the most frequent one of the first to ask; it stays. The others
        have an index.
        """
        wanted = list(columns)
        table = self._with_layout(table, max(wanted, key=wanted.count) if wanted else layout_key(table))
        for column in columns:
            if table.layout is not None and column != table.layout.column:
                on = f"{relation(table, 'online')} ({quote(column)})"
                self.connection.execute(f"CREATE INDEX IF NOT EXISTS {_index_name(table, column)} ON {on}")

    def _with_layout(self, table: Table, column: str) -> Table:
        """The table with a layout; a new one takes the place of the column's index, and rows that wait for it move."""
        table = self.state.table(table.db, table.name)
        if table.layout is None:
            table = replace(table, layout=Layout(column))
            self.connection.execute(f"DROP INDEX IF EXISTS online.{_index_name(table, column)}")
            self.state = self.state.with_table(table)
            self._settle(table)
        return self.state.table(table.db, table.name)

    def _settle(self, table: Table) -> None:
        """Put online rows in order, where enough of them have come in another one."""
        table = self.state.table(table.db, table.name)
        if table.layout is None:
            return
        target = relation(table, "online")
        end = self._next_row(table)
        layout, begin = table.layout.settled(end)
        if begin is not None:
            stage = f"offline.{_STAGES}order{table.tid}"
            onlinerows.put_in_order(self.connection, table, target, stage, begin=begin, end=end, column=layout.column)
        if layout != table.layout:
            self.state = self.state.with_table(replace(table, layout=layout))

    def clear(self, table: Table, kind: Kind) -> None:
        """Remove all rows of one relation. It is made anew, which gives the place on disk back at once."""
        self._note_change(table, kind, removed=True)
        target = relation(table, kind)
        indexes = self.connection.execute(
            "SELECT sql FROM duckdb_indexes() WHERE schema_name = ? AND table_name = ?", target.split(".")
        ).fetchall()
        self.connection.execute(f"DROP TABLE {target}")
        self.connection.execute(f"CREATE TABLE {target} ({column_definitions(table, kind)})")
        for (statement,) in indexes:
            self.connection.execute(statement)
        if kind == "online":
            self.next_rows[target] = 0
            table = self.state.table(table.db, table.name)
            if table.layout is not None:
                self.state = self.state.with_table(replace(table, layout=replace(table.layout, ends=())))

    def delete(self, table: Table, condition: str, values: Sequence[Any]) -> None:
        """Remove the online rows that a condition, DuckDB SQL with parameters, is true for."""
        self._note_change(table, "online", removed=True)
        self.connection.execute(f"DELETE FROM {relation(table, 'online')} WHERE {condition}", values)

    def _note_change(self, table: Table, kind: Kind, *, removed: bool = False) -> None:
        self.changes.add((table.tid, kind))
        if removed and kind == "online":
            self.changes.add((table.tid, "removed"))

    def insert(self, table: Table, kind: Kind, rows: Sequence[Sequence[Any]], *, if_absent: bool = False) -> None:
        """Append rows of stored values, in the order of the table's columns.

        Args:
            if_absent: leave out a row that equals, column by column, one that is stored or came before it.

        Raises:
            SqlError: OpenMLDB's online storage takes no such row.
        """
        self._note_change(table, kind)
        if kind == "online":
            check_times(table, rows)
        target = relation(table, kind)
        if kind == "offline":
            marks = ", ".join("?" for _ in table.columns)
            self.connection.executemany(f"INSERT INTO {target} VALUES ({marks})", rows)
            return
        if if_absent:
            given = ", ".join(f"CAST(? AS {duckdb_type(c.type)}) AS {quote(c.name)}" for c in table.columns)
            same = " AND ".join(
                f"{one} IS NOT DISTINCT FROM {other}"
                for one, other in zip(identity(table, "stored."), identity(table, "fresh."), strict=True)
            )
            there = f"SELECT 1 FROM {target} AS stored, (SELECT {given}) AS fresh WHERE {same} LIMIT 1"
            for row in rows:
                if not self.connection.execute(there, row).fetchall():
                    self.insert(table, kind, [row])
            return
        first = self._reserve(table, len(rows))
        # each value with its type: DuckDB would look for one that fits those of all rows
        marks = ", ".join(f"CAST(? AS {kind})" for kind in (*(duckdb_type(c.type) for c in table.columns), "BIGINT"))
        numbered = [[*row, first + number] for number, row in enumerate(rows)]
        for begin in range(0, len(numbered), _ROWS_AT_ONCE):
            some = numbered[begin : begin + _ROWS_AT_ONCE]
            values = [value for row in some for value in row]
            self.connection.execute(f"INSERT INTO {target} VALUES {', '.join([f'({marks})'] * len(some))}", values)
        self._settle(table)

    def append(self, table: Table, stage: Stage) -> None:
        """Append the rows of a stage in the file to the offline ones; the stage is gone then."""
        self._note_change(table, "offline")
        target = relation(table, "offline")
        if self.connection.execute(f"SELECT 1 FROM {target} LIMIT 1").fetchone() is None:
            self.connection.execute(f"DROP TABLE {target}")
            self.connection.execute(f"ALTER TABLE {stage.relation} RENAME TO {target.partition('.')[2]}")
        else:
            self.connection.execute(f"INSERT INTO {target} SELECT * FROM {stage.relation}")
            stage.drop(self.connection)

    def insert_staged(self, table: Table, staged: str, count: int, *, if_absent: bool = False) -> list[pa.Table] | None:
        """Append the rows of a relation that has the table's columns to the online ones, in the order of its ``rowid``.

        Args:
            if_absent: leave out a row that equals, column by column, one that is stored or came before it.

        Returns:
            The rows that are there more than once, as `onlinerows.append` tells them.

        Raises:
            SqlError: OpenMLDB's online storage takes no such row.
        """
        self._note_change(table, "online")
        check_staged_times(self.connection, table, staged)
        if many := count > BLOCK_ROWS:
            table = self._with_layout(table, layout_key(table))
        first = self._reserve(table, count)
        rows = onlinerows.Rows(f"(SELECT *, rowid AS {ROW_COLUMN} FROM {staged})", count)
        order = table.layout.column if many and table.layout is not None else None
        target = relation(table, "online")
        repeated = onlinerows.append(self.connection, table, target, rows, first=first, order=order, absent=if_absent)
        if order is not None and table.layout is not None:
            table = replace(table, layout=table.layout.with_stretch(first, first + count))
            self.state = self.state.with_table(table)
        self._settle(table)
        return repeated

    def count_online(self, table: Table) -> int:
        """How many online rows are stored, with this transaction's changes, expired ones included."""
        ((count,),) = self.connection.execute(f"SELECT count(*) FROM {relation(table, 'online')}").fetchall()
        return int(count)

    def _reserve(self, table: Table, count: int) -> int:
        first = self._next_row(table)
        self.next_rows[relation(table, "online")] = first + count
        return first

    def _next_row(self, table: Table) -> int:
        """The ``__row`` of the next row to insert; behind all stretches, also where their last rows were deleted."""
        target = relation(table, "online")
        if target not in self.next_rows:
            known = self._storage.first_free_row(self.connection, target)
            self.next_rows[target] = max(known, table.layout.end if table.layout is not None else 0)
        return self.next_rows[target]


def _index_name(table: Table, column: str) -> str:
    return f"t{table.tid}_c{[c.name for c in table.columns].index(column)}"


def column_definitions(table: Table, kind: Kind) -> str:
    """The columns of a stored relation as CREATE TABLE wants them."""
    parts = [
        f"{quote(column.name)} {duckdb_type(column.type)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    return ", ".join([*parts, f"{ROW_COLUMN} BIGINT"] if kind == "online" else parts)


@contextlib.contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(Exception):  # the error that matters is the first one
            connection.execute("ROLLBACK")
        raise


def _held(error: duckdb.Error) -> str:
    """Why a database file does not open."""
    process = re.search(r"\(PID (\d+)\)", str(error))
    if process:
        return f"the process {process[1]} has it open"
    return reason(error)
