"""Declaration -> Workflow: what running the Python source would make."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError
from typing import Any

from dsflow.declare.locations import located
from dsflow.declare.params import Condition, Param, Reference, placeholders
from dsflow.declare.schedule import Schedule
from dsflow.declare.tasks import CLASSES
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import all_of, any_of, failed, succeeded
from dsflow.declare.workflow import Workflow
from dsflow.declare.written import Branch, DependsOn, Ended, Group, ParamRef, TaskRef, TypedParam
from dsflow.errors import DeclarationError
from dsflow.source.declaration import TaskDeclaration, WorkflowDeclaration, in_order


def build(declaration: WorkflowDeclaration) -> Workflow:
    """Make the workflow.

    Raises:
        DeclarationError: it says something that cannot be.
    """
    workflow = build_empty(declaration)
    try:
        ordered = in_order(declaration)
    except CycleError as error:
        raise DeclarationError(
            "these tasks name each other, so none can be declared first: " + ", ".join(error.args[1]),
            where=declaration.where,
        ) from None
    for task in ordered:
        build_task(workflow, task)
    # in the order of the file, which is that of the Definition
    order = {task.name: i for i, task in enumerate(declaration.tasks)}
    workflow.tasks = dict(sorted(workflow.tasks.items(), key=lambda item: order[item[0]]))
    for pre, post in declaration.edges:
        with _at(declaration.places.get((pre, post)) or declaration.where):
            workflow.connect(task_of(workflow, pre), task_of(workflow, post))
    return workflow


def build_empty(declaration: WorkflowDeclaration) -> Workflow:
    """The workflow without its tasks."""
    with _at(declaration.where):
        return Workflow(
            declaration.name,
            project=declaration.project,
            params={name: _param(value) for name, value in declaration.params.items()},
            schedule=Schedule(**declaration.schedule) if declaration.schedule else None,
            **declaration.fields,
        )


def build_task(workflow: Workflow, task: TaskDeclaration) -> Task:
    """Make one task; those that it names must be there already."""
    with _at(task.where or workflow.where), workflow:
        fields = {name: _value(workflow, task, name, value) for name, value in task.fields.items()}
        return CLASSES[task.kind](task.name, **fields)


def task_of(workflow: Workflow, name: str) -> Task:
    """The task of that name.

    Raises:
        DeclarationError: there is none.
    """
    if name not in workflow.tasks:
        raise DeclarationError(
            f"there is no task {name!r}", where=_here(workflow), hint="tasks: " + ", ".join(workflow.tasks)
        )
    return workflow.tasks[name]


def _here(workflow: Workflow) -> Any:
    from dsflow.declare.locations import caller

    return caller() or workflow.where


def _at(where: Any) -> Any:
    from contextlib import nullcontext

    return located(where) if where is not None else nullcontext()


def _param(value: Any) -> Any:
    if isinstance(value, TypedParam):
        return Param(value.default, local=value.local, description=value.description, type=value.type)
    return value


def _value(workflow: Workflow, task: TaskDeclaration, name: str, value: Any) -> Any:
    if name == "branches":
        return {_condition(workflow, b): task_of(workflow, b.task.name) for b in value}
    if name in ("when", "on"):
        return [_group(workflow, group) for group in value]
    if isinstance(value, TaskRef):
        return task_of(workflow, value.name)
    if isinstance(value, ParamRef):
        return _reference(workflow, value)
    if isinstance(value, TypedParam):
        return _param(value)
    if isinstance(value, Mapping) and name not in ("extra", "fields"):
        return {key: _value(workflow, task, "", item) for key, item in value.items()}
    return value


def _reference(workflow: Workflow, value: ParamRef) -> Reference:
    if value.owner is None:
        return workflow.params[value.name]
    outputs = task_of(workflow, value.owner).outputs
    reference: Reference = outputs[value.name]
    return reference


def _condition(workflow: Workflow, branch: Branch) -> Condition:
    found: dict[str, Reference] = {name: workflow.params[name] for name in workflow.params}
    for task in workflow.tasks.values():
        found.update({name: task.outputs[name] for name in task.outputs})
    used = frozenset(found[name] for name in placeholders(branch.condition) if name in found)
    return Condition(branch.condition, used)


def _group(workflow: Workflow, group: Group) -> Any:
    make = all_of if group.relation == "AND" else any_of
    return make(*(_item(workflow, item) for item in group.items))


def _item(workflow: Workflow, item: Ended | DependsOn) -> Any:
    if isinstance(item, DependsOn):
        return item
    make = succeeded if item.status == "SUCCESS" else failed
    return make(task_of(workflow, item.task.name))
