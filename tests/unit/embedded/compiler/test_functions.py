"""Functions and operators: values as OpenMLDB gives them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsflow.embedded.compiler.functions.hashing import fingerprint64
from dsflow.embedded.errors import SqlError, UnsupportedError

from .conftest import Database


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # integers wrap around, division by zero is NULL
        ("2147483647 + 1", -2147483648),
        ("9223372036854775807L + 1L", -9223372036854775808),
        ("smallint(32767) + smallint(1)", -32768),
        ("65536 * 65536", 0),
        ("7 DIV 2", 3),
        ("-7 DIV 2", -3),
        ("-7 % 3", -1),
        ("pmod(-10, 3)", 2),
        ("pmod(10, -3)", 1),
        ("pmod(-10, -3)", -1),
        ("pmod(-10, 0)", None),
        ("pmod(n, 2)", None),
        ("pmod(-5.5, 2.0)", 0.5),
        ("add(1, 2.5)", 3.5),
        ("inc(2147483647)", -2147483648),
        ("inc(1.5)", 2.5),
        ("1 / 0", None),
        ("1 DIV 0", None),
        ("1 % 0", None),
        ("5 / 2", 2.5),
        ("1 XOR 1", False),
        ("NOT 0", True),
        ("bool(NULL) AND false", False),
        ("2 BETWEEN 1 AND 2", True),
        ("2 NOT IN (1, 3)", True),
        ("'b' > 'a'", True),
        ("'10' = 10", True),
        # casts
        ("int('12x')", None),
        ("int(' 12 ')", 12),
        ("int('0x1f')", 31),
        ("double('0x10')", 16.0),
        ("double(' -0X1F')", -31.0),
        ("float('0x1000001')", 16777216.0),
        ("double('0x1 ')", None),
        ("bigint('9223372036854775808')", None),
        ("int(1.9)", 1),
        ("int(-1.9)", -1),
        ("smallint(70000)", 4464),
        ("bool('yes')", True),
        ("bool('maybe')", None),
        ("string(1.5)", "1.5"),
        ("string(1e10)", "1e+10"),
        ("string(true)", "true"),
        ("double('1e3')", 1000.0),
        ("double('abc')", None),
        ("date('2020-02-30')", None),
        ("date('20200522')", dt.date(2020, 5, 22)),
        ("timestamp('2020-05-22 10:43:40')", 1590115420000),
        ("timestamp('nonsense')", None),
        ("timestamp(-1)", None),
        ("string(timestamp(1590115420000))", "2020-05-22 10:43:40"),
        ("bigint(date('2020-05-22'))", None),
        ("i16('7')", 7),
        ("float32('16777217')", 16777216.0),
        ("float64('16777217')", 16777217.0),
        ("CAST('0.5' AS float64)", 0.5),
        ("i64(2.9)", 2),
        ("integer('12')", 12),
        ("varchar(1.5)", "1.5"),
        # time, at UTC+8; before 1970 the remainders are negative
        ("hour(timestamp(0) - 86400000)", -16),
        ("minute(timestamp(0) - 90000)", -1),
        ("second(timestamp(0) - 1500)", -1),
        ("minute(timestamp(0) - 999)", 0),
        ("weekofyear(253402300800000L)", 0),
        ("timestamp(1000) - smallint(-32768)", -31768),
        ("timestamp(1000) - int(-2147483648)", -2147482648),
        ("timestamp(1000) - (-5)", 1005),
        ("hour(timestamp(1590115420000))", 10),
        ("day(timestamp(1590163200000))", 23),
        ("dayofweek(date('2020-05-24'))", 1),
        ("weekofyear(date('2021-01-01'))", 53),
        ("dayofyear(timestamp(1590115420000))", 143),
        ("last_day(timestamp(1590115420000))", dt.date(2020, 5, 31)),
        ("date_format(timestamp(1590115420000), '%Y/%m')", "2020/05"),
        ("date_format(timestamp(1590115420000), '%F %T%t%D %R %h')", "2020-05-22 10:43:40\t05/22/20 10:43 May"),
        ("date_format(date('2021-01-03'), '%U %W %V %u %w')", "01 00 53 7 0"),
        ("date_format(date('2021-01-03'), '')", ""),
        ("date_format(timestamp(n), '')", None),
        ("datediff('2021-05-02', date('2021-05-01'))", 1),
        ("unix_timestamp('1970-01-01')", -28800),
        # text, in bytes
        ("char_length('é')", 2),
        ("substring('hello', 2, 3)", "ell"),
        ("substring('hello', -3, 2)", "ll"),
        ("substring('hello', 0)", ""),
        ("concat('a', 1, 2.5, s)", None),
        ("concat_ws(s, 'a')", None),
        ("concat_ws('-', 'a', 1, true)", "a-1-true"),
        ("upper('aé')", "Aé"),
        ("reverse('abc')", "cba"),
        ("locate('wo', 'hello world')", 7),
        ("locate('Wo', 'hello world', 2)", 0),
        ("locate('l', 'hello', 5)", 0),
        ("locate('l', 'hello', 4)", 4),
        ("locate('', 'abc', 4)", 4),
        ("locate('', 'abc', 5)", 0),
        ("locate('b', 'éb', 1)", 3),
        ("locate('b', 'éb', -1)", 0),
        ("locate('b', s)", None),
        ("char(65)", "A"),
        ("char(65 + 256)", "A"),
        ("char(-191)", "A"),
        ("char(n)", None),
        ("replace('a.b.c', '.')", "abc"),
        ("strcmp('b', 'a')", 1),
        ("strcmp('a', 'ab')", -1),
        ("'Mike' LIKE 'M_k%'", True),
        ("'M_ke' LIKE 'M#_ke' ESCAPE '#'", True),
        ("'Mike' ILIKE 'mIKE'", True),
        ("'Mike' RLIKE 'ik'", False),
        ("'Mike' RLIKE 'M.*'", True),
        ("'Mike' RLIKE '('", None),
        ("regexp_like('Mi\\nke', 'mi.*', 'si')", True),
        ("regexp_like('Mi\\nke', 'mi.*', 's')", False),
        ("regexp_like('MIKE', 'mike', 'ic')", False),
        ("regexp_like('a\\nb', 'a$\\n^b', 'm')", True),
        ("regexp_like('a\\nb', 'a$\\n^b', 'x')", False),
        ("hex(17)", "11"),
        ("hex(-1)", "FFFFFFFF"),
        ("hex('a\\n')", "61A"),
        ("datediff('2021-05-01 20:00:00', '2021-05-01')", 1),
        ("add_months(date('2020-01-31'), 1)", dt.date(2020, 2, 29)),
        ("`join`(split('a,b,', ','), '+')", "a+b+"),
        ("`join`(split(s, ','), '+')", ""),
        ("size(split_by_key('a:1,b,c:2', ',', ':'))", 2),
        ("at(split_by_value('a:1,b:2', ',', ':'), 1)", "2"),
        # numbers
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(1234, -2)", 1200),
        ("truncate(-1.9)", -1.0),
        ("round(2147483647, -1)", -2147483648),
        ("round(9223372036854775807L, -1)", -9223372036854775808),
        ("round(smallint(32767), -1)", -32766),
        ("round(1, -400)", -2147483648),
        ("round(1234.567, int(2.9))", 1234.57),
        ("round(1234, int(-2))", 1200),
        ("round(1234, n)", None),
        # a bigint goes through double and back
        ("ceil(9007199254740993L)", 9007199254740992),
        ("floor(9223372036854775807L)", -9223372036854775808),
        ("truncate(9007199254740993L)", 9007199254740992),
        ("hex(1e100)", "8000000000000000"),
        ("ceil(1.2)", 2.0),
        ("ceil(3)", 3),
        ("abs(-3)", 3),
        ("log(0)", -math.inf),
        ("log(2, 8)", 3.0),
        ("pow(2, 3)", 8.0),
        ("maximum(1, 2.5)", 2.5),
        # NULL
        ("isnull(n)", True),
        ("sqrt(-1) < n", None),
        ("sqrt(-1) <> double(n)", None),
        ("bool(n) * false", None),
        ("ifnull(n, 7)", 7),
        ("nvl2(n, 1, 2)", 2),
        ("CASE WHEN n > 1 THEN 'a' ELSE 'b' END", "b"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
        # feature signatures
        ("csv(binary_label(true), continuous(1.5), discrete(3, 10), continuous(n))", "1,1.500000,8,"),
        ("libsvm(regression_label(2), continuous(1), discrete(3, 10))", "2 1:1 10:1"),
        ("csv(continuous(1e22), continuous(-1e20))", f"{10**22}.000000,-{10**20}.000000"),
        ("csv()", ""),
        ("libsvm()", ""),
        ("gcformat()", " | "),
        ("hash64('')", fingerprint64(b"")),
    ],
)
def test_value(database: Database, expression: str, value: Any) -> None:
    found = database.value(expression)
    if isinstance(value, float) and math.isfinite(value):
        assert found == pytest.approx(value)
    else:
        assert found == value
    assert type(found) is type(value)


def test_nan_is_equal_to_nothing(database: Database) -> None:
    for expression, value in (("=", False), ("<>", True), ("<", False), (">=", False)):
        assert database.value(f"sqrt(-1) {expression} sqrt(-1)") is value


@pytest.mark.parametrize(
    "expression",
    [
        "reverse('é')",
        "substring('é', 1, 1)",
        "'é' LIKE '_'",
        "double('0x1p3')",
        "add_months(date('9999-12-31'), 1)",
        "last_day(253402300800000L)",
        "date(timestamp(253402300800000))",
        "csv(continuous(1e100))",
        "double('0x1.8')",
        "double('0x123456789abcde')",
    ],
)
def test_what_is_not_certain_raises(database: Database, expression: str) -> None:
    """Where a value could only be guessed, the query stops."""
    import duckdb

    with pytest.raises(duckdb.Error):
        database.value(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "NULL AND true",
        "1 OR NULL",
        "NOT NULL",
        "NULL / NULL",
        "concat('a', NULL)",
        "concat_ws('-', NULL)",
        "ifnull(NULL, NULL)",
        "CASE WHEN true THEN 1 WHEN false THEN NULL END",
        "CASE WHEN 1 THEN 1 ELSE 2 END",
        "CASE WHEN NULL THEN 1 ELSE 2 END",
        "round(1.5, '1')",
        "round(1.5, NULL)",
        "boolean(1)",
    ],
)
def test_what_openmldb_refuses(database: Database, expression: str) -> None:
    with pytest.raises(SqlError) as found:
        database.value(expression)
    assert not isinstance(found.value, UnsupportedError)


def test_spark_casts_columns_of_a_simple_projection(database: Database) -> None:
    """A projection of nothing but columns and casts is Spark's in the offline engine; with a computed one it is not."""
    database.create("t", "id int, s string, d double, ts timestamp", [(1, "1.9", 30.0, 1590115420123)])
    casts = "int(s) AS i, string(d) AS t, string(ts) AS u, bigint(ts) AS b"
    assert database.batch(f"SELECT {casts} FROM t") == [(1, "30.0", "2020-05-22 10:43:40.123", 1590115420000)]
    assert database.batch(f"SELECT {casts}, id + 1 AS x FROM t") == [
        (None, "30", "2020-05-22 10:43:40", 1590115420123, 2)
    ]


