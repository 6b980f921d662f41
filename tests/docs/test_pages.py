"""Every page of the documentation is followed, word by word, in an empty folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dsflow._version import DISTRIBUTION
from tests.docs.pages import blocks, run_page
from tests.servers import KINDS, missing

DOCS = Path(__file__).parents[2] / "docs"
# what a rule or statement looks like, not what to do: the tests of the rules hold those
LISTS = {"rules.md", "statements.md", "design.md", "contributing.md"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name not in LISTS)


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_it_works_as_it_says(page: Path, tmp_path: Path) -> None:
    if any(block.special == "server" for block in blocks(page)) and not all(missing(version) for version in KINDS):
        return  # a server is here: tests/integration/test_docs.py follows the whole page
    # a home of its own, but the cache with OpenMLDB's compiler, if that is there
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    run_page(page, tmp_path, {"HOME": str(tmp_path), "XDG_CACHE_HOME": cache}, server=False)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_block_is_of_a_kind_that_is_run(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {"python", "bash", "text", "yaml", "json", "sql", "mermaid"}, block
        assert block.special in {"", "fails", "install", "server", "shown", "part"}, block
        if block.special == "install":
            assert DISTRIBUTION in block.text or "-r requirements.txt" in block.text


def test_the_comparison_is_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\necho one two; echo three\n```\n\n```text\none…\nfour\n```\n")
    with pytest.raises(AssertionError, match=re.escape("page.md:5: 'four' is not in what was printed")):
        run_page(page, tmp_path, {}, server=False)


def test_a_command_that_fails_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse | true\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:1: 1"):
        run_page(page, tmp_path, {}, server=False)


def test_a_page_is_typed_into_one_shell(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '```bash\nmkdir made\ncd made\n```\n\n```text title="note"\nhello\n```\n\n'
        "```bash\ncat note\n```\n\n```text\nhello\n```\n\n<!-- fails -->\n```bash\ncd made\n```\n"
    )
    assert run_page(page, tmp_path, {}, server=False) == 3
