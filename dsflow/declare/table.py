"""A table of OpenMLDB, declared once: its schema, and the steps that create and load it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from dsflow.declare import statements
from dsflow.declare.deployed import deployed_needs
from dsflow.declare.equalrows import equal_rows
from dsflow.declare.fileoptions import CSV_OPTIONS, check_fields, checked_options
from dsflow.declare.locations import caller
from dsflow.declare.params import Operand, Reference
from dsflow.declare.statements import CreateDatabase, LoadData, SetVariable, Statement, Truncate, Use, Value
from dsflow.declare.steps import Check, Then, add_check
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.errors import DeclarationError
from dsflow.openmldb.indexes import IndexNeed, TableKey, merged
from dsflow.openmldb.ttl import Ttl, TtlType, duration
from dsflow.openmldb.types import ColumnType


@dataclass(frozen=True)
class Index:
    """An index of a table: how its online rows are found, and how long they are kept.

    Args:
        key: the column, or columns, of the key.
        ts: the column that orders the rows of a key.
        ttl: such as ``"30d"``, ``"100"`` (rows) or ``"(30d, 100)"``; None keeps everything.
        ttl_type: ``absolute`` (time), ``latest`` (rows), ``absorlat`` or ``absandlat``.
    """

    key: str | Sequence[str]
    ts: str | None = None
    ttl: str | None = None
    ttl_type: TtlType = "absolute"

    @property
    def keys(self) -> tuple[str, ...]:
        """The key's columns."""
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)

    @property
    def id(self) -> tuple[tuple[str, ...], str | None]:
        """What tells it from the table's other indexes: its columns in alphabetical order, and its time."""
        return tuple(sorted(set(self.keys))), self.ts

    def ddl(self) -> str:
        """The index in OpenMLDB's DDL.

        The columns stand in alphabetical order: DEPLOY looks for an index whose columns are in that order, and would
        make a second one beside another order.
        """
        columns = self.id[0]
        key = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
        parts = [f"KEY={key}"]
        if self.ts:
            parts.append(f"TS={self.ts}")
        if self.ttl:
            parts += [f"TTL={self.ttl}", f"TTL_TYPE={self.ttl_type}"]
        return f"INDEX({', '.join(parts)})"


