"""SHELL and PYTHON: a script that a worker runs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dsflow.definition import JsonDict
from dsflow.params import Reference, Scalar
from dsflow.tasks.base import Task


@dataclass(frozen=True, eq=False, repr=False)
class Shell(Task):
    """A shell script. Outputs: print ``${setValue(name=value)}`` on a line of its own (written ``'${setValue(...)}'``).

    Args:
        script: the text that the worker's shell runs; ``${name}`` of a declared parameter is substituted first.
        file: or a file beside the pipeline file that holds it.
    """

    script: str = ""
    file: str | None = None

    type: ClassVar[str] = "SHELL"

    def _check(self) -> None:
        super()._check()
        if bool(self.script) == bool(self.file):
            raise self.error("give either a script or a file")

    @property
    def raw_script(self) -> str:
        """The text that is sent."""
        return _read(self, self.file) if self.file else self.script

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {"rawScript": self.raw_script}


@dataclass(frozen=True, eq=False, repr=False)
class Python(Task):
    """A Python script; the worker needs no dsflow.

    Args:
        body: the script's text, or a function. Of a function the source is taken: it must be complete in itself
            (imports inside), its arguments come from ``args``, and it returns a dict with the declared outputs.
        file: or a file beside the pipeline file. A script gives outputs by printing ``${setValue(name=value)}``.
        args: a function's arguments: values, or references to parameters and outputs.
    """

    body: str | Callable[..., Any] | None = None
    file: str | None = None
    args: Mapping[str, Scalar | Reference] | None = None

    type: ClassVar[str] = "PYTHON"

    def _check(self) -> None:
        super()._check()
        if (self.body is None) == (self.file is None):
            raise self.error("give either a body or a file")
        if self.args is not None and not callable(self.body):
            raise self.error("args go with a function; a script reads ${name}")

    @property
    def raw_script(self) -> str:
        """The text that is sent."""
        if self.file is not None:
            text = _read(self, self.file)
        elif callable(self.body):
            text = _function_script(self, self.body)
        else:
            text = textwrap.dedent(str(self.body)).lstrip("\n")
        try:
            ast.parse(text)
        except SyntaxError as error:
            source = self.file or "the script"
            raise self.error(f"{source}, line {error.lineno}: {error.msg}") from error
        return text

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {"rawScript": self.raw_script}


def _read(task: Task, name: str | None) -> str:
    path = task.workflow.folder / str(name)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise task.error(f"can not read {name}: {error.strerror}", hint=f"looked in {path.parent}") from error
    except UnicodeDecodeError as error:
        raise task.error(f"{name} is not UTF-8 text (byte {error.start})") from error


def _function_script(task: Python, function: Callable[..., Any]) -> str:
    """The function's source, a call of it, and its outputs printed the way DolphinScheduler reads them."""
    name = getattr(function, "__name__", "")
    if not inspect.isfunction(function) or name == "<lambda>":
        raise task.error("the body must be a function defined with def (or a text)")
    if function.__closure__:
        free = ", ".join(function.__code__.co_freevars)
        raise task.error(f"the function {name} uses names from around it ({free})", hint="pass them through args")
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError as error:
        raise task.error(f"the source of {name} is not to be had: {error}") from error
    _check_arguments(task, function)
    # decorators belong to the pipeline file, not to the worker
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()[node.lineno - 1 :]
    arguments = ", ".join(f"{k}={_argument(task, k, v)}" for k, v in (task.args or {}).items())
    script = "\n".join(lines).rstrip() + "\n\n\n"
    script += f"_outputs = {name}({arguments})\n"
    for output in task.outputs:
        # in two pieces, so that DolphinScheduler's substitution leaves the text alone
        script += f'print("$" + "{{setValue({output}=%s)}}" % _outputs[{output!r}])\n'
    return script


def _check_arguments(task: Python, function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind(**(task.args or {}))
    except TypeError as error:
        raise task.error(f"args do not fit the function {function.__name__}: {error}") from error


def _argument(task: Python, name: str, value: Scalar | Reference) -> str:
    if not isinstance(value, Reference):
        return repr(value)
    if value.type is str:
        return f"r'''{value}'''"
    if value.type is bool:
        return f"('{value}' == 'true')"
    return f"{value.type.__name__}('{value}')"
