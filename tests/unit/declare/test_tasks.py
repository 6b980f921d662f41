"""Every task type: every field comes into the Definition, every bad value is an error at the user's line."""

import ast
import io
import re
from contextlib import redirect_stdout
from dataclasses import fields
from functools import partial

import pytest

from dsflow import (
    Conditions,
    Dependent,
    DependsOn,
    Http,
    OpenMLDB,
    Python,
    Shell,
    Sql,
    SubWorkflow,
    Switch,
    Task,
    Workflow,
    all_of,
    any_of,
    failed,
    succeeded,
)
from dsflow.definition import TaskDefinition

# no function of its own: the line that errors name is the caller's
shell = partial(Shell, script="true")


# ---------------------------------------------------------------------------------------------------- common fields

COMMON = {
    # field of Task: (value, field of the TaskDefinition, what stands there)
    "description": ("words", "description", "words"),
    "enabled": (False, "flag", "NO"),
    "priority": ("HIGHEST", "task_priority", "HIGHEST"),
    "worker_group": ("gpu", "worker_group", "gpu"),
    "environment": ("py3", "environment", "py3"),
    "delay": (3, "delay_time", 3),
    "retries": (2, "fail_retry_times", 2),
    "retry_interval": (5, "fail_retry_interval", 5),
    "timeout": (30, "timeout", 30),
    "task_group": ("loads", "task_group", "loads"),
    "task_group_priority": (4, "task_group_priority", 4),
    "cpu_quota": (50, "cpu_quota", 50),
    "memory_max": (512, "memory_max", 512),
    "cache": (True, "is_cache", True),
}
TOLD_ELSEWHERE = {"name", "timeout_strategy", "extra", "params", "outputs", "resources", "where", "workflow"}


def test_no_common_field_is_forgotten_here():
    assert {f.name for f in fields(Task)} == COMMON.keys() | TOLD_ELSEWHERE


@pytest.mark.parametrize("name", COMMON)
def test_common_field_comes_into_the_definition(compiled, name):
    value, there, expected = COMMON[name]
    task = compiled(lambda wf: shell("a", **{name: value})).tasks[0]
    assert getattr(task, there) == expected
    untouched = compiled(lambda wf: shell("a")).tasks[0]
    changed = {f.name for f in fields(TaskDefinition) if getattr(task, f.name) != getattr(untouched, f.name)}
    assert changed - {"where"} == {there} | ({"timeout_notify_strategy"} if name == "timeout" else set())


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, ""), ({"timeout": 5}, "FAILED"), ({"timeout": 5, "timeout_strategy": "WARN"}, "WARN")],
)
def test_timeout_strategy_counts_with_a_timeout(compiled, more, expected):
    assert compiled(lambda wf: shell("a", **more)).tasks[0].timeout_notify_strategy == expected


def test_the_workflow_s_worker_group_is_the_default(compiled):
    definition = compiled(lambda wf: (shell("a"), shell("b", worker_group="gpu")), worker_group="cpu")
    assert [t.worker_group for t in definition.tasks] == ["cpu", "gpu"]


def test_params_outputs_and_resources(compiled):
    definition = compiled(
        lambda wf: shell(
            "a",
            params={"a": "x", "b": 1, "c": 0.5, "d": True, "e": wf.params.day},
            outputs={"auc": float, "path": str},
            resources=["lib/a.py"],
        ),
        params={"day": 3},
    )
    assert definition.tasks[0].task_params["localParams"] == [
        {"prop": "a", "direct": "IN", "type": "VARCHAR", "value": "x"},
        {"prop": "b", "direct": "IN", "type": "LONG", "value": "1"},
        {"prop": "c", "direct": "IN", "type": "DOUBLE", "value": "0.5"},
        {"prop": "d", "direct": "IN", "type": "BOOLEAN", "value": "true"},
        {"prop": "e", "direct": "IN", "type": "LONG", "value": "${day}"},
        {"prop": "auc", "direct": "OUT", "type": "DOUBLE", "value": ""},
        {"prop": "path", "direct": "OUT", "type": "VARCHAR", "value": ""},
    ]
    assert definition.tasks[0].task_params["resourceList"] == [{"resourceName": "lib/a.py"}]


