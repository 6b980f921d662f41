"""Expressions: from the syntax tree to typed DuckDB SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlglot import exp

from dsflow.embedded.compiler import functions, operators
from dsflow.embedded.compiler.aggregates import Aggregate
from dsflow.embedded.compiler.functions import aggregate, fold_of, is_aggregate
from dsflow.embedded.compiler.functions.arrays import LIST_FUNCTIONS, array
from dsflow.embedded.compiler.functions.cast import TYPE_WORDS, cast, type_of_words
from dsflow.embedded.compiler.functions.conditional import choose
from dsflow.embedded.compiler.functions.maps import cast_map, element
from dsflow.embedded.compiler.functions.sparkcast import spark_cast
from dsflow.embedded.compiler.functions.strings import like, rlike
from dsflow.embedded.compiler.scope import Field, column_value, resolve
from dsflow.embedded.compiler.values import (
    BIGINT,
    BOOL,
    DOUBLE,
    FLOAT,
    INT,
    NULL,
    ROW,
    STRING,
    MapType,
    Type,
    Value,
    literal_value,
    string_sql,
)
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes
from dsflow.openmldb.types import ColumnType


class Frame(Protocol):
    """The rows that aggregates run over: a window's frame or a group."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns of one of its rows, for the arguments of aggregates."""
        ...

    def read(self, field: Field) -> None:
        """Take note of a column that the argument of an aggregate reads."""
        ...

    def add(self, call: Aggregate) -> str:
        """SQL, good where the expression stands, for an aggregate over these rows."""
        ...

    def nest(self, call: Aggregate) -> str:
        """The same, good as a part of another aggregate's argument.

        Raises:
            UnsupportedError: these rows do not have that.
        """
        ...


class Aggregates(Protocol):
    """Where an expression's aggregates find their rows."""

    def frame(self, window: exp.Expr | None, call: exp.Expr, top: bool) -> Frame:
        """The frame of an aggregate: ``window`` is what stands after OVER, None when nothing does.

        ``top``: the call with its OVER is the whole expression.
        """
        ...


