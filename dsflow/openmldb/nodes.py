"""The syntax tree of OpenMLDB's statements: sqlglot's nodes for queries, and these for what sqlglot has no node for.

Every node of a parsed text carries where it begins in ``node.meta["line"]`` and ``node.meta["col"]``, counted from 1.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp

OptionValue = str | int | float | bool | None


def option_values(options: list[exp.Expr]) -> dict[str, OptionValue]:
    """The options of an ``OPTIONS (...)`` list by name in lower case; a value that is no literal becomes its text."""
    return {option.name.lower(): literal_value(option.args["value"]) for option in options}


def literal_value(node: exp.Expr) -> OptionValue:
    """The Python value of a literal; a bare word gives the word itself."""
    if isinstance(node, exp.Neg):
        inner = literal_value(node.this)
        if isinstance(inner, int | float):
            return -inner
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Column | exp.Identifier):
        return node.name
    if isinstance(node, exp.Literal):
        if node.is_string:
            return str(node.this)
        text = str(node.this)
        if text.isdigit():
            return int(text)
        if text[:-1].isdigit() and text[-1] in "lL":
            return int(text[:-1])
        try:
            return float(text)
        except ValueError:
            return text
    return node.sql(dialect="openmldb")


class Statement(exp.Expression):
    """A statement that is not a query."""

    arg_types: ClassVar[dict[str, bool]] = {}

    @property
    def options(self) -> dict[str, OptionValue]:
        """The statement's ``OPTIONS (...)``, names in lower case."""
        return option_values(self.args.get("options") or [])

    @property
    def exists(self) -> bool:
        """Whether it says IF [NOT] EXISTS."""
        return bool(self.args.get("exists"))

    @property
    def table(self) -> exp.Table:
        """The table it is about; ``table.name`` and ``table.db`` ("" when none is named)."""
        table: exp.Table = self.args["table"]
        return table


class Option(exp.Expression):
    """``name = value`` in an OPTIONS or CONFIG list."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "value": True}


class CreateDatabase(Statement):
    """CREATE DATABASE [IF NOT EXISTS] name: ``name``, ``exists``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "exists": False}


class DropDatabase(Statement):
    """DROP DATABASE [IF EXISTS] name: ``name``, ``exists``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "exists": False}


class UseDatabase(Statement):
    """USE name: ``name``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}


class ColumnSpec(exp.Expression):
    """A column of CREATE TABLE: ``name``, ``kind`` (the type's word), ``not_null``, ``default`` (a literal or None)."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "kind": True, "not_null": False, "default": False}

    @property
    def kind(self) -> str:
        return str(self.args["kind"])

    @property
    def not_null(self) -> bool:
        return bool(self.args.get("not_null"))

    @property
    def default(self) -> exp.Expr | None:
        value: exp.Expr | None = self.args.get("default")
        return value


class IndexSpec(exp.Expression):
    """``INDEX(KEY=(a, b), TS=t, TTL=(100m, 10), TTL_TYPE=absorlat)``.

    ``name`` may be "". ``key_kind`` is ``key``, ``ckey`` or ``skey``.
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": False, "options": True}

    @property
    def _options(self) -> dict[str, exp.Expr]:
        return {option.name.lower(): option.args["value"] for option in self.args["options"]}

    @property
    def key_kind(self) -> str:
        return next((word for word in ("key", "ckey", "skey") if word in self._options), "key")

    @property
    def keys(self) -> tuple[str, ...]:
        value = self._options.get(self.key_kind)
        if value is None:
            return ()
        parts = value.expressions if isinstance(value, exp.Tuple) else [value]
        return tuple(part.name for part in (p.unnest() for p in parts))

    @property
    def ts(self) -> str | None:
        value = self._options.get("ts")
        return value.name if value is not None else None

    @property
    def ttl(self) -> tuple[str, ...]:
        """The TTL as written, for example ``("100m", "10")``; () when there is none."""
        value = self._options.get("ttl")
        if value is None:
            return ()
        parts = value.expressions if isinstance(value, exp.Tuple) else [value.unnest()]
        return tuple(str(part.this) if isinstance(part, exp.Literal) else part.name for part in parts)

    @property
    def ttl_type(self) -> str | None:
        """``absolute``, ``latest``, ``absorlat`` or ``absandlat`` as written, in lower case; None when not given."""
        value = self._options.get("ttl_type")
        return value.name.lower() if value is not None else None

    @property
    def unknown_options(self) -> tuple[str, ...]:
        return tuple(n for n in self._options if n not in {"key", "ckey", "skey", "ts", "ttl", "ttl_type"})


