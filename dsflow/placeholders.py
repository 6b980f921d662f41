"""What DolphinScheduler puts in place of ``${name}`` and ``$[time]``, in the series that it knows.

Both series fill names first and times in the result. Names are filled in values too (``ParameterUtils`` and
``PropertyPlaceholderHelper`` of its task API); the arithmetic of times is that of ``TimePlaceholderUtils``, oddities
included: ``$[n+1]`` is a time, not a sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from dsflow.datepatterns import PatternError, java_format
from dsflow.errors import RunError

Series = tuple[int, int]
SERIES: tuple[Series, ...] = ((3, 1), (3, 2), (3, 3), (3, 4))
"""The series whose placeholders are known here."""
USUAL = SERIES[:2]
"""Those that count where nobody names a version: dsflow was run on released servers of them."""

TIME = re.compile(r"\$\[(?P<body>[^$\]]+)\]")
SYSTEM = re.compile(r"\$\{(?P<name>system\.[\w.]+)\}")
_MOST = 2**31


class PlaceholderError(RunError):
    """A placeholder that fails the task on a server."""


def fill(text: str, values: Mapping[str, str], now: datetime, series: Series) -> str:
    """A text as a task sees it: ``${name}`` filled (an unknown one stays), then ``$[time]``.

    Raises:
        PlaceholderError: the series does not know a ``$[...]``, or a value refers to itself.
    """
    return fill_times(fill_names(text, values) if values else text, now, series)


# ------------------------------------------------------------------------------------------------------------- names


def fill_names(text: str, values: Mapping[str, str]) -> str:
    """``${name}`` replaced by its value, in which names are replaced in turn; an unknown name stays as it is.

    Raises:
        PlaceholderError: a value refers to itself, directly or through others.
    """
    return _fill_names(text, values, frozenset())


def _fill_names(text: str, values: Mapping[str, str], inside: frozenset[str]) -> str:
    start = text.find("${")
    while start >= 0:
        end = _end_of_name(text, start)
        if end < 0:
            break
        written = text[start + 2 : end]
        if written in inside:
            raise PlaceholderError(
                f"the value of ${{{written}}} refers to itself", hint="give one of the two another name"
            )
        name = _fill_names(written, values, inside | {written})
        value = values.get(name)
        if value is None:
            start = text.find("${", end + 1)
        else:
            value = _fill_names(value, values, inside | {written})
            text = text[:start] + value + text[end + 1 :]
            start = text.find("${", start + len(value))
    return text


def _end_of_name(text: str, start: int) -> int:
    """Where the brace stands that closes the one at ``start``; braces inside count."""
    depth = 0
    for at in range(start + 2, len(text)):
        if text[at] == "}":
            if not depth:
                return at
            depth -= 1
        elif text[at] == "{":
            depth += 1
    return -1


# ------------------------------------------------------------------------------------------------------------- times


def fill_times(text: str, now: datetime, series: Series) -> str:
    """``$[...]`` replaced by a time; only a single digit in it, as in ``$[5]``, is left alone.

    Raises:
        PlaceholderError: the series does not know one of them.
    """

    def value(match: re.Match[str]) -> str:
        body = match["body"]
        if re.fullmatch(r"[0-9]", body):
            return match[0]
        try:
            return _unescaped(time_value(body, now, series))
        except (ValueError, OverflowError) as error:
            raise PlaceholderError(
                f"DolphinScheduler {series[0]}.{series[1]} does not know the time {match[0]}: {error}", hint=_hint(body)
            ) from error

    return TIME.sub(value, text)


def _hint(body: str) -> str:
    if re.search(r"\d\s*[-+*/]|[-+*/]\s*\d|^\w+$|\+\+|--", body) and not re.search(r"yy|MM|dd|HH", body):
        return "for the shell's arithmetic write $((...)), which is left alone"
    return "for example $[yyyyMMdd-1], $[add_months(yyyy-MM,-1)], $[month_begin(yyyyMMdd,0)]"


def _unescaped(value: str) -> str:
    """Java's replacement of a match takes a backslash for an escape."""
    if re.search(r"(?<!\\)(?:\\\\)*\\\Z", value):
        raise ValueError("it ends with a backslash")
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def time_value(body: str, now: datetime, series: Series) -> str:
    """What ``$[body]`` is at ``now``, a local time.

    Raises:
        ValueError: the series does not know it.
    """
    if not body.strip():
        raise ValueError("it is empty")
    if body.startswith("timestamp"):
        moment, pattern = _moment(_inside(body, "timestamp"), now, series)
        text = java_format(moment, pattern)
        if not re.fullmatch(r"\d{14}", text):
            raise ValueError("timestamp() takes a time of the form yyyyMMddHHmmss")
        return str(int(datetime.strptime(text, "%Y%m%d%H%M%S").timestamp()))
    if series >= (3, 2) and body.startswith("year_week"):
        return _year_week(_inside(body, "year_week"), now)
    moment, pattern = _moment(body, now, series)
    return java_format(moment, pattern)


