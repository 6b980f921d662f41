"""The batch query that answers like a deployment: its text, and what OpenMLDB's own compiler says of it."""

from __future__ import annotations

import pytest

from dsflow.consistency.query import as_requests, time_column
from dsflow.errors import DeclarationError
from dsflow.openmldb.sdk import Compiler

COLUMNS = [("a", "int"), ("b", "string"), ("ts", "timestamp")]
CATALOG = {"d": {"t": COLUMNS, "p": COLUMNS, "z": COLUMNS, "u": [("id", "int"), ("x", "double"), ("uts", "timestamp")]}}
ROWS = "PARTITION BY a ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"
QUERIES = {
    "plain": "SELECT a, b FROM t",
    "named window": f"SELECT count(b) OVER w AS n FROM t WINDOW w AS ({ROWS})",
    "inline window": f"SELECT count(b) OVER ({ROWS}) AS n FROM t",
    "union": f"SELECT count(b) OVER w AS n FROM t WINDOW w AS (UNION z {ROWS})",
    "instance not in window": f"SELECT count(b) OVER w AS n FROM t WINDOW w AS (UNION z {ROWS} INSTANCE_NOT_IN_WINDOW)",
    "join": "SELECT t.a, u.x AS x FROM t LAST JOIN u ORDER BY u.uts ON t.a = u.id",
    "join and window": (
        "SELECT t.a AS a, u.x AS x, count(t.b) OVER w AS n FROM t LAST JOIN u ORDER BY u.uts ON t.a = u.id"
        " WINDOW w AS (PARTITION BY t.a ORDER BY t.ts ROWS_RANGE BETWEEN 1d PRECEDING AND CURRENT ROW)"
    ),
    "excluded": f"SELECT sum(a) OVER w AS n FROM t WINDOW w AS ({ROWS} EXCLUDE CURRENT_ROW)",
    "subquery": f"SELECT a, count(b) OVER w AS n FROM (SELECT a, b, ts FROM t) AS s WINDOW w AS ({ROWS})",
    "renamed in WITH": (
        "WITH q AS (SELECT a AS k, b, ts AS happened FROM t) SELECT k, count(b) OVER w AS n FROM q"
        " WINDOW w AS (PARTITION BY k ORDER BY happened ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
    ),
    "window in a subquery": (f"SELECT n + 1 AS m FROM (SELECT count(b) OVER w AS n FROM t WINDOW w AS ({ROWS})) AS s"),
    "all of a subquery": (
        f"SELECT *, n + 1 AS m FROM (SELECT a, count(b) OVER w AS n FROM t WINDOW w AS ({ROWS})) AS s"
    ),
    "join of a subquery": (
        "SELECT s.*, u.x AS x FROM (SELECT a, b FROM t) AS s LAST JOIN u ORDER BY u.uts ON s.a = u.id"
    ),
}


def test_windows_hold_what_is_stored_and_no_other_probe() -> None:
    names = ["a", "ts"]
    keys = "t.a AS dsflow_probe_0, t.ts AS dsflow_probe_1"
    assert as_requests(QUERIES["named window"], "t", "p", names) == (
        f"SELECT {keys}, count(b) OVER w AS n FROM p AS t"
        " WINDOW w AS (UNION t PARTITION BY a ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW"
        " INSTANCE_NOT_IN_WINDOW)"
    )
    assert "(UNION z, t PARTITION" in as_requests(QUERIES["union"], "t", "p", names)
    assert "(UNION z PARTITION" in as_requests(QUERIES["instance not in window"], "t", "p", names)
    joined = as_requests(QUERIES["join and window"], "t", "p", names)
    assert "UNION (SELECT * FROM t LAST JOIN u ORDER BY u.uts ON t.a = u.id) PARTITION" in joined
    assert "m.a AS dsflow_probe_0, m.a FROM p AS m" in as_requests("SELECT m.a FROM t AS m", "t", "p", ["a"])


@pytest.mark.parametrize("name", QUERIES)
def test_the_compiler_takes_it(compiler: Compiler, name: str) -> None:
    sql = QUERIES[name]
    assert compiler.validate(sql, "d", CATALOG, "request") is None
    written = as_requests(sql, "t", "p", [name for name, _ in COLUMNS])
    assert compiler.validate(written, "d", CATALOG, "batch") is None
    if name == "join and window":
        return  # the compiler gives schemas in request mode, which refuses a window's UNION of a join
    asked, given = (compiler.output_schema(text, "d", CATALOG) for text in (sql, written))
    assert asked is not None
    assert given is not None
    assert given[: len(COLUMNS)] == [(f"dsflow_probe_{n}", kind) for n, (_, kind) in enumerate(COLUMNS)]
    assert given[len(COLUMNS) :] == asked


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM (SELECT a FROM z) AS t",
        "SELECT a FROM z",
        "SELECT a FROM t UNION ALL SELECT a FROM z",
        "WITH q AS (SELECT a FROM t UNION ALL SELECT a FROM z) SELECT a FROM q",
        "SELECT 1 AS one",
    ],
)
def test_a_query_without_request_rows_of_the_table(sql: str) -> None:
    with pytest.raises(DeclarationError, match=r"the query is not a SELECT \.\.\. FROM t"):
        as_requests(sql, "t", "p", ["a"])


def test_request_rows_that_come_through_a_subquery() -> None:
    windows = "PARTITION BY a ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW INSTANCE_NOT_IN_WINDOW"
    inner = "SELECT {0}.a AS dsflow_probe_0, {0}.ts AS dsflow_probe_1, a, b, ts FROM {1}"
    assert as_requests(QUERIES["subquery"], "t", "p", ["a", "ts"]) == (
        "SELECT s.dsflow_probe_0, s.dsflow_probe_1, a, count(b) OVER w AS n"
        f" FROM ({inner.format('t', 'p AS t')}) AS s WINDOW w AS (UNION ({inner.format('t', 't')}) {windows})"
    )
    every = as_requests(QUERIES["all of a subquery"], "t", "p", ["a"])
    assert every.startswith("SELECT s.dsflow_probe_0, s.a, s.n, n + 1 AS m FROM (SELECT t.a AS dsflow_probe_0, a,")
    assert every.count("UNION t PARTITION") == 1


def test_a_name_of_with_that_a_join_reads_too_stays_as_it_is_there() -> None:
    sql = "WITH q AS (SELECT a, ts FROM t) SELECT x.a, y.a AS b FROM q AS x LAST JOIN q AS y ORDER BY y.ts ON x.a = y.a"
    written = as_requests(sql, "t", "p", ["a"])
    assert written.startswith("WITH q AS (SELECT a, ts FROM t) SELECT x.dsflow_probe_0, x.a, y.a AS b")
    assert "FROM (SELECT t.a AS dsflow_probe_0, a, ts FROM p AS t) AS x LAST JOIN q AS y" in written


@pytest.mark.parametrize(
    ("name", "column"),
    [("join and window", "ts"), ("inline window", "ts"), ("renamed in WITH", "ts"), ("plain", "")],
)
def test_the_column_of_time(name: str, column: str) -> None:
    assert time_column(QUERIES[name], "t", [name for name, _ in COLUMNS]) == column
