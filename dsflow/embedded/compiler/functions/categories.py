"""Aggregates that answer with a text: by category (``*_cate``, ``top_n_*``), ``topn_frequency``, ``top``; and others
that look at the whole list of a frame's values.

The frame's rows are collected in a list; what OpenMLDB keeps in a map is computed from it by list functions.
"""

from __future__ import annotations

from collections.abc import Callable

from dsflow.embedded.compiler.aggregates import Aggregate, Part, Result, answer, ordered
from dsflow.embedded.compiler.functions.arrays import TEXTS, split_sql
from dsflow.embedded.compiler.functions.registry import Entry, Fold, named
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    STRING,
    TIMESTAMP,
    ListType,
    Type,
    Value,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

_KEYS: tuple[Type, ...] = (*INTEGERS, DATE, TIMESTAMP, STRING)
_NUMBERS: tuple[Type, ...] = (*INTEGERS, *FLOATS)
_LISTED: tuple[Type, ...] = (*_NUMBERS, DATE, TIMESTAMP, STRING)

MACROS = {
    "oml_entries(l)": (
        "CASE WHEN len(array_to_string(l, ',')) + 1 > 4096"
        " THEN oml_refuse('a result of more than 4096 bytes is not supported')"
        " ELSE coalesce(array_to_string(l, ','), '') END"
    ),
    # 0 and -0 are one key, printed as the newest of them
    "oml_one_zero(l)": (
        "list_transform([list_filter(l, lambda y: y = 0)[-1]], lambda z:"
        " list_transform(l, lambda x: CASE WHEN x = 0 THEN z ELSE x END))[1]"
    ),
    "oml_ordered(x)": "CASE WHEN isnan(x) THEN oml_refuse('the order of NaN is not supported') ELSE x END",
    # newest first: sum of weights and of weighted values, the weight shrinking by 1 - alpha
    "oml_ew_avg(l, a)": (
        "list_transform([list_reverse(l)], lambda v:"
        " list_sum(list_transform(v, lambda x, i: x * pow(1 - a, i - 1)))"
        " / nullif(list_sum(list_transform(v, lambda x, i: pow(1 - a, i - 1))), 0))[1]"
    ),
    # The largest fall from a value to a later one, as a part of it. Newest first: the largest fall (f) and the least
    # value (m) so far, which begins as the type's largest. A NaN is less than nothing and becomes the least.
    # The values are such pairs themselves: DuckDB 1.5 reduces a list to a value of its own type alone.
    "oml_drawdown(l, largest)": (
        "nullif(list_reduce(list_transform(list_reverse(l), lambda v: {'f': CAST(-1 AS DOUBLE), 'm': v}), lambda s, x:"
        " CASE WHEN s.m < x.m AND NOT isnan(CAST(x.m AS DOUBLE)) AND NOT isnan(CAST(s.m AS DOUBLE)) THEN {'f':"
        " CASE WHEN isnan(CAST(x.m - s.m AS DOUBLE) / x.m) THEN s.f ELSE greatest(s.f, CAST(x.m - s.m AS DOUBLE) / x.m)"
        " END, 'm': s.m} ELSE {'f': greatest(s.f, 0), 'm': x.m} END, {'f': CAST(-1 AS DOUBLE), 'm': largest}).f, -1)"
    ),
    # what a NaN leaves of the n largest: a NaN that is the newest takes all in, an older one is counted as the least of
    # the newer ones while there is room
    "oml_top_kept(l, n)": (
        "list_transform([list_reverse(l)], lambda v: list_reverse(CASE WHEN isnan(CAST(v[1] AS DOUBLE)) THEN"
        " list_transform(v[1:n], lambda x: v[1]) ELSE list_filter(list_transform(v, lambda x, i:"
        " CASE WHEN NOT isnan(CAST(x AS DOUBLE)) THEN x WHEN i <= n THEN"
        " list_min(list_filter(v[1:i], lambda y: NOT isnan(CAST(y AS DOUBLE)))) END), lambda x: x IS NOT NULL) END))[1]"
    ),
    # the newest first; a NaN stays when it comes first and replaces nothing
    "oml_first_or(l, least)": "CASE WHEN isnan(l[-1]) THEN l[-1] ELSE least END",
}


def text_of(sql: str, type_: Type) -> str:
    """A value as these functions print it: floats with six decimals."""
    if type_ in FLOATS:
        return f"oml_fixed({sql})"
    if type_ is DATE:
        return f"oml_date_to_text({sql})"
    if type_ is TIMESTAMP:
        return f"oml_timestamp_to_text({sql})"
    if type_ is BOOL:
        raise UnsupportedError("a bool in this aggregate")
    return sql if type_ is STRING else f"CAST({sql} AS VARCHAR)"


def _condition(name: str, value: Value) -> str:
    if value.type is not BOOL:
        raise SqlError(f"the condition of {name} must be bool, not {value.type}")
    return value.sql


def _bound(name: str, value: Value, types: tuple[Type, ...]) -> int:
    if value.type not in types:
        raise SqlError(f"{name} does not take {value.type} as its number")
    if not value.is_literal:
        raise UnsupportedError(f"{name} with a number that is not a literal")
    return int(value.literal)


