"""SELECT ... INTO OUTFILE 'openmldb://db.table': an offline query's rows appended to a table's online rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dsflow.embedded.compiler import CompiledQuery
from dsflow.embedded.failures import OutfileError
from dsflow.embedded.storage import quote
from dsflow.openmldb import nodes

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Table
    from dsflow.embedded.storage import Transaction

SCHEME = "openmldb://"
_STAGE = "rows_for_table"


def target_of(path: str, options: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Database and name of the table, and whether it is made when missing (``create_if_not_exists``, by default yes).

    Raises:
        OutfileError: the path does not name both, or an option is none of those that matter here.
    """
    parts = path[len(SCHEME) :].split(".")
    if len(parts) != 2 or not all(parts):
        raise OutfileError(f"{path} names no table", hint=f"write {SCHEME}database.table")
    for name in options:
        if name not in ("mode", "create_if_not_exists"):
            raise OutfileError(
                f"INTO OUTFILE '{path}' has no option {name!r}", hint="it knows create_if_not_exists, mode"
            )
    mode = str(options.get("mode", "error_if_exists")).lower()
    if mode != "append":
        raise OutfileError(f"a table takes mode='append' only, not {mode}", hint="write OPTIONS(mode='append')")
    return parts[0], parts[1], str(options.get("create_if_not_exists", True)).lower() == "true"


def create_statement(compiled: CompiledQuery, db: str, name: str) -> nodes.CreateTable:
    """CREATE TABLE for a query's columns, with OpenMLDB's own choice of an index."""
    from sqlglot import exp

    columns = [
        nodes.ColumnSpec(this=exp.to_identifier(column.name), kind=column.type.value) for column in compiled.columns
    ]
    return nodes.CreateTable(table=exp.Table(this=exp.to_identifier(name), db=exp.to_identifier(db)), columns=columns)


def check_columns(compiled: CompiledQuery, table: Table) -> None:
    """The query has to give the table's columns, in their order.

    Raises:
        OutfileError: it gives others.
    """
    given = [(column.name, column.type) for column in compiled.columns]
    wanted = [(column.name, column.type) for column in table.columns]
    if given != wanted:

        def said(columns: list[tuple[str, Any]]) -> str:
            return ", ".join(f"{name} {kind}" for name, kind in columns)

        raise OutfileError(
            f"the query does not fit table {table.db}.{table.name}: it gives {said(given)}, the table"
            f" has {said(wanted)}"
        )


def stage(connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery) -> int:
    """Read the query's rows into a temporary table; gives how many there are."""
    names = ", ".join(quote(column.name) for column in compiled.columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_STAGE} AS SELECT {names} FROM ({compiled.sql})")
    return int(connection.execute(f"SELECT count(*) FROM {_STAGE}").fetchall()[0][0])


def store(transaction: Transaction, table: Table, count: int) -> None:
    """Append the staged rows to the table's online rows."""
    transaction.insert_staged(table, _STAGE, count)
    transaction.connection.execute(f"DROP TABLE temp.{_STAGE}")
