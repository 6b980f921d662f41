"""The file of DolphinScheduler's own export and import: written without a server, read, and imported so that it runs.

A file is a list of workflows, each with its own row, its edges, its tasks and perhaps a schedule; here they are in
dsflow's words (:mod:`dsflow.dolphinscheduler.wire.words`). Inside it workflows, tasks, environments and the like are
codes of the server that it came from. A file written here has beside them, under ``dsflow``, the names of those codes
and whether the schedule was live; servers pass over that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from dsflow.definition import Definition, JsonDict, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import default_environment, with_environment
from dsflow.dolphinscheduler.fingerprint import record, without_schedule
from dsflow.dolphinscheduler.repair import find_dangling, references, rewrite, with_params
from dsflow.dolphinscheduler.wire import codec, oldfiles
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.known import FILES, NEWEST
from dsflow.dolphinscheduler.wire.names import Code, Names, Scope, UnknownNameError, made_up_code
from dsflow.dolphinscheduler.wire.oldfiles import TransferError as TransferError
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import PARTS
from dsflow.errors import DsflowError, ServerError

KEY = "dsflow"
_EPOCH = "2000-01-01 00:00:00"


# ------------------------------------------------------------------ writing a file


def export(definition: Definition, names: Names | None = None, series: Series = NEWEST) -> list[JsonDict]:
    """The content of a file for DolphinScheduler's "import workflow", 3.1 and 3.2 alike; :func:`to_text` writes it.

    Codes of the workflow and its tasks are made up from their names: the same Definition gives the same file.

    Args:
        names: the names of the server that the file is for; needed when the Definition names an environment, a
            datasource, another workflow or the like.
        series: that server's version.

    Raises:
        TransferError: a name has no code without a server.
        UnknownNameError: the server has no such name.
    """
    used: dict[tuple[str, Scope], dict[str, Code]] = {}
    recorder = _recording(names or _no_names(definition), used)
    project = _project_code(definition.project, names)
    workflow = made_up_code("workflow", definition.project, definition.name)
    codes = {t.name: made_up_code(t.name) for t in definition.tasks}
    if len({*codes.values(), project, workflow}) != len(codes) + 2:
        raise TransferError(f"two tasks of workflow {definition.name!r} would get the same code", hint="rename one")
    tasks = codec.tasks_to_server(definition, codes, recorder, series)
    relations = codec.relations_to_server(definition, codes, record(definition, schedule=False))
    entry: JsonDict = {
        "workflow": {
            "code": workflow,
            "name": definition.name,
            "version": 1,
            "releaseState": definition.release_state,
            "projectCode": project,
            "description": definition.description,
            "globalParams": json.dumps(codec.params_to_server(definition, series), ensure_ascii=False),
            "globalParamList": codec.params_to_server(definition, series),
            "flag": "YES",
            "locations": None,
            "timeout": definition.timeout,
            "warningGroupId": 0,
            "executionType": definition.execution_type,
        },
        "edges": [r | {"workflowVersion": 1, "projectCode": project, "workflowCode": workflow} for r in relations],
        "tasks": [t | {"version": 1, "projectCode": project, "isCache": t.get("isCache", "NO")} for t in tasks],
        "schedule": _schedule(definition, recorder, workflow) if definition.schedule else None,
        KEY: {
            "project": definition.project,
            "scheduleOnline": bool(definition.schedule and definition.schedule.online),
            "names": [
                {"kind": kind, "scope": list(scope), "codes": dict(sorted(found.items()))}
                for (kind, scope), found in sorted(used.items(), key=str)
                if found
            ],
        },
    }
    return [entry]


def _project_code(project: str, names: Names | None) -> int:
    held = names.known(kinds.PROJECT).get(project) if names else None
    return int(held) if held is not None else made_up_code("project", project)


def to_text(exported: list[JsonDict]) -> str:
    """The file's text."""
    return json.dumps([FILES[0].write(entry) for entry in exported], indent=2, ensure_ascii=False) + "\n"


