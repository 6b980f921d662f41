"""Passwords and tokens that would be stored with the workflow, for every reader of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsflow.declare.tasks.http import Http
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.tasks.script import Python
from dsflow.declare.tasks.sql import Sql
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule

_WORDS = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|credentials?)"
)
_NAME = re.compile(rf"(?:^|[_\-.]){_WORDS}\Z", re.IGNORECASE)
_QUOTED = re.compile(
    rf"\b(?P<name>\w*{_WORDS})[\"']?\s*[=:]\s*(?P<quote>[\"'])(?P<value>[^\"'\n]{{4,}})(?P=quote)", re.IGNORECASE
)
_ASSIGNED = re.compile(rf"\b(?P<name>\w*{_WORDS})=(?P<value>[^\s\"'$`;&|)]{{4,}})", re.IGNORECASE)
_OPTION = re.compile(
    r"\bcurl\b[^\n|;]*?\s(?:-u|--user)[ =]?[\"']?[^\s:\"'$]+:(?P<value>[^\s\"'$]{4,})"
    r"|\b(?:mysql|mysqldump|mysqladmin)\b[^\n|;]*?\s-p(?P<password>[^\s\"'$]{4,})"
)
"""A password that a program is given on its command line."""
_KNOWN = re.compile(
    r"AKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bglpat-[\w-]{20,}|\bxox[baprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}|(?<=://)[^/\s:@${}'\"]+:[^/\s:@${}'\"]+(?=@)"
)
_EXAMPLE = re.compile(
    r"[<*\[/~].*|\.{0,2}/.*|x+|\.+|changeme|example|placeholder|none|null|true|false|your.*", re.IGNORECASE
)
_HINT = (
    "a workflow is stored as readable text: let the worker have it from its environment (a DolphinScheduler"
    " environment), a file, or a datasource"
)


@rule("DSF207")
def secrets(model: Model) -> Iterator[Problem]:
    """A secret in the workflow."""
    for name, param in model.workflow.parameters.items():
        if _is_secret(name, param.default) or (isinstance(param.default, str) and _KNOWN.search(param.default)):
            yield Problem(f"the default of parameter {name!r} looks like a secret", model.parameter_place(name), _HINT)
    for task in model.tasks:
        for name, value in task.params.items():
            if _is_secret(name, value):
                place = model.sources.argument_place(task.where, "params", name)
                yield Problem(f"task {task.name!r}: the parameter {name!r} looks like a secret", place, _HINT)
        if isinstance(task, Http):
            yield from _http(model, task)
        elif isinstance(task, OpenMLDB):
            for statement in task.statements:
                yield from _text(model, task, statement, "the SQL")
        elif isinstance(task, Sql):
            yield from _text(model, task, task.sql, "the SQL")
    for script in model.scripts:
        patterns = (_QUOTED, _KNOWN) if isinstance(script.task, Python) else (_QUOTED, _ASSIGNED, _OPTION, _KNOWN)
        for offset in _places(script.text, *patterns):
            yield script.problem(offset, "the script holds what looks like a secret", _HINT)


def _http(model: Model, task: Http) -> Iterator[Problem]:
    for part, values in (("headers", task.headers), ("query", task.query), ("json", task.json)):
        for name, value in values.items():
            text = str(value)
            header = part == "headers" and re.fullmatch(
                r"authorization|cookie|proxy-authorization", name, re.IGNORECASE
            )
            if (header and "${" not in text and text) or _is_secret(name, value) or _KNOWN.search(text):
                place = model.sources.argument_place(task.where, part, name)
                yield Problem(f"task {task.name!r}: {name!r} in its {part} looks like a secret", place, _HINT)
    for offset in _places(str(task.url), _KNOWN, _ASSIGNED):
        at = model.sources.text_place(task.where, str(task.url), offset) or task.where
        yield Problem(f"task {task.name!r}: its url holds what looks like a secret", at, _HINT)


def _text(model: Model, task: OpenMLDB | Sql, text: str, what: str) -> Iterator[Problem]:
    for offset in _places(text, _QUOTED, _KNOWN):
        place = model.sources.text_place(task.where, text, offset) or task.where
        yield Problem(f"task {task.name!r}: {what} holds what looks like a secret", place, _HINT)


def _places(text: str, *patterns: re.Pattern[str]) -> list[int]:
    """Where the secrets of a text stand, one for each line."""
    found: dict[int, int] = {}
    for pattern in patterns:
        for match in pattern.finditer(text):
            value = match.groupdict().get("value", "")
            if value and ("${" in value or "$" in value[:1] or _EXAMPLE.fullmatch(value)):
                continue
            line = text.count("\n", 0, match.start())
            found[line] = min(match.start(), found.get(line, match.start()))
    return sorted(found.values())


def _is_secret(name: str, value: object) -> bool:
    text = value if isinstance(value, str) else ""
    return bool(_NAME.search(name) and text and "${" not in text and not _EXAMPLE.fullmatch(text))
