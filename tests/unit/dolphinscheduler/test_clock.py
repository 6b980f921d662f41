"""A server's time zone, told by what its clock will show."""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from dsflow.dolphinscheduler import clock

MOMENTS = [datetime(2024, month, 10, 7, tzinfo=timezone.utc) for month in (1, 3, 4, 7, 11)]


def samples(zone: tzinfo) -> list[clock.Sample]:
    moments = [datetime(2027, month, 15, 12, tzinfo=zone).astimezone(timezone.utc) for month in range(1, 13)]
    return [(moment.astimezone(zone).replace(tzinfo=None), moment) for moment in moments]


@pytest.mark.parametrize("name", ["UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("likely", ["America/New_York", "Asia/Tokyo"])
def test_the_zone_is_found(monkeypatch: pytest.MonkeyPatch, name: str, likely: str) -> None:
    zone = ZoneInfo(name)
    monkeypatch.setattr(clock, "ask", lambda rest, year: samples(zone))
    shown = clock.server_times(None, MOMENTS, ZoneInfo(likely))  # type: ignore[arg-type]
    assert shown == [moment.astimezone(zone).replace(tzinfo=None) for moment in MOMENTS]


def test_what_zones_of_the_same_clock_tell_differently_is_not_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sao Paulo had summer time until 2019; Buenos Aires, whose clock is the same by now, had not."""
    monkeypatch.setattr(clock, "ask", lambda rest, year: samples(ZoneInfo("America/Sao_Paulo")))
    summer = [datetime(2018, 1, 10, tzinfo=timezone.utc)]
    assert clock.server_times(None, summer, timezone.utc) is None  # type: ignore[arg-type]
    assert clock.server_times(None, summer, ZoneInfo("America/Sao_Paulo")) is not None  # type: ignore[arg-type]
