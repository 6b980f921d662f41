"""Task types: one class for each of DolphinScheduler's that dsflow declares."""

from dsflow.tasks.base import Task
from dsflow.tasks.http import Http
from dsflow.tasks.logic import Conditions, Dependent, DependsOn, SubWorkflow, Switch, all_of, any_of, failed, succeeded
from dsflow.tasks.openmldb import OpenMLDB
from dsflow.tasks.raw import RawTask
from dsflow.tasks.script import Python, Shell
from dsflow.tasks.sql import Sql

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
