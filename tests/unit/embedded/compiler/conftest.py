"""A small database for queries: tables from rows, batch and request mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

import duckdb

from dsflow.embedded.compiler import (
    ROW_COLUMN,
    Column,
    TableSchema,
    compile_batch,
    compile_request,
    duckdb_type,
    register_udfs,
)
from dsflow.embedded.errors import SqlError
from dsflow.embedded.views import StoredFacts
from dsflow.openmldb.types import ColumnType


class Database:
    """Tables in a DuckDB connection; the compiler's catalog."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.tables: dict[str, TableSchema] = {}
        self.informed = False

    def create(self, name: str, columns: str, rows: list[tuple[Any, ...]] = []) -> TableSchema:  # noqa: B006
        parsed = tuple(Column(n, ColumnType.parse(t)) for n, t in (c.split() for c in columns.split(", ")))
        schema = TableSchema("db", name, parsed, f'"{name}"')
        fields = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in parsed)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {schema.relation} ({fields}, {ROW_COLUMN} BIGINT)")
        self.tables[name] = schema
        for place, row in enumerate(rows):
            self.insert(name, row, place)
        return schema

    def insert(self, name: str, row: tuple[Any, ...], place: int) -> None:
        marks = ", ".join("?" * (len(row) + 1))
        self.connection.execute(f'INSERT INTO "{name}" VALUES ({marks})', [*row, place])

    def table(self, db: str | None, name: str) -> TableSchema:
        if name not in self.tables:
            raise SqlError(f"there is no table {name}")
        schema = self.tables[name]
        return replace(schema, facts=StoredFacts(self.connection, schema.relation)) if self.informed else schema

    def batch(self, query: str, parameters: Any = (), *, online: bool = False) -> list[tuple[Any, ...]]:
        """The rows, sorted; the plan that knows nothing of the data and the one that looks at it must agree."""
        plain, informed = (
            sorted(
                self.connection.execute(self.plan(query, parameters, informed=known, online=online)).fetchall(),
                key=repr,
            )
            for known in (False, True)
        )
        assert list(map(repr, plain)) == list(map(repr, informed))
        return plain

    def plan(self, query: str, parameters: Any = (), *, informed: bool, online: bool = False) -> str:
        """DuckDB SQL of a query in batch mode; ``informed``: the compiler may look at what is known of the rows."""
        self.informed = informed
        try:
            return compile_batch(query, self, "db", parameters, online=online).sql
        finally:
            self.informed = False

    def types(self, query: str) -> list[str]:
        return [str(c.type) for c in compile_batch(query, self, "db").columns]

    def value(self, expression: str) -> Any:
        """The value of an expression over one row, computed by OpenMLDB's rules (not by Spark's)."""
        self.create("one", "id int, n int, s string", [(1, None, None)])
        return self.connection.execute(
            compile_batch(f"SELECT {expression} AS x, id + 1 AS y FROM one", self, "db").sql
        ).fetchall()[0][0]

    def request(self, query: str, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Each row as a request, stored afterwards."""
        compiled = compile_request(query, self, "db")
        answers = []
        for place, row in enumerate(rows):
            answers += self.connection.execute(compiled.sql, list(row)).fetchall()
            self.insert(compiled.request.name, row, place)
        return answers


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    connection = duckdb.connect(config={"threads": 1})
    register_udfs(connection)
    yield connection
    connection.close()


@pytest.fixture
def database(connection: Any) -> Database:
    return Database(connection)
