"""A step of several nodes as one thing to look at: which nodes of a Definition belong to which step.

A Definition, also one that is read from a server, says nothing of steps: they are known by what dsflow writes, which is
a node's name and, of a PYTHON node, how its script begins. So nodes of an earlier dsflow are known as well, in which
``check extract f`` was ``extract f: check``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dsflow.declare.steps import part_name
from dsflow.definition import Definition, TaskDefinition
from dsflow.worker.excerpt import MARK

Edge = tuple[str, str]

_BEGINS = (MARK, '"""The script of the PYTHON tasks that look whether an OpenMLDB step did what it says.')
_KINDS = {
    "ask": "PYTHON",
    "choose": "SWITCH",
    "skip": "SHELL",
    "check": "PYTHON",
    "done": "SHELL",
    "equal rows": "PYTHON",
    "drop old": "PYTHON",
}
_STEPS = frozenset({"OPENMLDB", "HTTP"})


def steps_of(definition: Definition) -> dict[str, str]:
    """The step of each node that is a part of one; the step's own node, which has its name, is not among them."""
    tasks = {task.name: task for task in definition.tasks}
    return {
        name: task.name
        for task in definition.tasks
        if task.task_type in _STEPS
        for word, kind in _KINDS.items()
        for name in _names(word, task.name)
        if name in tasks and tasks[name].task_type == kind and _is_written(tasks[name], word, task.name)
    }


def count_of(definition: Definition, steps: Mapping[str, str]) -> str:
    """How many tasks there are, and of how many nodes."""
    nodes = len(definition.tasks)
    count = nodes - len(steps)
    return f"{count} task{'' if count == 1 else 's'}" + (f" ({nodes} nodes)" if steps else "")


def _names(word: str, step: str) -> tuple[str, str]:
    """What a node of a step is called, and what an earlier dsflow called it."""
    return part_name(word, step), f"{step}: {word}"


def _is_written(task: TaskDefinition, word: str, step: str) -> bool:
    """Whether a node holds what dsflow writes into one of this name."""
    if word == "choose":
        return (task.task_params.get("switchResult") or {}).get("nextNode") == step
    script = str(task.task_params.get("rawScript"))
    return script.startswith("echo '") if task.task_type == "SHELL" else script.startswith(_BEGINS)


def part_of(node: str, steps: Mapping[str, str]) -> str:
    """What a node is in its step: ``check``, ``ask`` and so on."""
    return next((word for word in _KINDS if node in _names(word, steps[node])), node)


def folded(edges: Iterable[Edge], steps: Mapping[str, str]) -> list[Edge]:
    """Edges between steps, each once, in place of those between their nodes.

    A check that asks for a deployment far behind it (`dsflow.declare.asking`) is before it by other tasks as well.
    """
    edges = list(edges)
    choices = Counter(post for _, post in edges if post in steps and part_of(post, steps) == "choose")
    edges = [
        (pre, post)
        for pre, post in edges
        if not (choices[post] > 1 and pre in steps and part_of(pre, steps) == "check" and steps[pre] != steps[post])
    ]
    both = ((pre, post, steps.get(pre, pre), steps.get(post, post)) for pre, post in edges)
    return list(dict.fromkeys((one, other) for pre, post, one, other in both if one != other or pre == post))
