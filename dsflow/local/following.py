"""Follows the logs of the tasks of a local run while they grow: what they write, and how far they are.

See :mod:`dsflow.local.progress` for the line by which a task says how far it is.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol

from dsflow.local.folders import folder_name
from dsflow.local.progress import read_progress
from dsflow.outputs import decoded
from dsflow.report import RUNNING

if TYPE_CHECKING:
    from dsflow.local.scheduler import Scheduler

PERIOD = 0.25


class Shown(Protocol):
    """Where progress and lines are shown."""

    def progress(self, task: str, text: str) -> None: ...

    def note(self, text: str) -> None: ...


class LogFollower:
    """Follows the logs as long as a ``with`` block lasts, on a thread of its own.

    Args:
        scheduler: the run.
        display: where it is shown.
        tail: show each line that a task writes, not only how far it is.
    """

    def __init__(self, scheduler: Scheduler, display: Shown, *, tail: bool = False) -> None:
        self._scheduler = scheduler
        self._display = display
        self._tail = tail
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="dsflow-logs")
        self._logs: dict[str, IO[str]] = {}
        self._rest: dict[str, str] = {}
        self._done: set[str] = set()

    def __enter__(self) -> LogFollower:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        for log in self._logs.values():
            log.close()

    def _follow(self) -> None:
        while not self._end.wait(PERIOD):
            self._look()
        self._look()

    def _look(self) -> None:
        for report in self._scheduler.reports:
            if report.name in self._done or not report.attempts:
                continue
            going = report.state == RUNNING  # asked before reading, so that nothing is missed
            self._read(report.name)
            if not going:
                self._done.add(report.name)

    def _read(self, task: str) -> None:
        if task not in self._logs:
            path = Path(self._scheduler.folder) / folder_name(task) / "task.log"
            if not path.exists():
                return
            self._logs[task] = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115 - closed at the end
        text = self._rest.get(task, "") + self._logs[task].read()
        *lines, self._rest[task] = text.split("\n")
        said = None
        for line in lines:
            how_far = read_progress(line)
            said = how_far or said
            if self._tail and how_far is None:
                self._display.note(f"{task} │ {decoded(line)}")
        if said is not None:
            self._display.progress(task, said)
