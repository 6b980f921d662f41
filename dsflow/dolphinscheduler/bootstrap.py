"""Making a fresh server fit for submitting: tenant, project, worker group, environment. Each step may be repeated.

No password and no e-mail address changes: the form that binds a tenant to a user wants every field of the user, so all
of them are read first and sent back as they were, with an empty password, which DolphinScheduler reads as 'as it is'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from dsflow.config import Profile
from dsflow.dolphinscheduler.environments import MARK
from dsflow.dolphinscheduler.errors import AuthenticationError
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import WorkerGroup
from dsflow.errors import ConfigError, ServerError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ADMIN_HINT = "only an administrator may do that: set DSFLOW_USER and DSFLOW_PASSWORD to one, or ask one"
KEPT = ("id", "name", "email", "phone", "queue", "state")  # of a user whose tenant is changed


def bootstrap(
    rest: RestClient,
    profile: Profile,
    *,
    tenant: str | None = None,
    project: str | None = None,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    worker_group: str = "default",
    workers: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Create what is missing, and say each thing.

    Args:
        tenant: created if missing and bound to the user of the credentials.
        project: created if missing.
        environment: a DolphinScheduler environment, from now on that of tasks which name none; it holds
            ``export NAME="VALUE"`` for each of ``variables``;
            other lines of an existing one are kept.
        variables: ``$NAME`` inside a value is expanded on the worker.
        worker_group: which worker group may use the environment; made of ``workers`` if missing.
        workers: ``host:port`` of workers that the group is to have, beside those that it has.
        say: gets one line for each thing.

    Raises:
        ConfigError: a variable's name or value cannot be written into an environment.
        ServerError: the server refuses, mostly because the user is no administrator.
    """
    lines = _exports(variables or {})
    if variables and not environment:
        raise ConfigError("variables need the name of an environment to be put into")
    if workers:
        _check_workers(rest, worker_group, workers)
    elif environment or worker_group != "default":
        _check_worker_group(rest, worker_group)
    if tenant:
        _tenant(rest, tenant, say)
        _bind(rest, profile, tenant, say)
    if project:
        _project(rest, project, say)
    if workers:
        _worker_group(rest, worker_group, workers, say)
    if environment:
        _environment(rest, environment, lines, worker_group, say)


def _check_workers(rest: RestClient, group: str, workers: Sequence[str]) -> None:
    if group == "default":
        raise ConfigError("every worker is in worker group 'default'", hint="name another one for these workers")
    alive = rest.worker_addresses()
    for worker in workers:
        if worker not in alive:
            raise ServerError(f"no worker is alive at {worker}", hint=f"alive: {', '.join(sorted(alive)) or 'none'}")


def _worker_group(rest: RestClient, name: str, workers: Sequence[str], say: Callable[[str], None]) -> None:
    _require_admin(rest, f"make worker group {name!r}")
    held = next((group for group in rest.whole_worker_groups() if group.name == name), None)
    before = held or WorkerGroup(0, name, (), "")
    new = [w for w in dict.fromkeys(workers) if w not in before.workers]
    if not new:
        say(f"worker group {name!r} exists already with {', '.join(before.workers)}")
        return
    rest.save_worker_group(before.id, name, [*before.workers, *new], before.description)
    say(f"worker group {name!r} " + (f"changed: {', '.join(new)} added" if held else f"made of {', '.join(new)}"))


def _check_worker_group(rest: RestClient, name: str) -> None:
    groups = rest.worker_groups()
    if name not in groups:
        raise ServerError(
            f"the server has no worker group {name!r}",
            hint=f"known: {', '.join(sorted(groups)) or 'none'}; --worker HOST:PORT makes it of workers, of which "
            f"these are alive: {', '.join(sorted(rest.worker_addresses())) or 'none'}",
        )


def _tenant(rest: RestClient, tenant: str, say: Callable[[str], None]) -> None:
    if any(one.code == tenant for one in rest.tenants()):
        say(f"tenant {tenant!r} exists already")
        return
    _require_admin(rest, f"make tenant {tenant!r}")
    queues = rest.queues()
    if not queues:
        raise ServerError(
            "the server has no queue, and a tenant needs one", hint="make one: Security > Yarn Queue Manage"
        )
    queue = min(queues, key=lambda q: (q.name != "default", q.id))
    rest.create_tenant(tenant, queue.id, "")
    say(f"tenant {tenant!r} made")


