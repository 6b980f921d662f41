"""Which indexes a query needs, shape by shape."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from sqlglot import parse_one

from dsflow.openmldb.bound import bind
from dsflow.openmldb.dialect import OpenMLDB
from dsflow.openmldb.indexes import IndexNeed, TableKey, needed_indexes
from dsflow.openmldb.sdk import Compiler, SdkMissing, find_sdk
from dsflow.openmldb.ttl import Ttl

COLUMNS = {
    "t": [("ip", "int"), ("app", "int"), ("os", "string"), ("ts", "timestamp"), ("late", "timestamp"), ("x", "double")],
    "u": [("ip", "int"), ("app", "int"), ("os", "string"), ("ts", "timestamp"), ("late", "timestamp"), ("x", "double")],
    "v": [("id", "int"), ("seen", "timestamp"), ("val", "string"), ("n", "bigint")],
}
EVERYTHING = Ttl()
NEWEST = Ttl("latest", latest=1)
BY_IP = "PARTITION BY ip ORDER BY ts"
U_AS_T = "SELECT ip, app, os, ts, late, x FROM u"


def minutes(number: int) -> Ttl:
    return Ttl("absolute", number)


def rows(number: int) -> Ttl:
    return Ttl("latest", latest=number)


def window(text: str) -> str:
    return f"SELECT count(x) OVER w AS n FROM t WINDOW w AS ({text})"


def join(text: str) -> str:
    return f"SELECT t.ip, v.val FROM t LAST JOIN v {text}"


def right(query: str, on: str = "t.ip = r.id", order: str = "ORDER BY r.seen") -> str:
    return f"SELECT t.ip, r.val FROM t LAST JOIN ({query}) AS r {order} ON {on}"


AS_OPENMLDB: dict[str, tuple[str, dict[str, Ttl]]] = {
    # ---- frames
    "time": (window(f"{BY_IP} ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"), {"t ip ts": minutes(60)}),
    "time is rounded up to minutes": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN 61s PRECEDING AND 10s PRECEDING"),
        {"t ip ts": minutes(2)},
    ),
    "milliseconds": (window(f"{BY_IP} ROWS_RANGE BETWEEN 60001 PRECEDING AND CURRENT ROW"), {"t ip ts": minutes(2)}),
    "no time is a minute": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN CURRENT ROW AND CURRENT ROW"),
        {"t ip ts": minutes(1)},
    ),
    "days, open": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN 30d OPEN PRECEDING AND CURRENT ROW"),
        {"t ip ts": minutes(30 * 1440)},
    ),
    "time without end": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND 1h PRECEDING"),
        {"t ip ts": EVERYTHING},
    ),
    "MAXSIZE does not count": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW MAXSIZE 3"),
        {"t ip ts": minutes(60)},
    ),
    "EXCLUDE CURRENT_TIME": (
        window(f"{BY_IP} ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"),
        {"t ip ts": minutes(60)},
    ),
    "rows": (window(f"{BY_IP} ROWS BETWEEN 100 PRECEDING AND 50 PRECEDING"), {"t ip ts": rows(100)}),
    "rows, open": (window(f"{BY_IP} ROWS BETWEEN 3 OPEN PRECEDING AND CURRENT ROW"), {"t ip ts": rows(2)}),
    "no row is one": (window(f"{BY_IP} ROWS BETWEEN 0 PRECEDING AND CURRENT ROW"), {"t ip ts": rows(1)}),
    "rows without end": (
        window(f"{BY_IP} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"),
        {"t ip ts": rows(0)},
    ),
    "no order": (window("PARTITION BY ip ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"), {"t ip": rows(3)}),
    "keys in alphabetical order, each once": (
        window("PARTITION BY os, ip, ip ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        {"t ip,os ts": rows(3)},
    ),
    "a time and a number of rows on one index": (
        "SELECT count(x) OVER a AS n, count(x) OVER b AS m FROM t WINDOW"
        f" a AS ({BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW),"
        f" b AS ({BY_IP} ROWS BETWEEN 7 PRECEDING AND CURRENT ROW)",
        {"t ip ts": Ttl("absandlat", 180, 7)},
    ),
    "the longer of two times": (
        "SELECT count(x) OVER a AS n, count(x) OVER b AS m FROM t WINDOW"
        f" a AS ({BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW),"
        f" b AS ({BY_IP} ROWS_RANGE BETWEEN 7d PRECEDING AND CURRENT ROW)",
        {"t ip ts": minutes(7 * 1440)},
    ),
    "a window that nothing uses": (
        f"SELECT count(x) OVER a AS n FROM t WINDOW a AS ({BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW),"
        " b AS (PARTITION BY app ORDER BY ts ROWS BETWEEN 7 PRECEDING AND CURRENT ROW)",
        {"t ip ts": rows(3)},
    ),
    "in the place of a name": (
        f"SELECT count(x) OVER ({BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS n FROM t",
        {"t ip ts": rows(3)},
    ),
    "lag looks back by itself": (
        f"SELECT lag(x, 5) OVER w AS n FROM t WINDOW w AS ({BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
        {"t ip ts": rows(5)},
    ),
    "lag beside another function": (
        "SELECT LAG(x, 5) OVER w AS n, count(x) OVER w AS m FROM t"
        f" WINDOW w AS ({BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)",
        {"t ip ts": Ttl("absandlat", 180, 5)},
    ),
    "lag inside an expression": (
        "SELECT lag(x, 5) OVER w + 1 AS n FROM t"
        f" WINDOW w AS ({BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)",
        {"t ip ts": minutes(180)},
    ),
    # ---- UNION
    "UNION": (
        window(f"UNION u {BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW"),
        {"t ip ts": minutes(180), "u ip ts": minutes(180)},
    ),
    "UNION, columns of the left": (
        window("UNION u PARTITION BY t.ip ORDER BY t.ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        {"t ip ts": rows(3), "u ip ts": rows(3)},
    ),
    "UNION without the instances": (
        window(f"UNION u {BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW INSTANCE_NOT_IN_WINDOW"),
        {"u ip ts": minutes(180)},
    ),
    "UNION of a query that renames": (
        window(
            "UNION (SELECT app AS ip, ip AS app, os, late AS ts, ts AS late, x FROM u)"
            f" {BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW"
        ),
        {"t ip ts": minutes(180), "u app late": minutes(180)},
    ),
    "UNION of a query that computes the key": (
        window(
            "UNION (SELECT 1 AS ip, app, os, ts, late, x FROM u)"
            f" {BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW"
        ),
        {"t ip ts": minutes(180)},
    ),
    "UNION of a join": (
        window(
            "UNION (SELECT u.ip, u.app, v.val AS os, u.ts, u.late, u.x"
            " FROM u LAST JOIN v ORDER BY v.seen ON u.ip = v.id)"
            f" {BY_IP} ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW"
        ),
        {"t ip ts": minutes(180), "u ip ts": minutes(180), "v id seen": NEWEST},
    ),
    # ---- what a window is over
    "a query": (
        "SELECT count(x) OVER w AS n FROM (SELECT app AS ip, late AS ts, x FROM t)"
        f" WINDOW w AS ({BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
        {"t app late": rows(3)},
    ),
    "WITH": (
        "WITH q AS (SELECT * FROM t), r AS (SELECT ip AS k, ts, x FROM q) SELECT count(x) OVER w AS n FROM r"
        " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
        {"t ip ts": rows(3)},
    ),
    "a join": (
        "SELECT count(v.n) OVER w AS n FROM t LAST JOIN v ORDER BY v.seen ON t.ip = v.id"
        " WINDOW w AS (PARTITION BY t.ip ORDER BY t.ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
        {"t ip ts": rows(3), "v id seen": NEWEST},
    ),
    "two queries of windows, joined": (
        "SELECT a.n, b.m FROM (SELECT ip, count(x) OVER w AS n FROM t"
        f" WINDOW w AS ({BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)) AS a"
        " LAST JOIN (SELECT ip, count(x) OVER w AS m FROM t"
        " WINDOW w AS (PARTITION BY app ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)) AS b ON a.ip = b.ip",
        {"t ip ts": rows(3), "t app ts": rows(3)},
    ),
    # ---- LAST JOIN
    "ordered": (join("ORDER BY v.seen ON t.ip = v.id"), {"v id seen": NEWEST}),
    "not ordered": (join("ON t.ip = v.id"), {"v id": NEWEST}),
    "two keys, either side first": (
        join("ORDER BY v.seen ON (v.val = t.os) AND (t.ip = v.id)"),
        {"v id,val seen": NEWEST},
    ),
    "computed on the left": (join("ORDER BY v.seen ON t.ip + 1 = v.id"), {"v id seen": NEWEST}),
    "computed on the right": (join("ORDER BY v.seen ON t.ip = v.id + 1"), {}),
    "a constant": (join("ORDER BY v.seen ON t.ip = v.id AND v.n = 1 + 2"), {"v id,n seen": NEWEST}),
    "a condition on the left": (join("ORDER BY v.seen ON t.ip = v.id AND t.app = 3"), {"v id seen": NEWEST}),
    "a condition on the key": (join("ORDER BY v.seen ON t.ip = v.id AND v.id > 3"), {"v id seen": NEWEST}),
    "no key": (join("ORDER BY v.seen ON t.os = v.val OR t.ip = v.id"), {}),
    "one after another": (
        "SELECT t.ip, v.val, y.x FROM t LAST JOIN v ORDER BY v.seen ON t.ip = v.id"
        " LAST JOIN u AS y ORDER BY y.ts ON v.n = y.app",
        {"v id seen": NEWEST, "u app ts": NEWEST},
    ),
    "of a query": (right("SELECT id, val, seen FROM v"), {"v id seen": NEWEST}),
    "of a query with a condition on the key": (
        right("SELECT id, val, seen FROM v WHERE NOT isnull(id)"),
        {"v id seen": NEWEST},
    ),
    "of a query that computes": (right("SELECT n + 1 AS id, val, seen FROM v"), {}),
    "of a query with LIMIT": (right("SELECT id, val, seen FROM v LIMIT 10"), {}),
    "of a UNION": (
        right("SELECT id, seen, val FROM v UNION ALL SELECT app AS id, ts AS seen, os AS val FROM u"),
        {"v id seen": NEWEST, "u app ts": NEWEST},
    ),
    "of a join": (
        right("SELECT u.app AS id, u.ts AS seen, v.val FROM u LAST JOIN v ORDER BY v.seen ON u.ip = v.id"),
        {"u app ts": NEWEST, "v id seen": NEWEST},
    ),
    "of a join, by a column of its right": (
        right("SELECT v.n AS id, u.ts AS seen, v.val FROM u LAST JOIN v ORDER BY v.seen ON u.ip = v.id"),
        {"v id seen": NEWEST},
    ),
    "of a window": (
        right(
            "SELECT app AS id, ts AS seen, count(x) OVER w AS val FROM u"
            " WINDOW w AS (PARTITION BY ip ORDER BY late ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
        ),
        {"u app ts": NEWEST, "u ip late": rows(3)},
    ),
    "with the request's own table": (
        "SELECT a.ip, b.app FROM t AS a LAST JOIN t AS b ORDER BY b.ts ON a.ip = b.app",
        {},
    ),
    # ---- the rest
    "LEFT JOIN": (
        right("SELECT u.ip AS id, u.ts AS seen, v.val FROM u LEFT JOIN v ON u.ip = v.id"),
        {"u ip ts": NEWEST, "v id": EVERYTHING},
    ),
    "nothing": ("SELECT ip FROM t WHERE app = 3", {}),
}
"""Needs that are OpenMLDB's own: ``table keys ts`` -> TTL."""

