"""The script of the PYTHON tasks that look whether an OpenMLDB step did what it says.

DolphinScheduler's OPENMLDB task throws results away: it is green when the job that it started FAILED. The steps of a
Table or a FeatureView therefore end with a task whose script is the text of this file and a call of one of its
functions. It asks OpenMLDB itself, and ends with an error that says what is not so, after the job's own log.

It runs as it stands with a worker's Python, 3.7 or later, that has the ``openmldb`` module, and knows no dsflow.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import urllib.request
from typing import Any, NoReturn

FINAL = ("FINISHED", "FAILED", "KILLED", "LOST", "STOPPED")
LOG_LINES = 100


def fail(message: str) -> NoReturn:
    """End the task as a failure."""
    sys.stdout.flush()
    sys.exit("not done: " + message)


class OpenMLDB:
    """A connection to the cluster of the step."""

    def __init__(self, zookeeper: str, zookeeper_path: str) -> None:
        try:
            import openmldb.dbapi as dbapi
        except ImportError as missing:
            fail(
                f"{missing}: the worker's Python ({sys.executable}) needs the openmldb package, as OPENMLDB tasks do;"
                " install it, or let PYTHON_HOME (DolphinScheduler 3.2: PYTHON_LAUNCHER) name a Python that has it"
            )
        self.cursor: Any = dbapi.connect(zk=zookeeper, zkPath=zookeeper_path).cursor()

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a SHOW statement, by column name in lower case; ``first`` is the first column."""
        self.cursor.execute(statement)
        names = [str(column[0]).lower() for column in self.cursor.description]
        return [{**{name: row[i] for i, name in enumerate(names)}, "first": row[0]} for row in self.cursor.fetchall()]


def squeezed(text: object) -> str:
    """A statement without its blanks: what OpenMLDB keeps of it may have others."""
    return re.sub(r"\s+", "", str(text))


def latest_job(openmldb: OpenMLDB, kind: str, text: str) -> tuple[int, str, str]:
    """Number, state and error of the newest job of a kind whose statement holds the text."""
    jobs = [
        job
        for job in openmldb.rows("SHOW JOBS")
        if str(job["job_type"]) == kind and squeezed(text) in squeezed(job["parameter"])
    ]
    if not jobs:
        fail(f"OpenMLDB knows no {kind} job of the statement with: {text}")
    job = max(jobs, key=lambda job: int(job["first"]))
    return int(job["first"]), str(job["state"]).upper(), str(job["error"] or "")


def finished_job(openmldb: OpenMLDB, kind: str, text: str, minutes: float) -> None:
    """Wait until the job has ended, and fail with its log unless it is FINISHED."""
    end = time.monotonic() + 60 * minutes
    number, state, error = latest_job(openmldb, kind, text)
    while state not in FINAL:
        if time.monotonic() > end:
            fail(f"job {number} ({kind}) is still {state} after {minutes:g} minutes; see SHOW JOBLOG {number}")
        time.sleep(1)
        number, state, error = latest_job(openmldb, kind, text)
    print(f"job {number} ({kind}) is {state}")
    if state != "FINISHED":
        print_log(openmldb, number)
        fail(f"job {number} ({kind}) is {state}: {error or 'OpenMLDB gives no reason; its log is above'}")


def print_log(openmldb: OpenMLDB, number: int) -> None:
    """The end of a job's log."""
    try:
        log = "\n".join(str(row["first"]) for row in openmldb.rows(f"SHOW JOBLOG {number}"))
    except Exception as error:  # the log is a help: without it the failure is reported all the same
        print(f"the log of job {number} is not to be had: {error}")
        return
    lines = log.splitlines()
    left_out = f" (the last {LOG_LINES} of {len(lines)} lines)" if len(lines) > LOG_LINES else ""
    print(f"---- log of job {number}{left_out}")
    print("\n".join(lines[-LOG_LINES:]))
    print(f"---- end of the log of job {number}", flush=True)


def table_status(openmldb: OpenMLDB, database: str, table: str) -> dict[str, Any]:
    """The table's row of SHOW TABLE STATUS."""
    openmldb.cursor.execute(f"USE {database}")
    for row in openmldb.rows("SHOW TABLE STATUS"):
        if row["table_name"] == table and row["database_name"] == database:
            return row
    fail(f"there is no table {database}.{table}")


