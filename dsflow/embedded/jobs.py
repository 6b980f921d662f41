"""Jobs: imports, exports and offline queries that run on their own and leave a row with their state.

The columns and the words of the states are those that OpenMLDB's ``SHOW JOBS`` gives.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dsflow.embedded.compiler import Column
from dsflow.embedded.queryerrors import named
from dsflow.errors import DsflowError
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.embedded.storage import Storage, Transaction

FAIL_JOB_VARIABLE = "DSFLOW_EMBEDDED_FAIL_JOB"
"""Environment variable: a regular expression; a job whose statement it matches fails. For tests."""

JOB_COLUMNS = (
    Column("job_id", ColumnType.INT),
    Column("job_type", ColumnType.STRING),
    Column("state", ColumnType.STRING),
    Column("start_time", ColumnType.TIMESTAMP),
    Column("end_time", ColumnType.TIMESTAMP),
    Column("parameter", ColumnType.STRING),
    Column("cluster", ColumnType.STRING),
    Column("application_id", ColumnType.STRING),
    Column("error", ColumnType.STRING),
    Column("db", ColumnType.STRING),
    Column("name", ColumnType.STRING),
    Column("pid", ColumnType.INT),
    Column("cur_task", ColumnType.STRING),
    Column("component", ColumnType.STRING),
)

FINAL_STATES = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass(frozen=True)
class Job:
    """A job as SHOW JOB tells it.

    Attributes:
        id: its number, from 1.
        type: ``ImportOfflineData``, ``ImportOnlineData``, ``ExportOfflineData``, ``InsertOfflineData`` or
            ``SparkBatchSql``.
        state: SUBMITTED, RUNNING, FINISHED, FAILED or KILLED.
        start_time, end_time: milliseconds since 1970-01-01 UTC.
        parameter: the statement.
        error: why it failed, "" otherwise.
        log: what SHOW JOBLOG tells.
    """

    id: int
    type: str
    state: str
    start_time: int
    end_time: int | None
    parameter: str
    error: str = ""
    log: str = ""

    def row(self) -> tuple[object, ...]:
        """The values of `JOB_COLUMNS`."""
        head = (self.id, self.type, self.state, self.start_time, self.end_time, self.parameter)
        return (*head, "local", "", self.error, None, None, None, None, "TaskManager")


class JobFailure(DsflowError):
    """A job was told to fail."""


class Jobs:
    """Runs jobs on threads of their own and remembers all of them in the database.

    Args:
        storage: where the jobs are remembered. Jobs that were running when the engine's process ended are FAILED.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="openmldb-job")
        self._futures: dict[int, Future[None]] = {}
        self._runs: dict[int, JobRun] = {}
        self._killed: set[int] = set()
        self._faults: list[Fault] = []
        connection = storage.connection()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS dsflow.jobs (id INTEGER, type VARCHAR, state VARCHAR, start_time BIGINT,"
            " end_time BIGINT, parameter VARCHAR, error VARCHAR, log VARCHAR)"
        )
        connection.execute(
            "UPDATE dsflow.jobs SET state = 'FAILED', end_time = ?, error = ? WHERE state NOT IN (?, ?, ?)",
            [now_ms(), "the embedded OpenMLDB stopped while this job ran", *sorted(FINAL_STATES)],
        )
        rows = connection.execute("SELECT * FROM dsflow.jobs").fetchall()
        self._jobs = {row[0]: Job(*row) for row in rows}

    def list(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._lock:
            return [self._jobs[number] for number in sorted(self._jobs)]

    def get(self, number: int) -> Job | None:
        """The job of that number, None when there is none."""
        with self._lock:
            return self._jobs.get(number)

    def submit(self, kind: str, statement: str, work: Callable[[JobRun], str]) -> Job:
        """Start a job.

        Args:
            kind: its type.
            statement: the SQL text that asked for it.
            work: what it does; it returns a line for the job's log.
        """
        with self._lock:
            number = max(self._jobs, default=0) + 1
            job = Job(number, kind, "SUBMITTED", now_ms(), None, statement)
            self._jobs[number] = job
        self._save(job, new=True)
        self._futures[number] = self._executor.submit(self._run, job, work)
        return job

    def wait(self, number: int, timeout_ms: int | None) -> Job | None:
        """The job once it has ended, or None when it has not after the time."""
        future = self._futures.get(number)
        if future is not None:
            try:
                future.result(None if timeout_ms is None else timeout_ms / 1000)
            except FutureTimeoutError:  # the built-in one only from Python 3.11 on
                return None
        return self.get(number)

    def stop(self, number: int) -> None:
        """Interrupt a running job; it becomes KILLED and leaves no trace in its table."""
        with self._lock:
            job = self._jobs.get(number)
            if job is None or job.state in FINAL_STATES:
                return
            self._killed.add(number)
            run = self._runs.get(number)
        if run is not None:
            run.interrupt()

    def progress(self) -> Sequence[Progress]:
        """How far the running jobs are, as far as anybody knows."""
        with self._lock:
            return [found for run in self._runs.values() if (found := run.progress()) is not None]

    def add_fault(self, pattern: str, message: str | None = None, times: int | None = None) -> None:
        """Make the next jobs whose statement a regular expression matches fail; see `Fault`."""
        with self._lock:
            self._faults.append(Fault(re.compile(pattern, re.IGNORECASE | re.DOTALL), message, times))

    def clear_faults(self) -> None:
        """Let all jobs run again."""
        with self._lock:
            self._faults.clear()

    def close(self) -> None:
        """Interrupt what runs and wait for its end."""
        for job in self.list():
            self.stop(job.id)
        self._executor.shutdown(wait=True, cancel_futures=True)

    # ---- inside

    def _run(self, job: Job, work: Callable[[JobRun], str]) -> None:
        job = replace(job, state="RUNNING")
        connection = self._storage.new_connection()
        run = JobRun(job, connection, self._storage)
        with self._lock:
            self._jobs[job.id] = job  # the database need not know: whether submitted or running, a restart ends it
            self._runs[job.id] = run
        try:
            self._check_killed(job)
            self._check_faults(job)
            log = work(run)
            if run.finished is not None:
                job = run.finished
            else:
                self._check_killed(job)
                job = replace(job, state="FINISHED", end_time=now_ms(), log=log)
        except Exception as raised:
            killed = job.id in self._killed
            error = raised if killed else _named(raised)
            log = str(error) if isinstance(error, DsflowError) else traceback.format_exc()
            text = "stopped by STOP JOB" if killed else str(error) or type(error).__name__
            job = replace(job, state="KILLED" if killed else "FAILED", end_time=now_ms(), error=text, log=log)
        finally:
            with self._lock:
                del self._runs[job.id]
                alone = not self._runs
            if alone:
                self._storage.give_back(connection)
            self._storage.release(connection)
        self._save(job)

    def _check_killed(self, job: Job) -> None:
        if job.id in self._killed:
            raise JobFailure("stopped by STOP JOB")

    def _check_faults(self, job: Job) -> None:
        pattern = os.environ.get(FAIL_JOB_VARIABLE)
        if pattern and re.search(pattern, job.parameter, re.IGNORECASE | re.DOTALL):
            raise JobFailure(f"this job was told to fail by {FAIL_JOB_VARIABLE}={pattern}")
        with self._lock:
            for fault in self._faults:
                if fault.pattern.search(job.parameter) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    raise JobFailure(
                        fault.message or f"this job was told to fail by the fault {fault.pattern.pattern!r}"
                    )

    def _save(self, job: Job, *, new: bool = False) -> None:
        with self._storage.writing() as transaction:
            if not new:
                _update(transaction, job)
            else:
                transaction.connection.execute(
                    "INSERT INTO dsflow.jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        job.id,
                        job.type,
                        job.state,
                        job.start_time,
                        job.end_time,
                        job.parameter,
                        job.error,
                        job.log,
                    ],
                )
        with self._lock:
            self._jobs[job.id] = job


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        job: its number.
        statement: the SQL text that asked for it.
        done, total: of ``unit``; estimated by DuckDB, or counted, where the total may be None.
        unit: what is counted: ``bytes`` or ``rows read``, ``rows`` that are written, ``rows stored``.
    """

    job: int
    statement: str
    done: int
    total: int | None
    unit: str


class JobRun:
    """A job while it runs.

    Attributes:
        job: the job.
        connection: a connection of its own; STOP JOB interrupts what runs on it.
        stopped: STOP JOB was said.
    """

    def __init__(self, job: Job, connection: duckdb.DuckDBPyConnection, storage: Storage) -> None:
        self.job = job
        self.connection = connection
        self.stopped = False
        self.finished: Job | None = None
        self._storage = storage
        self._lock = threading.Lock()
        self._beside: duckdb.DuckDBPyConnection | None = None
        self._amount: tuple[int, str] | None = None
        self._counted: tuple[int, str] | None = None
        connection.execute("SET enable_progress_bar = true")  # without it DuckDB does not keep count
        connection.execute("SET enable_progress_bar_print = false")

    def doing(self, total: int, unit: str) -> None:
        """Say what the job's next query is about; how far it is, DuckDB knows.

        Args:
            total: so much of ``unit`` is to be done; see :class:`Progress`.
            unit: what is counted.
        """
        self._amount, self._counted = (total, unit), None

    def done(self, count: int, unit: str) -> None:
        """Say how far the job is where DuckDB cannot know, since it does not do the work.

        Args:
            count: so much of ``unit`` is done.
        """
        self._counted = (count, unit)

    @contextlib.contextmanager
    def beside(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A second connection, for a statement that runs while the first one is asked; STOP JOB interrupts it, too."""
        connection = self._storage.new_connection()
        self._beside = connection
        try:
            self.check()
            yield connection
        finally:
            with self._lock:
                self._beside = None
            self._storage.release(connection)

    def check(self) -> None:
        """Go no further once STOP JOB was said; for work that DuckDB does not do.

        Raises:
            JobFailure: it was.
        """
        if self.stopped:
            raise JobFailure("stopped by STOP JOB")

    def interrupt(self) -> None:
        """Stop what runs. May be said from any thread."""
        self.stopped = True
        with self._lock:
            self.connection.interrupt()
            if self._beside is not None:
                self._beside.interrupt()

    def progress(self) -> Progress | None:
        """How far it is; None when nobody knows. May be asked from any thread."""
        if self._counted is not None:
            count, unit = self._counted
            total = self._amount[0] if self._amount is not None and self._amount[1] == unit else None
            return Progress(self.job.id, self.job.parameter, count, total, unit)
        share = self.connection.query_progress()
        if self._amount is None or share < 0:
            return None
        total, unit = self._amount
        return Progress(self.job.id, self.job.parameter, min(int(total * share / 100), total), total, unit)

    def finish_in(self, transaction: Transaction, log: str) -> None:
        """Make FINISHED a part of the transaction that holds the job's effect: both happen, or neither does."""
        self.finished = replace(self.job, state="FINISHED", end_time=now_ms(), log=log)
        _update(transaction, self.finished)


def _update(transaction: Transaction, job: Job) -> None:
    transaction.connection.execute(
        "UPDATE dsflow.jobs SET state = ?, end_time = ?, error = ?, log = ? WHERE id = ?",
        [job.state, job.end_time, job.error, job.log, job.id],
    )


@dataclass
class Fault:
    """A job whose statement ``pattern`` matches fails with ``message``; ``times`` counts down, None is for ever."""

    pattern: re.Pattern[str]
    message: str | None
    times: int | None


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def _named(error: Exception) -> Exception:
    """The error of a job in words that need no knowledge of DuckDB."""
    import duckdb

    return named(error) if isinstance(error, duckdb.Error) else error
