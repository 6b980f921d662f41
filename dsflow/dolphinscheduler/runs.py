"""Runs on a server: start one, find it, follow it, report it, stop it.

DolphinScheduler's start does not always say which run it started: 3.3 and later answer its id, 3.2 a trigger code
that leads to it, 3.1 nothing. There each start carries a mark among its start parameters, which the run shows, so that
of two starts at the same moment each finds its own run.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dsflow.config import Profile
from dsflow.definition import Definition, JsonDict, Property
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire import codec, forms
from dsflow.dolphinscheduler.wire.names import known_hint
from dsflow.dolphinscheduler.wire.pages import run_page
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import Instance, TaskRun, seconds_between, text_of
from dsflow.errors import ParameterError, RunError, ServerError, UnreachableError
from dsflow.figures import figures_in
from dsflow.outputs import decoded
from dsflow.report import (
    FAILURE,
    FINAL_STATES,
    RUNNING,
    SKIPPED,
    STOPPED,
    SUCCESS,
    WAITING,
    RunReport,
    TaskReport,
)


@dataclass(frozen=True)
class GoingOn:
    """A way to go on with a run that rests.

    Attributes:
        action: what the server is asked for.
        states: DolphinScheduler's words for the states from which that can be; None means every final one.
        verb: for messages, such as ``recovered``.
    """

    action: str
    states: tuple[str, ...] | None
    verb: str

    def fits(self, state: str) -> bool:
        """Whether a run in that state can go on so."""
        return map_state(state) in FINAL_STATES if self.states is None else state in self.states

    @property
    def wanted(self) -> tuple[str, ...]:
        """What the run must be, for messages."""
        return self.states or ("a run that has ended",)


RERUN = GoingOn(forms.REPEAT, None, "run again")
"""All of a run's tasks again, under the same number."""
RECOVER = GoingOn(forms.RECOVER, ("FAILURE",), "recovered")
"""The failed tasks again, and on from there."""
RESUME = GoingOn(forms.RESUME, ("PAUSE", "STOP"), "resumed")
"""On with a paused or stopped run."""

FIND_TIMEOUT = 60.0
PATIENCE = 60.0  # how long following goes on while the server does not answer
MARK = "dsflow.start"
# The last lines of a script reach its log up to a second after its task's state has changed (3.1), before this one.
LAST_LINE = "FINALIZE_SESSION"
PROCESS_ENDED = "process has exited"  # how DolphinScheduler says that a script has ended
LATE_LOOKS = 4
LATE_PAUSE = 0.4  # seconds

_STATES = {
    "SUBMITTED_SUCCESS": WAITING,
    "SERIAL_WAIT": WAITING,
    "WAIT_TO_RUN": WAITING,
    "DELAY_EXECUTION": WAITING,
    "DISPATCH": WAITING,
    "RUNNING_EXECUTION": RUNNING,
    "READY_PAUSE": RUNNING,
    "READY_STOP": RUNNING,
    "READY_BLOCK": RUNNING,
    "NEED_FAULT_TOLERANCE": RUNNING,
    "FAILOVER": RUNNING,
    "PAUSE": STOPPED,
    "STOP": STOPPED,
    "KILL": STOPPED,
    "BLOCK": STOPPED,
    "FAILURE": FAILURE,
    "SUCCESS": SUCCESS,
    "FORCED_SUCCESS": SUCCESS,
}

Snapshot = dict[str, str]


@dataclass(frozen=True)
class Run:
    """One run on a server.

    Attributes:
        instance: DolphinScheduler's id of the process instance.
        url: its page.
    """

    project: str
    project_code: int
    workflow: str
    workflow_code: int
    instance: int
    url: str


class Runs:
    """The runs of one server.

    Args:
        sleep: how to wait between two questions.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        rest: RestClient,
        profile: Profile,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = rest
        self._profile = profile
        self._sleep = sleep
        self._clock = clock

    # ---------------------------------------------------------------- starting

    def start(
        self,
        state: ServerState,
        project: str,
        name: str,
        params: Mapping[str, str],
        definition: Definition | None = None,
        extra: Mapping[str, Any] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a workflow and find the run.

        Args:
            state: what the server holds.
            params: values for global parameters, over their defaults.
            definition: gives worker group, warning and fixed parameters; without it the server's defaults hold.
            extra: fields of the start's form, over those that follow from the others.
            more: start parameters that the workflow does not declare.

        Raises:
            RunError: there is no such workflow, it is offline, or no run appeared.
            ParameterError: a parameter that the workflow does not have, or that cannot be set at a start.
        """
        if state.code is None or state.definition is None:
            raise RunError(f"project {project!r} has no workflow {name!r} on the server", hint="submit it first")
        if not state.online:
            raise RunError(
                f"workflow {name!r} is offline on the server, and DolphinScheduler runs none that is",
                hint="submit it (without --offline, and not declared with online=False), or set it online there",
            )
        declared = definition or state.definition
        check_params(declared, state, params)
        series = self._rest.series()
        before = {i.id for i in self._rest.newest_instances(state.project_code, state.code, 100)}
        mark = "" if series.tells_trigger or series.tells_runs else uuid.uuid4().hex
        told = self._rest.start(
            state.project_code, {**self.form(state.code, declared, {**params, **(more or {})}, mark), **(extra or {})}
        )
        first = told[0] if told else None
        instance = first if series.tells_runs and first is not None else self._find(state, before, first, mark)
        return self._run(project, state.project_code, name, state.code, instance)

    def form(self, code: int, definition: Definition, params: Mapping[str, str], mark: str) -> JsonDict:
        """The form of a start, with a mark by which the run is found where the server tells nothing else."""
        marked = {**params, MARK: mark} if mark else params
        return forms.start_form(self._rest, code, definition, marked, self._profile.tenant)

    def _find(self, state: ServerState, before: set[int], trigger: int | None, mark: str) -> int:
        assert state.code is not None
        end = self._clock() + FIND_TIMEOUT
        pause = 0.1
        while self._clock() < end:
            if trigger is not None:
                found = [i.id for i in self._rest.instances_of_trigger(state.project_code, trigger)]
            else:
                rows = self._rest.newest_instances(state.project_code, state.code, 100)
                found = []
                for new in {i.id for i in rows} - before:
                    before.add(new)  # the mark is there from the first moment: each run is asked only once
                    if mark in self._rest.instance(state.project_code, new).told:
                        found.append(new)
            if found:
                return found[0]
            self._sleep(pause)
            pause = min(pause * 1.5, 1.0)
        raise RunError(
            f"the server accepted the start, but made no run within {FIND_TIMEOUT:.0f} s",
            hint="is a master server running? The run may still come: look at the workflow's page",
        )

    def existing(self, project: str, project_code: int, instance: int) -> Run:
        """A run that somebody started."""
        found = self._rest.instance(project_code, instance)
        return self._run(project, project_code, found.workflow, found.workflow_code, instance)

    def _run(self, project: str, project_code: int, name: str, code: int, instance: int) -> Run:
        url = run_page(self._profile, project_code, code, instance)
        return Run(project, project_code, name, code, instance, url)

    # ---------------------------------------------------------------- following

    def snapshots(self, run: Run, *, poll: float = 1.0) -> Iterator[tuple[str, Snapshot]]:
        """The run's state with the states of its tasks, each time one of them changed; the last one is final.

        Raises:
            UnreachableError: the server did not answer for a minute.
        """
        seen: tuple[str, Snapshot] | None = None
        silent_since: float | None = None
        while True:
            try:
                current = self._snapshot(run)
                silent_since = None
            except UnreachableError:
                silent_since = silent_since if silent_since is not None else self._clock()
                if self._clock() - silent_since > PATIENCE:
                    raise
                self._sleep(poll)
                continue
            if current != seen:
                seen = current
                yield current
            if current[0] in FINAL_STATES:
                return
            self._sleep(poll)

    def _snapshot(self, run: Run) -> tuple[str, Snapshot]:
        # The run first: when it is final, so are the tasks that are read after it.
        state = map_state(self._rest.instance(run.project_code, run.instance).state)
        tasks = newest_attempts(self._rest.task_instances(run.project_code, run.instance))
        return state, {name: map_state(task.state) for name, task in tasks.items()}

    # ---------------------------------------------------------------- reporting

    def report(self, run: Run, definition: Definition | None = None, *, logs: bool = True) -> RunReport:
        """What became of a run.

        Args:
            definition: gives the order and the OUT parameters' types; without it those of the version that ran hold.
            logs: also fetch each task's log.
        """
        ran = self._rest.instance(run.project_code, run.instance)
        state = map_state(ran.state)
        newest = newest_attempts(self._rest.task_instances(run.project_code, run.instance))
        attempts: dict[str, list[TaskRun]] = {}
        for attempt in sorted(self._rest.task_attempts(run.project_code, run.instance), key=lambda a: a.id):
            attempts.setdefault(attempt.name, []).append(attempt)
        tasks = []
        for name, kind, outs in self._tasks_of(ran, definition, newest):
            report = TaskReport(name, kind)
            if name in newest:
                self._fill(report, newest[name], attempts.get(name) or [newest[name]], outs, logs, ran.started)
            elif state in FINAL_STATES:
                report.state = SKIPPED
            tasks.append(report)
        return RunReport(
            workflow=run.workflow,
            state=state,
            tasks=tasks,
            seconds=ran.seconds,
            began=text_of(ran.started) or "",
            where=run.url,
            instance=run.instance,
        )

    def _tasks_of(
        self, ran: Instance, definition: Definition | None, newest: Mapping[str, TaskRun]
    ) -> list[tuple[str, str, list[Property]]]:
        if definition is not None:
            return [(t.name, t.task_type, [p for p in t.local_params if p.direct == "OUT"]) for t in definition.tasks]
        found = [(task["name"], codec.type_in(task), codec.outputs(task)) for task in ran.tasks]
        known = {name for name, _, _ in found}
        return found + [(name, task.type, []) for name, task in newest.items() if name not in known]

    def _fill(
        self,
        report: TaskReport,
        newest: TaskRun,
        attempts: list[TaskRun],
        outs: list[Property],
        logs: bool,
        began: datetime | None,
    ) -> None:
        started = [a for a in attempts if a.started]
        report.state = map_state(newest.state)
        report.seconds = sum(a.seconds for a in started)
        if started and began:
            report.started = seconds_between(began, started[0].started)
        report.attempts = len(started)
        report.outputs, missing = _outputs(newest, outs)
        if report.state == SUCCESS:
            report.missing = missing
        if logs:
            report.log = "".join(self.log(a) for a in started)
            report.figures = figures_in(report.log)

    def log(self, task: TaskRun) -> str:
        """A task instance's log; when it cannot be read (its worker is gone), a line that says so.

        Of one that has ended, the whole: its last lines are waited for.
        """
        try:
            text = self._rest.log(task.id)
            looks = LATE_LOOKS if map_state(task.state) in FINAL_STATES else 0
            while looks and PROCESS_ENDED in text and LAST_LINE not in text:
                self._sleep(LATE_PAUSE)
                text = self._rest.log(task.id)
                looks -= 1
            return text
        except UnreachableError:
            raise
        except ServerError as error:
            return f"(the log could not be read: {error.message})\n"

    # ---------------------------------------------------------------- acting

    def stop(self, run: Run) -> None:
        """Kill the run's tasks."""
        self._rest.execute(run.project_code, run.instance, "STOP")

    def pause(self, run: Run) -> None:
        """Let the running tasks end and start no further ones."""
        self._rest.execute(run.project_code, run.instance, "PAUSE")

    def go_on(self, run: Run, *ways: GoingOn) -> list[str]:
        """Ask the server to go on with a run that rests, and wait until it has begun.

        Args:
            ways: the first one that fits the run's state is taken.

        Returns:
            What the user should know: parameters that the run now has other values of (3.1 forgets those of the start).

        Raises:
            RunError: the run is in another state, or the server did not go on with it.
        """
        before = self._rest.instance(run.project_code, run.instance)
        word = before.state
        way = next((way for way in ways if way.fits(word)), None)
        if way is None:
            wanted = " or ".join(dict.fromkeys(word for way in ways for word in way.wanted))
            raise RunError(f"run {run.instance} is {word}: only {wanted} can be {ways[0].verb}", hint=_other_way(word))
        self._rest.execute(run.project_code, run.instance, way.action)
        end = self._clock() + FIND_TIMEOUT
        while self._clock() < end:
            now = self._rest.instance(run.project_code, run.instance)
            # before the master has taken the command up, following would see the old end
            if now.is_moved(before):
                # 3.2 shows the same, but its tasks still get what the run was started with
                return _other_values(run, before, now) if self._rest.series().forgets_start_values else []
            self._sleep(0.2)
        raise RunError(
            f"the server accepted the request, but did not go on with run {run.instance} within {FIND_TIMEOUT:.0f} s",
            hint="is a master server running?",
        )


