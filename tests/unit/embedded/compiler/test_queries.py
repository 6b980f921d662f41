"""Joins, groups, subqueries, names and types of results."""

from __future__ import annotations

import duckdb
import pytest

from dsflow.embedded.compiler import compile_batch, compile_request
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

from .conftest import Database


@pytest.fixture
def joined(database: Database) -> Database:
    database.create("l", "id int, k string, ts timestamp", [(1, "a", 5), (2, "b", 5), (3, None, 5), (4, "z", 5)])
    database.create(
        "r",
        "rid int, k string, ts timestamp, v double",
        [(11, "a", 3, 1.0), (12, "a", 9, 2.0), (13, "a", 3, 3.0), (14, "b", None, 4.0), (15, None, 1, 5.0)],
    )
    return database


def test_last_join_takes_the_newest(joined: Database) -> None:
    query = "SELECT l.id, r.rid FROM l LAST JOIN r ORDER BY r.ts ON l.k = r.k"
    assert joined.batch(query) == [(1, 12), (2, 14), (3, None), (4, None)]


def test_last_join_with_a_condition_on_both_sides(joined: Database) -> None:
    query = "SELECT l.id, r.rid FROM l LAST JOIN r ORDER BY r.ts ON l.k = r.k AND r.ts <= l.ts"
    assert joined.batch(query) == [(1, 13), (2, None), (3, None), (4, None)]


def test_last_join_in_request_mode_matches_null_keys(joined: Database) -> None:
    rows = [(1, "a", 5), (3, None, 5), (4, "z", 5)]
    query = "SELECT l.id, r.rid FROM l LAST JOIN r ORDER BY r.ts ON l.k = r.k"
    assert joined.request(query, rows) == [(1, 12), (3, 15), (4, None)]


def test_left_join_keeps_all_matches(joined: Database) -> None:
    query = "SELECT l.id, r.rid FROM l LEFT JOIN r ON l.k = r.k"
    assert joined.batch(query) == [(1, 11), (1, 12), (1, 13), (2, 14), (3, None), (4, None)]


def test_other_joins_are_refused(joined: Database) -> None:
    for join in ("RIGHT JOIN", "JOIN", "FULL JOIN"):
        with pytest.raises(SqlError, match="JOIN is not supported by OpenMLDB"):
            joined.batch(f"SELECT l.id FROM l {join} r ON l.k = r.k")


def test_last_join_of_a_union_needs_an_order(joined: Database) -> None:
    query = "SELECT l.id, x.rid FROM l LAST JOIN (SELECT * FROM r UNION ALL SELECT * FROM r) x ON l.k = x.k"
    with pytest.raises(duckdb.Error, match="without ORDER BY, with rows of both sides"):
        joined.batch(query)


