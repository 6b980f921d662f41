"""Arrays, maps and lists: the same values in batch and in request mode. The values are OpenMLDB 0.9.2's own."""

from __future__ import annotations

from typing import Any

import pytest

from dsflow.embedded.errors import SqlError, UnsupportedError

from .conftest import Database

COLUMNS = "id int, n int, i int, v string, w string, d double"
ROW = (1, None, 3, "a,,b", None, 2.5)

VALUES = [
    # a NULL column is found among NULLs, and as the type's default value
    ("isin(i, [1, 3])", True),
    ("isin(i, [1, NULL])", False),
    ("isin(n, [1, NULL])", True),
    ("isin(n, [1, 2])", False),
    ("isin(n, [0])", True),
    ("isin(w, ['', 'a'])", True),
    ("isin(2, [1, 2])", True),
    ("isin(3L, [1L, i])", True),
    ("isin(sqrt(-1), [sqrt(-1)])", False),
    ("isin(int(NULL), [1])", False),
    ("array_contains([1, 2.5], d)", True),
    ("array_contains([1, 'a', 2.5], '2.5')", True),
    ("array_contains(ARRAY<bigint>[1, 2], 2L)", True),
    ("array_contains(split_array(v, ','), 'a')", True),
    ("array_contains(split_array(v, ','), '')", False),
    ("array_contains(split_array(v, ','), w)", True),
    ("array_contains(split_array(w, ','), 'a')", None),
    ("array_contains([timestamp(1000)], timestamp(1000))", True),
    ("isnull([n])", False),
    # the delimiter before each element but the first
    ("array_join(['a', NULL, 'b'], '-')", "a-b"),
    ("array_join([NULL, 'b'], '-')", "-b"),
    ("array_join(['a', '', 'b'], '-')", "a--b"),
    ("array_join(ARRAY<string>[], '-')", ""),
    ("array_join(split_array(v, ','), '-')", "a-b"),
    ("array_join(split_array('abc', ''), '-')", "a-b-c"),
    ("array_join(split_array('', ''), '-')", ""),
    ("array_join(split_array(w, ','), '-')", None),
    ("array_join(split_array(v, w), '-')", None),
    ("array_join(['a', 'b'], w)", "ab"),
    # every text with every other; for each NULL one is missing at the end
    ("array_join(array_combine('-', ['a', 'b'], [1, 2]), ',')", "a-1,a-2,b-1,b-2"),
    ("array_join(array_combine(w, ['a', 'b'], ['x']), ',')", "ax,bx"),
    (
        "array_join(array_combine('-', [1.5, d], [true, false], ['z']), ',')",
        "1.5-true-z,1.5-false-z,2.5-true-z,2.5-false-z",
    ),
    ("array_join(array_combine('-', ['a', NULL], ['x', 'y']), '|')", "a-x|a-y"),
    ("array_join(array_combine('-', ['a', 'b'], ['x', NULL, 'y']), '|')", "a-x|a|a-y|b-x"),
    ("array_join(array_combine('-', [n, 2], ['x', 'y']), '|')", "-x|-y"),
    ("array_join(array_combine('-', [timestamp(0)]), '|')", "1970-01-01 08:00:00"),
    ("array_join(array_combine('-', split_array(w, ','), ['x']), '|')", ""),
    ("array_join(array_combine('-', ARRAY<string>[], ['x']), '|')", ""),
    # maps: NULL keys are left out, of equal keys the first counts
    ("map('a', i)['a']", 3),
    ("map('a', i)['b']", None),
    ("map('a', n, 'b', 2)['a']", None),
    ("map('a', 1, 'a', 2)['a']", 1),
    ("map(n, 3, 1, 4)[1]", 4),
    ("map(v, w)[w]", None),
    ("map(1, 2, 2.5, 'x')[2.5]", "x"),
    ("map(1, 2, 'a', 3)['1']", 2),
    ("map('a', i)['a'] + 1", 4),
    ("array_join(map_keys(map('a', 1, w, 2, 'a', 3)), ',')", "a,a"),
    ("array_contains(map_keys(map(1, 2)), 1)", True),
    ("CAST(NULL AS map<int, string>)[0]", None),
    ("CAST(map() AS map<int, string>)[0]", None),
    ("CAST(map(7, '9') AS map<int, string>)[7]", "9"),
    ("isnull(CAST(NULL AS map<int, string>))", True),
    # lists of key:value
    ("`join`(list_except_by_key(split('a:1,b:2,c', ','), 'a,x'), '+')", "b:2+c"),
    ("`join`(list_except_by_value(split('a:1:7,b:2,c:3', ','), '1,2'), '+')", "c:3"),
    ("size(list_except_by_value(split('a:1,b,c:', ','), ''))", 1),
    ("`join`(list_except_by_key(split('a:1', ','), w), '+')", None),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_value(database: Database, expression: str, value: Any) -> None:
    query = f"SELECT {expression} AS x, i + 1 AS y FROM t"
    database.create("t", COLUMNS, [ROW])
    assert database.batch(query) == [(value, 4)]
    database.create("t", COLUMNS)
    assert database.request(query, [ROW]) == [(value, 4)]


def test_a_map_goes_through_a_subquery(database: Database) -> None:
    database.create("t", COLUMNS, [ROW])
    assert database.batch("SELECT m[i] AS x FROM (SELECT i, map(3, v, 4, w) AS m FROM t)") == [("a,,b",)]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("isin(i, [1L])", "isin does not take"),
        ("isin(NULL, [1])", "isin does not take"),
        ("array_contains([], 1)", "array_contains does not take"),
        ("array_contains([1], NULL)", "array_contains does not take"),
        ("array_join([1, 2], '-')", "array_join does not take"),
        ("array_join(['a'], NULL)", "array_join does not take"),
        ("array_combine('-')", "takes at least one array"),
        ("array_combine('-', 'a')", "takes arrays, not string"),
        ("split_array(v, NULL)", "split_array does not take"),
        ("size([1, 2])", "size does not take"),
        ("[1, 2][0]", "no element of an array"),
        ("i[0]", "int has no elements"),
        ("[1] = [1]", "= does not take"),
        ("map(1)", "an even number of arguments"),
        ("map(1, NULL)['a']", "cannot be NULL alone"),
        ("map([1], 1)['a']", "a key of a map cannot be"),
        ("map(1, 2)[1L]", "the keys of the map are int, not bigint"),
        ("map_keys(i)", "map_keys takes a map"),
        ("CAST(map(7, 8) AS map<int, string>)[7]", "cannot be cast to"),
    ],
)
def test_what_openmldb_refuses(database: Database, expression: str, message: str) -> None:
    database.create("t", COLUMNS)
    with pytest.raises(SqlError, match=message) as found:
        database.batch(f"SELECT {expression} AS x FROM t")
    assert not isinstance(found.value, UnsupportedError)


@pytest.mark.parametrize(
    "expression", ["[1, 2]", "map(1, 2)", "split_array(v, ',')", "make_tuple(1, 2)", "unhex('7B')"]
)
def test_what_is_refused_by_name(database: Database, expression: str) -> None:
    database.create("t", COLUMNS)
    with pytest.raises(UnsupportedError):
        database.batch(f"SELECT {expression} AS x FROM t")


@pytest.mark.parametrize(
    "expression",
    [
        "isin(int(NULL), [0])",
        "array_join(split_array('é', ''), '-')",
        "array_join(array_combine('-', ARRAY<string>[NULL], ARRAY<string>[NULL]), ',')",
    ],
)
def test_what_is_not_certain_raises(database: Database, expression: str) -> None:
    import duckdb

    with pytest.raises(duckdb.Error, match=r"not certain|not supported"):
        database.value(expression)
