"""The file of DolphinScheduler's own export and import: written without a server, read, and imported so that it runs.

A file is a list of workflows, each with its own row, its edges, its tasks and perhaps a schedule; here they are in
dsflow's words (:mod:`dsflow.dolphinscheduler.wire.words`). Inside it workflows, tasks, environments and the like are
codes of the server that it came from. A file written here has beside them, under ``dsflow``, the names of those codes
and whether the schedule was live; servers pass over that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.wire import codec, oldfiles
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.fingerprint import record
from dsflow.dolphinscheduler.wire.known import FILES, NEWEST
from dsflow.dolphinscheduler.wire.names import Code, Names, Scope, made_up_code
from dsflow.dolphinscheduler.wire.oldfiles import TransferError as TransferError
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import PARTS
from dsflow.errors import ServerError

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
        raise TransferError(f"cannot read {path}: {error.strerror}") from error
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


def has_live_schedule(entry: JsonDict) -> bool:
    """Whether the schedule of an entry was online where dsflow exported it; other files do not say."""
    return bool((entry.get(KEY) or {}).get("scheduleOnline"))


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
        if definition.schedule is not None and has_live_schedule(entry):
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
        told.setdefault((kinds.RESOURCE, ()), {}).update(told_resources(entry))

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


def told_resources(entry: JsonDict) -> dict[str, Code]:
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
