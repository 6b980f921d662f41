"""A workflow of a file as one server takes it: under its final name, with that server's codes for what it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dsflow.definition import JsonDict
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.branches import find_dangling, with_params
from dsflow.dolphinscheduler.wire.files import KEY, Given, TransferError, name_of, told_resources
from dsflow.dolphinscheduler.wire.fingerprint import without_schedule
from dsflow.dolphinscheduler.wire.names import Code, Names, Scope, UnknownNameError
from dsflow.dolphinscheduler.wire.series import Series


@dataclass(frozen=True)
class Target:
    """Where a file is imported into.

    Attributes:
        name: what the workflow is called there; None for its name in the file.
        environment: what submitting gives to tasks without one; '' for none.
        wants_environment: whether a task of a type gets it.
        given: names of codes that the file does not name.
    """

    project: str
    name: str | None
    environment: str
    wants_environment: Callable[[str], bool]
    series: Series
    given: Given


Coming = dict[tuple[str, Scope, str], str]


def own_names(exported: list[JsonDict]) -> Coming:
    """The names of the codes of the file's own workflows and tasks."""
    found: Coming = {}
    for entry in exported:
        process = entry["workflow"]
        project, code = int(process.get("projectCode") or 0), int(process["code"])
        found[kinds.WORKFLOW, (project,), str(code)] = process["name"]
        for task in entry["tasks"]:
            found[kinds.TASK, (project, code), str(task["code"])] = task["name"]
    return found


def callees_first(exported: list[JsonDict]) -> list[JsonDict]:
    """The workflows of a file, each after those that its SUB_PROCESS and DEPENDENT tasks name."""
    entries = {int(e["workflow"]["code"]): e for e in exported}
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for code, entry in entries.items():
        sorter.add(code, *(_called(entry) & entries.keys() - {code}))
    try:
        return [entries[code] for code in sorter.static_order()]
    except CycleError:
        raise TransferError(
            "workflows of the file call each other in a circle", hint="import them as source (-o FILE.yaml), and submit"
        ) from None


def _called(entry: JsonDict) -> set[int]:
    """The codes of the workflows that the tasks of one name."""
    found: set[int] = set()

    def keep(code: Any) -> Any:
        found.add(int(code))
        return code

    def depended(item: JsonDict) -> JsonDict:
        keep(item.get("definitionCode") or 0)
        return item

    def same(value: Any) -> Any:
        return value

    for task in entry["tasks"]:
        codec.translate(
            task["taskType"],
            codec.task_params(task),
            own_task=same,
            depended=depended,
            sub_workflow=keep,
            datasource=same,
            resource=same,
            named=lambda kind, value: value,
        )
    return found


def prepare(
    entry: JsonDict, target: Target, held: set[str], names: Names, coming: Coming, *, arrived: bool = False
) -> JsonDict:
    """A copy for this server: under its final name, with this server's codes for what the file names.

    Tasks of a file that was written here get the environment that submitting would give them.

    Args:
        coming: what the file itself brings.
        arrived: whether that is on the server already, so that its codes can be asked for.
    """
    copied: JsonDict = json.loads(json.dumps(with_params(entry)))
    process = copied["workflow"]
    process["name"] = target.name or process["name"]
    if process["name"] in held:
        raise name_taken(target.project, process["name"])
    own = {int(t["code"]) for t in entry["tasks"]}
    lost = [d for d in find_dangling(entry) if d.code > 0 and d.code not in own]
    if lost:
        raise TransferError(
            f"in the file itself {lost[0].place} of task {lost[0].task!r} leads to the code {lost[0].code}, "
            "which no task has",
            hint="it was exported from a workflow that is broken: repair that one first",
        )
    _fill_in(copied, target.series)
    _translate(copied, names, target, coming, arrived)
    if KEY in copied and target.environment:
        _give_environment(copied, target, int(names.code(kinds.ENVIRONMENT, target.environment)))
    for relation in copied["edges"]:  # the schedule arrives offline, which nobody has edited
        relation["conditionParams"] = without_schedule(relation.get("conditionParams"))
    schedule = copied.get("schedule")
    if schedule:
        schedule.pop("id", None)  # 3.1 would store it under this id, which another schedule has
        schedule["releaseState"] = "OFFLINE"
    return copied


