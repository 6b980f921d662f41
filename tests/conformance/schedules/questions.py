"""The questions that recorded.jsonl answers: expressions, zones and moments, most of them near something odd."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

SEED = 20260301
ZONES = (
    "UTC", "Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Europe/Berlin", "Europe/London", "Pacific/Auckland",
    "Australia/Lord_Howe", "America/Santiago", "America/Havana", "America/Sao_Paulo", "Asia/Tehran",
)  # fmt: skip
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FEW = 4  # times that are asked for


@dataclass(frozen=True)
class Question:
    """When an expression fires after a moment.

    Attributes:
        after: seconds since 1970.
    """

    cron: str
    zone: str
    after: int


def questions() -> Iterator[Question]:
    """All of them, the same at each call."""
    chance = random.Random(SEED)
    changes = {zone: _changes(zone) for zone in ZONES}
    for cron in CRONS_OF_CHANGES:
        for zone in ZONES:
            for moment in chance.sample(changes[zone], min(2, len(changes[zone]))):
                yield Question(cron, zone, moment - chance.choice((0, 1, 1800, 7200, 86400)))
    seen: set[str] = set()
    for number, make in ((1600, _whole), (900, _one_odd), (700, _broken)):
        made = 0
        while made < number:
            cron = make(chance)
            if cron in seen or _without_end(cron):
                continue
            seen.add(cron)
            made += 1
            zone = chance.choice(ZONES)
            yield Question(cron, zone, _moment(chance, changes[zone]))


CRONS_OF_CHANGES = (
    "0 30 2 * * ?", "0 30 1 * * ?", "0 0 0 * * ?", "0 15 0/2 * * ?", "0 0/20 * * * ?", "0 30 0-3 ? * SUN",
    "30 45 1,2 * * ?", "0 0 2 L * ?", "0 10 2 ? * 1#2", "0 5 23 * * ?",
)  # fmt: skip


def _changes(zone: str) -> list[int]:
    """When the clocks change, from 1990 to 2050; to the hour before it."""
    place, found = ZoneInfo(zone), []
    moment = datetime(1990, 1, 1, tzinfo=timezone.utc)
    offset = moment.astimezone(place).utcoffset()
    while moment.year < 2050:
        later = moment + timedelta(days=1)
        if later.astimezone(place).utcoffset() != offset:
            hours = (moment + timedelta(hours=n) for n in range(1, 25))
            hour = next(h for h in hours if h.astimezone(place).utcoffset() != offset)
            found.append(int(hour.timestamp()) - 3600)
            offset = later.astimezone(place).utcoffset()
        moment = later
    return found


def _moment(chance: random.Random, changes: list[int]) -> int:
    kind = chance.randrange(4)
    if kind == 0 and changes:
        return chance.choice(changes) + chance.randrange(-90000, 90000)
    if kind == 1:
        february = datetime(chance.randrange(1995, 2045), 2, 27, tzinfo=timezone.utc)
        return int(february.timestamp()) + chance.randrange(3 * 86400)
    if kind == 2:
        year_end = datetime(chance.randrange(1995, 2045), 12, 30, tzinfo=timezone.utc)
        return int(year_end.timestamp()) + chance.randrange(3 * 86400)
    return chance.randrange(800_000_000, 2_400_000_000)


def _number(chance: random.Random, least: int, most: int) -> str:
    return str(chance.choice((least, most, chance.randint(least, most), chance.randint(least, most))))


def _simple(chance: random.Random, least: int, most: int) -> str:
    kind = chance.randrange(9)
    one, two = _number(chance, least, most), _number(chance, least, most)
    step = chance.choice((1, 2, 3, 5, 7, 10, 15, 20, 25))
    step = min(step, most)
    if kind <= 2:
        return one
    return ("*", f"*/{step}", f"{one}/{step}", f"{one}-{two}", f"{one}-{two}/{step}", f"{one},{two}")[kind - 3]


def _month(chance: random.Random) -> str:
    kind = chance.randrange(6)
    one, two = chance.choice(MONTHS), chance.choice(MONTHS)
    if kind <= 1:
        return "*"
    return (one, f"{one}-{two}", f"{one},{two}", _simple(chance, 1, 12))[kind - 2]


def _days(chance: random.Random) -> tuple[str, str]:
    one, two = chance.choice(DAYS), chance.choice(DAYS)
    number = _number(chance, 1, 31)
    of_month = (
        "*", _simple(chance, 1, 31), "L", "LW", f"L-{chance.randrange(31)}", f"{number}W", f"{number}W", number,
    )  # fmt: skip
    of_week = (
        _simple(chance, 1, 7), "L", f"{one}L", f"{chance.randint(1, 7)}L", f"{one}#{chance.randint(1, 5)}",
        f"{chance.randint(1, 7)}#{chance.randint(1, 5)}", one, f"{one}-{two}", f"{one},{two}",
    )  # fmt: skip
    return (chance.choice(of_month), "?") if chance.random() < 0.5 else ("?", chance.choice(of_week))


def _year(chance: random.Random) -> str:
    year = chance.randrange(1995, 2060)
    kinds = (f"{year}", f"{year}-{year + chance.randrange(9)}", f"{year}/{chance.randint(1, 7)}", f"{year},{year + 4}")
    return chance.choice(("", "", "", "", "*", *kinds))


def _fields(chance: random.Random) -> list[str]:
    day, weekday = _days(chance)
    small = chance.random() < 0.5
    fields = [
        "0" if small else _simple(chance, 0, 59),
        _simple(chance, 0, 59),
        _simple(chance, 0, 23),
        day,
        _month(chance),
        weekday,
        _year(chance),
    ]
    return [field for field in fields if field]


def _whole(chance: random.Random) -> str:
    return " ".join(_fields(chance))


def _odd_days(chance: random.Random) -> tuple[str, str]:
    one, two = chance.choice(DAYS), chance.choice(DAYS)
    number, other = chance.randint(1, 31), chance.randint(1, 31)
    few, step, nth = chance.randint(1, 7), chance.choice((1, 2, 3, 40)), chance.randint(1, 5)
    of_month = (
        f"{number},L", f"L,{number}", f"{number}W,{other}W", f"{number},{other}W", f"{number}W,{other}",
        f"LW,{number}", f"L-{chance.randint(1, 27)}W", f"{number}-{other}W", f"L/{step}", f"?,{number}",
        f"{number},?", "?L", f"{number}L", f"{number}/{step}", f"/{step}", "W", f"L-{chance.randint(29, 40)}", "L-",
        f"{number}-", f"{number}#{nth}", "L,L",
    )  # fmt: skip
    of_week = (
        f"{one}/{step}", f"{one}-{two}/{step}", f"{one}#{nth},{two}", f"{one},{two}#{nth}", f"{few}#{nth},{few}",
        f"{one}L,{two}", f"{few}L,{two}", f"{one},L", f"{few}#{nth},{few}#{nth}", f"{few}-{two}", f"{one}-{few}",
        f"{one}W", f"{few}W", f"{one}-{two}L", f"{one}#6", f"{one}#0", f"{few}/{step}", "L-3", "LW", f"{one}{two}",
        f"{one}-", f"{one}#", "0", "8", "0-6", "5-0", "1-7/2", f"{one},{few}", f"{one}L#2", f"?,{one}",
    )  # fmt: skip
    return (chance.choice(of_month), "?") if chance.random() < 0.45 else ("?", chance.choice(of_week))


def _one_odd(chance: random.Random) -> str:
    fields = _fields(chance)
    if chance.random() < 0.6:
        fields[3], fields[5] = _odd_days(chance)
    else:
        place = chance.choice((0, 1, 2, 4, len(fields) - 1))
        top = (59, 59, 23, 31, 12, 7, 2099)[place]
        low, step = chance.randint(0, min(top, 12)), chance.choice((0, 0, 1, 12, 13, 24, 31, 59, 60, 90))
        odd = (
            f"{low}/{step}", f"*/{step}", f"{low}-{top}/{step}", f"/{max(step, 1)}", f"{top + 1}", f"{low}-{top + 1}",
            f"{top}-{low}", f"{top}-{low}/{step}", "L", f"{low}L", f"{low}W", "?", f"{low},", f",{low}",
            f"{low},,{top}", f"JAN/{step}", "JAN-MAR/2", "FOO", "MON", f"0{low}", f"{low}-{top}-{low}", f"{low}/5/2",
            "**", "*,5", "*-5",
        )  # fmt: skip
        fields[place] = chance.choice(odd)
    return " ".join(fields)


def _broken(chance: random.Random) -> str:
    """A good one with a few characters changed, or too many or few fields."""
    text = _whole(chance)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(text))
        kind = chance.randrange(4)
        character = chance.choice("0123456789*?/-,#LW AFMNRSU")
        text = text[:place] + (character if kind < 3 else "") + text[place + (0 if kind == 0 else 1) :]
    return chance.choice((text, text.lower())) if chance.random() < 0.9 else text.rsplit(" ", 1)[0]


def _without_end(cron: str) -> bool:
    """Whether looking for its time may take for ever: a day before the month with W, a weekday that is none with #."""
    fields = cron.upper().split()
    if len(fields) < 6:
        return False
    for part in fields[3].split(","):
        digits = "".join(c for c in part if c.isdigit()) or "0"
        if "W" in part and (int(digits) == 0 or int(digits) > 27) and (part.startswith("L") or int(digits) == 0):
            return part != "LW"
    return any("#" in part and not part[:1].isalpha() and part[:2] not in [f"{n}#" for n in range(1, 8)]
               for part in fields[5].split(","))  # fmt: skip
