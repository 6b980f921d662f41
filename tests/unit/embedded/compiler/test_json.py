"""get_json_object and json_array_length. The values are OpenMLDB 0.9.2's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.embedded.compiler.functions.jsons import array_length, json_object

from .conftest import Database

DOCUMENT = '{"a": {"b": [1, 2.50, "x\\ny"]}, "m~n": null, "m/n": true, "": 7, "\\u0061": 1, "a": 2, "e": "\\u4e2d"}'


@pytest.mark.parametrize(
    ("text", "pointer", "value"),
    [
        # the JSON as it is written, a string's own text
        (DOCUMENT, "", DOCUMENT),
        (DOCUMENT, "/a", '{"b": [1, 2.50, "x\\ny"]}'),
        (DOCUMENT, "/a/b/1", "2.50"),
        (DOCUMENT, "/a/b/2", "x\ny"),
        (DOCUMENT, "/e", "中"),
        (DOCUMENT, "/m~0n", "null"),
        (DOCUMENT, "/m~1n", "true"),
        (DOCUMENT, "/", "7"),
        (' [1 , {"x": "]"} ]\n', "", '[1 , {"x": "]"} ]'),
        ('[1,{"x":"]"}]', "/1/x", "]"),
        # a key is compared as it is written
        ('{"\\u0061": 1}', "/a", None),
        ('{"\\u0061": 1}', "/\\u0061", "1"),
        # nothing there
        (DOCUMENT, "/x", None),
        (DOCUMENT, "/a/b/3", None),
        (DOCUMENT, "/a/b/-", None),
        (DOCUMENT, "/a/b/01", None),
        (DOCUMENT, "/a/b/", None),
        (DOCUMENT, "/m~2n", None),
        (DOCUMENT, "a", None),
        (DOCUMENT, "/m~1n/x", None),
        # no object and no array, or one that is not closed
        ("5", "", None),
        ('"x"', "", None),
        ("", "/a", None),
        ("abc", "/a", None),
        ('{"a": 1', "/a", None),
        ("[1, 2] x", "/0", None),
    ],
)
def test_get_json_object(text: str, pointer: str, value: str | None) -> None:
    assert json_object(text, pointer) == value


@pytest.mark.parametrize(
    ("text", "length"),
    [("[]", 0), (" [1, [2, 3], {}] ", 3), ("{}", None), ("1", None), ("", None), ("[1, 2", None), ("[1, 2}", None)],
)
def test_json_array_length(text: str, length: int | None) -> None:
    assert array_length(text) == length


@pytest.mark.parametrize("text", ['{"a": bz}', "[1,]", '{"a": NaN}', "[1] [2]", "[" * 100_000 + "]" * 100_000])
def test_a_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a text that is no JSON is not supported"):
        json_object(text, "/a")
    with pytest.raises(ValueError, match="a text that is no JSON is not supported"):
        array_length(text)


def test_half_a_surrogate_pair_is_refused() -> None:
    assert json_object('{"a": "\\ud83d\\ude00"}', "/a") == "\N{GRINNING FACE}"
    with pytest.raises(ValueError, match="surrogate"):
        json_object('{"a": "\\ud800"}', "/a")


_KEYS = st.text(st.sampled_from("ab/~0-é"), max_size=3)
_TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(_TREES.filter(lambda tree: isinstance(tree, dict | list)), st.sampled_from([None, 0, 2]))
def test_every_place_is_found(tree: Any, indent: int | None) -> None:
    """Whatever the layout, a pointer to a place gives what is there."""
    text = json.dumps(tree, indent=indent, ensure_ascii=False)

    def visit(value: Any, pointer: str) -> None:
        found = json_object(text, pointer)
        assert found is not None
        assert (found if isinstance(value, str) else json.loads(found)) == value
        steps = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
        for step, inner in steps:
            visit(inner, f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}")

    visit(tree, "")
    assert array_length(text) == (len(tree) if isinstance(tree, list) else None)


def test_in_a_query(database: Database) -> None:
    """In batch and in request mode; NULL gives NULL."""
    columns, row = "id int, s string, p string, q string", (1, '{"a": [1, 2]}', None, "5")
    query = (
        "SELECT get_json_object(s, '/a') AS x, json_array_length(get_json_object(s, '/a')) AS n,"
        " get_json_object(s, p) AS y, json_array_length(p) AS z,"
        " get_json_object(s, '/x') AS v, json_array_length(q) AS w FROM t"
    )
    database.create("t", columns, [row])
    assert database.batch(query) == [("[1, 2]", 2, None, None, None, None)]
    database.create("t", columns)
    assert database.request(query, [row]) == [("[1, 2]", 2, None, None, None, None)]