class Table:
    """A table's schema.

    Args:
        name: the table's name.
        columns: name -> type, in the table's order (a mapping, for names that Python reserves).
        database: its database: a name, or a reference to a parameter.
        indexes: what its online rows are found by, beside the indexes that `create` derives. With neither,
            OpenMLDB makes one of the first column.
        more: columns as keywords: ``Table("t", database="db", ip=t.Int, click_time=t.Timestamp)``.

    Raises:
        DeclarationError: a name or a type is none of OpenMLDB's, or an index names a column that is not there.
    """

    def __init__(
        self,
        name: str,
        columns: dict[str, ColumnType | str] | None = None,
        /,  # a column may have these names
        *,
        database: str | Reference,
        indexes: Sequence[Index] = (),
        **more: ColumnType | str,
    ) -> None:
        self.where = caller()
        self.name = name
        self.database = database
        for what, word in (
            ("table", name),
            ("database", database),
            *(("column", c) for c in {**(columns or {}), **more}),
        ):
            if not isinstance(word, Reference) and not is_name(word):
                raise self._error(f"{what} {word!r} is not a name", hint="use letters, digits and _")
        twice = set(columns or {}) & set(more)
        if twice:
            raise self._error(f"column {min(twice)!r} is there twice")
        self.columns: dict[str, ColumnType] = {}
        for column, word in {**(columns or {}), **more}.items():
            try:
                self.columns[column] = ColumnType.parse(word)
            except ValueError as error:
                raise self._error(f"column {column!r}: {error}") from None
        if not self.columns:
            raise self._error("there are no columns")
        if not isinstance(indexes, (list, tuple)) or not all(isinstance(index, Index) for index in indexes):
            raise self._error(f"indexes={indexes!r} is not a list of Index(...)")
        self.indexes = tuple(indexes)
        for index in self.indexes:
            for column in (*index.keys, *([index.ts] if index.ts else [])):
                if column not in self.columns:
                    raise self._error(f"an index names the column {column!r}, which is not there")
            if index.ts and self.columns[index.ts] not in (ColumnType.TIMESTAMP, ColumnType.BIGINT):
                raise self._error(f"an index is ordered by {index.ts!r}, which is no timestamp (or bigint)")
            self._check_ttl(index)
        _declared.append(self)

    def __repr__(self) -> str:
        return f"Table({self.name!r}, database={str(self.database)!r})"

    @property
    def id(self) -> TableKey:
        """Database and name, as they stand in statements."""
        return str(self.database), str(self.name)

    def can_index(self, need: IndexNeed) -> bool:
        """Whether OpenMLDB would take an index on these columns of the table."""
        kinds = [self.columns.get(column) for column in need.keys]
        times = (ColumnType.TIMESTAMP, ColumnType.BIGINT)
        return not {None, ColumnType.FLOAT, ColumnType.DOUBLE}.intersection(kinds) and (
            need.ts is None or self.columns.get(need.ts) in times
        )

    @property
    def use(self) -> Use:
        """The statement that makes the table's database the current one."""
        return Use(str(self.database))

    def ddl(self, more: Sequence[Index] = ()) -> str:
        """The CREATE TABLE statement's text, with the declared indexes and some more."""
        return self.created(more).text

    def created(self, more: Sequence[Index] = ()) -> statements.CreateTable:
        """The CREATE TABLE statement, with the declared indexes and some more."""
        columns = tuple((name, str(kind)) for name, kind in self.columns.items())
        return statements.CreateTable(self.name, columns, tuple(index.ddl() for index in (*self.indexes, *more)))

    def create(self, name: str | None = None, *, derive_indexes: bool = True, **fields: Any) -> CreateTable:
        """A task that makes the database and the table where they are missing.

        The table gets the indexes that the deployments of the workflow need, wherever in it they are declared, with a
        TTL that keeps what their windows look back on from now, by the server's clock. Older rows are dropped online,
        unless a deployment's ``range_bias`` or ``rows_bias`` or an index that is declared keeps them: for requests
        that come late, and for history that is loaded. An index that is declared for the same columns and time stays
        as it is declared. Of a table that is there already nothing changes: there DEPLOY adds what it needs, and
        lengthens what is too short.

        Args:
            name: the task's name, by default ``create TABLE``.
            derive_indexes: False makes the declared indexes alone, and leaves the others to DEPLOY.
            fields: any field of `OpenMLDB`.
        """
        written: list[Statement] = [CreateDatabase(str(self.database)), self.use]
        task = name or f"create {self.name}"
        return CreateTable(task, written, "online", origin=self, derive_indexes=derive_indexes, **fields)

    def load_offline(
        self,
        path: Operand,
        name: str | None = None,
        *,
        format: str = "csv",
        delimiter: str | None = None,
        header: bool = True,
        null_value: str | None = None,
        quote: str | None = None,
        deep_copy: bool | None = None,
        check: bool | Check = True,
        **fields: Any,
    ) -> OpenMLDB:
        """A task that makes the file's rows the table's offline rows, in place of those that were there.

        Args:
            path: a file, a folder or a pattern that the TaskManager can read.
            name: the task's name, by default ``load offline TABLE``.
            format: ``csv`` or ``parquet``.
            delimiter: between the values of a CSV file, by default ``,``.
            header: whether the first line of each CSV file names the columns.
            null_value: the text that stands for NULL in a CSV file, by default ``null``; nothing at all is NULL, too.
            quote: around values of a CSV file, by default ``"``; empty for none.
            deep_copy: False leaves the rows in their files, which each query then reads.
            check: whether (and how) a task after it looks if OpenMLDB's job is FINISHED and the data there.
            fields: any field of `OpenMLDB`.

        Raises:
            DeclarationError: an option is not known, or its value is none of OpenMLDB's.
        """
        check_fields("load_offline()", fields, (*CSV_OPTIONS, "format", "deep_copy", "check"))
        reading = {"delimiter": delimiter, "header": header, "null_value": null_value, "quote": quote}
        load = self._load(path, format, {"mode": "overwrite"}, {**reading, "deep_copy": deep_copy})
        step = OpenMLDB(name or f"load offline {self.name}", [self.use, load], "offline", origin=self, **fields)
        return self._checked(step, check, path, online=False)

    def load_online(
        self,
        path: Operand,
        name: str | None = None,
        *,
        format: str = "csv",
        delimiter: str | None = None,
        header: bool = True,
        null_value: str | None = None,
        quote: str | None = None,
        replace: bool = False,
        repeated: Literal["keep", "drop", "refuse"] = "keep",
        check: bool | Check = True,
        **fields: Any,
    ) -> OpenMLDB:
        """A task that puts the file's rows into the table's online rows; a second time it changes nothing.

        Afterwards each row of the file is online at least as often as in the file. A row that is stored already, equal
        in every column, is left out (``put_if_absent``, OpenMLDB 0.8.5 and later): deployments that read the table
        answer without a gap, and rows that came from elsewhere, such as an earlier file, stay. OpenMLDB compares with
        the rows of the same key and time (in an index without a ``ts``, with all of the key, which takes long where a
        key has many), so it also leaves out the second of two equal rows of one file. The check after the load
        (without a check, a task of its own) adds those: OpenMLDB's offline engine says which rows the file holds more
        than once (equal as they are stored: ``1.0`` and ``1.00`` are one number), each of them is counted online, and
        inserted as often as it is missing. A load that was cut in the middle is completed in the same way by running it
        again. On a cluster that takes two more offline jobs, and two tables, ``TABLE__rows`` and ``TABLE__equal``,
        while they run. Not kept are equal rows that hold NaN; a table on disk, which holds one row of a key and time,
        is refused.

        The load is awaited (``@@sync_job``), which an online step otherwise is not.

        The path, the file's options and ``check`` are as for `load_offline`.

        Args:
            replace: empty the table first, so that its rows are the file's and no others. Until the load is done,
                deployments answer from fewer rows.
            repeated: what rows are that the file holds more than once: ``keep`` has each as often as the file, ``drop``
                has it once and takes no look, ``refuse`` fails the step.

        Raises:
            DeclarationError: ``repeated`` is none of these, or an option as for `load_offline`.
        """
        check_fields("load_online()", fields, (*CSV_OPTIONS, "format", "replace", "repeated", "check"))
        reading = {"delimiter": delimiter, "header": header, "null_value": null_value, "quote": quote}
        if repeated not in ("keep", "drop", "refuse"):
            raise self._error(f"load_online(repeated={repeated!r}) is neither 'keep', 'drop' nor 'refuse'")
        awaited = [SetVariable("sync_job", True), SetVariable("job_timeout", JOB_TIMEOUT_MS)]
        written: list[Statement] = [self.use, *awaited]
        if replace:
            written += [Truncate(self.name), self._load(path, format, {"mode": "append"}, reading)]
        else:
            written.append(self._load(path, format, {"mode": "append", "put_if_absent": True}, reading))
        step = OpenMLDB(name or f"load online {self.name}", written, "online", origin=self, **fields)
        then = None
        if not (replace or repeated == "drop"):
            then = self._equal_rows(path, format, reading, refuse=repeated == "refuse")
        return self._checked(step, check, path, then, online=True)

    def _equal_rows(self, path: Operand, format: str, reading: Mapping[str, Any], *, refuse: bool) -> Then:
        wanted = equal_rows(self.database, self.name, self.columns)
        settings = {
            "database": self.database,
            "table": self.name,
            "path": path,
            "kinds": ",".join(kind.value for kind in self.columns.values()),
            "rows": wanted.rows,
            "found": wanted.found,
            "create_rows": wanted.create[0],
            "create_found": wanted.create[1],
            "link": self._load(path, format, {"mode": "overwrite", "deep_copy": False}, reading, into=wanted.rows).text,
            "find": wanted.find,
            "refuse": refuse,
        }
        return Then("equal rows", "keep_equal_rows", settings)

    def _checked(
        self, step: OpenMLDB, check: bool | Check, path: Operand, then: Then | None = None, *, online: bool
    ) -> OpenMLDB:
        place = {"database": self.database, "table": self.name, "path": path}
        return add_check(step, check, "check_online_load" if online else "check_offline_load", then, **place)

    def _check_ttl(self, index: Index) -> None:
        if index.ttl_type not in _TTLS:
            raise self._error(f"an index has ttl_type={index.ttl_type!r}, not one of {', '.join(_TTLS)}")
        form, example = _TTLS[index.ttl_type]
        if index.ttl is not None and not re.fullmatch(form, str(index.ttl)):
            raise self._error(
                f"an index has ttl={index.ttl!r}, which is no {index.ttl_type} TTL", hint=f"such as {example!r}"
            )

    def _load(
        self,
        path: Operand,
        format: str,
        mode: Mapping[str, Value],
        reading: Mapping[str, Any],
        *,
        into: str | None = None,
    ) -> LoadData:
        check_file(path, format)
        given = dict(reading)
        if format != "csv" and given["header"] is True:
            given["header"] = None  # as it is by default
        return LoadData(str(path), into or self.name, checked_options(f"table {self.name!r}", format, given, mode))

    def _error(self, message: str, hint: str | None = None) -> DeclarationError:
        return DeclarationError(f"table {self.name!r}: {message}", where=self.where, hint=hint)


