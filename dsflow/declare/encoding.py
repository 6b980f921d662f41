"""How SQL travels through DolphinScheduler's OPENMLDB task.

The task (``OpenmldbTask.buildPythonScriptsFromSql``) replaces ``${name}`` in the text, cuts it at every ``;`` whatever
that stands in, and pastes each piece between double quotes into a Python script: ``con.execute("PIECE")``. So a quote
ends the string, a backslash is an escape, and a ``;`` inside a literal or a comment cuts a statement in two.
`encode` writes statements so that they arrive as they were; `decode` reads a node's text the way the task
does.

The script goes through OpenMLDB's Python module, which counts every ``?`` of a text that begins with INSERT, also in
literals and comments, and refuses it when there are not as many values. There they are written ``\\x3f``, an escape of
OpenMLDB's own literals, and `decode` writes them ``?`` again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from dsflow.declare.locations import caller
from dsflow.errors import DeclarationError

# what a statement is made of, as far as finding its end goes
_TOKEN = re.compile(
    r"""
    (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*`)
  | (?P<comment>--[^\n]* | \#(?!\{)[^\n]* | /\*.*?\*/)
  | (?P<open>['"`]|/\*)
  | (?P<end>;)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def split_statements(text: str) -> list[str]:
    """Cut a text at the ``;`` between its statements, not at those in literals, names or comments.

    Pieces of nothing but blanks and comments are dropped.

    Raises:
        DeclarationError: a literal, a name or a comment is not closed.
    """
    pieces: list[str] = []
    start = 0
    has_code = False
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "open":
            line = text.count("\n", 0, match.start()) + 1
            raise DeclarationError(f"the SQL opens a {match[0]} in line {line} that nothing closes", where=caller())
        if match.lastgroup == "end":
            if has_code:
                pieces.append(text[start : match.start()].strip())
            start, has_code = match.end(), False
        elif match.lastgroup == "quoted" or (match.lastgroup == "other" and not match[0].isspace()):
            has_code = True
    if has_code:
        pieces.append(text[start:].strip())
    return pieces


def encode(statements: Iterable[str]) -> str:
    """Join statements into the text of a node's ``sql`` field.

    ``${name}`` and ``$[format]`` stay as they are: they are placeholders for DolphinScheduler to fill.

    Raises:
        DeclarationError: a statement holds what no text can hold, see `unencodable`.
    """
    return ";\n".join(_encode_one(statement) for statement in statements)


def unencodable(statement: str) -> int | None:
    """Where in a statement the first half of a surrogate pair stands, which no file, database or request can hold; None
    when there is none: any other text can be sent."""
    return next((i for i, c in enumerate(statement) if "\ud800" <= c <= "\udfff" and c != DOLLAR), None)


def literal(text: str) -> str:
    """A text for use inside a statement in which ``${`` and ``$[`` are meant as they stand, not as placeholders.

    For instance ``f"SELECT * FROM t WHERE name = '{literal('${x}')}'"``. The node's text then has ``\\x24``, which its
    Python script turns into ``$``, after DolphinScheduler has looked for placeholders.
    """
    return text.replace("${", DOLLAR + "{").replace("$[", DOLLAR + "[")


DOLLAR = "\udc24"
"""What `literal` writes for a ``$``: half of a surrogate pair, which no text holds that can be stored or sent."""


def _encode_one(statement: str) -> str:
    at = unencodable(statement)
    if at is not None:
        raise DeclarationError(
            f"the SQL holds {statement[at]!r}, half of a character, which cannot be stored or sent",
            where=caller(),
            hint="write the whole character; was a text read with another encoding than its file has?",
        )
    text = _hide_marks(statement).replace("\\", "\\\\").replace('"', '\\"').replace(";", "\\x3b")
    # a line end or an end of text to the reader of the script; the task makes LF of CRLF
    text = text.replace("\r", "\\r").replace("\0", "\\x00")
    return text.replace(DOLLAR, "\\x24")


_BEGINS_WITH_INSERT = re.compile(r"[ \t\n\r]*insert", re.IGNORECASE)
_ESCAPED = re.compile(r"\\x3f|\\.|\?", re.IGNORECASE | re.DOTALL)


def _hide_marks(statement: str) -> str:
    """Write each ``?`` of an INSERT as an escape that OpenMLDB reads as the same."""
    if "?" not in statement or not _BEGINS_WITH_INSERT.match(statement):
        return statement

    def hide(match: re.Match[str]) -> str:
        if "?" not in match[0]:
            return match[0]
        if match.lastgroup == "comment":
            return match[0].replace("?", "\\x3f")
        if match.lastgroup == "quoted" and match[0][0] != "`":
            return _ESCAPED.sub(lambda part: "\\x3f" if part[0] in ("?", "\\?") else part[0], match[0])
        raise DeclarationError(
            "an INSERT of a task holds a '?' outside of a text, to which no value can be given",
            where=caller(),
            hint="write the value, or a placeholder of DolphinScheduler: '${name}'",
        )

    return _TOKEN.sub(hide, statement)


def show_marks(statement: str) -> str:
    """Write ``\\x3f`` in an INSERT's literals and comments as the ``?`` that it is; the opposite of what is sent."""
    if not _BEGINS_WITH_INSERT.match(statement):
        return statement

    def show(match: re.Match[str]) -> str:
        if match.lastgroup in ("comment", "quoted") and match[0][0] != "`":
            return _ESCAPED.sub(lambda part: "?" if part[0].lower() in ("\\x3f", "\\?") else part[0], match[0])
        return match[0]

    return _TOKEN.sub(show, statement)


# what Java's \S finds
_NOT_BLANK = re.compile(r"[^ \t\n\x0b\f\r]")


def decode(sql: str) -> list[str]:
    """The statements that reach OpenMLDB from a node's text, after the placeholders in it have been filled.

    Raises:
        SyntaxError: a piece is no Python string between double quotes, or an INSERT with a ``?``; the task's script
            would stop at it.
    """
    pieces = sql.replace("\r\n", "\n").split(";")
    written = [piece.replace("\n", "\\n") for piece in pieces if _NOT_BLANK.search(piece)]
    found = [ast.literal_eval(f'"{piece}"') for piece in written]
    for statement in found:
        if "?" in statement and _BEGINS_WITH_INSERT.match(statement):
            raise SyntaxError(
                "OpenMLDB's Python module takes each '?' of an INSERT for a value that it is not given, also in a text:"
                " write \\x3f there"
            )
    return list(map(show_marks, found))


def breaks_node(value: str) -> bool:
    """Whether a parameter's value, pasted into a node's text, would break or change the script around it."""
    return any(c in value for c in '"\\;\n\r\0')
