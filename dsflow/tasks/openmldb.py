"""OPENMLDB: statements that run in an OpenMLDB cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from dsflow.definition import JsonDict
from dsflow.openmldb.encoding import encode, split_statements
from dsflow.tasks.base import Task

ExecuteMode = Literal["offline", "online"]


@dataclass(frozen=True, eq=False, repr=False)
class OpenMLDB(Task):
    """SQL for OpenMLDB.

    Args:
        sql: one text of statements separated by ``;``, or a list of statements. ``${name}`` is a parameter.
        mode: ``offline`` (jobs of the TaskManager; DolphinScheduler waits for them) or ``online``.
        zookeeper: the cluster's ZooKeeper, ``host:port``; DolphinScheduler does not substitute parameters here, so
            their values are written in when the workflow is submitted.
        zookeeper_path: the cluster's path there.
    """

    sql: str | Sequence[str] = ""
    mode: ExecuteMode = "offline"
    zookeeper: object = ""
    zookeeper_path: object = ""

    type: ClassVar[str] = "OPENMLDB"

    def _check(self) -> None:
        super()._check()
        self._one_of("mode", self.mode, ("offline", "online"))
        if not self.statements:
            raise self.error("there is no statement in sql")

    @property
    def statements(self) -> list[str]:
        """The statements one by one, as written."""
        return (
            split_statements(self.sql)
            if isinstance(self.sql, str)
            else [s for t in self.sql for s in split_statements(t)]
        )

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {
            "zk": resolve(str(self.zookeeper or self.workflow.openmldb.zookeeper)),
            "zkPath": resolve(str(self.zookeeper_path or self.workflow.openmldb.zookeeper_path)),
            "executeMode": self.mode,
            "sql": encode(self.statements),
        }
