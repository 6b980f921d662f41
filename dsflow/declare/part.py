"""A part of a workflow to run: where it begins, when a step's ask is not the node before it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from dsflow.declare.asking import Asking, asking_of
from dsflow.declare.compile import all_relations
from dsflow.declare.stepscript import START
from dsflow.declare.tasks.base import Task


@dataclass(frozen=True)
class Part:
    """What to start.

    Attributes:
        tasks: names of the tasks to start with, or (with ``exactly``) of all that run.
        exactly: whether nothing but these runs.
        params: start parameters that the workflow does not declare.
    """

    tasks: tuple[str, ...]
    exactly: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


def part_from(task: Task, held: Container[str]) -> Part:
    """A task and all that comes after it.

    Args:
        task: of the workflow; a step begins with its first node.
        held: names of the tasks that the server's workflow has.
    """
    relations = all_relations(task.workflow)
    asking = asking_of(task.workflow.tasks, relations)
    entry = task.entry.name
    reached = _reached(entry, relations)
    checks = _checks_that_ask(asking, entry, reached, held)
    if not checks:
        return Part((entry, *(ask for ask in asking.beside if ask in reached and ask != entry)))
    nodes = (name for name in task.workflow.tasks if name in reached and name not in asking.passing)
    return Part(tuple(dict.fromkeys((*checks.values(), *nodes))), True, {START: " ".join(checks)})


def part_only(task: Task, held: Container[str]) -> Part:
    """One task, a step with all its nodes."""
    names = [node.name for node in task.nodes]
    asking = asking_of(task.workflow.tasks, all_relations(task.workflow))
    checks = _checks_that_ask(asking, names[0], set(names[:1]), held)
    if not checks:
        return Part(tuple(names), True)
    return Part((*checks.values(), *names[1:]), True, {START: " ".join(checks)})


def _checks_that_ask(asking: Asking, entry: str, reached: Container[str], held: Container[str]) -> dict[str, str]:
    """The checks before a part that make asks of steps in it, by the ask's output; each shall do nothing else.

    They are asked by the step that the part begins with, and by deployments in it whose check lies before it. A server
    that holds the workflow as an earlier version made it may have the ask as a node: then there is none.
    """
    return {
        next(iter(asking.asks[name].outputs)): check.name
        for name, check in asking.passing.items()
        if name in reached and name not in held and (name == entry or check.name not in reached)
    }


def _reached(name: str, relations: Iterable[tuple[str, str]]) -> set[str]:
    """A task, and those that run after it."""
    after: dict[str, list[str]] = {}
    for pre, post in relations:
        after.setdefault(pre, []).append(post)
    reached, left = {name}, [name]
    while left:
        new = [post for post in after.get(left.pop(), ()) if post not in reached]
        reached.update(new)
        left += new
    return reached