def map_state(state: str) -> str:
    """DolphinScheduler's state of a run or a task as one of :mod:`dsflow.report`."""
    return _STATES.get(state, RUNNING)


def check_params(definition: Definition, state: ServerState, params: Mapping[str, str]) -> None:
    """Raise ParameterError for a parameter that cannot be set when starting."""
    fixed = set(definition.fixed_params)
    known = [p.prop for p in state.definition.global_params] if state.definition else []
    for name in params:
        if name in fixed:
            raise ParameterError(
                f"parameter {name!r} is written into a field that DolphinScheduler does not substitute: it cannot be "
                "set when starting",
                hint=f"set it when submitting: submit --set {name}=...",
            )
        if name not in known:
            raise ParameterError(
                f"workflow {definition.name!r} on the server has no parameter {name!r}",
                hint=known_hint(name, known) if known else "it has none",
            )


def newest_attempts(tasks: Iterable[TaskRun]) -> dict[str, TaskRun]:
    """Of each task the attempt that was begun last, by name."""
    return {task.name: task for task in sorted(tasks, key=lambda t: t.id)}


def _outputs(task: TaskRun, outs: list[Property]) -> tuple[dict[str, Any], list[str]]:
    """The outputs, and the names of those without a value: DolphinScheduler makes no difference to an empty one."""
    values = task.outputs
    found, missing = {}, []
    for out in outs:
        value = values.get(out.prop)
        if value in (None, ""):
            missing.append(out.prop)
        else:
            found[out.prop] = typed(out.type, decoded(str(value)))
    return found, missing


def typed(kind: str, text: str) -> Any:
    """A parameter's text as its type says; the text itself where it does not fit."""
    try:
        if kind in ("INTEGER", "LONG"):
            return int(text)
        if kind in ("FLOAT", "DOUBLE"):
            return float(text)
    except ValueError:
        return text
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "LIST":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _other_values(run: Run, before: Instance, now: Instance) -> list[str]:
    old, new = before.values, now.values
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
