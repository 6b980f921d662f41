"""The script of the PYTHON tasks that look whether an OpenMLDB step did what it says.

DolphinScheduler's OPENMLDB task throws results away: it is green when the job that it started FAILED. The steps of a
Table or a FeatureView therefore end with a task whose script is an excerpt of this file (:mod:`dsflow.worker.excerpt`)
and a call of one of its functions. It asks OpenMLDB itself, and ends with an error that says what is not so, after the
job's own log.

It runs with a worker's Python, 3.7 or later, that has the ``openmldb`` module, and knows no dsflow.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
import urllib.request
from typing import Any, NoReturn

FINAL = ("FINISHED", "FAILED", "KILLED", "LOST", "STOPPED")
LOG_LINES = 100
EFFECT_SECONDS = 30.0  # the nameserver counts a table's rows every few seconds
PAUSE_SECONDS = 1.0
INSERTED_AT_ONCE = 100
MOST_EQUAL = 1_000_000  # rows that the worker holds and counts one by one


def fail(message: str) -> NoReturn:
    """End the task as a failure."""
    sys.stdout.flush()
    sys.exit("not done: " + message)


def connect(zk: str, path: str) -> Any:
    """A cursor of the step's cluster, which is known by its ZooKeeper and its path there."""
    try:
        import openmldb.dbapi as dbapi
    except ImportError as missing:
        fail(f"{missing}: the worker's Python ({sys.executable}) needs the openmldb package (PYTHON_HOME names it)")
    return dbapi.connect(zk=zk, zkPath=path).cursor()


def shown(cursor: Any, statement: str) -> list[dict[str, Any]]:
    """The rows of a SHOW statement, by column name in lower case; ``first`` is the first column."""
    cursor.execute(statement)
    names = [str(column[0]).lower() for column in cursor.description]
    return [dict(zip(names, row), first=row[0]) for row in cursor.fetchall()]  # noqa: B905  (Python 3.7)


