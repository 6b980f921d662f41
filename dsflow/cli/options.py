"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from dsflow.config import Profile, load_profile
from dsflow.declare.params import parse_value, to_text
from dsflow.declare.workflow import Workflow
from dsflow.errors import ParameterError

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter's value; may be given several times."),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A profile of dsflow.yaml; DSFLOW_* variables overrule it."),
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the run's report there, as JSON.")
]

PageFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the run there, as a page that needs no network.")
]


def parse_set(assignments: list[str] | None) -> dict[str, str]:
    """``--set`` options as a mapping.

    Raises:
        ParameterError: one is not of the form KEY=VALUE, or a key is there twice with different values.
    """
    values: dict[str, str] = {}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise ParameterError(f"--set {assignment!r} is not of the form KEY=VALUE")
        if values.setdefault(key.strip(), value) != value:
            raise ParameterError(f"--set gives {key.strip()!r} two values: {values[key.strip()]!r} and {value!r}")
    return values


def typed(workflow: Workflow, given: Mapping[str, str]) -> dict[str, str]:
    """Values for one run, each written as its parameter's type is: ``True`` for a bool as ``true``.

    A placeholder (``$[yyyyMMdd]``) and a parameter that only the server's workflow has stay as they are.

    Raises:
        ParameterError: a value is not of its parameter's type.
    """
    return {
        name: text
        if name not in workflow.parameters or "$" in text
        else to_text(parse_value(name, workflow.parameters[name].python_type, text))
        for name, text in given.items()
    }


def target(workflow: Workflow, name: str | None) -> Profile:
    """The profile for a workflow's server."""
    return load_profile(name, start=workflow.folder)


def server_values(workflow: Workflow, profile: Profile, given: Mapping[str, str]) -> dict[str, str]:
    """Parameters' values for a server: those given, over the profile's. A profile may name parameters of others."""
    return {name: value for name, value in profile.params.items() if name in workflow.parameters} | dict(given)
