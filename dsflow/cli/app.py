"""Puts the commands together.

Commands about one workflow are written once, as functions that take it first. ``dsflow`` gives them an argument that
names the pipeline file; a pipeline file's own command line leaves that argument out. A command's module is imported
when it is called for; what ``--help`` says of it stands in :mod:`dsflow.cli.table`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from dsflow._version import VERSION
from dsflow.cli.table import COMMANDS, GROUPS, Command

if TYPE_CHECKING:
    from dsflow.declare.workflow import Workflow

_Pipeline = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="The pipeline file, or FILE:WORKFLOW if it declares several.")
]
_STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


def build_app(workflow: Workflow | None) -> typer.Typer:
    """The command line of one workflow, or (None) the whole program."""

    class Program(_Commands):
        of = workflow

    app = typer.Typer(
        name="dsflow" if workflow is None else None,
        cls=Program,
        help=(_program.__doc__ if workflow is None else f"The workflow {workflow.name!r}."),
        no_args_is_help=True,
        add_completion=workflow is None,
        **_STYLE,
    )
    app.callback()(_program if workflow is None else _nothing)
    return app


class _Commands(TyperGroup):
    """The commands of the table, each made when it is asked for."""

    of: Workflow | None = None

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Made(self.of)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for group in GROUPS:
            if rows := [(name, COMMANDS[name].text) for name in self.commands if COMMANDS[name].group == group]:
                with formatter.section(group):
                    formatter.write_dl(rows, col_max=20)


class _Made(Mapping[str, Any]):
    """Commands by name; looking one up imports its module."""

    def __init__(self, workflow: Workflow | None) -> None:
        self._workflow = workflow
        self._names = [c.name for c in COMMANDS.values() if workflow is None or c.of_workflow or c.own_place]

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return _made(COMMANDS[name], self._workflow)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _made(command: Command, workflow: Workflow | None) -> Any:
    """A command of the table as one of click's."""
    function = command.load(own=workflow is not None)
    if isinstance(function, typer.Typer):
        return get_command(function)
    alone = typer.Typer(add_completion=False, **_STYLE)
    about_one = command.of_workflow or (workflow is not None and command.own_place)
    alone.command(command.name)(_bind(function, workflow) if about_one else function)
    return get_command(alone)


def _nothing() -> None:
    """Commands of this workflow."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dsflow {VERSION}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Workflows as code for Apache DolphinScheduler and OpenMLDB."""


def _bind(command: Callable[..., Any], workflow: Workflow | None) -> Callable[..., Any]:
    signature = inspect.signature(command, eval_str=True)
    others = [p for p in signature.parameters.values() if p.name != "workflow"]

    @functools.wraps(command)
    def bound(pipeline: str = "", **options: Any) -> Any:
        if workflow is not None:
            return command(workflow, **options)
        from dsflow.cli.loading import load_workflow

        return command(load_workflow(pipeline), **options)

    first = inspect.Parameter("pipeline", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=_Pipeline)
    parameters = others if workflow is not None else [first, *others]
    bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {p.name: p.annotation for p in parameters}
    del bound.__wrapped__  # typer would look at the original's parameters
    return bound
