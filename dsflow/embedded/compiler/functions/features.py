"""Feature signatures: continuous, discrete, labels, and the formats csv, libsvm and gcformat."""

from __future__ import annotations

import struct
from collections.abc import Callable

from dsflow.embedded.compiler.functions.hashing import fingerprint64, hash_sql
from dsflow.embedded.compiler.functions.registry import Entry, Overload
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    FLOATS,
    INT,
    INTEGERS,
    NUMBERS,
    STRING,
    TIMESTAMP,
    FeatureType,
    Type,
    Value,
)
from dsflow.embedded.errors import SqlError

MACROS = {
    "oml_fixed(x)": (
        "CASE WHEN isnan(x) THEN 'nan' WHEN isinf(x) THEN (CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END)"
        " WHEN abs(x) >= 1e38 THEN oml_refuse('a number of more than 38 digits in a text is not supported')"
        # DuckDB prints the first 17 digits only
        " WHEN abs(x) >= 9007199254740992 THEN CAST(CAST(x AS HUGEINT) AS VARCHAR) || '.000000'"
        " ELSE printf('%f', CAST(x AS DOUBLE)) END"
    ),
    # the hash as an unsigned number, modulo n
    "oml_bucket(h, n)": (
        "CASE WHEN n > 0 THEN CAST(((h::HUGEINT + 18446744073709551616) % 18446744073709551616) % n AS BIGINT) END"
    ),
}


def _number_text(value: Value) -> str:
    if value.type in FLOATS:
        return f"oml_fixed({value.sql})"
    if value.type is BOOL:
        return f"CASE WHEN {value.sql} THEN '1' WHEN NOT {value.sql} THEN '0' END"
    return f"CAST({value.sql} AS VARCHAR)"


def _feature(kind: str, text: str, value: Value, *notes: str) -> Value:
    return Value("NULL", FeatureType(kind), constant=value.constant, notes=(text, *notes))


def _number_feature(kind: str) -> Callable[[list[Value]], Value]:
    return lambda values: _feature(kind, _number_text(values[0]), values[0])


def _discrete(values: list[Value]) -> Value:
    hashed = hash_sql(values[0].sql, str(values[0].type))
    if len(values) == 1:
        return _feature("discrete", f"CAST({hashed} AS VARCHAR)", values[0])
    size = values[1].sql
    place = f"oml_bucket({hashed}, {size})"
    return _feature("discrete", f"CAST({place} AS VARCHAR)", values[0], place, size)


def _checked(name: str, values: list[Value]) -> list[tuple[str, Value]]:
    found = []
    for value in values:
        if not isinstance(value.type, FeatureType):
            raise SqlError(f"{name} takes features only, not {value.type}")
        found.append((value.type.kind, value))
    return found


def _answer(sql: str, values: list[Value]) -> Value:
    return Value(sql, STRING, constant=all(v.constant for v in values))


def _csv(values: list[Value]) -> Value:
    texts = [f"coalesce({value.notes[0]}, '')" for _, value in _checked("csv", values)]
    return _answer(f"({' || chr(44) || '.join(texts)})" if texts else "''", values)


def _gcformat(values: list[Value]) -> Value:
    label, parts, slot = "''", [], 0
    for kind, value in _checked("gcformat", values):
        text = value.notes[0]
        if kind.endswith("label"):
            label = f"coalesce({text}, '')"
            continue
        slot += 1
        # a continuous feature is named by the hash of its slot
        middle = f":{fingerprint64(struct.pack('<q', slot))}:" if kind == "continuous" else ":"
        parts.append(f"'{slot}{middle}' || {text}")
    features = f"concat_ws(' ', {', '.join(parts)})" if parts else "''"
    return _answer(f"({label} || ' | ' || {features})", values)


def _libsvm(values: list[Value]) -> Value:
    label, parts, slots = "''", [], ["1"]
    for kind, value in _checked("libsvm", values):
        text = value.notes[0]
        slot = f"({' + '.join(slots)})"
        if kind.endswith("label"):
            label = f"coalesce({text}, '')"
        elif kind == "continuous":
            parts.append(f"CAST({slot} AS VARCHAR) || ':' || {text}")
            slots.append("1")
        elif len(value.notes) == 1:
            parts.append(f"{text} || ':1'")
        else:
            place, size = value.notes[1:]
            parts.append(f"CAST({slot} + {place} AS VARCHAR) || ':1'")
            slots.append(f"greatest(coalesce(CAST({size} AS BIGINT), 0), 0)")
    features = f"concat_ws(' ', {', '.join(parts)})" if parts else "''"
    return _answer(f"concat_ws(' ', nullif({label}, ''), nullif({features}, ''))", values)


_DISCRETE: tuple[Type, ...] = (BOOL, *INTEGERS, STRING, TIMESTAMP, DATE)

FUNCTIONS: dict[str, Entry] = {
    "continuous": [Overload((t,), None, _number_feature("continuous")) for t in NUMBERS],
    "discrete": [Overload((t, *size), None, _discrete) for t in _DISCRETE for size in ((), (INT,), (BIGINT,))],
    "binary_label": [Overload((BOOL,), None, _number_feature("binary_label"))],
    "multiclass_label": [Overload((t,), None, _number_feature("multiclass_label")) for t in (BOOL, *INTEGERS)],
    "regression_label": [Overload((t,), None, _number_feature("regression_label")) for t in NUMBERS],
    "csv": [Overload((), None, _csv, variadic=True)],
    "gcformat": [Overload((), None, _gcformat, variadic=True)],
    "libsvm": [Overload((), None, _libsvm, variadic=True)],
}
