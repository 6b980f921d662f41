"""The compiler against OpenMLDB's own cases and its real engine's answers.

The data are found through DSFLOW_TEST_OPENMLDB. The compiler may refuse a case by name; it may not answer one wrong.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from tests.conformance import harness
from tests.conformance.families import table
from tests.parallel import Report

FOLDER = os.environ.get("DSFLOW_TEST_OPENMLDB")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="set DSFLOW_TEST_OPENMLDB to the folder of the conformance data (cases.jsonl) to run these"
)

# the cases that must be answered, of those that say what the answer is: what has been reached stays reached
ANSWERED = {"batch": 1624, "request": 1470}


@pytest.fixture(scope="module")
def cases() -> list[harness.Case]:
    assert FOLDER is not None
    return harness.load_cases(Path(FOLDER))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mode", "run"), [("batch", harness.run_batch), ("request", harness.run_request)])
def test_cases(cases: list[harness.Case], mode: str, run: Any, report: Report) -> None:
    outcomes = list(harness.iterate(cases, run))
    report(f"OpenMLDB's own cases in {mode} mode", table(outcomes))
    wrong = [f"{case['id']}: {outcome.text}" for case, outcome in outcomes if outcome.kind == "wrong"]
    assert not wrong, "\n".join(wrong[:20])
    assert sum(outcome.kind == "answered" for _, outcome in outcomes) >= ANSWERED[mode]


def test_the_cases_that_must_fail_do(cases: list[harness.Case]) -> None:
    """Told apart from the others: each such case is refused, in the mode that it is about."""
    for run in (harness.run_batch, harness.run_request):
        failing = [o for _, o in harness.iterate([c for c in cases if not c["expect"]["success"]], run) if o.must_fail]
        assert failing
        assert {o.kind for o in failing} == {"answered"}


@pytest.fixture(scope="module")
def clicks_query() -> str:
    assert FOLDER is not None
    return (Path(FOLDER) / "talkingdata" / "query.sql").read_text(encoding="utf-8")


def test_demo(clicks_query: str) -> None:
    """The demo's query gives exactly what the real engine gave."""
    given, wanted = harness.demo(Path(str(FOLDER)), clicks_query, "train_sample.csv", "expected.csv")
    assert given == wanted


@pytest.mark.parametrize(
    "key",
    [
        ("ip", "click_time", "qty"),
        ("ip", "app", "click_time", "ip_app_count"),
        ("ip", "app", "os", "click_time", "ip_app_os_count"),
    ],
)
def test_demo_with_ties(clicks_query: str, key: tuple[str, ...]) -> None:
    """Of rows with the same key and time the first has the lowest count, whichever is the first."""
    query = clicks_query.replace("select is_attributed", "select ip, click_time, is_attributed", 1)
    given, wanted = harness.demo(Path(str(FOLDER)), query, "ties_sample.csv", "ties_expected_by_key.csv", key)
    assert given == wanted
