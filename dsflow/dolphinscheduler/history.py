"""What somebody else changed on the server since dsflow last submitted a workflow, from the server's own history.

DolphinScheduler keeps every version of a workflow and of each task, but not of the edges, nor of the schedule: what
that was stands in dsflow's record. A version that the web page
saved holds the places of the tasks in its drawing; one that came through the gateway holds none, and one that dsflow
wrote with places has its mark beside them (:mod:`dsflow.dolphinscheduler.locations`). So the last version of
dsflow's is known also when the page's save has dropped dsflow's record of it (see
:mod:`dsflow.dolphinscheduler.wire.fingerprint`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.locations import content_mark
from dsflow.dolphinscheduler.pagesave import with_types_of
from dsflow.dolphinscheduler.plan import Plan, Since, build_plan, unversioned, versioned
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint, recorded, recorded_schedule, with_schedule_part
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rest import RestClient

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.state import ServerState

LOOKED_AT = 10  # versions; the one that is looked for is nearly always among the newest two
_VERSIONED = ("description", "globalParams", "timeout", "executionType")


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
    row, base = found
    held = with_types_of(held, state.raw, base)
    part = recorded_schedule(state.raw["edges"])
    known = part is not None and state.lock is None
    if part is not None and known:
        base = with_schedule_part(base, part)
    return Since(
        version=int(row["version"]),
        when=_moment(row),
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
    row, base = found
    held = with_types_of(state.definition, state.raw, base)
    if build_plan(held, base).changes_content:
        return False
    if fingerprint(base) == content_mark(row):
        return True
    if plan.edges_added or plan.edges_removed:
        return False
    # an edit in the second of the submit looks like a part of it
    return not build_plan(held, _at(rest, state, names, row, earliest=True)).changes_content


def changes_of_versions(
    rest: RestClient, state: ServerState, names: Names, rows: Sequence[JsonDict]
) -> dict[int, tuple[str, ...]]:
    """What each version changed against the one before it, in few words; () where the server's history has nothing.

    Edges and schedules have no history, and a task that is gone takes its own along.

    Args:
        rows: neighbouring versions of the workflow, the newest first; the last one is only compared with.
    """
    kept = cache(lambda task: rest.task_versions(state.project_code, task))
    then = [(int(row["version"]), _at(rest, state, names, row, kept=kept)) for row in rows]
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


def _submitted(rest: RestClient, state: ServerState, names: Names) -> tuple[JsonDict, Definition] | None:
    """The version that dsflow submitted last."""
    assert state.code is not None
    mark = recorded(state.raw["edges"])
    rows = [r for r in rest.versions(state.project_code, state.code) if int(r["version"]) <= state.version]
    found = None
    for row in [r for r in rows if not r.get("locations") or content_mark(r)][:LOOKED_AT]:
        if mark is None and int(row["version"]) == state.version:
            return None  # what is there came through the gateway, and not from dsflow
        base = _at(rest, state, names, row)
        if mark is None:
            wrote = content_mark(row)
            if wrote is None or fingerprint(base) == wrote:
                return row, base
            earliest = _at(rest, state, names, row, earliest=True)
            if fingerprint(earliest) == wrote:
                return row, earliest
            found = found or (row, base)  # an edit of one task copied the places, or the edges are others now
            continue
        if fingerprint(base) == mark:
            found = row, base  # of several in a row the first: an edit of one task copies the version before it
        elif found is not None:
            break
    return found


def _moment(row: JsonDict) -> str:
    return str(row.get("operateTime") or row.get("createTime") or "")


def _at(
    rest: RestClient,
    state: ServerState,
    names: Names,
    row: JsonDict,
    *,
    earliest: bool = False,
    kept: Callable[[int], list[JsonDict]] | None = None,
) -> Definition:
    """A workflow as it was in an earlier version, with the edges, the schedule and the release state of now.

    Args:
        earliest: of a task's versions in the second of that version the first counts, and not the last: the server's
            times are whole seconds.
        kept: gives the versions of a task; by default the server is asked.
    """
    assert state.definition is not None
    moment = _moment(row)
    tasks = []
    for task in state.raw["tasks"]:
        when = str(task.get("updateTime") or "")
        if when < moment or (when == moment and (not earliest or int(task["version"]) == 1)):
            tasks.append(task)
            continue
        code = int(task["code"])
        versions = rest.task_versions(state.project_code, code) if kept is None else kept(code)
        before = [v for v in versions if str(v.get("operateTime") or "") <= moment]
        then = [v for v in before if earliest and str(v.get("operateTime") or "") == moment]
        if then:
            tasks.append(min(then, key=lambda v: int(v["version"])))
        elif before:
            tasks.append(max(before, key=lambda v: int(v["version"])))
    process = {**state.raw["workflow"], **{key: row.get(key) for key in _VERSIONED}}
    raw = {**state.raw, "workflow": process, "tasks": tasks}
    schedule = state.schedules[0] if state.schedules else None
    base = codec.from_server(raw, state.definition.project, names, schedule, fills_declared=state.fills_declared)
    return replace(base, relations=state.definition.relations)