def test_where_is_the_user_s_line(compiled):
    definition = compiled(lambda wf: Shell("a", "true"))
    assert definition.tasks[0].where.file == __file__
    assert definition.tasks[0].where.line == test_where_is_the_user_s_line.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda wf: shell(""), "name must be a string"),
        (lambda wf: shell(None), "name must be a string"),
        (lambda wf: shell(" a"), "blanks that nobody sees"),
        (lambda wf: shell("a\nb"), "line ends"),
        (lambda wf: shell("a" * 201), "longer than the 200"),
        (lambda wf: (shell("a"), shell("a")), "a task of that name already"),
        (lambda wf: shell("a", priority="high"), "priority='high' is not one of HIGHEST"),
        (lambda wf: shell("a", timeout_strategy="KILL"), "is not one of WARN, FAILED"),
        (lambda wf: shell("a", delay=-1), "delay=-1 is not a whole number of at least 0"),
        (lambda wf: shell("a", retries=1.5), "retries=1.5 is not a whole number"),
        (lambda wf: shell("a", retries=True), "retries=True is not a whole number"),
        (lambda wf: shell("a", retries="3"), "retries='3' is not a whole number"),
        (lambda wf: shell("a", retry_interval=-1), "retry_interval=-1"),
        (lambda wf: shell("a", timeout=0), "timeout=0 is not a whole number of at least 1"),
        (lambda wf: shell("a", cpu_quota=-1), "cpu_quota=-1"),
        (lambda wf: shell("a", memory_max=0), "memory_max=0"),
        (lambda wf: shell("a", task_group_priority=-1), "task_group_priority=-1"),
        (lambda wf: shell("a", enabled="no"), "enabled='no' is neither True nor False"),
        (lambda wf: shell("a", cache=1), "cache=1 is neither True nor False"),
        (lambda wf: shell("a", description=None), "description=None is not a string"),
        (lambda wf: shell("a", environment=3), "environment=3 is not a string"),
        (lambda wf: shell("a", worker_group=5), "worker_group=5 is not a string"),
        (lambda wf: shell("a", task_group=None), "task_group=None is not a string"),
        (lambda wf: shell("a", resources="file.txt"), "resources='file.txt' is not a list of strings"),
        (lambda wf: shell("a", resources=[1]), "resources=[1] is not a list of strings"),
        (lambda wf: shell("a", params=["a"]), "params=['a'] is not a mapping"),
        (lambda wf: shell("a", params={1: 1}), "params={1: 1} is not a mapping of names"),
        (lambda wf: shell("a", params={"a": None}), "params['a']=None is not a string, a number"),
        (lambda wf: shell("a", params={"a": [1]}), "params['a']=[1] is not a string, a number"),
        (lambda wf: shell("a", params={"a b": 1}), "parameter 'a b' is not a name"),
        (lambda wf: shell("a", outputs=["auc"]), "outputs=['auc'] is not a mapping"),
        (lambda wf: shell("a", outputs={"auc": "float"}), "not 'float'"),
        (lambda wf: shell("a", outputs={"auc": list}), "not list"),
        (lambda wf: shell("a", outputs={"a-b": float}), "output 'a-b' is not a name"),
        (lambda wf: shell("a", outputs={"min": float}), "the output 'min' has the name of a parameter of the workflow"),
        (lambda wf: (shell("a", outputs={"x": int}), shell("b", outputs={"x": int})), "one of task 'a' too"),
        (lambda wf: shell("a", params={"x": 1}, outputs={"x": int}), "both among its params and among its outputs"),
        (lambda wf: shell("b", params={"x": shell("a", outputs={"x": int}).outputs.x}), "output of the same name"),
        (lambda wf: shell("a", outputs={"auc": float}).outputs.acu, "did you mean 'auc'?"),
    ],
)
def test_bad_common_field(refused, make, says):
    refused(make, says, params={"min": 1})


