"""Tasks that run before what they need is there, or at the same time as what they disturb."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsflow.declare.params import placeholders
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.http import Http
from dsflow.declare.tasks.logic import Conditions, Switch
from dsflow.errors import DsflowError
from dsflow.validation.filling import fill
from dsflow.validation.model import Model, Problem, Statement
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.statements import named_tables


@rule("DSF402")
def too_early(model: Model) -> Iterator[Problem]:
    """A task that runs before what it needs is there."""
    from dsflow.openmldb import nodes

    created = _makers(model, nodes.CreateTable)
    loaded = _makers(model, nodes.LoadData, "offline")
    told: dict[tuple[str, str], set[str]] = {}  # where one edge is missing, all that follows comes too early
    for task in model.tasks:
        said: set[str] = set()
        for statement in (s for s in model.statements if s.task is task):
            if isinstance(statement.tree, (nodes.DropTable, nodes.DropIndex)):
                continue  # clears the way for the creation
            if isinstance(statement.tree, nodes.CreateTable):
                said.add(statement.tree.table.name)
                continue
            query = isinstance(statement.tree, nodes.SelectInto)
            for node in named_tables(statement):
                key = (node.db or statement.db, node.name)
                for makers, what, applies in (
                    (created, "is created by", True),
                    (loaded, "gets its offline rows from", query and statement.mode == "offline"),
                ):
                    names = {t.name for t in makers.get(key, [])}
                    late = applies and names and not names & ({task.name} | model.before.get(task.name, set()))
                    if late and node.name not in said:
                        said.add(node.name)
                        maker = sorted(names)[0]
                        earlier = told.setdefault((maker, node.name), set())
                        earlier.add(task.name)
                        if earlier & model.before.get(task.name, set()):
                            continue
                        yield Problem(
                            f"task {task.name!r} uses the table {node.name!r}, which {what} task {maker!r}, but does"
                            " not run after it",
                            task.where,
                            f"add an edge: {maker!r} >> ... >> {task.name!r}",
                        )
    yield from _unordered_files(model)


def _makers(model: Model, kind: type, mode: str | None = None) -> dict[tuple[str, str], list[Task]]:
    found: dict[tuple[str, str], list[Task]] = {}
    for statement in model.statements:
        if isinstance(statement.tree, kind) and mode in (None, statement.mode):
            table = statement.tree.table  # type: ignore[attr-defined]
            found.setdefault((table.db or statement.db, table.name), []).append(statement.task)
    return found


def _unordered_files(model: Model) -> Iterator[Problem]:
    """A script that names the parameter of a folder which another task writes, in no order to it."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        if not isinstance(statement.tree, nodes.SelectInto):
            continue
        outfile = re.search(r"INTO\s+OUTFILE\s+['\"](.*?)['\"]", statement.sql.raw, re.IGNORECASE)
        names = list(placeholders(outfile[1])) if outfile else []
        if len(names) != 1 or outfile is None or outfile[1].startswith("/"):
            continue
        writer = statement.task
        for script in model.scripts:
            if f"${{{names[0]}}}" in script.text and _unordered(model, writer, script.task):
                yield Problem(
                    f"task {script.task.name!r} reads {outfile[1]}, which task {writer.name!r} writes, but does not run"
                    " after it",
                    script.task.where,
                    f"add an edge: {writer.name!r} >> ... >> {script.task.name!r}",
                )


@rule("DSF135", "warning")
def other_storage(model: Model) -> Iterator[Problem]:
    """Rows that are in the other storage."""
    from dsflow.openmldb import nodes

    online = _makers(model, nodes.LoadData, "online")
    for key, tasks in _makers(model, nodes.InsertRows).items():
        online.setdefault(key, []).extend(tasks)
    offline = _makers(model, nodes.LoadData, "offline")
    for statement in model.statements:
        if not isinstance(statement.tree, nodes.SelectInto):
            continue
        for node in named_tables(statement):
            key = (node.db or statement.db, node.name)
            wanted, other = (offline, online) if statement.mode == "offline" else (online, offline)
            if key in other and key not in wanted:
                mode = statement.mode
                maker = other[key][0]
                yield model.problem_in_statement(
                    statement,
                    f"task {statement.task.name!r} reads the {mode} rows of {node.name!r}; task {maker.name!r} loads"
                    f" {'online' if mode == 'offline' else 'offline'} rows only",
                    f"load them {mode} too (Table.load_{mode}): the two storages share nothing",
                    node,
                )


