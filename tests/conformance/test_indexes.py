"""The indexes read off the queries of OpenMLDB's own cases, against OpenMLDB's compiler and the embedded engine."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from sqlglot import exp, parse_one

from dsflow.embedded.compiler import compile_request
from dsflow.embedded.errors import SqlError
from dsflow.openmldb.bound import bind
from dsflow.openmldb.dialect import OpenMLDB
from dsflow.openmldb.indexes import IndexNeed, TableKey, needed_indexes
from dsflow.openmldb.sdk import Compiler
from tests.conformance import harness

FOLDER = os.environ.get("DSFLOW_TEST_OPENMLDB")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="set DSFLOW_TEST_OPENMLDB to the folder of the conformance data (cases.jsonl) to run these"
)

COMPARED = 738
"""The different queries among the cases that OpenMLDB can deploy."""


@pytest.fixture(scope="module")
def cases() -> list[harness.Case]:
    assert FOLDER is not None
    return [case for case in harness.load_cases(Path(FOLDER)) if case.get("request_compiles") and case["tables"]]


def db_of(case: harness.Case) -> str:
    return case.get("db") or "db"


def read(case: harness.Case) -> dict[TableKey, list[IndexNeed]]:
    columns = {(t.get("db") or db_of(case), t["name"]): [name for name, _ in t["columns"]] for t in case["tables"]}
    return needed_indexes(bind(parse_one(case["sql"].strip().rstrip(";"), read=OpenMLDB), db_of(case), columns))


def test_openmldb_asks_for_the_same(cases: list[harness.Case], compiler: Compiler) -> None:
    """The same indexes; each TTL is OpenMLDB's, or keeps everything where OpenMLDB's would cut (see the module)."""
    counts: Counter[str] = Counter()
    asked = set()
    for case in cases:
        db = db_of(case)
        catalog = {db: {t["name"]: t["columns"] for t in case["tables"] if (t.get("db") or db) == db}}
        if not catalog[db] or (question := repr((case["sql"], catalog))) in asked:
            continue
        asked.add(question)
        counts["compared"] += 1
        native = compiler.needed_indexes(case["sql"].strip().rstrip(";"), db, catalog)
        wanted = {(name, need.id): need.ttl for name, needs in native.items() for need in needs}
        given = {(name, need.id): need.ttl for (_, name), needs in read(case).items() for need in needs}
        assert given.keys() == wanted.keys(), case["id"]
        for key, ttl in wanted.items():
            longer = given[key] != ttl.normalised()
            assert given[key].unlimited or not longer, (case["id"], key)
            counts["longer" if longer else "equal"] += 1
    assert counts["compared"] >= COMPARED
    assert counts["longer"] < 0.1 * counts["equal"]


def test_the_embedded_engine_reads_through_no_other(cases: list[harness.Case]) -> None:
    """What a deployment looks up there, it finds by an index of these."""
    connection = harness.connect()
    compiled_cases = 0
    for case in cases:
        database = harness.Database(connection, case)
        try:
            compiled = compile_request(case["sql"].strip().rstrip(";"), database, database.default)
        except SqlError:
            continue
        compiled_cases += 1
        given = {(*table, need.id) for table, needs in read(case).items() for need in needs}
        for table, need in compiled.needs:
            assert (*table, need.id) in given, case["id"]
    connection.close()
    assert compiled_cases >= 700


def test_there_are_queries_of_every_shape(cases: list[harness.Case]) -> None:
    trees = [parse_one(case["sql"].strip().rstrip(";"), read=OpenMLDB) for case in cases]
    for kind in (exp.Join, exp.Subquery, exp.CTE, exp.Union, exp.Where):
        assert any(tree.find(kind) for tree in trees), kind
