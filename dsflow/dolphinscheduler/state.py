"""What a server holds under a workflow's name, and reading it with few waits.

A workflow's tasks and edges are read whole each time. Nothing smaller would show every edit: setting a single task to
"do not run" changes its row in place, so that neither a version nor a time of change of the workflow or of the task
moves (source, 3.1.5 and 3.2.2: ``TaskDefinitionServiceImpl.releaseTaskDefinition``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.lock import lock_name
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import Schedule, WorkflowRow, own_row

NO_PROJECT = 0
"""In place of the code of a project that does not exist."""


@dataclass(frozen=True)
class Location:
    """Where a workflow is, or would be.

    Attributes:
        row: its row in the project's list of workflows, None when there is no such workflow.
        lock: that of its lock; see :mod:`dsflow.dolphinscheduler.lock`.
    """

    project_code: int
    row: WorkflowRow | None = None
    lock: WorkflowRow | None = None


@dataclass(frozen=True)
class ServerState:
    """What a server holds under a workflow's name.

    Attributes:
        code: None when there is no such workflow.
        raw: the server's answer to reading it.
        schedules: its schedules.
        lock: the lock of a submit that is under way or was cut short; see :mod:`dsflow.dolphinscheduler.lock`.
        fills_declared: of the server's series; see :class:`dsflow.dolphinscheduler.wire.series.Series`.
    """

    project_code: int
    code: int | None = None
    raw: JsonDict = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    definition: Definition | None = None
    lock: WorkflowRow | None = field(default=None, compare=False)
    fills_declared: bool = False

    @property
    def online(self) -> bool:
        """Whether the workflow is ONLINE."""
        return bool(self.raw) and own_row(self.raw).online

    @property
    def version(self) -> int:
        """DolphinScheduler's version number, 0 when there is no such workflow."""
        return own_row(self.raw).version if self.raw else 0

    @property
    def live_schedules(self) -> list[int]:
        """The ids of the schedules that are online."""
        return [s.id for s in self.schedules if s.online]


@dataclass(frozen=True)
class Content:
    """The two answers that a :class:`ServerState` is made of.

    Attributes:
        fills_declared: of the server's series.
    """

    raw: JsonDict
    schedules: list[Schedule]
    fills_declared: bool

    def state(self, project_code: int, project: str, names: Names, lock: WorkflowRow | None = None) -> ServerState:
        """Codes turned into names; asks the server for those names that are not known yet."""
        schedule = self.schedules[0].row if self.schedules else None
        definition = codec.from_server(self.raw, project, names, schedule, fills_declared=self.fills_declared)
        code = own_row(self.raw).code
        return ServerState(project_code, code, self.raw, self.schedules, definition, lock, self.fills_declared)


def locate(rest: RestClient, project: str, name: str) -> Location:
    """Find a project and, in it, a workflow."""
    code = rest.project_code(project)
    return Location(NO_PROJECT) if code is None else find(rest, code, name)


def find(rest: RestClient, project_code: int, name: str) -> Location:
    """Find a workflow and its lock, by one request."""
    found = rest.workflows_named(project_code, name, f"look for workflow {name!r}")
    rows = {row.name: row for row in found}
    return Location(project_code, rows.get(name), rows.get(lock_name(name)))


def ask(
    rest: RestClient, project_code: int, code: int, *, sent: Callable[[], None] | None = None
) -> Callable[[], Content]:
    """Ask for a workflow and its schedules, side by side.

    Args:
        sent: is called when the request for the workflow has gone out.

    Gives:
        What waits for the answers.
    """
    raw = rest.soon(lambda: rest.workflow(project_code, code, sent=sent))
    schedules = rest.soon(rest.schedules, project_code, code)
    return lambda: Content(raw.result(), schedules.result(), rest.called(lambda series: series.fills_declared))


def read(rest: RestClient, place: Location, project: str, names: Names) -> ServerState:
    """What the server holds there."""
    if place.row is None:
        return ServerState(place.project_code, lock=place.lock)
    found = ask(rest, place.project_code, place.row.code)()
    return found.state(place.project_code, project, names, place.lock)


def look_again(rest: RestClient, before: ServerState, name: str) -> Callable[[], bool]:
    """Ask whether another submit has written since, by two small requests: each submit changes one of these.

    Gives:
        What waits for the answers, and tells.
    """
    found = rest.soon(find, rest, before.project_code, name)
    schedules = rest.soon(rest.schedules, before.project_code, before.code) if before.code is not None else None

    def has_changed() -> bool:
        row = found.result().row
        if row is None or schedules is None:
            return (row is None) != (before.code is None)
        return row.is_written(own_row(before.raw)) or schedules.result() != before.schedules

    return has_changed
