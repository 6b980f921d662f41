"""``taskParams`` of each task type -> the arguments of its class, as candidates to be tried.

What a candidate does not express goes into ``extra``, or the whole task into a ``RawTask``: nothing here needs to be
complete, but nothing may be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dsflow.declare.encoding import decode, encode, split_statements
from dsflow.declare.params import PLACEHOLDER, Scalar, parse_value, to_text
from dsflow.definition import SUB_WORKFLOW, JsonDict, Property
from dsflow.errors import DeclarationError
from dsflow.source.declaration import Branch, Depends, Ended, Group, ParamRef, TaskRef, TypedParam

Fields = dict[str, Any]

OUTPUT_TYPES: dict[str, type] = {"VARCHAR": str, "LONG": int, "DOUBLE": float, "BOOLEAN": bool}

# what a class says in so many words: a difference there means that the class is not the task
NOT_EXTRA = {
    "SHELL": {"rawScript"},
    "PYTHON": {"rawScript"},
    "SQL": {"sql", "datasource"},
    "HTTP": {"url", "httpMethod"},
    "OPENMLDB": {"sql", "executeMode"},
    "SWITCH": {"switchResult"},
    "CONDITIONS": {"dependence", "conditionResult"},
    "DEPENDENT": {"dependence"},
    "SUB_PROCESS": {SUB_WORKFLOW},
}


def scalar(kind: str, text: str) -> Scalar | TypedParam:
    """A parameter's value: a Python value where that says type and text alike."""
    python_type = OUTPUT_TYPES.get(kind)
    if python_type is not None:
        try:
            value = parse_value("", python_type, text)
        except Exception:
            return TypedParam(text, kind)
        finite = not isinstance(value, float) or math.isfinite(value)
        if to_text(value) == text and finite:
            return value
    return TypedParam(text, kind)


def local_params(
    properties: Iterable[Property], params: Mapping[str, str], owners: Mapping[str, tuple[str, str]]
) -> Fields:
    """``params`` and ``outputs``.

    Args:
        params: type of each parameter of the workflow.
        owners: task and type of each output.
    """
    given: Fields = {}
    outputs: Fields = {}
    for local in properties:
        if local.direct == "OUT":
            outputs[local.prop] = OUTPUT_TYPES.get(local.type, local.type)
            continue
        match = PLACEHOLDER.fullmatch(local.value)
        name = match[1] if match else ""
        if name in params and params[name] == local.type:
            given[local.prop] = ParamRef(name)
        elif name in owners and owners[name][1] == local.type:
            given[local.prop] = ParamRef(name, owners[name][0])
        elif name:
            given[local.prop] = TypedParam(local.value, local.type)
        else:
            given[local.prop] = scalar(local.type, local.value)
    return {key: value for key, value in (("params", given), ("outputs", outputs)) if value}


