"""The module ``openmldb`` as a DolphinScheduler worker needs it, talking to dsflow's embedded OpenMLDB.

With this folder's parent on PYTHONPATH and ``DSFLOW_EMBEDDED_OPENMLDB=http://host:port`` set, the script that an
OPENMLDB task writes runs as it is: ``create_engine('openmldb:///?zk=...&zkPath=...')``, ``connect()``,
``execute("...")``. The addresses in the URL are ignored.

A synchronous job that failed raises an error with the job's own text, so that the task fails; with
``DSFLOW_EMBEDDED_STRICT=0`` it does not, as with OpenMLDB's SDK.

It needs SQLAlchemy (1.4 or 2) when the dialect is used, and nothing else.
"""

from __future__ import annotations

from .session import Job, JobFailed, OpenMLDBError, Result, Session, Unreachable

__all__ = ["Job", "JobFailed", "OpenMLDBError", "Result", "Session", "Unreachable"]


def _register() -> None:
    try:
        from sqlalchemy.dialects import registry
    except ImportError:
        return  # the session and the DB-API work without it
    registry.register("openmldb", "openmldb.sqlalchemy_openmldb", "OpenmldbDialect")


if __name__ == "openmldb":  # dsflow itself imports this package under another name, for the session only
    _register()
