"""The commands about runs and workflows, as far as they need no server."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import typer

from dsflow import Shell, Workflow
from dsflow.cli import exits, following, runs
from dsflow.cli.app import build_app
from dsflow.cli.catalog import parse_workflow
from dsflow.cli.loading import load_workflows
from dsflow.cli.runs import columns
from dsflow.errors import ConfigError, UnreachableError
from dsflow.report import FAILURE, SKIPPED, STOPPED, SUCCESS, TIMEOUT, RunReport, TaskReport

OPERATING = {"backfill", "status", "runs", "logs", "stop", "pause", "resume", "rerun", "recover", "run"}
MANY = {"deploy", "list", "versions", "rollback", "delete"}


def workflow() -> Workflow:
    with Workflow("w", project="p") as wf:
        Shell("a", "x")
    return wf


def commands(of: Workflow | None) -> dict[str, Any]:
    program: Any = typer.main.get_command(build_app(of))
    return dict(program.commands)


def test_each_is_there_for_a_file_and_for_the_program() -> None:
    whole, own = commands(None), commands(workflow())
    assert whole.keys() >= OPERATING | MANY
    assert own.keys() >= OPERATING
    assert not own.keys() & MANY
    for name in OPERATING:
        first = [p.name for p in whole[name].params if p.param_type_name == "argument"]
        assert first[0] == "pipeline"
        assert "pipeline" not in [p.name for p in own[name].params]


def test_those_that_follow_take_the_same_options() -> None:
    shared = {"tail", "timeout", "detach", "stop_on_interrupt", "report", "server_timeout", "profile"}
    for command in (runs.resume, runs.rerun, runs.recover):
        assert shared <= set(inspect.signature(command).parameters)
    assert shared - {"tail"} <= set(inspect.signature(runs.backfill).parameters)


def test_exit_codes() -> None:
    codes = {state: exits.of_state(state) for state in (SUCCESS, FAILURE, STOPPED, TIMEOUT, SKIPPED)}
    assert codes == {SUCCESS: 0, FAILURE: 1, STOPPED: 3, TIMEOUT: 1, SKIPPED: 1}
    assert (exits.TIMED_OUT, exits.UNREACHABLE, UnreachableError("x").exit_code) == (4, 5, 5)


def test_what_to_type_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = tmp_path / "one flow.py", tmp_path / "two.py"
    text = "from dsflow import *\nwith Workflow('{0}', project='p') as wf:\n    Shell('a', 'x')\n"
    one.write_text(text.format("first"))
    two.write_text(text.format("a") + text.format("b"))
    (first,) = load_workflows(one)
    assert following.again(first, "status", None, "7") == "dsflow status 'one flow.py' 7"
    _, b = load_workflows(two)
    assert following.again(b, "stop", "prod", "--run", "7") == "dsflow stop two.py:b --run 7 --profile prod"


def test_what_to_type_after_a_failure() -> None:
    def told(log: str) -> str:
        return following.go_on(
            workflow(), 7, RunReport("w", FAILURE, [TaskReport("a", "SHELL", FAILURE, log=log)]), "x"
        )

    recover, *more = told("exit code 1").splitlines()
    assert (recover.split(": ")[1].endswith("test_operating.py --run 7 --profile x"), more) == (True, [])
    (_, doctor) = told("ModuleNotFoundError: No module named 'sqlalchemy'").splitlines()
    assert doctor.endswith(": dsflow doctor --profile x")


def test_a_step_whose_check_failed_is_run_again() -> None:
    with Workflow("w", project="p") as wf:
        load, look = Shell("load", "x"), Shell("load: check", "x")
        load.make_step(load, look)
    assert "dsflow rerun" in following.go_on(wf, 7, RunReport("w", FAILURE, [TaskReport(look.name, "", FAILURE)]), None)
    assert "dsflow recover" in following.go_on(
        wf, 7, RunReport("w", FAILURE, [TaskReport(load.name, "", FAILURE)]), None
    )


def test_names_of_workflows(tmp_path: Path) -> None:
    assert parse_workflow("p/a/b") == ("p", "a/b", None)
    file = tmp_path / "w.py"
    file.write_text("from dsflow import *\nwith Workflow('w', project='p') as wf:\n    Shell('a', 'x')\n")
    assert parse_workflow(str(file)) == ("p", "w", file)
    assert parse_workflow(f"{file}:w") == ("p", "w", file)
    yaml = tmp_path / "w.yaml"
    yaml.write_text("workflow: w\nproject: p\ntasks:\n  a: {type: Shell, script: x}\n")
    assert parse_workflow(str(yaml)) == ("p", "w", yaml)
    for wrong in ("w", "/w", "p/", ""):
        with pytest.raises(ConfigError, match="not of the form PROJECT/NAME"):
            parse_workflow(wrong)


def test_columns_that_are_empty_are_left_out() -> None:
    assert columns([("A", "B", "C"), ("1", "", "22"), ("333", "", "")]) == "A    C\n1    22\n333"
