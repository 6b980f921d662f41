"""What the prediction server is told and asked: deployment, model, and the rows of requests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dsflow.declare.features import FeatureView
from dsflow.declare.tasks.http import Http
from dsflow.declare.tasks.script import Shell
from dsflow.errors import DeclarationError, SourceLocation, did_you_mean
from dsflow.openmldb.sdk import CompilerError
from dsflow.openmldb.types import ColumnType
from dsflow.validation.filling import fill
from dsflow.validation.model import Model, Problem, Query, Script, Statement
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.queries import unknown_tables

_UPDATE_NEEDS = ("database", "deployment", "model_path")
_UPDATE_KEYS = (*_UPDATE_NEEDS, "table", "columns", "compare")
_CHANGE = re.compile(r"(?:/.*)?/(?P<what>update|shadow)(?:/(?P<service>[^/?#]+))?")
"""What /update takes, /shadow takes too; one of several services is named behind it."""

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}|.*\$.*")
"""As the prediction server has it (dsflow.serving.options), or filled in later."""

_ASK = re.compile(r"(?:/.*)?/predict(?:/[^/?#]+)?(?:\?[^#]*)?")
_FINGERPRINTS = re.compile(r"[^:,]+:[0-9a-f]+(?:,[^:,]+:[0-9a-f]+)*")
_MOST_COMPARED = 10_000
"""As the prediction server has it (dsflow.serving.update)."""


@rule("DSF141")
def prediction_update(model: Model) -> Iterator[Problem]:
    """A prediction server that is told of another deployment."""
    from dsflow.openmldb import nodes

    deployed = [s for s in model.statements if isinstance(s.tree, nodes.Deploy)]
    for task, what, service in _changes(model):
        known = (*_UPDATE_KEYS, "share") if what == "shadow" else _UPDATE_KEYS
        values = model.task_values(task)
        told = {key: fill(str(value), values).text for key, value in task.json.items()}

        def at(key: str, task: Http = task) -> SourceLocation | None:
            # FeatureView.serve takes as arguments of its own what is sent as JSON
            return model.sources.argument_place(task.where, "json", key, otherwise=key)

        if service and not _SERVICE.fullmatch(service):
            message = f"task {task.name!r}: no prediction server has a service {service!r}"
            yield Problem(
                message, model.sources.argument_place(task.where, "url"), "letters, digits, _ and -, as in --service"
            )
        for key in told:
            if key not in known:
                hint = did_you_mean(key, known, "keys: " + ", ".join(known))
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
        yield from _comparison(model, task, match, told, at)
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


def _comparison(
    model: Model, task: Http, deploy: Statement, told: Mapping[str, str], at: Callable[[str], SourceLocation | None]
) -> Iterator[Problem]:
    """The keys by which the server compares the deployment with the one in service before it takes it."""
    rows, table, columns = told.get("compare", "0"), told.get("table", ""), told.get("columns", "")
    if not (rows.isdigit() and int(rows) <= _MOST_COMPARED):
        message = f"task {task.name!r}: compare={rows!r} is no number of rows up to {_MOST_COMPARED}"
        yield Problem(message, at("compare"), "a number; 0 to compare nothing")
    elif int(rows) and not columns:
        message = f"task {task.name!r} asks to compare {rows} rows, but names no columns: nothing is compared"
        yield Problem(message, at("compare"), "FeatureView.serve gives the columns that may be compared", "warning")
    query = next((q for q in model.queries if deploy in (q.statement, *_deploys_of(model, q))), None)
    source = _request_table(model, query)
    if table and source and table != source:
        message = f"task {task.name!r}: the deployment's requests are rows of the table {source!r}, not of {table!r}"
        yield Problem(message, at("table"), did_you_mean(table, [source]))
    if columns and not _FINGERPRINTS.fullmatch(columns):
        message = f"task {task.name!r}: columns={columns!r} is not NAME:FINGERPRINT,..."
        yield Problem(message, at("columns"), "FeatureView.serve writes it")
    elif columns and query is not None:
        try:
            known = model.output_columns(query)
        except DeclarationError:
            return  # said by another rule
        for name in (part.partition(":")[0] for part in columns.split(",")):
            if name not in known:
                message = f"task {task.name!r}: the deployment gives no column {name!r} that could be compared"
                yield Problem(message, at("columns"), did_you_mean(name, known, "columns: " + ", ".join(known)))


def _deploys_of(model: Model, query: Query) -> list[Statement]:
    return [s for s in model.statements if query.view is not None and s.task.origin is query.view]


def _request_table(model: Model, query: Query | None) -> str:
    """The table whose rows are a deployment's requests; '' where that is not known or no table, which DSF104 says."""
    request = model.bound(query).request if query is not None and query.tree is not None else None
    return request.table[1] if request is not None and request.table in model.tables else ""


@rule("DSF142", compiler=True)
def feature_types(model: Model) -> Iterator[Problem]:
    """Features that a model cannot take."""
    if model.compiler is None or not any(_changes(model)):
        return
    for query in model.queries:
        if query.view is None or query.view.declared_label is None or not _compiles(model, query):
            continue
        try:
            schema = model.compiler.output_schema(query.text, query.db, model.catalog) or []
        except CompilerError:
            continue  # DSF107 says so
        for name, kind in schema:
            if name != query.view.declared_label and kind in ("string", "timestamp", "date"):
                item = next((i for i in query.tree.selects if i.alias_or_name == name), None)
                yield model.problem_in_query(
                    query,
                    item if item is not None else query.tree,
                    f"{query.owner}: the feature {name!r} is a {kind}; the model behind the prediction server takes"
                    " numbers only",
                    "encode it: hour(t), bigint(t), hash64(s) % 1000, CASE WHEN ...",
                )


