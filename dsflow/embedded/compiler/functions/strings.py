"""Text. Positions and lengths count bytes."""

from __future__ import annotations

import string

from dsflow.embedded.compiler.functions.cast import to_string
from dsflow.embedded.compiler.functions.registry import Overload, each
from dsflow.embedded.compiler.values import BIGINT, BOOL, FLOATS, INT, INTEGERS, NUMBERS, STRING, Value
from dsflow.embedded.errors import SqlError, UnsupportedError

_UPPER, _LOWER = string.ascii_uppercase, string.ascii_lowercase

MACROS = {
    "oml_upper(s)": f"translate(s, '{_LOWER}', '{_UPPER}')",
    "oml_lower(s)": f"translate(s, '{_UPPER}', '{_LOWER}')",
    # cut bytes out of a text; raises an error when a character would be cut in two
    "oml_bytes(s, start, size)": (
        "CASE WHEN strlen(s) = length(s) THEN substr(s, start, size)"
        " ELSE decode(unhex(substr(hex(encode(s)), 2 * start - 1, 2 * size))) END"
    ),
    "oml_substring(s, start, size)": (
        "CASE WHEN s IS NULL OR start IS NULL OR size IS NULL THEN NULL"
        " WHEN start = 0 OR size < 1 OR start > strlen(s) OR start < -strlen(s) THEN ''"
        " WHEN start < 0 THEN oml_bytes(s, strlen(s) + start + 1, least(size, -start))"
        " ELSE oml_bytes(s, start, least(size, strlen(s) - start + 1)) END"
    ),
    "oml_reverse(s)": (
        "CASE WHEN strlen(s) = length(s) THEN reverse(s)"
        " WHEN s IS NOT NULL THEN error('reverse of a text that is not ASCII is not supported') END"
    ),
    "oml_strcmp(a, b)": "CASE WHEN a < b THEN -1 WHEN a > b THEN 1 WHEN a = b THEN 0 END",
    # an escape that ends the pattern matches nothing; _ is one byte, DuckDB's is one character
    "oml_like(s, p, e)": (
        "CASE WHEN s IS NULL OR p IS NULL OR e IS NULL THEN NULL"
        " WHEN strlen(e) > 1 THEN false"
        " WHEN contains(p, '_') AND strlen(s) <> length(s) THEN"
        " error('LIKE with _ on a text that is not ASCII is not supported')"
        " WHEN e = '' THEN s LIKE p"
        " WHEN (length(p) - length(rtrim(p, e))) % 2 = 1 THEN false"
        " ELSE s LIKE p ESCAPE e END"
    ),
    "oml_rlike(s, p)": (
        "CASE WHEN s IS NULL OR p IS NULL THEN NULL"
        " WHEN regexp_matches(p, '\\\\[a-zA-Z0-9]|\\(\\?|[*+?}]\\?') THEN"
        " error('RLIKE with the pattern ' || p || ' is not supported: only POSIX syntax is')"
        " ELSE regexp_full_match(s, p) END"
    ),
    "oml_locate(t, s)": "CAST(strlen(split_part(s, t, 1)) + 1 AS INTEGER)",
}


def like(name: Value, pattern: Value, escape: Value | None, *, any_case: bool) -> Value:
    """LIKE and ILIKE; ILIKE ignores the case of ASCII letters only."""
    for operand in (name, pattern):
        if not (operand.is_null or operand.type is STRING):
            raise SqlError(f"LIKE does not take {operand.type}")
    if escape is not None and escape.type is not STRING:
        raise SqlError("ESCAPE takes a text")
    constant = name.constant and pattern.constant
    if name.is_null or pattern.is_null:
        return Value("CAST(NULL AS BOOLEAN)", BOOL, constant=constant)
    sign = "'\\'" if escape is None else escape.sql
    if any_case:
        if escape is not None and escape.is_literal and str(escape.literal)[:1].isalpha():
            raise UnsupportedError("ILIKE with a letter as ESCAPE")
        return Value(f"oml_like(oml_lower({name.sql}), oml_lower({pattern.sql}), {sign})", BOOL, constant=constant)
    return Value(f"oml_like({name.sql}, {pattern.sql}, {sign})", BOOL, constant=constant)


