"""What Java reads as a number, and how it writes one."""

from __future__ import annotations

import math
import re
import struct

_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+\Z")
_OCTAL_LOOK = re.compile(r"[+-]?0[0-9][^.]*\Z", re.DOTALL)
_OCTAL = re.compile(r"[+-]?0[0-7]+\Z")
_DECIMAL = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[dDfF]?|[0-9]+[lL])\Z")

_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
_FLOATING = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<word>NaN|Infinity)|(?P<decimal>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[dDfF]?"
    r"|(?P<hexadecimal>0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[dDfF]?)\Z"
)
_BITS = {"INTEGER": 31, "LONG": 63}


def is_creatable(text: str) -> bool:
    """Whether commons-lang's ``NumberUtils.isCreatable`` (3.12) takes a string for a number: ``010``, ``1L``."""
    if _HEXADECIMAL.match(text):
        return True
    if _OCTAL_LOOK.match(text):
        return bool(_OCTAL.match(text))
    return bool(_DECIMAL.match(text))


def typed_text(type_: str, text: str) -> str:
    """A parameter's value read as its type and written again: ``Long.valueOf``, ``Double.valueOf`` and their like.

    Args:
        type_: DolphinScheduler's name of the type, ``INTEGER``, ``LONG``, ``FLOAT``, ``DOUBLE`` or ``BOOLEAN``.

    Raises:
        ValueError: Java's NumberFormatException.
    """
    if type_ == "BOOLEAN":
        return "true" if text.lower() == "true" else "false"
    if type_ in _BITS:
        if not _WHOLE.match(text) or not -(1 << _BITS[type_]) <= int(text) < 1 << _BITS[type_]:
            raise ValueError(f"{text!r} is no {type_}")
        return str(int(text))
    value = _floating(text, type_)
    return floating_text(value, single=type_ == "FLOAT")


def _floating(text: str, type_: str) -> float:
    # String.trim: all up to the blank
    match = _FLOATING.match(text.strip("".join(map(chr, range(0x21)))))
    if match is None:
        raise ValueError(f"{text!r} is no {type_}")
    sign = -1.0 if match["sign"] == "-" else 1.0
    if match["word"]:
        return sign * (math.nan if match["word"] == "NaN" else math.inf)
    if match["decimal"]:
        return sign * float(match["decimal"])
    try:
        return sign * float.fromhex(match["hexadecimal"])
    except OverflowError:
        return sign * math.inf


def floating_text(value: float, single: bool = False) -> str:
    """``Double.toString``, or ``Float.toString``: ``1.0E10``, ``Infinity``."""
    digits = _single_digits(value) if single else repr(value)
    if single:
        value = float(digits)
    if math.isnan(value):
        return "NaN"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if math.isinf(value):
        return f"{sign}Infinity"
    if value == 0:
        return f"{sign}0.0"
    mantissa, _, exponent = digits.lstrip("-").lower().partition("e")
    whole, _, part = mantissa.partition(".")
    significant = (whole + part).lstrip("0")
    # the decimal point stands behind the first `point` digits
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(significant))
    significant = significant.rstrip("0") or "0"
    if -3 < point <= 7:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{significant}"
        significant = significant.ljust(point, "0")
        return f"{sign}{significant[:point]}.{significant[point:] or '0'}"
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{point - 1}"


def _single_digits(value: float) -> str:
    """The shortest decimal digits of the nearest 32-bit number."""
    if math.isnan(value) or math.isinf(value):
        return repr(value)
    try:
        nearest = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return repr(math.copysign(math.inf, value))
    for digits in range(1, 10):
        text = f"{nearest:.{digits}g}"
        try:
            if struct.unpack("f", struct.pack("f", float(text)))[0] == nearest:
                return text
        except OverflowError:
            continue
    return repr(nearest)
