"""Who asks OpenMLDB what a step needs to know first, so that asking keeps nothing waiting.

A step's ask is declared as a task right before the step. Each node costs a server a second or two, whatever it does, so
most of them are no nodes of their own, or none that anything waits for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dsflow.declare.steps import StepScript, cluster_of
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import Conditions
from dsflow.declare.tasks.openmldb import OpenMLDB

Edge = tuple[str, str]


@dataclass(frozen=True)
class Asking:
    """Where a workflow's asks are made.

    Attributes:
        passing: by the ask's name the check that makes it in passing. It is the check right before it, of the same
            OpenMLDB and with nothing else before the ask: whenever the step runs, that check has run, and nothing of
            the workflow has come in between. For a deployment it may be farther away, see ``early``.
        early: asks whose check lies farther up, with one task before each between them and none of OpenMLDB's; and the
            node that comes in the ask's place. The answer may be old when it is used, which only a deployment can bear:
            DEPLOY fails where somebody has deployed meanwhile, the check after it where somebody has dropped it. An
            edge leads there from the check as well, which has long ended then: a part of the workflow can ask by it.
        beside: asks for the newest job that run beside the tasks before them: those begin the workflow and make tables
            in the same OpenMLDB, which starts no job, so that the answer is the same before and after.
        asks: all of these by name.
    """

    passing: Mapping[str, StepScript] = field(default_factory=dict)
    early: Mapping[str, str] = field(default_factory=dict)
    beside: Collection[str] = ()
    asks: Mapping[str, StepScript] = field(default_factory=dict)

    def edges(self, relations: Iterable[Edge]) -> set[Edge]:
        """The edges of the nodes that there are.

        Args:
            relations: those of the tasks as they are declared.
        """
        relations = list(relations)
        instead = {**self.early, **{pre: post for pre, post in relations if pre in self.beside}}
        return {
            (self.passing[pre].name if pre in self.passing else pre, instead.get(post, post))
            for pre, post in relations
            if post in instead or post not in self.passing
        }


ALONE = Asking()
"""Each step asks by a task of its own, so that it can be run, or not, without the one before it."""


def asking_of(tasks: Mapping[str, Task], relations: Iterable[Edge]) -> Asking:
    """Where the asks of a workflow are made.

    Args:
        tasks: all its tasks by name.
        relations: the edges between them.
    """
    before: dict[str, list[Task]] = {}
    after: dict[str, list[str]] = {}
    for pre, post in relations:
        before.setdefault(post, []).append(tasks[pre])
        after.setdefault(pre, []).append(post)
    passing: dict[str, StepScript] = {}
    early: dict[str, str] = {}
    beside: list[str] = []
    asks: dict[str, StepScript] = {}
    for ask in tasks.values():
        if not isinstance(ask, StepScript) or ask.role != "ask" or len(after.get(ask.name, ())) != 1:
            continue
        asks[ask.name] = ask
        earlier = before.get(ask.name, [])
        check = _check_before(ask, before)
        if check is not None and earlier == [check]:
            passing[ask.name] = check
        elif check is not None and ask.lasts and not isinstance(earlier[0], Conditions):
            passing[ask.name] = check
            early[ask.name] = after[ask.name][0]
        elif (
            earlier
            and not ask.lasts
            and all(_only_makes(task, ask.cluster) and task.name not in before for task in earlier)
        ):
            beside.append(ask.name)
    return Asking(passing, early, beside, asks)


def _check_before(ask: StepScript, before: Mapping[str, list[Task]]) -> StepScript | None:
    """The nearest check of the same OpenMLDB up a way on which no task has another before it."""
    name = ask.name
    while len(before.get(name, ())) == 1:
        task = before[name][0]
        if isinstance(task, StepScript) and task.role == "check" and task.cluster == ask.cluster:
            return task
        if isinstance(task, OpenMLDB):
            return None  # it may change the answer
        name = task.name
    return None


def _only_makes(task: Task, cluster: tuple[str, str]) -> bool:
    return isinstance(task, OpenMLDB) and not task.starts_jobs and cluster_of(task) == cluster
