"""The text that Java (8 to 18, which Spark 3.2 runs on) gives a floating-point number.

It is the shortest that reads as the number, as Python's and DuckDB's, in most cases and not in all: digits are
developed one by one until what is left is within half a unit of the last place; in the form with an exponent never
fewer than two. Steele and White, "How to print floating-point numbers accurately" (1990), is the method.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

JAVA_DOUBLE, JAVA_FLOAT = "java_double", "java_float"
"""Names of DuckDB functions."""

_WIDTHS = {"double": (52, 1023, "<d", "<Q"), "float": (23, 127, "<f", "<I")}


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB call `java_text`."""
    connection.create_function(JAVA_DOUBLE, lambda value: java_text(value), ["DOUBLE"], "VARCHAR")
    connection.create_function(JAVA_FLOAT, lambda value: java_text(value, "float"), ["FLOAT"], "VARCHAR")


def java_text(value: float, kind: str = "double") -> str:
    """The text of Double.toString or Float.toString.

    Args:
        value: a number; for ``float``, one that single precision can hold.
        kind: ``double`` or ``float``.
    """
    if math.isnan(value):
        return "NaN"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if math.isinf(value):
        return f"{sign}Infinity"
    if value == 0:
        return f"{sign}0.0"
    digits, exponent = _digits(abs(value), kind)
    if 0 < exponent < 8:
        digits = digits.ljust(exponent, "0")
        return f"{sign}{digits[:exponent]}.{digits[exponent:] or '0'}"
    if -3 < exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent - 1}"


def _digits(value: float, kind: str) -> tuple[str, int]:
    """Digits, and the power of ten that 0.DIGITS is multiplied with."""
    shift, bias, form, bits_form = _WIDTHS[kind]
    (bits,) = struct.unpack(bits_form, struct.pack(form, value))
    stored, fraction = bits >> shift, bits & ((1 << shift) - 1)
    if stored:
        fraction |= 1 << shift
        power, significant = stored - bias, shift + 1
    else:
        lost = shift + 1 - fraction.bit_length()
        fraction <<= lost
        power, significant = 1 - bias - lost, shift + 1 - lost
    zeros = (fraction & -fraction).bit_length() - 1
    used = shift + 1 - zeros
    tiny = max(0, used - power - 1)
    if tiny == 0 and power <= 62:
        return _whole(fraction << power - shift if power > shift else fraction >> shift - power, power, significant)
    decimal = _estimate(fraction, shift, power)
    b5, s5 = max(0, -decimal), max(0, decimal)
    b2, s2 = b5 + tiny + power, s5 + tiny
    m2 = b2 - significant
    fraction >>= zeros
    b2 -= used - 1
    common = min(b2, s2)
    b2, s2, m2 = b2 - common, s2 - common, m2 - common
    if used == 1:
        m2 -= 1
    if m2 < 0:
        b2, s2, m2 = b2 - m2, s2 - m2, 0
    rest, unit, half = fraction * 5**b5 << b2, 5**s5 << s2, 5**b5 << m2
    return _develop(rest, unit, half, decimal)


def _whole(number: int, power: int, significant: int) -> tuple[str, int]:
    """Digits of a whole number below 2 ** 63; those beyond its precision are rounded away."""
    beyond = power - significant - 1
    drop = len(str(1 << beyond)) - 1 if power > significant and beyond > 1 else 0
    if drop:
        number, rest = divmod(number, 10**drop)
        number = number * 10**drop + (10**drop if rest >= 5 * 10 ** (drop - 1) else 0)
    text = str(number)
    return text.rstrip("0") or "0", len(text)


def _estimate(fraction: int, shift: int, power: int) -> int:
    """About the power of ten of a number, at most one too large."""
    scaled = fraction / (1 << shift)
    return math.floor((scaled - 1.5) * 0.289529654 + 0.176091259 + power * 0.301029995663981)


def _develop(rest: int, unit: int, half: int, decimal: int) -> tuple[str, int]:
    ten = unit * 10
    digit, rest = divmod(rest, unit)
    rest, half = rest * 10, half * 10
    low, high = rest < half, rest + half > ten
    digits = []
    if digit == 0 and not high:
        decimal -= 1
    else:
        digits.append(digit)
    if decimal < -3 or decimal >= 8:
        low = high = False
    while not low and not high:
        digit, rest = divmod(rest, unit)
        rest, half = rest * 10, half * 10
        low, high = rest < half, rest + half > ten
        digits.append(digit)
    difference = 2 * rest - ten
    up = high and (not low or difference > 0 or (difference == 0 and digits[-1] % 2 == 1))
    text = "".join(map(str, digits))
    if up:
        text = str(int(text) + 1).rjust(len(text), "0")
        if len(text) > len(digits):
            decimal += 1
    return text.rstrip("0") or "0", decimal + 1
