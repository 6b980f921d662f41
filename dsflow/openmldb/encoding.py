"""How SQL travels through DolphinScheduler's OPENMLDB task.

The task (``OpenmldbTask.buildPythonScriptsFromSql``) replaces ``${name}`` in the text, cuts it at every ``;`` whatever
that stands in, and pastes each piece between double quotes into a Python script: ``con.execute("PIECE")``. So a quote
ends the string, a backslash is an escape, and a ``;`` inside a literal or a comment cuts a statement in two.
:func:`encode` writes statements so that they arrive as they were; :func:`decode` reads a node's text the way the task
does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from dsflow._source import caller
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
        DeclarationError: a statement holds what no text can hold, see :func:`unencodable`.
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
"""What :func:`literal` writes for a ``$``: half of a surrogate pair, which no text holds that can be stored or sent."""


def _encode_one(statement: str) -> str:
    at = unencodable(statement)
    if at is not None:
        raise DeclarationError(
            f"the SQL holds {statement[at]!r}, half of a character, which can not be stored or sent",
            where=caller(),
            hint="write the whole character; was a text read with another encoding than its file has?",
        )
    text = statement.replace("\\", "\\\\").replace('"', '\\"').replace(";", "\\x3b")
    # a line end or an end of text to the reader of the script; the task makes LF of CRLF
    text = text.replace("\r", "\\r").replace("\0", "\\x00")
    return text.replace(DOLLAR, "\\x24")


# what Java's \S finds
_NOT_BLANK = re.compile(r"[^ \t\n\x0b\f\r]")


def decode(sql: str) -> list[str]:
    """The statements that reach OpenMLDB from a node's text, after the placeholders in it have been filled.

    Raises:
        SyntaxError: a piece is no Python string between double quotes; the task's script would stop at it.
    """
    pieces = sql.replace("\r\n", "\n").split(";")
    return [ast.literal_eval('"' + piece.replace("\n", "\\n") + '"') for piece in pieces if _NOT_BLANK.search(piece)]


def breaks_node(value: str) -> bool:
    """Whether a parameter's value, pasted into a node's text, would break or change the script around it."""
    return any(c in value for c in '"\\;\n\r\0')
