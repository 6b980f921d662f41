"""What a server's rows tell, as dsflow sees it: each kind of row is read in one place.

Rows come in dsflow's names of fields (:mod:`dsflow.dolphinscheduler.wire.words`), as the client hands them out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dsflow.cron import FORMAT
from dsflow.dolphinscheduler.wire.words import EDGES, TASKS, WORKFLOW, JsonDict

_LIST = "complementScheduleDateList"
_LATER_LIST = "backfillTimeList"  # what 3.3 and later make of it, or of a range
_VERSIONED = ("description", "globalParams", "timeout", "executionType")  # what a version holds besides its tasks
ONLINE, OFFLINE = "ONLINE", "OFFLINE"


@dataclass(frozen=True)
class Ahead:
    """What a run of a backfill says of the dates of its chain.

    Attributes:
        dates: its own and those that follow; None when only the last one is known.
        last: the last one; '' when that is not known either.
    """

    dates: tuple[str, ...] | None = None
    last: str = ""


@dataclass(frozen=True)
class Instance:
    """A run of a workflow.

    Attributes:
        workflow: its name, or the run's own where the server does not tell it.
        state: DolphinScheduler's word.
        scheduled: the time that it stands for; None for a run that no schedule and no backfill made.
        restarted: when it was last gone on with.
        turns: how often it was begun.
        command: how it came to be: DolphinScheduler's word, such as ``START_PROCESS``.
        by: the user who started it.
        duration: how long it took, in the server's words.
        told: what it was started with, a JSON text; '' where the server does not tell it (yet).
        tasks: those of the version that ran, as :mod:`dsflow.dolphinscheduler.wire.codec` takes them.
        params: its global parameters, a JSON text or a list; see :attr:`values`.
    """

    id: int
    state: str
    workflow_code: int = 0
    workflow: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    scheduled: datetime | None = None
    restarted: datetime | None = None
    turns: int = 0
    command: str | None = None
    by: str | None = None
    duration: str | None = None
    told: str = ""
    tasks: tuple[JsonDict, ...] = ()
    params: Any = None

    @classmethod
    def of(cls, row: JsonDict) -> Instance:
        """A row of the list of runs, or the answer to reading one run."""
        return cls(
            id=int(row["id"]),
            state=str(row["state"]),
            workflow_code=int(row.get("workflowCode") or 0),
            workflow=str((row.get(WORKFLOW) or {}).get("name") or row.get("name") or ""),
            started=_moment(row, "startTime"),
            ended=_moment(row, "endTime"),
            scheduled=_moment(row, "scheduleTime"),
            restarted=_moment(row, "restartTime"),
            turns=int(row.get("runTimes") or 0),
            command=row.get("commandType"),
            by=row.get("executorName"),
            duration=row.get("duration"),
            told=str(row.get("commandParam") or ""),
            tasks=tuple(row.get(TASKS) or ()),
            params=row.get("globalParams"),
        )

    @property
    def seconds(self) -> float:
        """How long it took; 0.0 while it goes on."""
        return seconds_between(self.started, self.ended)

    @property
    def values(self) -> dict[str, Any]:
        """Its global parameters, by name."""
        return _values(self.params)

    def is_moved(self, before: Instance) -> bool:
        """Whether the server has gone on with it since."""
        return (self.state, self.turns, self.restarted) != (before.state, before.turns, before.restarted)

    def ahead(self) -> Ahead | None:
        """The dates of its chain, of a run of a backfill; None where it does not tell."""
        try:
            told = json.loads(self.told or "{}")
        except ValueError:
            return None
        last = str(told.get("complementEndDate") or "")
        if _LIST in told:
            return Ahead(tuple(str(told[_LIST]).split(",")), last)
        if _LATER_LIST in told:
            return Ahead(tuple(map(str, told[_LATER_LIST] or ())), last)
        return Ahead(None, last)


@dataclass(frozen=True)
class TaskRun:
    """One attempt of a task of a run.

    Attributes:
        type: the task's type, such as ``SHELL``.
        state: DolphinScheduler's word.
        retries: how often it was tried before.
        has_log: whether a worker has begun to write its log.
        pool: what it gave to the tasks after it, a JSON text or a list; see :attr:`outputs`.
    """

    id: int
    name: str
    type: str = ""
    state: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    retries: int = 0
    has_log: bool = False
    pool: Any = None

    @classmethod
    def of(cls, row: JsonDict) -> TaskRun:
        """A row of the list of a run's tasks, or of task instances."""
        return cls(
            id=int(row["id"]),
            name=str(row["name"]),
            type=str(row.get("taskType") or ""),
            state=str(row.get("state") or ""),
            started=_moment(row, "startTime"),
            ended=_moment(row, "endTime"),
            retries=int(row.get("retryTimes") or 0),
            has_log=bool(row.get("logPath")),
            pool=row.get("varPool"),
        )

    @property
    def seconds(self) -> float:
        """How long it took; 0.0 while it goes on."""
        return seconds_between(self.started, self.ended)

    @property
    def outputs(self) -> dict[str, Any]:
        """What it gave to the tasks after it, by name."""
        return _values(self.pool)


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow as it stands in a list, or what reading it says of the workflow itself.

    Attributes:
        state: ``ONLINE`` or ``OFFLINE``.
        changed: when it was last changed, in the server's words.
        project_code: 0 where the server does not say.
        tenant: as whom it runs, where the workflow says so.
    """

    code: int
    name: str
    version: int
    state: str
    changed: str
    description: str
    project_code: int
    tenant: str | None

    @classmethod
    def of(cls, row: JsonDict) -> WorkflowRow:
        """A row of the list of workflows, or the part of a workflow that is its own row."""
        return cls(
            code=int(row.get("code") or 0),
            name=str(row.get("name") or ""),
            version=int(row.get("version") or 0),
            state=str(row.get("releaseState") or ""),
            changed=str(row.get("updateTime") or ""),
            description=str(row.get("description") or ""),
            project_code=int(row.get("projectCode") or 0),
            tenant=row.get("tenantCode"),
        )

    @property
    def online(self) -> bool:
        """Whether it can be run."""
        return self.state == ONLINE

    def is_written(self, before: WorkflowRow) -> bool:
        """Whether somebody has written it since."""
        return (self.code, self.version, self.state, self.changed) != (
            before.code, before.version, before.state, before.changed
        )  # fmt: skip


def own_row(raw: JsonDict) -> WorkflowRow:
    """What reading a workflow, or an entry of a file, says of the workflow itself."""
    return WorkflowRow.of(raw[WORKFLOW])


@dataclass(frozen=True)
class Edge:
    """An edge of a workflow that was read.

    Attributes:
        pre: the code of the task before; 0 for the beginning.
        post: the code of the task after.
        label: the text beside it.
    """

    pre: int
    post: int
    label: str | None


def edges_of(raw: JsonDict) -> list[Edge]:
    """The edges of a workflow that was read."""
    return [Edge(int(row["preTaskCode"]), int(row["postTaskCode"]), row.get("name")) for row in raw[EDGES]]


def set_offline(raw: JsonDict) -> JsonDict:
    """An entry of a file, of a workflow that is to arrive offline."""
    return {**raw, WORKFLOW: {**raw[WORKFLOW], "releaseState": OFFLINE}}


@dataclass(frozen=True)
class Schedule:
    """A schedule of a workflow.

    Attributes:
        tenant: as whom its runs run, where the schedule says so.
        environment: the code of that of its runs, -1 for none.
        row: all of it, as :mod:`dsflow.dolphinscheduler.wire.codec` takes it.
    """

    id: int
    workflow_code: int
    online: bool
    crontab: str
    tenant: str | None
    environment: int
    row: JsonDict = field(repr=False)

    @classmethod
    def of(cls, row: JsonDict) -> Schedule:
        """A row of the list of schedules."""
        return cls(
            id=int(row["id"]),
            workflow_code=int(row["workflowCode"]),
            online=row.get("releaseState") == ONLINE,
            crontab=str(row["crontab"]),
            tenant=row.get("tenantCode"),
            environment=int(row.get("environmentCode") or -1),
            row=row,
        )


@dataclass(frozen=True)
class Version:
    """A version of a workflow that the server keeps.

    Attributes:
        time: when it was made, in the server's words.
        by: the id of the user who made it; 0 where the server does not say.
        row: all of it, as :mod:`dsflow.dolphinscheduler.wire.codec` takes it.
    """

    version: int
    time: str
    by: int
    description: str
    row: JsonDict = field(repr=False)

    @classmethod
    def of(cls, row: JsonDict) -> Version:
        """A row of the list of versions."""
        return cls(
            version=int(row["version"]),
            time=str(row.get("operateTime") or row.get("updateTime") or row.get("createTime") or ""),
            by=int(row.get("operator") or 0),
            description=str(row.get("description") or ""),
            row=row,
        )

    def over(self, own: JsonDict) -> JsonDict:
        """A workflow's own row with what this version holds otherwise."""
        return {**own, **{key: self.row.get(key) for key in _VERSIONED}}


