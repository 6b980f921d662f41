"""The user's files: their lines, their syntax trees, and the places in them that a declaration came from."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from dsflow.declare.encoding import DOLLAR
from dsflow.errors import SourceLocation
from dsflow.validation.finding import Place
from dsflow.validation.literals import Literal, locate, read_literals

_LONGEST_NAME, _LARGEST_TEXT = 200, 1_000_000


class Source:
    """One file, or a notebook's cell. What cannot be read has no lines, what is no Python no literals."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self.text = "".join(linecache.getlines(path))  # a notebook keeps its cells there
        self.lines = self.text.split("\n") if self.text else []

    @cached_property
    def tree(self) -> ast.Module:
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError):
            return ast.Module(body=[], type_ignores=[])

    @cached_property
    def _calls(self) -> list[ast.Call]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    @cached_property
    def _literals(self) -> list[Literal]:
        return read_literals(self.text, self.tree)

    def line(self, number: int) -> str:
        """A line's text, '' when there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def calls(self, line: int) -> Iterator[ast.Call]:
        """The calls that a declaration at this line may be, the widest first."""
        found = [node for node in self._calls if node.lineno <= line <= (node.func.end_lineno or node.lineno)]
        return iter(sorted(found, key=lambda n: (n.lineno, -(n.end_lineno or n.lineno))))

    def ranges(self, line: int) -> list[tuple[int, int]]:
        """Ranges of lines around a declaration: its call, the lines before it, all."""
        calls = [(c.lineno, c.end_lineno or c.lineno) for c in self.calls(line)]
        return [*calls[:1], (1, line), (1, len(self.lines) + 1)]

    def text_place(self, text: str, offset: int, line: int) -> Place | None:
        """The place of a character of a text that a declaration at ``line`` was given; None when it is not found."""
        char = locate(self._literals, text, offset, self.ranges(line))
        return Place(self.path, char.line, char.column) if char else None

    @cached_property
    def named_files(self) -> list[Path]:
        """Files beside this one that its literals name: where a text may have been read from."""
        here = Path(self.path).parent
        found = []
        for literal in self._literals:
            name = "".join(char.text or "" for char in literal.lines[0]) if len(literal.lines) == 1 else ""
            if "." in name and len(name) < _LONGEST_NAME and "\0" not in name:
                path = here / name
                if path.is_file() and path.suffix != ".py" and path.stat().st_size < _LARGEST_TEXT:
                    found.append(path)
        return list(dict.fromkeys(found))

    def place_inside(self, text: str, offset: int) -> Place | None:
        """The place of a character of a text that is this whole file, or lines of it: what a user read from it."""
        wanted, lines = text.split("\n"), [line.strip() for line in self.lines]
        row = text.count("\n", 0, offset)
        column = offset - (text.rfind("\n", 0, offset) + 1)
        inner = [line.strip() for line in wanted]
        starts = [i for i in range(len(lines) - len(inner) + 1) if lines[i : i + len(inner)] == inner]
        if not starts:
            # the first and the last line may be parts of lines: other statements stand before and after
            starts = [
                i
                for i in range(len(lines) - len(inner) + 1)
                if lines[i].endswith(inner[0])
                and lines[i + len(inner) - 1].startswith(inner[-1])
                and lines[i + 1 : i + len(inner) - 1] == inner[1:-1]
            ]
        if not starts and len(inner) == 1 and inner[0]:
            starts = [i for i, line in enumerate(lines) if inner[0] in line]
        if not starts or not text.strip():
            return None
        line = self.lines[starts[0] + row]
        lead = len(wanted[row]) - len(wanted[row].lstrip())
        at = line.rfind(inner[row]) if row == 0 else len(line) - len(line.lstrip())
        return Place(self.path, starts[0] + row + 1, max(at + column - lead, 0) + 1)

    def declaration_place(self, line: int) -> Place:
        """A declaration's line, with its column: of the call that begins there, if there is only one, or of the line's
        first word."""
        calls = [call for call in self.calls(line) if call.lineno == line]
        outer = [c for c in calls if not any(c is not o and _inside(c, o) for o in calls)]
        if len(outer) == 1:
            return self._place(outer[0])
        text = self.line(line)
        word = len(text) - len(text.lstrip()) + 1
        return Place(self.path, line, None if outer or not text.strip() else word)

    def argument_place(self, line: int, *names: str) -> Place | None:
        """The place of a keyword argument of the call at ``line``, or (two names) of a key
        of its dict or a numbered element of its list."""
        for call in self.calls(line):
            for keyword in call.keywords:
                if keyword.arg == names[0]:
                    if len(names) == 1:
                        return self._place(keyword.value)
                    value = keyword.value
                    if isinstance(value, ast.Dict):
                        for key in value.keys:
                            if isinstance(key, ast.Constant) and key.value == names[1]:
                                return self._place(key)
                    if isinstance(value, (ast.List, ast.Tuple)) and names[1].isdigit():
                        return self._place(value.elts[int(names[1])] if int(names[1]) < len(value.elts) else value)
                    if isinstance(value, ast.Call):  # dict(name=...)
                        for inner in value.keywords:
                            if inner.arg == names[1]:
                                return self._place(inner.value)
                    return self._place(value)
        return None

    def _place(self, node: ast.expr) -> Place:
        line = self.line(node.lineno)
        column = len(line.encode()[: node.col_offset].decode(errors="ignore")) + 1
        return Place(self.path, node.lineno, column)


def _inside(node: ast.expr, other: ast.expr) -> bool:
    """Whether a node is a part of another."""
    ends = [(n.end_lineno or n.lineno, n.end_col_offset or n.col_offset) for n in (node, other)]
    return (other.lineno, other.col_offset) <= (node.lineno, node.col_offset) and ends[0] <= ends[1]


class Sources:
    """Files by path, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, Source] = {}

    def __getitem__(self, path: str) -> Source:
        if path not in self._files:
            self._files[path] = Source(path)
        return self._files[path]

    @property
    def read(self) -> list[Source]:
        """Those that were asked for so far."""
        return list(self._files.values())

    def text_place(self, where: SourceLocation | None, text: str, offset: int) -> Place | None:
        """The place of a character of a text that was given to the declaration at ``where``: in a literal of its file,
        or in a file that is named there."""
        if where is None:
            return None
        source, text = self[where.file], text.replace(DOLLAR, "$")
        found = source.text_place(text, offset, where.line)
        if found is None:
            inside = (self[str(path)].place_inside(text, offset) for path in source.named_files)
            found = next((place for place in inside if place), None)
        return found

    def with_column(self, where: SourceLocation | None) -> Place | None:
        """A place, with the column of the declaration that begins there where that is known."""
        if where is None or isinstance(where, Place):
            return where
        return self[where.file].declaration_place(where.line)

    def argument_place(self, where: SourceLocation | None, *names: str, otherwise: str = "") -> Place | None:
        """The place of an argument of the declaration at ``where``; without it that of the argument ``otherwise``, or
        else the declaration's own."""
        if where is None:
            return None
        source = self[where.file]
        found = source.argument_place(where.line, *names)
        if found is None and otherwise:
            found = source.argument_place(where.line, otherwise)
        return found or self.with_column(where)

    def excerpt(self, place: Place | None) -> str:
        """The line at a place, with a caret below its column."""
        line = self[place.file].line(place.line).rstrip() if place else ""
        if not line.strip():
            return ""
        if place is None or not place.column:
            return line
        blanks = "".join("\t" if c == "\t" else " " for c in line[: place.column - 1])
        return f"{line}\n{blanks}^"
