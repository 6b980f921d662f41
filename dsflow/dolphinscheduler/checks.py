"""What is checked before anything is written: what the server would accept and then not run, or refuse halfway."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime

from dsflow.config import Profile
from dsflow.definition import Definition
from dsflow.dolphinscheduler import codec
from dsflow.dolphinscheduler import names as kinds
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.names import Names, UnknownNameError
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.rest import RestClient
from dsflow.errors import DeclarationError, ServerError, SourceLocation


def check_before_writing(
    rest: RestClient, profile: Profile, definition: Definition, project: int, names: Names, plan: Plan
) -> None:
    """Raise for whatever would go wrong on the server.

    The user is the one that ``rest`` knows: who calls this has asked for it not long ago.

    Raises:
        UnknownNameError: a name that the server does not have.
        DeclarationError: a field that the server would cut off or refuse.
        ServerError: the user has no tenant, or another one than the profile names.
    """
    groups = rest.soon(rest.worker_groups)
    schedule = rest.soon(_check_schedule, rest, definition, project)
    series = rest.soon(rest.series)
    check_tenant(rest, profile, plan)
    _check_description(definition)
    _check_tasks(definition, series.result())
    _check_worker_groups(groups.result(), definition)
    if definition.warning_group:
        names.code(kinds.ALERT_GROUP, definition.warning_group, inside=f"workflow {definition.name!r}")
    _check_sub_workflows(rest, definition, project)
    schedule.result()


def check_tenant(rest: RestClient, profile: Profile, plan: Plan | None = None) -> None:
    """The user must have a tenant, and it must be the one that the profile names."""
    user = rest.user()
    name, own, wanted = user["userName"], user.get("tenantCode"), profile.tenant
    if not own:
        raise ServerError(
            f"user {name!r} has no tenant, and DolphinScheduler takes workflows only from a user who has one",
            hint="bind one: dsflow bootstrap --tenant TENANT",
        )
    if wanted:
        known = [t["tenantCode"] for t in rest.tenants()]
        if wanted not in known:
            raise UnknownNameError(
                f"profile {profile.name!r} names tenant {wanted!r}, which the server does not have",
                hint=f"known: {', '.join(known) or 'none'}; make it: dsflow bootstrap --tenant {wanted}",
            )
        if rest.series() < (3, 2) and wanted != own:
            raise ServerError(
                f"profile {profile.name!r} names tenant {wanted!r}, but DolphinScheduler 3.1 runs a workflow as the "
                f"tenant of the user who submits it, and user {name!r} has {own!r}",
                hint=f"bind it: dsflow bootstrap --tenant {wanted}; or submit as another user",
            )
    elif plan is not None:
        for change in plan.workflow:
            if change.field == "tenant":
                raise ServerError(
                    f"the workflow runs as tenant {change.before!r}; submitted by user {name!r} it would run as "
                    f"{own!r}",
                    hint=f"if that is meant, set the profile's tenant (or DSFLOW_TENANT) to {own!r}",
                )


def _check_description(definition: Definition) -> None:
    if len(definition.description) > codec.MAX_DESCRIPTION:
        raise DeclarationError(
            f"the description of workflow {definition.name!r} has {len(definition.description)} characters; "
            f"DolphinScheduler takes {codec.MAX_DESCRIPTION}"
        )


def _check_tasks(definition: Definition, series: codec.Series) -> None:
    if not definition.tasks:
        raise DeclarationError(f"workflow {definition.name!r} has no task; DolphinScheduler takes no empty workflow")
    seen: set[str] = set()
    for task in definition.tasks:
        if task.name in seen:
            raise DeclarationError(f"two tasks are named {task.name!r}", where=task.where)
        seen.add(task.name)
        if task.task_type == "HTTP" and task.task_params.get("httpBody") and series < (3, 2):
            raise DeclarationError(
                f"task {task.name!r} has an httpBody, which DolphinScheduler 3.1 does not know: it would send an "
                "empty body",
                where=task.where,
                hint="send the values as httpParams of the type BODY",
            )
    for relation in definition.relations:
        for end in (relation.pre, relation.post):
            if end not in seen:
                raise DeclarationError(
                    f"the edge {relation.pre!r} -> {relation.post!r} names a task {end!r} that does not exist"
                )


def _check_worker_groups(known: list[str], definition: Definition) -> None:
    used: list[tuple[str, str, SourceLocation | None]] = [
        (t.worker_group, f"task {t.name!r}", t.where) for t in definition.tasks
    ]
    used.append((definition.worker_group, f"workflow {definition.name!r}", None))
    for group, inside, where in used:
        if group not in known:
            raise UnknownNameError(
                f"{inside} uses worker group {group!r}, but the server has no such worker group", where=where,
                hint=_known(group, known),
            )  # fmt: skip


def _check_sub_workflows(rest: RestClient, definition: Definition, project: int) -> None:
    """An online workflow can only run online sub-workflows; the server says so after it has set the old one offline."""
    used = {
        str(t.task_params["processDefinitionCode"]): t
        for t in definition.tasks
        if t.task_type == "SUB_PROCESS" and t.task_params.get("processDefinitionCode")
    }
    if not used or definition.release_state != "ONLINE":
        return
    states = {w["name"]: w["releaseState"] for w in (rest.workflows(project) if project else [])}
    for name, task in used.items():
        if states.get(name) == "OFFLINE":
            raise ServerError(
                f"task {task.name!r} runs workflow {name!r}, which is offline", where=task.where,
                hint="submit or set it online first",
            )  # fmt: skip


def _check_schedule(rest: RestClient, definition: Definition, project: int) -> None:
    schedule = definition.schedule
    if schedule is None:
        return
    times = []
    for label, text in (("start", schedule.start_time), ("end", schedule.end_time)):
        try:
            times.append(datetime.strptime(text, "%Y-%m-%d %H:%M:%S"))  # in the schedule's own zone
        except ValueError as error:
            raise DeclarationError(f"the schedule's {label} {text!r} is not of the form YYYY-MM-DD HH:MM:SS") from error
    if times[0] >= times[1]:
        raise DeclarationError(f"the schedule ends ({schedule.end_time}) before it starts ({schedule.start_time})")
    try:
        due = rest.preview_schedule(project, codec.schedule_json(schedule))
    except RefusedError as error:
        raise DeclarationError(
            f"the server does not take the schedule's crontab {schedule.crontab!r} "
            f"(time zone {schedule.timezone_id!r}): {error.reason}",
            hint="Quartz, seven fields, such as '0 0 2 * * ? *' for 02:00 each day",
        ) from error
    if not due and schedule.online and definition.release_state == "ONLINE":
        # the server takes it and then refuses to set it online: what was live before would be lost
        raise DeclarationError(
            f"the schedule {schedule.crontab!r} is never due again between {schedule.start_time} and "
            f"{schedule.end_time} (time zone {schedule.timezone_id!r}), and the server sets none online that is not",
            hint="give it other times or a later end, or declare it with online=False",
        )


def _known(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(names) or 'none'}"
