"""Definition <-> DolphinScheduler's own JSON.

A Definition holds names where the server holds codes; both directions are here, together with what differs between the
servers: 3.1 knows files of the resource centre by id, has no ``isCache``, and needs scripts with outputs to linger; 3.2
names the files by their place in the store.
Nothing here talks to a server: the codes come in through :class:`~dsflow.dolphinscheduler.wire.names.Names`.

Where DolphinScheduler stores what looks like a part of the workflow: ``warningType``, ``warningGroupId`` and
``workerGroup`` of a *workflow* exist on its schedule and on each start, not on the workflow itself. Without a schedule
there is nothing to compare them with, which is what :func:`normalise` reflects.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from dsflow.branches import short_labels
from dsflow.declare.tasks import type_of
from dsflow.declare.tasks.about import DATASOURCE, DEPENDENCE, K8S_NAMESPACE, TASK, UDF, WORKFLOW, Named, holders
from dsflow.definition import Definition, JsonDict, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.names import Code, Names, UnknownNameError
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import DeclarationError
from dsflow.outputs import CODED, coded_params
from dsflow.worker import lingering

NO_ENVIRONMENT = -1
NO_TASK_GROUP = 0
WHOLE_WORKFLOW = 0  # depTaskCode: the state of the workflow's run
ALL_TASKS = -1  # depTaskCode, where the series has it: the states of all its tasks
ALL_TASKS_NAME = "*"
MAX_DESCRIPTION = 255

_NO_IDS = (None, "", 0, "0", -1, "-1")
_NO_BRANCHES = {"successNode": [""], "failedNode": [""]}


# ------------------------------------------------------------------ to the server


def tasks_to_server(
    definition: Definition,
    codes: Mapping[str, int],
    names: Names,
    series: Series,
    *,
    versions: Mapping[str, int] | None = None,
) -> list[JsonDict]:
    """``taskDefinitionJson``: every task with its settled code.

    Args:
        codes: the code of each task name.
        versions: the server's version of each task that exists. The server compares with that version and makes the
            next one when something changed; without it, it would compare with the first.

    Raises:
        UnknownNameError: a name that the server does not have.
        DeclarationError: a field that this server does not know.
    """
    return [
        _task_to_server(t, definition, codes, names, series, (versions or {}).get(t.name, 0)) for t in definition.tasks
    ]


def _task_to_server(
    task: TaskDefinition, definition: Definition, codes: Mapping[str, int], names: Names, series: Series, version: int
) -> JsonDict:
    inside = f"task {task.name!r}"
    environment: Code = NO_ENVIRONMENT
    if task.environment:
        environment = names.code(kinds.ENVIRONMENT, task.environment, where=task.where, inside=inside)
    group: Code = NO_TASK_GROUP
    if task.task_group:
        group = names.code(kinds.TASK_GROUP, task.task_group, where=task.where, inside=inside)
    data: JsonDict = {
        "code": codes[task.name],
        "name": task.name,
        "version": version,
        "description": task.description,
        "delayTime": task.delay_time,
        "taskType": task.task_type,
        "taskParams": _params_to_server(task, definition, codes, names, series),
        "flag": task.flag,
        "taskPriority": task.task_priority,
        "workerGroup": task.worker_group,
        "environmentCode": environment,
        "failRetryTimes": task.fail_retry_times,
        "failRetryInterval": task.fail_retry_interval,
        "timeoutFlag": "OPEN" if task.timeout else "CLOSE",
        "timeoutNotifyStrategy": (task.timeout_notify_strategy or None) if task.timeout else None,
        "timeout": task.timeout,
        "taskGroupId": group,
        "taskGroupPriority": task.task_group_priority,
        "cpuQuota": task.cpu_quota,
        "memoryMax": task.memory_max,
        "taskExecuteType": "STREAM" if type_of(task.task_type).stream else "BATCH",
    }
    if series.has_cache:
        data["isCache"] = "YES" if task.is_cache else "NO"
    elif task.is_cache:
        raise DeclarationError(
            f"{inside} asks for a cached result, which DolphinScheduler {series} does not have",
            where=task.where,
            hint="leave is_cache out, or submit to DolphinScheduler 3.2",
        )
    return data


def relations_to_server(
    definition: Definition, codes: Mapping[str, int], record: JsonDict | None = None
) -> list[JsonDict]:
    """``taskRelationJson``: every edge, and one from 0 to each task that has nothing before it.

    Args:
        record: stored with the first edge; see :mod:`dsflow.dolphinscheduler.wire.fingerprint`.
    """
    later = {r.post for r in definition.relations}
    roots = [(0, codes[t.name], "") for t in definition.tasks if t.name not in later]
    labels = short_labels(definition)
    edges = [(codes[r.pre], codes[r.post], labels.get((r.pre, r.post), "")) for r in definition.relations]
    return [
        {
            "name": label,
            "preTaskCode": pre,
            "preTaskVersion": 0,
            "postTaskCode": post,
            "postTaskVersion": 0,
            "conditionType": "NONE",
            "conditionParams": record if record and index == 0 else {},
        }
        for index, (pre, post, label) in enumerate(roots + edges)
    ]


def params_to_server(definition: Definition, series: Series) -> list[JsonDict]:
    """``globalParams``; for 3.1 with those that stand in outputs for what it does not read.

    From 3.3 on with an empty one for each output that is used: released servers put an output only into parameters that
    are declared with the direction IN. Declared by the workflow it is filled in each order of precedence that was seen
    there; declared by the task that uses it, it would be empty on the development tree of 3.3, as on 3.2.
    """
    params = list(definition.global_params)
    if series.cuts_outputs:
        params += [Property(name, value=value) for name, value in coded_params(definition).items()]
    if series.fills_declared:
        params += _used_outputs(definition)
    return [p.to_dict() for p in params]


def _used_outputs(definition: Definition) -> list[Property]:
    """An empty parameter for each output whose placeholder stands anywhere."""
    texts = [json.dumps(task.task_params, ensure_ascii=False) for task in definition.tasks]
    text = "\n".join([*texts, *(param.value for param in definition.global_params)])
    own = {param.prop for param in definition.global_params}
    found = {p.prop: p.type for task in definition.tasks for p in task.local_params if p.direct == "OUT"}
    return [Property(name, type=kind) for name, kind in found.items() if f"${{{name}}}" in text and name not in own]


def _params_to_server(
    task: TaskDefinition, definition: Definition, codes: Mapping[str, int], names: Names, series: Series
) -> JsonDict:
    inside = f"task {task.name!r}"

    def own_task(name: Any) -> Any:
        if name == "" or name is None:
            return name
        if name in codes:
            return codes[name]
        raise UnknownNameError(f"{inside} leads to task {name!r}, which the workflow does not have", where=task.where)

    def lookup(kind: str, name: Any, *scope: Code) -> Any:
        return names.code(kind, str(name), *scope, where=task.where, inside=inside)

    def depended(item: JsonDict) -> JsonDict:
        project = lookup(kinds.PROJECT, item["projectCode"])
        workflow = lookup(kinds.WORKFLOW, item["definitionCode"], project)
        name = item.get("depTaskCode", "")
        if name == ALL_TASKS_NAME:
            code: Any = series.all_tasks_code
        else:
            code = lookup(kinds.TASK, name, project, workflow) if name else WHOLE_WORKFLOW
        return {**item, "projectCode": project, "definitionCode": workflow, "depTaskCode": code}

    def sub_workflow(name: Any) -> Any:
        project = lookup(kinds.PROJECT, definition.project)
        return lookup(kinds.WORKFLOW, name, project)

    def resource(item: JsonDict) -> JsonDict:
        rest = {k: v for k, v in item.items() if k not in ("id", "res", "resourceName")}
        found = lookup(kinds.RESOURCE, item["resourceName"])
        return {**rest, "id": found} if series.files_by_id else {**rest, "resourceName": found}

    params = translate(
        task.task_type,
        task.task_params,
        own_task=own_task,
        depended=depended,
        sub_workflow=sub_workflow,
        datasource=lambda name: lookup(kinds.DATASOURCE, name),
        resource=resource,
        named=lookup,
    )
    if series.cuts_outputs:
        params = lingering.with_line(task.task_type, params)
    # 3.2's worker fails with a NullPointerException on a task without localParams after one with an output.
    return {"localParams": [], "resourceList": [], **params}


# ------------------------------------------------------------------ from the server


def from_server(
    raw: JsonDict, project: str, names: Names, schedule: JsonDict | None = None, *, fills_declared: bool = False
) -> Definition:
    """What reading a workflow answers, and the workflow's schedule, as a Definition.

    A code that leads nowhere (such as an imported switch has them) becomes ``#CODE``, which equals no declared name.

    Args:
        fills_declared: of the server's series: an empty parameter named like an output stands for that output.
    """
    process = raw["workflow"]
    task_rows = raw["tasks"]
    own = {int(t["code"]): t["name"] for t in task_rows}
    tasks = tuple(_task_from_server(t, own, names) for t in task_rows)
    relations = tuple(
        Relation(
            own.get(int(r["preTaskCode"]), f"#{r['preTaskCode']}"),
            own.get(int(r["postTaskCode"]), f"#{r['postTaskCode']}"),
        )
        for r in raw["edges"]
        if int(r["preTaskCode"]) != 0
    )
    alert = int(schedule.get("warningGroupId") or 0) if schedule else 0
    params = map(Property.from_dict, global_params(process))
    outputs = {p.prop for t in tasks for p in t.local_params if p.direct == "OUT"} if fills_declared else set()
    return Definition(
        project=project,
        name=process["name"],
        description=process.get("description") or "",
        global_params=tuple(p for p in params if p.prop not in CODED and not (p.prop in outputs and not p.value)),
        timeout=int(process.get("timeout") or 0),
        execution_type=process.get("executionType") or "PARALLEL",
        release_state=process.get("releaseState") or "OFFLINE",
        warning_type=(schedule.get("warningType") or "NONE") if schedule else "NONE",
        warning_group=names.name(kinds.ALERT_GROUP, alert) if alert > 0 else "",
        worker_group=(schedule.get("workerGroup") or "default") if schedule else "default",
        schedule=schedule_from_server(schedule) if schedule else None,
        tasks=tasks,
        relations=relations,
    )


def global_params(process: JsonDict) -> list[JsonDict]:
    """The global parameters of a process definition, which the server gives as a JSON text."""
    text = process.get("globalParams")
    value = json.loads(text) if isinstance(text, str) and text else text
    return list(value or [])


def type_in(row: JsonDict) -> str:
    """The type of a task, such as ``SHELL``."""
    return str(row["taskType"])


def outputs(row: JsonDict) -> list[Property]:
    """The parameters that a task gives to the tasks after it."""
    local = [Property.from_dict(param) for param in task_params(row).get("localParams") or []]
    return [param for param in local if param.direct == "OUT"]


def script(row: JsonDict) -> str:
    """What a SHELL or PYTHON task runs; '' for one of another type."""
    return str(task_params(row).get("rawScript") or "")


def script_params(text: str) -> JsonDict:
    """The parameters of a SHELL or PYTHON task that runs a text and uses nothing else."""
    return {"rawScript": text, "localParams": [], "resourceList": []}


def has_http_body(task: TaskDefinition) -> bool:
    """Whether a task sends a body of its own with an HTTP request."""
    return task.task_type == "HTTP" and bool(task.task_params.get("httpBody"))


def task_params(row: JsonDict) -> JsonDict:
    """A task's ``taskParams``, which some answers hold as a JSON text."""
    value = row.get("taskParams")
    return dict(json.loads(value) if isinstance(value, str) else value or {})


