"""Request mode against the answers of OpenMLDB's own runners: random queries, and minimised differences.

The data are found through DSFLOW_TEST_OPENMLDB. The compiler may refuse a query by name; it may not answer one wrong,
nor one that OpenMLDB refuses.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from dsflow.embedded.errors import SqlError, UnsupportedError
from tests.conformance import harness, requests
from tests.parallel import Report

FOLDER = os.environ.get("DSFLOW_TEST_OPENMLDB")
pytestmark = pytest.mark.skipif(
    not FOLDER,
    reason="set DSFLOW_TEST_OPENMLDB to the folder of the conformance data (request_cases.jsonl) to run these",
)

# what has been reached stays reached: so many of the 1,179 cases are equal
EQUAL = 1174
# a name that OpenMLDB finds ambiguous through the columns of a joined subquery; one of the cases
NOT_REFUSED = 1
UNDEFINED = "real engine's bug"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("informed", [False, True], ids=["any data", "known data"])
def test_random_queries(informed: bool, report: Report) -> None:
    connection = harness.connect()
    total: Counter[str] = Counter()
    wrong = []
    for case in requests.load(Path(str(FOLDER)) / "request_cases.jsonl"):
        kind, text = requests.outcome(connection, case, informed=informed)
        total[kind] += 1
        if kind == "different":
            wrong.append(f"{case['id']}: {text}")
    report("random request-mode queries", [f"{'known' if informed else 'any'} data: {dict(total)}"])
    assert not wrong, "\n".join(wrong[:20])
    assert total["answered"] <= NOT_REFUSED
    assert total["equal"] >= EQUAL


def differences() -> list[requests.Case]:
    return list(requests.load(Path(FOLDER) / "differences.jsonl")) if FOLDER else []


@pytest.mark.parametrize("case", [pytest.param(case, id=case["note"]) for case in differences()])
def test_minimised_differences(case: requests.Case) -> None:
    """Each is as in the real cluster, or refused by name where the real engine's answer is undefined."""
    connection = harness.connect()
    real: Any = case["real_cluster"] if case["real_cluster"] is not None else case["real_standalone"]
    if isinstance(real, str):
        with pytest.raises(SqlError, match=real.removeprefix("refused: ")[:20]):
            requests.difference(connection, case)
    elif case["kind"] == UNDEFINED:
        with pytest.raises(UnsupportedError):
            requests.difference(connection, case)
    elif "out of range" in case["note"]:
        with pytest.raises(SqlError, match="not supported"):
            requests.difference(connection, case)
    else:
        columns, rows = requests.difference(connection, case)
        assert len(rows) == len(real)
        for wanted, given in zip(real, rows, strict=True):
            pairs = zip(wanted, given, columns, strict=True)
            assert all(requests.same(a, b, kind) for a, b, (_, kind) in pairs), (given, wanted)