class CreateTable(Statement):
    """CREATE TABLE: ``table``, ``exists``, ``columns``, ``indexes``, ``options``, ``like`` (kind and path, or None)."""

    arg_types: ClassVar[dict[str, bool]] = {
        "table": True,
        "exists": False,
        "columns": False,
        "indexes": False,
        "options": False,
        "like_kind": False,
        "like_path": False,
    }

    @property
    def columns(self) -> list[ColumnSpec]:
        return list(self.args.get("columns") or [])

    @property
    def indexes(self) -> list[IndexSpec]:
        return list(self.args.get("indexes") or [])

    @property
    def like(self) -> tuple[str, str] | None:  # type: ignore[override]
        kind = self.args.get("like_kind")
        return (str(kind), str(self.args["like_path"])) if kind else None


class DropTable(Statement):
    """DROP TABLE [IF EXISTS] table."""

    arg_types: ClassVar[dict[str, bool]] = {"table": True, "exists": False}


class AlterTable(Statement):
    """ALTER TABLE table ADD OFFLINE_PATH 'path', DROP OFFLINE_PATH 'path': ``table``, ``paths`` (added?, the path)."""

    arg_types: ClassVar[dict[str, bool]] = {"table": True, "exists": False, "actions": True}

    @property
    def paths(self) -> list[tuple[bool, str]]:
        return [(bool(action.args["add"]), str(action.args["path"])) for action in self.args["actions"]]


class OfflinePath(exp.Expression):
    """``ADD OFFLINE_PATH 'path'``, or ``DROP`` when ``add`` is False."""

    arg_types: ClassVar[dict[str, bool]] = {"add": True, "path": True}


class TruncateTable(Statement):
    """TRUNCATE TABLE table."""

    arg_types: ClassVar[dict[str, bool]] = {"table": True}


class CreateIndex(Statement):
    """CREATE INDEX name ON table (columns) [OPTIONS (ts=..., ttl=..., ttl_type=...)].

    ``name``, ``table``, ``exists`` (IF NOT EXISTS) and ``spec`` (an `IndexSpec`).
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "table": True, "exists": False, "spec": True}

    @property
    def spec(self) -> IndexSpec:
        spec: IndexSpec = self.args["spec"]
        return spec


class DropIndex(Statement):
    """DROP INDEX [db.]table.index: ``table``, ``name``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "table": True, "exists": False}


class LoadData(Statement):
    """LOAD DATA INFILE 'path' INTO TABLE table [OPTIONS (...)]: ``path``, ``table``, ``options``."""

    arg_types: ClassVar[dict[str, bool]] = {"path": True, "table": True, "options": False, "config": False}

    @property
    def path(self) -> str:
        return str(self.args["path"])


class SelectInto(Statement):
    """SELECT ... INTO OUTFILE 'path' [OPTIONS (...)]: ``query``, ``path``, ``options``."""

    arg_types: ClassVar[dict[str, bool]] = {"query": True, "path": True, "options": False, "config": False}

    @property
    def path(self) -> str:
        return str(self.args["path"])

    @property
    def query(self) -> exp.Expr:
        query: exp.Expr = self.args["query"]
        return query


class Deploy(Statement):
    """DEPLOY [IF NOT EXISTS] name [OPTIONS (...)] SELECT ...: ``name``, ``exists``, ``options``, ``query``.

    ``query_text`` is the SELECT as it was written.
    """

    arg_types: ClassVar[dict[str, bool]] = {
        "this": True,
        "exists": False,
        "options": False,
        "query": True,
        "query_text": False,
    }

    @property
    def query(self) -> exp.Expr:
        query: exp.Expr = self.args["query"]
        return query

    @property
    def query_text(self) -> str:
        return str(self.args.get("query_text") or self.query.sql(dialect="openmldb"))


class DropDeployment(Statement):
    """DROP DEPLOYMENT [IF EXISTS] [db.]name: ``name``, ``db`` ("" when none is named)."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "db": False, "exists": False}

    @property
    def db(self) -> str:
        return self.text("db")


class Show(Statement):
    """SHOW target.

    ``kind`` is the target in upper case: TABLES, DATABASES, JOBS, JOB, JOBLOG, DEPLOYMENTS, DEPLOYMENT, COMPONENTS,
    TABLE STATUS, VARIABLES, GLOBAL VARIABLES, SESSION VARIABLES, CREATE TABLE, FUNCTIONS, PROCEDURE STATUS, ...
    ``target`` is the id or name for the kinds that take one (an expression), ``db`` the part after FROM,
    ``like`` the pattern after LIKE.
    """

    arg_types: ClassVar[dict[str, bool]] = {"kind": True, "target": False, "db": False, "like": False}

    @property
    def kind(self) -> str:
        return str(self.args["kind"])

    @property
    def target(self) -> exp.Expr | None:
        target: exp.Expr | None = self.args.get("target")
        return target

    @property
    def target_value(self) -> OptionValue:
        return literal_value(self.args["target"]) if self.args.get("target") else None

    @property
    def db(self) -> str:
        return str(self.args.get("db") or "")

    @property
    def like(self) -> str | None:  # type: ignore[override]
        like = self.args.get("like")
        return None if like is None else str(like)


class StopJob(Statement):
    """STOP JOB id: ``target_value``."""

    arg_types: ClassVar[dict[str, bool]] = {"target": True}

    @property
    def target_value(self) -> OptionValue:
        return literal_value(self.args["target"])


class SetVariable(Statement):
    """SET [@@[session.|global.] | GLOBAL | SESSION] name = value: ``name``, ``scope`` (session, global), ``value``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "scope": True, "value": True}

    @property
    def scope(self) -> str:
        return str(self.args["scope"])

    @property
    def value(self) -> OptionValue:
        return literal_value(self.args["value"])


