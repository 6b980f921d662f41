"""The values that a task sees: parameters, outputs of the tasks before it, and DolphinScheduler's times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from dsflow.definition import Property, TaskDefinition
from dsflow.errors import RunError
from dsflow.params import Scalar, parse_value, substitute

_TIME = re.compile(r"\$\[(?P<body>[^\[\]]+)\]")
_MONTHS = re.compile(r"add_months\((?P<format>[^,]+),\s*(?P<months>[+-]?\d+)\)\Z")
_SHIFT = re.compile(r"(?P<format>[A-Za-z:/ _-]*[A-Za-z])(?P<sign>[+-])(?P<count>\d+)(?:/(?P<part>24/60|24))?\Z")
# Java's pattern letters that are in use, longest first
_PATTERNS = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))

_SET_VALUE = re.compile(r"[$#]\{setValue\((?P<name>[^)=]+)=(?P<value>.*?)\)\}")
PYTHON_TYPES: dict[str, type] = {"INTEGER": int, "LONG": int, "FLOAT": float, "DOUBLE": float, "BOOLEAN": bool}


def system_values(now: datetime, definition_name: str) -> dict[str, Property]:
    """``${system.biz.date}`` and its like for a run that starts at ``now``."""
    texts = {
        "system.biz.date": (now - timedelta(days=1)).strftime("%Y%m%d"),
        "system.biz.curdate": now.strftime("%Y%m%d"),
        "system.datetime": now.strftime("%Y%m%d%H%M%S"),
        "system.workflow.definition.name": definition_name,
    }
    return {name: Property(name, value=text) for name, text in texts.items()}


def visible(task: TaskDefinition, shared: Mapping[str, Property], outputs: Iterable[Property]) -> dict[str, Property]:
    """All values that ``task`` sees by name: workflow parameters, outputs of tasks before it, its own IN parameters."""
    seen = {**shared, **{p.prop: p for p in outputs}}
    texts = {name: p.value for name, p in seen.items()}
    for local in task.local_params:
        if local.direct == "IN":
            seen[local.prop] = Property(local.prop, "IN", local.type, substitute(local.value, texts))
    return seen


def fill(text: str, values: Mapping[str, Property], now: datetime) -> str:
    """Replace ``${name}`` and ``$[time]`` in a text; unknown names stay, as on the server."""
    filled = substitute(text, {name: p.value for name, p in values.items()})
    return _TIME.sub(lambda match: _time(match["body"], match[0], now), filled)


def _time(body: str, whole: str, now: datetime) -> str:
    """``$[yyyyMMdd-1]`` and its like: https://dolphinscheduler.apache.org, "Built-in Parameter"."""
    moment = now
    if months := _MONTHS.match(body):
        body, count = months["format"], int(months["months"])
        month = moment.year * 12 + moment.month - 1 + count
        last = (datetime(month // 12 + (month % 12 == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
        moment = moment.replace(year=month // 12, month=month % 12 + 1, day=min(moment.day, last))
    elif shift := _SHIFT.match(body):
        body = shift["format"]
        unit = {None: timedelta(days=1), "24": timedelta(hours=1), "24/60": timedelta(minutes=1)}[shift["part"]]
        moment += int(shift["sign"] + shift["count"]) * unit
    for java, python in _PATTERNS:
        body = body.replace(java, python)
    if re.search(r"(?<!%)[A-Za-z]", body) or "%" not in body:
        return whole  # no time, such as a shell's $[1+1]: left alone
    return moment.strftime(body)


def read_outputs(task: TaskDefinition, log: str) -> dict[str, str]:
    """What a script's log sets by ``${setValue(name=value)}``: the last value of each declared output.

    Raises:
        RunError: a declared output was never set.
    """
    found = {m["name"].strip(): m["value"] for m in _SET_VALUE.finditer(log)}
    declared = [p.prop for p in task.local_params if p.direct == "OUT"]
    missing = [name for name in declared if name not in found]
    if missing:
        raise RunError(
            f"task {task.name!r} ended without giving its output {missing[0]!r}",
            where=task.where,
            hint=f"print a line ${{setValue({missing[0]}=...)}}",
        )
    return {name: found[name] for name in declared}


def typed(task: TaskDefinition, outputs: Mapping[str, str]) -> dict[str, Scalar]:
    """Outputs as Python values of their declared types.

    Raises:
        ParameterError: a value is not of its type.
    """
    types = {p.prop: PYTHON_TYPES.get(p.type, str) for p in task.local_params if p.direct == "OUT"}
    return {name: parse_value(name, types[name], text) for name, text in outputs.items()}