def _inside(body: str, function: str) -> str:
    if len(body) < len(function) + 2:
        raise ValueError(f"{function} lacks its parentheses")
    return body[len(function) + 1 : -1]


def _moment(body: str, now: datetime, series: Series) -> tuple[datetime, str]:
    """The time that is meant, and the pattern to write it in."""
    for function, at in _FUNCTIONS.items():
        if body.startswith(function):
            parts = _split(_inside(body, function))
            if len(parts) != 2:
                raise ValueError(f"{function} takes a pattern and a number")
            return at(now, calculate(parts[1])), parts[0]
    for function, of in _NEWER.items():
        if body.startswith(function):
            if series < (3, 2):
                raise ValueError(f"{function} came with 3.2")
            inside = _inside(body, function)
            if "," not in inside or function in ("this_day", "last_day"):
                return of(now, 0), inside
            parts = _split(inside)
            if len(parts) < 2:
                raise ValueError(f"{function} takes a pattern and a number")
            return of(now, calculate(parts[1])), parts[0]
    return _shifted(body, now)


def _split(text: str) -> list[str]:
    """Java's split at commas: empty parts at the end are dropped."""
    parts = text.split(",")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def _shifted(body: str, now: datetime) -> tuple[datetime, str]:
    """``pattern+N`` and ``pattern-N``: N days, N/24 hours, N/24/60 minutes."""
    sign = "+" if "+" in body else "-"
    at = body.rfind(sign)
    if at >= 0:
        if at + 1 == len(body):
            raise ValueError(f"nothing follows the {sign}")
        if body[at + 1].isdigit():
            head, slash, tail = body[at + 1 :].partition("/")
            minutes = calculate(f"60*24*({head}){slash}{tail}")
            return _later(now, minutes if sign == "+" else -minutes), body[:at]
    return now, body


def _later(moment: datetime, minutes: int) -> datetime:
    """So many minutes later on the clock of this machine's zone, whatever its summer time does meanwhile."""
    return datetime.fromtimestamp(moment.timestamp() + 60 * minutes).replace(microsecond=moment.microsecond)


