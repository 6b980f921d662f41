"""Text in literals and requests as values."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest

from dsflow.embedded.textvalues import value_of_text
from dsflow.openmldb.types import ColumnType

REFUSED = "refused"


def by_python(kind: ColumnType, text: str) -> Any:
    if text == "" and kind is not ColumnType.STRING:
        return None
    try:
        return value_of_text(kind, text)
    except ValueError:
        return REFUSED


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        # the Python reading only tells good from bad, so it need not round to single precision
        huge = abs(right) > 3.4e38 and math.isinf(left)
        tiny = abs(left - right) < 1e-37
        return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-6) or huge or tiny
    return bool(left == right) and type(left) is type(right)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.INT, "05", 5),
        (ColumnType.INT, "+5", 5),
        (ColumnType.INT, "-2147483648", -(2**31)),
        (ColumnType.INT, "2147483648", REFUSED),
        (ColumnType.INT, "1.5", REFUSED),
        (ColumnType.INT, "1e3", REFUSED),
        (ColumnType.INT, "0x10", REFUSED),
        (ColumnType.INT, "1_000", REFUSED),
        (ColumnType.INT, " 5", REFUSED),
        (ColumnType.INT, "", None),
        (ColumnType.SMALLINT, "32768", REFUSED),
        (ColumnType.BIGINT, "9223372036854775807", 2**63 - 1),
        (ColumnType.BIGINT, "9223372036854775808", REFUSED),
        (ColumnType.DOUBLE, "1e400", math.inf),
        (ColumnType.DOUBLE, ".5", 0.5),
        (ColumnType.DOUBLE, "5.", 5.0),
        (ColumnType.DOUBLE, "-Infinity", -math.inf),
        (ColumnType.BOOL, "TRUE", True),
        (ColumnType.BOOL, "1", REFUSED),
        (ColumnType.DATE, "2017-1-8", dt.date(2017, 1, 8)),
        (ColumnType.DATE, "2017-02-30", REFUSED),
        (ColumnType.DATE, "20170208", REFUSED),
        (ColumnType.TIMESTAMP, "2017-11-08 06:30:54", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54.1239", 1510093854123),
        (ColumnType.TIMESTAMP, "2017-11-08T06:30:54+08:00", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-07T22:30:54Z", 1510093854000),
        (ColumnType.TIMESTAMP, "2017-11-08", 1510070400000),
        (ColumnType.TIMESTAMP, "1510093854123", 1510093854123),
        (ColumnType.TIMESTAMP, "2017-11-08 25:00:00", REFUSED),
        (ColumnType.TIMESTAMP, "yesterday", REFUSED),
        (ColumnType.STRING, "", ""),
        (ColumnType.STRING, "null", "null"),
    ],
)
def test_values(kind: ColumnType, text: str, value: Any) -> None:
    assert same(by_python(kind, text), value)