def _folded(operation: str, values: str, type_: Type) -> str:
    """The value of one category from the list of its values, in the order in which OpenMLDB adds them up."""
    newest_first = f"list_reverse({values})"
    if operation == "count":
        return f"len({values})"
    if operation == "ratio":
        return f"(CAST(len(list_filter({values}, lambda n: n)) AS DOUBLE) / len({values}))"
    if operation == "avg":
        numbers = f"list_transform({newest_first}, lambda n: CAST(n AS DOUBLE))"
        return f"(list_reduce({numbers}, lambda p, q: p + q) / len({values}))"
    if operation in ("min", "max") and type_ in FLOATS:
        numbers = f"list_filter({values}, lambda n: NOT isnan(n))"
        return f"oml_first_or({values}, list_{operation}({numbers}))"
    if operation in ("min", "max"):
        return f"list_{operation}({values})"
    if type_ is FLOAT:
        return f"list_reduce({newest_first}, lambda p, q: CAST(p + q AS FLOAT))"
    if type_ is DOUBLE:
        return f"list_reduce({newest_first}, lambda p, q: p + q)"
    suffix = "" if type_ is BIGINT else "_huge"
    return f"oml_wrap_{type_}{suffix}(list_sum({values}))"


def _operation(name: str) -> str:
    return next(word for word in ("count", "sum", "avg", "min", "max", "ratio") if word in name)


def _collected(name: str, value: Value, key: Value, condition: str | None) -> Part:
    allowed: tuple[Type, ...] = (BOOL, *_NUMBERS, STRING, DATE, TIMESTAMP)
    if value.type not in (allowed if _operation(name) in ("count", "ratio") else _NUMBERS):
        raise SqlError(f"{name} does not take {value.type} as its value")
    if key.type not in _KEYS:
        raise SqlError(f"{name} does not take {key.type} as its category")
    where = f"{value.sql} IS NOT NULL AND {key.sql} IS NOT NULL"
    kept = value.sql
    if _operation(name) == "ratio":
        # the part of a category's rows that meet the condition
        kept = f"coalesce({condition}, false)"
    elif condition:
        where += f" AND {condition}"
    return Part("list", f"{{'k': {key.sql}, 'v': {kept}}}", where, ordered=True)


def _by_category(name: str, values: list[Value]) -> Aggregate:
    """count_cate(value, category), count_cate_where(value, condition, category) and their like."""
    where = name.endswith("_where")
    _need(name, values, 3 if where else 2)
    value, key = values[0], values[-1]
    condition = _condition(name, values[1]) if where else None
    return _texts(name, value, key, condition, by_value=False, bound=None, descending=False)


def _top_by_category(name: str, values: list[Value]) -> Aggregate:
    """top_n_key_sum_cate_where(value, condition, category, n) and their like."""
    _need(name, values, 4)
    value, condition, key, number = values
    bound = _bound(name, number, (INT, BIGINT))
    by_value = name.startswith("top_n_value")
    return _texts(name, value, key, _condition(name, condition), by_value=by_value, bound=bound, descending=True)


def _texts(
    name: str, value: Value, key: Value, condition: str | None, *, by_value: bool, bound: int | None, descending: bool
) -> Aggregate:
    operation = _operation(name)
    result_type = {"count": BIGINT, "avg": DOUBLE, "ratio": DOUBLE}.get(operation, value.type)
    one = _folded(operation, "list_transform(list_filter(l, lambda e: e.k = y), lambda e: e.v)", value.type)
    keys = "list_distinct(list_transform(l, lambda e: e.k))"
    if by_value:
        if result_type in FLOATS:
            one = f"oml_ordered({one})"
        pairs = f"list_reverse_sort(list_transform({keys}, lambda y: {{'v': {one}, 'k': y}}))"
    else:
        sort = "list_reverse_sort" if descending else "list_sort"
        pairs = f"list_transform({sort}({keys}), lambda y: {{'v': {one}, 'k': y}})"
    if bound is not None and bound >= 0:
        pairs = f"({pairs})[1:{bound}]" if bound else f"list_filter({pairs}, lambda y: false)"
    entry = f"{text_of('z.k', key.type)} || ':' || {text_of('z.v', result_type)}"
    text = f"oml_entries(list_transform({pairs}, lambda z: {entry}))"
    part = _collected(name, value, key, condition)
    return Aggregate((part,), lambda rows: f"coalesce(list_transform([{rows}], lambda l: {text})[1], '')", STRING)


def _need(name: str, values: list[Value], count: int) -> None:
    if len(values) != count:
        raise SqlError(f"{name} takes {count} arguments, got {len(values)}")


