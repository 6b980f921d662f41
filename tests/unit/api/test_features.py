"""A FeatureView in a notebook: explained, previewed, and made of a cell of SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsflow import DsflowError, FeatureView, Param, Table, Workflow
from dsflow import types as t
from dsflow._api.magic import feature_view, load

SQL = """SELECT ip, click_time, count(ip) OVER w AS clicks, price > ${least} AS dear
FROM clicks WINDOW w AS (PARTITION BY ip ORDER BY click_time ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"""


@pytest.fixture
def view(tmp_path: Path) -> FeatureView:
    data = tmp_path / "clicks.csv"
    rows = "".join(f"{n % 2},{1_600_000_000_000 + 60_000 * n},{n}\n" for n in range(50))
    data.write_text(f"ip,click_time,price\n{rows}", encoding="utf-8")
    with Workflow("w", project="p", params={"data": Param("/there.csv", local=str(data)), "least": 3}) as wf:
        clicks = Table("clicks", database="db", ip=t.Int, click_time=t.Timestamp, price=t.Int)
        features = FeatureView("f", source=clicks, sql=SQL, label="dear")
        clicks.load_offline(wf.params.data)
        features.deploy("demo", range_bias="1d")
    return features


def test_explain(view: FeatureView) -> None:
    found = view.explain()
    assert found.deployment == view.deployment("demo")
    assert [(name, part) for name, _, part in found.columns] == [
        ("ip", "feature"),
        ("click_time", "feature"),
        ("clicks", "feature"),
        ("dear", "label"),
    ]
    (window,) = found.windows
    assert (window.name, window.partition_by, window.order_by) == ("w", "ip", "click_time")
    assert "1h PRECEDING" in window.rows
    (index,) = found.indexes
    assert (index.table, index.keys, index.ts) == ("clicks", ("ip",), "click_time")
    assert index.ttl == "25h (absolute)"  # the window's hour and the bias of a day
    assert "PRECEDING" in str(found)
    assert "<table" in view._repr_html_()
    assert found._repr_mimebundle_()["text/plain"] == str(found)
    assert view._repr_mimebundle_() == found._repr_mimebundle_()


def test_types_are_those_of_the_compiler(view: FeatureView) -> None:
    plain = FeatureView("g", source=view.source, sql="SELECT ip, click_time, price * 1.5 AS more FROM clicks")
    assert [kind for _, kind, _ in plain.explain().columns] == ["int", "timestamp", "double"]


def test_preview(view: FeatureView) -> None:
    frame = view.preview(rows=4)
    assert list(frame.columns) == ["ip", "click_time", "clicks", "dear"]
    assert len(frame) == 4
    assert str(frame["click_time"].dt.tz) == "UTC"
    assert len(view.preview(rows=1000)) == 50
    assert view.preview(rows=50, params={"least": 100})["dear"].sum() == 0
    assert view.preview(rows=50)["dear"].sum() == 46
    assert view.preview(rows=50)["clicks"].max() == 25


def test_what_cannot_be_previewed(view: FeatureView, tmp_path: Path) -> None:
    with pytest.raises(DsflowError, match="cannot be loaded"):
        view.preview(params={"data": str(tmp_path / "gone.csv")})
    with pytest.raises(DsflowError, match="rows=0"):
        view.preview(rows=0)
    other = Table("other", database="db", a=t.Int)
    with pytest.raises(DsflowError, match="no workflow loads the table 'other'"):
        FeatureView("f", source=other, sql="SELECT a FROM other").preview()


class _Shell:
    def __init__(self, **names: Any) -> None:
        self.user_ns = dict(names)

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        assert (kind, name) == ("cell", "openmldb")
        self.magic = function


def test_a_cell_of_sql_is_a_view(view: FeatureView) -> None:
    shell = _Shell(clicks=view.source)
    load(shell)
    made = shell.magic("g --source clicks --label ip", "SELECT ip, price FROM clicks\n")
    assert shell.user_ns["g"] is made
    assert (made.name, made.label, made.columns) == ("g", "ip", ("price",))


@pytest.mark.parametrize(
    ("line", "cell", "told"),
    [
        ("g --source clicks", "SELECT nosuch FROM clicks", "nosuch"),
        ("g --source clicks", "SELECT FROM", "g"),
        ("g --source clicks --label x", "SELECT ip FROM clicks", "the label 'x' is not among its columns"),
        ("g --source click", "SELECT ip FROM clicks", "click is no Table"),
        ("g --source", "SELECT ip FROM clicks", "--source names nothing"),
        ("", "SELECT ip FROM clicks", "not of the form"),
        ("g 'x", "SELECT ip FROM clicks", "No closing quotation"),
    ],
)
def test_what_is_refused_changes_nothing(view: FeatureView, line: str, cell: str, told: str) -> None:
    shell = _Shell(clicks=view.source, g="before")
    load(shell)
    with pytest.raises(DsflowError) as caught:
        shell.magic(line, cell)
    assert told in str(caught.value)
    assert shell.user_ns["g"] == "before"
    # a notebook shows the message, and no traceback
    assert caught.value._render_traceback_() == [f"error: {caught.value}"]


def test_the_place_is_shown(view: FeatureView) -> None:
    shell = _Shell(clicks=view.source)
    load(shell)
    with pytest.raises(DsflowError) as caught:
        shell.magic("g --source clicks", "SELECT ip,\n  nosuch AS x\nFROM clicks")
    assert "\n  |   nosuch AS x\n  |   ^" in str(caught.value)


def test_the_form_says_which_tables_there_are(view: FeatureView) -> None:
    with pytest.raises(DsflowError, match="tables here: clicks"):
        feature_view("g --source x", "SELECT 1", {"clicks": view.source, "n": 1})
