from __future__ import annotations

from typing import Any

import pytest

from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import BadRequestError
from dsflow.serving.forms import read_rows
from dsflow.serving.schema import Column

COLUMNS = (Column("a", ColumnType.INT), Column("b", ColumnType.STRING))
ONE = {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    ("body", "rows", "many"),
    [
        (ONE, [ONE], False),
        ([1, "x"], [ONE], False),
        ([ONE], [ONE], True),
        ([[1, "x"]], [ONE], True),
        ([[1, "x"], ONE], [ONE, ONE], True),
        ([ONE, 3], [ONE, 3], True),
        ([], [], True),
        ({"input": [[1, "x"], ONE]}, [ONE, ONE], True),
        ({"input": []}, [], True),
        ({"input": 3}, [{"input": 3}], False),
        ({"input": [], "a": 1}, [{"input": [], "a": 1}], False),
    ],
)
def test_forms(body: Any, rows: list[Any], many: bool) -> None:
    assert read_rows(body, COLUMNS) == (rows, many)


def test_a_column_that_is_called_input_is_a_column() -> None:
    body = {"input": [1]}
    assert read_rows(body, [Column("input", ColumnType.STRING)]) == ([body], False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (3, "neither a row"),
        ("x", "neither a row"),
        (None, "neither a row"),
        ([1], "the row has 1 values, and the deployment takes 2: a, b"),
        ([[1, "x"], [1]], "row 1 has 1 values"),
        ({"input": [[]]}, "row 0 has 0 values"),
        ([1, {}], "mixes"),
    ],
)
def test_what_is_none(body: Any, told: str) -> None:
    with pytest.raises(BadRequestError, match=told):
        read_rows(body, COLUMNS)
