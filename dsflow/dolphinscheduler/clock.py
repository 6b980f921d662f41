"""Which time a server's clock shows: backfills take dates in the server's own time zone, which no request names.

The preview of a schedule takes its start in that zone and shows times in any other one. Asked for a day of each month,
it tells the zone's offsets, by which the zone is found. Of zones that agree in all of them, those times are certain
which they all give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from dsflow.cron import FORMAT
from dsflow.definition import ScheduleDefinition
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import ServerError

_EACH_MINUTE = "0 * * * * ? *"

Sample = tuple[datetime, datetime]
"""A time of the server's clock, and the moment (in UTC) at which it shows that."""


def server_times(rest: RestClient, moments: Sequence[datetime], likely: tzinfo) -> list[datetime] | None:
    """What a server's clock showed at some moments, None if that is not certain.

    Args:
        moments: with a time zone.
        likely: a zone that the server may well have.
    """
    samples = ask(rest, datetime.now(timezone.utc).year + 1)
    found = {tuple(_shown(moment, zone) for moment in moments) for zone in zones(samples, likely)}
    return list(found.pop()) if len(found) == 1 else None


def ask(rest: RestClient, year: int) -> list[Sample]:
    """What the server's clock will show on a day of each month of a year to come.

    Raises:
        ServerError: the server shows no times.
    """
    asked = [datetime(year, month, 15, 12) for month in range(1, 13)]
    answers = [rest.soon(rest.preview_schedule, 0, _question(local)) for local in asked]
    samples = []
    for local, answer in zip(asked, answers, strict=True):
        shown = answer.result()
        if not shown:
            raise ServerError("the server shows no times of a schedule, by which its time zone is found")
        first = datetime.strptime(shown[0], FORMAT).replace(tzinfo=timezone.utc)  # the minute after the start
        samples.append((local, first - timedelta(minutes=1)))
    return samples


def zones(samples: Iterable[Sample], likely: tzinfo) -> list[tzinfo]:
    """The zones whose clocks show that; UTC alone if it does, else ``likely`` alone if it does."""
    held = list(samples)
    for zone in (timezone.utc, likely):
        if _fits(zone, held):
            return [zone]
    return [zone for zone in map(ZoneInfo, sorted(available_timezones())) if _fits(zone, held)]


def _fits(zone: tzinfo, samples: list[Sample]) -> bool:
    return all(_shown(moment, zone) == local for local, moment in samples)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _question(start: datetime) -> str:
    return codec.schedule_json(
        ScheduleDefinition(
            _EACH_MINUTE, start.strftime(FORMAT), (start + timedelta(days=1)).strftime(FORMAT), timezone_id="UTC"
        )
    )
