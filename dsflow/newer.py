"""What a workflow means otherwise on DolphinScheduler 3.3 and later.

Read in the released classes: ``CuringParamsServiceImpl`` of service 3.4.3, ``AbstractTaskStateAction`` of master 3.4.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from dsflow.definition import Definition, TaskDefinition
from dsflow.errors import SourceLocation

FIRST = (3, 3)
"""The first series that does."""


@dataclass(frozen=True)
class Change:
    """Something that comes out otherwise there.

    Attributes:
        message: what, and what becomes of it.
        hint: what to write instead.
    """

    message: str
    hint: str
    where: SourceLocation | None = None


def shadowed_outputs(definition: Definition) -> Iterator[Change]:
    """Outputs that do not arrive, or arrive where 3.1 and 3.2 keep another value.

    There a parameter is that of the start, else the task's own, else the workflow's; an output is then put into it if
    its direction is IN, over whatever value it has. 3.1 and 3.2 take the value of the start (3.2), the task's own, the
    output and the workflow's, in this order.
    """
    shared = {param.prop for param in definition.global_params}
    before = _before(definition)
    producers: dict[str, set[str]] = {}
    for task in definition.tasks:
        for name in _outputs(task):
            producers.setdefault(name, set()).add(task.name)
            if name in shared:
                yield Change(
                    f"task {task.name!r} has an output {name!r}, and the workflow a parameter of that name: the output "
                    "replaces the parameter, also a value that was given at the start",
                    "give one of the two another name",
                    task.where,
                )
    for task in definition.tasks:
        own = {param.prop: param for param in task.local_params}
        for name in sorted(own.keys() & producers.keys()):
            makers = sorted(producers[name] & before[task.name])
            if own[name].direct == "OUT" and _uses(task, name):
                other = f"the output {name!r} of {makers[0]!r}" if makers else f"${{{name}}}"
                yield Change(
                    f"task {task.name!r} uses {other} and has an output of that name itself: the placeholder is empty "
                    "in it" + ("" if makers else ", where 3.1 and 3.2 leave it, such as for a variable of the shell"),
                    "give one of the two another name" if makers else f"write a variable of the shell as ${name}",
                    task.where,
                )
            elif makers and own[name].direct == "IN" and own[name].value != f"${{{name}}}":
                yield Change(
                    f"task {task.name!r} has a parameter {name!r} of its own, and {makers[0]!r} before it an output of "
                    "that name: the output replaces it",
                    "give one of the two another name",
                    task.where,
                )


def lost_conditions(definition: Definition) -> Iterator[Change]:
    """CONDITIONS tasks that are not run after a failure: something else follows the task that failed, too."""
    kinds = {task.name: task.task_type for task in definition.tasks}
    after: dict[str, list[str]] = {}
    for relation in definition.relations:
        after.setdefault(relation.pre, []).append(relation.post)
    for task in definition.tasks:
        following = after.get(task.name, [])
        asking = [name for name in following if kinds.get(name) == "CONDITIONS"]
        others = [name for name in following if kinds.get(name) != "CONDITIONS"]
        if asking and others:
            yield Change(
                f"task {task.name!r} is followed by the CONDITIONS task {asking[0]!r} and by {others[0]!r}: when it "
                f"fails, {asking[0]!r} is not run, and the run fails",
                f"let {others[0]!r} follow the CONDITIONS task, so that nothing else follows {task.name!r}",
                task.where,
            )


def loose_switches(definition: Definition) -> Iterator[Change]:
    """Switches: an error in a condition is no failure there."""
    for task in definition.tasks:
        if task.task_type == "SWITCH":
            yield Change(
                f"an error in a condition of switch {task.name!r} never fails it: it goes on with the next condition, "
                "and at last with the default branch; and parameters of the workflow are compared by their types",
                "let the default branch be the careful one",
                task.where,
            )


def _outputs(task: TaskDefinition) -> set[str]:
    return {param.prop for param in task.local_params if param.direct == "OUT"}


def _uses(task: TaskDefinition, name: str) -> bool:
    return f"${{{name}}}" in json.dumps(task.task_params, ensure_ascii=False)


def _before(definition: Definition) -> dict[str, set[str]]:
    """Task -> all tasks before it."""
    direct: dict[str, list[str]] = {}
    for relation in definition.relations:
        direct.setdefault(relation.post, []).append(relation.pre)
    found: dict[str, set[str]] = {}
    for task in definition.tasks:
        seen: set[str] = set()
        waiting = list(direct.get(task.name, ()))
        while waiting:
            pre = waiting.pop()
            if pre not in seen:
                seen.add(pre)
                waiting += direct.get(pre, ())
        found[task.name] = seen
    return found
