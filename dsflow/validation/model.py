"""What the rules look at: a workflow, taken apart once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from dsflow.declare.context import declared_workflows
from dsflow.declare.encoding import DOLLAR
from dsflow.declare.features import FeatureView
from dsflow.declare.params import placeholders
from dsflow.declare.statements import Deploy, SelectInto
from dsflow.declare.statements import Statement as Declared
from dsflow.declare.table import CreateTable, Index, Table, declared_tables
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.tasks.script import Python, Shell
from dsflow.declare.workflow import Workflow
from dsflow.definition import Definition
from dsflow.errors import DsflowError, SourceLocation
from dsflow.openmldb.indexes import IndexNeed
from dsflow.openmldb.sdk import Compiler, CompilerError, Refusal
from dsflow.openmldb.types import ColumnType
from dsflow.validation.embedded import EmbeddedCompiler
from dsflow.validation.filling import Filled, fill
from dsflow.validation.finding import Place, Severity
from dsflow.validation.source import Sources

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.openmldb.bound import BoundQuery

_SHOWN = 60
_ENOUGH = 3
"""After so many failures of the compiler it is not asked again: each may take its whole timeout."""


@dataclass(frozen=True)
class Problem:
    """What a rule yields; with the rule's code it becomes a finding."""

    message: str
    where: SourceLocation | None
    hint: str = ""
    severity: Severity | None = None
    excerpt: str = ""


@dataclass(frozen=True)
class KnownIndex:
    """An index as declared: ``ttl`` as written, such as ``("30d",)`` or ``("30d", "100")``; () for none.

    ``where`` is its own place, if it does not stand in the table's declaration. ``derived`` ones stand nowhere.
    """

    keys: tuple[str, ...]
    ts: str | None
    ttl: tuple[str, ...]
    ttl_type: str
    where: SourceLocation | None = None
    derived: bool = False


@dataclass(frozen=True)
class KnownTable:
    """A table that a Table or a CREATE TABLE statement declares; ``created`` by a task that derives its indexes."""

    db: str
    name: str
    columns: Mapping[str, ColumnType]
    indexes: tuple[KnownIndex, ...]
    where: SourceLocation | None
    not_null: frozenset[str] = frozenset()
    created: CreateTable | None = None


@dataclass(frozen=True)
class ParseFailure:
    """Where and why a statement does not parse; ``offset`` counts in its text."""

    message: str
    offset: int


@dataclass(frozen=True)
class Statement:
    """One statement of an OPENMLDB task, at its place in the session that the task is.

    Attributes:
        sql: its text, filled and raw.
        tree: as parsed, or None.
        failure: why it does not parse, or None.
        mode: ``offline`` or ``online``: the node's, unless a SET before changed it.
        sync: whether a job is waited for.
        db: the current database; '' when there is none.
    """

    task: OpenMLDB
    number: int
    sql: Filled
    tree: Any
    failure: ParseFailure | None
    mode: str
    sync: bool
    db: str

    @property
    def written(self) -> str | Declared | None:
        """What was declared: an object of a step, or the user's text; None for what follows from the workflow."""
        given = self.task.written
        return given[self.number] if self.number < len(given) else None


@dataclass(frozen=True)
class Query:
    """A SELECT, with what it is compiled for.

    Attributes:
        owner: for messages: ``feature view 'f'`` or ``task 't'``.
        where: the declaration that holds its text.
        sql: the text of the SELECT.
        modes: ``batch`` and/or ``request``.
        offline: whether an offline job runs it.
    """

    owner: str
    where: SourceLocation | None
    sql: Filled
    tree: Any
    failure: ParseFailure | None
    db: str
    modes: tuple[str, ...]
    offline: bool
    view: FeatureView | None = None
    statement: Statement | None = None
    start: int = 0

    @property
    def text(self) -> str:
        """The SELECT, filled."""
        return self.sql.text[self.start :]


