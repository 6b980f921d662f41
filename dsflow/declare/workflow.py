"""Workflow: tasks, edges, parameters and a schedule, declared in Python. No I/O, no server, no clock."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from dsflow.cron import HINT, CronError, parse
from dsflow.declare import context
from dsflow.declare.locations import caller
from dsflow.declare.params import Namespace, Param, Reference, Scalar, check_name, parse_value, to_text
from dsflow.declare.tasks.base import Priority, Task, Tasks
from dsflow.definition import Definition
from dsflow.errors import DeclarationError, ParameterError, SourceLocation
from dsflow.report import RunReport

ExecutionType = Literal["PARALLEL", "SERIAL_WAIT", "SERIAL_DISCARD", "SERIAL_PRIORITY"]
WarningType = Literal["NONE", "SUCCESS", "FAILURE", "ALL"]
FailureStrategy = Literal["CONTINUE", "END"]

_EXECUTION_TYPES = ("PARALLEL", "SERIAL_WAIT", "SERIAL_DISCARD", "SERIAL_PRIORITY")
_WARNING_TYPES = ("NONE", "SUCCESS", "FAILURE", "ALL")


@dataclass(frozen=True)
class Schedule:
    """When a workflow runs by itself.

    Args:
        cron: Quartz's fields: second, minute, hour, day of month, month, day of week, and a year (``*`` when left out);
            see :mod:`dsflow.cron`.
        timezone: an IANA name.
        start: from when on; None means 2000-01-01.
        end: until when; None means 2099-12-31.
        online: whether the schedule is live.
        failure_strategy: ``CONTINUE`` or ``END``: whether the other branches go on when a task has failed.
        priority: of its runs: ``HIGHEST``, ``HIGH``, ``MEDIUM``, ``LOW`` or ``LOWEST``.
    """

    cron: str
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    online: bool = True
    failure_strategy: FailureStrategy = "CONTINUE"
    priority: Priority = "MEDIUM"

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("failure_strategy", self.failure_strategy, get_args(FailureStrategy)),
            ("priority", self.priority, get_args(Priority)),
        ):
            if value not in allowed:
                raise DeclarationError(
                    f"the schedule's {what}={value!r} is not one of {', '.join(allowed)}", where=caller()
                )
        if not isinstance(self.cron, str):
            raise DeclarationError(f"the schedule {self.cron!r} is not a text", where=caller())
        try:
            parse(self.cron)
        except CronError as error:
            raise DeclarationError(f"the schedule {self.cron!r}: {error}", where=caller(), hint=HINT) from None
        for what, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is not None):
                raise DeclarationError(
                    f"the schedule's {what}={moment!r} is not a datetime without a time zone",
                    where=caller(),
                    hint="it is read in the schedule's timezone",
                )
        if self.start and self.end and self.end <= self.start:
            raise DeclarationError("the schedule ends before it starts", where=caller())
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise DeclarationError(
                f"{self.timezone!r} is not a time zone", where=caller(), hint="such as Asia/Shanghai"
            ) from None

    @property
    def crontab(self) -> str:
        """All seven fields."""
        fields = self.cron.split()
        return " ".join(fields if len(fields) == 7 else [*fields, "*"])


@dataclass(frozen=True)
class OpenMLDBCluster:
    """Where the OPENMLDB tasks of a workflow find their cluster, unless a task says otherwise.

    Args:
        zookeeper: ``host:port``, or a reference to a parameter.
        zookeeper_path: the cluster's root there.
    """

    zookeeper: str | Reference = "127.0.0.1:2181"
    zookeeper_path: str | Reference = "/openmldb"


class Workflow:
    """A workflow. Tasks made inside its ``with`` block belong to it.

    Args:
        name: unique in its project.
        project: the DolphinScheduler project.
        description: for the reader of the web page.
        params: name -> default value or :class:`~dsflow.Param`; they are DolphinScheduler's global parameters.
        schedule: a :class:`Schedule`, or a cron text.
        timeout: minutes, None for never.
        execution_type: what happens when it is started while it runs.
        warning_type: of which ends the warning group hears.
        warning_group: name of an alert group.
        worker_group: where its tasks run unless they say otherwise.
        online: whether it can be started (released).
        zookeeper: the OpenMLDB cluster of its OPENMLDB tasks.
        zookeeper_path: that cluster's root in ZooKeeper.
        strict: False leaves out the checks that DolphinScheduler does not make (a placeholder that nothing defines, one
            output's name in two tasks, an output used before it is there, ...). For workflows that were imported.

    Raises:
        DeclarationError: a value that DolphinScheduler does not know.
    """

    def __init__(
        self,
        name: str,
        *,
        project: str,
        description: str = "",
        params: Mapping[str, Scalar | Param] | None = None,
        schedule: Schedule | str | None = None,
        timeout: int | None = None,
        execution_type: ExecutionType = "PARALLEL",
        warning_type: WarningType = "NONE",
        warning_group: str = "",
        worker_group: str = "default",
        online: bool = True,
        zookeeper: str = "${zookeeper}",
        zookeeper_path: str = "${zookeeper_path}",
        strict: bool = True,
    ) -> None:
        self.strict = strict
        self.where: SourceLocation | None = caller()
        for what, text in (("workflow's name", name), ("project's name", project)):
            if not isinstance(text, str) or not text.strip():
                raise DeclarationError(f"a {what} must be a text, not {text!r}", where=self.where)
        self.name = name
        self.project = project
        self.description = description
        self.schedule = Schedule(schedule) if isinstance(schedule, str) else schedule
        self.timeout = timeout
        self.execution_type = execution_type
        self.warning_type = warning_type
        self.warning_group = warning_group
        self.worker_group = worker_group
        self.online = online
        self._check()
        if params is not None and not isinstance(params, Mapping):
            raise DeclarationError(f"params={params!r} is not a mapping of names to values", where=self.where)
        self.parameters: dict[str, Param] = {
            check_name("parameter", key) if strict else key: value if isinstance(value, Param) else Param(value)
            for key, value in (params or {}).items()
        }
        for key, value in self.parameters.items():
            if value.property_type and strict:
                _check_param(key, value, self.where)
        self.params: Namespace[Reference] = Namespace(
            f"workflow {name!r}, among its parameters,",
            {key: Reference(key, value.property_type) for key, value in self.parameters.items()},
        )
        defaults = {"zookeeper": "127.0.0.1:2181", "zookeeper_path": "/openmldb"}
        places = {"zookeeper": zookeeper, "zookeeper_path": zookeeper_path}
        self.openmldb = OpenMLDBCluster(
            **{
                key: defaults[key] if text == f"${{{key}}}" and key not in self.parameters else text
                for key, text in places.items()
            }
        )
        self.tasks: dict[str, Task] = {}
        self.edges: dict[tuple[str, str], SourceLocation | None] = {}
        context.declare(self)

    def _check(self) -> None:
        for what, value, allowed in (
            ("execution_type", self.execution_type, _EXECUTION_TYPES),
            ("warning_type", self.warning_type, _WARNING_TYPES),
        ):
            if value not in allowed:
                raise DeclarationError(f"{what}={value!r} is not one of {', '.join(allowed)}", where=self.where)
        for what, text in (("description", self.description), ("warning_group", self.warning_group)):
            if not isinstance(text, str):
                raise DeclarationError(f"{what}={text!r} is not a text", where=self.where)
        if not isinstance(self.worker_group, str) or not self.worker_group:
            raise DeclarationError(f"worker_group={self.worker_group!r} is not a name", where=self.where)
        if not isinstance(self.online, bool):
            raise DeclarationError(f"online={self.online!r} is neither True nor False", where=self.where)
        if self.schedule is not None and not isinstance(self.schedule, Schedule):
            raise DeclarationError(
                f"schedule={self.schedule!r} is neither a Schedule nor a cron text", where=self.where
            )
        if self.timeout is not None and (type(self.timeout) is not int or self.timeout < 1):
            raise DeclarationError(f"timeout={self.timeout!r} is not a number of minutes", where=self.where)
        if self.strict and self.warning_group and self.warning_type == "NONE":
            raise DeclarationError("warning_group without a warning_type would never hear anything", where=self.where)

    def __repr__(self) -> str:
        return f"<Workflow {self.project}/{self.name}: {len(self.tasks)} tasks>"

    @property
    def folder(self) -> Path:
        """The folder of the pipeline file, from which the files that tasks name are found."""
        file = Path(self.where.file) if self.where else None
        # a notebook's cells are in files that there are not; what they name lies in the working directory
        return file.resolve().parent if file and file.is_file() else Path.cwd()

    def __enter__(self) -> Workflow:
        context.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context.leave()

    # -- building ----------------------------------------------------------------------------------------------------

    def add(self, task: Task) -> None:
        """Take a task in; tasks call it when they are made.

        Raises:
            DeclarationError: the name is taken, or an output's name is.
        """
        earlier = self.tasks.get(task.name)
        if earlier is not None:
            raise task.error("there is a task of that name already", hint=f"declared at {earlier.where}")
        for name in task.outputs if self.strict else ():
            if name in self.parameters:
                raise task.error(f"the output {name!r} has the name of a parameter of the workflow")
            for other in self.tasks.values():
                if name in other.outputs:
                    raise task.error(f"the output {name!r} is one of task {other.name!r} too: one would hide the other")
        self.tasks[task.name] = task

    def connect(self, before: Tasks, after: Tasks) -> None:
        """Add the edges from every task of ``before`` to every task of ``after``.

        Raises:
            DeclarationError: one of them is no task, or belongs to another workflow.
        """
        where = caller()
        for pre in _listed(before):
            for post in _listed(after):
                for task in (pre, post):
                    if not isinstance(task, Task):
                        raise DeclarationError(f"{task!r} is not a task", where=where)
                    if task.workflow is not self:
                        raise DeclarationError(
                            f"task {task.name!r} belongs to the workflow {task.workflow.name!r}, not {self.name!r}",
                            where=where,
                        )
                if pre is post:
                    raise DeclarationError(f"task {pre.name!r} can not run after itself", where=where)
                self.edges.setdefault((pre.exit.name, post.entry.name), where)

    def parameter(self, name: str) -> str:
        """``${name}`` of a declared parameter; for texts built by hand."""
        return str(self.params[name])

    # -- using -------------------------------------------------------------------------------------------------------

    def definition(self, values: Mapping[str, Scalar | str] | None = None) -> Definition:
        """This workflow as DolphinScheduler stores it.

        Args:
            values: parameters' values in place of their defaults.

        Raises:
            DeclarationError: the tasks do not make a workflow (a cycle, an undefined placeholder, ...).
            ParameterError: a value is for no parameter, or of another type.
        """
        from dsflow.declare.compile import compile_workflow

        return compile_workflow(self, values or {})

    def run_local(
        self,
        values: Mapping[str, Scalar] | None = None,
        *,
        state: Path | None = None,
        show: bool = True,
        version: str | None = None,
    ) -> RunReport:
        """Run here, on an embedded OpenMLDB, without any server.

        Args:
            values: parameters' values, over their local and their plain defaults.
            state: folder for data, models and logs; kept for the next run. By default ``.dsflow/PROJECT/WORKFLOW``.
            show: show the progress.
            version: the DolphinScheduler to be like (``3.1``, ``3.2.2``), where versions differ.

        Raises:
            DsflowError: it could not be started. A task that fails is no exception: see the report's ``state``.
        """
        from dsflow.config import Profile
        from dsflow.display.progress import RunDisplay
        from dsflow.local.runner import run_local

        # a notebook shows what goes to standard error in red
        display = RunDisplay(self.definition(), stream=sys.stdout) if show else None
        known = Profile(version=version).known_version()
        return run_local(self, values=values, state=state, display=display, version=known)

    def cli(self, arguments: Sequence[str] | None = None) -> None:
        """Be a command: ``python pipelines/x.py submit``. Ends the process with the command's exit code."""
        from dsflow.cli import workflow_command

        workflow_command(self, arguments)

    def _repr_svg_(self) -> str:
        from dsflow.display.svg import workflow_svg

        return workflow_svg(self.definition())


def _check_param(name: str, param: Param, where: SourceLocation | None) -> None:
    """What a parameter's declaration holds must be of its type, and finite."""
    if isinstance(param.default, float) and not math.isfinite(param.default):
        raise DeclarationError(f"parameter {name!r}: {param.default} is not a number that can be sent", where=where)
    if isinstance(param.default, str) and "$" not in param.default:
        try:
            parse_value(name, param.python_type, param.default)
        except ParameterError as error:
            raise DeclarationError(f"the default: {error.message}", where=where) from None
    if param.local is None or (isinstance(param.local, str) and "{" in param.local):
        return
    try:
        parse_value(name, param.python_type, to_text(param.local))
    except ParameterError as error:
        raise DeclarationError(f"the local value: {error.message}", where=where) from None


def _listed(tasks: Tasks) -> list[Task]:
    return list(tasks) if isinstance(tasks, Sequence) else [tasks]
