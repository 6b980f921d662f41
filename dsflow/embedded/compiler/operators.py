"""The operators: which types they take, what type they give, and DuckDB SQL that computes the same.

The type rules are those of OpenMLDB's expression nodes (``hybridse/src/node/expr_node.cc``).
"""

from __future__ import annotations

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
    NullType,
    Type,
    Value,
    null_of,
    sql_type,
)
from dsflow.embedded.errors import SqlError
from dsflow.openmldb.types import ColumnType

_WIDER = {SMALLINT: "INTEGER", INT: "BIGINT", BIGINT: "HUGEINT"}
_RANK = {BOOL: 0, SMALLINT: 1, INT: 2, BIGINT: 3}


def is_safe_cast(source: Type, target: Type) -> bool:
    """Whether OpenMLDB widens a type to another by itself."""
    if isinstance(source, NullType) or source == target:
        return True
    if target in INTEGERS:
        return source in _RANK and _RANK[source] <= _RANK[target]
    if target is FLOAT:
        return source is BOOL
    if target is DOUBLE:
        return source is BOOL or source is FLOAT
    if target is TIMESTAMP:
        return source in INTEGERS or source is BOOL
    return False


def number_type(left: Type, right: Type) -> Type:
    """The type in which two numbers meet. A bigint meets a float in float, as in OpenMLDB."""
    if is_safe_cast(left, right):
        return right
    if is_safe_cast(right, left):
        return left
    return right if right in FLOATS else left


def compatible_type(left: Type, right: Type) -> Type:
    """The type of branches (CASE, ifnull, an array's elements) that have different types.

    Raises:
        SqlError: there is none.
    """
    if left == right:
        return right
    if isinstance(left, NullType):
        return right
    if isinstance(right, NullType):
        return left
    if is_safe_cast(left, right):
        return right
    if is_safe_cast(right, left):
        return left
    if left in NUMBERS and right in FLOATS:
        return DOUBLE if right is FLOAT and left is BIGINT else right
    if right in NUMBERS and left in FLOATS:
        return DOUBLE if left is FLOAT and right is BIGINT else left
    if isinstance(left, ColumnType) and isinstance(right, ColumnType):
        return STRING
    raise SqlError(f"there is no type that fits both {left} and {right}")


def wrap(sql: str, type_: Type) -> str:
    """Bring an integer of a wider type back to a type, wrapping around."""
    return f"oml_wrap_{type_}({sql})"


def _refuse(operator: str, *operands: Value) -> SqlError:
    types = " and ".join(str(o.type) for o in operands)
    return SqlError(f"{operator} does not take {types}")


def cast_number(value: Value, type_: Type) -> str:
    """A number as another number type, without change of value (widening)."""
    if value.type == type_ or isinstance(value.type, NullType):
        return value.sql if not isinstance(value.type, NullType) else null_of(type_)
    return f"CAST({value.sql} AS {sql_type(type_)})"


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """``+``, ``-``, ``*``, ``/``, ``DIV`` and ``%``."""
    constant = left.constant and right.constant
    type_ = _ARITHMETIC[operator](left, right)
    if isinstance(type_, NullType):
        return Value("NULL", NULL, constant=constant)
    if left.is_null or right.is_null:
        return Value(null_of(type_), type_, constant=constant)
    sql = _arithmetic_sql(operator, left, right, type_)
    return Value(sql, type_, constant=constant)


def _arithmetic_sql(operator: str, left: Value, right: Value, type_: Type) -> str:
    if operator == "/":
        return f"(CAST({left.sql} AS DOUBLE) / nullif(CAST({right.sql} AS DOUBLE), 0))"
    if type_ is TIMESTAMP:
        if operator == "-" and right.type in (SMALLINT, INT) and not (right.is_literal and right.literal >= 0):
            # what is taken away is negated first, in its own type, where the smallest number stays negative
            right, operator = negate(right), "+"
        return wrap(f"CAST({left.sql} AS HUGEINT) {operator} CAST({right.sql} AS HUGEINT)", BIGINT)
    if type_ is BOOL:
        return _bool_arithmetic(operator, left, right)
    if type_ in FLOATS:
        a, b = cast_number(left, type_), cast_number(right, type_)
        if operator == "%":
            return f"oml_fmod_{type_}({a}, {b})"
        return f"({a} {operator} {b})"
    if operator in ("DIV", "%"):
        wide = _WIDER[type_]  # type: ignore[index]
        sign = "//" if operator == "DIV" else "%"
        quotient = f"CAST({left.sql} AS {wide}) {sign} nullif(CAST({right.sql} AS {wide}), 0)"
        return wrap(quotient, type_)
    wide = "HUGEINT" if operator == "*" and type_ is BIGINT else _WIDER[type_]  # type: ignore[index]
    return wrap(f"CAST({left.sql} AS {wide}) {operator} CAST({right.sql} AS {wide})", type_)


