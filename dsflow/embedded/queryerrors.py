"""DuckDB's errors as errors of a statement, in words that need no knowledge of DuckDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dsflow.embedded.errors import SqlError, UnsupportedError

if TYPE_CHECKING:
    import duckdb

_REFUSAL = "Invalid Input Error: "
_FROM_PYTHON = "Python exception occurred while executing the UDF: "


@contextlib.contextmanager
def named_errors(what: str = "") -> Iterator[None]:
    """Raise what DuckDB raises, but an interruption, as an error of the statement.

    Args:
        what: put before the message, as the name of a deployment.

    Raises:
        SqlError: the statement cannot be run on these values.
    """
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise named(error, what) from error


def named(error: duckdb.Error, what: str = "") -> SqlError:
    """The error of a statement that an error of DuckDB stands for; see `named_errors`."""
    import duckdb

    before = f"{what}: " if what else ""
    text = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.InvalidInputException) and text.startswith(_REFUSAL):
        # what the compiler's own functions refuse by name
        told = text.removeprefix(_REFUSAL).removeprefix(_FROM_PYTHON)
        return SqlError(before + told.split("Error: ", 1)[-1])
    if isinstance(error, duckdb.CatalogException):
        return SqlError(f"{before}a table of the query does not exist any more: it was dropped meanwhile")
    if isinstance(error, duckdb.OutOfMemoryException):
        return SqlError(
            f"{before}the query needs more memory than there is", hint="take fewer rows, or a machine with more"
        )
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        return UnsupportedError(
            f"{before}these values", "a number, a time or a text is outside of what it computes with"
        )
    if isinstance(error, duckdb.IOException):
        return SqlError(f"{before}the embedded engine's database file cannot be read")
    return UnsupportedError(f"{before}this query", f"its query engine refuses it ({type(error).__name__})")