@rule("DSF403")
def collision(model: Model) -> Iterator[Problem]:
    """Two tasks that write the same at the same time."""
    targets: dict[tuple[str, str], list[Statement]] = {}
    for statement in model.statements:
        target = _target(statement)
        if target:
            targets.setdefault(target, []).append(statement)
    for (kind, name), statements in targets.items():
        tasks = list(dict.fromkeys(s.task for s in statements))
        for i, first in enumerate(tasks):
            for second in tasks[i + 1 :]:
                if _unordered(model, first, second) and not _exclusive(model, first, second):
                    yield Problem(
                        f"task {second.name!r} and task {first.name!r} write {kind} {name} at the same time",
                        second.where,
                        "put one after the other, or let them write to different places",
                    )


def _target(statement: Statement) -> tuple[str, str] | None:
    from dsflow.openmldb import nodes

    tree = statement.tree
    if isinstance(tree, nodes.SelectInto):
        return "the files", tree.path
    if isinstance(tree, nodes.LoadData):
        replaces = statement.mode == "offline" and str(tree.options.get("mode", "")).lower() == "overwrite"
        if replaces:
            return "the offline rows of", f"{tree.table.db or statement.db}.{tree.table.name}"
    if isinstance(tree, nodes.TruncateTable):
        return "the online rows of", f"{tree.table.db or statement.db}.{tree.table.name}"
    return None


def _unordered(model: Model, one: Task, other: Task) -> bool:
    before = model.before
    return one is not other and one.name not in before[other.name] and other.name not in before[one.name]


def _exclusive(model: Model, one: Task, other: Task) -> bool:
    """Whether a switch or a condition before both may run only one of them."""
    shared = model.before[one.name] & model.before[other.name]
    return any(isinstance(model.workflow.tasks[name], (Switch, Conditions)) for name in shared)


@rule("DSF404", "warning")
def switched_off(model: Model) -> Iterator[Problem]:
    """A switched-off task that others build on."""
    for task in model.tasks:
        if task.enabled:
            continue
        for name in task.outputs:
            readers = [t for t in model.tasks if t is not task and _reads(t, name)]
            if readers:
                yield Problem(
                    f"task {task.name!r} is switched off, but task {readers[0].name!r} reads its output {name!r}",
                    model.sources.argument_place(task.where, "enabled"),
                    "DolphinScheduler passes over it and leaves ${" + name + "} as it stands",
                )


def _reads(task: Task, name: str) -> bool:
    own = [p.value for p in task.local_params if p.direct == "IN"]
    try:
        texts = [*own, repr(task.task_params(lambda text: text))]
    except DsflowError:
        texts = own  # compiling the workflow says what is wrong with the task
    return any(f"${{{name}}}" in text for text in texts)


@rule("DSF405")
def http(model: Model) -> Iterator[Problem]:
    """An HTTP request that cannot be sent."""
    for task in model.tasks:
        if not isinstance(task, Http):
            continue
        url = fill(str(task.url), model.task_values(task)).text
        if not re.match(r"https?://[^/\s]+", url):
            outputs = [n for n in placeholders(str(task.url)) if n not in model.values]
            if not outputs:  # an output's value is not known before a run
                place = model.sources.text_place(task.where, str(task.url), 0)
                yield Problem(
                    f"task {task.name!r}: {url!r} is no address",
                    place or task.where,
                    "an address begins with http:// or https:// and a host",
                )
        for name in task.headers:
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                place = model.sources.argument_place(task.where, "headers", name)
                yield Problem(f"task {task.name!r}: {name!r} is no name of a header", place)


@rule("DSF407", "warning")
def depends_on_the_end(model: Model) -> Iterator[Problem]:
    """A branch that follows another task too."""
    if model.definition is None:
        return
    for task in model.tasks:
        if not isinstance(task, (Switch, Conditions)):
            continue
        for branch in dict.fromkeys(t.name for t in task.implied_downstream()):
            for other in model.definition.upstream(branch):
                if other == task.name or other in model.before.get(task.name, ()):
                    continue
                inside = task.name in model.before.get(other, ())
                what = (
                    "versions of DolphinScheduler differ on whether it runs when another branch is taken"
                    if inside
                    else "when another branch is taken, whether it runs depends on DolphinScheduler's version and on"
                    " which of the two ends last"
                )
                yield Problem(
                    f"task {branch!r} is a branch of {task.name!r} and follows {other!r} too: {what}",
                    model.workflow.tasks[branch].where if branch in model.workflow.tasks else task.where,
                    f"let {other!r} come before {task.name!r}, or put a task between {task.name!r} and {branch!r}",
                )
                break
