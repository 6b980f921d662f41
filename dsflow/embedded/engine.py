"""The embedded OpenMLDB: statements in, results out, on one folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlglot import exp

from dsflow.embedded import deployments, intotable, links, loading, outfile, packedrows, parquetfiles, tables
from dsflow.embedded.compiler import CompiledQuery, compile_batch
from dsflow.embedded.compiler.parse import parse
from dsflow.embedded.contents import Contents
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.failures import LoadError
from dsflow.embedded.jobs import Job, JobRun, Jobs
from dsflow.embedded.loadedfiles import LoadedFiles
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.queryerrors import named_errors
from dsflow.embedded.repeatedrows import Reading, RepeatedRows
from dsflow.embedded.results import Result
from dsflow.embedded.shows import TEXT_COLUMN, Shows
from dsflow.embedded.storage import Change, Kind, Stage, Storage, relation
from dsflow.embedded.views import BatchCatalog
from dsflow.openmldb import nodes
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.catalog import Procedure, Table

Mode = Literal["online", "offline"]

DEFAULT_TIMEOUT_MS = 600_000


class Engine:
    """An OpenMLDB in one folder, for one process; all methods may be called from several threads.

    Args:
        folder: where its data is; made when missing. It survives the end of the process, a killed one included.

    Raises:
        StorageError: the folder cannot be used, or another process or engine uses it.
    """

    def __init__(self, folder: Path | str) -> None:
        self._storage = Storage(Path(folder))
        self.jobs = Jobs(self._storage)
        self._plans = deployments.Plans(self._storage)
        self._shows = Shows(self._storage, self.jobs, "127.0.0.1:0")
        self._contents = Contents(self._storage)
        self._repeated = RepeatedRows()
        self._files = LoadedFiles(self._storage)

    def close(self) -> None:
        """Stop running jobs, write everything to the folder and let go of it."""
        self.jobs.close()
        self._storage.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- statements

    def execute(
        self,
        sql: str,
        db: str | None = None,
        *,
        mode: Mode = "online",
        sync: bool = True,
        timeout_ms: int | None = DEFAULT_TIMEOUT_MS,
        parameters: Sequence[tuple[ColumnType, Any]] = (),
    ) -> Result:
        """Run one statement.

        Args:
            sql: the statement; a ``;`` at its end is allowed.
            db: the database of tables that are named without one.
            mode: which storage a query, an import or an export is about.
            sync: whether to wait for the end of a job that the statement starts.
            timeout_ms: how long to wait for it; None for ever.
            parameters: type and value of each ``?`` of a query.

        Returns:
            The rows. A statement that starts a job gives the job's row, a job that FAILED as well: look at
            ``result.job.state``.

        Raises:
            SqlError: the statement is wrong, or a job did not end in time (it goes on).
            UnsupportedError: OpenMLDB may run it, the embedded engine does not.
        """
        with named_errors():
            return self._run(sql, db, mode, sync, timeout_ms, parameters)

    def _run(
        self,
        sql: str,
        db: str | None,
        mode: Mode,
        sync: bool,
        timeout_ms: int | None,
        parameters: Sequence[tuple[ColumnType, Any]],
    ) -> Result:
        if deployments.run_procedure_statement(self._storage, sql, db):
            return Result()
        statement = self._parse(sql)
        if isinstance(statement, exp.Query):
            return self._query(statement, sql, db, mode, sync, timeout_ms, parameters)
        handler = _HANDLERS.get(type(statement))
        if handler is not None:
            result: Result = handler(self, statement, db)
            return result
        if isinstance(statement, nodes.LoadData):
            return self._load_data(statement, sql, db, mode, sync, timeout_ms)
        if isinstance(statement, nodes.SelectInto):
            return self._select_into(statement, sql, db, mode, sync, timeout_ms)
        if isinstance(statement, nodes.InsertRows):
            return self._insert(statement, sql, db, mode, sync, timeout_ms)
        if isinstance(statement, nodes.Deploy):
            return self._deploy(statement, db, mode)
        raise UnsupportedError(f"the statement {type(statement).__name__}", **nodes.position(statement))

    def _parse(self, sql: str) -> exp.Expr:
        statements = parse(sql)
        if not statements:
            raise SqlError("there is no statement in the text")
        if len(statements) > 1:
            raise SqlError(f"one statement at a time, not {len(statements)}")
        return statements[0]

    # ---- databases and tables

    def _create_database(self, statement: nodes.CreateDatabase, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            if statement.name in transaction.state.databases:
                if not statement.exists:
                    raise SqlError(f"database {statement.name} already exists")
            else:
                transaction.state = transaction.state.with_database(statement.name)
        return Result()

    def _drop_database(self, statement: nodes.DropDatabase, db: str | None) -> Result:
        name = statement.name
        with self._storage.writing() as transaction:
            if name not in transaction.state.databases and statement.exists:
                return Result()
            transaction.state.database(name)
            if transaction.state.tables_of(name):
                names = ", ".join(table.name for table in transaction.state.tables_of(name))
                raise SqlError(f"database {name} is not empty: it has the tables {names}")
            transaction.state = transaction.state.without_database(name)
        return Result()

    def _use(self, statement: nodes.UseDatabase, db: str | None) -> Result:
        self._storage.catalog.state.database(statement.name)
        return Result(message="Database changed")

    def _create_table(self, statement: nodes.CreateTable, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            state = transaction.state
            own_db = state.database(statement.table.db or db)
            if (own_db, statement.table.name) in state.tables:
                if statement.exists:
                    return Result()
                raise SqlError(f"table {own_db}.{statement.table.name} already exists")
            if statement.like is not None and statement.like[0] == "parquet":
                try:
                    found = parquetfiles.columns_of_path(transaction.connection, statement.like[1])
                except LoadError as error:
                    raise SqlError(error.message, hint=error.hint) from error
                columns = [nodes.ColumnSpec(this=exp.to_identifier(name), kind=str(kind)) for name, kind in found]
                statement = nodes.CreateTable(table=statement.table, columns=columns, options=statement.args["options"])
            table = tables.table_of(statement, own_db, state.next_tid)
            transaction.create(table)
            transaction.state = state.with_table(table)
        return Result()

    def _drop_table(self, statement: nodes.DropTable, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            state = transaction.state
            own_db = state.database(statement.table.db or db)
            name = statement.table.name
            if (own_db, name) not in state.tables and statement.exists:
                return Result()
            table = state.table(own_db, name)
            users = [f"{p.db}.{p.name}" for p in state.procedures.values() if (own_db, name) in p.tables]
            if users:
                raise SqlError(
                    f"cannot drop table {own_db}.{name}: {', '.join(users)} use it", hint="drop the deployments first"
                )
            transaction.drop(table)
            transaction.state = state.without_table(own_db, name)
        return Result()

    def _truncate(self, statement: nodes.TruncateTable, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            transaction.clear(transaction.state.table(statement.table.db or db, statement.table.name), "online")
        return Result()

    def _create_index(self, statement: nodes.CreateIndex, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            table = transaction.state.table(statement.table.db or db, statement.table.name)
            index = replace(tables.index_of(statement.spec, table, statement.name), name=statement.name)
            if any(index.id == other.id or index.name == other.name for other in table.indexes):
                if statement.exists:
                    return Result()
                raise SqlError(f"table {table.db}.{table.name} has such an index already")
            changed = replace(table, indexes=(*table.indexes, index))
            transaction.state = transaction.state.with_table(changed)
        return Result()

    def _drop_index(self, statement: nodes.DropIndex, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            table = transaction.state.table(statement.table.db or db, statement.table.name)
            kept = tuple(index for index in table.indexes if index.name != statement.name)
            if len(kept) == len(table.indexes):
                raise SqlError(f"table {table.db}.{table.name} has no index {statement.name}")
            if not kept:
                raise SqlError(f"cannot drop {statement.name}: it is the last index of table {table.db}.{table.name}")
            transaction.state = transaction.state.with_table(replace(table, indexes=kept))
        return Result()

    def _alter_table(self, statement: nodes.AlterTable, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            table = transaction.state.table(statement.table.db or db, statement.table.name)
            for add, path in statement.paths:
                table = links.altered(table, path, add=add)
            transaction.state = transaction.state.with_table(table)
        return Result()

    def _drop_function(self, statement: nodes.DropFunction, db: str | None) -> Result:
        if statement.exists:
            return Result()
        raise SqlError(f"function {statement.name} does not exist: the embedded OpenMLDB has no functions of users")

    def _other(self, statement: nodes.OtherStatement, db: str | None) -> Result:
        raise UnsupportedError(f"{statement.kind}: {_REFUSED[statement.kind]}", **nodes.position(statement))

    def _describe(self, statement: nodes.Describe, db: str | None) -> Result:
        return self._shows.describe(self._storage.catalog.state.table(statement.table.db or db, statement.table.name))

    def _show(self, statement: nodes.Show, db: str | None) -> Result:
        return self._shows.show(statement, db)

    def _delete(self, statement: nodes.DeleteRows, db: str | None) -> Result:
        with self._storage.writing() as transaction:
            table = transaction.state.table(statement.table.db or db, statement.table.name)
            condition, values = tables.delete_condition(statement.where, table)
            transaction.delete(table, condition, values)
        return Result()

    def _insert(
        self, statement: nodes.InsertRows, sql: str, db: str | None, mode: Mode, sync: bool, timeout_ms: int | None
    ) -> Result:
        table = self._storage.catalog.state.table(statement.table.db or db, statement.table.name)
        rows = tables.rows_of(statement, table)
        if mode == "online":
            with self._storage.writing() as transaction:
                current = transaction.state.table(table.db, table.name)
                transaction.insert(current, "online", rows, if_absent=statement.or_ignore)
            return Result()

        def work(run: JobRun) -> str:
            with self._storage.writing(run.connection) as transaction:
                current = transaction.state.table(table.db, table.name)
                if current.links:
                    raise SqlError(
                        f"cannot insert into the offline data of {table.db}.{table.name}: some of it stays in its files"
                    )
                transaction.insert(current, "offline", rows)
                transaction.state = transaction.state.with_table(replace(current, has_offline=True, copied=True))
                log = f"inserted {len(rows)} rows into {table.db}.{table.name} (offline)"
                run.finish_in(transaction, log)
            return log

        return self._job(self.jobs.submit("InsertOfflineData", sql, work), sync, timeout_ms)

    def insert(self, db: str, name: str, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows of stored values to a table's online storage.

        Raises:
            SqlError: there is no such table.
        """
        with named_errors(), self._storage.writing() as transaction:
            transaction.insert(transaction.state.table(db, name), "online", rows)

    # ---- queries

    def _query(
        self,
        query: exp.Query,
        sql: str,
        db: str | None,
        mode: Mode,
        sync: bool,
        timeout_ms: int | None,
        parameters: Sequence[tuple[ColumnType, Any]],
    ) -> Result:
        mode = _mode_of(query, mode)
        kind: Kind = "online" if mode == "online" else "offline"
        if mode == "online" or sync:
            connection = self._storage.connection()
            with self._reading(query, db, kind, parameters, connection) as compiled:
                return Result(compiled.columns, tuple(_fetch(connection, compiled.sql)))
        self._compile(query, db, kind, parameters)

        def work(run: JobRun) -> str:
            with self._reading(query, db, kind, parameters, run.connection) as compiled:
                return f"{len(_fetch(run.connection, compiled.sql))} rows"

        return self._job(self.jobs.submit("SparkBatchSql", sql, work), False, timeout_ms)

    def _compile(
        self,
        query: exp.Expr,
        db: str | None,
        kind: Kind,
        parameters: Sequence[tuple[ColumnType, Any]] = (),
        connection: duckdb.DuckDBPyConnection | None = None,
        rows: links.LinkedRows | None = None,
        *,
        packed: bool = False,
    ) -> CompiledQuery:
        """Compile a query.

        Args:
            connection: the one that will run it within the transaction that it is in: the plan may build on what the
                rows are now. None to see whether the query is right, before a job runs it.
            rows: reads the offline rows that stay in their files.
            packed: see `compile_batch`.
        """
        offline = (rows or links.LinkedRows(None)).relation
        catalog = BatchCatalog(self._storage.catalog.state, kind, db, connection, offline)
        with named_errors():
            return compile_batch(query, catalog, db, parameters, online=kind == "online", packed=packed)

    @contextlib.contextmanager
    def _reading(
        self,
        query: exp.Expr,
        db: str | None,
        kind: Kind,
        parameters: Sequence[tuple[ColumnType, Any]],
        connection: duckdb.DuckDBPyConnection,
        *,
        packed: bool = False,
    ) -> Iterator[CompiledQuery]:
        """A query, compiled in the transaction in which it is to run."""
        known = self._repeated.known_for(query)
        with self._storage.reading(connection), links.LinkedRows(connection, known) as rows:
            yield self._compile(query, db, kind, parameters, connection, rows, packed=packed)

    def _explain(self, statement: nodes.Explain, db: str | None) -> Result:
        connection = self._storage.connection()
        with self._storage.reading(connection):
            compiled = self._compile(statement.query, db, "online", connection=connection)
        return Result.of_texts([TEXT_COLUMN], [[compiled.sql]])

    # ---- jobs

    def _load_data(
        self, statement: nodes.LoadData, sql: str, db: str | None, mode: Mode, sync: bool, timeout_ms: int | None
    ) -> Result:
        table = self._storage.catalog.state.table(statement.table.db or db, statement.table.name)
        kind: Kind = "online" if mode == "online" else "offline"

        def work(run: JobRun) -> str:
            options = LoadOptions.of(statement.options)
            loading.check_mode(table, kind, options)
            if not options.deep_copy:
                return self._link(run, table, statement.path, options)
            run.doing(loading.size_of(statement.path), "bytes")
            reading = Reading.of(table, statement.path, options)
            if kind == "online":
                log = self._load_known(run, table, options, reading)
                if log is not None:
                    return log
            place = Stage.of_job(run.job.id)
            try:
                staged = loading.stage(
                    run.connection, table, statement.path, options, place, lambda count: run.done(count, "rows read")
                )
                run.doing(staged.count, "rows stored")
                loading.check_staged(run.connection, table, kind, staged)
                with self._storage.writing(run.connection) as transaction:
                    current = transaction.state.table(table.db, table.name)
                    if kind == "offline" and options.mode != "overwrite" and current.has_offline:
                        links.check_same(current, "parquet", {})
                    change: Change = "removed" if kind == "online" else "offline"
                    alone = kind == "online" or options.mode == "overwrite" or not current.copied
                    version = self._files.version(table, change) + (kind == "offline")
                    done = loading.store(transaction, table, kind, staged, options)
                    log = _log_of_load(table, kind, staged, done)
                    run.finish_in(transaction, log)
                self._repeated.keep(reading, table, statement.path, options, done.repeated)
                if alone:
                    self._files.keep(table, change, version, reading, options, staged)
            finally:
                place.drop(run.connection)
            return log

        name = "ImportOnlineData" if kind == "online" else "ImportOfflineData"
        return self._job(self.jobs.submit(name, sql, work), sync, timeout_ms)

    def _load_known(self, run: JobRun, table: Table, options: LoadOptions, reading: Reading) -> str | None:
        """Load a file online whose rows are online already, or are the offline ones; None where it has to be read."""
        with self._storage.writing(run.connection) as transaction:
            known = self._files.rows_of(table, "removed", reading) if options.put_if_absent else None
            if known is not None:
                done = loading.Stored(known.count, transaction.count_online(table))
                log = _log_of_load(table, "online", known, done)
                run.finish_in(transaction, log)
                return log
            known = self._files.rows_of(table, "offline", reading)
            if known is None:
                return None
            run.doing(known.count, "rows stored")
            rows = replace(known, place=Stage(relation(table, "offline"), temporary=False))
            done = loading.store(transaction, table, "online", rows, options)
            log = _log_of_load(table, "online", rows, done)
            run.finish_in(transaction, log)
            version = self._files.version(table, "removed")
        self._repeated.keep(reading, table, reading.path, options, done.repeated)
        self._files.keep(table, "removed", version, reading, options, known)
        return log

    def _link(self, run: JobRun, table: Table, path: str, options: LoadOptions) -> str:
        """Leave the offline rows of a load in their files."""
        loading.check_files(run.connection, table, path, options)
        log = f"linked {path} to {table.db}.{table.name} (offline); queries read it where it is"
        with self._storage.writing(run.connection) as transaction:
            current = transaction.state.table(table.db, table.name)
            if current.tid != table.tid:
                raise SqlError(f"table {table.db}.{table.name} was dropped meanwhile")
            if options.mode == "overwrite":
                transaction.clear(current, "offline")
            transaction.state = transaction.state.with_table(links.linked(current, path, options))
            run.finish_in(transaction, log)
        return log

    def _select_into(
        self, statement: nodes.SelectInto, sql: str, db: str | None, mode: Mode, sync: bool, timeout_ms: int | None
    ) -> Result:
        mode = _mode_of(statement.query, mode)
        kind: Kind = "online" if mode == "online" else "offline"
        if mode == "online":
            options = outfile.OutfileOptions.of(statement.options)
            connection = self._storage.connection()
            with self._reading(statement.query, db, kind, (), connection) as compiled:
                outfile.write_file(connection, compiled.sql, compiled.columns, statement.path, options)
            return Result()
        self._compile(statement.query, db, kind)

        def work(run: JobRun) -> str:
            if statement.path.lower().startswith(intotable.SCHEME):
                return self._select_into_table(run, statement, db)
            options = outfile.OutfileOptions.of(statement.options)
            with self._reading(statement.query, db, kind, (), run.connection, packed=True) as compiled:
                run.doing(self._rows_behind(statement.query, db), "rows")
                with packedrows.source(run, compiled) as (connection, query):
                    count = outfile.write_folder(connection, query, compiled.columns, statement.path, options)
            return f"wrote {count} rows to {statement.path}"

        return self._job(self.jobs.submit("ExportOfflineData", sql, work), sync, timeout_ms)

    def _rows_behind(self, query: exp.Expr, db: str | None) -> int:
        """How many offline rows the first table of a query has: about so many does it give."""
        first = query.find(exp.Table)
        state = self._storage.catalog.state
        table = state.tables.get((first.db or db or "", first.name)) if first is not None else None
        return self._storage.count(table, "offline") if table is not None else 0

    def _select_into_table(self, run: JobRun, statement: nodes.SelectInto, db: str | None) -> str:
        own_db, name, create = intotable.target_of(statement.path, statement.options)
        with self._reading(statement.query, db, "offline", (), run.connection) as compiled:
            count = intotable.stage(run.connection, compiled)
        with self._storage.writing(run.connection) as transaction:
            if create and (own_db, name) not in transaction.state.tables:
                created = intotable.create_statement(compiled, transaction.state.database(own_db), name)
                table = tables.table_of(created, own_db, transaction.state.next_tid)
                transaction.create(table)
                transaction.state = transaction.state.with_table(table)
            table = transaction.state.table(own_db, name)
            intotable.check_columns(compiled, table)
            intotable.store(transaction, table, count)
            log = f"wrote {count} rows to {own_db}.{name} (online)"
            run.finish_in(transaction, log)
        return log

    def _stop_job(self, statement: nodes.StopJob, db: str | None) -> Result:
        number = statement.target_value
        job = self.jobs.get(number) if isinstance(number, int) else None
        if job is None:
            raise SqlError(f"job not found: {number}")
        self.jobs.stop(job.id)
        return Result.of_job(self.jobs.wait(job.id, 10_000) or job)

    def _job(self, job: Job, sync: bool, timeout_ms: int | None) -> Result:
        if not sync:
            return Result.of_job(job)
        ended = self.jobs.wait(job.id, timeout_ms)
        if ended is None:
            raise SqlError(
                f"job {job.id} did not end within {timeout_ms} ms; it goes on running",
                hint=f"SHOW JOB {job.id} tells its state, SET @@job_timeout=... waits longer",
            )
        return Result.of_job(ended)

    # ---- deployments

    def _deploy(self, statement: nodes.Deploy, db: str | None, mode: Mode) -> Result:
        if mode == "offline":
            raise SqlError("cannot deploy in offline mode", hint="SET @@SESSION.execute_mode='online' first")
        deployments.deploy(self._storage, statement, self._storage.catalog.state.database(db))
        self._plans.get(str(db), statement.name)
        return Result()

    def _drop_deployment(self, statement: nodes.DropDeployment, db: str | None) -> Result:
        own_db = self._storage.catalog.state.database(statement.db or db)
        deployments.drop(self._storage, own_db, statement.name, "deployment", if_exists=statement.exists)
        return Result()

    def procedure(self, db: str, name: str) -> Procedure:
        """The deployment or procedure of that name.

        Raises:
            SqlError: ``{name} does not exist in {db}``.
        """
        found = self._storage.catalog.state.procedure(db, name)
        if found is None:
            raise SqlError(f"{name} does not exist in {db}")
        return found

    def request_table(self, db: str, name: str) -> tuple[str, str]:
        """Database and name of the table whose rows a deployment or procedure is asked with: the first of its query.

        Raises:
            SqlError: it does not exist, or no longer compiles.
        """
        return deployments.request_table(self._storage.catalog.state, self.procedure(db, name))

    def request_of(self, sql: str, db: str | None) -> Procedure:
        """What a SELECT would be as a deployment, for :meth:`request_once`; nothing is stored, no index is made.

        Raises:
            SqlError: it does not compile in request mode.
        """
        return self._plans.of_query(sql, self._storage.catalog.state.database(db)).procedure

    def request_once(self, sql: str, db: str | None, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run a SELECT in request mode: one row for each request row.

        Raises:
            SqlError: it does not compile in request mode, or fails on these values.
        """
        return self._plans.run(self._plans.of_query(sql, self._storage.catalog.state.database(db)), rows)

    def request(self, db: str, name: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Ask a deployment or procedure.

        Args:
            db, name: which.
            rows: request rows, each the stored values of its ``inputs``.

        Returns:
            One row of its ``outputs`` for each.

        Raises:
            SqlError: it does not exist, or fails on these values.
        """
        return self._plans.run(self._plans.get(db, name), rows)

    def warm_up(self) -> None:
        """Get this thread ready to answer for all deployments, so that its first request is as fast as the others."""
        self._plans.warm_up()

    # ---- the catalog, for the server

    def databases(self) -> list[str]:
        """Names of the databases, sorted."""
        return sorted(self._storage.catalog.state.databases)

    def tables(self, db: str) -> list[Table]:
        """The tables of a database, in the order of their creation."""
        return self._storage.catalog.state.tables_of(db)

    def table(self, db: str, name: str) -> Table:
        """The table of that name, or a SqlError."""
        return self._storage.catalog.state.table(db, name)

    def contents(self, kind: str, db: str, name: str) -> str:
        """A digest of what a thing holds; '' when it is not there.

        Args:
            kind: ``database``; ``deployment``; ``table`` (its columns), ``indexes`` (with its indexes), ``online`` or
                ``offline`` (with those rows).

        Raises:
            SqlError: there is no such kind.
        """
        return self._contents.digest(kind, db, name)

    def set_endpoint(self, endpoint: str) -> None:
        """Say where the server listens, for SHOW COMPONENTS."""
        self._shows.endpoint = endpoint

    # ---- variables

    def _set(self, statement: nodes.SetVariable, db: str | None) -> Result:
        name, value = statement.name.lower(), str(statement.value).lower()
        check_variable(name, value)
        if statement.scope == "global":
            with self._storage.writing() as transaction:
                transaction.state = transaction.state.with_variable(name, value)
        return Result()


def check_variable(name: str, value: str) -> None:
    """Whether a session variable can have a value; unknown variables are ignored, as OpenMLDB does.

    Raises:
        SqlError: it cannot.
    """
    if name == "execute_mode" and value not in ("online", "offline", "request"):
        raise SqlError(
            "invalid value for system variable 'execute_mode', expect one of [online, request, offline],"
            f" but got {value}"
        )
    if name in ("sync_job", "enable_trace", "ansi_sql_rewriter") and value not in ("true", "false"):
        raise SqlError(f"the value of {name} must be true|false")
    if name == "job_timeout" and not re.fullmatch("-?[0-9]+", value):
        raise SqlError("fail to parse value, can't set the request timeout")


def _log_of_load(table: Table, kind: Kind, rows: loading.Staged, done: loading.Stored) -> str:
    log = f"loaded {rows.count} rows from {', '.join(rows.files)} into {table.db}.{table.name} ({kind})"
    if done.left_out is not None:
        log += f"\nput_if_absent left out {done.left_out} of them; the table has {done.stored} rows now"
    return log


def _mode_of(query: exp.Expr, mode: Mode) -> Mode:
    """The mode that a query's CONFIG (execute_mode=...) asks for, else the session's; takes CONFIG off the query."""
    settings = query.args.get("settings")
    if not settings:
        return mode
    given = str(nodes.option_values(settings).get("execute_mode", mode)).lower()
    query.set("settings", None)
    if given not in ("online", "offline"):
        raise UnsupportedError(f"CONFIG (execute_mode = '{given}')")
    return "online" if given == "online" else "offline"


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    with named_errors():
        return connection.execute(sql).fetchall()


_NO_LIBRARY = "a function's library is native code for OpenMLDB's own process"
_NO_USERS = "it has no users and no rights, and whoever reaches it may do everything"
_REFUSED = {
    "CREATE FUNCTION": _NO_LIBRARY,
    "CREATE AGGREGATE FUNCTION": _NO_LIBRARY,
    "CREATE OR REPLACE TABLE": "OpenMLDB reads OR REPLACE and passes over it",
    "CREATE USER": _NO_USERS,
    "ALTER USER": _NO_USERS,
    "DROP USER": _NO_USERS,
    "GRANT": _NO_USERS,
    "REVOKE": _NO_USERS,
    "CALL": "send the row to the procedure over HTTP (POST /dbs/{db}/procedures/{name}), or with callproc",
    "EXIT": "it ends OpenMLDB's command line, not a connection",
}
"""Why statements are refused, by `nodes.OtherStatement.kind`."""

_HANDLERS: dict[type[exp.Expr], Any] = {
    nodes.CreateDatabase: Engine._create_database,
    nodes.DropDatabase: Engine._drop_database,
    nodes.UseDatabase: Engine._use,
    nodes.CreateTable: Engine._create_table,
    nodes.DropTable: Engine._drop_table,
    nodes.TruncateTable: Engine._truncate,
    nodes.AlterTable: Engine._alter_table,
    nodes.CreateIndex: Engine._create_index,
    nodes.DropIndex: Engine._drop_index,
    nodes.DropFunction: Engine._drop_function,
    nodes.OtherStatement: Engine._other,
    nodes.Describe: Engine._describe,
    nodes.Show: Engine._show,
    nodes.DeleteRows: Engine._delete,
    nodes.SetVariable: Engine._set,
    nodes.StopJob: Engine._stop_job,
    nodes.DropDeployment: Engine._drop_deployment,
    nodes.Explain: Engine._explain,
}