@dataclass
class Model:
    """A workflow, its Definition if it compiles, and everything that rules derive from them.

    Attributes:
        values: the text of every parameter.
        compiler: OpenMLDB's, when it is installed.
        embedded: else that of the embedded OpenMLDB, which knows less: no indexes, and not all that OpenMLDB runs.
        notes: what was not checked, one line each.
        release: of the cluster's OpenMLDB, such as ``0.9.2``; '' when nobody says.
        version: of DolphinScheduler, such as ``(3, 1)``; None when nobody says.
    """

    workflow: Workflow
    definition: Definition | None
    values: Mapping[str, str]
    compiler: Compiler | None
    sources: Sources = field(default_factory=Sources)
    notes: list[str] = field(default_factory=list)
    release: str = ""
    version: tuple[int, ...] | None = None
    embedded: EmbeddedCompiler | None = None
    _answers: dict[tuple[str, str, str], Refusal | CompilerError | None] = field(default_factory=dict)
    _indexes: dict[tuple[str, str], dict[str, list[IndexNeed]]] = field(default_factory=dict)
    _bound: dict[int, BoundQuery] = field(default_factory=dict)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """In the order of their declaration."""
        return list(self.workflow.tasks.values())

    @cached_property
    def before(self) -> dict[str, set[str]]:
        """Task -> all tasks that have run when it starts."""
        from dsflow.declare.compile import all_relations

        found: dict[str, set[str]] = {name: set() for name in self.workflow.tasks}
        direct: dict[str, list[str]] = {}
        try:
            # also where the workflow does not compile: what a switch implies is an edge all the same
            relations = all_relations(self.workflow)
        except DsflowError:
            return {name: set(found) for name in found}  # a circle has no order, and compiling says so
        for pre, post in relations:
            direct.setdefault(post, []).append(pre)
        for name in found:
            waiting = list(direct.get(name, ()))
            while waiting:
                pre = waiting.pop()
                if pre not in found[name]:
                    found[name].add(pre)
                    waiting += direct.get(pre, ())
        return found

    @cached_property
    def scripts(self) -> list[Script]:
        """The scripts of SHELL and PYTHON tasks, as far as they can be read."""
        found = []
        for task in self.tasks:
            if isinstance(task, (Shell, Python)):
                try:
                    found.append(_script(self, task))
                except DsflowError:
                    continue  # compiling the workflow says so
        return found

    @cached_property
    def known_names(self) -> dict[str, type]:
        """Parameters and outputs by name, with their types."""
        known: dict[str, type] = {name: p.python_type for name, p in self.workflow.parameters.items()}
        for task in self.tasks:
            known |= {name: task.outputs[name].type for name in task.outputs}
        return known

    @cached_property
    def sample_values(self) -> dict[str, str]:
        """A value for every name: a parameter's own; for an output, what does as one of its type."""
        samples = {str: "x", int: "1", float: "1.0", bool: "true"}
        return {
            **{name: samples.get(kind, "x") for name, kind in self.known_names.items()},
            **self.values,
        }

    def task_values(self, task: Task) -> dict[str, str]:
        """As :attr:`sample_values`, with the task's own IN parameters, as DolphinScheduler lets them win."""
        values = dict(self.sample_values)
        own = {p.prop: fill(p.value, values).text for p in task.local_params if p.direct == "IN"}
        return values | own

    # -- SQL -----------------------------------------------------------------------------------------------------------

    @cached_property
    def statements(self) -> list[Statement]:
        """All statements of all OPENMLDB tasks, in order."""
        return [statement for task in self.tasks if isinstance(task, OpenMLDB) for statement in self._session(task)]

    def _session(self, task: OpenMLDB) -> Iterator[Statement]:
        from dsflow.openmldb import nodes

        mode, sync, db = str(task.mode), task.mode == "offline", ""
        values = self.task_values(task)
        for number, raw in enumerate(task.statements):
            sql = fill(raw, values)
            tree, failure = self._parse(sql.text)
            if isinstance(tree, nodes.UseDatabase):
                db = tree.name
            if isinstance(tree, nodes.OtherStatement) or (tree is None and failure is None):
                self.notes.append(f"task {task.name!r}: no rule reads {_beginning(sql.text)}")
            yield Statement(task, number, sql, tree, failure, mode, sync, db)
            if isinstance(tree, nodes.SetVariable):
                name, value = tree.name.lower(), str(tree.value).lower()
                if name == "execute_mode" and value in ("offline", "online"):
                    mode = value
                elif name == "sync_job":
                    sync = value == "true"

    def _parse(self, text: str) -> tuple[exp.Expr | None, ParseFailure | None]:
        from sqlglot.errors import ParseError, TokenError

        from dsflow.openmldb.query import shared_tree

        try:
            return shared_tree(text), None
        except ParseError as error:
            first = error.errors[0] if error.errors else {}
            refusal = self._refusal(text, "", "batch")
            if _reads(refusal, text, self.compiler is not None):
                return None, None  # OpenMLDB itself reads it
            if isinstance(refusal, Refusal) and refusal.line:
                return None, ParseFailure(
                    refusal.message.removeprefix("Syntax error: "), offset_of(text, refusal.line, refusal.column or 1)
                )
            message = str(first.get("description") or error).rstrip(".")
            return None, ParseFailure(message, _sqlglot_offset(text, first))
        except TokenError as error:
            return None, ParseFailure(str(error).splitlines()[0], 0)

    @cached_property
    def queries(self) -> list[Query]:
        """All SELECTs: one for each feature view, whatever its tasks, and one for each statement written by hand."""
        found: list[Query] = []
        views: dict[int, tuple[FeatureView, list[Statement]]] = {}
        for statement in self.statements:
            origin = statement.task.origin
            if isinstance(origin, FeatureView):
                if _select(statement) is not None or statement.failure:
                    views.setdefault(id(origin), (origin, []))[1].append(statement)
            else:
                query = self._own_query(statement)
                if query is not None:
                    found.append(query)
        for view, statements in views.values():
            found.append(self._view_query(view, statements))
        return found

    def _own_query(self, statement: Statement) -> Query | None:
        from dsflow.openmldb import nodes

        tree = _select(statement)
        if tree is None:
            return None
        deployed = isinstance(statement.tree, nodes.Deploy)
        start = max(statement.sql.text.find(statement.tree.query_text), 0) if deployed else 0
        return Query(
            owner=f"task {statement.task.name!r}",
            where=statement.task.where,
            sql=statement.sql,
            tree=tree,
            failure=None,
            db=statement.db,
            modes=("request",) if deployed else ("batch",),
            offline=not deployed and statement.mode == "offline",
            statement=statement,
            start=start,
        )

    def _view_query(self, view: FeatureView, statements: list[Statement]) -> Query:
        from dsflow.openmldb import nodes

        sql = fill(view.sql, self.sample_values)
        tree, failure = self._parse(sql.text)
        deployed = any(isinstance(s.tree, nodes.Deploy) for s in statements)
        offline = any(s.mode == "offline" for s in statements)
        return Query(
            owner=f"feature view {view.name!r}",
            where=view.where,
            sql=sql,
            tree=tree,
            failure=failure,
            db=fill(str(view.source.database), self.sample_values).text,
            modes=("batch", "request") if deployed and offline else ("request",) if deployed else ("batch",),
            offline=offline,
            view=view,
        )

    def output_columns(self, query: Query) -> tuple[str, ...]:
        """Names of a query's columns, in order.

        Raises:
            DeclarationError: it does not parse, or has a column without a name.
        """
        from dsflow.openmldb.query import output_names, parse_query

        if query.tree is None:
            parse_query(query.text)  # says why
        return output_names(self.bound(query))

    def bound(self, query: Query) -> BoundQuery:
        """A query that parses, resolved over the declared tables."""
        from dsflow.openmldb.bound import bind

        if id(query) not in self._bound:
            tables = {key: table.columns for key, table in self.tables.items()}
            self._bound[id(query)] = bind(query.tree, query.db, tables)
        return self._bound[id(query)]

    @cached_property
    def tables(self) -> dict[tuple[str, str], KnownTable]:
        """(database, name) -> what is declared of the table: by a Table, or by a CREATE TABLE statement."""
        from dsflow.openmldb import nodes

        found: dict[tuple[str, str], KnownTable] = {}
        for table in self._declared_tables():
            known = self._known(table)
            found.setdefault((known.db, known.name), known)
        for statement in self.statements:
            tree = statement.tree
            if isinstance(tree, nodes.CreateTable) and tree.columns:
                db = tree.table.db or statement.db
                found.setdefault((db, tree.table.name), _from_ddl(db, tree, statement.task.where))
        for statement in self.statements:
            if isinstance(statement.tree, nodes.CreateIndex):
                key = (statement.tree.table.db or statement.db, statement.tree.table.name)
                if key in found:
                    where, _ = self.in_statement(statement, 0)
                    index = replace(_from_spec(statement.tree.spec), where=where)
                    found[key] = replace(found[key], indexes=(*found[key].indexes, index))
        return found

    def _declared_tables(self) -> Iterator[Table]:
        for task in self.tasks:
            origin = getattr(task, "origin", None)
            yield from [origin] if isinstance(origin, Table) else []
            yield from [origin.source] if isinstance(origin, FeatureView) else []
        own = self.workflow.where.file if self.workflow.where else ""
        # a file that declares other workflows is another pipeline; one that declares none is shared
        others = {w.where.file for w in declared_workflows() if w.where} - {own}
        yield from (table for table in declared_tables() if not (table.where and table.where.file in others))

    def _known(self, table: Table) -> KnownTable:
        tasks = [task for task in self.tasks if isinstance(task, CreateTable) and task.table.id == table.id]
        created = next((task for task in tasks if task.derive_indexes), None)
        indexes = [_known_index(index) for index in table.indexes]
        indexes += [_known_index(d.index, derived=True) for d in (created.derived if created else ())]
        database, name = (fill(text, self.sample_values).text for text in table.id)
        return KnownTable(database, name, table.columns, tuple(indexes), table.where, created=created)

    @cached_property
    def catalog(self) -> dict[str, dict[str, list[tuple[str, str]]]]:
        """The tables in the compiler's form."""
        found: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for (db, name), table in self.tables.items():
            found.setdefault(db, {})[name] = [(column, kind.value) for column, kind in table.columns.items()]
        return found

    # -- the compiler --------------------------------------------------------------------------------------------------

    def refusal(self, query: Query, mode: str) -> Refusal | CompilerError | None:
        """Why OpenMLDB's compiler does not take a query; None when it does, or is not installed."""
        return self._refusal(query.text, query.db, mode)

    def _refusal(self, text: str, db: str, mode: str) -> Refusal | CompilerError | None:
        key = (text, db, mode)
        if key not in self._answers:
            if self.compiler is None:
                return self._embedded_refusal(key)
            try:
                # a syntax error is found with any table, but not with none
                tables = self.catalog if db else {"db": {"t": [("c", "int")]}}
                self._answers[key] = self.compiler.validate(
                    text, db, tables, "request" if mode == "request" else "batch"
                )
            except CompilerError as error:
                self._answers[key] = error
                if sum(isinstance(answer, CompilerError) for answer in self._answers.values()) == _ENOUGH:
                    self.compiler = None
                    self.notes.append(f"further queries were not compiled: {error.message}")
        return self._answers[key]

    def _embedded_refusal(self, key: tuple[str, str, str]) -> Refusal | CompilerError | None:
        text, db, mode = key
        if self.embedded is None or not db:
            return None
        try:
            self._answers[key] = self.embedded.validate(
                text, db, self.catalog, "request" if mode == "request" else "batch"
            )
        except CompilerError as error:
            self._answers[key] = error
        return self._answers[key]

    @property
    def compiled(self) -> bool:
        """Whether a compiler has looked at each query and taken or refused it."""
        answers = list(self._answers.values())
        return len(answers) > 0 and not any(isinstance(answer, CompilerError) for answer in answers)

    def needed_indexes(self, query: Query) -> Mapping[str, list[IndexNeed]]:
        """Table -> the indexes that a deployment of a query needs, which must compile in request mode."""
        key = (query.text, query.db)
        if key not in self._indexes:
            self._indexes[key] = {}
            text = _in_one_database(query)
            if text is None:
                self.notes.append(f"the indexes of {query.owner}: it reads tables of several databases")
            try:
                if self.compiler is not None and text is not None:
                    self._indexes[key] = self.compiler.needed_indexes(text, query.db, self.catalog)
            except CompilerError as error:
                self.notes.append(f"the indexes of {query.owner} were not checked: {error.message}")
        return self._indexes[key]

    # -- places --------------------------------------------------------------------------------------------------------

    def in_statement(self, statement: Statement, offset: int) -> tuple[SourceLocation | None, str]:
        """The place of a character of a statement in the user's file, and an excerpt where that place is not known."""
        raw = statement.sql.raw_offset(offset)
        origin, written = statement.task.origin, statement.written
        if isinstance(written, (SelectInto, Deploy)):
            inside = raw - written.query_start
            if 0 <= inside <= len(written.query):
                place = self.sources.text_place(written.where, written.query, inside)
                if place:
                    return place, ""
        elif not isinstance(origin, (Table, FeatureView)):
            place = self.sources.text_place(statement.task.where, statement.sql.raw, raw)
            if place:
                return place, ""
        elif isinstance(origin, Table):
            return statement.task.where, ""
        return statement.task.where, sql_excerpt(statement.sql.raw, raw)

    def in_query(self, query: Query, offset: int) -> tuple[SourceLocation | None, str]:
        """Likewise for a character of a query's text."""
        if query.statement is not None:
            return self.in_statement(query.statement, query.start + offset)
        raw = query.sql.raw_offset(offset)
        place = self.sources.text_place(query.where, query.sql.raw, raw)
        return (place, "") if place else (query.where, sql_excerpt(query.sql.raw, raw))

    def problem_in_query(
        self, query: Query, node: Any, message: str, hint: str = "", severity: Severity | None = None
    ) -> Problem:
        """A problem at a node of a query."""
        where, excerpt = self.in_query(query, node_offset(query.sql.text, node) - query.start)
        return Problem(message, where, hint, severity, excerpt)

    def problem_in_statement(
        self, statement: Statement, message: str, hint: str = "", node: Any = None, severity: Severity | None = None
    ) -> Problem:
        """A problem of a statement, at one of its nodes or its beginning."""
        offset = node_offset(statement.sql.text, statement.tree if node is None else node)
        where, excerpt = self.in_statement(statement, offset)
        return Problem(message, where, hint, severity, excerpt)

    def parameter_place(self, name: str) -> Place | None:
        """Where a parameter of the workflow is declared."""
        return self.sources.argument_place(self.workflow.where, "params", name)