def _task_from_server(row: JsonDict, own: Mapping[int, str], names: Names) -> TaskDefinition:
    environment = int(row.get("environmentCode") or NO_ENVIRONMENT)
    group = int(row.get("taskGroupId") or NO_TASK_GROUP)
    timeout = int(row.get("timeout") or 0) if row.get("timeoutFlag") == "OPEN" else 0
    return TaskDefinition(
        name=row["name"],
        task_type=row["taskType"],
        task_params=_params_from_server(row, own, names),
        description=row.get("description") or "",
        flag=row.get("flag") or "YES",
        task_priority=row.get("taskPriority") or "MEDIUM",
        worker_group=row.get("workerGroup") or "default",
        environment=names.name(kinds.ENVIRONMENT, environment) if environment > 0 else "",
        delay_time=int(row.get("delayTime") or 0),
        fail_retry_times=int(row.get("failRetryTimes") or 0),
        fail_retry_interval=int(row.get("failRetryInterval") or 0),
        timeout=timeout,
        timeout_notify_strategy=(row.get("timeoutNotifyStrategy") or "") if timeout else "",
        task_group=names.name(kinds.TASK_GROUP, group) if group > 0 else "",
        task_group_priority=int(row.get("taskGroupPriority") or 0),
        cpu_quota=_int(row.get("cpuQuota"), -1),
        memory_max=_int(row.get("memoryMax"), -1),
        is_cache=row.get("isCache") == "YES",
    )


