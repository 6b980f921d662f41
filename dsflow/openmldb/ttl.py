"""How long an index of an OpenMLDB table keeps rows, and what a deployment makes of it.

The rules are OpenMLDB's: an index with a TTL hides expired rows from whatever reads through that index, and DEPLOY
lengthens the TTL of the indexes that it uses (see https://openmldb.ai/docs/en/main/openmldb_sql/ddl/CREATE_TABLE_STATEMENT.html
and https://openmldb.ai/docs/en/main/openmldb_sql/deployment_manage/DEPLOY_STATEMENT.html).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

TtlType = Literal["absolute", "latest", "absorlat", "absandlat"]

MINUTE_MS = 60_000
UNITS_MS = {"s": 1000, "m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1440 * MINUTE_MS}


@dataclass(frozen=True)
class Ttl:
    """A TTL; the default keeps everything.

    Attributes:
        type: ``absolute`` goes by age, ``latest`` by number of rows per key, ``absorlat`` drops a row when either says
            so, ``absandlat`` when both do.
        minutes: age limit in minutes, 0 for none.
        latest: rows to keep for each key, 0 for all.
    """

    type: TtlType = "absolute"
    minutes: int = 0
    latest: int = 0

    def normalised(self) -> Ttl:
        """The same TTL without limits that do not limit: ``absorlat`` of (10, none) is ``absolute`` 10."""
        if self.type == "absandlat" and not (self.minutes and self.latest):
            return Ttl()
        if self.type == "absorlat":
            if not self.latest:
                return Ttl("absolute", self.minutes)
            if not self.minutes:
                return Ttl("latest", latest=self.latest)
        if self.type == "absolute":
            return Ttl("absolute", self.minutes)
        if self.type == "latest":
            return Ttl("latest", latest=self.latest)
        return self

    @property
    def unlimited(self) -> bool:
        """Whether no row ever expires."""
        plain = self.normalised()
        return plain.minutes == 0 and plain.latest == 0

    def merge(self, other: Ttl) -> Ttl:
        """The TTL of an index that must serve both; OpenMLDB's table of cases."""
        left, right = self.normalised(), other.normalised()
        if left.type == right.type:
            return Ttl(left.type, _longer(left.minutes, right.minutes), _longer(left.latest, right.latest)).normalised()
        for first, second in ((left, right), (right, left)):
            if first.type == "absandlat":
                return _merge_into_absandlat(first, second).normalised()
        for first, second in ((left, right), (right, left)):
            if first.type == "absorlat":
                merged = Ttl(second.type, _longer(first.minutes, second.minutes), _longer(first.latest, second.latest))
                return merged.normalised()
        absolute, latest = (left, right) if left.type == "absolute" else (right, left)
        return Ttl("absandlat", absolute.minutes, latest.latest).normalised()

    def with_bias(self, bias: Bias) -> Ttl:
        """This TTL, longer by a deployment's RANGE_BIAS and ROWS_BIAS."""
        plain = self.normalised()
        if plain.unlimited:
            return plain
        minutes = 0 if bias.minutes is None else plain.minutes + bias.minutes if plain.minutes else 0
        latest = 0 if bias.rows is None else plain.latest + bias.rows if plain.latest else 0
        return Ttl(plain.type, minutes, latest).normalised()

    def covers(self, other: Ttl) -> bool:
        """Whether every row that the other TTL keeps is kept by this one."""
        kept = self._boxes()
        return all(any(age <= oldest and rank <= last for oldest, last in kept) for age, rank in other._boxes())

    def _boxes(self) -> list[tuple[float, float]]:
        """The rows it keeps: those up to an age in minutes and a rank among a key's newest, or up to another such."""
        minutes, latest = self.minutes or math.inf, self.latest or math.inf
        by_time, by_rank = (minutes, math.inf), (math.inf, latest)
        if self.type == "absorlat":
            return [(minutes, latest)]
        return {"absolute": [by_time], "latest": [by_rank]}.get(self.type, [by_time, by_rank])

    def __str__(self) -> str:
        if self.type == "absolute":
            return f"{self.minutes}min"
        if self.type == "latest":
            return str(self.latest)
        return f"({self.minutes}min,{self.latest})"


@dataclass(frozen=True)
class Bias:
    """RANGE_BIAS and ROWS_BIAS of a DEPLOY: minutes and rows to keep beyond what its windows need; None is ``inf``."""

    minutes: int | None = 0
    rows: int | None = 0

    @classmethod
    def parse(cls, range_bias: object = 0, rows_bias: object = 0) -> Bias:
        """The two options of DEPLOY: milliseconds, a time such as ``10d``, or ``inf``; a number of rows, or ``inf``.

        Raises:
            ValueError: one of them is something else.
        """
        return cls(_range_bias(range_bias), _rows_bias(rows_bias))


def _range_bias(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return minutes_of(value)
    text = str(value).strip().lower()
    if text == "inf":
        return None
    match = re.fullmatch(r"([0-9]+)([smhd])", text)
    if match is None or isinstance(value, bool):
        raise ValueError(f"range bias {value!r} is illegal: write a time like 10d, milliseconds, or 'inf'")
    return minutes_of(int(match[1]) * UNITS_MS[match[2]])


def _rows_bias(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if str(value).strip().lower() == "inf":
        return None
    raise ValueError(f"rows bias {value!r} is illegal: write a number of rows, or 'inf'")


def ttl_of_frame(rows: int | None, range_ms: int | None, *, has_rows: bool, has_range: bool) -> Ttl:
    """The TTL that one window needs.

    Args:
        rows: how far back its frame goes in rows, None for UNBOUNDED.
        range_ms: how far back it goes in milliseconds, None for UNBOUNDED.
        has_rows: whether the frame counts rows (ROWS).
        has_range: whether the frame measures time (ROWS_RANGE).
    """
    minutes = 0 if range_ms is None else minutes_of(range_ms) or 1
    latest = 0 if rows is None else rows or 1
    if has_rows and has_range:
        return Ttl("absandlat", minutes, latest).normalised()
    return Ttl("latest", latest=latest) if has_rows else Ttl("absolute", minutes)


def duration(minutes: int) -> str:
    """Minutes as OpenMLDB writes a time: ``30d``, ``1h`` or ``90m``."""
    unit, size = next((u, n) for u, n in (("d", 1440), ("h", 60), ("m", 1)) if minutes % n == 0)
    return f"{minutes // size}{unit}"


def minutes_of(ms: int) -> int:
    """Milliseconds in whole minutes, rounded up as OpenMLDB does."""
    return -(-ms // MINUTE_MS)


def _merge_into_absandlat(both: Ttl, other: Ttl) -> Ttl:
    if other.type == "absolute":
        return Ttl("absandlat", _longer(both.minutes, other.minutes), both.latest)
    if other.type == "latest":
        return Ttl("absandlat", both.minutes, _longer(both.latest, other.latest))
    return Ttl("absandlat", _longer(both.minutes, other.minutes), _longer(both.latest, other.latest))


def _longer(left: int, right: int) -> int:
    return 0 if 0 in (left, right) else max(left, right)
