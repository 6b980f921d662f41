"""Workflows as code for Apache DolphinScheduler and OpenMLDB."""

from dsflow import _mistakes
from dsflow.declare.encoding import literal
from dsflow.declare.features import FeatureView
from dsflow.declare.params import Condition, Param
from dsflow.declare.steps import Check
from dsflow.declare.table import Index, Table
from dsflow.declare.tasks import (
    Conditions,
    Dependent,
    DependsOn,
    Http,
    OpenMLDB,
    Python,
    RawTask,
    Shell,
    Sql,
    SubWorkflow,
    Switch,
    Task,
    all_of,
    any_of,
    failed,
    succeeded,
)
from dsflow.declare.workflow import Schedule, Workflow
from dsflow.definition import Definition
from dsflow.errors import DsflowError
from dsflow.openmldb import types

__version__ = "0.1.0"

_mistakes.install()

__all__ = [
    "Check",
    "Condition",
    "Conditions",
    "Definition",
    "Dependent",
    "DependsOn",
    "DsflowError",
    "FeatureView",
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
