"""What training and serving make of a feature view."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.script import Python
from dsflow.errors import DeclarationError, SourceLocation, did_you_mean
from dsflow.validation.columnnames import Script as ReadScript
from dsflow.validation.columnnames import split_names
from dsflow.validation.model import Model, Problem, Script
from dsflow.validation.rules.base import rule


@rule("DSF140")
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
            name = prop.prop.lower()
            if name in ("label", "target") and text.isidentifier():
                yield from _wrong_label(script.task, text, columns, labels, place)
            elif "feature" in name and text.isidentifier() and prop.value == text:
                yield from _wrong_names(script.task, [text], columns, labels, place)
            elif names := split_names(text):
                is_features = "feature" in name
                if is_features or sum(n in columns for n in names) >= max(2, len(names) / 2):
                    yield from _wrong_names(script.task, names, columns, labels if is_features else (), place)
        yield from _names_in_script(script, columns, labels)


def _wrong_label(
    task: Task, label: str, columns: list[str], labels: Collection[str], where: SourceLocation | None
) -> Iterator[Problem]:
    if label not in columns:
        message = f"task {task.name!r}: the label {label!r} is none of the extracted columns"
        yield Problem(message, where, did_you_mean(label, columns))
    elif labels and label not in labels:
        own = ", ".join(sorted(labels))
        message = f"task {task.name!r} learns to predict {label!r}, the feature view's label is {own!r}"
        yield Problem(message, where, 'write params={"label": view.label}')


def _names_in_script(script: Script, columns: list[str], labels: Collection[str]) -> Iterator[Problem]:
    read = ReadScript(script.text)
    known = [*columns, *read.own_names]
    for found in read.names():
        wrong = [name for name in found.names if name not in known]
        if found.what == "list" and len(found.names) - len(wrong) < max(2, len(found.names) / 2):
            continue  # a list of something else
        for name in wrong:
            hint = did_you_mean(name, columns)
            subject = f"the {found.what} {name!r}" if found.what in ("label", "column") else f"the feature {name!r}"
            yield script.problem(
                found.offset,
                f"{subject} is none of the columns that the feature view gives",
                (hint or "columns: " + ", ".join(columns)) + _SAFE.get(found.what, ""),
                "warning" if read.renames and not hint else "error",
            )
        for name in labels if found.what == "features" else ():
            if name in found.names:
                message = f"the label {name!r} is among the features: the model would be told the answer"
                yield script.problem(found.offset, message, "leave it out")


_SAFE = dict.fromkeys(("features", "list"), '; ",".join(view.columns) cannot go wrong')


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
            labels |= {view.declared_label} if view.declared_label else set()
    return columns, labels


def _wrong_names(
    task: Task, names: list[str], columns: list[str], labels: Collection[str], where: SourceLocation | None
) -> Iterator[Problem]:
    for name in names:
        if name not in columns:
            yield Problem(
                f"task {task.name!r} reads the column {name!r}, which the feature view does not give",
                where,
                did_you_mean(name, columns, "columns: " + ", ".join(columns))
                + '; ",".join(view.columns) cannot go wrong',
            )
        elif name in labels:
            yield Problem(
                f"task {task.name!r}: the label {name!r} is among the features: the model would be told the answer",
                where,
                'write ",".join(view.columns), which leaves the label out',
            )
