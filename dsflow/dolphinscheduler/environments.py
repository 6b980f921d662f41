"""The environment of tasks that name none.

A DolphinScheduler *environment* is a text of ``export`` lines that a worker sources before a task. Which one a task
gets stands in the task's definition; 3.1 knows no other way. So that a pipeline file need not name something that
differs from server to server, tasks without one get, when they are submitted, the profile's ``environment``, or else
the one that ``dsflow bootstrap --environment`` has marked on the server.
"""

from __future__ import annotations

from dataclasses import replace

from dsflow.config import Profile
from dsflow.declare.tasks import type_of
from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.wire.names import ENVIRONMENT, Names, environment_codes
from dsflow.dolphinscheduler.wire.rest import RestClient

MARK = "for dsflow tasks that name no environment"
"""The description by which a server's default environment is known."""


def default_environment(rest: RestClient, profile: Profile, names: Names | None = None) -> str:
    """Name of the environment for tasks that name none; '' when there is none.

    Args:
        names: learns the environments if they are asked for.
    """
    if profile.environment:
        return profile.environment
    known = rest.environments()
    if names is not None:
        names.remember(ENVIRONMENT, environment_codes(known))
    marked = [environment for environment in known if environment.description == MARK]
    newest = max(marked, key=lambda e: (e.changed, e.code), default=None)
    return newest.name if newest else ""


def completed(definition: Definition, rest: RestClient, profile: Profile, names: Names) -> Definition:
    """The Definition with the default environment for its tasks that name none; asks only if there are any."""
    if not any(map(_lacks, definition.tasks)):
        return definition
    return with_environment(definition, default_environment(rest, profile, names))


def with_environment(definition: Definition, environment: str) -> Definition:
    """The Definition with ``environment`` for its tasks that name none."""
    if not environment:
        return definition
    tasks = (replace(t, environment=environment) if _lacks(t) else t for t in definition.tasks)
    return replace(definition, tasks=tuple(tasks))


def _lacks(task: TaskDefinition) -> bool:
    """Whether a worker runs the task, in an environment that the task does not name."""
    return not task.environment and type_of(task.task_type).on_worker
