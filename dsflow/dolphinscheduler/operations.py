"""What one does with the runs of one workflow: find one, start a part of it, go on, repeat, stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dsflow.definition import Definition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.runs import GoingOn, Run, Runs, map_state
from dsflow.dolphinscheduler.wire.forms import part_form
from dsflow.dolphinscheduler.wire.pages import run_page, workflow_page
from dsflow.dolphinscheduler.wire.rows import Instance
from dsflow.errors import RunError, ServerError
from dsflow.report import FINAL_STATES

if TYPE_CHECKING:
    from dsflow.declare.part import Part


class Operations:
    """The runs of one workflow on one server.

    Args:
        server: the server.
        project: name of the project.
        name: name of the workflow.
    """

    def __init__(self, server: Server, project: str, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.server = server
        self.rest = server.rest
        self.project = project
        self.name = name
        self._runs = Runs(server.rest, server.profile)
        self._codes: tuple[int, int] | None = None
        self._sleep = sleep

    @property
    def codes(self) -> tuple[int, int]:
        """The codes of the project and the workflow.

        Raises:
            RunError: the server has no such project or workflow.
        """
        if self._codes is None:
            project = self.rest.project_code(self.project)
            workflow = None if project is None else self.rest.workflow_code(project, self.name)
            if project is None or workflow is None:
                what = f"no project {self.project!r}" if project is None else f"no workflow {self.name!r} in it"
                raise RunError(
                    f"{self.project}/{self.name} is not on the server: it has {what}", hint="submit it first"
                )
            self._codes = project, workflow
        return self._codes

    @property
    def url(self) -> str:
        """The workflow's page."""
        return workflow_page(self.server.profile, *self.codes)

    # ---------------------------------------------------------------- finding

    def newest(self, count: int) -> list[Instance]:
        """The newest runs; the one that was started (or repeated) last comes first."""
        project, workflow = self.codes
        found = self.rest.newest_instances(project, workflow, count)
        return sorted(found, key=lambda i: (i.restarted or i.started or datetime.min, i.id))[::-1]

    def pick(self, number: int | None = None) -> Run:
        """The run of that number, or the newest one.

        Raises:
            RunError: there is no run, or that one is of another workflow.
        """
        project, workflow = self.codes
        if number is None:
            newest = self.newest(100)
            if not newest:
                raise RunError(f"{self.project}/{self.name} has not been run on this server")
            number = newest[0].id
        else:
            try:
                found = self.rest.instance(project, number)
            except RefusedError as error:
                raise RunError(
                    f"{self.project}/{self.name} has no run {number}: {error.reason}", hint="`runs` lists them"
                ) from error
            if found.workflow_code != workflow:
                raise RunError(f"run {number} is not of {self.project}/{self.name}", hint="`runs` lists those that are")
        return self._run(number)

    def _run(self, number: int) -> Run:
        project, workflow = self.codes
        url = run_page(self.server.profile, project, workflow, number)
        return Run(self.project, project, self.name, workflow, number, url)

    # ---------------------------------------------------------------- starting

    def start(
        self,
        definition: Definition,
        params: Mapping[str, str],
        *,
        part: Callable[[Container[str]], Part] | None = None,
    ) -> Run:
        """Start the workflow, or a part of it.

        Args:
            part: gives the part to start, of a workflow with these tasks on the server; None starts all of it.

        Raises:
            RunError: the workflow on the server does not have that task, is offline, or no run appeared.
        """
        state = self.server.state(self.project, self.name)
        extra: dict[str, Any] = {}
        chosen = None
        if part is not None:
            codes = {t["name"]: t["code"] for t in state.raw.get("tasks", [])}
            chosen = part(codes)
            for task in chosen.tasks:
                if state.code is not None and task not in codes:
                    raise RunError(
                        f"workflow {self.name!r} on the server has no task {task!r}",
                        hint=f"it has: {', '.join(codes) or 'none'}",
                    )
            extra = part_form([codes.get(task, "") for task in chosen.tasks], alone=chosen.exactly)
        more = chosen.params if chosen is not None else {}
        return self._runs.start(state, self.project, self.name, params, definition, extra, more)

    # ---------------------------------------------------------------- acting on a run

    def ended(self, run: Run) -> str | None:
        """DolphinScheduler's word for the state in which the run has ended; None while it has not."""
        word = self.rest.instance(run.project_code, run.instance).state
        return word if map_state(word) in FINAL_STATES else None

    def go_on(self, run: Run, way: GoingOn) -> list[str]:
        """See :meth:`dsflow.dolphinscheduler.runs.Runs.go_on`."""
        return self._runs.go_on(run, way)

    def end(self, run: Run, action: str, *, timeout: float = 120.0) -> str:
        """STOP or PAUSE a run and wait until it rests.

        Returns:
            DolphinScheduler's word for its state then; a run that had ended already is left as it is.

        Raises:
            RunError: it does not rest within ``timeout`` seconds.
        """
        word = self.ended(run)
        if word is not None:
            return word
        try:
            self.rest.execute(run.project_code, run.instance, action)
        except ServerError:
            word = self.ended(run)  # it ended between our question and our request
            if word is None:
                raise
            return word
        waited = 0.0
        while (word := self.ended(run)) is None:
            if waited >= timeout:
                raise RunError(
                    f"run {run.instance} has been told to {action.lower()}, and has not done so within {timeout:.0f} s",
                    hint="it may wait for a task that does not end; look at its page",
                )
            self._sleep(0.5)
            waited += 0.5
        return word
