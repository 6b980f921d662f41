"""What one does with the runs of one workflow: find one, start a part of it, go on, repeat, stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.runs import FIND_TIMEOUT, Run, Runs, map_state
from dsflow.dolphinscheduler.wire.codec import global_params
from dsflow.dolphinscheduler.wire.forms import RECOVER, REPEAT, RESUME, part_form
from dsflow.dolphinscheduler.wire.pages import run_page, workflow_page
from dsflow.errors import RunError, ServerError
from dsflow.report import FINAL_STATES

if TYPE_CHECKING:
    from dsflow.declare.part import Part

_REPEATABLE = "a run that has ended"


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

    def rows(self, count: int) -> list[JsonDict]:
        """The newest runs, as the server gives them; the one that was started (or repeated) last comes first."""
        project, workflow = self.codes
        rows = self.rest.newest_instances(project, workflow, count)
        return sorted(rows, key=lambda r: (str(r.get("restartTime") or r.get("startTime") or ""), int(r["id"])))[::-1]

    def pick(self, number: int | None = None) -> Run:
        """The run of that number, or the newest one.

        Raises:
            RunError: there is no run, or that one is of another workflow.
        """
        project, workflow = self.codes
        if number is None:
            rows = self.rows(100)
            if not rows:
                raise RunError(f"{self.project}/{self.name} has not been run on this server")
            number = int(rows[0]["id"])
        else:
            try:
                row = self.rest.instance(project, number)
            except RefusedError as error:
                raise RunError(
                    f"{self.project}/{self.name} has no run {number}: {error.reason}", hint="`runs` lists them"
                ) from error
            if int(row["workflowCode"]) != workflow:
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
        word = str(self.rest.instance(run.project_code, run.instance)["state"])
        return word if map_state(word) in FINAL_STATES else None

    def act(self, run: Run, action: str, states: frozenset[str] | None, verb: str) -> list[str]:
        """Ask the server for something and wait until it has begun.

        Args:
            action: REPEAT, RECOVER or RESUME.
            states: the states from which that can be; None means every final one.
            verb: for the message, such as ``recovered``.

        Returns:
            What the user should know: parameters that the run now has other values of (3.1 forgets those of the start).

        Raises:
            RunError: the run is in another state, or the server did not go on with it.
        """
        before = self.rest.instance(run.project_code, run.instance)
        word = str(before["state"])
        if (word not in states) if states is not None else (map_state(word) not in FINAL_STATES):
            wanted = " or ".join(sorted(states)) if states is not None else _REPEATABLE
            raise RunError(f"run {run.instance} is {word}: only {wanted} can be {verb}", hint=_other_way(word))
        self.rest.execute(run.project_code, run.instance, action)
        for _ in range(int(FIND_TIMEOUT / 0.2)):
            now = self.rest.instance(run.project_code, run.instance)
            if any(now.get(k) != before.get(k) for k in ("state", "runTimes", "restartTime")):
                # 3.2 shows the same, but its tasks still get what the run was started with.
                return _other_values(run, before, now) if self.rest.series().forgets_start_values else []
            self._sleep(0.2)
        raise RunError(
            f"the server accepted the request, but did not go on with run {run.instance} within {FIND_TIMEOUT:.0f} s",
            hint="is a master server running?",
        )

    def rerun(self, run: Run) -> list[str]:
        """Run all of a run's tasks again, under the same number."""
        return self.act(run, REPEAT, None, "run again")

    def recover(self, run: Run) -> list[str]:
        """Run the failed tasks again and go on from there."""
        return self.act(run, RECOVER, frozenset({"FAILURE"}), "recovered from its failed task")

    def resume(self, run: Run) -> list[str]:
        """Go on with a paused or stopped run."""
        return self.act(run, RESUME, frozenset({"PAUSE", "STOP"}), "resumed")

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


def _other_values(run: Run, before: JsonDict, now: JsonDict) -> list[str]:
    old, new = ({p["prop"]: p.get("value") for p in global_params(row)} for row in (before, now))
    changed = [f"{k}={v!r} (it was {old[k]!r})" for k, v in new.items() if k in old and v != old[k]]
    if not changed:
        return []
    return [
        f"run {run.instance} goes on with {', '.join(changed)}: DolphinScheduler 3.1 forgets the values that a run "
        "was started with; rerun, or a new run with --set, has them"
    ]


def _other_way(word: str) -> str | None:
    return {
        "FAILURE": "recover runs its failed tasks again, rerun all of them",
        "PAUSE": "resume goes on with it, rerun runs all of it again",
        "STOP": "resume goes on with it, rerun runs all of it again",
        "SUCCESS": "rerun runs all of it again",
    }.get(word, "it is still going: stop it first")
