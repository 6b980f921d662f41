"""SHELL and PYTHON scripts: their syntax, and the outputs that they promise."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator

from dsflow.declare.tasks.script import Python, Shell
from dsflow.errors import did_you_mean
from dsflow.validation.finding import Severity
from dsflow.validation.model import Model, Problem, Script, offset_of, parse_python
from dsflow.validation.rules.base import rule

_SET_VALUE = re.compile(r"[$#]\{setValue\(\s*(?P<name>[^)=\s]*)\s*=?")
_CALLS_OTHERS = re.compile(r"\b(subprocess|os\.system|os\.exec|runpy|importlib|exec\()")


@rule("DSF301")
def python_syntax(model: Model) -> Iterator[Problem]:
    """A Python script that Python does not read."""
    for script in model.scripts:
        if isinstance(script.task, Python):
            try:
                parse_python(script.text)
            except SyntaxError as error:
                yield script.problem(offset_of(script.text, error.lineno or 1, error.offset or 1), error.msg)


@rule("DSF302")
def shell_syntax(model: Model) -> Iterator[Problem]:
    """A shell script that the shell does not read."""
    scripts = [s for s in model.scripts if isinstance(s.task, Shell)]
    if not scripts:
        return
    bash = shutil.which("bash")
    if bash is None:
        model.notes.append("the syntax of shell scripts was not checked: there is no bash here")
        return
    for script in scripts:
        done = subprocess.run(
            [bash, "-n"],
            input=script.text.encode("utf-8", "replace"),
            capture_output=True,
            env={"LC_ALL": "C"},
            timeout=10,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").splitlines()
            first = lines[0] if lines else "bash refuses it"
            match = re.match(r".*?: line (\d+): (.*)", first)
            line = min(int(match[1]), script.text.count("\n") + 1) if match else 1
            yield script.problem(_first_word(script.text, line), match[2] if match else first)


@rule("DSF303")
def missing_output(model: Model) -> Iterator[Problem]:
    """An output that the script does not give."""
    for script in model.scripts:
        if callable(getattr(script.task, "body", None)):
            yield from _missing_returns(model, script)
            continue
        given = {match["name"] for match in _SET_VALUE.finditer(script.text)}
        dynamic = any(not re.fullmatch(r"[A-Za-z_]\w*", name) for name in given) or (
            "setValue(" in script.text and not given
        )
        for name in script.task.outputs:
            if name in given or (dynamic and re.search(rf"\b{name}\b", script.text)):
                continue
            passes_on = isinstance(script.task, Shell) or _CALLS_OTHERS.search(script.text)
            uncertain = passes_on and not given  # a program that it runs may print the line
            yield Problem(
                f"task {script.task.name!r}: the script never gives the output {name!r}",
                model.sources.argument_place(script.task.where, "outputs", name),
                f"print a line ${{setValue({name}=...)}}"
                + ("" if not given else f"; it gives {', '.join(sorted(given))}"),
                "warning" if uncertain else "error",
            )


def _missing_returns(model: Model, script: Script) -> Iterator[Problem]:
    """A function gives its outputs as a dict; where every return is a dict display, its keys are known."""
    try:
        tree = parse_python(script.text)
    except SyntaxError:
        return
    function = next((n for n in tree.body if isinstance(n, ast.FunctionDef)), None)
    if function is None or not len(script.task.outputs):
        return
    inner = [n for n in ast.walk(function) if isinstance(n, (ast.FunctionDef, ast.Lambda)) and n is not function]
    returns = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Return) and not any(n in list(ast.walk(other)) for other in inner)
    ]
    for name in script.task.outputs:
        if not returns:
            yield Problem(
                f"task {script.task.name!r}: the function returns nothing, and the output {name!r} is declared",
                model.sources.argument_place(script.task.where, "outputs", name),
                "return a dict: return {" + repr(name) + ": ...}",
            )
        for statement in returns:
            value = statement.value
            if isinstance(value, ast.Dict) and all(isinstance(k, ast.Constant) for k in value.keys):
                keys = [k.value for k in value.keys if isinstance(k, ast.Constant)]
                if name not in keys:
                    yield script.problem(
                        offset_of(script.text, statement.lineno, statement.col_offset + 1),
                        f"the function returns no {name!r}, which is a declared output",
                        did_you_mean(name, [str(k) for k in keys]),
                    )


@rule("DSF304", "warning")
def undeclared_output(model: Model) -> Iterator[Problem]:
    """An output that is given but not declared."""
    for script in model.scripts:
        if callable(getattr(script.task, "body", None)):
            continue
        for match in _SET_VALUE.finditer(script.text):
            name = match["name"]
            if re.fullmatch(r"[A-Za-z_]\w*", name) and name not in script.task.outputs:
                if _commented(script.text, match.start()):
                    continue
                yield script.problem(
                    match.start(),
                    f"the output {name!r} is given but not declared: DolphinScheduler drops it",
                    did_you_mean(name, script.task.outputs, f"declare outputs={{{name!r}: str}}"),
                )


@rule("DSF305")
def shell_quotes(model: Model) -> Iterator[Problem]:
    """An output line that the shell spoils."""
    for script in model.scripts:
        if not isinstance(script.task, Shell):
            continue
        for match in re.finditer(r"([$#])\{setValue\(([^)]*)\)\}", script.text):
            if _commented(script.text, match.start()):
                continue
            quote = _quote_at(script.text, match.start())
            if match[1] == "$" and quote != "'":
                yield script.problem(
                    match.start(),
                    "the shell takes ${setValue(...)} for a variable and stops with 'bad substitution'",
                    "write '${setValue(name=value)}' between single quotes, or, between double ones,"
                    ' "#{setValue(name=$value)}"',
                )
            elif quote == "'" and any(
                _quote_at(script.text, match.start(2) + filled.start()) == "'"
                for filled in re.finditer(r"\$\w|\$\(|`", match[2])
            ):
                yield script.problem(
                    match.start(),
                    "between single quotes the shell fills nothing: the output would be the text "
                    + repr(match[2].partition("=")[2]),
                    'write "#{setValue(name=$value)}" between double quotes',
                )


_WHOLE = re.compile(r"[$#]\{setValue\((?P<name>[^=)]*)=(?P<value>.*?)\)\}", re.DOTALL)
# echo or printf as the command that writes what stands where the search ends
_BY_THE_SHELL = re.compile(r"(?:^|[\n;&|({]|\b(?:then|do|else)\b)[ \t]*(?:echo|printf)\b[^\n;&|]*\Z")
_LOGGED = re.compile(r"\blog(?:ger|ging)?\.\w+\([^\n]*setValue\(")


@rule("DSF306", "warning")
def cut_output(model: Model) -> Iterator[Problem]:
    """An output that DolphinScheduler 3.1 cuts or loses."""
    if model.version is not None and model.version >= (3, 2):
        return
    severity: Severity | None = "error" if model.version else None
    for script in model.scripts:
        if isinstance(script.task, Python):
            for match in _LOGGED.finditer(script.text):
                yield script.problem(
                    match.start(),
                    "DolphinScheduler 3.1 reads no output in a logged line, which does not begin with it",
                    "print it: print('${setValue(name=value)}')",
                    severity,
                )
            continue
        coded = any(script.task.outputs[name].type is str for name in script.task.outputs)
        for match in _WHOLE.finditer(script.text):
            value, name = match["value"], match["name"]
            if _commented(script.text, match.start()) or "$(" in value or "`" in value:
                continue
            if coded and _BY_THE_SHELL.search(script.text, 0, match.start()):
                continue
            wrong = _spoiled(value, script.text[match.end() : script.text.find("\n", match.end()) + 1 or None])
            if wrong:
                yield script.problem(
                    match.start(),
                    f"DolphinScheduler 3.1 {wrong.format(name=repr(name))}",
                    "declare a str output and write it by echo or printf, or in a PYTHON task: so texts arrive whole",
                    severity,
                )


def _spoiled(value: str, behind: str) -> str:
    """What 3.1 does to a value, and to what stands behind it in its line; '' for no harm."""
    if not value:
        return "fails the task on the output {name} without a value"
    if ")" in value:
        return "loses the output {name}: its value holds a )"
    if "=" in value:
        return "cuts the value of the output {name} at its ="
    if "\n" in value:
        return "loses the output {name}: its value has more than one line"
    if "setValue(" in behind and not re.search(r"[;&\n]", behind.partition("setValue(")[0]):
        return "reads only the first output in a line"
    return ""


# ------------------------------------------------------------------------------------------------------------- helpers


def _first_word(text: str, line: int) -> int:
    start = offset_of(text, line, 1)
    rest = text[start:].split("\n", 1)[0]
    return start + len(rest) - len(rest.lstrip())


def _commented(text: str, offset: int) -> bool:
    return text[text.rfind("\n", 0, offset) + 1 : offset].lstrip().startswith("#")


def _quote_at(text: str, offset: int) -> str:
    """The kind of quotes that a place of a shell script stands in: ' or " or ''."""
    quote, at = "", 0
    while at < offset:
        char = text[at]
        if char == "\\" and quote != "'":
            at += 2
            continue
        if not quote and char == "#" and (at == 0 or text[at - 1].isspace()):
            end = text.find("\n", at)
            at = end if end >= 0 else offset
            continue
        if not quote and char in "'\"":
            quote = char
        elif char == quote:
            quote = ""
        at += 1
    return quote
