"""Numbers."""

from __future__ import annotations

from dsflow.embedded.compiler.functions.cast import cast
from dsflow.embedded.compiler.functions.conditional import choose
from dsflow.embedded.compiler.functions.hashing import hash_sql
from dsflow.embedded.compiler.functions.registry import Entry, Overload, each, named
from dsflow.embedded.compiler.operators import arithmetic, compare
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT,
    INTEGERS,
    NULL,
    NUMBERS,
    SMALLINT,
    STRING,
    TIMESTAMP,
    Value,
    literal_value,
)
from dsflow.embedded.errors import SqlError

_FLOAT_MAX = "3.4028234663852886e38"

# C's functions give NaN or infinity where DuckDB raises an error.
MACROS = {
    "oml_log(x)": (
        "CASE WHEN x > 0 THEN ln(x) WHEN x = 0 THEN '-inf'::DOUBLE WHEN x IS NOT NULL THEN 'nan'::DOUBLE END"
    ),
    "oml_sqrt(x)": "CASE WHEN x >= 0 THEN sqrt(x) WHEN x IS NOT NULL THEN 'nan'::DOUBLE END",
    "oml_asin(x)": "CASE WHEN abs(x) <= 1 THEN asin(x) WHEN x IS NOT NULL THEN 'nan'::DOUBLE END",
    "oml_acos(x)": "CASE WHEN abs(x) <= 1 THEN acos(x) WHEN x IS NOT NULL THEN 'nan'::DOUBLE END",
    "oml_sin(x)": "CASE WHEN isinf(x) OR isnan(x) THEN 'nan'::DOUBLE ELSE sin(x) END",
    "oml_cos(x)": "CASE WHEN isinf(x) OR isnan(x) THEN 'nan'::DOUBLE ELSE cos(x) END",
    "oml_tan(x)": "CASE WHEN isinf(x) OR isnan(x) THEN 'nan'::DOUBLE ELSE tan(x) END",
    "oml_cot(x)": (
        "CASE WHEN isinf(x) OR isnan(x) THEN 'nan'::DOUBLE WHEN sin(x) = 0 THEN"
        " (CASE WHEN cos(x) > 0 THEN 'inf'::DOUBLE ELSE '-inf'::DOUBLE END) ELSE cos(x) / sin(x) END"
    ),
    "oml_fmod_float(a, b)": "CASE WHEN b <> 0 THEN a % b END",
    "oml_fmod_double(a, b)": "CASE WHEN b <> 0 THEN a % b END",
    # the haversine formula with the Earth's radius in kilometres
    "oml_earth_distance(a, b, c, d)": (
        "CASE WHEN abs(a) <= 90 AND abs(c) <= 90 AND abs(b) <= 180 AND abs(d) <= 180 THEN 2 * 6372.8 * asin(sqrt("
        "pow(sin((radians(c) - radians(a)) / 2), 2)"
        " + cos(radians(a)) * cos(radians(c)) * pow(sin((radians(d) - radians(b)) / 2), 2))) END"
    ),
    # half away from zero, as C's round
    "oml_round(x)": "CASE WHEN isinf(x) OR isnan(x) THEN x ELSE round(x) END",
    # what does not fit in 64 bits becomes the smallest number
    "oml_llround(x)": "oml_finite_to_bigint(oml_round(CAST(x AS DOUBLE)))",
}


def _doubles(name: str, *, floats: bool = True) -> list[Overload]:
    """A function of one number that gives double, and float for float."""
    found: list[Overload] = each((*INTEGERS, DOUBLE), 1, DOUBLE, f"{name}(CAST({{0}} AS DOUBLE))")
    if floats:
        found.append(Overload((FLOAT,), FLOAT, f"oml_to_float({name}(CAST({{0}} AS DOUBLE)))"))
    return found


def _logarithm(name: str) -> list[Overload]:
    return [
        Overload((DOUBLE,), DOUBLE, name.format("{0}")),
        Overload((FLOAT,), FLOAT, f"oml_to_float({name.format('CAST({0} AS DOUBLE)')})"),
        *each((BOOL, *INTEGERS), 1, DOUBLE, name.format("CAST({0} AS DOUBLE)")),
    ]


def _log_of_base(values: list[Value]) -> Value:
    if values[0].type not in NUMBERS:
        raise SqlError(f"log does not take {values[0].type}")
    x, y = (cast(v, DOUBLE).sql for v in values)
    return Value(f"(oml_log({y}) / nullif(oml_log({x}), 0))", DOUBLE, constant=all(v.constant for v in values))


def _of_two_numbers(name: str) -> list[Overload]:
    """A function of two numbers that gives double, and float for two floats; DuckDB has it under the same name."""

    def build(values: list[Value]) -> Value:
        if any(v.type not in NUMBERS for v in values):
            raise SqlError(f"{name} takes numbers only")
        x, y = (cast(v, DOUBLE).sql for v in values)
        constant = all(v.constant for v in values)
        if values[0].type is FLOAT and values[1].type is FLOAT:
            return Value(f"oml_to_float({name}({x}, {y}))", FLOAT, constant=constant)
        return Value(f"{name}({x}, {y})", DOUBLE, constant=constant)

    return [Overload(_ANY_TWO, None, build)]


