"""When schedules fire, held against Quartz and cron-utils themselves: schedules/record.py asked them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from dsflow.cron import FIELDS, CronError, Crontab, parse
from tests.conformance.schedules.questions import FEW
from tests.conformance.schedules.record import RECORDED
from tests.parallel import Report


@dataclass(frozen=True)
class Answer:
    """What was recorded: lists of times, None for refused, "ERROR"."""

    cron: str
    zone: str
    after: int
    quartz: Any
    cron_utils: Any

    @property
    def taken(self) -> bool:
        """Whether both take it and can say when it fires."""
        return isinstance(self.quartz, list) and self.cron_utils is not None


LINES = RECORDED.read_text(encoding="utf-8").splitlines()
LAST_YEAR = json.loads(LINES[0])["last_year"]


def _answers() -> Iterator[Answer]:
    for line in LINES[1:]:
        cron, zone, after, quartz, other = json.loads(line)
        yield Answer(cron, zone, after, quartz, quartz if other == "same" else other)


def _times(crontab: Crontab, answer: Answer) -> list[int]:
    zone = ZoneInfo(answer.zone)
    found: list[int] = []
    moment = crontab.after(datetime.fromtimestamp(answer.after, timezone.utc), zone, LAST_YEAR)
    while moment is not None and len(found) < FEW:
        found.append(int(moment.timestamp()) - answer.after)
        moment = crontab.after(moment, zone, LAST_YEAR)
    return found


def _as_read(crontab: Crontab) -> Crontab:
    fields = list(crontab.fields)
    for misread in crontab.misread:
        fields[FIELDS.index(misread.field)] = misread.read
    return parse(" ".join(fields))


def test_recorded(report: Report) -> None:
    wrong, fired, refused, misread, unlike = [], 0, 0, 0, 0
    for answer in _answers():
        try:
            crontab = parse(answer.cron)
        except CronError as error:
            refused += 1
            # the second reader's own failures are no reason to take an expression, nor to refuse one
            if answer.taken and answer.cron_utils != "ERROR":
                wrong.append(f"{answer.cron}: taken by both, here {error}")
            continue
        if not answer.taken:
            wrong.append(f"{answer.cron}: not taken by both, and here")
            continue
        found = _times(crontab, answer)
        fired += 1
        if found != answer.quartz:
            wrong.append(f"{answer}: here {found}")
        if crontab.misread:
            misread += 1
            if _times(_as_read(crontab), answer) != answer.quartz:
                wrong.append(f"{answer.cron}: not what {crontab.misread} says")
        elif answer.cron_utils != answer.quartz:
            unlike += 1
    report(
        "schedules, as recorded from Quartz",
        [f"{fired} fire at the same times, {refused} are refused; cron-utils reads {unlike} + {misread} otherwise"],
    )
    assert not wrong, "\n".join(wrong[:60])
    assert (fired > 1900, refused > 1300, misread > 80) == (True, True, True)
