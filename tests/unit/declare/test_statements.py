"""Statements as parts: their texts, and how often anything is parsed."""

from __future__ import annotations

import runpy
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.declare import encoding
from dsflow.declare.statements import (
    CreateDatabase,
    CreateTable,
    Deploy,
    LoadData,
    Options,
    SelectInto,
    SetVariable,
    Statement,
    Truncate,
    Use,
)
from dsflow.errors import SourceLocation
from dsflow.openmldb import query, sqlparser
from dsflow.validation import check

QUERY = "SELECT a\nFROM t"
PIPELINE = Path(__file__).resolve().parents[3] / "pipelines" / "talkingdata.py"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (Use("${db}"), "USE ${db}"),
        (CreateDatabase("d"), "CREATE DATABASE IF NOT EXISTS d"),
        (CreateTable("t", (("a", "int"), ("b", "string"))), "CREATE TABLE IF NOT EXISTS t (a int, b string)"),
        (
            CreateTable("t", (("a", "int"),), ("INDEX(KEY=a)",), if_missing=False),
            "CREATE TABLE t (a int, INDEX(KEY=a))",
        ),
        (Truncate("t"), "TRUNCATE TABLE t"),
        (SetVariable("sync_job", True), "SET @@sync_job=true"),
        (SetVariable("job_timeout", 5), "SET @@job_timeout=5"),
        (
            LoadData(
                "/x;y", "t", (("format", "csv"), ("header", False), ("null_value", "it's\\"), ("delimiter", "\t"))
            ),
            "LOAD DATA INFILE '/x;y' INTO TABLE t"
            " OPTIONS(format='csv', header=false, null_value='it\\'s\\\\', delimiter='\\t')",
        ),
        (
            SelectInto("SELECT ';' AS a FROM t", "/f", (("mode", "overwrite"), ("coalesce", 1))),
            "SELECT ';' AS a FROM t\nINTO OUTFILE '/f' OPTIONS(mode='overwrite', coalesce=1)",
        ),
        (Deploy("d_1", "SELECT 1"), "DEPLOY IF NOT EXISTS d_1 SELECT 1"),
        (
            Deploy("d_1", "SELECT 1", (("range_bias", "inf"), ("rows_bias", 3))),
            "DEPLOY IF NOT EXISTS d_1 OPTIONS(RANGE_BIAS='inf', ROWS_BIAS=3) SELECT 1",
        ),
    ],
)
def test_texts(statement: Statement, text: str) -> None:
    assert statement.text == text
    assert encoding.split_statements(text) == [text]  # one statement, whatever stands in its literals


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often each text is parsed."""
    counted: Counter[str] = Counter()
    parse = sqlparser.OpenMLDBParser.parse

    def counting(self: Any, tokens: Any, sql: str) -> Any:
        counted[sql] += 1
        return parse(self, tokens, sql)

    monkeypatch.setattr(sqlparser.OpenMLDBParser, "parse", counting)
    query.shared_tree.cache_clear()
    return counted


def test_each_text_is_parsed_once(parsed: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    split: list[str] = []
    monkeypatch.setattr("dsflow.declare.tasks.openmldb.split_statements", split.append)
    workflow = runpy.run_path(str(PIPELINE))["wf"]
    workflow.definition()
    assert (len(parsed), parsed.total()) == (1, 1)
    assert split == []  # what is made as parts is not cut again
    check(workflow)
    assert parsed.total() == len(parsed), parsed


@pytest.mark.parametrize("biases", [(), (("range_bias", "inf"), ("rows_bias", 3))])
def test_a_statement_knows_where_its_query_begins_and_was_declared(biases: Options) -> None:
    place = SourceLocation("clicks.py", 7)
    for statement in (Deploy("d", QUERY, biases, place), SelectInto(QUERY, "/f", (("mode", "overwrite"),), place)):
        assert statement.text[statement.query_start :].startswith(QUERY)
        assert statement.where == place
        assert statement == replace(statement, where=None)