def _schedule(definition: Definition, names: Names, workflow: int) -> JsonDict:
    form = codec.schedule_to_form(definition, names, environment=-1, tenant="default")
    return {
        **json.loads(form.pop("schedule")),
        **form,
        "workflowCode": workflow,
        "releaseState": "OFFLINE",
        "createTime": _EPOCH,
        "updateTime": _EPOCH,
    }


def _recording(names: Names, used: dict[tuple[str, Scope], dict[str, Code]]) -> Names:
    """The same names, noting each that is asked for."""

    class Recording(Names):
        def code(self, kind: str, name: str, *scope: Code, where: Any = None, inside: str = "") -> Code:
            found = names.code(kind, name, *scope, where=where, inside=inside)
            used.setdefault((kind, scope), {})[name] = found
            return found

    return Recording(names.known)


def _no_names(definition: Definition) -> Names:
    class Absent(Names):
        def code(self, kind: str, name: str, *scope: Code, where: Any = None, inside: str = "") -> Code:
            raise TransferError(
                f"{inside or 'the workflow'} names the {kind} {name!r}, of which only a server knows the code",
                where=where,
                hint="name the server that the file is for: --profile NAME",
            )

    return Absent(lambda kind, scope: {})


# ------------------------------------------------------------------ reading a file


