"""What submitting would change: the difference between a declared Definition and what the server holds.

Pure data and pure functions. What prints a plan (:mod:`dsflow.dolphinscheduler.plan_text`) and what performs it
(:mod:`dsflow.dolphinscheduler.submit`) know nothing of each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from dsflow.cron import next_times
from dsflow.declare.folding import part_of, steps_of
from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.wire.codec import normalise, translate_own_tasks

Action = Literal["create", "update", "unchanged"]
TaskAction = Literal["added", "removed", "changed", "renamed"]

ABSENT = None
RELEASE_STATE = "releaseState"
_WORKFLOW_FIELDS = {
    "description": "description",
    "timeout": "timeout",
    "executionType": "execution_type",
    RELEASE_STATE: "release_state",
    "warningType": "warning_type",
    "warningGroup": "warning_group",
    "workerGroup": "worker_group",
}
_APART = frozenset({"name", "task_params", "where"})  # of a task: compared elsewhere or not at all
_ON_SCHEDULE = frozenset({"warningType", "warningGroup", "workerGroup"})
_VERSIONED = frozenset({"description", "timeout", "executionType"})


@dataclass(frozen=True)
class Change:
    """One field. ``before`` or ``after`` is None when there is no such value on that side.

    Attributes:
        field: DolphinScheduler's name; inside ``taskParams`` the path, such as ``switchResult.nextNode``.
    """

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class TaskChange:
    """What happens to one task.

    Attributes:
        name: the name after the change (before it, for a removed task).
        old_name: the name before a renaming, else the same.
        changes: the fields; for an added or removed task all that are not at their default.
    """

    action: TaskAction
    name: str
    task_type: str
    changes: tuple[Change, ...] = ()
    old_name: str = ""


@dataclass(frozen=True)
class Conflict:
    """What both sides changed, and not alike.

    Attributes:
        what: such as ``parameter min_auc``, or ``task 'train': rawScript``.
        base: its value in the version from which both changes start.
        own: what is declared.
        theirs: what the server holds.
    """

    what: str
    base: Any
    own: Any
    theirs: Any


@dataclass(frozen=True)
class Since:
    """A plan taken apart: what the user changed, and what somebody else changed on the server.

    Attributes:
        version: DolphinScheduler's number of the version that dsflow submitted last, from which both changes start.
        when: it was submitted, as the server says.
        own: from that version to what is declared.
        theirs: from that version to what the server holds.
        unknown: what the plan does to edges and release state, of which the server keeps no history, and to a schedule
            of which dsflow kept no record: either side may have changed them.
    """

    version: int
    when: str
    own: Plan
    theirs: Plan
    unknown: Plan

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What both sides changed to different values: submitting takes the declared one."""
        own, theirs = _changed_values(self.own), _changed_values(self.theirs)
        return tuple(
            Conflict(what, change.before, change.after, theirs[what].after)
            for what, change in own.items()
            if what in theirs and theirs[what].after != change.after
        )


