from __future__ import annotations

from pathlib import Path

import pytest

from dsflow.cli.loading import load_workflow
from dsflow.validation import check

PIPELINE = """
from dsflow import Shell, Workflow

with Workflow("w", project="p", params={"unused": 1}) as wf:%s
    Shell("a", "echo a")
"""


def codes(tmp_path: Path, comment: str) -> list[tuple[str, str]]:
    path = tmp_path / "pipeline.py"
    path.write_text(PIPELINE % comment)
    return [(f.code, f.severity) for f in check(load_workflow(str(path))).findings]


def test_with_a_reason(tmp_path: Path) -> None:
    assert codes(tmp_path, "  # dsflow: ignore[DSF204] operators set it") == []
    assert codes(tmp_path, "  # dsflow: ignore[DSF204]: operators set it") == []


def test_without_a_comment(tmp_path: Path) -> None:
    assert codes(tmp_path, "") == [("DSF204", "warning")]


def test_without_a_reason_it_does_not_count(tmp_path: Path) -> None:
    assert codes(tmp_path, "  # dsflow: ignore[DSF204]") == [("DSF204", "warning"), ("DSF901", "error")]


@pytest.mark.parametrize("comment", ["  # dsflow: ignore[DSF999] because", "  # dsflow: ignore[DSF] because"])
def test_of_no_rule(tmp_path: Path, comment: str) -> None:
    assert codes(tmp_path, comment) == [("DSF204", "warning"), ("DSF902", "error")]


def test_of_every_rule(tmp_path: Path) -> None:
    assert codes(tmp_path, "  # dsflow: ignore") == [("DSF204", "warning"), ("DSF902", "error")]


def test_of_a_rule_that_finds_nothing(tmp_path: Path) -> None:
    expected = [("DSF903", "warning")]
    assert codes(tmp_path, "  # dsflow: ignore[DSF204, DSF401] operators set it") == expected


def test_in_sql(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.py"
    path.write_text(
        '''
from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    once = OpenMLDB("once", """
        USE db;
        INSERT INTO clicks VALUES (1);  -- dsflow: ignore[DSF126] this workflow is run by hand, once
    """, "online")
    clicks.create() >> once
'''
    )
    assert check(load_workflow(str(path))).findings == ()


def test_in_a_script_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        'FEATURES = ["ip", "hours"]  # dsflow: ignore[DSF140] a patch of pandas adds it\nLABEL = "y"\n'
        "print(FEATURES, LABEL)  # dsflow: ignore[DSF140]\n"
    )
    path = tmp_path / "pipeline.py"
    path.write_text(
        """
from dsflow import FeatureView, Python, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, y=t.Int)
    view = FeatureView("view", source=clicks, label="y", sql="SELECT ip, y FROM clicks")
    train = Python("train", file="train.py")
    clicks.create() >> clicks.load_offline("/d.csv") >> view.extract("/out") >> train
"""
    )
    found = check(load_workflow(str(path))).findings
    assert [(f.code, Path(f.where.file).name, f.where.line) for f in found if f.where] == [("DSF901", "train.py", 3)]