def _bool_arithmetic(operator: str, left: Value, right: Value) -> str:
    # one bit: + and - are exclusive or, * is and
    a, b = left.sql, right.sql
    if operator in ("+", "-"):
        return f"({a} <> {b})"
    if operator == "*":
        return f"CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN {a} AND {b} END"
    if operator == "DIV":
        return f"CASE WHEN {b} THEN {a} END"
    return f"CASE WHEN {b} AND {a} IS NOT NULL THEN false END"


def _whole(value: Value) -> bool:
    return value.type in INTEGERS or value.type is BOOL


def _plus(left: Value, right: Value) -> Type:
    for operand in (left, right):
        if not (operand.is_null or operand.type in NUMBERS or operand.type is TIMESTAMP):
            raise _refuse("+", left, right)
    if left.is_null or right.is_null:
        return right.type if left.is_null else left.type
    if left.type is TIMESTAMP or right.type is TIMESTAMP:
        if left.type is TIMESTAMP and (right.type is TIMESTAMP or _whole(right)):
            return TIMESTAMP
        if right.type is TIMESTAMP and _whole(left):
            return TIMESTAMP
        raise _refuse("+", left, right)
    return number_type(left.type, right.type)


def _minus(left: Value, right: Value) -> Type:
    for operand in (left, right):
        if not (operand.is_null or operand.type in NUMBERS or operand.type is TIMESTAMP):
            raise _refuse("-", left, right)
    if left.is_null or right.is_null:
        return right.type if left.is_null else left.type
    if left.type is TIMESTAMP and _whole(right):
        return TIMESTAMP
    if left.type in NUMBERS and right.type in NUMBERS:
        return number_type(left.type, right.type)
    raise _refuse("-", left, right)


def _times(left: Value, right: Value) -> Type:
    if not all(o.is_null or o.type in NUMBERS for o in (left, right)):
        raise _refuse("*", left, right)
    return _null_or_number(left, right)


def _divide(left: Value, right: Value) -> Type:
    if left.type is TIMESTAMP and right.is_null:
        return DOUBLE
    if not all(o.is_null or o.type in NUMBERS for o in (left, right)) or (left.is_null and right.is_null):
        raise _refuse("/", left, right)
    return DOUBLE


def _div(left: Value, right: Value) -> Type:
    if not all(o.is_null or _whole(o) for o in (left, right)):
        raise _refuse("DIV", left, right)
    return _null_or_number(left, right)


def _modulo(left: Value, right: Value) -> Type:
    if not all(o.is_null or o.type in NUMBERS for o in (left, right)):
        raise _refuse("%", left, right)
    return _null_or_number(left, right)


def _null_or_number(left: Value, right: Value) -> Type:
    if left.is_null:
        return right.type
    return left.type if right.is_null else number_type(left.type, right.type)


_ARITHMETIC = {"+": _plus, "-": _minus, "*": _times, "/": _divide, "DIV": _div, "%": _modulo}


def negate(value: Value) -> Value:
    """Unary minus; of a bare NULL it is bool."""
    if value.is_null:
        return Value(null_of(BOOL), BOOL, constant=True)
    if value.type not in NUMBERS:
        raise _refuse("unary -", value)
    if value.type in FLOATS:
        return Value(f"(-{value.sql})", value.type, constant=value.constant)
    if value.type is BOOL:
        return value
    wide = _WIDER[value.type]
    return Value(wrap(f"-CAST({value.sql} AS {wide})", value.type), value.type, constant=value.constant)


def bitwise(operator: str, left: Value, right: Value) -> Value:
    """``&``, ``|`` and ``^``: of integers only."""
    if not all(o.is_null or o.type in INTEGERS for o in (left, right)):
        raise _refuse(operator, left, right)
    type_ = _null_or_number(left, right)
    constant = left.constant and right.constant
    if left.is_null or right.is_null:
        return Value(null_of(type_), type_, constant=constant)
    a, b = cast_number(left, type_), cast_number(right, type_)
    sql = f"xor({a}, {b})" if operator == "^" else f"({a} {operator} {b})"
    return Value(sql, type_, constant=constant)