def test_a_task_outside_of_a_workflow():
    with pytest.raises(Exception, match="with Workflow"):
        shell("a")


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError, match="retrys"), Workflow("w", project="p"):
        shell("a", retrys=3)


# ------------------------------------------------------------------------------------------- OPENMLDB, SHELL, SQL, HTTP

TYPES = [
    (
        lambda wf: OpenMLDB("a", "SELECT 1; SELECT ';'", "online", zookeeper="h:1", zookeeper_path="/o"),
        "OPENMLDB",
        {"zk": "h:1", "zkPath": "/o", "executeMode": "online", "sql": "SELECT 1;\nSELECT '\\x3b'"},
    ),
    (
        lambda wf: OpenMLDB("a", ["SELECT 1"]),
        "OPENMLDB",
        {"zk": "127.0.0.1:2181", "zkPath": "/openmldb", "executeMode": "offline", "sql": "SELECT 1"},
    ),
    (lambda wf: Shell("a", "echo ${x} $HOME"), "SHELL", {"rawScript": "echo ${x} $HOME"}),
    (lambda wf: Python("a", "\n    x = 1\n    y = 2\n"), "PYTHON", {"rawScript": "x = 1\ny = 2\n"}),
    (
        lambda wf: Sql("a", "ds", "SELECT 1"),
        "SQL",
        {
            "type": "MYSQL",
            "datasource": "ds",
            "sql": "SELECT 1",
            "sqlType": "0",
            "preStatements": [],
            "postStatements": [],
            "displayRows": 10,
        },
    ),
    (
        lambda wf: Sql(
            "a",
            "ds",
            "SELECT 1",
            "HIVE",
            sql_type="NON_SELECT",
            pre=["SET a=1"],
            post=("SET b=1",),
            display_rows=3,
            limit=7,
            send_email=True,
            title="t",
            group_id=9,
        ),
        "SQL",
        {
            "type": "HIVE",
            "datasource": "ds",
            "sql": "SELECT 1",
            "sqlType": "1",
            "preStatements": ["SET a=1"],
            "postStatements": ["SET b=1"],
            "displayRows": 3,
            "limit": 7,
            "sendEmail": True,
            "title": "t",
            "groupId": 9,
        },
    ),
    (
        lambda wf: Http(
            "a",
            "POST",
            wf.params.server / "update",
            json={"a": 1, "b": wf.params.server, "c": True},
            query={"q": "x"},
            headers={"H": "y"},
            check="BODY_CONTAINS",
            condition="ok",
            connect_timeout=1,
            socket_timeout=2,
        ),
        "HTTP",
        {
            "url": "${server}/update",
            "httpMethod": "POST",
            "httpParams": [
                {"prop": "a", "httpParametersType": "BODY", "value": "1"},
                {"prop": "b", "httpParametersType": "BODY", "value": "${server}"},
                {"prop": "c", "httpParametersType": "BODY", "value": "true"},
                {"prop": "q", "httpParametersType": "PARAMETER", "value": "x"},
                {"prop": "H", "httpParametersType": "HEADERS", "value": "y"},
            ],
            "httpCheckCondition": "BODY_CONTAINS",
            "condition": "ok",
            "connectTimeout": 1,
            "socketTimeout": 2,
        },
    ),
    (lambda wf: SubWorkflow("a", "other"), "SUB_PROCESS", {"processDefinitionCode": "other"}),
    (lambda wf: SubWorkflow("a", Workflow("o", project="p")), "SUB_PROCESS", {"processDefinitionCode": "o"}),
    (
        lambda wf: Dependent("a", [any_of(DependsOn("x"), DependsOn("y", "t", "q", "last1Hour"))], relation="OR"),
        "DEPENDENT",
        {
            "dependence": {
                "checkInterval": 10,
                "failurePolicy": "DEPENDENT_FAILURE_FAILURE",
                "relation": "OR",
                "dependTaskList": [
                    {
                        "relation": "OR",
                        "dependItemList": [
                            {
                                "projectCode": "p",
                                "definitionCode": "x",
                                "depTaskCode": "",
                                "cycle": "day",
                                "dateValue": "today",
                            },
                            {
                                "projectCode": "q",
                                "definitionCode": "y",
                                "depTaskCode": "t",
                                "cycle": "hour",
                                "dateValue": "last1Hour",
                            },
                        ],
                    }
                ],
            }
        },
    ),
]


