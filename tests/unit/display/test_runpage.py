"""A run as an HTML page."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from typing import Any

import pytest

from dsflow import Shell, Workflow
from dsflow.consistency.report import ConsistencyReport, compare
from dsflow.display.runpage import gantt, run_page
from dsflow.openmldb.types import ColumnType
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


FIGURES: dict[str, Any] = {
    "format": 1,
    "rows": 100,
    "positives": 20,
    "auc": 0.9,
    "average_precision": 0.7,
    "roc": [[0.0, 0.2, 1.0], [0.0, 0.9, 1.0]],
    "precision_recall": [[1.0, 0.5, 0.0], [0.2, 0.8, 1.0]],
    "calibration": [[0.1, 0.8], [0.2, 0.7]],
    "threshold": 0.4,
    "confusion": [[75, 5], [4, 16]],
    "importance": {"x<y": 3.0, "z": 1.0},
    "features": [{"name": "x<y", "statistics": {"edges": [1.0], "shares": [0.25, 0.75]}}, {"name": "text"}],
}


def page(figures: dict[str, Any], log: str = "") -> str:
    with Workflow("w", project="p") as wf:
        Shell("train", "true")
    task = TaskReport("train", "SHELL", "SUCCESS", 1.0, log=log, started=0.5, figures=figures)
    return run_page(wf.definition(), RunReport("w", "SUCCESS", [task], 2.0))


def test_a_training_is_drawn() -> None:
    tags = _Tags()
    tags.feed(text := page(FIGURES, log='figures: {"format":1}\nend\n'))
    for said in ("ROC curve, area 0.9000", "average precision 0.7000", "Calibration", "Importance", "Distributions"):
        assert said in tags.text
    assert "precision 0.762, recall 0.800" in tags.text
    assert "(figures of the model)\nend" in tags.text
    assert "x<y" in tags.text
    # nothing is fetched, and no drawing cuts by another one's frame
    assert not [value for _, attributes in tags.opened for name, value in attributes.items() if name == "src"]
    clips = [attributes["id"] for tag, attributes in tags.opened if tag == "clippath"]
    assert len(clips) == len(set(clips)) >= 5
    assert text == page(FIGURES, log='figures: {"format":1}\nend\n')


def test_a_regression_is_drawn() -> None:
    figures = {
        "format": 1,
        "rows": 100,
        "rmse": 5.25,
        "mae": 2.5,
        "r2": 0.5,
        "predicted": [[1.0, 2.0], [1.5, 2.5]],
        "off": [[-1.0, 0.0, 1.0], [0.25, 0.5, 0.75]],
        "importance": {"a": 1.0},
    }
    tags = _Tags()
    tags.feed(page(figures))
    assert "On 100 rows that it has not seen: RMSE 5.25, mean absolute error 2.5, R² 0.500." in tags.text
    for said in ("Predictions and answers", "What it is off by", "Importance"):
        assert said in tags.text
    assert "Confusion" not in tags.text
    assert "Its curves are not as" in page({**figures, "off": 3})
    assert "Its figures are not as" in page({**figures, "rmse": "<b>"})
    assert "<b>" not in page({**figures, "r2": "<b>"})


def compared(*, equal: bool = True) -> ConsistencyReport:
    offline = [{"n": n, "word": "x", "far": float(n)} for n in range(20)]
    online = [row | ({} if equal else {"n": row["n"] + 5}) for row in offline]
    kinds = {"n": ColumnType.INT, "word": ColumnType.STRING, "far": ColumnType.DOUBLE}
    columns, missing, different = compare(kinds, offline, offline, online, 1e-6)
    return ConsistencyReport("db", "t", "d_1", 20, missing, different, 1e-6, columns)


def test_offline_and_online_stand_side_by_side() -> None:
    with Workflow("w", project="p") as wf:
        Shell("a", "true")
    report = RunReport("w", "SUCCESS", [], 2.0)
    tags = _Tags()
    tags.feed(text := run_page(wf.definition(), report, [compared(), compared(equal=False), "the server is <away>"]))
    assert "0 of 20 rows differ" in tags.text
    assert "20 of 20 rows differ" in tags.text
    assert "Not compared: the server is <away>" in tags.text
    assert text.count("Distributions, offline and online") == 2
    n, word, far = compared(equal=False).columns
    assert word.spread is None
    assert far.spread is not None
    assert far.spread.offline == far.spread.online
    assert n.spread is not None
    assert [sum(n.spread.offline), sum(n.spread.online)] == pytest.approx([1, 1])
    assert n.spread.online[0] == 0 < n.spread.offline[0]


@pytest.mark.parametrize(
    "figures",
    [{"format": 1}, *(FIGURES | {"confusion": wrong} for wrong in (3, [["a", 1], [2, 3]])), FIGURES | {"roc": 3}],
)
def test_other_figures_are_said_to_be_so(figures: dict[str, Any]) -> None:
    assert "not as dsflow.worker.figures writes them" in page(figures)


def test_without_matplotlib_the_numbers_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = page(FIGURES)
    assert "<td>75</td>" in text
    assert "needs the package &#x27;matplotlib&#x27;" in text


def test_bars_are_where_the_tasks_ran() -> None:
    tasks = [
        TaskReport("b", "SHELL", "SUCCESS", 2.0, started=2.0),
        TaskReport("a", "SHELL", "FAILURE", 1.0, started=0.0),
        TaskReport("never", "SHELL", "SKIPPED"),
    ]
    drawn = gantt(RunReport("w", "FAILURE", tasks, 4.0))
    assert drawn.index("left:0.00%;width:25.00%") < drawn.index("left:50.00%;width:50.00%")
    assert "never" not in drawn
    assert gantt(RunReport("w", "SUCCESS", [TaskReport("a", "SHELL", "SKIPPED")], 4.0)) == ""
