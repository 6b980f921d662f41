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
    asking = asking_of(task.workflow, relations)
    if _asks_early(task, asking, held):
        return Part((task.name,))
    entry = task.entry.name
    reached = _reached(entry, relations)
    check, params = _check_that_asks(task, asking, held)
    if check is None:
        return Part((entry, *(ask for ask in asking.beside if ask in reached and ask != entry)))
    nodes = (name for name in task.workflow.tasks if name in reached and name not in asking.passing)
    return Part((check, *nodes), True, params)


def part_only(task: Task, held: Container[str]) -> Part:
    """One task, a step with all its nodes."""
    names = [node.name for node in task.nodes]
    asking = asking_of(task.workflow, all_relations(task.workflow))
    if _asks_early(task, asking, held):
        return Part((task.name, names[-1]), True)
    check, params = _check_that_asks(task, asking, held)
    return Part(tuple(names if check is None else [check, *names[1:]]), True, params)


def _asks_early(task: Task, asking: Asking, held: Container[str]) -> bool:
    """Whether the step's ask is made so far before it that a part which begins with the step cannot have it made.

    Such a part begins with the step's own node, which is a DEPLOY, and fails where that is done already.
    """
    return task.entry.name in asking.early and task.entry.name not in held


def _check_that_asks(task: Task, asking: Asking, held: Container[str]) -> tuple[str | None, dict[str, str]]:
    """The check that makes the ask of a step, and what tells it that it shall do nothing else.

    A server that holds the workflow as an earlier version made it may have the ask as a node: then there is none.
    """
    ask = task.entry
    check = None if ask.name in held else asking.passing.get(ask.name)
    return (None, {}) if check is None else (check.name, {START: next(iter(ask.outputs))})


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
