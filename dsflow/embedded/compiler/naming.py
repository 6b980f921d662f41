"""The name of a column of SELECT that has no alias: OpenMLDB's way to write its expression."""

from __future__ import annotations

from sqlglot import exp

from dsflow.embedded.compiler.functions.cast import TYPE_WORDS
from dsflow.openmldb import nodes

_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.IntDiv: "DIV", exp.Mod: "%", exp.EQ: "=",
    exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.And: "AND", exp.Or: "OR",
    exp.Xor: "XOR", exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^", exp.Like: "LIKE", exp.ILike: "ILIKE",
    exp.RegexpLike: "RLIKE",
}  # fmt: skip


def column_name(node: exp.Expr) -> str:
    """The name of a column: its own for a column, the expression's text else."""
    if isinstance(node, exp.Column):
        return node.name
    return _text(node)


def _text(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal):
        return _literal(node)
    if isinstance(node, exp.Null):
        return "null"
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    if isinstance(node, exp.Column):
        return ".".join(part for part in (node.text("db"), node.text("table"), node.name) if part)
    if type(node) in _BINARY:
        return f"{_text(node.this)} {_BINARY[type(node)]} {_text(node.args['expression'])}"
    if isinstance(node, exp.Neg):
        return f"- {_text(node.this)}"
    if isinstance(node, exp.Not):
        return f"NOT {_text(node.this)}"
    if isinstance(node, exp.Paren):
        return f"({_text(node.this)})"
    if isinstance(node, exp.Cast):
        word = str(TYPE_WORDS.get(node.args["to"].name.lower(), node.args["to"].name))
        return f"{word}({_text(node.this)})"
    if isinstance(node, exp.Anonymous):
        name = node.this.name if isinstance(node.this, exp.Identifier) else str(node.this)
        return f"{name}({', '.join(_text(a) for a in node.expressions)})"
    if isinstance(node, nodes.Over):
        window = node.args["window"]
        name = window.name if isinstance(window, exp.Identifier) else "ANONYMOUS_WINDOW "
        return f"{_text(node.this)}over {name}"
    if isinstance(node, exp.Star):
        return "*"
    return node.sql(dialect="openmldb")


def _literal(node: exp.Literal) -> str:
    text = str(node.this)
    if node.is_string:
        return text
    if text.isdigit():
        return str(int(text))
    if text[-1] in "lL":
        return text[:-1]
    try:
        return f"{float(text.rstrip('fF')):.6f}"
    except ValueError:
        return text
