"""What dsflow says of DolphinScheduler 3.4 against the released classes of it; ``series34/record.py`` says which.

The answers are recorded. Where the jars are at hand, they are asked again::

    DSFLOW_TEST_CLASSES_3_4='jars/*:built-3.3/libs/*' pytest tests/conformance/test_series34.py
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import datetime

import pytest

from dsflow import newer
from dsflow.conditions.javascript import UnknownExpression
from dsflow.conditions.switch import Known, decide
from dsflow.definition import Property
from dsflow.local.values import Shared, TaskValues
from dsflow.placeholders import PlaceholderError
from tests.conformance.series34 import record

VARIABLE = "DSFLOW_TEST_CLASSES_3_4"
CLASSES = os.environ.get(VARIABLE, "")
VERSION = (3, 4)
REFUSED = 30  # of the conditions, those not evaluated here: what has been reached stays reached

ANSWERS = list(zip(record.questions(), record.load(), strict=True))


@pytest.mark.skipif(not CLASSES, reason=f"set {VARIABLE} to a class path of 3.4's jars to run this")
@pytest.mark.skipif(shutil.which("javac") is None, reason="no javac is here, which compiles the program that asks")
def test_the_classes_answer_as_recorded() -> None:
    assert record.ask(CLASSES) == record.load()


def test_a_task_sees_what_the_classes_give_it() -> None:
    answers = [answer for question, answer in ANSWERS if "text" in question]
    for (definition, given, outputs), answer in zip(record.parameters(), answers, strict=True):
        reader = definition.task("reader")
        values = TaskValues(Shared(definition, given, datetime(2026, 11, 30)), reader, {VERSION: outputs})
        try:
            here: str | None = values.fill(record.TEXT)
        except PlaceholderError:
            here = None
        assert here == answer, (definition.global_params, reader.local_params, given, outputs)


def test_a_rule_says_where_3_4_gives_a_task_another_value_than_3_2() -> None:
    answers = [answer for question, answer in ANSWERS if "text" in question]
    seen: Counter[bool] = Counter()
    for (definition, given, outputs), answer in zip(record.parameters(), answers, strict=True):
        reader = definition.task("reader")
        values = TaskValues(Shared(definition, given, datetime(2026, 11, 30)), reader, {(3, 2): outputs})
        try:
            before = values.fill(record.TEXT)
        except PlaceholderError:
            continue  # no task can rely on it
        said = bool(list(newer.shadowed_outputs(definition)))
        seen[said] += 1
        assert said or before == answer, (definition.global_params, reader.local_params, given, outputs)
    assert min(seen.values()) > 10, seen


def test_switches_go_on_as_the_classes_do() -> None:
    seen: Counter[str] = Counter()
    for question, answer in ANSWERS:
        if "condition" not in question:
            continue
        filled, taken = answer
        known = Known(
            workflow={p["prop"]: Property(**p) for p in question["globals"]},
            outputs={p["prop"]: Property(**p) for p in question["outputs"]},
        )
        try:
            verdict = decide(question["condition"], known, VERSION)
        except UnknownExpression:
            seen["refused"] += 1
            continue
        seen[taken] += 1
        assert ("takes" if verdict.holds else "passes") == taken, (question, answer, verdict)
        if filled is not None:
            assert verdict.text == filled, (question, answer, verdict)
        else:
            seen["not of its type"] += 1
            assert verdict.why, (question, verdict)
    assert seen["refused"] <= REFUSED, seen
    assert min(seen["takes"], seen["passes"]) > 100, seen
    assert seen["not of its type"] > 10, seen


def test_parameters_as_they_are_sent_are_taken() -> None:
    """A name that is declared twice is refused from 3.4 on."""
    answers = [answer for question, answer in ANSWERS if question.keys() == {"globals"}]
    assert len(answers) > 50
    assert set(answers) == {""}
