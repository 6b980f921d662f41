"""Switches in a local run: the branch of the version that the run follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsflow import Condition, Shell, Switch, Workflow
from dsflow.local.scheduler import Scheduler


def switch(condition: str, kind: str = "A", **params: object) -> Workflow:
    with Workflow("w", project="p", params=params) as wf:  # type: ignore[arg-type]
        a = Shell("a", f"echo '${{setValue(kind={kind})}}'", outputs={"kind": str})
        x, y = Shell("x", "echo x"), Shell("y", "echo y")
        a >> Switch("s", {Condition(condition): x}, otherwise=y)
    return wf


def run(workflow: Workflow, folder: Path, version: tuple[int, ...] | None) -> tuple[dict[str, str], str, list[str]]:
    notes: list[str] = []
    scheduler = Scheduler(workflow.definition(), folder, "", lambda report: None, version=version, on_note=notes.append)
    scheduler.run()
    reports = {report.name: report for report in scheduler.reports}
    return {name: report.state for name, report in reports.items()}, reports["s"].log, notes


@pytest.mark.parametrize("version", [(3, 1), (3, 2), None])
def test_a_text(tmp_path: Path, version: tuple[int, ...] | None) -> None:
    states, log, notes = run(switch('${kind}=="A"'), tmp_path / "run", version)
    assert states == {"a": "SUCCESS", "s": "SUCCESS", "x": "SUCCESS", "y": "SKIPPED"}
    assert '${kind}=="A"  is  "A"=="A"  is  true' in log
    assert notes == []


def test_quotes_round_a_placeholder(tmp_path: Path) -> None:
    states, log, _ = run(switch('"${kind}"=="A"'), tmp_path / "old", (3, 1))
    assert states["s"] == "FAILURE"
    assert '""A""=="A" fails: SyntaxError' in log
    states, log, _ = run(switch('"${kind}"=="A"'), tmp_path / "new", (3, 2))
    assert states == {"a": "SUCCESS", "s": "SUCCESS", "x": "SKIPPED", "y": "SUCCESS"}
    assert "is  false (fails: SyntaxError" in log
    states, _, notes = run(switch('"${kind}"=="A"'), tmp_path / "both", None)
    assert states["y"] == "SUCCESS"
    assert len(notes) == 1
    assert "3.1 goes another way at switch 's': the switch fails there" in notes[0]


def test_where_the_series_take_another_branch(tmp_path: Path) -> None:
    flow = switch("${kind} == '010'", kind="010")
    assert run(flow, tmp_path / "old", (3, 1))[0]["y"] == "SUCCESS"
    assert run(flow, tmp_path / "new", (3, 2))[0]["x"] == "SUCCESS"
    _, _, notes = run(flow, tmp_path / "both", None)
    assert "it goes on with y; 3.2, and this run: it goes on with x" in notes[0]


def test_a_workflow_parameter_is_a_text_to_3_2_and_a_date_is_filled_in(tmp_path: Path) -> None:
    flow = switch("${n} + 1 == 6 && ${day} > 20240101", n=5, day="$[yyyyMMdd]")
    assert run(flow, tmp_path / "old", (3, 1))[0]["x"] == "SUCCESS"
    assert run(flow, tmp_path / "new", (3, 2))[0]["y"] == "SUCCESS"


def test_what_is_not_evaluated_here_fails_by_name(tmp_path: Path) -> None:
    states, log, _ = run(switch("java.lang.Math.max(1, 2) == 2"), tmp_path / "run", (3, 2))
    assert states == {"a": "SUCCESS", "s": "FAILURE", "x": "SKIPPED", "y": "SKIPPED"}
    assert "'java', which reaches into the server" in log


def test_a_value_that_is_no_number_to_java(tmp_path: Path) -> None:
    """3.2.2 fails at it and runs the first branch all the same; 3.1.5 compares a text."""
    with Workflow("w", project="p") as wf:
        a = Shell("a", "echo '${setValue(n=inf)}'", outputs={"n": "DOUBLE"})
        x, y = Shell("x", "echo x"), Shell("y", "echo y")
        a >> Switch("s", {Condition("${n} > 1"): x}, otherwise=y)
    assert run(wf, tmp_path / "old", (3, 1))[0] == {"a": "SUCCESS", "s": "SUCCESS", "x": "SKIPPED", "y": "SUCCESS"}
    states, log, _ = run(wf, tmp_path / "new", (3, 2))
    assert states == {"a": "SUCCESS", "s": "FAILURE", "x": "SUCCESS", "y": "SKIPPED"}
    assert "'inf' of ${n} is no DOUBLE to Java" in log
