"""Tables with the indexes that Table.create() derives, in the engine: DEPLOY finds them, and no row is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from dsflow import Index, OpenMLDB, Table, Workflow
from dsflow import types as t
from dsflow.embedded.engine import Engine
from dsflow.embedded.results import Result

Run = Callable[..., Result]

CLICKS = {"ip": t.Int, "app": t.Int, "ts": t.Timestamp, "x": t.Int}
PRICES = {"id": t.Int, "seen": t.Timestamp, "price": t.Int}
HOUR = "PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"
ROWS = "PARTITION BY ip ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"
NOW = int(time.time() * 1000)


def windows(*frames: str) -> str:
    """A count over each window."""
    columns = ", ".join(f"count(x) OVER w{n} AS n{n}" for n, _ in enumerate(frames))
    return f"SELECT {columns} FROM clicks WINDOW " + ", ".join(f"w{n} AS ({f})" for n, f in enumerate(frames))


def price(on: str = "", right: str = "prices", order: str = "ORDER BY p.seen") -> str:
    return f"SELECT p.price FROM clicks LAST JOIN {right} AS p {order} ON clicks.ip = p.id{on}"


def create(run: Run, *queries: str, derive: bool = True, indexes: Sequence[Index] = ()) -> list[str]:
    """Make the tables of a workflow that deploys the queries; gives its DEPLOY statements."""
    deploys = [f"DEPLOY d{n} {query}" for n, query in enumerate(queries)]
    with Workflow("w", project="p"):
        tables = [
            Table("clicks", CLICKS, database="d", indexes=indexes),  # type: ignore[arg-type]
            Table("older", CLICKS, database="d"),  # type: ignore[arg-type]
            Table("prices", PRICES, database="d"),  # type: ignore[arg-type]
        ]
        tasks = [table.create(derive_indexes=derive) for table in tables]
        OpenMLDB("deploy", ["USE d", *deploys], "online")
    for task in tasks:
        run(task.statements[-1])
    return deploys


def indexes_of(engine: Engine) -> dict[str, list[str]]:
    return {
        name: [f"{','.join(index.id[0])} {index.ts or ''} {index.ttl}" for index in engine.table("d", name).indexes]
        for name in ("clicks", "older", "prices")
    }


@pytest.mark.parametrize(
    "queries",
    [
        (windows(HOUR),),
        (windows(ROWS),),
        (windows(HOUR, ROWS, HOUR.replace("ip", "app, ip")),),
        (windows(HOUR), windows(ROWS), windows(HOUR.replace("1h", "5d"))),
        (windows(f"UNION older {HOUR}"), windows(ROWS)),
        (windows(f"UNION older {HOUR} INSTANCE_NOT_IN_WINDOW", ROWS),),
        (windows(f"{HOUR} MAXSIZE 3"),),
        ("SELECT lag(x, 7) OVER w AS n FROM clicks WINDOW w AS (" + HOUR + ")",),
        (price(),),
        (price(order=""),),
        (price(" AND p.price = 3"), price()),
        (price(right="(SELECT app AS id, ts AS seen, x AS price FROM older)"),),
    ],
    ids=str,
)
def test_deploy_finds_what_it_needs(engine: Engine, run: Run, queries: Sequence[str]) -> None:
    deploys = create(run, *queries)
    made = indexes_of(engine)
    for deploy in deploys:
        run(deploy)
    assert indexes_of(engine) == made


SHOWN = {
    "a condition of LAST JOIN": (
        price(" AND p.price > 10"),
        [("prices", (1, NOW - 9, 20)), ("prices", (1, NOW - 8, 5))],
        (20,),
        (None,),
    ),
    "the price of then": (
        price(" AND clicks.ts >= p.seen"),
        [("prices", (1, NOW - 9, 20)), ("prices", (1, NOW + 8, 5))],
        (20,),
        (None,),
    ),
    "a query with WHERE": (
        price(right="(SELECT * FROM prices WHERE price > 10)"),
        [("prices", (1, NOW - 9, 20)), ("prices", (1, NOW - 8, 5))],
        (20,),
        (None,),
    ),
    "the oldest": (
        price(order="ORDER BY p.seen DESC"),
        [("prices", (1, NOW - 9, 20)), ("prices", (1, NOW - 8, 5))],
        (20,),
        (5,),
    ),
    "rows of a UNION with WHERE": (
        windows(f"UNION (SELECT * FROM older WHERE app IN (3)) {ROWS}"),
        [("older", (1, 3, NOW - 9, 1)), ("older", (1, 3, NOW - 8, 1)), *[("older", (1, 4, NOW - 7, 1))] * 2],
        (3,),
        (1,),
    ),
    "rows but for those of now": (
        windows(f"{ROWS} EXCLUDE CURRENT_TIME"),
        [("clicks", (1, 1, NOW - 9, 1)), ("clicks", (1, 1, NOW - 8, 1)), *[("clicks", (1, 2, NOW, 1))] * 2],
        (3,),
        (1,),
    ),
}
"""What is asked, what is stored, the answer, and the answer with the TTL that OpenMLDB's DEPLOY gives."""


@pytest.mark.parametrize("name", SHOWN)
def test_no_row_is_missing_where_openmldbs_ttl_takes_it(engine: Engine, run: Run, name: str) -> None:
    query, stored, wanted, cut = SHOWN[name]
    for derive, answer in ((True, wanted), (False, cut)):
        [deploy] = create(run, query, derive=derive)
        run(deploy)
        for table, row in stored:
            engine.insert("d", table, [row])
        assert engine.request("d", "d0", [(1, 1, NOW, 1)]) == [answer], f"derive_indexes={derive}"
        run("DROP DEPLOYMENT d0")
        for table in ("clicks", "older", "prices"):
            run(f"DROP TABLE {table}")


def test_a_table_that_is_there_gets_the_rest_from_deploy(engine: Engine, run: Run) -> None:
    """CREATE TABLE IF NOT EXISTS leaves it alone; DEPLOY adds another window's index, and lengthens a longer one's."""
    [deploy] = create(run, windows(HOUR))
    run(deploy)
    engine.insert("d", "clicks", [(1, 7, NOW - 5, 1), (1, 7, NOW - 4, 1)])
    assert indexes_of(engine)["clicks"] == ["ip ts 60min"]
    run("DROP DEPLOYMENT d0")
    [deploy] = create(run, windows(HOUR.replace("1h", "2h"), HOUR.replace("ip", "app")))
    assert indexes_of(engine)["clicks"] == ["ip ts 60min"]
    run(deploy)
    assert indexes_of(engine)["clicks"] == ["ip ts 120min", "app ts 60min"]
    assert engine.request("d", "d0", [(1, 7, NOW, 1)]) == [(3, 3)]


def test_a_declared_index_is_the_users(engine: Engine, run: Run) -> None:
    create(run, windows(HOUR, ROWS.replace("ip", "app")), indexes=[Index("ip", ts="ts", ttl="5m")])
    assert indexes_of(engine)["clicks"] == ["ip ts 5min", "app ts 2"]
