"""The program's list of commands: made from one table, each command's module imported when it is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dsflow
from dsflow import Shell, Workflow
from dsflow.cli.app import build_app
from dsflow.cli.table import COMMANDS, GROUPS
from dsflow.errors import ConfigError


def said(*arguments: str, of: Workflow | None = None, code: int = 0) -> str:
    result = CliRunner().invoke(build_app(of), list(arguments), env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result.output


def workflow() -> Workflow:
    with Workflow("w", project="p") as wf:
        Shell("a", "true")
    return wf


def test_the_version_is_printed_without_a_command() -> None:
    assert said("--version").strip() == f"dsflow {dsflow.__version__}"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says_and_helps(name: str) -> None:
    assert COMMANDS[name].group in GROUPS
    assert "Usage:" in said(name, "--help")
    if COMMANDS[name].of_workflow or COMMANDS[name].own_place:
        assert "PIPELINE" not in said(name, "--help", of=workflow())


@pytest.mark.parametrize("of", [None, workflow()], ids=["program", "file"])
def test_no_text_is_cut_or_wrapped_on_80_columns(of: Workflow | None) -> None:
    lines = said("--help", of=of).splitlines()
    for name, command in COMMANDS.items():
        if of is None or command.of_workflow or command.own_place:
            assert any(line.split(maxsplit=1) == [name, command.text] for line in lines), name
    assert max(map(len, lines)) <= 80


def test_a_command_that_is_not_there_gets_a_suggestion() -> None:
    assert "Did you mean 'plan'?" in said("plna", code=2)
    assert "No such command 'deploy'" in said("deploy", of=workflow(), code=2)


def test_help_imports_no_command() -> None:
    code = "import sys\nfrom dsflow.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in result.stdout.splitlines()[-1].split() if name.startswith("dsflow.cli")}
    assert loaded == {"dsflow.cli", "dsflow.cli.app", "dsflow.cli.table"}


def test_a_run_without_a_server_suggests_a_local_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p.py"
    file.write_text(
        "from dsflow import Shell, Workflow\nwith Workflow('w', project='p') as wf:\n    Shell('a', 'true')\n"
    )
    for name in [n for n in os.environ if n.startswith("DSFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(build_app(None), ["run", str(file)])
    assert isinstance(result.exception, ConfigError)
    assert "`run --local`" in str(result.exception)


@pytest.mark.parametrize("option", [["--stop-on-interrupt"], ["--server-timeout", "5"], ["--detach"]])
def test_a_local_run_refuses_what_is_for_a_server(option: list[str]) -> None:
    with Workflow("w", project="p") as wf:
        Shell("a", "exit 1")  # which would be another exit code
    assert "for a run on a server" in " ".join(said("run", "--local", *option, of=wf, code=2).split())