@dataclass(frozen=True)
class Script:
    """A script as it is sent.

    Attributes:
        file: the user's file that holds its text: the script's own, or the pipeline's.
        is_file: whether it is a file of its own, so that its lines are that file's lines.
    """

    task: Shell | Python
    text: str
    is_file: bool
    file: str
    model: Model = field(repr=False, compare=False)

    def place(self, offset: int) -> tuple[SourceLocation | None, str]:
        """Where a character of the script stands in the user's files, and an excerpt where that is not known."""
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        if self.is_file:
            return Place(self.file, line, column), ""
        place = self.model.sources.text_place(self.task.where, self.text, offset)
        body = self.task.body if isinstance(self.task, Python) else None
        if place is None and callable(body):
            code = getattr(body, "__code__", None)
            wanted = self.text.split("\n")[line - 1].strip()
            if code and wanted:
                source = self.model.sources[code.co_filename]
                for number in range(code.co_firstlineno, len(source.lines) + 1):
                    if source.line(number).strip() == wanted:
                        return Place(source.path, number, source.line(number).find(wanted) + 1), ""
        return (place, "") if place else (self.task.where, sql_excerpt(self.text, offset))

    def problem(self, offset: int, message: str, hint: str = "", severity: Severity | None = None) -> Problem:
        """A problem at a character of the script."""
        where, excerpt = self.place(offset)
        return Problem(f"task {self.task.name!r}: {message}", where, hint, severity, excerpt)


