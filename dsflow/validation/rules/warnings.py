"""Whether what a workflow warns of reaches somebody."""

from __future__ import annotations

from collections.abc import Iterator

from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule


@rule("DSF416", "warning")
def unheard(model: Model) -> Iterator[Problem]:
    """A warning that nobody gets."""
    workflow = model.workflow
    if workflow.warning_group:
        return
    hint = "name an alert group of the server: Workflow(..., warning_group='NAME', warning_type='FAILURE')"
    if workflow.warning_type != "NONE":
        yield Problem(
            f"warning_type={workflow.warning_type!r} warns nobody: there is no warning_group",
            model.sources.argument_place(workflow.where, "warning_type"),
            hint,
        )
    for task in workflow.tasks.values():
        if task.timeout is not None and task.timeout_strategy == "WARN":
            yield Problem(
                f"task {task.name!r}: after {task.timeout} min it warns nobody and runs on: the workflow has no"
                " warning_group",
                model.sources.argument_place(task.where, "timeout_strategy"),
                f"{hint}; or let it fail: timeout_strategy='FAILED'",
            )
