"""Python code from nodes: on one line where it fits, else one item a line with a trailing comma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120
_INDENT = "    "


@dataclass(frozen=True)
class Code:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True)
class Bracketed:
    """``head`` ``(`` items ``)``: a call, a list, a tuple or a dict.

    Attributes:
        items: prefix (``name=`` or ``key: ``) and value of each.
    """

    head: str
    items: tuple[tuple[str, Node], ...]
    tail: str


Node = Code | Bracketed


def call(name: str, /, *arguments: Node, **keywords: Node) -> Node:
    """``name(a, b, key=c)``."""
    items = [*(("", a) for a in arguments), *((f"{k}=", v) for k, v in keywords.items())]
    return Bracketed(f"{name}(", tuple(items), ")")


def listing(items: Sequence[Node]) -> Node:
    """``[a, b]``."""
    return Bracketed("[", tuple(("", item) for item in items), "]")


def mapping(items: Sequence[tuple[str, Node]]) -> Node:
    """``{key: a}``; keys are code."""
    return Bracketed("{", tuple((f"{key}: ", value) for key, value in items), "}")


def render(node: Node, indent: int = 0, before: str = "", after: str = "") -> str:
    """The node's code, without the indentation of its first line.

    Args:
        before: what stands on its first line before it.
        after: what follows on its last line.
    """
    line = _one_line(node)
    if isinstance(node, Code) or not node.items or len(_INDENT * indent + before + line + after) <= WIDTH:
        return line
    lines = [node.head]
    for prefix, value in node.items:
        text = render(value, indent + 1, prefix, ",")
        lines.append(f"{_INDENT * (indent + 1)}{prefix}{text},")
    lines.append(_INDENT * indent + node.tail)
    return "\n".join(lines)


def _one_line(node: Node) -> str:
    if isinstance(node, Code):
        return node.text
    return node.head + ", ".join(prefix + _one_line(value) for prefix, value in node.items) + node.tail


def literal(value: Any) -> Node:
    """A value of JSON, or a Python type, as code.

    Raises:
        TypeError: it is something else.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return Code(repr(value))
    if isinstance(value, str):
        return Code(string(value))
    if isinstance(value, type):
        return Code(value.__name__)
    if isinstance(value, dict):
        return mapping([(string(str(k)), literal(v)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return listing([literal(v) for v in value])
    raise TypeError(f"{value!r} cannot be written")


def string(text: str) -> str:
    """A literal of one line, in the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(c, quote) for c in text) + quote


def block(text: str) -> str:
    """A triple-quoted literal that reads like the text itself; one line where the text has one."""
    if "\n" not in text.strip("\n"):
        return string(text)
    quote = "'" if '"""' in text and "'''" not in text else '"'
    plain = all(c.isprintable() or c in "\n\t" for c in text)
    if plain and "\\" in text and quote * 3 not in text and not text.startswith("\n") and text[-1] not in (quote, "\\"):
        return f"r{quote * 3}{text}{quote * 3}"
    body = "".join(c if c in "\n\t" else _escaped(c, "") for c in text).replace(quote * 3, f"\\{quote}" * 3)
    if body.endswith(quote):
        body = f"{body[:-1]}\\{quote}"
    return f"{quote * 3}\\\n{body}{quote * 3}"


_ESCAPES = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escaped(character: str, quote: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == quote:
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
