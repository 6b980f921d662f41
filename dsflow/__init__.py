"""Workflows as code for Apache DolphinScheduler and OpenMLDB."""

from dsflow.definition import Definition
from dsflow.errors import DsflowError
from dsflow.openmldb import types
from dsflow.openmldb.features import FeatureView
from dsflow.openmldb.table import Index, Table
from dsflow.params import Condition, Param
from dsflow.tasks import (
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
from dsflow.workflow import Schedule, Workflow

__version__ = "0.1.0"

__all__ = [
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
    "succeeded",
    "types",
]
