"""Conditions of switches: what each series of DolphinScheduler makes of them, for values that they may meet."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from dsflow.conditions.filling import NUMBERS
from dsflow.conditions.java import is_creatable
from dsflow.conditions.javascript import UnknownExpression
from dsflow.conditions.switch import Known, SwitchFailed, decide
from dsflow.declare.params import PLACEHOLDER
from dsflow.definition import Property, TaskDefinition
from dsflow.errors import SourceLocation, did_you_mean
from dsflow.placeholders import USUAL
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule

_LITERAL = re.compile(r""""([^"\\]*)"|'([^'\\]*)'|(?<![\w.$"'{])(-?\d+(?:\.\d+)?)(?![\w.}"'])""")
_SIGNED = re.compile(r"[-+]\$\{")
_ASSIGNS = re.compile(r"(?<![=!<>])=(?![=])")
_LATER = re.compile(r"\.(includes|repeat|padStart|padEnd|at|find|findIndex|flat)\s*\(|=>|`|\?\.|\?\?")
_SAMPLES = {"LONG": ("5", "0", "-1"), "INTEGER": ("5", "0", "-1"), "BOOLEAN": ("true", "false"),
            "DOUBLE": ("0.5", "0.0", "-1.5"), "FLOAT": ("0.5", "0.0", "-1.5")}  # fmt: skip
_MOST = 40


@dataclass(frozen=True)
class _Tried:
    """What the series made of a condition with one set of values.

    Attributes:
        old: of 3.1, whether the branch is taken; None when the switch fails.
        new: of 3.2.
        why: what 3.1 and 3.2 say beside true and false.
    """

    values: Mapping[str, str]
    old: bool | None
    new: bool | None
    why: tuple[str, str]

    @property
    def sensible(self) -> bool:
        """An answer of true or false on either series."""
        return not all(self.why)


@dataclass(frozen=True)
class _Asked:
    text: str
    names: tuple[str, ...]
    types: Mapping[str, str]
    known: Known
    tried: tuple[_Tried, ...]
    unknown: str


@rule("DSF411")
def never_evaluated(model: Model) -> Iterator[Problem]:
    """A condition that no server can evaluate."""
    for task, asked in _all(model):
        missing = [n for n in asked.names if n not in asked.types and not n.startswith("system.")]
        if missing:
            name = missing[0]
            message = f"${{{name}}} is neither a parameter of the workflow nor an output of a task before the switch"
            hint = did_you_mean(name, asked.types, "3.1 fails the switch then, 3.2 takes the condition for not held")
            yield _problem(model, task, asked, message, hint, f"${{{name}}}")
        elif asked.tried and not any(t.sensible for t in asked.tried):
            tried = asked.tried[0]
            yield _problem(
                model, task, asked, f"{_given(tried)}3.1: {tried.why[0]}; 3.2: {tried.why[1]}", _advice(asked, tried)
            )


@rule("DSF412", "warning")
def decided_differently(model: Model) -> Iterator[Problem]:
    """A condition that DolphinScheduler 3.1 and 3.2 decide differently."""
    for task, asked in _all(model):
        tried = next((t for t in asked.tried if t.old is not t.new and t.sensible), None)
        if tried is not None:
            message = f"{_given(tried)}{_says(tried)}"
            yield _problem(model, task, asked, message, _advice(asked, tried))


@rule("DSF413", "warning")
def breaks_with_a_value(model: Model) -> Iterator[Problem]:
    """A condition that a value breaks."""
    for task, asked in _all(model):
        if not any(t.sensible for t in asked.tried):
            continue
        tried = next((t for t in asked.tried if not t.sensible), None)
        if tried is not None:
            yield _problem(
                model, task, asked, f"{_given(tried)}3.1: {tried.why[0]}; 3.2: {tried.why[1]}", _advice(asked, tried)
            )


@rule("DSF414", "warning")
def not_evaluated_here(model: Model) -> Iterator[Problem]:
    """A condition that a local run cannot evaluate."""
    for task, asked in _all(model):
        if asked.unknown and not asked.tried:
            yield _problem(
                model,
                task,
                asked,
                asked.unknown,
                "a local run fails at this switch; write the condition in plain JavaScript",
            )


def _problem(model: Model, task: TaskDefinition, asked: _Asked, message: str, hint: str, at: str = "") -> Problem:
    where: SourceLocation | None = task.where
    offset = max(0, asked.text.find(at)) if at else 0
    place = model.sources.text_place(where, asked.text, offset) if asked.text else None
    return Problem(f"the condition {asked.text!r} of switch {task.name!r}: {message}", place or where, hint)


def _given(tried: _Tried) -> str:
    named = ", ".join(f"{name} = {value!r}" for name, value in tried.values.items())
    return f"with {named}, " if named else ""


def _says(tried: _Tried) -> str:
    words = {True: "takes the branch", False: "does not take it", None: "fails"}
    both = zip(("3.1", "3.2"), (tried.old, tried.new), tried.why, strict=True)
    return "; ".join(f"{series} {words[got]}" + (f" ({why})" if why else "") for series, got, why in both)


def _advice(asked: _Asked, tried: _Tried) -> str:
    """What to write instead, by what is special about the condition or the value."""
    text, types, known = asked.text, asked.types, asked.known
    if _ASSIGNS.search(_LITERAL.sub("", text)):
        return "= assigns; write == to compare"
    if any(text.replace("'", '"').count('"', 0, match.start()) % 2 for match in PLACEHOLDER.finditer(text)):
        return "write ${name} without quotes: a text is put between quotes by the server"
    if _SIGNED.search(text) and any(value.startswith("-") for value in tried.values.values()):
        return "put blanks or parentheses round it: - (${name})"
    if found := _LATER.search(text):
        return (
            f"{(found[1] or found[0])!r} is of a later JavaScript than the server's (ECMAScript 5.1); indexOf is there"
        )
    for name in asked.names:
        if name in known.own or name.startswith("system."):
            return (
                f"3.1 knows parameters of the workflow and outputs in a switch, not ${{{name}}}: make it one of these"
            )
        if name in known.workflow and name in known.outputs:
            return f"{name!r} is a parameter of the workflow and an output: 3.1 takes the parameter, 3.2 the output"
    for name, value in tried.values.items():
        type_ = types.get(name, "")
        if type_ == "BOOLEAN":
            return f'write String(${{{name}}}) == "true": 3.1 puts a boolean between quotes, 3.2 an output of one not'
        if type_ in NUMBERS and name in known.workflow:
            return f"write Number(${{{name}}}): 3.2 puts parameters of the workflow between quotes"
        if type_ not in NUMBERS and is_creatable(value):
            return f"write String(${{{name}}}), and values that are no number of Java's: 3.1 puts {value} in bare"
        if set(value) & set("\"'\\"):
            return "choose values without quotes and backslashes: they go into the condition as they stand"
    return "a condition must come to true or false"


# ------------------------------------------------------------------------------------------------------------- trying


def _all(model: Model) -> Iterator[tuple[TaskDefinition, _Asked]]:
    """Every condition of every switch, tried."""
    if model.definition is None:
        return
    by_name = {task.name: task for task in model.definition.tasks}
    workflow = {p.prop: p for p in model.definition.global_params}
    for task in model.definition.tasks:
        result = task.task_params.get("switchResult") if task.task_type == "SWITCH" else None
        branches = result.get("dependTaskList") if isinstance(result, dict) else None
        if not branches:
            continue
        before = [by_name[name] for name in model.before.get(task.name, ()) if name in by_name]
        outputs = {p.prop: p for t in before for p in t.local_params if p.direct == "OUT"}
        own = {p.prop: p for p in task.local_params if p.direct == "IN"}
        for branch in branches:
            yield task, _asked(str(branch.get("condition") or ""), _Frozen(workflow, outputs, own))


class _Frozen:
    """What is known at a switch, for the cache."""

    def __init__(self, workflow: Mapping[str, Property], outputs: Mapping[str, Property], own: Mapping[str, Property]):
        self.known = Known(workflow, outputs, own)
        self._key = tuple(tuple(part.values()) for part in (workflow, outputs, own))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self._key == other._key


@lru_cache(maxsize=256)
def _asked(text: str, frozen: _Frozen) -> _Asked:
    known = frozen.known
    names = tuple(dict.fromkeys(PLACEHOLDER.findall(text)))
    properties = {**known.workflow, **known.own, **known.outputs}
    types = {name: p.type for name, p in properties.items()}
    tried, unknown = [], ""
    for values in _assignments(text, [n for n in names if n in properties], known):
        try:
            tried.append(_try(text, known, values))
        except UnknownExpression as error:
            unknown = error.message
    return _Asked(text, names, types, known, tuple(tried), unknown)


def _try(text: str, known: Known, values: Mapping[str, str]) -> _Tried:
    def put(part: Mapping[str, Property]) -> dict[str, Property]:
        return {n: replace(p, value=values.get(n, p.value)) for n, p in part.items()}

    system = {name: Property(name, value="20240101") for name in _SYSTEM}
    # of a name that is both, the parameter keeps its own value
    workflow = {**put(known.workflow), **{n: p for n, p in known.workflow.items() if n in known.outputs}}
    seen = Known(workflow, put(known.outputs), put(known.own), system)
    got: list[bool | None] = []
    why: list[str] = []
    for version in USUAL:
        try:
            verdict = decide(text, seen, version)
            got.append(verdict.holds)
            why.append(verdict.why)
        except SwitchFailed as error:
            got.append(None)
            why.append(error.message)
    return _Tried(values, got[0], got[1], (why[0], why[1]))


_SYSTEM = (
    "system.biz.date", "system.biz.curdate", "system.datetime", "system.workflow.definition.name",
    "system.project.name", "system.task.definition.name", "system.workflow.instance.id", "system.task.instance.id",
)  # fmt: skip


def _assignments(text: str, names: list[str], known: Known) -> Iterator[dict[str, str]]:
    """Values worth trying: the parameters' own, those that the condition compares with, and some of each type."""
    found = [(next(filter(None, match.groups()), ""), match[3] is not None) for match in _LITERAL.finditer(text)]
    literals = [(literal, is_number) for literal, is_number in found if "$" not in literal]
    choices = []
    for name in names:
        output = known.outputs.get(name)
        plain = output or known.own.get(name) or known.workflow[name]
        values = [] if output else ["20240101" if "$" in plain.value else plain.value]
        if output or plain.type != "BOOLEAN":
            values += [v for v, is_number in literals if _fits(plain.type, v, is_number)]
        if output or plain.type in NUMBERS or plain.type == "BOOLEAN":
            values += _SAMPLES.get(plain.type, ("x",))
        choices.append(list(dict.fromkeys(values))[:6])
    for combination in itertools.islice(itertools.product(*choices), _MOST):
        yield dict(zip(names, combination, strict=True))


def _fits(type_: str, value: str, is_number: bool) -> bool:
    if type_ in ("LONG", "INTEGER"):
        return re.fullmatch(r"-?\d+", value) is not None
    if type_ in NUMBERS:
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return type_ != "BOOLEAN" and not is_number