def _add_months(moment: datetime, count: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + count
    year, month = divmod(months, 12)
    first = moment.replace(year=year, month=month + 1, day=1)
    return first.replace(day=min(moment.day, _last_day(first)))


def _last_day(moment: datetime) -> int:
    return ((moment.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def _month_end(moment: datetime) -> datetime:
    return moment.replace(day=_last_day(moment))


def _monday(moment: datetime) -> datetime:
    return moment - timedelta(days=moment.weekday())


_FUNCTIONS: dict[str, Callable[[datetime, int], datetime]] = {
    "add_months": _add_months,
    "month_begin": lambda now, n: now.replace(day=1) + timedelta(days=n),
    "month_end": lambda now, n: _month_end(now) + timedelta(days=n),
    "week_begin": lambda now, n: _monday(now) + timedelta(days=n),
    "week_end": lambda now, n: _monday(now) + timedelta(days=6 + n),
}
# since 3.2
_NEWER: dict[str, Callable[[datetime, int], datetime]] = {
    "month_first_day": lambda now, n: _add_months(now.replace(day=1), n),
    "month_last_day": lambda now, n: _month_end(_add_months(now, n)),
    "this_day": lambda now, n: now,
    "last_day": lambda now, n: now - timedelta(days=1),
    "week_first_day": lambda now, n: _monday(now) + timedelta(weeks=n),
    "week_last_day": lambda now, n: _monday(now) + timedelta(days=6, weeks=n),
}


def _year_week(inside: str, now: datetime) -> str:
    """The week's number: weeks begin on the given day (1 is Monday), and the first one has four days of its year."""
    pattern, first = inside, 1
    if "," in inside:
        parts = _split(inside)
        if len(parts) < 2:
            raise ValueError("year_week takes a pattern and a day of the week")
        pattern, first = parts[0], calculate(parts[1])
    begin = first - 1 if 2 <= first <= 7 else 0
    day = now.date()
    # the week that a day is in belongs to the year that most of it is in, as its fourth day shows
    fourth = day - timedelta(days=(day.weekday() - begin) % 7 - 3)
    week = (fourth.timetuple().tm_yday - 1) // 7 + 1
    return f"{day.year}{'-' if '-' in pattern else ''}{week:02d}"


# -------------------------------------------------------------------------------------------------------- arithmetic

_STRENGTH = {"*": 2, "/": 2, "+": 1, "-": 1}


def calculate(expression: str) -> int:
    """Whole numbers with ``+ - * /`` and parentheses, as DolphinScheduler counts: a sign takes all that follows it.

    Raises:
        ValueError: it fails there.
    """
    text = expression.strip()
    marked = ""
    for char in text:
        # a sign of a sign is none: after the first one, the second takes two numbers
        marked += {"-": "N", "+": "P"}[char] if char in "+-" and marked[-1:] in ("", *"+-*/(") else char
    found: list[str] = []
    waiting: list[str] = []
    for token in re.findall(r"\d+|.", marked, re.DOTALL):
        if token.isdigit():
            found.append(token)
        elif token == "(":
            waiting.append(token)
        elif token == ")":
            while waiting and waiting[-1] != "(":
                found.append(waiting.pop())
            if not waiting:
                raise ValueError(f"{expression!r} is no sum")
            waiting.pop()
        else:
            while waiting and token in _STRENGTH and _STRENGTH.get(waiting[-1], 0) >= _STRENGTH[token]:
                found.append(waiting.pop())
            waiting.append(token)
    return _worked_out(found + waiting[::-1], expression)


def _worked_out(tokens: list[str], expression: str) -> int:
    stack: list[int] = []
    for token in tokens:
        if token.isdigit():
            value = int(token)
            if value >= _MOST:
                raise ValueError(f"{token} is too large")
        else:
            if len(stack) < (1 if token in "PN" else 2):
                raise ValueError(f"{expression!r} is no sum")
            right = stack.pop()
            left = 0 if token in "PN" else stack.pop()
            value = _combined(token, left, right)
        stack.append((value + _MOST) % (2 * _MOST) - _MOST)
    if not stack:
        raise ValueError("a number is missing")
    return stack[-1]


def _combined(operator: str, left: int, right: int) -> int:
    if operator in "P+":
        return left + right
    if operator in "N-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "/":
        if right == 0:
            raise ValueError("division by zero")
        return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return 0  # what is no operator


__all__ = [
    "SERIES", "SYSTEM", "TIME", "USUAL", "PatternError", "PlaceholderError", "Series", "calculate", "fill",
    "fill_names", "fill_times", "time_value",
]  # fmt: skip
