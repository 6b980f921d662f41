"""What can be read off a query's text: its tree, the names of its columns, how each is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dsflow.errors import DeclarationError

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.openmldb.bound import BoundQuery


def output_names(query: BoundQuery) -> tuple[str, ...]:
    """Names of a query's columns, in order.

    Raises:
        DeclarationError: a column has no name, or nobody knows what ``*`` stands for.
    """
    from sqlglot import exp

    from dsflow.openmldb.bound import ANY

    for column in query.columns:
        assert column.node is not None  # it is one of SELECT's
        item = column.node
        if column.name == ANY:
            raise DeclarationError(f"what {item.sql()} stands for is not known here", hint="name the columns")
        # a function has a "name" too, that of its argument
        if not item.alias and not isinstance(item, exp.Column | exp.Star):
            raise DeclarationError(f"the column {item.sql()} has no name", hint="add: as NAME")
    return tuple(column.name for column in query.columns)


def column_fingerprints(sql: str) -> dict[str, str]:
    """For each column of a SELECT eight hex digits of how it is computed.

    Two queries whose columns have the same fingerprint compute them by the same expression, over the same windows, from
    the same tables and conditions, whatever else they select. Columns behind ``*`` are left out.

    Raises:
        DeclarationError: it does not parse or is no SELECT.
    """
    from sqlglot import exp

    from dsflow.openmldb import nodes
    from dsflow.openmldb.dialect import OpenMLDB

    query = parse_query(sql)
    if not isinstance(query, exp.Select):
        return {}
    windows = {definition.name: definition.sql(OpenMLDB) for definition in query.args.get("windows") or ()}
    parts = [value for key, value in query.args.items() if value and key not in ("expressions", "windows")]
    around = [
        node.sql(OpenMLDB) if isinstance(node, exp.Expression) else str(node)
        for part in parts
        for node in (part if isinstance(part, list) else [part])
    ]
    found = {}
    for column in query.selects:
        if not column.is_star:
            text = column.unalias().sql(OpenMLDB)
            overs = {over.args["window"].name for over in column.find_all(nodes.Over)}
            used = [window for name, window in sorted(windows.items()) if name in overs]
            whole = "\n".join([text, *used, *around])
            found[column.alias_or_name] = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return found


@lru_cache(maxsize=256)
def shared_tree(sql: str) -> exp.Expr:
    """The tree of a statement or a query, parsed once for all that ask: who changes it takes a copy.

    Raises:
        SqlglotError: it does not parse.
    """
    from sqlglot import parse_one

    from dsflow.openmldb.dialect import OpenMLDB

    return parse_one(sql, read=OpenMLDB)


def parse_query(sql: str) -> exp.Query:
    """A query's tree, which others see too: who changes it takes a copy.

    Raises:
        DeclarationError: it does not parse or is no SELECT.
    """
    from sqlglot import exp
    from sqlglot.errors import ParseError

    try:
        query = shared_tree(sql)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise DeclarationError(
            f"the SQL does not parse: {first.get('description', error)}",
            excerpt=_excerpt(sql, first),
            hint="just before it a comma, a bracket or a word is missing, or one too many" if first else None,
        ) from None
    if not isinstance(query, exp.Query):
        raise DeclarationError("the SQL is not a SELECT")
    return query


def _excerpt(sql: str, error: Mapping[str, Any]) -> str:
    """The line of a text with a caret below the word at which the parser stumbled; '' where it does not say."""
    number, end = error.get("line"), error.get("col")
    lines = sql.splitlines()
    if not isinstance(number, int) or not isinstance(end, int) or not 0 < number <= len(lines):
        return ""
    line = lines[number - 1]
    start = max(end - len(error.get("highlight") or " "), 0)
    indent = len(line) - len(line.lstrip())
    return f"{line.strip()}\n{' ' * max(start - indent, 0)}^"
