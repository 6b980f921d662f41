"""The statements that steps are made of, as their parts; a statement's text is made when a node is compiled.

A text that the user wrote (a query) is in them as it was written. What else stands in a statement are names, paths and
options that were checked when the step was declared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dsflow.errors import SourceLocation

Value = str | int | bool
Options = tuple[tuple[str, Value], ...]
"""Options by name, in the order in which they stand."""


@dataclass(frozen=True)
class Use:
    """``USE database``."""

    database: str

    @property
    def text(self) -> str:
        """The statement."""
        return f"USE {self.database}"


@dataclass(frozen=True)
class CreateDatabase:
    """``CREATE DATABASE IF NOT EXISTS database``."""

    database: str

    @property
    def text(self) -> str:
        """The statement."""
        return f"CREATE DATABASE IF NOT EXISTS {self.database}"


@dataclass(frozen=True)
class CreateTable:
    """``CREATE TABLE``.

    Attributes:
        columns: name and type of each.
        indexes: each as it stands, ``INDEX(KEY=...)``.
        if_missing: whether a table that is there is left as it is.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    indexes: tuple[str, ...] = ()
    if_missing: bool = True

    @property
    def text(self) -> str:
        """The statement."""
        parts = [*(f"{name} {kind}" for name, kind in self.columns), *self.indexes]
        exists = "IF NOT EXISTS " if self.if_missing else ""
        return f"CREATE TABLE {exists}{self.table} ({', '.join(parts)})"


@dataclass(frozen=True)
class Truncate:
    """``TRUNCATE TABLE table``."""

    table: str

    @property
    def text(self) -> str:
        """The statement."""
        return f"TRUNCATE TABLE {self.table}"


@dataclass(frozen=True)
class SetVariable:
    """``SET @@name=value``, for the statements that follow in the node."""

    name: str
    value: Value

    @property
    def text(self) -> str:
        """The statement."""
        return f"SET @@{self.name}={_plain(self.value)}"


@dataclass(frozen=True)
class LoadData:
    """``LOAD DATA INFILE``: a file's rows into a table.

    Attributes:
        options: of the file.
    """

    path: str
    table: str
    options: Options = ()

    @property
    def text(self) -> str:
        """The statement."""
        return f"LOAD DATA INFILE '{self.path}' INTO TABLE {self.table} OPTIONS({options_text(self.options)})"


@dataclass(frozen=True)
class SelectInto:
    """``SELECT ... INTO OUTFILE``: a query's rows into files.

    Attributes:
        query: the user's text.
        options: of the file.
        where: where the query is declared; no part of the comparison.
    """

    query: str
    path: str
    options: Options = ()
    where: SourceLocation | None = field(default=None, compare=False)

    @property
    def query_start(self) -> int:
        """Where the query begins in the text."""
        return 0

    @property
    def text(self) -> str:
        """The statement."""
        return f"{self.query}\nINTO OUTFILE '{self.path}' OPTIONS({options_text(self.options)})"


@dataclass(frozen=True)
class Deploy:
    """``DEPLOY``: a query to ask with request rows.

    Attributes:
        name: the deployment's.
        query: the user's text.
        biases: ``range_bias`` and ``rows_bias``, as far as they are given: a number, or a text such as ``inf``.
        where: where the query is declared; no part of the comparison.
    """

    name: str
    query: str
    biases: Options = ()
    where: SourceLocation | None = field(default=None, compare=False)

    @property
    def query_start(self) -> int:
        """Where the query begins in the text."""
        return len(self._head)

    @property
    def text(self) -> str:
        """The statement."""
        return self._head + self.query

    @property
    def _head(self) -> str:
        given = ", ".join(f"{name.upper()}={_quoted(value)}" for name, value in self.biases)
        return f"DEPLOY IF NOT EXISTS {self.name} " + (f"OPTIONS({given}) " if given else "")


Statement = Use | CreateDatabase | CreateTable | Truncate | SetVariable | LoadData | SelectInto | Deploy


def options_text(options: Options) -> str:
    """Options of LOAD DATA and SELECT INTO, as they stand between the parentheses."""
    return ", ".join(f"{name}={_quoted(value)}" for name, value in options)


def _quoted(value: Value) -> str:
    if not isinstance(value, str):
        return _plain(value)
    text = value
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f"'{text}'"


def _plain(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
