"""Conditions of switches: what DolphinScheduler 3.1.1's master and the sandbox of 3.2.2 made of 3600 of them.

They are in ``conditions/recorded.jsonl``; ``conditions/record.py`` says how they came there. A condition may be refused
here, but not be filled or answered otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from dsflow.conditions.filling import FillError, fill_3_1, fill_3_2
from dsflow.conditions.javascript import UnknownExpression
from dsflow.conditions.switch import Known, SwitchFailed, Verdict, decide_3_1, decide_3_2
from dsflow.definition import Property
from tests.conformance.conditions.record import COUNT, load

# of 3600, those not evaluated here: what has been reached stays reached
REFUSED = {"3.1": 80, "3.2": 80}

SERIES: dict[str, tuple[Callable[[str, Mapping[str, Property]], str], Callable[[str, Known], Verdict]]] = {
    "3.1": (fill_3_1, decide_3_1),
    "3.2": (fill_3_2, decide_3_2),
}


def expected(series: str, condition: str, answer: str) -> str:
    """What becomes of the switch: ``takes``, ``passes`` or ``fails``."""
    if series == "3.1" and not condition:
        return "takes"  # without asking
    if answer == "true":
        return "takes"
    if answer == "no number" or (series == "3.1" and answer != "false"):
        return "fails"
    return "passes"


@pytest.mark.parametrize("series", SERIES)
def test_as_recorded(series: str) -> None:
    fill, decide = SERIES[series]
    cases = load()
    assert len(cases) == COUNT
    seen: Counter[str] = Counter()
    for case in cases:
        known = Known(
            workflow={n: Property(n, "IN", t, v) for n, t, v in case["globals"]},
            outputs={n: Property(n, "OUT", t, v) for n, t, v in case["outputs"]},
        )
        text, answer = case[series]
        try:
            filled = fill(case["condition"], known.to_3_1() if series == "3.1" else known.to_3_2())
            assert filled == text, case
        except FillError:
            assert text == ("" if series == "3.1" else None), case
        except UnknownExpression:
            pass  # counted below
        try:
            got = "takes" if decide(case["condition"], known).holds else "passes"
        except SwitchFailed:
            got = "fails"
        except UnknownExpression:
            seen["refused"] += 1
            continue
        seen[got] += 1
        assert got == expected(series, case["condition"], answer), case
    assert seen["refused"] <= REFUSED[series], seen
    assert min(seen["takes"], seen["passes"], seen["fails"]) > 100, seen
