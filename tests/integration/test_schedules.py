"""When a schedule fires, told by the plan and by the real server."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dsflow.cron import next_times
from dsflow.dolphinscheduler.client import Server
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
