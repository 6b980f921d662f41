"""When a schedule fires, told by the plan and by the real server."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dsflow.cron import next_times
from dsflow.definition import Definition, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler import backfill
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import DeclarationError
from tests.integration.commands import Commands

START, END = "2000-01-01 00:00:00", "2099-12-31 23:59:59"
CRONTABS = [
    "0 30 2 * * ? *", "0 0/20 8-10 * * ? *", "10,40 5 0 1,15 * ? *", "0 0 0 L * ? *", "0 0 12 LW * ? *",
    "0 0 12 15W * ? *", "0 0 12 1W * ? *", "0 0 3 ? * 6#3 *", "0 0 3 ? * 6L *", "0 0 3 ? * MON-FRI *",
    "0 0 3 ? * 1,7 *", "0 0 3 ? JAN,JUN 2 *", "0 0 0 29 2 ? *", "0 0 0 1 1 ? 2030/5", "0 0 3 * * ? 2020",
    "0 15 10 ? * 2-6 2028-2030",
]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_the_next_runs_are_those_that_the_server_names(server: Server, zone: str) -> None:
    wrong = {}
    for crontab in CRONTABS:
        schedule = {"startTime": START, "endTime": END, "crontab": crontab, "timezoneId": zone}
        now = datetime.now(timezone.utc)
        theirs = server.rest.preview_schedule(0, json.dumps(schedule))
        ours = [f"{t:%Y-%m-%d %H:%M:%S}" for t in next_times(crontab, zone, START, END, now)]
        later = [f"{t:%Y-%m-%d %H:%M:%S}" for t in next_times(crontab, zone, START, END, now + timedelta(seconds=5))]
        if theirs not in (ours, later):  # a time may pass while we ask
            wrong[crontab] = (ours, theirs)
    assert wrong == {}


def test_plan_and_submit_name_the_next_five(
    running: Any, server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsflow = Commands(running.profile(), tmp_path, monkeypatch)
    file = dsflow.write(
        "w.py",
        f"""
from datetime import datetime
with Workflow("w", project="{project}", schedule=Schedule("0 30 2 * * ? *", "Asia/Shanghai", datetime(2030, 1, 1))):
    Shell("a", "true")
""",
    )
    five = [f"2030-01-0{n} 02:30:00 +0800" for n in range(1, 6)]
    for command in ("plan", "submit"):
        assert re.findall(r"^ +(2030-\S+ \S+ \+0800)$", dsflow(command, "w.py").out, re.MULTILINE) == five
    assert "next runs" not in dsflow("plan", "w.py").out
    file.write_text(file.read_text().replace("0 30 2 * * ? *", "0 30 2 * * ? 2020"))
    planned = dsflow("plan", "w.py")
    assert (planned.code, "never due" in planned.out) == (1, True)


WHOLE_TIME = {"start_time": START, "end_time": END}
REFUSED = {
    "a list with L": {"crontab": "0 0 3 1,L * ? *"},
    "a list with L in the week": {"crontab": "0 0 3 ? * 6L,2 *"},
    "two #": {"crontab": "0 0 3 ? * 2#1,2#3 *"},
    "a step of 0": {"crontab": "0 0/0 3 * * ? *"},
    "a step too long": {"crontab": "0 */90 3 * * ? *"},
    "a weekday before the last": {"crontab": "0 0 3 L-3W * ? *"},
    "no expression": {"crontab": "every day"},
    "crontab's five fields": {"crontab": "0 3 * * *"},
    "both days": {"crontab": "0 0 3 1 * MON *"},
    "never": {"crontab": "0 0 3 30 2 ? *"},
    "over": {"crontab": "0 0 3 * * ? 2020"},
    "a time that the clocks skip": {
        "crontab": "0 30 2 14 3 ? 2027", "timezone_id": "America/New_York", "end_time": "2027-12-31 00:00:00"
    },
    "an end before the start": {"end_time": "1999-01-01 00:00:00"},
    "an end at the start": {"end_time": START},
    "an end that is over": {"end_time": "2020-01-01 00:00:00"},
    "a start in words": {"start_time": "tomorrow"},
    "no time zone": {"timezone_id": "Mars/Olympus"},
}  # fmt: skip


def _declared(project: str, **schedule: Any) -> Definition:
    fields = {"crontab": "0 0 2 * * ? *", "timezone_id": "Asia/Shanghai", **WHOLE_TIME, **schedule}
    return Definition(
        project, "w", (TaskDefinition("a", "SHELL", {"rawScript": "true"}),), (), schedule=ScheduleDefinition(**fields)
    )


def test_each_refused_schedule_leaves_everything_as_it_was(server: Server, project: str) -> None:
    """Alone, and together with a change of the workflow; a good one is taken afterwards."""
    server.submit(_declared(project))
    before = server.state(project, "w")
    assert before.live_schedules
    for kind, fields in REFUSED.items():
        for description in ("", "changed"):
            wrong = replace(_declared(project, **fields), description=description)
            with pytest.raises(DeclarationError):
                server.submit(wrong)
            assert server.plan(wrong).problems, kind
            assert server.state(project, "w") == before, kind
    good = _declared(project, crontab="0 0 4 ? * MON-FRI *")
    assert server.submit(good).written
    assert server.plan(good).is_empty


@pytest.mark.parametrize("at", ["update_schedule", "release_schedule"])
@pytest.mark.parametrize("twice", [False, True])
def test_a_schedule_that_the_server_refuses_late_gives_way_to_the_live_one(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch, at: str, twice: bool
) -> None:
    """What no check foresees: the workflow is written, the schedule is refused. The next submits know it."""
    server.submit(_declared(project))
    before = server.state(project, "w")
    wanted = replace(_declared(project, crontab="0 0 5 * * ? *"), description="changed")
    real = getattr(RestClient, at)

    def refused(self: RestClient, project: int, schedule: int, *rest: Any, **named: Any) -> None:
        held = next(s for s in self.schedules(project, before.code or 0) if s.id == schedule)
        new = "0 5 * *" in str(rest) if at == "update_schedule" else "0 0 5" in held.crontab
        if new and named.get("online", True):
            raise RefusedError("change the schedule", "not today")
        real(self, project, schedule, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(RestClient, at, refused)
        for _ in range(2 if twice else 1):
            with pytest.raises(RefusedError, match="not today") as caught:
                server.submit(wanted)
            assert "its schedule is live" in str(caught.value)
            after = server.state(project, "w")
            assert (after.online, after.live_schedules) == (True, before.live_schedules)
            assert after.schedules[0].crontab == "0 0 2 * * ? *"
    assert server.submit(wanted).written
    assert server.plan(wanted).is_empty
    assert server.state(project, "w").live_schedules


def test_a_schedule_that_can_not_be_set_online_again_is_said_to_be_offline(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.submit(_declared(project))

    def refused(self: RestClient, project: int, schedule: int, online: bool) -> None:
        if online:
            raise RefusedError("set the schedule online", "no master server")
        real(self, project, schedule, online)

    real = RestClient.release_schedule
    with monkeypatch.context() as patch:
        patch.setattr(RestClient, "release_schedule", refused)
        with pytest.raises(RefusedError) as caught:
            server.submit(_declared(project, crontab="0 0 5 * * ? *"))
        assert "its schedule may now be offline, and could not be set online again" in str(caught.value)
    assert server.submit(_declared(project, crontab="0 0 5 * * ? *")).written
    assert server.state(project, "w").live_schedules


@pytest.mark.parametrize(
    ("crontab", "says"),
    [
        ("0 0 3 ? * MON/2 *", "with other times than those at which it runs"),
        ("0 0 22-2 * * ? *", "with other times than those at which it runs"),
        ("0 0 3 31W * ? *", "cannot preview the schedule"),
        ("0 0 3 * * ? *", None),
    ],
)
def test_a_preview_that_misleads_is_said(server: Server, project: str, crontab: str, says: str | None) -> None:
    declared = _declared(project, crontab=crontab)
    for notes in (server.plan(declared).notes, server.submit(declared).notes):
        said = [note for note in notes if "preview" in note]
        assert (len(said), bool(said) and says in said[0]) == (bool(says), bool(says))
    assert server.state(project, "w").live_schedules


DAYS = """
params = {{"day": "$[yyyyMMdd]", "hour": "$[HH]"}}
with Workflow("days", project="{project}", params=params, schedule=Schedule("{cron}", "{zone}")):
    Shell("say", "echo 'the day is ${{day}} at ${{hour}}'")
