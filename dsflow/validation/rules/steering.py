"""Tasks that steer, as they are sent: what a raw task or ``strict=False`` lets through, mostly in what was imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dsflow.declare.params import PLACEHOLDER
from dsflow.declare.tasks import type_of
from dsflow.definition import SUB_WORKFLOW, Definition, TaskDefinition
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule


@rule("DSF408")
def branches(model: Model) -> Iterator[Problem]:
    """A task that steers and leads to what never runs."""
    definition = model.definition
    if definition is None:
        return
    edges = {(r.pre, r.post) for r in definition.relations}
    for task in definition.tasks:
        inside = f"task {task.name!r}"
        if type_of(task.task_type).steers:
            yield from _steers(definition, task, edges, inside)
        if task.task_type in ("CONDITIONS", "DEPENDENT"):
            yield from _dependence(task, edges, inside)
        runs = task.task_params.get(SUB_WORKFLOW)
        if runs == definition.name:
            yield Problem(f"{inside} runs the workflow {runs!r} itself, without end", task.where)


def _steers(
    definition: Definition, task: TaskDefinition, edges: set[tuple[str, str]], inside: str
) -> Iterator[Problem]:
    targets = _switched(task) if task.task_type == "SWITCH" else _conditioned(task)
    if targets is None:
        yield Problem(f"{inside} has no branch: nothing after it runs", task.where)
        return
    names = {t.name for t in definition.tasks}
    chosen = [target for _, target in targets if target]
    for what, target in targets:
        if not target and what == "otherwise":
            yield Problem(
                f"{inside} has no task for the case that no condition holds: 3.1 then ends green and runs nothing "
                "after it, 3.2 fails",
                task.where,
                "name one: otherwise=",
                "warning",
            )
        elif not target:
            yield Problem(f"{inside}: the branch {what} leads to no task", task.where)
        elif target not in names:
            yield Problem(
                f"{inside}: the branch {what} leads to {target!r}, which the workflow does not have", task.where
            )
        elif (task.name, target) not in edges:
            yield Problem(
                f"{inside}: the branch {what} leads to {target!r}, but there is no edge to it",
                task.where,
                f"add one: {task.name!r} >> {target!r}",
            )
    for target, count in Counter(chosen).items():
        if count > 1:
            yield Problem(
                f"{inside}: two branches lead to {target!r}, which DolphinScheduler then always skips",
                task.where,
                "join the conditions (||), or put a task of its own into each branch",
            )
    if task.flag == "NO":
        yield Problem(f"{inside} is switched off and takes no branch: nothing after it runs", task.where)
    for pre, post in sorted(edges):
        if pre == task.name and chosen and post not in chosen:
            yield Problem(
                f"task {post!r} never runs: {inside} only goes on with {', '.join(map(repr, dict.fromkeys(chosen)))}",
                task.where,
                f"make {post!r} run after one of those, or before {task.name!r}",
            )


def _switched(task: TaskDefinition) -> list[tuple[str, str]] | None:
    """What leads to which task; None when there is nothing."""
    result = task.task_params.get("switchResult")
    rows = result.get("dependTaskList") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not rows:
        return None
    found = [(repr(str(row.get("condition") or "")), _one(row.get("nextNode"))) for row in rows]
    return [*found, ("otherwise", _one(result.get("nextNode")))]


def _conditioned(task: TaskDefinition) -> list[tuple[str, str]] | None:
    result = task.task_params.get("conditionResult")
    if not isinstance(result, dict):
        return None
    return [(what, _one(result.get(key))) for what, key in (("success", "successNode"), ("failure", "failedNode"))]


def _one(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0] or "") if value else ""
    return str(value or "")


def _dependence(task: TaskDefinition, edges: set[tuple[str, str]], inside: str) -> Iterator[Problem]:
    dependence = task.task_params.get("dependence")
    groups = dependence.get("dependTaskList") if isinstance(dependence, dict) else None
    if not groups:
        yield Problem(f"{inside} waits for nothing", task.where)
        return
    for group in groups:
        items = group.get("dependItemList") if isinstance(group, dict) else None
        if not items:
            yield Problem(
                f"{inside} has a condition outside of a group, with which DolphinScheduler hangs or fails",
                task.where,
                "put it into a group: dependTaskList -> dependItemList",
            )
            continue
        for name in [str(item.get("depTaskCode") or "") for item in items] if task.task_type == "CONDITIONS" else []:
            if (name, task.name) not in edges:
                yield Problem(
                    f"{inside} asks how {name!r} ended, but does not run after it",
                    task.where,
                    f"add an edge: {name!r} >> {task.name!r}",
                )


@rule("DSF409", "warning")
def loose(model: Model) -> Iterator[Problem]:
    """A name or a parameter that strict=True would refuse."""
    definition = model.definition
    if definition is None:
        return
    for task in definition.tasks:
        inside = f"task {task.name!r}"
        if task.name != " ".join(task.name.split()):
            yield Problem(f"{inside}: the name holds line ends, or blanks that nobody sees", task.where)
        given = {p.prop for p in task.local_params if p.direct == "IN"}
        for param in task.local_params:
            if param.direct == "OUT" and param.prop in given:
                yield Problem(f"{inside}: {param.prop!r} is both among its params and among its outputs", task.where)
            match = PLACEHOLDER.fullmatch(param.value)
            if param.direct == "IN" and match and match[1] == param.prop and param.prop not in model.values:
                yield Problem(
                    f"{inside}: the parameter {param.prop!r} refers to itself, a circle to DolphinScheduler",
                    task.where,
                    f"leave it out: ${{{param.prop}}} is there already",
                )
