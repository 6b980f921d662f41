"""When a workflow runs by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from dsflow.cron import HINT, CronError, parse
from dsflow.declare.locations import caller
from dsflow.definition import Priority
from dsflow.errors import DeclarationError

FailureStrategy = Literal["CONTINUE", "END"]


@dataclass(frozen=True)
class Schedule:
    """When a workflow runs by itself.

    Args:
        cron: Quartz's fields: second, minute, hour, day of month, month, day of week, and a year (``*`` when left out);
            see `dsflow.cron`.
        timezone: an IANA name.
        start: from when on; None means 2000-01-01.
        end: until when; None means 2099-12-31.
        online: whether the schedule is live.
        failure_strategy: ``CONTINUE`` or ``END``: whether the other branches go on when a task has failed.
        priority: of its runs: ``HIGHEST``, ``HIGH``, ``MEDIUM``, ``LOW`` or ``LOWEST``.
    """

    cron: str
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    online: bool = True
    failure_strategy: FailureStrategy = "CONTINUE"
    priority: Priority = "MEDIUM"

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("failure_strategy", self.failure_strategy, get_args(FailureStrategy)),
            ("priority", self.priority, get_args(Priority)),
        ):
            if value not in allowed:
                raise DeclarationError(
                    f"the schedule's {what}={value!r} is not one of {', '.join(allowed)}", where=caller()
                )
        if not isinstance(self.cron, str):
            raise DeclarationError(f"the schedule {self.cron!r} is not a string", where=caller())
        try:
            parse(self.cron)
        except CronError as error:
            raise DeclarationError(f"the schedule {self.cron!r}: {error}", where=caller(), hint=HINT) from None
        for what, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is not None):
                raise DeclarationError(
                    f"the schedule's {what}={moment!r} is not a datetime without a time zone",
                    where=caller(),
                    hint="it is read in the schedule's timezone",
                )
        if self.start and self.end and self.end <= self.start:
            raise DeclarationError("the schedule ends before it starts", where=caller())
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise DeclarationError(
                f"{self.timezone!r} is not a time zone", where=caller(), hint="such as Asia/Shanghai"
            ) from None

    @property
    def crontab(self) -> str:
        """All seven fields."""
        fields = self.cron.split()
        return " ".join(fields if len(fields) == 7 else [*fields, "*"])
