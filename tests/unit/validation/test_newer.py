"""Rules about DolphinScheduler 3.3 and later: they speak when the profile names such a version, and not otherwise."""

from __future__ import annotations

import pytest

from dsflow import Conditions, Shell, Workflow
from dsflow.declare.tasks.logic import failed
from dsflow.validation import check


def outputs() -> Workflow:
    with Workflow("w", project="p", params={"auc": 0.5}, strict=False) as wf:
        train = Shell("train", "x", outputs={"auc": float, "path": str, "rows": int})
        again = Shell("again", f"echo {train.outputs.path}", outputs={"path": str})
        own = Shell("own", "echo ${rows}", params={"rows": 3})
        fine = Shell("fine", f"echo {train.outputs.path}")
        Shell("variable", 'size=3; echo "\\${setValue(size=${size})}"', outputs={"size": int})
        Shell("bare", 'weight=3; echo "\\${setValue(weight=$weight)}"', outputs={"weight": int})
        train >> [again, own, fine]
    return wf


def conditions() -> Workflow:
    with Workflow("w", project="p") as wf:
        load, alarm, done, beside = (Shell(name, "true") for name in ("load", "alarm", "done", "beside"))
        Conditions("ask", failed(load), success=alarm, failure=done)
        load >> beside
    return wf


@pytest.mark.parametrize("version", [(3, 3), (3, 4, 3)])
def test_outputs_that_are_handed_on_otherwise(version: tuple[int, ...]) -> None:
    said = [f.message for f in check(outputs(), version=version).findings if f.code == "DSF417"]
    assert [message.split(": ", 1)[1].split(",")[0] for message in said] == [
        "task 'train' has an output 'auc'",
        "task 'again' uses the output 'path' of 'train' and has an output of that name itself: "
        "the placeholder is empty in it",
        "task 'own' has a parameter 'rows' of its own",
        "task 'variable' uses ${size} and has an output of that name itself: the placeholder is empty in it",
    ]


def test_a_conditions_task_beside_another_one() -> None:
    found = [f for f in check(conditions(), version=(3, 4)).findings if f.code == "DSF418"]
    assert [f.severity for f in found] == ["warning"]
    assert "followed by the CONDITIONS task 'ask' and by 'beside'" in found[0].message


@pytest.mark.parametrize("version", [None, (3, 1, 5), (3, 2)])
def test_nothing_is_said_for_older_versions(version: tuple[int, ...] | None) -> None:
    found = [f.code for wf in (outputs(), conditions()) for f in check(wf, version=version).findings]
    assert not {"DSF417", "DSF418"} & set(found)
