"""What a pipeline file writes into a task's fields, as plain data: other tasks, parameters and conditions by name.

A task's class gives its arguments in this form when it is read back from ``taskParams``
(`dsflow.declare.tasks.base.Task.arguments`); Python and YAML are written from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dsflow.declare.params import Scalar

Fields = dict[str, Any]


@dataclass(frozen=True)
class TaskRef:
    """Another task of the workflow."""

    name: str


@dataclass(frozen=True)
class ParamRef:
    """A parameter of the workflow, or (with an owner) an output of a task."""

    name: str
    owner: str | None = None


@dataclass(frozen=True)
class TypedParam:
    """A `dsflow.Param`."""

    default: Scalar
    type: str | None = None
    local: Scalar | None = None
    description: str = ""


@dataclass(frozen=True)
class Branch:
    """A branch of a switch: a JavaScript expression, and the task to go on with."""

    condition: str
    task: TaskRef


@dataclass(frozen=True)
class Ended:
    """``succeeded(task)`` or ``failed(task)``."""

    task: TaskRef
    status: str


@dataclass(frozen=True)
class DependsOn:
    """For `Dependent`: a workflow, or one task of it, that must have ended well.

    Args:
        workflow: its name.
        task: one of its tasks; '' means the whole workflow.
        project: its project; None means the same project.
        date: which run: DolphinScheduler's words, such as ``today``, ``last1Days``, ``currentHour``, ``thisMonth``.
    """

    workflow: str
    task: str = ""
    project: str | None = None
    date: str = "today"


@dataclass(frozen=True)
class Group:
    """``all_of`` (AND) or ``any_of`` (OR)."""

    relation: str
    items: tuple[Ended | DependsOn, ...]
