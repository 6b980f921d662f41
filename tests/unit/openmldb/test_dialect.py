"""The sqlglot dialect: what it reads, what it refuses, and that its text reads back as the same."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.errors import ParseError

import dsflow.openmldb.dialect  # noqa: F401
from dsflow.openmldb import nodes


def parse(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="openmldb")


IDENTITIES = [
    "SELECT 1",
    "SELECT a, b AS c, t.d FROM t",
    "SELECT * FROM t LIMIT 3",
    "SELECT 10L, 1.5f, 0.5, 'a\\'b', \"x\" FROM t",
    "SELECT a + b * c - (a + b) * c FROM t WHERE NOT a = 1 AND b <> 2 OR c IN (1, 2)",
    "SELECT a DIV b, a % b, a & b | c ^ d, ~a, -b FROM t",
    "SELECT a XOR b FROM t",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END, CAST(a AS bigint), CAST(a AS varchar(60)) FROM t",
    "SELECT a LIKE 'x%' ESCAPE '#', a RLIKE 'b+', NOT a ILIKE 'c_' FROM t",
    "SELECT a BETWEEN 1 AND 2 FROM t",
    "SELECT `join`(split(a, ','), '+') FROM t",
    "SELECT t1.a, t2.b FROM t1 LAST JOIN t2 ORDER BY t2.ts ON t1.a = t2.a",
    "SELECT t1.a FROM db1.t1 LAST JOIN db2.t2 ON db1.t1.a = db2.t2.a LEFT JOIN t3 ON t1.b = t3.b",
    "SELECT a FROM (SELECT a FROM t) AS x",
    "WITH q AS (SELECT a FROM t) SELECT a FROM q",
    "SELECT a FROM t UNION ALL SELECT a FROM u",
    "SELECT a, COUNT(*) FROM t GROUP BY a HAVING COUNT(*) > 1",
    "SELECT SUM(v) OVER w FROM t WINDOW w AS (PARTITION BY a, b ORDER BY ts"
    " ROWS_RANGE BETWEEN 3d OPEN PRECEDING AND CURRENT ROW)",
    "SELECT SUM(v) OVER w FROM t WINDOW w AS (UNION u, (SELECT * FROM x) PARTITION BY a ORDER BY ts"
    " ROWS_RANGE BETWEEN 1h PRECEDING AND 1s PRECEDING MAXSIZE 10"
    " EXCLUDE CURRENT_ROW EXCLUDE CURRENT_TIME INSTANCE_NOT_IN_WINDOW)",
    "SELECT LAG(v, 1) OVER (PARTITION BY a ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t",
    "SELECT * FROM t INTO OUTFILE '/x/y' OPTIONS (mode = 'overwrite', delimiter = ',')",
    "CREATE DATABASE IF NOT EXISTS demo_db",
    "DROP DATABASE demo_db",
    "USE demo_db",
    "CREATE TABLE IF NOT EXISTS db.t (a int NOT NULL, b string DEFAULT 'x',"
    " INDEX(key = (a, b), ts = ts, ttl = (100m, 10), ttl_type = absorlat)) OPTIONS (partitionnum = 1)",
    "CREATE TABLE t LIKE PARQUET 'file:///x'",
    "DROP TABLE IF EXISTS t",
    "TRUNCATE TABLE t",
    "CREATE INDEX i ON t (a, b) OPTIONS (ts = c, ttl = 30d, ttl_type = absolute)",
    "DROP INDEX t.i",
    "LOAD DATA INFILE 'file:///x.csv' INTO TABLE db.t OPTIONS (format = 'csv', header = TRUE, mode = 'append')",
    "DEPLOY IF NOT EXISTS demo OPTIONS (range_bias = 'inf', rows_bias = 'inf') SELECT a FROM t",
    "DROP DEPLOYMENT db.demo",
    "SHOW JOBS",
    "SHOW JOBLOG 3",
    "SHOW TABLE STATUS",
    "SHOW DEPLOYMENT demo",
    "STOP JOB 3",
    "SET @@execute_mode = 'offline'",
    "SET @@global.sync_job = TRUE",
    "INSERT OR IGNORE INTO t (a, b) VALUES (1, 'x'), (-2, NULL)",
    "DELETE FROM t WHERE a = 1",
    "DESC t",
    "EXPLAIN SELECT a FROM t",
]


def same_text(text: str) -> str:
    """Text without what the generator may choose: the case of function names, the quotes."""
    return text.replace('"x"', "'x'").lower()


@pytest.mark.parametrize("text", IDENTITIES)
def test_identity(text: str) -> None:
    assert same_text(parse(text).sql(dialect="openmldb")) == same_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT a b c FROM t", "b"),
        ("SELECT 1x", "blank between a number"),
        ("SELECT a = b = c FROM t", "cannot be chained"),
        ("SELECT mod FROM t", "expression"),
        ("SELECT FROM t", "expression"),
        ("SELECT a FROM t1 LAST JOIN t2", "ON"),
        ("SELECT a FROM t UNION SELECT a FROM u", "ALL or DISTINCT"),
        ("SELECT '\\q'", "illegal escape"),
        ("SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 AND 2) FROM t", "PRECEDING"),
        ("SELECT id, join(a, '+') FROM t", "Expected"),
        ("CREATE TABLE t", "columns"),
        ("LOAD DATA INFILE x INTO TABLE t", "path"),
        ("FROBNICATE", "Not a statement"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse(text)


def test_precedence_is_that_of_openmldb() -> None:
    """XOR binds more than AND, NOT less than a comparison."""
    tree = parse("SELECT a AND b XOR c").expressions[0]
    assert isinstance(tree, exp.And)
    assert isinstance(tree.args["expression"], exp.Xor)
    negated = parse("SELECT !a = b").expressions[0]
    assert isinstance(negated, exp.Not)
    assert isinstance(negated.this, exp.EQ)


def test_a_trailing_comma_before_from_is_allowed() -> None:
    assert len(parse("SELECT a, b, FROM t").expressions) == 2


def test_comments() -> None:
    assert parse("SELECT a -- x; y\n, /* z */ b # c\nFROM t").sql(dialect="openmldb") == "SELECT a, b FROM t"


def test_create_table_node() -> None:
    tree = parse(
        "create table db.t (ip int not null, a string default 'x', ts timestamp,"
        " index(key=(ip, a), ts=ts, ttl=(100m, 10), ttl_type=absorlat), index i2 (key=ip)) options(replicanum=2)"
    )
    assert isinstance(tree, nodes.CreateTable)
    assert (tree.table.db, tree.table.name, tree.exists) == ("db", "t", False)
    assert [(c.name, c.kind, c.not_null) for c in tree.columns] == [
        ("ip", "int", True),
        ("a", "string", False),
        ("ts", "timestamp", False),
    ]
    first, second = tree.indexes
    assert (first.name, first.keys, first.ts, first.ttl, first.ttl_type) == (
        "",
        ("ip", "a"),
        "ts",
        ("100m", "10"),
        "absorlat",
    )
    assert (second.name, second.keys, second.ts, second.ttl) == ("i2", ("ip",), None, ())
    assert tree.options == {"replicanum": 2}


def test_deploy_keeps_the_text_of_its_query() -> None:
    tree = parse('deploy demo options(RANGE_BIAS="inf")  select  a /* c */ from t')
    assert isinstance(tree, nodes.Deploy)
    assert tree.name == "demo"
    assert tree.options == {"range_bias": "inf"}
    assert tree.query_text == "select  a /* c */ from t"


def test_set_and_show() -> None:
    tree = parse("set session job_timeout=100")
    assert isinstance(tree, nodes.SetVariable)
    assert (tree.name, tree.scope, tree.value) == ("job_timeout", "session", 100)
    show = parse("show job 17")
    assert isinstance(show, nodes.Show)
    assert (show.kind, show.target_value) == ("JOB", 17)
    jobs = parse("show jobs from nameserver")
    assert isinstance(jobs, nodes.Show)
    assert (jobs.kind, jobs.db) == ("JOBS", "nameserver")


def test_several_statements() -> None:
    trees = sqlglot.parse("use db; select ';' ; ", dialect="openmldb")
    assert [type(t).__name__ for t in trees if t is not None] == ["UseDatabase", "Select"]


def test_positions() -> None:
    column = parse("SELECT a,\n  bb FROM t").expressions[1]
    assert (column.meta["line"], column.meta["col"]) == (2, 3)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00")))
def test_every_text_survives_as_a_literal(text: str) -> None:
    tree = exp.select(exp.Literal.string(text))
    again = parse(tree.sql(dialect="openmldb"))
    assert again.expressions[0].this == text


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True))
def test_every_name_survives(name: str) -> None:
    tree = parse(exp.select(exp.column(exp.to_identifier(name, quoted=True))).sql(dialect="openmldb"))
    assert tree.expressions[0].name == name


DEEP = ["SELECT " + "(" * 5000 + "a" + ")" * 5000 + " AS x FROM t", "SELECT " + "NOT " * 5000 + "a"]


@pytest.mark.parametrize("sql", DEEP, ids=["parentheses", "not"])
def test_what_is_nested_too_deeply_is_an_error_of_the_parser(sql: str) -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        sqlglot.parse_one(sql, read="openmldb")
