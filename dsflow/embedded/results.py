"""What a statement gives back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dsflow.embedded.compiler import Column
from dsflow.embedded.jobs import JOB_COLUMNS, Job
from dsflow.openmldb.types import ColumnType


@dataclass(frozen=True)
class Result:
    """The rows of a statement, or that it has none.

    Attributes:
        columns: names and types; () for a statement without a result.
        rows: values in the order of the columns: a timestamp is an int of milliseconds since 1970-01-01 UTC, a date a
            ``datetime.date``.
        job: the job that ran or runs the statement; look at its state, a failed job raises nothing.
        message: what OpenMLDB's client prints for it.
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    job: Job | None = None
    message: str = ""

    @property
    def has_rows(self) -> bool:
        """Whether the statement has a result, be it empty."""
        return bool(self.columns)

    @classmethod
    def of_job(cls, job: Job) -> Result:
        """A job's row."""
        return cls(JOB_COLUMNS, (job.row(),), job)

    @classmethod
    def of_jobs(cls, jobs: Iterable[Job]) -> Result:
        """The rows of jobs."""
        return cls(JOB_COLUMNS, tuple(job.row() for job in jobs))

    @classmethod
    def of_texts(cls, names: Iterable[str], rows: Iterable[Iterable[object]]) -> Result:
        """A table of texts, as most SHOW statements give."""
        columns = tuple(Column(name, ColumnType.STRING) for name in names)
        return cls(columns, tuple(tuple(str(value) for value in row) for row in rows))
