"""Which differences of a schedule are somebody's edits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from dsflow.definition import Definition, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.drift import schedule_edits
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire.fingerprint import (
    record,
    recorded,
    recorded_schedule,
    schedule_part,
    with_schedule_part,
    without_schedule,
)
from dsflow.dolphinscheduler.wire.rows import WorkflowRow

SCHEDULE = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2031-01-01 00:00:00", "Asia/Shanghai")
SUBMITTED = Definition(
    "p", "w", (TaskDefinition("a", "SHELL", {"rawScript": "true"}),), (), schedule=SCHEDULE, warning_group="on call"
)
DURING = datetime(2030, 12, 31, 15, 59, tzinfo=timezone.utc)  # one minute before the end in Shanghai
AFTER = datetime(2030, 12, 31, 16, 1, tzinfo=timezone.utc)


def held(definition: Definition, *, lock: WorkflowRow | None = None, with_record: bool = True) -> ServerState:
    """A server that holds this, with the record of SUBMITTED."""
    raw = {
        "workflow": {"releaseState": definition.release_state},
        "edges": [{"conditionParams": record(SUBMITTED, schedule=with_record)}],
    }
    return ServerState(1, 2, raw, [], definition, lock)


def with_schedule(**changes: Any) -> Definition:
    return replace(SUBMITTED, schedule=replace(SCHEDULE, **changes))


def test_what_was_submitted_is_not_edited() -> None:
    assert schedule_edits(held(SUBMITTED), DURING) == {}


@pytest.mark.parametrize(
    ("definition", "field", "values"),
    [
        (with_schedule(crontab="0 0 3 * * ? *"), "crontab", ("0 0 2 * * ? *", "0 0 3 * * ? *")),
        (with_schedule(timezone_id="UTC"), "timezoneId", ("Asia/Shanghai", "UTC")),
        (with_schedule(online=False), "online", (True, False)),
        (replace(SUBMITTED, warning_group="nobody"), "warningGroup", ("on call", "nobody")),
        (replace(SUBMITTED, worker_group="gpu"), "workerGroup", ("default", "gpu")),
    ],
)
def test_an_edit(definition: Definition, field: str, values: tuple[Any, Any]) -> None:
    assert schedule_edits(held(definition), DURING) == {field: values}
    # an earlier record does not tell, and a submit that is under way or was cut short leaves a lock
    assert schedule_edits(held(definition, with_record=False), DURING) == {}
    assert schedule_edits(held(definition, lock=WorkflowRow.of({"name": "dsflow lock w"})), DURING) == {}


def test_the_server_sets_a_schedule_offline_at_its_end_and_with_its_workflow() -> None:
    offline = with_schedule(online=False)
    assert schedule_edits(held(offline), DURING) != {}
    assert schedule_edits(held(offline), AFTER) == {}
    assert schedule_edits(held(replace(offline, release_state="OFFLINE")), DURING) == {}
    # which excuses nothing else
    edited = with_schedule(online=False, crontab="0 0 3 * * ? *")
    assert set(schedule_edits(held(edited), AFTER)) == {"crontab"}
    only_java_knows = with_schedule(online=False, timezone_id="Mars/Olympus")
    assert set(schedule_edits(held(only_java_knows), AFTER)) == {"online", "timezoneId"}


def test_a_schedule_that_is_gone() -> None:
    assert set(schedule_edits(held(replace(SUBMITTED, schedule=None)), DURING)) == set(schedule_part(SUBMITTED) or {})


@pytest.mark.parametrize("store", [lambda r: r, json.dumps])
def test_the_record_of_a_schedule(store: Any) -> None:
    relations = [{"conditionParams": store(record(SUBMITTED))}]
    part = recorded_schedule(relations)
    assert part is not None
    assert with_schedule_part(replace(SUBMITTED, schedule=None, warning_group=""), part) == SUBMITTED
    bare = [{"conditionParams": without_schedule(r["conditionParams"])} for r in relations]
    assert recorded_schedule(bare) is None
    assert recorded(bare) == recorded(relations) is not None
    assert type(bare[0]["conditionParams"]) is type(relations[0]["conditionParams"])
    for other in ({}, None, "{not json", {"dsflow": {"format": 99, "schedule": {}}}):
        assert without_schedule(other) in (other, {"dsflow": {"format": 99}})
    # of a schedule that is not declared nothing is written down
    assert record(replace(SUBMITTED, schedule=None)) == record(SUBMITTED, schedule=False)
