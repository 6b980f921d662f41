"""Task types: one class for each of DolphinScheduler's that dsflow declares."""

from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.http import Http
from dsflow.declare.tasks.logic import (
    Conditions,
    Dependent,
    DependsOn,
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

__all__ = [
    "Conditions",
    "Dependent",
    "DependsOn",
    "Http",
    "OpenMLDB",
    "Python",
    "RawTask",
    "Shell",
    "Sql",
    "SubWorkflow",
    "Switch",
    "Task",
    "all_of",
    "any_of",
    "failed",
    "succeeded",
]
