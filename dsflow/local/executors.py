"""How each task type is executed here, the way a DolphinScheduler worker would."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from dsflow.conditions.switch import Known, decide
from dsflow.declare.tasks import type_of
from dsflow.definition import TaskDefinition
from dsflow.errors import DsflowError, RunError
from dsflow.local.processes import Forker, Running, python_command, start_process, wait_for
from dsflow.local.progress import progress_line
from dsflow.local.values import TaskValues, check_outputs, read_outputs
from dsflow.outputs import OutputError, decoded, is_coded
from dsflow.placeholders import Series
from dsflow.worker.excerpt import MARK
from dsflow.worker.lingering import with_line


class TaskFailed(DsflowError):
    """The task ran and did not succeed; its log says why."""


@dataclass
class Attempt:
    """One attempt at a task.

    Attributes:
        folder: the attempt's working folder.
        log: where its log goes.
        values: all that it sees by name.
        series: the series of DolphinScheduler that the run follows.
        outputs: what its script has set, for each series, also when it failed then.
        timeout: seconds, None for none.
        stop: set when the run is interrupted.
        openmldb_url: the embedded OpenMLDB, '' when the workflow has no use for it.
        forker: runs the scripts that dsflow has written; None when each gets a Python of its own.
    """

    task: TaskDefinition
    folder: Path
    log: IO[str]
    values: TaskValues
    series: Sequence[Series]
    timeout: float | None
    stop: threading.Event
    openmldb_url: str
    forker: Forker | None = None
    outputs: dict[Series, dict[str, str]] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Put the values into a text."""
        return self.values.fill(text)

    def say(self, text: str) -> None:
        """Write a line to the log."""
        self.log.write(text.rstrip("\n") + "\n")
        self.log.flush()


Outcome = dict[str, str]

PROGRESS_PERIOD = 1.0
"""Seconds between two questions how far a job is."""


def run_shell(attempt: Attempt) -> Outcome:
    """SHELL: the script, in bash where there is one, as on a worker."""
    script = attempt.folder / "script.sh"
    script.write_text(attempt.fill(_script_text(attempt)), encoding="utf-8")
    return _run_script(attempt, partial(start_process, [shutil.which("bash") or "sh", str(script)]))


def run_python(attempt: Attempt) -> Outcome:
    """PYTHON: the script, with the Python that runs dsflow; one of dsflow's own in a fork of one that is there."""
    script = attempt.folder / "script.py"
    script.write_text(attempt.fill(_script_text(attempt)), encoding="utf-8")
    if attempt.forker is not None and is_own(attempt.task):
        return _run_script(attempt, partial(attempt.forker.start, script))
    return _run_script(attempt, partial(start_process, python_command(script)))


def is_own(task: TaskDefinition) -> bool:
    """Whether a task's script is one of those by which dsflow asks OpenMLDB and looks what a step has done."""
    return task.task_type == "PYTHON" and str(task.task_params.get("rawScript")).startswith(MARK)


def own_forker() -> Forker:
    """What runs such scripts: all that they import comes with the `openmldb` module."""
    from dsflow.worker.environment import worker_python_path

    return Forker(["openmldb.dbapi"], {**_ENCODING, "PYTHONPATH": worker_python_path()})


_ENCODING = {"PYTHONIOENCODING": "utf-8"}


def _script_text(attempt: Attempt) -> str:
    """The script as the series that the run follows is sent it."""
    params = attempt.task.task_params
    if (3, 1) in attempt.series and is_coded(attempt.task.task_type, params):
        params = with_line(attempt.task.task_type, params, lingers=False)
    return str(params["rawScript"])


