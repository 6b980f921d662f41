"""Workflow -> Definition: a pure function of the declaration and the parameters' values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dsflow.declare.asking import ALONE, Asking, asking_of
from dsflow.declare.encoding import breaks_node
from dsflow.declare.params import Scalar, parse_value, placeholders, substitute, to_text
from dsflow.declare.steps import StepScript
from dsflow.declare.tasks import type_of
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import Switch
from dsflow.definition import Definition, JsonDict, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.errors import DeclarationError, ParameterError

if TYPE_CHECKING:
    from dsflow.declare.schedule import Schedule
    from dsflow.declare.workflow import Workflow

# names that DolphinScheduler itself defines: ${system.biz.date} and the like
_SYSTEM_PREFIX = "system."


def compile_workflow(
    workflow: Workflow, values: Mapping[str, Scalar | str], *, steps_alone: bool = False
) -> Definition:
    """Compile; see `dsflow.Workflow.definition` for what goes in and out.

    Args:
        steps_alone: each step asks for itself what it asks, so that it can be run, or not, without the one before it.
    """
    if not workflow.tasks:
        raise DeclarationError(f"workflow {workflow.name!r} has no tasks", where=workflow.where)
    chosen = parameter_values(workflow, values)
    fixed: set[str] = set()

    def resolve(text: str) -> str:
        fixed.update(name for name in placeholders(text) if name in chosen)
        return substitute(text, chosen)

    relations = all_relations(workflow)
    if workflow.strict:
        _check_sources(workflow, relations)
    asking = ALONE if steps_alone else asking_of(workflow.tasks, relations)
    tasks = tuple(
        _define(task, asking, workflow, resolve) for task in workflow.tasks.values() if task.name not in asking.passing
    )
    if workflow.strict:
        for task in tasks:
            _check_placeholders(workflow, task, chosen)
        _check_step_values(workflow, chosen)
    return Definition(
        project=workflow.project,
        name=workflow.name,
        description=workflow.description,
        global_params=tuple(
            Property(name, "IN", param.property_type, chosen[name]) for name, param in workflow.parameters.items()
        ),
        timeout=workflow.timeout or 0,
        execution_type=workflow.execution_type,
        release_state="ONLINE" if workflow.online else "OFFLINE",
        warning_type=workflow.warning_type,
        warning_group=workflow.warning_group,
        worker_group=workflow.worker_group,
        schedule=compile_schedule(workflow.schedule) if workflow.schedule else None,
        tasks=tasks,
        relations=tuple(Relation(pre, post) for pre, post in _in_order(workflow, asking.edges(relations))),
        fixed_params=tuple(sorted(fixed)),
        where=workflow.where,
    )


def _define(task: Task, asking: Asking, workflow: Workflow, resolve: Callable[[str], str]) -> TaskDefinition:
    asks = [workflow.tasks[name] for name, check in asking.passing.items() if check is task]
    if isinstance(task, StepScript) and asks:
        return task.asking([ask for ask in asks if isinstance(ask, StepScript)], resolve)
    made = task.define(resolve)
    return _led(made, asking.early) if isinstance(task, Switch) else made


def _led(switch: TaskDefinition, early: Mapping[str, str]) -> TaskDefinition:
    """A switch whose branches lead to what comes after an ask that is made earlier."""
    result = switch.task_params["switchResult"]
    branches = [
        {**branch, "nextNode": early.get(branch["nextNode"], branch["nextNode"])} for branch in result["dependTaskList"]
    ]
    led = {**result, "dependTaskList": branches, "nextNode": early.get(result["nextNode"], result["nextNode"])}
    return replace(switch, task_params={**switch.task_params, "switchResult": led})


def parameter_values(workflow: Workflow, values: Mapping[str, Scalar | str]) -> dict[str, str]:
    """The text of every parameter: its default, or the given value once that has proven to be of its type.

    Raises:
        ParameterError: a value is for no parameter, or of another type.
    """
    chosen = {name: to_text(param.default) for name, param in workflow.parameters.items()}
    for name, value in values.items():
        if name not in workflow.parameters:
            known = ", ".join(workflow.parameters) or "none"
            raise ParameterError(
                f"workflow {workflow.name!r} has no parameter {name!r}", hint=f"its parameters: {known}"
            )
        chosen[name] = to_text(parse_value(name, workflow.parameters[name].python_type, to_text(value)))
    return chosen


def all_relations(workflow: Workflow) -> list[tuple[str, str]]:
    """All edges, declared and implied, in a fixed order.

    Raises:
        DeclarationError: they make a cycle, or one leads to a task of another workflow.
    """
    edges = dict.fromkeys(workflow.edges)
    for task in workflow.tasks.values():
        for other in (*task.implied_downstream(), *task.implied_upstream()):
            if other.workflow is not workflow:
                raise task.error(f"it names the task {other.name!r} of another workflow ({other.workflow.name!r})")
        edges.update(dict.fromkeys((task.name, t.name) for t in task.implied_downstream()))
        edges.update(dict.fromkeys((t.name, task.name) for t in task.implied_upstream()))
    _check_order(workflow, edges)
    if workflow.strict:
        _check_steering(workflow)
    return _in_order(workflow, edges)


def _in_order(workflow: Workflow, edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """By the places of their tasks in the workflow, so that the same edges always give the same Definition."""
    position = {name: i for i, name in enumerate(workflow.tasks)}
    return sorted(edges, key=lambda edge: (position[edge[0]], position[edge[1]]))


def _check_order(workflow: Workflow, edges: Mapping[tuple[str, str], Any]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for pre, post in edges:
        sorter.add(post, pre)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = list(error.args[1])
        where = next((workflow.edges[e] for e in pairwise(cycle) if workflow.edges.get(e)), workflow.where)
        raise DeclarationError("the tasks run in a circle: " + " >> ".join(cycle), where=where) from None


def _check_steering(workflow: Workflow) -> None:
    """After a task that chooses, only what it chooses from ever runs: another edge would be a task that never does."""
    for task in workflow.tasks.values():
        chosen = [other.name for other in task.implied_downstream()]
        for (pre, post), where in workflow.edges.items():
            if chosen and pre == task.name and post not in chosen:
                raise DeclarationError(
                    f"task {post!r} would never run: {pre!r} only goes on with {', '.join(map(repr, chosen))}",
                    where=where,
                    hint=f"make {post!r} run after one of those, or before {pre!r}",
                )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return []


def _check_placeholders(workflow: Workflow, task: TaskDefinition, chosen: Mapping[str, str]) -> None:
    """Every ``${name}`` that can only mean a parameter must be one, and its value must fit where it goes."""
    known = (
        {p.prop for p in task.local_params} | chosen.keys() | {o for t in workflow.tasks.values() for o in t.outputs}
    )
    about = type_of(task.task_type)
    if not about.program:
        for name in (n for text in _texts(task.task_params) for n in placeholders(text)):
            if name not in known and not name.startswith(_SYSTEM_PREFIX):
                raise DeclarationError(
                    f"task {task.name!r}: ${{{name}}} is neither a parameter nor an output",
                    where=task.where,
                    hint="DolphinScheduler would leave it as it stands; declared: "
                    + (", ".join(sorted(known)) or "nothing"),
                )
    for name in about.verbatim:
        left = [n for text in _texts(task.task_params.get(name)) for n in placeholders(text)]
        if left:
            raise DeclarationError(
                f"task {task.name!r}: ${{{left[0]}}} cannot stand in {name}, which DolphinScheduler takes as it is",
                where=task.where,
            )
    if task.task_type == "OPENMLDB":
        values = {**chosen, **{p.prop: p.value for p in task.local_params if p.direct == "IN"}}
        for name in placeholders(task.task_params.get("sql", "")):
            if breaks_node(values.get(name, "")):
                raise ParameterError(
                    f"the value of parameter {name!r} cannot go into the SQL of task {task.name!r}: {values[name]!r}",
                    where=task.where,
                    hint="it is pasted into a script: leave out double quotes, backslashes, ';' and line ends",
                )


def _check_step_values(workflow: Workflow, chosen: Mapping[str, str]) -> None:
    """A value is filled into a literal of a check's Python, which it must not end or change."""
    for task in workflow.tasks.values():
        for name in placeholders(task.raw_script) if isinstance(task, StepScript) else ():
            if any(c in chosen.get(name, "") for c in "'\"\\\n\r\0"):
                raise ParameterError(
                    f"the value of parameter {name!r} cannot go into the script of {task.name!r}: {chosen[name]!r}",
                    where=task.where,
                    hint="it is filled into a Python literal: leave out quotes, backslashes and line ends",
                )


