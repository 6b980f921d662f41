"""The client's side of the embedded OpenMLDB, for dsflow's own use: statements over HTTP, nothing heavy imported."""

from __future__ import annotations

from dsflow.worker.path.openmldb.session import Job, JobFailed, OpenMLDBError, Result, Session, Unreachable

__all__ = ["Job", "JobFailed", "OpenMLDBError", "Result", "Session", "Unreachable"]
