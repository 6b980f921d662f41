"""Casts that OpenMLDB's offline engine leaves to Spark.

In batch mode a SELECT of nothing but columns, constants and casts of them is not compiled but handed to Spark, whose
casts differ from OpenMLDB's own (``java/openmldb-batch``, SimpleProjectPlan and ConstProjectPlan). Texts of which it
is not certain what Spark makes of them raise an error when they come.
"""

from __future__ import annotations

from dsflow.embedded.compiler.functions.cast import cast
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    SMALLINT,
    STRING,
    TIMESTAMP,
    Type,
    Value,
    null_of,
    sql_type,
)

_REFUSED = "oml_refuse('cast of the text ' || s || ' by Spark is not supported')"

MACROS = {
    "oml_spark_text(x)": (
        "CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN (CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END)"
        " WHEN x = 0 OR abs(x) >= 0.001 AND abs(x) < 10000000 THEN CAST(x AS VARCHAR)"
        " WHEN x IS NOT NULL"
        " THEN oml_refuse('cast of ' || CAST(x AS VARCHAR) || ' to text by Spark is not supported') END"
    ),
    "oml_spark_bigint(s)": (
        "CASE WHEN regexp_full_match(oml_strip(s), '[+-]?[0-9]+(\\.[0-9]*)?') THEN"
        " TRY_CAST(TRY_CAST(regexp_extract(ltrim(oml_strip(s), '+'), '^-?[0-9]+') AS HUGEINT) AS BIGINT)"
        f" WHEN regexp_full_match(oml_strip(s), '[+-]?\\.[0-9]*') THEN {_REFUSED} END"
    ),
    "oml_spark_int(s)": "TRY_CAST(oml_spark_bigint(s) AS INTEGER)",
    "oml_spark_smallint(s)": "TRY_CAST(oml_spark_bigint(s) AS SMALLINT)",
    "oml_spark_double(s)": (
        "CASE WHEN regexp_full_match(oml_strip(s), '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?') THEN"
        " TRY_CAST(ltrim(oml_strip(s), '+') AS DOUBLE)"
        " WHEN regexp_full_match(lower(oml_strip(s)),"
        " '[+-]?(nan|inf|infinity|[0-9.]+[df]|0x.*|[0-9.]+e[+-]?[0-9]+[df])')"
        f" THEN {_REFUSED} END"
    ),
    "oml_spark_float(s)": "oml_to_float(oml_spark_double(s))",
    "oml_spark_bool(s)": "oml_text_to_bool(oml_strip(s))",
    "oml_spark_date(s)": (
        "CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN CAST(try_strptime(s, '%Y-%m-%d') AS DATE)"
        f" WHEN regexp_matches(s, '[0-9]') THEN {_REFUSED} END"
    ),
    "oml_spark_saturated_int(x)": (
        "CASE WHEN isnan(x) THEN 0 WHEN x >= 2147483647 THEN 2147483647 WHEN x <= -2147483648 THEN"
        " CAST('-2147483648' AS INTEGER) ELSE TRY_CAST(trunc(x) AS INTEGER) END"
    ),
    "oml_spark_saturated_bigint(x)": (
        "CASE WHEN isnan(x) THEN 0 WHEN x >= 9223372036854775807.0::DOUBLE THEN 9223372036854775807"
        " WHEN x <= -9223372036854775808.0::DOUBLE THEN CAST('-9223372036854775808' AS BIGINT)"
        " ELSE TRY_CAST(trunc(x) AS BIGINT) END"
    ),
    # Spark knows Shanghai's own time before 1901 and its summer times until 1991
    "oml_spark_day(d)": (
        "CASE WHEN d >= DATE '1991-09-16' OR d BETWEEN DATE '1950-01-01' AND DATE '1986-05-03'"
        " THEN epoch_ms(CAST(d AS TIMESTAMP)) - 28800000 WHEN d IS NOT NULL"
        " THEN oml_refuse('cast of the date ' || CAST(d AS VARCHAR) || ' to timestamp by Spark is not supported') END"
    ),
    "oml_spark_timestamp_text(ts)": (
        "strftime(oml_local(ts), '%Y-%m-%d %H:%M:%S')"
        " || CASE WHEN ts % 1000 = 0 THEN ''"
        " ELSE '.' || rtrim(lpad(CAST((ts % 1000 + 1000) % 1000 AS VARCHAR), 3, '0'), '0') END"
    ),
}


def spark_cast(value: Value, target: Type) -> Value:
    """A cast as Spark does it."""
    source = value.type
    if source == target or value.is_null or value.constant:
        return cast(value, target)
    sql = _spark_sql(value.sql, source, target)
    return Value(sql, target) if sql is not None else cast(value, target)


def _spark_sql(sql: str, source: Type, target: Type) -> str | None:
    """None where Spark does the same as OpenMLDB."""
    if source is STRING and target in (*INTEGERS, *FLOATS, BOOL, DATE):
        return f"oml_spark_{target}({sql})"
    if source in FLOATS and target is STRING:
        return f"oml_spark_text({sql})"
    if source is TIMESTAMP and target is STRING:
        return f"oml_spark_timestamp_text({sql})"
    if source in FLOATS and target in INTEGERS:
        number = f"CAST({sql} AS DOUBLE)"
        if target is BIGINT:
            return f"oml_spark_saturated_bigint({number})"
        whole = f"oml_spark_saturated_int({number})"
        return whole if target is INT else f"oml_wrap_smallint({whole})"
    if source is TIMESTAMP and target in INTEGERS:
        seconds = f"({sql} - ({sql} % 1000 + 1000) % 1000) // 1000"
        if target is BIGINT:
            return f"({seconds} * 1000)"
        wide = f"oml_wrap_{target}({seconds})"
        return f"oml_wrap_{target}(CAST({wide} AS BIGINT) * 1000)"
    if source is TIMESTAMP and target in FLOATS:
        return f"(CAST(CAST({sql} AS DOUBLE) / 1000 AS {sql_type(target)}) * 1000)"
    if source is DATE and target is TIMESTAMP:
        return f"oml_spark_day({sql})"
    if source is DATE and target in (BOOL, *INTEGERS, FLOAT, DOUBLE):
        return null_of(target)
    return None


__all__ = ["MACROS", "SMALLINT", "spark_cast"]