def values_of(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a statement, as they come."""
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()]


def squeezed(text: object) -> str:
    """A statement with single blanks: what OpenMLDB keeps of it may have others."""
    return re.sub(r"\s+", " ", str(text))


def said(value: object) -> str:
    """A column's text; OpenMLDB writes a missing one as NULL, or as that word."""
    return "" if value is None or str(value).upper() == "NULL" else str(value)


def finished_job(cursor: Any, kind: str, text: str, before: str, minutes: float) -> None:
    """Wait until the newest job of a kind whose statement holds the text has ended; fail with its log if not FINISHED.

    Args:
        before: the number of the newest job before the step; its own job is a later one.
    """
    if not before.isdigit():
        fail("nothing asked for the newest job before the step: dsflow run --from STEP does")
    end = time.monotonic() + 60 * minutes
    state = ""
    while state not in FINAL:
        if state:
            time.sleep(PAUSE_SECONDS)
        jobs = [job for job in shown(cursor, "SHOW JOBS") if job["job_type"] == kind]
        jobs = [job for job in jobs if squeezed(text) in squeezed(job["parameter"])]
        new = [job for job in jobs if int(job["first"]) > int(before)]
        if not new:
            earlier = f"; of those up to it, {len(jobs)} have" if jobs else ""
            fail(f"the step started no {kind} job: none after job {before} has a statement with {text!r}{earlier}")
        job = max(new, key=lambda job: int(job["first"]))
        number, state = job["first"], str(job["state"]).upper()
        name = f"job {number} ({kind}) is"
        if state not in FINAL and time.monotonic() > end:
            fail(f"{name} still {state} after {minutes:g} minutes; see SHOW JOBLOG {number}")
    print(name, state)
    if state != "FINISHED":
        print_log(cursor, number)
        print("to go on, run the step itself again (dsflow run --from STEP): this task does not start it again")
        fail(f"{name} {state}: {said(job['error']) or 'OpenMLDB gives no reason; its log is above'}")


def print_log(cursor: Any, number: int) -> None:
    """The end of a job's log."""
    try:
        log = "\n".join(str(row["first"]) for row in shown(cursor, f"SHOW JOBLOG {number}")).splitlines()
    except Exception as error:  # the log is a help: without it the failure is reported all the same
        log = [f"the log of job {number} is not to be had: {error}"]
    some = f" (the last {LOG_LINES} of {len(log)} lines)" if len(log) > LOG_LINES else ""
    print(f"---- log of job {number}{some}", *log[-LOG_LINES:], "---- end of the log", sep="\n")


def table_status(cursor: Any, database: str, table: str) -> dict[str, Any]:
    """The table's row of SHOW TABLE STATUS."""
    cursor.execute(f"USE {database}")
    for row in shown(cursor, "SHOW TABLE STATUS"):
        if row["table_name"] == table and row["database_name"] == database:
            return row
    fail(f"there is no table {database}.{table}")


def check_offline_load(cursor: Any, database: str, table: str, path: str, before: str, minutes: float) -> None:
    """LOAD DATA into offline storage: its job is FINISHED and the table has data."""
    job = ("ImportOfflineData", f"LOAD DATA INFILE '{path}' INTO TABLE {table} ", before, minutes)
    finished_job(cursor, *job)
    has_offline_rows(cursor, database, table)
    finished_job(cursor, *job)  # a job can turn from FINISHED to FAILED


def check_online_load(cursor: Any, database: str, table: str, path: str, before: str, minutes: float) -> None:
    """LOAD DATA into online storage: its job is FINISHED and the table has rows."""
    job = ("ImportOnlineData", f"LOAD DATA INFILE '{path}' INTO TABLE {table} ", before, minutes)
    finished_job(cursor, *job)
    has_online_rows(cursor, database, table, path)
    finished_job(cursor, *job)


def has_online_rows(cursor: Any, database: str, table: str, path: str) -> None:
    """Fail unless the table has online rows, all partitions of it alive."""
    end = time.monotonic() + EFFECT_SECONDS
    status = table_status(cursor, database, table)
    while int(status["rows"]) < 1:
        if time.monotonic() > end:
            fail(f"the job is FINISHED, but {database}.{table} has no online rows; does {path} hold any?")
        time.sleep(PAUSE_SECONDS)
        status = table_status(cursor, database, table)
    if said(status["partition_unalive"]) not in ("", "0"):
        why = said(status["warnings"]) or "see SHOW TABLE STATUS"
        dead = f"{status['partition_unalive']} partitions of {database}.{table} are not alive"
        fail(f"the job is FINISHED, but {dead}: {why}")
    print(f"{database}.{table} has {status['rows']} online rows")


def keep_equal_rows(
    cursor: Any,
    database: str,
    table: str,
    path: str,
    kinds: str,
    rows: str,
    found: str,
    create_rows: str,
    create_found: str,
    link: str,
    find: str,
    minutes: float,
    refuse: bool,
) -> None:
    """Add the rows that put_if_absent left out because the file itself holds them more than once.

    Each such row is counted online, and inserted until it is there as often as in the file: a second time, or after a
    cut at any place, this adds what is missing and nothing else.

    Args:
        kinds: the types of the table's columns, with commas.
        rows, found: helping tables; they are made anew and dropped at the end.
        create_rows, create_found, link, find: statements that make them, read the file and fill ``found``.
        refuse: fail instead, when the file has equal rows.
    """
    cursor.execute(f"USE {database}")
    drop = [f"DROP TABLE IF EXISTS {name}" for name in (rows, found)]
    try:
        for statement in [*drop, create_rows, create_found]:
            cursor.execute(statement)
        set_mode(cursor, "offline", minutes)
        run_job(cursor, link)
        run_job(cursor, find)
        set_mode(cursor, "online", minutes)
        more_than_once = values_of(cursor, f"SELECT * FROM {found}")
    finally:
        for statement in drop:
            try:
                cursor.execute(statement)
            except Exception as error:  # what went wrong before is what matters
                print(f"{statement}: {error}")
    if not more_than_once:
        print(f"{path} holds no row twice")
        return
    many = f"{len(more_than_once)} rows of {path} are there more than once"
    if refuse:
        fail(f"{many}, equal in every column, and load_online(..., repeated='refuse') says that none is")
    if len(more_than_once) > MOST_EQUAL:
        fail(
            f"{many}: too many to count one by one. Write load_online(..., replace=True) to store them all, or"
            " load_online(..., repeated='drop') if once is right"
        )
    print(many)
    names, keys, unlimited = index_to_count_by(cursor, table, kinds.split(","))
    once = unlimited and each_is_there_once(cursor, database, table, path, more_than_once)
    add_missing(cursor, table, list(zip(names, kinds.split(","))), keys, more_than_once, once)  # noqa: B905
    has_online_rows(cursor, database, table, path)


def each_is_there_once(
    cursor: Any, database: str, table: str, path: str, more_than_once: list[tuple[Any, ...]]
) -> bool:
    """Whether the load has just stored each of a file's rows once; False when nobody knows, then they are counted.

    That is so when it left out as many rows as the file has too many, so that none was there before, and the table has
    had no more since. The embedded OpenMLDB says such things in a load's log.
    """
    statement = squeezed(f"LOAD DATA INFILE '{path}' INTO TABLE {table} ")
    jobs = [job for job in shown(cursor, "SHOW JOBS") if job["job_type"] == "ImportOnlineData"]
    numbers = [int(job["first"]) for job in jobs if statement in squeezed(job["parameter"])]
    if not numbers:
        return False
    try:
        log = "\n".join(str(row["first"]) for row in shown(cursor, f"SHOW JOBLOG {max(numbers)}"))
    except Exception as error:  # the log is a help: without it they are counted
        print(f"the log of job {max(numbers)} is not to be had: {error}")
        return False
    told = re.search(r"^put_if_absent left out (\d+) of them; the table has (\d+) rows now$", log, re.MULTILINE)
    if told is None or int(told.group(1)) != sum(int(row[-1]) - 1 for row in more_than_once):
        return False
    return int(table_status(cursor, database, table)["rows"]) == int(told.group(2))


def add_missing(
    cursor: Any,
    table: str,
    columns: list[tuple[str, str]],
    keys: list[str],
    more_than_once: list[tuple[Any, ...]],
    once: bool,
) -> None:
    """Insert each row, whose last value says how often it should be there, as often as it is missing.

    Args:
        columns: names and types.
        keys: of the index to count by.
        once: whether each is known to be there once; else they are counted.
    """
    kinds = [kind for _, kind in columns]
    wanted = gone = 0
    missing: list[str] = []
    for row in more_than_once:
        values, copies = row[:-1], int(row[-1])
        wanted += copies
        if once:
            stored = 1
        else:
            found = values_of(cursor, selection(table, columns, values, keys))
            stored = sum(1 for other in found if repr(other) == repr(values))  # -0.0 is another value than 0.0
        if stored == 0:  # the load has put it there, and the table's TTL has taken it, or it holds NaN
            gone += 1
        elif copies > stored:
            literals = ", ".join(inserted(value, kind) for value, kind in zip(values, kinds))  # noqa: B905
            missing += [f"({literals})"] * (copies - stored)
    for first in range(0, len(missing), INSERTED_AT_ONCE):
        cursor.execute(f"INSERT INTO {table} VALUES {', '.join(missing[first : first + INSERTED_AT_ONCE])}")
    print(
        f"of their {wanted} copies {len(missing)} were missing in {table} and are added"
        + (f"; {gone} rows are no longer kept by the table" if gone else "")
    )


def index_to_count_by(cursor: Any, table: str, kinds: list[str]) -> tuple[list[str], list[str], bool]:
    """Names of the table's columns; those of the index that keeps the most (without a TTL, with a time, longest), and
    whether that is all."""
    text = str(values_of(cursor, f"SHOW CREATE TABLE {table}")[0][1])
    if re.search(r"STORAGE_MODE='(SSD|HDD)'", text):
        fail(
            f"{table} is stored on disk, where OpenMLDB keeps one row of each key and time: equal rows cannot be kept."
            " Write load_online(..., repeated='drop') if once is right"
        )
    names = re.findall(r"^`(\w+)` ", text, re.MULTILINE)
    if len(names) != len(kinds):
        fail(f"{table} has {len(names)} columns, not {len(kinds)} as its declaration says")
    found = []
    for key, time_column, ttl in re.findall(
        r"INDEX \(KEY=(\([^)]*\)|`\w+`)(?:, TS=`(\w+)`)?(?:, TTL_TYPE=\w+, TTL=(\([^)]*\)|\w+))?\)", text
    ):
        keys = re.findall(r"`(\w+)`", key)
        unlimited = not re.search("[1-9]", ttl)
        found.append(((unlimited, bool(time_column), len(keys)), keys + ([time_column] if time_column else [])))
    if not found:
        return names, names, False
    (unlimited, _, _), keys = max(found, key=lambda index: index[0])
    return names, keys, unlimited


def selection(table: str, columns: list[tuple[str, str]], values: tuple[Any, ...], keys: list[str]) -> str:
    """A query for the online rows of a row's key and time; without a key that can be compared, of its other values."""
    usable = {
        name: compared(name, value, kind)
        for (name, kind), value in zip(columns, values)  # noqa: B905
        if value is not None and kind not in ("float", "double")
    }
    chosen = [usable[key] for key in keys if key in usable] or list(usable.values())
    return f"SELECT * FROM {table}" + (f" WHERE {' AND '.join(chosen)}" if chosen else "")


def compared(name: str, value: Any, kind: str) -> str:
    """A condition that a column has a value."""
    if kind == "timestamp":
        return f"{name} = timestamp({value})"
    if kind == "date":
        return f"{name} = date('{value}')"
    return f"{name} = {inserted(value, kind)}"


def inserted(value: Any, kind: str) -> str:
    """A value as a literal of an INSERT."""
    if value is None:
        return "NULL"
    if kind == "bool":
        return str(bool(value)).lower()
    if kind == "string":
        # OpenMLDB's client takes each ? of an INSERT for a parameter
        return "'" + re.sub(r"[\\'\"?\x00-\x1f\x7f]", lambda c: f"\\x{ord(c.group()):02x}", str(value)) + "'"
    if kind == "date":
        return f"'{value}'"
    if isinstance(value, float) and not math.isfinite(value):
        fail(f"a row that is there more than once holds {value}, which no INSERT can write; write replace=True")
    return repr(value)


def set_mode(cursor: Any, mode: str, minutes: float) -> None:
    """Whether statements are about offline or online data; jobs are awaited."""
    for setting in (f"execute_mode='{mode}'", "sync_job=true", f"job_timeout={int(60_000 * minutes)}"):
        cursor.execute(f"SET @@{setting}")


def run_job(cursor: Any, statement: str) -> None:
    """Run a statement that starts a job, and fail unless the job is FINISHED."""
    try:
        job = shown(cursor, statement)[0]
    except Exception as error:
        fail(f"{statement}: {error}")
    state = str(job["state"]).upper()
    print(f"job {job['first']} ({job['job_type']}) is {state}")
    if state != "FINISHED":
        print_log(cursor, int(job["first"]))
        fail(f"{statement}: job {job['first']} is {state}: {said(job['error'])}")


def local_path(path: str) -> str:
    """The path on this worker, "" for a place elsewhere such as HDFS."""
    place = re.sub("^file:/*", "/", path)
    return place if place.startswith("/") else ""


def has_offline_rows(cursor: Any, database: str, table: str) -> None:
    """Fail unless the table has offline data; where this worker sees its folder, there must be files in it."""
    status = table_status(cursor, database, table)
    places = [said(status.get(name)) for name in ("offline_path", "offline_symbolic_paths")]
    found = [place for place in places if place]
    if not found:
        fail(f"the job is FINISHED, but {database}.{table} has no offline data")
    for place in found:
        folder = local_path(place)
        if os.path.isdir(folder) and not any(files for _, _, files in os.walk(folder)):
            fail(f"the job is FINISHED, but {folder}, which holds the offline rows of {database}.{table}, has no files")
    print(f"{database}.{table} has its offline rows in {', '.join(found)}")


def check_extract(cursor: Any, path: str, format: str, before: str, minutes: float, header: bool = True) -> None:
    """SELECT INTO OUTFILE: its job is FINISHED and the files hold rows."""
    statement = f"INTO OUTFILE '{path}' OPTIONS"
    finished_job(cursor, "ExportOfflineData", statement, before, minutes)
    folder = local_path(path)
    if not folder:
        print(f"{path} is no folder of this worker: whether files are there is not checked")
    else:
        if not os.path.isdir(folder):
            fail(f"the job is FINISHED, but this worker sees no folder {folder}; does the TaskManager share it?")
        files = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name[0] not in "._"]
        if not any(has_rows(file, format, header) for file in files):
            fail(f"the job is FINISHED, but {folder} holds no rows ({len(files)} files)")
        print(f"{len(files)} files with {sum(os.path.getsize(file) for file in files)} bytes in {folder}")
    finished_job(cursor, "ExportOfflineData", statement, before, minutes)


