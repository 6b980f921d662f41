"""Where switches and conditions of a workflow lead, by the codes in their fields."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsflow.branches import short_label
from dsflow.declare.tasks.about import OTHERWISE
from dsflow.definition import JsonDict
from dsflow.dolphinscheduler.wire.codec import task_params


@dataclass(frozen=True)
class Dangling:
    """A reference of a SWITCH or CONDITIONS task to a code that no task of its workflow has.

    Attributes:
        task: the name of the SWITCH or CONDITIONS task.
        place: what the reference is, for a reader: ``branch 1 (${auc} > 0.5)``.
        code: the code that leads nowhere; of a switch's branch that was emptied, its number as a negative one.
        upstream: whether it names a task before this one (what a CONDITIONS task looks at) rather than after it.
        label: what stands beside the branch's edge, when dsflow wrote it.
    """

    task: str
    place: str
    code: int
    upstream: bool = False
    label: str = field(default="", compare=False)


def references(raw: JsonDict) -> list[tuple[Dangling, Callable[[int], None]]]:
    """Every reference of the workflow's SWITCH and CONDITIONS tasks, with what sets it anew.

    ``raw`` must hold ``taskParams`` as mappings; setting a reference changes it in place.
    """
    found: list[tuple[Dangling, Callable[[int], None]]] = []
    for task in raw["tasks"]:
        params = task["taskParams"]
        if task["taskType"] == "SWITCH":
            result = params.get("switchResult") or {}
            branches = result.get("dependTaskList") or []
            for number, branch in enumerate(branches, 1):
                condition = str(branch.get("condition"))
                _add(found, task, branch, "nextNode", f"branch {number} ({condition})")
                _add_emptied(found, task, branch, number, f"branch {number} ({condition})", short_label(condition))
            _add(found, task, result, "nextNode", OTHERWISE)
            _add_emptied(found, task, result, len(branches) + 1, OTHERWISE, OTHERWISE)
        elif task["taskType"] == "CONDITIONS":
            result = params.get("conditionResult") or {}
            for key, place in (("successNode", "on success"), ("failedNode", "on failure")):
                _add(found, task, result, key, place)
            for group in (params.get("dependence") or {}).get("dependTaskList") or []:
                for item in group.get("dependItemList") or []:
                    _add(found, task, item, "depTaskCode", f"looks at ({item.get('status')})", upstream=True)
    return found


def _add(
    found: list[tuple[Dangling, Callable[[int], None]]],
    task: JsonDict,
    holder: JsonDict,
    key: str,
    place: str,
    *,
    upstream: bool = False,
) -> None:
    value = holder.get(key)
    if isinstance(value, list):
        for index, code in enumerate(value):
            if _is_code(code):
                found.append((Dangling(task["name"], place, int(code), upstream), _setter(value, index)))
    elif _is_code(value):
        found.append((Dangling(task["name"], place, int(str(value)), upstream), _setter(holder, key)))


def _add_emptied(
    found: list[tuple[Dangling, Callable[[int], None]]],
    task: JsonDict,
    holder: JsonDict,
    number: int,
    place: str,
    label: str,
) -> None:
    if holder.get("nextNode") in (None, "", 0, []):
        found.append((Dangling(task["name"], place, -number, label=label), _setter(holder, "nextNode")))


def _setter(holder: Any, key: Any) -> Callable[[int], None]:
    def put(code: int) -> None:
        holder[key] = code

    return put


def _is_code(value: Any) -> bool:
    return str(value).isdigit() and int(value) != 0


def with_params(raw: JsonDict) -> JsonDict:
    """A deep copy in which every ``taskParams`` is a mapping."""
    copied = copy.deepcopy(raw)
    for task in copied["tasks"]:
        task["taskParams"] = task_params(task)
    return copied


def find_dangling(raw: JsonDict) -> list[Dangling]:
    """The references that lead nowhere, in the order of the tasks."""
    own = {int(t["code"]): str(t["name"]) for t in raw["tasks"]}
    found = [d for d, _ in references(with_params(raw))]
    led = {(d.task, d.code) for d in found}
    # a switch may have a branch that leads to no task; one whose edge leads to a task was emptied
    unled = {own.get(int(e["preTaskCode"])) for e in raw["edges"]
             if (own.get(int(e["preTaskCode"])), int(e["postTaskCode"])) not in led}  # fmt: skip
    return [d for d in found if d.code not in own and (d.code > 0 or d.task in unled)]
