"""FarmHash's Fingerprint64, which hash64 and discrete use; DuckDB has no function for it, so it is a Python function.

The algorithm is published at https://github.com/google/farmhash (namespace ``farmhashna``).
"""

from __future__ import annotations

import datetime as dt
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(data: bytes) -> int:
    """The fingerprint of some bytes, as a signed number of 64 bits."""
    size = len(data)
    if size <= 16:
        value = _to_16(data)
    elif size <= 32:
        value = _to_32(data)
    elif size <= 64:
        value = _to_64(data)
    else:
        value = _longer(data)
    return value - (1 << 64) if value >> 63 else value


def _at(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return ((value >> by) | (value << (64 - by))) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _pair(u: int, v: int, by: int) -> int:
    a = _mix(((u ^ v) & _MASK) * by)
    b = _mix(((v & _MASK) ^ a) * by)
    return (b * by) & _MASK


def _to_16(data: bytes) -> int:
    size = len(data)
    by = _K2 + size * 2
    if size >= 8:
        a, b = (_at(data, 0) + _K2) & _MASK, _at(data, size - 8)
        return _pair(_rotate(b, 37) * by + a, (_rotate(a, 25) + b) * by, by)
    if size >= 4:
        a, b = int.from_bytes(data[:4], "little"), int.from_bytes(data[size - 4 :], "little")
        return _pair(size + (a << 3), b, by)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return (_mix((y * _K2) ^ (z * _K0)) * _K2) & _MASK
    return _K2


def _halves(data: bytes) -> tuple[int, int, int, int, int]:
    size = len(data)
    by = _K2 + size * 2
    first = _K1 if size <= 32 else _K2
    return (_at(data, 0) * first) & _MASK, _at(data, 8), _at(data, size - 8) * by, _at(data, size - 16) * _K2, by


def _to_32(data: bytes) -> int:
    a, b, c, d, by = _halves(data)
    return _pair(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, by)


def _to_64(data: bytes) -> int:
    a, b, c, d, by = _halves(data)
    size = len(data)
    y = (_rotate(a + b, 43) + _rotate(c, 30) + d) & _MASK
    z = _pair(y, a + _rotate(b + _K2, 18) + c, by)
    e, f = _at(data, 16) * by, _at(data, 24)
    g, h = (y + _at(data, size - 32)) * by, (z + _at(data, size - 24)) * by
    return _pair(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, by)


def _weak(data: bytes, place: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_at(data, place + 8 * i) for i in range(4))
    a = (a + w) & _MASK
    b = _rotate(b + a + z, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _rotate(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def _longer(data: bytes) -> int:
    size = len(data)
    x = 81
    y = (81 * _K1 + 113) & _MASK
    z = (_mix(y * _K2 + 113) * _K2) & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _at(data, 0)) & _MASK
    end = ((size - 1) // 64) * 64
    for place in range(0, end, 64):
        x, y, z, v, w = _round(data, place, x, y, z, v, w, _K1, 1, 1)
    by = (_K1 + ((z & 0xFF) << 1)) & _MASK
    first = (w[0] + ((size - 1) & 63)) & _MASK
    v = ((v[0] + first) & _MASK, v[1])
    w = ((first + v[0]) & _MASK, w[1])
    x, y, z, v, w = _round(data, end + ((size - 1) & 63) - 63, x, y, z, v, w, by, 9, 9)
    return _pair(_pair(v[0], w[0], by) + _mix(y) * _K0 + z, _pair(v[1], w[1], by) + x, by)


_Two = tuple[int, int]


def _round(
    data: bytes, place: int, x: int, y: int, z: int, v: _Two, w: _Two, by: int, times_w: int, times_v: int
) -> tuple[int, int, int, _Two, _Two]:
    x = (_rotate(x + y + v[0] + _at(data, place + 8), 37) * by) & _MASK
    y = (_rotate(y + v[1] + _at(data, place + 48), 42) * by) & _MASK
    x ^= (w[1] * times_w) & _MASK
    y = (y + v[0] * times_v + _at(data, place + 40)) & _MASK
    z = (_rotate(z + w[0], 33) * by) & _MASK
    v = _weak(data, place, v[1] * by, x + w[0])
    w = _weak(data, place + 32, z + w[1], y + _at(data, place + 16))
    return z, y, x, v, w


def _hash_date(value: dt.date) -> int:
    return fingerprint64(struct.pack("<i", ((value.year - 1900) << 16) | ((value.month - 1) << 8) | value.day))


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the functions ``oml_hash_<type>``; a database keeps them for all its connections while it is open."""
    functions = {
        "bool": ("BOOLEAN", lambda value: fingerprint64(struct.pack("<?", value))),
        "smallint": ("SMALLINT", lambda value: fingerprint64(struct.pack("<h", value))),
        "int": ("INTEGER", lambda value: fingerprint64(struct.pack("<i", value))),
        "bigint": ("BIGINT", lambda value: fingerprint64(struct.pack("<q", value))),
        "float": ("FLOAT", lambda value: fingerprint64(struct.pack("<f", value))),
        "double": ("DOUBLE", lambda value: fingerprint64(struct.pack("<d", value))),
        "string": ("VARCHAR", lambda value: fingerprint64(value.encode())),
        "date": ("DATE", _hash_date),
    }
    for name, (parameter, function) in functions.items():
        connection.create_function(f"oml_hash_{name}", function, [parameter], "BIGINT")


def hash_sql(sql: str, type_name: str) -> str:
    """The hash of a value; a timestamp is hashed as its milliseconds."""
    return f"oml_hash_{'bigint' if type_name == 'timestamp' else type_name}({sql})"
