"""What is shown of the indexes that tables are created with."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from dsflow import FeatureView, Index, Table, Workflow
from dsflow import types as t
from dsflow.display.indexes import indexes_data, indexes_text

SQL = """
    SELECT ip, count(ip) OVER a AS n, count(ip) OVER b AS m FROM clicks WINDOW
        a AS (PARTITION BY ip ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW),
        b AS (PARTITION BY ip, app ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""


def workflow(derive: bool = True) -> Workflow:
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, ts=t.Timestamp, indexes=[Index("app")])
        view = FeatureView("view", source=clicks, sql=SQL)
        clicks.create(derive_indexes=derive) >> [view.deploy(), view.deploy("other", "deploy other")]
    return wf


def test_text() -> None:
    assert indexes_text(workflow()) == (
        "indexes of clicks, derived\n"
        "  INDEX(KEY=(app, ip), TS=ts)                   for deploy view, deploy other\n"
        "  INDEX(KEY=ip, TS=ts, TTL=3, TTL_TYPE=latest)  for deploy view, deploy other\n"
    )


def test_data() -> None:
    assert indexes_data(workflow())[1] == {
        "table": "clicks",
        "index": "INDEX(KEY=ip, TS=ts, TTL=3, TTL_TYPE=latest)",
        "needed_by": ["deploy view", "deploy other"],
    }


def test_nothing_derived() -> None:
    assert indexes_text(workflow(derive=False)) == ""
    assert indexes_data(workflow(derive=False)) == []
