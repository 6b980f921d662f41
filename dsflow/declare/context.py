"""Which workflow's ``with`` block is open, and which workflows have been declared."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsflow.declare.workflow import Workflow

_open: ContextVar[tuple[Workflow, ...]] = ContextVar("dsflow_open_workflows", default=())
_declared: list[Workflow] = []


def declare(workflow: Workflow) -> None:
    """Remember a workflow that was made."""
    _declared.append(workflow)


def declared_workflows() -> list[Workflow]:
    """Every workflow made so far in this process, in order; what a pipeline file declares is found here."""
    return list(_declared)


def enter(workflow: Workflow) -> None:
    """Open a workflow's block."""
    _open.set((*_open.get(), workflow))


def leave() -> None:
    """Close the block that was opened last."""
    _open.set(_open.get()[:-1])


def current_workflow() -> Workflow | None:
    """The workflow whose block is open, the innermost one; None outside."""
    stack = _open.get()
    return stack[-1] if stack else None