def has_rows(file: str, format: str, header: bool = True) -> bool:
    """Whether a part file holds more than its header."""
    with open(file, "rb") as lines:
        if format != "csv":  # a parquet file ends with its footer's length and PAR1; rows would stand before the footer
            lines.seek(-min(8, os.path.getsize(file)), os.SEEK_END)
            return os.path.getsize(file) > 12 + int.from_bytes(lines.read(4), "little")
        first = next(lines, None)
        return first is not None and (not header or next(lines, None) is not None)


def ask_jobs(cursor: Any, output: str) -> None:
    """Set an output to the number of the newest job, 0 when there is none."""
    set_output(output, max((int(job["first"]) for job in shown(cursor, "SHOW JOBS")), default=0))


def set_output(name: str, value: object) -> None:
    """Tell DolphinScheduler an output, by a line that it looks for in the log."""
    print("$" + f"{{setValue({name}={value})}}", flush=True)


def deployments(cursor: Any, database: str) -> list[str]:
    """Names of a database's deployments."""
    cursor.execute(f"USE {database}")
    return [str(row["deployment"]) for row in shown(cursor, "SHOW DEPLOYMENTS")]


def ask_deployed(cursor: Any, database: str, deployment: str, output: str) -> None:
    """Set an output to whether the deployment is there: OpenMLDB 0.9 refuses to deploy a name again."""
    databases = [str(row["first"]) for row in shown(cursor, "SHOW DATABASES")]  # it may be made later in the run
    there = database in databases and deployment in deployments(cursor, database)
    print(f"{database}.{deployment} is {'deployed already' if there else 'not deployed yet'}")
    set_output(output, str(there).lower())


