"""Counts and sums over the frames of windows, by sorting 64-bit integers.

A row's key and its rank by time are packed into one integer. Sorted (numpy uses the processor's vector instructions),
the rows of a frame lie side by side: a count is the distance of its ends, a sum the difference of two running sums.
Everything is exact: sums are right modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsflow.embedded.compiler import PackedFrame, PackedPart

Array = np.ndarray[Any, Any]

BLOCK_ROWS = 350_000
"""So many rows are sorted at a time: their keys fit into a processor's cache, and memory is used again for the next."""

_BITS = 64
_LAST = 2**63 - 1
_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Times this number, modulo 2^64, neighbours are far from each other."""


@dataclass(frozen=True)
class Values:
    """Whole numbers, and where there are none (None: nowhere); what stands there then means nothing."""

    numbers: Array
    nulls: Array | None = None

    def take(self, places: Array) -> Values:
        """Some of them."""
        return Values(self.numbers[places], None if self.nulls is None else self.nulls[places])


def compute(rows: Mapping[str, Values], row: Array, time: str, parts: Sequence[PackedPart]) -> list[Values]:
    """The parts of each of some rows, among which is every row of their frames.

    Args:
        rows: the columns that the parts need. Texts are given as numbers, equal ones for equal texts.
        row: each row's place in the order of arrival.
        time: the column that orders the rows; from 0, never NULL.
        parts: what to compute.

    Returns:
        The values of each part, of the type int64, in the order of ``row``.
    """
    shared = [name for name in parts[0].frame.keys if all(name in part.frame.keys for part in parts)]
    if len(row) <= BLOCK_ROWS or not shared:
        return _computed(rows, row, time, parts)
    found = [_Filled(len(row), may_be_null=part.function == "sum") for part in parts]
    for places in _blocks(rows[shared[0]], len(row)):
        some = {name: values.take(places) for name, values in rows.items()}
        for whole, values in zip(found, _computed(some, row[places], time, parts), strict=True):
            whole.fill(places, values)
    return [whole.values for whole in found]


class _Filled:
    """Values that come block by block."""

    def __init__(self, count: int, *, may_be_null: bool) -> None:
        self.values = Values(np.empty(count, np.int64), np.empty(count, bool) if may_be_null else None)

    def fill(self, places: Array, values: Values) -> None:
        """Put some of them where they belong."""
        self.values.numbers[places] = values.numbers
        if self.values.nulls is not None:
            self.values.nulls[places] = values.nulls


def _blocks(key: Values, count: int) -> Iterator[Array]:
    """The places of rows, in their order; equal keys are in one block."""
    blocks = -(-count // BLOCK_ROWS)
    mixed, _ = _codes_of(key)
    mixed = mixed * _ODD
    mixed >>= np.uint64(48)
    mixed *= np.uint64(blocks)
    mixed >>= np.uint64(16)
    order = np.argsort(mixed.astype(np.uint16), kind="stable")
    ends = np.cumsum(np.bincount(mixed.view(np.int64), minlength=blocks))
    return (places for places in np.split(order, ends[:-1]) if len(places))


def _computed(rows: Mapping[str, Values], row: Array, time: str, parts: Sequence[PackedPart]) -> list[Values]:
    if not len(row):
        return [Values(np.empty(0, np.int64)) for _ in parts]
    found: dict[PackedPart, Values] = {}
    ordered = _Ordered(rows, row, time)
    for keys in dict.fromkeys(part.frame.keys for part in parts):
        groups = _Groups(ordered, keys)
        for part in parts:
            if part.frame.keys == keys:
                found[part] = groups.value(part)
    return [found[part] for part in parts]


class _Ordered:
    """Rows in the order of time, then of arrival."""

    def __init__(self, rows: Mapping[str, Values], row: Array, time: str) -> None:
        self._rows = rows
        self._codes: dict[str, tuple[Array, int]] = {}
        self.count = len(row)
        self.bits = _bits(self.count - 1)
        self.order, self.times = _by_time(row, rows[time].numbers)

    def take(self, values: Array) -> Array:
        """Values of the rows in this order."""
        return values if self.order is None else values[self.order]

    def since(self, milliseconds: int) -> Array:
        """For each row the first one, of any key, that is at most so much older."""
        firsts = _firsts(self.times)
        times = self.times[firsts]
        found = np.searchsorted(times, times - np.minimum(times, min(milliseconds, _LAST)))
        return np.repeat(firsts[found], np.diff(firsts, append=self.count))

    def column(self, name: str) -> Values:
        """A column, in the order in which it came."""
        return self._rows[name]

    def code(self, name: str) -> tuple[Array, int]:
        """A number below 2 to the power of some bits for each value of a column, NULL among them; and the bits."""
        if name not in self._codes:
            codes, bits = _codes_of(self._rows[name])
            self._codes[name] = self.take(codes), bits
        return self._codes[name]

    def codes(self, names: Sequence[str]) -> Array:
        """The same for several columns; with a rank, its bits fit into 64."""
        codes, bits = self.code(names[0])
        for name in names[1:]:
            more, width = self.code(name)
            if bits + width > _BITS:
                (codes, bits), (more, width) = _dense(codes), _dense(more)
            codes, bits = (codes << np.uint64(width)) | more, bits + width
        return codes if bits + self.bits <= _BITS else _dense(codes)[0]


def _by_time(row: Array, time: Array) -> tuple[Array | None, Array]:
    """The order of the rows by time, then arrival (None: they come so), and the times in it, less the first."""
    arrival = None if bool((row[1:] > row[:-1]).all()) else np.argsort(row)
    if arrival is not None:
        time = time[arrival]
    since = time.astype(np.int64) - np.int64(time.min())
    if bool((since[1:] >= since[:-1]).all()):
        return arrival, since
    bits = _bits(len(row) - 1)
    if _bits(int(since.max())) + bits <= _BITS:
        packed = _packed(since.view(np.uint64), bits)
        packed.sort()
        order, since = _low(packed, bits), (packed >> np.uint64(bits)).view(np.int64)
    else:
        order = np.argsort(since, kind="stable")
        since = since[order]
    return order if arrival is None else arrival[order], since


def _codes_of(values: Values) -> tuple[Array, int]:
    numbers, nulls = values.numbers, values.nulls
    low, high = int(numbers.min()), int(numbers.max())
    # of int64 the difference is right modulo 2^64
    codes = (numbers.astype(np.int64) - np.int64(low)).view(np.uint64)
    bits = _bits(high - low)
    if nulls is None:
        return codes, bits
    if bits > _BITS - 2:
        codes, bits = _dense(codes)
    codes = codes + np.uint64(1)
    codes[nulls] = 0
    return codes, bits + 1


def _dense(codes: Array) -> tuple[Array, int]:
    """Equal numbers for equal ones, below their count."""
    found, inverse = np.unique(codes, return_inverse=True)
    return inverse.astype(np.uint64), _bits(len(found) - 1)


def _bits(largest: int) -> int:
    return max(largest.bit_length(), 1)


def _packed(high: Array, bits: int) -> Array:
    """Numbers with their places as low bits."""
    packed = high << np.uint64(bits)
    packed |= np.arange(len(high), dtype=np.uint64)
    return packed


def _low(packed: Array, bits: int) -> Array:
    return (packed & np.uint64((1 << bits) - 1)).view(np.int64)


class _Groups:
    """Rows sorted by key, then time, then arrival.

    Attributes:
        packed: for each in this order its key and its rank by time.
        rank: the latter alone.
        places: where each row was among those that came.
    """

    def __init__(self, rows: _Ordered, keys: Sequence[str]) -> None:
        self._rows = rows
        self.packed = _packed(rows.codes(keys), rows.bits)
        self.packed.sort()
        self.rank = _low(self.packed, rows.bits)
        self.places = self.rank if rows.order is None else rows.order[self.rank]
        self._frames: dict[PackedFrame, tuple[Array, Array]] = {}
        self._sums: dict[str, tuple[Array, Array]] = {}

    def value(self, part: PackedPart) -> Values:
        """A part of each row."""
        starts, ends = self._frame(part.frame)
        if part.argument is None:
            return Values(self._back(ends - starts))
        counts, sums = self._running(part.argument)
        known = counts[ends] - counts[starts]
        if part.function == "count":
            return Values(self._back(known))
        return Values(self._back(sums[ends] - sums[starts]), self._back(known == 0))

    def _frame(self, frame: PackedFrame) -> tuple[Array, Array]:
        """Where the frame of each row begins, and where it has ended."""
        if frame not in self._frames:
            starts = self._starts(frame)
            ends = np.arange(1, self._rows.count + 1)
            if frame.end or frame.drops_current_row:
                ends -= frame.end if frame.end else 1
                np.maximum(ends, starts, out=ends)
            self._frames[frame] = starts, ends
        return self._frames[frame]

    def _starts(self, frame: PackedFrame) -> Array:
        if frame.start is None:
            return self._first_of_key()
        if not frame.by_time:
            back = min(frame.start, self._rows.count)
            return np.maximum(self._first_of_key(), np.arange(self._rows.count) - back)
        bits = np.uint64(self._rows.bits)
        wanted = (self.packed >> bits) << bits
        wanted |= self._rows.since(frame.start)[self.rank].view(np.uint64)
        return np.searchsorted(self.packed, wanted)

    def _first_of_key(self) -> Array:
        firsts = _firsts(self.packed >> np.uint64(self._rows.bits))
        return np.repeat(firsts, np.diff(firsts, append=self._rows.count))

    def _running(self, name: str) -> tuple[Array, Array]:
        """How many values a column has, and their sum, before each row and after the last."""
        if name not in self._sums:
            column = self._rows.column(name)
            known = np.ones(self._rows.count, np.int64) if column.nulls is None else (~column.nulls).astype(np.int64)
            numbers = column.numbers.astype(np.int64) * known
            self._sums[name] = _sums_before(known[self.places]), _sums_before(numbers[self.places])
        return self._sums[name]

    def _back(self, values: Array) -> Array:
        """Values in the order in which the rows came."""
        found = np.empty_like(values)
        found[self.places] = values
        return found


def _firsts(values: Array) -> Array:
    """The places in a sorted array where another value begins."""
    places = np.flatnonzero(values[1:] != values[:-1])
    places += 1
    return np.concatenate([np.zeros(1, places.dtype), places])


def _sums_before(values: Array) -> Array:
    found = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=found[1:])
    return found