def _params_from_server(row: JsonDict, own: Mapping[int, str], names: Names) -> JsonDict:
    project = int(row.get("projectCode") or 0)

    def own_task(code: Any) -> Any:
        if code == "" or code is None:
            return code
        return own.get(int(code), f"#{code}")

    def depended(item: JsonDict) -> JsonDict:
        upstream, workflow = int(item["projectCode"]), int(item["definitionCode"])
        project_name = names.name(kinds.PROJECT, upstream)
        workflow_name = f"#{workflow}"
        if not project_name.startswith("#"):
            workflow_name = names.name(kinds.WORKFLOW, workflow, upstream)
        code = int(item.get("depTaskCode") or 0)
        if code == WHOLE_WORKFLOW:
            task_name = ""
        elif code == ALL_TASKS:
            task_name = ALL_TASKS_NAME
        elif workflow_name.startswith("#"):
            task_name = f"#{code}"
        else:
            task_name = names.name(kinds.TASK, code, upstream, workflow)
        return {**item, "projectCode": project_name, "definitionCode": workflow_name, "depTaskCode": task_name}

    def resource(item: JsonDict) -> JsonDict:
        rest = {k: v for k, v in item.items() if k not in ("id", "res", "resourceName")}
        code = item.get("id") or item.get("resourceName")
        return {**rest, "resourceName": names.name(kinds.RESOURCE, code)}

    return translate(
        row["taskType"],
        lingering.without_line(row["taskType"], task_params(row)),
        own_task=own_task,
        depended=depended,
        sub_workflow=lambda code: names.name(kinds.WORKFLOW, code, project),
        datasource=lambda code: names.name(kinds.DATASOURCE, code),
        resource=resource,
        named=lambda kind, code: code if kind == kinds.K8S_NAMESPACE else names.named(kind, code),
    )


