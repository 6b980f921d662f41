"""Making a workflow's schedule what is declared, after the workflow itself: over REST, which says when it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from dsflow.config import Profile
from dsflow.cron import FORMAT, next_times
from dsflow.definition import Definition, ScheduleDefinition
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.forms import schedule_form_of
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import Schedule

_PREVIEWED = 5  # times that a server's preview gives
_ALWAYS = ("2000-01-01 00:00:00", "2099-12-31 23:59:59")


def preview(rest: RestClient, schedule: ScheduleDefinition, project: int) -> list[str]:
    """The next times of an expression as the server's page shows them: read by cron-utils, not by Quartz, which fires.

    Its start and end are left out: the server takes those of a preview in its own time zone.

    Raises:
        RefusedError: it is not taken; or is, and the preview fails.
    """
    start, end = _ALWAYS
    return rest.preview_schedule(project, codec.schedule_json(replace(schedule, start_time=start, end_time=end)))


def preview_note(rest: RestClient, definition: Definition, project: int) -> str:
    """'' or a sentence on how the server's page shows other times than those at which the schedule will fire."""
    schedule = definition.schedule
    if schedule is None:
        return ""
    now = datetime.now(timezone.utc)
    try:
        times = next_times(schedule.crontab, schedule.timezone_id, *_ALWAYS, now, _PREVIEWED + 1)
        shown = preview(rest, schedule, project)
    except RefusedError as error:
        if error.is_cron_not_read:
            return ""  # which the checks say
        return f"the server cannot preview the schedule {schedule.crontab!r} ({error.reason}), but runs it"
    except (ValueError, LookupError, OSError):
        return ""
    fires = [time.strftime(FORMAT) for time in times]
    if shown in (fires[:_PREVIEWED], fires[1:]):  # a time may pass while we ask
        return ""
    other = next((t for t in shown if t not in fires), shown[0] if shown else "none")
    return (
        f"DolphinScheduler's page previews the schedule {schedule.crontab!r} with other times than those at which it "
        f"runs (such as {other}): what counts are the runs told here"
    )


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
        environment=held.environment if held else codec.NO_ENVIRONMENT,
        tenant=_tenant(rest, profile, held),
        kept=codec.missed_fires(held.row if held else {}),
    )
    if held is None:
        if not online:
            rest.release(project, code, "ONLINE")  # a schedule can only be made on an online workflow
        rest.create_schedule(project, code, form)
        if not online:
            rest.release(project, code, "OFFLINE")
        held = rest.schedules(project, code)[0]
    elif plan.changes_schedule:
        _take_offline(rest, project, code, held.id)
        rest.update_schedule(project, held.id, form)
    if online:
        own = held.id
        others = [s for s in before.live_schedules if s != own]
        bring_online(rest, project, code, [own, *others] if definition.schedule.online else others)
        if not definition.schedule.online:
            _take_offline(rest, project, code, own)


def put_back(rest: RestClient, project: int, code: int, before: list[Schedule]) -> None:
    """Give schedules the content that they had; one that was not there is deleted.

    They are offline afterwards where something had to be changed.

    Args:
        before: the workflow's schedules, as they were.
    """
    held = {schedule.id: schedule for schedule in before}
    for now in rest.schedules(project, code):
        then = held.get(now.id)
        if then is not None and schedule_form_of(then) == schedule_form_of(now):
            continue
        _take_offline(rest, project, code, now.id)
        if then is None:
            rest.delete_schedule(project, now.id)
        else:
            rest.update_schedule(project, now.id, schedule_form_of(then))


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
    return {s.id for s in rest.schedules(project, code) if s.online}


def _tenant(rest: RestClient, profile: Profile, held: Schedule | None) -> str | None:
    """3.2 runs a scheduled workflow as the schedule's tenant, 3.1 as the workflow's."""
    if rest.series().user_has_tenant:
        return None
    kept = held.tenant if held else None
    return str(profile.tenant or kept or rest.user().tenant or "default")
