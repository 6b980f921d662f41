"""Workflows as code for Apache DolphinScheduler and OpenMLDB."""

from dsflow import _mistakes
from dsflow._api.features import FeatureView
from dsflow._api.workflow import Workflow
from dsflow._version import VERSION as __version__
from dsflow.declare.encoding import literal
from dsflow.declare.params import Condition, Param
from dsflow.declare.schedule import Schedule
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
from dsflow.definition import Definition
from dsflow.errors import DsflowError
from dsflow.openmldb import types

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
