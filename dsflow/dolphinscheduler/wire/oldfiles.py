"""Export files of every version of DolphinScheduler, in dsflow's words.

2.x and 3.0 write the same parts with fewer fields. 1.x writes one JSON text for each workflow, in which tasks name each
other by their names and everything else by ids. 3.3 and later call processes workflows.
"""

from __future__ import annotations

import json
from typing import Any

from dsflow.definition import SUB_WORKFLOW, JsonDict
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.known import FILES
from dsflow.dolphinscheduler.wire.names import made_up_code
from dsflow.dolphinscheduler.wire.words import EDGES, TASKS, WORKFLOW, Words
from dsflow.errors import DsflowError

KEY = "dsflow"
_VERSION = "dsflowReadFrom"
_WHOLE = "ALL"
_RUN_FLAGS = {"NORMAL": "YES", "FORBIDDEN": "NO"}


class TransferError(DsflowError):
    """A file that is no export of DolphinScheduler, or cannot be written or imported as it is."""


def whose(data: Any) -> str:
    """Of which versions of DolphinScheduler a file is, '' for those of 3.1 and 3.2."""
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return ""
    if "processDefinitionJson" in first:
        return "1.x"
    if FILES[-1].name(WORKFLOW) in first:
        return "3.3 or later"
    tasks = first.get(TASKS) or first.get(FILES[0].name(TASKS))
    if isinstance(tasks, list) and tasks and isinstance(tasks[0], dict) and KEY not in first:
        return "" if "taskExecuteType" in tasks[0] else "2.x or 3.0"
    return ""


def as_exported(data: Any, where: str) -> Any:
    """The content of a file of any version in dsflow's words; what is no list of workflows as it is.

    Raises:
        TransferError: a file of 1.x that cannot be read.
    """
    if whose(data) == "1.x":
        entries = data if isinstance(data, list) else [data]
        return [_from_first(entry, where) for entry in entries]
    if not isinstance(data, list):
        return data
    words = next((words for words in FILES if _is_in(words, data)), FILES[0])
    return [_read(entry, words) for entry in data]


def _is_in(words: Words, data: list[Any]) -> bool:
    return bool(data) and isinstance(data[0], dict) and words.name(WORKFLOW) in data[0]


def version_note(exported: list[JsonDict]) -> str:
    """'' or a sentence on a file of another version than 3.1 and 3.2, as :func:`as_exported` gave it."""
    version = str(exported[0].get(_VERSION) or whose(exported))
    if not version:
        return ""
    said = f"a file of DolphinScheduler {version}, read as one of 3.2"
    if version == "1.x" and any(entry.get("schedule") for entry in exported):
        said += (
            "; its schedule is in the time zone that the old server had, which the file does not say: UTC stands there"
        )
    return said


# ------------------------------------------------------------------ 3.3 and later


def _read(entry: Any, words: Words) -> Any:
    if not isinstance(entry, dict):
        return entry
    read = words.read(entry)
    if not words.types:
        return read
    read[_VERSION] = "3.3 or later"
    return read


# ------------------------------------------------------------------ 1.x