@dataclass(frozen=True)
class DerivedIndex:
    """An index that a table is created with because deployments need it; ``needed_by`` names their tasks."""

    index: Index
    needed_by: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class CreateTable(OpenMLDB):
    """The task of `Table.create`.

    Args:
        derive_indexes: whether the table gets the indexes that the workflow's deployments need.
    """

    derive_indexes: bool = field(default=True, kw_only=True)

    starts_jobs: ClassVar[bool] = False

    def _check(self) -> None:
        self._flag("derive_indexes")
        super()._check()

    @property
    def table(self) -> Table:
        """The table that it makes."""
        return cast(Table, self.origin)

    @property
    def derived(self) -> tuple[DerivedIndex, ...]:
        """The indexes beside the declared ones, as the workflow stands now; those that keep every row come first.

        The first index of a table is the one through which a query without a key reads it.
        """
        if not self.derive_indexes or not hasattr(self, "workflow"):
            return ()
        table = self.table
        declared = {index.id for index in table.indexes}
        origins = [getattr(task, "origin", None) for task in self.workflow.tasks.values()]
        known = {t.id: tuple(t.columns) for t in origins if isinstance(t, Table)}
        wanted = [need for need in deployed_needs(self.workflow, known) if need.table == table.id]
        found = [
            DerivedIndex(index_of(need), tuple(dict.fromkeys(w.task for w in wanted if w.need.id == need.id)))
            for need in merged(w.need for w in wanted)
            if need.id not in declared and table.can_index(need)
        ]
        return tuple(
            sorted(found, key=lambda d: (d.index.ttl is not None, len(d.index.keys), d.index.keys, d.index.ts or ""))
        )

    def _added(self) -> list[Statement]:
        return [self.table.created([derived.index for derived in self.derived])]


def index_of(need: IndexNeed) -> Index:
    """A need as an index; a TTL longer than OpenMLDB takes keeps everything."""
    ttl = need.ttl.normalised()
    if ttl.minutes > _MOST_MINUTES or ttl.latest > _MOST_ROWS:
        ttl = Ttl()
    if ttl.unlimited:
        return Index(need.keys, need.ts)
    time, rows = duration(ttl.minutes), str(ttl.latest)
    text = {"absolute": time, "latest": rows}.get(ttl.type, f"({time}, {rows})")
    return Index(need.keys, need.ts, text, ttl.type)


_MOST_MINUTES, _MOST_ROWS = 60 * 24 * 365 * 30, 1000
"""OpenMLDB's flags ``absolute_ttl_max`` and ``latest_ttl_max``: CREATE TABLE refuses a longer TTL."""

_TIME, _ROWS = r"\d+[dhm]|0", r"\d+"
_TTLS = {
    "absolute": (_TIME, "30d"),
    "latest": (_ROWS, "100"),
    "absorlat": (rf"\(\s*(?:{_TIME})\s*,\s*{_ROWS}\s*\)", "(30d, 100)"),
    "absandlat": (rf"\(\s*(?:{_TIME})\s*,\s*{_ROWS}\s*\)", "(30d, 100)"),
}


_declared: list[Table] = []


def declared_tables() -> list[Table]:
    """Every table declared so far in this process, in order: SQL is checked against those that no task makes, too."""
    return list(_declared)


def is_name(word: object) -> bool:
    """Whether a word can stand in a statement as a name without quotes (a keyword is not told from a name here)."""
    return isinstance(word, str) and re.fullmatch(r"[A-Za-z_]\w*", word, re.ASCII) is not None


def check_file(path: Operand, format: str) -> None:
    """A path and a format as LOAD DATA and SELECT INTO take them.

    Raises:
        DeclarationError: a quote or a line end in the path, an unknown format.
    """
    if not str(path) or any(c in str(path) for c in "'\"\\\n\r;"):
        raise DeclarationError(f"the path {str(path)!r} cannot stand in a statement", where=caller())
    if format not in ("csv", "parquet"):
        raise DeclarationError(f"format={format!r} is neither csv nor parquet", where=caller())


JOB_TIMEOUT_MS = 1_800_000
"""How long a synchronous job may take: what DolphinScheduler's OPENMLDB task sets for its offline jobs."""
