"""The difference between a declared and a held workflow, and its two renderings."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.plan import Change, Since, build_plan, unversioned, versioned
from dsflow.dolphinscheduler.plan_text import plan_to_json, render_plan, summary
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint, record, recorded

SCHEDULE = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2031-01-01 00:00:00", "UTC")


def shell(name: str, script: str, **fields: Any) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script}, **fields)


def switch(name: str, target: str) -> TaskDefinition:
    return TaskDefinition(
        name, "SWITCH", {"switchResult": {"dependTaskList": [{"condition": "1", "nextNode": target}]}}
    )


BASE = Definition(
    "p", "w", (shell("a", "echo a\n"), switch("s", "b"), shell("b", "echo b\nexit 0\n")),
    (Relation("a", "s"), Relation("s", "b")), global_params=(Property("day", value="1"),),
)  # fmt: skip


def changed_task(name: str, **fields: Any) -> Definition:
    return replace(BASE, tasks=tuple(replace(t, **fields) if t.name == name else t for t in BASE.tasks))


def test_nothing_to_do() -> None:
    shuffled = replace(BASE, tasks=BASE.tasks[::-1], relations=BASE.relations[::-1])
    plan = build_plan(shuffled, BASE)
    assert plan.is_empty
    assert plan.differences() == []
    assert render_plan(plan) == "p / w: no changes\n"


def test_a_new_workflow() -> None:
    plan = build_plan(BASE, None)
    assert (plan.action, plan.changes_content) == ("create", True)
    assert [(t.action, t.name) for t in plan.tasks] == [("added", "a"), ("added", "b"), ("added", "s")]
    assert summary(plan) == "3 tasks added, 2 edges changed, 1 parameter changed, settings changed"
    assert "        + echo b" in render_plan(plan)
    assert render_plan(plan, details=False) == (
        "p / w: will be created\n  3 tasks, 2 edges\n"
        "  3 tasks added, 2 edges changed, 1 parameter changed, settings changed\n"
    )


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (changed_task("a", timeout=5), "task 'a': timeout: 0 -> 5"),
        (changed_task("a", is_cache=True), "task 'a': isCache: False -> True"),
        (changed_task("s", task_params=switch("s", "a").task_params), "task 's': switchResult.dependTaskList"),
        (changed_task("b", flag="NO"), "task 'b': flag: 'YES' -> 'NO'"),
        (replace(BASE, description="d"), "description: '' -> 'd'"),
        (replace(BASE, release_state="OFFLINE"), "releaseState: 'ONLINE' -> 'OFFLINE'"),
        (replace(BASE, global_params=()), "parameter day: {'prop': 'day'"),
        (
            replace(BASE, relations=(Relation("a", "s"), Relation("s", "b"), Relation("a", "b"))),
            "edge 'a' -> 'b' added",
        ),
        (replace(BASE, tasks=BASE.tasks[:2], relations=BASE.relations[:1]), "task 'b' removed"),
        (replace(BASE, schedule=SCHEDULE), "schedule crontab: (none) -> '0 0 2 * * ? *'"),
    ],
)
def test_each_difference_is_found(after: Definition, line: str) -> None:
    plan = build_plan(after, BASE)
    assert plan.action == "update"
    assert any(d.startswith(line) for d in plan.differences()), plan.differences()
    assert json.loads(plan_to_json(plan))["action"] == "update"


def test_what_makes_a_new_version_and_what_does_not() -> None:
    assert not build_plan(replace(BASE, release_state="OFFLINE"), BASE).changes_content
    scheduled = replace(BASE, schedule=SCHEDULE)
    plan = build_plan(replace(scheduled, warning_type="ALL", worker_group="gpu"), scheduled)
    assert (plan.changes_content, plan.changes_schedule, plan.changes_release) == (False, True, False)
    assert build_plan(replace(BASE, timeout=3), BASE).changes_content
    assert build_plan(BASE, BASE, extra=(Change("tenant", "a", "b"),)).action == "update"


def test_an_undeclared_schedule_is_kept() -> None:
    plan = build_plan(BASE, replace(BASE, schedule=SCHEDULE, warning_type="ALL"))
    assert plan.is_empty
    assert plan.notes == ("the schedule on the server (0 0 2 * * ? *, online) is not declared: it is kept",)


def test_a_renamed_task_keeps_what_leads_to_it() -> None:
    after = Definition(
        "p", "w", (shell("a", "echo a\n"), switch("s", "bee"), shell("bee", "echo b\nexit 0\n")),
        (Relation("a", "s"), Relation("s", "bee")), global_params=BASE.global_params,
    )  # fmt: skip
    plan = build_plan(after, BASE)
    assert [(t.action, t.name, t.old_name, t.changes) for t in plan.tasks] == [("renamed", "bee", "b", ())]
    assert (plan.edges_added, plan.edges_removed, plan.renamed) == ((), (), {"bee": "b"})
    assert "  > b -> bee [SHELL]" in render_plan(plan)


def test_a_renaming_that_is_not_certain_is_none() -> None:
    before = Definition("p", "w", (shell("a", "same"), shell("b", "same")), ())
    after = Definition("p", "w", (shell("c", "same"), shell("d", "same")), ())
    actions = {(t.action, t.name) for t in build_plan(after, before).tasks}
    assert actions == {("added", "c"), ("added", "d"), ("removed", "a"), ("removed", "b")}


def test_scripts_are_shown_line_by_line() -> None:
    after = changed_task("b", task_params={"rawScript": "echo b\nexit 1\n"})
    text = render_plan(build_plan(after, BASE))
    assert text.splitlines()[:6] == [
        "p / w: will be updated", "  ~ b [SHELL]", "      rawScript:", "        @@ -1,2 +1,2 @@", "         echo b",
        "        -exit 0",
    ]  # fmt: skip
    coloured = render_plan(build_plan(after, BASE), color=True)
    assert "\033[32m+exit 1\033[0m" in coloured
    crlf = changed_task("b", task_params={"rawScript": "echo b\r\nexit 0\n"})
    assert "'echo b\\r\\nexit 0\\n'" in render_plan(build_plan(crlf, BASE))


def test_drift_is_shown() -> None:
    plan = replace(build_plan(replace(BASE, timeout=1), BASE), drift="somebody was here")
    assert "warning: somebody was here" in render_plan(plan)
    assert json.loads(plan_to_json(plan))["drift"] == "somebody was here"


def test_both_sides_of_a_drift_are_shown_apart() -> None:
    declared, held = replace(BASE, description="mine"), replace(BASE, timeout=77)
    held = replace(held, release_state="OFFLINE")
    whole = build_plan(declared, held)
    since = Since(
        4,
        "2026-01-02 03:04:05",
        own=versioned(build_plan(declared, BASE)),
        theirs=versioned(build_plan(held, BASE)),
        unknown=unversioned(whole),
    )
    plan = replace(whole, drift="somebody was here", since=since)
    mine, rest = render_plan(plan).split("  drift: ")
    theirs, unknown = rest.split("  changed by you or on the server")
    assert ("OFFLINE" in mine, "OFFLINE" in theirs, 'releaseState: "OFFLINE" -> "ONLINE"' in unknown) == (
        False,
        False,
        True,
    )
    assert "your changes since version 4, submitted 2026-01-02 03:04:05" in mine
    assert ("mine" in mine, "77" in mine) == (True, False)
    assert ("mine" in theirs, "-> 77" in theirs) == (False, True)
    nothing = replace(since, own=build_plan(BASE, BASE))
    assert "  nothing\n" in render_plan(replace(plan, since=nothing))
    told = json.loads(plan_to_json(plan))["since"]
    assert [told[side]["changes"][0]["field"] for side in ("own", "theirs")] == ["description", "timeout"]


def test_what_both_sides_changed_is_a_conflict() -> None:
    def side(limit: str, day: str, script: str) -> Definition:
        params = (Property("limit", value=limit, type="INTEGER"), Property("day", value=day))
        return replace(changed_task("b", task_params={"rawScript": script}), global_params=params)

    base = side("1", "monday", "echo b")
    declared, held = side("2", "friday", "echo b\nexit 1\n"), side("3", "friday", "echo b\nexit 2\n")
    whole = build_plan(declared, held)
    since = Since(
        4, "2026-01-02 03:04:05", build_plan(declared, base), build_plan(held, base), unknown=unversioned(whole)
    )
    text = render_plan(replace(whole, drift="somebody was here", since=since))
    assert re.findall(r"^  conflict: .*", text, re.MULTILINE) == [
        '  conflict: parameter limit: "2 (INTEGER)" is yours, "3 (INTEGER)" the server\'s, "1 (INTEGER)" was before',
        "  conflict: task 'b': rawScript was changed by you and on the server; submitting takes yours",
    ]
    told = json.loads(plan_to_json(replace(whole, since=since)))["since"]["conflicts"]
    assert [conflict["what"] for conflict in told] == ["parameter limit", "task 'b': rawScript"]
    alone = replace(since, theirs=build_plan(base, base))
    assert "conflict" not in render_plan(replace(whole, since=alone))


NOW = datetime(2026, 3, 6, 12, 0, tzinfo=timezone.utc)
DAILY = ScheduleDefinition("0 30 2 * * ? *", "2000-01-01 00:00:00", "2099-12-31 23:59:59", "Asia/Shanghai")


def test_the_next_runs_stand_with_a_schedule_that_changes() -> None:
    declared = replace(BASE, schedule=DAILY)
    plan = build_plan(declared, replace(BASE, schedule=None), now=NOW)
    assert plan.next_runs[:2] == ("2026-03-07 02:30:00+0800", "2026-03-08 02:30:00+0800")
    assert "2026-03-07 02:30:00 +0800" in render_plan(plan)
    assert json.loads(plan_to_json(plan))["nextRuns"] == list(plan.next_runs)
    assert build_plan(declared, declared, now=NOW).next_runs == ()
    for quiet in (replace(declared, release_state="OFFLINE"), replace(declared, schedule=replace(DAILY, online=False))):
        assert build_plan(quiet, None, now=NOW).next_runs == ()


def test_a_schedule_that_is_never_due_is_noted_and_one_that_is_wrong_left_to_the_checks() -> None:
    over = build_plan(replace(BASE, schedule=replace(DAILY, crontab="0 0 0 * * ? 2020")), None, now=NOW)
    assert any("never due" in note for note in over.notes)
    wrong = build_plan(replace(BASE, schedule=replace(DAILY, crontab="nonsense")), None, now=NOW)
    assert (wrong.next_runs, wrong.notes) == ((), ())


def test_the_fingerprint_holds_content_only() -> None:
    same = replace(BASE, release_state="OFFLINE", schedule=SCHEDULE, worker_group="x", tasks=BASE.tasks[::-1])
    assert fingerprint(same) == fingerprint(BASE)
    for other in (replace(BASE, timeout=1), changed_task("a", description="x"), replace(BASE, relations=())):
        assert fingerprint(other) != fingerprint(BASE)


@pytest.mark.parametrize("store", [lambda r: r, json.dumps])
def test_the_record_is_read_back(store: Any) -> None:
    relations = [{"conditionParams": {}}, {"conditionParams": None}, {"conditionParams": store(record(BASE))}]
    assert recorded(relations) == fingerprint(BASE)
    assert recorded(relations[:2]) is None
    assert recorded([{"conditionParams": "{not json"}, {"conditionParams": {"dsflow": {"format": 99}}}]) is None
