"""Table.create(): which indexes its statement makes, and for whom."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from dsflow import FeatureView, Index, OpenMLDB, Param, Table, Workflow
from dsflow import types as t
from dsflow.definition import Definition
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.plan_text import render_plan
from dsflow.errors import DeclarationError

WINDOW = "PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"
PLAIN = "CREATE TABLE IF NOT EXISTS clicks (ip int, app int, ts timestamp, x double, note string"


def clicks(**more: object) -> Table:
    columns = {"ip": t.Int, "app": t.Int, "ts": t.Timestamp, "x": t.Double, "note": t.String}
    return Table("clicks", columns, **{"database": "db", **more})  # type: ignore[arg-type]


def view(table: Table, window: str = WINDOW, name: str = "view") -> FeatureView:
    return FeatureView(name, source=table, sql=f"SELECT ip, count(ip) OVER w AS n FROM clicks WINDOW w AS ({window})")


def made(task: OpenMLDB) -> list[str]:
    """The indexes of a CREATE TABLE statement."""
    statement = task.statements[-1]
    assert statement.startswith(PLAIN)
    assert statement.endswith(")")
    return [f"INDEX{part}" for part in statement[:-1].split(", INDEX")[1:]]


def test_what_is_deployed_later_counts() -> None:
    with Workflow("w", project="p") as wf:
        table = clicks()
        create = table.create()
        assert made(create) == []
        create >> view(table).deploy()
    assert made(create) == ["INDEX(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute)"]
    sql = wf.definition().tasks[0].task_params["sql"]
    assert sql.endswith(f"{create.statements[-1]}")
    assert wf.definition() == wf.definition()


def test_each_index_says_who_needs_it() -> None:
    with Workflow("w", project="p"):
        table = clicks()
        create = table.create()
        view(table, name="one").deploy()
        view(table, WINDOW.replace("ROWS_RANGE BETWEEN 1h", "ROWS BETWEEN 50"), name="two").deploy()
        view(table, WINDOW.replace("ip", "app, ip"), name="three").deploy(range_bias="inf")
    assert [(d.index.ddl(), d.needed_by) for d in create.derived] == [
        ("INDEX(KEY=(app, ip), TS=ts)", ("deploy three",)),
        ("INDEX(KEY=ip, TS=ts, TTL=(1h, 50), TTL_TYPE=absandlat)", ("deploy one", "deploy two")),
    ]


@pytest.mark.parametrize(
    ("biases", "index"),
    [
        ({}, "INDEX(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute)"),
        ({"range_bias": "30d"}, "INDEX(KEY=ip, TS=ts, TTL=721h, TTL_TYPE=absolute)"),
        ({"range_bias": 60_000}, "INDEX(KEY=ip, TS=ts, TTL=61m, TTL_TYPE=absolute)"),
        ({"rows_bias": 10}, "INDEX(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute)"),
        ({"range_bias": "inf"}, "INDEX(KEY=ip, TS=ts)"),
        ({"range_bias": "${bias}"}, "INDEX(KEY=ip, TS=ts)"),
    ],
)
def test_a_bias_lengthens_the_ttl_as_deploy_does(biases: dict[str, str | int], index: str) -> None:
    with Workflow("w", project="p", params={"bias": "1d"}):
        table = clicks()
        create = table.create()
        view(table).deploy(**biases)  # type: ignore[arg-type]
    assert made(create) == [index]


def test_a_declared_index_stays_as_it_is_declared() -> None:
    short = Index("ip", ts="ts", ttl="5m")
    with Workflow("w", project="p"):
        table = clicks(indexes=[short, Index(["note", "ip"], ts="ts"), Index("app")])
        create = table.create()
        view(table).deploy()
        view(table, WINDOW.replace("ip", "ip, note"), name="two").deploy()
        view(table, WINDOW.replace("ip", "app"), name="three").deploy()
    assert made(create) == [
        "INDEX(KEY=ip, TS=ts, TTL=5m, TTL_TYPE=absolute)",
        "INDEX(KEY=(ip, note), TS=ts)",
        "INDEX(KEY=app)",
        "INDEX(KEY=app, TS=ts, TTL=1h, TTL_TYPE=absolute)",
    ]


def test_the_declared_ones_alone() -> None:
    with Workflow("w", project="p"):
        table = clicks(indexes=[Index("note")])
        create = table.create(derive_indexes=False)
        view(table).deploy()
    assert made(create) == ["INDEX(KEY=note)"]
    assert create.derived == ()


def test_what_is_not_deployed_needs_nothing() -> None:
    with Workflow("w", project="p"):
        table = clicks()
        create = table.create()
        view(table).extract("/out")
    with Workflow("other", project="p"):
        view(table).deploy()
    assert made(create) == []


def test_a_deployment_that_is_written_by_hand() -> None:
    select = f"SELECT count(ip) OVER w AS n FROM {{}} WINDOW w AS ({WINDOW})"
    with Workflow("w", project="p"):
        table = clicks()
        create = table.create()
        OpenMLDB("here", f"USE db; DEPLOY IF NOT EXISTS d {select.format('clicks')}", "online")
        OpenMLDB("elsewhere", f"USE other; DEPLOY d {select.replace('PARTITION BY ip', 'PARTITION BY app')}", "online")
        OpenMLDB(
            "named", f"USE other; DEPLOY e {select.format('db.clicks').replace('ip ORDER', 'note ORDER')}", "online"
        )
    assert made(create) == [
        "INDEX(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute)",
        "INDEX(KEY=note, TS=ts, TTL=1h, TTL_TYPE=absolute)",
    ]


def test_every_table_of_a_query() -> None:
    with Workflow("w", project="p"):
        table = clicks()
        users = Table("users", database="db", id=t.Int, seen=t.Timestamp, city=t.String)
        old = Table("old", table.columns, database="db")  # type: ignore[arg-type]
        creates = [table.create(), users.create(), old.create()]
        sql = f"""
            SELECT clicks.ip, users.city, count(clicks.ip) OVER w AS n
            FROM clicks LAST JOIN users ORDER BY users.seen ON clicks.ip = users.id
            WINDOW w AS ({WINDOW.replace("ip", "clicks.ip").replace("ts", "clicks.ts")})
        """
        FeatureView("joined", source=table, sql=sql).deploy()
        view(table, f"UNION old {WINDOW}").deploy()
    assert [create.statements[-1].partition(", INDEX")[2] for create in creates] == [
        "(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute))",
        "(KEY=id, TS=seen, TTL=1, TTL_TYPE=latest))",
        "(KEY=ip, TS=ts, TTL=1h, TTL_TYPE=absolute))",
    ]


def test_parameters() -> None:
    """A name is a name, a length keeps everything, a column is left to DEPLOY, a value is a value."""
    params = {"db": "demo", "table": "clicks", "hours": Param("1"), "key": "ip", "least": 3}
    with Workflow("w", project="p", params=params) as wf:
        table = Table(wf.params.table, {"ip": t.Int, "ts": t.Timestamp, "n": t.Int}, database=wf.params.db)  # type: ignore[arg-type]
        create = table.create()
        sql = f"SELECT ip, count(ip) OVER w AS n FROM {wf.params.table} WINDOW w AS ({WINDOW})"
        FeatureView("one", source=table, sql=sql.replace("1h", "${hours}h")).deploy("d")
        FeatureView("two", source=table, sql=sql.replace("BY ip", "BY ${key}")).deploy("d")
        other = "LAST JOIN ${table} AS b ORDER BY b.ts ON a.k = b.ip AND b.n = ${least}"
        FeatureView("three", source=table, sql=f"SELECT a.k FROM requests AS a {other}").deploy("d")
    assert create.statements[-1].endswith(
        "(ip int, ts timestamp, n int, INDEX(KEY=ip, TS=ts), INDEX(KEY=(ip, n), TS=ts, TTL=1, TTL_TYPE=latest))"
    )
    assert create.statements[0] == "CREATE DATABASE IF NOT EXISTS ${db}"
    wf.definition({"hours": "24"})


@pytest.mark.parametrize(
    ("window", "index"),
    [
        (WINDOW.replace("1h", "10950d"), "INDEX(KEY=ip, TS=ts, TTL=10950d, TTL_TYPE=absolute)"),
        (WINDOW.replace("1h", "10951d"), "INDEX(KEY=ip, TS=ts)"),
        (WINDOW.replace("_RANGE BETWEEN 1h", " BETWEEN 1000"), "INDEX(KEY=ip, TS=ts, TTL=1000, TTL_TYPE=latest)"),
        (WINDOW.replace("_RANGE BETWEEN 1h", " BETWEEN 1001"), "INDEX(KEY=ip, TS=ts)"),
    ],
)
def test_a_ttl_that_openmldb_would_refuse_keeps_everything(window: str, index: str) -> None:
    with Workflow("w", project="p"):
        table = clicks()
        create = table.create()
        view(table, window).deploy()
    assert made(create) == [index]


@pytest.mark.parametrize("window", [WINDOW.replace("ip", "x"), WINDOW.replace("ts", "app"), WINDOW.replace("ip", "zz")])
def test_an_index_that_openmldb_would_refuse_is_not_made(window: str) -> None:
    with Workflow("w", project="p"):
        table = clicks()
        create = table.create()
        view(table, window).deploy()
    assert made(create) == []


def test_a_deployment_that_does_not_parse_needs_nothing() -> None:
    with Workflow("w", project="p") as wf:
        table = clicks()
        create = table.create()
        OpenMLDB("deploy", "USE db; DEPLOY d SELECT FROM WHERE", "online")
    assert made(create) == []
    assert wf.definition()


def test_a_plan_shows_that_a_window_has_changed() -> None:
    def declared(window: str) -> Definition:
        with Workflow("w", project="p") as wf:
            table = clicks()
            table.create() >> view(table, window).deploy("d")
        return wf.definition()

    before = declared(WINDOW)
    assert build_plan(declared(WINDOW), before).is_empty
    text = render_plan(build_plan(declared(WINDOW.replace("1h", "2d")), before)).splitlines()
    changed = [line.strip() for line in text if "CREATE TABLE" in line]
    assert [line[0] for line in changed] == ["-", "+"]
    assert ["TTL=1h" in line for line in changed] == [True, False]
    assert ["TTL=2d" in line for line in changed] == [False, True]


def test_derive_indexes_is_a_flag() -> None:
    with Workflow("w", project="p"), pytest.raises(DeclarationError, match="derive_indexes='no' is neither True nor"):
        clicks().create(derive_indexes="no")  # type: ignore[arg-type]