def _script(model: Model, task: Shell | Python) -> Script:
    if task.file:
        path = task.workflow.folder / task.file
        try:
            return Script(task, path.read_text(encoding="utf-8"), True, str(path), model)
        except (OSError, UnicodeDecodeError) as error:
            raise task.error(str(error)) from error
    text = task.raw_script if isinstance(task, Shell) or callable(task.body) else _dedented(str(task.body))
    return Script(task, text, False, task.where.file if task.where else "", model)


def _beginning(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."


def _dedented(text: str) -> str:
    import textwrap

    return textwrap.dedent(text).lstrip("\n")


def _select(statement: Statement) -> Any:
    """The SELECT of a statement: itself, what is written to a file, or what is deployed."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    tree = statement.tree
    if isinstance(tree, (nodes.SelectInto, nodes.Deploy)):
        return tree.query
    return tree if isinstance(tree, exp.Query) else None


def _in_one_database(query: Query) -> str | None:
    """A query without the name of its own database, which the compiler's question for indexes does not know."""
    from sqlglot import exp

    from dsflow.openmldb.dialect import OpenMLDB as Dialect

    named = {node.text("db") for node in query.tree.find_all(exp.Table)} - {""}
    if not named:
        return query.text
    if named != {query.db}:
        return None
    tree = query.tree.copy()
    for node in tree.find_all(exp.Table, exp.Column):
        node.set("db", None)
    return str(tree.sql(Dialect))


def _known_index(index: Index, *, derived: bool = False) -> KnownIndex:
    ttl = tuple(part.strip() for part in str(index.ttl or "").strip("() ").split(",") if part.strip())
    return KnownIndex(index.id[0], index.ts, ttl, index.ttl_type, derived=derived)


def _from_ddl(db: str, tree: Any, where: SourceLocation | None) -> KnownTable:
    columns: dict[str, ColumnType] = {}
    for column in tree.columns:
        try:
            columns[column.name] = ColumnType.parse(column.kind.partition("(")[0])
        except ValueError:
            continue  # the compiler knows a type that tables do not have, or refuses it
    indexes = tuple(_from_spec(index) for index in tree.indexes)
    not_null = frozenset(column.name for column in tree.columns if column.not_null)
    return KnownTable(db, tree.table.name, columns, indexes, where, not_null)


def _from_spec(index: Any) -> KnownIndex:
    return KnownIndex(tuple(sorted(index.keys)), index.ts, index.ttl, index.ttl_type or "absolute")


_OUTSIDE = re.compile(
    r"(?:ALTER\s+(?:TABLE|USER)|(?:CREATE(?:\s+AGGREGATE)?|DROP)\s+FUNCTION|(?:CREATE|DROP)\s+(?:USER|PROCEDURE)"
    r"|DELETE\s+JOB|GRANT|REVOKE|EXIT)\b",
    re.IGNORECASE,
)
"""OpenMLDB's statements that no rule is about and the dialect does not read."""


def _reads(refusal: Refusal | CompilerError | None, text: str, asked: bool) -> bool:
    """Whether OpenMLDB's grammar takes a string that the dialect does not, to judge by what its compiler says."""
    statement = text.strip()
    if not isinstance(refusal, Refusal):
        return (refusal is None and asked) or bool(_OUTSIDE.match(statement))
    if refusal.is_syntax or refusal.line:  # only the grammar gives a position
        return False
    is_query = bool(re.match(r"\(*\s*(?:SELECT|WITH)\b", statement, re.IGNORECASE))
    return is_query or refusal.message.startswith("Plan type not supported")  # other statements are not compiled


@lru_cache(maxsize=64)
def parse_python(text: str) -> ast.Module:
    """A script's tree, which several rules look at and none changes.

    Raises:
        SyntaxError: it is no Python; also for a null character, at which Python 3.10 and 3.11 raise ValueError.
    """
    try:
        return ast.parse(text)
    except ValueError as error:
        raise SyntaxError(str(error), ("", text.count("\n", 0, text.find("\0")) + 1, 1, "")) from error


@lru_cache(maxsize=64)
def python_nodes(text: str) -> tuple[ast.AST, ...]:
    """All nodes of a script's tree; none of one that is no Python."""
    try:
        return tuple(ast.walk(parse_python(text)))
    except SyntaxError:
        return ()


def offset_of_node(text: str, node: ast.expr) -> int:
    """Where a node of a Python script begins; ``ast`` counts its columns in bytes."""
    start = offset_of(text, node.lineno, 1)
    line = text[start:].split("\n", 1)[0]
    return start + len(line.encode()[: node.col_offset].decode(errors="ignore"))


def names_in(text: str) -> list[str]:
    """Placeholders of a text that may be a parameter's or an output's."""
    return [name for name in placeholders(text) if not name.startswith("system.")]


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a line and a column, both from 1."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))


def node_offset(text: str, node: Any) -> int:
    """Where a node of a parsed text begins; 0 when it does not know."""
    from dsflow.openmldb.nodes import position

    at = position(node)
    return offset_of(text, at["line"], at.get("col") or 1) if at else 0


def _sqlglot_offset(text: str, error: Mapping[str, Any]) -> int:
    """sqlglot gives a token's line and the column of its last character."""
    line, column, token = error.get("line"), error.get("col"), error.get("highlight") or ""
    return offset_of(text, line, max(column - len(token) + 1, 1)) if line and column else 0


def sql_excerpt(text: str, offset: int) -> str:
    """The line of a text around an offset, with a caret."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)].replace(DOLLAR, "$")
    return f"{line}\n{' ' * (offset - start)}^" if line.strip() else ""
