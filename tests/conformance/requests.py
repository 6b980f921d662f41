"""Random request-mode queries with the answers of OpenMLDB's own compiled runners (`request_cases.jsonl`)."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsflow.embedded.compiler import Column, compile_batch, compile_request
from dsflow.embedded.errors import SqlError
from dsflow.embedded.queryerrors import named_errors
from dsflow.openmldb.types import ColumnType
from tests.conformance import harness

Case = dict[str, Any]
Answer = tuple[list[tuple[str, str]], list[list[Any]]]


def load(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def outcome(connection: Any, case: Case, *, informed: bool) -> tuple[str, str]:
    """How a case went: ``equal``, ``different``, ``refused`` by name, or ``answered`` though it is refused; and why.

    ``informed``: the compiler may look at what is known of the rows, which gives other plans.
    """
    real = case["real"]
    try:
        columns, rows = ask(connection, case, informed=informed)
    except SqlError as error:
        return ("equal", "") if "refused" in real else ("refused", str(error))
    if "refused" in real:
        return "answered", real["refused"]
    wanted = [("".join(name.split()).lower(), kind) for name, kind in real["columns"]]
    given = [("".join(name.split()).lower(), kind) for name, kind in columns]
    if wanted != given:
        return "different", f"columns {given}, not {wanted}"
    kinds = [kind for _, kind in columns]
    for one, other in zip(real["rows"], rows, strict=True):
        if not all(same(a, b, kind) for a, b, kind in zip(one, other, kinds, strict=True)):
            return "different", f"{other}, not {one}"
    return "equal", ""


def ask(connection: Any, case: Case, *, informed: bool) -> Answer:
    """The columns and rows of a case: its requests one after another, each stored afterwards if the case says so."""
    database = harness.Database(connection, case, informed=informed)
    schemas = list(database.tables.values())
    for schema, table in zip(schemas, case["tables"], strict=True):
        database.insert(schema, table.get("rows") or [])
    compiled = compile_request(case["sql"], database, database.default)
    first = next(schema for schema in schemas if schema.name == case["request"]["table"])
    rows: list[list[Any]] = []
    for request in case["request"]["rows"]:
        with named_errors():
            found = connection.execute(compiled.sql, harness.to_duckdb(request, first.columns)).fetchall()
        assert len(found) == 1, "a request has one row as its answer"
        rows += [list(map(plain, found[0]))]
        if case["request"]["stored"]:
            database.insert(first, [request])
    return [(column.name, str(column.type)) for column in compiled.columns], rows


def plain(value: Any) -> Any:
    """A value as the cases write it."""
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def same(wanted: Any, given: Any, kind: str) -> bool:
    """Whether two values of a type are equal; floating point numbers nearly so."""
    if wanted is None or given is None:
        return wanted is given
    if kind not in ("float", "double"):
        return bool(wanted == given) and isinstance(wanted, bool) == isinstance(given, bool)
    a, b = float(wanted), float(given)
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= max(1e-9, (1e-4 if kind == "float" else 1e-6) * abs(a))


# ---- minimised differences


def difference(connection: Any, case: Case) -> Answer:
    """The columns and rows of a minimised difference, in its mode."""
    tables = []
    for name, text in case["columns"].items():
        columns = [column.split(" ") for column in text.split(", ")]
        rows = case["rows"][name]
        tables.append({"name": name, "columns": columns, "rows": rows})
    if case["mode"] == "request":
        first, *others = tables
        request = {"table": first["name"], "rows": first["rows"], "stored": True}
        asked = {"sql": case["sql"], "tables": [{**first, "rows": []}, *others], "request": request}
        return ask(connection, asked, informed=False)
    database = harness.Database(connection, {"tables": tables})
    for schema, table in zip(list(database.tables.values()), tables, strict=True):
        database.insert(schema, table["rows"])
    compiled = compile_batch(case["sql"], database, database.default, online=True)
    with named_errors():
        found = connection.execute(compiled.sql).fetchall()
    return columns_of(compiled.columns), [list(map(plain, row)) for row in found]


def columns_of(columns: tuple[Column, ...]) -> list[tuple[str, str]]:
    """Names and types."""
    return [(column.name, str(ColumnType(column.type))) for column in columns]
