"""The command that compares offline and online features."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli.options import ProfileName, Set, parse_set, server_values, target
from dsflow.declare.workflow import Workflow
from dsflow.errors import DeclarationError, DsflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsflow.consistency import ConsistencyReport
    from dsflow.declare.features import FeatureView
    from dsflow.declare.params import Scalar


def consistency(
    workflow: Workflow,
    apiserver: Annotated[
        str,
        typer.Option("--apiserver", metavar="URL", help="The address of OpenMLDB's APIServer, or of an embedded one."),
    ],
    view: Annotated[str, typer.Option("--view", metavar="NAME", help="The feature view, if there are several.")] = "",
    sample: Annotated[int, typer.Option("--sample", metavar="N", min=1, help="About how many rows to compare.")] = 1000,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="A folder that OpenMLDB's offline jobs and this machine share."),
    ] = None,
    max_skew: Annotated[
        float, typer.Option("--max-skew", metavar="SHARE", min=0, max=1, help="The share of rows that may differ.")
    ] = 0.0,
    set_: Set = None,
    profile: ProfileName = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare the features that training sees with those that serving gives, for the same rows.

    Exit code 1: more of them differ than --max-skew allows.
    """
    from dsflow.consistency import ask
    from dsflow.declare.compile import parameter_values

    values = parameter_values(workflow, server_values(workflow, target(workflow, profile), parse_set(set_)))
    question = _view(workflow, view).question(params=values)
    report = ask(apiserver, **question, sample=sample, folder=folder)
    if json_:
        sys.stdout.write(report.to_json())
    else:
        print(report)
    raise typer.Exit(0 if report.skew <= max_skew else 1)


def compared(workflow: Workflow, apiserver: str, values: Mapping[str, Scalar]) -> list[ConsistencyReport | str]:
    """The features offline and online of each view that the workflow deploys; a text where they cannot be compared.

    Args:
        values: parameters' values in place of their defaults.
    """
    from dsflow.consistency import ask
    from dsflow.declare.features import FeatureView
    from dsflow.declare.statements import Deploy
    from dsflow.declare.tasks.openmldb import OpenMLDB

    deploying = (task for task in workflow.tasks.values() if isinstance(task, OpenMLDB))
    origins = (task.origin for task in deploying if any(isinstance(one, Deploy) for one in task.written))
    found: list[ConsistencyReport | str] = []
    for view in dict.fromkeys(origin for origin in origins if isinstance(origin, FeatureView)):
        try:
            found.append(ask(apiserver, **view.question(params=values)))
        except DsflowError as error:
            found.append(f"{view.name}: {error.message}")
    return found


def _view(workflow: Workflow, name: str) -> FeatureView:
    from dsflow.declare.features import FeatureView

    origins = (getattr(task, "origin", None) for task in workflow.tasks.values())
    views = {origin.name: origin for origin in origins if isinstance(origin, FeatureView)}
    if name:
        if name not in views:
            raise DeclarationError(
                f"workflow {workflow.name!r} has no feature view {name!r}",
                where=workflow.where,
                hint=f"its feature views: {', '.join(views) or 'none'}",
            )
        return views[name]
    if len(views) != 1:
        raise DeclarationError(
            f"workflow {workflow.name!r} has {len(views) or 'no'} feature views",
            where=workflow.where,
            hint=f"name one: --view {' or --view '.join(views)}" if views else "a task of a FeatureView makes it known",
        )
    return next(iter(views.values()))
