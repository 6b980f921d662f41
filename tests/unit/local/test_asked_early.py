"""A deployment that is asked for long before it: what runs, by the rules of each version of DolphinScheduler."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from dsflow.definition import Definition
from dsflow.local.order import Ending, Order, rules_of
from dsflow.report import SUCCESS

PIPELINE = Path(__file__).resolve().parents[3] / "pipelines" / "talkingdata.py"
CHOICES = {"validate": ("choose deploy features", "reject model")}
CHOICES["choose deploy features"] = ("skip deploy features", "deploy features")
AFTER = {"check deploy features", "load online talkingdata", "check online talkingdata", "serve features"}


def ran(definition: Definition, version: tuple[int, ...], chosen: dict[str, str]) -> list[str]:
    """The tasks that run when all end well, in order."""
    order = Order(definition, rules_of(version))
    found: list[str] = []
    ready = order.start()
    while ready:
        name = ready.pop(0)
        found.append(name)
        taken = chosen.get(name)
        passed = tuple(other for other in CHOICES.get(name, ()) if other != taken)
        ready += order.ended(name, Ending(SUCCESS, (taken,), passed) if taken else Ending(SUCCESS))
    return found


@pytest.mark.parametrize("version", [(3, 1, 1), (3, 1, 5), (3, 1, 9), (3, 2, 2), (3, 4, 0)])
def test_what_runs_is_what_the_switches_choose(version: tuple[int, ...]) -> None:
    definition = runpy.run_path(str(PIPELINE))["wf"].definition()
    assert ("check extract features", "choose deploy features") in {(r.pre, r.post) for r in definition.relations}
    rejected = ran(definition, version, {"validate": "reject model"})
    assert rejected[-2:] == ["validate", "reject model"]
    for choice, other in (("deploy features", "skip deploy features"), ("skip deploy features", "deploy features")):
        found = ran(definition, version, {"validate": "choose deploy features", "choose deploy features": choice})
        assert len(found) == len(set(found))
        assert {choice, *AFTER} <= set(found)
        assert not {other, "reject model"} & set(found)
        assert found.index("validate") < found.index("choose deploy features") < found.index(choice)