@pytest.mark.parametrize(("make", "task_type", "params"), TYPES)
def test_own_fields_come_into_the_definition(compiled, make, task_type, params):
    task = compiled(make, params={"server": "http://s", "x": 1}).task("a")
    assert task.task_type == task_type
    assert {k: v for k, v in task.task_params.items() if k not in ("localParams", "resourceList")} == params


def test_switch(compiled):
    definition = compiled(
        lambda wf: Switch("s", {wf.params.x > 1: shell("a"), wf.params.x < 0: shell("b")}, shell("c")), params={"x": 1}
    )
    assert definition.task("s").task_params["switchResult"] == {
        "dependTaskList": [{"condition": "${x} > 1", "nextNode": "a"}, {"condition": "${x} < 0", "nextNode": "b"}],
        "nextNode": "c",
    }
    assert definition.downstream("s") == ["a", "b", "c"]


def test_conditions(compiled):
    definition = compiled(
        lambda wf: Conditions(
            "s",
            [all_of(succeeded(shell("a")), failed(shell("b"))), failed(shell("c"))],
            shell("yes"),
            shell("no"),
            relation="OR",
        )
    )
    params = definition.task("s").task_params
    assert params["conditionResult"] == {"successNode": ["yes"], "failedNode": ["no"]}
    assert params["dependence"] == {
        "relation": "OR",
        "dependTaskList": [
            {
                "relation": "AND",
                "dependItemList": [
                    {"depTaskCode": "a", "status": "SUCCESS"},
                    {"depTaskCode": "b", "status": "FAILURE"},
                ],
            },
            {"relation": "AND", "dependItemList": [{"depTaskCode": "c", "status": "FAILURE"}]},
        ],
    }
    assert definition.upstream("s") == ["a", "b", "c"]
    assert definition.downstream("s") == ["yes", "no"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", "0"),
        ("  WITH a AS (SELECT 1) SELECT * FROM a", "0"),
        ("-- why\n/* and\nhow */ (select 1)", "0"),
        ("show tables", "0"),
        ("insert into t select 1", "1"),
        ("-- select\nupdate t set a=1", "1"),
        ("selection", "1"),
    ],
)
def test_sql_type_by_its_first_word(compiled, sql, expected):
    assert compiled(lambda wf: Sql("a", "ds", sql)).tasks[0].task_params["sqlType"] == expected


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda wf: OpenMLDB("a", ""), "no statement in sql"),
        (lambda wf: OpenMLDB("a", " ; -- nothing\n ;"), "no statement in sql"),
        (lambda wf: OpenMLDB("a", None), "neither a string nor a list"),
        (lambda wf: OpenMLDB("a", [1]), "neither a string nor a list"),
        (lambda wf: OpenMLDB("a", "SELECT 'a; b"), "opens a ' in line 1 that nothing closes"),
        (lambda wf: OpenMLDB("a", "SELECT 1\n/* x"), "opens a /* in line 2"),
        (lambda wf: OpenMLDB("a", "SELECT 1", "batch"), "mode='batch' is not one of offline, online"),
        (lambda wf: OpenMLDB("a", "SELECT 1", zookeeper="h'1"), 'zookeeper="h\'1" is not an address'),
        (lambda wf: OpenMLDB("a", "SELECT 1", zookeeper=5), "zookeeper=5 is not an address"),
        (lambda wf: OpenMLDB("a", "SELECT '${nope}'"), "${nope} is neither a parameter nor an output"),
        (lambda wf: OpenMLDB("a", "SELECT 1", zookeeper="${nope}"), "${nope}"),
        (lambda wf: OpenMLDB("a", "SELECT '${q}'", params={"q": 'a"b'}), "cannot go into the SQL"),
        (lambda wf: Shell("a"), "either a script or a file"),
        (lambda wf: Shell("a", "  "), "either a script or a file"),
        (lambda wf: Shell("a", "x", file="y"), "either a script or a file"),
        (lambda wf: Shell("a", 5), "script=5 is not a string"),
        (lambda wf: Shell("a", file="nowhere.sh"), "cannot read nowhere.sh"),
        (lambda wf: Python("a"), "either a body or a file"),
        (lambda wf: Python("a", "x", file="y"), "either a body or a file"),
        (lambda wf: Python("a", " "), "neither a script's text nor a function"),
        (lambda wf: Python("a", 5), "neither a script's text nor a function"),
        (lambda wf: Python("a", "x", args={"x": 1}), "args go with a function"),
        (lambda wf: Python("a", "x = (\n"), "line 1: '(' was never closed"),
        (lambda wf: Python("a", lambda: 1), "a function defined with def"),
        (lambda wf: Python("a", dict), "a function defined with def"),
        (lambda wf: Python("a", function_with_global), "uses names from around it (CONSTANT)"),
        (lambda wf: Python("a", function_with_annotation), "uses names from around it (pytest)"),
        (lambda wf: Python("a", function_with_default), "uses names from around it (CONSTANT)"),
        (lambda wf: Python("a", async_function), "a function defined with def"),
        (lambda wf: Python("a", closure()), "uses names from around it (inner)"),
        (lambda wf: Python("a", train_function), "args do not fit the function train_function"),
        (lambda wf: Python("a", train_function, args={"rows": 1, "name": "x", "more": 2}), "args do not fit"),
        (lambda wf: Python("a", train_function, args=["rows"]), "is not a mapping"),
        (lambda wf: Python("a", train_function, args={"rows": None, "name": "x"}), "args['rows']=None"),
        (lambda wf: Sql("a"), "datasource and sql are needed"),
        (lambda wf: Sql("a", "ds", 5), "sql=5 is not a string"),
        (lambda wf: Sql("a", "ds", "x", sql_type="QUERY"), "sql_type='QUERY' is not one of"),
        (lambda wf: Sql("a", "ds", "x", datasource_type="mysql"), "is written 'MYSQL'"),
        (lambda wf: Sql("a", "ds", "x", pre="SET a"), "pre='SET a' is not a list of strings"),
        (lambda wf: Sql("a", "ds", "x", display_rows="1"), "display_rows='1'"),
        (lambda wf: Sql("a", "ds", "x", limit=-1), "limit=-1"),
        (lambda wf: Sql("a", "ds", "x", send_email=True), "send_email needs a title"),
        (lambda wf: Sql("a", "${x}", "select 1"), "${x} cannot stand in datasource"),
        (lambda wf: Http("a"), "the url is missing"),
        (lambda wf: Http("a", "GET", None), "the url is missing"),
        (lambda wf: Http("a", "GET", "localhost/x"), "does not start with http://"),
        (lambda wf: Http("a", "get", "http://x"), "method='get' is not one of GET"),
        (lambda wf: Http("a", "POST", "http://x", json={"a": {"b": 1}}), "json['a']={'b': 1} is not a string"),
        (lambda wf: Http("a", "POST", "http://x", json={"a": None}), "json['a']=None is not a string"),
        (lambda wf: Http("a", "POST", "http://x", json=["a"]), "json=['a'] is not a mapping"),
        (lambda wf: Http("a", "GET", "http://x", json={"a": 1}), "a GET request has no body"),
        (lambda wf: Http("a", "GET", "http://x", check="OK"), "check='OK' is not one of"),
        (lambda wf: Http("a", "GET", "http://x", check="BODY_CONTAINS"), "needs a condition"),
        (lambda wf: Http("a", "GET", "http://x", check="STATUS_CODE_CUSTOM", condition=200), "condition=200"),
        (lambda wf: Http("a", "GET", "http://x", check="STATUS_CODE_CUSTOM", condition="x"), "not a status code"),
        (lambda wf: Http("a", "GET", "http://x", socket_timeout=0), "socket_timeout=0"),
        (lambda wf: Http("a", "GET", "http://x", connect_timeout=0), "connect_timeout=0"),
        (lambda wf: Switch("s"), "at least one branch"),
        (lambda wf: Switch("s", [shell("a")], shell("b")), "at least one branch"),
        (lambda wf: Switch("s", {True: shell("a")}, shell("b")), "True is not a condition"),
        (lambda wf: Switch("s", {wf.params.x > 1: "a"}, shell("b")), "is 'a', not a task"),
        (lambda wf: Switch("s", {wf.params.x > 1: shell("a")}), "otherwise"),
        (lambda wf: Switch("s", {wf.params.x > 1: shell("a")}, "b"), "otherwise='b' is not a task"),
        (lambda wf: Switch("s", {wf.params.x > 1: shell("a")}, shell("b"), enabled=False), "disabled switch"),
        (lambda wf: Switch("s", {wf.params.x > 1: (a := shell("a"))}, a), "two branches lead to 'a'"),
        (lambda wf: Switch("s", {wf.params.x > 1: shell("a")}, shell("b")) >> shell("c"), "'c' would never run"),
        (lambda wf: Conditions("s"), "cannot stand here"),
        (lambda wf: Conditions("s", []), "there is no condition"),
        (lambda wf: Conditions("s", all_of()), "there is no condition"),
        (lambda wf: Conditions("s", succeeded(shell("a"))), "success= and failure= are needed"),
        (lambda wf: Conditions("s", succeeded("a"), shell("b"), shell("c")), "'a' is not a task"),
        (lambda wf: Conditions("s", succeeded(shell("a")), "b", shell("c")), "success='b' is not a task"),
        (lambda wf: Conditions("s", DependsOn("a"), shell("b"), shell("c")), "cannot stand here"),
        (lambda wf: Conditions("s", succeeded(shell("a")), shell("b"), shell("c"), "XOR"), "relation='XOR'"),
        (lambda wf: Conditions("s", succeeded(shell("a")), b := shell("b"), b), "the same task"),
        (lambda wf: Dependent("s"), "cannot stand here"),
        (lambda wf: Dependent("s", DependsOn("x", date="yesterday")), "date='yesterday' is not one of"),
        (lambda wf: Dependent("s", DependsOn("")), "needs a workflow's name"),
        (lambda wf: Dependent("s", DependsOn(wf)), "is not a string"),
        (lambda wf: Dependent("s", DependsOn("${x}")), "${x} cannot stand in dependence"),
        (lambda wf: Dependent("s", DependsOn("x"), "XOR"), "relation='XOR'"),
        (lambda wf: SubWorkflow("s"), "which workflow to run is missing"),
        (lambda wf: SubWorkflow("s", 5), "which workflow to run is missing"),
        (lambda wf: SubWorkflow("s", wf), "would run itself"),
        (lambda wf: SubWorkflow("s", Workflow("o", project="q")), "belongs to the project 'q'"),
    ],
)
def test_bad_own_field(refused, make, says):
    refused(make, says, params={"x": 1})


