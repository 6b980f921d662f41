"""Telling pydolphinscheduler's files from dsflow's own, without running them: its scripts submit when they are run."""

from __future__ import annotations

import ast

from dsflow.errors import DeclarationError, SourceLocation

_PACKAGE, _OWN = "pydolphinscheduler", "dsflow"
_IMPORT = "dsflow import {file} -o workflow.yaml writes it in dsflow's form; that is shown by examples/nightly.yaml"
_FROM_SERVER = (
    "take the workflow from the server that it was submitted to: "
    "dsflow import --from-server PROJECT/WORKFLOW -o FILE.py"
)


class ForeignSourceError(DeclarationError):
    """A file that is pydolphinscheduler's: it was not run."""


def is_pydolphinscheduler(text: str) -> bool:
    """Whether a text is YAML of pydolphinscheduler: ``workflow`` is a mapping, and ``tasks`` a list of them."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    if not isinstance(data, dict) or not isinstance(data.get("tasks"), list):
        return False
    tasks = [task for task in data["tasks"] if isinstance(task, dict)]
    return isinstance(data.get("workflow"), dict) or any("task_type" in task for task in tasks)


def refusal(file: str) -> ForeignSourceError:
    """The error for such a file where dsflow's own is wanted."""
    return ForeignSourceError(
        "this is pydolphinscheduler's form, not dsflow's",
        where=SourceLocation(file, 1),
        hint=_IMPORT.format(file=file),
    )


def check_script(text: str, file: str) -> None:
    """See that a Python file is none of pydolphinscheduler's.

    Raises:
        ForeignSourceError: it imports pydolphinscheduler, and not dsflow.
    """
    if _PACKAGE not in text:
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return  # which loading it says
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            lines.setdefault(name.partition(".")[0], node.lineno)  # type: ignore[attr-defined]
    if _PACKAGE in lines and _OWN not in lines:
        raise ForeignSourceError(
            "this is a script of pydolphinscheduler, which submits when it is run: it was not run",
            where=SourceLocation(file, lines[_PACKAGE]),
            hint=_FROM_SERVER,
        )
