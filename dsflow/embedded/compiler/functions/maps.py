"""Maps: map, map_keys, and the value of a key. No result can hold one; a subquery's column can."""

from __future__ import annotations

from dsflow.embedded.compiler.functions.cast import cast
from dsflow.embedded.compiler.functions.registry import Entry, Overload
from dsflow.embedded.compiler.values import FLOATS, NULL, ArrayType, MapType, Type, Value, null_of, sql_type
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

MACROS = {
    # of equal keys the first one counts
    "oml_map(keys, vals)": (
        "list_transform([list_filter(list_zip(keys, vals), lambda e: e[1] IS NOT NULL)], lambda l:"
        " {'k': list_transform(l, lambda e: e[1]), 'v': list_transform(l, lambda e: e[2])})[1]"
    ),
}


def _map(values: list[Value]) -> Value:
    from dsflow.embedded.compiler.operators import compatible_type

    if len(values) % 2:
        raise SqlError("map takes keys and values in turn: an even number of arguments")
    key: Type = NULL
    value: Type = NULL
    for k, v in zip(values[::2], values[1::2], strict=True):
        if not (isinstance(k.type, ColumnType) or k.is_null):
            raise SqlError(f"a key of a map cannot be {k.type}")
        if not (isinstance(v.type, ColumnType) or v.is_null):
            raise UnsupportedError(f"a map with values of the type {v.type}")
        key, value = compatible_type(key, k.type), compatible_type(value, v.type)
    if not values:
        return _empty(MapType(NULL, NULL))
    if NULL in (key, value):
        raise SqlError("the keys or the values of a map cannot be NULL alone")
    keys = ", ".join(cast(k, key).sql for k in values[::2])
    listed = ", ".join(cast(v, value).sql for v in values[1::2])
    constant = all(v.constant for v in values)
    return Value(f"oml_map([{keys}], [{listed}])", MapType(key, value), constant=constant)


def _empty(type_: MapType) -> Value:
    return Value(f"CAST({{'k': [], 'v': []}} AS {sql_type(type_)})", type_, constant=True)


def _map_keys(values: list[Value]) -> Value:
    type_ = values[0].type
    if not isinstance(type_, MapType):
        raise SqlError(f"map_keys takes a map, not {type_}")
    return Value(f"({values[0].sql}).k", ArrayType(type_.key), constant=values[0].constant)


def element(value: Value, key: Value) -> Value:
    """``map[key]``: NULL when there is no such key.

    Raises:
        SqlError: it is no map, or the key has another type than the map's.
    """
    if isinstance(value.type, ArrayType):
        raise SqlError("OpenMLDB gives no element of an array", hint="array_contains and array_join take it whole")
    if not isinstance(value.type, MapType):
        raise SqlError(f"{value.type} has no elements")
    if key.type != value.type.key:
        raise SqlError(f"the keys of the map are {value.type.key}, not {key.type}")
    found = f"({value.sql}).v[list_position(({value.sql}).k, {key.sql})]"
    if key.type in FLOATS:
        found = f"CASE WHEN NOT isnan({key.sql}) THEN {found} END"
    return Value(found, value.type.value, constant=value.constant and key.constant)


def cast_map(value: Value, target: MapType) -> Value:
    """CAST to a map type: of NULL, of ``map()``, and of a map that has this type.

    Raises:
        SqlError: it is something else.
    """
    if value.type == target:
        return value
    if value.is_null:
        return Value(null_of(target), target, constant=True)
    if value.type == MapType(NULL, NULL):
        return _empty(target)
    raise SqlError(f"{value.type} cannot be cast to {target}")


FUNCTIONS: dict[str, Entry] = {
    "map": [Overload((), None, _map, variadic=True)],
    "map_keys": [Overload((None,), None, _map_keys)],
}
