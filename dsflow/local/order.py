"""Which task runs when, and what becomes of the run: DolphinScheduler's rules, as a function of how tasks end.

They are not what one would guess. A task is looked at when one of the tasks before it ends, so a branch that a switch
did not take can still be started by a later predecessor; a disabled task hands on to the tasks before it; and versions
differ. So the master's own steps are followed (``WorkflowExecuteRunnable`` and ``DagHelper``, 3.1.1 to 3.2.2). Of the
engine of 3.3 and later only what it does after a failure is known here; the rest is as in 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dsflow.declare.tasks import type_of
from dsflow.definition import Definition
from dsflow.report import FAILURE, SKIPPED, STOPPED, SUCCESS, TIMEOUT

_FAILED = (FAILURE, TIMEOUT)


@dataclass(frozen=True)
class Rules:
    """What differs from version to version.

    Attributes:
        failure_counts: which failed tasks make the run fail by themselves: ``always``; ``unread``, those that no
            CONDITIONS task follows; or ``last``, those that no task follows (the others count by what follows them and
            is not run).
        conditions_fail: a CONDITIONS task that does not hold is a FAILURE rather than a SUCCESS.
        chosen_wins: a switch passes over no task that its chosen branch leads to, and over none without a branch.
        only_chosen: a task behind a switch runs only when the switch chose it, whatever else is before it.
        conditions_alone: a CONDITIONS task asks about a failed task only when nothing but such tasks follows that.
    """

    failure_counts: Literal["always", "unread", "last"]
    conditions_fail: bool
    chosen_wins: bool
    only_chosen: bool
    conditions_alone: bool = False


_3_1_1 = Rules("always", conditions_fail=True, chosen_wins=False, only_chosen=False)
_3_1_5 = Rules("last", conditions_fail=True, chosen_wins=False, only_chosen=False)
_3_1_8 = Rules("last", conditions_fail=True, chosen_wins=True, only_chosen=False)
_3_2 = Rules("unread", conditions_fail=False, chosen_wins=True, only_chosen=True)
_3_3 = replace(_3_2, conditions_alone=True)


def rules_of(version: Sequence[int]) -> Rules:
    """The rules of a version; of a series (``(3, 1)``) those of its newest version."""
    if tuple(version[:2]) >= (3, 2):
        return _3_3 if tuple(version[:2]) >= (3, 3) else _3_2
    patch = version[2] if len(version) > 2 else 9
    return _3_1_1 if patch < 5 else _3_1_5 if patch < 8 else _3_1_8


@dataclass(frozen=True)
class Ending:
    """How a task ended.

    Attributes:
        state: SUCCESS, FAILURE, TIMEOUT or STOPPED.
        taken: of a SWITCH or CONDITIONS task, the tasks to go on with.
        passed: those of its other branches.
    """

    state: str
    taken: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


class Order:
    """The order of one run. Every call gives the names of the tasks whose turn has come.

    Attributes:
        stopping: the failure strategy END asks that all that runs is stopped.
    """

    def __init__(self, definition: Definition, rules: Rules, strategy: str = "CONTINUE") -> None:
        self._tasks = {t.name: t for t in definition.tasks}
        self._before: dict[str, list[str]] = {name: [] for name in self._tasks}
        self._after: dict[str, list[str]] = {name: [] for name in self._tasks}
        for relation in definition.relations:
            self._before[relation.post].append(relation.pre)
            self._after[relation.pre].append(relation.post)
        self._disabled = {t.name for t in definition.tasks if t.flag == "NO"}
        self._rules = rules
        self._strategy = strategy
        self._endings: dict[str, Ending] = {}
        self._started: set[str] = set()
        self._waiting: list[str] = []
        self._passed_over: set[str] = set()
        self._errors: set[str] = set()  # tasks that failed, and tasks that were not run because one before them did
        self.stopping = False

    def start(self) -> list[str]:
        """The tasks to begin with."""
        return self._go_on(None)

    def ended(self, name: str, ending: Ending) -> list[str]:
        """A task has ended."""
        self._endings[name] = ending
        if ending.state == SUCCESS:
            return self._go_on(name)
        if ending.state not in _FAILED:
            if self._rules.failure_counts == "unread" and not self._conditions_follow(name):
                self._errors.add(name)
            return []
        goes_on = self._strategy == "CONTINUE" and bool(self._after[name])
        counts = self._rules.failure_counts
        if counts == "always" or (counts == "last" and not goes_on):
            self._errors.add(name)
        if counts == "unread" and not self._conditions_follow(name):
            self._errors.add(name)
        if goes_on:
            return self._go_on(name)
        if self._strategy == "END":
            self._waiting.clear()
            self.stopping = True
        return []

    @property
    def outcome(self) -> str:
        """The state of the run, once nothing runs any more."""
        stopped = any(ending.state == STOPPED for ending in self._endings.values())
        return FAILURE if self._errors or stopped else SUCCESS

    def state(self, name: str) -> str:
        """How a task ended; SKIPPED when it was not run."""
        return self._endings[name].state if name in self._endings else SKIPPED

    # ---------------------------------------------------------------- the master's steps

    def _go_on(self, parent: str | None) -> list[str]:
        """``submitPostNode``: what follows ``parent`` is put in line, and who is ready in it leaves it."""
        for name in dict.fromkeys(self._following(parent)):
            if name not in self._waiting and name not in self._started:
                self._waiting.append(name)
        ready = []
        for name in list(self._waiting):
            verdict = self._verdict(name)
            if verdict == "wait":
                continue
            self._waiting.remove(name)
            if verdict == "run":
                self._started.add(name)
                ready.append(name)
            elif verdict == "fail":
                self._errors.add(name)
        return ready

    def _following(self, parent: str | None) -> Iterator[str]:
        """``parsePostNodes``: the tasks after ``parent`` before which all has ended."""
        for name in self._next(parent):
            before = self._before[name]
            if before and all(b in self._passed_over for b in before):
                self._pass_over(name)
            elif not all(b in self._endings or b in self._disabled or b in self._passed_over for b in before):
                continue
            elif name in self._disabled or name in self._endings:
                yield from self._following(name)
            else:
                yield name

    def _next(self, parent: str | None) -> list[str]:
        if parent is None:
            return [name for name, before in self._before.items() if not before]
        if not type_of(self._tasks[parent].task_type).steers:
            return self._after[parent]
        if parent not in self._endings:
            return []  # a disabled one has chosen nothing
        ending = self._endings[parent]
        kept: set[str] = set()
        if self._tasks[parent].task_type == "SWITCH" and self._rules.chosen_wins:
            if not ending.taken:
                return []
            kept = self._reached(ending.taken)
        for name in ending.passed:
            if name not in kept:
                self._pass_over(name)
        return [name for name in ending.taken if name in self._tasks]

    def _reached(self, names: Sequence[str]) -> set[str]:
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found and name in self._tasks:
                found.add(name)
                pending += self._after[name]
        return found

    def _pass_over(self, name: str) -> None:
        """``setTaskNodeSkip``: with all that follows passed-over tasks only."""
        if name not in self._tasks:
            return
        self._passed_over.add(name)
        for after in self._after[name]:
            if after not in self._passed_over and all(b in self._passed_over for b in self._before[after]):
                self._pass_over(after)

    def _verdict(self, name: str) -> Literal["run", "wait", "fail", "drop"]:
        """``isTaskDepsComplete``: a CONDITIONS task runs however those before it ended."""
        for before in self._sources(name):
            if before in self._passed_over:
                continue
            if before not in self._endings:
                return "wait"
            if self._endings[before].state == STOPPED:
                return "drop"
            asks = self._tasks[name].task_type == "CONDITIONS"
            if asks and self._rules.conditions_alone and self._endings[before].state in _FAILED:
                asks = self._conditions_follow(before)
            if not asks and not self._lets(before, name):
                return "fail"
        return "run"

    def _sources(self, name: str) -> Iterator[str]:
        """The tasks before ``name``, and in place of a disabled one those before it."""
        for before in self._before[name]:
            if before in self._disabled:
                yield from self._sources(before)
            else:
                yield before

    def _lets(self, before: str, name: str) -> bool:
        kind, ending = self._tasks[before].task_type, self._endings[before]
        if kind == "CONDITIONS" or (kind == "SWITCH" and self._rules.only_chosen):
            return name in ending.taken
        return ending.state not in _FAILED

    def _conditions_follow(self, name: str) -> bool:
        asking = {after for after in self._after[name] if self._tasks[after].task_type == "CONDITIONS"}
        others = set(self._after[name]) - asking - self._passed_over
        return bool(asking) and not (others and self._rules.conditions_alone)
