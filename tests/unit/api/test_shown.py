"""What a Workflow's methods give: as text, and as a notebook shows it."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dsflow import DsflowError, FeatureView, Python, Shell, Table, Workflow, types
from dsflow._api.running import shown
from dsflow._api.shown import Run, ShownPlan, Submitted
from dsflow.display.html import progress_html
from dsflow.display.notebook import NotebookDisplay
from dsflow.dolphinscheduler.plan import Change, Plan, TaskChange
from dsflow.dolphinscheduler.submit import SubmitResult
from dsflow.report import RunReport, TaskReport


class _Text(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags = "", []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def drawn(html: str) -> str:
    """The drawing in a display, which is an image; '' when there is none."""
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return base64.b64decode(found[1]).decode() if found else ""


def chain(count: int) -> Workflow:
    with Workflow("w", project="p") as wf:
        tasks = [Shell(f"task {n}", "true") for n in range(count)]
        for before, after in pairwise(tasks):
            before >> after
    return wf


def test_findings_are_a_table_and_a_text(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Python("broken <b>", "print(")
    found = wf.validate()
    assert not found.ok
    (finding,) = found.findings
    assert str(found).startswith("✗ p/w: 1 error")
    assert finding.message in str(found)
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"] == str(found)
    html = _Text(bundle["text/html"])
    assert finding.message.split("\n")[0] in html.text
    assert html.tags.count("b") == 1  # what a name holds is text
    assert "no mistake found" in str(chain(2).validate())


def test_what_has_mistakes_is_not_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("API_URL", "http://127.0.0.1:9/dolphinscheduler"), ("TOKEN", "t"), ("GATEWAY", "127.0.0.1:9")):
        monkeypatch.setenv(f"DSFLOW_{name}", value)
    with Workflow("w", project="p") as wf:
        table = Table("t", database="db", a=types.Int)
        FeatureView("f", source=table, sql="SELECT nosuch FROM t").deploy()
    with pytest.raises(DsflowError, match="nothing was submitted"):
        wf.submit()
    with pytest.raises(DsflowError, match=r"does not answer|cannot|refused"):
        chain(1).plan()


PLAN = Plan("p", "w", "update", tasks=(TaskChange("changed", "a<b", "SHELL", (Change("x", "1", "2"),)),))


def test_a_plan_is_shown_as_the_command_prints_it() -> None:
    plan = ShownPlan.of(PLAN)
    assert not plan.is_empty
    assert plan.tasks == PLAN.tasks
    assert "~ a<b" in str(plan)
    assert "1 task changed" in _Text(plan._repr_html_()).text
    assert "~ a<b" in _Text(plan._repr_html_()).text


def test_what_was_submitted_leads_to_its_page() -> None:
    done = Submitted.of(SubmitResult("http://server/x?a=1&b=2", PLAN, True, 1, 2, 7, ("a note",)))
    assert str(done).splitlines() == ["p/w: submitted, version 7", "note: a note", "http://server/x?a=1&b=2"]
    assert 'href="http://server/x?a=1&amp;b=2"' in done._repr_html_()


def ended(wf: Workflow, state: str = "SUCCESS") -> RunReport:
    tasks = [TaskReport(task.name, "SHELL", state, 1.0, log="boo") for task in wf.definition().tasks]
    return RunReport("w", state, tasks, 3.0)


def test_a_run_shows_its_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wf = chain(3)
    run = shown(ended(wf, "FAILURE"), wf.definition(), None)
    assert "<svg" in drawn(run._repr_html_())
    assert "boo" in _Text(run._repr_html_()).text
    assert str(run).endswith("✗ w: FAILURE in 3.0s")
    assert run.failed
    monkeypatch.setattr("dsflow._api.shown.cell_number", lambda: 4)
    again = Run.of(ended(wf), wf.definition(), cell=4)
    assert drawn(again._repr_html_()) == ""


def test_a_run_is_written_as_a_page(tmp_path: Path) -> None:
    wf = chain(2)
    Run.of(ended(wf), wf.definition()).write_page(str(tmp_path / "run.html"))
    assert "<h1>w: SUCCESS</h1>" in (tmp_path / "run.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("count", "picture"), [(5, True), (200, False)])
def test_progress_is_readable_whatever_the_size(count: int, picture: bool) -> None:
    wf = chain(count)
    tasks = [TaskReport(f"task {n}", "SHELL", "SUCCESS" if n < 2 else "RUNNING") for n in range(count)]
    report = RunReport("w", "RUNNING", tasks, 3.0)
    html = progress_html(wf.definition(), report, ["said"], {"task 2": "30/100 rounds"})
    assert ("<svg" in drawn(html)) == picture
    text = _Text(html).text
    assert f"2 of {count} tasks done" in text
    assert "said" in text
    assert "30/100 rounds" in text
    assert len(text.splitlines()) < 120
    assert not re.search(r"[^-]color:", html)  # texts have the page's colour


class _Handle:
    def __init__(self) -> None:
        self.drawn: list[Any] = []

    def update(self, html: Any) -> None:
        self.drawn.append(html.data)


def test_one_display_is_drawn_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = _Handle()
    monkeypatch.setattr("IPython.display.display", lambda html, display_id: handle)
    wf = chain(3)
    display = NotebookDisplay(wf.definition())
    with display:
        for _ in range(500):
            display.update(TaskReport("task 0", "SHELL", "RUNNING"))
            display.progress("task 0", "9/10")
    drawings = len(handle.drawn)
    assert 1 <= drawings < 50
    display.ended(ended(wf))
    assert "3 of 3 tasks done" in handle.drawn[-1]
    display.update(TaskReport("task 0", "SHELL", "RUNNING"))  # a task that ends late draws nothing any more
    assert len(handle.drawn) == drawings + 1


def test_a_table_shows_its_columns() -> None:
    table = Table("t", database="d", a=types.Int, when=types.Timestamp)
    assert _Text(table._repr_html_()).text == "table t in dcolumntypeaintwhentimestamp"
    assert table._repr_mimebundle_()["text/plain"] == "table t in d\n  a     int\n  when  timestamp"


def test_a_workflow_is_an_image_where_no_svg_is_shown() -> None:
    wf = chain(2)
    assert drawn(wf._repr_html_()) == wf._repr_svg_()


def test_a_dollar_sign_begins_no_formula() -> None:
    """JupyterLab typesets what stands between two of them, but not in ``code``."""
    table = Table("t", database="d", a=types.Int)
    html = FeatureView("f", source=table, sql="SELECT a, a + ${x} AS b, a + ${y} AS c FROM t")._repr_html_()
    outside = re.sub(r"<(code|pre)[^>]*>.*?</\1>", "", html, flags=re.DOTALL)
    assert "$" not in outside
