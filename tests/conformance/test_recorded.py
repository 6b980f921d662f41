"""Functions, operators and aggregates at the extremes of their types: what OpenMLDB 0.9.2's compiled code gave.

They are in ``recorder/recorded.jsonl``; ``recorder/record.py`` says how they came there. The embedded engine may refuse
an expression, or a row whose value would not be certain; it may not answer one wrong.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

import duckdb

from dsflow.embedded.compiler import ROW_COLUMN, Column, TableSchema, compile_batch, duckdb_type, register_udfs
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType
from tests.conformance.recorder.expressions import ROWS, SCHEMA
from tests.conformance.recorder.record import RECORDED, query
from tests.parallel import Report

SCHEMA_OF_T = TableSchema("db", "t", tuple(Column(n, ColumnType.parse(t)) for n, t in SCHEMA.items()), '"t"')
# values that are not answered, of those recorded: what has been reached stays reached
REFUSED = 20


class _Catalog:
    def table(self, db: str | None, name: str) -> TableSchema:
        return SCHEMA_OF_T


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    connection = duckdb.connect(config={"threads": 1})
    register_udfs(connection)
    fields = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in SCHEMA_OF_T.columns)
    connection.execute(f'CREATE TABLE "t" ({fields}, {ROW_COLUMN} BIGINT)')
    for place, row in enumerate(ROWS):
        marks = ", ".join("?" * (len(row) + 1))
        connection.execute(f'INSERT INTO "t" VALUES ({marks})', [*row, place])
    yield connection
    connection.close()


def _values(connection: Any, sql: str, aggregate: bool) -> list[Any]:
    """A value for each row; the error for one that is refused."""
    try:
        return [row[1] for row in sorted(connection.execute(sql).fetchall(), key=lambda row: (row[0] is None, row[0]))]
    except duckdb.Error as error:
        if aggregate:
            return [error] * len(ROWS)
    found: list[Any] = []
    for row in ROWS:
        try:
            one = sql.replace('"t"', f'(SELECT * FROM "t" WHERE id = {row[0]})')
            found.append(connection.execute(one).fetchall()[0][1])
        except duckdb.Error as error:
            found.append(error)
    return found


def _same(wanted: Any, given: Any, type_: str) -> bool:
    if wanted is None or given is None:
        return wanted is given
    if type_ in ("float", "double"):
        wanted = float(wanted)
        # a float function may be computed in double and rounded, which differs in the last digit
        near = math.isclose(wanted, given, rel_tol=1e-6 if type_ == "float" else 1e-12, abs_tol=1e-15)
        return near or (math.isnan(wanted) and math.isnan(given))
    if isinstance(given, dt.date):
        return bool(wanted == given.isoformat())
    return type(wanted) is type(given) and bool(wanted == given)


def test_recorded(connection: Any, report: Report) -> None:
    wrong, refused, answered, by_name = [], 0, 0, 0
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        recorded = json.loads(line)
        expression, type_ = recorded["expression"], recorded["type"]
        try:
            compiled = compile_batch(query(expression, recorded["aggregate"]), _Catalog(), "db")
        except UnsupportedError:
            by_name += 1
            continue
        except SqlError as error:
            if type_ is not None:
                wrong.append(f"{expression}: {type_} by OpenMLDB, here {error}")
            continue
        if str(compiled.columns[1].type) != type_:
            wrong.append(f"{expression}: {type_ or 'refused'} by OpenMLDB, {compiled.columns[1].type} here")
            continue
        given = _values(connection, compiled.sql, recorded["aggregate"])
        for row, expected, found in zip(ROWS, recorded["values"], given, strict=True):
            if isinstance(found, duckdb.Error):
                refused += 1
            elif _same(expected, found, type_):
                answered += 1
            else:
                wrong.append(f"{expression}, row {row[0]}: {expected!r} by OpenMLDB, {found!r} here")
    report("values of OpenMLDB's compiled code", [f"{answered} answered, {refused} refused, {by_name} calls by name"])
    assert not wrong, "\n".join(wrong[:60])
    assert refused <= REFUSED
    assert by_name == 0