@dataclass(frozen=True)
class Plan:
    """Everything that submitting would do to one workflow.

    Attributes:
        workflow: fields of the workflow itself, its release state among them.
        params: global parameters; ``field`` is the name, the values are ``{"type", "value", "direct"}``.
        schedule: fields of the schedule; empty when none is declared (the server's is kept as it is).
        next_runs: when the schedule fires next, as ``YYYY-MM-DD HH:MM:SS+HHMM``, if it is about to be changed or
            released.
        notes: what a user should know although nothing is done about it.
        drift: '' or, when carrying the plan out would undo what somebody else changed on the server, a sentence on it.
        since: with ``drift``: the changes of both sides, if the server's history tells.
        problems: why submitting would be refused, as texts; such as a name that the server does not have.
        steps: the step of each node that is a part of one, on either side.
    """

    project: str
    name: str
    action: Action
    workflow: tuple[Change, ...] = ()
    params: tuple[Change, ...] = ()
    tasks: tuple[TaskChange, ...] = ()
    edges_added: tuple[Relation, ...] = ()
    edges_removed: tuple[Relation, ...] = ()
    schedule: tuple[Change, ...] = ()
    next_runs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    drift: str = ""
    since: Since | None = None
    problems: tuple[str, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether the server holds exactly what was declared."""
        return self.action == "unchanged"

    @property
    def changes_content(self) -> bool:
        """Whether DolphinScheduler makes a new version (its release state and its schedule are not versioned)."""
        versioned = [c for c in self.workflow if c.field not in _ON_SCHEDULE | {RELEASE_STATE}]
        return self.action == "create" or bool(
            versioned or self.params or self.tasks or self.edges_added or self.edges_removed
        )

    @property
    def changes_release(self) -> bool:
        """Whether the workflow goes online or offline."""
        return any(c.field == RELEASE_STATE for c in self.workflow)

    @property
    def changes_schedule(self) -> bool:
        """Whether the schedule, or what the server stores on it, changes."""
        return bool(self.schedule) or any(c.field in _ON_SCHEDULE for c in self.workflow)

    @property
    def renamed(self) -> dict[str, str]:
        """New name -> old name of each renamed task."""
        return {t.name: t.old_name for t in self.tasks if t.action == "renamed"}

    def differences(self) -> list[str]:
        """One short line for each difference, without the values' whole text."""
        lines = [_line(c) for c in self.workflow]
        lines += [f"parameter {_line(c)}" for c in self.params]
        for task in self.tasks:
            if task.action == "changed":
                lines += [f"task {task.name!r}: {_line(c)}" for c in task.changes]
            else:
                lines.append(
                    f"task {task.name!r} {task.action}"
                    + (f" from {task.old_name!r}" if task.action == "renamed" else "")
                )
        lines += [f"edge {e.pre!r} -> {e.post!r} added" for e in self.edges_added]
        lines += [f"edge {e.pre!r} -> {e.post!r} removed" for e in self.edges_removed]
        lines += [f"schedule {_line(c)}" for c in self.schedule]
        return lines


def build_plan(
    declared: Definition,
    held: Definition | None,
    *,
    extra: tuple[Change, ...] = (),
    notes: tuple[str, ...] = (),
    now: datetime | None = None,
) -> Plan:
    """The plan that leads from what the server holds to what is declared.

    Args:
        held: what the server holds; None when it has no such workflow.
        extra: changes of the workflow that are no part of a Definition, such as its tenant.
        now: with a time zone; to tell the next runs of a schedule. None leaves them out.
    """
    steps = {**(steps_of(held) if held else {}), **steps_of(declared)}
    plan = replace(_difference(declared, held, extra, notes), steps=steps)
    touched = plan.schedule or plan.changes_release
    if now is None or not touched or not declared.schedule or not _is_live(declared):
        return plan
    runs = _next_runs(declared.schedule, now)
    if runs is not None and not runs:
        plan = replace(plan, notes=(*plan.notes, "the schedule is never due: its times are over, or do not exist"))
    return replace(plan, next_runs=runs or ())


def _is_live(declared: Definition) -> bool:
    return declared.release_state == "ONLINE" and declared.schedule is not None and declared.schedule.online


def _next_runs(schedule: ScheduleDefinition, now: datetime) -> tuple[str, ...] | None:
    """None when the schedule is no valid one, which the checks before writing say in their own words."""
    try:
        times = next_times(schedule.crontab, schedule.timezone_id, schedule.start_time, schedule.end_time, now)
    except (ValueError, OSError, LookupError):
        return None
    return tuple(t.strftime("%Y-%m-%d %H:%M:%S%z") for t in times)


def versioned(plan: Plan, *, schedule: bool = False) -> Plan:
    """The part of a plan that is about what the server keeps a history of: settings, parameters, tasks.

    Args:
        schedule: the schedule too, of which dsflow has kept a record.
    """
    fields = _VERSIONED | _ON_SCHEDULE if schedule else _VERSIONED
    return replace(
        plan,
        workflow=tuple(c for c in plan.workflow if c.field in fields),
        edges_added=(),
        edges_removed=(),
        schedule=plan.schedule if schedule else (),
        next_runs=(),
        notes=(),
    )


def unversioned(plan: Plan, *, schedule: bool = False) -> Plan:
    """The other part: edges, schedule, release state, tenant.

    Args:
        schedule: it is in the first part.
    """
    fields = _VERSIONED | _ON_SCHEDULE if schedule else _VERSIONED
    kept = tuple(c for c in plan.workflow if c.field not in fields)
    times = () if schedule else plan.schedule
    return replace(plan, workflow=kept, params=(), tasks=(), schedule=times, next_runs=(), notes=(), drift="")


def _difference(
    declared: Definition, held: Definition | None, extra: tuple[Change, ...], notes: tuple[str, ...]
) -> Plan:
    after = normalise(declared)
    if held is None:
        return Plan(
            project=declared.project,
            name=declared.name,
            action="create",
            workflow=(*_workflow_changes(None, after), *extra),
            params=_param_changes((), after.global_params),
            tasks=tuple(_added(t) for t in after.tasks),
            edges_added=after.relations,
            schedule=_schedule_changes(None, after.schedule),
            notes=notes,
        )
    if declared.schedule is None and held.schedule is not None:
        state = "online" if held.schedule.online else "offline"
        notes = (*notes, f"the schedule on the server ({held.schedule.crontab}, {state}) is not declared: it is kept")
        held = replace(held, schedule=None)
    before = normalise(held)
    renamed = _renamed(before, after)
    if renamed:
        before = normalise(_rename(before, {old: new for new, old in renamed.items()}))
    edges_before, edges_after = set(before.relations), set(after.relations)
    plan = Plan(
        project=declared.project,
        name=declared.name,
        action="update",
        workflow=(*_workflow_changes(before, after), *extra),
        params=_param_changes(before.global_params, after.global_params),
        tasks=_task_changes(before, after, renamed),
        edges_added=tuple(r for r in after.relations if r not in edges_before),
        edges_removed=tuple(r for r in before.relations if r not in edges_after),
        schedule=_schedule_changes(before.schedule, after.schedule),
        notes=notes,
    )
    if plan.changes_content or plan.changes_release or plan.changes_schedule or extra:
        return plan
    return replace(plan, action="unchanged")


def _workflow_changes(before: Definition | None, after: Definition) -> tuple[Change, ...]:
    reference = before or Definition("", "", (), (), release_state="")
    changes = []
    for name, attribute in _WORKFLOW_FIELDS.items():
        old, new = getattr(reference, attribute), getattr(after, attribute)
        if old != new:
            changes.append(Change(name, old if before else ABSENT, new))
    return tuple(changes)


def _param_changes(before: tuple[Property, ...], after: tuple[Property, ...]) -> tuple[Change, ...]:
    old, new = ({p.prop: p.to_dict() for p in side} for side in (before, after))
    changes = [Change(n, old.get(n), new.get(n)) for n in {**old, **new} if old.get(n) != new.get(n)]
    if not changes and list(old) != list(new):
        changes = [Change("(order)", list(old), list(new))]
    return tuple(changes)


def _task_changes(before: Definition, after: Definition, renamed: Mapping[str, str]) -> tuple[TaskChange, ...]:
    old, new = ({t.name: t for t in side.tasks} for side in (before, after))
    changes = []
    for name, task in new.items():
        if name not in old:
            changes.append(_added(task))
            continue
        differences = _field_changes(old[name], task)
        if name in renamed:
            changes.append(TaskChange("renamed", name, task.task_type, differences, renamed[name]))
        elif differences:
            changes.append(TaskChange("changed", name, task.task_type, differences, name))
    changes += [TaskChange("removed", n, t.task_type, old_name=n) for n, t in old.items() if n not in new]
    return tuple(changes)


def _added(task: TaskDefinition) -> TaskChange:
    return TaskChange(
        "added", task.name, task.task_type, _field_changes(TaskDefinition(task.name, task.task_type), task)
    )


def _field_changes(before: TaskDefinition, after: TaskDefinition) -> tuple[Change, ...]:
    changes: list[Change] = []
    if any(value != getattr(after, name) for name, value in vars(before).items() if name not in _APART):
        old, new = before.to_dict(), after.to_dict()
        changes = [Change(k, old[k], new[k]) for k in new if k not in ("name", "taskParams") and old[k] != new[k]]
    return (*changes, *_diff("", before.task_params, after.task_params))


def _diff(path: str, before: Any, after: Any) -> list[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(k for k in after if k not in before)]
        return [c for k in keys for c in _diff(f"{path}.{k}" if path else k, before.get(k), after.get(k))]
    same = before == after and isinstance(before, bool) == isinstance(after, bool)
    return [] if same else [Change(path, before, after)]


def _schedule_changes(before: ScheduleDefinition | None, after: ScheduleDefinition | None) -> tuple[Change, ...]:
    if after is None:
        return ()
    old, new = (before.to_dict() if before else {}), after.to_dict()
    return tuple(Change(k, old.get(k), v) for k, v in new.items() if old.get(k) != v)


# ------------------------------------------------------------------ renaming


def _renamed(before: Definition, after: Definition) -> dict[str, str]:
    """New name -> old name of each task that only changed its name; where that is not certain, nothing is guessed.

    A node of a step goes by what it is in its step, whatever it holds: its script tells of the step's name.
    """
    names_before, names_after = {t.name for t in before.tasks}, {t.name for t in after.tasks}
    gone = [t for t in before.tasks if t.name not in names_after]
    come = [t for t in after.tasks if t.name not in names_before]
    sources, targets = _by_content(gone), _by_content(come)
    found = {
        new[0].name: sources[content][0].name
        for content, new in targets.items()
        if len(new) == 1 and len(sources.get(content, ())) == 1
    }
    steps_before, steps_after = steps_of(before), steps_of(after)
    parts = {(steps_before[t.name], part_of(t.name, steps_before)): t.name for t in gone if t.name in steps_before}
    for task in come:
        if task.name in steps_after and task.name not in found:
            step = steps_after[task.name]
            old = parts.get((found.get(step, step), part_of(task.name, steps_after)))
            if old is not None and old not in found.values():
                found[task.name] = old
    return found


def _by_content(tasks: Iterable[TaskDefinition]) -> dict[str, list[TaskDefinition]]:
    """Tasks grouped by everything but their names."""
    groups: dict[str, list[TaskDefinition]] = {}
    for task in tasks:
        groups.setdefault(json.dumps({**task.to_dict(), "name": ""}, sort_keys=True), []).append(task)
    return groups


def _rename(definition: Definition, new_names: Mapping[str, str]) -> Definition:
    def new(name: Any) -> Any:
        if isinstance(name, list):
            return [new(n) for n in name]
        return new_names.get(name, name)

    return replace(
        definition,
        tasks=tuple(replace(t, name=new(t.name), task_params=translate_own_tasks(t, new)) for t in definition.tasks),
        relations=tuple(Relation(new(r.pre), new(r.post)) for r in definition.relations),
    )


def _changed_values(plan: Plan) -> dict[str, Change]:
    """Each changed value by what it is."""
    found = {change.field: change for change in (*plan.workflow, *plan.schedule)}
    found |= {f"parameter {change.field}": change for change in plan.params}
    for task in plan.tasks:
        if task.action in ("changed", "renamed"):
            found |= {f"task {task.old_name!r}: {change.field}": change for change in task.changes}
    return found


def _line(change: Change) -> str:
    return f"{change.field}: {_short(change.before)} -> {_short(change.after)}"


def _short(value: Any) -> str:
    text = "(none)" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
