"""Lists of texts (split and its like, join, size, list_except) and arrays (literals, array_contains, array_join ...).

No column can hold either. OpenMLDB keeps the two apart: what takes a list takes no array, and the other way round.
"""

from __future__ import annotations

import re

from dsflow.embedded.compiler.functions.cast import cast, to_string
from dsflow.embedded.compiler.functions.registry import Entry, Overload, Refused, named
from dsflow.embedded.compiler.values import (
    BOOL,
    FLOATS,
    INT,
    INTEGERS,
    NULL,
    STRING,
    ArrayType,
    ListType,
    Type,
    Value,
    default_of,
    sql_type,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

TEXTS = ListType(STRING)
TEXT_ARRAY = ArrayType(STRING)

_EMPTY = "CAST([] AS VARCHAR[])"

MACROS = {
    "oml_short(l)": (
        "CASE WHEN list_sum(list_transform(l, lambda x: strlen(x))) > 4096"
        " THEN oml_refuse('split of a text of more than 4096 bytes is not supported') ELSE l END"
    ),
    "oml_split(s, d)": f"coalesce(oml_short(string_split(s, d)), {_EMPTY})",
    "oml_split_part(s, d, kv, n)": (
        "coalesce(oml_short(list_transform(list_filter(string_split(s, d), lambda x: contains(x, kv)),"
        f" lambda x: split_part(x, kv, n))), {_EMPTY})"
    ),
    # the elements whose key (n = 1) or value (n = 2) is none of the texts between commas
    "oml_except(l, texts, n)": (
        "CASE WHEN texts IS NOT NULL THEN"
        " list_filter(l, lambda x: NOT list_contains(string_split(texts, ','), split_part(x, ':', n))) END"
    ),
    # an empty part is NULL; without a delimiter each byte is a part
    "oml_split_array(s, d)": (
        "CASE WHEN d IS NULL THEN NULL WHEN d = '' AND strlen(s) <> length(s)"
        " THEN oml_refuse('split_array into the bytes of a text that is not ASCII is not supported')"
        " ELSE list_transform(CASE WHEN s = '' THEN [s] ELSE string_split(s, d) END,"
        " lambda x: nullif(x, '')) END"
    ),
    # the delimiter stands before each element but the first; a NULL goes away together with its delimiter
    "oml_array_join(a, d)": (
        "CASE WHEN a IS NOT NULL THEN coalesce(array_to_string(list_transform(a, lambda x, i:"
        " CASE WHEN i = 1 THEN coalesce(x, '') ELSE coalesce(coalesce(d, '') || x, '') END), ''), '') END"
    ),
    # array_combine: texts so far (t) with the number of NULLs in them (n), each with each element
    "oml_combine_first(a)": (
        f"list_transform(coalesce(a, {_EMPTY}), lambda x: {{'t': coalesce(x, ''), 'n': CAST(x IS NULL AS INTEGER)}})"
    ),
    "oml_combine(found, a, d)": (
        f"flatten(list_transform(found, lambda p: list_transform(coalesce(a, {_EMPTY}), lambda x:"
        " {'t': CASE WHEN x IS NULL THEN p.t ELSE p.t || coalesce(d, '') || x END,"
        " 'n': p.n + CAST(x IS NULL AS INTEGER)})))"
    ),
    # OpenMLDB then shortens the result by the number of NULLs that it met, from the end
    "oml_combined(found)": (
        "list_transform([found], lambda f: list_transform([coalesce(list_sum(list_transform(f, lambda p: p.n)), 0)],"
        " lambda n: CASE WHEN n > len(f) THEN oml_refuse('array_combine of more NULLs than texts is not supported')"
        " ELSE list_transform(f[1:len(f) - n], lambda p: p.t) END)[1])[1]"
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
    if values[0].is_null:
        # a list that no function takes
        return Value(split_sql(name, "CAST(NULL AS VARCHAR)", values[1:]), ListType(NULL), constant=constant)
    return Value(split_sql(name, values[0].sql, values[1:]), TEXTS, constant=constant)


def _at(values: list[Value]) -> Value:
    if not values[1].is_literal:
        raise UnsupportedError("at with an offset that is not a literal")
    place = int(values[1].literal)
    index = place + 1 if place >= 0 else place
    return Value(f"({values[0].sql})[{index}]", STRING, constant=values[0].constant)


def _join(values: list[Value]) -> Value:
    if not values[1].is_literal:
        raise UnsupportedError("join with a delimiter that is not a literal")
    return Value(f"array_to_string({values[0].sql}, {values[1].sql})", STRING, constant=values[0].constant)


def array(elements: list[Value], element: Type | None) -> Value:
    """An array literal; ``element`` is the type written before it, else its elements agree on one.

    Raises:
        SqlError: they cannot.
    """
    from dsflow.embedded.compiler.operators import compatible_type

    if element is None:
        element = NULL
        for value in elements:
            element = compatible_type(element, value.type)
    if not (isinstance(element, ColumnType) or element == NULL):
        raise UnsupportedError(f"an array of {element}")
    listed = ", ".join(cast(value, element).sql if element != NULL else "NULL" for value in elements)
    type_ = ArrayType(element)
    return Value(f"CAST([{listed}] AS {sql_type(type_)})", type_, constant=all(v.constant for v in elements))


def _contains(found: Value, value: Value) -> Value:
    """Whether an array has a value. NULL is found among NULLs, and as the type's default value (0 or '')."""
    a, x = found.sql, value.sql
    has_null = f"len(list_filter({a}, lambda e: e IS NULL)) > 0"
    default = f"list_contains({a}, {default_of(value.type)})"
    if not value.column:
        # what a NULL holds that was computed is not certain
        refusal = (
            "oml_refuse('whether a computed NULL is in an array with the default value of its type is not certain')"
        )
        default = f"coalesce(CASE WHEN {default} THEN {refusal} END, false)"
    one = f"list_contains({a}, {x})"
    if value.type in FLOATS:
        one = f"({one} AND NOT isnan({x}))"
    sql = (
        f"CASE WHEN {a} IS NULL THEN CAST(NULL AS BOOLEAN) WHEN {x} IS NOT NULL THEN {one}"
        f" WHEN {has_null} THEN true ELSE {default} END"
    )
    return Value(sql, BOOL, constant=found.constant and value.constant)


def _array_contains(values: list[Value]) -> Value:
    return _contains(values[0], values[1])


def _is_in(values: list[Value]) -> Value:
    return _contains(values[1], values[0])


def _array_combine(values: list[Value]) -> Value:
    delimiter, *arrays = values
    if not arrays:
        raise SqlError("array_combine takes at least one array")
    found = ""
    for value in arrays:
        if not isinstance(value.type, ArrayType) or value.type.element == NULL:
            raise SqlError(f"array_combine takes arrays, not {value.type}")
        texts = value.sql
        if value.type.element is not STRING:
            texts = f"list_transform({texts}, lambda y: {to_string(Value('y', value.type.element)).sql})"
        found = f"oml_combine({found}, {texts}, {delimiter.sql})" if found else f"oml_combine_first({texts})"
    return Value(f"oml_combined({found})", TEXT_ARRAY, constant=all(v.constant for v in values))


_ELEMENTS = tuple(ColumnType)


FUNCTIONS: dict[str, Entry] = {
    "make_tuple": Refused("no expression takes a tuple"),
    "split": [Overload((t, STRING), None, lambda values: _split("split", values)) for t in (STRING, NULL)],
    "split_by_key": [
        Overload((t, STRING, STRING), None, lambda values: _split("split_by_key", values)) for t in (STRING, NULL)
    ],
    "split_by_value": [
        Overload((t, STRING, STRING), None, lambda values: _split("split_by_value", values)) for t in (STRING, NULL)
    ],
    "join": [Overload((TEXTS, STRING), None, _join)],
    "list_except_by_key": [Overload((TEXTS, STRING), TEXTS, "oml_except({0}, {1}, 1)")],
    "list_except_by_value": [Overload((TEXTS, STRING), TEXTS, "oml_except({0}, {1}, 2)")],
    "split_array": [Overload((STRING, STRING), TEXT_ARRAY, "oml_split_array({0}, {1})")],
    "array_join": [Overload((TEXT_ARRAY, STRING), STRING, "oml_array_join({0}, {1})")],
    "array_contains": [Overload((ArrayType(t), t), None, _array_contains) for t in _ELEMENTS],
    "isin": [Overload((t, ArrayType(t)), None, _is_in) for t in _ELEMENTS],
    "array_combine": [Overload((STRING,), None, _array_combine, variadic=True)],
    "size": [Overload((TEXTS,), INT, "CAST(len({0}) AS INTEGER)")],
    **named(("at", "lag"), [Overload((TEXTS, t), None, _at) for t in INTEGERS]),
}

LIST_FUNCTIONS = frozenset(
    (
        *("split", "split_by_key", "split_by_value", "list_except_by_key", "list_except_by_value"),
        *("window_split", "window_split_by_key", "window_split_by_value"),
    )
)
"""The functions that give a list of texts."""
