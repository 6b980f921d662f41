"""Casts: CAST(x AS type), the functions named after types, and the casts that operators do by themselves.

The rules are those of OpenMLDB's compiled expressions (``codegen/cast_expr_ir_builder.cc``, ``udf/udf.cc``): integers
wrap around, fractions are cut off, a text that is no number is NULL, all times are at UTC+8.
"""

from __future__ import annotations

from dsflow.embedded.compiler.functions.registry import Entry, Overload
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    NUMBERS,
    SMALLINT,
    STRING,
    TIMESTAMP,
    MapType,
    NullType,
    Type,
    Value,
    null_of,
    sql_type,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb.types import ColumnType

TYPE_WORDS: dict[str, Type] = {
    "bool": BOOL,
    "smallint": SMALLINT,
    "int16": SMALLINT,
    "i16": SMALLINT,
    "int": INT,
    "integer": INT,
    "int32": INT,
    "i32": INT,
    "bigint": BIGINT,
    "int64": BIGINT,
    "i64": BIGINT,
    "float": FLOAT,
    "float32": FLOAT,
    "double": DOUBLE,
    "float64": DOUBLE,
    "string": STRING,
    "varchar": STRING,
    "timestamp": TIMESTAMP,
    "date": DATE,
}

_UTC8 = 28_800_000

