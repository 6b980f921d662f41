"""Making a workflow's schedule what is declared, after the workflow itself: over REST, which says when it fails."""

from __future__ import annotations

from dsflow.config import Profile
from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler import codec
from dsflow.dolphinscheduler.names import Names
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.rest import RestClient
from dsflow.dolphinscheduler.state import ServerState


def apply_schedule(
    rest: RestClient, profile: Profile, definition: Definition, before: ServerState, plan: Plan, code: int, names: Names
) -> None:
    """Make the schedule what is declared, or bring an undeclared one back to the state it had.

    Args:
        before: what the server held before the update, which takes schedules offline.
        code: the workflow's.
    """
    project = before.project_code
    online = definition.release_state == "ONLINE"
    if definition.schedule is None:
        if online:
            bring_online(rest, project, code, before.live_schedules)
        return
    held = before.schedules[0] if before.schedules else None
    form = codec.schedule_to_form(
        definition,
        names,
        environment=int(held.get("environmentCode") or -1) if held else -1,
        tenant=_tenant(rest, profile, held),
    )
    if held is None:
        if not online:
            rest.release(project, code, "ONLINE")  # a schedule can only be made on an online workflow
        rest.create_schedule(project, {**form, "processDefinitionCode": code})
        if not online:
            rest.release(project, code, "OFFLINE")
        held = rest.schedules(project, code)[0]
    elif plan.changes_schedule:
        _take_offline(rest, project, code, int(held["id"]))
        rest.update_schedule(project, int(held["id"]), form)
    if online:
        own = int(held["id"])
        others = [s for s in before.live_schedules if s != own]
        bring_online(rest, project, code, [own, *others] if definition.schedule.online else others)
        if not definition.schedule.online:
            _take_offline(rest, project, code, own)


def bring_online(rest: RestClient, project: int, code: int, wanted: list[int]) -> None:
    """Set those of an online workflow's schedules online that are not."""
    if not wanted:
        return
    live = _live(rest, project, code)
    for schedule in wanted:
        if schedule not in live:
            rest.release_schedule(project, schedule, online=True)


def _take_offline(rest: RestClient, project: int, code: int, schedule: int) -> None:
    if schedule in _live(rest, project, code):
        rest.release_schedule(project, schedule, online=False)


def _live(rest: RestClient, project: int, code: int) -> set[int]:
    return {int(s["id"]) for s in rest.schedules(project, code) if s.get("releaseState") == "ONLINE"}


def _tenant(rest: RestClient, profile: Profile, held: JsonDict | None) -> str | None:
    """3.2 runs a scheduled workflow as the schedule's tenant, 3.1 as the workflow's."""
    if rest.series() < (3, 2):
        return None
    kept = held.get("tenantCode") if held else None
    return str(profile.tenant or kept or rest.user().get("tenantCode") or "default")
