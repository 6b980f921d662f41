"""DuckDB's errors as errors of a statement, in words that need no knowledge of DuckDB."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dsflow.embedded.errors import REFUSED, SqlError, UnsupportedError

if TYPE_CHECKING:
    import duckdb

_REFUSAL = "Invalid Input Error: "
_OF_FUNCTION = re.compile(
    _REFUSAL + r"Python exception occurred while executing the UDF: (?:SqlError|UnsupportedError): (.*)"
)


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
    told = _told(str(error))
    if told is not None:
        return SqlError(before + told)
    if isinstance(error, duckdb.CatalogException):
        return SqlError(f"{before}a table of the query does not exist any more: it was dropped meanwhile")
    if isinstance(error, duckdb.TransactionException):
        return SqlError(f"{before}another statement changed the same table meanwhile", hint="run it once more")
    if isinstance(error, duckdb.OutOfMemoryException):
        return SqlError(
            f"{before}the query needs more memory than there is", hint="take fewer rows, or a machine with more"
        )
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        return UnsupportedError(
            f"{before}these values", "a number, a time or a text is outside of what it computes with"
        )
    if isinstance(error, duckdb.IOException):
        return SqlError(f"{before}the embedded engine's files cannot be read or written: {reason(error)}")
    return UnsupportedError(f"{before}this query", f"its query engine refuses it ({type(error).__name__})")


def reason(error: duckdb.Error) -> str:
    """Why a file cannot be read or written, as far as the system says so."""
    text = str(error)
    known = ("No such file or directory", "Permission denied", "No space left on device", "Is a directory")
    found = next((words for words in known if words.lower() in text.lower()), None)
    return found.lower() if found else "it is damaged, or no file of that kind"


def _told(text: str) -> str | None:
    """What the compiler's own functions refuse by name, without what DuckDB writes around it."""
    _, refused, told = text.partition(REFUSED)
    if refused and text.startswith(_REFUSAL):
        return told.strip().splitlines()[0]
    found = _OF_FUNCTION.match(text)
    return found[1] if found else None
