"""When a backfill is over, and what could not be run."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from dsflow.dolphinscheduler.backfill import Backfill, Backfills, DateRun, _Asked, _due, midnights, parse_date
from dsflow.dolphinscheduler.wire import v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.rows import Instance, list_of_dates
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import ParameterError

DAYS = ("2024-01-01 00:00:00", "2024-01-02 00:00:00", "2024-01-03 00:00:00")


def backfill(*runs: DateRun, dates: tuple[str, ...] | None = DAYS, parallel: int = 1) -> Backfill:
    return Backfill(1, 2, None, "", set(), parallel, dates, {r.instance or 0: r for r in runs})


def run(number: int, day: int, state: str, *rest: int, unknown: bool = False) -> DateRun:
    return DateRun(DAYS[day], number, state, 0.0, None if unknown else tuple(DAYS[r] for r in rest))


@pytest.mark.parametrize(
    ("found", "certain", "state"),
    [
        (backfill(), False, "SUCCESS"),
        (backfill(run(1, 0, "RUNNING", 1, 2)), False, "RUNNING"),
        (backfill(run(1, 0, "SUCCESS", 1, 2)), False, "SUCCESS"),  # the next one is about to come
        (backfill(run(1, 0, "FAILURE", 1, 2)), True, "FAILURE"),
        (backfill(run(1, 0, "SUCCESS", 1, 2), run(2, 1, "STOPPED", 2)), True, "STOPPED"),
        (backfill(run(1, 0, "SUCCESS", 1, 2), run(2, 1, "SUCCESS", 2), run(3, 2, "SUCCESS")), True, "SUCCESS"),
        (backfill(run(1, 0, "FAILURE", 1), parallel=2), False, "FAILURE"),  # the other chain has not begun
        (backfill(run(1, 0, "FAILURE", 1), run(2, 2, "SUCCESS"), parallel=2), True, "FAILURE"),
        (backfill(run(1, 0, "SUCCESS", unknown=True), dates=None), False, "SUCCESS"),
        (backfill(run(1, 0, "SUCCESS"), dates=None), True, "SUCCESS"),
        (backfill(run(1, 0, "SUCCESS"), dates=None, parallel=2), False, "SUCCESS"),
    ],
)
def test_when_it_is_over(found: Backfill, certain: bool, state: str) -> None:
    assert (found.certain, found.state) == (certain, state)


def test_dates_whose_turn_can_not_come() -> None:
    found = backfill(run(1, 0, "SUCCESS", 1, 2), run(2, 1, "FAILURE", 2))
    assert [(r.date[:10], r.state) for r in found.rows()] == [
        ("2024-01-01", "SUCCESS"), ("2024-01-02", "FAILURE"), ("2024-01-03", "SKIPPED"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("param", "dates", "rest"),
    [
        ({"complementScheduleDateList": ",".join(DAYS)}, None, DAYS[1:]),
        ({"backfillTimeList": list(DAYS), "commandType": "COMPLEMENT_DATA"}, None, DAYS[1:]),
        ({"backfillTimeList": [DAYS[0]]}, None, ()),
        ({"complementStartDate": DAYS[0], "complementEndDate": DAYS[2]}, DAYS, DAYS[1:]),
        ({"complementStartDate": DAYS[0], "complementEndDate": DAYS[2]}, None, None),
        ({"complementStartDate": DAYS[0], "complementEndDate": DAYS[0]}, None, ()),
        ({"complementStartDate": DAYS[0], "complementEndDate": "2024-01-02 23:59:58"}, DAYS, DAYS[1:2]),
    ],
)
def test_what_follows_a_run(param: dict[str, str], dates: Any, rest: Any) -> None:
    run = Instance(7, "SUCCESS", told=json.dumps(param))
    assert Backfills._rest_of(None, backfill(dates=dates), run, DAYS[0]) == rest  # type: ignore[arg-type]


def test_dates() -> None:
    assert parse_date("2024-01-31") == datetime(2024, 1, 31)
    assert parse_date("2024-02-29", end=True) == datetime(2024, 2, 29, 23, 59, 59)
    assert parse_date("2024-01-31 06:00:00", end=True) == datetime(2024, 1, 31, 6)
    assert midnights(datetime(2024, 1, 1), datetime(2024, 1, 3, 23, 59, 59)) == DAYS
    assert midnights(datetime(2024, 1, 1, 0, 0, 1), datetime(2024, 1, 2)) == DAYS[1:2]
    assert midnights(datetime(2024, 1, 2), datetime(2024, 1, 1)) == ()
    for text in ("31.1.2024", "2024-02-30", ""):
        with pytest.raises(ParameterError, match="is not a date"):
            parse_date(text)


@pytest.mark.parametrize(
    ("crontab", "zone", "first", "last", "due"),
    [
        ("0 0 * * * ? *", "UTC", "2024-03-10 00:00:00", "2024-03-10 03:59:00", ["10 00", "10 01", "10 02", "10 03"]),
        (
            "0 0 * * * ? *",
            "America/New_York",
            "2024-03-10 00:00:00",
            "2024-03-10 03:59:00",
            ["10 00", "10 01", "10 03"],
        ),
        ("0 0 0 * * ? *", "UTC", "2024-02-28", "2024-03-02", ["28 00", "29 00", "01 00", "02 00"]),
        ("0 0 8 1 * ? *", "UTC", "2024-02-10", "2024-02-20", []),
        ("0 0 0 1W,15W * ? *", "UTC", "2024-06-01", "2024-06-30", ["03 00"]),
    ],
)
def test_when_a_schedule_was_due(crontab: str, zone: str, first: str, last: str, due: list[str]) -> None:
    found = _due(crontab, ZoneInfo(zone), parse_date(first), parse_date(last, end=True))
    assert [f"{moment:%d %H}" for moment in found] == due


@pytest.mark.parametrize(
    ("series", "sent"), [(v3_1.SERIES, 1), (v3_2.SERIES, 2), (v3_3.SERIES, 3), (v3_4.SERIES, 2)], ids=str
)
def test_how_dates_are_dealt(series: Series, sent: int) -> None:
    """Five dates in two chains: chains of three and two, or what the series makes of a number."""
    dates = tuple(f"2024-01-0{day} 00:00:00" for day in range(1, 6))
    asked = _Asked(list_of_dates(dates), dates, is_list=True)
    backfills = cast(Backfills, SimpleNamespace(_rest=SimpleNamespace(series=lambda: series)))
    assert Backfills._parallel(backfills, asked, 2) == sent


def test_a_run_that_no_master_has_taken_up_is_looked_at_again() -> None:
    """From 3.3 on it has no parameters in its first moment, and is not taken for somebody else's."""
    row = {"id": 7, "state": "SUBMITTED_SUCCESS", "scheduleTime": DAYS[0], "commandParam": None}
    asked = SimpleNamespace(
        newest_instances=lambda *given: [Instance.of({**row, "commandParam": None})],
        instance=lambda *given: Instance.of(row),
    )
    backfills = cast(Backfills, SimpleNamespace(_rest=asked))
    started = Backfill(1, 2, None, "mine", set(), 1, DAYS)
    assert Backfills._own(backfills, started) == []
    row["commandParam"] = '{"commandParams": [{"prop": "dsflow.start", "value": "mine"}]}'
    assert [run.id for run in Backfills._own(backfills, started)] == [7]
    row["commandParam"] = '{"commandParams": [{"prop": "dsflow.start", "value": "of another"}]}'
    assert Backfills._own(backfills, started) == []
    assert started.before == {7}