def read_file(path: Path) -> list[JsonDict]:
    """The workflows of an export file.

    Raises:
        TransferError: it is not readable, or no export of DolphinScheduler.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TransferError(f"can not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TransferError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise TransferError(f"not valid JSON: {error.msg}", where=f"{path}:{error.lineno}") from error
    return check_exported(oldfiles.as_exported(data, str(path)), str(path))


def check_exported(data: Any, where: str) -> list[JsonDict]:
    """The same data, once it has the shape of an export.

    Raises:
        TransferError: it has not.
    """
    hint = "export it in DolphinScheduler (Workflow Definition > Export), or with dsflow export"
    if not isinstance(data, list) or not data:
        raise TransferError("this is no export of workflows: expected a list of them", where=where, hint=hint)
    for number, entry in enumerate(data, 1):
        missing = [p for p in PARTS if not (isinstance(entry, dict) and entry.get(p))]
        if missing:
            raise TransferError(
                f"workflow {number} of the file has no {FILES[0].name(missing[0])}", where=where, hint=hint
            )
        process = entry["workflow"]
        rows: list[tuple[str, Any, tuple[str, ...]]] = [(FILES[0].name("workflow"), process, ("name", "code"))]
        rows += [("task", row, ("name", "code", "taskType", "taskParams")) for row in entry["tasks"]]
        rows += [("edge", row, ("preTaskCode", "postTaskCode")) for row in entry["edges"]]
        for what, row, needed in rows:
            lacks = [key for key in needed if not isinstance(row, dict) or row.get(key) is None]
            if lacks:
                raise TransferError(f"a {what} of workflow {number} has no {lacks[0]}", where=where, hint=hint)
        names = [t["name"] for t in entry["tasks"]]
        if len(set(names)) < len(names):
            raise TransferError(f"workflow {process['name']!r} has two tasks of one name", where=where)
    return data


Given = Mapping[tuple[str, str], str]
"""Names for codes that only a server which may be gone could name: kind and code -> name."""


def definitions(
    exported: list[JsonDict],
    project: str | None = None,
    names: Names | None = None,
    *,
    given: Given | None = None,
    notes: list[str] | None = None,
) -> list[Definition]:
    """The workflows of a file.

    Args:
        project: their project; None takes the one that the file names.
        names: the server that the file came from, for codes that the file does not name itself.
        given: names of such codes.
        notes: gets a sentence for each id that stays a number, which submitting will refuse.

    Raises:
        TransferError: the file does not name the project, or a code is not known.
    """
    found = []
    for entry in exported:
        own = project or (entry.get(KEY) or {}).get("project")
        if not own:
            raise TransferError(
                "the file does not say to which project its workflows belong", hint="give --project NAME"
            )
        lookup = _file_names(exported, str(own), names, given or {}, notes if notes is not None else [])
        raw = _with_projects(entry)
        definition = codec.from_server(raw, str(own), lookup, entry.get("schedule") or None)
        if definition.schedule is not None and (entry.get(KEY) or {}).get("scheduleOnline"):
            definition = replace(definition, schedule=replace(definition.schedule, online=True))
        found.append(definition)
    return found


def _with_projects(entry: JsonDict) -> JsonDict:
    project = entry["workflow"].get("projectCode") or 0
    return {**entry, "tasks": [{"projectCode": project, **t} for t in entry["tasks"]]}


def _file_names(exported: list[JsonDict], project: str, names: Names | None, given: Given, notes: list[str]) -> Names:
    """Names for the codes in a file: those that are given, those that the file itself tells, then the server's."""
    told: dict[tuple[str, Scope], dict[str, Code]] = {}
    for entry in exported:
        process = entry["workflow"]
        scope = int(process.get("projectCode") or 0)
        told.setdefault((kinds.PROJECT, ()), {})[project] = scope
        told.setdefault((kinds.WORKFLOW, (scope,)), {})[process["name"]] = int(process["code"])
        tasks = {t["name"]: int(t["code"]) for t in entry["tasks"]}
        told.setdefault((kinds.TASK, (scope, int(process["code"]))), {}).update(tasks)
        for part in (entry.get(KEY) or {}).get("names") or []:
            told.setdefault((part["kind"], tuple(part["scope"])), {}).update(part["codes"])
        told.setdefault((kinds.RESOURCE, ()), {}).update(_told_resources(entry))

    def load(kind: str, scope: Scope) -> Mapping[str, Code]:
        own = told.get((kind, scope), {})
        if names is None:
            return own
        try:
            return {**names.known(kind, scope), **own}
        except ServerError:
            return own  # a project or workflow that this server does not have

    class FromFile(Names):
        def name(self, kind: str, code: Any, *scope: Code) -> str:
            if (kind, str(code)) in given:
                return given[kind, str(code)]
            found = super().name(kind, code, *scope)
            if found != f"{kinds.UNKNOWN_PREFIX}{code}":
                return found
            if kind == kinds.RESOURCE and (path := kinds.resource_name(code)):
                return path
            where = f"the server has no such {kind}" if names else "name the server it came from: --profile NAME"
            raise TransferError(
                f"the file refers to the {kind} with the code {code}, and does not say what it is called",
                hint=f"{where}; or give the name: {name_of(kind, code)}",
            )

        def named(self, kind: str, code: Any) -> Any:
            try:
                return self.name(kind, code)
            except TransferError:
                notes.append(
                    f"the {kind} {code} is a number of the server that the file came from: submitting will refuse it; "
                    f"write its name in place of it, or import with {name_of(kind, code)}"
                )
                return code

    return FromFile(load)


def _told_resources(entry: JsonDict) -> dict[str, Code]:
    """Names of files that stand beside their ids: up to 2.x, and sometimes in 3.1."""
    found: dict[str, Code] = {}
    for task in entry["tasks"]:
        params = codec.task_params(task)
        for item in [*(params.get("resourceList") or []), params.get("mainJar")]:
            if isinstance(item, dict) and item.get("id") and (name := item.get("resourceName") or item.get("res")):
                found[f"/{str(name).lstrip('/')}"] = int(item["id"])
    return found


def name_of(kind: str, code: Any) -> str:
    """The option that names a code."""
    return f"--name-of {kind.lower().replace(' ', '-')}:{code}=NAME"


# ------------------------------------------------------------------ importing into a server


@dataclass(frozen=True)
class Imported:
    """A workflow that was imported.

    Attributes:
        rewritten: how many references of switches and conditions were set to the new codes.
        notes: what a user should know.
    """

    project: str
    name: str
    code: int
    project_code: int
    rewritten: int
    notes: tuple[str, ...] = ()


