"""DB-API 2.0 (PEP 249) over `openmldb.session`, with the names and the ways of OpenMLDB's own module (0.9.2).

What that module refuses is refused here too, also what would work, so that a script that runs here runs there.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from .session import Job, OpenMLDBError, Result, Session

apilevel = "2.0"
threadsafety = 1  # the SDK says 3; a session here holds its database and variables
paramstyle = "qmark"


class Type:
    """The type codes of ``cursor.description``: the numbers of OpenMLDB's SDK."""

    Bool, Int16, Int32, Int64, Float, Double, String, Date, Timestamp = range(9)


class Error(Exception):
    """Base of this module's errors.

    Attributes:
        message: what it says.
    """

    @property
    def message(self) -> str:
        """What it says."""
        return str(self)


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


class CursorClosedException(Error):
    """The cursor is closed."""


class ConnectionClosedException(Error):
    """The connection is closed."""


_INSERT = re.compile(r"insert", re.IGNORECASE)
_SELECT = re.compile(r"select", re.IGNORECASE)


def _unsupported(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise NotSupportedError(f"{name}: OpenMLDB's module does not have this")

    return refuse


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

    def execute(self, operation: str, parameters: Any = ()) -> Cursor:
        """Run a statement.

        Args:
            operation: the SQL.
            parameters: for a SELECT, a tuple with a value for each ``?`` (bool, int, float, str or date), or a dict:
                then the SELECT is run in request mode, for this row by column.

        Raises:
            DatabaseError: OpenMLDB refuses it, or, as its module does, an INSERT has another number of ``?``, those in
                texts and comments counted, than there are values.
        """
        self._open()
        if not operation or not operation.strip():
            raise ProgrammingError("there is no statement")
        command = operation.strip(" \t\n\r")
        if _SELECT.match(command) and isinstance(parameters, dict):
            return self.executeRequest(command, parameters)
        values = parameters if isinstance(parameters, tuple) and not _other(command) else ()
        if _INSERT.match(command) and (marks := command.count("?")):
            if len(parameters) != marks:
                raise DatabaseError(
                    f"parameters is not enough: {len(parameters)} for {marks} '?' (OpenMLDB's module counts those in"
                    " texts too; write \\x3f there)"
                )
            values = tuple(parameters.values()) if isinstance(parameters, dict) else tuple(parameters)
        self._run(lambda: self.connection.session.execute(operation, tuple(map(_typed, values))))
        return self

    def executemany(self, operation: str, parameters: Sequence[Any], batch_number: int = 200) -> Cursor:
        """Run an INSERT once for each sequence of values; without a ``?`` in it, it is run once."""
        self._open()
        command = (operation or "").strip(" \t\n\r")
        if "?" not in command or not parameters:
            return self.execute(operation, ())
        if not _INSERT.match(command):
            raise DatabaseError("unsupported sql")
        for values in parameters:
            self.execute(operation, values)
        return self

    def executeRequest(self, sql: str, parameter: Any) -> Cursor:
        """Run a SELECT in request mode, for a row given as a dict by column or as a tuple."""
        self._open()
        self._run(lambda: self.connection.session.ask([_row(parameter)], query=sql))
        return self

    def callproc(self, procname: str, parameters: Any = ()) -> Cursor:
        """Ask a deployment or procedure, with a row given as a dict by column or as a tuple."""
        self._open()
        if len(parameters) < 1:
            raise DatabaseError("please providate data for proc")
        self._run(lambda: self.connection.session.ask([_row(parameters)], call=procname))
        return self

    def batch_row_request(self, sql: str, commonCol: Sequence[str], parameters: Any) -> Cursor:
        """Run a SELECT in request mode, for many rows.

        Args:
            commonCol: columns that are the same in all rows; they change nothing in the answers.
            parameters: a row, or a sequence of rows, each a dict by column or a tuple.
        """
        self._open()
        rows = [parameters] if isinstance(parameters, dict) else list(parameters)
        for name in commonCol:
            if any(isinstance(row, dict) and row.get(name) != rows[0].get(name) for row in rows):
                raise NotSupportedError(f"batch_row_request: the common column {name!r} differs from row to row")
        self._run(lambda: self.connection.session.ask(list(map(_row, rows)), query=sql))
        return self

    def _open(self) -> None:
        if self._closed:
            raise CursorClosedException("Cursor object is closed")
        if self.connection.closed:
            raise ConnectionClosedException("Connection object is closed")

    def _run(self, ask: Callable[[], Result]) -> None:
        try:
            result = ask()
        except OpenMLDBError as error:
            raise DatabaseError(str(error)) from error
        self._take(result)

    def _take(self, result: Result) -> None:
        self.job = result.job
        if not result.columns:
            self.description, self._rows, self.rowcount = None, None, 0
            return
        codes = [getattr(Type, kind.capitalize(), kind) for kind in result.types]
        names = zip(result.columns, codes, strict=True)
        self.description = [(name, code, None, None, None, None, True) for name, code in names]
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
        if wanted < 0:
            raise ProgrammingError("Given size should greater than zero")
        taken, rows[:] = rows[:wanted], rows[wanted:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = self._result()
        taken, rows[:] = rows[:], []
        return taken

    def _result(self) -> list[tuple[Any, ...]]:
        self._open()
        if self._rows is None:
            raise DatabaseError("resultset is not set")
        return self._rows

    def get_resultset_schema(self) -> list[dict[str, str]]:
        """Names and types of the result's columns: ``[{"name": "n", "type": "int32"}]``."""
        words = {code: name.lower() for name, code in vars(Type).items() if isinstance(code, int)}
        return [{"name": column[0], "type": words.get(column[1], str(column[1]))} for column in self.description or ()]

    def is_online_mode(self) -> bool:
        """Whether the session's mode is online."""
        return self.connection.session.variables["execute_mode"] == "online"

    def getdesc(self) -> str:
        """What it is."""
        return "openmldb cursor"

    def close(self) -> None:
        """Forget the result."""
        self._closed, self._rows = True, None

    nextset = _unsupported("nextset")
    setinputsizes = _unsupported("setinputsizes")
    setoutputsize = _unsupported("setoutputsize")
    get_query_metadata = _unsupported("get_query_metadata")
    get_default_plugin = _unsupported("get_default_plugin")

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        raise NotSupportedError("a cursor is not iterated in OpenMLDB's module: fetchall gives its rows")

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
            raise ConnectionClosedException("Connection object is closed")
        return Cursor(self)

    execute = _unsupported("Connection.execute")

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


def _other(command: str) -> bool:
    return not (_SELECT.match(command) or _INSERT.match(command))


def _row(given: Any) -> Any:
    """A request row for the server: times in milliseconds, dates as texts."""
    if isinstance(given, dict):
        return {name: _sent(value) for name, value in given.items()}
    if isinstance(given, tuple) and given:
        return list(map(_sent, given))
    raise DatabaseError(f"Invalid row type {type(given)}")


def _sent(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return int(value.timestamp() * 1000)  # a time without a zone is one of this machine's, as in the SDK
    return value.isoformat() if isinstance(value, datetime.date) else value


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
