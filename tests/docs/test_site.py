"""The site builds without a warning (a broken link is one), and its reference of commands is complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from dsflow.cli.app import build_app
from dsflow.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site/tutorial.html").is_file()
    loaded = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html"))
    for tag in ('<script src="http', '<link rel="stylesheet" href="http', "fonts.googleapis"):
        assert tag not in loaded  # nothing is fetched from elsewhere
    assert not re.findall(r":(?:class|meth|func|mod|attr|data):<code>[^<]*", loaded)  # the site knows no such roles


def test_each_command_and_option_is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n### ")[1:]}
    program: Any = get_command(build_app(None))
    wanted: dict[str, Any] = {}
    for name, command in COMMANDS.items():
        wanted[name] = program.commands[name]
        if isinstance(command.load(), typer.Typer):
            wanted |= {f"{name} {own}": sub for own, sub in wanted[name].commands.items()}
    assert wanted.keys() == sections.keys()
    for name, made in wanted.items():
        for option in (opt for parameter in made.params for opt in parameter.opts if opt.startswith("--")):
            assert option in sections[name], f"{name} {option}: run tools/command_reference.py"
