"""Executes a Definition: independent tasks side by side, branches not taken skipped, retries and timeouts honoured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dsflow.conditions.javascript import UnknownExpression
from dsflow.conditions.switch import Known
from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.errors import DsflowError, RunError
from dsflow.local.executors import EXECUTORS, Attempt, choose_branch, choose_by_states, switch_branches
from dsflow.local.folders import folder_name
from dsflow.local.order import Ending, Order, rules_of
from dsflow.local.processes import Stopped, TimedOut
from dsflow.local.values import Pool, Shared, TaskValues, series_of, typed
from dsflow.outputs import decoded
from dsflow.placeholders import Series
from dsflow.report import FAILURE, FINAL_STATES, RUNNING, SKIPPED, STOPPED, SUCCESS, TIMEOUT, TaskReport

MINUTE = 60.0
"""Seconds in DolphinScheduler's unit of time for timeouts, delays and retries."""

OnChange = Callable[[TaskReport], None]
OnNote = Callable[[str], None]


class _Stop(threading.Event):
    """Set by itself or by the run's own stop."""

    def __init__(self, whole: threading.Event) -> None:
        super().__init__()
        self._whole = whole

    def is_set(self) -> bool:
        return super().is_set() or self._whole.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (end is None or time.monotonic() < end):
            super().wait(0.1 if end is None else max(0.0, min(0.1, end - time.monotonic())))
        return self.is_set()


@dataclass
class _Node:
    task: TaskDefinition
    report: TaskReport
    stop: _Stop
    pools: dict[Series, dict[str, Property]] = field(default_factory=dict)  # what it hands on, and what came to it
    # of SWITCH and CONDITIONS: what goes on, and what the other branches are
    taken: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    holds: bool = True
    there: str = ""  # of a SWITCH: what 3.1 does, where that is something else
    ended: float = 0.0