# ------------------------------------------------------------------------------------------ files and functions


def test_a_file_beside_the_pipeline_file(tmp_path, monkeypatch):
    (tmp_path / "job.sh").write_text("echo 特征\n", encoding="utf-8")
    pipeline = tmp_path / "pipeline.py"
    pipeline.write_text("from dsflow import *\nwith Workflow('w', project='p') as wf: Shell('a', file='job.sh')\n")
    monkeypatch.chdir("/")
    names = {}
    exec(compile(pipeline.read_text(), str(pipeline), "exec"), names)
    assert names["wf"].definition().tasks[0].task_params["rawScript"] == "echo 特征\n"


def test_in_a_notebook_files_lie_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "job.sh").write_text("echo 1\n")
    monkeypatch.chdir(tmp_path)
    names = {}
    cell = "from dsflow import *\nwith Workflow('w', project='p') as wf: Shell('a', file='job.sh')\n"
    exec(compile(cell, "/tmp/ipykernel_1/2.py", "exec"), names)
    assert names["wf"].definition().tasks[0].task_params["rawScript"] == "echo 1\n"


def test_a_file_that_is_no_text(tmp_path, refused):
    (tmp_path / "x.sh").write_bytes(b"\xff\xfe")
    refused(lambda wf: Shell("a", file=str(tmp_path / "x.sh")), "is not UTF-8 text (byte 0)")


