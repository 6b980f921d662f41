"""pydolphinscheduler's YAML files, read as Definitions, from which dsflow's source is written.

Nothing of a file is run, and no server is asked. What pydolphinscheduler fills in when it submits (``$ENV{...}``,
``$FILE{"..."}``, ``$WORKFLOW{"..."}``) is filled in here, and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dsflow.declare.tasks.logic import DATES
from dsflow.definition import SUB_WORKFLOW, Definition, JsonDict, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.source.errors import SourceError
from dsflow.source.pydolphinscheduler import is_pydolphinscheduler

_FILE = re.compile(r'\$FILE\{"(.*?)"\}')
_ENV = re.compile(r"\$ENV\{(.*?)\}")
_WORKFLOW = re.compile(r'\$WORKFLOW\{"(.*?)"\}')
_CONFIG = "${CONFIG."
_TYPED = re.compile(r"(VARCHAR|LONG|INTEGER|FLOAT|DOUBLE|DATE|TIME|TIMESTAMP|BOOLEAN|LIST|FILE)\((.*)\)")
_DATE_NAMES = {
    "CURRENT_HOUR": "currentHour", "LAST_ONE_HOUR": "last1Hour", "LAST_TWO_HOURS": "last2Hours",
    "LAST_THREE_HOURS": "last3Hours", "LAST_TWENTY_FOUR_HOURS": "last24Hours", "TODAY": "today",
    "LAST_ONE_DAYS": "last1Days", "LAST_TWO_DAYS": "last2Days", "LAST_THREE_DAYS": "last3Days",
    "LAST_SEVEN_DAYS": "last7Days", "THIS_WEEK": "thisWeek", "LAST_WEEK": "lastWeek", "LAST_MONDAY": "lastMonday",
    "LAST_TUESDAY": "lastTuesday", "LAST_WEDNESDAY": "lastWednesday", "LAST_THURSDAY": "lastThursday",
    "LAST_FRIDAY": "lastFriday", "LAST_SATURDAY": "lastSaturday", "LAST_SUNDAY": "lastSunday",
    "THIS_MONTH": "thisMonth", "LAST_MONTH": "lastMonth", "LAST_MONTH_BEGIN": "lastMonthBegin",
    "LAST_MONTH_END": "lastMonthEnd",
}  # fmt: skip
_WHOLE = ("", "0", 0, None)
_SELECT = re.compile(r"^\s*(select|with|show|desc|describe|explain)\b", re.IGNORECASE)
_WORKFLOW_KEYS = frozenset({
    "name", "description", "schedule", "online_schedule", "start_time", "end_time", "timezone", "user", "project",
    "worker_group", "warning_type", "warning_group_id", "execution_type", "timeout", "release_state", "param", "run",
    "tenant", "queue",
})  # fmt: skip
_TASK_KEYS = frozenset({
    "name", "task_type", "deps", "description", "flag", "task_priority", "worker_group", "environment_name",
    "delay_time", "fail_retry_times", "fail_retry_interval", "timeout", "timeout_notify_strategy", "resource_list",
    "local_params", "input_params", "output_params", "is_cache", "task_group_priority",
})  # fmt: skip


def read_yaml(path: Path, project: str | None = None) -> tuple[list[Definition], list[str]]:
    """The workflow of a file.

    Args:
        project: in place of the one that the file names.

    Gives:
        The Definition, and notes on what was filled in or left out.

    Raises:
        SourceError: the file cannot be read, or holds what has no form in dsflow.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        if not is_pydolphinscheduler(text):
            raise SourceError(
                "this is no YAML of pydolphinscheduler", where=str(path), hint="dsflow's own is source already"
            )
        return _Reader(path, yaml.safe_load(text)).definition(project)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text (byte {error.start})") from error


