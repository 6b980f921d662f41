"""Runs that a script or a notebook waits for, with a display of their progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dsflow._api.shown import Run, cell_number
from dsflow.definition import Definition
from dsflow.display.notebook import NotebookDisplay, in_notebook
from dsflow.display.progress import RunDisplay
from dsflow.report import TIMEOUT, RunReport

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.client import Server


def display_of(definition: Definition) -> NotebookDisplay | RunDisplay:
    """A picture in a notebook's cell, else lines (or a table, on a terminal) on standard output."""
    return NotebookDisplay(definition) if in_notebook() else RunDisplay(definition, stream=sys.stdout)


def shown(report: RunReport, definition: Definition, display: NotebookDisplay | RunDisplay | None) -> Run:
    """The report, which knows whether its cell shows the run already."""
    if isinstance(display, NotebookDisplay):
        display.ended(report)
        return Run.of(report, definition, cell_number())
    return Run.of(report, definition)


def run_there(
    server: Server,
    definition: Definition,
    values: Mapping[str, str],
    display: NotebookDisplay | RunDisplay | None,
    *,
    timeout: float | None,
    stop_on_interrupt: bool,
) -> Run:
    """Start a workflow on its server, and follow it to its end.

    Raises:
        RunTimeoutError: it was not over after ``timeout`` seconds; it goes on.
        KeyboardInterrupt: with ``stop_on_interrupt`` the run has been stopped, else it goes on.
    """
    from dsflow.cli.following import Progress, readable
    from dsflow.dolphinscheduler.operations import Operations
    from dsflow.dolphinscheduler.watch import Patience, RunTimeoutError, Watch
    from dsflow.local.runner import Silent

    told = display or Silent()
    operations = Operations(server, definition.project, definition.name)
    run = operations.start(definition, values)
    progress = Progress(definition, told)
    state: str | None = None
    with told:
        told.note(f"run {run.instance}: {run.url}")
        try:
            for look in Watch(server.rest, run, Patience(tell=told.note), timeout).looks():
                progress.see(look)
        except KeyboardInterrupt:
            if not stop_on_interrupt:
                told.note(f"run {run.instance} goes on: {run.url}")
                raise
            operations.end(run, "STOP")
        except RunTimeoutError:
            if not stop_on_interrupt:
                raise
            operations.end(run, "STOP")
            state = TIMEOUT
    report = readable(server.report(run, definition))
    return shown(replace(report, state=state or report.state), definition, display)
