import pytest

from dsflow import FeatureView, Http, Index, OpenMLDB, Python, Shell, Switch, Table, Workflow
from dsflow import types as t
from dsflow.errors import DeclarationError, ParameterError


def table(**more):
    return Table("clicks", database="db", ip=t.Int, ts=t.Timestamp, **more)


def view(**more):
    return FeatureView("f", source=table(), **{"sql": "SELECT ip FROM clicks"} | more)


# ---------------------------------------------------------------------------------------------------- parameters


def test_parameters_come_into_the_definition(compiled):
    params = {"data": "/x", "rows": 3, "min": 0.5, "on": True}
    assert [p.to_dict() for p in compiled(lambda wf: Shell("a", "true"), params=params).global_params] == [
        {"prop": "data", "direct": "IN", "type": "VARCHAR", "value": "/x"},
        {"prop": "rows", "direct": "IN", "type": "LONG", "value": "3"},
        {"prop": "min", "direct": "IN", "type": "DOUBLE", "value": "0.5"},
        {"prop": "on", "direct": "IN", "type": "BOOLEAN", "value": "true"},
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"rows": "4"}, "4"), ({"rows": 4}, "4"), ({}, "3"), ({"rows": " 5 "}, "5")],
)
def test_values_in_place_of_defaults(compiled, values, expected):
    definition = compiled(lambda wf: Shell("a", "echo ${rows}"), values, params={"rows": 3})
    assert definition.global_params[0].value == expected
    assert definition.tasks[0].task_params["rawScript"] == "echo ${rows}"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"row": "4"}, "has no parameter 'row'"),
        ({"rows": "four"}, "is of type int; 'four' is not"),
        ({"rows": 1.5}, "is of type int; '1.5' is not"),
        ({"rows": True}, "is of type int; 'true' is not"),
    ],
)
def test_bad_values(compiled, values, says):
    with pytest.raises(ParameterError, match=says):
        compiled(lambda wf: Shell("a", "true"), values, params={"rows": 3})


def test_what_dolphinscheduler_does_not_substitute_is_written_in(compiled):
    definition = compiled(
        lambda wf: OpenMLDB("a", "SELECT '${day}'"),
        {"zookeeper": "zk:9"},
        params={"zookeeper": "h:1", "zookeeper_path": "/o", "day": "x"},
    )
    params = definition.tasks[0].task_params
    assert (params["zk"], params["zkPath"], params["sql"]) == ("zk:9", "/o", "SELECT '${day}'")
    assert definition.fixed_params == ("zookeeper", "zookeeper_path")


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a;b", "a\nb", "a\0b"])
def test_a_value_that_would_break_the_script(compiled, value):
    with pytest.raises(ParameterError, match="cannot go into the SQL of task 'a'"):
        compiled(lambda wf: OpenMLDB("a", "SELECT '${x}'"), {"x": value}, params={"x": "fine"})
    assert compiled(lambda wf: Shell("a", "echo '${x}'"), {"x": value}, params={"x": "fine"})


# -------------------------------------------------------------------------------------------------- placeholders


