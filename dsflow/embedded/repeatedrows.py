"""Which rows of a file are there more than once, kept from the load that has compared them all.

A load with ``put_if_absent`` leaves out rows that equal one before them, and afterwards somebody asks which: by a
query for the groups of equal rows with more than one, over the same file as offline data (``deep_copy=false``). Such a
query needs no other rows, so as long as the file is the same it is answered from these few, and the file is not read
and grouped once more. It is only a memory of this process: without it the query reads the file as any other does.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsflow.embedded.failures import LoadError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.sources import find_sources

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

    from dsflow.embedded.catalog import Table

_MOST_FILES = 8
_TICK_NS = 2_000_000_000  # no file system's clock is coarser

_Marks = tuple[tuple[str, int, int, int, int], ...]
Known = Callable[["Table", str, LoadOptions], "list[pa.Table] | None"]
"""Gives what is known of the rows at a path, as a table's rows with ``__row``; None: read them."""


@dataclass(frozen=True)
class Reading:
    """How files are read, and what the system said of them before.

    Attributes:
        key: of the path and of all that decides on the rows' values.
        marks: of each file its name, size, times and number.
        at: when that was, in nanoseconds.
    """

    key: tuple[Any, ...]
    marks: _Marks
    at: int

    @classmethod
    def of(cls, table: Table, path: str, options: LoadOptions) -> Reading:
        """Of a path, now.

        Raises:
            LoadError: there is no file.
            OSError: it cannot be looked at.
        """
        at = time.time_ns()
        columns = tuple((column.name, column.type) for column in table.columns)
        reading = (options.format, options.header, options.delimiter, options.quote, options.null_value)
        files = [(source.file, Path(source.file).stat()) for source in find_sources(path)]
        marks = tuple((name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in files)
        return cls((path, columns, reading), marks, at)

    @property
    def path(self) -> str:
        """The path, as it was written."""
        return str(self.key[0])

    @property
    def is_settled(self) -> bool:
        """Whether another change would be seen: not one within the same tick of the file system's clock."""
        return all(max(mtime, ctime) < self.at - _TICK_NS for _, _, mtime, ctime, _ in self.marks)


class RepeatedRows:
    """The memory; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], tuple[_Marks, list[pa.Table]]] = OrderedDict()

    def keep(
        self, reading: Reading, table: Table, path: str, options: LoadOptions, rows: list[pa.Table] | None
    ) -> None:
        """Keep what a load has found, unless the files have changed since it began.

        Args:
            reading: from before the load.
            rows: all rows that equal another one, and maybe others; None when nobody knows.
        """
        try:
            unchanged = reading.is_settled and Reading.of(table, path, options).marks == reading.marks
        except (LoadError, OSError):
            unchanged = False
        with self._lock:
            if rows is not None and unchanged:
                self._kept[reading.key] = (reading.marks, rows)
                self._kept.move_to_end(reading.key)
                while len(self._kept) > _MOST_FILES:
                    self._kept.popitem(last=False)

    def known_for(self, query: exp.Expr) -> Known | None:
        """What stands for the rows of a file where a query asks for repeated rows only; None for any other query."""
        by = grouped_by(query)
        if not by:
            return None

        def known(table: Table, path: str, options: LoadOptions) -> list[pa.Table] | None:
            if not by.issuperset(column.name for column in table.columns):
                return None
            try:
                reading = Reading.of(table, path, options)
            except (LoadError, OSError):
                return None  # whoever reads it says what is wrong
            with self._lock:
                found = self._kept.get(reading.key)
            return found[1] if found is not None and found[0] == reading.marks else None

        return known


def grouped_by(query: exp.Expr) -> frozenset[str]:
    """By which columns of a table a query groups, when all it gives are groups of more than one row.

    That is ``SELECT ... FROM (SELECT ..., count(*) AS n FROM rows GROUP BY ...) WHERE n > 1`` with columns or, from a
    subquery, ``hash64`` of one in the GROUP BY. Of any other query the answer is the empty set.
    """
    from sqlglot import exp

    inner = _below(query, "where")
    if not isinstance(inner, exp.Select) or inner.args.get("group") is None:
        return frozenset()
    counts = {a.alias for a in inner.expressions if isinstance(a, exp.Alias) and _call(a.this, "count", exp.Star)}
    if not _keeps_more_than_one(query.args["where"].this if query.args.get("where") else None, counts):
        return frozenset()
    rows = _below(inner, "group")
    named: dict[str, str] | None = None
    if isinstance(rows, exp.Select):
        named = dict(filter(all, map(_source_of, rows.expressions)))
        rows = _below(rows)
    if not isinstance(rows, exp.Table):
        return frozenset()
    keys = [_column(key) for key in inner.args["group"].expressions]
    found = keys if named is None else [named.get(key, "") for key in keys]
    return frozenset(found) if all(found) else frozenset()


def _below(query: exp.Expr, *clauses: str) -> exp.Expr | None:
    """What a SELECT without other clauses than these reads from."""
    from sqlglot import exp

    if not isinstance(query, exp.Select):
        return None
    if {name for name, value in query.args.items() if value} - {"expressions", "from_", *clauses}:
        return None
    source = query.args["from_"].this if query.args.get("from_") else None
    return source.this if isinstance(source, exp.Subquery) else source


def _keeps_more_than_one(condition: exp.Expr | None, counts: set[str]) -> bool:
    from sqlglot import exp

    if not isinstance(condition, exp.GT) or _column(condition.this) not in counts:
        return False
    least = condition.expression
    return isinstance(least, exp.Literal) and not least.is_string and least.this.isdigit() and int(least.this) >= 1


def _source_of(expression: exp.Expr) -> tuple[str, str]:
    """The name of a column of a subquery, and the stored column that it tells apart; '' for none."""
    from sqlglot import exp

    if isinstance(expression, exp.Alias):
        hashed = _call(expression.this, "hash64", exp.Column)
        return expression.alias, _column(expression.this.expressions[0]) if hashed else ""
    return _column(expression), _column(expression)


def _call(expression: exp.Expr, name: str, of: type[exp.Expr]) -> bool:
    from sqlglot import exp

    return (
        isinstance(expression, exp.Anonymous)
        and str(expression.this).lower() == name
        and [type(argument) for argument in expression.expressions] == [of]
    )


def _column(expression: exp.Expr) -> str:
    """The name of a column that is named by nothing else."""
    from sqlglot import exp

    plain = isinstance(expression, exp.Column) and {n for n, value in expression.args.items() if value} == {"this"}
    return expression.name if plain else ""
