"""Java's date patterns (``java.time.format.DateTimeFormatter``) for a time without a zone, in US English.

Text and week numbers follow a server's own language: there a server in another language writes others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = ("1st", "2nd", "3rd", "4th")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class PatternError(ValueError):
    """Java refuses the pattern, or it asks for what the time does not have (a zone)."""


def java_format(moment: datetime, pattern: str) -> str:
    """``moment`` in the form of a pattern.

    Raises:
        PatternError: naming what is wrong with the pattern.
    """
    found: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char in _LETTERS:
            end = at
            while end < len(pattern) and pattern[end] == char:
                end += 1
            found.append(_field(char, end - at, moment))
            at = end
        elif char == "'":
            text, at = _quoted(pattern, at)
            found.append(text)
        elif char in "{}#":
            raise PatternError(f"{char!r} is reserved in a date pattern")
        elif char == "[":
            at += 1  # an optional part: it can always be written
        elif char == "]":
            raise PatternError("']' without a '['")
        else:
            found.append(char)
            at += 1
    return "".join(found)


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    """The text that begins with the quote at ``start``, and the place behind its end."""
    at, text = start + 1, ""
    while at < len(pattern):
        if pattern[at] != "'":
            text += pattern[at]
            at += 1
        elif pattern[at + 1 : at + 2] == "'":
            text += "'"
            at += 2
        else:
            return text or "'", at + 1
    raise PatternError("a quote ' is not closed")


def _week(day: date) -> tuple[int, int]:
    """Year and week: weeks begin on Sunday, and the first one holds 1 January."""
    sunday = day - timedelta(days=(day.weekday() + 1) % 7)
    year = (sunday + timedelta(days=6)).year
    first = date(year, 1, 1)
    begin = first - timedelta(days=(first.weekday() + 1) % 7)
    return year, (sunday - begin).days // 7 + 1


def _week_of_month(day: date) -> int:
    first = day.replace(day=1)
    return (day.day - 1 + (first.weekday() + 1) % 7) // 7 + 1


def _year(value: int, count: int) -> str:
    if count == 2:
        return f"{value % 100:02d}"
    return f"{value:0{count}d}"


def _words(count: int, short: str, full: str, narrow: str) -> str:
    return {3: short, 4: full, 5: narrow}[count]


def _numbers(most: int, value: Callable[[datetime], int]) -> Callable[[datetime, int], str | None]:
    """A number, of as many digits as there are letters, which are at most ``most``."""
    return lambda moment, count: f"{value(moment):0{count}d}" if count <= most else None


def _named(
    name: Callable[[datetime], str], number: Callable[[datetime], int] | None, *, pads: bool = True
) -> Callable[[datetime, int], str | None]:
    """One or two letters: a number; three to five: its name short, full and as one letter."""

    def write(moment: datetime, count: int) -> str | None:
        if count > 5 or (count == 2 and not pads):
            return None
        if count < 3 and number is not None:
            return f"{number(moment):0{count}d}"
        full = name(moment)
        return _words(max(count, 3), full[:3], full, full[0])

    return write


def _quarter(moment: datetime, count: int) -> str | None:
    number = (moment.month - 1) // 3
    if count > 5:
        return None
    return f"{number + 1:0{count}d}" if count < 3 else _words(
        count, f"Q{number + 1}", f"{_ORDINALS[number]} quarter", str(number + 1)
    )  # fmt: skip


def _day_of_year(moment: datetime, count: int) -> str | None:
    return f"{moment.timetuple().tm_yday:0{count}d}" if count <= 3 else None


def _nanos_of_day(moment: datetime) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 10**9 + moment.microsecond * 1000


_FIELDS: dict[str, Callable[[datetime, int], str | None]] = {
    "y": lambda m, n: _year(m.year, n),
    "u": lambda m, n: _year(m.year, n),
    "Y": lambda m, n: _year(_week(m.date())[0], n),
    "M": _named(lambda m: _MONTHS[m.month - 1], lambda m: m.month),
    "L": _named(lambda m: _MONTHS[m.month - 1], lambda m: m.month),
    "Q": _quarter,
    "q": _quarter,
    "w": _numbers(2, lambda m: _week(m.date())[1]),
    "W": _numbers(1, lambda m: _week_of_month(m.date())),
    "D": _day_of_year,
    "d": _numbers(2, lambda m: m.day),
    "E": _named(lambda m: _DAYS[m.weekday()], None),
    "e": _named(lambda m: _DAYS[m.weekday()], lambda m: (m.weekday() + 1) % 7 + 1),
    "c": _named(lambda m: _DAYS[m.weekday()], lambda m: (m.weekday() + 1) % 7 + 1, pads=False),
    "F": _numbers(1, lambda m: (m.day - 1) % 7 + 1),
    "G": lambda m, n: None if n > 5 else _words(max(n, 3), "AD", "Anno Domini", "A"),
    "a": lambda m, n: None if n > 1 else ("AM" if m.hour < 12 else "PM"),
    "H": _numbers(2, lambda m: m.hour),
    "k": _numbers(2, lambda m: m.hour or 24),
    "K": _numbers(2, lambda m: m.hour % 12),
    "h": _numbers(2, lambda m: m.hour % 12 or 12),
    "m": _numbers(2, lambda m: m.minute),
    "s": _numbers(2, lambda m: m.second),
    "S": lambda m, n: None if n > 9 else f"{m.microsecond * 1000:09d}"[:n],
    "n": _numbers(19, lambda m: m.microsecond * 1000),
    "N": _numbers(19, _nanos_of_day),
    "A": _numbers(19, lambda m: _nanos_of_day(m) // 10**6),
}


def _field(letter: str, count: int, moment: datetime) -> str:
    if letter not in _FIELDS:
        raise PatternError(
            f"a date pattern has no letter {letter!r}" + (" without a zone" if letter in "VvzOXxZ" else "")
        )
    text = _FIELDS[letter](moment, count)
    if text is None:
        raise PatternError(f"too many letters: {letter * count!r}")
    return text
