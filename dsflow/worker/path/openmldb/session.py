"""A client's session with an OpenMLDB APIServer.

The current database and the variables are kept here, because the server keeps none. Uses the standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

URL_VARIABLE = "DSFLOW_EMBEDDED_OPENMLDB"
"""Environment variable: ``http://host:port`` of the embedded OpenMLDB."""

TOKEN_VARIABLE = "DSFLOW_OPENMLDB_TOKEN"
"""Environment variable: the token that the embedded OpenMLDB asks for; of two the first is sent."""

STRICT_VARIABLE = "DSFLOW_EMBEDDED_STRICT"
"""Environment variable: 0 lets a failed job pass, as OpenMLDB's own SDK does; see `Session`."""


class OpenMLDBError(Exception):
    """A statement was refused, or a job failed.

    Attributes:
        code: OpenMLDB's number, -1 when there is none.
    """

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Unreachable(OpenMLDBError):
    """The server does not answer."""


class JobFailed(OpenMLDBError):
    """A job ended FAILED or KILLED.

    Attributes:
        job: the job.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} {job.state}: {job.error or 'no error text'}")
        self.job = job


@dataclass(frozen=True)
class Job:
    """A job that a statement started: its number, its state (FINISHED, FAILED, RUNNING ...) and why it failed."""

    id: int
    state: str
    error: str


@dataclass(frozen=True)
class Result:
    """The rows of a statement.

    Attributes:
        columns: their names; () for a statement without a result.
        types: OpenMLDB's words for their types, such as ``Int32`` or ``Timestamp``.
        rows: their values; a timestamp is an int of milliseconds since 1970-01-01 UTC, a date a text.
        job: the job that the statement started, if it started one.
    """

    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    job: Job | None = None


class Session:
    """Runs statements, remembers ``USE`` and ``SET @@``.

    OpenMLDB's own SDK does not raise when a synchronous job fails: it returns the job's row, and a DolphinScheduler
    task that throws the row away is green. This session raises `JobFailed` with the job's error, so that the task fails
    and names the reason; with ``strict=False`` it is as lenient as the SDK.

    Args:
        url: ``http://host:port``; by default what `URL_VARIABLE` says.
        strict: whether a synchronous job that failed raises; by default yes, unless `STRICT_VARIABLE` is 0.
        database: the current database at the start.

    Raises:
        OpenMLDBError: there is no URL.
    """

    def __init__(self, url: str | None = None, *, strict: bool | None = None, database: str | None = None) -> None:
        found = url or os.environ.get(URL_VARIABLE, "")
        if not found:
            raise OpenMLDBError(
                f"the environment variable {URL_VARIABLE} is not set: it must say where the embedded OpenMLDB is, for"
                " example http://127.0.0.1:9080"
            )
        if not re.match("https?://", found):
            raise OpenMLDBError(f"{URL_VARIABLE}={found!r} is no URL: write http://host:port")
        self.url = found.rstrip("/")
        self.strict = os.environ.get(STRICT_VARIABLE, "1") != "0" if strict is None else strict
        self.database = database
        self.variables = {"execute_mode": "online", "sync_job": "false"}
        self.connect_timeout = 10.0

    @property
    def mode(self) -> str:
        """APIServer's word for the session's mode: ``offsync``, ``offasync``, ``onsync`` or ``online``."""
        sync = self.variables["sync_job"] == "true"
        if self.variables["execute_mode"] == "offline":
            return "offsync" if sync else "offasync"
        return "onsync" if sync else "online"

    @property
    def job_timeout_ms(self) -> int:
        """How long to wait for a synchronous job: ``SET @@job_timeout``, or the SDK's half an hour."""
        return int(self.variables.get("job_timeout", 1_800_000))

    def execute(self, statement: str, parameters: tuple[tuple[str, Any], ...] = ()) -> Result:
        """Run one statement.

        Args:
            statement: the SQL; a ``;`` at its end is allowed.
            parameters: for each ``?`` of a query the type (``int``, ``string`` ...) and the value.

        Raises:
            Unreachable: the server does not answer.
            JobFailed: a synchronous job failed, and the session is strict.
            OpenMLDBError: the statement was refused.
        """
        body: dict[str, Any] = {
            "mode": self.mode,
            "sql": statement,
            "timeout": self.job_timeout_ms,
            "dsflow": {"columns": True, "db": self.database},
        }
        if parameters:
            body["input"] = {"schema": [kind for kind, _ in parameters], "data": [value for _, value in parameters]}
        answer = self._post(f"/dbs/{_path_part(self.database)}", body)
        self._remember(statement)
        result = _result(answer)
        if self.strict and self.mode in ("offsync", "onsync") and _started_job(statement):
            job = result.job
            if job is not None and job.state in ("FAILED", "KILLED"):
                raise JobFailed(job)
        return result

    def request(self, name: str, rows: list[Any], database: str | None = None) -> dict[str, Any]:
        """Ask a deployment.

        Args:
            name: the deployment.
            rows: request rows, as arrays or as objects by column.
            database: its database; by default the current one.

        Returns:
            ``{"schema": [...], "data": [...]}`` as the APIServer writes it.

        Raises:
            OpenMLDBError: it refused.
        """
        db = database or self.database
        answer = self._post(f"/dbs/{_path_part(db)}/deployments/{name}", {"input": rows, "need_schema": True})
        data: dict[str, Any] = answer["data"]
        return data

    def ask(self, rows: list[Any], *, query: str = "", call: str = "") -> Result:
        """Request mode: a result row for each request row.

        Args:
            rows: request rows, as arrays or as objects by column.
            query: a SELECT of the current database, or
            call: the name of a deployment or procedure of it.

        Raises:
            OpenMLDBError: it refused.
        """
        extra: dict[str, Any] = {"db": self.database, "request": rows}
        if call:
            extra["call"] = call
        body = {"mode": "online", "sql": query, "dsflow": extra}
        return _result(self._post(f"/dbs/{_path_part(self.database)}", body))

    def _remember(self, statement: str) -> None:
        """Take over what a USE or SET changes, once the server has accepted it."""
        text = _without_comments(statement)
        use = re.fullmatch(r"USE\s+`?(\w+)`?", text, re.IGNORECASE)
        if use is not None:
            self.database = use[1]
            return
        variable = _SET.fullmatch(text)
        if variable is not None:
            self.variables[variable[1].lower()] = variable[2].strip().strip("'\"").lower()
            return
        drop = re.fullmatch(r"DROP\s+DATABASE\s+(?:IF\s+EXISTS\s+)?`?(\w+)`?", text, re.IGNORECASE)
        if drop is not None and drop[1] == self.database:
            self.database = None

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get(TOKEN_VARIABLE, "").split():
            headers["Authorization"] = f"Bearer {token[0]}"
        request = urllib.request.Request(self.url + path, data=data, method="POST", headers=headers)
        # the server answers when a job has ended, or its time is over
        patience = self.connect_timeout + max(self.job_timeout_ms, 600_000) / 1000
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=patience) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise OpenMLDBError(f"{self.url} asks for a token: set {TOKEN_VARIABLE}") from error
            raise OpenMLDBError(
                f"{self.url} answered {error.code} {error.reason}: it is no OpenMLDB APIServer"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(
                f"the embedded OpenMLDB at {self.url} does not answer ({reason}); is it running?"
            ) from error
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise OpenMLDBError(f"{self.url} is no OpenMLDB APIServer: it answered {content[:80]!r}") from error
        if not isinstance(answer, dict) or "code" not in answer:
            raise OpenMLDBError(f"{self.url} is no OpenMLDB APIServer: it answered {content[:80]!r}")
        if answer["code"] != 0:
            raise OpenMLDBError(str(answer.get("msg", "")), int(answer["code"]))
        return answer


def _path_part(database: str | None) -> str:
    """A database for a path; with none the name does not matter, but the path needs one."""
    return database if database and re.fullmatch(r"\w+", database) else "INFORMATION_SCHEMA"


def _result(answer: dict[str, Any]) -> Result:
    data = answer.get("data")
    if data is None:
        return Result()
    types = tuple(data.get("schema", ()))
    columns = tuple(data.get("columns") or (f"column_{number}" for number in range(1, len(types) + 1)))
    given = answer.get("job")
    job = Job(given["id"], given["state"], given["error"]) if given else None
    return Result(columns, types, tuple(map(tuple, data.get("data", ()))), job)


def _started_job(statement: str) -> bool:
    """Whether a statement is one that starts a job, and not one that asks for an old job."""
    return re.match(r"(SHOW|STOP)\b", _without_comments(statement), re.IGNORECASE) is None


_SET = re.compile(
    r"SET\s+(?:@@(?:session\.|global\.)?|(?:SESSION|GLOBAL)\s+)?`?(\w+)`?\s*=\s*(.+)", re.IGNORECASE | re.DOTALL
)

_COMMENT = re.compile(
    r"""(?P<kept>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)|--[^\n]*|\#[^\n]*|/\*.*?\*/""", re.DOTALL
)


def _without_comments(statement: str) -> str:
    text = _COMMENT.sub(lambda match: match["kept"] or " ", statement)
    return text.strip().rstrip(";").strip()
