"""Runs OpenMLDB's conformance cases on the compiler, with nothing but a DuckDB connection behind it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.embedded.views import StoredFacts
from dsflow.openmldb.types import ColumnType

Case = dict[str, Any]
Row = tuple[Any, ...]


def load_cases(folder: Path) -> list[Case]:
    with (folder / "cases.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class Expectation:
    """What a case should give: ``success`` None means that either way is right."""

    success: bool | None
    columns: list[tuple[str, ColumnType]] | None
    rows: list[list[Any]] | None
    count: int | None
    order: str | None


@dataclass(frozen=True)
class Outcome:
    """How a case went: ``answered``, ``refused`` (by name), ``wrong`` or ``unchecked``.

    A case that must fail (``must_fail``) is ``answered`` when it does.
    """

    kind: str
    text: str = ""
    must_fail: bool = False


class Database:
    """The tables of one case in a shared DuckDB connection; also the compiler's catalog.

    ``informed``: the compiler may look at what is known of the rows.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, case: Case, *, informed: bool = False) -> None:
        self.connection = connection
        self.informed = informed
        self.tables: dict[tuple[str, str], TableSchema] = {}
        self.counts: dict[str, int] = {}
        self.default = case.get("db") or "db"
        connection.execute("DROP SCHEMA IF EXISTS c CASCADE")
        connection.execute("CREATE SCHEMA c")
        for index, table in enumerate(case["tables"]):
            columns = tuple(Column(name, ColumnType.parse(kind)) for name, kind in table["columns"])
            relation = f'c."t{index}"'
            fields = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in columns)
            connection.execute(f"CREATE TABLE {relation} ({fields}, {ROW_COLUMN} BIGINT)")
            indexes = tuple((tuple(i["keys"]), i["ts"]) for i in table.get("indexes") or [])
            schema = TableSchema(table.get("db") or self.default, table["name"], columns, relation, indexes)
            self.tables[schema.db, schema.name] = schema

    def table(self, db: str | None, name: str) -> TableSchema:
        try:
            schema = self.tables[db or self.default, name]
        except KeyError:
            raise SqlError(f"there is no table {name}") from None
        return replace(schema, facts=StoredFacts(self.connection, schema.relation)) if self.informed else schema

    def insert(self, schema: TableSchema, rows: list[list[Any]]) -> None:
        if not rows:
            return
        start = self.counts.get(schema.relation, 0)
        values = [(*to_duckdb(row, schema.columns), start + i) for i, row in enumerate(rows)]
        marks = ", ".join("?" for _ in range(len(schema.columns) + 1))
        self.connection.executemany(f"INSERT INTO {schema.relation} VALUES ({marks})", values)
        self.counts[schema.relation] = start + len(rows)


def to_duckdb(row: list[Any], columns: tuple[Column, ...]) -> list[Any]:
    return [_to_duckdb(value, column.type) for value, column in zip(row, columns, strict=True)]


def _to_duckdb(value: Any, type_: ColumnType) -> Any:
    if value is None:
        return None
    if type_ is ColumnType.DATE:
        return dt.date.fromisoformat(value)
    if type_ in (ColumnType.FLOAT, ColumnType.DOUBLE):
        return float(value)
    return value


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    register_udfs(connection)
    return connection


_SETTLED = "time 0: frame bounds below 0 are taken as 0"
"""What the cases call disputed, and both engines' own runners do."""