def check_deployed(cursor: Any, database: str, deployment: str, minutes: float) -> None:
    """DEPLOY: the deployment is there, and no index of its database is still being built."""
    if deployment not in deployments(cursor, database):
        jobs = [job for job in shown(cursor, "SHOW JOBS FROM NAMESERVER") if job["name"] == deployment]
        failed = [job for job in jobs if str(job["state"]).upper() != "FINISHED"]
        about = ", ".join(f"job {job['first']} ({job['job_type']}) is {job['state']}" for job in failed)
        fail(f"there is no deployment {database}.{deployment}" + (about and f"; of the nameserver's jobs {about}"))
    end = time.monotonic() + 60 * minutes
    while True:
        jobs = shown(cursor, "SHOW JOBS FROM NAMESERVER")
        busy = [job for job in jobs if job["db"] == database and str(job["state"]).upper() not in FINAL]
        if not busy:
            break
        if time.monotonic() > end:
            job = busy[0]
            fail(
                f"{database}.{deployment} is there, but job {job['first']} of the nameserver ({job['job_type']} of"
                f" {job['name']}) is still {job['state']} after {minutes:g} minutes"
            )
        time.sleep(PAUSE_SECONDS)
    print(f"{database}.{deployment} is deployed")


def drop_old_deployments(cursor: Any, database: str, prefix: str, deployment: str, server: str) -> None:
    """Drop what was deployed under the name before, but for what the prediction server serves or may go back to."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{server}/health", timeout=30) as answer:
        health = json.load(answer)
    if (health.get("database"), health.get("deployment")) != (database, deployment):
        print(f"{server} serves {health.get('deployment')} by now, not {deployment}: nothing is dropped")
        return
    kept = {deployment, (health.get("previous") or {}).get("deployment")}
    for name in deployments(cursor, database):
        if re.fullmatch(re.escape(prefix) + "_[0-9a-f]{8}", name) and name not in kept:
            cursor.execute(f"DROP DEPLOYMENT {name}")
            print(f"dropped {database}.{name}")
    print("kept " + ", ".join(sorted(name for name in kept if name)))