# ------------------------------------------------------------------ the places that hold references


def references(task: TaskDefinition) -> list[str]:
    """What a task's ``taskParams`` name besides the task: other tasks, workflows, projects, datasources, resources."""
    found: list[str] = []

    def keep(name: Any) -> Any:
        found.append(str(name))
        return name

    def depended(item: JsonDict) -> JsonDict:
        found.extend(str(item.get(key) or "") for key in ("projectCode", "definitionCode", "depTaskCode"))
        return item

    def resource(item: JsonDict) -> JsonDict:
        found.append(str(item.get("resourceName") or ""))
        return item

    translate(
        task.task_type,
        task.task_params,
        own_task=keep,
        depended=depended,
        sub_workflow=keep,
        datasource=keep,
        resource=resource,
        named=lambda kind, name: keep(name),
    )
    return found


def translate(
    task_type: str,
    task_params: JsonDict,
    *,
    own_task: Callable[[Any], Any],
    depended: Callable[[JsonDict], JsonDict],
    sub_workflow: Callable[[Any], Any],
    datasource: Callable[[Any], Any],
    resource: Callable[[JsonDict], JsonDict],
    named: Callable[[str, Any], Any],
) -> JsonDict:
    """A copy of ``taskParams`` with every reference replaced; one walk for both directions.

    Args:
        named: for the ids of a kind that stand among a task's other fields.
    """
    about = type_of(task_type)
    params = copy.deepcopy(task_params) if about.names else dict(task_params)

    def change(place: Named, value: Any) -> Any:
        if place.kind == TASK:
            return own_task(value)
        if value in ((None, "") if place.needed else _NO_IDS):
            return value
        if place.kind == DEPENDENCE:
            return depended(dict(value))
        if place.kind == WORKFLOW:
            return sub_workflow(value)
        if place.kind == DATASOURCE and place.needed:
            return datasource(value)
        return _each(named, place.kind, value)

    for place in about.names:
        _replace(params, place.path, partial(change, place))
    if params.get("resourceList"):
        params["resourceList"] = [resource(item) for item in params["resourceList"]]
    if isinstance(params.get("mainJar"), dict) and params["mainJar"]:
        params["mainJar"] = resource(params["mainJar"])
    return params


