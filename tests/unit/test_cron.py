"""The times of Quartz expressions; tests/conformance compares them with what Quartz says."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from dsflow.cron import CronError, next_times, parse

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=timezone.utc)  # a Friday


def times(crontab: str, zone: str = "UTC", start: str = "2000-01-01 00:00:00", end: str = "2099-12-31 23:59:59"):
    return [t.strftime("%Y-%m-%d %H:%M:%S") for t in next_times(crontab, zone, start, end, NOW, 3)]


@pytest.mark.parametrize(
    ("crontab", "expected"),
    [
        ("0 30 2 * * ?", ["2026-03-07 02:30:00", "2026-03-08 02:30:00", "2026-03-09 02:30:00"]),
        ("0 0 12 * * ? *", ["2026-03-07 12:00:00", "2026-03-08 12:00:00", "2026-03-09 12:00:00"]),
        ("0 0/20 * * * ? *", ["2026-03-06 12:20:00", "2026-03-06 12:40:00", "2026-03-06 13:00:00"]),
        ("5,35 0 0 1 * ? *", ["2026-04-01 00:00:05", "2026-04-01 00:00:35", "2026-05-01 00:00:05"]),
        ("0 0 0 L * ? *", ["2026-03-31 00:00:00", "2026-04-30 00:00:00", "2026-05-31 00:00:00"]),
        ("0 0 0 L-2 * ? *", ["2026-03-29 00:00:00", "2026-04-28 00:00:00", "2026-05-29 00:00:00"]),
        ("0 0 0 LW * ? *", ["2026-03-31 00:00:00", "2026-04-30 00:00:00", "2026-05-29 00:00:00"]),
        ("0 0 0 15W * ? *", ["2026-03-16 00:00:00", "2026-04-15 00:00:00", "2026-05-15 00:00:00"]),
        ("0 0 0 1W 8 ? *", ["2026-08-03 00:00:00", "2027-08-02 00:00:00", "2028-08-01 00:00:00"]),
        ("0 0 0 ? * 6#3 *", ["2026-03-20 00:00:00", "2026-04-17 00:00:00", "2026-05-15 00:00:00"]),
        ("0 0 0 ? * 6L *", ["2026-03-27 00:00:00", "2026-04-24 00:00:00", "2026-05-29 00:00:00"]),
        ("0 0 0 ? * L *", ["2026-03-07 00:00:00", "2026-03-14 00:00:00", "2026-03-21 00:00:00"]),
        ("0 0 0 ? * fri-sun *", ["2026-03-07 00:00:00", "2026-03-08 00:00:00", "2026-03-13 00:00:00"]),
        ("0 0 0 ? JAN,DEC MON *", ["2026-12-07 00:00:00", "2026-12-14 00:00:00", "2026-12-21 00:00:00"]),
        ("0 0 0 29 2 ? *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("0 0 0 1 1 ? 2030/5", ["2030-01-01 00:00:00", "2035-01-01 00:00:00", "2040-01-01 00:00:00"]),
        ("0 0 3 * * ? 2020", []),
        ("0 0 3 30 2 ? *", []),
    ],
)
def test_the_next_times(crontab, expected):
    assert times(crontab) == expected


def test_start_and_end_are_in_the_schedules_own_zone():
    found = times("0 0 0/12 * * ? *", "Asia/Shanghai", "2030-01-01 00:00:00", "2030-01-01 12:00:00")
    assert found == ["2030-01-01 00:00:00", "2030-01-01 12:00:00"]
    assert times("0 0 21 * * ? *", "Asia/Shanghai")[0] == "2026-03-06 21:00:00"  # it is 20:00 there
    assert times("0 0 20 * * ? *", "Asia/Shanghai")[0] == "2026-03-07 20:00:00"


def offsets(crontab: str, after: datetime, count: int, zone: str = "America/New_York"):
    found = next_times(crontab, zone, "2000-01-01 00:00:00", "2099-12-31 23:59:59", after, count)
    return [f"{t:%m-%d %H:%M %z}" for t in found]


def test_there_is_no_run_on_the_day_whose_clocks_skip_the_time():
    spring = datetime(2026, 3, 7, 0, 0, tzinfo=timezone.utc)
    assert offsets("0 30 2 * * ?", spring, 3) == ["03-07 02:30 -0500", "03-09 02:30 -0400", "03-10 02:30 -0400"]
    assert offsets("0 30 2,3 8 3 ? 2026", spring, 3) == ["03-08 03:30 -0400"]
    assert offsets("0 30 2 8 3 ? 2026", spring, 3) == []
    midnight = datetime(2026, 9, 5, 12, 0, tzinfo=timezone.utc)
    assert offsets("0 0 0 * * ?", midnight, 2, "America/Santiago") == ["09-07 00:00 -0300", "09-08 00:00 -0300"]


def test_in_an_hour_that_comes_twice_it_fires_the_second_time():
    autumn = datetime(2026, 10, 31, 12, 0, tzinfo=timezone.utc)
    assert offsets("0 30 1 * * ?", autumn, 2) == ["11-01 01:30 -0500", "11-02 01:30 -0500"]
    before = datetime(2026, 11, 1, 4, 50, tzinfo=timezone.utc)
    assert offsets("0 0/30 * * * ?", before, 3) == ["11-01 01:00 -0500", "11-01 01:30 -0500", "11-01 02:00 -0500"]


@pytest.mark.parametrize(
    ("crontab", "read"),
    [
        ("0 0 3 ? * MON-FRI/2", ["Quartz reads the day of week 'MON-FRI/2' as 'MON-FRI'"]),
        ("0 0 3 ? * MON/2", ["Quartz reads the day of week 'MON/2' as 'MON'"]),
        ("0 0 3 1W,15W * ?", ["Quartz reads the day of month '1W,15W' as '1W'"]),
        ("0 0 3 20,15W * ?", ["Quartz reads the day of month '20,15W' as '15W'"]),
        ("0 0 3 ? * MON#2,WED", ["Quartz reads the day of week 'MON#2,WED' as '2#2'"]),
        ("0 0 3 ? JAN/3 L-3", ["Quartz reads the month 'JAN/3' as 'JAN'", "Quartz reads the day of week 'L-3' as 'L'"]),
        ("0 0 3 ? * MON-FRI", []),
        ("0 0 3 15W * ?", []),
        ("0 0 3 ? * 6#3", []),
    ],
)
def test_what_quartz_does_not_look_at_is_named(crontab, read):
    assert [str(misread) for misread in parse(crontab).misread] == read


@pytest.mark.parametrize(
    ("crontab", "why"),
    [
        ("0 0 3 1,L * ?", "L only alone"),
        ("0 0 3 ? * 6L,2", "L only alone"),
        ("0 0 3 ? * 2#1,2#3", "only one #"),
        ("0 0/0 3 * * ?", "a step of 0"),
        ("0 */90 3 * * ?", "a step of 90 in the minutes; Quartz takes 59"),
        ("0 0 3 L-3W * ?", "not both in one"),
        ("0 0 3 L-31 * ?", "from 1 to 30 days"),
        ("0 0 3 ? * 0", "'0' is no day of week: they go from 1 to 7"),
        ("0 0 3 ? * MON-5", "names or numbers in a range"),
        ("0 0 3 * * MON", "exactly one of day-of-month and day-of-week"),
        ("0 0 3 ? * ?", "exactly one of day-of-month and day-of-week"),
        ("0 0 3 5,? * ?", "exactly one of|no day of month"),
        ("0 0 3X * * ?", "'3X' is no hour"),
        ("0 0 3, * * ?", "'' is no hour"),
        ("0 0 L * * ?", "'L' is no hour"),
        ("0 0 3 * * ? 2030-2020", "the years go backwards"),
        ("0 0 3 * * ? * *", "it has 8 fields"),
    ],
)
def test_what_is_refused_says_why(crontab, why):
    with pytest.raises(CronError, match=why):
        parse(crontab)


@pytest.mark.parametrize("crontab", ["", "0 0 3 * *", "0 0 24 * * ?", "0 0 x * * ?", "0 0 0 ? * MOND"])
def test_what_is_no_expression(crontab):
    with pytest.raises(ValueError, match=r"."):
        times(crontab)