def test_group_by(joined: Database) -> None:
    query = "SELECT k, count(rid) AS c, sum(v) AS s FROM r GROUP BY k"
    assert joined.batch(query) == [("a", 3, 6.0), ("b", 1, 4.0), (None, 1, 5.0)]
    assert joined.batch(f"{query} HAVING count(rid) > 1", online=True) == [("a", 3, 6.0)]
    with pytest.raises(UnsupportedError, match="HAVING offline"):
        joined.batch(f"{query} HAVING count(rid) > 1")
    with pytest.raises(SqlError, match="not in GROUP BY clause"):
        joined.batch("SELECT v FROM r GROUP BY k")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) FROM r", [(5,)]),
        ("SELECT count(k) + 1 AS n, max(v) AS m FROM r WHERE k <> 'b'", [(4, 3.0)]),
        ("SELECT n FROM (SELECT count(*) AS n FROM r) AS x", [(5,)]),
        ("SELECT count(*) FROM (SELECT k FROM r WHERE v > 2) AS x", [(3,)]),
        ("SELECT count(*) FROM l UNION ALL SELECT count(*) FROM r", [(4,), (5,)]),
        ("SELECT count(*) FROM r HAVING count(*) > 5", []),
        ("SELECT count(*) FROM r WHERE v > 99", []),  # OpenMLDB gives no row then
    ],
)
def test_aggregates_over_a_whole_table_are_online_only(joined: Database, query: str, rows: list[tuple[int]]) -> None:
    assert joined.batch(query, online=True) == rows
    with pytest.raises(SqlError, match="does not run offline"):
        joined.batch(query)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT k, count(*) FROM r", "k has to be one as well"),
        ("SELECT 1, count(*) FROM r", "has to be one as well"),
        ("SELECT count(*) + v FROM r", "nonaggregated column"),
        ("SELECT count(1) FROM r", "no count of a constant"),
        ("SELECT k, sum(1.5) AS s FROM r GROUP BY k", "no sum of a constant"),
        ("SELECT lag(v, 1) FROM r", "lag needs a window"),
        (
            "SELECT count(*), count(*) OVER w FROM r WINDOW w AS"
            " (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "cannot stand in one SELECT",
        ),
    ],
)
def test_aggregates_over_a_whole_table_that_openmldb_refuses(joined: Database, query: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        joined.batch(query, online=True)


def test_with_and_subqueries(joined: Database) -> None:
    query = "WITH q AS (SELECT rid, v FROM r WHERE v > 2) SELECT rid FROM (SELECT * FROM q) AS x WHERE v < 5"
    assert joined.batch(query) == [(13,), (14,)]


def test_union_of_queries(joined: Database) -> None:
    assert joined.batch("SELECT k FROM l UNION ALL SELECT k FROM l LIMIT 100") == [
        ("a",), ("a",), ("b",), ("b",), ("z",), ("z",), (None,), (None,),
    ]  # fmt: skip
    assert joined.batch("SELECT k FROM l UNION DISTINCT SELECT k FROM l") == [("a",), ("b",), ("z",), (None,)]


def test_names_of_columns(joined: Database) -> None:
    columns = compile_batch("SELECT id, id + 1, upper(k), 1.5, 'x', l.k AS y FROM l", joined, "db").columns
    assert [c.name for c in columns] == ["id", "id + 1", "upper(k)", "1.500000", "x", "y"]


def test_types(database: Database) -> None:
    database.create("t", "b bool, h smallint, i int, l bigint, f float, d double, s string, ts timestamp, dt date")
    query = "SELECT h + h, h + i, i + l, l + f, i / i, f * d, ts + i, b + h, i % f, -h, h & i FROM t"
    assert database.types(query) == [
        "smallint", "int", "bigint", "float", "double", "double", "timestamp", "smallint", "float", "smallint", "int",
    ]  # fmt: skip
    assert database.types("SELECT CASE WHEN b THEN i ELSE l END, ifnull(l, 1.5f), nvl2(i, i, s), NULL FROM t") == [
        "bigint", "double", "string", "bool",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    ["s + i", "dt - 1", "ts % 2", "ts = i", "b & i", "-s", "d DIV i", "s LIKE NULL", "substring(s, l)", "hour(dt)"],
)
def test_types_that_do_not_fit(database: Database, expression: str) -> None:
    database.create("t", "b bool, i int, l bigint, d double, s string, ts timestamp, dt date")
    with pytest.raises(SqlError) as caught:
        database.batch(f"SELECT {expression} AS x FROM t")
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("query", "construct"),
    [
        ("SELECT id FROM l LIMIT 1 OFFSET 2", "OFFSET"),
        ("SELECT id FROM l WHERE id IN (SELECT id FROM l)", "IN with a subquery"),
        ("SELECT k IS NULL FROM l", "IS"),
        ("SELECT k || 'x' FROM l", "||"),
        ("SELECT [1, 2] FROM l", "a result of the type array<int>"),
        ("SELECT map(1, 2) FROM l", "a result of the type map<int, int>"),
        ("SELECT id FROM l CONFIG (execute_mode = 'online')", "CONFIG"),
    ],
)
def test_refused_by_name(joined: Database, query: str, construct: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        joined.batch(query)
    assert construct in caught.value.construct


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nothing FROM l", r"line 1, column 8: there is no column nothing"),
        ("SELECT id FROM nowhere", r"line 1, column 16: there is no table nowhere"),
        ("SELECT k FROM l LAST JOIN r ON l.k = r.k", "ambiguous"),
        ("SELECT frobnicate(id) FROM l", "there is no function frobnicate"),
        ("SELECT id FROM", "Expected"),
        ("SELECT id FROM l; SELECT id FROM l", "one SELECT"),
        ("SELECT x.* FROM l", "no columns of x"),
        ("SELECT ? FROM l", "no value for parameter 1"),
    ],
)
def test_errors_say_where(joined: Database, query: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        joined.batch(query)


def test_parameters(joined: Database) -> None:
    parameters = [(ColumnType.STRING, "a"), (ColumnType.DOUBLE, 1.5)]
    assert joined.batch("SELECT rid FROM r WHERE k = ? AND v > ?", parameters) == [(12,), (13,)]


def test_a_request_tells_its_keys(joined: Database) -> None:
    query = (
        "SELECT l.id, r.rid, count(id) OVER w AS c FROM l LAST JOIN r ORDER BY r.ts ON l.k = r.k"
        " WINDOW w AS (PARTITION BY l.k ORDER BY l.ts ROWS_RANGE BETWEEN 1d PRECEDING AND CURRENT ROW)"
    )
    compiled = compile_request(query, joined, "db")
    assert compiled.request.name == "l"
    assert {(table, need.keys, need.ts) for (_, table), need in compiled.needs} == {
        ("r", ("k",), "ts"),
        ("l", ("k",), "ts"),
    }
    simple = compile_request(
        query.replace("LAST JOIN r ORDER BY r.ts ON l.k = r.k", "").replace("r.rid, ", ""), joined, "db"
    )
    assert {(table, need.keys, need.ts) for (_, table), need in simple.needs} == {("l", ("k",), "ts")}


def test_a_request_wants_a_row_for_a_row(joined: Database) -> None:
    with pytest.raises(SqlError, match="needs a table"):
        compile_request("SELECT 1 AS x", joined, "db")
    with pytest.raises(SqlError, match="GROUP BY"):
        compile_request("SELECT k, count(id) AS c FROM l GROUP BY k", joined, "db")
    with pytest.raises(SqlError, match="nope"):
        compile_request("SELECT k FROM l WHERE nope = 1", joined, "db")


def test_where_on_the_request_row_deploys_and_never_answers(joined: Database) -> None:
    for query in ("SELECT k FROM l WHERE id = 1", "SELECT k FROM (SELECT * FROM l WHERE id = 1) AS l"):
        with pytest.raises(UnsupportedError, match="fail to filter when input is row"):
            compile_request(query, joined, "db")


NAMES = {
    "an alias": ("SELECT x.id FROM l AS x", 1),
    "a table below its alias": ("SELECT l.id FROM l AS x", 1),
    "a database before an alias": ("SELECT db.x.id FROM l AS x", 1),
    "a column below its alias": ("SELECT l.id FROM (SELECT k, id AS n FROM l) AS q", 1),
    "through two queries": ("SELECT l.id FROM (SELECT k, n FROM (SELECT k, id AS n FROM l) AS a) AS q", 1),
    "an alias that hides a table": ("SELECT l.id FROM (SELECT ts AS id, id AS n FROM l) AS l", 5),
    "every column of a table below": ("SELECT l.* FROM (SELECT id FROM l) AS q", 1),
    "a join's columns": ("SELECT r.v FROM (SELECT l.id, r.v FROM l LAST JOIN r ON l.k = r.k) AS q", None),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_with_a_point(joined: Database, name: str) -> None:
    """As OpenMLDB's compiler finds them: what stands further down can be named, where nothing above hides it."""
    query, wanted = NAMES[name]
    assert joined.request(query, [(1, "q", 5)]) == [(wanted,)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT l.id FROM (SELECT k, id + 1 AS n FROM l) AS q", "no column l.id"),
        ("SELECT q.id FROM (SELECT k, id AS n FROM l) AS q", "no column q.id"),
        (
            "SELECT l.k, q.v FROM l LAST JOIN (SELECT k, v FROM (SELECT * FROM r) AS l) AS q ON l.k = q.k",
            "ambiguous",
        ),
        ("SELECT v FROM l LAST JOIN r ORDER BY ts ON l.k = r.k", "Ambiguous column name ts"),
    ],
)
def test_names_that_find_nothing_or_too_much(joined: Database, query: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        compile_batch(query, joined, "db")


def test_a_name_without_a_table_in_the_condition_of_a_join(joined: Database) -> None:
    query = "SELECT l.id, r.v FROM l LAST JOIN r ON {}"
    wanted = joined.batch(query.format("l.k = r.k"))
    for on in ("k = k", "l.k = k", "r.k = k"):
        assert joined.batch(query.format(on)) == wanted
    compile_request(query.format("r.k = k"), joined, "db")
    with pytest.raises(SqlError, match="Isn't partition provider"):
        compile_request(query.format("l.k = k"), joined, "db")


def test_columns_of_a_deployment_that_are_called_alike(joined: Database) -> None:
    query = "SELECT id AS a, count(id) OVER w AS a FROM l WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"  # noqa: E501
    compile_batch(query, joined, "db")
    with pytest.raises(SqlError, match="Ambiguous column name a"):
        compile_request(query, joined, "db")
    compile_request(query.replace("id AS a, ", "count(k) OVER w AS a, "), joined, "db")
    compile_request(query.replace("id AS a, ", "id, id, "), joined, "db")


def test_a_window_over_a_join_in_request_mode_needs_a_table(joined: Database) -> None:
    """A name of WITH is no table, as OpenMLDB's compiler says."""
    window = "WINDOW w AS (PARTITION BY l.k ORDER BY l.ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    query = "WITH x AS (SELECT * FROM l) SELECT l.id, count(l.id) OVER w AS c FROM x AS l"
    assert joined.request(f"{query} {window}", [(1, "q", 5), (2, "q", 6)]) == [(1, 1), (2, 2)]
    with pytest.raises(SqlError, match="needs a table on its left"):
        compile_request(f"{query} LAST JOIN r ON l.k = r.k {window}", joined, "db")
