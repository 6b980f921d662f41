"""Random feature queries through the whole embedded OpenMLDB: statements, offline jobs, deployments, TTLs."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from hypothesis import given, note
from hypothesis import strategies as st

from dsflow.embedded.engine import Engine

from .profile import fuzz
from .queries import MAIN, Example, examples
from .test_differential import COLUMNS, agree, refusals

FOR_EVER = 'OPTIONS(RANGE_BIAS="inf", ROWS_BIAS="inf")'
AS_DECLARED = 'OPTIONS(RANGE_BIAS="inf", ROWS_BIAS="inf", SKIP_INDEX_CHECK="true")'
"""Indexes that are there stay as they are, and new ones keep everything."""


class Databases:
    """A running engine that gives each example a database of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.names = (f"db{n}" for n in itertools.count())

    def make(self, example: Example, index: str = "") -> str:
        """A database with an example's tables, those that are not ``t`` filled online.

        Args:
            example: the tables.
            index: the index of each table, by key and time.
        """
        db = next(self.names)
        self.engine.execute(f"CREATE DATABASE {db}")
        for name, columns in COLUMNS.items():
            parts = [f"{column} {type_}" for column, type_ in columns.items()]
            if index:
                parts.append(index.format("rk", "rts") if name == "r" else index.format("k", "ts"))
            self.engine.execute(f"CREATE TABLE {name} ({', '.join(parts)})", db)
            if name != "t" and example.tables[name]:
                self.engine.insert(db, name, values(example, name))
        return db

    def requests(self, example: Example, db: str) -> list[tuple[Any, ...]]:
        """Each row of ``t`` as a request to the deployment ``d``, stored afterwards."""
        answers = []
        for row in values(example, "t"):
            answers += self.engine.request(db, "d", [row])
            self.engine.insert(db, "t", [row])
        return answers

    def batch(self, example: Example, db: str) -> list[tuple[Any, ...]]:
        for name, columns in COLUMNS.items():
            if example.tables[name]:
                rows = ", ".join(f"({', '.join(map(literal, row))})" for row in values(example, name))
                text = f"INSERT INTO {name} ({', '.join(columns)}) VALUES {rows}"
                job = self.engine.execute(text, db, mode="offline").job
                assert job is not None
                assert job.state == "FINISHED", job.error
        return sorted(self.engine.execute(example.sql, db, mode="offline").rows, key=lambda row: row[0])

    def drop(self, db: str) -> None:
        if self.engine.execute("SHOW DEPLOYMENTS", db).rows:  # none where the query was refused
            self.engine.execute("DROP DEPLOYMENT d", db)
        for name in COLUMNS:
            self.engine.execute(f"DROP TABLE {name}", db)
        self.engine.execute(f"DROP DATABASE {db}")


def values(example: Example, table: str) -> list[list[Any]]:
    return [[row[column] for column in COLUMNS[table]] for row in example.tables[table]]


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str | dt.date) else str(value)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with Engine(tmp_path_factory.mktemp("fuzz")) as engine:
        yield Databases(engine)


@fuzz(0.1)
@given(examples(storable=True))
def test_jobs_and_deployments_give_what_the_rules_say(databases: Databases, example: Example) -> None:
    note(example.sql)
    db = databases.make(example)
    with refusals(example):
        databases.engine.execute(f"DEPLOY d {FOR_EVER} {example.sql}", db)
        agree("online", example.online(), databases.requests(example, db), example)
        if not example.online_only:
            agree("offline", example.offline(), databases.batch(example, db), example)
    databases.drop(db)


@fuzz(1)
@given(examples(storable=True, one_index=True), st.integers(1, 4))
def test_requests_see_what_a_ttl_has_left(databases: Databases, example: Example, count: int) -> None:
    note(f"latest {count}: {example.sql}")
    db = databases.make(example, f"INDEX(KEY={{}}, TS={{}}, TTL={count}, TTL_TYPE=latest)")
    with refusals(example):
        databases.engine.execute(f"DEPLOY d {AS_DECLARED} {example.sql}", db)
        agree(f"online, latest {count}", example.online(count), databases.requests(example, db), example)
    databases.drop(db)


def test_the_columns_have_all_types() -> None:
    assert set(MAIN.values()) == {
        "bool", "smallint", "int", "bigint", "float", "double", "string", "date", "timestamp",
    }  # fmt: skip