def batch_expectation(case: Case) -> Expectation | None:
    """What batch mode should give, by the rules of the data's README; None when the case says nothing about it."""
    if "ttl" in case["tags"]:
        return None  # rows that a TTL removes are the storage's business
    real = str(case.get("real_batch") or "")
    expect = case["expect"]
    if case.get("disputed") == _SETTLED:
        return _expectation({**expect, "success": True, "columns": case["real_columns"], "rows": case["real_rows"]})
    if case.get("disputed"):
        if not case["modes"].get("batch") or "disk table" in case["disputed"]:
            return None
        if "yaml_todo" in case["tags"] and expect.get("success") is False:
            return None  # refused for want of an index, which is not the compiler's business
        return _expectation(expect)
    if real == "pass":
        return _expectation(expect)
    if real == "differs":
        if case.get("real_rows") is None and case.get("real_columns") is None:
            return None
        return _expectation({**expect, "success": True, "columns": case.get("real_columns"), "rows": case["real_rows"]})
    if not case["modes"].get("batch"):
        return None
    wanted = _expectation(expect)
    if real.startswith("error"):
        return Expectation(None, wanted.columns, wanted.rows, wanted.count, wanted.order)
    return wanted


def request_expectation(case: Case) -> Expectation | None:
    if not case["modes"].get("request") or "ttl" in case["tags"]:
        return None
    if case.get("disputed") == _SETTLED:
        return batch_expectation(case)
    expectation = _expectation(case.get("expect_request") or case["expect"])
    if case.get("request_compiles") is None and "kAggregation" in str(case.get("real_batch")):
        # an aggregate over a whole table: online batch mode answers it, in request mode the compiler refuses it
        return replace(expectation, success=False)
    if expectation.success is False and case.get("request_compiles"):
        return None  # refused for the options of its deployment (long windows) or for want of an index
    if expectation.success and case.get("request_compiles") is False:
        return replace(expectation, success=None)  # OpenMLDB's own compiler refuses it in request mode
    return expectation


def _expectation(expect: Case) -> Expectation:
    columns = expect.get("columns")
    parsed = [(name, ColumnType.parse(kind)) for name, kind in columns] if columns is not None else None
    success = expect.get("success")
    return Expectation(success is not False, parsed, expect.get("rows"), expect.get("count"), expect.get("order"))


def run_batch(connection: duckdb.DuckDBPyConnection, case: Case) -> Outcome:
    expectation = batch_expectation(case)
    if expectation is None:
        return Outcome("unchecked")
    plain = _judged(expectation, case, lambda: _batch_rows(connection, case, informed=False))
    if plain.kind == "wrong" or "over" not in case["sql"].lower():
        return plain
    # the plan that looks at the data must be right as well; it differs for windows only
    return _judged(expectation, case, lambda: _batch_rows(connection, case, informed=True))


def run_request(connection: duckdb.DuckDBPyConnection, case: Case) -> Outcome:
    expectation = request_expectation(case)
    if expectation is None:
        return Outcome("unchecked")
    return _judged(expectation, case, lambda: _request_rows(connection, case))


def _judged(expectation: Expectation, case: Case, run: Any) -> Outcome:
    return replace(_outcome(expectation, run), must_fail=expectation.success is False)


def _outcome(expectation: Expectation, run: Any) -> Outcome:
    try:
        columns, rows, unlimited = run()
    except UnsupportedError as error:
        if expectation.success is not True:
            return Outcome("answered", f"refused: {error}")
        return Outcome("refused", str(error))
    except SqlError as error:
        if expectation.success is not True:
            return Outcome("answered", f"refused: {error}")
        return Outcome("wrong", f"refused without a name: {error}")
    except duckdb.Error as error:
        text = str(error)
        if "not supported" in text:
            return Outcome("refused", text)
        return Outcome("wrong", f"{type(error).__name__}: {text}")
    if expectation.success is False:
        return Outcome("wrong", f"should be refused, gave {rows[:3]}")
    problem = compare(expectation, columns, rows, unlimited)
    return Outcome("wrong", problem) if problem else Outcome("answered")


Result = tuple[tuple[Column, ...], list[Row], list[Row] | None]


def _parameters(case: Case) -> list[tuple[ColumnType, Any]]:
    given = case.get("parameters")
    if not given:
        return []
    types = [ColumnType.parse(kind.split()[-1] if isinstance(kind, str) else kind[-1]) for kind in given["columns"]]
    return list(zip(types, given["rows"][0], strict=True))


