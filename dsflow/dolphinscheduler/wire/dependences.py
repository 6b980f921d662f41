"""What the DEPENDENT tasks of a Definition wait for: workflows and tasks, by their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dsflow.declare.tasks.about import DEPENDENCE
from dsflow.definition import JsonDict, TaskDefinition
from dsflow.dolphinscheduler.wire.codec import ALL_TASKS_NAME, named_by


@dataclass(frozen=True)
class Dependence:
    """A workflow that is waited for.

    Attributes:
        task: the one task of it that is waited for; '' when it is the workflow, or all of its tasks.
    """

    project: str
    workflow: str
    task: str


def dependences(task: TaskDefinition) -> list[Dependence]:
    """What a task waits for; nothing, unless it is of a type that waits."""
    return [_read(item) for item in named_by(task, DEPENDENCE)]


def without_dependences(task: TaskDefinition, left_out: Callable[[Dependence], bool]) -> TaskDefinition:
    """A task that waits, without those of its dependences that are to be left out."""
    held = task.task_params["dependence"]
    groups = [
        {**group, "dependItemList": [item for item in group.get("dependItemList") or [] if not left_out(_read(item))]}
        for group in held.get("dependTaskList") or []
    ]
    return replace(task, task_params={**task.task_params, "dependence": {**held, "dependTaskList": groups}})


def _read(item: JsonDict) -> Dependence:
    task = str(item.get("depTaskCode") or "")
    return Dependence(str(item["projectCode"]), str(item["definitionCode"]), "" if task == ALL_TASKS_NAME else task)
