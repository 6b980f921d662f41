"""Definitions as servers hold them: each task type with each field, and any text anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition

EMPTY: dict[str, Any] = {"localParams": [], "resourceList": []}
NASTY = 'echo "a\\n\'b\'" """x"""\r\n\tprintf \'%s\' "${who}" \\\n  # 中文 🎉 $[yyyyMMdd] <&>\n \n"'
SCHEDULE = ScheduleDefinition(
    "0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-06-01 12:30:00", "Asia/Shanghai", True, "END", "HIGH"
)
COMMON: dict[str, Any] = {
    "description": "what it does: \"quotes\", 'more', 中文",
    "flag": "NO",
    "task_priority": "HIGHEST",
    "worker_group": "gpu",
    "environment": "env",
    "delay_time": 1,
    "fail_retry_times": 2,
    "fail_retry_interval": 3,
    "timeout": 7,
    "timeout_notify_strategy": "WARNFAILED",
    "task_group": "group",
    "task_group_priority": 4,
    "cpu_quota": 50,
    "memory_max": 512,
    "is_cache": True,
}


def params(*properties: Property, resources: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "localParams": [p.to_dict() for p in properties],
        "resourceList": [{"resourceName": name} for name in resources],
    }


def shell(name: str, script: str = "true", **fields: Any) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script, **EMPTY}, **fields)


def every_type(project: str = "demo") -> Definition:
    """Each task type with each of its fields."""
    groups = [
        {
            "relation": "OR",
            "dependItemList": [
                {"depTaskCode": "sql", "status": "SUCCESS"},
                {"depTaskCode": "http", "status": "FAILURE"},
            ],
        }
    ]
    depends = [
        {
            "relation": "AND",
            "dependItemList": [
                {
                    "projectCode": project,
                    "definitionCode": "other",
                    "depTaskCode": "",
                    "cycle": "day",
                    "dateValue": "today",
                },
                {
                    "projectCode": "far",
                    "definitionCode": "away",
                    "depTaskCode": "its task",
                    "cycle": "hour",
                    "dateValue": "last1Hour",
                },
            ],
        },
        {
            "relation": "OR",
            "dependItemList": [
                {
                    "projectCode": project,
                    "definitionCode": "other",
                    "depTaskCode": "",
                    "cycle": "month",
                    "dateValue": "lastMonthEnd",
                }
            ],
        },
    ]
    tasks = (
        TaskDefinition(
            "shell: 1",
            "SHELL",
            {
                "rawScript": NASTY,
                **params(
                    Property("who", "IN", "VARCHAR", "me"),
                    Property("n", "IN", "INTEGER", "3"),
                    Property("copy", "IN", "DOUBLE", "${limit}"),
                    Property("auc", "OUT", "DOUBLE"),
                    Property("when_", "OUT", "TIMESTAMP"),
                    resources=("/x.sh", "/y/z.py"),
                ),
            },
            **COMMON,
        ),
        TaskDefinition(
            "Python",
            "PYTHON",
            {
                "rawScript": "import os\n\n\ndef f():\n    return '\\\\'\n\n\nprint(f())\n",
                **params(Property("auc", "IN", "DOUBLE", "${auc}")),
            },
        ),
        TaskDefinition(
            "sql",
            "SQL",
            {
                **EMPTY,
                "type": "POSTGRESQL",
                "datasource": "db",
                "sql": "update t\nset a = 'x';\n-- ${who}",
                "sqlType": "1",
                "displayRows": 7,
                "limit": 100,
                "preStatements": ["select 1", "select\n2"],
                "postStatements": ["select 3"],
                "sendEmail": True,
                "title": "the result",
                "groupId": "admins",
                "segmentSeparator": "",
                "udfs": "",
                "connParams": "",
            },
        ),
        TaskDefinition(
            "http",
            "HTTP",
            {
                **EMPTY,
                "url": "http://127.0.0.1:1/x?y=${who}",
                "httpMethod": "POST",
                "httpParams": [
                    {"prop": "k", "httpParametersType": "BODY", "value": "${auc}"},
                    {"prop": "q", "httpParametersType": "PARAMETER", "value": "1"},
                    {"prop": "h", "httpParametersType": "HEADERS", "value": 'x: "y"'},
                ],
                "httpCheckCondition": "STATUS_CODE_CUSTOM",
                "condition": "201",
                "connectTimeout": 1000,
                "socketTimeout": 2000,
            },
        ),
        TaskDefinition(
            "openmldb",
            "OPENMLDB",
            {
                **EMPTY,
                "zk": "zk:1",
                "zkPath": "/a",
                "executeMode": "online",
                "sql": "USE demo;\nDEPLOY d OPTIONS(RANGE_BIAS=\\\"inf\\\") SELECT 'a\\x3bb' FROM ${who}",
            },
        ),
        TaskDefinition(
            "openmldb, typed in",
            "OPENMLDB",
            {**EMPTY, "zk": "zk:1", "zkPath": "/a", "executeMode": "offline", "sql": "use demo; select\n1;;"},
        ),
        TaskDefinition("sub", "SUB_PROCESS", {**EMPTY, "processDefinitionCode": "other"}),
        TaskDefinition(
            "switch",
            "SWITCH",
            {
                **EMPTY,
                "switchResult": {
                    "dependTaskList": [
                        {"condition": "${x}.indexOf('a') >= 0", "nextNode": "sql"},
                        {"condition": '(${auc} >= ${limit}) && (!(${who} == "me"))', "nextNode": "http"},
                        {"condition": "${auc}>0.5", "nextNode": "openmldb, typed in"},
                    ],
                    "nextNode": "openmldb",
                },
            },
        ),
        TaskDefinition(
            "conditions",
            "CONDITIONS",
            {
                **EMPTY,
                "dependence": {"relation": "OR", "dependTaskList": groups},
                "conditionResult": {"successNode": ["sub"], "failedNode": ["dependent"]},
            },
        ),
        TaskDefinition(
            "dependent", "DEPENDENT", {**EMPTY, "dependence": {"relation": "OR", "dependTaskList": depends}}
        ),
        TaskDefinition(
            "class", "SPARK", {**EMPTY, "mainClass": "x.Y", "deployMode": "local", "appArgs": "a\nb", "n": [1, None]}
        ),
        TaskDefinition(
            "Class",
            "SHELL",
            {"rawScript": "true", **EMPTY, "conditionResult": {"successNode": [""], "failedNode": [""]}},
        ),
    )
    edges = [
        ("shell: 1", "Python"),
        ("Python", "switch"),
        ("switch", "sql"),
        ("switch", "http"),
        ("switch", "openmldb"),
        ("switch", "openmldb, typed in"),
        ("sql", "conditions"),
        ("http", "conditions"),
        ("conditions", "sub"),
        ("conditions", "dependent"),
        ("openmldb", "class"),
        ("openmldb, typed in", "class"),
        ("class", "Class"),
    ]
    return Definition(
        project,
        'every "type" \\ 中文',
        tasks,
        tuple(Relation(a, b) for a, b in edges),
        description="a workflow with 'everything'\nin it",
        global_params=(
            Property("who", "IN", "VARCHAR", 'a "b" \\ c'),
            Property("limit", "IN", "DOUBLE", "0.70"),
            Property("rate", "IN", "DOUBLE", "1e-05"),
            Property("when", "IN", "VARCHAR", "$[yyyyMMdd-1]"),
            Property("day", "IN", "DATE", "2020-01-01"),
            Property("on", "IN", "BOOLEAN", "true"),
            Property("count", "IN", "LONG", "12"),
            Property("a.b", "IN", "LIST", "[1]"),
        ),
        timeout=90,
        execution_type="SERIAL_WAIT",
        release_state="ONLINE",
        warning_type="FAILURE",
        warning_group="admins",
        worker_group="big",
        schedule=SCHEDULE,
    )


def orderly() -> Definition:
    """A workflow that passes every check that dsflow makes itself."""
    tasks = (
        TaskDefinition("train", "PYTHON", {"rawScript": "print(1)", **params(Property("auc", "OUT", "DOUBLE"))}),
        TaskDefinition(
            "check",
            "SWITCH",
            {
                **EMPTY,
                "switchResult": {
                    "dependTaskList": [{"condition": "${auc} >= ${min_auc}", "nextNode": "deploy"}],
                    "nextNode": "reject",
                },
            },
        ),
        shell("deploy"),
        shell("reject", "exit 1"),
        shell("a"),
        shell("b"),
        shell("c"),
        shell("d"),
    )
    edges = [
        ("train", "check"),
        ("check", "deploy"),
        ("check", "reject"),
        ("deploy", "a"),
        ("deploy", "b"),
        ("a", "c"),
        ("b", "c"),
        ("c", "d"),
    ]
    return Definition(
        "demo",
        "nightly",
        tasks,
        tuple(Relation(a, b) for a, b in edges),
        global_params=(Property("min_auc", "IN", "DOUBLE", "0.7"),),
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("ab \"'\\\n\r\t#:{}$-|>;", max_size=30)
SCRIPTS = TEXTS.filter(str.strip)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=12)
PLAIN_NAMES = st.from_regex(r"\A[a-z_][a-z0-9_]{0,8}\Z")
KINDS = st.sampled_from(["VARCHAR", "INTEGER", "LONG", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "LIST"])
VALUES = TEXTS | st.sampled_from(["1", "01", "-3", "0.5", "1e5", "1e-07", "true", "True", "inf", "nan", "", "${a}"])
PROPERTIES = st.builds(Property, PLAIN_NAMES, st.sampled_from(["IN", "IN", "OUT"]), KINDS, VALUES)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Any workflow: a switch and conditions among tasks of every kind, whatever stands in them."""
    names = draw(st.lists(NAMES, min_size=5, max_size=9, unique=True))
    switch, conditions, first, *rest = names

    def locals_() -> dict[str, Any]:
        return params(*draw(st.lists(PROPERTIES, max_size=3)))

    def any_task(name: str) -> TaskDefinition:
        kind = draw(st.sampled_from(["SHELL", "PYTHON", "OPENMLDB", "SQL", "HTTP", "SPARK"]))
        content: dict[str, Any] = {
            "SHELL": {"rawScript": draw(SCRIPTS)},
            "PYTHON": {"rawScript": draw(TEXTS)},
            "OPENMLDB": {"zk": draw(NAMES), "zkPath": "/x", "executeMode": "offline", "sql": draw(TEXTS)},
            "SQL": {"type": "MYSQL", "datasource": "db", "sql": draw(SCRIPTS), "sqlType": draw(st.sampled_from("01"))},
            "HTTP": {
                "url": draw(TEXTS),
                "httpMethod": "GET",
                "httpParams": [
                    {
                        "prop": draw(TEXTS),
                        "httpParametersType": draw(st.sampled_from(["BODY", "HEADERS"])),
                        "value": draw(TEXTS),
                    }
                ],
            },
            "SPARK": {"a": draw(TEXTS), "b": {draw(TEXTS): [draw(TEXTS), 1, None, True, 0.5]}},
        }[kind]
        return TaskDefinition(name, kind, content | locals_(), description=draw(TEXTS))

    targets = draw(st.lists(st.sampled_from(rest), min_size=2, max_size=len(rest), unique=True))
    branches = [{"condition": draw(TEXTS), "nextNode": name} for name in targets[1:]]
    tasks = [
        any_task(first),
        TaskDefinition(
            switch, "SWITCH", {"switchResult": {"dependTaskList": branches, "nextNode": targets[0]}} | locals_()
        ),
        *(any_task(name) for name in rest),
    ]
    edges = [(first, switch), *((switch, name) for name in targets)]
    if len(rest) > 3:
        result = {"successNode": [rest[2]], "failedNode": [rest[3]]}
        item = {"depTaskCode": first, "status": "SUCCESS"}
        tasks.append(
            TaskDefinition(
                conditions,
                "CONDITIONS",
                {
                    **EMPTY,
                    "conditionResult": result,
                    "dependence": {
                        "relation": "AND",
                        "dependTaskList": [{"relation": "AND", "dependItemList": [item]}],
                    },
                },
            )
        )
        edges += [(first, conditions), (conditions, rest[2]), (conditions, rest[3])]
    globals_ = {p.prop: replace(p, direct="IN") for p in draw(st.lists(PROPERTIES, max_size=4))}
    return Definition(
        draw(NAMES),
        draw(NAMES),
        tuple(tasks),
        tuple(Relation(a, b) for a, b in dict.fromkeys(edges)),
        description=draw(TEXTS),
        global_params=tuple(globals_.values()),
    )
