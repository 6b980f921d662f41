"""One submit of a workflow at a time.

DolphinScheduler does not keep two updates of the same workflow apart: seen on 3.1.5 and 3.2.2, one's tasks ended beside
the other's edges, and a task version was stored twice, after which the server refused every further update of that
workflow for good (TooManyResultsException). Nothing in its API locks, but within a project the database allows a
workflow's name only once: whoever manages to make an empty workflow of an agreed name has the lock, and deletes it.

The lock's name holds the workflow's, so that the look-up of the workflow finds its lock too, without one more request.
Its description says who holds it: a holder that is known to be dead (same machine, no such process) need not be waited
for as long as one that may be alive. A lock that was left behind is the sign of a submit that was cut short.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import WorkflowRow
from dsflow.errors import ServerError, UnreachableError

NAME_EXISTS = 10168
CREATE_FAILED = 10105  # so it says when two were made at once and the database took one: seen on 3.1.5
PATIENCE = 120.0  # a submit takes seconds; a lock that is older was left behind by one that was killed
GRACE = 10.0  # after the death of a holder: the server may still be at work on its last request
POLL = 0.2
ATTEMPTS = 3
PREFIX = "dsflow lock "
MAX_NAME = 255

_HOLDER = re.compile(r"by (\S+), process (\d+) \((\w+)/(\w+)\)")
_held: set[str] = set()  # the tokens of the locks that this process holds


@dataclass
class Lock:
    """A lock that is held.

    Attributes:
        taken_over: '' or who left it behind, in words.
        waited: seconds that another holder was waited for.
        keep: leave it behind when leaving: what was begun is not finished, and the next submit is to know.
        stuck: after leaving: it could not be removed.
    """

    code: int
    token: str
    taken_over: str = ""
    waited: float = 0.0
    keep: bool = False
    stuck: bool = False
    _remove_soon: Callable[[], Future[None]] | None = field(default=None, repr=False)
    _removal: Future[None] | None = field(default=None, repr=False)

    def let_go(self) -> None:
        """Begin to remove it, if that has not begun: all is written, and the server has been asked to read it back.

        Removing takes the server longer than making, and about as long as reading. So the two go side by side: before
        another submit writes, the lock must be gone, and it makes its own, reads the workflow and asks for its codes.
        The server reads a workflow by the version that it finds at first. If all of that has been faster all the same,
        the workflow that was read is the other's, and comparing says so.
        """
        if self._remove_soon is not None and self._removal is None:
            self._removal = self._remove_soon()


def lock_name(workflow: str) -> str:
    """The name of the workflow that stands for the lock of another one."""
    name = PREFIX + workflow
    if len(name) <= MAX_NAME:
        return name
    return name[: MAX_NAME - 17] + " " + hashlib.sha256(workflow.encode()).hexdigest()[:16]


def holder(row: WorkflowRow) -> str:
    """Who holds a lock, in words."""
    found = _HOLDER.search(row.description)
    return f"{found[1]}, process {found[2]}" if found else "somebody"


def note(row: WorkflowRow) -> str:
    """What a user should know who finds a lock."""
    if is_dead(row):
        return f"an earlier submit of this workflow ({holder(row)}) was cut short: submitting finishes it"
    return f"another submit of this workflow is under way ({holder(row)})"


def is_dead(row: WorkflowRow) -> bool:
    """Whether the holder of a lock is known not to be at work any more."""
    found = _HOLDER.search(row.description)
    if found is None or found[3] != _machine() or sys.platform == "win32":
        return False
    pid = int(found[2])
    if pid == os.getpid():
        return found[4] not in _held
    try:
        os.kill(pid, 0)  # asks only whether it is there
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Spares:
    """Locks of submits that are done, kept to become those of the next submits of this process.

    To delete a workflow, DolphinScheduler searches all tasks for one that uses it; to rename it, it does not, and keeps
    names apart just the same. A spare bears its old name until then: if the process dies, it is a lock that was left
    behind like any other. But whoever wants that workflow waits for it: so there are none while a submit of this
    process waits for another process, which may in turn wait for a spare of ours.
    """

    def __init__(self, rest: RestClient, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rest = rest
        self._sleep = sleep
        self._guard = threading.Lock()
        self._locks: list[tuple[int, Lock]] = []
        self._waiting = 0

    def take(self, project: int) -> Lock | None:
        """One of this project, or None."""
        with self._guard:
            for index, (where, lock) in enumerate(self._locks):
                if where == project:
                    del self._locks[index]
                    return lock
        return None

    def give(self, project: int, lock: Lock) -> None:
        """A lock that its submit needs no more."""
        with self._guard:
            wanted = self._waiting == 0
            if wanted:
                self._locks.append((project, lock))
        if not wanted:
            _release(self._rest, project, lock, self._sleep)

    @contextmanager
    def none(self) -> Iterator[None]:
        """Meanwhile there are none."""
        with self._guard:
            self._waiting += 1
        try:
            self.remove()
            yield
        finally:
            with self._guard:
                self._waiting -= 1

    def remove(self) -> bool:
        """Delete them; gives whether all of them could be."""
        stuck = False
        while True:
            with self._guard:
                if not self._locks:
                    return not stuck
                project, lock = self._locks.pop()
            _release(self._rest, project, lock, self._sleep)
            stuck = stuck or lock.stuck


@contextmanager
def submit_lock(
    rest: RestClient,
    project: int,
    workflow: str,
    *,
    grace: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    spares: Spares | None = None,
) -> Iterator[Lock]:
    """Hold the lock of a workflow; wait for whoever holds it now.

    A lock that one and the same holder has had for two minutes is taken over; that of a dead process sooner.

    Args:
        grace: seconds that the server may still be at work for a holder that is dead.
        spares: where the lock may come from and go to.

    Raises:
        RefusedError: the user may not make workflows in this project.
    """
    lock = _acquire(rest, project, workflow, GRACE if grace is None else grace, sleep, clock, spares)
    if spares is None:
        lock._remove_soon = lambda: rest.soon(_release, rest, project, lock, sleep)
    try:
        yield lock
    finally:
        if lock._removal is not None:
            lock._removal.result()
        elif spares is not None and not lock.keep:
            spares.give(project, lock)
        elif not lock.keep:
            _release(rest, project, lock, sleep)
        else:
            _held.discard(lock.token)


def find_lock(rest: RestClient, project: int, workflow: str) -> WorkflowRow | None:
    """The lock of a workflow, as the server lists it, or None."""
    name = lock_name(workflow)
    for row in rest.workflows_named(project, name, f"look for the lock of workflow {workflow!r}"):
        if row.name == name:
            return row
    return None


def _acquire(
    rest: RestClient,
    project: int,
    workflow: str,
    grace: float,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
    spares: Spares | None,
) -> Lock:
    token = uuid.uuid4().hex[:12]
    description = (
        f"Held for seconds while dsflow submits the workflow, by {socket.gethostname() or 'unknown'}, "
        f"process {os.getpid()} ({_machine()}/{token})."
    )
    name, began, failures = lock_name(workflow), clock(), 0
    lock, seen, since = Lock(0, token), 0, began
    spare = spares.take(project) if spares is not None else None
    _held.add(token)
    try:
        with ExitStack() as while_we_wait:
            while True:
                try:
                    if spare is not None:
                        rest.rename_empty_workflow(project, spare.code, name, description)
                        lock.code = spare.code
                    else:
                        lock.code = rest.create_empty_workflow(project, name, description)
                    return lock
                except UnreachableError:
                    failures += 1  # whether the server got it is for the next look to tell
                    if failures == ATTEMPTS:
                        raise
                    sleep(POLL)
                except RefusedError as error:
                    if spare is not None:  # the name is taken, or the spare is gone: as if there had been none
                        _remove(rest, project, spare.code)
                        _held.discard(spare.token)
                        spare = None
                        continue
                    if error.code != NAME_EXISTS and find_lock(rest, project, workflow) is None:
                        failures += 1
                        if error.code != CREATE_FAILED or failures == ATTEMPTS:
                            raise
                        sleep(POLL)
                # One look is half of what one more attempt costs, and an attempt fills the server's log.
                while (row := find_lock(rest, project, workflow)) is not None:
                    if token in row.description:
                        lock.code = row.code  # our own, whose answer was lost
                        return lock
                    if spares is not None and lock.waited == 0:
                        while_we_wait.enter_context(spares.none())
                    if spare is not None:
                        _remove(rest, project, spare.code)
                        _held.discard(spare.token)
                        spare = None
                    lock.waited = clock() - began
                    if row.code != seen:
                        seen, since = row.code, clock()
                    elif clock() - since > (grace if is_dead(row) else PATIENCE):
                        if _remove(rest, project, seen):
                            lock.taken_over = holder(row)
                        break
                    sleep(random.uniform(POLL, 2 * POLL))
    except BaseException:
        _held.discard(token)
        raise
    finally:
        if spare is not None:
            _held.discard(spare.token)


def _remove(rest: RestClient, project: int, code: int) -> bool:
    try:
        rest.delete_workflow(project, code)
    except RefusedError:
        return False  # its holder, or another one who waits, was faster
    return True


def _release(rest: RestClient, project: int, lock: Lock, sleep: Callable[[float], None]) -> None:
    """What was done under the lock counts: if it cannot be removed, the next submit takes it over."""
    _held.discard(lock.token)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            rest.delete_workflow(project, lock.code)
            return
        except UnreachableError:
            if attempt < ATTEMPTS:
                sleep(POLL)
        except ServerError:
            lock.stuck = attempt == 1  # else the attempt before did it, and only its answer was lost
            return
    lock.stuck = True


def _machine() -> str:
    """Tells the places apart within which a process number means something."""
    parts = [socket.gethostname(), str(uuid.getnode())]
    try:
        parts.append(os.readlink("/proc/self/ns/pid"))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts.append(file.read().strip())
    except OSError:  # no Linux
        pass
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]
