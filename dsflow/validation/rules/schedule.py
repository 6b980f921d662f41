"""When a schedule comes, if it does. That its fields are Quartz's is checked where it is declared."""

from __future__ import annotations

from collections.abc import Iterator

from dsflow.errors import SourceLocation
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule

_FIELDS = "the fields are second, minute, hour, day of month, month, day of week, year"
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_LONGEST = {1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}


@rule("DSF401")
def cron(model: Model) -> Iterator[Problem]:
    """A schedule that never comes, or every second."""
    schedule = model.workflow.schedule
    if schedule is None:
        return
    where = _place(model, schedule.cron)
    fields = schedule.crontab.split()
    days = _values(fields[3], 1, 31, {})
    months = _values(fields[4].upper(), 1, 12, {name: i + 1 for i, name in enumerate(_MONTHS)})
    if days and months and min(days) > max(_LONGEST[m] for m in months):
        yield Problem(
            f"the schedule {schedule.cron!r} never comes: there is no such day in these months", where, _FIELDS
        )
    years = _values(fields[6], 1970, 2199, {})
    if years and schedule.end is not None and min(years) > schedule.end.year:
        yield Problem(f"the schedule {schedule.cron!r} begins after its end", where, _FIELDS)
    if fields[0] in ("*", "0/1", "*/1"):
        yield Problem(
            f"the schedule {schedule.cron!r} starts a run every second",
            where,
            "the first field is the second: 0 0 3 * * ? is three o'clock",
            "warning",
        )


def _place(model: Model, text: str) -> SourceLocation | None:
    found = model.sources.text_place(model.workflow.where, text, 0)
    return found or model.sources.argument_place(model.workflow.where, "schedule")


def _values(text: str, low: int, high: int, words: dict[str, int]) -> list[int]:
    """The values that a field allows; [] for one that can not be said so."""
    found: list[int] = []
    for part in text.split(","):
        body, _, step = part.partition("/")
        if body in ("?", "*", "") or not all(c.isalnum() or c == "-" for c in body):
            if body in ("*",) and step:
                found += range(low, high + 1, int(step))
                continue
            return []
        ends = [words.get(end, int(end) if end.isdigit() else -1) for end in body.split("-")]
        if -1 in ends:
            return []
        first = ends[0]
        last = ends[-1] if len(ends) == 2 else (high if step else first)
        span = range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        found += list(span)[:: int(step) if step else 1]
    return found