def _over_keys(
    name: str, value: Value, allowed: tuple[Type, ...], body: Callable[[Type], str]
) -> tuple[tuple[Part, ...], Result]:
    """The parts and the result of an aggregate over the list ``l`` of the values that are not NULL."""
    if isinstance(value.type, ListType):
        return (), answer(f"list_transform([{value.sql}], lambda l: {body(value.type.element)})[1]")
    if value.type not in allowed:
        raise SqlError(f"{name} does not take {value.type}")
    value, type_ = ordered(name, value), value.type

    def result(values: str) -> str:
        keys = f"oml_one_zero({values})" if type_ in FLOATS else values
        return f"list_transform([{keys}], lambda l: {body(type_)})[1]"

    return (Part("list", value.sql, values_only=True, ordered=True),), result


_COUNTED = "list_transform(list_distinct(l), lambda y: {'n': -len(list_filter(l, lambda e: e = y)), 'k': y})"


def _topn_frequency(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    count = min(_bound(name, values[1], (INT,)), 1024)
    if not isinstance(values[0].type, ListType) and values[0].type not in _LISTED:
        raise SqlError(f"{name} does not take {values[0].type}")
    if count < 0:
        raise UnsupportedError(f"{name} with a negative number")
    if count == 0:
        return Aggregate((), answer("''"), STRING)
    padding = ", ".join(["'NULL'"] * count)

    def body(type_: Type) -> str:
        texts = f"list_transform(list_sort({_COUNTED}), lambda z: {text_of('z.k', type_)})"
        return f"array_to_string(list_concat({texts}, [{padding}])[1:{count}], ',')"

    parts, found = _over_keys(name, values[0], _LISTED, body)
    if not parts:
        # a frame whose lists are all empty gives the empty text
        sql = f"CASE WHEN len({values[0].sql}) > 0 THEN {found()} END"
        return Aggregate((), answer(f"coalesce({sql}, '')"), STRING)

    def result(listed: str, rows: str) -> str:
        # without any row it is the empty text, with nothing but NULL it is padded
        return f"CASE WHEN {rows} > 0 THEN coalesce({found(listed)}, array_to_string([{padding}], ',')) ELSE '' END"

    return Aggregate((*parts, Part("count", "*")), result, STRING)


def _top1_ratio(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    counts = "list_max(list_transform(list_distinct(l), lambda y: len(list_filter(l, lambda e: e = y))))"
    parts, found = _over_keys(name, values[0], _LISTED, lambda _: f"CAST({counts} AS DOUBLE) / len(l)")
    return Aggregate(parts, lambda *listed: f"coalesce({found(*listed)}, 0::DOUBLE)", DOUBLE)


def _entropy(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 1)
    if not isinstance(values[0].type, ColumnType):
        raise SqlError(f"{name} does not take {values[0].type}")
    share = "len(list_filter(l, lambda e: e = y)) / CAST(len(l) AS DOUBLE)"
    total = f"list_sum(list_transform(list_transform(list_distinct(l), lambda y: {share}), lambda p: -p * log2(p)))"
    part = Part("list", ordered(name, values[0]).sql, values_only=True, ordered=True)
    return Aggregate((part,), lambda listed: f"list_transform([{listed}], lambda l: {total})[1]", DOUBLE)


def _top(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2)
    value = values[0]
    bound = _bound(name, values[1], (INT, BIGINT))
    if value.type not in _LISTED:
        raise SqlError(f"{name} does not take {value.type}")
    if bound <= 0:
        raise UnsupportedError(f"{name} with a number that is not positive")
    texts = f"list_transform(list_reverse_sort(l)[1:{bound}], lambda z: {text_of('z', value.type)})"

    def result(listed: str) -> str:
        kept = f"oml_one_zero(oml_top_kept({listed}, {bound}))" if value.type in FLOATS else listed
        return f"coalesce(list_transform([{kept}], lambda l: array_to_string({texts}, ','))[1], '')"

    return Aggregate((Part("list", value.sql, values_only=True, ordered=True),), result, STRING)


def _window_split(name: str, values: list[Value]) -> Aggregate:
    _need(name, values, 2 if name == "window_split" else 3)
    value = values[0]
    if value.type is not STRING or any(v.type is not STRING for v in values[1:]):
        raise SqlError(f"{name} takes texts only")
    one = split_sql(name, "x", values[1:])
    part = Part("list", value.sql, values_only=True, ordered=True)

    def result(texts: str) -> str:
        flat = f"oml_short(flatten(list_transform(list_reverse({texts}), lambda x: {one})))"
        return f"coalesce({flat}, CAST([] AS VARCHAR[]))"

    return Aggregate((part,), result, TEXTS)


_CATES = [f"{word}_cate" for word in ("count", "sum", "avg", "min", "max")]

FUNCTIONS: dict[str, Entry] = {
    **named([*_CATES, *(f"{name}_where" for name in _CATES)], Fold(_by_category)),
    **named(
        [f"top_n_{what}_{name}_where" for what in ("key", "value") for name in _CATES]
        + [f"top_n_{what}_ratio_cate" for what in ("key", "value")],
        Fold(_top_by_category),
    ),
    "topn_frequency": Fold(_topn_frequency, of_lists=True, of_constants=False),
    "top1_ratio": Fold(_top1_ratio, of_lists=True),
    "entropy": Fold(_entropy),
    "top": Fold(_top),
    **named(("window_split", "window_split_by_key", "window_split_by_value"), Fold(_window_split)),
}