def _shell(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    return [{"script": params.get("rawScript")}]


def _python(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    return [{"body": params.get("rawScript")}]


def _sql(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    fields = {"datasource": params.get("datasource"), "sql": params.get("sql")}
    _take(fields, params, "datasource_type", "type", "MYSQL")
    for name, key in (("pre", "preStatements"), ("post", "postStatements")):
        _take(fields, params, name, key, [])
    _take(fields, params, "display_rows", "displayRows", 10)
    _take(fields, params, "limit", "limit", None)
    if params.get("sendEmail") is True:
        fields["send_email"] = True
        _take(fields, params, "title", "title", "")
        _take(fields, params, "group_id", "groupId", None)
    return [fields, fields | {"sql_type": "SELECT"}, fields | {"sql_type": "NON_SELECT"}]


def _http(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    fields: Fields = {}
    _take(fields, params, "method", "httpMethod", "GET")
    fields["url"] = params.get("url")
    plain = dict(fields)
    for name, kind in (("json", "BODY"), ("query", "PARAMETER"), ("headers", "HEADERS")):
        rows = [p for p in params.get("httpParams") or [] if p.get("httpParametersType") == kind]
        if rows:
            fields[name] = {p["prop"]: p["value"] for p in rows}
    for one in (fields, plain):
        _take(one, params, "check", "httpCheckCondition", "STATUS_CODE_DEFAULT")
        _take(one, params, "condition", "condition", "")
        _take(one, params, "connect_timeout", "connectTimeout", 60_000)
        _take(one, params, "socket_timeout", "socketTimeout", 60_000)
    return [fields, plain]


def _openmldb(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    common: Fields = {}
    _take(common, params, "mode", "executeMode", "offline")
    for name, key, usual in (("zookeeper", "zk", cluster[0]), ("zookeeper_path", "zkPath", cluster[1])):
        if params.get(key) != usual and params.get(key):
            common[name] = params[key]
    sql = params.get("sql")
    candidates: list[Fields] = []
    try:
        statements = decode(str(sql))
        text = ";\n".join(s.strip() for s in statements)
        if encode(split_statements(text)) == sql:
            candidates.append({"sql": text})
        elif encode(s for one in statements for s in split_statements(one)) == sql:
            candidates.append({"sql": statements})
    except (SyntaxError, ValueError, DeclarationError):
        pass  # the node's text is taken as it is
    return [one | common for one in [*candidates, {"raw_sql": sql}]]


def _switch(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    result = params["switchResult"]
    branches = [Branch(b["condition"], TaskRef(b["nextNode"])) for b in result["dependTaskList"]]
    return [{"branches": branches, "otherwise": TaskRef(result["nextNode"])}]


def _conditions(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    fields: Fields = {
        "when": [
            Group(g["relation"], tuple(Ended(TaskRef(i["depTaskCode"]), i["status"]) for i in g["dependItemList"]))
            for g in params["dependence"]["dependTaskList"]
        ]
    }
    (success,), (failure,) = params["conditionResult"]["successNode"], params["conditionResult"]["failedNode"]
    fields |= {"success": TaskRef(success), "failure": TaskRef(failure)}
    _take(fields, params["dependence"], "relation", "relation", "AND")
    return [fields]


def _dependent(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    fields: Fields = {
        "on": [
            Group(
                g["relation"],
                tuple(
                    Depends(i["definitionCode"], i["depTaskCode"], i["projectCode"], i["dateValue"])
                    for i in g["dependItemList"]
                ),
            )
            for g in params["dependence"]["dependTaskList"]
        ]
    }
    _take(fields, params["dependence"], "relation", "relation", "AND")
    return [fields]


def _sub_process(params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
    return [{"runs": params[SUB_WORKFLOW]}]


def _take(fields: Fields, params: Mapping[str, Any], name: str, key: str, default: Any) -> None:
    if params.get(key) is not None and params[key] != default:
        fields[name] = params[key]


Reader = Callable[[JsonDict, tuple[str, str]], list[Fields]]

READERS: dict[str, tuple[str, Reader]] = {
    "SHELL": ("Shell", _shell),
    "PYTHON": ("Python", _python),
    "SQL": ("Sql", _sql),
    "HTTP": ("Http", _http),
    "OPENMLDB": ("OpenMLDB", _openmldb),
    "SWITCH": ("Switch", _switch),
    "CONDITIONS": ("Conditions", _conditions),
    "DEPENDENT": ("Dependent", _dependent),
    "SUB_PROCESS": ("SubWorkflow", _sub_process),
}


def candidates(task_type: str, params: JsonDict, cluster: tuple[str, str]) -> tuple[str, list[Fields]]:
    """The class of a task type, and its arguments in the forms that may express these ``taskParams``, best first."""
    if task_type not in READERS:
        return "RawTask", []
    kind, read = READERS[task_type]
    try:
        return kind, read(params, cluster)
    except (KeyError, TypeError, ValueError):  # not of the shape that the class writes
        return kind, []
