"""OPENMLDB: statements that run in an OpenMLDB cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from dsflow.declare.encoding import decode, encode, split_statements
from dsflow.declare.params import Reference
from dsflow.declare.statements import Statement
from dsflow.declare.tasks.about import TaskType
from dsflow.declare.tasks.base import PYTHON_ONLY, Task, differing
from dsflow.declare.written import Fields
from dsflow.definition import JsonDict
from dsflow.errors import DeclarationError

ExecuteMode = Literal["offline", "online"]


@dataclass(frozen=True, eq=False, repr=False)
class OpenMLDB(Task):
    """SQL for OpenMLDB.

    Args:
        sql: one text of statements separated by ``;``, or a list of statements. ``${name}`` is a parameter. The steps
            of tables and feature views give them as objects (`dsflow.declare.statements`).
        mode: ``offline`` (jobs of the TaskManager; DolphinScheduler waits for them) or ``online``.
        zookeeper: the cluster's ZooKeeper, ``host:port``; DolphinScheduler does not substitute parameters here, so
            their values are written in when the workflow is submitted.
        zookeeper_path: the cluster's path there.
        raw_sql: instead of ``sql``, the text of DolphinScheduler's node as it stands, with the node's own rules for
            quotes, backslashes and ``;`` (see `dsflow.declare.encoding`).
        origin: the Table or FeatureView that made the task, for what checks the task; users leave it out.
    """

    sql: str | Sequence[str | Statement] = ""
    mode: ExecuteMode = "offline"
    zookeeper: object = ""
    zookeeper_path: object = ""
    raw_sql: str | None = field(default=None, kw_only=True)
    origin: object = field(default=None, kw_only=True, metadata=PYTHON_ONLY)

    about: ClassVar[TaskType] = TaskType(
        "OPENMLDB",
        colour="blue",
        first=("sql", "mode"),
        essential=frozenset({"sql", "executeMode"}),
        verbatim=("zk", "zkPath"),
    )

    starts_jobs: ClassVar[bool] = True
    """Whether its statements may start jobs of OpenMLDB's TaskManager."""

    def _check(self) -> None:
        super()._check()
        self._one_of("mode", self.mode, ("offline", "online"))
        texts = [self.sql] if isinstance(self.sql, str) else self.sql
        kinds = (str, *get_args(Statement))
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, kinds) for text in texts):
            raise self.error(f"sql={self.sql!r} is neither a string nor a list of statements")
        for name in ("zookeeper", "zookeeper_path"):
            value = getattr(self, name)
            if not isinstance(value, (str, Reference)) or any(c in str(value) for c in "'\"\\\n"):
                raise self.error(f"{name}={value!r} is not an address")
        if self.raw_sql is not None:
            self._text("raw_sql")
            if self.sql:
                raise self.error("give either sql or raw_sql")
        try:
            statements = self.statements
        except SyntaxError as error:
            raise self.error(f"raw_sql is no text that the node can run: {error.msg}") from error
        if not statements:
            raise self.error("there is no statement in sql")

    @property
    def statements(self) -> list[str]:
        """The texts of the statements one by one."""
        return [one if isinstance(one, str) else one.text for one in (*self.written, *self._added())]

    def _added(self) -> list[Statement]:
        """Statements that follow from the rest of the workflow; they come after those that are written."""
        return []

    @property
    def written(self) -> tuple[str | Statement, ...]:
        """The statements that were given, one by one; a user's are texts."""
        kept: tuple[str | Statement, ...] | None = self.__dict__.get("_written")
        if kept is None:
            kept = self._split()
            self.__dict__["_written"] = kept
        return kept

    def _split(self) -> tuple[str | Statement, ...]:
        if self.raw_sql is not None:
            return tuple(decode(self.raw_sql))
        given = [self.sql] if isinstance(self.sql, str) else self.sql
        parts = [split_statements(one) if isinstance(one, str) else [one] for one in given]
        return tuple(statement for part in parts for statement in part)

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        try:
            sql = encode(self.statements) if self.raw_sql is None else self.raw_sql
        except DeclarationError as error:
            raise self.error(error.message, error.hint) from None
        return {
            "zk": resolve(str(self.zookeeper or self.workflow.openmldb.zookeeper)),
            "zkPath": resolve(str(self.zookeeper_path or self.workflow.openmldb.zookeeper_path)),
            "executeMode": self.mode,
            "sql": sql,
        }

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        common = differing(
            params,
            {
                "mode": ("executeMode", "offline"),
                "zookeeper": ("zk", cluster[0]),
                "zookeeper_path": ("zkPath", cluster[1]),
            },
        )
        sql = params.get("sql")
        found: list[Fields] = []
        try:
            statements = decode(str(sql))
            text = ";\n".join(s.strip() for s in statements)
            if encode(split_statements(text)) == sql:
                found.append({"sql": text})
            elif encode(s for one in statements for s in split_statements(one)) == sql:
                found.append({"sql": statements})
        except (SyntaxError, ValueError, DeclarationError):
            pass  # the node's text is taken as it is
        return [one | common for one in [*found, {"raw_sql": sql}]]