@pytest.mark.parametrize(
    "make",
    [
        lambda wf: OpenMLDB("a", "SELECT '${x}' '${system.biz.date}' '$[yyyyMMdd]'"),
        lambda wf: OpenMLDB("a", "SELECT '${y}'", params={"y": 1}),
        lambda wf: Http("a", "POST", "${x}", json={"k": "${x}"}),
        lambda wf: Shell("a", "echo ${PATH} ${x}"),
        lambda wf: Python("a", "print('${whatever}')"),
        lambda wf: Shell("a", "true", outputs={"o": int}) >> OpenMLDB("b", "SELECT ${o}"),
        lambda wf: Shell("a", "true", outputs={"o": int}) >> Shell("m", "true") >> OpenMLDB("b", "SELECT ${o}"),
        lambda wf: Shell("a", "echo '${setValue(o=1)}'; echo ${o}", outputs={"o": int}),
    ],
)
def test_placeholders_that_mean_something(compiled, make):
    compiled(make, params={"x": "http://x"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda wf: OpenMLDB("a", "SELECT '${nope}'"), "${nope} is neither a parameter nor an output"),
        (lambda wf: OpenMLDB("a", "SELECT '${ x }'"), "${ x } is neither"),
        (lambda wf: Http("a", "GET", "http://${nope}"), "${nope} is neither"),
        (lambda wf: Http("a", "POST", "http://x", json={"k": "${nope}"}), "${nope} is neither"),
        (lambda wf: (o(), OpenMLDB("b", "SELECT ${o}")), "output 'o' of task 'o', but does not run after it"),
        (lambda wf: Shell("b", "echo ${o}") >> o(), "does not run after it"),
        (lambda wf: (o(), Http("b", "POST", "http://x", json={"k": "${o}"})), "does not run after it"),
        (lambda wf: (r := o(), Shell("b", "true", params={"k": r.outputs.o})), "does not run after it"),
        (lambda wf: Switch("s", {o().outputs.o > 1: Shell("b", "true")}, Shell("c", "true")), "does not run after it"),
        (lambda wf: o() >> OpenMLDB("b", "SELECT 1", zookeeper="${o}"), "${o} cannot stand in zk"),
    ],
)
def test_placeholders_that_mean_nothing(refused, make, says):
    refused(make, says, params={"x": 1})


def o():
    return Shell("o", "true", outputs={"o": int})


# --------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("make", "sql"),
    [
        (
            lambda wf: table().create(),
            [
                "CREATE DATABASE IF NOT EXISTS db",
                "USE db",
                "CREATE TABLE IF NOT EXISTS clicks (ip int, ts timestamp)",
            ],
        ),
        (
            lambda wf: table(
                indexes=[Index("ip", ts="ts", ttl="30d"), Index(["ip", "ts"], ttl="(1d, 5)", ttl_type="absorlat")]
            ).create(),
            [
                "CREATE DATABASE IF NOT EXISTS db",
                "USE db",
                "CREATE TABLE IF NOT EXISTS clicks (ip int, ts timestamp, "
                "INDEX(KEY=ip, TS=ts, TTL=30d, TTL_TYPE=absolute), "
                "INDEX(KEY=(ip, ts), TTL=(1d, 5), TTL_TYPE=absorlat))",
            ],
        ),
        (
            lambda wf: table().load_offline("/d/x.csv"),
            [
                "USE db",
                "LOAD DATA INFILE '/d/x.csv' INTO TABLE clicks OPTIONS(format='csv', mode='overwrite', header=true)",
            ],
        ),
        (
            lambda wf: table().load_online("/d"),
            [
                "USE db",
                "SET @@sync_job=true",
                "SET @@job_timeout=1800000",
                "LOAD DATA INFILE '/d' INTO TABLE clicks "
                "OPTIONS(format='csv', mode='append', put_if_absent=true, header=true)",
            ],
        ),
        (
            lambda wf: table().load_online("/d", format="parquet", replace=True),
            [
                "USE db",
                "SET @@sync_job=true",
                "SET @@job_timeout=1800000",
                "TRUNCATE TABLE clicks",
                "LOAD DATA INFILE '/d' INTO TABLE clicks OPTIONS(format='parquet', mode='append')",
            ],
        ),
        (
            lambda wf: view().extract("/out"),
            ["USE db", "SELECT ip FROM clicks\nINTO OUTFILE '/out' OPTIONS(format='csv', mode='overwrite')"],
        ),
        (
            lambda wf: view().deploy("demo", range_bias="inf", rows_bias=3),
            [
                "USE db",
                f"DEPLOY IF NOT EXISTS demo_{view().version} OPTIONS(RANGE_BIAS='inf', ROWS_BIAS=3) "
                "SELECT ip FROM clicks",
            ],
        ),
    ],
)
def test_steps_of_tables_and_views(compiled, make, sql):
    from dsflow.declare.encoding import decode

    (node,) = (task for task in compiled(make).tasks if task.task_type == "OPENMLDB")
    arrived = decode(node.task_params["sql"])
    assert [statement.lstrip("\n") for statement in arrived] == sql


