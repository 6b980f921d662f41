"""The names of columns that a Python script speaks of, as far as its syntax tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dsflow.validation.model import offset_of_node, python_nodes

_LIST = re.compile(r"\s*[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)+\s*\Z")
_READS = frozenset({"read_csv", "read_parquet"})
_CHANGES = frozenset({"rename", "merge", "join", "insert", "get_dummies", "set_axis", "pivot", "pivot_table", "melt"})


@dataclass(frozen=True)
class NamedColumns:
    """Names that stand together in a script.

    Attributes:
        what: ``features`` or ``label`` for what a variable of such a name is given, ``column`` for what a data frame
            is asked for, ``list`` for any other list of names.
        names: in order.
        offset: where they begin.
    """

    what: str
    names: tuple[str, ...]
    offset: int


def split_names(text: str) -> list[str]:
    """The names of ``a, b, c``; [] for another text."""
    return [name.strip() for name in text.split(",")] if _LIST.match(text) else []


class Script:
    """One script; one that is no Python speaks of no columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes = python_nodes(text)

    @cached_property
    def own_names(self) -> set[str]:
        """Columns that it adds itself: ``frame["ratio"] = ...``, ``frame.assign(ratio=...)``."""
        found = set()
        for node in self._nodes:
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found |= {c.value for c in ast.walk(node.slice) if isinstance(c, ast.Constant)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "assign":
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
        return {name for name in found if isinstance(name, str)}

    @cached_property
    def renames(self) -> bool:
        """Whether it may give columns other names, or reads more than one set of files."""
        reads = [n for n in self._nodes if isinstance(n, ast.Attribute) and n.attr in _READS]
        return len(reads) > 1 or any(
            (isinstance(node, ast.Attribute) and (node.attr in _CHANGES or isinstance(node.ctx, ast.Store)))
            or (isinstance(node, ast.keyword) and node.arg in ("names", "header", "columns"))
            for node in self._nodes
        )

    def names(self) -> Iterator[NamedColumns]:
        """All of them."""
        named = {}
        for node in self._nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                word = node.targets[0].id.lower()
                kind = "label" if word in ("label", "target") else "features" if "feature" in word else ""
                named[id(node.value)] = kind
        frames = self._frames()
        for node in self._nodes:
            if isinstance(node, ast.expr):
                listed, kind = _listed(node), named.get(id(node), "")
                if isinstance(node, ast.Constant) and kind == "label" and _is_name(node.value):
                    yield NamedColumns("label", (str(node.value),), offset_of_node(self._text, node))
                elif listed and (len(listed) > 2 or kind == "features"):
                    what = "features" if kind == "features" else "list"
                    yield NamedColumns(what, tuple(listed), offset_of_node(self._text, node))
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in frames:
                key = node.slice
                if isinstance(node.ctx, ast.Load) and isinstance(key, ast.Constant) and _is_name(key.value):
                    yield NamedColumns("column", (str(key.value),), offset_of_node(self._text, key))

    def _frames(self) -> set[str]:
        """Variables that hold what a read_csv or the like gave."""
        found = set()
        for node in self._nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                calls = {n.attr for n in ast.walk(node.value) if isinstance(n, ast.Attribute)}
                if calls & _READS:
                    found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return found


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier()


def _listed(node: ast.expr) -> list[str]:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        names = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
        return names if len(names) == len(node.elts) else []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return split_names(node.value)
    return []
