"""A part of a Python module as a script of its own: the functions that are called, and what they need.

The text is the module's own, cut at whole definitions, without docstrings, comments and annotations; what a script does
not use is not in it. It is cut and not written anew (``ast.unparse``), since every version of Python writes in a way of
its own.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MARK = "# dsflow: does OpenMLDB do what the step says?"
"""How the script of a step's node begins."""


@dataclass(frozen=True)
class _Part:
    """One statement at a module's top level.

    Attributes:
        names: what it binds.
        uses: names that it takes from around itself, builtins and its own included.
        text: its lines, without docstrings.
    """

    names: tuple[str, ...]
    uses: frozenset[str]
    text: str


@lru_cache
def excerpt(module: Path, names: tuple[str, ...]) -> str:
    """The text of some functions of a module with all that they need of it, in the module's order.

    Args:
        module: a file of imports, constants, functions and classes.
        names: of the functions.

    Returns:
        Python source with a line end after its last line: imports, then definitions with a blank line between them.

    Raises:
        KeyError: the module does not define a name.
    """
    parts = _parts(module)
    owner = {name: part for part in parts for name in part.names}
    wanted: set[int] = set()
    left = [owner[name] for name in names]
    while left:
        part = left.pop()
        if id(part) not in wanted:
            wanted.add(id(part))
            left += [owner[name] for name in part.uses if name in owner]
    chosen = [part for part in parts if id(part) in wanted]
    imports = [part.text for part in chosen if part.text.startswith(("import ", "from "))]
    rest = [part.text for part in chosen if not part.text.startswith(("import ", "from "))]
    return "\n".join([*imports, "", *_spaced(rest)]) + "\n"


def _spaced(texts: list[str]) -> Iterator[str]:
    """Constants close together, a blank line between definitions."""
    for before, text in zip(["", *texts], texts, strict=False):
        if before and _is_definition(text):
            yield ""
        yield text


def _is_definition(text: str) -> bool:
    return text.startswith(("def ", "class ", "@"))


@lru_cache
def _parts(module: Path) -> tuple[_Part, ...]:
    source = module.read_text(encoding="utf-8")
    lines = source.splitlines()
    found: list[_Part] = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += _imports(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = tuple(name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
            found.append(_Part(names, _used(node), _text(lines, node)))
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(_Part((node.name,), _used(node), _text(lines, node)))
    return tuple(found)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[_Part]:
    source = "" if isinstance(node, ast.Import) else f"from {node.module} "
    for alias in node.names if source != "from __future__ " else ():
        bound = alias.asname or alias.name.split(".")[0]
        text = f"{source}import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        yield _Part((bound,), frozenset(), text)


def _used(node: ast.AST) -> frozenset[str]:
    """Names that running it looks up; those of annotations are left out as the annotations are."""
    nodes = list(ast.walk(node))
    left_out = {id(name) for annotation in _annotations(nodes) for name in ast.walk(annotation)}
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in left_out)


def _annotations(nodes: list[ast.AST]) -> Iterator[ast.expr]:
    for inner in nodes:
        if isinstance(inner, ast.arg) and inner.annotation is not None:
            yield inner.annotation
        elif isinstance(inner, ast.FunctionDef) and inner.returns is not None:
            yield inner.returns
        elif isinstance(inner, ast.AnnAssign):
            yield inner.annotation


_Place = tuple[int, int]


def _text(lines: list[str], node: ast.stmt) -> str:
    """The lines of a definition without docstrings, annotations and comments, indented by one blank a level."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    whole = "\n".join(lines[first - 1 : node.end_lineno])
    cuts = [*_cuts(node), *_comments(whole, first)]
    kept = lines[first - 1 : node.end_lineno]
    for (line, column), (end_line, end_column) in sorted(cuts, reverse=True):
        before, after = kept[line - first][:column], kept[end_line - first][end_column:]
        kept[line - first : end_line - first + 1] = [(before + after).rstrip()]
    return "\n".join(_indented(line) for line in kept if line.strip())


def _indented(line: str) -> str:
    bare = line.lstrip(" ")
    return " " * ((len(line) - len(bare)) // 4) + bare


def _cuts(node: ast.stmt) -> Iterator[tuple[_Place, _Place]]:
    for inner in ast.walk(node):
        if isinstance(inner, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(inner) is not None:
            yield _place(inner.body[0]), _end(inner.body[0])
        elif isinstance(inner, ast.arg) and inner.annotation is not None:
            yield (inner.lineno, inner.col_offset + len(inner.arg)), _end(inner.annotation)
        elif isinstance(inner, ast.AnnAssign):
            yield _end(inner.target), _end(inner.annotation)
        if isinstance(inner, ast.FunctionDef) and inner.returns is not None:
            line, column = _place(inner.returns)
            yield (line, column - len(" -> ")), _end(inner.returns)


def _comments(text: str, first: int) -> Iterator[tuple[_Place, _Place]]:
    if "#" not in text:
        return  # reading the tokens takes longer than all the rest
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            (line, column), (end_line, end_column) = token.start, token.end
            yield (line + first - 1, column), (end_line + first - 1, end_column)


def _place(node: ast.expr | ast.stmt) -> _Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> _Place:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset
