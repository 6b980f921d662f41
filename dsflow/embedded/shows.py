"""SHOW and DESC: what OpenMLDB's clients show, with its column names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.results import Result
from dsflow.embedded.storage import Storage

if TYPE_CHECKING:
    from dsflow.embedded.catalog import Procedure, Table
    from dsflow.embedded.compiler import Column
    from dsflow.embedded.jobs import Jobs
    from dsflow.openmldb.nodes import Show

TEXT_COLUMN = "FORMAT_STRING_KEY"
"""Name of the one column of results that are text made for reading."""

SESSION_DEFAULTS = {"execute_mode": "online", "enable_trace": "false", "sync_job": "false", "job_timeout": "20000"}


class Shows:
    """Answers SHOW and DESC.

    Args:
        storage, jobs: of the engine.
        endpoint: ``host:port`` of the server, for SHOW COMPONENTS.
    """

    def __init__(self, storage: Storage, jobs: Jobs, endpoint: str) -> None:
        self._storage = storage
        self._jobs = jobs
        self.endpoint = endpoint
        self._kinds: dict[str, Callable[[Show, str | None], Result]] = {
            "DATABASES": self._databases,
            "TABLES": self._tables,
            "TABLE STATUS": self._table_status,
            "CREATE TABLE": self._create_table,
            "DEPLOYMENTS": self._deployments,
            "DEPLOYMENT": self._deployment,
            "PROCEDURE STATUS": self._procedures,
            "PROCEDURES": self._procedures,
            "CREATE PROCEDURE": self._procedure,
            "CURRENT_USER": self._user,
            "JOBS": self._all_jobs,
            "JOB": self._job,
            "JOBLOG": self._job_log,
            "COMPONENTS": self._components,
            "FUNCTIONS": self._functions,
            "VARIABLES": self._variables,
            "SESSION VARIABLES": self._variables,
            "GLOBAL VARIABLES": self._variables,
        }

    def show(self, statement: Show, db: str | None) -> Result:
        """The result of a SHOW statement.

        Raises:
            SqlError: what it asks for is not there.
        """
        kind = self._kinds.get(statement.kind)
        if kind is None:
            raise SqlError(f"SHOW {statement.kind} is no statement of OpenMLDB", hint=f"it has {_listed(self._kinds)}")
        if statement.like is not None and statement.kind not in ("TABLE STATUS", "JOBS"):
            raise SqlError(f"SHOW {statement.kind} takes no LIKE in OpenMLDB")
        if statement.db and statement.kind == "TABLES" and statement.db != db:
            raise UnsupportedError(
                f"SHOW TABLES FROM {statement.db}: OpenMLDB reads FROM, passes over it and shows the tables of {db}",
                hint=f"write USE {statement.db}, then SHOW TABLES",
            )
        return kind(statement, db)

    def describe(self, table: Table) -> Result:
        """DESC of a table: its columns, its indexes, its offline data, its options, each a text."""
        columns = [
            (n, c.name, c.type.value.capitalize(), "YES" if c.nullable else "NO", table.defaults.get(c.name, ""))
            for n, c in enumerate(table.columns, 1)
        ]
        indexes = [
            (n, index.name, "|".join(index.keys), index.ts or "-", str(index.ttl), f"k{_TTL_NAMES[index.ttl.type]}")
            for n, index in enumerate(table.indexes, 1)
        ]
        blocks = [
            text_table(("#", "Field", "Type", "Null", "Default"), columns),
            text_table(("#", "name", "keys", "ts", "ttl", "ttl_type"), indexes),
        ]
        if table.has_offline:
            options = ", ".join(f"{name}={value}" for name, value in sorted(table.offline_options.items()))
            data = (
                str(self._storage.file) if table.copied else "",
                ", ".join(table.links),
                table.offline_format,
                options,
            )
            blocks.append(text_table(("Data path", "Symbolic paths", "Format", "Options"), [data]))
        blocks.append(text_table(("storage_mode", "compress_type"), [("Memory", "NoCompress")]))
        return Result.of_texts([TEXT_COLUMN], [[block] for block in blocks])

    # ---- one for each kind

    def _databases(self, statement: Show, db: str | None) -> Result:
        return Result.of_texts(["Databases"], [[name] for name in sorted(self._storage.catalog.state.databases)])

    def _tables(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        return Result.of_texts(["Tables"], [[table.name] for table in state.tables_of(state.database(db))])

    def _table_status(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        names = (
            "Table_id", "Table_name", "Database_name", "Storage_type", "Rows", "Memory_data_size", "Disk_data_size",
            "Partition", "Partition_unalive", "Replica", "Offline_path", "Offline_format", "Offline_symbolic_paths",
            "Warnings",
        )  # fmt: skip
        rows: list[list[object]] = []
        for table in sorted(state.tables.values(), key=lambda table: -table.tid):
            if statement.like is not None:
                if not like(statement.like, table.db):
                    continue
            elif db and table.db != db:
                continue
            count = self._storage.count(table, "online")
            offline = ["NULL", "NULL", "NULL"]
            if table.has_offline:
                path = str(self._storage.file) if table.copied else ""
                offline = [path, "duckdb" if table.copied else table.offline_format, ", ".join(table.links)]
            rows.append([table.tid, table.name, table.db, "memory", count, 0, 0, 1, 0, 1, *offline, ""])
        return Result.of_texts(names, rows)

    def _create_table(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        own_db, name = _qualified(statement.target)
        table = state.table(own_db or db, name)
        return Result.of_texts(["Table", "Create Table"], [[table.name, create_table_text(table)]])

    def _deployments(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        found = [p for p in state.procedures_of(state.database(db)) if p.kind == "deployment"]
        return Result.of_texts(["DB", "Deployment"], [[p.db, p.name] for p in found])

    def _deployment(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        own_db, name = _qualified(statement.target)
        found = state.procedure(state.database(own_db or db), name)
        if found is None or found.kind != "deployment":
            raise SqlError(f"deployment {name} does not exist in {own_db or db}")
        return Result.of_texts([TEXT_COLUMN], [[procedure_text(found)]])

    def _procedures(self, statement: Show, db: str | None) -> Result:
        found = self._storage.catalog.state.procedures.values()
        return Result.of_texts(["DB", "SP"], sorted([p.db, p.name] for p in found))

    def _procedure(self, statement: Show, db: str | None) -> Result:
        state = self._storage.catalog.state
        own_db, name = _qualified(statement.target)
        found = state.procedure(state.database(own_db or db), name)
        if found is None:
            raise SqlError(f"procedure {name} does not exist in {own_db or db}")
        return Result()  # OpenMLDB 0.9 looks it up, and shows nothing

    def _user(self, statement: Show, db: str | None) -> Result:
        return Result.of_texts(["User"], [["root"]])

    def _all_jobs(self, statement: Show, db: str | None) -> Result:
        # jobs are those of the TaskManager; the nameserver has none here, as indexes are built at once
        component = (statement.db or "taskmanager").lower()
        if component not in ("taskmanager", "nameserver"):
            raise SqlError(f"invalid component {component.upper()}", hint="write TASKMANAGER or NAMESERVER")
        jobs = self._jobs.list() if component == "taskmanager" else []
        if statement.like is not None:
            jobs = [job for job in jobs if like(statement.like, str(job.id))]
        return Result.of_jobs(jobs)

    def _job(self, statement: Show, db: str | None) -> Result:
        job = self._jobs.get(_number(statement))
        if job is None:
            raise SqlError(f"job not found: {_number(statement)}")
        return Result.of_job(job)

    def _job_log(self, statement: Show, db: str | None) -> Result:
        job = self._jobs.get(_number(statement))
        if job is None:
            raise SqlError(f"failed to get job log for job id: {_number(statement)}: there is no such job")
        return Result.of_texts([TEXT_COLUMN], [[job.log]])

    def _components(self, statement: Show, db: str | None) -> Result:
        rows = [[self.endpoint, role, "0", "online", ns] for role, ns in _ROLES]
        return Result.of_texts(["Endpoint", "Role", "Connect_time", "Status", "Ns_role"], rows)

    def _functions(self, statement: Show, db: str | None) -> Result:
        names = ["Name", "Return_type", "Arg_type", "Is_aggregate", "File", "Return_nullable", "Arg_nullable"]
        return Result.of_texts(names, [])

    def _variables(self, statement: Show, db: str | None) -> Result:
        values: Mapping[str, str] = {**SESSION_DEFAULTS, **self._storage.catalog.state.variables}
        return Result.of_texts(["Variable_name", "Value"], sorted(values.items()))


_ROLES = (("tablet", "NULL"), ("nameserver", "master"), ("taskmanager", "NULL"))
_TTL_NAMES = {"absolute": "AbsoluteTime", "latest": "LatestTime", "absorlat": "AbsOrLat", "absandlat": "AbsAndLat"}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _number(statement: Show) -> int:
    value = statement.target_value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdigit():
        return int(value)
    raise SqlError(f"failed to parse job id: {value}")


def _qualified(target: exp.Expr | None) -> tuple[str, str]:
    if isinstance(target, exp.Column):
        return target.table, target.name
    if isinstance(target, exp.Table):
        return target.db, target.name
    return "", target.name if target is not None else ""


def like(pattern: str, text: str) -> bool:
    """Whether a text matches a LIKE pattern (``%`` and ``_``)."""
    parts = [".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def create_table_text(table: Table) -> str:
    """A CREATE TABLE statement that makes this table."""
    lines = []
    for column in table.columns:
        words = [f"`{column.name}`", column.type.value]
        if column.name in table.defaults:
            words.append(f"DEFAULT {_literal(table.defaults[column.name])}")
        if not column.nullable:
            words.append("NOT NULL")
        lines.append(" ".join(words))
    for index in table.indexes:
        keys = ",".join(f"`{key}`" for key in index.keys)
        parts = [f"KEY=({keys})" if len(index.keys) > 1 else f"KEY={keys}"]
        if index.ts:
            parts.append(f"TS=`{index.ts}`")
        ttl = index.ttl
        if not ttl.unlimited:
            text = {"absolute": f"{ttl.minutes}m", "latest": str(ttl.latest)}.get(ttl.type)
            parts += [f"TTL_TYPE={ttl.type.upper()}", f"TTL={text or f'({ttl.minutes}m, {ttl.latest})'}"]
        lines.append(f"INDEX ({', '.join(parts)})")
    return f"CREATE TABLE `{table.name}` (\n" + ",\n".join(lines) + "\n);"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def procedure_text(procedure: Procedure) -> str:
    """What SHOW DEPLOYMENT shows: name, statement, input and output columns."""

    def schema(title: str, columns: Sequence[Column], constants: Sequence[str]) -> str:
        rows = [(n, c.name, c.type.value.capitalize(), "YES" if c.name in constants else "NO")
                for n, c in enumerate(columns, 1)]  # fmt: skip
        return f"# {title} Schema\n" + text_table(("#", "Field", "Type", "IsConstant"), rows)

    return "\n".join(
        [
            text_table(("DB", procedure.kind.capitalize()), [(procedure.db, procedure.name)]),
            text_table(("SQL",), [(procedure.text,)]),
            schema("Input", procedure.inputs, procedure.constants),
            schema("Output", procedure.outputs, procedure.constant_outputs),
        ]
    )


def text_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table drawn with dashes."""
    texts = [tuple(map(str, row)) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(names, *texts, strict=True)]
    rule = " ".join("-" * (width + 2) for width in widths)
    lines = [rule, *("  ".join(f" {cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
                     for row in [tuple(names), *texts]), rule]  # fmt: skip
    lines.insert(2, rule)
    return "\n".join(lines) + "\n"