CONSTANT = 3


def function_with_global():
    return {"a": CONSTANT}


def function_with_annotation(x: "pytest.Mark" = None, y: pytest.Mark = None):
    return {}


def function_with_default(x=CONSTANT):
    return {}


async def async_function():
    return {}


def closure():
    inner = 1

    def function():
        return {"a": inner}

    return function


def decorated(function):
    return function


@decorated
def train_function(rows: int, name: str, *, scale: float = 1.0, flag: bool = False):
    """With a 'quote' and a "double one"."""
    import math

    def helper(x):
        return math.floor(x * scale)

    return {"count": helper(rows), "title": f"{name}!", "good": not flag}


def outputs_of(script, **values):
    """Run a script as DolphinScheduler does: ${name} replaced, ${setValue(..)} lines read from what it prints."""
    for name, value in values.items():
        script = script.replace(f"${{{name}}}", value)
    ast.parse(script)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(script, {})
    return dict(re.findall(r"^\$\{setValue\((\w+)=(.*)\)\}$", printed.getvalue(), re.MULTILINE))


def test_a_function_runs_without_this_package(compiled):
    definition = compiled(
        lambda wf: Python(
            "a",
            train_function,
            args={"rows": wf.params.rows, "name": wf.params.name, "scale": 0.5, "flag": wf.params.flag},
            outputs={"count": int, "title": str, "good": bool},
        ),
        params={"rows": 1, "name": "x", "flag": False},
    )
    script = definition.tasks[0].task_params["rawScript"]
    assert "decorated" not in script
    given = outputs_of(script, rows="9", name='it\'s "C:\\new"', flag="true")
    assert given == {"count": "4", "title": 'it\'s "C:\\new"!', "good": "false"}


def test_a_bool_output_reads_as_dolphinscheduler_writes_it(compiled):
    definition = compiled(lambda wf: Python("a", train_function, args={"rows": 1, "name": "x"}, outputs={"good": bool}))
    assert outputs_of(definition.tasks[0].task_params["rawScript"]) == {"good": "true"}


@pytest.mark.parametrize(
    "make",
    [
        lambda wf: Http("a", "GET", "localhost/x"),
        lambda wf: Sql("a", "ds", "x", datasource_type="mysql"),
        lambda wf: Switch("s", {wf.params.x > 1: (a := shell("a"))}, a),
        lambda wf: Switch("s", {wf.params.x > 1: shell("a")}, shell("b"), enabled=False),
        lambda wf: Conditions("s", succeeded(shell("a")), b := shell("b"), b, enabled=False),
        lambda wf: SubWorkflow("s", "w"),
    ],
)
def test_what_a_server_may_hold_can_be_declared_without_strict(compiled, refused, make):
    refused(make, "task '", params={"x": 1})
    assert compiled(make, params={"x": 1}, strict=False)
