"""Whether somebody edited a workflow whose record the page's save has dropped, without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.dolphinscheduler.history import is_as_submitted
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire import codec, v3_1
from dsflow.dolphinscheduler.wire.locations import locations_text
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.rows import TaskVersion, Version

NAMES = Names(lambda kind, scope: {})
CODES = {"a": 1, "b": 2}
SUBMITTED, LATER = "2024-01-01 10:00:00", "2024-01-01 10:00:01"


def flow(*scripts: str) -> Definition:
    tasks = tuple(TaskDefinition(n, "SHELL", {"rawScript": s}) for n, s in zip(CODES, scripts, strict=True))
    return Definition("p", "w", tasks, (Relation("a", "b"),))


class History:
    """What the server tells of version 1, dsflow's, and version 2, which the page saved.

    Args:
        ours: what dsflow submitted.
        now: what the page saved.
        when: at which time.
        marked: dsflow wrote places and its mark; else its version came through the gateway.
    """

    def __init__(self, ours: Definition, now: Definition, when: str, *, marked: bool = True) -> None:
        self._ours, self._now, self._when = _rows(ours), _rows(now), when
        own = {
            "name": "w",
            "description": "",
            "globalParams": "[]",
            "timeout": 0,
            "executionType": "PARALLEL",
            "releaseState": "ONLINE",
        }
        places = locations_text(ours, CODES, {}) if marked else None
        rows = [
            {**own, "version": 2, "operateTime": when, "locations": json.dumps([{"taskCode": 1, "x": 1, "y": 1}])},
            {**own, "version": 1, "operateTime": SUBMITTED, "locations": places},
        ]
        self._versions = [Version.of(row) for row in rows]
        tasks = [self.task_versions(1, code)[0].row for code in CODES.values()]
        edges = codec.relations_to_server(now, CODES)
        raw = {"workflow": {**rows[0]}, "tasks": tasks, "edges": edges}
        self.state = ServerState(1, 2, raw, [], codec.from_server(raw, "p", NAMES, None), None)

    def versions(self, project: int, code: int) -> list[Version]:
        return self._versions

    def task_versions(self, project: int, code: int) -> list[TaskVersion]:
        """The newest first; the page's save leaves a task alone that was not edited."""
        first = {**self._ours[code], "version": 1, "operateTime": SUBMITTED, "updateTime": SUBMITTED}
        if self._now[code] == self._ours[code]:
            return [TaskVersion.of(first)]
        second = {**self._now[code], "version": 2, "operateTime": self._when, "updateTime": self._when}
        return [TaskVersion.of(second), TaskVersion.of(first)]


def _rows(definition: Definition) -> dict[int, Any]:
    rows = json.loads(json.dumps(codec.tasks_to_server(definition, CODES, NAMES, v3_1.SERIES)))
    return {row["code"]: {**row, "projectCode": 1} for row in rows}


@pytest.mark.parametrize("when", [SUBMITTED, LATER], ids=["in the same second", "later"])
@pytest.mark.parametrize("by_hand", ["echo b", "echo by hand"])
def test_an_edit_is_seen_however_soon_it_came(when: str, by_hand: str) -> None:
    ours = flow("echo a", "echo b")
    history: Any = History(ours, flow("echo a", by_hand), when)
    wanted = flow("echo new", "echo b")
    plan = build_plan(wanted, history.state.definition)
    assert is_as_submitted(history, history.state, NAMES, plan) is (by_hand == "echo b")
    history = History(ours, flow("echo a", by_hand), when, marked=False)
    assert is_as_submitted(history, history.state, NAMES, plan) is (by_hand == "echo b")
    # also where the edges of now do not tell which version dsflow's mark is of
    other = replace(ours, relations=())
    history = History(other, flow("echo a", by_hand), when)
    assert is_as_submitted(history, history.state, NAMES, plan) is (by_hand == "echo b")
