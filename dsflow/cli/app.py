"""Puts the commands together.

Commands about one workflow are written once, as functions that take it first. ``dsflow`` gives them an argument that
names the pipeline file; a pipeline file's own command line leaves that argument out.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsflow.cli import (
    catalog,
    consistency,
    deploy,
    doctor,
    dolphinscheduler,
    project,
    runs,
    servers,
    transfer,
    validating,
    workflow_commands,
)
from dsflow.cli.loading import load_workflow

if TYPE_CHECKING:
    from dsflow.workflow import Workflow

_Pipeline = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="The pipeline file, or FILE:WORKFLOW if it declares several.")
]


def build_app(workflow: Workflow | None) -> typer.Typer:
    """The command line of one workflow, or (None) the whole program."""
    app = typer.Typer(
        name="dsflow" if workflow is None else None,
        help=(__import__("dsflow").__doc__ if workflow is None else f"The workflow {workflow.name!r}."),
        no_args_is_help=True,
        add_completion=workflow is None,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # several files make sense for this one only
    app.command("validate")(validating.validate_paths if workflow is None else _bind(validating.validate, workflow))
    for command in (
        *workflow_commands.COMMANDS,
        *runs.COMMANDS,
        *transfer.WORKFLOW_COMMANDS,
        *consistency.COMMANDS,
    ):
        app.command(command.__name__.rstrip("_"))(_bind(command, workflow))
    if workflow is None:
        for function in (
            *deploy.COMMANDS,
            *catalog.COMMANDS,
            *transfer.COMMANDS,
            *project.COMMANDS,
            *doctor.COMMANDS,
            *servers.COMMANDS,
        ):
            app.command(function.__name__.rstrip("_"))(function)
        app.add_typer(dolphinscheduler.GROUP)
        app.callback()(_program)
    else:
        app.callback()(_nothing)
    return app


def _nothing() -> None:
    """Commands of this workflow."""


def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """Workflows as code for Apache DolphinScheduler and OpenMLDB."""
    if version:
        import dsflow

        print(f"dsflow {dsflow.__version__}")
        raise typer.Exit


def _bind(command: Callable[..., Any], workflow: Workflow | None) -> Callable[..., Any]:
    signature = inspect.signature(command, eval_str=True)
    others = [p for p in signature.parameters.values() if p.name != "workflow"]

    @functools.wraps(command)
    def bound(pipeline: str = "", **options: Any) -> Any:
        return command(workflow or load_workflow(pipeline), **options)

    first = inspect.Parameter("pipeline", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=_Pipeline)
    parameters = others if workflow is not None else [first, *others]
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {p.name: p.annotation for p in parameters}
    del bound.__wrapped__  # typer would look at the original's parameters
    return bound
