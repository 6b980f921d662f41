"""Watching one run: look after look until it ends, through a server that is away for a while.

A look is two small reads. A server that does not answer is waited for up to a limit; what ends the waiting is said for
what it is: no answer, a server that came back without the run, or a run that takes longer than it may.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.runs import LAST_LINE, LATE_LOOKS, LATE_PAUSE, Run, map_state, newest_attempts
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import Instance, TaskRun
from dsflow.errors import RunError, ServerError, UnreachableError
from dsflow.report import FINAL_STATES, WAITING

SERVER_TIMEOUT = 120.0
INTERNAL_ERROR = 10000  # DolphinScheduler's database is away, for example
REFUSALS = 3  # in a row: a server with much to do refuses one reading now and then

T = TypeVar("T")


class RunTimeoutError(RunError):
    """A run was still going when the time to follow it was over."""

    exit_code = 4


@dataclass(frozen=True)
class Look:
    """What a run looked like at one moment.

    Attributes:
        state: of :mod:`dsflow.report`.
        word: DolphinScheduler's own word for it.
        tasks: the newest attempt of each task that DolphinScheduler has made, by name.
    """

    state: str
    word: str
    tasks: dict[str, TaskRun]

    @property
    def ended(self) -> bool:
        """Whether the run has ended (or rests: paused, stopped)."""
        return self.state in FINAL_STATES

    def states(self) -> dict[str, str]:
        """Each task's state, of :mod:`dsflow.report`."""
        return {name: map_state(task.state) for name, task in self.tasks.items()}


