"""Parameters and outputs: named, of the right type, used."""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from dsflow.declare.params import PLACEHOLDER, Reference, substitute
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import SubWorkflow
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.tasks.script import Python, Shell
from dsflow.definition import TaskDefinition
from dsflow.errors import did_you_mean
from dsflow.validation.model import Model, Problem, Script, names_in, offset_of_node, parse_python, python_nodes
from dsflow.validation.rules.base import rule

_CUSTOMARY = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"}
"""Environment variables that are written in small letters."""

_PLAIN = re.compile(r"\$\{([A-Za-z_]\w*)\}")


@rule("DSF201", "warning")
def undefined(model: Model) -> Iterator[Problem]:
    """A placeholder that nothing fills."""
    for script in model.scripts:
        known = _known(model, script)
        for name, offset in _loose_names(script):
            if name in known or name.isupper() or name.startswith("_"):
                continue  # an environment variable, by custom
            hint = did_you_mean(name, known)
            yield script.problem(
                offset,
                f"${{{name}}} is neither a parameter nor an output, and the script does not set it",
                hint or "DolphinScheduler leaves it as it stands; declared: " + (", ".join(known) or "nothing"),
                "error" if hint else None,
            )
    yield from _undefined_elsewhere(model)


def _undefined_elsewhere(model: Model) -> Iterator[Problem]:
    """In SQL, addresses and the like ``${name}`` can only mean a parameter or an output."""
    for task in model.tasks:
        if isinstance(task, (Shell, Python)):
            continue
        known = list(dict.fromkeys([*task.params, *model.known_names]))
        said = set()
        for text in texts_of(task):
            for match in PLACEHOLDER.finditer(text):
                name = match[1]
                if name in known or name in said or name.startswith("system."):
                    continue
                said.add(name)
                yield Problem(
                    f"task {task.name!r}: ${{{name}}} is neither a parameter nor an output",
                    model.sources.text_place(task.where, text, match.start()) or task.where,
                    did_you_mean(name, known, "declared: " + (", ".join(known) or "nothing")),
                    "error",
                )


