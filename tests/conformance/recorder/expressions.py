"""The expressions whose values are recorded, and the rows that they are computed for: extremes of each type."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

SCHEMA = {
    "id": "int", "k": "string", "o": "timestamp", "b": "bool", "s": "smallint", "i": "int", "l": "bigint", "f": "float",
    "d": "double", "v": "string", "w": "string", "ts": "timestamp", "dt": "date",
}  # fmt: skip

_VALUES: tuple[tuple[Any, ...], ...] = (
    (True, 0, 0, 0, 0.0, 0.0, "a", "a", 0, "1970-01-01"),
    (False, 1, 1, 1, 1.5, 1.5, "a,b,c", ",", 1, "1900-01-01"),
    (None, None, None, None, None, None, None, None, None, None),
    (True, -1, -1, -1, -1.5, -2.5, "x:1,y:2", "b", 1590115420123, "2020-02-29"),
    (False, 32767, 2147483647, 2**63 - 1, 1e10, 1e10, "h\u00e9llo", "l", 1577807999999, "2020-12-31"),
    (True, -32768, -(2**31), -(2**63), -1e-10, 1e100, " 42 ", "42", 253402271999000, "2021-01-01"),
    (None, 7, 10, 2**53 + 1, 16777216.0, 9.3e18, "2020-05-22 10:43:40", "2020-05-22", 57600000, "9999-12-31"),
    (True, -7, -3, -1500, 123456.7, 999999.5, '{"a": [1, "x"]}', "/a", 57599999, "1999-12-31"),
    (False, 100, 65, 1590115420000, math.nan, math.nan, "0x1F", "0x1f", 86400000, "2000-01-31"),
    (True, 2, 2, 5, math.inf, -math.inf, "a%_c", "a\\%%", 1609430400000, "1969-12-31"),
    (False, 3, 3, -5, 0.1, 0.1, "TRUE", "(", 951782400000, "2024-12-30"),
    (True, 2, 2, 1000, 2.5, -1e300, "-1.5e3", ".*", 4102444800000, None),
)
ROWS = [(n + 1, "a", 1000 * (n + 1), *values) for n, values in enumerate(_VALUES)]

_ONE = """abs({n}) ceil({n}) floor({n}) truncate({n}) round({n}) exp({n}) sqrt({n}) ln({n}) log2({n}) log10({n})
    sin({n}) cos({n}) tan({n}) cot({n}) asin({n}) acos({n}) atan({n}) radians({n}) string({n}) bool({n})
    smallint({n}) int({n}) bigint({n}) float({n}) double({n}) timestamp({n}) hash64({n}) inc({n}) -{n}
    round({n},-1) round({n},2) round({n},i) pow({n},2) atan2({n},d) hex({n})"""
_MOMENTS = """year({m}) month({m}) day({m}) dayofweek({m}) weekofyear({m}) dayofyear({m}) last_day({m}) string({m})
    hash64({m})"""
_TEXTS = """char_length(v) concat(v,w) concat(d,f,b,ts,dt) concat_ws(w,v,i) replace(v,w,'+') replace(v,'a') strcmp(v,w)
    locate(w,v) locate('l',v,i) upper(concat(v,'x')) lcase(concat(v,'X')) hex(v) hash64(v) bool(v) smallint(v) int(v)
    bigint(v) float(v) double(v) date(v) timestamp(v) substring(v,2) substring(v,-2) substring(v,i,s) substr(v,2,2)
    hex(char(i)) reverse(concat('x',w)) get_json_object(v,w) json_array_length(get_json_object(v,w)) datediff(v,w)
    datediff(v,dt) add_months(dt,s) add_months(dt,1) last_day(dt) unix_timestamp(w) unix_timestamp(dt) degrees(d)
    earth_distance(d,f,i,s) regexp_like(v,w) regexp_like(v,w,'i') like_match(v,w) ilike_match(v,w,'#')
    isin(v,[w,'a']) array_contains(split_array(v,','),w) array_join(split_array(v,w),'-')
    array_join(array_combine(w,split_array(v,','),[i,s]),'|') map(v,i,w,s)[w] map(i,v)[s] isin(i,[s]) isin(d,[f,1.5])
    `join`(list_except_by_key(split(v,','),w),'+') `join`(list_except_by_value(split(v,','),w),'+')
    `join`(split(v,','),'+') size(split(v,'b')) at(split(v,','),1) `join`(split_by_key(v,',',':'),'+')
    `join`(split_by_value(v,',',':'),'+') isnull(v) ifnull(v,w) ifnull(i,l) ifnull(i,d) nvl2(v,i,d) minimum(i,d)
    maximum(v,w) minimum(f,d) pmod(s,7) csv(continuous(f),discrete(v,100),binary_label(b))
    libsvm(regression_label(i),continuous(l),discrete(dt,7)) gcformat(multiclass_label(s),continuous(f),discrete(v))"""
_PATTERNS = ("%", "_", "a%", "%b%", "a_c", "%,%", "TRU_", "\\\\%")
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%y %j %p %I", "%a %A %b %B", "%U %W %V %G %u %w", "%F %T %D %R %h", "%%", "")
_NUMBERS = ("b", "s", "i", "l", "f", "d")


def scalars() -> Iterator[str]:
    """Expressions over one row."""
    for n in _NUMBERS:
        yield from (template.format(n=n) for template in _ONE.split())
    for m in ("ts", "dt"):
        yield from (template.format(m=m) for template in _MOMENTS.split())
        yield from (f"date_format({m}, '{form}')" for form in _FORMATS)
    yield from (
        "hour(ts)",
        "minute(ts - 3600000)",
        "second(ts - 1500)",
        "date(ts)",
        "week(ts)",
        "hour(l)",
        "bigint(ts)",
    )
    yield from _TEXTS.split()
    for pattern in _PATTERNS:
        yield from (f"v {word} '{pattern}'" for word in ("LIKE", "ILIKE", "NOT LIKE"))
    for a, b in itertools.product(_NUMBERS, _NUMBERS):
        # DIV and % of the smallest number by -1 end OpenMLDB's process
        yield from (f"{a} {sign} {b}" for sign in ("+", "-", "*", "/", "=", "<", "<>"))
    yield from ("i DIV 7", "i % 7", "d % 7.5", "f % f", "~i", "i & s", "i | s", "i ^ s", "ts + i", "ts - i", "ts - s")
    yield from ("b AND i", "b OR d", "b XOR v", "NOT v", "i BETWEEN s AND d", "v IN (w, 'a')", "i IN (1, 2, NULL)")
    yield from (
        "v = i",
        "v < d",
        "ts = v",
        "dt = v",
        "CASE WHEN i > 1 THEN i WHEN b THEN d END",
        "CASE v WHEN w THEN 1 END",
    )


_ROWS_OF_ONE = """sum count avg max distinct_count median stddev stddev_pop var_samp var_pop drawdown entropy top1_ratio
    first_value last_value"""


def aggregates() -> Iterator[str]:
    """Aggregate calls, without their OVER, over all rows up to each."""
    whole = ("s", "i", "l")
    for c in (*whole, "v", "ts", "dt", "b", "f"):
        names = _ROWS_OF_ONE.split()
        few = {
            "b": ("count", "distinct_count", "entropy", "first_value"),
            "f": ("count", "distinct_count", "last_value"),
        }
        other = ("sum avg median stddev stddev_pop var_samp var_pop drawdown" if c in ("v", "ts", "dt") else "").split()
        yield from (f"{name}({c})" for name in few.get(c, names) if name not in other)
        yield from (f"{name}({c}, {n})" for name in ("lag", "at") for n in (0, 1, 3))
        if c not in ("b", "f"):
            yield from (f"{name}({c}, {n})" for name in ("top", "topn_frequency") for n in (1, 3))
    for c in whole:
        yield from (f"{name}_where({c}, b)" for name in ("count", "sum", "avg", "min", "max"))
        yield from (f"ew_avg({c}, {n})" for n in ("0.0", "0.3", "1.0"))
        for name, key in itertools.product(("count", "sum", "avg", "min", "max"), ("v", "s", "dt")):
            yield f"{name}_cate({c}, {key})"
            yield f"{name}_cate_where({c}, b, {key})"
            yield f"top_n_key_{name}_cate_where({c}, b, {key}, 2)"
            yield f"top_n_value_{name}_cate_where({c}, b, {key}, 2)"
    yield from ("nth_value_where(i, 2, b)", "nth_value_where(i, -1, b)", "top_n_key_ratio_cate(i, b, s, 2)", "count(*)")
    yield from ("`join`(window_split(v, ','), '+')", "count(window_split(v, ','))", "count_where(v, isin(v, [w, 'a']))")
    yield from ("`join`(window_split_by_key(v, ',', ':'), '+')", "topn_frequency(window_split(v, ','), 2)")
