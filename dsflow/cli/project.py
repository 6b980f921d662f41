"""Commands about a DolphinScheduler server as a whole: bootstrap."""

from __future__ import annotations

from typing import Annotated

import typer

from dsflow.cli.options import ProfileName
from dsflow.config import load_profile
from dsflow.errors import ConfigError


def bootstrap(
    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant",
            metavar="NAME",
            help="The OS user that runs the tasks; the profile's or DSFLOW_TENANT by default.",
        ),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="A project to create; submit does that too.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", metavar="NAME", help="A DolphinScheduler environment to create.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="KEY=VALUE", help="A variable of that environment; repeatable.")
    ] = None,
    worker_group: Annotated[
        str, typer.Option("--worker-group", metavar="NAME", help="The worker group that may use the environment.")
    ] = "default",
    worker: Annotated[
        list[str] | None,
        typer.Option("--worker", metavar="HOST:PORT", help="A worker that the worker group is to have; repeatable."),
    ] = None,
    profile: ProfileName = None,
) -> None:
    """Set up a fresh server: a tenant bound to the user, a project, a worker group, an environment.

    Says each thing that it does, and may be repeated.
    """
    from dsflow.dolphinscheduler.client import Server

    place = load_profile(profile)
    tenant = tenant or place.tenant
    if not (tenant or project or environment or worker):
        raise ConfigError(
            "no tenant is named, nor anything else that is to be made",
            hint="give --tenant NAME (an OS user of the workers), or set DSFLOW_TENANT",
        )
    if env and not environment:
        raise ConfigError("--env needs --environment NAME")
    with Server(place) as server:
        server.bootstrap(
            tenant=tenant,
            project=project,
            environment=environment,
            variables=dict(_assignment(text) for text in env or []),
            worker_group=worker_group,
            workers=worker or (),
            say=print,
        )


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise ConfigError(f"--env {text!r} is not of the form KEY=VALUE")
    return key, value