class InsertRows(Statement):
    """INSERT [OR IGNORE] INTO table [(columns)] VALUES (...), ...

    ``table``, ``columns`` (names, () when none are given), ``rows`` (lists of expressions), ``or_ignore``.
    """

    arg_types: ClassVar[dict[str, bool]] = {"table": True, "columns": False, "rows": True, "or_ignore": False}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.args.get("columns") or [])

    @property
    def rows(self) -> list[list[exp.Expr]]:
        return [list(row.expressions) for row in self.args["rows"]]

    @property
    def or_ignore(self) -> bool:
        return bool(self.args.get("or_ignore"))


class DeleteRows(Statement):
    """DELETE FROM table WHERE condition: ``table``, ``where`` (an expression or None)."""

    arg_types: ClassVar[dict[str, bool]] = {"table": True, "where": False}

    @property
    def where(self) -> exp.Expr | None:
        where: exp.Expr | None = self.args.get("where")
        return where


class DropFunction(Statement):
    """DROP FUNCTION [IF EXISTS] name: ``name``, ``exists``."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "exists": False}


class OtherStatement(Statement):
    """A statement that OpenMLDB knows and nothing here looks into: ``kind`` (its first words), ``text``."""

    arg_types: ClassVar[dict[str, bool]] = {"kind": True, "text": True}

    @property
    def kind(self) -> str:
        return str(self.args["kind"])


class Describe(Statement):
    """DESC table."""

    arg_types: ClassVar[dict[str, bool]] = {"table": True}


class Explain(Statement):
    """EXPLAIN SELECT ...: ``query``."""

    arg_types: ClassVar[dict[str, bool]] = {"query": True}

    @property
    def query(self) -> exp.Expr:
        query: exp.Expr = self.args["query"]
        return query


# ---- parts of queries


class WindowFrame(exp.Expression):
    """``ROWS_RANGE BETWEEN 1h OPEN PRECEDING AND CURRENT ROW MAXSIZE 10``.

    ``unit`` is ROWS, ROWS_RANGE or RANGE; ``start`` and ``end`` are `FrameBound`, ``end`` may be missing.
    """

    arg_types: ClassVar[dict[str, bool]] = {"unit": True, "start": True, "end": False, "maxsize": False}


class FrameBound(exp.Expression):
    """``side`` is PRECEDING, FOLLOWING or CURRENT ROW; ``this`` the offset (None: unbounded); ``open`` excludes it."""

    arg_types: ClassVar[dict[str, bool]] = {"this": False, "side": True, "open": False}


class WindowDefinition(exp.Expression):
    """A window: ``this`` (its name in the WINDOW clause), ``base``, ``union`` (tables), partition, order, frame."""

    arg_types: ClassVar[dict[str, bool]] = {
        "this": False,
        "base": False,
        "union": False,
        "partition_by": False,
        "order": False,
        "frame": False,
        "exclude_current_row": False,
        "exclude_current_time": False,
        "instance_not_in_window": False,
    }


class Over(exp.Expression):
    """``function OVER window``: ``this`` is the function, ``window`` an Identifier or a `WindowDefinition`."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "window": True}


class LastJoin(exp.Join):
    """``LAST JOIN table [ORDER BY ...] ON ...``."""

    arg_types: ClassVar[dict[str, bool]] = {**exp.Join.arg_types, "order": False}


def position(node: exp.Expr) -> dict[str, Any]:
    """``line`` and ``col`` of where a node begins, as keyword arguments for an error; {} when they are not known."""
    # a node of several parts, such as a AND b, begins where the first of them does
    places = [(part.meta["line"], part.meta.get("col") or 0) for part in node.walk() if "line" in part.meta]
    line, column = min(places, default=(0, 0))
    return {"line": line, "col": column or None} if line else {}