def name_taken(project: str, name: str) -> TransferError:
    """The error for a workflow that is there already."""
    return TransferError(
        f"project {project!r} has a workflow {name!r} already",
        hint="import it under another --name, or write it as source (-o FILE.py) and submit that",
    )


def _fill_in(entry: JsonDict, series: Series) -> None:
    """Fields that this server wants and that older ones do not write."""
    for task in entry["tasks"]:
        usual = {
            "flag": "YES", "taskPriority": "MEDIUM", "workerGroup": "default", "environmentCode": codec.NO_ENVIRONMENT,
            "taskGroupId": codec.NO_TASK_GROUP, "taskGroupPriority": 0, "cpuQuota": -1, "memoryMax": -1,
            "taskExecuteType": "STREAM" if task["taskType"] == "FLINK_STREAM" else "BATCH", "timeoutFlag": "CLOSE",
            "timeout": 0, "delayTime": 0, "failRetryTimes": 0, "failRetryInterval": 1, "version": 1,
        }  # fmt: skip
        if series.has_cache:
            usual["isCache"] = "NO"
        for key, value in usual.items():
            if task.get(key) is None:
                task[key] = value
    process = entry["workflow"]
    for key, value in {"executionType": "PARALLEL", "flag": "YES", "timeout": 0, "releaseState": "OFFLINE"}.items():
        if process.get(key) is None:
            process[key] = value
    schedule = entry.get("schedule")
    if schedule and not series.user_has_tenant and not schedule.get("tenantCode"):
        schedule["tenantCode"] = "default"


def _give_environment(entry: JsonDict, target: Target, code: int) -> None:
    for task in entry["tasks"]:
        if int(task.get("environmentCode") or -1) < 0 and target.wants_environment(task["taskType"]):
            task["environmentCode"] = code


def _translate(entry: JsonDict, names: Names, target: Target, coming: Coming, arrived: bool) -> None:
    """Replace codes of the file's server by this server's where the file tells the names; check the others."""
    told = {
        (part["kind"], tuple(part["scope"]), str(code)): name
        for part in (entry.get(KEY) or {}).get("names") or []
        for name, code in part["codes"].items()
    } | {(kinds.RESOURCE, (), str(code)): name for name, code in told_resources(entry).items()}

    process = entry["workflow"]
    old_project = int(process.get("projectCode") or 0)
    new_project = names.code(kinds.PROJECT, target.project)
    # a code is one server's own; an id is a small number, which means something else on another one
    at_home = old_project in {int(code) for code in names.known(kinds.PROJECT).values()}

    def here(kind: str, code: Any, scope: Scope, own_scope: Scope, inside: str) -> Code:
        own = coming.get((kind, scope, str(code)))
        if own is not None:
            return names.code(kind, own, *own_scope, inside=inside) if arrived else int(code)
        name = target.given.get((kind, str(code))) or told.get((kind, scope, str(code)))
        if name is not None:
            return names.code(kind, name, *own_scope, inside=inside)
        kept: Code = code
        if (at_home or kind not in _IDS) and not names.name(kind, code, *own_scope).startswith(kinds.UNKNOWN_PREFIX):
            return kept
        if kind == kinds.RESOURCE and (path := kinds.resource_name(code)):
            return names.code(kind, path, inside=inside)
        raise _not_here(kind, code, names, at_home, inside)

    for task in entry["tasks"]:
        inside = f"task {task['name']!r}"
        if int(task.get("environmentCode") or -1) > 0:
            task["environmentCode"] = here(kinds.ENVIRONMENT, task["environmentCode"], (), (), inside)
        if int(task.get("taskGroupId") or 0) > 0:
            task["taskGroupId"] = here(kinds.TASK_GROUP, task["taskGroupId"], (), (), inside)
        task["taskParams"] = _params(task, here, inside, old_project, new_project, coming, target.series)
    schedule = entry.get("schedule") or {}
    if int(schedule.get("warningGroupId") or 0) > 0:
        schedule["warningGroupId"] = here(kinds.ALERT_GROUP, schedule["warningGroupId"], (), (), "the schedule")
    if int(schedule.get("environmentCode") or -1) > 0:
        schedule["environmentCode"] = here(kinds.ENVIRONMENT, schedule["environmentCode"], (), (), "the schedule")


