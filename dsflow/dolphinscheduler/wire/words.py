"""What a release series of DolphinScheduler calls its things, and what dsflow calls them.

The rest of dsflow sees answers and writes forms in dsflow's words alone: a workflow that was read is ``workflow`` (its
own row), ``tasks`` and ``edges``; other rows name it by ``workflowCode``. Fields that are not listed here are called
alike in all series. What lies inside a task's ``taskParams`` is its type's, and is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ours", {theirs: ours for ours, theirs in self.fields})
        object.__setattr__(self, "_theirs", dict(self.fields))

    def name(self, ours: str) -> str:
        """Their name of a field."""
        return self._theirs.get(ours, ours)

    def row(self, theirs: JsonDict) -> JsonDict:
        """A row of an answer in dsflow's words."""
        return {self._ours.get(key, key): value for key, value in theirs.items()}

    def form(self, ours: JsonDict) -> JsonDict:
        """A form or a row in their words."""
        return {self._theirs.get(key, key): value for key, value in ours.items()}

    def read(self, theirs: JsonDict) -> JsonDict:
        """A whole workflow, as an answer or a file holds it, in dsflow's words."""
        return _each_part(self.row(theirs), self.row)

    def write(self, ours: JsonDict) -> JsonDict:
        """A whole workflow in their words."""
        return self.form(_each_part(ours, self.form))


def _each_part(entry: JsonDict, change: Any) -> JsonDict:
    changed = dict(entry)
    for part in (WORKFLOW, SCHEDULE):
        if isinstance(entry.get(part), dict):
            changed[part] = change(entry[part])
    for part in (EDGES, TASKS):
        if isinstance(entry.get(part), list):
            changed[part] = [change(row) if isinstance(row, dict) else row for row in entry[part]]
    return changed
