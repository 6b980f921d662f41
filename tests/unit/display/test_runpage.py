"""A run as an HTML page."""

from __future__ import annotations

from html.parser import HTMLParser

from dsflow import Shell, Workflow
from dsflow.display.runpage import run_page
from dsflow.report import RunReport, TaskReport


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_picture_states_and_logs() -> None:
    with Workflow("w", project="p") as wf:
        Shell("good", "true") >> Shell("bad", "false")
    good = TaskReport("good", "SHELL", "SUCCESS", 1.0, log="fine\n", taken_from="20261130-021843")
    bad = TaskReport("bad", "SHELL", "FAILURE", 2.0, log="<script>alert(1)</script>\n", attempts=1)
    bad.because = "its script changed"
    tags = _Tags()
    tags.feed(run_page(wf.definition(), RunReport("w", "FAILURE", [good, bad], 3.0)))
    names = [tag for tag, _ in tags.opened]
    assert "svg" in names
    assert "script" not in names  # what a task wrote is text
    assert "<script>alert(1)</script>" in tags.text
    # the log of what failed is open
    assert ["open" in attributes for tag, attributes in tags.opened if tag == "details"] == [False, True]
    assert "again: its script changed" in tags.text
    assert "w: FAILURE in 3.0s" in tags.text
