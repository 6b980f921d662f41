"""Workflow: tasks, edges, parameters and a schedule, declared in Python. No I/O, no server, no clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar

from dsflow.declare import context
from dsflow.declare.compile import compile_workflow
from dsflow.declare.locations import caller
from dsflow.declare.params import Namespace, Param, Reference, Scalar, check_name, parse_value, to_text
from dsflow.declare.schedule import Schedule
from dsflow.declare.tasks.base import Task, Tasks
from dsflow.definition import Definition
from dsflow.errors import DeclarationError, ParameterError, SourceLocation

ExecutionType = Literal["PARALLEL", "SERIAL_WAIT", "SERIAL_DISCARD", "SERIAL_PRIORITY"]
WarningType = Literal["NONE", "SUCCESS", "FAILURE", "ALL"]

_Self = TypeVar("_Self", bound="Workflow")

_EXECUTION_TYPES = ("PARALLEL", "SERIAL_WAIT", "SERIAL_DISCARD", "SERIAL_PRIORITY")
_WARNING_TYPES = ("NONE", "SUCCESS", "FAILURE", "ALL")


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
        params: name -> default value or `Param`; they are DolphinScheduler's global parameters.
        schedule: a `Schedule`, or a cron text.
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
                raise DeclarationError(f"a {what} must be a string, not {text!r}", where=self.where)
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
                raise DeclarationError(f"{what}={text!r} is not a string", where=self.where)
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

    def __enter__(self: _Self) -> _Self:
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
                    raise DeclarationError(f"task {pre.name!r} cannot run after itself", where=where)
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
        return compile_workflow(self, values or {})


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
