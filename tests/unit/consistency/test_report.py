"""What is equal, and how a report tells what is not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from dsflow.consistency.report import ConsistencyReport, compare, same
from dsflow.consistency.values import from_json
from dsflow.openmldb.types import ColumnType

TYPES = {"n": ColumnType.BIGINT, "x": ColumnType.DOUBLE, "s": ColumnType.STRING}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        (2**53, 2**53 + 1, False),
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.001, False),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (True, 1, False),
        ("1", 1, False),
        ("é", "é", True),
    ],
)
def test_equality(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other, 1e-6) is equal
    assert same(other, one, 1e-6) is equal


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        ("2020-5-1", ColumnType.DATE, "2020-05-01"),
        (3, ColumnType.DOUBLE, 3.0),
        (3, ColumnType.INT, 3),
        (None, ColumnType.FLOAT, None),
    ],
)
def test_values_of_the_apiserver(value: Any, kind: ColumnType, read: Any) -> None:
    found = from_json(value, kind)
    assert found == read
    assert type(found) is type(read)


def report(offline: list[dict[str, Any] | None], online: list[dict[str, Any]]) -> ConsistencyReport:
    rows = [{"id": number, "f": math.nan} for number in range(len(online))]
    columns, missing, different = compare(TYPES, rows, offline, online, 1e-6)
    return ConsistencyReport("d", "t", "demo_1", len(rows), missing, different, 1e-6, columns)


def test_a_report_of_equal_rows() -> None:
    row = {"n": 1, "x": math.nan, "s": None}
    found = report([row, row], [row, dict(row)])
    assert found.ok
    assert found.skew == 0
    assert str(found).splitlines() == [
        "d.demo_1 against the offline rows of t: 0 of 2 rows differ (skew 0.0000)",
        "✓ n  2 equal",
        "✓ x  2 equal",
        "✓ s  2 equal",
    ]


def test_a_report_of_rows_that_differ() -> None:
    row = {"n": 1, "x": 1.0, "s": "a<b"}
    offline = [row, row, None, row, row, row, row, row]
    online = [row, {**row, "n": 4, "s": "c"}, row, {**row, "n": 2}, {**row, "n": 2}, {**row, "n": 3}, row, row]
    found = report(offline, online)
    assert not found.ok
    assert (found.rows, found.missing, found.different, found.skew) == (8, 1, 5, 5 / 8)
    n, x, s = found.columns
    assert (n.equal, n.different, n.max_difference, len(n.examples)) == (3, 4, 3.0, 3)
    assert (x.equal, x.different, x.max_difference, x.examples) == (7, 0, None, ())
    assert (s.equal, s.different, s.max_difference) == (6, 1, None)
    assert (s.examples[0].row["id"], s.examples[0].offline, s.examples[0].online) == (1, "a<b", "c")
    text = str(found)
    assert "5 of 8 rows differ, of which 1 have no answer offline (skew 0.6250)" in text
    assert "✗ n  4 of 7 differ, by up to 3" in text
    assert 'offline 1, online 4 for {"id": 1, "f": "nan"}' in text
    page = found._repr_html_()
    assert "a&lt;b" in page
    assert "a<b" not in page
    again = json.loads(found.to_json())
    assert again["skew"] == 5 / 8
    assert again["columns"][0]["examples"][0] == {"row": {"id": 1, "f": "nan"}, "offline": 1, "online": 4}


def test_infinite_differences_are_no_numbers() -> None:
    found = report([{"n": 1, "x": math.inf, "s": ""}], [{"n": 1, "x": 1.0, "s": ""}])
    assert found.columns[1].max_difference is None
    assert json.loads(found.to_json())["columns"][1]["examples"][0]["offline"] == "inf"
