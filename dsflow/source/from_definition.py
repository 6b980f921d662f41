"""Definition -> declaration: which classes and arguments compile to exactly this Definition."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from graphlib import CycleError
from typing import Any

from dsflow.declare.params import placeholders, substitute
from dsflow.declare.tasks import class_of, type_of
from dsflow.declare.workflow import Workflow
from dsflow.declare.written import Fields
from dsflow.definition import Definition, JsonDict, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.wire.codec import normalise, references
from dsflow.errors import DeclarationError, DsflowError
from dsflow.source.build import build, build_empty, build_task
from dsflow.source.declaration import TaskDeclaration, WorkflowDeclaration, implied_edges, in_order
from dsflow.source.errors import SourceError
from dsflow.source.parameters import local_params, scalar

_CLUSTER = ("127.0.0.1:2181", "/openmldb")
_START, _END = "2000-01-01 00:00:00", "2099-12-31 23:59:59"


def declare(definition: Definition) -> WorkflowDeclaration:
    """The declaration that compiles to this Definition; that it does is checked here.

    Raises:
        SourceError: it cannot be declared; the error names the fields.
    """
    _refuse_unknown(definition)
    try:
        declaration = _Reader(definition).read()
        for strict in (True, False):
            declaration.fields.pop("strict", None)
            if not strict:
                declaration.fields["strict"] = False
            try:
                compiled = build(declaration).definition()
                break
            except DeclarationError:
                if not strict:
                    raise
    except SourceError:
        raise
    except DsflowError as error:
        raise SourceError(
            f"workflow {definition.name!r} cannot be declared: {error.message}", hint=error.hint
        ) from error
    left = differences(definition, compiled)
    if left:
        raise SourceError(
            f"workflow {definition.name!r} cannot be declared exactly; this would be lost:"
            + "".join(f"\n  - {line}" for line in left)
        )
    return declaration


def differences(wanted: Definition, got: Definition) -> list[str]:
    """One line for each difference between two Definitions that matters to DolphinScheduler."""
    if normalise(wanted) == normalise(got):
        return []
    return build_plan(got, wanted).differences() or ["something that no plan shows"]


def _refuse_unknown(definition: Definition) -> None:
    for task in definition.tasks:
        for name in references(task):
            if name.startswith("#") and name[1:].isdigit():
                raise SourceError(
                    f"task {task.name!r} leads to the code {name[1:]}, which nothing on the server has",
                    hint=f"mend it first: dsflow repair {definition.project}/{definition.name}",
                )
    for field, names in (
        ("environment", [t.environment for t in definition.tasks]),
        ("task group", [t.task_group for t in definition.tasks]),
        ("alert group", [definition.warning_group]),
    ):
        for name in names:
            if name.startswith("#"):
                raise SourceError(f"the workflow uses the {field} {name[1:]}, which is not on the server (any more)")


class _Reader:
    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.params = {p.prop: p.type for p in definition.global_params}
        self.values = {p.prop: p.value for p in definition.global_params}
        self.edges = {(r.pre, r.post) for r in definition.relations}
        self.cluster = self._cluster()

    def read(self) -> WorkflowDeclaration:
        definition = self.definition
        odd = [p.prop for p in definition.global_params if p.direct != "IN"]
        if odd:
            raise SourceError(f"the global parameter {odd[0]!r} has the direction OUT, which cannot be declared")
        result = WorkflowDeclaration(
            name=definition.name,
            project=definition.project,
            fields=self._fields(),
            params={p.prop: scalar(p.type, p.value) for p in definition.global_params},
            schedule=_schedule(definition.schedule) if definition.schedule else None,
        )
        result.tasks = [TaskDeclaration("RawTask", t.name, self._common(t)) for t in definition.tasks]
        owners = result.owners()
        types = {
            p.prop: (owners[p.prop], p.type)
            for t in definition.tasks
            for p in t.local_params
            if p.direct == "OUT" and owners.get(p.prop) == t.name
        }
        for declared, task in zip(result.tasks, definition.tasks, strict=True):
            declared.fields = self._common(task, types)
        self._choose(result)
        self._break_cycles(result)
        implied = set(implied_edges(result))
        result.edges = [(r.pre, r.post) for r in definition.relations if (r.pre, r.post) not in implied]
        return result

    # -- the workflow ------------------------------------------------------------------------------------------------

    def _fields(self) -> JsonDict:
        d = self.definition
        fields: JsonDict = {
            "description": d.description,
            "timeout": d.timeout or None,
            "execution_type": d.execution_type,
            "warning_type": d.warning_type,
            "warning_group": d.warning_group,
            "worker_group": d.worker_group,
            "online": d.release_state == "ONLINE",
        }
        defaults = {
            "description": "", "timeout": None, "execution_type": "PARALLEL", "warning_type": "NONE",
            "warning_group": "", "worker_group": "default", "online": True,
        }  # fmt: skip
        fields = {k: v for k, v in fields.items() if v != defaults[k]}
        for name, value, default in zip(("zookeeper", "zookeeper_path"), self.cluster, _CLUSTER, strict=True):
            implied = self.values.get(name, default)
            if value != implied:
                fields[name] = value
        return fields

    def _cluster(self) -> tuple[str, str]:
        """Where most OPENMLDB tasks go."""
        pairs = [
            (str(t.task_params.get("zk") or ""), str(t.task_params.get("zkPath") or ""))
            for t in self.definition.tasks
            if t.task_type == "OPENMLDB"
        ]
        usable = [p for p in pairs if all(p) and not any(placeholders(text) for text in p)]
        if not usable:
            return (self.values.get("zookeeper", _CLUSTER[0]), self.values.get("zookeeper_path", _CLUSTER[1]))
        return Counter(usable).most_common(1)[0][0]

    # -- the tasks ---------------------------------------------------------------------------------------------------

    def _common(self, task: TaskDefinition, owners: Mapping[str, tuple[str, str]] | None = None) -> JsonDict:
        fields: JsonDict = {}
        for name, value, default in (
            ("description", task.description, ""),
            ("enabled", task.flag == "YES", True),
            ("priority", task.task_priority, "MEDIUM"),
            ("worker_group", task.worker_group, self.definition.worker_group),
            ("environment", task.environment, ""),
            ("delay", task.delay_time, 0),
            ("retries", task.fail_retry_times, 0),
            ("retry_interval", task.fail_retry_interval, 1),
            ("timeout", task.timeout, 0),
            ("timeout_strategy", task.timeout_notify_strategy, "FAILED" if task.timeout else ""),
            ("task_group", task.task_group, ""),
            ("task_group_priority", task.task_group_priority, 0),
            ("cpu_quota", task.cpu_quota, -1),
            ("memory_max", task.memory_max, -1),
            ("cache", task.is_cache, False),
        ):
            if value != default:
                fields[name] = value
        unique = {p.prop for p in task.local_params}
        if len(unique) == len(task.local_params):
            fields |= local_params(task.local_params, self.params, owners or {})
        resources = task.task_params.get("resourceList") or []
        if resources and all(set(r) == {"resourceName"} for r in resources):
            fields["resources"] = [r["resourceName"] for r in resources]
        return fields

    def _choose(self, result: WorkflowDeclaration) -> None:
        """For each task the class and the arguments that leave the least to ``extra``."""
        bare = WorkflowDeclaration(
            result.name, result.project, result.fields | {"strict": False}, result.params, result.schedule
        )
        scratch = build_empty(bare)
        for plain in result.tasks:  # to be named by others
            if plain.name in scratch.tasks:
                raise SourceError(f"two tasks are named {plain.name!r}")
            fields = {"task_type": "X", "outputs": plain.fields.get("outputs", {})}
            build_task(scratch, TaskDeclaration("RawTask", plain.name, fields))
        names = set(scratch.tasks)
        for declared, task in zip(result.tasks, self.definition.tasks, strict=True):
            common = {k: v for k, v in declared.fields.items() if k not in ("params", "outputs")}
            self._choose_one(scratch, declared, task, common, names)

    def _choose_one(
        self, scratch: Workflow, declared: TaskDeclaration, task: TaskDefinition, common: JsonDict, names: set[str]
    ) -> None:
        local = {k: v for k, v in declared.fields.items() if k in ("params", "outputs")}
        kind, found = self._candidates(task)
        best: JsonDict | None = None
        for fields in found:
            trial = TaskDeclaration(kind, task.name, fields | common | local)
            extra = self._missing(scratch, trial, task, names)
            if extra is not None and (best is None or len(extra) < len(best["extra"])):
                best = fields | common | local | {"extra": extra}
        if best is not None:
            declared.kind = kind
            declared.fields = {k: v for k, v in best.items() if k != "extra" or v}
        else:
            self._make_raw(declared, task)

    def _candidates(self, task: TaskDefinition) -> tuple[str, list[Fields]]:
        """The class of the task's type, and its arguments in the forms that may express the task, best first."""
        found = class_of(task.task_type)
        if found is None:
            return "RawTask", []
        try:
            return found.__name__, found.arguments(dict(task.task_params), self.cluster)
        except (KeyError, TypeError, ValueError):  # not of the shape that the class writes
            return found.__name__, []

    def _make_raw(self, declared: TaskDeclaration, task: TaskDefinition) -> None:
        declared.kind = "RawTask"
        kept = self._common(task)
        # references would tie it to other tasks; the text of localParams says the same
        params = _normal(task.task_type, task.task_params)
        if "resources" in kept:
            params.pop("resourceList", None)
        kept.pop("params", None)
        declared.fields = {"task_type": task.task_type, "fields": params} | kept

    def _missing(
        self, scratch: Workflow, trial: TaskDeclaration, task: TaskDefinition, names: set[str]
    ) -> JsonDict | None:
        """What must stand in ``extra`` for this trial to be the task; None when it cannot be."""
        own = WorkflowDeclaration("", "", tasks=[trial])
        edges = implied_edges(own)
        if any(e not in self.edges or not set(e) <= names for e in edges):
            return None
        target = scratch.tasks.pop(task.name)
        try:
            made = build_task(scratch, trial)
            got = _normal(task.task_type, made.define(lambda text: substitute(text, self.values)).task_params)
        except DsflowError:
            return None
        finally:
            scratch.tasks.pop(task.name, None)
            scratch.tasks[task.name] = target
        wanted = _normal(task.task_type, task.task_params)
        extra = {k: wanted.get(k) for k in {**wanted, **got} if not _same(wanted.get(k), got.get(k))}
        return None if extra.keys() & type_of(task.task_type).essential else extra

    def _break_cycles(self, result: WorkflowDeclaration) -> None:
        """Tasks that name each other cannot both be declared first: one of them names the other by its name."""
        while True:
            try:
                in_order(result)
                return
            except CycleError as error:
                cycle = set(error.args[1])
            for declared, task in zip(result.tasks, self.definition.tasks, strict=True):
                if declared.name in cycle and declared.kind != "RawTask":
                    self._make_raw(declared, task)
                    break
            else:
                raise SourceError("these tasks name each other: " + ", ".join(sorted(cycle)))


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _normal(task_type: str, params: JsonDict) -> JsonDict:
    """As :func:`dsflow.dolphinscheduler.wire.codec.normalise` sees ``taskParams``."""
    task = normalise(Definition("", "", (TaskDefinition("", task_type, dict(params)),), ())).tasks[0]
    return task.task_params


def _schedule(schedule: ScheduleDefinition) -> JsonDict:
    fields: JsonDict = {"cron": schedule.crontab}
    for name, value, default in (
        ("timezone", schedule.timezone_id, "UTC"),
        ("start", schedule.start_time, _START),
        ("end", schedule.end_time, _END),
        ("online", schedule.online, True),
        ("failure_strategy", schedule.failure_strategy, "CONTINUE"),
        ("priority", schedule.process_instance_priority, "MEDIUM"),
    ):
        if value != default:
            moment = name in ("start", "end")
            fields[name] = datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S") if moment else value
    return fields
