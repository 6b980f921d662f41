"""A run as it happens in a notebook's cell: one display that is drawn over and over."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dsflow.definition import Definition
from dsflow.display.html import progress_html
from dsflow.report import RUNNING, RunReport, TaskReport

if TYPE_CHECKING:
    from threading import Timer

_PAUSE = 0.4  # seconds between two drawings: a notebook keeps up, and so does a slow connection to it


class NotebookDisplay:
    """Shows a run in the cell that started it. Its methods may be called from any thread.

    Args:
        definition: what runs.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._tasks = {task.name: TaskReport(task.name, task.task_type) for task in definition.tasks}
        self._told: dict[str, float] = {}
        self._notes: list[str] = []
        self._remarks: dict[str, str] = {}
        self._lock = threading.Lock()
        self._handle: Any = None
        self._timer: Timer | None = None
        self._drawn = 0.0
        self._began = time.monotonic()
        self._over = False

    def __enter__(self) -> NotebookDisplay:
        from IPython.display import HTML, display

        self._began = time.monotonic()
        self._handle = display(HTML(self._html()), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self._draw()

    def update(self, task: TaskReport) -> None:
        """Take note of a task's state."""
        with self._lock:
            # a copy, since the report goes on changing in other threads
            self._tasks[task.name] = replace(task, log="", figures=None)
            self._told[task.name] = time.monotonic()
            if task.state != RUNNING:
                self._remarks.pop(task.name, None)
        self._soon()

    def progress(self, task: str, text: str) -> None:
        """Show how far a task is."""
        with self._lock:
            self._remarks[task] = text
        self._soon()

    def note(self, text: str) -> None:
        """Show a line about the run."""
        with self._lock:
            self._notes.append(text)
        self._soon()

    def ended(self, report: RunReport) -> None:
        """Draw how the run ended, once more and for good."""
        with self._lock:
            self._tasks = {task.name: task for task in report.tasks}
        self._draw(report)

    def _soon(self) -> None:
        """Draw now, or as soon as the pause since the last drawing is over."""
        with self._lock:
            if self._over or self._timer is not None or self._handle is None:
                return
            left = self._drawn + _PAUSE - time.monotonic()
            self._timer = threading.Timer(max(left, 0.0), self._draw_later)
            self._timer.daemon = True
            self._timer.start()

    def _draw_later(self) -> None:
        with self._lock:
            self._timer = None
            if self._over:
                return
        self._draw()

    def _draw(self, report: RunReport | None = None) -> None:
        from IPython.display import HTML

        with self._lock:
            self._drawn = time.monotonic()
        if self._handle is not None:
            self._handle.update(HTML(self._html(report)))

    def _html(self, report: RunReport | None = None) -> str:
        now = time.monotonic()
        with self._lock:
            tasks = [
                replace(task, seconds=task.seconds or now - self._told.get(task.name, now))
                if task.state == RUNNING
                else task
                for task in self._tasks.values()
            ]
            notes, remarks = list(self._notes), dict(self._remarks)
        state = report.state if report is not None else RUNNING
        seconds = report.seconds if report is not None else now - self._began
        shown = RunReport(self.definition.name, state, tasks, seconds)
        return progress_html(self.definition, shown, notes if report is None else [], remarks)


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this: what it is shown as HTML is drawn."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
