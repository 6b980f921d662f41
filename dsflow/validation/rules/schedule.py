"""When a schedule comes, and whether Quartz reads it as it is written. Its grammar is checked where it is declared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from dsflow.cron import HINT, next_times, parse
from dsflow.declare.compile import compile_schedule
from dsflow.errors import SourceLocation
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule

_EVERY_SECOND = 60
_EARLIEST = datetime(1970, 1, 1, tzinfo=timezone.utc)


@rule("DSF401")
def cron(model: Model) -> Iterator[Problem]:
    """A schedule that never comes, or every second."""
    schedule = model.workflow.schedule
    if schedule is None:
        return
    where = _place(model, schedule.cron)
    crontab, sent = parse(schedule.cron), compile_schedule(schedule)
    if not next_times(sent.crontab, sent.timezone_id, sent.start_time, sent.end_time, _EARLIEST, 1):
        why = f"its first time is not between {sent.start_time} and {sent.end_time}"
        if crontab.after(_EARLIEST, timezone.utc) is None:
            why = "there is no such day"
        yield Problem(f"the schedule {schedule.cron!r} never comes: {why}", where, HINT)
    if len(crontab.values[0]) == _EVERY_SECOND:
        yield Problem(
            f"the schedule {schedule.cron!r} starts a run every second",
            where,
            "the first field is the second: 0 0 3 * * ? is three o'clock",
            "warning",
        )


@rule("DSF406", "warning")
def misread(model: Model) -> Iterator[Problem]:
    """A schedule that Quartz reads otherwise than it is written."""
    schedule = model.workflow.schedule
    if schedule is None:
        return
    for part in parse(schedule.cron).misread:
        yield Problem(
            f"{part}, and passes over the rest",
            _place(model, schedule.cron),
            "write what is meant in another way (the days one by one: MON,WED,FRI), or in a workflow of its own; "
            f"{part.read!r} if that is what is meant",
        )


def _place(model: Model, text: str) -> SourceLocation | None:
    found = model.sources.text_place(model.workflow.where, text, 0)
    return found or model.sources.argument_place(model.workflow.where, "schedule")
