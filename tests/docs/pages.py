"""The code blocks of a page of the documentation, and how they are run.

A block with ``title="FILE"`` is written to that file; a block of ``bash`` is run, as if all of a page's were typed into
one shell: a ``cd`` holds for what stands below, files too; a block of ``text`` after it is what that prints: each of
its lines is found in the output, in order; ``…`` stands for anything. A comment before a block says what is special:

    <!-- fails -->     the command ends with an exit code that is not 0
    <!-- install -->   it changes the Python that it runs in; not run, only looked at
    <!-- server -->    it needs a DolphinScheduler; run by the integration tests
    <!-- shown -->     it starts what does not end, or needs what is elsewhere: its commands' options are looked at
    <!-- part -->      a part of a file that stands above; compiled only
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command

from dsflow.cli.app import build_app

_FENCE = re.compile(r"^(?P<mark>```+)(?P<language>\w*)[ ]*(?:title=\"(?P<title>[^\"]+)\")?$")
_COMMENT = re.compile(r"^<!-- (?P<word>\w+) -->$")


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        line: of its first fence, from 1.
        special: the word of the comment before it, '' without one.
    """

    line: int
    language: str
    title: str
    special: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    special, start = "", 0
    while start < len(lines):
        fence = _FENCE.match(lines[start])
        if fence is None:
            comment = _COMMENT.match(lines[start])
            special = comment["word"] if comment else special if not lines[start].strip() else ""
            start += 1
            continue
        end = next(n for n in range(start + 1, len(lines)) if lines[n] == fence["mark"])
        text = "".join(f"{line}\n" for line in lines[start + 1 : end])
        yield Block(start + 1, fence["language"], fence["title"] or "", special, text)
        special, start = "", end + 1


def run_page(page: Path, folder: Path, more: Mapping[str, str], *, server: bool) -> int:
    """Follow a page in an empty folder; gives how many commands were run.

    Args:
        more: variables beside those of this process.
        server: whether a DolphinScheduler is there for the blocks that need one.
    """
    said, ran = "", 0
    for block in blocks(page):
        place = f"{page.name}:{block.line}"
        if block.language == "python":
            compile(block.text, place, "exec")
            assert block.title or block.special == "part", (
                f"{place}: the block has no title, so no file to be written to"
            )
        if block.title:
            target = folder / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            said = ""
            if block.special == "shown":
                _parse(block.text, place)
                continue
            if block.special == "install" or (block.special == "server" and not server):
                continue
            done, folder = _run(block.text, folder, more)
            said, ran = done.stdout, ran + 1
            assert (done.returncode != 0) is (block.special == "fails"), f"{place}: {done.returncode}\n{said}"
        elif block.language == "text" and said:
            _compare(block.text, said, place)
    return ran


def _parse(text: str, place: str) -> None:
    """See that each ``dsflow`` command of a block is one that there is, with its options."""
    program: Any = get_command(build_app(None))
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["dsflow"]:
            try:
                program.commands[words[1]].make_context(words[1], words[2:])
            except Exception as error:
                raise AssertionError(f"{place}: {line}: {error}") from error


def _run(text: str, folder: Path, more: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run commands in a folder; gives also the folder that they end in."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DSFLOW_") or key in _KEPT}
    path = os.pathsep.join([str(Path(sys.executable).parent), clean["PATH"]])
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as ended:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"trap 'pwd > {shlex.quote(ended.name)}' EXIT\n{text}"],
            cwd=folder,
            env={**clean, **more, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return done, Path(ended.read().rstrip("\n") or folder)


_KEPT = {"DSFLOW_OPENMLDB_SDK"}


def _compare(wanted: str, said: str, place: str) -> None:
    rest = said
    for line in wanted.splitlines():
        pattern = ".*?".join(re.escape(part) for part in line.strip().split("…"))
        found = re.search(pattern, rest)
        assert found, f"{place}: {line!r} is not in what was printed:\n{said}"
        rest = rest[found.end() :]