AGGREGATES = [
    ("sum(v)", 60),
    ("avg(v)", 20.0),
    ("count(*)", 4),
    ("count(v)", 3),
    ("distinct_count(v)", 4),
    ("min(v)", 10),
    ("max(c)", "y"),
    ("count_where(v, v > 10)", 2),
    ("sum_where(v, v > 10)", 50),
    ("avg_where(v, v > 10)", 25.0),
    ("min_where(v, v > 10)", 20),
    ("max_where(v, c = 'x')", 20),
    ("median(v)", 20.0),
    ("stddev(v)", 10.0),
    ("var_pop(v)", 66.666666),
    ("ew_avg(v, 0.5)", (30 + 20 * 0.5 + 10 * 0.25) / 1.75),
    ("drawdown(v)", 0.0),
    ("entropy(c)", 1.0),
    ("first_value(v)", 10),
    ("last_value(v)", None),
    ("first_value(v, true)", 10),
    ("last_value((v), true)", 30),
    ("nth_value_where(v, 2, v > 0)", 20),
    ("nth_value_where(v, -1, v > 0)", 30),
    ("topn_frequency(c, 3)", "x,y,NULL"),
    ("top1_ratio(v)", 1 / 3),
    ("top(v, 2)", "30,20"),
    ("count_cate(v, c)", "x:2,y:1"),
    ("sum_cate(v, c)", "x:30,y:30"),
    ("avg_cate(v, c)", "x:15.000000,y:30.000000"),
    ("min_cate_where(v, v > 10, c)", "x:20,y:30"),
    ("top_n_key_max_cate_where(v, v > 0, c, 1)", "y:30"),
    ("top_n_value_sum_cate_where(v, v > 10, c, 1)", "y:30"),
    ("`join`(window_split(c, ','), '+')", "y+y+x+x"),
    # over the elements of a list
    ("count(window_split(c, ','))", 4),
    ("distinct_count(window_split(c, ','))", 2),
    ("min(window_split(c, ','))", "x"),
    ("max(split(c, ','))", "y"),
    ("count(split('a,b', ','))", 2),
    ("`join`(list_except_by_key(window_split(c, ','), 'x'), '+')", "y+y"),
    ("topn_frequency(list_except_by_key(window_split(c, ','), 'x'), 2)", "y,NULL"),
    ("count_where(v, isin(v, [10, 20]))", 2),
    ("sum(map('a', v)['a'])", 60),
    ("array_join(split_array(max(c), ','), '-')", "y"),
]


