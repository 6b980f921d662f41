"""Synthetic clicks of the shape of the demo's data: the same skew, over four days, the same for the same seed.

Frequencies follow the sample in ``pipelines/data``: the busiest of 300,000 ips makes 0.8 % of all clicks, the busiest
app 18 %, os 24 %, channel 8 %, and 94 % come from one device. Clicks arrive in the order of time, fewer at night, in
whole seconds; one in twenty arrives late, with a time up to some minutes back. A download follows three or four in a
thousand; app, channel and how busy the ip is tell which, so that there is something to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

COLUMNS = {"ip": "int", "app": "int", "device": "int", "os": "int", "channel": "int"} | {
    "click_time": "timestamp",
    "is_attributed": "int",
}
"""The columns and their types in OpenMLDB."""

START = np.datetime64("2017-11-06T16:00:00", "s")  # local time at UTC+8
DAYS = 4
CHUNK = 1_000_000
HOT_IP = 88
"""The ip with the most clicks."""

# column -> how many values, the share of the most frequent one
_SHARES = {
    "ip": (300_000, 0.0076),
    "app": (700, 0.18),
    "device": (4000, 0.94),
    "os": (800, 0.24),
    "channel": (200, 0.08),
}
_DOWNLOADS = 0.00025  # of the clicks on an app and a channel without effect, from an ip that is not busy
_BY_HOUR = np.array([12, 7, 4, 3, 2, 3, 6, 13, 18, 17, 17, 17, 19, 18, 17, 15, 16, 17, 17, 18, 18, 17, 19, 18], float)


def chunks(rows: int, seed: int = 1, repeated: float = 0) -> Iterator[pa.Table]:
    """The clicks in their order of arrival, a million at a time.

    Args:
        repeated: how many of a million are equal to the click before in every column, as a log has them that knows
            whole seconds only. Without it there may be one or two in some millions by chance.
    """
    hours = np.tile(_BY_HOUR, DAYS)
    share = np.concatenate([[0.0], np.cumsum(hours) / hours.sum()])
    for number, first in enumerate(range(0, rows, CHUNK)):
        random = np.random.default_rng([seed, number])
        count = min(CHUNK, rows - first)
        arrival = np.interp((first + np.arange(count) + random.random(count)) / rows, share, np.arange(len(share)))
        late = np.where(random.random(count) < 0.05, random.exponential(60, count), 0)
        ranks = {name: _ranks(random, count, *of) for name, of in _SHARES.items()}
        values = {name: _value_of(rank, _SHARES[name][0]) for name, rank in ranks.items()}
        seconds = np.maximum(arrival * 3600 - late, 0).astype("timedelta64[s]")
        values["click_time"] = START + seconds
        values["is_attributed"] = (random.random(count) < _chance(ranks)).astype(np.int32)
        if repeated:
            again = np.flatnonzero(np.random.default_rng([seed, number, 1]).random(count - 1) < repeated / 1e6)
            for column in values.values():
                column[again + 1] = column[again]
        yield pa.table(values)


def _ranks(random: np.random.Generator, count: int, values: int, top: float) -> np.ndarray:
    """Numbers below ``values``, 0 the most frequent one with the share ``top``, the others by a power law."""
    power = np.log(values) / -np.log(top)
    return np.asarray((values * random.random(count) ** power).astype(np.int64))


def _value_of(rank: np.ndarray, values: int) -> np.ndarray:
    """Neighbours in frequency are not neighbours in number."""
    return np.asarray(((rank * 7919 + 88) % values).astype(np.int32))


def _chance(ranks: dict[str, np.ndarray]) -> np.ndarray:
    """How likely a download follows each click: by the effects of its app and its channel; less for a busy ip."""
    effect = np.where(ranks["ip"] < 3000, -1.5, 0.0)
    for seed, name in enumerate(("app", "channel")):
        effect += np.random.default_rng(seed).normal(0, 2.0, _SHARES[name][0])[ranks[name]]
    return np.asarray(np.minimum(_DOWNLOADS * np.exp(effect), 1.0))


def write_csv(path: Path, rows: int, seed: int = 1, repeated: float = 0) -> None:
    """Write a CSV file as the demo's: with a header, times as text in local time; ``repeated`` as for `chunks`."""
    schema = None
    with open(path, "wb") as out:
        for table in chunks(rows, seed, repeated):
            options = pa.csv.WriteOptions(include_header=schema is None, quoting_style="none", quoting_header="none")
            schema = table.schema
            pa.csv.write_csv(table, out, options)


def sample(rows: int, count: int, seed: int = 1) -> list[list[int]]:
    """Some of the clicks, evenly among the first million, as requests: times in milliseconds, after all others."""
    table = next(chunks(min(rows, CHUNK), seed))
    table = table.take(np.linspace(0, table.num_rows - 1, count).astype(int))
    end = int((START + np.timedelta64(DAYS * 86400, "s")).astype("datetime64[ms]").astype(int)) - 8 * 3_600_000
    values = table.to_pydict()
    values["click_time"] = [end] * count
    return [list(row) for row in zip(*values.values(), strict=True)]


def clicks_of(ip: int, rows: int, seed: int = 1) -> int:
    """How many of the clicks an ip makes."""
    return sum(int((table["ip"].to_numpy() == ip).sum()) for table in chunks(rows, seed))
