"""Windows of subqueries stay as they are when rows are taken as requests."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from dsflow.consistency.query import as_requests


def test_the_window_of_a_joined_subquery_is_left_alone() -> None:
    below = "WINDOW w AS (PARTITION BY rk ORDER BY rts ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)"
    sql = as_requests(
        "SELECT t.id, r.n, count(t.id) OVER v AS c FROM t LAST JOIN"
        f" (SELECT rk, rts, count(rv) OVER w AS n FROM r {below})"
        " AS r ORDER BY r.rts ON t.k = r.rk"
        " WINDOW v AS (PARTITION BY t.k ORDER BY t.ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)",
        "t",
        "probes",
        ["id", "k", "ts"],
    )
    assert sql.count("(PARTITION BY rk ORDER BY rts ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)") == 2
    assert sql.count("UNION") == 1
