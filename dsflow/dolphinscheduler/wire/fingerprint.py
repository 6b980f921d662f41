"""Remembering, on the server itself, what dsflow submitted last, so that an edit by somebody else is noticed.

DolphinScheduler stores with each edge a JSON text ``conditionParams`` that nothing reads (source, 3.1.5 and 3.2.2). The
edge from 0 to the first task carries there a hash of what was submitted, and the declared schedule, of which the server
keeps no history. The web page writes all edges anew without it when a workflow is saved; an edit of a single task or of
the schedule keeps it, but then it no longer fits. Every machine that submits sees it, no local file is needed, and an
exported and imported workflow keeps the hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dsflow.cron import FORMAT as TIME_FORMAT
from dsflow.definition import Definition, JsonDict, ScheduleDefinition
from dsflow.dolphinscheduler.wire.codec import normalise

KEY = "dsflow"
FORMAT = 1  # to be raised when the same Definition would give another hash
_NOT_CONTENT = (
    "project",
    "name",
    "releaseState",
    "warningType",
    "warningGroup",
    "workerGroup",
    "schedule",
    "fixedParams",
)


def fingerprint(definition: Definition) -> str:
    """A hash of what DolphinScheduler versions: tasks, edges, parameters, settings."""
    data = normalise(definition).to_dict()
    for key in _NOT_CONTENT:
        del data[key]
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def schedule_part(definition: Definition) -> JsonDict | None:
    """A schedule and what the server stores with it; None when none is declared (the server's is kept as it is)."""
    schedule = definition.schedule
    if schedule is None:
        return None
    return {
        **schedule.to_dict(),
        "warningType": definition.warning_type,
        "warningGroup": definition.warning_group,
        "workerGroup": definition.worker_group,
    }


def is_over(part: JsonDict, now: datetime) -> bool:
    """Whether the end of a schedule has come, by its :func:`schedule_part`; False in a zone that only Java knows.

    Args:
        now: with a time zone.
    """
    try:
        zone = ZoneInfo(part["timezoneId"])
        return datetime.strptime(part["endTime"], TIME_FORMAT).replace(tzinfo=zone) < now
    except (ValueError, LookupError, OSError):
        return False


def with_schedule_part(definition: Definition, part: JsonDict) -> Definition:
    """The Definition with the schedule that :func:`schedule_part` has told."""
    return replace(
        definition,
        schedule=ScheduleDefinition.from_dict(part),
        warning_type=part["warningType"],
        warning_group=part["warningGroup"],
        worker_group=part["workerGroup"],
    )


def record(definition: Definition, *, schedule: bool = True) -> JsonDict:
    """What is stored on the server for a Definition that is about to be submitted.

    Args:
        schedule: with the declared schedule; what is imported from a file gets its schedule in other ways.
    """
    entry: JsonDict = {"format": FORMAT, "content": fingerprint(definition)}
    part = schedule_part(definition) if schedule else None
    return {KEY: {**entry, "schedule": part} if part else entry}


def recorded(relations: Iterable[JsonDict]) -> str | None:
    """The hash that was stored with the edges of a workflow; None when there is none in a format that we know."""
    entry = _entry(relations)
    return str(entry.get("content")) if entry else None


def recorded_schedule(relations: Iterable[JsonDict]) -> JsonDict | None:
    """The schedule that was stored there: see :func:`schedule_part`; None when it was not declared, or is not known."""
    part = (_entry(relations) or {}).get("schedule")
    return part if isinstance(part, dict) else None


def without_schedule(params: Any) -> Any:
    """The ``conditionParams`` of an edge, without the schedule in dsflow's record."""
    found = _parsed(params)
    entry = found.get(KEY) if isinstance(found, dict) else None
    if not isinstance(entry, dict) or "schedule" not in entry:
        return params
    kept = {**found, KEY: {k: v for k, v in entry.items() if k != "schedule"}}
    return json.dumps(kept) if isinstance(params, str) else kept


def _entry(relations: Iterable[JsonDict]) -> JsonDict | None:
    for relation in relations:
        params = _parsed(relation.get("conditionParams"))
        entry = params.get(KEY) if isinstance(params, dict) else None
        if isinstance(entry, dict) and entry.get("format") == FORMAT:
            return entry
    return None


def _parsed(params: Any) -> Any:
    """Some answers hold ``conditionParams`` as a JSON text."""
    if not isinstance(params, str):
        return params
    try:
        return json.loads(params)
    except ValueError:
        return None