MACROS = {
    "oml_local(ts)": (
        f"CASE WHEN ts BETWEEN -9223372000000000 AND 9223372000000000 THEN"
        f" make_timestamp(((ts + {_UTC8}) // 1000) * 1000000) WHEN ts IS NOT NULL THEN"
        " oml_refuse('a time so far from 1970 is not supported') END"
    ),
    "oml_utc8(ts)": (
        f"CASE WHEN ts > {2**63 - 1 - _UTC8} THEN oml_refuse('a time so far from 1970 is not supported')"
        f" ELSE ts + {_UTC8} END"
    ),
    "oml_ascii(s)": "strlen(s) = length(s)",
    "oml_finite_to_int(x)": (
        "CASE WHEN x > -2147483649.0::DOUBLE AND x < 2147483648.0::DOUBLE THEN TRY_CAST(trunc(x) AS INTEGER)"
        " WHEN x IS NOT NULL THEN -2147483648 END"
    ),
    "oml_finite_to_bigint(x)": (
        "CASE WHEN x >= -9223372036854775808.0::DOUBLE AND x < 9223372036854775808.0::DOUBLE"
        " THEN TRY_CAST(trunc(x) AS BIGINT) WHEN x IS NOT NULL THEN CAST('-9223372036854775808' AS BIGINT) END"
    ),
    "oml_to_float(x)": (
        "CASE WHEN abs(x) > 3.4028235677973366e38::DOUBLE AND NOT isnan(x) THEN"
        " (CASE WHEN x > 0 THEN 'inf'::FLOAT ELSE '-inf'::FLOAT END) ELSE CAST(x AS FLOAT) END"
    ),
    # an online index joins the texts of a key by |, so that other texts might meet
    "oml_bare_key(s, texts)": (
        "CASE WHEN contains(texts, '|') THEN oml_refuse('| in one of several texts of a key is not supported online')"
        " ELSE s END"
    ),
    "oml_key_part(s)": "CASE WHEN s IS NULL THEN '!N@U#L$L%' WHEN s = '' THEN '!@#$%' ELSE s END",
    # the first of a key's columns in a row that meets others by |
    "oml_other_first(s, joined, columns)": (
        "CASE WHEN strlen(joined) - strlen(replace(joined, '|', '')) < columns THEN NULL"
        " WHEN strlen(joined) - strlen(replace(joined, '|', '')) > columns"
        " THEN oml_refuse('more than one | in the texts of a key is not supported online')"
        " WHEN contains(s, '|') THEN split_part(s, '|', 1)"
        " ELSE split_part(joined, '|', 1) || '|' || split_part(joined, '|', 2) END"
    ),
    # what strtoll takes: blanks around, one sign, digits or 0x and hex digits
    "oml_strip(s)": "regexp_replace(regexp_replace(s, '^[ \\t\\n\\r\\f\\v]+', ''), '[ \\t\\n\\r\\f\\v]+$', '')",
    "oml_text_to_bigint(s)": (
        "CASE WHEN regexp_full_match(oml_strip(s), '[+-]?[0-9]+') THEN"
        " TRY_CAST(TRY_CAST(ltrim(oml_strip(s), '+') AS HUGEINT) AS BIGINT)"
        " WHEN regexp_full_match(oml_strip(s), '[+-]?0[xX][0-9a-fA-F]{1,15}') THEN"
        " (CASE WHEN left(oml_strip(s), 1) = '-' THEN -1 ELSE 1 END)"
        " * TRY_CAST('0x' || regexp_extract(oml_strip(s), '0[xX](.*)$', 1) AS BIGINT)"
        " WHEN regexp_full_match(oml_strip(s), '[+-]?0[xX][0-9a-fA-F]+') THEN"
        " oml_refuse('cast of a hexadecimal text of more than 15 digits is not supported') END"
    ),
    "oml_text_to_int(s)": "TRY_CAST(oml_text_to_bigint(s) AS INTEGER)",
    "oml_text_to_smallint(s)": "TRY_CAST(oml_text_to_bigint(s) AS SMALLINT)",
    # what strtod takes; of hexadecimal numbers the whole ones that a double has exactly, the others are refused
    "oml_text_to_double(s)": (
        "CASE WHEN regexp_full_match(s, '[ \\t\\n\\r\\f\\v]*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?') THEN"
        " TRY_CAST(ltrim(oml_strip(s), '+') AS DOUBLE)"
        " WHEN regexp_full_match(lower(s), '[ \\t\\n\\r\\f\\v]*[+]?(inf|infinity)') THEN 'inf'::DOUBLE"
        " WHEN regexp_full_match(lower(s), '[ \\t\\n\\r\\f\\v]*-(inf|infinity)') THEN '-inf'::DOUBLE"
        " WHEN regexp_full_match(lower(s), '[ \\t\\n\\r\\f\\v]*[+-]?nan(\\([0-9a-z_]*\\))?') THEN 'nan'::DOUBLE"
        " WHEN regexp_full_match(lower(s), '[ \\t\\n\\r\\f\\v]*[+-]?0x[0-9a-f]{1,13}') THEN"
        " CAST(oml_text_to_bigint(s) AS DOUBLE) * CASE WHEN starts_with(oml_strip(s), '-') AND"
        " oml_text_to_bigint(s) = 0 THEN -1 ELSE 1 END"
        " WHEN regexp_full_match(lower(s), '[ \\t\\n\\r\\f\\v]*[+-]?0x[0-9a-f.]+(p[+-]?[0-9]+)?') THEN"
        " oml_refuse('cast of a hexadecimal text to a floating point number is not supported') END"
    ),
    "oml_text_to_float(s)": "oml_to_float(oml_text_to_double(s))",
    "oml_text_to_bool(s)": (
        "CASE WHEN lower(s) IN ('y', 'yes', '1', 't', 'true') THEN true"
        " WHEN lower(s) IN ('n', 'no', '0', 'f', 'false') THEN false END"
    ),
    "oml_digits_to_date(digits)": ("CASE WHEN digits >= '1900' THEN CAST(try_strptime(digits, '%Y%m%d') AS DATE) END"),
    # the three lengths that OpenMLDB reads: 2020-05-22 10:43:40, 2020-05-22, 20200522
    "oml_text_to_date(s)": (
        "CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|6[01])')"
        " THEN oml_digits_to_date(s[1:4] || s[6:7] || s[9:10])"
        " WHEN regexp_full_match(s, '[0-9]{4}[-,. /][0-9]{2}[-,. /][0-9]{2}') THEN"
        " oml_digits_to_date(s[1:4] || s[6:7] || s[9:10])"
        " WHEN regexp_full_match(s, '[0-9]{8}') THEN oml_digits_to_date(s)"
        " WHEN strlen(s) = 19 AND regexp_matches(s, '^\\s*[0-9]{1,4}\\s*-\\s*[0-9]{1,2}\\s*-\\s*[0-9]{1,2}\\s')"
        " AND NOT regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}')"
        " OR strlen(s) = 10 AND regexp_full_match(s, '[0-9]+[-,. /]+[A-Za-z]{3,}[-,. /]+[0-9]+')"
        " THEN oml_refuse('cast of the text ' || s || ' to date is not supported') END"
    ),
    "oml_text_to_timestamp(s)": (
        "CASE WHEN strlen(s) = 19 THEN oml_date_to_timestamp(oml_text_to_date(s))"
        " + TRY_CAST(s[12:13] AS INT) * 3600000 + TRY_CAST(s[15:16] AS INT) * 60000 + TRY_CAST(s[18:19] AS INT) * 1000"
        " ELSE oml_date_to_timestamp(oml_text_to_date(s)) END"
    ),
    "oml_date_to_timestamp(d)": (
        "CASE WHEN year(d) >= 1900 THEN CAST(date_diff('day', DATE '1970-01-01', d) AS BIGINT) * 86400000"
        f" - {_UTC8} END"
    ),
    # OpenMLDB's dates have the years 1900 to 9999; of others it makes a date that is none
    "oml_date(d)": (
        "CASE WHEN year(d) BETWEEN 1900 AND 9999 THEN CAST(d AS DATE)"
        " WHEN d IS NOT NULL"
        " THEN oml_refuse('the date ' || CAST(d AS VARCHAR) || ' is outside the years 1900 to 9999') END"
    ),
    "oml_timestamp_to_date(ts)": "oml_date(CAST(oml_local(ts) AS DATE))",
    "oml_number_to_timestamp(x)": "CASE WHEN x >= 0 THEN x END",
    "oml_double_to_text(x)": (
        "CASE WHEN isnan(x) THEN 'nan' WHEN isinf(x) THEN (CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END)"
        " ELSE printf('%g', CAST(x AS DOUBLE)) END"
    ),
    "oml_timestamp_to_text(ts)": "strftime(oml_local(ts), '%Y-%m-%d %H:%M:%S')",
    "oml_date_to_text(d)": "strftime(d, '%Y-%m-%d')",
}

