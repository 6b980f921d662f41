"""When a Quartz cron expression fires: the five times that a plan shows, without asking a server.

Quartz's rules, which differ from crontab's: seconds come first, Sunday is 1, exactly one of day-of-month and
day-of-week is ``?``; there are ``L`` (last), ``W`` (the nearest weekday) and ``#`` (the n-th of its kind in a month).
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}

_DayRule = Callable[[date], bool]


def next_times(crontab: str, zone: str, start: str, end: str, after: datetime, count: int = 5) -> list[datetime]:
    """The next times at which a schedule fires, in its own time zone.

    Args:
        crontab: Quartz, six or seven fields.
        zone: an IANA name.
        start: from when on the schedule holds: ``YYYY-MM-DD HH:MM:SS`` in ``zone``.
        end: until when, likewise.
        after: only times later than this (with a time zone).

    Raises:
        ValueError: one of the texts is not of its form.
    """
    place = ZoneInfo(zone)
    since = max(after.astimezone(place), datetime.strptime(start, FORMAT).replace(tzinfo=place) - timedelta(seconds=1))
    until = datetime.strptime(end, FORMAT).replace(tzinfo=place)
    found: list[datetime] = []
    for moment in _times(crontab, since.date(), until.date(), place):
        if moment > until or len(found) == count:
            break
        # an hour that the clocks skip or repeat must not give a time twice
        if moment > (found[-1] if found else since):
            found.append(moment)
    return found


def _times(crontab: str, first: date, last: date, place: ZoneInfo) -> Iterator[datetime]:
    fields = crontab.upper().split()
    if len(fields) == 6:
        fields.append("*")
    if len(fields) != 7:
        raise ValueError(f"{crontab!r} has not six or seven fields")
    seconds, minutes = _numbers(fields[0], 0, 59), _numbers(fields[1], 0, 59)
    hours = _numbers(fields[2], 0, 23)
    months = set(_numbers(fields[4], 1, 12, _MONTHS))
    years = _numbers(fields[6], 1970, 2199)
    matches = _day_rule(fields[3], fields[5])
    for year in years:
        for month in range(1, 13):
            length = calendar.monthrange(year, month)[1]
            if month not in months or date(year, month, length) < first:
                continue
            if date(year, month, 1) > last:
                return
            for number in range(1, length + 1):
                day = date(year, month, number)
                if first <= day <= last and matches(day):
                    for hour in hours:
                        for minute in minutes:
                            for second in seconds:
                                yield _at(day, time(hour, minute, second), place)


def _at(day: date, clock: time, place: ZoneInfo) -> datetime:
    """A time on a clock; one that the clocks skip in spring is an hour later, as for Quartz."""
    moment = datetime.combine(day, clock, place)
    return moment.astimezone(timezone.utc).astimezone(place)


def _numbers(text: str, least: int, most: int, names: dict[str, int] | None = None) -> list[int]:
    """The numbers that a field of lists, ranges and steps stands for, in order."""
    found: set[int] = set()
    for part in text.split(","):
        bounds, slash, step = part.partition("/")
        low, dash, high = bounds.partition("-")
        if low in ("*", "?"):
            first, last = least, most
        else:
            first = _number(low, names)
            last = _number(high, names) if dash else most if slash else first
        if not least <= first <= most or not least <= last <= most:
            raise ValueError(f"{part!r} is not between {least} and {most}")
        size = most - least + 1
        span = (last - first) % size if last < first else last - first  # FRI-MON goes round
        found.update(least + (first - least + n) % size for n in range(0, span + 1, int(step) if slash else 1))
    return sorted(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _day_rule(of_month: str, of_week: str) -> _DayRule:
    if of_week != "?":
        rules = [_week_rule(part) for part in of_week.split(",")]
    else:
        rules = [_month_rule(part) for part in of_month.split(",")]
    return lambda day: any(rule(day) for rule in rules)


def _month_rule(text: str) -> _DayRule:
    if text.startswith("L"):
        weekday = text.endswith("W")
        before = int(text.strip("LW").removeprefix("-") or 0)

        def last(day: date) -> bool:
            number = _length(day) - before
            return number >= 1 and day.day == (_weekday_near(day, number) if weekday else number)

        return last
    if text.endswith("W"):
        near = int(text[:-1])
        return lambda day: near <= _length(day) and day.day == _weekday_near(day, near)
    numbers = set(_numbers(text, 1, 31))
    return lambda day: day.day in numbers


def _week_rule(text: str) -> _DayRule:
    if text == "L":
        return lambda day: _day_of_week(day) == _DAYS["SAT"]
    if text.endswith("L"):
        wanted = _number(text[:-1], _DAYS)
        return lambda day: _day_of_week(day) == wanted and day.day > _length(day) - 7
    if "#" in text:
        name, _, nth = text.partition("#")
        kind, place = _number(name, _DAYS), int(nth)
        return lambda day: _day_of_week(day) == kind and (day.day - 1) // 7 + 1 == place
    numbers = set(_numbers(text, 1, 7, _DAYS))
    return lambda day: _day_of_week(day) in numbers


def _day_of_week(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _weekday_near(day: date, number: int) -> int:
    """The day, Monday to Friday, that is nearest to a day of the same month."""
    wanted = day.replace(day=number)
    if wanted.isoweekday() == 6:
        return number - 1 if number > 1 else number + 2
    if wanted.isoweekday() == 7:
        return number + 1 if number < _length(day) else number - 2
    return number
