"""Any task, in DolphinScheduler's own words: for the types that have no class here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dsflow.declare.tasks.about import TaskType
from dsflow.declare.tasks.base import Task
from dsflow.definition import JsonDict


@dataclass(frozen=True, eq=False, repr=False)
class RawTask(Task):
    """A task given by its type and its ``taskParams``, as DolphinScheduler stores them.

    Codes and ids stand there as names, as in a `Definition`. Edges that follow from the fields (a
    switch's branches) are not drawn by themselves.

    Args:
        task_type: such as ``SPARK``.
        fields: the type's ``taskParams``; ``localParams`` and ``resourceList`` may be among them.
    """

    task_type: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    about: ClassVar[TaskType] = TaskType("", first=("task_type", "fields"))

    def _check(self) -> None:
        super()._check()
        self._text("task_type")
        if not self.task_type:
            raise self.error("task_type is missing", hint="such as SPARK")
        self._mapping("fields")

    @property
    def type(self) -> str:
        return self.task_type

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return dict(self.fields)
