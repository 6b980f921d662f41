"""The SQLAlchemy dialect ``openmldb://``, for SQLAlchemy 1.4 and 2.

The script of a DolphinScheduler OPENMLDB task calls ``connection.execute("text")``. SQLAlchemy 2 refuses a bare text,
so engines of this dialect get connections that take one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import pool
from sqlalchemy.engine import Connection, default
from sqlalchemy.engine.url import URL


class TextConnection(Connection):  # type: ignore[misc,unused-ignore]
    """A connection whose ``execute`` takes a string as well."""

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """As SQLAlchemy's; a text goes to OpenMLDB as it is, without looking for parameters in it."""
        if isinstance(statement, str):
            return self.exec_driver_sql(statement, *args, **options)
        return super().execute(statement, *args, **options)


class OpenmldbDialect(default.DefaultDialect):  # type: ignore[misc,unused-ignore]
    """Texts in, rows out; OpenMLDB's SQL is not generated from SQLAlchemy's expressions."""

    name = "openmldb"
    driver = "dsflow_embedded"
    default_paramstyle = "qmark"
    supports_statement_cache = False
    supports_transactions = False
    poolclass = pool.SingletonThreadPool

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module that does the work (SQLAlchemy 2)."""
        from . import dbapi

        return dbapi

    @classmethod
    def dbapi(cls) -> Any:
        """The module that does the work (SQLAlchemy 1.4)."""
        return cls.import_dbapi()

    @classmethod
    def engine_created(cls, engine: Any) -> None:
        """Called by ``create_engine``: from here on connections take texts."""
        engine._connection_cls = TextConnection

    def create_connect_args(self, url: URL) -> Any:
        """``openmldb:///db?zk=...&zkPath=...`` as arguments of `openmldb.dbapi.connect`."""
        return (), {"database": url.database or None, **url.query}

    def initialize(self, connection: Any) -> None:
        """Ask the server nothing: it has no version or isolation level to tell."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether the server answers."""
        dbapi_connection.cursor().execute("SHOW DATABASES")
        return True

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether a table of that name exists, in the database ``schema`` or in any."""
        return table_name in self.get_table_names(connection, schema)

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Names of the tables of the database ``schema``, or of all."""
        cursor = connection.connection.cursor()
        names: list[str] = cursor.get_tables(schema) if schema else cursor.get_all_tables()
        return names