def _batch_rows(connection: duckdb.DuckDBPyConnection, case: Case, *, informed: bool) -> Result:
    database = Database(connection, case, informed=informed)
    for schema, table in zip(database.tables.values(), case["tables"], strict=True):
        database.insert(schema, table.get("rows") or [])
    # where the offline engine refuses or is wrong, the online engine's answer is the right one
    online = bool(case.get("disputed")) or str(case["real_batch"]).startswith("error")
    compiled = compile_batch(case["sql"], database, database.default, _parameters(case), online=online)
    rows = connection.execute(compiled.sql).fetchall()
    unlimited = None
    if " limit " in case["sql"].lower().replace("\n", " ") and rows:
        sql = case["sql"].strip().rstrip(";")
        cut = sql.lower().rindex("limit")
        if ")" not in sql[cut:]:
            free = compile_batch(sql[:cut], database, database.default, _parameters(case), online=online)
            unlimited = connection.execute(free.sql).fetchall()
    return compiled.columns, rows, unlimited


def _request_rows(connection: duckdb.DuckDBPyConnection, case: Case) -> Result:
    database = Database(connection, case)
    compiled = compile_request(case["sql"], database, database.default)
    tables = list(zip(database.tables.values(), case["tables"], strict=True))
    batch = case.get("batch_request")
    first = tables[0][0] if tables else None
    for schema, table in tables if batch else tables[1:]:
        database.insert(schema, table.get("rows") or [])
    rows: list[Row] = []
    requests = batch["rows"] if batch else tables[0][1].get("rows") or []
    for request in requests:
        values = to_duckdb(request, compiled.request.columns)
        found = connection.execute(compiled.sql, values).fetchall()
        assert len(found) == 1, f"a request gave {len(found)} rows"
        rows += found
        if not batch and first is not None:
            database.insert(first, [request])
    return compiled.columns, rows, None


# ---- comparing


def compare(expectation: Expectation, columns: tuple[Column, ...], rows: list[Row], unlimited: list[Row] | None) -> str:
    """ "" when the result is right, else what is wrong."""
    if expectation.columns is not None:
        wanted = [(_name(n), t) for n, t in expectation.columns]
        given = [(_name(c.name), c.type) for c in columns]
        if wanted != given:
            return f"columns: wanted {wanted}, got {given}"
    types = [c.type for c in columns]
    given_rows = [[_plain(v, t) for v, t in zip(row, types, strict=True)] for row in rows]
    if expectation.count is not None and len(rows) != expectation.count:
        return f"wanted {expectation.count} rows, got {len(rows)}"
    if expectation.rows is None:
        return ""
    if len(rows) != len(expectation.rows):
        return f"wanted {len(expectation.rows)} rows, got {len(rows)}: {given_rows[:4]}"
    if unlimited is not None:
        possible = [[_plain(v, t) for v, t in zip(row, types, strict=True)] for row in unlimited]
        missing = [r for r in given_rows if not any(_same_row(r, p, types) for p in possible)]
        return f"not in the result without LIMIT: {missing[:2]}" if missing else ""
    names = [c.name for c in columns]
    order = names.index(expectation.order) if expectation.order in names else None
    wanted_sorted = _sorted([[_plain(v, t) for v, t in zip(r, types, strict=True)] for r in expectation.rows], order)
    for wanted_row, given_row in zip(wanted_sorted, _sorted(given_rows, order), strict=True):
        if not _same_row(wanted_row, given_row, types):
            return f"wanted {wanted_row}, got {given_row}"
    return ""


def _name(name: str) -> str:
    return "".join(name.split()).lower()


def _plain(value: Any, type_: ColumnType) -> Any:
    if value is None:
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if type_ in (ColumnType.FLOAT, ColumnType.DOUBLE):
        return float(value)
    return value