class Expressions:
    """Compiles expressions over the columns of a relation.

    Args:
        fields: the columns.
        parameters: type and value of each ``?``.
        aggregates: None where aggregates are not allowed; then ``refusal`` says why.
        spark_casts: casts are done as Spark does them.
        db: the current database: ``t.c`` means a table of it.
    """

    def __init__(
        self,
        fields: tuple[Field, ...],
        parameters: Sequence[tuple[ColumnType, object]] = (),
        aggregates: Aggregates | None = None,
        refusal: str = "an aggregate function cannot stand here",
        *,
        spark_casts: bool = False,
        db: str | None = None,
    ) -> None:
        self.fields = fields
        self.parameters = parameters
        self.aggregates = aggregates
        self.refusal = refusal
        self.spark_casts = spark_casts
        self.db = db
        self._window: exp.Expr | None = None
        self._top: exp.Expr | None = None
        self._frame: Frame | None = None

    def over(self, fields: tuple[Field, ...]) -> Expressions:
        """The same compiler over other columns, without aggregates."""
        return Expressions(fields, self.parameters, spark_casts=self.spark_casts, db=self.db)

    def compile(self, node: exp.Expr) -> Value:
        """The value of an expression.

        Raises:
            SqlError: it is wrong.
            UnsupportedError: it is not supported.
        """
        self._top = node
        return self._value(node)

    def condition(self, node: exp.Expr) -> str:
        """An expression as a condition."""
        return operators.truth(self.compile(node))

    def _value(self, node: exp.Expr) -> Value:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise UnsupportedError(_construct(node), **nodes.position(node))
        try:
            return handler(self, node)
        except SqlError as error:
            if error.line is None and (where := nodes.position(node)):
                error.line, error.col = where["line"], where.get("col")
                error.where = f"line {error.line}, column {error.col}"
            raise

    # ---- leaves

    def _literal(self, node: exp.Literal) -> Value:
        text = str(node.this)
        if node.is_string:
            return Value(string_sql(text), STRING, literal=text, is_literal=True, constant=True)
        return number_literal(text)

    def _boolean(self, node: exp.Boolean) -> Value:
        return literal_value(bool(node.this), BOOL)

    def _null(self, node: exp.Null) -> Value:
        return Value("NULL", NULL, constant=True)

    def _column(self, node: exp.Column) -> Value:
        if "field" in node.meta:
            return column_value(node.meta["field"])
        if isinstance(node.this, exp.Star):
            raise SqlError("t.* can only be a column of SELECT")
        found = resolve(
            self.fields, node.name, node.text("table") or None, node.text("db") or None, self.db, nodes.position(node)
        )
        if self._frame is not None:
            self._frame.read(found)
        return column_value(found)

    def _placeholder(self, node: exp.Placeholder) -> Value:
        index = node.meta.get("index", 0)
        if index >= len(self.parameters):
            raise SqlError(f"there is no value for parameter {index + 1}")
        type_, value = self.parameters[index]
        return literal_value(value, type_)

    def _star(self, node: exp.Star) -> Value:
        return Value("*", ROW)

    # ---- operators

    def _paren(self, node: exp.Paren) -> Value:
        inner = self._value(node.this)
        return Value(f"({inner.sql})", inner.type, inner.literal, inner.is_literal, inner.constant, inner.column)

    def _two(self, node: exp.Expr) -> tuple[Value, Value]:
        return self._value(node.this), self._value(node.args["expression"])

    def _arithmetic(self, node: exp.Expr) -> Value:
        return operators.arithmetic(_ARITHMETIC[type(node)], *self._two(node))

    def _compare(self, node: exp.Expr) -> Value:
        return operators.compare(_COMPARE[type(node)], *self._two(node))

    def _logical(self, node: exp.Expr) -> Value:
        return operators.logical(_LOGICAL[type(node)], *self._two(node))

    def _bitwise(self, node: exp.Expr) -> Value:
        return operators.bitwise(_BITWISE[type(node)], *self._two(node))

    def _negate(self, node: exp.Neg) -> Value:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string:
            # the smallest integer is a negated literal that does not fit without its sign
            value = number_literal(str(inner.this))
            if value.type in (INT, BIGINT):
                negative = -int(value.literal)
                return literal_value(negative, value.type)
            return literal_value(-value.literal, value.type)
        return operators.negate(self._value(inner))

    def _bitwise_not(self, node: exp.BitwiseNot) -> Value:
        return operators.bitwise_not(self._value(node.this))

    def _not(self, node: exp.Not) -> Value:
        return operators.negation(self._value(node.this))

    def _between(self, node: exp.Between) -> Value:
        value = self._value(node.this)
        low, high = self._value(node.args["low"]), self._value(node.args["high"])
        return operators.logical("AND", operators.compare(">=", value, low), operators.compare("<=", value, high))

    def _in(self, node: exp.In) -> Value:
        if node.args.get("query"):
            raise UnsupportedError("IN with a subquery")
        value = self._value(node.this)
        found: Value | None = None
        for item in node.expressions:
            equal = operators.compare("=", value, self._value(item))
            found = equal if found is None else operators.logical("OR", found, equal)
        assert found is not None
        return found

    def _like(self, node: exp.Expr) -> Value:
        return like(*self._two(node), None, any_case=isinstance(node, exp.ILike))

    def _escape(self, node: exp.Escape) -> Value:
        inner = node.this
        name, pattern = self._two(inner)
        escape = self._value(node.args["expression"])
        if escape.is_literal and len(str(escape.literal).encode()) > 1:
            raise SqlError("ESCAPE takes a string of one character")
        return like(name, pattern, escape, any_case=isinstance(inner, exp.ILike))

    def _rlike(self, node: exp.RegexpLike) -> Value:
        return rlike(*self._two(node))

    def _cast(self, node: exp.Cast) -> Value:
        return self._cast_to(self._value(node.this), type_of_words(node.args["to"].name))

    def _cast_to(self, value: Value, target: Type) -> Value:
        if isinstance(target, MapType):
            return cast_map(value, target)
        return spark_cast(value, target) if self.spark_casts else cast(value, target)

    def _case(self, node: exp.Case) -> Value:
        subject = self._value(node.this) if node.this else None
        branches = []
        for branch in node.args["ifs"]:
            when = self._value(branch.this)
            if subject is not None:
                when = operators.compare("=", subject, when)
            elif when.type is not BOOL:
                raise SqlError(f"the condition of CASE WHEN must be bool, not {when.type}")
            branches.append((operators.truth(when), self._value(branch.args["true"])))
        default = node.args.get("default")
        result = self._value(default) if default else Value("NULL", NULL, constant=True)
        for when_sql, then in reversed(branches):
            chosen = choose(when_sql, then, result)
            result = Value(f"({chosen.sql})", chosen.type, constant=chosen.constant)
        return result

    # ---- arrays and maps

    def _array(self, node: exp.Array) -> Value:
        words = node.meta.get("element")
        return array([self._value(e) for e in node.expressions], type_of_words(words) if words else None)

    def _element(self, node: exp.Bracket) -> Value:
        return element(self._value(node.this), self._value(node.expressions[0]))

    # ---- functions

    def _over(self, node: nodes.Over) -> Value:
        # an aggregate inside another has the same window: a column of SELECT has one only
        outer, self._window = self._window, node.args["window"]
        try:
            return self._value(node.this)
        finally:
            self._window = outer

    def _call(self, node: exp.Anonymous) -> Value:
        name = node.this.name if isinstance(node.this, exp.Identifier) else str(node.this)
        if any(isinstance(argument, exp.Distinct) for argument in node.expressions):
            raise UnsupportedError(f"{name}(DISTINCT ...)")
        if is_aggregate(name) and not takes_list(name, node):
            return self._aggregate(name, node)
        arguments = [self._value(argument) for argument in node.expressions]
        if (
            self.spark_casts
            and name.lower() in TYPE_WORDS
            and len(arguments) == 1
            and name.lower() in functions.FUNCTIONS
        ):
            return spark_cast(arguments[0], TYPE_WORDS[name.lower()])
        value = functions.call(name, arguments)
        if value is None:
            raise SqlError(f"there is no function {name}")
        return value

    def _aggregate(self, name: str, node: exp.Anonymous) -> Value:
        if self.aggregates is None:
            raise SqlError(self.refusal)
        if self._frame is not None:
            # an aggregate in the argument of another runs over all of its frame, whatever the row
            call = aggregate(name, [self._value(argument) for argument in node.expressions])
            return Value(self._frame.nest(call), call.type)
        fold = fold_of(name)
        constant = bool(node.expressions) and _is_plain_constant(node.expressions[0])
        if constant and fold is not None and not fold.of_constants:
            raise SqlError(
                f"OpenMLDB compiles no {name} of a constant (Illegal while condition)",
                hint="write count(*)" if name.lower() == "count" else None,
                **nodes.position(node),
            )
        top = isinstance(self._top, nodes.Over) and self._top.this is node
        frame = self.aggregates.frame(self._window, node, top)
        if node.expressions and _gives_list(node.expressions[0]):
            # a list that is an aggregate itself: this one runs over its elements
            values = [self._value(argument) for argument in node.expressions]
            return _value_of(frame, aggregate(name, values))
        outer, self.fields, self._frame = self.fields, frame.fields, frame
        try:
            arguments = [self._value(argument) for argument in node.expressions]
        finally:
            self.fields, self._frame = outer, None
        found = aggregate(name, arguments)
        if all(argument.is_literal for argument in arguments):
            raise SqlError(f"Illegal while condition: {name} of a constant", hint="take a column, or count(*)")
        return _value_of(frame, found)