class _Reader:
    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self._path = path
        self._data = data
        self._notes: list[str] = []
        self._tasks: dict[str, TaskDefinition] = {}
        self._edges: list[Relation] = []

    def fail(self, message: str, hint: str | None = None) -> SourceError:
        return SourceError(message, where=str(self._path), hint=hint)

    def definition(self, project: str | None) -> tuple[list[Definition], list[str]]:
        given = {key: self.filled(value) for key, value in dict(self._data.get("workflow") or {}).items()}
        self.known(given, _WORKFLOW_KEYS, "the workflow")
        if not given.get("name"):
            raise self.fail("the workflow has no name")
        own = project or given.get("project")
        if not own:
            raise self.fail("the file does not say to which project its workflow belongs", "give --project NAME")
        if given.get("run"):
            self._notes.append("run: true is left out: dsflow run runs it")
        for key in ("user", "tenant", "queue"):
            if given.get(key):
                self._notes.append(f"{key}: {given[key]!r} is left out: the profile says who submits")
        rows = [self.mapping(row) for row in self._data["tasks"]]
        for row in rows:
            self.task(row)
        for row in rows:
            for upstream in self.listed(row.get("deps") or []):
                self.edge(self.task_name(upstream, row["name"]), str(row["name"]))
        definition = Definition(
            project=str(own),
            name=str(given["name"]),
            description=str(given.get("description") or ""),
            tasks=tuple(self._tasks.values()),
            relations=tuple(dict.fromkeys(self._edges)),
            global_params=tuple(
                Property(str(key), value=_text(value)) for key, value in dict(given.get("param") or {}).items()
            ),
            timeout=int(given.get("timeout") or 0),
            execution_type=str(given.get("execution_type") or "PARALLEL").upper(),
            release_state=str(given.get("release_state") or "ONLINE").upper(),
            warning_type=str(given.get("warning_type") or "NONE").upper() if given.get("schedule") else "NONE",
            worker_group=str(given.get("worker_group") or "default"),
            schedule=self.schedule(given),
        )
        if given.get("warning_group_id"):
            self._notes.append(f"the alert group {given['warning_group_id']} is left out: name it as warning_group")
        return [definition], self._notes

    def schedule(self, given: JsonDict) -> ScheduleDefinition | None:
        if not given.get("schedule"):
            return None
        return ScheduleDefinition(
            crontab=str(given["schedule"]),
            start_time=_moment(given.get("start_time"), "2000-01-01 00:00:00"),
            end_time=_moment(given.get("end_time"), "2099-12-31 23:59:59"),
            timezone_id=str(given.get("timezone") or "Asia/Shanghai"),  # pydolphinscheduler's default
            online=bool(given.get("online_schedule", True)),
        )

    # ---------------------------------------------------------------- tasks

    def task(self, row: JsonDict) -> None:
        name, kind = row.get("name"), row.get("task_type")
        if not name or not kind:
            raise self.fail(f"a task has no {'name' if not name else 'task_type'}")
        if name in self._tasks:
            raise self.fail(f"two tasks are named {name!r}")
        given = {key: self.filled(value) for key, value in row.items() if key not in ("deps", "task_type")}
        make = _KINDS.get(str(kind).lower())
        if make is None:
            raise self.fail(
                f"task {name!r} is a {kind}, which is not taken over",
                hint=f"taken over are {', '.join(sorted(_KINDS))}; import the workflow from the server that has it "
                "(dsflow import --from-server PROJECT/WORKFLOW)",
            )
        task_type, keys, build = make
        self.known(given, _TASK_KEYS | keys, f"task {name!r}")
        for key in keys - _OPTIONAL:
            if key not in given:
                raise self.fail(f"task {name!r} has no {key}")
        params = {"localParams": self.local_params(given), "resourceList": self.resources(given)}
        params |= build(self, given)
        timeout = int(given.get("timeout") or 0)
        self._tasks[str(name)] = TaskDefinition(
            name=str(name),
            task_type=task_type,
            task_params=params,
            description=str(given.get("description") or ""),
            flag=str(given.get("flag") or "YES").upper(),
            task_priority=str(given.get("task_priority") or "MEDIUM").upper(),
            worker_group=str(given.get("worker_group") or "default"),
            environment=str(given.get("environment_name") or ""),
            delay_time=int(given.get("delay_time") or 0),
            fail_retry_times=int(given.get("fail_retry_times") or 0),
            fail_retry_interval=int(given.get("fail_retry_interval") or 1),
            timeout=timeout,
            timeout_notify_strategy=str(given.get("timeout_notify_strategy") or "WARN") if timeout else "",
            is_cache=bool(given.get("is_cache")),
        )

    def local_params(self, given: JsonDict) -> list[JsonDict]:
        found = [
            Property.from_dict(self.mapping(row)).to_dict() for row in self.listed(given.get("local_params") or [])
        ]
        for key, direct in (("input_params", "IN"), ("output_params", "OUT")):
            for name, value in dict(given.get(key) or {}).items():
                typed = _TYPED.fullmatch(value) if isinstance(value, str) else None
                kind, text = (typed[1], typed[2]) if typed else (_type_of(value), _text(value))
                found.append(Property(str(name), type=kind, value=text, direct=direct).to_dict())
        return found

    def resources(self, given: JsonDict) -> list[JsonDict]:
        rows = self.listed(given.get("resource_list") or [])
        return [{"resourceName": "/" + str(row.get("resourceName") if isinstance(row, dict) else row).lstrip("/")}
                for row in rows]  # fmt: skip

    def edge(self, pre: str, post: str) -> None:
        self._edges.append(Relation(pre, post))

    def task_name(self, name: Any, inside: Any) -> str:
        names = [self.mapping(row).get("name") for row in self._data["tasks"]]
        if name not in names:
            raise self.fail(f"task {inside!r} names a task {name!r}, which the file does not have")
        return str(name)

    # ---------------------------------------------------------------- values

    def filled(self, value: Any) -> Any:
        """A value as pydolphinscheduler would fill it in."""
        if isinstance(value, dict):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if match := _FILE.match(value):
            return self.beside(match[1]).read_text(encoding="utf-8")
        value = _ENV.sub(self.variable, value)
        value = _WORKFLOW.sub(self.other_workflow, value)
        if _CONFIG in value:
            self._notes.append(f"{value!r} is of pydolphinscheduler's configuration, and stands as it is")
        return value

    def beside(self, name: str) -> Path:
        found = next((p for p in (self._path.parent / name, Path(name)) if p.is_file()), None)
        if found is None:
            raise self.fail(f"there is no file {name}, which the workflow takes in")
        return found

    def variable(self, match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            self._notes.append(
                f"the variable {match[1]} of the environment is not set: ${match[1]} stands in its place"
            )
            return f"${match[1]}"
        self._notes.append(f"the variable {match[1]} of the environment is filled in: {value}")
        return value

    def other_workflow(self, match: re.Match[str]) -> str:
        """The name of the workflow of another file."""
        import yaml

        for path in (self._path.parent / match[1], Path(match[1])):
            if path.is_file():
                data = yaml.safe_load(path.read_text(encoding="utf-8"))
                name = data.get("workflow", {}).get("name") if isinstance(data, dict) else None
                if name:
                    self._notes.append(f"workflow {name!r} is in {match[1]}: import and submit that first")
                    return str(name)
        stem = Path(match[1]).stem
        self._notes.append(f"{match[1]} is not there: its workflow is taken to be called {stem!r}")
        return stem

    def mapping(self, value: Any) -> JsonDict:
        if not isinstance(value, dict):
            raise self.fail(f"{value!r} is no mapping")
        return value

    @staticmethod
    def listed(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    def known(self, given: Mapping[str, Any], keys: frozenset[str], what: str) -> None:
        strange = sorted(set(given) - keys)
        if strange:
            raise self.fail(
                f"{what} has {strange[0]!r}, which is not taken over", f"known are {', '.join(sorted(keys))}"
            )


# ---------------------------------------------------------------- the types


def _shell(reader: _Reader, given: JsonDict) -> JsonDict:
    return {"rawScript": str(given["command"])}


def _python(reader: _Reader, given: JsonDict) -> JsonDict:
    return {"rawScript": str(given["definition"])}


def _sql(reader: _Reader, given: JsonDict) -> JsonDict:
    sql = str(given["sql"])
    return {
        "type": str(given.get("datasource_type") or "MYSQL").upper(),
        "datasource": str(given["datasource_name"]),
        "sql": sql,
        "sqlType": str(given.get("sql_type") or ("0" if _SELECT.match(sql) else "1")),
        "preStatements": reader.listed(given.get("pre_statements") or []),
        "postStatements": reader.listed(given.get("post_statements") or []),
        "displayRows": int(given.get("display_rows") or 10),
    }


def _procedure(reader: _Reader, given: JsonDict) -> JsonDict:
    return {
        "type": str(given.get("datasource_type") or "MYSQL").upper(),
        "datasource": str(given["datasource_name"]),
        "method": str(given["method"]),
    }


def _http(reader: _Reader, given: JsonDict) -> JsonDict:
    params = given.get("http_params") or {}
    rows = [
        {"prop": str(key), "httpParametersType": "PARAMETER", "value": _text(value)} for key, value in params.items()
    ]
    return {
        "url": str(given["url"]),
        "httpMethod": str(given.get("http_method") or "GET"),
        "httpParams": rows,
        "httpCheckCondition": str(given.get("http_check_condition") or "STATUS_CODE_DEFAULT"),
        "condition": str(given.get("condition") or ""),
        "connectTimeout": int(given.get("connect_timeout") or 60000),
        "socketTimeout": int(given.get("socket_timeout") or 60000),
    }


def _sub_workflow(reader: _Reader, given: JsonDict) -> JsonDict:
    name = given.get("workflow_name") or given.get("process_definition_name")
    if not name:
        raise reader.fail(f"task {given['name']!r} has no workflow_name")
    return {SUB_WORKFLOW: str(name)}


def _openmldb(reader: _Reader, given: JsonDict) -> JsonDict:
    return {
        "zk": str(given["zookeeper"]),
        "zkPath": str(given["zookeeper_path"]),
        "executeMode": str(given["execute_mode"]),
        "sql": str(given["sql"]),
    }


def _switch(reader: _Reader, given: JsonDict) -> JsonDict:
    branches, otherwise = [], ""
    for row in reader.listed(given["condition"]):
        branch = reader.mapping(row)
        target = reader.task_name(branch.get("task"), given["name"])
        reader.edge(str(given["name"]), target)
        if branch.get("condition") is None:
            otherwise = target
        else:
            branches.append({"condition": str(branch["condition"]), "nextNode": target})
    return {"switchResult": {"dependTaskList": branches, "nextNode": otherwise}}


def _condition(reader: _Reader, given: JsonDict) -> JsonDict:
    name = str(given["name"])
    groups = []
    for row in reader.listed(given["groups"]):
        group = reader.mapping(row)
        items = []
        for one in reader.listed(group.get("groups") or []):
            item = reader.mapping(one)
            upstream = reader.task_name(item.get("task"), name)
            reader.edge(upstream, name)
            items.append({"depTaskCode": upstream, "status": "SUCCESS" if item.get("flag") else "FAILURE"})
        groups.append({"relation": _relation(group), "dependItemList": items})
    success, failed = (reader.task_name(given[key], name) for key in ("success_task", "failed_task"))
    reader.edge(name, success)
    reader.edge(name, failed)
    return {
        "dependence": {"relation": _relation(given), "dependTaskList": groups},
        "conditionResult": {"successNode": [success], "failedNode": [failed]},
    }


def _dependent(reader: _Reader, given: JsonDict) -> JsonDict:
    dependence = reader.mapping(given.get("dependence") or given.get("denpendence") or given)
    groups = []
    for row in reader.listed(dependence.get("groups") or []):
        group = reader.mapping(row)
        items = []
        for one in reader.listed(group.get("groups") or []):
            item = reader.mapping(one)
            named = str(item.get("dependent_date") or "today")
            date = _DATE_NAMES.get(named.upper(), named)
            if date not in DATES:
                raise reader.fail(f"task {given['name']!r} waits for the date {named!r}, which is none")
            task = item.get("dependent_task_name")
            items.append({
                "projectCode": str(item.get("project_name")),
                "definitionCode": str(item.get("workflow_name") or item.get("process_definition_name")),
                "depTaskCode": "" if task in _WHOLE else str(task),
                "cycle": DATES[date],
                "dateValue": date,
            })  # fmt: skip
        groups.append({"relation": _relation(group), "dependItemList": items})
    return {"dependence": {"relation": _relation(dependence), "dependTaskList": groups}}


_Build = Callable[[_Reader, JsonDict], JsonDict]
_SQL_KEYS = frozenset({"datasource_name", "datasource_type"})
_OPTIONAL = frozenset({
    "datasource_type", "sql_type", "pre_statements", "post_statements", "display_rows", "http_method", "http_params",
    "http_check_condition", "connect_timeout", "socket_timeout", "workflow_name", "process_definition_name", "op",
    "dependence", "denpendence",
})  # fmt: skip
_KINDS: dict[str, tuple[str, frozenset[str], _Build]] = {
    "shell": ("SHELL", frozenset({"command"}), _shell),
    "python": ("PYTHON", frozenset({"definition"}), _python),
    "sql": ("SQL", _SQL_KEYS | {"sql", "sql_type", "pre_statements", "post_statements", "display_rows"}, _sql),
    "procedure": ("PROCEDURE", _SQL_KEYS | {"method"}, _procedure),
    "http": (
        "HTTP",
        frozenset({"url", "http_method", "http_params", "http_check_condition", "connect_timeout", "socket_timeout"}),
        _http,
    ),
    "subprocess": ("SUB_PROCESS", frozenset({"workflow_name", "process_definition_name"}), _sub_workflow),
    "subworkflow": ("SUB_PROCESS", frozenset({"workflow_name", "process_definition_name"}), _sub_workflow),
    "openmldb": ("OPENMLDB", frozenset({"zookeeper", "zookeeper_path", "execute_mode", "sql"}), _openmldb),
    "switch": ("SWITCH", frozenset({"condition"}), _switch),
    "condition": ("CONDITIONS", frozenset({"groups", "op", "success_task", "failed_task"}), _condition),
    "dependent": ("DEPENDENT", frozenset({"dependence", "denpendence", "op", "groups"}), _dependent),
}


def _relation(group: JsonDict) -> str:
    return "OR" if str(group.get("op") or group.get("OP") or "and").lower() == "or" else "AND"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    return "INTEGER" if isinstance(value, int) else "FLOAT" if isinstance(value, float) else "VARCHAR"


def _moment(value: Any, otherwise: str) -> str:
    if value is None or value == "":
        return otherwise
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    return text if " " in text else f"{text} 00:00:00"
