"""The scheduler, with real processes: order, branches, outputs, failures, retries, timeouts."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path

import pytest

from dsflow import Condition, Conditions, Python, Shell, Switch, Workflow, failed
from dsflow.declare.tasks.base import Task
from dsflow.local.scheduler import Scheduler
from dsflow.report import TaskReport


def run(workflow: Workflow, folder: Path, **values: str) -> tuple[str, dict[str, TaskReport]]:
    scheduler = Scheduler(workflow.definition(values), folder / "run", "", lambda report: None)
    state = scheduler.run()
    return state, {report.name: report for report in scheduler.reports}


def states(reports: dict[str, TaskReport]) -> dict[str, str]:
    return {name: report.state for name, report in reports.items()}


def touch(name: str, **fields: object) -> Shell:
    return Shell(name, f"date +%s%N; echo {name}", **fields)  # type: ignore[arg-type]


def switch_workflow() -> Workflow:
    with Workflow("w", project="p", params={"least": 0.7}) as wf:
        train = Shell("train", "echo '${setValue(auc=0.8)}'", outputs={"auc": float})
        good, after, bad = touch("good"), touch("after"), Shell("bad", "exit 3")
        train >> Switch("choose", {train.outputs.auc >= wf.params.least: good}, otherwise=bad)
        good >> after
    return wf


def test_the_branch_that_holds_is_taken_and_the_other_skipped(tmp_path: Path) -> None:
    state, reports = run(switch_workflow(), tmp_path)
    assert state == "SUCCESS"
    assert states(reports) == {
        "train": "SUCCESS",
        "good": "SUCCESS",
        "after": "SUCCESS",
        "bad": "SKIPPED",
        "choose": "SUCCESS",
    }
    assert reports["train"].outputs == {"auc": 0.8}
    assert '0.8 >= "0.7"' in reports["choose"].log


def test_a_report_says_when_each_task_began(tmp_path: Path) -> None:
    _, reports = run(switch_workflow(), tmp_path)
    train, good, after = (reports[name] for name in ("train", "good", "after"))
    assert train.started is not None
    assert good.started is not None
    assert after.started is not None
    assert 0 <= train.started <= train.started + train.seconds <= good.started < after.started
    assert reports["bad"].started is None
    assert json.loads(json.dumps(good.to_dict()))["started"] == round(good.started, 3)


def test_the_other_branch_skips_all_that_follows(tmp_path: Path) -> None:
    state, reports = run(switch_workflow(), tmp_path, least="0.9")
    assert state == "FAILURE"
    assert states(reports) == {
        "train": "SUCCESS",
        "good": "SKIPPED",
        "after": "SKIPPED",
        "bad": "FAILURE",
        "choose": "SUCCESS",
    }
    assert "exit code 3" in reports["bad"].log


def test_a_task_behind_a_skipped_and_a_taken_one_runs(tmp_path: Path) -> None:
    with Workflow("w", project="p", params={"n": 1}) as wf:
        left, right, join = touch("left"), touch("right"), touch("join")
        Switch("choose", {wf.params.n == 1: left}, otherwise=right)
        [left, right] >> join
    state, reports = run(wf, tmp_path)
    assert (state, reports["join"].state, reports["right"].state) == ("SUCCESS", "SUCCESS", "SKIPPED")


def test_independent_tasks_run_side_by_side(tmp_path: Path) -> None:
    # each waits for the other's file, so one after the other they would never end
    meet = "touch {0}; for i in $(seq 100); do [ -e {1} ] && exit 0; sleep 0.05; done; exit 1"
    with Workflow("w", project="p") as wf:
        Shell("a", meet.format(tmp_path / "a", tmp_path / "b"))
        Shell("b", meet.format(tmp_path / "b", tmp_path / "a"))
    assert run(wf, tmp_path)[0] == "SUCCESS"


def test_a_failure_skips_what_follows_but_not_what_is_beside(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        broken, after, beside = Shell("broken", "echo why >&2; exit 1"), touch("after"), touch("beside")
        broken >> after
        assert isinstance(beside, Task)
    state, reports = run(wf, tmp_path)
    assert state == "FAILURE"
    assert states(reports) == {"broken": "FAILURE", "after": "SKIPPED", "beside": "SUCCESS"}
    assert "why" in reports["broken"].log


def test_conditions_goes_on_after_a_failure_and_the_run_is_a_success(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        broken, rescue, celebrate = Shell("broken", "exit 1"), touch("rescue"), touch("celebrate")
        Conditions("look", failed(broken), success=rescue, failure=celebrate)
    state, reports = run(wf, tmp_path)
    assert (state, reports["rescue"].state, reports["celebrate"].state) == ("SUCCESS", "SUCCESS", "SKIPPED")


def test_a_task_is_tried_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    with Workflow("w", project="p") as wf:
        Shell("flaky", f"echo x >> {count}; [ $(wc -l < {count}) -ge 3 ]", retries=3, retry_interval=0)
    state, reports = run(wf, tmp_path)
    assert (state, reports["flaky"].attempts) == ("SUCCESS", 3)


def test_a_task_is_not_tried_more_often_than_declared(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("broken", "exit 1", retries=2, retry_interval=0)
    state, reports = run(wf, tmp_path)
    assert (state, reports["broken"].attempts) == ("FAILURE", 3)


def runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_timeout_ends_the_task_and_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workflow("w", project="p") as wf:
        Shell("slow", f"sleep 60 & echo $! > {tmp_path}/pid; wait", timeout=1)
    # a minute is DolphinScheduler's smallest unit: let it be short here
    monkeypatch.setattr("dsflow.local.scheduler.MINUTE", 2)
    started = time.monotonic()
    state, reports = run(wf, tmp_path)
    assert time.monotonic() - started < 30
    assert (state, reports["slow"].state) == ("FAILURE", "TIMEOUT")
    assert "timed out" in reports["slow"].log
    child = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 30
    while runs(child) and time.monotonic() < until:
        time.sleep(0.05)  # it has got its signal; on a busy machine it takes a moment to go
    assert not runs(child)


def test_stop_ends_the_running_tasks(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("slow", "sleep 60") >> touch("after")
    scheduler = Scheduler(wf.definition(), tmp_path / "run", "", lambda report: None)
    threading.Timer(0.3, scheduler.stop.set).start()
    started = time.monotonic()
    assert scheduler.run() == "STOPPED"
    assert time.monotonic() - started < 10
    assert {r.name: r.state for r in scheduler.reports} == {"slow": "STOPPED", "after": "SKIPPED"}


def test_a_disabled_task_is_passed_over(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("off", "exit 1", enabled=False) >> touch("after")
    state, reports = run(wf, tmp_path)
    assert (state, states(reports)) == ("SUCCESS", {"off": "SKIPPED", "after": "SUCCESS"})


def test_what_waits_for_a_task_that_was_not_run_is_not_run(tmp_path: Path) -> None:
    with Workflow("two tables", project="p") as wf:
        load, other, extract, train, deploy = (
            Shell("load", "exit 1"),
            *map(touch, ["other", "extract", "train", "deploy"]),
        )
        load >> extract >> train >> deploy
        other >> train
    state, reports = run(wf, tmp_path)
    assert (state, states(reports)) == (
        "FAILURE",
        {"load": "FAILURE", "other": "SUCCESS", "extract": "SKIPPED", "train": "SKIPPED", "deploy": "SKIPPED"},
    )


def test_end_stops_what_runs_when_a_task_fails(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("broken", "exit 1")
        Shell("slow", "sleep 60") >> touch("after")
    scheduler = Scheduler(wf.definition(), tmp_path / "run", "", lambda report: None, failure_strategy="END")
    started = time.monotonic()
    assert scheduler.run() == "FAILURE"
    assert time.monotonic() - started < 20
    assert {r.name: r.state for r in scheduler.reports} == {"broken": "FAILURE", "slow": "STOPPED", "after": "SKIPPED"}


@pytest.mark.parametrize(("version", "state"), [((3, 1), "FAILURE"), ((3, 2, 2), "SUCCESS"), (None, "SUCCESS")])
def test_conditions_that_do_not_hold(version: tuple[int, ...] | None, state: str, tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Conditions("look", failed(touch("fine")), success=touch("mend"), failure=touch("go on"))
    notes: list[str] = []
    scheduler = Scheduler(
        wf.definition(), tmp_path / "run", "", lambda report: None, version=version, on_note=notes.append
    )
    assert scheduler.run() == "SUCCESS"
    assert {r.name: r.state for r in scheduler.reports} == {
        "fine": "SUCCESS", "look": state, "mend": "SKIPPED", "go on": "SUCCESS",
    }  # fmt: skip
    assert notes == []  # the same tasks run on either


def test_it_is_said_where_the_versions_go_different_ways(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        late, mixed, other = Shell("late", "sleep 4"), touch("mixed"), touch("other")
        Switch("choose", {Condition("1 == 2"): mixed}, otherwise=other)
        late >> mixed
    notes: list[str] = []
    scheduler = Scheduler(wf.definition(), tmp_path / "run", "", lambda report: None, on_note=notes.append)
    assert scheduler.run() == "FAILURE"
    assert [note.split(". A version")[0] for note in notes] == [
        "DolphinScheduler 3.1 goes another way after task 'late': it runs 'mixed'; 3.2, and this run: it runs nothing"
    ]


def test_outputs_and_local_parameters_reach_the_tasks_after(tmp_path: Path) -> None:
    with Workflow("w", project="p", params={"who": "world"}) as wf:
        first = Python("first", "print('$' + '{setValue(path=/a b/c)}')", outputs={"path": str})
        second = Shell("second", "echo ${greeting} from ${path}", params={"greeting": wf.params.who})
        first >> touch("between") >> second
    _, reports = run(wf, tmp_path)
    assert "world from /a b/c" in reports["second"].log


def test_an_output_that_never_came_fails_the_task(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("train", "echo done", outputs={"auc": float})
    state, reports = run(wf, tmp_path)
    assert state == "FAILURE"
    assert "without giving its output 'auc'" in reports["train"].log


def test_an_output_of_another_type_fails_the_task(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("train", "echo '${setValue(auc=high)}'", outputs={"auc": float})
    state, reports = run(wf, tmp_path)
    assert state == "FAILURE"
    assert "'high' is not" in reports["train"].log


def average(numbers: str, scale: float, loud: bool) -> dict[str, object]:
    import json

    values = json.loads(numbers)
    return {"mean": scale * sum(values) / len(values), "loud": str(loud).lower()}


def test_a_function_is_sent_as_its_source(tmp_path: Path) -> None:
    with Workflow("w", project="p", params={"numbers": json.dumps([1, 2, 6]), "loud": True}) as wf:
        task = Python(
            "average",
            average,
            args={"numbers": wf.params.numbers, "scale": 2.0, "loud": wf.params.loud},
            outputs={"mean": float, "loud_": bool},
        )
        assert "def average" in task.raw_script
    state, reports = run(wf, tmp_path)
    assert state == "FAILURE"  # it returns no loud_
    assert "loud_" in reports["average"].log


def test_a_functions_outputs_are_typed(tmp_path: Path) -> None:
    with Workflow("w", project="p", params={"numbers": json.dumps([1, 2, 6])}) as wf:
        Python(
            "average",
            average,
            args={"numbers": wf.params.numbers, "scale": 2.0, "loud": False},
            outputs={"mean": float, "loud": bool},
        )
    _, reports = run(wf, tmp_path)
    assert reports["average"].outputs == {"mean": 6.0, "loud": False}


@pytest.mark.parametrize("version", [(3, 1), (3, 2), None])
def test_a_text_of_a_python_task_arrives_whole_in_every_version(
    version: tuple[int, ...] | None, tmp_path: Path
) -> None:
    with Workflow("w", project="p") as wf:
        train = Python(
            "train",
            "print('$' + '{setValue(path=/m/dt=2024-01-01/f(1).json)}', 'x')\nprint('$' + '{setValue(none=)}')",
            outputs={"path": str, "none": str},
        )
        use = Shell("use", "echo '[${path}|${none}]'")
        train >> touch("between") >> use
    scheduler = Scheduler(wf.definition(), tmp_path / "run", "", lambda report: None, version=version)
    assert scheduler.run() == "SUCCESS"
    reports = {report.name: report for report in scheduler.reports}
    assert reports["train"].outputs == {"path": "/m/dt=2024-01-01/f(1).json", "none": ""}
    assert "[/m/dt=2024-01-01/f(1).json|]" in reports["use"].log


def test_a_shell_s_output_that_the_versions_read_differently_fails_the_task(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("train", "cat <<'END'\n${setValue(path=/m/dt=2024)}\nEND", outputs={"path": str})
    state, reports = run(wf, tmp_path)
    assert state == "FAILURE"
    assert "3.1 takes '/m/dt'; 3.2 takes '/m/dt=2024'" in reports["train"].log


@pytest.mark.parametrize(
    ("version", "states_"),
    [(None, ["SUCCESS", "FAILURE", "FAILURE"]), ((3, 1), ["SUCCESS", "FAILURE", "FAILURE"]),
     ((3, 2), ["SUCCESS", "SUCCESS", "FAILURE"])],
)  # fmt: skip
def test_a_time_that_a_version_does_not_know_fails_the_task(
    version: tuple[int, ...] | None, states_: list[str], tmp_path: Path
) -> None:
    with Workflow("w", project="p") as wf:
        Shell("both", "echo '$[add_months(yyyyMMdd,-12*1)]' $((1 + 1))")
        Shell("newer", "echo '$[this_day(yyyy-MM-dd)]'")
        Shell("none", "echo $[total+1]")
    scheduler = Scheduler(wf.definition(), tmp_path / "run", "", lambda report: None, version=version)
    scheduler.run()
    reports = {report.name: report for report in scheduler.reports}
    assert [reports[name].state for name in ("both", "newer", "none")] == states_
    assert re.search(r"^\d{8} 2$", reports["both"].log, re.MULTILINE)
    assert "does not know the time $[total+1]" in reports["none"].log
    assert "for the shell's arithmetic write $((...))" in reports["none"].log