class Scheduler:
    """One execution of a Definition.

    Args:
        definition: what to run.
        folder: where the tasks' folders and logs go; it must be empty.
        openmldb_url: the embedded OpenMLDB, '' when there is none.
        on_change: told of every change of a task's state.
        workers: how many tasks run at once.
        version: DolphinScheduler's version, whose rules hold; None follows 3.2 and says where 3.1 would go another way.
        given: values of parameters that were given for this run; the Definition holds them already.
        failure_strategy: ``END`` stops all that runs when a task has failed; None takes the schedule's.
        on_note: told what the user should know of the run.
    """

    def __init__(
        self,
        definition: Definition,
        folder: Path,
        openmldb_url: str,
        on_change: OnChange,
        workers: int = 8,
        *,
        version: tuple[int, ...] | None = None,
        given: Mapping[str, str] | None = None,
        failure_strategy: str | None = None,
        on_note: OnNote = lambda text: None,
    ) -> None:
        self.definition = definition
        self.folder = folder
        self.openmldb_url = openmldb_url
        self.on_change = on_change
        self.on_note = on_note
        self.workers = workers
        self.now = datetime.now()
        self.stop = threading.Event()
        self.nodes = {t.name: _Node(t, TaskReport(t.name, t.task_type), _Stop(self.stop)) for t in definition.tasks}
        self._series = series_of(version)
        self._values = Shared(definition, given or {}, self.now)
        strategy = failure_strategy or (definition.schedule.failure_strategy if definition.schedule else "CONTINUE")
        self._rules = rules_of(version or (3, 2))
        self._order = Order(definition, self._rules, strategy)
        # without a version: whether 3.1 would do the same
        self._other = Order(definition, rules_of((3, 1)), strategy) if version is None else None

    @property
    def reports(self) -> list[TaskReport]:
        """The tasks' reports, in the Definition's order."""
        return [node.report for node in self.nodes.values()]

    def run(self) -> str:
        """Run to the end; gives the workflow's state. Ctrl-C ends the tasks and gives STOPPED."""
        running: dict[Future[None], _Node] = {}
        deadline = time.monotonic() + self.definition.timeout * MINUTE if self.definition.timeout else None
        ready = self._order.start()
        if self._other:
            self._other.start()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="task") as pool:
            try:
                while True:
                    for name in [] if self.stop.is_set() else ready:
                        self._set(self.nodes[name], RUNNING)
                        running[pool.submit(self._execute, self.nodes[name])] = self.nodes[name]
                    ready = []
                    if not running:
                        break
                    patience = max(0.0, deadline - time.monotonic()) if deadline else None
                    done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
                    if not done:
                        self.stop.set()  # the workflow's own time is up
                        deadline = None
                    for future in sorted(done, key=lambda f: running[f].ended):
                        node = running.pop(future)
                        future.result()
                        ready += self._ended(node)
                        if self._order.stopping:
                            for other in running.values():
                                other.stop.set()
            except KeyboardInterrupt:
                self.stop.set()
                wait(running)
        for node in self.nodes.values():
            if node.report.state not in FINAL_STATES:
                self._set(node, SKIPPED)
        return self._outcome()

    # -- order -------------------------------------------------------------------------------------------------------

    def _ended(self, node: _Node) -> list[str]:
        """The tasks whose turn has come now that this one has ended."""
        name = node.task.name
        ready = self._order.ended(name, Ending(node.report.state, node.taken, node.passed))
        if self._other and node.there:
            self._say_difference(
                f"at switch {name!r}", node.there, f"it goes on with {', '.join(node.taken) or 'none'}"
            )
        if self._other:
            state = node.report.state if node.holds else FAILURE
            there = self._other.ended(name, Ending(state, node.taken, node.passed))
            if set(there) != set(ready):
                self._say_difference(f"after task {name!r}", _names(there), _names(ready))
        return ready

    def _say_difference(self, where: str, there: str, here: str) -> None:
        self.on_note(
            f"DolphinScheduler 3.1 goes another way {where}: {there}; 3.2, and this run: {here}."
            " A version in the profile (version: 3.1) says which one to follow"
        )
        self._other = None

    def _outcome(self) -> str:
        if self.stop.is_set():
            return STOPPED
        outcome = self._order.outcome
        if self._other and self._other.outcome != outcome:
            self._say_difference("at the end", self._other.outcome, outcome)
        return outcome

    def _set(self, node: _Node, state: str) -> None:
        node.report.state = state
        self.on_change(node.report)

    # -- one task ----------------------------------------------------------------------------------------------------

    def _execute(self, node: _Node) -> None:
        task, report = node.task, node.report
        folder = self.folder / folder_name(task.name)
        folder.mkdir(parents=True)
        log_path = folder / "task.log"
        started = time.monotonic()
        state = FAILURE
        with open(log_path, "a", encoding="utf-8") as log:
            if task.delay_time:
                node.stop.wait(task.delay_time * MINUTE)
            for attempt in range(task.fail_retry_times + 1):
                if attempt:
                    log.write(f"-- attempt {attempt + 1}, {task.fail_retry_interval} min after the last\n")
                    node.stop.wait(task.fail_retry_interval * MINUTE)
                if node.stop.is_set():
                    state = STOPPED
                    break
                report.attempts = attempt + 1
                work = folder / f"attempt-{attempt + 1}"
                work.mkdir()
                log.flush()
                state = self._attempt(node, work, log)
                if state in (SUCCESS, STOPPED):
                    break
        node.ended = time.monotonic()
        report.seconds = node.ended - started
        report.log = decoded(log_path.read_text(encoding="utf-8", errors="replace"))
        self._set(node, state)

    def _attempt(self, node: _Node, work: Path, log: object) -> str:
        task = node.task
        limit = task.timeout * MINUTE if task.timeout and "FAILED" in task.timeout_notify_strategy else None
        node.pools = {series: self._before(task.name, series) for series in self._series}
        before = {s: {name: p.value for name, p in pool.items()} for s, pool in node.pools.items()}
        attempt = Attempt(
            task=task,
            folder=work,
            log=log,  # type: ignore[arg-type]
            values=TaskValues(self._values, task, before),
            series=self._series,
            timeout=limit,
            stop=node.stop,
            openmldb_url=self.openmldb_url,
        )
        warning = None
        if task.timeout and "WARN" in task.timeout_notify_strategy:
            warning = threading.Timer(
                task.timeout * MINUTE, attempt.say, [f"-- it takes longer than {task.timeout} min"]
            )
            warning.daemon = True
            warning.start()
        try:
            if task.task_type == "SWITCH":
                return self._switch(node, attempt)
            if task.task_type == "CONDITIONS":
                node.holds, node.taken, node.passed = choose_by_states(task, self._succeeded())
                attempt.say("goes on with " + (", ".join(node.taken) or "nothing"))
                return SUCCESS if node.holds or not self._rules.conditions_fail else FAILURE
            outputs = EXECUTORS[task.task_type](attempt)
            node.report.outputs = dict(typed(task, outputs))
        except TimedOut:
            attempt.say(f"-- timed out after {task.timeout} min")
            return TIMEOUT
        except Stopped:
            attempt.say("-- stopped")
            return STOPPED
        except DsflowError as error:
            attempt.say(f"-- failed: {error}")
            return FAILURE
        finally:
            if warning:
                warning.cancel()
            types = {p.prop: p.type for p in task.local_params}
            for series, given in attempt.outputs.items():
                for name, text in given.items():
                    if text or series >= (3, 2):
                        value = decoded(text) if series >= (3, 2) else text
                        node.pools[series][name] = Property(name, "OUT", types[name], value)
        return SUCCESS

    def _switch(self, node: _Node, attempt: Attempt) -> str:
        """Choose the branch; one that leads nowhere fails the task, as on a server."""
        branches = switch_branches(node.task)
        # a switch that fails counts as one that chose: in 3.1 its default, in 3.2 its first branch, which is then run
        place = 0 if self._series[-1] >= (3, 2) else len(branches) - 1
        try:
            # without a version 3.2 is followed, and what 3.1 does is said
            place = choose_branch(node.task, self._known(node.task, self._series[-1]), self._series[-1], attempt.say)
            node.there = self._elsewhere(node.task, branches, place)
            if not branches[place]:
                raise RunError(f"the chosen branch of switch {node.task.name!r} names no task", where=node.task.where)
        except UnknownExpression:
            branches = ["" for _ in branches]  # nobody knows which: none goes on
            raise
        finally:
            node.taken = (branches[place],) if branches[place] else ()
            node.passed = tuple(b for i, b in enumerate(branches) if i != place and b)
        attempt.say(f"goes on with {branches[place]}")
        return SUCCESS

    def _elsewhere(self, task: TaskDefinition, branches: list[str], place: int) -> str:
        """What the other series that the run looks at does at a switch; '' when it goes on with the same branch."""
        if len(self._series) == 1:
            return ""
        try:
            there = choose_branch(task, self._known(task, self._series[0]), self._series[0], lambda text: None)
        except DsflowError as error:
            return f"the switch fails there, {error.message}"
        return "" if there == place else f"it goes on with {branches[there] or 'none'}"

    def _known(self, task: TaskDefinition, series: Series) -> Known:
        """What a switch knows by name."""
        outputs = self._before(task.name, series)
        if series < (3, 2):
            texts = self._values.of(series)
        else:
            texts = self._values.seen_by(task, {name: p.value for name, p in outputs.items()}, series)
        own = [p for p in task.local_params if p.direct == "IN" and p.prop not in self._values.given]
        return Known(
            workflow={name: Property(name, "IN", "VARCHAR", text) for name, text in texts.items()},
            outputs=outputs,
            own={p.prop: replace(p, value=texts.get(p.prop, p.value)) for p in own},
        )

    def _before(self, name: str, series: Series) -> dict[str, Property]:
        """What the tasks directly before this one hand on; one that was not run, or is disabled, hands on nothing."""
        nodes = [self.nodes[before] for before in self.definition.upstream(name)]
        return Pool.joined((Pool(n.pools[series], n.ended) for n in nodes if series in n.pools), series)

    def _succeeded(self) -> Mapping[str, bool]:
        return {
            name: node.report.state == SUCCESS
            for name, node in self.nodes.items()
            if node.report.state in (SUCCESS, FAILURE, TIMEOUT)
        }


def _names(tasks: list[str]) -> str:
    return f"it runs {', '.join(map(repr, tasks))}" if tasks else "it runs nothing"
