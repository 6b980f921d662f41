"""The pages of the documentation that need a server, followed on a real one from their beginning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks, run_page

from .conftest import Running
from .transfer_commands import environ

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if any(block.special == "server" for block in blocks(page)))


def test_there_are_such_pages() -> None:
    assert {"tutorial.md", "ci.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_it_works_as_it_says_on_a_server(page: Path, running: Running, tmp_path: Path) -> None:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    client = os.pathsep.join(p for p in sys.path if "pydolphinscheduler" in p)
    more = {"HOME": str(tmp_path), "XDG_CACHE_HOME": cache, "PYTHONPATH": client, **environ(running.profile())}
    assert run_page(page, tmp_path, more, server=True)
