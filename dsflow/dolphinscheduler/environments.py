"""The environment of tasks that name none.

A DolphinScheduler *environment* is a text of ``export`` lines that a worker sources before a task. Which one a task
gets stands in the task's definition; 3.1 knows no other way. So that a pipeline file need not name something that
differs from server to server, tasks without one get, when they are submitted, the profile's ``environment``, or else
the one that ``dsflow bootstrap --environment`` has marked on the server.
"""

from __future__ import annotations

from dataclasses import replace

from dsflow.config import Profile
from dsflow.definition import Definition
from dsflow.dolphinscheduler.rest import RestClient

MARK = "for dsflow tasks that name no environment"
"""The description by which a server's default environment is known."""

# these are steered by the master: no worker runs anything for them
_NOT_ON_WORKERS = frozenset({"SWITCH", "CONDITIONS", "DEPENDENT", "SUB_PROCESS"})


def default_environment(rest: RestClient, profile: Profile) -> str:
    """Name of the environment for tasks that name none; '' when there is none."""
    if profile.environment:
        return profile.environment
    marked = [e for e in rest.environments() if (e.get("description") or "") == MARK]
    newest = max(marked, key=lambda e: (str(e.get("updateTime") or ""), int(e["code"])), default=None)
    return str(newest["name"]) if newest else ""


def with_environment(definition: Definition, environment: str) -> Definition:
    """The Definition with ``environment`` for its tasks that name none."""
    if not environment:
        return definition
    tasks = (
        t if t.environment or t.task_type in _NOT_ON_WORKERS else replace(t, environment=environment)
        for t in definition.tasks
    )
    return replace(definition, tasks=tuple(tasks))