LONGER: dict[str, tuple[str, dict[str, Ttl]]] = {
    "a condition on another column": (join("ORDER BY v.seen ON t.ip = v.id AND v.n > 3"), {"v id seen": EVERYTHING}),
    "the newest up to the request": (
        join("ORDER BY v.seen ON t.ip = v.id AND t.ts >= v.seen"),
        {"v id seen": EVERYTHING},
    ),
    "two columns of the right compared": (
        join("ORDER BY v.seen ON t.ip = v.id AND v.n = v.id"),
        {"v id seen": EVERYTHING},
    ),
    "the oldest": (join("ORDER BY v.seen DESC ON t.ip = v.id"), {"v id seen": EVERYTHING}),
    "of a query with a condition": (
        right("SELECT id, val, seen FROM v WHERE n > 3"),
        {"v id seen": EVERYTHING},
    ),
    "of a query with a constant": (
        right("SELECT * FROM (SELECT id, val AS a, val, seen FROM v) WHERE a = 'x'"),
        {"v id seen": EVERYTHING, "v val": EVERYTHING},
    ),
    "rows of a UNION with a condition": (
        window(f"UNION ({U_AS_T} WHERE app > 3) {BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        {"t ip ts": rows(3), "u ip ts": EVERYTHING},
    ),
    "rows but for those of now": (
        window(f"{BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"),
        {"t ip ts": EVERYTHING},
    ),
    "rows of a computed key": (
        window("PARTITION BY ip, hour(ts) ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        {"t ip ts": EVERYTHING},
    ),
}
"""Where OpenMLDB's own TTL takes rows that the query still needs, and this one does not."""

KNOWN = {("db", name): [column for column, _ in columns] for name, columns in COLUMNS.items()}


def flat(needs: dict[TableKey, list[IndexNeed]]) -> dict[str, Ttl]:
    return {
        " ".join([table, ",".join(need.keys), need.ts or ""]).strip(): need.ttl
        for (_, table), listed in needs.items()
        for need in listed
    }


def needs_of(sql: str, known: dict[TableKey, list[str]] = KNOWN) -> dict[str, Ttl]:
    return flat(needed_indexes(bind(parse_one(sql, read=OpenMLDB), "db", known)))


@pytest.mark.parametrize(("sql", "wanted"), [*AS_OPENMLDB.values(), *LONGER.values()], ids=[*AS_OPENMLDB, *LONGER])
def test_shape(sql: str, wanted: dict[str, Ttl]) -> None:
    assert needs_of(sql) == wanted


@pytest.mark.parametrize("name", [*AS_OPENMLDB, *LONGER])
def test_openmldb_itself(name: str) -> None:
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    sql, wanted = {**AS_OPENMLDB, **LONGER}[name]
    compiler = _compiler(sdk)
    assert compiler.validate(sql, "db", {"db": COLUMNS}, "request") is None
    native = flat(
        {("db", table): needs for table, needs in compiler.needed_indexes(sql, "db", {"db": COLUMNS}).items()}
    )
    assert native.keys() == wanted.keys()
    if name in LONGER:
        assert all(ttl.covers(native[key]) for key, ttl in wanted.items())
        assert any(not native[key].covers(ttl) for key, ttl in wanted.items())
    else:
        assert {key: ttl.normalised() for key, ttl in native.items()} == wanted


def _compiler(sdk: object) -> Compiler:
    from dsflow.openmldb.sdk import Sdk, shared_compiler

    assert isinstance(sdk, Sdk)
    return shared_compiler(sdk)


def test_other_databases() -> None:
    sql = "SELECT db.t.ip, o.v.val FROM db.t LAST JOIN o.v ORDER BY o.v.seen ON db.t.ip = o.v.id"
    found = needed_indexes(bind(parse_one(sql, read=OpenMLDB), "x", {}))
    assert found == {("o", "v"): [IndexNeed(("id",), "seen", NEWEST)]}
    same_name = "SELECT a.t.x, b.t.x AS y FROM a.t LAST JOIN b.t ORDER BY b.t.ts ON a.t.x = b.t.x"
    for known in ({("a", "t"): ["x", "ts"], ("b", "t"): ["x", "ts"]}, {}):
        assert needed_indexes(bind(parse_one(same_name, read=OpenMLDB), "a", known)) == {
            ("b", "t"): [IndexNeed(("x",), "ts", NEWEST)]
        }


def test_tables_that_are_not_known_have_any_column() -> None:
    of_one = window(f"{BY_IP} ROWS BETWEEN 3 PRECEDING AND CURRENT ROW")
    assert needs_of(of_one, {}) == {"t ip ts": rows(3)}
    assert needs_of(of_one.replace("FROM t", "FROM (SELECT * FROM t)"), {}) == {"t ip ts": rows(3)}
    of_two = join("ORDER BY v.seen ON t.ip = v.id")
    assert needs_of(of_two, {}) == {"v id seen": NEWEST}
    # a name without a table is one of the table that has it
    bare = join("ORDER BY seen ON ip = id")
    assert needs_of(bare, {("db", "t"): KNOWN["db", "t"]}) == {"v id seen": NEWEST}
    assert needs_of(bare, {}) == {}, "it could be of either"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(x) OVER nowhere AS n FROM t",
        window("PARTITION BY gone ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        window("PARTITION BY ip ORDER BY gone ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"),
        "SELECT 1 AS one",
        "SELECT ip, count(x) AS n FROM t GROUP BY ip",
        "SELECT t.ip FROM t, v",
    ],
)
def test_what_openmldb_refuses_needs_nothing(sql: str) -> None:
    assert needs_of(sql) == {}


def test_the_tree_is_only_read() -> None:
    tree = parse_one(AS_OPENMLDB["UNION, columns of the left"][0], read=OpenMLDB)
    before = [(node, node.parent) for node in tree.walk()]
    needed_indexes(bind(tree, "db", KNOWN))
    assert all(
        one is other and a is b
        for (one, a), (other, b) in zip(before, ((n, n.parent) for n in tree.walk()), strict=True)
    )
