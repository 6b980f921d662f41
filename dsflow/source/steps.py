"""Nodes of a Definition -> the tables, feature views and steps that they were made of.

What is read here is only proposed: the source that is written of it is run and compared with the Definition, and where
that differs the nodes are declared one by one (:mod:`dsflow.source.python`). So nothing here needs to be complete.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dsflow.declare.deployed import parsed_with_parameters
from dsflow.declare.encoding import decode
from dsflow.declare.fileoptions import CSV_OPTIONS
from dsflow.declare.folding import folded, steps_of
from dsflow.declare.params import PLACEHOLDER
from dsflow.declare.steps import Check
from dsflow.declare.written import Branch, Ended, Group, ParamRef, TaskRef
from dsflow.definition import Definition, TaskDefinition
from dsflow.source.declaration import TaskDeclaration, WorkflowDeclaration, implied_edges

_SENT = frozenset({"database", "deployment", "model_path", "table", "compare"})
_OWN = frozenset({"sql", "mode", "raw_sql", "method", "url", "json", "extra"})


@dataclass
class TableDeclaration:
    """A :class:`dsflow.Table`.

    Attributes:
        columns: type of each column.
        indexes: those that are declared, as the arguments of ``Index``.
        derived: those that are taken for derived from the deployments.
    """

    name: str
    database: str
    columns: dict[str, str]
    indexes: list[dict[str, Any]] = field(default_factory=list)
    derived: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ViewDeclaration:
    """A :class:`dsflow.FeatureView` of a table."""

    name: str
    table: str
    sql: str


Made = TableDeclaration | ViewDeclaration


@dataclass
class Steps:
    """What a Definition was made of.

    Attributes:
        made: tables and views by a key of their own; a step's ``on`` is one of these keys.
        steps: the steps by their task's name.
    """

    made: dict[str, Made] = field(default_factory=dict)
    steps: dict[str, TaskDeclaration] = field(default_factory=dict)


def read_steps(definition: Definition, declaration: WorkflowDeclaration) -> Steps:
    """The steps that can be told.

    Args:
        definition: the workflow.
        declaration: the same, node by node.
    """
    reader = _Reader(definition, declaration)
    reader.read()
    return reader.found


def with_steps(
    declaration: WorkflowDeclaration, definition: Definition, steps: Mapping[str, TaskDeclaration]
) -> WorkflowDeclaration:
    """The declaration with steps in place of their nodes."""
    of = {node: step for node, step in steps_of(definition).items() if step in steps}
    edges = folded([*declaration.edges, *implied_edges(declaration)], of)
    tasks = [
        steps.get(task.name) or replace(task, fields={k: _led_to(v, of) for k, v in task.fields.items()})
        for task in declaration.tasks
        if task.name not in of
    ]
    made = replace(declaration, tasks=tasks, edges=[])
    implied = set(implied_edges(made))
    return replace(made, edges=[edge for edge in edges if edge not in implied])


def _led_to(value: Any, of: Mapping[str, str]) -> Any:
    """A field's value with references to a step's nodes made references to the step."""
    if isinstance(value, TaskRef):
        return TaskRef(of.get(value.name, value.name))
    if isinstance(value, Branch):
        return replace(value, task=_led_to(value.task, of))
    if isinstance(value, Ended):
        return replace(value, task=_led_to(value.task, of))
    if isinstance(value, Group):
        return replace(value, items=tuple(_led_to(item, of) for item in value.items))
    if isinstance(value, list):
        return [_led_to(item, of) for item in value]
    return value


class _Reader:
    def __init__(self, definition: Definition, declaration: WorkflowDeclaration) -> None:
        self.definition = definition
        self.declared = {task.name: task for task in declaration.tasks}
        self.params = set(declaration.params)
        self.owners = declaration.owners()
        self.nodes: dict[str, list[TaskDefinition]] = {}
        for node, step in steps_of(definition).items():
            self.nodes.setdefault(step, []).append(definition.task(node))
        self.found = Steps()

    def read(self) -> None:
        tasks = [task for task in self.definition.tasks if task.task_type == "OPENMLDB"]
        statements = {task.name: _statements(task) for task in tasks}
        for task in tasks:
            for tree in statements[task.name] or self._created_beside(task):
                self._table(statements[task.name], tree)
        for task in tasks:
            for tree in self._created_beside(task):
                self._table(statements[task.name], tree)
        for task in tasks:
            self._openmldb(task, statements[task.name])
        for task in self.definition.tasks:
            if task.task_type == "HTTP":
                self._serve(task)

    # -- tables ------------------------------------------------------------------------------------------------------

    def _created_beside(self, task: TaskDefinition) -> list[Any]:
        """The statement with all columns of a table that a load's check works with."""
        for node in self.nodes.get(task.name, ()):
            settings = _calls(node).get("keep_equal_rows")
            if settings:
                return [tree for tree in [parsed_with_parameters(settings["create_rows"])] if tree is not None]
        return []

    def _table(self, statements: list[Any], tree: Any) -> None:
        from dsflow.openmldb import nodes

        if not isinstance(tree, nodes.CreateTable) or not statements or tree.options or tree.like:
            return
        database = _database(statements)
        name = tree.table.name
        helping = not tree.exists
        if helping:
            name = name.removesuffix("__rows")
        if database is None or (database, name) in self._tables():
            return
        if any(column.not_null or column.default is not None for column in tree.columns):
            return
        made = TableDeclaration(name, database, {column.name: column.kind for column in tree.columns})
        if not helping:
            made.derived = [_index(index) for index in tree.indexes]
        self.found.made[f"table {database}.{name}"] = made

    def _tables(self) -> dict[tuple[str, str], str]:
        made = self.found.made.items()
        return {(m.database, m.name): key for key, m in made if isinstance(m, TableDeclaration)}

    # -- steps -------------------------------------------------------------------------------------------------------

    def _openmldb(self, task: TaskDefinition, statements: list[Any]) -> None:
        from dsflow.openmldb import nodes

        if not statements or (database := _database(statements)) is None:
            return
        last = statements[-1]
        if isinstance(last, nodes.CreateTable):
            self._step(task, "create", self._tables().get((database, last.table.name)), {}, f"create {last.table.name}")
        elif isinstance(last, nodes.LoadData):
            self._load(task, database, statements)
        elif isinstance(last, nodes.SelectInto):
            sql = decode(task.task_params["sql"])[-1].rpartition("\nINTO OUTFILE ")[0].strip()
            view = self._view(task, "extract ", sql, self._source(database, last.query))
            fields = {"path": last.path, **_file_options(last.options)}
            if "coalesce" in last.options:
                fields["coalesce"] = last.options["coalesce"]
            self._step(
                task, "extract", view, fields | self._check(task, "check_extract"), f"extract {self._name(view)}"
            )
        elif isinstance(last, nodes.Deploy):
            view = self._view(task, "deploy ", last.query_text, self._source(database, last.query))
            prefix = last.name.rpartition("_")[0]
            fields = {} if prefix == self._name(view) else {"name": prefix}
            fields |= {k: v for k, v in last.options.items() if k in ("range_bias", "rows_bias")}
            fields |= self._check(task, "check_deployed")
            self._step(task, "deploy", view, fields, f"deploy {self._name(view)}", "task")

    def _load(self, task: TaskDefinition, database: str, statements: list[Any]) -> None:
        from dsflow.openmldb import nodes

        last = statements[-1]
        table, name = self._tables().get((database, last.table.name)), last.table.name
        fields: dict[str, Any] = {"path": last.path, **_file_options(last.options)}
        if task.task_params.get("executeMode") == "offline":
            if "deep_copy" in last.options:
                fields["deep_copy"] = last.options["deep_copy"]
            fields |= self._check(task, "check_offline_load")
            self._step(task, "load_offline", table, fields, f"load offline {name}")
            return
        equal = {k: v for node in self.nodes.get(task.name, ()) for k, v in _calls(node).items()}
        if any(isinstance(statement, nodes.TruncateTable) for statement in statements):
            fields["replace"] = True
        elif "keep_equal_rows" not in equal:
            fields["repeated"] = "drop"
        elif equal["keep_equal_rows"].get("refuse"):
            fields["repeated"] = "refuse"
        fields |= self._check(task, "check_online_load")
        self._step(task, "load_online", table, fields, f"load online {name}")

    def _serve(self, task: TaskDefinition) -> None:
        url = str(task.task_params.get("url"))
        sent = {p.get("prop"): str(p.get("value")) for p in task.task_params.get("httpParams") or []}
        if (
            not url.endswith("/update")
            or not {"database", "deployment", "model_path", "table", "compare"} <= sent.keys()
        ):
            return
        prefix, _, version = sent["deployment"].rpartition("_")
        table = self._tables().get((sent["database"], sent["table"]))
        views = [key for key, view in self._views() if view.table == table and version_of(view.sql) == version]
        if not views:
            return
        fields: dict[str, Any] = {"server": url.removesuffix("/update"), "model_path": sent["model_path"]}
        if prefix != self._name(views[0]):
            fields["deployment"] = prefix
        if sent["compare"] != "100" and sent["compare"].isdigit():
            fields["compare"] = int(sent["compare"])
        if not self.nodes.get(task.name):
            fields["drop_old"] = False
        self._step(task, "serve", views[0], fields, f"serve {self._name(views[0])}", "task")

    def _step(
        self, task: TaskDefinition, method: str, on: str | None, fields: dict[str, Any], usual: str, name: str = "name"
    ) -> None:
        if on is None:
            return
        given = {key: self._operand(value) for key, value in fields.items()}
        if task.name != usual:
            given[name] = task.name
        more = {k: v for k, v in self.declared[task.name].fields.items() if k not in _OWN}
        self.found.steps[task.name] = TaskDeclaration(method, task.name, given | more, on=on)

    def _operand(self, value: Any) -> Any:
        match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        if match and match[1] in self.params:
            return ParamRef(match[1])
        if match and match[1] in self.owners:
            return ParamRef(match[1], self.owners[match[1]])
        return value

    def _check(self, task: TaskDefinition, function: str) -> dict[str, Any]:
        for node in self.nodes.get(task.name, ()):
            settings = _calls(node).get(function)
            if settings is not None:
                minutes: float = settings.get("minutes", Check().timeout)
                return {} if minutes == Check().timeout else {"check": Check(minutes)}
        return {"check": False}

    # -- views -------------------------------------------------------------------------------------------------------

    def _views(self) -> list[tuple[str, ViewDeclaration]]:
        return [(key, made) for key, made in self.found.made.items() if isinstance(made, ViewDeclaration)]

    def _name(self, key: str | None) -> str:
        return self.found.made[key].name if key is not None else ""

    def _source(self, database: str, query: Any) -> str | None:
        """The table of a query's request rows: the first that it names."""
        from sqlglot import exp

        first = next(iter(query.find_all(exp.Table, bfs=True)), None)
        return self._tables().get((first.db or database, first.name)) if first is not None else None

    def _view(self, task: TaskDefinition, verb: str, sql: str, table: str | None) -> str | None:
        from dsflow.declare.table import is_name

        if table is None or not sql:
            return None
        for key, view in self._views():
            if (view.sql, view.table) == (sql, table):
                return key
        name = task.name.removeprefix(verb)
        taken = {view.name for _, view in self._views()}
        if not is_name(name) or name in taken:
            name = next(n for n in (f"features_{i}" if i else "features" for i in range(1000)) if n not in taken)
        key = f"view {name}"
        self.found.made[key] = ViewDeclaration(name, table, sql)
        return key


def version_of(sql: str) -> str:
    """What a deployment's name carries of a query."""
    import hashlib

    return hashlib.sha256(sql.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _statements(task: TaskDefinition) -> list[Any]:
    """The trees of a node's statements; [] when one is none of those that steps have."""
    try:
        texts = decode(str(task.task_params.get("sql")))
    except SyntaxError:
        return []
    trees = [parsed_with_parameters(text) for text in texts]
    return trees if all(tree is not None for tree in trees) else []


def _database(statements: Iterable[Any]) -> str | None:
    from dsflow.openmldb import nodes

    return next((statement.name for statement in statements if isinstance(statement, nodes.UseDatabase)), None)


def _file_options(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: options[name] for name in CSV_OPTIONS if name in options}
    if found.get("header") is True:
        del found["header"]
    if options.get("format") != "csv":
        found["format"] = options.get("format")
    return found


def _index(index: Any) -> dict[str, Any]:
    keys: Any = list(index.keys) if len(index.keys) > 1 else index.keys[0]
    found: dict[str, Any] = {"key": keys}
    if index.ts:
        found["ts"] = index.ts
    if index.ttl:
        found["ttl"] = index.ttl[0] if len(index.ttl) == 1 else f"({', '.join(index.ttl)})"
        if index.ttl_type and index.ttl_type != "absolute":
            found["ttl_type"] = index.ttl_type
    return found


def _calls(node: TaskDefinition) -> dict[str, dict[str, Any]]:
    """The functions that a check's script calls, with what it gives them by name."""
    try:
        tree = ast.parse(str(node.task_params.get("rawScript")))
    except SyntaxError:
        return {}
    return {name: settings for top in tree.body for name, settings in _called(top)}


def _called(node: ast.stmt) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, ast.If) or (isinstance(node, ast.FunctionDef) and node.name == "main"):
        for inner in node.body:
            yield from _called(inner)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
        try:
            yield node.value.func.id, {str(k.arg): ast.literal_eval(k.value) for k in node.value.keywords}
        except ValueError:
            return
