"""The embedded OpenMLDB's compiler, asked where OpenMLDB's own is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsflow.openmldb.sdk import CompilerError, Refusal
from dsflow.openmldb.sdk.client import Catalog, Mode
from dsflow.openmldb.ttl import Ttl
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    from dsflow.embedded.catalog import CatalogState


class EmbeddedCompiler:
    """Compiles queries as ``run --local`` does, without running them."""

    def validate(self, sql: str, db: str, catalog: Catalog, mode: Mode = "batch") -> Refusal | None:
        """Compile a query: in ``batch`` mode as an offline job, in ``request`` mode as a deployment.

        Returns:
            None when it compiles.

        Raises:
            CompilerError: the embedded OpenMLDB does not know: it does not run such queries, though OpenMLDB may.
        """
        from sqlglot.errors import SqlglotError

        from dsflow.embedded.compiler import compile_batch, compile_request
        from dsflow.embedded.errors import SqlError, UnsupportedError
        from dsflow.embedded.views import BatchCatalog, RequestCatalog

        state = _state(catalog)
        try:
            if mode == "request":
                compile_request(sql, RequestCatalog(state, db), db)
            else:
                compile_batch(sql, BatchCatalog(state, "offline", db), db)
        except UnsupportedError as error:
            raise CompilerError(error.message, hint=error.hint) from error
        except SqlError as error:
            return Refusal(error.message, line=error.line, column=error.col, hint=error.hint or "")
        except (SqlglotError, RecursionError) as error:
            raise CompilerError(f"the embedded OpenMLDB's compiler failed: {str(error).splitlines()[0]}") from error
        return None

    def columns(self, sql: str, db: str, catalog: Catalog) -> tuple[tuple[str, ColumnType], ...]:
        """Names and types of a query's columns; () when it does not compile."""
        from sqlglot.errors import SqlglotError

        from dsflow.embedded.compiler import compile_batch
        from dsflow.embedded.errors import SqlError
        from dsflow.embedded.views import BatchCatalog

        try:
            compiled = compile_batch(sql, BatchCatalog(_state(catalog), "offline", db), db)
        except (SqlError, SqlglotError, RecursionError):
            return ()
        return tuple((column.name, column.type) for column in compiled.columns)


def _state(catalog: Catalog) -> CatalogState:
    from dsflow.embedded.catalog import CatalogState, Index, Table
    from dsflow.embedded.compiler import Column

    state = CatalogState()
    for db, tables in catalog.items():
        state = state.with_database(db)
        for name, columns in tables.items():
            known = tuple(Column(column, ColumnType(kind)) for column, kind in columns)
            # which indexes there are decides what a query reads, not whether it compiles
            index = Index("INDEX_0", (known[0].name,), None, Ttl())
            state = state.with_table(Table(state.next_tid, db, name, known, (index,)))
    return state
