"""The Definition: a workflow as DolphinScheduler stores it, as plain frozen data.

It differs from the server's own JSON in one way: where DolphinScheduler writes a code or an id that only one server
knows (task codes in a switch, project and workflow codes, the ids of a datasource, an environment, an alert group, a
task group or a resource), a Definition holds the *name*. So it can be compared, rendered and exported without a server,
and the same source always gives the same bytes. Turning names into one server's codes, and back, is the work of
:mod:`dsflow.dolphinscheduler.wire.codec`.

References by name inside ``task_params``:

========== ==================================================================================================
SWITCH     ``switchResult.nextNode`` and ``switchResult.dependTaskList[].nextNode``: task names ('' = none)
CONDITIONS ``conditionResult.successNode[]``, ``.failedNode[]``,
           ``dependence.dependTaskList[].dependItemList[].depTaskCode``: task names
DEPENDENT  ``dependence.dependTaskList[].dependItemList[]``: ``projectCode``, ``definitionCode`` and
           ``depTaskCode`` hold the project's, workflow's and task's name (``depTaskCode`` '' = the whole workflow)
SUB_PROCESS ``processDefinitionCode``: the name of a workflow of the same project
SQL        ``datasource``: the datasource's name
any        ``resourceList[].resourceName``: the full name of a file in the resource centre
========== ==================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from dsflow.errors import SourceLocation

Priority = Literal["HIGHEST", "HIGH", "MEDIUM", "LOW", "LOWEST"]
"""Of a task, or of a schedule's runs."""

JsonDict = dict[str, Any]

SUB_WORKFLOW = "processDefinitionCode"
"""The field of SUB_PROCESS and DYNAMIC tasks that names the workflow that they run."""


@dataclass(frozen=True)
class Property:
    """A parameter in DolphinScheduler's form: a global parameter or a task's local one.

    Attributes:
        prop: the name.
        direct: ``IN`` or ``OUT``.
        type: ``VARCHAR``, ``INTEGER``, ``LONG``, ``FLOAT``, ``DOUBLE``, ``BOOLEAN``, ``DATE``, ``TIME``,
            ``TIMESTAMP`` or ``LIST``.
        value: the value as text ('' for an OUT parameter).
    """

    prop: str
    direct: str = "IN"
    type: str = "VARCHAR"
    value: str = ""

    def to_dict(self) -> JsonDict:
        return {"prop": self.prop, "direct": self.direct, "type": self.type, "value": self.value}

    @classmethod
    def from_dict(cls, data: JsonDict) -> Property:
        value = data.get("value")
        return cls(
            data["prop"], data.get("direct") or "IN", data.get("type") or "VARCHAR", "" if value is None else str(value)
        )


@dataclass(frozen=True)
class TaskDefinition:
    """One node. Times are in minutes, as in DolphinScheduler, unless a name says otherwise.

    Attributes:
        flag: ``YES`` runs, ``NO`` is skipped.
        task_priority: ``HIGHEST``, ``HIGH``, ``MEDIUM``, ``LOW`` or ``LOWEST``.
        environment: name of a DolphinScheduler environment, or ''.
        timeout: 0 means that there is none (the server's ``timeoutFlag`` follows from it).
        timeout_notify_strategy: '' when there is no timeout, else ``WARN``, ``FAILED`` or ``WARNFAILED``.
        task_group: name of a task group, or ''.
        cpu_quota: percent of one CPU, -1 for no limit.
        memory_max: MB, -1 for no limit.
        is_cache: 3.2 and later only.
        task_params: the task type's own fields, codes replaced by names.
        where: where the user declared it; no part of the comparison or of the rendered form.
    """

    name: str
    task_type: str
    task_params: JsonDict = field(default_factory=dict)
    description: str = ""
    flag: str = "YES"
    task_priority: str = "MEDIUM"
    worker_group: str = "default"
    environment: str = ""
    delay_time: int = 0
    fail_retry_times: int = 0
    fail_retry_interval: int = 1
    timeout: int = 0
    timeout_notify_strategy: str = ""
    task_group: str = ""
    task_group_priority: int = 0
    cpu_quota: int = -1
    memory_max: int = -1
    is_cache: bool = False
    where: SourceLocation | None = field(default=None, compare=False)

    def to_dict(self) -> JsonDict:
        return {key: getattr(self, name) for name, key in _TASK_KEYS.items()}

    @classmethod
    def from_dict(cls, data: JsonDict) -> TaskDefinition:
        return cls(**{name: data[key] for name, key in _TASK_KEYS.items() if key in data})

    @property
    def local_params(self) -> list[Property]:
        """The task's local parameters, IN and OUT."""
        return [Property.from_dict(p) for p in self.task_params.get("localParams") or []]


@dataclass(frozen=True, order=True)
class Relation:
    """An edge: ``post`` runs after ``pre``; tasks by name."""

    pre: str
    post: str

    def to_dict(self) -> JsonDict:
        return {"pre": self.pre, "post": self.post}