def texts_of(task: Task) -> list[str]:
    """The texts of a task that is no script, as the user gave them."""
    if isinstance(task, OpenMLDB):
        return [*task.statements, str(task.zookeeper), str(task.zookeeper_path)]
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, Mapping):
            for item in value.values():
                collect(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                collect(item)
        elif isinstance(value, (str, Reference)):
            found.append(str(value))

    collect([getattr(task, f.name, None) for f in fields(task) if f.name not in ("name", "description", "outputs")])
    return found


@rule("DSF202")
def f_string(model: Model) -> Iterator[Problem]:
    """An f-string that DolphinScheduler fills before Python does."""
    for script in model.scripts:
        if not isinstance(script.task, Python):
            continue
        known, assigned = _known(model, script), _assigned_python(script.text)
        for start, end in _f_strings(script.text):
            for match in _PLAIN.finditer(script.text, start, end):
                if match[1] in known and match[1] in assigned:
                    yield script.problem(
                        match.start(),
                        f"DolphinScheduler replaces ${{{match[1]}}} in this f-string by the parameter's value before"
                        f" Python sees it; the variable {match[1]!r} is not looked at",
                        'give the variable another name, or write "$" and {...} apart: "$" f"{' + match[1] + '}"',
                    )


@rule("DSF203")
def misfit(model: Model) -> Iterator[Problem]:
    """A value that does not fit where it goes."""
    for script in model.scripts:
        yield from _misfit_python(model, script) if isinstance(script.task, Python) else _misfit_shell(model, script)


_TEST = re.compile(
    r"\[\[?\s+(?:[\"']?\$\{(?P<left>[A-Za-z_]\w*)\}[\"']?\s+-(?:eq|ne|lt|le|gt|ge)\s"
    r"|[^\]\n]*?\s-(?:eq|ne|lt|le|gt|ge)\s+[\"']?\$\{(?P<right>[A-Za-z_]\w*)\})"
)
_ARITHMETIC = re.compile(r"\$\(\((?P<inner>[^\n]*?)\)\)")


def _misfit_shell(model: Model, script: Script) -> Iterator[Problem]:
    """The shell counts in whole numbers."""
    types = {**model.known_names, **_local_types(script)}
    for match in _TEST.finditer(script.text):
        for side in ("left", "right"):
            if types.get(match[side] or "") in (float, bool, str):
                yield script.problem(
                    match.start(side) - 2,
                    f"the shell compares whole numbers, ${{{match[side]}}} is {types[match[side]].__name__}",
                    "compare in a Switch or a PYTHON task, or by awk: awk 'BEGIN { exit !(${x} > 0.5) }'",
                )
    for match in _ARITHMETIC.finditer(script.text):
        for name in _PLAIN.finditer(script.text, match.start("inner"), match.end("inner")):
            if types.get(name[1]) in (float, str):
                yield script.problem(
                    name.start(),
                    f"the shell counts in whole numbers, ${{{name[1]}}} is {types[name[1]].__name__}",
                    "compute it in a PYTHON task, or by awk",
                )


def _misfit_python(model: Model, script: Script) -> Iterator[Problem]:
    values = model.task_values(script.task)
    types = {**model.known_names, **_local_types(script)}
    for node in python_nodes(script.text):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, right in itertools.pairwise(sides):
                for text, other in ((left, right), (right, left)):
                    name = _placeholder_text(text)
                    is_number = isinstance(other, ast.Constant) and isinstance(other.value, (int, float))
                    if name in types and is_number:
                        yield script.problem(
                            offset_of_node(script.text, text),
                            f'"${{{name}}}" is a text, and is compared with a number',
                            f'write float("${{{name}}}")',
                        )
        tested = node.test if isinstance(node, (ast.If, ast.While, ast.IfExp)) else None
        if isinstance(tested, ast.UnaryOp) and isinstance(tested.op, ast.Not):
            tested = tested.operand
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "bool" and node.args:
            tested = node.args[0]
        name = _placeholder_text(tested)
        if tested is not None and name and types.get(name) is bool:
            yield script.problem(
                offset_of_node(script.text, tested),
                f'"${{{name}}}" is the text true or false, and either is true to Python',
                f'write "${{{name}}}" == "true"',
            )
    yield from _broken_by_values(script, values)


def _broken_by_values(script: Script, values: dict[str, str]) -> Iterator[Problem]:
    """A value with a quote, a backslash or a line end may break the script that it is pasted into."""
    if callable(script.task.body if isinstance(script.task, Python) else None):
        return
    filled = substitute(script.text, values)
    try:
        parse_python(filled)
        return
    except SyntaxError as error:
        message = error.msg
    for match in _PLAIN.finditer(script.text):
        value = values.get(match[1])
        if value is None or not set(value) & set("\\\"'\n\r"):
            continue
        yield script.problem(
            match.start(),
            f"with the value {value!r} of {match[1]!r} the script is no longer Python ({message})",
            _raw_literal(match[0], value) + "choose a value without quotes, backslashes and line ends",
        )
        return


def _raw_literal(placeholder: str, value: str) -> str:
    for quote in ('"""', "'''"):
        if quote not in value and not value.endswith((quote[0], "\\")):
            return f"write r{quote}{placeholder}{quote}, or "
    return ""


@rule("DSF204", "warning")
def unused_parameter(model: Model) -> Iterator[Problem]:
    """A parameter that nothing uses."""
    if model.definition is None or any(isinstance(task, SubWorkflow) for task in model.tasks):
        return  # a sub-workflow sees the parameters of the workflow that runs it
    used = set(model.definition.fixed_params)
    for definition in model.definition.tasks:
        used |= set(_names_used(definition))
    for task in model.tasks:
        # what was filled in when the workflow was compiled
        for value in (getattr(task, "zookeeper", ""), getattr(task, "zookeeper_path", "")):
            used |= set(names_in(str(value)))
    openmldb = (model.workflow.openmldb.zookeeper, model.workflow.openmldb.zookeeper_path)
    used |= {name for place in openmldb for name in names_in(str(place))}
    for param in model.workflow.parameters.values():
        used |= set(names_in(str(param.default)))
    for name in model.workflow.parameters:
        if name not in used:
            yield Problem(
                f"no task uses the parameter {name!r}",
                model.parameter_place(name),
                "remove it" if not _almost(name, used) else f"did you mean {_almost(name, used)!r}?",
            )


@rule("DSF205", "warning")
def unused_output(model: Model) -> Iterator[Problem]:
    """An output that no task reads."""
    if model.definition is None:
        return
    for task in model.tasks:
        for name in task.outputs:
            readers = [d for d in model.definition.tasks if d.name != task.name and name in _names_used(d)]
            if not readers:
                yield Problem(
                    f"no task reads the output {name!r} of task {task.name!r}",
                    model.sources.argument_place(task.where, "outputs", name),
                    "remove it, or let a task after this one read ${" + name + "}",
                )


@rule("DSF206", "warning")
def hidden(model: Model) -> Iterator[Problem]:
    """A task's parameter that hides the workflow's."""
    for task in model.tasks:
        for name, value in task.params.items():
            if name in model.workflow.parameters and not (isinstance(value, Reference) and value.name == name):
                yield Problem(
                    f"task {task.name!r} has a parameter {name!r} of its own, which hides the workflow's",
                    model.sources.argument_place(task.where, "params", name),
                    "give one of them another name; --set and a start's parameters change the workflow's only",
                )


# ------------------------------------------------------------------------------------------------------------- helpers


def _almost(name: str, names: set[str]) -> str:
    hint = did_you_mean(name, names)
    return hint.split("'")[1] if hint else ""


def _known(model: Model, script: Script) -> list[str]:
    """Names that DolphinScheduler fills in a script."""
    return list(dict.fromkeys([*(p.prop for p in script.task.local_params if p.direct == "IN"), *model.known_names]))


def _local_types(script: Script) -> dict[str, type]:
    return {
        name: value.type if isinstance(value, Reference) else type(value) for name, value in script.task.params.items()
    }


def _names_used(task: TaskDefinition) -> list[str]:
    texts: list[str] = []

    def collect(value: Any, key: str = "") -> None:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            for inner, item in value.items():
                collect(item, inner)
        elif isinstance(value, (list, tuple)):
            for item in value:
                collect(item, key)

    collect({k: v for k, v in task.task_params.items() if k != "localParams"})
    collect([p.value for p in task.local_params if p.direct == "IN"])
    return [name for text in texts for name in names_in(text)]


def _loose_names(script: Script) -> Iterator[tuple[str, int]]:
    """Plain ``${name}`` of a script that the script's own language does not fill, each name once."""
    seen = set()
    if isinstance(script.task, Shell):
        if re.search(r"(?:^|[\s;&|])(?:source|eval|\.)\s", script.text):
            return  # what that sets is not known here
        assigned = _assigned_shell(script.text) | _CUSTOMARY
        spans = [(0, len(script.text))]
    else:
        assigned = set()
        formatted = _f_strings(script.text)
        spans = [span for span in _strings(script.text) if span not in formatted]
        own = _assigned_python(script.text)
        for start, end in formatted:
            for match in _PLAIN.finditer(script.text, start, end):
                if match[1] not in own and match[1] not in seen:
                    seen.add(match[1])
                    yield match[1], match.start()
        if re.search(r"\bTemplate\(", script.text):
            return  # string.Template has the same placeholders
    for start, end in spans:
        for match in _PLAIN.finditer(script.text, start, end):
            if match[1] not in seen and match[1] not in assigned and not _in_comment(script, match.start()):
                seen.add(match[1])
                yield match[1], match.start()


def _in_comment(script: Script, offset: int) -> bool:
    line = script.text[script.text.rfind("\n", 0, offset) + 1 : offset]
    return isinstance(script.task, Shell) and line.lstrip().startswith("#")


def _assigned_shell(text: str) -> set[str]:
    found = set(re.findall(r"(?:^|[\s;&|(])(?:export\s+|local\s+|declare\s+(?:-\w+\s+)*|readonly\s+)?(\w+)\+?=", text))
    found |= set(re.findall(r"\b(?:for|select)\s+(\w+)\s+in\b", text))
    for words in re.findall(r"\b(?:read|mapfile|readarray|getopts|printf\s+-v)\b((?:\s+[-\w]+)+)", text):
        found |= set(words.split())
    return found


@lru_cache(maxsize=64)
def _assigned_python(text: str) -> frozenset[str]:
    found: set[str] = set()
    for node in python_nodes(text):
        if isinstance(node, ast.Name):
            found |= {node.id} if isinstance(node.ctx, ast.Store) else set()
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return frozenset(found)


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    if "${" not in text:
        return []  # only placeholders are looked for
    try:
        return list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return []


@lru_cache(maxsize=64)
def _strings(text: str) -> tuple[tuple[int, int], ...]:
    """Where the string literals of a Python script begin and end, docstrings left out."""
    starts = _starts(text)
    found, depth, opened = [], 0, 0
    for token in _tokens(text):
        name = tokenize.tok_name[token.type]
        if name not in ("STRING", "FSTRING_START", "FSTRING_END"):
            continue
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        if name == "STRING" and depth == 0:
            is_doc = text[text.rfind("\n", 0, begin) + 1 : begin].strip() == "" and text[end : end + 1] in ("\n", "")
            if not (is_doc and token.string.lstrip("rRuU").startswith(('"""', "'''"))):
                found.append((begin, end))
        elif name == "FSTRING_START":  # Python 3.12 and later cut f-strings into tokens
            opened = begin if depth == 0 else opened
            depth += 1
        elif name == "FSTRING_END":
            depth -= 1
            if depth == 0:
                found.append((opened, end))
    return tuple(found)


def _f_strings(text: str) -> list[tuple[int, int]]:
    return [(a, b) for a, b in _strings(text) if "f" in re.match(r"\w*", text[a:b])[0].lower()]  # type: ignore[index]


def _starts(text: str) -> list[int]:
    return [0, *(m.end() for m in re.finditer("\n", text))]


def _placeholder_text(node: ast.expr | None) -> str:
    """The name of a literal that is a placeholder and nothing else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        match = _PLAIN.fullmatch(node.value)
        return match[1] if match else ""
    return ""