def bitwise_not(value: Value) -> Value:
    """``~``."""
    if value.is_null:
        return value
    if value.type not in INTEGERS:
        raise _refuse("~", value)
    return Value(f"(~{value.sql})", value.type, constant=value.constant)


def comparable(left: Value, right: Value) -> bool:
    """Whether two values may be compared."""
    if not all(o.is_null or isinstance(o.type, ColumnType) for o in (left, right)):
        return False
    if left.is_null or right.is_null:
        return True
    if left.type in NUMBERS and right.type in NUMBERS:
        return True
    return STRING in (left.type, right.type) or left.type == right.type


def compare(operator: str, left: Value, right: Value) -> Value:
    """``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``; NaN is unequal to everything and neither less nor greater."""
    if not comparable(left, right):
        raise _refuse(operator, left, right)
    constant = left.constant and right.constant
    if left.is_null or right.is_null:
        return Value("CAST(NULL AS BOOLEAN)", BOOL, constant=constant)
    a, b, type_ = operands_for_comparison(left, right)
    if type_ in FLOATS:
        return Value(_compare_floats(operator, a, b, left, right), BOOL, constant=constant)
    return Value(f"({a} {operator} {b})", BOOL, constant=constant)


def _compare_floats(operator: str, a: str, b: str, left: Value, right: Value) -> str:
    unequal = operator == "<>"
    if left.is_literal or right.is_literal:
        nan = f"isnan({b if left.is_literal else a})"
        return f"({a} <> {b} OR {nan})" if unequal else f"({a} {operator} {b} AND NOT {nan})"
    # of a NaN and a NULL the comparison is NULL
    if unequal:
        found = f"nullif({a} IS NOT NULL AND {b} IS NOT NULL, false)"
    else:
        found = f"nullif({a} IS NULL OR {b} IS NULL, true)"
    return f"CASE WHEN isnan({a}) OR isnan({b}) THEN {found} ELSE {a} {operator} {b} END"


def operands_for_comparison(left: Value, right: Value) -> tuple[str, str, Type]:
    """Both operands in the type in which they are compared, and that type."""
    from dsflow.embedded.compiler.functions.cast import to_string

    if left.type == right.type:
        return left.sql, right.sql, left.type
    if STRING in (left.type, right.type):
        return to_string(left).sql, to_string(right).sql, STRING
    type_ = number_type(left.type, right.type)
    return cast_number(left, type_), cast_number(right, type_), type_


def truth(value: Value) -> str:
    """A value as a condition: what is not bool is compared with zero, a text with the empty text."""
    if value.is_null:
        return "CAST(NULL AS BOOLEAN)"
    if value.type is BOOL:
        return value.sql
    if value.type in FLOATS:
        return f"({value.sql} <> 0 OR isnan({value.sql}))"
    if value.type in INTEGERS or value.type is TIMESTAMP:
        return f"({value.sql} <> 0)"
    if value.type is STRING:
        return f"({value.sql} <> '')"
    if value.type is DATE:
        return f"({value.sql} IS NOT NULL OR CAST(NULL AS BOOLEAN))"
    raise SqlError(f"{value.type} is no condition")


def logical(operator: str, left: Value, right: Value) -> Value:
    """AND, OR, XOR, of any base types but a bare NULL."""
    if left.is_null or right.is_null:
        raise _refuse(operator, left, right)
    constant = left.constant and right.constant
    a, b = truth(left), truth(right)
    if operator == "XOR":
        return Value(f"({a} <> {b})", BOOL, constant=constant)
    return Value(f"({a} {operator} {b})", BOOL, constant=constant)


def negation(value: Value) -> Value:
    """NOT."""
    if value.is_null:
        raise _refuse("NOT", value)
    return Value(f"(NOT {truth(value)})", BOOL, constant=value.constant)


__all__ = [
    "arithmetic", "bitwise", "bitwise_not", "cast_number", "comparable", "compare", "compatible_type", "is_safe_cast",
    "logical", "negate", "negation", "number_type", "operands_for_comparison", "truth", "wrap",
]  # fmt: skip
