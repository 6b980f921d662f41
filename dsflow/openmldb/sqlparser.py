"""The parser of the dialect ``openmldb``.

The grammar follows OpenMLDB's own (its fork of ZetaSQL's parser): reserved words, operator precedence, literals with
suffixes (``10L``, ``1.5f``, ``3d``), LAST JOIN, and the window clause's extensions. What that grammar refuses is
refused here too. Function calls keep the name that was written (`sqlglot.exp.Anonymous`): what a function means is
not the parser's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from sqlglot import exp, parser
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]

from dsflow.openmldb import nodes

_RESERVED = """
    all and any array as asc assert_rows_modified at between by case cast collate config contains create cross
    cube current default define desc distinct div else end enum escape except exclude exists extract false
    fetch following for from full group grouping groups hash having if ignore in index inner
    instance_not_in_window intersect interval into is join last lateral left like ilike rlike limit lookup map
    mod merge natural new no not null nulls of on open or order outer over partition preceding proto range
    recursive respect right rollup rows rows_range select set some struct tablesample then to treat true
    unbounded union unnest using when where window with within xor
"""
RESERVED = frozenset(_RESERVED.split())
"""Words that are no identifiers unless they stand in back quotes."""

_FUNCTION_KEYWORDS = frozenset({"if", "grouping", "left", "right", "mod", "at", "map"})
_SHOW_NAMED = ("CREATE PROCEDURE", "CREATE TABLE", "DEPLOYMENT", "JOB", "JOBLOG")
_OTHER_STATEMENTS = (
    "CREATE FUNCTION", "CREATE AGGREGATE FUNCTION", "CREATE OR REPLACE TABLE", "CREATE USER", "ALTER USER", "DROP USER",
    "GRANT", "REVOKE", "CALL", "EXIT",
)  # fmt: skip
"""Statements of OpenMLDB that nothing here looks into."""

_SHOW_PAIRS = ("MATERIALIZED VIEWS", "PROCEDURE STATUS", "GLOBAL VARIABLES", "SESSION VARIABLES", "TABLE STATUS")

_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|[0-3][0-7]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)

N = TypeVar("N", bound=exp.Expr)


def unescape(text: str) -> str:
    """What the escapes of a string literal mean.

    Raises:
        ValueError: an escape that OpenMLDB does not know.
    """

    def one(match: re.Match[str]) -> str:
        body = match.group(1)
        if body in _ESCAPES:
            return _ESCAPES[body]
        if body[0] in "xX" and len(body) == 3:
            return chr(int(body[1:], 16))
        if body[0] in "0123" and len(body) == 3:
            return chr(int(body, 8))
        if body[0] in "uU" and len(body) > 1:
            return chr(int(body[1:], 16))
        raise ValueError(f"illegal escape sequence \\{body}")

    return _ESCAPE.sub(one, text)


class OpenMLDBParser(parser.Parser):
    """A parser of its own on sqlglot's tokens, because sqlglot's grammar accepts far more than OpenMLDB does."""

    def parse(self, raw_tokens: list[Token], sql: str) -> list[exp.Expr | None]:
        self.reset()
        self.sql = sql
        tokens = self._join_suffixes(raw_tokens, sql)
        try:
            return super().parse(tokens, sql)
        except RecursionError:
            pass  # the error below is raised where the stack is short again
        self.raise_error("The statement is nested too deeply for this parser", tokens[0])
        return []

    # ---- tokens

    def _join_suffixes(self, raw: list[Token], sql: str) -> list[Token]:
        """One token for ``10L``, ``1.5f``, ``3d``, ``0x1F`` and ``r'..'``, which sqlglot's tokenizer cuts in two."""
        joined: list[Token] = []
        for token in raw:
            last = joined[-1] if joined else None
            adjacent = last is not None and last.end + 1 == token.start
            if last is not None and adjacent and last.token_type == TokenType.NUMBER:
                text = sql[last.start : token.end + 1]
                if token.token_type == TokenType.VAR:
                    if not re.fullmatch(
                        r"\d+[lLsSmMhHdD]|0[xX][0-9a-fA-F]+|(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?[fF]", text
                    ) or re.fullmatch(r"\d+[fF]", text):
                        self.raise_error("Missing blank between a number and the name after it", token)
                    joined[-1] = Token(TokenType.NUMBER, text, last.line, token.col, last.start, token.end)
                    continue
            if (
                last is not None
                and adjacent
                and last.token_type == TokenType.VAR
                and token.token_type == TokenType.STRING
            ):
                if last.text.lower() != "r":
                    self.raise_error(f"Literals with the prefix {last.text} are not supported", last)
                joined[-1] = Token(TokenType.RAW_STRING, token.text, last.line, token.col, token.start, token.end)
                continue
            joined.append(token)
        return joined

    def _fail(self, message: str, token: Token | None = None) -> NoReturn:
        self.raise_error(message, token or self._curr or self._prev)
        raise AssertionError("raise_error returned")  # the error level is not IMMEDIATE

    def _unexpected(self, wanted: str) -> NoReturn:
        got = repr(self._curr.text) if self._curr else "the end"
        self._fail(f"Expected {wanted}, found {got}")

    def _mark(self, node: N, token: Token) -> N:
        before = self.sql[: token.start]
        node.meta["line"] = before.count("\n") + 1
        node.meta["col"] = token.start - (before.rfind("\n") + 1) + 1
        return node

    def _is(self, *types: TokenType) -> bool:
        return bool(self._curr) and self._curr.token_type in types

    def _take(self, token_type: TokenType, wanted: str) -> Token:
        if not self._is(token_type):
            self._unexpected(wanted)
        self._advance()
        return self._prev

    def _word(self, *words: str) -> bool:
        """Take these words if they are the next ones."""
        index = self._index
        for word in words:
            if not self._is(TokenType.VAR) or self._curr.text.upper() != word:
                self._retreat(index)
                return False
            self._advance()
        return True

    def _peek_word(self, *words: str) -> bool:
        index = self._index
        found = self._word(*words)
        self._retreat(index)
        return found

    def _need(self, *words: str) -> None:
        for word in words:
            if not self._word(word):
                self._unexpected(word)

    def _is_identifier(self) -> bool:
        return self._is(TokenType.IDENTIFIER) or (self._is(TokenType.VAR) and self._curr.text.lower() not in RESERVED)

    def _identifier(self, wanted: str = "a name", *, reserved: bool = False) -> exp.Identifier:
        if not (self._is_identifier() or (reserved and self._is(TokenType.VAR))):
            self._unexpected(wanted)
        self._advance()
        token = self._prev
        quoted = token.token_type == TokenType.IDENTIFIER
        text = self.sql[token.start + 1 : token.end] if quoted else token.text
        return self._mark(exp.Identifier(this=text, quoted=quoted), token)

    def _string_text(self, wanted: str = "a string") -> str:
        if not self._is(TokenType.STRING, TokenType.RAW_STRING):
            self._unexpected(wanted)
        token = self._curr
        self._advance()
        raw = self.sql[token.start + 1 : token.end]
        if token.token_type == TokenType.RAW_STRING:
            return raw
        try:
            return unescape(raw)
        except ValueError as error:
            self._fail(str(error), token)

    def _list(self, item: Callable[[], N]) -> list[N]:
        found = [item()]
        while self._match(TokenType.COMMA):
            found.append(item())
        return found

    # ---- statements

    def _parse_statement(self) -> exp.Expr | None:
        if not self._curr:
            return None
        token = self._curr
        for words, method in self._STATEMENTS:
            if self._word(*words.split()):
                return self._mark(method(self), token)
        for words in _OTHER_STATEMENTS:
            if self._word(*words.split()):
                return self._mark(self._other(token, words), token)
        if self._peek_word("SELECT") or self._peek_word("WITH") or self._is(TokenType.L_PAREN):
            query = self._query()
            if self._word("INTO", "OUTFILE"):
                path = self._string_text("the path of a file")
                return self._mark(nodes.SelectInto(query=query, path=path, **self._options_and_config()), token)
            config = self._config()
            if config:
                query.set("settings", config)
            return query
        return self._fail(f"Not a statement of OpenMLDB: {token.text!r}", token)

    def _exists(self, *words: str) -> bool:
        return self._word("IF", *words, "EXISTS")

    def _table_name(self) -> exp.Table:
        first = self._identifier("the name of a table")
        if self._match(TokenType.DOT):
            table = exp.Table(this=self._identifier("the name of a table", reserved=True), db=first)
        else:
            table = exp.Table(this=first)
        table.meta.update(first.meta)
        return table

    def _options(self) -> list[nodes.Option]:
        return self._option_list() if self._word("OPTIONS") else []

    def _config(self) -> list[nodes.Option]:
        return self._option_list() if self._word("CONFIG") else []

    def _options_and_config(self) -> dict[str, list[nodes.Option]]:
        return {"options": self._options(), "config": self._config()}

    def _option_list(self) -> list[nodes.Option]:
        self._take(TokenType.L_PAREN, "(")
        if self._match(TokenType.R_PAREN):
            return []
        found = self._list(self._option)
        self._take(TokenType.R_PAREN, ")")
        return found

    def _option(self) -> nodes.Option:
        name = self._identifier("the name of an option", reserved=True)
        self._take(TokenType.EQ, "=")
        return nodes.Option(this=name, value=self._option_value())

    def _option_value(self) -> exp.Expr:
        if not self._match(TokenType.L_PAREN):
            return self._expression()
        values = self._list(self._expression)
        self._take(TokenType.R_PAREN, ")")
        return exp.Tuple(expressions=values)

    def _create_database(self) -> exp.Expr:
        exists = self._exists("NOT")
        return nodes.CreateDatabase(this=self._identifier("the name of a database"), exists=exists)

    def _drop_database(self) -> exp.Expr:
        exists = self._exists()
        return nodes.DropDatabase(this=self._identifier("the name of a database"), exists=exists)

    def _use(self) -> exp.Expr:
        return nodes.UseDatabase(this=self._identifier("the name of a database"))

    def _create_table(self) -> exp.Expr:
        exists = self._exists("NOT")
        table = self._table_name()
        columns: list[nodes.ColumnSpec] = []
        indexes: list[nodes.IndexSpec] = []
        like: dict[str, str] = {}
        if self._match(TokenType.L_PAREN):
            while True:
                if self._word("INDEX"):
                    name = self._identifier() if self._is_identifier() else None
                    indexes.append(nodes.IndexSpec(this=name, options=self._option_list()))
                else:
                    columns.append(self._column_spec())
                if not self._match(TokenType.COMMA):
                    break
            self._take(TokenType.R_PAREN, ")")
        if self._word("LIKE"):
            if not (self._word("HIVE") or self._word("PARQUET")):
                self._unexpected("HIVE or PARQUET")
            like = {"like_kind": self._prev.text.lower(), "like_path": self._string_text("a path")}
        elif not columns:
            self._unexpected("the columns of the table")
        options = self._options()
        return nodes.CreateTable(table=table, exists=exists, columns=columns, indexes=indexes, options=options, **like)

    def _column_spec(self) -> nodes.ColumnSpec:
        name = self._identifier("the name of a column")
        kind = self._type()
        not_null, default = False, None
        if self._word("DEFAULT"):  # OpenMLDB's grammar has it before NOT NULL only
            default = self._binary(_BITWISE_OR)
        if self._word("NOT", "NULL"):
            not_null = True
        spec = nodes.ColumnSpec(this=name, kind=kind, not_null=not_null, default=default)
        spec.meta.update(name.meta)
        return spec

    def _drop_table(self) -> exp.Expr:
        exists = self._exists()
        return nodes.DropTable(table=self._table_name(), exists=exists)

    def _alter_table(self) -> exp.Expr:
        exists = self._exists()
        table = self._table_name()
        return nodes.AlterTable(table=table, exists=exists, actions=self._list(self._offline_path))

    def _offline_path(self) -> nodes.OfflinePath:
        add = self._word("ADD")
        if not add and not self._word("DROP"):
            self._unexpected("ADD or DROP")
        self._need("OFFLINE_PATH")
        return nodes.OfflinePath(add=add, path=self._string_text("a path"))

    def _truncate(self) -> exp.Expr:
        return nodes.TruncateTable(table=self._table_name())

    def _create_index(self) -> exp.Expr:
        exists = self._exists("NOT")
        name = self._identifier("the name of an index")
        self._need("ON")
        table = self._table_name()
        self._take(TokenType.L_PAREN, "(")
        keys = self._list(lambda: self._identifier("the name of a column"))
        self._take(TokenType.R_PAREN, ")")
        key = exp.Tuple(expressions=[exp.Column(this=key) for key in keys])
        options = [nodes.Option(this=exp.to_identifier("key"), value=key), *self._options()]
        index = nodes.IndexSpec(this=name.copy(), options=options)
        return nodes.CreateIndex(this=name, table=table, exists=exists, spec=index)

    def _drop_index(self) -> exp.Expr:
        exists = self._exists()
        parts = [self._identifier("the name of a table")]
        while self._match(TokenType.DOT):
            parts.append(self._identifier(reserved=True))
        if len(parts) not in (2, 3):
            self._unexpected("table.index or db.table.index")
        table = exp.Table(this=parts[-2], db=parts[-3] if len(parts) == 3 else None)
        return nodes.DropIndex(this=parts[-1], table=table, exists=exists)

    def _load_data(self) -> exp.Expr:
        path = self._string_text("the path of a file")
        self._need("INTO", "TABLE")
        return nodes.LoadData(path=path, table=self._table_name(), **self._options_and_config())

    def _deploy(self) -> exp.Expr:
        exists = self._exists("NOT")
        name = self._identifier("the name of a deployment")
        options = self._options()
        start = self._curr.start if self._curr else len(self.sql)
        query = self._query()
        text = self.sql[start : self._prev.end + 1]
        return nodes.Deploy(this=name, exists=exists, options=options, query=query, query_text=text)

    def _drop_deployment(self) -> exp.Expr:
        exists = self._exists()
        first = self._identifier("the name of a deployment")
        if self._match(TokenType.DOT):
            return nodes.DropDeployment(this=self._identifier(reserved=True), db=first, exists=exists)
        return nodes.DropDeployment(this=first, exists=exists)

    def _show(self) -> exp.Expr:
        for words in _SHOW_NAMED:
            if self._word(*words.split()):
                return nodes.Show(kind=words, target=self._expression())
        kind = next((words for words in _SHOW_PAIRS if self._word(*words.split())), None)
        kind = kind or self._identifier("what to show").name.upper()
        db = self._identifier("the name of a database").name if self._word("FROM") else None
        like = self._string_text("a pattern") if self._word("LIKE") else None
        return nodes.Show(kind=kind, db=db, like=like)

    def _stop(self) -> exp.Expr:
        return nodes.StopJob(target=self._expression())

    def _set(self) -> exp.Expr:
        scope = "session"
        if self._match(TokenType.PARAMETER):
            self._take(TokenType.PARAMETER, "@@")
            if self._peek_scope(".") is not None:
                scope = self._identifier().name.lower()
                self._advance()
        elif self._peek_scope("") is not None:
            scope = self._identifier().name.lower()
            if self._match(TokenType.PARAMETER):
                self._take(TokenType.PARAMETER, "@@")
        name = self._identifier("the name of a variable")
        self._take(TokenType.EQ, "=")
        return nodes.SetVariable(this=name, scope=scope, value=self._expression())

    def _peek_scope(self, after: str) -> str | None:
        word = self._curr.text.lower() if self._is(TokenType.VAR) else ""
        if word not in ("global", "session") or not self._next:
            return None
        follows_name = self._next.token_type in (TokenType.VAR, TokenType.IDENTIFIER, TokenType.PARAMETER)
        if after == ".":
            return word if self._next.token_type == TokenType.DOT else None
        return word if follows_name else None

    def _insert(self) -> exp.Expr:
        or_ignore = self._word("OR", "IGNORE") or self._word("IGNORE")
        self._word("INTO")
        self._word("TABLE")
        table = self._table_name()
        columns: list[exp.Identifier] = []
        if self._match(TokenType.L_PAREN):
            columns = self._list(lambda: self._identifier("the name of a column"))
            self._take(TokenType.R_PAREN, ")")
        self._need("VALUES")
        rows = self._list(self._row)
        return nodes.InsertRows(table=table, columns=columns, rows=rows, or_ignore=or_ignore)

    def _row(self) -> exp.Tuple:
        opening = self._take(TokenType.L_PAREN, "(")
        values = self._list(self._value)
        self._take(TokenType.R_PAREN, ")")
        return self._mark(exp.Tuple(expressions=values), opening)

    def _value(self) -> exp.Expr:
        """A value of a row: most are literals, which need not be tried as each kind of expression."""
        alone = bool(self._next) and self._next.token_type in (TokenType.COMMA, TokenType.R_PAREN)
        return self._primary() if alone and self._is(TokenType.NUMBER, TokenType.STRING) else self._expression()

    def _delete(self) -> exp.Expr:
        self._word("FROM")
        table = self._table_name()
        return nodes.DeleteRows(table=table, where=self._expression() if self._word("WHERE") else None)

    def _drop_function(self) -> exp.Expr:
        exists = self._exists()
        return nodes.DropFunction(this=self._identifier("the name of a function"), exists=exists)

    def _other(self, token: Token, words: str) -> nodes.OtherStatement:
        while self._curr:
            self._advance()
        return nodes.OtherStatement(kind=words, text=self.sql[token.start : self._prev.end + 1])

    def _describe(self) -> exp.Expr:
        index = self._index
        if self._word("TABLE") and not self._curr:
            self._retreat(index)  # a table of that name
        return nodes.Describe(table=self._table_name())

    def _explain(self) -> exp.Expr:
        return nodes.Explain(query=self._query())

    _STATEMENTS: tuple[tuple[str, Callable[[OpenMLDBParser], exp.Expr]], ...] = (
        ("CREATE DATABASE", _create_database),
        ("DROP DATABASE", _drop_database),
        ("USE", _use),
        ("CREATE TABLE", _create_table),
        ("DROP TABLE", _drop_table),
        ("ALTER TABLE", _alter_table),
        ("TRUNCATE TABLE", _truncate),
        ("CREATE INDEX", _create_index),
        ("DROP INDEX", _drop_index),
        ("DROP FUNCTION", _drop_function),
        ("LOAD DATA INFILE", _load_data),
        ("DEPLOY", _deploy),
        ("DROP DEPLOYMENT", _drop_deployment),
        ("SHOW", _show),
        ("STOP JOB", _stop),
        ("SET", _set),
        ("INSERT", _insert),
        ("DELETE", _delete),
        ("DESC", _describe),
        ("DESCRIBE", _describe),
        ("EXPLAIN", _explain),
    )

    # ---- queries

    def _query(self) -> exp.Query:
        ctes = self._ctes() if self._word("WITH") else None
        query = self._set_operation()
        if self._word("ORDER", "BY"):
            query.set("order", self._order())
        if self._word("LIMIT"):
            query.set("limit", exp.Limit(expression=self._count()))
            if self._word("OFFSET"):
                query.set("offset", exp.Offset(expression=self._count()))
        if ctes is not None:
            query.set("with_", ctes)
        return query

    def _count(self) -> exp.Expr:
        if not self._is(TokenType.NUMBER, TokenType.PLACEHOLDER):
            self._unexpected("a number of rows")
        return self._primary()

    def _ctes(self) -> exp.With:
        if self._word("RECURSIVE"):
            self._fail("WITH RECURSIVE is not supported", self._prev)
        return exp.With(expressions=self._list(self._cte))

    def _cte(self) -> exp.CTE:
        name = self._identifier("the name of a subquery")
        self._need("AS")
        self._take(TokenType.L_PAREN, "(")
        query = self._query()
        self._take(TokenType.R_PAREN, ")")
        return exp.CTE(this=query, alias=exp.TableAlias(this=name))

    def _set_operation(self) -> exp.Query:
        left = self._query_primary()
        while self._word("UNION"):
            token = self._prev
            if not (self._word("ALL") or self._word("DISTINCT")):
                self._unexpected("ALL or DISTINCT")
            distinct = self._prev.text.upper() == "DISTINCT"
            left = self._mark(exp.Union(this=left, expression=self._query_primary(), distinct=distinct), token)
        if self._peek_word("EXCEPT") or self._peek_word("INTERSECT"):
            self._fail(f"{self._curr.text.upper()} is not supported")
        return left

    def _query_primary(self) -> exp.Query:
        opening = self._curr
        if self._match(TokenType.L_PAREN):
            query = self._query()
            self._take(TokenType.R_PAREN, ")")
            return self._mark(exp.Subquery(this=query), opening)
        return self._select()

    def _select(self) -> exp.Select:
        token = self._curr
        self._need("SELECT")
        distinct = exp.Distinct() if self._word("DISTINCT") else None
        if distinct is None:
            self._word("ALL")
        select = self._mark(exp.Select(expressions=self._select_list(), distinct=distinct), token)
        if self._word("FROM"):
            select.set("from_", exp.From(this=self._table()))
            select.set("joins", self._joins())
        if self._word("WHERE"):
            select.set("where", exp.Where(this=self._expression()))
        if self._word("GROUP", "BY"):
            select.set("group", exp.Group(expressions=self._list(self._expression)))
        if self._word("HAVING"):
            select.set("having", exp.Having(this=self._expression()))
        if self._word("WINDOW"):
            select.set("windows", self._list(self._named_window))
        return select

    def _select_list(self) -> list[exp.Expr]:
        items = [self._select_item()]
        while self._match(TokenType.COMMA):
            if self._peek_word("FROM") or not self._curr or self._is(TokenType.R_PAREN):
                break
            items.append(self._select_item())
        return items

    def _select_item(self) -> exp.Expr:
        token = self._curr
        if self._match(TokenType.STAR):
            return self._mark(exp.Star(), token)
        value = self._expression()
        if self._word("AS"):
            return self._mark(exp.Alias(this=value, alias=self._identifier("a name after AS")), token)
        if self._is_identifier():
            return self._mark(exp.Alias(this=value, alias=self._identifier()), token)
        return value

    def _alias(self) -> exp.TableAlias | None:
        if self._word("AS") or self._is_identifier():
            return exp.TableAlias(this=self._identifier("the name of a table"))
        return None

    def _table(self) -> exp.Expr:
        token = self._curr
        if self._match(TokenType.L_PAREN):
            query = self._query()
            self._take(TokenType.R_PAREN, ")")
            return self._mark(exp.Subquery(this=query, alias=self._alias()), token)
        table = self._table_name()
        alias = self._alias()
        if alias is not None:
            table.set("alias", alias)
        return table

    def _joins(self) -> list[exp.Join]:
        found: list[exp.Join] = []
        while True:
            token = self._curr
            if self._match(TokenType.COMMA):
                found.append(self._mark(exp.Join(this=self._table(), kind="CROSS"), token))
            elif self._word("LAST", "JOIN"):
                table = self._table()
                order = self._order() if self._word("ORDER", "BY") else None
                self._need("ON")
                found.append(self._mark(nodes.LastJoin(this=table, order=order, on=self._expression()), token))
            elif (side := self._join_side()) is not None:
                table = self._table()
                on = self._expression() if self._word("ON") else None
                found.append(self._mark(exp.Join(this=table, on=on, **side), token))
            else:
                return found

    def _join_side(self) -> dict[str, str] | None:
        for side in ("LEFT", "RIGHT", "FULL"):
            if self._word(side):
                self._word("OUTER")
                self._need("JOIN")
                return {"side": side}
        for kind in ("INNER", "CROSS"):
            if self._word(kind):
                self._need("JOIN")
                return {"kind": kind}
        return {} if self._word("JOIN") else None

    def _order(self) -> exp.Order:
        return exp.Order(expressions=self._list(self._ordered))

    def _ordered(self) -> exp.Ordered:
        value = self._expression()
        desc = self._word("DESC")
        if not desc:
            self._word("ASC")
        if self._word("NULLS"):
            self._fail("NULLS FIRST and NULLS LAST are not supported", self._prev)
        return exp.Ordered(this=value, desc=desc, nulls_first=not desc)

    # ---- windows

    def _named_window(self) -> nodes.WindowDefinition:
        name = self._identifier("the name of a window")
        self._need("AS")
        base = self._identifier() if self._is_identifier() else None
        window = nodes.WindowDefinition(base=base) if base is not None else self._window_definition()
        window.set("this", name)
        window.meta.update(name.meta)
        return window

    def _window_definition(self) -> nodes.WindowDefinition:
        window = self._mark(nodes.WindowDefinition(), self._take(TokenType.L_PAREN, "("))
        if self._is_identifier():
            window.set("base", self._identifier())
        if self._word("UNION"):
            window.set("union", self._list(self._union_table))
        if self._word("PARTITION"):
            self._need("BY")
            window.set("partition_by", self._list(self._expression))
        if self._word("ORDER"):
            self._need("BY")
            window.set("order", self._order())
        if self._peek_word("ROWS") or self._peek_word("ROWS_RANGE") or self._peek_word("RANGE"):
            window.set("frame", self._frame())
        while not self._is(TokenType.R_PAREN):
            if self._word("EXCLUDE", "CURRENT_ROW"):
                window.set("exclude_current_row", True)
            elif self._word("EXCLUDE", "CURRENT_TIME"):
                window.set("exclude_current_time", True)
            elif self._word("INSTANCE_NOT_IN_WINDOW"):
                window.set("instance_not_in_window", True)
            else:
                self._unexpected(") after the window")
        self._advance()
        return window

    def _union_table(self) -> exp.Expr:
        token = self._curr
        if self._match(TokenType.L_PAREN):
            query = self._query()
            self._take(TokenType.R_PAREN, ")")
            return self._mark(exp.Subquery(this=query, alias=self._alias()), token)
        return self._table_name()

    def _frame(self) -> nodes.WindowFrame:
        token = self._curr
        self._advance()
        unit = token.text.upper()
        if self._word("BETWEEN"):
            start = self._bound()
            self._need("AND")
            end: nodes.FrameBound | None = self._bound()
        else:
            start, end = self._bound(), None
        maxsize = None
        if self._word("MAXSIZE"):
            maxsize = self._take(TokenType.NUMBER, "a number of rows").text
        return self._mark(nodes.WindowFrame(unit=unit, start=start, end=end, maxsize=maxsize), token)

    def _bound(self) -> nodes.FrameBound:
        token = self._curr
        if self._word("CURRENT"):
            self._need("ROW")
            return self._mark(nodes.FrameBound(side="CURRENT ROW"), token)
        offset = None if self._word("UNBOUNDED") else self._binary(_BITWISE_OR)
        is_open = offset is not None and self._word("OPEN")
        if not (self._word("PRECEDING") or self._word("FOLLOWING")):
            self._unexpected("PRECEDING or FOLLOWING")
        side = self._prev.text.upper()
        return self._mark(nodes.FrameBound(this=offset, side=side, open=is_open), token)

    # ---- expressions, from the operators that bind least to those that bind most

    def _expression(self) -> exp.Expr:
        left = self._and()
        while self._word("OR"):
            left = self._mark(exp.Or(this=left, expression=self._and()), self._prev)
        return left

    def _and(self) -> exp.Expr:
        left = self._xor()
        while self._word("AND"):
            left = self._mark(exp.And(this=left, expression=self._xor()), self._prev)
        return left

    def _xor(self) -> exp.Expr:
        left = self._not()
        while self._word("XOR"):
            left = self._mark(exp.Xor(this=left, expression=self._not()), self._prev)
        return left

    def _not(self) -> exp.Expr:
        token = self._curr
        if self._word("NOT") or self._match(TokenType.NOT):
            return self._mark(exp.Not(this=self._not()), token)
        return self._comparison()

    def _comparison(self) -> exp.Expr:
        """The comparisons do not associate: ``a = b = c`` is refused."""
        left = self._binary(_BITWISE_OR)
        token = self._curr
        result = self._comparison_tail(left)
        if result is None:
            return left
        self._mark(result, token)
        again = self._curr
        if self._comparison_tail(result) is not None:
            self._fail("Comparisons cannot be chained; put one of them in parentheses", again)
        return result

    def _comparison_tail(self, left: exp.Expr) -> exp.Expr | None:
        if self._curr and self._curr.token_type in _COMPARISONS:
            kind = _COMPARISONS[self._curr.token_type]
            self._advance()
            return kind(this=left, expression=self._binary(_BITWISE_OR))
        negated = self._word("NOT") or self._match(TokenType.NOT)
        node: exp.Expr | None = None
        if self._word("LIKE") or self._word("ILIKE") or self._word("RLIKE"):
            kind = {"LIKE": exp.Like, "ILIKE": exp.ILike, "RLIKE": exp.RegexpLike}[self._prev.text.upper()]
            node = kind(this=left, expression=self._binary(_BITWISE_OR))
            if self._word("ESCAPE"):
                token = self._curr
                escape = self._mark(exp.Literal.string(self._string_text()), token)
                node = exp.Escape(this=node, expression=escape)
        elif self._word("IN"):
            node = self._in(left)
        elif self._word("BETWEEN"):
            low = self._binary(_BITWISE_OR)
            self._need("AND")
            node = exp.Between(this=left, low=low, high=self._binary(_BITWISE_OR))
        elif not negated and self._word("IS"):
            node = exp.Is(this=left)
            negated = self._word("NOT")
            node.set("expression", self._primary())
        elif negated:
            self._unexpected("LIKE, ILIKE, RLIKE, IN or BETWEEN after NOT")
        if node is None:
            return None
        return exp.Not(this=node) if negated else node

    def _in(self, left: exp.Expr) -> exp.Expr:
        self._take(TokenType.L_PAREN, "(")
        if self._peek_word("SELECT") or self._peek_word("WITH"):
            node = exp.In(this=left, query=exp.Subquery(this=self._query()))
        else:
            node = exp.In(this=left, expressions=self._list(self._expression))
        self._take(TokenType.R_PAREN, ")")
        return node

    def _binary(self, level: int) -> exp.Expr:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while (kind := self._binary_operator(_BINARY[level])) is not None:
            token = self._prev
            left = self._mark(kind(this=left, expression=self._binary(level + 1)), token)
        return left

    def _binary_operator(self, operators: dict[str, type[exp.Expr]]) -> type[exp.Expr] | None:
        if not self._curr or self._curr.token_type in (TokenType.STRING, TokenType.RAW_STRING, TokenType.IDENTIFIER):
            return None
        text = self._curr.text.upper()
        for sign in ("<<", ">>"):
            twice = text == sign[0] and bool(self._next) and self._next.text == sign[0]
            if sign in operators and twice and self._next.start == self._curr.start + 1:
                self._advance(2)
                return operators[sign]
        if text in operators:
            self._advance()
            return operators[text]
        return None

    def _unary(self) -> exp.Expr:
        token = self._curr
        if self._match(TokenType.DASH):
            return self._mark(exp.Neg(this=self._unary()), token)
        if self._match(TokenType.PLUS):
            return self._unary()
        if self._match(TokenType.TILDE):
            return self._mark(exp.BitwiseNot(this=self._unary()), token)
        value = self._primary()
        while self._match(TokenType.L_BRACKET):
            opening = self._prev
            value = self._mark(exp.Bracket(this=value, expressions=[self._expression()]), opening)
            self._take(TokenType.R_BRACKET, "]")
        return value

    def _primary(self) -> exp.Expr:
        token = self._curr
        if not token:
            self._unexpected("an expression")
        if self._is(TokenType.STRING, TokenType.RAW_STRING):
            return self._mark(exp.Literal.string(self._string_text()), token)
        if self._match(TokenType.NUMBER):
            return self._mark(exp.Literal(this=token.text, is_string=False), token)
        if self._match(TokenType.PLACEHOLDER):
            return self._mark(exp.Placeholder(), token)
        if self._match(TokenType.L_BRACKET):
            return self._mark(exp.Array(expressions=self._bracketed()), token)
        if self._match(TokenType.L_PAREN):
            return self._mark(self._parenthesised(), token)
        for words, method in self._PRIMARIES:
            if self._word(*words.split()):
                return self._mark(method(self), token)
        return self._mark(self._path(), token)

    def _bracketed(self) -> list[exp.Expr]:
        if self._match(TokenType.R_BRACKET):
            return []
        values = self._list(self._expression)
        self._take(TokenType.R_BRACKET, "]")
        return values

    def _parenthesised(self) -> exp.Expr:
        if self._peek_word("SELECT") or self._peek_word("WITH"):
            inner: exp.Expr = exp.Subquery(this=self._query())
        else:
            values = self._list(self._expression)
            inner = exp.Paren(this=values[0]) if len(values) == 1 else exp.Tuple(expressions=values)
        self._take(TokenType.R_PAREN, ")")
        return inner

    def _array(self) -> exp.Expr:
        element = None
        if self._match(TokenType.LT):
            element = self._type()
            self._take(TokenType.GT, ">")
        self._take(TokenType.L_BRACKET, "[")
        array = exp.Array(expressions=self._bracketed())
        if element is not None:
            array.meta["element"] = element
        return array

    def _case(self) -> exp.Expr:
        subject = None if self._peek_word("WHEN") else self._expression()
        branches = []
        while self._word("WHEN"):
            condition = self._expression()
            self._need("THEN")
            branches.append(exp.If(this=condition, true=self._expression()))
        if not branches:
            self._unexpected("WHEN")
        default = self._expression() if self._word("ELSE") else None
        self._need("END")
        return exp.Case(this=subject, ifs=branches, default=default)

    def _cast(self) -> exp.Expr:
        self._take(TokenType.L_PAREN, "(")
        value = self._expression()
        self._need("AS")
        to = self._type()
        self._take(TokenType.R_PAREN, ")")
        return exp.Cast(this=value, to=exp.Var(this=to))

    def _type(self) -> str:
        """A type's words: ``int``, ``varchar(60)``, ``array<int>``, ``map<int, string>``."""
        if self._word("ARRAY") or self._word("MAP"):
            outer = self._prev.text.lower()
            self._take(TokenType.LT, "<")
            inner = self._list_of_types()
            self._take(TokenType.GT, ">")
            return f"{outer}<{', '.join(inner)}>"
        name = self._identifier("a type").name
        if not self._match(TokenType.L_PAREN):
            return name
        sizes = [self._take(TokenType.NUMBER, "a size").text]
        while self._match(TokenType.COMMA):
            sizes.append(self._take(TokenType.NUMBER, "a size").text)
        self._take(TokenType.R_PAREN, ")")
        return f"{name}({', '.join(sizes)})"

    def _list_of_types(self) -> list[str]:
        found = [self._type()]
        while self._match(TokenType.COMMA):
            found.append(self._type())
        return found

    def _exists_query(self) -> exp.Expr:
        self._take(TokenType.L_PAREN, "(")
        query = self._query()
        self._take(TokenType.R_PAREN, ")")
        return exp.Exists(this=query)

    _PRIMARIES: tuple[tuple[str, Callable[[OpenMLDBParser], exp.Expr]], ...] = (
        ("NULL", lambda self: exp.Null()),
        ("TRUE", lambda self: exp.Boolean(this=True)),
        ("FALSE", lambda self: exp.Boolean(this=False)),
        ("CASE", _case),
        ("CAST", _cast),
        ("ARRAY", _array),
        ("EXISTS", _exists_query),
    )

    def _path(self) -> exp.Expr:
        """A column, or a call of a function."""
        called = bool(self._next) and self._next.token_type == TokenType.L_PAREN
        keyword = called and self._is(TokenType.VAR) and self._curr.text.lower() in _FUNCTION_KEYWORDS
        first = self._identifier("an expression", reserved=keyword)
        parts = [first]
        while self._match(TokenType.DOT):
            if self._match(TokenType.STAR):
                return exp.Column(this=exp.Star(), table=parts[-1], db=parts[-2] if len(parts) > 1 else None)
            parts.append(self._identifier("a name after the dot", reserved=True))
        if self._is(TokenType.L_PAREN):
            if len(parts) > 1:
                self._fail("A function has a name without dots", self._curr)
            return self._over(self._call(first))
        if len(parts) > 3:
            self._fail("A column has at most three parts: db.table.column")
        names = dict(zip(("this", "table", "db"), reversed(parts), strict=False))
        return exp.Column(**names)

    def _call(self, name: exp.Identifier) -> exp.Expr:
        self._take(TokenType.L_PAREN, "(")
        call = exp.Anonymous(this=name if name.args.get("quoted") else name.name)
        call.meta.update(name.meta)
        if self._match(TokenType.R_PAREN):
            return call
        if self._word("DISTINCT"):
            call.set("expressions", [exp.Distinct(expressions=self._list(self._expression))])
        else:
            call.set("expressions", self._list(self._argument))
        self._take(TokenType.R_PAREN, ")")
        return call

    def _argument(self) -> exp.Expr:
        token = self._curr
        if self._match(TokenType.STAR):
            return self._mark(exp.Star(), token)
        return self._expression()

    def _over(self, call: exp.Expr) -> exp.Expr:
        if not self._word("OVER"):
            return call
        token = self._prev
        window = self._identifier("the name of a window") if self._is_identifier() else self._window_definition()
        return self._mark(nodes.Over(this=call, window=window), token)


_BINARY: tuple[dict[str, type[exp.Expr]], ...] = (
    {"|": exp.BitwiseOr},
    {"^": exp.BitwiseXor},
    {"&": exp.BitwiseAnd},
    {"<<": exp.BitwiseLeftShift, ">>": exp.BitwiseRightShift},
    {"+": exp.Add, "-": exp.Sub},
    {"||": exp.DPipe},
    {"*": exp.Mul, "/": exp.Div, "DIV": exp.IntDiv, "%": exp.Mod, "MOD": exp.Mod},
)
_BITWISE_OR = 0
_COMPARISONS: dict[TokenType, type[exp.Expr]] = {
    TokenType.EQ: exp.EQ,
    TokenType.NEQ: exp.NEQ,
    TokenType.LT: exp.LT,
    TokenType.LTE: exp.LTE,
    TokenType.GT: exp.GT,
    TokenType.GTE: exp.GTE,
}
