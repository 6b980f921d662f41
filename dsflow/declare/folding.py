"""A step of several nodes as one thing to look at: which nodes of a Definition belong to which step.

A Definition, also one that is read from a server, says nothing of steps: they are known by what dsflow writes, which is
a node's name and, of a PYTHON node, how its script begins. So nodes of an earlier dsflow are known as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dsflow.declare.steps import MARK
from dsflow.definition import Definition, TaskDefinition

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
    kinds = {task.name: task.task_type for task in definition.tasks}
    found = {}
    for task in definition.tasks:
        step, _, word = task.name.rpartition(": ")
        if kinds.get(step) in _STEPS and _KINDS.get(word) == task.task_type and _is_written(task, word, step):
            found[task.name] = step
    return found


def _is_written(task: TaskDefinition, word: str, step: str) -> bool:
    """Whether a node holds what dsflow writes into one of this name."""
    if word == "choose":
        return (task.task_params.get("switchResult") or {}).get("nextNode") == step
    script = str(task.task_params.get("rawScript"))
    return script.startswith("echo '") if task.task_type == "SHELL" else script.startswith(_BEGINS)


def part_of(node: str, steps: Mapping[str, str]) -> str:
    """What a node is in its step: ``check``, ``ask`` and so on."""
    return node.removeprefix(f"{steps[node]}: ")


def folded(edges: Iterable[Edge], steps: Mapping[str, str]) -> list[Edge]:
    """Edges between steps, each once, in place of those between their nodes."""
    both = ((pre, post, steps.get(pre, pre), steps.get(post, post)) for pre, post in edges)
    return list(dict.fromkeys((one, other) for pre, post, one, other in both if one != other or pre == post))
