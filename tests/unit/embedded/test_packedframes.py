"""Counts and sums over sorted integers, against a plain reading of what a frame is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.embedded import packedframes
from dsflow.embedded.compiler import PackedFrame, PackedPart
from dsflow.embedded.packedframes import Values, compute

LARGEST = 2**63 - 1
_KEYS = st.one_of(
    st.just(st.integers(0, 2)),
    st.just(st.one_of(st.none(), st.sampled_from([-LARGEST - 1, -1, 0, LARGEST]))),
    st.just(st.one_of(st.none(), st.integers(-(2**40), 2**40))),
)
_TIMES = st.one_of(
    st.just(st.integers(0, 5)),
    st.just(st.integers(0, 5).map(lambda n: n + 1_510_093_854_123)),
    st.just(st.sampled_from([0, 1, 2, LARGEST - 1, LARGEST])),
)
_STARTS = st.one_of(st.none(), st.integers(0, 4), st.sampled_from([LARGEST, 2**70]))


@st.composite
def frames(draw: Any) -> PackedFrame:
    keys = tuple(draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True)))
    by_time, start = draw(st.booleans()), draw(_STARTS)
    end = 0 if by_time else draw(st.integers(0, min(2 if start is None else start, 2)))
    return PackedFrame(keys, by_time, start, end, not end and draw(st.booleans()))


@st.composite
def tables(draw: Any) -> list[dict[str, Any]]:
    columns = {
        "a": draw(_KEYS), "b": draw(_KEYS), "c": draw(_KEYS), "t": draw(_TIMES),
        "x": st.one_of(st.none(), st.sampled_from([0, 1, -7, LARGEST])),
    }  # fmt: skip
    rows = draw(st.lists(st.fixed_dictionaries(columns), max_size=20))
    arrivals = draw(st.permutations(range(len(rows)))) if draw(st.booleans()) else range(len(rows))
    return [{**row, "row": arrival} for row, arrival in zip(rows, arrivals, strict=True)]


def frame_of(row: dict[str, Any], rows: list[dict[str, Any]], frame: PackedFrame) -> list[dict[str, Any]]:
    """The rows of a frame, the newest first."""
    before = [
        other
        for other in rows
        if all(other[key] == row[key] for key in frame.keys) and (other["t"], other["row"]) <= (row["t"], row["row"])
    ]
    before.sort(key=lambda other: (other["t"], other["row"]), reverse=True)
    if frame.by_time:
        before = [other for other in before if frame.start is None or other["t"] >= row["t"] - frame.start]
    else:
        before = before[frame.end : None if frame.start is None else frame.start + 1]
    return before[frame.drops_current_row :]


def value_of(part: PackedPart, rows: list[dict[str, Any]]) -> int | None:
    values = [row[part.argument] for row in rows if row[part.argument] is not None] if part.argument else rows
    if part.function == "count":
        return len(values)
    return (sum(values) + 2**63) % 2**64 - 2**63 if values else None


def column(rows: list[dict[str, Any]], name: str) -> Values:
    nulls = np.array([row[name] is None for row in rows], bool)
    return Values(np.array([row[name] or 0 for row in rows], np.int64), nulls if nulls.any() else None)


@settings(max_examples=400, deadline=None)
@given(tables(), st.lists(frames(), min_size=1, max_size=3), st.sampled_from([1, 4, 100]))
def test_parts_are_those_of_the_frames(rows: list[dict[str, Any]], wanted: list[PackedFrame], block: int) -> None:
    calls: list[tuple[Any, str | None]] = [("count", None), ("count", "x"), ("sum", "x")]
    parts = [PackedPart(frame, function, argument) for frame in wanted for function, argument in calls]
    columns = {name: column(rows, name) for name in ("a", "b", "c", "t", "x")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packedframes, "BLOCK_ROWS", block)
        found = compute(columns, np.array([row["row"] for row in rows], np.int64), "t", parts)
    for part, values in zip(parts, found, strict=True):
        given = [
            None if values.nulls is not None and values.nulls[place] else int(number)
            for place, number in enumerate(values.numbers)
        ]
        assert given == [value_of(part, frame_of(row, rows, part.frame)) for row in rows], part


def test_many_rows_of_many_keys() -> None:
    """Keys whose numbers leave no room for the rank, in a table that is not small."""
    random = np.random.default_rng(1)
    count = 50_000
    keys = {name: Values(random.choice(random.integers(-(2**62), 2**62, 300), count)) for name in ("a", "b", "c")}
    times = Values(np.sort(random.integers(0, 2**62, count)))
    frame = PackedFrame(("a", "b"), by_time=False, start=None, end=0, drops_current_row=False)
    (found,) = compute({**keys, "t": times}, np.arange(count), "t", [PackedPart(frame, "count", None)])
    seen: dict[tuple[int, int], int] = {}
    for place, key in enumerate(zip(keys["a"].numbers.tolist(), keys["b"].numbers.tolist(), strict=True)):
        seen[key] = seen.get(key, 0) + 1
        assert found.numbers[place] == seen[key]