def rlike(name: Value, pattern: Value) -> Value:
    """RLIKE: the whole text must match."""
    for operand in (name, pattern):
        if not (operand.is_null or operand.type is STRING):
            raise SqlError(f"RLIKE does not take {operand.type}")
    constant = name.constant and pattern.constant
    if name.is_null or pattern.is_null:
        return Value("CAST(NULL AS BOOLEAN)", BOOL, constant=constant)
    return Value(f"oml_rlike({name.sql}, {pattern.sql})", BOOL, constant=constant)


def _like(values: list[Value]) -> Value:
    return like(values[0], values[1], values[2] if len(values) > 2 else None, any_case=False)


def _ilike(values: list[Value]) -> Value:
    return like(values[0], values[1], values[2] if len(values) > 2 else None, any_case=True)


def _regexp_like(values: list[Value]) -> Value:
    if len(values) > 2:
        raise UnsupportedError("regexp_like with flags")
    return rlike(values[0], values[1])


def concat(values: list[Value], separator: str | None = None) -> Value:
    """The texts one after the other; NULL if one of them is."""
    if not values:
        raise SqlError("concat takes at least one argument")
    texts = [to_string(v).sql for v in values]
    constant = all(v.constant for v in values)
    glue = " || " if separator is None else f" || {separator} || "
    return Value(f"({glue.join(texts)})", STRING, constant=constant)


def _concat_ws(values: list[Value]) -> Value:
    return concat(values[1:], to_string(values[0]).sql)


_TEXT, _TEXTS = (STRING,), (STRING, STRING)

FUNCTIONS: dict[str, list[Overload]] = {
    "concat": [Overload((), None, concat, variadic=True)],
    "concat_ws": [Overload((None,), None, _concat_ws, variadic=True)],
    **dict.fromkeys(
        ("substring", "substr"),
        [
            Overload((STRING, INT), STRING, "oml_substring({0}, {1}, strlen({0}))"),
            Overload((STRING, INT, INT), STRING, "oml_substring({0}, {1}, {2})"),
        ],
    ),
    "strcmp": [Overload(_TEXTS, INT, "oml_strcmp({0}, {1})")],
    **dict.fromkeys(("ucase", "upper"), [Overload(_TEXT, STRING, "oml_upper({0})")]),
    **dict.fromkeys(("lcase", "lower"), [Overload(_TEXT, STRING, "oml_lower({0})")]),
    "reverse": [Overload(_TEXT, STRING, "oml_reverse({0})")],
    **dict.fromkeys(("char_length", "character_length"), [Overload(_TEXT, INT, "CAST(strlen({0}) AS INTEGER)")]),
    "replace": [
        Overload(_TEXTS, STRING, "replace({0}, {1}, '')"),
        Overload((STRING, STRING, STRING), STRING, "replace({0}, {1}, {2})"),
    ],
    "like_match": [Overload(_TEXTS, None, _like), Overload((STRING, STRING, STRING), None, _like)],
    "ilike_match": [Overload(_TEXTS, None, _ilike), Overload((STRING, STRING, STRING), None, _ilike)],
    "regexp_like": [Overload(_TEXTS, None, _regexp_like), Overload((STRING, STRING, STRING), None, _regexp_like)],
    "hex": [
        *each(INTEGERS, 1, STRING, "to_hex(CAST({0} AS BIGINT))"),
        *each(FLOATS, 1, STRING, "to_hex(oml_llround({0}))"),
        Overload(_TEXT, STRING, "hex(encode({0}))"),
    ],
}

__all__ = ["BIGINT", "FUNCTIONS", "MACROS", "NUMBERS", "concat", "like", "rlike"]