@dataclass(frozen=True)
class ScheduleDefinition:
    """When the workflow runs by itself.

    Attributes:
        crontab: Quartz, seven fields.
        start_time: ``YYYY-MM-DD HH:MM:SS`` in ``timezone_id``.
        end_time: likewise.
        timezone_id: such as ``Asia/Shanghai``.
        online: whether the schedule is live.
    """

    crontab: str
    start_time: str
    end_time: str
    timezone_id: str
    online: bool = True
    failure_strategy: str = "CONTINUE"
    process_instance_priority: str = "MEDIUM"

    def to_dict(self) -> JsonDict:
        return {key: getattr(self, name) for name, key in _SCHEDULE_KEYS.items()}

    @classmethod
    def from_dict(cls, data: JsonDict) -> ScheduleDefinition:
        return cls(**{name: data[key] for name, key in _SCHEDULE_KEYS.items() if key in data})


@dataclass(frozen=True)
class Definition:
    """A whole workflow. ``tasks`` and ``relations`` are in the order of their declaration.

    Attributes:
        timeout: minutes, 0 for none.
        execution_type: ``PARALLEL``, ``SERIAL_WAIT``, ``SERIAL_DISCARD`` or ``SERIAL_PRIORITY``.
        release_state: ``ONLINE`` or ``OFFLINE``.
        warning_type: ``NONE``, ``SUCCESS``, ``FAILURE`` or ``ALL``.
        warning_group: name of an alert group, or ''.
        global_params: the workflow's parameters with their defaults.
        fixed_params: parameters whose value is written into a field that DolphinScheduler does not substitute; they
            can be set when submitting, not when starting.
        where: where the user declared it; no part of the comparison or of the rendered form.
    """

    project: str
    name: str
    tasks: tuple[TaskDefinition, ...]
    relations: tuple[Relation, ...]
    description: str = ""
    global_params: tuple[Property, ...] = ()
    timeout: int = 0
    execution_type: str = "PARALLEL"
    release_state: str = "ONLINE"
    warning_type: str = "NONE"
    warning_group: str = ""
    worker_group: str = "default"
    schedule: ScheduleDefinition | None = None
    fixed_params: tuple[str, ...] = field(default=(), compare=False)
    where: SourceLocation | None = field(default=None, compare=False)

    def task(self, name: str) -> TaskDefinition:
        """The task of that name.

        Raises:
            KeyError: there is none.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def upstream(self, name: str) -> list[str]:
        """Names of the tasks directly before ``name``."""
        return [r.pre for r in self.relations if r.post == name]

    def downstream(self, name: str) -> list[str]:
        """Names of the tasks directly after ``name``."""
        return [r.post for r in self.relations if r.pre == name]

    def part(self, names: Collection[str]) -> Definition:
        """Some of its tasks, with the edges between them."""
        return replace(
            self,
            tasks=tuple(task for task in self.tasks if task.name in names),
            relations=tuple(r for r in self.relations if r.pre in names and r.post in names),
        )

    def to_dict(self) -> JsonDict:
        """Plain data, fit for JSON and YAML; :meth:`from_dict` reads it back."""
        return {
            "project": self.project,
            "name": self.name,
            "description": self.description,
            "globalParams": [p.to_dict() for p in self.global_params],
            "timeout": self.timeout,
            "executionType": self.execution_type,
            "releaseState": self.release_state,
            "warningType": self.warning_type,
            "warningGroup": self.warning_group,
            "workerGroup": self.worker_group,
            "schedule": self.schedule.to_dict() if self.schedule else None,
            "tasks": [t.to_dict() for t in self.tasks],
            "relations": [r.to_dict() for r in self.relations],
            "fixedParams": list(self.fixed_params),
        }

    @classmethod
    def from_dict(cls, data: JsonDict) -> Definition:
        return cls(
            project=data["project"],
            name=data["name"],
            description=data.get("description", ""),
            global_params=tuple(Property.from_dict(p) for p in data.get("globalParams", [])),
            timeout=data.get("timeout", 0),
            execution_type=data.get("executionType", "PARALLEL"),
            release_state=data.get("releaseState", "ONLINE"),
            warning_type=data.get("warningType", "NONE"),
            warning_group=data.get("warningGroup", ""),
            worker_group=data.get("workerGroup", "default"),
            schedule=ScheduleDefinition.from_dict(data["schedule"]) if data.get("schedule") else None,
            tasks=tuple(TaskDefinition.from_dict(t) for t in data["tasks"]),
            relations=tuple(Relation(r["pre"], r["post"]) for r in data["relations"]),
            fixed_params=tuple(data.get("fixedParams", ())),
        )

    def to_json(self) -> str:
        """The rendered form: the same Definition gives the same bytes."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


# the name of each field -> in the rendered form
_TASK_KEYS = {f.name: _camel(f.name) for f in fields(TaskDefinition) if f.name != "where"}
_SCHEDULE_KEYS = {f.name: _camel(f.name) for f in fields(ScheduleDefinition)}
