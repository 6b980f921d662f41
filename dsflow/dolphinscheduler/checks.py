"""What is checked before anything is written: what the server would accept and then not run, or refuse halfway."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from dsflow import newer
from dsflow.config import Profile
from dsflow.cron import FORMAT, HINT, CronError, next_times, parse
from dsflow.declare.tasks.about import WORKFLOW
from dsflow.definition import Definition, ScheduleDefinition
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.schedules import preview
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.codec import named_by
from dsflow.dolphinscheduler.wire.names import GatheringNames, Names, UnknownNameError, known_hint, unknown_name
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import DeclarationError, DsflowError, ServerError, SourceLocation


def ask(rest: RestClient) -> Future[list[str]]:
    """Begin to ask what :func:`refusals` needs to know of any Definition: gives the worker groups."""
    rest.soon(rest.series)
    return rest.soon(rest.worker_groups)


def refusals(
    rest: RestClient,
    profile: Profile,
    definition: Definition,
    project: int,
    names: Names,
    plan: Plan,
    groups: Future[list[str]] | None = None,
) -> list[DsflowError]:
    """Whatever would go wrong on the server, all of it, in the order of the source.

    The user is the one that ``rest`` knows: who calls this has asked for it not long ago.

    Args:
        groups: from :func:`ask`, not long ago.

    Gives:
        UnknownNameError for a name that the server does not have, DeclarationError for a field that the server would
        cut off or refuse, ServerError if the user has no tenant, or another one than the profile names.
    """
    groups = groups or ask(rest)
    schedule = rest.soon(lambda: list(_schedule(rest, definition, project)))
    series = rest.series()
    found = [
        *_tenant(rest, profile, plan),
        *_description(definition),
        *_tasks(definition, series),
        *_outputs(definition, series),
        *_worker_groups(groups.result(), definition),
        *_names(profile, definition, names, series),
        *_sub_workflows(rest, definition, project),
        *schedule.result(),
    ]
    return sorted(found, key=_place)


def _place(error: DsflowError) -> tuple[str, int]:
    where = error.where
    return (where.file, where.line) if isinstance(where, SourceLocation) else ("", 0)


def _tenant(rest: RestClient, profile: Profile, plan: Plan) -> Iterator[DsflowError]:
    """The user must have a tenant, and it must be the one that the profile names."""
    user = rest.user()
    name, own, wanted = user.name, user.tenant, profile.tenant
    if not own:
        yield ServerError(
            f"user {name!r} has no tenant, and DolphinScheduler takes workflows only from a user who has one",
            hint="bind one: dsflow bootstrap --tenant TENANT",
        )
    if wanted:
        known = [tenant.code for tenant in rest.tenants()]
        if wanted not in known:
            yield UnknownNameError(
                f"profile {profile.name!r} names tenant {wanted!r}, which the server does not have",
                hint=f"{known_hint(wanted, known)}; make it: dsflow bootstrap --tenant {wanted}",
            )
        elif own and rest.series().user_has_tenant and wanted != own:
            yield ServerError(
                f"profile {profile.name!r} names tenant {wanted!r}, but DolphinScheduler 3.1 runs a workflow as the "
                f"tenant of the user who submits it, and user {name!r} has {own!r}",
                hint=f"bind it: dsflow bootstrap --tenant {wanted}; or submit as another user",
            )
    elif own:
        for change in plan.workflow:
            if change.field == "tenant":
                yield ServerError(
                    f"the workflow runs as tenant {change.before!r}; submitted by user {name!r} it would run as "
                    f"{own!r}",
                    hint=f"if that is meant, set the profile's tenant (or DSFLOW_TENANT) to {own!r}",
                )


def _description(definition: Definition) -> Iterator[DsflowError]:
    if len(definition.description) > codec.MAX_DESCRIPTION:
        yield DeclarationError(
            f"the description of workflow {definition.name!r} has {len(definition.description)} characters; "
            f"DolphinScheduler takes {codec.MAX_DESCRIPTION}",
            where=definition.where,
        )


def _tasks(definition: Definition, series: Series) -> Iterator[DsflowError]:
    if not definition.tasks:
        yield DeclarationError(
            f"workflow {definition.name!r} has no task; DolphinScheduler takes no empty workflow",
            where=definition.where,
        )
    seen: set[str] = set()
    for task in definition.tasks:
        if task.name in seen:
            yield DeclarationError(f"two tasks are named {task.name!r}", where=task.where)
        seen.add(task.name)
        if task.task_type in series.lacks:
            yield DeclarationError(
                f"task {task.name!r} is of the type {task.task_type}, which DolphinScheduler {series} does not have",
                where=task.where,
                hint="submit the workflow to DolphinScheduler 3.2, or write the task as one of another type",
            )
        if codec.has_http_body(task) and not series.has_http_body:
            yield DeclarationError(
                f"task {task.name!r} has an httpBody, which DolphinScheduler 3.1 does not know: it would send an "
                "empty body",
                where=task.where,
                hint="send the values as httpParams of the type BODY",
            )
    for relation in definition.relations:
        for end in (relation.pre, relation.post):
            if end not in seen:
                yield DeclarationError(
                    f"the edge {relation.pre!r} -> {relation.post!r} names a task {end!r} that does not exist",
                    where=definition.where,
                )


def _outputs(definition: Definition, series: Series) -> Iterator[DsflowError]:
    if series.fills_declared:
        for change in newer.shadowed_outputs(definition):
            yield DeclarationError(
                f"{change.message} (DolphinScheduler {series})", where=change.where, hint=change.hint
            )


def _worker_groups(known: list[str], definition: Definition) -> Iterator[DsflowError]:
    own = definition.worker_group
    used: list[tuple[str, str, SourceLocation | None]] = [(own, f"workflow {definition.name!r}", definition.where)]
    # a task that names none has the workflow's
    used += [(t.worker_group, f"task {t.name!r}", t.where) for t in definition.tasks if t.worker_group != own]
    for group, inside, where in used:
        if group not in known:
            yield unknown_name(kinds.WORKER_GROUP, group, known, where=where, inside=inside)


def _names(profile: Profile, definition: Definition, names: Names, series: Series) -> Iterator[DsflowError]:
    """All other names, and fields that this version of DolphinScheduler does not know."""
    gathering = GatheringNames(names)
    codes = {task.name: 1 for task in definition.tasks}
    others: list[DsflowError] = []
    for task in definition.tasks:
        try:
            codec.tasks_to_server(replace(definition, tasks=(task,)), codes, gathering, series)
        except DeclarationError as error:
            others.append(error)
    if definition.warning_group:
        inside = f"workflow {definition.name!r}"
        gathering.code(kinds.ALERT_GROUP, definition.warning_group, where=definition.where, inside=inside)
    # what the profile gives to every task that names none is one mistake, and not one of the pipeline file's
    given = [e for e in gathering.unknown if e.kind == kinds.ENVIRONMENT and e.name == profile.environment]
    yield from (e for e in gathering.unknown if e not in given)
    if given:
        yield UnknownNameError(
            f"profile {profile.name!r} names environment {profile.environment!r}, which the server does not have",
            hint=given[0].hint,
        )
    yield from others


def _sub_workflows(rest: RestClient, definition: Definition, project: int) -> Iterator[DsflowError]:
    """An online workflow can only run online sub-workflows; the server says so after it has set the old one offline."""
    used = {str(name): t for t in definition.tasks for name in named_by(t, WORKFLOW)}
    if not used or definition.release_state != "ONLINE":
        return
    states = {w.name: w.state for w in (rest.workflows(project) if project else [])}
    for name, task in used.items():
        if states.get(name) == "OFFLINE":
            yield ServerError(
                f"task {task.name!r} runs workflow {name!r}, which is offline", where=task.where,
                hint="submit or set it online first",
            )  # fmt: skip


def _schedule(rest: RestClient, definition: Definition, project: int) -> Iterator[DsflowError]:
    schedule, where = definition.schedule, definition.where
    if schedule is None:
        return
    times = []
    for label, text in (("start", schedule.start_time), ("end", schedule.end_time)):
        try:
            times.append(datetime.strptime(text, FORMAT))  # in the schedule's own zone
        except ValueError:
            yield DeclarationError(
                f"the schedule's {label} {text!r} is not of the form YYYY-MM-DD HH:MM:SS", where=where
            )
    try:
        ZoneInfo(schedule.timezone_id)
    except (LookupError, ValueError, OSError):  # the server would take any text for GMT
        yield DeclarationError(f"the schedule's {schedule.timezone_id!r} is not a time zone", where=where)
        return
    if len(times) < 2:
        return
    if times[0] >= times[1]:
        yield DeclarationError(
            f"the schedule ends ({schedule.end_time}) before it starts ({schedule.start_time})", where=where
        )
        return
    try:
        parse(schedule.crontab)
        preview(rest, schedule, project)
    except CronError as error:
        yield _not_taken(definition, schedule, str(error))
        return
    except RefusedError as error:
        if error.is_cron_not_read:
            yield _not_taken(definition, schedule, error.reason)
            return
    if not schedule.online or definition.release_state != "ONLINE":
        return
    now = datetime.now(timezone.utc)
    if not next_times(schedule.crontab, schedule.timezone_id, schedule.start_time, schedule.end_time, now, 1):
        # the server takes it and then refuses to set it online: what was live before would be lost
        yield DeclarationError(
            f"the schedule {schedule.crontab!r} is never due again between {schedule.start_time} and "
            f"{schedule.end_time} (time zone {schedule.timezone_id!r}), and the server sets none online that is not",
            where=where,
            hint="give it other times or a later end, or declare it with online=False",
        )


def _not_taken(definition: Definition, schedule: ScheduleDefinition, reason: str) -> DeclarationError:
    return DeclarationError(
        f"the server does not take the schedule's crontab {schedule.crontab!r} "
        f"(time zone {schedule.timezone_id!r}): {reason}",
        where=definition.where,
        hint=HINT,
    )
