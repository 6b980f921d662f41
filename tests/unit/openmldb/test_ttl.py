"""TTLs: OpenMLDB's rules for merging, lengthening and deriving them."""

from __future__ import annotations

import pytest

from dsflow.openmldb.ttl import Bias, Ttl, ttl_of_frame


def absolute(minutes: int) -> Ttl:
    return Ttl("absolute", minutes)


def latest(rows: int) -> Ttl:
    return Ttl("latest", latest=rows)


def both(minutes: int, rows: int) -> Ttl:
    return Ttl("absandlat", minutes, rows)


def either(minutes: int, rows: int) -> Ttl:
    return Ttl("absorlat", minutes, rows)


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        (absolute(10), absolute(20), absolute(20)),
        (absolute(10), absolute(0), absolute(0)),
        (latest(2), latest(1), latest(2)),
        (absolute(10), latest(3), both(10, 3)),
        (both(10, 3), absolute(20), both(20, 3)),
        (both(10, 3), absolute(0), absolute(0)),
        (both(10, 3), latest(5), both(10, 5)),
        (both(10, 3), either(20, 1), both(20, 3)),
        (either(10, 3), absolute(5), absolute(10)),
        (either(10, 3), latest(5), latest(5)),
        (either(10, 0), absolute(5), absolute(10)),
        (either(0, 4), either(0, 2), latest(4)),
    ],
)
def test_merge(left: Ttl, right: Ttl, merged: Ttl) -> None:
    assert left.merge(right) == merged
    assert right.merge(left) == merged


@pytest.mark.parametrize(
    ("given", "bias", "longer"),
    [
        (absolute(60), Bias(10, 5), absolute(70)),
        (absolute(60), Bias(None, 0), absolute(0)),
        (absolute(0), Bias(10, 5), absolute(0)),
        (latest(3), Bias(10, 5), latest(8)),
        (latest(3), Bias(10, None), latest(0)),
        (latest(3), Bias(None, 0), latest(3)),
        (both(60, 3), Bias(1, 1), both(61, 4)),
        (both(60, 3), Bias(None, 0), absolute(0)),
    ],
)
def test_bias(given: Ttl, bias: Bias, longer: Ttl) -> None:
    assert given.with_bias(bias) == longer


@pytest.mark.parametrize(
    ("rows", "range_ms", "unit", "needed"),
    [
        (None, 3_600_000, "range", absolute(60)),
        (None, 3_600_001, "range", absolute(61)),
        (None, 0, "range", absolute(1)),
        (None, None, "range", absolute(0)),
        (3, None, "rows", latest(3)),
        (0, None, "rows", latest(1)),
        (None, None, "rows", latest(0)),
        (10, 60_000, "both", both(1, 10)),
    ],
)
def test_need_of_a_window(rows: int | None, range_ms: int | None, unit: str, needed: Ttl) -> None:
    found = ttl_of_frame(rows, range_ms, has_rows=unit in ("rows", "both"), has_range=unit in ("range", "both"))
    assert found.normalised() == needed.normalised()


def test_unlimited() -> None:
    assert Ttl().unlimited
    assert both(10, 0).unlimited
    assert not either(10, 0).unlimited
    assert not latest(1).unlimited
