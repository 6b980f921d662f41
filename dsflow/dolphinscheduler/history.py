"""What somebody else changed on the server since dsflow last submitted a workflow, from the server's own history.

DolphinScheduler keeps every version of a workflow and of each task, but not of the edges, nor of the schedule: what
that was stands in dsflow's record. A version that the web page
saved holds the places of the tasks in its drawing; one that came through the gateway holds none, and one that dsflow
wrote with places has its mark beside them (:mod:`dsflow.dolphinscheduler.wire.locations`). So the last version of
dsflow's is known also when the page's save has dropped dsflow's record of it (see
:mod:`dsflow.dolphinscheduler.wire.fingerprint`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from dsflow.definition import Definition
from dsflow.dolphinscheduler.pagesave import with_types_of
from dsflow.dolphinscheduler.plan import Plan, Since, build_plan, unversioned, versioned
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint, recorded, recorded_schedule, with_schedule_part
from dsflow.dolphinscheduler.wire.locations import content_mark
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import TaskVersion, Version

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.state import ServerState

LOOKED_AT = 10  # versions; the one that is looked for is nearly always among the newest two


def since_submitted(
    rest: RestClient, state: ServerState, names: Names, declared: Definition, plan: Plan
) -> Since | None:
    """Tell the user's changes apart from those that were made on the server.

    Args:
        plan: from what the server holds to what is declared.

    Returns:
        None when the server's history does not say.
    """
    assert state.definition is not None
    assert state.code is not None
    held = state.definition
    found = _submitted(rest, state, names)
    if found is None:
        return None
    version, base = found
    held = with_types_of(held, state.raw, base)
    part = recorded_schedule(state.raw["edges"])
    known = part is not None and state.lock is None
    if part is not None and known:
        base = with_schedule_part(base, part)
    return Since(
        version=version.version,
        when=version.time,
        own=versioned(build_plan(declared, replace(base, release_state=declared.release_state)), schedule=known),
        theirs=versioned(build_plan(held, base), schedule=known),
        unknown=unversioned(plan, schedule=known),
    )


def is_as_submitted(rest: RestClient, state: ServerState, names: Names, plan: Plan) -> bool:
    """Whether a workflow whose record is gone still holds what dsflow submitted last: the page saved it unedited.

    Args:
        plan: what is to be done to it. Of the edges the server keeps no history; they count as they were when this
            changes none, or when the mark of the last version fits them.
    """
    assert state.definition is not None
    found = _submitted(rest, state, names)
    if found is None:
        return False
    version, base = found
    held = with_types_of(state.definition, state.raw, base)
    if build_plan(held, base).changes_content:
        return False
    if fingerprint(base) == content_mark(version.row):
        return True
    if plan.edges_added or plan.edges_removed:
        return False
    # an edit in the second of the submit looks like a part of it
    return not build_plan(held, _at(rest, state, names, version, earliest=True)).changes_content


def changes_of_versions(
    rest: RestClient, state: ServerState, names: Names, kept: Sequence[Version]
) -> dict[int, tuple[str, ...]]:
    """What each version changed against the one before it, in few words; () where the server's history has nothing.

    Edges and schedules have no history, and a task that is gone takes its own along.

    Args:
        kept: neighbouring versions of the workflow, the newest first; the last one is only compared with.
    """
    of_task = cache(lambda task: rest.task_versions(state.project_code, task))
    then = [(one.version, _at(rest, state, names, one, of_task=of_task)) for one in kept]
    return {version: _in_few_words(build_plan(made, before)) for (version, made), (_, before) in pairwise(then)}


def _in_few_words(plan: Plan) -> tuple[str, ...]:
    signs = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}
    own = {task.name: f"{signs[task.action]} {task.name}" for task in plan.tasks if task.name not in plan.steps}
    around = {plan.steps[task.name]: f"~ {plan.steps[task.name]}" for task in plan.tasks if task.name in plan.steps}
    kept = versioned(plan)
    return (
        *dict.fromkeys((around | own).values()),
        *(f"parameter {change.field}" for change in kept.params),
        *(change.field for change in kept.workflow),
    )


def _submitted(rest: RestClient, state: ServerState, names: Names) -> tuple[Version, Definition] | None:
    """The version that dsflow submitted last."""
    assert state.code is not None
    mark = recorded(state.raw["edges"])
    kept = [v for v in rest.versions(state.project_code, state.code) if v.version <= state.version]
    found = None
    for version in [v for v in kept if not v.row.get("locations") or content_mark(v.row)][:LOOKED_AT]:
        if mark is None and version.version == state.version:
            return None  # what is there came through the gateway, and not from dsflow
        base = _at(rest, state, names, version)
        if mark is None:
            wrote = content_mark(version.row)
            if wrote is None or fingerprint(base) == wrote:
                return version, base
            earliest = _at(rest, state, names, version, earliest=True)
            if fingerprint(earliest) == wrote:
                return version, earliest
            found = found or (version, base)  # an edit of one task copied the places, or the edges are others now
            continue
        if fingerprint(base) == mark:
            found = version, base  # of several in a row the first: an edit of one task copies the version before it
        elif found is not None:
            break
    return found


def _at(
    rest: RestClient,
    state: ServerState,
    names: Names,
    version: Version,
    *,
    earliest: bool = False,
    of_task: Callable[[int], list[TaskVersion]] | None = None,
) -> Definition:
    """A workflow as it was in an earlier version, with the edges, the schedule and the release state of now.

    Args:
        earliest: of a task's versions in the second of that version the first counts, and not the last: the server's
            times are whole seconds.
        of_task: gives the versions of a task; by default the server is asked.
    """
    assert state.definition is not None
    moment = version.time
    tasks = []
    for row in state.raw["tasks"]:
        task = TaskVersion.current(row)
        if task.time < moment or (task.time == moment and (not earliest or task.version == 1)):
            tasks.append(row)
            continue
        code = int(row["code"])
        kept = rest.task_versions(state.project_code, code) if of_task is None else of_task(code)
        before = [v for v in kept if v.time <= moment]
        then = [v for v in before if earliest and v.time == moment]
        if then:
            tasks.append(min(then, key=lambda v: v.version).row)
        elif before:
            tasks.append(max(before, key=lambda v: v.version).row)
    raw = {**state.raw, "workflow": version.over(state.raw["workflow"]), "tasks": tasks}
    schedule = state.schedules[0].row if state.schedules else None
    base = codec.from_server(raw, state.definition.project, names, schedule, fills_declared=state.fills_declared)
    return replace(base, relations=state.definition.relations)
