"""Executes a Definition: independent tasks side by side, branches not taken skipped, retries and timeouts honoured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.errors import DsflowError
from dsflow.local.executors import EXECUTORS, Attempt, choose_branch, choose_by_states
from dsflow.local.processes import Stopped, TimedOut
from dsflow.local.values import system_values, typed, visible
from dsflow.report import FAILURE, RUNNING, SKIPPED, STOPPED, SUCCESS, TIMEOUT, TaskReport
from dsflow.workflow import slug

MINUTE = 60.0
"""Seconds in DolphinScheduler's unit of time for timeouts, delays and retries."""

OnChange = Callable[[TaskReport], None]


@dataclass
class _Node:
    task: TaskDefinition
    report: TaskReport
    outputs: dict[str, Property] = field(default_factory=dict)
    taken: set[str] | None = None  # for steering tasks: which of the tasks after it go on


class Scheduler:
    """One execution of a Definition.

    Args:
        definition: what to run.
        folder: where the tasks' folders and logs go; it must be empty.
        openmldb_url: the embedded OpenMLDB, '' when there is none.
        on_change: told of every change of a task's state.
        workers: how many tasks run at once.
    """

    def __init__(
        self, definition: Definition, folder: Path, openmldb_url: str, on_change: OnChange, workers: int = 8
    ) -> None:
        self.definition = definition
        self.folder = folder
        self.openmldb_url = openmldb_url
        self.on_change = on_change
        self.workers = workers
        self.now = datetime.now()
        self.stop = threading.Event()
        self.nodes = {t.name: _Node(t, TaskReport(t.name, t.task_type)) for t in definition.tasks}
        self.shared: dict[str, Property] = {
            **system_values(self.now, definition.name),
            **{p.prop: p for p in definition.global_params},
        }

    @property
    def reports(self) -> list[TaskReport]:
        """The tasks' reports, in the Definition's order."""
        return [node.report for node in self.nodes.values()]

    def run(self) -> str:
        """Run to the end; gives the workflow's state. Ctrl-C ends the tasks and gives STOPPED."""
        running: dict[Future[None], _Node] = {}
        deadline = time.monotonic() + self.definition.timeout * MINUTE if self.definition.timeout else None
        with ThreadPoolExecutor(self.workers, thread_name_prefix="task") as pool:
            try:
                while True:
                    for node in self._ready():
                        running[pool.submit(self._execute, node)] = node
                    if not running:
                        break
                    patience = max(0.0, deadline - time.monotonic()) if deadline else None
                    done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
                    if not done:
                        self.stop.set()  # the workflow's own time is up
                        deadline = None
                    for future in done:
                        running.pop(future)
                        future.result()
            except KeyboardInterrupt:
                self.stop.set()
                wait(running)
        for node in self.nodes.values():
            if node.report.state not in (SUCCESS, FAILURE, SKIPPED, STOPPED, TIMEOUT):
                self._set(node, SKIPPED)
        return self._outcome()

    # -- order -------------------------------------------------------------------------------------------------------

    def _ready(self) -> list[_Node]:
        """Tasks whose turn has come; those that will never run are marked on the way."""
        ready = []
        progress = True
        while progress and not self.stop.is_set():
            progress = False
            for node in self.nodes.values():
                if node.report.state != "WAITING":
                    continue
                verdict = self._verdict(node)
                if verdict == "run":
                    self._set(node, RUNNING)
                    ready.append(node)
                elif verdict == "skip":
                    self._set(node, SKIPPED)
                    progress = True
        return ready

    def _verdict(self, node: _Node) -> str:
        """``run``, ``skip`` or ``wait``: by how the tasks before it ended."""
        chosen = False
        before = self.definition.upstream(node.task.name)
        for name in before:
            upstream = self.nodes[name]
            state = upstream.report.state
            if state in ("WAITING", RUNNING):
                return "wait"
            if state in (FAILURE, TIMEOUT, STOPPED):
                # only a CONDITIONS task goes on after a failure
                if node.task.task_type != "CONDITIONS":
                    return "skip"
                chosen = True
            elif state == SUCCESS and (upstream.taken is None or node.task.name in upstream.taken):
                chosen = True
        return "run" if chosen or not before else "skip"

    def _outcome(self) -> str:
        states = {node.report.state for node in self.nodes.values()}
        if STOPPED in states or self.stop.is_set():
            return STOPPED
        for node in self.nodes.values():
            if node.report.state in (FAILURE, TIMEOUT) and not self._is_handled(node):
                return FAILURE
        return SUCCESS

    def _is_handled(self, node: _Node) -> bool:
        """A failure that a CONDITIONS task looks at does not fail the workflow (DolphinScheduler's rule)."""
        after = self.definition.downstream(node.task.name)
        return any(self.nodes[name].task.task_type == "CONDITIONS" for name in after)

    def _set(self, node: _Node, state: str) -> None:
        node.report.state = state
        self.on_change(node.report)

    # -- one task ----------------------------------------------------------------------------------------------------

    def _execute(self, node: _Node) -> None:
        task, report = node.task, node.report
        folder = self.folder / slug(task.name)
        folder.mkdir(parents=True)
        log_path = folder / "task.log"
        started = time.monotonic()
        state = FAILURE
        with open(log_path, "a", encoding="utf-8") as log:
            if task.flag == "NO":
                log.write("the task is disabled (flag NO)\n")
                state = SUCCESS
            else:
                if task.delay_time:
                    self.stop.wait(task.delay_time * MINUTE)
                for attempt in range(task.fail_retry_times + 1):
                    if attempt:
                        log.write(f"-- attempt {attempt + 1}, {task.fail_retry_interval} min after the last\n")
                        self.stop.wait(task.fail_retry_interval * MINUTE)
                    if self.stop.is_set():
                        state = STOPPED
                        break
                    report.attempts = attempt + 1
                    work = folder / f"attempt-{attempt + 1}"
                    work.mkdir()
                    log.flush()
                    state = self._attempt(node, work, log)
                    if state in (SUCCESS, STOPPED):
                        break
        report.seconds = time.monotonic() - started
        report.log = log_path.read_text(encoding="utf-8", errors="replace")
        self._set(node, state)

    def _attempt(self, node: _Node, work: Path, log: object) -> str:
        task = node.task
        limit = task.timeout * MINUTE if task.timeout and "FAILED" in task.timeout_notify_strategy else None
        attempt = Attempt(
            task=task,
            folder=work,
            log=log,  # type: ignore[arg-type]
            values=visible(task, self.shared, self._outputs_before(task.name)),
            now=self.now,
            timeout=limit,
            stop=self.stop,
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
                node.taken = {choose_branch(task, attempt.values, attempt.say)} - {""}
                attempt.say("goes on with " + (", ".join(node.taken) or "nothing"))
            elif task.task_type == "CONDITIONS":
                node.taken = set(choose_by_states(task, self._succeeded()))
                attempt.say("goes on with " + ", ".join(node.taken))
            else:
                outputs = EXECUTORS[task.task_type](attempt)
                node.report.outputs = dict(typed(task, outputs))
                types = {p.prop: p.type for p in task.local_params}
                node.outputs = {name: Property(name, "OUT", types[name], text) for name, text in outputs.items()}
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
        return SUCCESS

    def _outputs_before(self, name: str) -> list[Property]:
        """Outputs of all tasks that ran before, nearest last."""
        seen: dict[str, None] = {}
        pending = self.definition.upstream(name)
        while pending:
            current = pending.pop(0)
            if current not in seen:
                seen[current] = None
                pending += self.definition.upstream(current)
        return [p for task in reversed(seen) for p in self.nodes[task].outputs.values()]

    def _succeeded(self) -> Mapping[str, bool]:
        return {
            name: node.report.state == SUCCESS
            for name, node in self.nodes.items()
            if node.report.state in (SUCCESS, FAILURE, TIMEOUT)
        }