def _round(values: list[Value]) -> Value:
    value = values[0]
    if value.type not in NUMBERS or value.type is BOOL:
        raise SqlError(f"round does not take {value.type}")
    if len(values) > 2:
        raise SqlError("round takes one or two arguments")
    places = values[1] if len(values) == 2 else literal_value(0, INT)
    if places.type not in NUMBERS:
        raise SqlError(f"round does not take {places.type} as its number of places")
    known = int(places.literal) if places.is_literal and places.type in INTEGERS else None
    digits = str(known) if known is not None else cast(places, INT).sql
    constant = value.constant and places.constant
    number = f"CAST({value.sql} AS DOUBLE)"
    if value.type in INTEGERS:
        if known is not None and known >= 0:
            return Value(value.sql, value.type, constant=constant)
        factor = f"pow(10::DOUBLE, -CAST({digits} AS DOUBLE))"
        rounded = cast(Value(f"(oml_round({number} / {factor}) * {factor})", DOUBLE), value.type).sql
        sql = rounded if known is not None else f"CASE WHEN {digits} >= 0 THEN {value.sql} ELSE {rounded} END"
        return Value(sql if known is not None else _unless_null(places, sql), value.type, constant=constant)
    scale = f"pow(10::DOUBLE, {digits})"
    return cast(Value(f"(oml_round({number} * {scale}) / {scale})", DOUBLE, constant=constant), value.type)


def _unless_null(value: Value, sql: str) -> str:
    return f"CASE WHEN {value.sql} IS NOT NULL THEN {sql} END"


def _whole(function: str) -> list[Overload]:
    """ceil and floor: bigint of integers, else double. A bigint goes through double and back."""
    return [
        *each((SMALLINT, INT), 1, BIGINT, "CAST({0} AS BIGINT)"),
        Overload((BIGINT,), BIGINT, "oml_finite_to_bigint(CAST({0} AS DOUBLE))"),
        *each((DOUBLE, FLOAT, BOOL), 1, DOUBLE, f"{function}(CAST({{0}} AS DOUBLE))"),
    ]


def _hash64(values: list[Value]) -> Value:
    return Value(hash_sql(values[0].sql, str(values[0].type)), BIGINT, constant=values[0].constant)


def _distance(values: list[Value]) -> Value:
    if any(v.type not in (*NUMBERS, STRING) and not v.is_null for v in values):
        raise SqlError("earth_distance takes numbers only")
    places = ", ".join(cast(v, DOUBLE).sql for v in values)
    return Value(f"oml_earth_distance({places})", DOUBLE, constant=all(v.constant for v in values))


def _plus(values: list[Value]) -> Value:
    return arithmetic("+", values[0], values[1])


def _increment(values: list[Value]) -> Value:
    return arithmetic("+", values[0], literal_value(1, values[0].type))


def _positive_modulo(values: list[Value]) -> Value:
    """``%``, and once more after adding the divisor when it is negative."""
    modulo = arithmetic("%", values[0], values[1])
    if modulo.is_null:
        raise SqlError("pmod does not take NULL alone")
    negative = compare("<", modulo, literal_value(0, INT))
    return choose(negative.sql, arithmetic("%", arithmetic("+", modulo, values[1]), values[1]), modulo)


_ANY_TWO = (None, None)

FUNCTIONS: dict[str, Entry] = {
    "add": [Overload(_ANY_TWO, None, _plus)],
    "inc": [Overload((t,), None, _increment) for t in (*INTEGERS, *FLOATS)],
    "pmod": [Overload(_ANY_TWO, None, _positive_modulo)],
    "ln": _logarithm("oml_log({})"),
    "log": [*_logarithm("oml_log({})"), Overload(_ANY_TWO, None, _log_of_base)],
    "log2": _logarithm("(oml_log({}) / 0.6931471805599453::DOUBLE)"),
    "log10": _logarithm("(oml_log({}) / 2.302585092994046::DOUBLE)"),
    "abs": [
        *each((SMALLINT, INT), 1, INT, "oml_wrap_int(abs(CAST({0} AS BIGINT)))"),
        Overload((BIGINT,), BIGINT, "oml_wrap_bigint(abs(CAST({0} AS HUGEINT)))"),
        *each((FLOAT, DOUBLE, BOOL), 1, DOUBLE, "abs(CAST({0} AS DOUBLE))"),
    ],
    **named(("ceil", "ceiling"), _whole("ceil")),
    "floor": _whole("floor"),
    "exp": _doubles("exp"),
    **named(("pow", "power"), _of_two_numbers("pow")),
    "round": [Overload((None,), None, _round, variadic=True)],
    "sqrt": _doubles("oml_sqrt"),
    "truncate": [
        *each((SMALLINT, INT), 1, INT, "CAST({0} AS INTEGER)"),
        Overload((BIGINT,), BIGINT, "oml_finite_to_bigint(CAST({0} AS DOUBLE))"),
        *each((FLOAT, DOUBLE, BOOL), 1, DOUBLE, "trunc(CAST({0} AS DOUBLE))"),
    ],
    "earth_distance": [Overload((None,) * 4, None, _distance)],
    "degrees": [Overload((DOUBLE,), DOUBLE, "({0} * (180 / 3.141592653589793::DOUBLE))")],
    "radians": each((*INTEGERS, *FLOATS), 1, DOUBLE, "(CAST({0} AS DOUBLE) * (3.141592653589793::DOUBLE / 180))"),
    "acos": _doubles("oml_acos"),
    "asin": _doubles("oml_asin"),
    "atan": [*_doubles("atan"), *_of_two_numbers("atan2")],
    "atan2": _of_two_numbers("atan2"),
    "cos": _doubles("oml_cos"),
    "cot": _doubles("oml_cot"),
    "sin": _doubles("oml_sin"),
    "tan": _doubles("oml_tan"),
    **named(
        ("hash64", "farm_fingerprint"),
        [Overload((t,), None, _hash64) for t in (*NUMBERS, STRING, TIMESTAMP, DATE)],
    ),
}

__all__ = ["FUNCTIONS", "MACROS", "NULL"]