@rule("DSF143")
def prediction_request(model: Model) -> Iterator[Problem]:
    """A request that the prediction server refuses."""
    views = [q.view for q in model.queries if q.view is not None and "request" in q.modes]
    if not views:
        return
    for task in model.tasks:
        if isinstance(task, Http) and task.method == "POST" and _ASK.fullmatch(_path(task)):
            # every value is sent as a text, whatever its type here
            row = dict.fromkeys(task.json, "")
            for name, message, hint in _fewest([_row_problems(view, row, as_texts=True) for view in views]):
                where = model.sources.argument_place(task.where, "json", name)
                yield Problem(f"task {task.name!r}: {message}", where, hint)
    for script in model.scripts:
        if isinstance(script.task, Shell):
            for offset, row in _curl_rows(model, script):
                for name, message, hint in _fewest([_row_problems(view, row) for view in views]):
                    found = script.text.find(f'"{name}"', offset) if name else -1
                    yield script.problem(max(found, offset), message, hint)


_Wrong = tuple[str, str, str]
"""The column, what is wrong with it, and a hint."""


def _fewest(candidates: list[list[_Wrong]]) -> list[_Wrong]:
    """Of several views whose deployment may be asked, the one that the request fits best."""
    return min(candidates, key=len)


def _row_problems(view: FeatureView, row: Mapping[str, Any], *, as_texts: bool = False) -> list[_Wrong]:
    columns = view.source.columns
    found: list[_Wrong] = []
    for name in row:
        if name not in columns:
            hint = did_you_mean(name, columns, "columns: " + ", ".join(columns))
            found.append((name, f"a request has a column {name!r}, which the table {view.source.name!r} has not", hint))
        elif not as_texts and row[name] is not None and not _fits(row[name], columns[name]):
            found.append(
                (
                    name,
                    f"a request gives {row[name]!r} for {name!r}, which is {columns[name]}",
                    _FORMS.get(columns[name], ""),
                )
            )
    # what is to be predicted may be left out
    lacking = [f"{name} ({kind})" for name, kind in columns.items() if name not in row and name != view.declared_label]
    if lacking:
        found.append(("", f"a request lacks {', '.join(lacking)}", "send null for a value that is not known"))
    numbers = [name for name, kind in columns.items() if name in row and kind not in _TEXTS]
    if as_texts and numbers:
        message = f"DolphinScheduler sends {', '.join(numbers)} as text, and the prediction server takes numbers there"
        found.append((numbers[0], message, "send the request from a SHELL task: curl -d '{...}' ADDRESS/predict"))
    return found


_FORMS = {
    ColumnType.TIMESTAMP: "milliseconds since 1970, or a text such as 2017-11-06 17:21:28",
    ColumnType.DATE: "a text such as 2017-11-06",
    ColumnType.STRING: "a text in double quotes",
    ColumnType.BOOL: "true or false",
} | dict.fromkeys((ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT), "a whole number, without quotes")
_TEXTS = (ColumnType.STRING, ColumnType.DATE, ColumnType.TIMESTAMP)


def _fits(value: object, kind: ColumnType) -> bool:
    if kind is ColumnType.BOOL:
        return isinstance(value, bool)
    if kind in _TEXTS:
        whole = kind is ColumnType.TIMESTAMP and isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, str) or whole
    takes = (int, float) if kind in (ColumnType.FLOAT, ColumnType.DOUBLE) else int
    return isinstance(value, takes) and not isinstance(value, bool)


_DATA = re.compile(
    r"""\s(?:-d|--data(?:-raw|-binary)?|--json)[ =]?\s*(?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)")"""
)
"""What curl is told to send."""


def _curl_rows(model: Model, script: Script) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows that a shell script sends to /predict by curl, as far as they stand there as JSON."""
    values = model.task_values(script.task)
    for match in _DATA.finditer(script.text):
        begin = script.text.rfind("curl", 0, match.start())
        end = script.text.find("\n", match.end())
        command = script.text[max(begin, 0) : end if end >= 0 else len(script.text)]
        if begin < 0 or "/predict" not in command:
            continue
        double = match["double"]
        text = match["single"] if double is None else re.sub(r"\\(.)", r"\1", double)
        try:
            body = json.loads(fill(text, values).text)
        except ValueError:
            continue  # a variable of the shell, or a mistake that is not about columns
        for row in body if isinstance(body, list) else [body]:
            if isinstance(row, dict):
                yield match.start(match.lastgroup or 0), row


def _compiles(model: Model, query: Query) -> bool:
    if "request" not in query.modes or query.failure is not None or query.tree is None or unknown_tables(model, query):
        return False
    return model.refusal(query, "request") is None


def _changes(model: Model) -> Iterator[tuple[Http, str, str]]:
    """The tasks that point a prediction server to a model: the path's word, and the service's name or ''."""
    for task in model.tasks:
        # another service may have an /update too
        if isinstance(task, Http) and {"deployment", "model_path"} & set(task.json):
            found = _CHANGE.fullmatch(_path(task))
            if found is not None:
                yield task, found["what"], found["service"] or ""


def _path(task: Http) -> str:
    """Of a task's address, of which a parameter may give the beginning."""
    url = str(task.url)
    return "/" + (url.partition("://")[2] or url).partition("/")[2]