def test_another_query_is_another_deployment():
    assert view().version == view(sql="  SELECT ip FROM clicks ; ").version
    assert view().version != view(sql="SELECT ts FROM clicks").version


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda wf: Table("a b", database="d", a=t.Int), "table 'a b' is not a name"),
        (lambda wf: Table("t", {"a-b": t.Int}, database="d"), "column 'a-b' is not a name"),
        (lambda wf: Table("t", database="", a=t.Int), "database '' is not a name"),
        (lambda wf: Table("t", database="d"), "there are no columns"),
        (lambda wf: Table("t", database="d", a=int), "is not a column type of OpenMLDB"),
        (lambda wf: Table("t", database="d", a="text"), "'text' is not a column type of OpenMLDB"),
        (lambda wf: Table("t", database="d", a=None), "is not a column type of OpenMLDB"),
        (lambda wf: Table("t", {"a": t.Int}, database="d", a=t.Int), "column 'a' is there twice"),
        (lambda wf: table(indexes=Index("ip")), "is not a list of Index"),
        (lambda wf: table(indexes=["ip"]), "is not a list of Index"),
        (lambda wf: table(indexes=[Index("app")]), "an index names the column 'app', which is not there"),
        (lambda wf: table(indexes=[Index("ip", ts="ip")]), "ordered by 'ip', which is no timestamp"),
        (lambda wf: table(indexes=[Index("ip", ttl="1d", ttl_type="x")]), "ttl_type='x', not one of"),
        (lambda wf: table(indexes=[Index("ip", ttl="1d", ttl_type="latest")]), "ttl='1d', which is no latest TTL"),
        (lambda wf: table(indexes=[Index("ip", ttl="soon")]), "ttl='soon', which is no absolute TTL"),
        (lambda wf: table().load_offline("/x'y"), "cannot stand in a statement"),
        (lambda wf: table().load_online("/x", format="orc"), "format='orc' is neither csv nor parquet"),
        (lambda wf: view().extract(""), "cannot stand in a statement"),
        (lambda wf: view().extract("/x", format="json"), "format='json' is neither"),
        (lambda wf: view(sql="SELECT 1; SELECT 2"), "its sql is not one statement"),
        (lambda wf: view(sql=""), "its sql is not one statement"),
        (lambda wf: view().deploy("my-demo"), "the deployment 'my-demo' is not a name"),
        (lambda wf: FeatureView("my view", source=table(), sql="SELECT 1"), "not a name"),
        (lambda wf: FeatureView("f", source="clicks", sql="SELECT 1"), "is not a Table"),
    ],
)
def test_bad_tables_and_views(compiled, make, says):
    with pytest.raises(DeclarationError) as caught:
        compiled(make)
    assert says in str(caught.value)
    assert caught.value.where.file == __file__


WINDOW = "WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT ip, hour(ts) AS h FROM clicks", ("ip", "h")),
        ("SELECT *, 1 AS one FROM clicks", ("ip", "ts", "one")),
        (f"SELECT count(ip) OVER w AS n FROM clicks {WINDOW}", ("n",)),
    ],
)
def test_a_view_s_columns(sql, names):
    assert view(sql=sql).output_columns == names


def test_the_label_is_no_feature():
    assert view(sql="SELECT ip, ts FROM clicks", label="ip").columns == ("ts",)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"label": "nope"}, "the label 'nope' is not among its columns"),
        ({"sql": "SELEC ip FROM clicks"}, "feature view 'f'"),
        ({"sql": "SELECT hour(ts) FROM clicks"}, "has no name"),
        ({"sql": "DROP TABLE clicks"}, "feature view 'f'"),
    ],
)
def test_a_view_whose_columns_can_not_be_told(fields, says):
    with pytest.raises(DeclarationError, match=says):
        _ = view(**fields).columns


def test_the_same_workflow_twice_is_two_workflows():
    first, second = Workflow("w", project="p"), Workflow("w", project="p")
    with first:
        Shell("a", "true")
    assert (list(first.tasks), list(second.tasks)) == (["a"], [])
