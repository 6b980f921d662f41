"""Going back to an earlier version of a workflow, and deleting one: each verified by reading back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError, VerificationError
from dsflow.dolphinscheduler.history import changes_of_versions
from dsflow.dolphinscheduler.lock import Lock, submit_lock
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint
from dsflow.dolphinscheduler.wire.names import server_names
from dsflow.dolphinscheduler.wire.pages import workflow_page
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import own_row
from dsflow.errors import DsflowError, RunError, ServerError, UnreachableError

NOT_THERE = 50003  # org.apache.dolphinscheduler.api.enums.Status
SETTLE_CHECKS = 4
SETTLE_PAUSE = 0.5  # seconds


@dataclass(frozen=True)
class Rollback:
    """What going back did.

    Attributes:
        same: both versions hold the same, as after a submit that changed the schedule alone, which is in no version.
    """

    before: int
    after: int
    online: bool
    live_schedules: int
    url: str
    same: bool = False


def held(server: Server, project: str, name: str) -> ServerState:
    """What the server holds under a name.

    Raises:
        RunError: it holds no such workflow.
    """
    state = server.state(project, name)
    if state.code is None:
        raise RunError(f"the server has no workflow {project}/{name}", hint="dsflow list shows those that it has")
    return state


@dataclass(frozen=True)
class Kept:
    """A version of a workflow that the server keeps.

    Attributes:
        time: when it was made, in the server's words.
        by: the user who made it; ``user 7`` where only an administrator may know the name.
        changed: against the version before, in few words; None for the oldest one that the server keeps.
    """

    version: int
    current: bool
    time: str
    by: str
    changed: tuple[str, ...] | None
    description: str


def versions(server: Server, project: str, name: str, limit: int) -> list[Kept]:
    """The versions that the server keeps of a workflow, the newest first.

    Args:
        limit: at most so many.

    Raises:
        RunError: there is no such workflow.
    """
    state = held(server, project, name)
    assert state.code is not None
    kept = server.rest.versions(state.project_code, state.code)[: limit + 1]
    changed = changes_of_versions(server.rest, state, server_names(server.rest), kept)
    users = _users(server.rest, {one.by for one in kept if one.by})
    return [
        Kept(
            version=one.version,
            current=one.version == state.version,
            time=one.time,
            by=users.get(one.by, ""),
            changed=changed.get(one.version),
            description=one.description,
        )
        for one in kept[:limit]
    ]


def _users(rest: RestClient, ids: set[int]) -> dict[int, str]:
    """Names of users by their ids; only an administrator may ask for those of others."""
    own = rest.user()
    known = {own.id: own.name}
    if not ids <= known.keys() and own.is_admin:
        known |= {user.id: user.name for user in rest.users()}
    return {user: known.get(user, f"user {user}") for user in ids}


def earlier(server: Server, project: str, name: str, to: int | None = None) -> tuple[ServerState, int]:
    """What the server holds, and the version that a rollback would make the current one.

    Args:
        to: the version; None means the one before the current one.

    Raises:
        RunError: there is no such workflow or version.
    """
    state = held(server, project, name)
    assert state.code is not None
    known = [v.version for v in server.rest.versions(state.project_code, state.code)]
    if to is None:
        to = max((v for v in known if v < state.version), default=None)
        if to is None:
            raise RunError(f"{project}/{name} is at version {state.version}: there is none before it")
    if to not in known:
        raise RunError(f"{project}/{name} has no version {to}", hint=f"it has: {', '.join(map(str, known))}")
    return state, to


def rollback(server: Server, project: str, name: str, to: int | None = None) -> Rollback:
    """Make an earlier version of a workflow the current one.

    DolphinScheduler switches a workflow together with the versions of its tasks. It is taken offline for that; it and
    its schedules come back as they were, also when switching fails.

    Args:
        to: the version; None means the one before the current one.

    Raises:
        RunError: there is no such workflow or version.
        VerificationError: the server took the change and holds something else.
    """
    state, to = earlier(server, project, name, to)
    rest, code = server.rest, state.code
    assert code is not None
    if to != state.version:
        with submit_lock(rest, state.project_code, name) as lock:
            _switch(rest, state, code, to, lock)
    after = held(server, project, name)
    wrong = []
    if after.version != to:
        wrong.append(f"version: {after.version}, not {to}")
    if after.online != state.online:
        wrong.append("it is " + ("online" if after.online else "offline"))
    if set(after.live_schedules) != set(state.live_schedules):
        wrong.append(f"live schedules: {after.live_schedules}, not {state.live_schedules}")
    if wrong:
        raise VerificationError(f"{project}/{name} was to go back to version {to}, but:", wrong)
    url = workflow_page(server.profile, state.project_code, code)
    assert state.definition is not None
    assert after.definition is not None
    same = fingerprint(state.definition) == fingerprint(after.definition)
    return Rollback(state.version, after.version, after.online, len(after.live_schedules), url, same)


def _switch(rest: RestClient, state: ServerState, code: int, version: int, lock: Lock) -> None:
    project = state.project_code
    try:
        with _online_after_failure(rest, project, code, state.online, state.live_schedules):
            if state.online:
                rest.release(project, code, "OFFLINE")
            rest.switch_version(project, code, version)
            _set_online(rest, project, code, state.online, state.live_schedules)
    except _LeftOfflineError as error:
        lock.keep = True  # the next submit is to know that something was begun and not finished
        raise error.first from error


def delete_workflow(rest: RestClient, project: int, code: int) -> None:
    """Delete a workflow with its schedules; it is taken offline first.

    Raises:
        ServerError: the server refuses, because another workflow uses it, for example; it is online again then, and so
            are its schedules.
    """
    own = own_row(rest.workflow(project, code))
    schedules = rest.schedules(project, code)
    live = [s.id for s in schedules if s.online]
    try:
        with _online_after_failure(rest, project, code, own.online, live):
            if own.online:
                rest.release(project, code, "OFFLINE")
            for schedule in rest.schedules(project, code):
                if schedule.online:
                    rest.release_schedule(project, schedule.id, online=False)
            if len(schedules) > 1:  # 3.1 lets one make several, and then fails to delete the workflow
                for schedule in schedules[1:]:
                    rest.delete_schedule(project, schedule.id)
            rest.delete_workflow(project, code, own.name)
    except _LeftOfflineError as error:
        if not (isinstance(error.first, UnreachableError) and _is_gone(rest, project, code)):  # else it was deleted
            raise error.first from error


def _is_gone(rest: RestClient, project: int, code: int) -> bool:
    try:
        rest.workflow(project, code)
    except RefusedError as error:
        return error.code == NOT_THERE
    except ServerError:
        return False
    return False


class _LeftOfflineError(Exception):
    """A workflow could not be set online again after ``first``, which says so."""

    def __init__(self, first: BaseException) -> None:
        super().__init__()
        self.first = first


@contextmanager
def _online_after_failure(rest: RestClient, project: int, code: int, online: bool, live: list[int]) -> Iterator[None]:
    """Whatever fails inside, or is interrupted: the workflow and its schedules are online again if they were.

    Raises:
        _LeftOfflineError: that failed too.
    """
    try:
        yield
    except BaseException as error:
        try:
            # A request whose answer was lost may still be under way, and take effect after what comes now.
            for again in range(SETTLE_CHECKS if isinstance(error, UnreachableError) else 1):
                if again:
                    time.sleep(SETTLE_PAUSE)
                _set_online(rest, project, code, online, live)
        except ServerError as second:
            if isinstance(error, DsflowError):
                schedule = " and its schedule" if live else ""
                more = f"the workflow{schedule} may now be offline, and could not be set online again: {second.message}"
                error.hint = f"{error.hint}; {more}" if error.hint else more
            raise _LeftOfflineError(error) from second
        raise


def _set_online(rest: RestClient, project: int, code: int, online: bool, live: list[int]) -> None:
    if not online:
        return
    if not own_row(rest.workflow(project, code)).online:
        rest.release(project, code, "ONLINE")
    offline = {s.id for s in rest.schedules(project, code) if not s.online}
    for schedule in live:
        if schedule in offline:
            rest.release_schedule(project, schedule, online=True)
