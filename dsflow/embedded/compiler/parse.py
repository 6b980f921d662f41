"""Text to trees: the dialect's parser with the embedded engine's errors."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError

import dsflow.openmldb.dialect  # noqa: F401  (registers the dialect)
from dsflow.embedded.errors import SqlError


def parse(text: str) -> list[exp.Expr]:
    """The statements of a text, separated by ``;``.

    Each is a query (`sqlglot.exp.Query`) or a `dsflow.openmldb.nodes.Statement`.

    Raises:
        SqlError: the text is not OpenMLDB's SQL.
    """
    try:
        found = sqlglot.parse(text, dialect="openmldb", error_level=ErrorLevel.IMMEDIATE)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise SqlError(str(first.get("description") or error), line=first.get("line"), col=first.get("col")) from error
    except TokenError as error:
        raise SqlError(str(error)) from error
    except RecursionError as error:
        raise SqlError("the statement is nested too deeply") from error
    return [tree for tree in found if tree is not None]


def parse_query(text: str) -> exp.Query:
    """The one query of a text.

    Raises:
        SqlError: the text is something else.
    """
    trees = parse(text)
    if len(trees) != 1:
        raise SqlError(f"expected one SELECT, found {len(trees)} statements")
    if not isinstance(trees[0], exp.Query):
        raise SqlError("expected a SELECT")
    return trees[0]