def check_load(
    zookeeper: str, zookeeper_path: str, database: str, table: str, path: str, online: bool, minutes: float
) -> None:
    """LOAD DATA: its job is FINISHED and the table has rows."""
    openmldb = OpenMLDB(zookeeper, zookeeper_path)
    kind = "ImportOnlineData" if online else "ImportOfflineData"
    statement = f"LOAD DATA INFILE '{path}' INTO TABLE {table} "
    finished_job(openmldb, kind, statement, minutes)
    status = table_status(openmldb, database, table)
    if online:
        print(f"{database}.{table} has {status['rows']} online rows")
        if int(status["rows"]) < 1:
            fail(f"the job is FINISHED, but {database}.{table} has no online rows; does {path} hold any?")
    else:
        places = [str(status.get(name) or "") for name in ("offline_path", "offline_symbolic_paths")]
        found = [place for place in places if place not in ("", "NULL")]
        if not found:
            fail(f"the job is FINISHED, but {database}.{table} has no offline data")
        print(f"{database}.{table} has its offline rows in {', '.join(found)}")
    finished_job(openmldb, kind, statement, minutes)  # a job can turn from FINISHED to FAILED


def check_extract(zookeeper: str, zookeeper_path: str, path: str, format: str, minutes: float) -> None:
    """SELECT INTO OUTFILE: its job is FINISHED and the files hold rows."""
    openmldb = OpenMLDB(zookeeper, zookeeper_path)
    statement = f"INTO OUTFILE '{path}' OPTIONS"
    finished_job(openmldb, "ExportOfflineData", statement, minutes)
    folder = re.sub("^file:/*", "/", path)
    if not folder.startswith("/"):
        print(f"{path} is no folder of this worker: whether files are there is not checked")
    else:
        if not os.path.isdir(folder):
            fail(f"the job is FINISHED, but this worker sees no folder {folder}; does the TaskManager share it?")
        files = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name[0] not in "._"]
        if not any(has_rows(file, format) for file in files):
            fail(f"the job is FINISHED, but {folder} holds no rows ({len(files)} files)")
        print(f"{len(files)} files with {sum(os.path.getsize(file) for file in files)} bytes in {folder}")
    finished_job(openmldb, "ExportOfflineData", statement, minutes)


def has_rows(file: str, format: str) -> bool:
    """Whether a part file holds more than its header."""
    if format != "csv":
        return os.path.getsize(file) > 0
    with open(file, "rb") as lines:
        return next(lines, None) is not None and next(lines, None) is not None


def deployments(openmldb: OpenMLDB, database: str) -> list[str]:
    """Names of a database's deployments."""
    openmldb.cursor.execute(f"USE {database}")
    return [str(row["deployment"]) for row in openmldb.rows("SHOW DEPLOYMENTS")]


def ask_deployed(zookeeper: str, zookeeper_path: str, database: str, deployment: str, output: str) -> None:
    """Set an output to whether the deployment is there: OpenMLDB 0.9 refuses to deploy a name again."""
    there = deployment in deployments(OpenMLDB(zookeeper, zookeeper_path), database)
    print(f"{database}.{deployment} is {'deployed already' if there else 'not deployed yet'}")
    print("$" + f"{{setValue({output}={str(there).lower()})}}", flush=True)


def check_deployed(zookeeper: str, zookeeper_path: str, database: str, deployment: str, minutes: float) -> None:
    """DEPLOY: the deployment is there, and no index of its database is still being built."""
    openmldb = OpenMLDB(zookeeper, zookeeper_path)
    if deployment not in deployments(openmldb, database):
        fail(f"there is no deployment {database}.{deployment}")
    end = time.monotonic() + 60 * minutes
    while True:
        jobs = openmldb.rows("SHOW JOBS FROM NAMESERVER")
        busy = [job for job in jobs if job["db"] == database and str(job["state"]).upper() not in FINAL]
        if not busy:
            break
        if time.monotonic() > end:
            job = busy[0]
            fail(
                f"{database}.{deployment} is there, but job {job['first']} of the nameserver ({job['job_type']} of"
                f" {job['name']}) is still {job['state']} after {minutes:g} minutes"
            )
        time.sleep(1)
    print(f"{database}.{deployment} is deployed")


def drop_old_deployments(
    zookeeper: str, zookeeper_path: str, database: str, prefix: str, deployment: str, server: str
) -> None:
    """Drop what was deployed under the name before, but for what the prediction server serves or may go back to."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{server}/health", timeout=30) as answer:
        health = json.load(answer)
    if (health.get("database"), health.get("deployment")) != (database, deployment):
        print(f"{server} serves {health.get('deployment')} by now, not {deployment}: nothing is dropped")
        return
    kept = {deployment, (health.get("previous") or {}).get("deployment")}
    openmldb = OpenMLDB(zookeeper, zookeeper_path)
    for name in deployments(openmldb, database):
        if re.fullmatch(re.escape(prefix) + "_[0-9a-f]{8}", name) and name not in kept:
            openmldb.cursor.execute(f"DROP DEPLOYMENT {name}")
            print(f"dropped {database}.{name}")
    print("kept " + ", ".join(sorted(name for name in kept if name)))
