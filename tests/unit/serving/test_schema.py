from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import BadRequestError
from dsflow.serving.schema import Column, check_rows, check_value, timestamp_ms

COLUMNS = (Column("ip", ColumnType.INT), Column("at", ColumnType.TIMESTAMP), Column("label", ColumnType.INT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-11-06 17:21:28", 1509960088000),  # the demo's click, local time at UTC+8
        ("2017-11-06T17:21:28", 1509960088000),
        ("2017-11-06 17:21:28.250", 1509960088250),
        ("2017-11-06T09:21:28Z", 1509960088000),
        ("2017-11-06T10:21:28+01:00", 1509960088000),
        ("1970-01-01 08:00:00", 0),
    ],
)
def test_a_timestamp_may_be_a_text(text: str, expected: int) -> None:
    assert timestamp_ms(text) == expected


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_a_timestamp_text_means_the_same_moment_as_its_milliseconds(ms: int) -> None:
    text = datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    assert abs(timestamp_ms(text) - ms) <= 1  # the float division above may lose a millisecond
    assert timestamp_ms(ms) == ms


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bool", [True, False, None], [0, 1, "true"]),
        ("smallint", [0, -(2**15), 2**15 - 1], [2**15, -(2**15) - 1, 1.0, "1", True]),
        ("int", [0, -(2**31), 2**31 - 1, None], [2**31, 1.5, "1", False, [], {}]),
        ("bigint", [-(2**63), 2**63 - 1], [2**63, 10**400]),
        ("float", [1, 1.5, -3.4e38], [3.5e38, 1e300, 10**400, "1.5", True]),
        ("double", [1, 1.5, 1e300, 2**60], [10**400, "x", None.__class__]),
        ("string", ["", "x", "é"], [1, True, []]),
        ("timestamp", [0, 1509960088000], [1.5, True, "", "now", "06.11.2017", 2**63]),
        ("date", [None], ["2017-02-30", "2017-11", "20171106", 20171106, "a-b-c"]),
    ],
)
def test_what_each_type_takes(kind: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert check_value(value, ColumnType(kind)) == value
    for value in bad:
        with pytest.raises(ValueError, match=r"takes|fit|large"):
            check_value(value, ColumnType(kind))


def test_a_date_goes_out_as_the_apiserver_writes_it() -> None:
    assert check_value("2020-05-01", ColumnType.DATE) == "2020-5-1"


def test_every_problem_of_every_row_is_named() -> None:
    with pytest.raises(BadRequestError) as caught:
        check_rows([{"ip": 1, "at": 0, "label": 0}, {"ip": "1", "extra": 1}, 5], COLUMNS)
    assert caught.value.problems == (
        "row 1: column 'ip' (int): takes an integer, not the text '1'",
        "row 1: column 'at' (timestamp) is missing",
        "row 1: column 'label' (int) is missing",
        "row 1: column 'extra' is unknown",
        "row 2: a row is an object by column name, not the number 5",
    )
    assert all(problem in str(caught.value) for problem in caught.value.problems)


def test_a_column_that_may_be_left_out_becomes_null() -> None:
    rows = check_rows([{"ip": 1, "at": "1970-01-01 08:00:01"}], COLUMNS, may_be_left_out={"label"})
    assert rows == [{"ip": 1, "at": 1000, "label": None}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["ip", "at", "label", "x"]), json_values, max_size=4) | json_values, max_size=3
    )
)
def test_any_json_is_either_fit_for_the_apiserver_or_refused(rows: list[Any]) -> None:
    try:
        checked = check_rows(rows, COLUMNS)
    except BadRequestError:
        return
    for row in checked:
        assert set(row) == {"ip", "at", "label"}
        assert all(value is None or type(value) is int for value in row.values())
