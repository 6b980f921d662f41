"""The README's pictures are those of what it shows. Whoever changes that runs ``python tools/readme_pictures.py``."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import readme_pictures  # noqa: E402


def stored(name: str) -> str:
    return (readme_pictures.PICTURES / name).read_text(encoding="utf-8")


def words(svg: str) -> list[str]:
    """What is written in a picture; versions of rich differ in the rest."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return "".join("".join(text.itertext()) for text in texts).split()


def test_the_workflow_is_drawn_as_it_is() -> None:
    assert stored("workflow.svg") == readme_pictures.workflow()


def test_the_terminal_shows_the_sample() -> None:
    assert words(stored("terminal.svg")) == words(readme_pictures.terminal())
    shown = "".join(words(stored("terminal.svg")))
    assert "".join(readme_pictures.COMMAND.split()) in shown
    for line in readme_pictures.sample():
        assert "".join(line.split())[:60] in shown


def test_no_picture_fetches_anything() -> None:
    for name in ("workflow.svg", "terminal.svg"):
        assert "url(http" not in stored(name)
        assert "<image" not in stored(name)


def test_the_readme_shows_them() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("workflow.svg", "terminal.svg"):
        assert f"docs/pictures/{name}" in text
