"""The SQL compiler: OpenMLDB's SELECT language to DuckDB SQL, for batch mode and for request mode.

What it compiles gives OpenMLDB's answer; what it cannot is refused by name (`UnsupportedError`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsflow.embedded.compiler.types import (
    PACKED_ROWS,
    ROW_COLUMN,
    Catalog,
    Column,
    CompiledQuery,
    CompiledRequest,
    Facts,
    PackedFrame,
    PackedPart,
    PackedQuery,
    TableSchema,
    duckdb_type,
)
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

__all__ = [
    "PACKED_ROWS",
    "ROW_COLUMN",
    "Catalog",
    "Column",
    "CompiledQuery",
    "CompiledRequest",
    "Facts",
    "PackedFrame",
    "PackedPart",
    "PackedQuery",
    "TableSchema",
    "compile_batch",
    "compile_request",
    "duckdb_type",
    "find_udfs",
    "has_udfs",
    "register_udfs",
]


def compile_batch(
    query: str | exp.Expr,
    catalog: Catalog,
    db: str | None,
    parameters: Sequence[tuple[ColumnType, object]] = (),
    *,
    online: bool = False,
    packed: bool = False,
) -> CompiledQuery:
    """Compile a SELECT for batch mode.

    Args:
        query: the text, or its tree as the dialect ``openmldb`` parses it.
        catalog: where its tables are looked up.
        db: the current database, for tables named without one.
        parameters: type and value of each ``?`` of the query, in order.
        online: the online engine runs it, over the online tables; else the offline engine.
        packed: say as well how its windows are computed outside of DuckDB, where they can be.

    Raises:
        SqlError: the query is wrong.
        UnsupportedError: the query may be right, but the embedded engine does not run it.
    """
    from dsflow.embedded.compiler.batch import compile_batch as compile_

    return compile_(query, catalog, db, parameters, online=online, packed=packed)


def compile_request(query: str | exp.Expr, catalog: Catalog, db: str | None) -> CompiledRequest:
    """Compile a SELECT for request mode (a deployment): one request row in, one row out.

    Args and errors are those of `compile_batch`.
    """
    from dsflow.embedded.compiler.request import compile_request as compile_

    return compile_(query, catalog, db)


def register_udfs(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros and functions that compiled queries call. Must run once for a database, on any connection."""
    from dsflow.embedded.compiler.macros import register

    register(connection)


def has_udfs(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the database of a connection has those macros and functions."""
    from dsflow.embedded.compiler.macros import registered

    return registered(connection)


def find_udfs(connection: duckdb.DuckDBPyConnection) -> None:
    """Let one more connection to the database find those macros. Must run once for every further connection."""
    from dsflow.embedded.compiler.macros import find

    find(connection)
