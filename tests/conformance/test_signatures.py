"""Every function with every type of argument: the embedded engine against OpenMLDB's own compiler.

Both are asked for the type of the result. The embedded engine may refuse a call by name; what it takes OpenMLDB takes
too, with the same type, and what it calls wrong OpenMLDB refuses. OpenMLDB is asked about a sample of the calls, with
``DSFLOW_FUZZ=long`` about each of them.
"""

from __future__ import annotations

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from dsflow.embedded.compiler import Column, TableSchema, compile_batch
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.sdk import Compiler, CompilerError
from dsflow.openmldb.types import ColumnType
from tests.conformance import signatures
from tests.fuzz.profile import CHOICE
from tests.parallel import Report

TABLE = {"id": "int", "k": "string", "o": "timestamp", **signatures.COLUMNS}
WINDOW = " WINDOW w AS (PARTITION BY k ORDER BY o ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)"
BATCH = 40
# of how many calls OpenMLDB is asked about one: of those that are answered here, and of those that are wrong
ANSWERED, WRONG = (1, 1) if CHOICE == "long" else (7, 101)


class _Catalog:
    def table(self, db: str | None, name: str) -> TableSchema:
        columns = tuple(Column(column, ColumnType.parse(type_)) for column, type_ in TABLE.items())
        return TableSchema("db", name, columns, '"t"')


def _query(calls: list[str], aggregate: bool) -> str:
    over, window = (" OVER w", WINDOW) if aggregate else ("", "")
    # the column beside them keeps the offline engine's own casts out of it
    items = ", ".join(f"{call}{over} AS c{n}" for n, call in enumerate(calls))
    return f"SELECT id + 1 AS id, {items} FROM t{window}"


def _openmldb(compiler: Compiler, calls: list[str], aggregate: bool) -> list[str | None]:
    """The types that OpenMLDB gives; None for a call that it refuses."""
    try:
        found = compiler.output_schema(_query(calls, aggregate), "db", {"db": {"t": list(TABLE.items())}})
    except CompilerError:
        # some calls that are wrong end its process
        found = None
    if found is not None:
        return [type_ for _, type_ in found[1:]]
    if len(calls) == 1:
        return [None]
    half = len(calls) // 2
    return _openmldb(compiler, calls[:half], aggregate) + _openmldb(compiler, calls[half:], aggregate)


@pytest.mark.parametrize("aggregate", [False, True], ids=["scalars", "aggregates"])
def test_types(compiler: Compiler, report: Report, aggregate: bool) -> None:
    calls = list(signatures.aggregates() if aggregate else signatures.scalars())
    taken: dict[str, str] = {}
    wrong: list[str] = []
    refused = 0
    for call in calls:
        try:
            taken[call] = str(compile_batch(_query([call], aggregate), _Catalog(), "db").columns[1].type)
        except UnsupportedError:
            refused += 1
        except SqlError:
            wrong.append(call)
    differ = []
    answered = list(taken)[::ANSWERED]
    for start in range(0, len(answered), BATCH):
        part = answered[start : start + BATCH]
        for call, type_ in zip(part, _openmldb(compiler, part, aggregate), strict=True):
            if type_ != taken[call]:
                differ.append(f"{call}: {type_ or 'refused'} by OpenMLDB, {taken[call]} here")
    asked = wrong[::WRONG]
    for call in asked:
        (known,) = _openmldb(compiler, [call], aggregate)
        if known is not None:
            differ.append(f"{call}: {known} by OpenMLDB, called wrong here")
    what = "aggregates" if aggregate else "functions and operators"
    counts = f"{len(taken)} answered, {refused} refused by name, {len(wrong)} that are no calls of OpenMLDB's"
    report("calls with every type", [f"{what}: {counts}; OpenMLDB asked about {len(answered) + len(asked)}"])
    assert not differ, "\n".join(differ[:40])
    assert len(taken) > len(calls) / 10
