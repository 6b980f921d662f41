"""Placeholders and outputs: what DolphinScheduler 3.1.4's and 3.2.2's own classes made of them.

They are in ``placeholders/recorded.jsonl``; ``placeholders/record.py`` says how they came there. What fails there fails
here, and nothing is filled with another value.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from dsflow.outputs import OutputError, read_outputs
from dsflow.placeholders import PlaceholderError, Series, fill
from tests.conformance.placeholders.record import RECORDED, questions

LINES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The answers were recorded in UTC; a time's minutes are those of the zone's clock."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    os.environ.get("TZ")
    time.tzset()


def test_all_that_is_asked_is_recorded() -> None:
    keys = ("text", "now", "values", "written", "outs")
    asked = [{key: question.get(key) for key in keys} for question in questions()]
    assert asked == [{key: line.get(key) for key in keys} for line in LINES]


def _filled(line: dict[str, Any], series: Series) -> str | None:
    now = datetime.strptime(line["now"], "%Y%m%d%H%M%S")
    try:
        return fill(line["text"], {"system.datetime": line["now"], **line["values"]}, now, series)
    except PlaceholderError:
        return None


@pytest.mark.parametrize("series", [(3, 1), (3, 2)])
def test_texts_are_filled_as_recorded(series: Series) -> None:
    asked = [line for line in LINES if "text" in line]
    name = f"{series[0]}.{series[1]}"
    wrong = [(line["text"], line["values"], line["now"], line[name], got)
             for line in asked if (got := _filled(line, series)) != line[name]]  # fmt: skip
    assert wrong == []
    assert len(asked) > 2500


def _taken(line: dict[str, Any], series: Series) -> dict[str, str] | None:
    """What a task with these outputs hands on (the recorder's tasks have '' for all before)."""
    try:
        given = read_outputs(line["written"], series)
    except OutputError:
        return None
    if series >= (3, 2):
        return {name: given.get(name, "") for name in line["outs"]}
    return {name: given[name] for name in line["outs"] if given.get(name)}


@pytest.mark.parametrize("series", [(3, 1), (3, 2)])
def test_outputs_are_read_as_recorded(series: Series) -> None:
    asked = [line for line in LINES if "written" in line]
    name = f"{series[0]}.{series[1]}"
    wrong = []
    for line in asked:
        recorded = line[name]
        if series < (3, 2) and recorded and not any(recorded.values()):
            recorded = {}  # nothing was set: 3.1 hands on the declarations
        if (got := _taken(line, series)) != recorded:
            wrong.append((line["written"], recorded, got))
    assert wrong == []
    assert len(asked) > 700
