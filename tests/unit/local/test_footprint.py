"""What statements read and write."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from dsflow.local.footprint import Thing, footprint_of


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("SELECT a FROM t", {"t"}),
        ("WITH q AS (SELECT a FROM t) SELECT a FROM q", {"t"}),
        ("SELECT t.a, count(t.b) OVER w AS n FROM t WINDOW w AS (UNION u PARTITION BY a ORDER BY b"
         " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", {"t", "u"}),
        # a table of the same name as a subquery of WITH that is not known there
        ("SELECT x.a, y.b FROM (WITH t AS (SELECT a FROM u) SELECT a FROM t) AS x LAST JOIN t AS y ON x.a = y.a",
         {"t", "u"}),
    ],
)  # fmt: skip
def test_the_tables_that_a_query_reads(query: str, tables: set[str]) -> None:
    found = footprint_of(["USE d", f"{query} INTO OUTFILE '/f'"], "offline")
    assert found.reads == {Thing("offline", "d", name) for name in tables}
