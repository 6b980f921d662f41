"""What a pipeline file says, as plain data: between a Definition, Python source and YAML.

Tasks are named by their names. A value is a scalar, a list, a mapping, or one of the classes of
:mod:`dsflow.declare.written`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dsflow.declare.params import Scalar, placeholders
from dsflow.declare.written import Branch, Ended, Group, ParamRef, TaskRef, TypedParam
from dsflow.errors import SourceLocation


@dataclass
class TaskDeclaration:
    """One task.

    Attributes:
        kind: the name of the class in :mod:`dsflow`, such as ``Shell``.
        fields: the arguments that differ from their defaults, without the name.
        on: of a step the key of the table or feature view whose method ``kind`` makes it; else ''.
    """

    kind: str
    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    where: SourceLocation | None = None
    on: str = ""


@dataclass
class WorkflowDeclaration:
    """One workflow.

    Attributes:
        fields: the arguments of :class:`dsflow.Workflow` that differ from their defaults, without name, project,
            params and schedule.
        schedule: the arguments of :class:`dsflow.Schedule`.
        edges: those that no task implies.
    """

    name: str
    project: str
    fields: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Scalar | TypedParam] = field(default_factory=dict)
    schedule: dict[str, Any] | None = None
    tasks: list[TaskDeclaration] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    where: SourceLocation | None = None
    places: dict[tuple[str, str], SourceLocation] = field(default_factory=dict)

    def owners(self) -> dict[str, str]:
        """Output -> the one task that gives it; those of several tasks or with a parameter's name are left out."""
        found: dict[str, str] = {}
        twice = set(self.params)
        for task in self.tasks:
            for name in task.fields.get("outputs") or {}:
                if name in found:
                    twice.add(name)
                found[name] = task.name
        return {name: task for name, task in found.items() if name not in twice}


def references(value: Any) -> Iterator[TaskRef | ParamRef | Branch]:
    """Every reference inside a field's value."""
    if isinstance(value, (TaskRef, ParamRef)):
        yield value
    elif isinstance(value, Branch):
        yield value
        yield value.task
    elif isinstance(value, Ended):
        yield value.task
    elif isinstance(value, Group):
        for item in value.items:
            yield from references(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def needs(task: TaskDeclaration, owners: Mapping[str, str]) -> set[str]:
    """Names of the tasks that must be declared before this one."""
    found: set[str] = set()
    for reference in references(list(task.fields.values())):
        if isinstance(reference, TaskRef):
            found.add(reference.name)
        elif isinstance(reference, ParamRef):
            found |= {reference.owner} if reference.owner else set()
        else:
            found |= {owners[name] for name in placeholders(reference.condition) if name in owners}
    return found - {task.name}


def in_order(declaration: WorkflowDeclaration) -> list[TaskDeclaration]:
    """The tasks, each after those that it names; otherwise in the order in which they run.

    Raises:
        CycleError: two tasks name each other; its second argument is the list of their names.
    """
    owners = declaration.owners()
    tasks = {task.name: task for task in declaration.tasks}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for task in declaration.tasks:
        sorter.add(task.name, *(name for name in needs(task, owners) if name in tasks))
    sorter.prepare()
    position = _run_order(declaration)
    ready: list[str] = []
    ordered: list[TaskDeclaration] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=lambda name: position[name])
        name = ready.pop(0)
        ordered.append(tasks[name])
        sorter.done(name)
    return ordered


def _run_order(declaration: WorkflowDeclaration) -> dict[str, int]:
    names = [task.name for task in declaration.tasks]
    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in names})
    for pre, post in [*declaration.edges, *implied_edges(declaration)]:
        sorter.add(post, pre)
    try:
        return {name: i for i, name in enumerate(sorter.static_order())}
    except CycleError:  # the workflow is refused later, with a better error
        return {name: i for i, name in enumerate(names)}


def implied_edges(declaration: WorkflowDeclaration) -> list[tuple[str, str]]:
    """Edges that tasks draw by themselves: to a switch's branches, from what CONDITIONS looks at."""
    edges = []
    for task in declaration.tasks:
        for reference in references([v for k, v in task.fields.items() if k != "params"]):
            if isinstance(reference, TaskRef):
                edges.append((task.name, reference.name))
        for group in task.fields.get("when") or [] if task.kind == "Conditions" else []:
            for ended in group.items:
                edges.remove((task.name, ended.task.name))
                edges.append((ended.task.name, task.name))
    return edges
