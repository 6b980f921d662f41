"""SQL: a statement on a datasource that DolphinScheduler knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from dsflow.declare.tasks.about import ALERT_GROUP, DATASOURCE, UDF, Named, TaskType
from dsflow.declare.tasks.base import Task, differing
from dsflow.declare.written import Fields
from dsflow.definition import JsonDict

SqlType = Literal["SELECT", "NON_SELECT"]

# comments and parentheses that may stand before a statement's first word
_LEADING = re.compile(r"\A(?:\s+|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)


@dataclass(frozen=True, eq=False, repr=False)
class Sql(Task):
    """SQL on a datasource of DolphinScheduler (MySQL, PostgreSQL, Hive, ...). For OpenMLDB use `OpenMLDB`.

    Args:
        datasource: the datasource's name.
        datasource_type: its type, such as ``MYSQL``.
        sql: the statement.
        sql_type: ``SELECT`` shows rows, ``NON_SELECT`` changes some; None tells by the statement's first word.
        pre: statements to run before.
        post: statements to run after.
        display_rows: how many rows of a query go to the log.
        limit: how many rows of a query are read at most (DolphinScheduler's ``limit``).
        send_email: mail the query's result.
        title: the mail's subject.
        group_id: the name of the alert group that gets the mail.
    """

    datasource: str = ""
    sql: str = ""
    datasource_type: str = "MYSQL"
    sql_type: SqlType | None = None
    pre: Sequence[str] = ()
    post: Sequence[str] = ()
    display_rows: int = 10
    limit: int | None = None
    send_email: bool = False
    title: str = ""
    group_id: str | int | None = None

    about: ClassVar[TaskType] = TaskType(
        "SQL",
        colour="violet",
        first=("datasource", "sql"),
        essential=frozenset({"sql", "datasource"}),
        names=(Named("datasource", DATASOURCE, needed=True), Named("groupId", ALERT_GROUP), Named("udfs", UDF)),
        verbatim=("datasource",),
        needs_server="its datasource is known to a DolphinScheduler server only",
    )

    def _check(self) -> None:
        super()._check()
        self._text("datasource", "datasource_type", "sql", "title")
        self._list_of_texts("pre", "post")
        self._whole("display_rows", self.display_rows, 0)
        if self.limit is not None:
            self._whole("limit", self.limit, 1)
        self._flag("send_email")
        if self.strict and self.datasource_type != self.datasource_type.upper():
            raise self.error(f"datasource_type={self.datasource_type!r} is written {self.datasource_type.upper()!r}")
        if not self.datasource or not self.sql.strip():
            raise self.error("datasource and sql are needed")
        if self.sql_type is not None:
            self._one_of("sql_type", self.sql_type, ("SELECT", "NON_SELECT"))
        if self.send_email and not (self.title and self.group_id):
            raise self.error("send_email needs a title and a group_id")

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        first = (_LEADING.sub("", self.sql).split(None, 1) or [""])[0].lower()
        is_query = (
            self.sql_type == "SELECT"
            if self.sql_type
            else first in ("select", "with", "show", "explain", "desc", "describe")
        )
        params: JsonDict = {
            "type": self.datasource_type,
            "datasource": self.datasource,
            "sql": self.sql,
            "sqlType": "0" if is_query else "1",
            "preStatements": list(self.pre),
            "postStatements": list(self.post),
            "displayRows": self.display_rows,
        }
        if self.limit is not None:
            params["limit"] = self.limit
        if self.send_email:
            params |= {"sendEmail": True, "title": self.title, "groupId": self.group_id}
        return params

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        fields: Fields = {"datasource": params.get("datasource"), "sql": params.get("sql")} | differing(
            params,
            {
                "datasource_type": ("type", "MYSQL"),
                "pre": ("preStatements", []),
                "post": ("postStatements", []),
                "display_rows": ("displayRows", 10),
                "limit": ("limit", None),
            },
        )
        if params.get("sendEmail") is True:
            fields |= {"send_email": True} | differing(params, {"title": ("title", ""), "group_id": ("groupId", None)})
        return [fields, fields | {"sql_type": "SELECT"}, fields | {"sql_type": "NON_SELECT"}]