@dataclass(frozen=True)
class TaskVersion:
    """A version of a task that the server keeps.

    Attributes:
        time: when it was made, in the server's words.
        row: the task, as :mod:`dsflow.dolphinscheduler.wire.codec` takes it.
    """

    version: int
    time: str
    row: JsonDict = field(repr=False)

    @classmethod
    def of(cls, row: JsonDict) -> TaskVersion:
        """A row of the list of a task's versions."""
        return cls(int(row["version"]), str(row.get("operateTime") or ""), row)

    @classmethod
    def current(cls, row: JsonDict) -> TaskVersion:
        """The newest one, of a task's own row, which calls the time by another name."""
        return cls(int(row["version"]), str(row.get("updateTime") or ""), row)


@dataclass(frozen=True)
class User:
    """A user of the server.

    Attributes:
        tenant: as whom its workflows run; None without one.
        tenant_id: None without one.
        is_admin: whether it may change what is the whole server's.
        email: this and what follows is kept as it is when the tenant changes.
        state: 1 when it may log in.
    """

    id: int
    name: str
    tenant: str | None = None
    tenant_id: int | None = None
    is_admin: bool = False
    email: str = ""
    phone: str = ""
    queue: str = ""
    state: int = 1

    @classmethod
    def of(cls, row: JsonDict) -> User:
        """A row of the list of users, or the answer to asking who the user is."""
        return cls(
            id=int(row["id"]),
            name=str(row["userName"]),
            tenant=row.get("tenantCode") or None,
            tenant_id=int(row["tenantId"]) if row.get("tenantId") else None,
            is_admin=row.get("userType") == "ADMIN_USER",
            email=row.get("email") or "",
            phone=row.get("phone") or "",
            queue=row.get("queue") or "",
            state=1 if row.get("state") is None else int(row["state"]),
        )