def _sorted(rows: list[list[Any]], order: int | None) -> list[list[Any]]:
    def key(row: list[Any]) -> list[Any]:
        parts = [_sort_key(v) for v in row]
        return [parts[order], *parts] if order is not None else parts

    return sorted(rows, key=key)


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, float):
        return (1, -math.inf) if math.isnan(value) else (1, round(value, 3))
    return (1, value)


def _same_row(wanted: list[Any], given: list[Any], types: list[ColumnType]) -> bool:
    return all(_same(w, g, t) for w, g, t in zip(wanted, given, types, strict=True))


def _same(wanted: Any, given: Any, type_: ColumnType) -> bool:
    if wanted is None or given is None:
        return wanted is given
    if type_ in (ColumnType.FLOAT, ColumnType.DOUBLE):
        if math.isnan(wanted) or math.isnan(given):
            return math.isnan(wanted) and math.isnan(given)
        if math.isinf(wanted) or math.isinf(given):
            return bool(wanted == given)
        return abs(wanted - given) <= max(1e-4, 1e-6 * abs(wanted))
    return bool(wanted == given)


def iterate(cases: list[Case], run: Any) -> Iterator[tuple[Case, Outcome]]:
    connection = connect()
    for case in cases:
        yield case, run(connection, case)
    connection.close()


# ---- the demo


def demo(
    folder: Path, query: str, sample: str, expected: str, key: tuple[str, ...] | None = None
) -> tuple[Counter[Row], Counter[Row]]:
    """What the demo's query gives over a sample, and what it should give, as multisets of texts."""
    words = "ip int, app int, device int, os int, channel int, click_time timestamp, is_attributed int"
    columns = tuple(Column(n, ColumnType.parse(t)) for n, t in (word.split() for word in words.split(", ")))
    connection = connect()
    types = ", ".join(f"{c.name} {duckdb_type(c.type)}" for c in columns)
    connection.execute(f"CREATE TABLE talkingdata ({types}, {ROW_COLUMN} BIGINT)")
    with (folder / "talkingdata" / sample).open(encoding="utf-8") as lines:
        rows = [_click(row, columns, place) for place, row in enumerate(csv.DictReader(lines))]
    connection.executemany(f"INSERT INTO talkingdata VALUES ({', '.join('?' * (len(columns) + 1))})", rows)
    schema = TableSchema("db", "talkingdata", columns, "talkingdata")
    compiled = compile_batch(query, OneTable(schema), "db")
    names = [c.name for c in compiled.columns]
    places = [names.index(name) for name in key] if key else list(range(len(names)))
    types_of = [compiled.columns[place].type for place in places]
    given = Counter(
        tuple(_text(row[place], type_) for place, type_ in zip(places, types_of, strict=True))
        for row in connection.execute(compiled.sql).fetchall()
    )
    with (folder / "talkingdata" / expected).open(encoding="utf-8") as lines:
        wanted = Counter(tuple(row[name] for name in key or row) for row in csv.DictReader(lines))
    connection.close()
    return given, wanted


@dataclass(frozen=True)
class OneTable:
    """A catalog of one table."""

    schema: TableSchema

    def table(self, db: str | None, name: str) -> TableSchema:
        if name != self.schema.name:
            raise SqlError(f"there is no table {name}")
        return self.schema


_UTC8 = dt.timezone(dt.timedelta(hours=8))


def _click(row: dict[str, str], columns: tuple[Column, ...], place: int) -> list[int]:
    local = dt.datetime.fromisoformat(row["click_time"]).replace(tzinfo=_UTC8)
    values = {**row, "click_time": round(local.timestamp() * 1000)}
    return [*(int(values[c.name]) for c in columns), place]


def _text(value: Any, type_: ColumnType) -> str:
    if type_ is ColumnType.TIMESTAMP:
        return dt.datetime.fromtimestamp(value / 1000, _UTC8).strftime("%Y-%m-%d %H:%M:%S")
    return str(value)
