"""The compiler against OpenMLDB's own cases and its real engine's answers.

The data are found through DSFLOW_TEST_OPENMLDB. The compiler may refuse a case by name; it may not answer one wrong.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from tests.conformance import harness

FOLDER = os.environ.get("DSFLOW_TEST_OPENMLDB")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="set DSFLOW_TEST_OPENMLDB to the folder of the conformance data (cases.jsonl) to run these"
)

# the cases that must be answered, of those that say what the answer is: what has been reached stays reached
ANSWERED = {"batch": 1618, "request": 1462}


@pytest.fixture(scope="module")
def cases() -> list[harness.Case]:
    assert FOLDER is not None
    return harness.load_cases(Path(FOLDER))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mode", "run"), [("batch", harness.run_batch), ("request", harness.run_request)])
def test_cases(cases: list[harness.Case], mode: str, run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    families: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: list[str] = []
    for case, outcome in harness.iterate(cases, run):
        families[harness.family(case)][outcome.kind] += 1
        if outcome.kind == "wrong":
            wrong.append(f"{case['id']}: {outcome.text}")
    total: Counter[str] = sum(families.values(), Counter())
    with capsys.disabled():
        print(f"\n{mode}: {summary(total)}")
        for name, counts in sorted(families.items()):
            if counts["refused"] or counts["wrong"]:
                print(f"  {name}: {summary(counts)}")
    assert not wrong, "\n".join(wrong[:20])
    assert total["answered"] >= ANSWERED[mode]


def summary(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("answered", "refused", "wrong", "unchecked"))


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
