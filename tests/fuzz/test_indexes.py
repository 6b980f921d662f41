"""The indexes that a table is created with: those that OpenMLDB itself asks for, and no window is cut by their TTL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from hypothesis import given, note
from sqlglot import parse_one

from dsflow import OpenMLDB, Table, Workflow
from dsflow.embedded.engine import Engine
from dsflow.openmldb.bound import bind
from dsflow.openmldb.dialect import OpenMLDB as Dialect
from dsflow.openmldb.indexes import needed_indexes
from dsflow.openmldb.sdk import Compiler

from .profile import fuzz
from .queries import Example, examples
from .test_differential import COLUMNS, agree
from .test_engine import Databases, values

CATALOG = {"db": {name: list(columns.items()) for name, columns in COLUMNS.items()}}
KNOWN = {("db", name): tuple(columns) for name, columns in COLUMNS.items()}
AS_CREATED = 'OPTIONS(RANGE_BIAS="inf", SKIP_INDEX_CHECK="true")'
"""The rows are of 1970, and what a window of time keeps goes by the clock; TTLs that are there stay as they are."""


@fuzz(0.5)
@given(examples(storable=True))
def test_openmldb_asks_for_the_same(compiler: Compiler, example: Example) -> None:
    note(example.sql)
    if compiler.validate(example.sql, "db", CATALOG, "request") is not None:
        return  # nothing to deploy; what the two engines take differs in a few functions
    native = compiler.needed_indexes(example.sql, "db", CATALOG)
    ours = needed_indexes(bind(parse_one(example.sql, read=Dialect), "db", KNOWN))
    wanted = {(table, need.id): need.ttl for table, needs in native.items() for need in needs}
    given_ = {(table, need.id): need.ttl for (_, table), needs in ours.items() for need in needs}
    assert given_.keys() == wanted.keys()
    for key, ttl in wanted.items():
        assert given_[key] == ttl.normalised() or given_[key].unlimited, key


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with Engine(tmp_path_factory.mktemp("indexes")) as engine:
        yield Databases(engine)


@fuzz(0.2)
@given(examples(storable=True).map(lambda example: in_order(example)))
def test_no_window_is_cut(databases: Databases, example: Example) -> None:
    note(example.sql)
    engine, db = databases.engine, next(databases.names)
    deploy = f"DEPLOY d {AS_CREATED} {example.sql}"
    for statement in created_by(db, deploy):
        engine.execute(statement, db if statement.startswith("CREATE TABLE") else None)
    for name in COLUMNS:
        if name != "t" and example.tables[name]:
            engine.insert(db, name, values(example, name))
    made = {name: engine.table(db, name) for name in COLUMNS}
    engine.execute(deploy, db)
    for name, table in made.items():
        added = engine.table(db, name).indexes[len(table.indexes) :]
        assert not added, f"DEPLOY made {added} of {name}"
    agree("online", example.online(), databases.requests(example, db), example)
    databases.drop(db)


def created_by(db: str, deploy: str) -> list[str]:
    """The statements that make the database and its tables in a workflow that deploys."""
    with Workflow("w", project="p") as wf:
        tasks = [Table(name, dict(columns), database=db).create() for name, columns in COLUMNS.items()]
        OpenMLDB("deploy", [f"USE {db}", deploy], "online")
    statements = [statement for task in tasks for statement in task.statements if not statement.startswith("USE")]
    assert wf.tasks
    return list(dict.fromkeys(statements))


def in_order(example: Example) -> Example:
    """The requests come in the order of their times, after all rows that are stored already.

    A TTL of the newest rows is enough for a request of now, not for one of the past.
    """
    tables = dict(example.tables)
    for column in ("ts", "sq"):
        last = max((row[column] or 0 for name in ("u", "v") for row in tables[name]), default=0)
        first = min((row[column] or 0 for row in tables["t"]), default=0)
        moved: list[dict[str, Any]] = [{**row, column: (row[column] or 0) - min(first, 0)} for row in tables["t"]]
        ordered = sorted(row[column] for row in moved)
        tables["t"] = [{**row, column: last + 1 + time} for row, time in zip(moved, ordered, strict=True)]
    return replace(example, tables=tables)
