"""Lists of texts: split, split_by_key, split_by_value, join, size."""

from __future__ import annotations

import re

from dsflow.embedded.compiler.functions.registry import Overload, named
from dsflow.embedded.compiler.values import INT, INTEGERS, NULL, STRING, ListType, Value
from dsflow.embedded.errors import UnsupportedError

TEXTS = ListType(STRING)

_EMPTY = "CAST([] AS VARCHAR[])"

MACROS = {
    "oml_short(l)": (
        "CASE WHEN list_sum(list_transform(l, lambda x: strlen(x))) > 4096"
        " THEN error('split of a text of more than 4096 bytes is not supported') ELSE l END"
    ),
    "oml_split(s, d)": f"coalesce(oml_short(string_split(s, d)), {_EMPTY})",
    "oml_split_part(s, d, kv, n)": (
        "coalesce(oml_short(list_transform(list_filter(string_split(s, d), lambda x: contains(x, kv)),"
        f" lambda x: split_part(x, kv, n))), {_EMPTY})"
    ),
}


def delimiter(value: Value, name: str) -> str:
    """A delimiter as a literal; OpenMLDB reads one of more than one byte as a regular expression.

    Raises:
        UnsupportedError: it is not a literal, or a regular expression.
    """
    if not value.is_literal:
        raise UnsupportedError(f"{name} with a delimiter that is not a literal")
    text = str(value.literal)
    if len(text.encode()) > 1 and not re.fullmatch(r"[\w ,;:/&=@#%!~'\"<>-]+", text):
        raise UnsupportedError(f"{name} with the delimiter {text!r}")
    return text


def split_sql(name: str, text: str, delimiters: list[Value]) -> str:
    """A text's parts, keys or values as DuckDB SQL."""
    marks = [delimiter(d, name) for d in delimiters]
    if not all(marks):
        return _EMPTY
    if name.endswith("split"):
        return f"oml_split({text}, {delimiters[0].sql})"
    if marks[0] == marks[1]:
        raise UnsupportedError(f"{name} with two equal delimiters")
    place = 1 if name.endswith("key") else 2
    return f"oml_split_part({text}, {delimiters[0].sql}, {delimiters[1].sql}, {place})"


def _split(name: str, values: list[Value]) -> Value:
    constant = all(v.constant for v in values)
    text = "CAST(NULL AS VARCHAR)" if values[0].is_null else values[0].sql
    return Value(split_sql(name, text, values[1:]), TEXTS, constant=constant)


def _at(values: list[Value]) -> Value:
    if not values[1].is_literal:
        raise UnsupportedError("at with an offset that is not a literal")
    place = int(values[1].literal)
    index = place + 1 if place >= 0 else place
    return Value(f"({values[0].sql})[{index}]", STRING, constant=values[0].constant)


FUNCTIONS: dict[str, list[Overload]] = {
    "split": [Overload((t, STRING), None, lambda values: _split("split", values)) for t in (STRING, NULL)],
    "split_by_key": [
        Overload((t, STRING, STRING), None, lambda values: _split("split_by_key", values)) for t in (STRING, NULL)
    ],
    "split_by_value": [
        Overload((t, STRING, STRING), None, lambda values: _split("split_by_value", values)) for t in (STRING, NULL)
    ],
    "join": [Overload((TEXTS, STRING), STRING, "array_to_string({0}, {1})")],
    "size": [Overload((TEXTS,), INT, "CAST(len({0}) AS INTEGER)")],
    **named(("at", "lag"), [Overload((TEXTS, t), None, _at) for t in INTEGERS]),
}

LIST_FUNCTIONS = frozenset(
    {"split", "split_by_key", "split_by_value", "window_split", "window_split_by_key", "window_split_by_value"}
)
"""The functions that give a list of texts."""
