"""Write the reference of commands from the commands themselves.

python tools/command_reference.py     # writes docs/reference/commands.md
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.main import get_command
from typer.testing import CliRunner

from dsflow.cli.app import build_app
from dsflow.cli.table import COMMANDS, GROUPS

PAGE = Path(__file__).parents[1] / "docs/reference/commands.md"
_HEAD = """# Commands

`dsflow COMMAND PIPELINE ...` and, for those that take a PIPELINE, `python pipelines/x.py COMMAND ...` without it.
Exit codes: 0 done, 1 failed or refused, 2 `plan` found changes or an option is wrong, 3 stopped or paused, 4
`--timeout` is over, 5 a server does not answer, 130 Ctrl-C.
"""


def reference() -> str:
    """The page, as Markdown: the text of each command's ``--help``."""
    parts = [_HEAD]
    for group in GROUPS:
        parts.append(f"\n## {group}\n")
        for command in (c for c in COMMANDS.values() if c.group == group):
            parts += _section(command.name)
            made: Any = command.load()
            if isinstance(made, typer.Typer):
                for name in get_command(made).commands:  # type: ignore[attr-defined]
                    parts += _section(f"{command.name} {name}")
    return "".join(parts)


def _section(name: str) -> list[str]:
    result = CliRunner().invoke(build_app(None), [*name.split(), "--help"], env={"COLUMNS": "100", "NO_COLOR": "1"})
    lines = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
    return [f"\n### {name}\n\n```text\n{lines}\n```\n"]


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"{PAGE}: {len(COMMANDS)} commands")
