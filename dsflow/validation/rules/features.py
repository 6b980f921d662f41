"""What training and serving make of a feature view."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from dsflow.errors import DeclarationError, SourceLocation
from dsflow.openmldb.features import FeatureView
from dsflow.openmldb.sdk import CompilerError
from dsflow.tasks.base import Task
from dsflow.tasks.http import Http
from dsflow.tasks.script import Python
from dsflow.validation.filling import fill
from dsflow.validation.model import Model, Problem, Query, parse_python
from dsflow.validation.rules.base import did_you_mean, rule
from dsflow.validation.rules.queries import unknown_tables

_LIST = re.compile(r"\s*[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)+\s*\Z")
_UPDATE_NEEDS = ("database", "deployment", "model_path")
_UPDATE_KEYS = (*_UPDATE_NEEDS, "table", "columns", "compare")


@rule("DSF140", sql=True)
def training_columns(model: Model) -> Iterator[Problem]:
    """A training step that reads other columns than the feature view gives."""
    for script in model.scripts:
        if not isinstance(script.task, Python):
            continue
        columns, labels = _columns_before(model, script.task)
        if not columns:
            continue
        values = model.task_values(script.task)
        for prop in script.task.local_params:
            if prop.direct != "IN":
                continue
            place = model.sources.argument_place(script.task.where, "params", prop.prop)
            text = values[prop.prop]
            if prop.prop.lower() in ("label", "target") and text.isidentifier() and text not in columns:
                hint = did_you_mean(text, columns)
                message = f"task {script.task.name!r}: the label {text!r} is none of the extracted columns"
                yield Problem(message, place, hint)
            if _LIST.match(text):
                names = [n.strip() for n in text.split(",")]
                is_features = "feature" in prop.prop.lower()
                yield from _wrong_names(script.task, names, columns, labels if is_features else (), place)
        for names, offset in _name_lists(script.text):
            where, _ = script.place(offset)
            yield from _wrong_names(script.task, names, columns, (), where)


def _columns_before(model: Model, task: Task) -> tuple[list[str], set[str]]:
    """Columns and labels of the views that are extracted before a task."""
    columns: list[str] = []
    labels: set[str] = set()
    for query in model.queries:
        view = query.view
        if view is None or not query.offline:
            continue
        steps = {s.task.name for s in model.statements if s.task.origin is view and s.mode == "offline"}
        if steps & model.before.get(task.name, set()):
            try:
                columns += model.output_columns(query)
            except DeclarationError:
                return [], set()  # said by another rule
            labels |= {view.label} if view.label else set()
    return columns, labels


def _wrong_names(
    task: Task, names: list[str], columns: list[str], labels: Collection[str], where: SourceLocation | None
) -> Iterator[Problem]:
    known = [name for name in names if name in columns]
    if len(known) < max(2, len(names) / 2):
        return  # a list of something else
    for name in names:
        if name not in columns:
            yield Problem(
                f"task {task.name!r} reads the column {name!r}, which the feature view does not give",
                where,
                did_you_mean(name, columns, "columns: " + ", ".join(columns))
                + '; ",".join(view.columns) can not go wrong',
            )
        elif name in labels:
            yield Problem(
                f"task {task.name!r}: the label {name!r} is among the features: the model would be told the answer",
                where,
                'write ",".join(view.columns), which leaves the label out',
            )


def _name_lists(text: str) -> Iterator[tuple[list[str], int]]:
    """Lists of three names or more in a Python script: ``["a", "b", "c"]`` or ``"a,b,c"``; and where they begin."""
    try:
        tree = parse_python(text)
    except SyntaxError:
        return
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            names = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            names = names if len(names) == len(node.elts) else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _LIST.match(node.value):
            names = [n.strip() for n in node.value.split(",")]
        if len(names) >= 3 and isinstance(node, ast.expr):
            yield names, starts[node.lineno - 1] + node.col_offset


@rule("DSF141", sql=True)
def prediction_update(model: Model) -> Iterator[Problem]:
    """A prediction server that is told of another deployment."""
    from dsflow.openmldb import nodes

    deployed = [s for s in model.statements if isinstance(s.tree, nodes.Deploy)]
    for task in _updates(model):
        values = model.task_values(task)
        told = {key: fill(str(value), values).text for key, value in task.json.items()}

        def at(key: str, task: Http = task) -> SourceLocation | None:
            return model.sources.argument_place(task.where, "json", key)

        for key in told:
            if key not in _UPDATE_KEYS:
                hint = did_you_mean(key, _UPDATE_KEYS, "keys: " + ", ".join(_UPDATE_KEYS))
                yield Problem(f"task {task.name!r}: the prediction server knows no key {key!r}", at(key), hint)
        for key in _UPDATE_NEEDS:
            if key not in told:
                yield Problem(f"task {task.name!r}: the prediction server needs the key {key!r}", at(""))
        name = told.get("deployment")
        if not deployed or name is None:
            continue
        match = next((s for s in deployed if s.tree.name == name), None)
        if match is None:
            names = ", ".join(s.tree.name for s in deployed)
            view = next((s.task.origin for s in deployed if isinstance(s.task.origin, FeatureView)), None)
            yield Problem(
                f"task {task.name!r} names the deployment {name!r}, this workflow deploys {names}",
                at("deployment"),
                "write view.deployment(...) with what view.deploy(...) was given"
                if view
                else did_you_mean(name, [names]),
            )
            continue
        if told.get("database", match.db) != match.db:
            yield Problem(
                f"task {task.name!r} names the database {told['database']!r}, the deployment is in {match.db!r}",
                at("database"),
            )
        if match.task.name not in model.before.get(task.name, ()):
            yield Problem(
                f"task {task.name!r} points the prediction server to a deployment that task {match.task.name!r} has"
                " not made yet",
                task.where,
                f"add an edge: {match.task.name!r} >> ... >> {task.name!r}",
            )


@rule("DSF142", compiler=True)
def feature_types(model: Model) -> Iterator[Problem]:
    """Features that a model can not take."""
    if model.compiler is None or not _updates(model):
        return
    for query in model.queries:
        if query.view is None or query.view.label is None or not _compiles(model, query):
            continue
        try:
            schema = model.compiler.output_schema(query.text, query.db, model.catalog) or []
        except CompilerError:
            continue  # DSF107 says so
        for name, kind in schema:
            if name != query.view.label and kind in ("string", "timestamp", "date"):
                item = next((i for i in query.tree.selects if i.alias_or_name == name), None)
                yield model.problem_in_query(
                    query,
                    item if item is not None else query.tree,
                    f"{query.owner}: the feature {name!r} is a {kind}; the model behind the prediction server takes"
                    " numbers only",
                    "encode it: hour(t), unix_timestamp(t), hash64(s) % 1000, CASE WHEN ...",
                )


def _compiles(model: Model, query: Query) -> bool:
    if "request" not in query.modes or query.failure is not None or query.tree is None or unknown_tables(model, query):
        return False
    return model.refusal(query, "request") is None


def _updates(model: Model) -> list[Http]:
    """The tasks that point a prediction server to a model."""
    return [
        task
        for task in model.tasks
        if isinstance(task, Http)
        and str(task.url).endswith("/update")
        and {"deployment", "model_path"} & set(task.json)  # another service may have an /update too
    ]
