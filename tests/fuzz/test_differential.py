"""Random feature queries over random rows: the compiler offline and online, and a plain reading of the rules, agree."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

import duckdb
from hypothesis import event, given, note

from dsflow.embedded import packedrows
from dsflow.embedded.compiler import (
    ROW_COLUMN,
    Column,
    CompiledQuery,
    TableSchema,
    compile_batch,
    compile_request,
    duckdb_type,
    find_udfs,
    register_udfs,
)
from dsflow.embedded.errors import SqlError
from dsflow.embedded.views import StoredFacts
from dsflow.openmldb.types import ColumnType

from .profile import fuzz
from .queries import MAIN, RIGHT, UNIONS, Example, Groups, examples, groups, projections

COLUMNS = {"t": MAIN, "r": RIGHT, **dict.fromkeys(UNIONS, MAIN)}


class JobLike:
    """What extracts need of a job."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    @contextlib.contextmanager
    def beside(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.connection.cursor() as connection:
            find_udfs(connection)
            yield connection

    def check(self) -> None:
        """Nobody stops it."""

    def done(self, count: int, unit: str) -> None:
        """Nobody asks."""


class Tables:
    """The tables of an example in DuckDB; the compiler's catalog."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.schemas: dict[str, TableSchema] = {}
        self.informed = False
        for name, columns in COLUMNS.items():
            parsed = tuple(Column(c, ColumnType.parse(t)) for c, t in columns.items())
            fields = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in parsed)
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" ({fields}, {ROW_COLUMN} BIGINT)')
            self.schemas[name] = TableSchema("db", name, parsed, f'"{name}"')

    def table(self, db: str | None, name: str) -> TableSchema:
        if name not in self.schemas:
            raise SqlError(f"there is no table {name}")
        schema = self.schemas[name]
        return replace(schema, facts=StoredFacts(self.connection, schema.relation)) if self.informed else schema

    def fill(self, example: Example, *names: str) -> None:
        """Make the tables hold an example's rows, those that are not named none."""
        for name in COLUMNS:
            self.connection.execute(f'DELETE FROM "{name}"')
        for name in names:
            for place, row in enumerate(example.tables[name]):
                self.insert(name, row, place)

    def insert(self, name: str, row: dict[str, Any], place: int) -> None:
        marks = ", ".join("?" * (len(row) + 1))
        self.connection.execute(f'INSERT INTO "{name}" VALUES ({marks})', [*(row[c] for c in COLUMNS[name]), place])

    def batch(self, example: Example) -> list[tuple[Any, ...]]:
        """The rows, sorted; the plan that knows nothing of the data and the one that looks at it must agree."""
        self.fill(example, *COLUMNS)
        plain = self.batch_by(compile_batch(example.sql, self, "db"), example)
        self.informed = True
        try:
            compiled = compile_batch(example.sql, self, "db", packed=True)
        finally:
            self.informed = False
        agree("a plan that looks at the data", plain, self.batch_by(compiled, example), example)
        if compiled.packed is not None:
            agree("windows outside of DuckDB", plain, self.packed(compiled), example)
        return plain

    def packed(self, compiled: CompiledQuery) -> list[tuple[Any, ...]]:
        """The rows, sorted, with the windows that are not computed by DuckDB."""
        with packedrows.source(JobLike(self.connection), compiled) as (connection, sql):  # type: ignore[arg-type]
            event("packed" if connection is not self.connection else "not packed: no key in common")
            return sorted(connection.execute(sql).fetchall(), key=lambda row: row[0])

    def batch_by(self, compiled: CompiledQuery, example: Example) -> list[tuple[Any, ...]]:
        self.check_types(example, compiled.columns)
        return sorted(self.connection.execute(compiled.sql).fetchall(), key=lambda row: row[0])

    def request(self, example: Example) -> list[tuple[Any, ...]]:
        self.fill(example, "r", *UNIONS)
        compiled = compile_request(example.sql, self, "db")
        self.check_types(example, compiled.columns)
        statement = self.connection.extract_statements(compiled.sql)[0]
        answers = []
        for place, row in enumerate(example.tables["t"]):
            values = [row[c] for c in MAIN]
            found = self.connection.execute(statement, values).fetchall()
            assert len(found) == 1, f"a request gave {len(found)} rows"
            answers += found
            self.insert("t", row, place)
        return answers

    def check_types(self, example: Example, columns: tuple[Column, ...]) -> None:
        assert [str(c.type) for c in columns] == [cell.type for cell in example.cells]


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    connection = duckdb.connect(config={"threads": 1})
    register_udfs(connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packedrows, "FEWEST_ROWS", 1)
        patch.setattr(packedrows, "CHUNK_ROWS", 3)
        yield Tables(connection)
    connection.close()


@contextlib.contextmanager
def refusals(example: Example) -> Iterator[None]:
    """Let pass what the engine refuses by name."""
    try:
        yield
    except (SqlError, duckdb.Error) as error:
        if not example.may_refuse(str(error)):
            raise
        event("refused by name")


def same(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, float) and isinstance(given, float):
        if math.isnan(wanted) or math.isnan(given):
            return math.isnan(wanted) and math.isnan(given)
        return math.isclose(wanted, given, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(wanted, dt.date) or wanted is None or given is None:
        return bool(wanted == given)
    return type(wanted) is type(given) and bool(wanted == given)


def agree(what: str, wanted: list[tuple[Any, ...]], given: list[tuple[Any, ...]], example: Example) -> None:
    assert len(wanted) == len(given), f"{what}: wanted {len(wanted)} rows, got {len(given)}\n{example.sql}"
    for wanted_row, given_row in zip(wanted, given, strict=True):
        for cell, a, b in zip(example.cells, wanted_row, given_row, strict=True):
            assert same(a, b), (
                f"{what}: row {wanted_row[0]}: wanted {a!r}, got {b!r}\n  {cell.sql}\n"
                f"  {example.window_sql.get(cell.window or '', '')}\n  {example.sql}"
            )


@fuzz()
@given(examples())
def test_offline_online_and_the_rules_agree(tables: Tables, example: Example) -> None:
    note(example.sql)
    if example.has_time_before_1970 and example.has_several_orders:
        event("not determined: several orders and a time before 1970")
        return
    with refusals(example):
        check(tables, example)


def check(tables: Tables, example: Example) -> None:
    given = []
    if example.online_only:
        event(f"not determined: {example.online_only}")
    else:
        given = tables.batch(example)
        agree("offline", example.offline(), given, example)
    if example.where is not None:
        with pytest.raises(SqlError, match=r"WHERE on the request row|window on WHERE"):
            compile_request(example.sql, tables, "db")
        return
    if example.join is not None and example.join.left:
        with pytest.raises(SqlError, match="unsupport non-row output type"):
            compile_request(example.sql, tables, "db")
        return
    if example.has_time_before_1970 or example.gathered_at_once:
        event("no online: a time before 1970, or windows that are gathered at once")
        return
    answers = tables.request(example)
    agree("online", example.online(), answers, example)
    if example.in_order:
        event("offline and online must be the same")
        agree("offline and online", given, answers, example)


@fuzz(0.25)
@given(projections())
def test_expressions_agree(tables: Tables, example: Example) -> None:
    note(example.sql)
    agree("offline", example.offline(), tables.batch(example), example)
    with refusals(example):
        agree("online", example.online(), tables.request(example), example)


@fuzz(0.25)
@given(groups())
def test_groups_agree(tables: Tables, grouped: Groups) -> None:
    note(grouped.sql)
    tables.connection.execute('DELETE FROM "t"')
    for place, row in enumerate(grouped.rows):
        tables.insert("t", row, place)
    compiled = compile_batch(grouped.sql, tables, "db")
    assert [str(column.type) for column in compiled.columns] == grouped.types
    given = tables.connection.execute(compiled.sql).fetchall()
    assert len(given) == len(grouped.answers)
    for wanted in grouped.answers:
        assert any(all(map(same, wanted, row)) for row in given), f"{wanted} is not in {given}\n{grouped.sql}"
    with pytest.raises(SqlError, match="GROUP BY"):
        compile_request(grouped.sql, tables, "db")
