"""Quartz cron expressions: what they mean, and when they fire, without asking a server.

DolphinScheduler fires schedules by Quartz 2.3 and has a second reader of the same texts, cron-utils, for the preview on
its page and for the dates of a backfill. The two differ. What is read here is what both take, and it fires when Quartz
does (its ``CronExpression``, which the tests hold this module against):

* Seconds come first, Sunday is 1, exactly one of day-of-month and day-of-week is ``?``; there are ``L`` (last), ``W``
  (the nearest weekday) and ``#`` (the n-th of its kind in a month). Ranges may go round (``FRI-MON``, ``22-2``).
* Some parts are taken and then not looked at, such as the step in ``MON-FRI/2``: :attr:`Crontab.misread` names them.
* On a day whose clocks skip the time, there is no run. In an hour that comes twice, there is one in the second.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache

FORMAT = "%Y-%m-%d %H:%M:%S"
FIELDS = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
HINT = "the fields are second, minute, hour, day of month, month, day of week and, if wanted, year: 0 0 3 * * ? *"
AHEAD = 100
"""Years after the current one that Quartz looks at."""

_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _YEAR = range(7)
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2099))
_LONGEST_STEP = (59, 59, 23, 31, 12, 7, None)
_NAMES: dict[int, dict[str, int]] = {
    _MONTH: {
        "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
        "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
    },
    _WEEKDAY: {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7},
}  # fmt: skip
_SATURDAY, _SUNDAY = 7, 1
_FURTHEST = 30
_PART = re.compile(r"(?P<first>\*|\d+|[A-Z]{3})?(?:-(?P<last>\d+|[A-Z]{3}))?(?:/(?P<step>\d+))?")
_LAST_DAY = re.compile(r"L(?:-(?P<before>\d+))?(?P<weekday>W)?")
_SATURDAYS = re.compile(r"L(?:-[1-9]\d*)?")
_NEAREST = re.compile(r"(?P<day>\d+)W")
_LAST_WEEKDAY = re.compile(r"(?P<day>\d|[A-Z]{3})L")
_NTH = re.compile(r"(?P<day>\d|[A-Z]{3})#(?P<nth>[1-5])")


class CronError(ValueError):
    """A text is no expression that a DolphinScheduler server takes and that has a meaning.

    Attributes:
        part: the part of a field that is wrong, '' when it is the whole.
    """

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True)
class Misread:
    """A part of an expression that Quartz does not read as it is written.

    Attributes:
        field: where it stands, one of :data:`FIELDS`.
        text: as it is written.
        read: what Quartz takes it for, in the same notation.
    """

    field: str
    text: str
    read: str

    def __str__(self) -> str:
        return f"Quartz reads the {self.field} {self.text!r} as {self.read!r}"


@dataclass(frozen=True)
class Crontab:
    """A Quartz expression that was read.

    Attributes:
        fields: all seven, in capitals.
        misread: the parts that mean something else than they seem to.
    """

    fields: tuple[str, ...]
    values: tuple[tuple[int, ...], ...] = field(repr=False)  # of each field, in order; () for "?" and "L"
    last: bool = False  # the last day of the month, or the last of a weekday in it
    before_last: int = 0  # days before the last of the month
    nearest: bool = False  # the weekday nearest to the day
    nth: int = 0  # the n-th of a weekday in the month
    misread: tuple[Misread, ...] = ()

    def after(self, moment: datetime, zone: tzinfo, last_year: int | None = None) -> datetime | None:
        """The first time at which it fires after a moment, None if there is none any more.

        Args:
            moment: with a time zone.
            zone: that the expression is read in.
            last_year: the last one that is looked at; None means that of Quartz, 100 years from now.

        Gives:
            The time, in ``zone``.
        """
        last = last_year or datetime.now(timezone.utc).year + AHEAD
        earliest = moment.astimezone(timezone.utc).replace(microsecond=0) + timedelta(seconds=1)
        local = earliest.astimezone(zone)
        found = _Search(self, zone, earliest, last).run(_settled(zone, *_parts(local)))
        return None if found is None else _aware(found, zone)

    def times(self, moment: datetime, zone: tzinfo) -> Iterator[datetime]:
        """All times after a moment; see :meth:`after`."""
        found = self.after(moment, zone)
        while found is not None:
            yield found
            found = self.after(found, zone)


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
    from zoneinfo import ZoneInfo

    place = ZoneInfo(zone)
    since = max(after, datetime.strptime(start, FORMAT).replace(tzinfo=place) - timedelta(seconds=1))
    until = datetime.strptime(end, FORMAT).replace(tzinfo=place)
    found: list[datetime] = []
    for moment in parse(crontab).times(since, place):
        if moment > until or len(found) == count:
            break
        found.append(moment)
    return found


# ---------------------------------------------------------------- reading


@lru_cache(maxsize=512)
def parse(text: str) -> Crontab:
    """Read an expression of six or seven fields.

    Raises:
        CronError: Quartz or DolphinScheduler's second reader does not take it.
    """
    fields = text.upper().split()
    if len(fields) not in (6, 7):
        raise CronError(f"it has {len(fields)} fields; Quartz wants 6 or 7 (seconds first)")
    if len(fields) == 6:
        fields.append("*")
    if [fields[_DAY], fields[_WEEKDAY]].count("?") != 1:
        raise CronError("it needs a '?' in exactly one of day-of-month and day-of-week")
    readers = [_Field(place, content) for place, content in enumerate(fields)]
    return Crontab(
        tuple(fields),
        tuple(tuple(sorted(reader.values)) for reader in readers),
        last=any(reader.last for reader in readers),
        before_last=readers[_DAY].before_last,
        nearest=readers[_DAY].nearest,
        nth=readers[_WEEKDAY].nth,
        misread=tuple(reader.misread for reader in readers if reader.misread),
    )


class _Field:
    """One field: the values that its parts stand for, and what its letters say."""

    def __init__(self, place: int, text: str) -> None:
        self.place = place
        self.values: set[int] = set()
        self.last = self.nearest = False
        self.before_last = self.nth = 0
        self.misread: Misread | None = None
        if text == "?" and place in (_DAY, _WEEKDAY):
            return
        parts = text.split(",")
        if "L" in re.sub(r"[A-Z]{3}", "", text) and len(parts) > 1:
            raise CronError(f"{text!r}: Quartz takes L only alone, not in a list", text)
        if text.count("#") > 1:
            raise CronError(f"{text!r}: Quartz takes only one #", text)
        read = [self._part(part) for part in parts]
        if len(parts) > 1 and (self.nearest or self.nth):
            # of the whole list, only the smallest value is looked at
            smallest = str(min(self.values))
            read = [f"{smallest}W" if self.nearest else f"{smallest}#{self.nth}"]
        if read != parts:
            self.misread = Misread(FIELDS[place], text, ",".join(read))

    def _part(self, part: str) -> str:
        """Take a part in; gives what Quartz reads."""
        if self.place == _DAY and (match := _LAST_DAY.fullmatch(part)):
            return self._last_day(part, match["before"], bool(match["weekday"]))
        if self.place == _DAY and (match := _NEAREST.fullmatch(part)):
            self.values.add(self._number(match["day"], part))
            self.nearest = True
            return part
        if self.place == _WEEKDAY and (match := _SATURDAYS.fullmatch(part)):
            self.values.add(_SATURDAY)
            return "L"
        if self.place == _WEEKDAY and (match := _LAST_WEEKDAY.fullmatch(part)):
            self.values.add(self._number(match["day"], part))
            self.last = True
            return part
        if self.place == _WEEKDAY and (match := _NTH.fullmatch(part)):
            self.values.add(self._number(match["day"], part))
            self.nth = int(match["nth"])
            return part
        match = _PART.fullmatch(part)
        if match is None or not part or (match["last"] and match["first"] in (None, "*")):
            raise self._wrong(part)
        return self._span(part, match["first"], match["last"], match["step"])

    def _last_day(self, part: str, before: str | None, weekday: bool) -> str:
        if before is not None and weekday:
            raise CronError(f"{part!r}: DolphinScheduler takes LW and L-{before}, not both in one", part)
        if before is not None and not 1 <= int(before) <= _FURTHEST:
            raise CronError(f"{part!r}: from 1 to {_FURTHEST} days before the last of the month can be said", part)
        self.last, self.before_last, self.nearest = True, int(before or 0), weekday
        return part

    def _span(self, part: str, first: str | None, last: str | None, step: str | None) -> str:
        least, most = _BOUNDS[self.place]
        every = int(step) if step is not None else 1
        if step is not None and every == 0:
            raise CronError(f"{part!r}: a step of 0", part)
        longest = _LONGEST_STEP[self.place]
        if longest is not None and every > longest:
            raise CronError(f"{part!r}: a step of {every} in the {FIELDS[self.place]}s; Quartz takes {longest}", part)
        if first in (None, "*"):
            self.values.update(range(least, most + 1, every))
            return part
        assert first is not None
        named = first.isalpha()
        low = self._number(first, part)
        high = self._number(last, part) if last else most if step and not named else low
        if last and named != last.isalpha():
            raise CronError(f"{part!r}: Quartz takes names or numbers in a range, not both", part)
        if high < low and self.place == _YEAR:
            raise CronError(f"{part!r}: the years go backwards", part)
        if high < low == most and step and self.place != _DAY:
            raise CronError(f"{part!r}: DolphinScheduler takes no step from {most} on", part)
        if named:
            every = 1  # a step after names is passed over
        size = most - least + 1
        span = (high - low) % size if high < low else high - low
        self.values.update(least + (low - least + n) % size for n in range(0, span + 1, every))
        return part.partition("/")[0] if named else part

    def _number(self, text: str, part: str) -> int:
        least, most = _BOUNDS[self.place]
        number = int(text) if text.isdigit() else _NAMES.get(self.place, {}).get(text, -1)
        if number < 0:
            raise self._wrong(part)
        if not least <= number <= most:
            raise CronError(f"{part!r} is no {FIELDS[self.place]}: they go from {least} to {most}", part)
        return number

    def _wrong(self, part: str) -> CronError:
        return CronError(f"{part!r} is no {FIELDS[self.place]}", part)


# ---------------------------------------------------------------- searching


class _Search:
    """Moves a local time forward until every field agrees, in the steps in which Quartz does it.

    The steps count, not only the fields: what a lenient calendar makes of a day or an hour that does not exist decides
    where the search goes on, and with it what fires on a day whose clocks change.

    Args:
        earliest: no time before this is looked for; in UTC.
    """

    def __init__(self, crontab: Crontab, zone: tzinfo, earliest: datetime, last_year: int) -> None:
        self._cron = crontab
        self._zone = zone
        self._earliest = earliest
        self._last_year = last_year
        self._seconds, self._minutes, self._hours, self._days, self._months, self._weekdays, self._years = (
            crontab.values
        )

    def run(self, now: datetime) -> datetime | None:
        """The time, without a zone; in an hour that comes twice, the second one."""
        while True:
            second = _from(self._seconds, now.second)
            if second is None:
                now = self._at(now, minute=now.minute + 1, second=self._seconds[0])
            else:
                now = self._at(now, second=second)
            moved = self._clock(now) or self._day(now)
            if moved is not None:
                now = moved
                continue
            if now.year > self._last_year:
                return None
            month = _from(self._months, now.month)
            if month != now.month:
                year = now.year if month else now.year + 1
                now = self._at(now, year=year, month=month or self._months[0], day=1, hour=0, minute=0, second=0)
                continue
            year_found = _from(self._years, now.year)
            if year_found is None:
                return None
            if year_found == now.year:
                return now
            now = self._at(now, year=year_found, month=1, day=1, hour=0, minute=0, second=0)

    def _clock(self, now: datetime) -> datetime | None:
        """Where the hour or the minute lead, None if both agree."""
        minute = _from(self._minutes, now.minute)
        if minute != now.minute:
            hour = now.hour if minute is not None else now.hour + 1
            return self._at_hour(now, hour, minute=self._minutes[0] if minute is None else minute, second=0)
        hour_found = _from(self._hours, now.hour)
        if hour_found == now.hour:
            return None
        if hour_found is None:
            return self._at_hour(now, self._hours[0], day=now.day + 1, minute=0, second=0)
        return self._at_hour(now, hour_found, minute=0, second=0)

    def _day(self, now: datetime) -> datetime | None:
        """Where the day leads, None if it agrees."""
        month, day = self._day_of_month(now) if self._cron.fields[_WEEKDAY] == "?" else self._weekday(now)
        if (month, day) == (now.month, now.day):
            return None
        return self._at(now, month=month, day=day, hour=0, minute=0, second=0)

    def _day_of_month(self, now: datetime) -> tuple[int, int]:
        length = _length(now.year, now.month)
        if self._cron.last:
            day = length - self._cron.before_last
            if self._cron.nearest:
                return self._nearest(now, day, 1)
            return (now.month + 1, 1) if now.day > day else (now.month, day)
        first = self._days[0]
        if self._cron.nearest:
            return self._nearest(now, first, first)
        found = _from(self._days, now.day)
        return (now.month + 1, first) if found is None or found > length else (now.month, found)

    def _nearest(self, now: datetime, day: int, otherwise: int) -> tuple[int, int]:
        """The day from Monday to Friday nearest to one of the month; if that is over, ``otherwise`` of the next."""
        length = _length(now.year, now.month)
        weekday = _weekday(self._at(now, day=day, hour=0, minute=0, second=0))
        if weekday == _SATURDAY:
            day += 2 if day == 1 else -1
        elif weekday == _SUNDAY:
            day += -2 if day == length else 1
        if _aware(self._at(now, day=day), self._zone) < self._earliest:
            return now.month + 1, otherwise
        return now.month, day

    def _weekday(self, now: datetime) -> tuple[int, int]:
        length, today = _length(now.year, now.month), _weekday(now)
        wanted = self._weekdays[0]
        if not self._cron.last and not self._cron.nth:
            wanted = _from(self._weekdays, today) or wanted
        day = now.day + (wanted - today) % 7
        if self._cron.last:
            if day <= length:
                day += (length - day) // 7 * 7
        elif self._cron.nth:
            behind = self._cron.nth - (day + 6) // 7
            if behind < 0:
                return now.month + 1, 1
            day += 7 * behind
        return (now.month, day) if day <= length else (now.month + 1, 1)

    def _at(self, now: datetime, **changes: int) -> datetime:
        names = ("year", "month", "day", "hour", "minute", "second")
        return _settled(self._zone, *(changes.get(name, value) for name, value in zip(names, _parts(now), strict=True)))

    def _at_hour(self, now: datetime, hour: int, **changes: int) -> datetime:
        found = self._at(now, hour=hour, **changes)
        return self._at(found, hour=hour + 1) if found.hour != hour and hour != 24 else found


def _parts(moment: datetime) -> tuple[int, int, int, int, int, int]:
    return moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second


def _settled(zone: tzinfo, year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    """The local time of parts that may be too large or small; one that the clocks skip is as much later."""
    years, months = divmod(month - 1, 12)
    start = datetime(year + years, months + 1, 1)
    moment = start + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    before, behind = moment.replace(tzinfo=zone).utcoffset(), moment.replace(tzinfo=zone, fold=1).utcoffset()
    return moment + (behind - before) if before is not None and behind is not None and before < behind else moment


def _aware(moment: datetime, zone: tzinfo) -> datetime:
    """In its zone; of two, the second."""
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    return first if first.utcoffset() == second.utcoffset() else second


def _from(values: tuple[int, ...], least: int) -> int | None:
    place = bisect_left(values, least)
    return values[place] if place < len(values) else None


def _length(year: int, month: int) -> int:
    return (datetime(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def _weekday(moment: datetime) -> int:
    return moment.isoweekday() % 7 + 1
