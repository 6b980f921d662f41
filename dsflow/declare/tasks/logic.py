"""SWITCH, CONDITIONS, DEPENDENT, SUB_PROCESS: nodes that steer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from dsflow.declare import written
from dsflow.declare.params import Condition
from dsflow.declare.tasks.about import DEPENDENCE, OTHERWISE, TASK, WORKFLOW, Named, TaskType
from dsflow.declare.tasks.base import Task, differing
from dsflow.declare.written import Branch, DependsOn, Ended, Fields, TaskRef
from dsflow.definition import SUB_WORKFLOW, JsonDict

# ---------------------------------------------------------------------------------------------------------- SWITCH


@dataclass(frozen=True, eq=False, repr=False)
class Switch(Task):
    """Goes on with the first branch whose condition holds; the branches not taken are skipped.

    Args:
        branches: condition -> the task to go on with, asked in this order.
        otherwise: the task when none holds.
    """

    branches: Mapping[Condition, Task] = field(default_factory=dict)
    otherwise: Task | None = None

    about: ClassVar[TaskType] = TaskType(
        "SWITCH",
        colour="orange",
        first=("branches",),
        essential=frozenset({"switchResult"}),
        names=(
            Named("switchResult.dependTaskList[].nextNode", TASK, edge_by="condition"),
            Named("switchResult.nextNode", TASK, edge=OTHERWISE),
        ),
        on_worker=False,
        page_writes={"rawScript": ""},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.otherwise is not None
        # of a step of several nodes the first; from now on, so that a step can have a switch inside
        object.__setattr__(self, "branches", {c: task.entry for c, task in self.branches.items()})
        object.__setattr__(self, "otherwise", self.otherwise.entry)

    def _check(self) -> None:
        super()._check()
        if not isinstance(self.branches, Mapping) or not self.branches:
            raise self.error("a switch needs at least one branch", hint="{train.outputs.auc >= 0.7: deploy}")
        for condition, task in self.branches.items():
            if not isinstance(condition, Condition):
                raise self.error(f"{condition!r} is not a condition", hint="write for example train.outputs.auc >= 0.7")
            if not isinstance(task, Task):
                raise self.error(f"the branch for {condition.expression!r} is {task!r}, not a task")
        if self.strict and not self.enabled:
            raise self.error("a disabled switch takes no branch: nothing after it would run")
        if self.otherwise is None:
            raise self.error(
                "a switch needs otherwise=",
                hint="DolphinScheduler fails or ends green when no branch holds; name the task for that case",
            )
        self._task("otherwise")
        targets = [*self.branches.values(), self.otherwise]
        for task in targets if self.strict else ():
            if sum(other is task for other in targets) > 1:
                # it skips the task of every branch that it does not take, so this one even when it takes it
                raise self.error(
                    f"two branches lead to {task.name!r}, which DolphinScheduler would then always skip",
                    hint="join the conditions with |, or put a task of its own into each branch",
                )

    def implied_downstream(self) -> Iterable[Task]:
        assert self.otherwise is not None
        return [*self.branches.values(), self.otherwise]

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        assert self.otherwise is not None
        return {
            "switchResult": {
                "dependTaskList": [{"condition": c.expression, "nextNode": t.name} for c, t in self.branches.items()],
                "nextNode": self.otherwise.name,
            }
        }

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        result = params["switchResult"]
        branches = [Branch(b["condition"], TaskRef(b["nextNode"])) for b in result["dependTaskList"]]
        return [{"branches": branches, "otherwise": TaskRef(result["nextNode"])}]


# ------------------------------------------------------------------------------------------------------ CONDITIONS


@dataclass(frozen=True)
class _Status:
    task: Task
    status: str


def succeeded(task: Task) -> _Status:
    """For `Conditions`: the task (of a step with a check: its check) ended well."""
    return _Status(task, "SUCCESS")


def failed(task: Task) -> _Status:
    """For `Conditions`: the task (of a step with a check: its check) failed."""
    return _Status(task, "FAILURE")


@dataclass(frozen=True)
class AllOf:
    """Every one of these must hold."""

    items: tuple[_Status | DependsOn, ...]
    relation: ClassVar[str] = "AND"


@dataclass(frozen=True)
class AnyOf:
    """One of these must hold."""

    items: tuple[_Status | DependsOn, ...]
    relation: ClassVar[str] = "OR"


def all_of(*items: _Status | DependsOn) -> AllOf:
    """A group in which every item must hold."""
    return AllOf(items)


def any_of(*items: _Status | DependsOn) -> AnyOf:
    """A group in which one item must hold."""
    return AnyOf(items)


Group = AllOf | AnyOf


def _groups(task: Task, when: object, kind: type) -> list[Group]:
    """Always groups of items: both DolphinScheduler versions mishandle a condition of one level."""
    listed = list(when) if isinstance(when, (list, tuple)) else [when]
    groups: list[Group] = [g if isinstance(g, (AllOf, AnyOf)) else AllOf((g,)) for g in listed]  # type: ignore[arg-type]
    for group in groups:
        for item in group.items:
            if not isinstance(item, kind):
                raise task.error(f"{item!r} cannot stand here")
            if isinstance(item, _Status) and not isinstance(item.task, Task):
                raise task.error(f"{item.task!r} is not a task")
    if not groups or not all(g.items for g in groups):
        raise task.error("there is no condition")
    return groups


@dataclass(frozen=True, eq=False, repr=False)
class Conditions(Task):
    """Goes on by how upstream tasks ended.

    Args:
        when: ``succeeded(task)``, ``failed(task)``, a group (`all_of`, `any_of`), or a list of groups.
        relation: how several groups are joined: ``AND`` or ``OR``.
        success: the task to go on with when it holds.
        failure: the task when not.
    """

    when: object = None
    success: Task | None = None
    failure: Task | None = None
    relation: Literal["AND", "OR"] = "AND"

    about: ClassVar[TaskType] = TaskType(
        "CONDITIONS",
        colour="orange",
        first=("when",),
        essential=frozenset({"dependence", "conditionResult"}),
        names=(
            Named("conditionResult.successNode[]", TASK, edge="success"),
            Named("conditionResult.failedNode[]", TASK, edge="failure"),
            Named("dependence.dependTaskList[].dependItemList[].depTaskCode", TASK),
        ),
        on_worker=False,
    )

    def _check(self) -> None:
        super()._check()
        self._one_of("relation", self.relation, ("AND", "OR"))
        _groups(self, self.when, _Status)
        if self.success is None or self.failure is None:
            raise self.error("success= and failure= are needed")
        self._task("success", "failure")
        if self.strict and self.success is self.failure:
            raise self.error("success and failure are the same task, which DolphinScheduler would then always skip")
        if self.strict and not self.enabled:
            raise self.error("a disabled CONDITIONS task takes no branch: nothing after it would run")

    def _groups(self) -> list[Group]:
        return _groups(self, self.when, _Status)

    def implied_upstream(self) -> Iterable[Task]:
        return [item.task.exit for group in self._groups() for item in group.items if isinstance(item, _Status)]

    def implied_downstream(self) -> Iterable[Task]:
        assert self.success is not None
        assert self.failure is not None
        return [self.success.entry, self.failure.entry]

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        assert self.success is not None
        assert self.failure is not None
        return {
            "dependence": {
                "relation": self.relation,
                "dependTaskList": [
                    {
                        "relation": group.relation,
                        "dependItemList": [
                            {"depTaskCode": item.task.exit.name, "status": item.status}
                            for item in group.items
                            if isinstance(item, _Status)
                        ],
                    }
                    for group in self._groups()
                ],
            },
            "conditionResult": {
                "successNode": [self.success.entry.name],
                "failedNode": [self.failure.entry.name],
            },
        }

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        dependence, result = params["dependence"], params["conditionResult"]
        (success,), (failure,) = result["successNode"], result["failedNode"]
        fields: Fields = {
            "when": [
                written.Group(
                    g["relation"], tuple(Ended(TaskRef(i["depTaskCode"]), i["status"]) for i in g["dependItemList"])
                )
                for g in dependence["dependTaskList"]
            ],
            "success": TaskRef(success),
            "failure": TaskRef(failure),
        }
        return [fields | differing(dependence, {"relation": ("relation", "AND")})]


# ------------------------------------------------------------------------------------------------------- DEPENDENT

_CYCLES = {
    "hour": ("currentHour", "last1Hour", "last2Hours", "last3Hours", "last24Hours"),
    "day": ("today", "last1Days", "last2Days", "last3Days", "last7Days"),
    "week": (
        "thisWeek",
        "lastWeek",
        "lastMonday",
        "lastTuesday",
        "lastWednesday",
        "lastThursday",
        "lastFriday",
        "lastSaturday",
        "lastSunday",
    ),
    "month": ("thisMonth", "thisMonthBegin", "lastMonth", "lastMonthBegin", "lastMonthEnd"),
}
PAGE_DEFAULTS = {"checkInterval": 10, "failurePolicy": "DEPENDENT_FAILURE_FAILURE"}
"""What the web page fills in, and saves no task without: seconds between two looks, and what a failed one does."""
DATES: dict[str, str] = {date: cycle for cycle, dates in _CYCLES.items() for date in dates}


@dataclass(frozen=True, eq=False, repr=False)
class Dependent(Task):
    """Waits until other workflows have run.

    Args:
        on: ``DependsOn(...)``, a group of them, or a list of groups.
        relation: how several groups are joined: ``AND`` or ``OR``.
    """

    on: object = None
    relation: Literal["AND", "OR"] = "AND"

    about: ClassVar[TaskType] = TaskType(
        "DEPENDENT",
        colour="pink",
        first=("on",),
        essential=frozenset({"dependence"}),
        names=(Named("dependence.dependTaskList[].dependItemList[]", DEPENDENCE),),
        verbatim=("dependence",),
        on_worker=False,
        needs_server="it waits for other workflows of a DolphinScheduler server",
        page_writes={"dependence": PAGE_DEFAULTS},
    )

    def _check(self) -> None:
        super()._check()
        self._one_of("relation", self.relation, ("AND", "OR"))
        for group in _groups(self, self.on, DependsOn):
            for item in group.items:
                if isinstance(item, DependsOn):
                    self._one_of("date", item.date, tuple(DATES))
                    for name in ("workflow", "task", "project"):
                        value = getattr(item, name)
                        if not isinstance(value, str if name != "project" else (str, type(None))):
                            raise self.error(f"DependsOn({name}={value!r}) is not a string")
                    if not item.workflow:
                        raise self.error("DependsOn needs a workflow's name")

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {
            "dependence": {
                "relation": self.relation,
                **PAGE_DEFAULTS,
                "dependTaskList": [
                    {
                        "relation": group.relation,
                        "dependItemList": [
                            {
                                "projectCode": item.project or self.workflow.project,
                                "definitionCode": item.workflow,
                                "depTaskCode": item.task,
                                "cycle": DATES[item.date],
                                "dateValue": item.date,
                            }
                            for item in group.items
                            if isinstance(item, DependsOn)
                        ],
                    }
                    for group in _groups(self, self.on, DependsOn)
                ],
            }
        }

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        dependence = params["dependence"]
        groups = [
            written.Group(
                g["relation"],
                tuple(
                    DependsOn(i["definitionCode"], i["depTaskCode"], i["projectCode"], i["dateValue"])
                    for i in g["dependItemList"]
                ),
            )
            for g in dependence["dependTaskList"]
        ]
        return [{"on": groups} | differing(dependence, {"relation": ("relation", "AND")})]


# ----------------------------------------------------------------------------------------------------- SUB_PROCESS


@dataclass(frozen=True, eq=False, repr=False)
class SubWorkflow(Task):
    """Runs another workflow of the same project and ends as it ends.

    Args:
        runs: that workflow's name, or the `Workflow` itself.
    """

    runs: object = ""

    about: ClassVar[TaskType] = TaskType(
        "SUB_PROCESS",
        colour="green",
        first=("runs",),
        essential=frozenset({SUB_WORKFLOW}),
        names=(Named(SUB_WORKFLOW, WORKFLOW, needed=True),),
        verbatim=(SUB_WORKFLOW,),
        on_worker=False,
        needs_server="it runs another workflow of a DolphinScheduler server",
    )

    @property
    def workflow_name(self) -> str:
        """The name of the workflow that is run."""
        name = getattr(self.runs, "name", self.runs)
        return name if isinstance(name, str) else ""

    def _check(self) -> None:
        super()._check()
        if not self.workflow_name:
            raise self.error("which workflow to run is missing")

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        project: Sequence[str] = (getattr(self.runs, "project", self.workflow.project), self.workflow.project)
        if self.strict and self.workflow_name == self.workflow.name:
            raise self.error(f"the workflow {self.workflow_name!r} would run itself without end")
        if project[0] != project[1]:
            raise self.error(
                f"the workflow {self.workflow_name!r} belongs to the project {project[0]!r}, not {project[1]!r}"
            )
        return {SUB_WORKFLOW: self.workflow_name}

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        return [{"runs": params[SUB_WORKFLOW]}]
