"""Steps of several nodes: which nodes there are, and where edges to and from a step go."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from dsflow import Check, Conditions, Definition, FeatureView, Shell, Switch, Table, Workflow, failed, types
from dsflow.declare.encoding import literal
from dsflow.declare.equalrows import equal_rows
from dsflow.declare.folding import folded, steps_of
from dsflow.declare.part import Part, part_from, part_only
from dsflow.declare.stepscript import step_script
from dsflow.errors import DeclarationError, ParameterError

SQL = (
    "SELECT a, b, count(a) OVER w AS n FROM t"
    " WINDOW w AS (PARTITION BY a ORDER BY b ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
)


TABLE = Table("t", database="d", a=types.Int, b=types.Timestamp)


def compiled(make: Callable[[Workflow, Table, FeatureView], Any], **params: Any) -> Definition:
    params = {"db": "d", "auc": 0.5, "server": "http://127.0.0.1:8881"} | params
    with Workflow("w", project="p", params=params) as wf:
        table = Table("t", database=wf.params.db, a=types.Int, b=types.Timestamp)
        make(wf, table, FeatureView("f", source=table, sql=SQL))
    return wf.definition()


def edges(definition: Definition) -> set[tuple[str, str]]:
    return {(r.pre, r.post) for r in definition.relations if r.pre}


def script(definition: Definition, name: str) -> str:
    return str(next(task for task in definition.tasks if task.name == name).task_params["rawScript"])


def called(text: str) -> tuple[str, dict[str, Any]]:
    """The function that a script calls first, and with what, once the number of the newest job is filled in."""
    return calls(text)[0]


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """What a script calls, after it has connected."""
    body = ast.parse(re.sub(r"\$\{jobs_before_\w+\}", "41", text)).body
    main = body[0]
    assert isinstance(main, ast.FunctionDef)
    assert ast.unparse(main.body[0]).startswith("cursor = connect(")
    found = [node for top in main.body[1:] for node in (top.body if isinstance(top, ast.If) else [top])]
    return [_call(node) for node in found]


def connected(text: str) -> list[str]:
    """ZooKeeper and path that a script connects to."""
    (line,) = (line for line in text.splitlines() if line.startswith(" cursor = connect("))
    call = ast.parse(line.strip()).body[0]
    assert isinstance(call, ast.Assign)
    assert isinstance(call.value, ast.Call)
    return [ast.literal_eval(argument) for argument in call.value.args]


def _call(call: ast.AST) -> tuple[str, dict[str, Any]]:
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert isinstance(call.value.func, ast.Name)
    assert ast.unparse(call.value.args[0]) == "cursor"
    return call.value.func.id, {str(k.arg): ast.literal_eval(k.value) for k in call.value.keywords}


def test_edges_lead_around_the_check() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.create() >> table.load_offline("/x.csv") >> view.extract("/f") >> Shell("after", "true")

    assert edges(compiled(make)) == {
        ("create t", "load offline t"),
        ("ask offline t", "load offline t"),
        ("load offline t", "check offline t"),
        ("check offline t", "extract f"),
        ("extract f", "check extract f"),
        ("check extract f", "after"),
    }


def asks(make: Callable[[Workflow, Table, FeatureView], Any]) -> list[str]:
    """Names of the asks that are nodes of their own."""
    return [task.name for task in compiled(make).tasks if task.name.startswith("ask ")]


def test_a_check_asks_for_the_steps_right_after_it() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.load_offline("/x.csv") >> [view.extract("/f"), view.deploy()]

    definition = compiled(make)
    check = definition.task("check offline t")
    assert [p.prop for p in check.local_params] == ["jobs_before_extract_f", "deployed_deploy_f"]
    deployment = {"database": "${db}", "deployment": FeatureView("f", source=TABLE, sql=SQL).deployment()}
    assert calls(script(definition, check.name))[:2] == [
        ("ask_jobs", {"output": "jobs_before_extract_f"}),
        ("ask_deployed", {**deployment, "output": "deployed_deploy_f"}),
    ]
    assert {post for pre, post in edges(definition) if pre == check.name} == {"extract f", "choose deploy f"}
    assert asks(make) == ["ask offline t"]


@pytest.mark.parametrize(
    "make",
    [
        lambda t, v: t.create() >> v.extract("/f"),  # no check before it
        lambda t, v: t.load_offline("/x", "l") >> Shell("between", "true") >> v.extract("/f"),
        lambda t, v: [t.load_offline("/x", "l"), Shell("beside", "true")] >> v.extract("/f"),
        lambda t, v: t.load_offline("/x", "l", zookeeper="10.0.0.9:2181") >> v.extract("/f"),
        lambda t, v: t.load_offline("/x", "l", check=False) >> v.extract("/f"),
        lambda t, v: t.load_offline("/x", "l", enabled=False) >> v.extract("/f"),
        lambda t, v: Conditions(
            "c", failed(t.load_offline("/x", "l")), success=v.extract("/f"), failure=Shell("s", "x")
        ),
    ],
)
def test_elsewhere_an_ask_stays_a_node(make: Callable[[Table, FeatureView], Any]) -> None:
    assert "ask extract f" in asks(lambda wf, table, view: make(table, view))


def test_a_part_of_a_workflow_begins_with_the_check_that_asks() -> None:
    with Workflow("w", project="p") as wf:
        table = Table("t", database="d", a=types.Int, b=types.Timestamp)
        view = FeatureView("f", source=table, sql=SQL)
        load, extract = table.load_offline("/x.csv"), view.extract("/f")
        load >> [extract, Shell("beside", "true")]
        extract >> Shell("after", "true")
    held = [task.name for task in wf.definition().tasks]
    start = {"dsflow_start": "jobs_before_extract_f"}
    nodes = ["check offline t", "extract f", "check extract f"]
    assert part_only(extract, held) == Part(tuple(nodes), True, start)
    part = part_from(extract, held)
    assert (set(part.tasks), part.tasks[0], part.exactly, part.params) == ({*nodes, "after"}, nodes[0], True, start)
    shown = f"if not set('${{dsflow_start}}'.split()).intersection(['{start['dsflow_start']}']):"
    assert shown in script(wf.definition(), nodes[0])
    assert part_from(load, held) == Part(("ask offline t",))
    assert part_from(wf.tasks["after"], held) == Part(("after",))
    # as an earlier version of dsflow has submitted it
    assert part_from(extract, [*held, "ask extract f"]) == Part(("ask extract f",))
    assert part_only(extract, [*held, "ask extract f"]) == Part(("ask extract f", *nodes[1:]), True)


@pytest.mark.parametrize(
    ("make", "beside"),
    [
        (lambda t, v: t.create() >> v.extract("/f"), True),
        (lambda t, v: [t.create(), Table("u", database="d", a=types.Int).create()] >> v.extract("/f"), True),
        (lambda t, v: Shell("start OpenMLDB", "true") >> v.extract("/f"), False),
        (lambda t, v: Shell("start OpenMLDB", "true") >> t.create() >> v.extract("/f"), False),
        (lambda t, v: t.create(zookeeper="10.0.0.9:2181") >> v.extract("/f"), False),
        (lambda t, v: t.load_offline("/x", check=False) >> v.extract("/f"), False),
    ],
)
def test_an_ask_runs_beside_the_tables_that_are_made_first(
    make: Callable[[Table, FeatureView], Any], beside: bool
) -> None:
    found = edges(compiled(lambda wf, table, view: make(table, view)))
    assert ("ask extract f", "extract f") in found
    assert any(post == "ask extract f" for _, post in found) != beside
    assert ({pre for pre, post in found if post == "extract f"} != {"ask extract f"}) == beside


def test_a_part_that_begins_with_a_table_has_the_ask_beside_it() -> None:
    with Workflow("w", project="p") as wf:
        table = Table("t", database="d", a=types.Int, b=types.Timestamp)
        create, load = table.create(), table.load_offline("/x.csv")
        create >> load
    held = [task.name for task in wf.definition().tasks]
    assert part_from(create, held) == Part(("create t", "ask offline t"))
    assert part_from(load, held) == Part(("ask offline t",))
    assert part_only(load, held) == Part(("ask offline t", "load offline t", "check offline t"), True)


def test_a_deployment_is_asked_for_by_a_check_far_before_it() -> None:
    with Workflow("w", project="p", params={"auc": 0.5}) as wf:
        table = Table("t", database="d", a=types.Int, b=types.Timestamp)
        view = FeatureView("f", source=table, sql=SQL)
        extract, deploy = view.extract("/f"), view.deploy()
        train = Shell("train", "true", outputs={"x": float})
        good = Switch("good", {train.outputs.x > wf.params.auc: deploy}, otherwise=Shell("no", "true"))
        extract >> train >> good
        deploy >> Shell("after", "true")
    definition = wf.definition()
    check = script(definition, "check extract f")
    assert [name for name, _ in calls(check)] == ["ask_deployed", "check_extract"]
    assert {post for pre, post in edges(definition) if pre == "good"} == {"choose deploy f", "no"}
    assert {pre for pre, post in edges(definition) if post == "choose deploy f"} == {"good", "check extract f"}
    steps = steps_of(definition)
    assert ("extract f", "deploy f") not in folded(edges(definition), steps)
    assert ("good", "deploy f") in folded(edges(definition), steps)
    assert definition.task("good").task_params["switchResult"]["dependTaskList"][0]["nextNode"] == "choose deploy f"
    held = [task.name for task in definition.tasks]
    start = {"dsflow_start": "deployed_deploy_f"}
    nodes = {"check extract f", *(node.name for node in deploy.nodes[1:])}
    part = part_only(deploy, held)
    assert (set(part.tasks), part.tasks[0], part.exactly, part.params) == (nodes, "check extract f", True, start)
    part = part_from(deploy, held)
    assert (set(part.tasks), part.exactly, part.params) == ({*nodes, "after"}, True, start)
    # a part that begins between the check and the deployment has the check ask as well
    part = part_from(train, held)
    assert (set(part.tasks), part.exactly, part.params) == ({*nodes, "after", "train", "good", "no"}, True, start)
    assert part_from(extract, held) == Part(("ask extract f",))
    assert part_from(deploy, [*held, "ask deploy f"]) == Part(("ask deploy f",))
    assert set(part_only(deploy, [*held, "ask deploy f"]).tasks) == {node.name for node in deploy.nodes}


@pytest.mark.parametrize(
    "between",
    [
        lambda t, v: [t.create("make u")],
        lambda t, v: [[Shell("a", "true"), Shell("b", "true")], Shell("c", "true")],
    ],
)
def test_what_may_change_the_answer_or_can_be_passed_by_lies_not_between(
    between: Callable[[Table, FeatureView], list[Any]],
) -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        tasks = [view.extract("/f"), *between(table, view), view.deploy()]
        for one, other in pairwise(tasks):
            wf.connect(one, other)

    assert "ask deploy f" in asks(make)


def test_a_deployment_is_asked_for_first() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.create() >> view.deploy() >> Shell("after", "true")

    assert edges(compiled(make)) == {
        ("create t", "ask deploy f"),
        ("ask deploy f", "choose deploy f"),
        ("choose deploy f", "deploy f"),
        ("choose deploy f", "skip deploy f"),
        ("deploy f", "check deploy f"),
        ("skip deploy f", "check deploy f"),
        ("check deploy f", "after"),
    }


def test_a_branch_leads_to_the_first_node() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        start = Shell("start", "true", outputs={"x": float})
        start >> Switch("choose", {start.outputs.x > wf.params.auc: view.deploy()}, otherwise=Shell("no", "true"))

    definition = compiled(make)
    result = next(task for task in definition.tasks if task.name == "choose").task_params["switchResult"]
    assert result["dependTaskList"][0]["nextNode"] == "ask deploy f"
    assert ("choose", "ask deploy f") in edges(definition)
    assert ("choose", "deploy f") not in edges(definition)


def test_conditions_look_at_the_check() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        load = table.load_offline("/x.csv")
        Conditions("look", failed(load), success=Shell("tell", "true"), failure=view.extract("/f"))

    definition = compiled(make)
    params = next(task for task in definition.tasks if task.name == "look").task_params
    assert params["dependence"]["dependTaskList"][0]["dependItemList"][0]["depTaskCode"] == "check offline t"
    assert ("check offline t", "look") in edges(definition)


@pytest.mark.parametrize("enabled", [True, False])
def test_without_a_check_there_is_one_node(enabled: bool) -> None:
    fields: dict[str, Any] = {"check": False} if enabled else {"enabled": False}
    definition = compiled(lambda wf, table, view: table.load_offline("/x.csv", **fields))
    assert [task.name for task in definition.tasks] == ["load offline t"]


def test_a_deployment_without_a_check_still_joins_its_branches() -> None:
    definition = compiled(lambda wf, table, view: view.deploy(check=False) >> Shell("after", "true"))
    assert {("deploy f", "done deploy f"), ("skip deploy f", "done deploy f"), ("done deploy f", "after")} <= edges(
        definition
    )


def test_what_the_checks_are_told() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.load_online(wf.params.db / "x.csv", check=Check(timeout=5), environment="py", worker_group="big")
        view.extract("/f", format="parquet")
        view.deploy("demo")

    definition = compiled(make, zookeeper="10.0.0.1:2181")
    name, told = called(script(definition, "check online t"))
    assert name == "check_online_load"
    assert told == {
        "database": "${db}",
        "table": "t",
        "path": "${db}/x.csv",
        "before": "41",
        "minutes": 5,
    }
    assert called(script(definition, "ask online t")) == (
        "ask_jobs",
        {"output": "jobs_before_load_online_t"},
    )
    for task in definition.tasks:
        if task.task_type == "PYTHON":
            assert connected(script(definition, task.name)) == ["${zookeeper}", "/openmldb"]
    check = next(task for task in definition.tasks if task.name == "check online t")
    assert (check.environment, check.worker_group) == ("py", "big")
    assert called(script(definition, "check extract f")) == (
        "check_extract",
        {"path": "/f", "format": "parquet", "before": "41", "minutes": 30},
    )
    name, told = called(script(definition, "check deploy f"))
    assert (name, told["deployment"][:5]) == ("check_deployed", "demo_")
    name, told = called(script(definition, "ask deploy f"))
    assert (name, told["output"]) == ("ask_deployed", "deployed_deploy_f")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["ask load", "load", "check load"]),
        ({"check": False}, ["load", "equal rows load"]),
        ({"replace": True}, ["ask load", "load", "check load"]),
        ({"replace": True, "check": False}, ["load"]),
        ({"repeated": "drop", "check": False}, ["load"]),
        ({"repeated": "drop"}, ["ask load", "load", "check load"]),
        ({"enabled": False}, ["load"]),
    ],
)
def test_which_tasks_a_load_has(options: dict[str, Any], names: list[str]) -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.load_online("/x.csv", "load", **options) >> Shell("after", "true")

    definition = compiled(make)
    assert sorted(task.name for task in definition.tasks) == sorted([*names, "after"])
    assert set(edges(definition)) == set(pairwise([*names, "after"]))
    scripts = [str(task.task_params.get("rawScript", "")) for task in definition.tasks]
    kept = [
        name for text in scripts if text.startswith("# dsflow") for name, _ in calls(text) if name == "keep_equal_rows"
    ]
    assert len(kept) == (options in ({}, {"check": False}))


def test_how_equal_rows_are_found() -> None:
    definition = compiled(
        lambda wf, table, view: table.load_online("/x", "load", format="parquet", check=Check(7), repeated="refuse")
    )
    (check, _), (name, told) = calls(script(definition, "check load"))
    assert (check, name) == ("check_online_load", "keep_equal_rows")
    assert told == {
        "database": "${db}", "table": "t", "path": "/x", "kinds": "int,timestamp", "minutes": 7, "refuse": True,
        "rows": "t__rows", "found": "t__equal",
        "create_rows": "CREATE TABLE t__rows (a int, b timestamp, INDEX(KEY=a))",
        "create_found": "CREATE TABLE t__equal (a int, b timestamp, copies bigint, INDEX(KEY=a))",
        "link": "LOAD DATA INFILE '/x' INTO TABLE t__rows"
        " OPTIONS(format='parquet', mode='overwrite', deep_copy=false)",
        "find": "SELECT a, b, copies FROM (SELECT a, b, count(*) AS copies FROM t__rows GROUP BY a, b) AS g"
        " WHERE copies > 1 INTO OUTFILE 'openmldb://${db}.t__equal' OPTIONS(mode='append')",
    }  # fmt: skip


def test_floats_are_told_apart_by_their_hash() -> None:
    columns = {"amt": types.Double, "copies": types.String, "f": types.Float}
    find = equal_rows("d", "t", columns)
    assert find.create[1].endswith("copies string, f float, copies_ bigint, INDEX(KEY=copies))")
    assert find.find.startswith(
        "SELECT amt, copies, f, copies_ FROM (SELECT max(amt) AS amt, copies, max(f) AS f, count(*) AS copies_ FROM"
        " (SELECT amt, copies, f, hash64(amt) AS hash_0, hash64(f) AS hash_1 FROM t__rows) AS r"
        " GROUP BY hash_0, copies, hash_1) AS g WHERE copies_ > 1"
    )


def test_what_the_prediction_server_is_told() -> None:
    def make(wf: Workflow, table: Table, view: FeatureView) -> None:
        view.serve(wf.params.server, model_path="/m.json", deployment="demo", compare=7)

    definition = compiled(make)
    view = FeatureView("f", source=Table("t", database="d", a=types.Int, b=types.Timestamp), sql=SQL)
    serve = next(task for task in definition.tasks if task.name == "serve f")
    assert serve.task_params["url"] == "${server}/update"
    assert {item["prop"]: item["value"] for item in serve.task_params["httpParams"]} == {
        "database": "${db}",
        "deployment": view.deployment("demo"),
        "model_path": "/m.json",
        "table": "t",
        "columns": ",".join(f"{name}:{value}" for name, value in view.fingerprints.items()),
        "compare": "7",
    }
    assert called(script(definition, "drop old serve f"))[1]["prefix"] == "demo"
    alone = compiled(lambda wf, table, view: view.serve("http://x", model_path="/m", drop_old=False))
    assert [task.name for task in alone.tasks] == ["serve f"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda t: t.load_offline("/x", check="yes"), "check='yes' is neither True, False nor a Check(...)"),
        (lambda t: t.load_offline("/x", check=Check(timeout=0)), "Check(timeout=0) is not a number of minutes"),
        (lambda t: t.load_offline("/x", check=Check(timeout=True)), "is not a number of minutes"),
        (
            lambda t: t.load_online("/x", repeated="no"),
            "load_online(repeated='no') is neither 'keep', 'drop' nor 'refuse'",
        ),
        (lambda t: FeatureView("f", source=t, sql="SELECT a FROM t").deploy(check=None), "check=None is neither"),
        (
            lambda t: FeatureView("f", source=t, sql="SELEC a FROM t").serve("http://x", model_path="/m"),
            "feature view 'f': the SQL does not parse",
        ),
    ],
)
def test_bad_checks(make: Callable[[Table], object], says: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        compiled(lambda wf, table, view: make(table))
    assert says in str(caught.value)
    assert "test_steps.py:" in str(caught.value)


def fingerprints(sql: str) -> dict[str, str]:
    return FeatureView("f", source=Table("t", database="d", a=types.Int, b=types.Timestamp), sql=sql).fingerprints


def test_a_column_is_alike_when_all_that_it_is_made_of_is() -> None:
    one = fingerprints(SQL)
    assert set(one) == {"a", "b", "n"}
    assert one == fingerprints(SQL.replace(" ", "\n ").replace("SELECT", "select"))
    more = fingerprints(SQL.replace("SELECT a,", "SELECT a, a + 1 AS x,"))
    assert {name: more[name] for name in one} == one
    wider = fingerprints(SQL.replace("3 PRECEDING", "4 PRECEDING"))
    assert {name for name in one if wider[name] != one[name]} == {"n"}
    filtered = fingerprints(SQL.replace(" WINDOW", " WHERE a > 1 WINDOW"))
    assert not set(filtered.values()) & set(one.values())


def test_what_a_parameter_takes_part_in_is_not_compared() -> None:
    assert set(fingerprints("SELECT a, b + ${x} AS c FROM t")) == {"a"}
    assert fingerprints("SELECT a FROM t WHERE b > ${x}") == {}


@pytest.mark.parametrize("value", ["it's", 'a"b', "a\\b", "a\nb"])
def test_a_value_that_would_break_a_check_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="'server' cannot go into the script of 'drop old serve f'"):
        compiled(lambda wf, t, v: v.serve(wf.params.server, model_path="/m"), server=value)


@pytest.mark.parametrize("text", ["it's", 'a"""b', "c:\\\\x", "'", '"', "x\\"])
def test_texts_are_written_by_repr(text: str) -> None:
    body = step_script(("127.0.0.1:2181", text), [("ask_jobs", {"output": text})])
    assert connected(body) == ["127.0.0.1:2181", text]
    assert calls(body) == [("ask_jobs", {"output": text})]


def test_a_dollar_that_is_meant_stays_one() -> None:
    body = step_script(("z", "p"), [("ask_jobs", {"output": literal("/a/${b}$[c]")})])
    assert "${" not in body.partition("cursor = ")[2]
    assert calls(body) == [("ask_jobs", {"output": "/a/${b}$[c]"})]
