"""Whether carrying out a plan would undo what somebody else changed on the server since dsflow submitted the workflow.

The content of a workflow is compared with the hash that stands in dsflow's record, the schedule with the fields that
stand there (:mod:`dsflow.dolphinscheduler.wire.fingerprint`). Not every difference of a schedule is somebody's edit:

* DolphinScheduler sets it offline with its workflow, and when its end has come;
* a submit that is under way, or was cut short, leaves it between two states. It has, or has left, a lock;
* a workflow that was set back to an earlier version has that version's record, but keeps the schedule of now.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from dsflow.definition import JsonDict
from dsflow.dolphinscheduler.lock import find_lock
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.state import ServerState, look_again
from dsflow.dolphinscheduler.wire.fingerprint import (
    fingerprint,
    is_over,
    recorded,
    recorded_schedule,
    schedule_part,
)
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import own_row

Edits = dict[str, tuple[Any, Any]]
"""Of each field that was edited: what dsflow submitted, and what the server holds."""

ONLINE = "online"


def content_drift(state: ServerState, plan: Plan) -> str:
    """'' or a sentence on how the workflow is not what dsflow last submitted, if the plan would undo that."""
    if state.definition is None or not plan.changes_content:
        return ""
    submitted = recorded(state.raw["edges"])
    if submitted == fingerprint(state.definition):
        return ""
    when = own_row(state.raw).changed
    what = f"version {state.version} of workflow {state.definition.name!r} on the server"
    change = f"; last changed {when}" if when else ""
    if submitted is None:
        return f"{what} was not submitted by dsflow, or was edited on the web page since{change}"
    return f"{what} was changed since dsflow submitted it{change}"


def is_unrecorded(state: ServerState) -> bool:
    """Whether dsflow's record of the content is gone: the web page writes all edges anew without it."""
    return recorded(state.raw["edges"]) is None


def schedule_drift(rest: RestClient, state: ServerState, plan: Plan, *, alone: bool = False) -> str:
    """'' or a sentence on how the schedule was edited since dsflow submitted it, if the plan would undo that.

    Asks the server for more only when it looks so.

    Args:
        alone: we hold the lock, and nobody has left it behind: what was read is not in the middle of a submit.
    """
    edits = schedule_edits(state, datetime.now(timezone.utc))
    touched = {c.field for c in (*plan.schedule, *plan.workflow)}
    edits = {field: values for field, values in edits.items() if field in touched}
    if not edits or (not alone and _in_motion(rest, state)) or _set_back(rest, state):
        return ""
    assert state.definition is not None
    what = f"the schedule of workflow {state.definition.name!r}"
    if state.definition.schedule is None:
        return f"{what} was deleted on the server since dsflow submitted it"
    changes = ", ".join(f"{field} {then!r} -> {now!r}" for field, (then, now) in edits.items())
    return f"{what} was changed on the server since dsflow submitted it: {changes}"


def schedule_edits(state: ServerState, now: datetime) -> Edits:
    """How the schedule is not what dsflow's record says, as far as that must be somebody's doing.

    Args:
        now: with a time zone.
    """
    if state.definition is None or state.lock is not None:
        return {}
    then = recorded_schedule(state.raw["edges"])
    if then is None:
        return {}
    held: JsonDict = schedule_part(state.definition) or {}
    edits = {field: (value, held.get(field)) for field, value in then.items() if held.get(field) != value}
    if held and not held[ONLINE] and (not state.online or is_over(held, now)):
        edits.pop(ONLINE, None)
    return edits


def _in_motion(rest: RestClient, state: ServerState) -> bool:
    """Whether a submit was under way when the state was read.

    It holds the lock until the schedule is what its record says. So the lock first: if that is gone by now, whatever
    was under way has ended, and shows as a change.
    """
    assert state.definition is not None
    name = state.definition.name
    return find_lock(rest, state.project_code, name) is not None or look_again(rest, state, name)()


def _set_back(rest: RestClient, state: ServerState) -> bool:
    """Whether the workflow is not at its newest version."""
    assert state.code is not None
    return any(kept.version > state.version for kept in rest.versions(state.project_code, state.code))