def _from_first(entry: Any, where: str) -> JsonDict:
    name = str(entry.get("processDefinitionName") or "") if isinstance(entry, dict) else ""
    try:
        content = json.loads(entry["processDefinitionJson"])
        rows = [dict(task) for task in content["tasks"]]
        codes = {str(row["name"]): made_up_code(str(row["name"])) for row in rows}
        project = str(entry.get("projectName") or "")
        code, project_code = made_up_code("workflow", project, name), made_up_code("project", project)
        told: list[JsonDict] = []
        tasks = [_first_task(row, codes, project_code, told) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TransferError(
            f"workflow {name!r} of this file of DolphinScheduler 1.x cannot be read ({error!r})", where=where
        ) from error
    params = content.get("globalParams") or []
    edges = [(pre, row["name"]) for row in rows for pre in row.get("preTasks") or []]
    roots = [row["name"] for row in rows if not row.get("preTasks")]
    pairs = [(0, codes[r]) for r in roots] + [(codes.get(pre, made_up_code(pre)), codes[post]) for pre, post in edges]
    return {
        WORKFLOW: {
            "code": code, "name": name, "version": 1, "projectCode": project_code, "releaseState": "OFFLINE",
            "description": entry.get("processDefinitionDescription") or "", "timeout": content.get("timeout") or 0,
            "globalParams": json.dumps(params, ensure_ascii=False), "globalParamList": params, "locations": None,
            "executionType": "PARALLEL", "flag": "YES",
        },
        EDGES: [
            {
                "name": "", "preTaskCode": pre, "preTaskVersion": 0, "postTaskCode": post, "postTaskVersion": 0,
                "projectCode": project_code, "workflowCode": code, "workflowVersion": 1,
                "conditionType": "NONE", "conditionParams": {},
            }
            for pre, post in pairs
        ],
        TASKS: tasks,
        "schedule": _first_schedule(entry, code),
        KEY: {"project": project, "scheduleOnline": False, "names": told},
        _VERSION: "1.x",
    }  # fmt: skip


def _first_task(row: JsonDict, codes: dict[str, int], project: int, told: list[JsonDict]) -> JsonDict:
    timeout = row.get("timeout") or {}
    params = dict(row.get("params") or {})
    kind = str(row["type"])
    dependence = row.get("dependence") or {}
    if kind == "CONDITIONS":
        result = row.get("conditionResult") or {}
        params["conditionResult"] = {
            key: [codes[name] for name in result.get(key) or [] if name] for key in ("successNode", "failedNode")
        }
        params["dependence"] = _each_item(
            dependence, lambda item: {**_without(item, "depTasks"), "depTaskCode": codes[item["depTasks"]]}
        )
    elif kind == "DEPENDENT":
        params["dependence"] = _each_item(dependence, lambda item: _first_dependent(item, told))
    elif kind == "SUB_PROCESS":
        params[SUB_WORKFLOW] = params.pop("processDefinitionId")
    return {
        "code": codes[str(row["name"])],
        "name": str(row["name"]),
        "version": 1,
        "projectCode": project,
        "description": row.get("description") or "",
        "taskType": kind,
        "taskParams": params,
        "flag": _RUN_FLAGS.get(str(row.get("runFlag") or "NORMAL"), "YES"),
        "taskPriority": row.get("taskInstancePriority") or "MEDIUM",
        "workerGroup": row.get("workerGroup") or "default",
        "environmentCode": -1,
        "failRetryTimes": int(row.get("maxRetryTimes") or 0),
        "failRetryInterval": int(row.get("retryInterval") or 1),
        "timeoutFlag": "OPEN" if timeout.get("enable") else "CLOSE",
        "timeoutNotifyStrategy": str(timeout.get("strategy") or "").replace(",", "") or None,
        "timeout": int(timeout.get("interval") or 0),
        "delayTime": int(row.get("delayTime") or 0),
        "taskExecuteType": "BATCH",
    }


def _first_dependent(item: JsonDict, told: list[JsonDict]) -> JsonDict:
    """Project and workflow are ids, which only the old server can name; the task is named."""
    project, workflow, task = int(item["projectId"]), int(item["definitionId"]), str(item.get("depTasks") or _WHOLE)
    code = 0
    if task != _WHOLE:
        code = made_up_code(task)
        told.append({"kind": kinds.TASK, "scope": [project, workflow], "codes": {task: code}})
    kept = _without(item, "projectId", "definitionId", "depTasks")
    return {**kept, "projectCode": project, "definitionCode": workflow, "depTaskCode": code}


def _each_item(dependence: JsonDict, change: Any) -> JsonDict:
    groups = [
        {**group, "dependItemList": [change(item) for item in group.get("dependItemList") or []]}
        for group in dependence.get("dependTaskList") or []
    ]
    return {**dependence, "dependTaskList": groups}


def _without(item: JsonDict, *keys: str) -> JsonDict:
    return {key: value for key, value in item.items() if key not in keys}


def _first_schedule(entry: JsonDict, code: int) -> JsonDict | None:
    """1.x schedules in the server's time zone, which the file does not name."""
    if not entry.get("scheduleCrontab"):
        return None
    return {
        "crontab": entry["scheduleCrontab"],
        "startTime": entry.get("scheduleStartTime"),
        "endTime": entry.get("scheduleEndTime"),
        "timezoneId": "UTC",
        "failureStrategy": entry.get("scheduleFailureStrategy") or "CONTINUE",
        "runPriority": entry.get("scheduleProcessInstancePriority") or "MEDIUM",
        "warningType": entry.get("scheduleWarningType") or "NONE",
        "warningGroupId": 0,
        "workerGroup": entry.get("scheduleWorkerGroupName") or "default",
        "environmentCode": -1,
        "releaseState": "OFFLINE",
        "workflowCode": code,
        "createTime": "2000-01-01 00:00:00",
        "updateTime": "2000-01-01 00:00:00",
    }