def import_to_server(
    server: Server, exported: list[JsonDict], project: str, name: str | None = None, given: Given | None = None
) -> list[Imported]:
    """Import a file with the server's own importer, and make of it what the file says.

    The server renames the workflow, gives every task a new code, and leaves switches and conditions pointing to the old
    ones; all of that is put right before the workflow goes online. What fails is deleted again.

    Args:
        name: in place of the name in the file (which must then hold one workflow).
        given: names of codes that the file does not name and this server does not have.

    Raises:
        TransferError: a name is taken, a code in the file is none of this server's, or nothing appeared.
        ServerError: the server refuses.
    """
    if name is not None and len(exported) > 1:
        raise TransferError(f"the file holds {len(exported)} workflows: --name goes with one")
    rest = server.rest
    code = rest.project_code(project)
    if code is None:
        raise TransferError(
            f"there is no project {project!r} on the server", hint=f"make it: dsflow bootstrap --project {project!r}"
        )
    held = {str(w["name"]) for w in rest.workflows(code)}
    ordered = _callees_first(exported)
    target = _Target(project, name, default_environment(rest, server.profile), rest.series(), given or {})
    coming = _own_names(exported)
    for entry in ordered:  # everything that can be refused is refused before anything is written
        _prepare(entry, target, held, kinds.server_names(rest), coming)
        held.add(name or entry["workflow"]["name"])
    done: list[Imported] = []
    try:
        for entry in ordered:
            # names anew each time: a workflow may call one that was imported just before
            prepared = _prepare(entry, target, set(), kinds.server_names(rest), coming, arrived=True)
            done.append(_import_one(server, prepared, project, code))
    except BaseException as error:
        for one in done:
            _remove(rest, code, one.code, error)
        raise
    return done


@dataclass(frozen=True)
class _Target:
    """Where a file is imported into."""

    project: str
    name: str | None
    environment: str
    series: Series
    given: Given


_Coming = dict[tuple[str, Scope, str], str]


def _own_names(exported: list[JsonDict]) -> _Coming:
    """The names of the codes of the file's own workflows and tasks."""
    found: _Coming = {}
    for entry in exported:
        process = entry["workflow"]
        project, code = int(process.get("projectCode") or 0), int(process["code"])
        found[kinds.WORKFLOW, (project,), str(code)] = process["name"]
        for task in entry["tasks"]:
            found[kinds.TASK, (project, code), str(task["code"])] = task["name"]
    return found


def _callees_first(exported: list[JsonDict]) -> list[JsonDict]:
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


