"""The forms of what changes a workflow or starts it; their fields are in dsflow's words until they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsflow.definition import Definition, JsonDict, Property
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.codec import NO_ENVIRONMENT, missed_fires, task_params
from dsflow.dolphinscheduler.wire.gateway import WorkflowCall
from dsflow.dolphinscheduler.wire.names import server_names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import Schedule
from dsflow.dolphinscheduler.wire.words import EDGES, TASKS, WORKFLOW

REPEAT = "REPEAT_RUNNING"
RECOVER = "START_FAILURE_TASK_PROCESS"
RESUME = "RECOVER_SUSPENDED_PROCESS"

_TASK_FIELDS = (
    "code", "name", "version", "description", "delayTime", "taskType", "flag", "isCache", "taskPriority",
    "workerGroup", "environmentCode", "failRetryTimes", "failRetryInterval", "timeoutFlag", "timeoutNotifyStrategy",
    "timeout", "taskGroupId", "taskGroupPriority", "cpuQuota", "memoryMax", "taskExecuteType",
)  # fmt: skip
_EDGE_FIELDS = (
    "name", "preTaskCode", "preTaskVersion", "postTaskCode", "postTaskVersion", "conditionType", "conditionParams",
)  # fmt: skip
_SCHEDULE_FIELDS = (
    "warningType", "warningGroupId", "failureStrategy", "workerGroup", "environmentCode", "runPriority", "tenantCode",
)  # fmt: skip


def sent_task(row: JsonDict) -> JsonDict:
    """A task that was read, as it is sent: exactly as the server holds it, so that it gets no new version."""
    return _picked(row, _TASK_FIELDS) | {"taskParams": task_params(row)}


def workflow_form(rest: RestClient, raw: JsonDict) -> JsonDict:
    """The form by which a workflow's content is replaced with what ``raw`` holds, offline."""
    own = raw[WORKFLOW]
    form: JsonDict = {
        "name": own["name"],
        "description": own.get("description") or "",
        "globalParams": own.get("globalParams") or "[]",
        "locations": own.get("locations") or "",
        "timeout": int(own.get("timeout") or 0),
        "executionType": own.get("executionType") or "PARALLEL",
        "releaseState": "OFFLINE",
        "taskRelationJson": json.dumps([_picked(r, _EDGE_FIELDS) for r in raw[EDGES]]),
        "taskDefinitionJson": json.dumps(
            [rest.words.sent_task(_picked(t, _TASK_FIELDS) | {"taskParams": t["taskParams"]}) for t in raw[TASKS]]
        ),
    }
    if rest.series().user_has_tenant:
        form["tenantCode"] = own.get("tenantCode") or rest.user().tenant or "default"
    return form


def content_form(rest: RestClient, call: WorkflowCall) -> JsonDict:
    """The form by which a workflow is made, or an offline one is given another content, with places for its tasks."""
    form: JsonDict = {
        "name": call.name,
        "description": call.description,
        "globalParams": call.global_params,
        "locations": call.locations,
        "timeout": call.timeout,
        "executionType": call.execution_type,
        "releaseState": "OFFLINE",
        "taskRelationJson": call.relations,
        "taskDefinitionJson": call.tasks,
    }
    if rest.series().user_has_tenant:
        form["tenantCode"] = rest.user().tenant or "default"
    return form


def schedule_form_of(held: Schedule) -> JsonDict:
    """The form that gives a schedule the content of one that was read."""
    row = held.row
    schedule = {key: row.get(key) for key in ("startTime", "endTime", "crontab", "timezoneId")} | missed_fires(row)
    kept = {key: row[key] for key in _SCHEDULE_FIELDS if row.get(key) is not None}
    return {"schedule": json.dumps(schedule), **kept}


def start_form(
    rest: RestClient, code: int, definition: Definition, params: Mapping[str, str], tenant: str | None
) -> JsonDict:
    """The form by which a run of a workflow is started.

    Args:
        code: the workflow's.
        definition: gives worker group, warning, failure strategy and priority.
        params: the values of the start.
        tenant: as whom it runs, where a start says so; None for the user's own.
    """
    group: Any = 0
    if definition.warning_group:
        group = server_names(rest).code(kinds.ALERT_GROUP, definition.warning_group)
    schedule = definition.schedule
    form: JsonDict = {
        "workflowCode": code,
        "scheduleTime": "",
        "failureStrategy": schedule.failure_strategy if schedule else "CONTINUE",
        "warningType": definition.warning_type,
        "warningGroupId": group,
        "execType": "START_PROCESS",
        "runPriority": schedule.process_instance_priority if schedule else "MEDIUM",
        "workerGroup": definition.worker_group,
        "environmentCode": NO_ENVIRONMENT,
        "startParams": json.dumps(_typed(definition, params) if rest.series().types_start else dict(params)),
        "dryRun": 0,
    }
    if not rest.series().user_has_tenant:
        form["tenantCode"] = tenant or rest.user().tenant or "default"
    return form


def _typed(definition: Definition, params: Mapping[str, str]) -> list[JsonDict]:
    """Values of a start with the types of the workflow's parameters; a bare value would be a text in a condition."""
    types = {param.prop: param.type for param in definition.global_params}
    return [Property(name, type=types.get(name, "VARCHAR"), value=value).to_dict() for name, value in params.items()]


def part_form(codes: Sequence[object], *, alone: bool) -> JsonDict:
    """What a start's form says besides when not the whole workflow runs.

    Args:
        codes: of the tasks to begin with.
        alone: no other tasks than these; otherwise all that comes after them too.
    """
    return {"startNodeList": ",".join(map(str, codes)), "taskDependType": "TASK_ONLY" if alone else "TASK_POST"}


def backfill_form(dates: Mapping[str, str], parallel: int | None) -> JsonDict:
    """What a start's form says besides for a backfill.

    Args:
        dates: a list or a range.
        parallel: how many runs side by side, as the server counts it; None for one after the other, which from 3.3 on
            wants a number all the same.
    """
    return {
        "execType": "COMPLEMENT_DATA",
        "scheduleTime": json.dumps(dates),
        "runMode": "RUN_MODE_SERIAL" if parallel is None else "RUN_MODE_PARALLEL",
        "expectedParallelismNumber": 1 if parallel is None else parallel,
        "complementDependentMode": "OFF_MODE",
        "executionOrder": "ASC_ORDER",
    }


def _picked(row: JsonDict, fields: Iterable[str]) -> JsonDict:
    return {name: row[name] for name in fields if name in row}
