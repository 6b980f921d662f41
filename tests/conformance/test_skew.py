"""Where OpenMLDB's offline engine and its request mode differ: both are answered as they do, and a rule says so.

`skew/skew.jsonl` has the real engines' answers; `skew/record.py` says how they came there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from dsflow import FeatureView, Table, Workflow
from dsflow.embedded.compiler import compile_batch
from dsflow.embedded.errors import SqlError
from dsflow.embedded.queryerrors import named_errors
from dsflow.validation import check
from tests.conformance import harness, requests
from tests.conformance.skew.record import offline_tables, recorded, table
from tests.conformance.skew.shapes import SHAPES

Line = dict[str, Any]
LINES = recorded()
# also found, and rightly: what a query says besides its shape
BESIDE = {"DSF130", "DSF131", "DSF157"}
BY_NAME = ("not supported", "does not support", "is outside the years")


def shapes(*, only: str = "") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "line", [line for line in LINES if not only or line.get(only)], ids=lambda x: x["shape"]
    )


@cache
def connected() -> Any:
    """One connection for all: each case makes its tables anew."""
    return harness.connect()


def offline(line: Line, sql: str, *, informed: bool = False) -> requests.Answer:
    connection = connected()
    tables = offline_tables(line["tables"], line["requests"])
    database = harness.Database(connection, {"tables": tables}, informed=informed)
    for schema, stored in zip(list(database.tables.values()), tables, strict=True):
        database.insert(schema, stored["rows"])
    compiled = compile_batch(sql, database, "db")
    with named_errors():
        rows = connection.execute(compiled.sql).fetchall()
    plain = [list(map(requests.plain, row)) for row in rows]
    return requests.columns_of(compiled.columns), plain


def online(line: Line, sql: str, indexes: dict[str, Any]) -> requests.Answer:
    tables = [{**table, "indexes": indexes[table["name"]]} for table in line["tables"]]
    case = {"sql": sql, "tables": tables, "request": {"table": "t", "rows": line["requests"], "stored": True}}
    return requests.ask(connected(), case, informed=False)


def in_order(rows: list[list[Any]]) -> list[list[Any]]:
    """A batch query has no order."""
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])


def assert_same(answer: requests.Answer, real: Line) -> None:
    columns, rows = answer
    kinds = [kind for _, kind in columns]
    assert kinds == [kind for _, kind in real["columns"]]
    assert len(rows) == len(real["rows"]), rows
    for given, wanted in zip(in_order(rows), in_order(real["rows"]), strict=True):
        pairs = zip(wanted, given, kinds, strict=True)
        assert all(requests.same(a, b, kind) for a, b, kind in pairs), (given, wanted)


def assert_as_recorded(answer: Any, real: Line, undefined: bool) -> None:
    """As the real engine answers, or refused; where that one's answer may be another, it may be refused by name."""
    refusal = None
    try:
        given = answer()
    except SqlError as error:
        refusal = str(error)
    if refusal is not None:
        assert undefined or "refused" in real or any(words in refusal for words in BY_NAME), refusal
    elif not undefined:
        assert "rows" in real, f"refused there: {real['refused']}; here {given}"
        assert_same(given, real)


@shapes()
@pytest.mark.parametrize("informed", [False, True], ids=["any data", "known data"])
def test_offline(line: Line, informed: bool) -> None:
    undefined = line["undefined"] in ("offline", "both")
    assert_as_recorded(lambda: offline(line, line["sql"], informed=informed), line["offline"], undefined)


@shapes()
def test_request_mode(line: Line) -> None:
    undefined = line["undefined"] in ("request", "both")
    assert_as_recorded(lambda: online(line, line["sql"], line["indexes"]), line["request"], undefined)


@shapes(only="instead")
def test_the_other_form_is_answered_alike(line: Line) -> None:
    """By the real engines, and by the embedded ones as by them."""
    instead = line["instead"]
    assert in_order(instead["offline"]["rows"]) == in_order(instead["request"]["rows"])
    assert_same(offline(line, instead["sql"]), instead["offline"])
    assert_same(online(line, instead["sql"], instead["indexes"]), instead["request"])


def found_by_rules(line: Line, sql: str) -> list[Any]:
    with Workflow("w", project="p") as wf:
        tables = {
            declared["name"]: Table(declared["name"], dict(declared["columns"]), database="db")
            for declared in line["tables"]
        }
        view = FeatureView("view", source=tables["t"], sql=sql)
        loads = [made.create() >> made.load_offline(f"/data/{made.name}.csv") for made in tables.values()]
        extract = view.extract("/data/features")
        for load in loads:
            load >> extract
        extract >> view.deploy(range_bias="inf", rows_bias="inf")
    skew = [rule for rule in {shape.rule for shape in SHAPES} | {f"DSF{n}" for n in range(150, 170)} if rule]
    return [finding for finding in check(wf).findings if finding.code in skew]


@shapes()
def test_its_rule_finds_it(line: Line) -> None:
    found = found_by_rules(line, line["sql"])
    codes = {finding.code for finding in found}
    assert codes - BESIDE == {line["rule"]} - {None} - BESIDE
    assert line["rule"] in codes or line["rule"] is None
    for finding in found:
        assert finding.where is not None
        assert finding.where.file == __file__
        assert finding.hint


@shapes(only="instead")
def test_no_rule_finds_the_other_form(line: Line) -> None:
    codes = {finding.code for finding in found_by_rules(line, line["instead"]["sql"])}
    assert codes <= BESIDE - {line["rule"]}


@shapes()
def test_the_real_engines_differ_where_the_table_says_so(line: Line) -> None:
    shape = next(shape for shape in SHAPES if shape.name == line["shape"])
    offline_rows = line["offline"].get("rows")
    request_rows = line["request"].get("rows")
    alike = offline_rows is not None and in_order(offline_rows) == in_order(request_rows or [])
    if not shape.says:
        assert alike
    elif shape.rule != "DSF155" and shape.undefined != "both":  # FOLLOWING is passed over by both
        assert not alike


def test_the_table_in_the_docs(root: Path) -> None:
    """``python -m tests.conformance.skew.record --table`` prints it."""
    assert table() in (root / "docs" / "skew.md").read_text(encoding="utf-8")