def _prepare(
    entry: JsonDict, target: _Target, held: set[str], names: Names, coming: _Coming, *, arrived: bool = False
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
        raise TransferError(
            f"project {target.project!r} has a workflow {process['name']!r} already",
            hint="import it under another --name, or write it as source (-o FILE.py) and submit that",
        )
    own = {int(t["code"]) for t in entry["tasks"]}
    lost = [d for d in find_dangling(entry) if d.code not in own]
    if lost:
        raise TransferError(
            f"in the file itself {lost[0].place} of task {lost[0].task!r} leads to the code {lost[0].code}, "
            "which no task has",
            hint="it was exported from a workflow that is broken: repair that one first",
        )
    _fill_in(copied, target.series)
    _translate(copied, names, target, coming, arrived)
    if KEY in copied and target.environment:
        _give_environment(copied, target.environment, int(names.code(kinds.ENVIRONMENT, target.environment)))
    for relation in copied["edges"]:  # the schedule arrives offline, which nobody has edited
        relation["conditionParams"] = without_schedule(relation.get("conditionParams"))
    schedule = copied.get("schedule")
    if schedule:
        schedule.pop("id", None)  # 3.1 would store it under this id, which another schedule has
        schedule["releaseState"] = "OFFLINE"
    return copied


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


def _give_environment(entry: JsonDict, environment: str, code: int) -> None:
    for task in entry["tasks"]:
        if int(task.get("environmentCode") or -1) < 0:
            alone = Definition("", "", (TaskDefinition(task["name"], task["taskType"]),), ())
            if with_environment(alone, environment) != alone:
                task["environmentCode"] = code


def _translate(entry: JsonDict, names: Names, target: _Target, coming: _Coming, arrived: bool) -> None:
    """Replace codes of the file's server by this server's where the file tells the names; check the others."""
    told = {
        (part["kind"], tuple(part["scope"]), str(code)): name
        for part in (entry.get(KEY) or {}).get("names") or []
        for name, code in part["codes"].items()
    } | {(kinds.RESOURCE, (), str(code)): name for name, code in _told_resources(entry).items()}

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
    coming: _Coming,
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


def _import_one(server: Server, entry: JsonDict, project: str, project_code: int) -> Imported:
    rest = server.rest
    wanted = entry["workflow"]
    before = {int(w["code"]) for w in rest.workflows(project_code)}
    online = wanted.get("releaseState") == "ONLINE"
    offline = {**entry, "workflow": {**wanted, "releaseState": "OFFLINE"}}
    rest.import_workflows(project_code, [offline])
    new = [
        w
        for w in rest.workflows(project_code)
        if int(w["code"]) not in before and str(w["name"]).startswith(wanted["name"] + "_import_")
    ]
    if len(new) != 1:
        raise TransferError(
            f"the server took the file, but {len(new)} workflows {wanted['name'] + '_import_...'!r} appeared in "
            f"project {project!r}"
        )
    code = int(new[0]["code"])
    try:
        return _put_right(server, entry, project, project_code, new[0]["name"], online)
    except BaseException as error:
        _remove(rest, project_code, code, error)
        raise


def _put_right(
    server: Server,
    entry: JsonDict,
    project: str,
    project_code: int,
    name: str,
    online: bool,
) -> Imported:
    wanted = entry["workflow"]
    state = server.state(project, name)
    raw = with_params(state.raw)
    codes = {t["name"]: int(t["code"]) for t in raw["tasks"]}
    new_codes = {int(t["code"]): codes[t["name"]] for t in entry["tasks"]}
    rewritten = 0
    for dangling, put in references(raw):
        if dangling.code in new_codes:
            put(new_codes[dangling.code])
            rewritten += 1
    raw["workflow"]["name"] = wanted["name"]
    schedules = [int(s["id"]) for s in state.schedules]
    live = schedules if (entry.get(KEY) or {}).get("scheduleOnline") and online else []
    rewrite(server.rest, state, raw, f"import workflow {wanted['name']!r}", online=online, schedules=live)
    notes = []
    if schedules and not live:
        notes.append("its schedule is there, and offline: exported files do not say whether it was live")
    assert state.code is not None
    return Imported(project, wanted["name"], state.code, project_code, rewritten, tuple(notes))


def _remove(rest: RestClient, project: int, code: int, error: BaseException) -> None:
    try:
        rest.release(project, code, "OFFLINE")
        rest.delete_workflow(project, code)
    except ServerError as second:
        if isinstance(error, DsflowError):
            error.hint = f"{error.hint}; " if error.hint else ""
            error.hint += f"the half-imported workflow {code} could not be deleted ({second.message})"


# ------------------------------------------------------------------ reading a server


def read_definition(server: Server, project: str, name: str) -> Definition:
    """A workflow of the server, to be written as source.

    Tasks that have the environment which submitting gives to tasks without one come without one.

    Raises:
        TransferError: there is no such workflow.
    """
    rest = server.rest
    definition = server.read(project, name)
    if definition is None:
        code = rest.project_code(project)
        known = ", ".join(sorted(w["name"] for w in rest.workflows(code))) if code else ""
        what = f"project {project!r} has no workflow {name!r}" if code else f"there is no project {project!r}"
        raise TransferError(f"{what} on the server", hint=f"workflows there: {known or 'none'}" if code else None)
    default = default_environment(rest, server.profile)
    bare = replace(definition, tasks=tuple(_without(t, default) for t in definition.tasks))
    same = with_environment(bare, default) == definition
    return bare if same else definition


def _without(task: TaskDefinition, environment: str) -> TaskDefinition:
    return replace(task, environment="") if task.environment == environment else task
