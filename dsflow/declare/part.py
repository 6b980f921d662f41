"""A part of a workflow to run: where it begins, when a step's ask is made by the check before it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from dsflow.declare.compile import all_relations
from dsflow.declare.steps import START, merged_asks
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
    entry = task.entry.name
    check, params = _check_that_asks(task, held)
    if check is None:
        return Part((entry,))
    after: dict[str, list[str]] = {}
    for pre, post in all_relations(task.workflow):
        after.setdefault(pre, []).append(post)
    reached = {entry: None}
    left = [entry]
    while left:
        new = [name for name in after.get(left.pop(), ()) if name not in reached]
        reached.update(dict.fromkeys(new))
        left += new
    merged = merged_asks(task.workflow, all_relations(task.workflow))
    return Part(
        (check, *(name for name in task.workflow.tasks if name in reached and name not in merged)), True, params
    )


def part_only(task: Task, held: Container[str]) -> Part:
    """One task, a step with all its nodes."""
    names = [node.name for node in task.nodes]
    check, params = _check_that_asks(task, held)
    return Part(tuple(names if check is None else [check, *names[1:]]), True, params)


def _check_that_asks(task: Task, held: Container[str]) -> tuple[str | None, dict[str, str]]:
    """The check that makes the ask of a step, and what tells it that it shall do nothing else.

    A server that holds the workflow as an earlier version made it may have the ask as a node: then there is none.
    """
    ask = task.entry
    check = None if ask.name in held else merged_asks(task.workflow, all_relations(task.workflow)).get(ask.name)
    return (None, {}) if check is None else (check.name, {START: next(iter(ask.outputs))})
