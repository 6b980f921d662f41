"""Workflows as code for Apache DolphinScheduler and OpenMLDB."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dsflow._version import VERSION as __version__

if TYPE_CHECKING:
    from types import TracebackType

    from dsflow._api.features import FeatureView
    from dsflow._api.table import Table
    from dsflow._api.workflow import Workflow
    from dsflow.declare.encoding import literal
    from dsflow.declare.params import Condition, Param
    from dsflow.declare.schedule import Schedule
    from dsflow.declare.steps import Check
    from dsflow.declare.table import Index
    from dsflow.declare.tasks.base import Task
    from dsflow.declare.tasks.hivecli import HiveCli
    from dsflow.declare.tasks.http import Http
    from dsflow.declare.tasks.logic import (
        Conditions,
        Dependent,
        SubWorkflow,
        Switch,
        all_of,
        any_of,
        failed,
        succeeded,
    )
    from dsflow.declare.tasks.openmldb import OpenMLDB
    from dsflow.declare.tasks.raw import RawTask
    from dsflow.declare.tasks.script import Python, Shell
    from dsflow.declare.tasks.sql import Sql
    from dsflow.declare.written import DependsOn
    from dsflow.definition import Definition
    from dsflow.errors import DsflowError
    from dsflow.openmldb import types

__all__ = [
    "Check",
    "Condition",
    "Conditions",
    "Definition",
    "Dependent",
    "DependsOn",
    "DsflowError",
    "FeatureView",
    "HiveCli",
    "Http",
    "Index",
    "OpenMLDB",
    "Param",
    "Python",
    "RawTask",
    "Schedule",
    "Shell",
    "Sql",
    "SubWorkflow",
    "Switch",
    "Table",
    "Task",
    "Workflow",
    "__version__",
    "all_of",
    "any_of",
    "failed",
    "literal",
    "succeeded",
    "types",
]

# where each name is: imported when it is asked for, so that `dsflow --help` and a worker's script pay for none of them
_HOMES = {
    "dsflow._api.features": ["FeatureView"],
    "dsflow._api.table": ["Table"],
    "dsflow._api.workflow": ["Workflow"],
    "dsflow.declare.encoding": ["literal"],
    "dsflow.declare.params": ["Condition", "Param"],
    "dsflow.declare.schedule": ["Schedule"],
    "dsflow.declare.steps": ["Check"],
    "dsflow.declare.table": ["Index"],
    "dsflow.declare.tasks.base": ["Task"],
    "dsflow.declare.tasks.hivecli": ["HiveCli"],
    "dsflow.declare.tasks.http": ["Http"],
    "dsflow.declare.tasks.logic": [
        "Conditions", "Dependent", "SubWorkflow", "Switch", "all_of", "any_of", "failed", "succeeded",
    ],
    "dsflow.declare.tasks.openmldb": ["OpenMLDB"],
    "dsflow.declare.tasks.raw": ["RawTask"],
    "dsflow.declare.tasks.script": ["Python", "Shell"],
    "dsflow.declare.tasks.sql": ["Sql"],
    "dsflow.declare.written": ["DependsOn"],
    "dsflow.definition": ["Definition"],
    "dsflow.errors": ["DsflowError"],
    "dsflow.openmldb": ["types"],
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name, None)
    if value is None:  # a module of that package
        value = import_module(f"{_HOME[name]}.{name}")
    globals()[name] = value
    return value


def load_ipython_extension(shell: object) -> None:
    """``%load_ext dsflow``: gives a notebook the cell magic ``%%openmldb``."""
    from importlib import import_module

    import_module("dsflow._api.magic").load(shell)


def __dir__() -> list[str]:
    return __all__


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Let a pipeline file that is run as a program end with dsflow's message where it would end with a traceback."""
    from dsflow._mistakes import message

    text = message(error)
    if text is None:
        _shown_before(kind, error, trace)
    else:
        print(f"error: {text}", file=sys.stderr)


_shown_before = sys.excepthook
sys.excepthook = _show