def _bind(rest: RestClient, profile: Profile, tenant: str, say: Callable[[str], None]) -> None:
    user = rest.user(refresh=True)
    name = user.name
    if user.tenant == tenant:
        say(f"user {name!r} has tenant {tenant!r} already")
        return
    _require_admin(rest, f"bind tenant {tenant!r} to user {name!r}")
    rest.bind_tenant(user, next(one.id for one in rest.tenants() if one.code == tenant))
    after = rest.user(refresh=True)
    changed = [field for field in KEPT if getattr(after, field) != getattr(user, field)]
    if after.tenant != tenant or changed:
        raise ServerError(
            f"binding tenant {tenant!r} to user {name!r} did not work as meant: tenant is {after.tenant!r}"
            + (f", changed: {', '.join(changed)}" if changed else "")
        )
    _check_log_in(profile, name)
    say(f"user {name!r} now has tenant {tenant!r} (before: {user.tenant or 'none'})")


def _check_log_in(profile: Profile, name: str) -> None:
    try:
        with RestClient(profile) as fresh:
            fresh.user()
    except AuthenticationError as error:
        raise ServerError(
            f"after the tenant was bound, user {name!r} cannot log in any more: {error.message}",
            hint="set the user's password anew as an administrator",
        ) from error


def _project(rest: RestClient, project: str, say: Callable[[str], None]) -> None:
    if rest.project_code(project) is not None:
        say(f"project {project!r} exists already")
        return
    rest.create_project(project, "")
    say(f"project {project!r} made")


def _environment(
    rest: RestClient, name: str, lines: Mapping[str, str], worker_group: str, say: Callable[[str], None]
) -> None:
    held = next((e for e in rest.environments() if e.name == name), None)
    if held is None:
        _require_admin(rest, f"make environment {name!r}")
        config = "\n".join(lines.values()) or "# made by dsflow bootstrap"
        rest.create_environment(name, config, MARK, [worker_group])
        say(f"environment {name!r} made for worker group {worker_group!r}: {', '.join(lines) or 'no variables'}")
        say(_WHEN)
        return
    config, changed = merge_exports(held.config, lines)
    bound = list(held.worker_groups)
    marked = held.description == MARK
    if not changed and marked and worker_group in bound:
        say(f"environment {name!r} exists already with these variables")
        return
    _require_admin(rest, f"change environment {name!r}")
    wanted = bound if worker_group in bound else [*bound, worker_group]
    rest.update_environment(held.code, name, config, MARK, wanted)
    if not marked:
        changed.append("marked as the one of tasks that name none")
    say(f"environment {name!r} changed: {', '.join(changed) or f'worker group {worker_group!r} added'}")
    if not marked:
        say(_WHEN)


_WHEN = "tasks that name no environment get it when their workflow is submitted: submit again what is there already"


def _exports(variables: Mapping[str, str]) -> dict[str, str]:
    lines = {}
    for name, value in variables.items():
        if not _NAME.match(name):
            raise ConfigError(f"{name!r} is no name of an environment variable")
        if any(c in value for c in "\n\r\0"):
            raise ConfigError(f"the value of {name} has more than one line: an environment cannot hold that")
        quoted = value.replace('"', '\\"').replace("`", "\\`")
        lines[name] = f'export {name}="{quoted}"'
    return lines


def merge_exports(config: str, lines: Mapping[str, str]) -> tuple[str, list[str]]:
    """An environment's text with these ``export`` lines in it, and the names whose lines are new or different."""
    left = dict(lines)
    changed, result = [], []
    for line in config.splitlines():
        match = re.match(r"\s*export\s+([A-Za-z_][A-Za-z0-9_]*)=", line)
        if match and match[1] in lines:
            name = match[1]
            if name not in left:
                continue  # a second line for the same variable would win over ours
            wanted = left.pop(name)
            if line.strip() != wanted:
                changed.append(name)
            result.append(wanted)
        else:
            result.append(line)
    changed += list(left)
    return "\n".join([*result, *left.values()]), changed


def _require_admin(rest: RestClient, doing: str) -> None:
    user = rest.user()
    if not user.is_admin:
        raise ServerError(f"user {user.name!r} is no administrator and cannot {doing}", hint=_ADMIN_HINT)