_IDS = frozenset({kinds.DATASOURCE, kinds.ALERT_GROUP, kinds.TASK_GROUP, kinds.UDF, kinds.RESOURCE})


def _not_here(kind: str, code: Any, names: Names, at_home: bool, inside: str) -> UnknownNameError:
    """The error for a code of which it is not known what it means on this server."""
    if kind == kinds.WORKFLOW:
        for project, project_code in names.known(kinds.PROJECT).items():
            name = names.name(kind, code, project_code)
            if not name.startswith(kinds.UNKNOWN_PREFIX):
                return UnknownNameError(
                    f"{inside} uses workflow {name!r} of project {project!r}, and a workflow runs those of its own "
                    "project only",
                    hint=f"import the file into {project!r}; or import {name!r} here first and name it: "
                    f"{name_of(kind, code).replace('=NAME', f'={name}')}",
                )
    if kind == kinds.K8S_NAMESPACE:
        return UnknownNameError(
            f"{inside} uses the {kind} {code!r}, which this server does not have",
            hint="make it on the page (Security > K8s Namespace)",
        )
    if at_home:
        return UnknownNameError(
            f"{inside} uses the {kind} with the code {code}, which this server does not have (any more)",
            hint=f"name another one: {name_of(kind, code)}",
        )
    return UnknownNameError(
        f"{inside} uses the {kind} with the code {code} of the server that the file comes from, which is not this one",
        hint=f"give its name here: {name_of(kind, code)}; or write it as source there (dsflow import FILE.json "
        "--profile THAT -o FILE.py), and submit that here",
    )


def _params(
    task: JsonDict,
    here: Callable[..., Code],
    inside: str,
    old_project: int,
    new_project: Code,
    coming: Coming,
    series: Series,
) -> JsonDict:
    def depended(item: JsonDict) -> JsonDict:
        old = int(item["projectCode"]), int(item["definitionCode"])
        with_us = (kinds.WORKFLOW, (old[0],), str(old[1])) in coming
        project = new_project if with_us else here(kinds.PROJECT, old[0], (), (), inside)
        workflow = here(kinds.WORKFLOW, old[1], (old[0],), (project,), inside)
        code = item.get("depTaskCode") or 0
        if int(code) > 0:
            code = here(kinds.TASK, code, old, (project, workflow), inside)
        return {**item, "projectCode": project, "definitionCode": workflow, "depTaskCode": code}

    def resource(item: JsonDict) -> JsonDict:
        found = here(kinds.RESOURCE, item.get("id") or item.get("resourceName"), (), (), inside)
        rest = {k: v for k, v in item.items() if k not in ("id", "res", "resourceName")}
        return {**rest, "id" if series.files_by_id else "resourceName": found}

    return codec.translate(
        task["taskType"],
        task["taskParams"],
        own_task=lambda code: code,
        depended=depended,
        sub_workflow=lambda code: here(kinds.WORKFLOW, code, (old_project,), (new_project,), inside),
        datasource=lambda code: here(kinds.DATASOURCE, code, (), (), inside),
        resource=resource,
        named=lambda kind, code: here(kind, code, (), (), inside),
    )
