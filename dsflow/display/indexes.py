"""The indexes that the tables of a workflow are created with because its deployments need them, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsflow.declare.table import CreateTable
from dsflow.declare.workflow import Workflow
from dsflow.display.text import columns, pad


def indexes_text(workflow: Workflow) -> str:
    """A block of lines for each table, with a line end after the last; '' when nothing was derived.

    Each line holds an index and the tasks that need it.
    """
    lines = []
    for task in _creating(workflow):
        rows = [(derived.index.ddl(), ", ".join(derived.needed_by)) for derived in task.derived]
        width = max(columns(index) for index, _ in rows)
        lines.append(f"indexes of {task.table.name}, derived")
        lines += [f"  {pad(index, width)}  for {tasks}" for index, tasks in rows]
    return "".join(f"{line}\n" for line in lines)


def indexes_data(workflow: Workflow) -> list[dict[str, Any]]:
    """The same as plain data, fit for JSON: ``table``, ``index`` and ``needed_by``."""
    return [
        {"table": str(task.table.name), "index": derived.index.ddl(), "needed_by": list(derived.needed_by)}
        for task in _creating(workflow)
        for derived in task.derived
    ]


def _creating(workflow: Workflow) -> Iterator[CreateTable]:
    yield from (task for task in workflow.tasks.values() if isinstance(task, CreateTable) and task.derived)
