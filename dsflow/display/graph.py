"""The graph of a Definition: edges that can be drawn, their labels, an order to read the tasks in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from dsflow.declare.folding import Edge, part_of
from dsflow.definition import Definition, TaskDefinition


def edges_of(definition: Definition) -> list[Edge]:
    """The relations between tasks that exist, each once, in the Definition's order."""
    names = {task.name for task in definition.tasks}
    edges = ((r.pre, r.post) for r in definition.relations)
    return list(dict.fromkeys((pre, post) for pre, post in edges if pre in names and post in names))


def one_line(text: str) -> str:
    """A text without line ends and control characters, for places that have one line."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def without_cycles(names: Sequence[str], edges: Sequence[Edge]) -> tuple[list[Edge], set[Edge]]:
    """The edges with those that close a circle turned round, and which these are (as given).

    dsflow compiles no cycle, but a DolphinScheduler stores one without complaint, and it should be seen.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    for pre, post in edges:
        after[pre].append(post)
    state: dict[str, int] = {}
    turned: set[Edge] = set()
    for root in names:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(after[root]))]
        while stack:
            name, rest = stack[-1]
            for post in rest:
                if state.get(post) == 1:
                    turned.add((name, post))
                elif post not in state:
                    state[post] = 1
                    stack.append((post, iter(after[post])))
                    break
            else:
                state[name] = 2
                stack.pop()
    acyclic = [(post, pre) if (pre, post) in turned else (pre, post) for pre, post in edges if pre != post]
    return list(dict.fromkeys(acyclic)), turned


def reading_order(names: Sequence[str], edges: Iterable[Edge]) -> list[str]:
    """A topological order that follows one branch to its end before it begins the next.

    Args:
        names: the tasks.
        edges: acyclic.
    """
    waiting = dict.fromkeys(names, 0)
    after: dict[str, list[str]] = {name: [] for name in names}
    for pre, post in edges:
        waiting[post] += 1
        after[pre].append(post)
    stack = [name for name in reversed(names) if not waiting[name]]
    order: list[str] = []
    while stack:
        name = stack.pop()
        order.append(name)
        for post in reversed(after[name]):
            waiting[post] -= 1
            if not waiting[post]:
                stack.append(post)
    return order


def parts_of(steps: Mapping[str, str]) -> dict[str, list[str]]:
    """What nodes each step has beside its own: ``ask``, ``check`` and so on."""
    found: dict[str, list[str]] = {}
    for node, step in steps.items():
        found.setdefault(step, []).append(part_of(node, steps))
    return found


def kind(task: TaskDefinition) -> str:
    """The task's type, with the mode of an OPENMLDB task."""
    mode = task.task_params.get("executeMode")
    return f"{task.task_type} {mode}" if task.task_type == "OPENMLDB" and mode else task.task_type


def grouped(edges: Iterable[Edge]) -> Mapping[str, list[str]]:
    """Each task's direct upstream tasks."""
    before: dict[str, list[str]] = {}
    for pre, post in edges:
        before.setdefault(post, []).append(pre)
    return before