def named_by(task: TaskDefinition, kind: str) -> list[Any]:
    """What a task names of a kind, such as WORKFLOW; a DEPENDENCE is a mapping."""
    found: list[Any] = []
    for place in type_of(task.task_type).names:
        if place.kind == kind:
            for holder, key in holders(task.task_params, place.path):
                found += [value for value in _as_list(holder[key]) if value not in (None, "")]
    return found


def translate_own_tasks(task: TaskDefinition, own_task: Callable[[Any], Any]) -> JsonDict:
    """A copy of ``taskParams`` with only the references to tasks of the same workflow replaced."""

    def same(value: Any) -> Any:
        return value

    params, kind = task.task_params, task.task_type
    return translate(
        kind,
        params,
        own_task=own_task,
        depended=same,
        sub_workflow=same,
        datasource=same,
        resource=same,
        named=lambda kind, value: value,
    )


def _replace(params: JsonDict, path: str, change: Callable[[Any], Any]) -> None:
    """Replace the values at a path (see :class:`dsflow.declare.tasks.about.Named`), if there are any."""
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    several = head != key
    value = params.get(key)
    if value is None:
        return
    if not rest:
        params[key] = [change(one) for one in _as_list(value)] if several else _one_or_many(change, value)
        return
    inner = _object(value) if isinstance(value, str) else value
    for item in _as_list(inner) if several else [inner]:
        if isinstance(item, dict):
            _replace(item, rest, change)
    if isinstance(value, str) and inner is not None:
        params[key] = json.dumps(inner, ensure_ascii=False, separators=(",", ":"))


def _object(text: str) -> JsonDict | None:
    try:
        found = json.loads(text)
    except ValueError:  # such as a text with placeholders in place of values: there is no id to be read in it
        return None
    return found if isinstance(found, dict) else None


def _each(named: Callable[[str, Any], Any], kind: str, value: Any) -> Any:
    """``udfs`` is a text of ids with commas between; a K8s namespace has no id, but may not be there."""
    if kind == K8S_NAMESPACE:
        found = _object(value) if isinstance(value, str) else None
        if found and found.get("cluster") and found.get("name"):
            named(kind, kinds.k8s_name({"clusterName": found["cluster"], "namespace": found["name"]}))
        return value
    if kind != UDF:
        return named(kind, value)
    return ",".join(str(named(kind, part.strip())) for part in str(value).split(","))


def _one_or_many(translate: Callable[[Any], Any], value: Any) -> Any:
    """``nextNode`` is a code, or a list of codes after the server's own rewriting: a list of one is that one."""
    if isinstance(value, list):
        found = [translate(v) for v in value]
        return found[0] if len(found) == 1 else found
    return translate(value)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _int(value: Any, default: int) -> int:
    return default if value is None else int(value)


# ------------------------------------------------------------------ the schedule


def missed_fires(row: JsonDict) -> JsonDict:
    """What a schedule does with times that it missed, as its row has it: no part of a Definition, and kept (3.4)."""
    return {key: row[key] for key in ("missedFirePolicy",) if row.get(key) is not None}


