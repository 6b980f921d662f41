"""What workflows a server holds, and who deployed them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from dsflow.definition import JsonDict
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.lock import PREFIX as LOCK_PREFIX
from dsflow.dolphinscheduler.register import PREFIX, entries_of
from dsflow.dolphinscheduler.wire.branches import find_dangling
from dsflow.dolphinscheduler.wire.names import known_hint
from dsflow.dolphinscheduler.wire.rows import Schedule, WorkflowRow
from dsflow.errors import RunError

READERS = 8


@dataclass(frozen=True)
class Row:
    """A workflow on a server.

    Attributes:
        state: ``ONLINE`` or ``OFFLINE``.
        schedule: the crontab, with ``(offline)`` behind it when it is; '' without one.
        changed: when it was last changed, in the server's words.
        owner: the repository that deployed it; '' when none did.
        lost: how many branches of its switches and conditions lead nowhere; looked for only where the server's own
            copy or import has named the workflow, since that is what loses them.
    """

    project: str
    name: str
    code: int
    state: str
    version: int
    schedule: str
    changed: str
    owner: str
    lost: int = 0

    def to_dict(self) -> JsonDict:
        """As plain data."""
        return asdict(self)


def listing(server: Server, project: str | None = None) -> list[Row]:
    """The workflows of one project, or of all that the user may see, by name; dsflow's own marks are left out.

    Raises:
        RunError: there is no such project.
    """
    server.rest.user()  # one log-in before there are many threads
    codes = {str(p["name"]): int(p["code"]) for p in server.rest.projects()}
    if project is not None:
        if project not in codes:
            raise RunError(f"the server has no project {project!r}", hint=known_hint(project, codes))
        codes = {project: codes[project]}
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda name: _project(server, name, codes[name]), sorted(codes))
        return [row for rows in found for row in rows]


def _project(server: Server, project: str, code: int) -> list[Row]:
    rows = server.rest.workflows(code)
    schedules = {s.workflow_code: s for s in server.rest.project_schedules(code)} if rows else {}
    owners: dict[int, str] = {}
    for row in rows:
        if row.name.startswith(PREFIX):
            entries = entries_of(server.rest.workflow(code, row.code))
            owners.update((e.code, row.name.removeprefix(PREFIX)) for e in entries)
    return [
        Row(
            project,
            row.name,
            row.code,
            row.state,
            row.version,
            _schedule(schedules.get(row.code)),
            row.changed,
            owners.get(row.code, ""),
            _lost(server, code, row),
        )
        for row in sorted(rows, key=lambda r: r.name)
        if not row.name.startswith((PREFIX, LOCK_PREFIX))
    ]


def _lost(server: Server, project: int, row: WorkflowRow) -> int:
    if not re.search(r"_(copy|import)_\d{14,}$", row.name):
        return 0
    return len(find_dangling(server.rest.workflow(project, row.code)))


def _schedule(schedule: Schedule | None) -> str:
    if schedule is None:
        return ""
    return schedule.crontab + ("" if schedule.online else " (offline)")
