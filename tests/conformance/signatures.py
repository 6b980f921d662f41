"""Calls of every function and operator with every type of argument, to ask two compilers what they make of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

COLUMNS = {
    "b": "bool", "s": "smallint", "i": "int", "l": "bigint", "f": "float", "d": "double", "v": "string",
    "ts": "timestamp", "dt": "date",
}  # fmt: skip
KEYS = ("i", "v", "dt", "ts", "d")
ANY = (*COLUMNS, "NULL")
SOME = ("i", "d", "v", "dt", "NULL")

_ONE = """abs acos asin atan bigint binary_label bool ceil ceiling char char_length character_length concat
    continuous cos cot csv date day dayofmonth dayofweek dayofyear degrees discrete double exp
    farm_fingerprint float float32 float64 floor gcformat hash64 hex hour i16 i32 i64 identity inc int int16 int32 int64
    integer is_null isnull json_array_length last_day lcase libsvm ln log log10 log2 lower map map_keys
    minute month multiclass_label radians regression_label reverse round second sin size smallint sqrt
    string tan timestamp truncate ucase unhex unix_timestamp upper varchar week weekofyear year now"""
_TWO = """add add_months array_contains array_join array_combine atan atan2 concat concat_ws date_format
    datediff get_json_object if_null ifnull ilike_match isin join like_match list_except_by_key
    list_except_by_value locate log make_tuple map maximum minimum nvl pmod pow power regexp_like
    replace round split split_array strcmp substr substring"""
_CONTAINERS = "array_contains array_join array_combine isin join list_except_by_key list_except_by_value"
_THREE = """concat_ws ilike_match like_match locate nvl2 regexp_like replace split_by_key split_by_value substr
    substring"""
_OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "DIV",
    "%",
    "&",
    "|",
    "^",
    "=",
    "<",
    "<>",
    "AND",
    "OR",
    "XOR",
    "LIKE",
    "ILIKE",
    "RLIKE",
)
_TYPES = (
    "bool", "smallint", "int", "bigint", "float", "float32", "double", "float64", "string", "varchar", "timestamp",
    "date", "boolean",
)  # fmt: skip

_ONE_ROWS = """avg count distinct_count drawdown entropy first_value last_value max median min std stddev
    stddev_pop stddev_samp sum top1_ratio var_pop var_samp variance"""
_CATES = ("avg", "count", "max", "min", "sum")


def scalars() -> Iterator[str]:
    """Expressions over one row."""
    for name in _ONE.split():
        yield f"`{name}`()"
        yield from (f"`{name}`({a})" for a in ANY)
    for name in _TWO.split():
        yield from (f"`{name}`({a}, {b})" for a, b in itertools.product(ANY, ANY))
    for name in _CONTAINERS.split():
        yield f"`{name}`(split(v, ','), 'a')"
        yield f"`{name}`(split_array(v, ','), 'a')"
        yield from (f"`{name}`({a}, [{b}])" for a, b in itertools.product(ANY, ANY))
        yield from (f"`{name}`([{a}], {b})" for a, b in itertools.product(SOME, SOME))
    for name in _THREE.split():
        yield from (f"`{name}`({', '.join(c)})" for c in itertools.product(SOME, repeat=3))
    yield from (f"earth_distance({', '.join(c)})" for c in itertools.product(("i", "v", "NULL"), repeat=4))
    for a, b in itertools.product(ANY, ANY):
        yield from (f"{a} {sign} {b}" for sign in _OPERATORS)
        yield f"CASE WHEN b THEN {a} ELSE {b} END"
        yield f"CASE {a} WHEN {b} THEN 1 ELSE 2 END"
        yield f"{a} IN ({b})"
        yield f"{a} BETWEEN {b} AND {b}"
        yield f"map({a}, {b})[{a}]"
    for a in ANY:
        yield from (f"-{a}", f"~{a}", f"NOT {a}", f"CASE WHEN {a} THEN 1 ELSE 2 END")
        yield from (f"CAST({a} AS {type_})" for type_ in _TYPES)
        yield from (f"{kind}(discrete({a}, 10))" for kind in ("csv", "libsvm", "gcformat"))


def aggregates() -> Iterator[str]:
    """Aggregate calls, without their OVER."""
    yield from ("count(*)", "count_where(*, b)")
    for name in _ONE_ROWS.split():
        yield from (f"{name}({a})" for a in ANY)
        yield f"{name}(split(v, ','))"
    for a in ANY:
        for name in _CATES:
            yield from (f"{name}_where({a}, {c})" for c in ("b", "i > 1", "i", "NULL"))
            for k in COLUMNS:
                yield f"{name}_cate({a}, {k})"
                yield f"{name}_cate_where({a}, b, {k})"
            for k, n in itertools.product(KEYS, ("2", "2L", "1.5")):
                yield f"top_n_key_{name}_cate_where({a}, b, {k}, {n})"
                yield f"top_n_value_{name}_cate_where({a}, b, {k}, {n})"
        for k in KEYS:
            yield f"top_n_key_ratio_cate({a}, b, {k}, 2)"
            yield f"top_n_value_ratio_cate({a}, b, {k}, 2)"
        yield from (f"{name}({a}, {n})" for name in ("lag", "at", "top", "topn_frequency") for n in ("1", "1L", "'1'"))
        yield from (f"ew_avg({a}, {n})" for n in ("0.5", "1", "0.5f"))
        yield from (f"nth_value_where({a}, {n}, b)" for n in ("1", "-1"))
        yield from (f"{name}({a}, {n})" for name in ("first_value", "last_value") for n in ("true", "1"))
        yield f"window_split({a}, ',')"
        yield f"`join`(window_split({a}, ','), ',')"
        yield f"`join`(window_split_by_key({a}, ',', ':'), ',')"
        yield f"size(window_split_by_value({a}, ',', ':'))"
