"""What DolphinScheduler's versions put in place of ``${system...}`` and ``$[...]``, and of values that hold others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from dsflow.declare.params import Reference, to_text
from dsflow.errors import SourceLocation, did_you_mean
from dsflow.placeholders import SYSTEM, TIME, USUAL, PlaceholderError, Series, fill_names, time_value
from dsflow.validation.finding import Severity
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.placeholders import texts_of

_TIMES = {"system.biz.date", "system.biz.curdate", "system.datetime"}
_NEWER = _TIMES | {
    "system.task.instance.id", "system.task.definition.name", "system.task.definition.code", "system.task.execute.path",
    "system.workflow.instance.id", "system.workflow.definition.name", "system.workflow.definition.code",
    "system.project.code",
}  # fmt: skip
_INSTEAD = {
    "system.biz.date": "$[yyyyMMdd-1]",
    "system.biz.curdate": "$[yyyyMMdd]",
    "system.datetime": "$[yyyyMMddHHmmss]",
}
# two moments that have no field in common
_ONE, _OTHER = datetime(2022, 3, 4, 5, 6, 7), datetime(2031, 11, 27, 18, 49, 50)

Text = tuple[str, str, SourceLocation | None, bool]


def _texts(model: Model) -> Iterator[Text]:
    """Every text in which a server fills placeholders: who says it, the text, where, and whether it is a value."""
    for name, param in model.workflow.parameters.items():
        yield f"parameter {name!r}", to_text(param.default), model.parameter_place(name), True
    for script in model.scripts:
        yield f"task {script.task.name!r}", script.text, None, False
    scripts = {script.task.name for script in model.scripts}
    for task in model.tasks:
        own = {p.prop: p.value for p in task.local_params if p.direct == "IN"}
        for name, value in own.items():
            place = model.sources.argument_place(task.where, "params", name)
            yield f"task {task.name!r}, parameter {name!r}", value, place, True
        if task.name not in scripts:
            for text in texts_of(task):
                if text not in own.values():
                    yield f"task {task.name!r}", text, task.where, False


def _problem(model: Model, text: Text, offset: int, message: str, hint: str, severity: Severity | None) -> Problem:
    who, body, where, _ = text
    if where is None:
        script = next(s for s in model.scripts if f"task {s.task.name!r}" == who and s.text == body)
        return script.problem(offset, message, hint, severity)
    place = model.sources.text_place(where, body, offset) if isinstance(where, SourceLocation) else None
    return Problem(f"{who}: {message}", place or where, hint, severity)


def _followed(model: Model) -> tuple[Series, ...]:
    return USUAL if model.version is None else ((model.version[0], model.version[1]),)


@rule("DSF208", "warning")
def system_parameter(model: Model) -> Iterator[Problem]:
    """A built-in parameter that a version does not fill."""
    followed = _followed(model)
    for text in _texts(model):
        _, body, _, is_value = text
        for match in SYSTEM.finditer(body):
            name = match["name"]
            if name not in _NEWER:
                hint = did_you_mean(name, _NEWER)
                yield _problem(
                    model, text, match.start(), f"no version of DolphinScheduler fills {match[0]}", hint, None
                )
            elif (3, 1) in followed and not (is_value and body.startswith("$") and name in _TIMES):
                where = "in a value that does not begin with it" if is_value else "here"
                instead = _INSTEAD.get(name)
                yield _problem(
                    model,
                    text,
                    match.start(),
                    f"DolphinScheduler 3.1 leaves {match[0]} {where} as it stands",
                    f"write {instead}, which 3.1 and 3.2 fill alike" if instead else "only 3.2 knows it",
                    None if len(followed) > 1 else "error",
                )


@rule("DSF209")
def time_placeholder(model: Model) -> Iterator[Problem]:
    """A time that DolphinScheduler does not know."""
    followed = _followed(model)
    for text in _texts(model):
        for match in TIME.finditer(text[1]):
            body = match["body"]
            if re.fullmatch("[0-9]", body) or "${" in body:
                continue
            unknown = {series: why for series in USUAL if (why := _refusal(body, series))}
            failing = [series for series in followed if series in unknown]
            if failing:
                others = [f"3.{s[1]}" for s in USUAL if s not in unknown]
                versions = (
                    "no version of DolphinScheduler knows" if not others else "DolphinScheduler 3.1 does not know"
                )
                yield _problem(
                    model,
                    text,
                    match.start(),
                    f"{versions} the time {match[0]} ({unknown[failing[0]]}): the task fails",
                    _hint(body, others),
                    "warning" if len(failing) < len(followed) else "error",
                )
            elif time_value(body, _ONE, followed[-1]) == (value := time_value(body, _OTHER, followed[-1])):
                yield _problem(
                    model,
                    text,
                    match.start(),
                    f"DolphinScheduler takes {match[0]} for a time, and puts {value!r} there",
                    _hint(body, []),
                    "warning",
                )


def _refusal(body: str, series: Series) -> str:
    try:
        time_value(body, _ONE, series)
    except (ValueError, OverflowError) as error:
        return str(error)
    return ""


def _hint(body: str, others: list[str]) -> str:
    if others:
        return (
            f"{', '.join(others)} does; $[month_begin(...)], $[week_begin(...)] and $[add_months(...)] are known to all"
        )
    if re.search(r"yy|MM|dd|HH", body):
        return "for example $[yyyyMMdd-1], $[add_months(yyyy-MM,-1)], $[month_begin(yyyyMMdd,0)]"
    return "a shell's arithmetic is $((...)); in Python write '$' and '[...]' apart"


@rule("DSF210")
def refers_to_itself(model: Model) -> Iterator[Problem]:
    """A value that refers to itself."""
    shared = {name: to_text(param.default) for name, param in model.workflow.parameters.items()}
    circular = {name for name in shared if _is_circular(name, shared)}
    for name in circular:
        yield Problem(
            f"parameter {name!r} refers to itself: {shared[name]}",
            model.parameter_place(name),
            "give it a value, or refer to a parameter of another name",
        )
    followed = _followed(model)
    for task in model.tasks:
        own = {p.prop: p.value for p in task.local_params if p.direct == "IN"}
        for name in own:
            if (3, 2) in followed and not circular and _is_circular(name, {**shared, **own}):
                same = isinstance(task.params.get(name), Reference)
                yield Problem(
                    f"task {task.name!r}: to DolphinScheduler 3.2 the value {own[name]} of {name!r} refers to itself,"
                    " and the task fails",
                    model.sources.argument_place(task.where, "params", name),
                    "leave it out: the task sees the workflow's parameter as it is"
                    if same
                    else "give one another name",
                    None if len(followed) == 1 else "warning",
                )


def _is_circular(name: str, values: dict[str, str]) -> bool:
    try:
        fill_names(f"${{{name}}}", values)
    except PlaceholderError:
        return True
    return False
