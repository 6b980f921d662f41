"""What OpenMLDB's compiler takes is taken here, and nothing else: generated queries, valid and nearly valid.

The answers of OpenMLDB are recorded; where its compiler is installed, it is asked about others as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from dsflow.embedded.compiler import compile_batch, compile_request
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.queryerrors import named_errors
from dsflow.openmldb.sdk import Compiler, CompilerError
from tests.conformance import harness
from tests.parallel import Report

from .acceptance import TABLES, Question, questions
from .profile import CHOICE, COUNT
from .record_acceptance import OK, recorded, validated

MODES = ("batch", "online", "request")
SHARE = 0.98
"""So much of what OpenMLDB takes is taken here."""

# OpenMLDB's compiler takes these, and its engine then fails on each of them: they are told before
NOT_RUN = (
    "ORDER BY of an online query",
    "a window ordered DESC",
    "an aggregate over a whole table does not run offline",
    "WHERE on the request row",
    "a deployment's query needs a table",
)
# a column of a joined subquery that OpenMLDB loses while it plans several windows over the join
LOST = ("Fail to find column id", "Column Not found")


class Tables(harness.Database):
    """The tables of the generator with a few rows."""

    def __init__(self) -> None:
        tables = [{"name": n, "columns": [*map(list, c.items())]} for n, c in TABLES.items()]
        super().__init__(harness.connect(), {"tables": tables})
        for schema, table in zip(list(self.tables.values()), TABLES.values(), strict=True):
            self.insert(schema, [row_of(table, place) for place in range(4)])

    def outcome(self, sql: str, mode: str) -> str:
        """``ok``, or why a query is refused."""
        try:
            if mode == "request":
                request = compile_request(sql, self, "db")
                values = row_of(TABLES[request.request.name], 5)
                parameters = harness.to_duckdb(values, request.request.columns)
                self.run(request.sql, parameters)
            else:
                self.run(compile_batch(sql, self, "db", online=mode == "online").sql, [])
        except SqlError as error:
            return str(error)
        return OK

    def run(self, sql: str, parameters: list[Any]) -> None:
        try:
            with named_errors():
                self.connection.execute(sql, parameters).fetchall()
        except UnsupportedError:
            raise
        except SqlError:
            pass  # certain values are refused


def row_of(columns: Mapping[str, str], place: int) -> list[Any]:
    """A row of plain values, every seventh of them NULL."""
    values: dict[str, Any] = {
        "int": place, "bigint": place + 1, "smallint": place % 3, "float": 1.5 * place, "double": 2.25 * place,
        "string": ["a", "b", ""][place % 3], "timestamp": 1_600_000_000_000 + 1000 * place,
        "date": f"2020-01-0{1 + place % 3}", "bool": place % 2 == 0,
    }  # fmt: skip
    return [values[type_] if (place + n) % 7 else None for n, type_ in enumerate(columns.values())]


def compare(asked: Iterable[tuple[Question, Mapping[str, str]]], mode: str, report: Report) -> None:
    tables = Tables()
    counts: dict[str, Counter[str]] = {}
    answered, refused = [], []
    for question, verdicts in asked:
        real = verdicts["request" if mode == "request" else "batch"]
        given = tables.outcome(question.sql, mode)
        count = counts.setdefault(question.kind, Counter())
        if given == OK and real != OK:
            count["answered though refused"] += 1
            if not real.startswith(LOST):
                answered.append(f"{real}: {question.sql}")
        elif given != OK and real == OK:
            if any(reason in given for reason in NOT_RUN):
                count["no engine of OpenMLDB's runs it"] += 1
                continue
            count["refused though answered"] += 1
            refused.append(f"{given}: {question.sql}")
        else:
            count["both answer" if given == OK else "both refuse"] += 1
    report(f"queries that compile, {mode}", [f"{kind}: {dict(count)}" for kind, count in counts.items()])
    assert not answered, "\n".join(answered)
    taken = sum(count["both answer"] for count in counts.values())
    assert taken >= SHARE * (taken + len(refused)), "\n".join(refused)


@pytest.mark.parametrize("mode", MODES)
def test_recorded_queries(mode: str, report: Report) -> None:
    compare(recorded(), mode, report)


@pytest.mark.parametrize("mode", MODES)
def test_other_queries(compiler: Compiler, mode: str, report: Report) -> None:
    """Others than the recorded ones; a request's are compiled without the indexes that a cluster has made."""
    native = "request" if mode == "request" else "batch"
    asked = []
    for question in questions(7, max(COUNT // 12, 1) if CHOICE != "long" else 100):
        try:
            verdict = validated(compiler, question.sql, native)
        except CompilerError:
            continue  # it ends OpenMLDB's process
        asked.append((question, {native: verdict}))
    if mode == "request":
        # what only a cluster refuses is refused here, too: nothing is said of that
        tables = Tables()
        wrong = [q.sql for q, v in asked if v[native] != OK and tables.outcome(q.sql, mode) == OK]
        assert not wrong, "\n".join(wrong)
        return
    compare(asked, mode, report)