@pytest.mark.parametrize(("call", "value"), AGGREGATES)
def test_aggregate(database: Database, call: str, value: Any) -> None:
    """The same in batch and in request mode."""
    columns = "id int, k string, ts timestamp, v int, c string"
    rows = [(1, "a", 1, 10, "x"), (2, "a", 2, 20, "x"), (3, "a", 3, 30, "y"), (4, "a", 4, None, "y")]
    query = (
        f"SELECT id, {call} OVER w AS x FROM t"
        " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    database.create("t", columns, rows)
    batch = database.batch(query)[-1][1]
    database.create("t", columns)
    request = database.request(query, rows)[-1][1]
    assert batch == request
    assert batch == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    "call", ["first_value(v + 1)", "last_value(v + 1, true)", "lag(v + 1, 1)", "at(bigint(v), 1)", "first_value(1)"]
)
@pytest.mark.parametrize("over", [" OVER w", " OVER w + 0"])
def test_a_row_is_picked_by_column_only(database: Database, call: str, over: str) -> None:
    database.create("t", "id int, k string, ts timestamp, v int")
    window = "PARTITION BY k ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW"
    query = f"SELECT {call}{over} AS x FROM t WINDOW w AS ({window})"
    with pytest.raises(SqlError, match="takes a column, not an expression"):
        database.batch(query)
    with pytest.raises(SqlError, match="takes a column, not an expression"):
        database.request(query, [])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.sampled_from("+-*"))
def test_int_arithmetic_wraps_like_two_s_complement(database: Database, a: int, b: int, sign: str) -> None:
    exact = {"+": a + b, "-": a - b, "*": a * b}[sign]
    wrapped = (exact + 2**31) % 2**32 - 2**31
    assert database.value(f"int({a}) {sign} int({b})") == wrapped


def test_fingerprints() -> None:
    """Values of FarmHash's Fingerprint64, for each of its branches."""
    texts = {"": -7286425919675154353, "a": -5528939962900187677, "x" * 20: 8233088228747857348}
    texts |= {"y" * 50: 1536034821532487699, "z" * 100: 9220849947163966073}
    assert {text: fingerprint64(text.encode()) for text in texts} == texts