def schedule_json(schedule: ScheduleDefinition, kept: JsonDict | None = None) -> str:
    """The ``schedule`` field of the schedule's form.

    Args:
        kept: see :func:`missed_fires`.
    """
    return json.dumps(
        {
            "startTime": schedule.start_time,
            "endTime": schedule.end_time,
            "crontab": schedule.crontab,
            "timezoneId": schedule.timezone_id,
            **(kept or {}),
        }
    )


def schedule_to_form(
    definition: Definition, names: Names, *, environment: int, tenant: str | None, kept: JsonDict | None = None
) -> JsonDict:
    """The form of ``POST`` and ``PUT .../schedules``.

    Args:
        environment: the schedule's environment code, -1 for none (no part of a Definition: kept as it is).
        tenant: from 3.2 on.
        kept: see :func:`missed_fires`.
    """
    schedule = definition.schedule
    assert schedule is not None
    group: Code = 0
    if definition.warning_group:
        group = names.code(kinds.ALERT_GROUP, definition.warning_group, inside=f"workflow {definition.name!r}")
    form: JsonDict = {
        "schedule": schedule_json(schedule, kept),
        "warningType": definition.warning_type,
        "warningGroupId": group,
        "failureStrategy": schedule.failure_strategy,
        "workerGroup": definition.worker_group,
        "environmentCode": environment,
        "runPriority": schedule.process_instance_priority,
    }
    if tenant is not None:
        form["tenantCode"] = tenant
    return form


def schedule_from_server(row: JsonDict) -> ScheduleDefinition:
    """A row of ``GET .../schedules``."""
    return ScheduleDefinition(
        crontab=row["crontab"],
        start_time=row["startTime"],
        end_time=row["endTime"],
        timezone_id=row.get("timezoneId") or "",
        online=row.get("releaseState") == "ONLINE",
        failure_strategy=row.get("failureStrategy") or "CONTINUE",
        process_instance_priority=row.get("runPriority") or "MEDIUM",
    )


# ------------------------------------------------------------------ comparing


def normalise(definition: Definition) -> Definition:
    """The same workflow in the one form that two equal workflows share.

    Tasks and edges in the order of their names; parameters of a task that are empty left out (the web page writes
    ``localParams: []`` where nothing is declared); what the server stores on the schedule only is reset when there is
    no schedule.
    """
    tasks = tuple(map(_normal_task, sorted(definition.tasks, key=lambda t: t.name)))
    changes: JsonDict = {
        "tasks": tasks,
        "relations": tuple(sorted(set(definition.relations))),
        "fixed_params": (),
    }
    if definition.schedule is None:
        changes.update(warning_type="NONE", warning_group="", worker_group="default")
    elif definition.release_state == "OFFLINE":
        # An offline workflow cannot have a live schedule.
        changes["schedule"] = replace(definition.schedule, online=False)
    return replace(definition, **changes)


def _normal_task(task: TaskDefinition) -> TaskDefinition:
    fields = _normal_fields(task)
    if all(getattr(task, name) == value for name, value in fields.items()):
        return task
    return replace(task, **fields)


def _normal_fields(task: TaskDefinition) -> JsonDict:
    translated = translate_own_tasks(task, lambda name: name)  # JSON texts in one form
    params = {k: v for k, v in translated.items() if v not in (None, [], {})}
    if not type_of(task.task_type).steers and params.get("conditionResult") == _NO_BRANCHES:
        del params["conditionResult"]
    for key, written in type_of(task.task_type).page_writes.items():
        if isinstance(written, dict) and isinstance(params.get(key), dict):
            params[key] = {**written, **params[key]}
        elif params.get(key) == written:
            del params[key]
    if "localParams" in params:
        params["localParams"] = [Property.from_dict(p).to_dict() for p in params["localParams"]]
    fields: JsonDict = {"task_params": params}
    if not task.timeout:
        fields["timeout_notify_strategy"] = ""
    if not task.task_group:
        fields["task_group_priority"] = 0
    return fields
