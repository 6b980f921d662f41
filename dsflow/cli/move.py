"""The command that takes a project's workflows to another server: move."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dsflow.cli import exits
from dsflow.cli.deploy import confirm
from dsflow.config import load_profile


def move(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Whose workflows are moved.")],
    source: Annotated[str, typer.Option("--from", metavar="PROFILE", help="The server that has them.")],
    target: Annotated[str, typer.Option("--to", metavar="PROFILE", help="The server that gets them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also undo what somebody else changed on the server that gets them.")
    ] = False,
) -> None:
    """Take a project's workflows, with schedules and parameters, to another server, also of a newer series.

    Shows the plan and what they mean otherwise there, asks, and writes. Nothing is written while anything is wrong;
    on the server that has them nothing is ever written. Exit code 0: all is there (or can be, with --dry-run).
    """
    from dsflow.cli.deploy_text import all_notes, line, totals
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.deploy import Deployer
    from dsflow.dolphinscheduler.move import gather
    from dsflow.dolphinscheduler.plan_text import render_plan

    with Server(load_profile(source)) as old, Server(load_profile(target)) as new:
        moving = gather(old, new, project)
        deployer = Deployer(new, overwrite=overwrite)
        deployment = deployer.plan(moving.declared)
        deployment.errors[:0] = moving.errors
        for item in deployment.changed:
            print(render_plan(item.plan).rstrip("\n") + "\n")
        for note in moving.notes:
            print(f"note: {note}")
        if deployment.changed and not deployment.errors and not dry_run:
            if not yes:
                number = len(deployment.changed)
                confirm(f"write {number} workflow{'' if number == 1 else 's'} to {new.rest.url}")
            deployer.apply(deployment, lambda item: print(line(item)))
    for note in all_notes(deployment):
        print(f"note: {note}")
    for error in [*deployment.errors, *deployment.prune_errors]:
        print(f"error: {error}", file=sys.stderr)
    if deployment.errors and not dry_run:
        print("nothing was written")
    print(totals(deployment))
    raise typer.Exit(exits.of_errors(deployment.all_errors))