def _check_sources(workflow: Workflow, relations: list[tuple[str, str]]) -> None:
    """An output is only there for tasks that run after the one that gives it."""
    before: dict[str, set[str]] = {name: set() for name in workflow.tasks}
    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in workflow.tasks})
    for pre, post in relations:
        sorter.add(post, pre)
    direct: dict[str, list[str]] = {}
    for pre, post in relations:
        direct.setdefault(post, []).append(pre)
    for name in sorter.static_order():
        for pre in direct.get(name, ()):
            before[name] |= before[pre] | {pre}
    giver = {output: task for task in workflow.tasks.values() for output in task.outputs}
    for task in workflow.tasks.values():
        for name in dict.fromkeys(n for text in _texts(_read_texts(task)) for n in placeholders(text)):
            source = giver.get(name)
            if source is not None and source is not task and source.name not in before[task.name]:
                raise task.error(
                    f"it uses the output {name!r} of task {source.name!r}, but does not run after it",
                    hint=f"add an edge: {source.name!r} >> ... >> {task.name!r}",
                )


def _read_texts(task: Task) -> JsonDict:
    return task.task_params(lambda text: text) | {
        "localParams": [p.value for p in task.local_params if p.direct == "IN"]
    }


def compile_schedule(schedule: Schedule) -> ScheduleDefinition:
    """A schedule as it is sent, with the defaults of its start and end."""

    def text(moment: Any, default: str) -> str:
        return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else default

    return ScheduleDefinition(
        crontab=schedule.crontab,
        start_time=text(schedule.start, "2000-01-01 00:00:00"),
        end_time=text(schedule.end, "2099-12-31 23:59:59"),
        timezone_id=schedule.timezone,
        online=schedule.online,
        failure_strategy=schedule.failure_strategy,
        process_instance_priority=schedule.priority,
    )