def _run_script(attempt: Attempt, start: Callable[..., Running]) -> Outcome:
    from dsflow.worker.environment import worker_environment

    begin = attempt.log.tell()
    environment = {**os.environ, **_ENCODING, **worker_environment(attempt.openmldb_url)}
    process = start(folder=attempt.folder, log=attempt.log, environment=environment)
    code = wait_for(process, attempt.timeout, attempt.stop)
    attempt.log.flush()
    with open(attempt.log.name, encoding="utf-8", errors="replace", newline="") as written:
        written.seek(begin)
        text = written.read()
    if code:
        failure = TaskFailed(f"the script ended with exit code {code}")
        try:
            attempt.outputs = read_outputs(attempt.task, text, attempt.series)  # a server hands them on all the same
        except OutputError as error:
            raise failure from error
        raise failure
    attempt.outputs = read_outputs(attempt.task, text, attempt.series)
    found = {name: decoded(value) for name, value in attempt.outputs.get(attempt.series[-1], {}).items()}
    check_outputs(attempt.task, found)
    return found


def run_openmldb(attempt: Attempt) -> Outcome:
    """OPENMLDB: what DolphinScheduler's task would send, sent to the embedded OpenMLDB."""
    from dsflow.declare.encoding import decode
    from dsflow.worker.client import OpenMLDBError, Session

    params = attempt.task.task_params
    session = Session(attempt.openmldb_url)
    # the statements with which the task's script begins (OpenmldbTask.buildPythonScriptsFromSql)
    session.execute(f"set @@execute_mode='{params['executeMode']}'")
    if params["executeMode"] == "offline":
        session.execute("set @@sync_job=true")
        session.execute("set @@job_timeout=1800000")
    try:
        statements = decode(attempt.fill(params["sql"]))
    except SyntaxError as error:
        raise TaskFailed(f"the SQL does not survive the task's script: {error.msg}") from error
    for statement in statements:
        if attempt.stop.is_set():
            raise TaskFailed("stopped")
        attempt.say(f"openmldb> {statement.strip()};")
        started = time.monotonic()
        try:
            with _watching(attempt, statement):
                result = session.execute(statement)
        except OpenMLDBError as error:
            attempt.say(str(error))
            raise TaskFailed(str(error)) from error
        attempt.say(_show(result) + f"({time.monotonic() - started:.2f} s)")
    return {}


@contextlib.contextmanager
def _watching(attempt: Attempt, statement: str) -> Iterator[None]:
    """Write into the log how far the job of a statement is, while it runs."""
    over = threading.Event()

    def watch() -> None:
        if over.wait(PROGRESS_PERIOD):
            return  # most statements are over by then, and a client takes longer to make than they do
        import httpx

        said = ""
        with httpx.Client(timeout=10, trust_env=False) as client:
            while True:
                try:
                    jobs = client.get(f"{attempt.openmldb_url}/dsflow/progress").json()["data"]
                except (httpx.HTTPError, ValueError, LookupError):
                    return  # it went away: the statement itself will say so
                for job in jobs:
                    line = progress_line(job["done"], job["total"], job["unit"])
                    if job["statement"].strip() == statement.strip() and line != said and job["done"]:
                        attempt.say(line)
                        said = line
                if over.wait(PROGRESS_PERIOD):
                    return

    watcher = threading.Thread(target=watch, daemon=True, name="dsflow-progress")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _show(result: Any, most: int = 20) -> str:
    columns, rows = list(getattr(result, "columns", None) or []), list(getattr(result, "rows", None) or [])
    if not columns:
        return "OK "
    lines = ["\t".join(map(str, columns))] + ["\t".join(map(str, row)) for row in rows[:most]]
    more = f"... {len(rows) - most} more rows\n" if len(rows) > most else ""
    return "\n".join(lines) + f"\n{more}{len(rows)} row{'s' * (len(rows) != 1)} "


