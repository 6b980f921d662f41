"""One submit of a workflow at a time.

DolphinScheduler does not keep two updates of the same workflow apart: seen on 3.1.5 and 3.2.2, one's tasks ended beside
the other's edges, and a task version was stored twice, after which the server refused every further update of that
workflow for good (TooManyResultsException). Nothing in its API locks, but within a project the database allows a
workflow's name only once: whoever manages to make an empty workflow of an agreed name has the lock, and deletes it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.rest import RestClient
from dsflow.errors import ServerError

NAME_EXISTS = 10168
PATIENCE = 120.0  # a submit takes seconds; a lock that is older was left behind by one that was killed
POLL = 0.3
PREFIX = "dsflow lock "


def lock_name(workflow: str) -> str:
    """The name of the workflow that stands for the lock of another one."""
    return PREFIX + hashlib.sha256(workflow.encode()).hexdigest()[:16]


@contextmanager
def submit_lock(
    rest: RestClient,
    project: int,
    workflow: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock of a workflow; wait for whoever holds it now.

    A lock that one and the same holder has had for two minutes is taken over.

    Raises:
        RefusedError: the user may not make workflows in this project.
    """
    code = _acquire(rest, project, workflow, sleep, clock)
    try:
        yield
    finally:
        try:
            rest.delete_workflow(project, code)
        except ServerError:
            # What was done under the lock counts; the lock itself is taken over by the next submit.
            pass


def _acquire(
    rest: RestClient, project: int, workflow: str, sleep: Callable[[float], None], clock: Callable[[], float]
) -> int:
    name = lock_name(workflow)
    description = f"Held for seconds while dsflow submits {workflow!r}."[:255]
    seen: int | None = None
    since = clock()
    while True:
        try:
            return rest.create_empty_workflow(project, name, description)
        except RefusedError as error:
            holder = rest.workflow_code(project, name)
            if holder is None:
                if error.code != NAME_EXISTS:
                    raise
                continue  # let go between our two questions
        if holder != seen:
            seen, since = holder, clock()
        elif clock() - since > PATIENCE:
            _take_over(rest, project, holder)
        sleep(POLL)


def _take_over(rest: RestClient, project: int, holder: int) -> None:
    try:
        rest.delete_workflow(project, holder)
    except RefusedError:
        pass  # its holder, or another one who waits, was faster
