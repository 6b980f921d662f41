"""What DolphinScheduler takes and its web page refuses to save, so that nobody can save the workflow there any more."""

from __future__ import annotations

from collections.abc import Iterator

from dsflow.declare.tasks.http import Http
from dsflow.validation.filling import fill
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule

_SCHEMES = ("http://", "https://")
_WAITS = ("checkInterval", "failurePolicy")


@rule("DSF415", "warning")
def not_saved_on_the_page(model: Model) -> Iterator[Problem]:
    """What DolphinScheduler's web page refuses to save."""
    for task in model.workflow.tasks.values():
        if not isinstance(task, Http) or str(task.url).startswith(_SCHEMES):
            continue
        # one that has no scheme at all is another rule's
        if fill(str(task.url), model.task_values(task)).text.startswith(_SCHEMES):
            yield Problem(
                f"task {task.name!r}: the address {task.url!s} begins with a parameter, and the page saves no task"
                " whose address does not begin with http:// or https://",
                task.where,
                "leave the scheme out of the parameter: url=f'http://{wf.params.server}/...'",
            )
    for name, param in model.workflow.parameters.items():
        if param.default == "":
            yield Problem(
                f"the parameter {name!r} is empty, and the page saves no workflow with an empty parameter",
                model.parameter_place(name),
                "give it a value that means none, such as '-'",
            )
    for sent in model.definition.tasks if model.definition else ():
        waits = sent.task_params.get("dependence")
        lacking = [key for key in _WAITS if isinstance(waits, dict) and key not in waits]
        if sent.task_type == "DEPENDENT" and lacking:
            yield Problem(
                f"task {sent.name!r}: the page does not save a DEPENDENT task without {' and '.join(lacking)}",
                sent.where,
                "write the page's own: 'checkInterval': 10, 'failurePolicy': 'DEPENDENT_FAILURE_FAILURE'",
            )
