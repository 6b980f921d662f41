"""HTTP: one request, and what its answer must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from dsflow.declare.params import Reference, Scalar, to_text
from dsflow.declare.tasks.about import TaskType
from dsflow.declare.tasks.base import Task, differing
from dsflow.declare.written import Fields
from dsflow.definition import JsonDict

Method = Literal["GET", "POST", "HEAD", "PUT", "DELETE"]
Check = Literal["STATUS_CODE_DEFAULT", "STATUS_CODE_CUSTOM", "BODY_CONTAINS", "BODY_NOT_CONTAINS"]
_CHECKS = ("STATUS_CODE_DEFAULT", "STATUS_CODE_CUSTOM", "BODY_CONTAINS", "BODY_NOT_CONTAINS")


@dataclass(frozen=True, eq=False, repr=False)
class Http(Task):
    """An HTTP request.

    Args:
        method: ``GET``, ``POST``, ``HEAD``, ``PUT`` or ``DELETE``.
        url: the address; ``${name}`` is substituted.
        json: fields of a JSON body. DolphinScheduler sends every value as a string.
        query: parameters of the address.
        headers: headers.
        check: when the task is a success: ``STATUS_CODE_DEFAULT`` (200), ``STATUS_CODE_CUSTOM``, ``BODY_CONTAINS`` or
            ``BODY_NOT_CONTAINS``.
        condition: the status code or the text that ``check`` looks for.
        connect_timeout: milliseconds.
        socket_timeout: milliseconds.
    """

    method: Method = "GET"
    url: object = ""
    json: Mapping[str, Scalar | Reference] = field(default_factory=dict)
    query: Mapping[str, Scalar | Reference] = field(default_factory=dict)
    headers: Mapping[str, Scalar | Reference] = field(default_factory=dict)
    check: Check = "STATUS_CODE_DEFAULT"
    condition: str = ""
    connect_timeout: int = 60_000
    socket_timeout: int = 60_000

    about: ClassVar[TaskType] = TaskType(
        "HTTP",
        colour="teal",
        first=("method", "url"),
        essential=frozenset({"url", "httpMethod"}),
        page_writes={"httpBody": ""},
    )

    def _check(self) -> None:
        super()._check()
        self._one_of("method", self.method, ("GET", "POST", "HEAD", "PUT", "DELETE"))
        self._one_of("check", self.check, _CHECKS)
        self._whole("connect_timeout", self.connect_timeout, 1)
        self._whole("socket_timeout", self.socket_timeout, 1)
        if not isinstance(self.url, (str, Reference)) or not str(self.url):
            raise self.error("the url is missing")
        if self.strict and not str(self.url).startswith(("http://", "https://", "${")):
            raise self.error(f"url={self.url!r} does not start with http:// or https://")
        self._mapping("json", "query", "headers")
        self._scalars("json", "query", "headers")
        self._text("condition")
        if self.check != "STATUS_CODE_DEFAULT" and not self.condition:
            raise self.error(f"check={self.check!r} needs a condition")
        if self.check == "STATUS_CODE_CUSTOM" and not self.condition.isdigit():
            raise self.error(f"condition={self.condition!r} is not a status code")
        if self.json and self.method in ("GET", "HEAD"):
            raise self.error(f"a {self.method} request has no body")

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        parts = (("BODY", self.json), ("PARAMETER", self.query), ("HEADERS", self.headers))
        return {
            "url": str(self.url),
            "httpMethod": self.method,
            "httpParams": [
                {
                    "prop": name,
                    "httpParametersType": kind,
                    "value": str(value) if isinstance(value, Reference) else to_text(value),
                }
                for kind, values in parts
                for name, value in values.items()
            ],
            "httpCheckCondition": self.check,
            "condition": self.condition,
            "connectTimeout": self.connect_timeout,
            "socketTimeout": self.socket_timeout,
        }

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        fields = differing(params, {"method": ("httpMethod", "GET")}) | {"url": params.get("url")}
        parts: Fields = {}
        for name, kind in (("json", "BODY"), ("query", "PARAMETER"), ("headers", "HEADERS")):
            rows = [p for p in params.get("httpParams") or [] if p.get("httpParametersType") == kind]
            if rows:
                parts[name] = {p["prop"]: p["value"] for p in rows}
        rest = differing(
            params,
            {
                "check": ("httpCheckCondition", "STATUS_CODE_DEFAULT"),
                "condition": ("condition", ""),
                "connect_timeout": ("connectTimeout", 60_000),
                "socket_timeout": ("socketTimeout", 60_000),
            },
        )
        return [fields | parts | rest, fields | rest]