"""


def _days(dsflow: Commands, server: Server, project: str, *arguments: str) -> list[str]:
    """What the runs of a backfill say of their days."""
    done = dsflow("backfill", "days.py", *arguments, "--report", "b.json")
    assert done.code == 0, done.all
    code = server.rest.project_code(project)
    assert code is not None
    report = json.loads((dsflow.folder / "b.json").read_text())
    found = []
    for run in report["runs"]:
        (task,) = server.rest.task_instances(code, run["instance"])
        found.append(re.findall(r"the day is (\d+ at \d+)", server.rest.log(task.id))[-1])
    return found


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "UTC"])
def test_the_runs_of_a_backfill_get_the_days_of_the_schedule(
    running: Any, server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setattr(backfill, "GRACE", 6.0)
    dsflow = Commands(running.profile(), tmp_path, monkeypatch)
    dsflow.write("days.py", DAYS.format(project=project, cron="0 0 2 * * ? *", zone=zone))
    assert dsflow("submit", "days.py").code == 0
    wanted = ["20240309 at 02", "20240311 at 02"] if zone == "America/New_York" else None
    wanted = wanted or ["20240309 at 02", "20240310 at 02", "20240311 at 02"]
    period = ("--from", "2024-03-09", "--to", "2024-03-11")
    if running.is_new or zone == "UTC":
        assert _days(dsflow, server, project, *period) == wanted
    else:  # in order, 3.1 would give them the wrong days
        refused = dsflow("backfill", "days.py", *period)
        assert (refused.code, "its own time zone" in refused.err) == (1, True), refused.all
    assert sorted(_days(dsflow, server, project, *period, "--parallel", "3")) == wanted
    assert _days(dsflow, server, project, "--from", "2024-03-09", "--to", "2024-03-09") == wanted[:1]


def test_a_backfill_without_a_date_is_refused_before_anything_starts(
    running: Any, server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsflow = Commands(running.profile(), tmp_path, monkeypatch)
    dsflow.write("days.py", DAYS.format(project=project, cron="0 0 8 1 * ? *", zone="UTC"))
    assert dsflow("submit", "days.py").code == 0
    refused = dsflow("backfill", "days.py", "--from", "2024-02-10", "--to", "2024-02-20")
    assert (refused.code, "has no date between 2024-02-10" in refused.err) == (1, True), refused.all
    state = server.state(project, "days")
    assert server.rest.newest_instances(state.project_code, state.code or 0) == []
