"""SHELL and PYTHON: a script that a worker runs."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, ClassVar

from dsflow.declare.params import Reference, Scalar
from dsflow.declare.tasks.about import TaskType
from dsflow.declare.tasks.base import PYTHON_ONLY, Task
from dsflow.declare.written import Fields
from dsflow.definition import JsonDict


@dataclass(frozen=True, eq=False, repr=False)
class Shell(Task):
    """A shell script. Outputs: print ``${setValue(name=value)}`` on a line of its own (written ``'${setValue(...)}'``).

    Args:
        script: the text that the worker's shell runs; ``${name}`` of a declared parameter is substituted first.
        file: or a file beside the pipeline file that holds it.
    """

    script: str = ""
    file: str | None = None

    about: ClassVar[TaskType] = TaskType(
        "SHELL", colour="grey", first=("script",), essential=frozenset({"rawScript"}), program=True
    )

    def _check(self) -> None:
        super()._check()
        self._text("script")
        if bool(self.script.strip()) == bool(self.file):
            raise self.error("give either a script or a file")

    @property
    def raw_script(self) -> str:
        """The text that is sent."""
        return _read(self, self.file) if self.file else self.script

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        return {"rawScript": self.raw_script}

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        return [{"script": params.get("rawScript")}]


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
    args: Mapping[str, Scalar | Reference] | None = field(default=None, metadata=PYTHON_ONLY)

    about: ClassVar[TaskType] = TaskType(
        "PYTHON", colour="amber", first=("body",), essential=frozenset({"rawScript"}), program=True
    )

    def _check(self) -> None:
        super()._check()
        if (self.body is None) == (self.file is None):
            raise self.error("give either a body or a file")
        if not (self.body is None or callable(self.body) or (isinstance(self.body, str) and self.body.strip())):
            raise self.error(f"body={self.body!r} is neither a script's text nor a function")
        if self.args is not None:
            self._mapping("args")
            self._scalars("args")
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

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        return [{"body": params.get("rawScript")}]


def _read(task: Task, name: str | None) -> str:
    path = task.workflow.folder / str(name)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise task.error(f"cannot read {name}: {error.strerror}", hint=f"looked in {path.parent}") from error
    except UnicodeDecodeError as error:
        raise task.error(f"{name} is not UTF-8 text (byte {error.start})") from error


def _function_script(task: Python, function: Callable[..., Any]) -> str:
    """The function's source, a call of it, and its outputs printed the way DolphinScheduler reads them."""
    name = getattr(function, "__name__", "")
    asynchronous = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if not inspect.isfunction(function) or name == "<lambda>" or asynchronous:
        raise task.error("the body must be a function defined with def (or a string)")
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
    _check_complete(task, function, node)
    lines = source.splitlines()[node.lineno - 1 :]
    arguments = ", ".join(f"{k}={_argument(task, k, v)}" for k, v in (task.args or {}).items())
    script = "\n".join(lines).rstrip() + "\n\n\n"
    script += f"_outputs = {name}({arguments})\n"
    for output in task.outputs:
        # in two pieces, so that DolphinScheduler's substitution leaves the text alone
        text = f"str(_outputs[{output!r}])" + (".lower()" if task.outputs[output].type is bool else "")
        script += f'print("$" + "{{setValue({output}=%s)}}" % {text})\n'
    return script


def _check_complete(task: Python, function: Callable[..., Any], node: ast.FunctionDef) -> None:
    """The worker has the function alone: every name that it takes from around itself would be a NameError there."""
    outer = _global_names(function.__code__) - {function.__name__}
    arguments = node.args
    at_definition = [
        *arguments.defaults,
        *(d for d in arguments.kw_defaults if d),
        *([node.returns] if node.returns else []),
    ]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    at_definition += [a.annotation for a in every if a and a.annotation]
    outer |= {n.id for part in at_definition for n in ast.walk(part) if isinstance(n, ast.Name)}
    missing = sorted(outer - set(dir(builtins)))
    if missing:
        raise task.error(
            f"the function {function.__name__} uses names from around it ({', '.join(missing)})",
            hint="import inside the function, and pass values through args",
        )


def _global_names(code: CodeType) -> set[str]:
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    stored = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "STORE_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names - stored


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
        return f"('{value}'.lower() == 'true')"
    return f"{value.type.__name__}('{value}')"