class Patience:
    """Repeats a question while the server is away.

    Args:
        limit: seconds to wait for it, counted from its last answer.
        tell: gets a line when it goes away and when it is back.
    """

    def __init__(
        self,
        limit: float = SERVER_TIMEOUT,
        *,
        poll: float = 1.0,
        tell: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.poll = poll
        self.sleep = sleep
        self.clock = clock
        self._tell = tell or (lambda line: None)
        self._since: float | None = None

    def ask(self, question: Callable[[], T]) -> T:
        """The answer.

        Raises:
            UnreachableError: none came within the limit.
            ServerError: the server answered with a refusal.
        """
        asked = self.clock()
        while True:
            try:
                answer = question()
            except ServerError as error:
                if not self._away(error):
                    raise
                if self._since is None:
                    self._since = asked
                    self._tell(f"the server does not answer; waiting for it, up to {self.limit:.0f} s")
                if self.clock() - self._since >= self.limit:
                    raise UnreachableError(
                        f"the server has not answered for {self.clock() - self._since:.0f} s: {error.message}",
                        hint="the run may still go on there",
                    ) from error
                self.sleep(self.poll)
                continue
            if self._since is not None:
                self._tell(f"the server is back after {self.clock() - self._since:.0f} s")
                self._since = None
            return answer

    def _away(self, error: ServerError) -> bool:
        if isinstance(error, UnreachableError):
            return True
        if isinstance(error, AuthenticationError):
            return self._since is not None  # a server that is only just starting
        return isinstance(error, RefusedError) and error.code in (None, INTERNAL_ERROR)


@dataclass
class Watch:
    """One run, watched.

    Args:
        rest: the connection.
        run: what to watch.
        patience: how the server's silence is borne.
        limit: seconds that the run may still take; None for no limit.
    """

    rest: RestClient
    run: Run
    patience: Patience = field(default_factory=Patience)
    limit: float | None = None

    def look(self) -> Look:
        """One look, whatever the server's silence.

        Raises:
            UnreachableError: the server does not answer, or came back without the run.
        """
        found, tasks = self._read()
        return Look(map_state(found.state), found.state, newest_attempts(tasks))

    def _read(self) -> tuple[Instance, list[TaskRun]]:
        run, refusals = self.run, 0
        while True:
            try:
                # The run first: when it has ended, so have the tasks that are read after it.
                found = self.patience.ask(lambda: self.rest.instance(run.project_code, run.instance))
                return found, self.patience.ask(lambda: self.rest.task_instances(run.project_code, run.instance))
            except RefusedError as error:
                refusals += 1
                if refusals == REFUSALS:
                    raise UnreachableError(
                        f"the server no longer knows run {run.instance}: {error.reason}",
                        hint="was it deleted, or did the server start again with another database?",
                    ) from error
                self.patience.sleep(self.patience.poll)

    def looks(self) -> Iterator[Look]:
        """Look after look; the last one has ended.

        Raises:
            UnreachableError: see :meth:`look`.
            RunTimeoutError: the run took longer than ``limit``; it goes on.
        """
        began = self.patience.clock()
        while True:
            look = self.look()
            yield look
            if look.ended:
                return
            left = self.patience.poll
            if self.limit is not None:
                left = min(left, began + self.limit - self.patience.clock())
                if left <= 0:
                    raise RunTimeoutError(f"run {self.run.instance} was not over after {self.limit:g} s: it goes on")
            self.patience.sleep(left)


_LOG_LINE = re.compile(r"^\[([A-Z]+)\]\s+\d{4}-\d\d-\d\d \S+\s.*?-\s(.*)$|^\[LOG-PATH\]:")
_OUTPUT = re.compile(r"^\s*->\s?(.*)$")
# in the logs of SWITCH, CONDITIONS, DEPENDENT and SUB_PROCESS, which write nothing themselves
_DECISION = re.compile(r"condition|branch|depend|sub ?(process|workflow)", re.IGNORECASE)


class OwnOutput:
    """Picks out of a task's log what the task itself wrote, and the worker's warnings and errors.

    A worker logs a task's output as `` -> `` and the text, further lines below it as they are; 3.2 begins each with a
    tab. Everything else that is in a log is the worker talking to itself.
    """

    def __init__(self) -> None:
        self._inside = False

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Those of the lines that the task wrote; lines may come in several calls."""
        for line in lines:
            head = _LOG_LINE.match(line)
            if head is None:
                if self._inside:
                    yield line.removeprefix("\t")
                continue
            output = _OUTPUT.match(head.group(2) or "")
            self._inside = output is not None
            if output is not None and output.group(1).strip():
                yield output.group(1)
            elif output is None and head.group(1) in ("ERROR", "WARN"):
                self._inside = True  # its stack trace
                yield line


def own_output(log: str) -> str:
    """What a task itself wrote, of a whole log.

    Of a task that wrote nothing: what the server says of conditions and branches, or else the whole log. Not for a log
    in which two attempts ran into each other: each begins anew.
    """
    lines = log.replace("\r\n", "\n").splitlines()
    own = list(OwnOutput().lines(lines)) or list(_decisions(lines)) or lines
    return "".join(f"{line}\n" for line in own)


def _decisions(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        head = _LOG_LINE.match(line)
        if head is not None and _DECISION.search(head.group(2) or ""):
            yield head.group(2)


class LogTail:
    """What the tasks of a run have newly written, line by line.

    Args:
        rest: the connection.
        only: name of the one task to read; None reads all.
        whole: also what the worker writes beside the task's own output.
    """

    def __init__(self, rest: RestClient, only: str | None = None, *, whole: bool = False) -> None:
        self._rest = rest
        self._only = only
        self._whole = whole
        self._own: dict[int, OwnOutput] = {}
        self._late: dict[int, int] = {}
        self._skip: dict[int, int] = {}
        self._done: set[int] = set()

    def news(self, look: Look) -> Iterator[tuple[str, str]]:
        """``(task, line)`` of each line that came since the last call; of a task that has ended all the rest."""
        for name, task in look.tasks.items():
            number, state = task.id, map_state(task.state)
            if (self._only is not None and name != self._only) or number in self._done or state == WAITING:
                continue
            if not task.has_log:
                if state in FINAL_STATES:
                    self._done.add(number)
                continue
            try:
                text, lines = self._rest.log_part(number, self._skip.get(number, 0))
            except UnreachableError:
                return  # the next look waits for the server
            except ServerError:
                text, lines = "", 0  # the log is not there yet
            self._skip[number] = self._skip.get(number, 0) + lines
            if state in FINAL_STATES:
                # Its last lines may reach the log after its state has changed.
                self._late[number] = self._late.get(number, 0) + 1
                if LAST_LINE in text or self._late[number] > LATE_LOOKS:
                    self._done.add(number)
            new: Iterable[str] = text.replace("\r\n", "\n").splitlines()
            if not self._whole:
                new = self._own.setdefault(number, OwnOutput()).lines(new)
            for line in new:
                yield name, line

    def last(self, look: Look, sleep: Callable[[float], None] = time.sleep) -> Iterator[tuple[str, str]]:
        """What is still to come after the run's end; waits a moment for it."""
        for _ in range(LATE_LOOKS):
            yield from self.news(look)
            wanted = [task for name, task in look.tasks.items() if self._only in (None, name) and task.has_log]
            if all(task.id in self._done for task in wanted):
                return
            sleep(LATE_PAUSE)
