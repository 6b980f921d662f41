"""What a release series of DolphinScheduler calls its things, and what dsflow calls them.

The rest of dsflow sees answers and writes forms in dsflow's words alone: a workflow that was read is ``workflow`` (its
own row), ``tasks`` and ``edges``; other rows name it by ``workflowCode``. Fields that are not listed here are called
alike in all series. What lies inside a task's ``taskParams`` is its type's, and is not touched, but for the workflow
that a task runs: it is called by the same word as elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dsflow.declare.tasks import about as kinds
from dsflow.declare.tasks import type_of
from dsflow.definition import SUB_WORKFLOW

JsonDict = dict[str, Any]

WORKFLOW, EDGES, TASKS, SCHEDULE = "workflow", "edges", "tasks", "schedule"
PARTS = (WORKFLOW, EDGES, TASKS)
"""What a workflow that was read consists of."""


@dataclass(frozen=True)
class Words:
    """The words of one or more series.

    Attributes:
        fields: dsflow's name of a field -> theirs.
        types: dsflow's name of a task type -> theirs.
    """

    fields: tuple[tuple[str, str], ...]
    types: tuple[tuple[str, str], ...] = ()
    _ours: dict[str, str] = field(init=False, repr=False, compare=False)
    _theirs: dict[str, str] = field(init=False, repr=False, compare=False)
    _our_types: dict[str, str] = field(init=False, repr=False, compare=False)
    _their_types: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ours", {theirs: ours for ours, theirs in self.fields})
        object.__setattr__(self, "_theirs", dict(self.fields))
        object.__setattr__(self, "_our_types", {theirs: ours for ours, theirs in self.types})
        object.__setattr__(self, "_their_types", dict(self.types))

    def name(self, ours: str) -> str:
        """Their name of a field."""
        return self._theirs.get(ours, ours)

    def row(self, theirs: JsonDict) -> JsonDict:
        """A row of an answer in dsflow's words."""
        if self._ours.keys().isdisjoint(theirs):
            return dict(theirs)
        return {self._ours.get(key, key): value for key, value in theirs.items()}

    def form(self, ours: JsonDict) -> JsonDict:
        """A form or a row in their words."""
        if self._theirs.keys().isdisjoint(ours):
            return dict(ours)
        return {self._theirs.get(key, key): value for key, value in ours.items()}

    def task(self, theirs: JsonDict) -> JsonDict:
        """A task of an answer: its type and the workflow that it runs are called as in dsflow."""
        return _with_type(self.row(theirs), self._our_types, self.name("workflowCode"), SUB_WORKFLOW)

    def sent_task(self, ours: JsonDict) -> JsonDict:
        """A task as it is sent."""
        return self.form(_with_type(ours, self._their_types, SUB_WORKFLOW, self.name("workflowCode")))

    def read(self, theirs: JsonDict) -> JsonDict:
        """A whole workflow, as an answer or a file holds it, in dsflow's words."""
        return _each_part(self.row(theirs), self.row, self.task)

    def write(self, ours: JsonDict) -> JsonDict:
        """A whole workflow in their words."""
        return self.form(_each_part(ours, self.form, self.sent_task))


def _with_type(task: JsonDict, types: dict[str, str], held: str, wanted: str) -> JsonDict:
    """A task under another name of its type, and the workflow that it runs under another key."""
    kind = task.get("taskType")
    changed = {**task, "taskType": types[kind]} if kind in types else task
    own = kind if held == SUB_WORKFLOW else changed.get("taskType")
    if held == wanted or not any(place.kind == kinds.WORKFLOW for place in type_of(str(own)).names):
        return changed
    written = task.get("taskParams")
    params = json.loads(written) if isinstance(written, str) else written
    if not isinstance(params, dict) or held not in params:
        return changed
    params = {wanted if key == held else key: value for key, value in params.items()}
    return {**changed, "taskParams": json.dumps(params, ensure_ascii=False) if isinstance(written, str) else params}


def _each_part(
    entry: JsonDict, change: Callable[[JsonDict], JsonDict], change_task: Callable[[JsonDict], JsonDict]
) -> JsonDict:
    changed = dict(entry)
    for part in (WORKFLOW, SCHEDULE):
        if isinstance(entry.get(part), dict):
            changed[part] = change(entry[part])
    for part, each in ((EDGES, change), (TASKS, change_task)):
        if isinstance(entry.get(part), list):
            changed[part] = [each(row) if isinstance(row, dict) else row for row in entry[part]]
    return changed