def run_http(attempt: Attempt) -> Outcome:
    """HTTP: the request, and the check of its answer."""
    import httpx

    params = attempt.task.task_params
    parts: dict[str, dict[str, str]] = {"BODY": {}, "PARAMETER": {}, "HEADERS": {}}
    for item in params["httpParams"]:
        parts[item["httpParametersType"]][attempt.fill(item["prop"])] = attempt.fill(item["value"])
    url = attempt.fill(params["url"])
    timeout = httpx.Timeout(params["socketTimeout"] / 1000, connect=params["connectTimeout"] / 1000)
    attempt.say(f"{params['httpMethod']} {url} {parts['BODY'] or ''}")
    try:
        # loopback servers are the point here: no proxy of the environment may come between
        with httpx.Client(timeout=timeout, trust_env=False) as client:
            answer = client.request(
                params["httpMethod"],
                url,
                json=parts["BODY"] or None,
                params=parts["PARAMETER"] or None,
                headers=parts["HEADERS"] or None,
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        attempt.say(f"{url}: {error}")
        raise TaskFailed(f"no answer from {url}: {error}") from error
    attempt.say(f"{answer.status_code}\n{answer.text}")
    check, wanted = params["httpCheckCondition"], attempt.fill(params.get("condition") or "")
    held = {
        "STATUS_CODE_DEFAULT": answer.status_code == 200,
        "STATUS_CODE_CUSTOM": str(answer.status_code) == wanted,
        "BODY_CONTAINS": wanted in answer.text,
        "BODY_NOT_CONTAINS": wanted not in answer.text,
    }[check]
    if not held:
        raise TaskFailed(f"{url} answered {answer.status_code}: {answer.text[:500]}")
    return {}


def switch_branches(task: TaskDefinition) -> list[str]:
    """The tasks that a SWITCH chooses from: its branches in order, then its default ('' for none)."""
    result = task.task_params["switchResult"]
    return [str(branch["nextNode"] or "") for branch in result["dependTaskList"]] + [str(result["nextNode"] or "")]


def choose_branch(task: TaskDefinition, known: Known, version: Sequence[int], say: Callable[[str], None]) -> int:
    """SWITCH: which of :func:`switch_branches` to go on with.

    Raises:
        SwitchFailed: the task fails on servers of this version.
        UnknownExpression: a condition that is not evaluated here.
    """
    branches = task.task_params["switchResult"]["dependTaskList"]
    for place, branch in enumerate(branches):
        verdict = decide(branch["condition"], known, version)
        because = f" ({verdict.why})" if verdict.why else ""
        say(f"{branch['condition']}  is  {verdict.text}  is  {str(verdict.holds).lower()}{because}")
        if verdict.holds:
            return place
    return len(branches)


def choose_by_states(
    task: TaskDefinition, succeeded: Mapping[str, bool]
) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """CONDITIONS: whether it holds, by how the tasks before ended; the tasks to go on with; the others."""

    def joined(relation: str, held: list[bool]) -> bool:
        return all(held) if relation == "AND" else any(held)

    dependence = task.task_params["dependence"]
    groups = [
        joined(
            group["relation"],
            [succeeded.get(item["depTaskCode"]) is (item["status"] == "SUCCESS") for item in group["dependItemList"]],
        )
        for group in dependence["dependTaskList"]
    ]
    result = task.task_params["conditionResult"]
    success, failure = tuple(result["successNode"] or ()), tuple(result["failedNode"] or ())
    holds = joined(dependence["relation"], groups)
    return (True, success, failure) if holds else (False, failure, success)


EXECUTORS: dict[str, Callable[[Attempt], Outcome]] = {
    "SHELL": run_shell,
    "PYTHON": run_python,
    "OPENMLDB": run_openmldb,
    "HTTP": run_http,
}


def check_runnable(task: TaskDefinition) -> None:
    """Refuse what cannot be executed without a server.

    Raises:
        RunError: naming the task and the reason.
    """
    about = type_of(task.task_type)
    if task.task_type not in EXECUTORS and not about.steers:
        reason = about.needs_server or "its type is not known here"
        raise RunError(f"task {task.name!r} ({task.task_type}) cannot run locally: {reason}", where=task.where)
    if task.task_params.get("resourceList"):
        raise RunError(
            f"task {task.name!r} cannot run locally: its resources are in a server's resource centre", where=task.where
        )
