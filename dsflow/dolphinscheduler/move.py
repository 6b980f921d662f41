"""Taking a project's workflows from one server to another one, also of another release series.

What is taken are Definitions: workflows, their parameters, their schedules, and the names of what they use
(environments, datasources, worker groups, ...), which the other server must have. They are written there by a
deployment, so that nothing is written while anything is wrong, what is there already as it should be is left alone, and
what somebody else made or changed is refused. Moving again writes what has changed since.

A schedule arrives offline, or runs would be made on both servers; one that is there keeps its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from dsflow import newer
from dsflow.definition import Definition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.deploy import Declared
from dsflow.dolphinscheduler.lock import PREFIX as LOCK
from dsflow.dolphinscheduler.register import PREFIX as REGISTER
from dsflow.dolphinscheduler.transfer import read_definition
from dsflow.dolphinscheduler.wire.codec import references
from dsflow.dolphinscheduler.wire.names import UNKNOWN_PREFIX
from dsflow.errors import DeclarationError, DsflowError, RunError

_LATER: tuple[Callable[[Definition], Iterator[newer.Change]], ...] = (newer.lost_conditions, newer.loose_switches)


@dataclass(frozen=True)
class Moving:
    """What is to be moved.

    Attributes:
        declared: the workflows as they are to be on the other server.
        notes: what they mean otherwise there, and which schedules arrive offline.
        errors: workflows that cannot be moved as they are.
    """

    declared: list[Declared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[DsflowError] = field(default_factory=list)


def gather(source: Server, target: Server, project: str) -> Moving:
    """Read a project's workflows, and what the other server holds of them; nothing is written.

    Raises:
        RunError: both are one server, or there is no such project, or no workflow in it.
        TransferError: a workflow was deleted meanwhile.
    """
    if source.rest.url == target.rest.url:
        raise RunError(
            f"{source.rest.url} is where the workflows are, and where they are to go",
            hint="name two servers; variables such as DSFLOW_API_URL overrule every profile",
        )
    code = source.rest.project_code(project)
    names = [] if code is None else [row.name for row in source.rest.workflows(code)]
    wanted = sorted(name for name in names if not name.startswith((LOCK, REGISTER)))
    if not wanted:
        what = "has no workflow" if code is not None else "is not there"
        raise RunError(f"project {project!r} {what} on {source.rest.url}", hint="dsflow list shows what a server has")
    moving = Moving()
    for name in wanted:
        _add(moving, read_definition(source, project, name), source, target)
    return moving


def _add(moving: Moving, definition: Definition, source: Server, target: Server) -> None:
    place = f"{definition.project}/{definition.name}"
    named = [name for task in definition.tasks for name in references(task)]
    lost = next((name for name in named if name.startswith(UNKNOWN_PREFIX)), None)
    if lost is not None:
        moving.errors.append(
            DeclarationError(
                f"{place} names the code {lost.removeprefix(UNKNOWN_PREFIX)}, which nothing on its server has any more",
                hint=f"mend it there first: dsflow repair {place}, or on the page",
            )
        )
        return
    if definition.schedule is not None:
        held = target.read(definition.project, definition.name)
        online = held is not None and held.schedule is not None and held.schedule.online
        if definition.schedule.online and not online:
            moving.notes.append(
                f"{place}: its schedule arrives offline, so that it does not run twice: set it online there when it is "
                "offline here"
            )
        definition = replace(definition, schedule=replace(definition.schedule, online=online))
    if source.rest.series().version < newer.FIRST <= target.rest.series().version:
        for find in _LATER:
            said = f"on DolphinScheduler {target.rest.series()}"
            moving.notes.extend(f"{place}: {said} {change.message}; {change.hint}" for change in find(definition))
    moving.declared.append(Declared(definition, f"project {definition.project} of {source.profile.name}"))
