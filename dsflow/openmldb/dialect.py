"""OpenMLDB's SQL as a sqlglot dialect: ``sqlglot.parse(text, dialect="openmldb")``, ``tree.sql(dialect="openmldb")``.

Importing this module registers the dialect. The nodes of statements are in `dsflow.openmldb.nodes`.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

from dsflow.openmldb.sqlgenerator import OpenMLDBGenerator
from dsflow.openmldb.sqlparser import OpenMLDBParser


class OpenMLDB(Dialect):
    """The dialect's name in sqlglot is ``openmldb``."""

    NULL_ORDERING = "nulls_are_small"
    TYPED_DIVISION = False

    class Tokenizer(tokens.Tokenizer):
        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ["`"]
        QUOTES: ClassVar[list[tuple[str, str] | str]] = ["'", '"']
        STRING_ESCAPES: ClassVar[list[str]] = ["\\"]
        COMMENTS: ClassVar[list[str | tuple[str, str]]] = ["--", "#", ("/*", "*/")]
        NESTED_COMMENTS = False
        COMMANDS: ClassVar[set[TokenType]] = set()
        KEYWORDS: ClassVar[dict[str, TokenType]] = {
            "<=": TokenType.LTE,
            ">=": TokenType.GTE,
            "<>": TokenType.NEQ,
            "!=": TokenType.NEQ,
            "==": TokenType.EQ,
            "||": TokenType.DPIPE,
        }
        SINGLE_TOKENS: ClassVar[dict[str, TokenType]] = {
            sign: kind for sign, kind in tokens.Tokenizer.SINGLE_TOKENS.items() if sign != "\\"
        }

    Parser = OpenMLDBParser
    Generator = OpenMLDBGenerator
