"""From a place in a text back to the string literal of the user's Python file that the text came from.

A literal is read character by character, so that every character of its value knows its line and column in the file;
an f-string's ``{...}`` becomes a hole that fits any text. A text is then found by its lines: dedenting, stripping and
joining change only the ends of lines and the blanks before them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_PREFIX = re.compile(r"[rRbBuUfF]{0,2}(?='|\")")
_BETWEEN = re.compile(r"(?:\s|\\\n|#[^\n]*)*")
_ESCAPE = re.compile(r"\\(?:\n|x[0-9a-fA-F]{2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|.)", re.DOTALL)


@dataclass(frozen=True)
class Char:
    """A character of a literal's value and where it stands; ``text`` is None for an f-string's hole."""

    text: str | None
    line: int
    column: int


@dataclass(frozen=True)
class Literal:
    """A string literal (implicitly joined ones are one), as the lines of its value."""

    lines: tuple[tuple[Char, ...], ...]
    first_line: int
    last_line: int


def read_literals(source: str, tree: ast.AST) -> list[Literal]:
    """Every string literal of a file, in order."""
    starts = _line_starts(source)
    return [_read(source, starts, node) for node in _string_nodes(tree)]


def _string_nodes(tree: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.JoinedStr):
            yield child  # its parts have no positions of their own before Python 3.12
        elif isinstance(child, ast.Constant):
            if isinstance(child.value, str):
                yield child
        else:
            yield from _string_nodes(child)


def _line_starts(source: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", source))]


def _offset(source: str, starts: list[int], line: int, byte_column: int) -> int:
    """The offset in the text of a position of ``ast``, which counts columns in bytes."""
    end = starts[line] if line < len(starts) else len(source)
    text = source[starts[line - 1] : end]
    return starts[line - 1] + len(text.encode()[:byte_column].decode(errors="ignore"))


def _read(source: str, starts: list[int], node: ast.Constant | ast.JoinedStr) -> Literal:
    at = _offset(source, starts, node.lineno, node.col_offset)
    end = _offset(source, starts, node.end_lineno or node.lineno, node.end_col_offset or 0)
    found: list[tuple[str | None, int]] = []
    while at < end:
        between = _BETWEEN.match(source, at)
        at = between.end() if between else at
        prefix = _PREFIX.match(source, at)
        if prefix is None or at >= end:
            break
        at = _read_one(source, prefix, end, found)
    lines: list[list[Char]] = [[]]
    for text, offset in found:
        if text == "\n":
            lines.append([])
            continue
        line = _line_of(starts, offset)
        lines[-1].append(Char(text, line, offset - starts[line - 1] + 1))
    return Literal(tuple(tuple(line) for line in lines), node.lineno, node.end_lineno or node.lineno)


def _line_of(starts: list[int], offset: int) -> int:
    import bisect

    return bisect.bisect_right(starts, offset)


def _read_one(source: str, prefix: re.Match[str], end: int, found: list[tuple[str | None, int]]) -> int:
    """Read one literal of a joined series; gives the offset behind it."""
    kinds = prefix[0].lower()
    at = prefix.end()
    quote = source[at] * 3 if source.startswith(source[at] * 3, at) else source[at]
    at += len(quote)
    while at < end and not source.startswith(quote, at):
        char = source[at]
        if char == "\\" and "r" not in kinds:
            escape = _ESCAPE.match(source, at)
            assert escape is not None
            if escape[0] != "\\\n":
                found += [(value, at) for value in _escaped(escape[0])]
            at = escape.end()
        elif char == "\\":
            found += [(source[i], i) for i in (at, at + 1)]
            at += 2
        elif "f" in kinds and char in "{}":
            if source.startswith(char * 2, at):
                found.append((char, at))
                at += 2
            else:
                found.append((None, at))
                at = _behind_hole(source, at, end)
        else:
            found.append((char, at))
            at += 1
    return at + len(quote)


def _escaped(escape: str) -> str:
    try:
        value: str = ast.literal_eval(f'"""{escape}"""') if escape != '\\"' else '"'
    except (SyntaxError, ValueError):
        return escape
    return value


def _behind_hole(source: str, at: int, end: int) -> int:
    depth = 0
    while at < end:
        char = source[at]
        if char in "\"'":
            closing = source.find(char, at + 1, end)
            at = closing if closing > 0 else at
        elif char in "{[(":
            depth += 1
        elif char in "}])":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return end


# -------------------------------------------------------------------------------------------------------- finding texts


@dataclass(frozen=True)
class _Match:
    score: tuple[int, int, int]
    line: int
    column: int


def locate(literals: Sequence[Literal], text: str, offset: int, near: Sequence[tuple[int, int]]) -> Char | None:
    """Where the character ``offset`` of ``text`` stands in a file.

    Args:
        literals: the file's.
        text: a text that was made of one of them, whole or in part, dedented or stripped perhaps.
        offset: 0 up to the text's length.
        near: ranges of lines in which the literal is looked for first, best first.

    Returns:
        None when no literal fits.
    """
    before = text[:offset]
    row, column = before.count("\n"), offset - (before.rfind("\n") + 1)
    lines = text.split("\n")
    best: tuple[tuple[int, int, int], Char] | None = None
    for literal in literals:
        nearness = -next((i for i, (a, b) in enumerate(near) if a <= literal.first_line <= b), len(near))
        for number, pattern in enumerate(literal.lines):
            found = _match_line(pattern, lines[row], column)
            if found is None:
                continue
            exact, char = found
            if exact == 1 and not _speaks_for(pattern, lines[row], nearness):
                continue
            score = (_run(literal, number, lines, row) if exact else 0, nearness, exact)
            if best is None or score > best[0]:
                best = (score, char)
    return best[1] if best else None


def _speaks_for(pattern: Sequence[Char], line: str, nearness: int) -> bool:
    """Whether a literal that agrees with a part of a line only is likely to be where that part came from.

    A table's name is in many lines of SQL; that does not make its declaration their origin.
    """
    words = "".join(c.text or " " for c in pattern).strip()
    return len(words) * 2 >= len(line.strip()) or (nearness == 0 and " " in words)


def _run(literal: Literal, number: int, lines: Sequence[str], row: int) -> int:
    """How many lines around this one agree too."""
    count = 1
    for step in (-1, 1):
        i, j = number + step, row + step
        while (
            0 <= i < len(literal.lines)
            and 0 <= j < len(lines)
            and _match_line(literal.lines[i], lines[j], 0, blank=True)
        ):
            count += 1
            i, j = i + step, j + step
    return count


def _match_line(pattern: Sequence[Char], line: str, column: int, *, blank: bool = False) -> tuple[int, Char] | None:
    """Match a literal's line with a text's: 2 for the same, 1 for one inside of the other; and the character there."""
    first, last = 0, len(pattern)
    while first < last and (pattern[first].text or "x").isspace():
        first += 1
    while last > first and (pattern[last - 1].text or "x").isspace():
        last -= 1
    inner = pattern[first:last]
    wanted = line.strip()
    if not inner or not wanted:
        return (2, pattern[0] if pattern else Char("", 0, 0)) if blank and not inner and not wanted else None
    lead = len(line) - len(line.lstrip())
    regex, runs = _regex(inner)
    whole = re.fullmatch(regex, wanted, re.DOTALL)
    if whole:
        return 2, _char_at(inner, runs, whole, column - lead)
    plain = sum(1 for c in inner if c.text is not None)
    if plain >= 4:
        for part in re.finditer(regex, line):
            if part.start() <= column <= part.end():
                return 1, _char_at(inner, runs, part, column)
    if len(wanted) >= 4 and all(c.text is not None for c in inner):
        value = "".join(c.text or "" for c in inner)
        start = value.find(wanted)
        if start >= 0:
            index = min(max(start + column - lead, 0), len(inner) - 1)
            return 1, inner[index]
    return None


def _regex(chars: Sequence[Char]) -> tuple[str, list[tuple[int, bool]]]:
    """A pattern with one group for each run of characters or hole, and where in ``chars`` each begins."""
    groups: list[str] = []
    runs: list[tuple[int, bool]] = []
    for index, char in enumerate(chars):
        if char.text is None:
            groups.append("(.*?)")
            runs.append((index, True))
        elif not runs or runs[-1][1]:
            groups.append(f"({re.escape(char.text)})")
            runs.append((index, False))
        else:
            groups[-1] = groups[-1][:-1] + re.escape(char.text) + ")"
    return "".join(groups), runs


def _char_at(chars: Sequence[Char], runs: Sequence[tuple[int, bool]], match: re.Match[str], position: int) -> Char:
    for group, (index, hole) in enumerate(runs, start=1):
        start, end = match.span(group)
        if position < end or (group == len(runs)):
            if hole or position <= start:
                return chars[index]
            inside = min(index + position - start, len(chars) - 1)
            beyond = index + position - start - inside
            last = chars[inside]
            return Char(last.text, last.line, last.column + beyond)
    return chars[0]