# DuckDB's macros do not see macros that are created after them
_ORDER = ["oml_local(ts)", "oml_strip(s)", "oml_to_float(x)", "oml_text_to_bigint(s)", "oml_text_to_double(s)"]
_ORDER += ["oml_digits_to_date(digits)", "oml_text_to_date(s)", "oml_date_to_timestamp(d)", "oml_date(d)"]
MACROS = {**{name: MACROS[name] for name in _ORDER}, **MACROS}


def type_of_words(words: str) -> Type:
    """The type that CAST's words mean.

    Raises:
        SqlError: there is no such type.
        UnsupportedError: it is an array type.
    """
    name = words.lower().split("(")[0]
    if name.startswith("map<"):
        key, comma, value = name[4:-1].partition(",")
        if not comma or "<" in name[4:]:
            raise UnsupportedError(f"CAST to {words}")
        return MapType(type_of_words(key.strip()), type_of_words(value.strip()))
    if name.startswith("array<"):
        raise UnsupportedError(f"CAST to {words}")
    if name not in TYPE_WORDS:
        raise SqlError(f"{words} is not a type of OpenMLDB")
    return TYPE_WORDS[name]


def cast(value: Value, target: Type) -> Value:
    """CAST(value AS target).

    Raises:
        SqlError: OpenMLDB has no such cast.
    """
    if value.type == target:
        return Value(value.sql, target, constant=value.constant)
    if isinstance(value.type, NullType):
        return Value(null_of(target), target, constant=True)
    if not isinstance(value.type, ColumnType):
        raise SqlError(f"{value.type} cannot be cast to {target}")
    return Value(_cast_sql(value.sql, value.type, target), target, constant=value.constant)


def to_string(value: Value) -> Value:
    """A value as text."""
    return cast(value, STRING)


def _cast_sql(sql: str, source: Type, target: Type) -> str:
    if target is STRING:
        return _to_text(sql, source)
    if target is BOOL:
        return _to_bool(sql, source)
    if target is TIMESTAMP:
        return _to_timestamp(sql, source)
    if target is DATE:
        return _to_date(sql, source)
    if source is STRING:
        return f"oml_text_to_{target}({sql})"
    if source is DATE:
        return null_of(target)
    return _to_number(sql, source, target)


def _to_text(sql: str, source: Type) -> str:
    if source in FLOATS:
        return f"oml_double_to_text({sql})"
    if source is TIMESTAMP:
        return f"oml_timestamp_to_text({sql})"
    if source is DATE:
        return f"oml_date_to_text({sql})"
    return f"CAST({sql} AS VARCHAR)"


def _to_bool(sql: str, source: Type) -> str:
    if source is STRING:
        return f"oml_text_to_bool({sql})"
    if source is DATE:
        return null_of(BOOL)
    if source in FLOATS:
        return f"({sql} <> 0 OR isnan({sql}))"
    return f"({sql} <> 0)"


def _to_timestamp(sql: str, source: Type) -> str:
    if source is STRING:
        return f"oml_text_to_timestamp({sql})"
    if source is DATE:
        return f"oml_date_to_timestamp({sql})"
    return f"oml_number_to_timestamp({_to_number(sql, source, BIGINT)})"


def _to_date(sql: str, source: Type) -> str:
    if source is STRING:
        return f"oml_text_to_date({sql})"
    if source is TIMESTAMP:
        return f"oml_timestamp_to_date({sql})"
    raise SqlError(f"{source} cannot be cast to date")


def _to_number(sql: str, source: Type, target: Type) -> str:
    if source is TIMESTAMP:
        source = BIGINT
    if source == target:
        return sql
    if source in FLOATS and target in INTEGERS:
        if target is BIGINT:
            return f"oml_finite_to_bigint({sql})"
        whole = f"oml_finite_to_int({sql})"
        return whole if target is INT else f"oml_wrap_smallint({whole})"
    if source is DOUBLE and target is FLOAT:
        return f"oml_to_float({sql})"
    if source in INTEGERS and target in INTEGERS and INTEGERS.index(source) > INTEGERS.index(target):
        return f"oml_wrap_{target}({sql})"
    return f"CAST({sql} AS {sql_type(target)})"


def _function(target: Type) -> list[Overload]:
    sources: tuple[Type, ...] = (*NUMBERS, STRING, TIMESTAMP, DATE)
    found: list[Overload] = []
    for source in sources:
        if target is DATE and source in NUMBERS:
            continue
        found.append(Overload((source,), None, lambda values: cast(values[0], target)))
    found.append(Overload((NullType(),), None, lambda values: cast(values[0], target)))
    return found


FUNCTIONS: dict[str, Entry] = {word: _function(type_) for word, type_ in TYPE_WORDS.items()}
