"""The aggregate functions over the rows of a frame, in the order in which OpenMLDB feeds them: newest first.

From ``hybridse/src/udf/default_udf_library.cc`` and ``hybridse/src/udf/default_defs``.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

BITS = {"smallint": 16, "int": 32, "bigint": 64, "timestamp": 64}
# what stands for NULL where a function does not look at the NULL flag
ZERO: dict[str, Any] = {"bool": False, "string": "", "date": "no date", "float": 0.0, "double": 0.0}

Values = Sequence[Any]


def wrapped(number: int, type_: str) -> int:
    """An integer as it comes out of a type's bits."""
    half = 1 << (BITS[type_] - 1)
    return (number + half) % (2 * half) - half


def as_float(number: float) -> float:
    """A number rounded to 32 bits."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def kept(values: Values) -> list[Any]:
    """The values that are not NULL."""
    return [v for v in values if v is not None]


def added(values: Values, type_: str) -> Any:
    """The sum of one or more values, in their own type."""
    if type_ in BITS:
        return wrapped(sum(values), type_)
    total = 0.0
    for value in values:
        total = as_float(total + value) if type_ == "float" else total + value
    return total


def text(value: Any, type_: str) -> str:
    """A value as the functions that give lists print it."""
    if type_ in ("float", "double"):
        return f"{value:f}"
    if type_ == "timestamp":
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=value, hours=8)
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    if type_ == "date":
        return str(value.isoformat())
    return str(value)


# ---- of one value; ``type_`` is its type


def agg_sum(values: Values, type_: str) -> Any:
    present = kept(values)
    return added(present, type_) if present else None


def agg_count(values: Values, type_: str) -> int:
    return len(kept(values))


def agg_avg(values: Values, type_: str) -> float | None:
    present = kept(values)
    return sum(float(v) for v in present) / len(present) if present else None


def _extreme(better: Callable[[Any, Any], bool], worst: Callable[[str], Any]) -> Callable[[Values, str], Any]:
    def function(values: Values, type_: str) -> Any:
        present = kept(values)
        found = worst(type_) if type_ in ("float", "double") else None
        for value in present:
            if found is None or better(value, found):
                found = value
        return found if present else None

    return function


def _largest(type_: str) -> float:
    return 3.4028234663852886e38 if type_ == "float" else 1.7976931348623157e308


agg_min = _extreme(lambda a, b: a < b, _largest)
agg_max = _extreme(lambda a, b: a > b, lambda type_: -_largest(type_))


def agg_distinct_count(values: Values, type_: str) -> int:
    seen: list[Any] = []
    for value in values:
        value = ZERO.get(type_, 0) if value is None else value
        if value not in seen:  # a NaN is in no list: it equals nothing
            seen.append(value if value == value else object())
    return len(seen)


def agg_median(values: Values, type_: str) -> float | None:
    present = sorted(kept(values))
    if not present:
        return None
    middle = len(present) // 2
    if len(present) % 2:
        return float(present[middle])
    total = present[middle - 1] + present[middle]
    # the two are added in their own type; smallint is added as int
    if type_ in ("int", "bigint"):
        total = wrapped(total, type_)
    elif type_ == "float":
        total = as_float(total)
    return total / 2.0


def _spread(values: Values, less: int, root: bool) -> float | None:
    present = [float(v) for v in kept(values)]
    if len(present) <= less:
        return None
    mean = sum(present) / len(present)
    found = sum((v - mean) ** 2 for v in present) / (len(present) - less)
    return math.sqrt(found) if root else found


def agg_stddev(values: Values, type_: str) -> float | None:
    return _spread(values, 1, True)


def agg_stddev_pop(values: Values, type_: str) -> float | None:
    return _spread(values, 0, True)


def agg_var_samp(values: Values, type_: str) -> float | None:
    return _spread(values, 1, False)


def agg_var_pop(values: Values, type_: str) -> float | None:
    return _spread(values, 0, False)


def agg_entropy(values: Values, type_: str) -> float | None:
    present = kept(values)
    shares = [present.count(v) / len(present) for v in set(present)]
    return sum(-share * math.log2(share) for share in shares) if present else None


def agg_top1_ratio(values: Values, type_: str) -> float:
    present = kept(values)
    return max(present.count(v) for v in present) / len(present) if present else 0.0


def agg_drawdown(values: Values, type_: str) -> float | None:
    lowest, found = math.inf, -1.0
    for value in kept(values):
        if value < 0:
            continue
        fall = 0.0
        if lowest < value:
            fall = (value - lowest) / value
        else:
            lowest = value
        found = max(found, fall)
    return found if found >= 0 else None


def agg_first_value(values: Values, type_: str) -> Any:
    return values[-1] if values else None


def agg_last_value(values: Values, type_: str) -> Any:
    return values[0] if values else None


ONE_VALUE: dict[str, Callable[[Values, str], Any]] = {
    name.removeprefix("agg_"): function for name, function in list(globals().items()) if name.startswith("agg_")
}


# ---- with a number


def ew_avg(values: Values, alpha: float) -> float | None:
    total = weights = 0.0
    weight = 1.0
    for value in kept(values):
        total, weights, weight = total + weight * value, weights + weight, weight * (1 - alpha)
    return total / weights if weights else None


def topn_frequency(values: Values, type_: str, count: int) -> str:
    if not values:
        return ""
    present = kept(values)
    ranked = sorted(set(present), key=lambda v: (-present.count(v), v))[:count]
    return ",".join([*(text(v, type_) for v in ranked), *["NULL"] * (count - len(ranked))])


def top(values: Values, type_: str, count: int) -> str:
    return ",".join(text(v, type_) for v in sorted(kept(values), reverse=True)[:count])


# ---- with a condition


def count_where(values: Values, conditions: Values) -> int:
    return len(kept([v for v, c in zip(values, conditions, strict=True) if c]))


def chosen(values: Values, conditions: Values) -> list[Any]:
    """What sum_where and avg_where add up: they ask for "value AND condition", so a zero is passed over."""
    return [v for v, c in zip(values, conditions, strict=True) if c and v]


def _extreme_where(better: Callable[[Any, Any], bool]) -> Callable[[Values, Values], Any]:
    def function(values: Values, conditions: Values) -> Any:
        found = None
        for value, condition in zip(values, conditions, strict=True):
            if condition and value is not None and (found is None or better(value, found)):
                found = value
        return found

    return function


min_where = _extreme_where(lambda a, b: a < b)
max_where = _extreme_where(lambda a, b: a > b)


def nth_value_where(values: Values, conditions: Values, nth: int) -> Any:
    matched = [v for v, c in zip(values, conditions, strict=True) if c]
    if nth == 0 or abs(nth) > len(matched):
        return None
    return matched[-nth] if nth > 0 else matched[-nth - 1]


# ---- by category


def by_category(operation: str, entries: Sequence[tuple[Any, Any, Any]], value_type: str) -> list[tuple[Any, Any]]:
    """Pairs of category and aggregate, by category. Entries are (value, condition, category), newest first."""
    groups: dict[Any, list[tuple[Any, Any]]] = {}
    for value, condition, category in entries:
        if value is None or category is None or (operation != "ratio" and not condition):
            continue
        groups.setdefault(category, []).append((value, condition))
    return [(k, _of_category(operation, groups[k], value_type)) for k in sorted(groups)]


def _of_category(operation: str, group: list[tuple[Any, Any]], value_type: str) -> Any:
    values = [value for value, _ in group]
    if operation == "count":
        return len(values)
    if operation == "ratio":
        return sum(1 for _, condition in group if condition) / len(group)
    if operation == "avg":
        return sum(float(v) for v in values) / len(values)
    if operation == "sum":
        return added(values, value_type)
    return min(values) if operation == "min" else max(values)


def category_text(pairs: Sequence[tuple[Any, Any]], key_type: str, value_type: str) -> str:
    return ",".join(f"{text(k, key_type)}:{text(v, value_type)}" for k, v in pairs)


def top_n(pairs: Sequence[tuple[Any, Any]], count: int, *, by_value: bool) -> list[tuple[Any, Any]]:
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]) if by_value else pair[0], reverse=True)[:count]
