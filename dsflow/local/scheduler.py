"""Executes a Definition: independent tasks side by side, branches not taken skipped, retries and timeouts honoured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path

from dsflow.conditions.javascript import UnknownExpression
from dsflow.conditions.switch import Known
from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.errors import DsflowError, RunError
from dsflow.figures import figures_beside, figures_in
from dsflow.local.executors import EXECUTORS, Attempt, choose_branch, choose_by_states, switch_branches
from dsflow.local.folders import folder_name
from dsflow.local.order import Ending, Order, rules_of
from dsflow.local.processes import Forker, Stopped, TimedOut
from dsflow.local.reuse import Past, Reuse
from dsflow.local.values import Pool, Shared, TaskValues, series_of, typed
from dsflow.newer import FIRST
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
    outputs: dict[Series, dict[str, str]] = field(default_factory=dict)  # what its script has set itself
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
        reuse: what may be taken from earlier runs; None runs everything.
        only: the tasks to run; None: all. The others are SKIPPED, and what they hand on is that of ``earlier``.
        earlier: how tasks that are not to run ended before, by name.
        limit: seconds, after which all that runs is stopped and the run is a TIMEOUT; None for none.
        forker: runs the scripts that dsflow has written; None gives each a Python of its own.
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
        reuse: Reuse | None = None,
        only: frozenset[str] | None = None,
        earlier: Mapping[str, Past] | None = None,
        limit: float | None = None,
        forker: Forker | None = None,
    ) -> None:
        self.definition = definition
        self.folder = folder
        self.openmldb_url = openmldb_url
        self.on_change = on_change
        self.on_note = on_note
        self.workers = workers
        self.now = datetime.now()
        self._began = time.monotonic()
        self.stop = threading.Event()
        self.nodes = {t.name: _Node(t, TaskReport(t.name, t.task_type), _Stop(self.stop)) for t in definition.tasks}
        self._series = series_of(version)
        self._values = Shared(definition, given or {}, self.now)
        strategy = failure_strategy or (definition.schedule.failure_strategy if definition.schedule else "CONTINUE")
        self._rules = rules_of(version or (3, 2))
        self._reuse = reuse
        self._limit = limit
        self._forker = forker
        self._out_of_time = False
        part = definition if only is None else definition.part(only)
        self._order = Order(part, self._rules, strategy)
        # without a version: whether 3.1 would do the same
        self._other = Order(part, rules_of((3, 1)), strategy) if version is None else None
        if only is not None:
            self._hand_on(only, earlier or {})

    def _hand_on(self, only: Collection[str], earlier: Mapping[str, Past]) -> None:
        """What the tasks that are not run handed on when they last ran."""
        graph = {name: self.definition.upstream(name) for name in self.nodes}
        for place, name in enumerate(TopologicalSorter(graph).static_order()):
            node = self.nodes[name]
            if name not in only:
                node.pools = {series: self._before(name, series) for series in self._series}
                node.ended = -1 / (place + 1)  # before this run, in their order
                if name in earlier:
                    self._set_outputs(node, earlier[name].outputs)

    @property
    def reports(self) -> list[TaskReport]:
        """The tasks' reports, in the Definition's order."""
        return [node.report for node in self.nodes.values()]

    def run(self) -> str:
        """Run to the end; gives the workflow's state. Ctrl-C ends the tasks and gives STOPPED."""
        running: dict[Future[None], _Node] = {}
        own = time.monotonic() + self.definition.timeout * MINUTE if self.definition.timeout else None
        limit = time.monotonic() + self._limit if self._limit is not None else None
        deadline = min((end for end in (own, limit) if end is not None), default=None)
        ready = self._order.start()
        if self._other:
            self._other.start()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="task") as pool:
            try:
                while True:
                    for name in [] if self.stop.is_set() else ready:
                        running[pool.submit(self._execute, self.nodes[name])] = self.nodes[name]
                    ready = []
                    if not running:
                        break
                    patience = max(0.0, deadline - time.monotonic()) if deadline is not None else None
                    done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
                    if not done:
                        self.stop.set()  # the time is up: the workflow's own, or this run's
                        self._out_of_time = limit is not None and time.monotonic() >= limit
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
            return TIMEOUT if self._out_of_time else STOPPED
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
        if self._reuse is not None:
            past = self._reuse.begin(task.name, lambda of: self._fill(node, of), self._series)
            if past is not None:
                self._take(node, past, log_path)
                return
            report.because = self._reuse.why(task.name)
        report.started = started - self._began
        self._set(node, RUNNING)
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
        report.figures = figures_in(report.log)
        if self._reuse is not None:
            run = self.folder.name
            self._reuse.ended(task.name, state, Past(run, node.outputs, node.taken, node.passed))
        self._set(node, state)

    def _fill(self, node: _Node, task: TaskDefinition) -> Callable[[str], str]:
        """Puts what a node sees at its beginning into the texts of a task."""
        before = {s: {n: p.value for n, p in self._before(node.task.name, s).items()} for s in self._series}
        return TaskValues(self._values, task, before).fill

    def _take(self, node: _Node, past: Past, log: Path) -> None:
        """Take a node's ending from an earlier run."""
        node.pools = {series: self._before(node.task.name, series) for series in self._series}
        node.taken, node.passed, node.report.taken_from = past.taken, past.passed, past.run
        self._set_outputs(node, past.outputs)
        found = {name: decoded(value) for name, value in past.outputs.get(self._series[-1], {}).items()}
        node.report.outputs = dict(typed(node.task, found))
        node.report.figures = figures_beside(node.report.outputs)
        node.report.log = f"-- nothing has changed since run {past.run}: taken from there\n"
        log.write_text(node.report.log, encoding="utf-8")
        node.ended = time.monotonic()
        self._set(node, SUCCESS)

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
            forker=self._forker,
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
            self._set_outputs(node, attempt.outputs)
        return SUCCESS

    def _set_outputs(self, node: _Node, outputs: Mapping[Series, Mapping[str, str]]) -> None:
        """What a script has set, among what its task hands on."""
        node.outputs = {series: dict(given) for series, given in outputs.items()}
        types = {p.prop: p.type for p in node.task.local_params}
        for series, given in outputs.items():
            for name, text in given.items():
                if text or series >= (3, 2):
                    value = decoded(text) if series >= (3, 2) else text
                    pool = node.pools.setdefault(series, {})
                    pool[name] = Property(name, "OUT", types.get(name, "VARCHAR"), value)

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
        types = {p.prop: p.type for p in self.definition.global_params} if series >= FIRST else {}
        return Known(
            workflow={name: Property(name, "IN", types.get(name, "VARCHAR"), text) for name, text in texts.items()},
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
