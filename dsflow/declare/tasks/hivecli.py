"""HIVECLI: HiveQL, run by the ``hive`` command of a worker."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from dsflow.declare.tasks.about import TaskType
from dsflow.declare.tasks.base import Task
from dsflow.definition import JsonDict

# 3.1 pastes the script between double quotes into a shell script; a placeholder is filled in before
_SHELL = re.compile(r'["\\`]|\$(?!\{[^{}]*\})')


@dataclass(frozen=True, eq=False, repr=False)
class HiveCli(Task):
    """HiveQL that a worker gives to its ``hive`` command, such as an export of a table for OpenMLDB to load.

    Args:
        script: the statements, ``;`` between them; ``${name}`` is a parameter. 3.1 pastes them between double quotes
            into a shell's command: texts go between single quotes, and there are no backslashes, backticks or ``$``.
            A script that is a file of the resource centre is a `RawTask`.
        options: further words of the command, such as ``--hiveconf a=b``.
    """

    script: str = ""
    options: str = ""

    about: ClassVar[TaskType] = TaskType(
        "HIVECLI",
        colour="violet",
        keys={"script": "hiveSqlScript", "options": "hiveCliOptions"},
        first=("script",),
        essential=frozenset({"hiveSqlScript", "hiveCliTaskExecutionType"}),
        needs_server="the hive command is a DolphinScheduler worker's",
    )

    def _check(self) -> None:
        super()._check()
        self._text("script", "options")
        if not self.script.strip():
            raise self.error("there is no statement in script")
        found = _SHELL.search(self.script) if self.strict else None
        if found:
            raise self.error(
                f"its script holds {found[0]}, which 3.1 would give to a shell",
                hint="write texts between single quotes; for 3.2 alone, which needs no shell: Workflow(strict=False)",
            )

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {"hiveCliTaskExecutionType": "SCRIPT", **super().task_params(resolve)}
