"""Text. Positions and lengths count bytes."""

from __future__ import annotations

import re
import string

from dsflow.embedded.compiler.functions.cast import to_string
from dsflow.embedded.compiler.functions.registry import Entry, Overload, Refused, each, named
from dsflow.embedded.compiler.values import BIGINT, BOOL, FLOATS, INT, NUMBERS, SMALLINT, STRING, Value
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
        " WHEN s IS NOT NULL THEN oml_refuse('reverse of a text that is not ASCII is not supported') END"
    ),
    # the difference of the first bytes that differ, as memcmp gives it
    "oml_strcmp(a, b)": (
        "CASE WHEN a = b THEN 0 WHEN starts_with(a, b) THEN 1 WHEN starts_with(b, a) THEN -1"
        " WHEN a IS NOT NULL AND b IS NOT NULL THEN list_transform([list_filter("
        "range(1, 2 * least(strlen(a), strlen(b)), 2), lambda i:"
        " substr(hex(encode(a)), i, 2) <> substr(hex(encode(b)), i, 2))[1]],"
        " lambda i: TRY_CAST('0x' || substr(hex(encode(a)), i, 2) AS INTEGER)"
        " - TRY_CAST('0x' || substr(hex(encode(b)), i, 2) AS INTEGER))[1] END"
    ),
    # an escape that ends the pattern matches nothing; _ is one byte, DuckDB's is one character
    "oml_like(s, p, e)": (
        "CASE WHEN s IS NULL OR p IS NULL OR e IS NULL THEN NULL"
        " WHEN strlen(e) > 1 THEN false"
        " WHEN contains(p, '_') AND strlen(s) <> length(s) THEN"
        " oml_refuse('LIKE with _ on a text that is not ASCII is not supported')"
        " WHEN e = '' THEN s LIKE p"
        " WHEN (length(p) - length(rtrim(p, e))) % 2 = 1 THEN false"
        " ELSE s LIKE p ESCAPE e END"
    ),
    "oml_rlike(s, p, flags)": (
        "CASE WHEN s IS NULL OR p IS NULL THEN NULL"
        " WHEN regexp_matches(p, '\\\\[a-zA-Z0-9]|\\(\\?|[*+?}]\\?') THEN"
        " oml_refuse('RLIKE with the pattern ' || p || ' is not supported: only POSIX syntax is')"
        # a pattern that is no regular expression matches nothing, not even itself
        " ELSE list_transform([{'s': s, 'p': flags || p}], lambda e: TRY(regexp_full_match(e.s, e.p)))[1] END"
    ),
    # the place of a text in another one, from a place on; places count bytes
    "oml_locate_in(part, rest, start)": (
        "CASE WHEN instr(rest, part) = 0 THEN 0 ELSE start + strlen(substr(rest, 1, instr(rest, part) - 1)) END"
    ),
    "oml_locate(part, s, start)": (
        "CASE WHEN part IS NULL OR s IS NULL OR start IS NULL THEN NULL"
        " WHEN start <= 0 OR start + strlen(part) - 1 > strlen(s) THEN 0"
        " WHEN part = '' THEN start"
        " ELSE oml_locate_in(part, oml_bytes(s, start, strlen(s) - start + 1), start) END"
    ),
    "oml_char(n)": (
        "CASE WHEN n & 255 < 128 THEN chr(n & 255)"
        " WHEN n IS NOT NULL THEN oml_refuse('char of a number that is not ASCII is not supported') END"
    ),
    # a byte below 16 gives one digit, one above 127 is printed as a negative number
    "oml_hex(s)": (
        "CASE WHEN regexp_full_match(s, '[\\x10-\\x7f]*') THEN hex(encode(s))"
        " WHEN s IS NOT NULL THEN array_to_string(list_transform(range(1, 2 * strlen(s) + 1, 2), lambda i:"
        " CASE WHEN substr(hex(encode(s)), i, 1) = '0' THEN substr(hex(encode(s)), i + 1, 1)"
        " WHEN substr(hex(encode(s)), i, 1) >= '8' THEN 'FFFFFF' || substr(hex(encode(s)), i, 2)"
        " ELSE substr(hex(encode(s)), i, 2) END), '') END"
    ),
}


def like(name: Value, pattern: Value, escape: Value | None, *, any_case: bool) -> Value:
    """LIKE and ILIKE; ILIKE ignores the case of ASCII letters only."""
    for operand in (name, pattern):
        if operand.type is not STRING:
            raise SqlError(f"LIKE does not take {operand.type}")
    if escape is not None and escape.type is not STRING:
        raise SqlError("ESCAPE takes a string")
    constant = name.constant and pattern.constant
    sign = "'\\'" if escape is None else escape.sql
    if any_case:
        if escape is not None and escape.is_literal and str(escape.literal)[:1].isalpha():
            raise UnsupportedError("ILIKE with a letter as ESCAPE")
        return Value(f"oml_like(oml_lower({name.sql}), oml_lower({pattern.sql}), {sign})", BOOL, constant=constant)
    return Value(f"oml_like({name.sql}, {pattern.sql}, {sign})", BOOL, constant=constant)


def rlike(name: Value, pattern: Value, flags: str = "") -> Value:
    """RLIKE: the whole text must match. ``flags`` are RE2's."""
    for operand in (name, pattern):
        if operand.type is not STRING:
            raise SqlError(f"RLIKE does not take {operand.type}")
    constant = name.constant and pattern.constant
    before = f"'(?{flags})'" if flags else "''"
    return Value(f"oml_rlike({name.sql}, {pattern.sql}, {before})", BOOL, constant=constant)


def _like(values: list[Value]) -> Value:
    return like(values[0], values[1], values[2] if len(values) > 2 else None, any_case=False)


def _ilike(values: list[Value]) -> Value:
    return like(values[0], values[1], values[2] if len(values) > 2 else None, any_case=True)


def _regexp_like(values: list[Value]) -> Value:
    if len(values) == 2:
        return rlike(values[0], values[1])
    if not values[2].is_literal:
        raise UnsupportedError("regexp_like with flags that are not a literal")
    flags = str(values[2].literal)
    found = "i" if re.sub("[^ci]", "", flags).endswith("i") else ""
    return rlike(values[0], values[1], found + "".join(flag for flag in "ms" if flag in flags))


def concat(values: list[Value], separator: str | None = None) -> Value:
    """The texts one after the other; NULL if one of them is."""
    if not values:
        raise SqlError("concat takes at least one argument")
    if any(v.is_null for v in values):
        raise SqlError("concat does not take a bare NULL", hint="give it a type, as in CAST(NULL AS string)")
    texts = [to_string(v).sql for v in values]
    constant = all(v.constant for v in values)
    glue = " || " if separator is None else f" || {separator} || "
    return Value(f"({glue.join(texts)})", STRING, constant=constant)


def _concat_ws(values: list[Value]) -> Value:
    joined = concat(values[1:], to_string(values[0]).sql)
    if values[0].is_literal:
        return joined
    sql = f"CASE WHEN {values[0].sql} IS NOT NULL THEN {joined.sql} END"
    return Value(sql, STRING, constant=joined.constant and values[0].constant)


_TEXT, _TEXTS = (STRING,), (STRING, STRING)

FUNCTIONS: dict[str, Entry] = {
    "unhex": Refused("OpenMLDB 0.9.2 does not set whether its result is NULL, which is then not certain"),
    "concat": [Overload((), None, concat, variadic=True)],
    "concat_ws": [Overload((None,), None, _concat_ws, variadic=True)],
    **named(
        ("substring", "substr"),
        [
            Overload((STRING, INT), STRING, "oml_substring({0}, {1}, strlen({0}))"),
            Overload((STRING, INT, INT), STRING, "oml_substring({0}, {1}, {2})"),
        ],
    ),
    "locate": [
        Overload(_TEXTS, INT, "CAST(oml_locate({0}, {1}, 1) AS INTEGER)"),
        Overload((STRING, STRING, INT), INT, "CAST(oml_locate({0}, {1}, CAST({2} AS BIGINT)) AS INTEGER)"),
    ],
    "char": [Overload((INT,), STRING, "oml_char({0})")],
    "strcmp": [Overload(_TEXTS, INT, "oml_strcmp({0}, {1})")],
    **named(("ucase", "upper"), [Overload(_TEXT, STRING, "oml_upper({0})")]),
    **named(("lcase", "lower"), [Overload(_TEXT, STRING, "oml_lower({0})")]),
    "reverse": [Overload(_TEXT, STRING, "oml_reverse({0})")],
    **named(("char_length", "character_length"), [Overload(_TEXT, INT, "CAST(strlen({0}) AS INTEGER)")]),
    "replace": [
        Overload(_TEXTS, STRING, "replace({0}, {1}, '')"),
        Overload((STRING, STRING, STRING), STRING, "replace({0}, {1}, {2})"),
    ],
    "like_match": [Overload(_TEXTS, None, _like), Overload((STRING, STRING, STRING), None, _like)],
    "ilike_match": [Overload(_TEXTS, None, _ilike), Overload((STRING, STRING, STRING), None, _ilike)],
    "regexp_like": [Overload(_TEXTS, None, _regexp_like), Overload((STRING, STRING, STRING), None, _regexp_like)],
    "hex": [
        Overload((SMALLINT,), STRING, "to_hex(CAST({0} AS BIGINT) & 65535)"),
        Overload((INT,), STRING, "to_hex(CAST({0} AS BIGINT) & 4294967295)"),
        Overload((BIGINT,), STRING, "to_hex({0})"),
        *each(FLOATS, 1, STRING, "to_hex(oml_llround({0}))"),
        Overload(_TEXT, STRING, "oml_hex({0})"),
    ],
}

__all__ = ["BIGINT", "FUNCTIONS", "MACROS", "NUMBERS", "concat", "like", "rlike"]
