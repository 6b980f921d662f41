"""JSON bodies: values, and rapidjson's error numbers."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.embedded import restjson
from dsflow.embedded.compiler import Column
from dsflow.openmldb.types import ColumnType


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 1), ("  \n", 1), ("1 2", 2), ("nan", 3), ("+Inf", 3), ("TRUE", 3), ("[1,]", 3), ("-", 3),
        ('{1:2}', 4), ('{"a" 1}', 5), ('{"a":1 "b":2}', 6), ('{"a":1', 6), ("[1 2]", 7), ("[1", 7),
        ('["\\u12"]', 8), ('["\\ud800x"]', 9), ('["\\x"]', 10), ('["abc', 11), ('["a\nb"]', 12), ("[1e999]", 13),
        ("[1.]", 14), ("[1e]", 15),
    ],
)  # fmt: skip
def test_error_numbers(body: str, code: int) -> None:
    with pytest.raises(restjson.JsonError) as caught:
        restjson._Reader(body).document()
    assert caught.value.code == code
    if code not in (9, 13):  # Python's own reader lets lone surrogates and infinite numbers pass
        with pytest.raises(restjson.JsonError) as caught:
            restjson.parse(body.encode())
        assert caught.value.code == code


def test_not_utf8() -> None:
    with pytest.raises(restjson.JsonError) as caught:
        restjson.parse(b'{"a":"\xff"}')
    assert caught.value.code == 12


def test_bare_numbers() -> None:
    value = restjson.parse(b"[NaN, Inf, -Inf, Infinity, -Infinity]")
    assert math.isnan(value[0])
    assert value[1:] == [math.inf, -math.inf, math.inf, -math.inf]
    assert restjson.dump([math.inf, -math.inf, math.nan]) == b"[Infinity,-Infinity,NaN]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_the_slow_reader_reads_what_the_fast_one_does(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert restjson._Reader(text).document() == json.loads(text)


@given(
    body=st.binary(max_size=40)
    | st.text(alphabet='{}[]",:0123456789.eE-+truefalsnINaif\\u ', max_size=40).map(str.encode)
)
def test_any_bytes_are_a_value_or_a_json_error(body: bytes) -> None:
    code = 1
    try:
        restjson.parse(body)
    except restjson.JsonError as error:
        code = error.code
    assert 1 <= code <= 17


REFUSED = object()


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (ColumnType.INT, 5, 5), (ColumnType.INT, 5.0, REFUSED), (ColumnType.INT, True, REFUSED),
        (ColumnType.INT, 2**31, REFUSED), (ColumnType.INT, "5", REFUSED), (ColumnType.SMALLINT, 40000, REFUSED),
        (ColumnType.BIGINT, 2**63 - 1, 2**63 - 1), (ColumnType.BIGINT, 2**63, REFUSED),
        (ColumnType.DOUBLE, 1, 1.0), (ColumnType.DOUBLE, 2**53 + 1, REFUSED), (ColumnType.DOUBLE, math.inf, math.inf),
        (ColumnType.FLOAT, 1.1, 1.100000023841858), (ColumnType.FLOAT, 1e300, math.inf),
        (ColumnType.STRING, 1, REFUSED), (ColumnType.STRING, "é", "é"), (ColumnType.BOOL, 1, REFUSED),
        (ColumnType.DATE, "2020-5-1", dt.date(2020, 5, 1)), (ColumnType.DATE, "2020-0 5-1", REFUSED),
        (ColumnType.DATE, "2020-5", REFUSED), (ColumnType.DATE, "2020-13-1", REFUSED),
        (ColumnType.TIMESTAMP, 1590738989000, 1590738989000), (ColumnType.TIMESTAMP, "2020-05-01", REFUSED),
        (ColumnType.TIMESTAMP, None, None),
    ],
)  # fmt: skip
def test_stored_value(kind: ColumnType, value: Any, stored: Any) -> None:
    column = Column("c", kind)
    if stored is REFUSED:
        with pytest.raises(restjson.ValueRefused):
            restjson.stored_value(value, column)
    else:
        assert restjson.stored_value(value, column) == stored


def test_not_null() -> None:
    with pytest.raises(restjson.ValueRefused):
        restjson.stored_value(None, Column("c", ColumnType.INT, nullable=False))


def test_dates_lose_their_zeros() -> None:
    assert restjson.dump_row([dt.date(2020, 5, 1), math.nan], nan_as_null=True) == ["2020-5-1", None]