@dataclass(frozen=True)
class Tenant:
    """A tenant; ``code`` is the name by which the rest of the server knows it."""

    id: int
    code: str

    @classmethod
    def of(cls, row: JsonDict) -> Tenant:
        """A row of the list of tenants."""
        return cls(int(row["id"]), str(row["tenantCode"]))


@dataclass(frozen=True)
class Queue:
    """A YARN queue."""

    id: int
    name: str

    @classmethod
    def of(cls, row: JsonDict) -> Queue:
        """A row of the list of queues."""
        return cls(int(row["id"]), str(row.get("queueName") or ""))


@dataclass(frozen=True)
class WorkerGroup:
    """A worker group; ``workers`` are addresses, as ``HOST:PORT``."""

    id: int
    name: str
    workers: tuple[str, ...]
    description: str

    @classmethod
    def of(cls, row: JsonDict) -> WorkerGroup:
        """A row of the list of worker groups; the one that the server makes by itself has no id."""
        workers = tuple(address for address in str(row.get("addrList") or "").split(",") if address)
        return cls(int(row.get("id") or 0), str(row["name"]), workers, str(row.get("description") or ""))


@dataclass(frozen=True)
class Environment:
    """An environment of tasks.

    Attributes:
        config: its ``export`` lines.
        worker_groups: those whose tasks may have it.
        changed: when it was last changed, in the server's words.
    """

    code: int
    name: str
    config: str
    description: str
    worker_groups: tuple[str, ...]
    changed: str

    @classmethod
    def of(cls, row: JsonDict) -> Environment:
        """A row of the list of environments."""
        bound = row.get("workerGroups") or []
        return cls(
            code=int(row["code"]),
            name=str(row["name"]),
            config=str(row.get("config") or ""),
            description=str(row.get("description") or ""),
            worker_groups=tuple(json.loads(bound) if isinstance(bound, str) else bound),
            changed=str(row.get("updateTime") or ""),
        )


def list_of_dates(dates: tuple[str, ...]) -> dict[str, str]:
    """Dates of a backfill, as the form of its start takes them one by one."""
    return {_LIST: ",".join(dates)}


def range_of_dates(first: str, last: str) -> dict[str, str]:
    """The first and the last moment of a backfill, as the form of its start takes them."""
    return {"complementStartDate": first, "complementEndDate": last}


def seconds_between(start: datetime | None, end: datetime | None) -> float:
    """Seconds from one moment to another; 0.0 when one is not known, or the clock was set back between them."""
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def text_of(moment: datetime | None) -> str | None:
    """A moment as the server writes it."""
    return None if moment is None else moment.strftime(FORMAT)


def _values(params: Any) -> dict[str, Any]:
    """Values of parameters, of which the server gives a list or its JSON text."""
    held = json.loads(params) if params and isinstance(params, str) else params
    return {param["prop"]: param.get("value") for param in held or []}


def _moment(row: JsonDict, name: str) -> datetime | None:
    """A time of a row, in the server's time zone; None where there is none."""
    try:
        return datetime.strptime(str(row.get(name) or ""), FORMAT)
    except ValueError:
        return None
