"""DB-API 2.0 (PEP 249) over `openmldb.session`, with the names of OpenMLDB's own module."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from .session import Job, OpenMLDBError, Result, Session

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"


class Error(Exception):
    """Base of this module's errors."""


class Warning(Exception):
    """PEP 249 asks for it; nothing here raises it."""


class InterfaceError(Error):
    """The module is used wrongly: a closed connection, a result that is not there."""


class DatabaseError(Error):
    """OpenMLDB refused a statement, or a job failed."""


class DataError(DatabaseError):
    """PEP 249 asks for it; nothing here raises it."""


class OperationalError(DatabaseError):
    """PEP 249 asks for it; nothing here raises it."""


class IntegrityError(DatabaseError):
    """PEP 249 asks for it; nothing here raises it."""


class InternalError(DatabaseError):
    """PEP 249 asks for it; nothing here raises it."""


class ProgrammingError(DatabaseError):
    """PEP 249 asks for it; nothing here raises it."""


class NotSupportedError(DatabaseError):
    """OpenMLDB does not have this."""


class Cursor:
    """Runs statements and holds the rows of the last one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.arraysize = 1
        self.lastrowid = None
        self.job: Job | None = None
        self._rows: list[tuple[Any, ...]] | None = None
        self._closed = False

    def execute(self, operation: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement; values for the ``?`` of a query may be bool, int, float, str or date."""
        if self._closed or self.connection.closed:
            raise InterfaceError("the cursor or its connection is closed")
        if not operation or not operation.strip():
            raise ProgrammingError("there is no statement")
        try:
            result = self.connection.session.execute(operation, tuple(map(_typed, parameters)))
        except OpenMLDBError as error:
            raise DatabaseError(str(error)) from error
        self._take(result)
        return self

    def executemany(self, operation: str, parameters: Sequence[Sequence[Any]]) -> Cursor:
        """Run a statement once for each sequence of values."""
        for values in parameters:
            self.execute(operation, values)
        return self

    def _take(self, result: Result) -> None:
        self.job = result.job
        if not result.columns:
            self.description, self._rows, self.rowcount = None, None, 0
            return
        names = zip(result.columns, result.types, strict=True)
        self.description = [(name, kind, None, None, None, None, True) for name, kind in names]
        self._rows = list(result.rows)
        self.rowcount = len(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, None after the last one."""
        rows = self._result()
        return rows.pop(0) if rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        rows = self._result()
        wanted = self.arraysize if size is None else size
        taken, rows[:] = rows[:wanted], rows[wanted:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = self._result()
        taken, rows[:] = rows[:], []
        return taken

    def _result(self) -> list[tuple[Any, ...]]:
        if self._rows is None:
            raise InterfaceError("the last statement has no result")
        return self._rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        """Forget the result."""
        self._closed, self._rows = True, None

    def setinputsizes(self, sizes: Any) -> None:
        """Does nothing, as PEP 249 allows."""

    def setoutputsize(self, size: Any, column: Any = None) -> None:
        """Does nothing, as PEP 249 allows."""

    def get_tables(self, db: str) -> list[str]:
        """Names of a database's tables."""
        before = self.connection.session.database
        self.connection.session.database = db
        try:
            return [row[0] for row in self.connection.session.execute("SHOW TABLES").rows]
        except OpenMLDBError as error:
            raise DatabaseError(str(error)) from error
        finally:
            self.connection.session.database = before

    def get_databases(self) -> list[str]:
        """Names of the databases."""
        return [row[0] for row in self.connection.session.execute("SHOW DATABASES").rows]

    def get_all_tables(self) -> list[str]:
        """Names of the tables of all databases."""
        return [name for db in self.get_databases() for name in self.get_tables(db)]


class Connection:
    """A session with the embedded OpenMLDB."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.closed = False

    def cursor(self) -> Cursor:
        """A cursor; all cursors of a connection share its database and variables."""
        if self.closed:
            raise InterfaceError("the connection is closed")
        return Cursor(self)

    def commit(self) -> None:
        """Does nothing: OpenMLDB has no transactions."""

    def rollback(self) -> None:
        """Does nothing: OpenMLDB has no transactions."""

    def close(self) -> None:
        """Close it."""
        self.closed = True


def connect(
    database: str | None = None,
    zk: str | None = None,
    zkPath: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    **ignored: Any,
) -> Connection:
    """Connect to the embedded OpenMLDB.

    Args:
        database: the current database; it must exist.
        zk, zkPath, host, port: where a real cluster would be; the embedded one is where DSFLOW_EMBEDDED_OPENMLDB says.
    """
    del zk, zkPath, host, port, ignored
    try:
        session = Session()
        if database:
            session.execute(f"USE {database}")
    except OpenMLDBError as error:
        raise DatabaseError(str(error)) from error
    return Connection(session)


def _typed(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int):
        return ("int" if -(2**31) <= value < 2**31 else "bigint"), value
    if isinstance(value, float):
        return "double", value
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
        return "timestamp", int(moment.timestamp() * 1000)
    if isinstance(value, datetime.date):
        return "date", value.isoformat()
    if isinstance(value, str):
        return "string", value
    raise NotSupportedError(f"a value of type {type(value).__name__} cannot be a parameter")