def _value_of(frame: Frame, call: Aggregate) -> Value:
    return Value(frame.add(call), call.type)


def _is_plain_constant(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal | exp.Boolean)


def _gives_list(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in LIST_FUNCTIONS


def takes_list(name: str, node: exp.Anonymous) -> bool:
    """Whether this is at(split(...), 1), an element of a list and not a row of a window."""
    return name.lower() in ("at", "lag") and bool(node.expressions) and _gives_list(node.expressions[0])


def number_literal(text: str) -> Value:
    """A number as it is written: ``10`` is int (bigint if it does not fit), ``10L`` bigint, ``1.5f`` float.

    Raises:
        SqlError: it is an interval or hexadecimal, or does not fit.
    """
    if text[-1] in "sSmMhHdD" and text[:-1].isdigit():
        raise SqlError(f"the interval {text} can only stand in a window's frame")
    if text[:2].lower() == "0x":
        raise SqlError(f"hexadecimal literals like {text} are not supported")
    if text[-1] in "lL":
        return _integer(int(text[:-1]), BIGINT)
    if text.isdigit():
        value = int(text)
        return _integer(value, INT if value <= 2**31 - 1 else BIGINT)
    if text[-1] in "fF":
        return literal_value(float(text[:-1]), FLOAT)
    return literal_value(float(text), DOUBLE)


def _integer(value: int, type_: ColumnType) -> Value:
    if value > 2**63 - 1:
        raise SqlError(f"{value} does not fit in bigint")
    return literal_value(value, type_)


def _construct(node: exp.Expr) -> str:
    known = {
        exp.Is: "IS (use isnull)",
        exp.DPipe: "|| (use concat)",
        exp.Subquery: "a subquery inside an expression",
        exp.Exists: "EXISTS",
        exp.BitwiseLeftShift: "<<",
        exp.BitwiseRightShift: ">>",
        exp.Tuple: "a tuple",
        exp.Distinct: "DISTINCT",
    }
    return known.get(type(node), type(node).__name__)


_Signs = dict[type[exp.Expr], str]
_ARITHMETIC: _Signs = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.IntDiv: "DIV", exp.Mod: "%"}
_COMPARE: _Signs = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_LOGICAL: _Signs = {exp.And: "AND", exp.Or: "OR", exp.Xor: "XOR"}
_BITWISE: _Signs = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^"}

_HANDLERS: dict[type[exp.Expr], Callable[[Expressions, Any], Value]] = {
    exp.Literal: Expressions._literal,
    exp.Boolean: Expressions._boolean,
    exp.Null: Expressions._null,
    exp.Column: Expressions._column,
    exp.Placeholder: Expressions._placeholder,
    exp.Star: Expressions._star,
    exp.Paren: Expressions._paren,
    **dict.fromkeys(_ARITHMETIC, Expressions._arithmetic),
    **dict.fromkeys(_COMPARE, Expressions._compare),
    **dict.fromkeys(_LOGICAL, Expressions._logical),
    **dict.fromkeys(_BITWISE, Expressions._bitwise),
    exp.Neg: Expressions._negate,
    exp.BitwiseNot: Expressions._bitwise_not,
    exp.Not: Expressions._not,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._like,
    exp.Escape: Expressions._escape,
    exp.RegexpLike: Expressions._rlike,
    exp.Cast: Expressions._cast,
    exp.Case: Expressions._case,
    exp.Array: Expressions._array,
    exp.Bracket: Expressions._element,
    nodes.Over: Expressions._over,
    exp.Anonymous: Expressions._call,
}
