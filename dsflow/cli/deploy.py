"""Commands about many workflows at once, for CI: deploy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli import exits
from dsflow.cli.collecting import collect, definitions
from dsflow.cli.options import ProfileName, Set, parse_set
from dsflow.cli.repository import find_repository
from dsflow.config import Profile, load_profile
from dsflow.errors import ConfigError

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.deploy import Deployer, Deployment, Item

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")]


def deploy(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pipeline files, or folders of them.")],
    set_: Set = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show what would be done; write nothing.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Delete workflows that this repository deployed from PATH and no longer declares."
        ),
    ] = False,
    yes: Yes = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", "--overwrite-drift", help="Also undo what somebody else changed on the server."),
    ] = False,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="NAME", help="This repository's identity; else from dsflow.yaml or Git's remote origin."
        ),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Also deploy workflows that another repository has deployed.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option("--summary", metavar="FILE.md", help="Write what was done as Markdown.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: ProfileName = None,
) -> None:
    """Make a server hold every workflow below the paths: check all, then submit what changed.

    Nothing is written while anything is wrong. Exit code 0: all is as declared (or can be, with --dry-run),
    1: something is wrong or failed, 5: the server does not answer.
    """
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.deploy import Declared, Deployer

    given = parse_set(set_)
    if summary is not None and not summary.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {summary.absolute().parent} for the summary")
    repository, place = find_repository(_first(paths), owner), load_profile(profile, start=_first(paths))
    say: Callable[[str], None] = (lambda text: print(text, file=sys.stderr)) if as_json else print
    if prune and repository.owner is None:
        raise ConfigError(
            "--prune needs to know which workflows are this repository's, and it has no identity",
            hint="give --owner NAME, or repository: NAME in dsflow.yaml, or Git a remote `origin` as CI's clone has",
        )
    collection = collect(paths, repository)
    declared = [Declared(d, f.file, f.workflow.where) for f, d in definitions(collection, place, given)]
    with Server(place) as server:
        deployer = Deployer(server, repository.owner, overwrite=overwrite, take_over=take_over)
        below = [repository.relative(p) for p in paths] if prune else None
        deployment: Deployment = deployer.plan(declared, prune=below)
        deployment.errors[:0] = collection.errors
        deployment.notes[:0] = collection.notes
        _perform(deployer, deployment, say, dry_run=dry_run, yes=yes)
    _tell(deployment, say, place, summary, as_json=as_json, dry_run=dry_run)
    raise typer.Exit(exits.of_errors(deployment.all_errors))


def _first(paths: list[Path]) -> Path:
    missing = [p for p in paths if not p.exists()]
    if missing:
        raise ConfigError(f"there is no file or folder {missing[0]}")
    return paths[0]


def _perform(
    deployer: Deployer, deployment: Deployment, say: Callable[[str], None], *, dry_run: bool, yes: bool
) -> None:
    from dsflow.cli.deploy_text import line

    def tell(item: Item) -> None:
        say(line(item))

    if dry_run or deployment.errors:
        for item in deployment.changed:
            tell(item)
        return
    if deployment.to_prune and not yes:
        names = [f"{p.project}/{p.entry.name}" for p in deployment.to_prune]
        what = "a workflow that is" if len(names) == 1 else f"{len(names)} workflows that are"
        confirm(f"delete {what} no longer declared: {', '.join(names)}")
    deployer.apply(deployment, tell)


def confirm(what: str) -> None:
    """Ask the user; go on only after a yes.

    Raises:
        ConfigError: nobody is there to be asked.
        typer.Exit: the answer is no.
    """
    if not sys.stdin.isatty():
        raise ConfigError(f"this would {what}; nothing was done", hint="--yes says that it is meant")
    if not typer.confirm(f"{what}?", err=True):
        raise typer.Exit(exits.FAILED)


def _tell(
    deployment: Deployment,
    say: Callable[[str], None],
    place: Profile,
    summary: Path | None,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    from dsflow.cli.deploy_text import all_notes, markdown, to_dict, totals
    from dsflow.dolphinscheduler.plan_text import render_plan

    if dry_run and not as_json:
        for item in deployment.changed:
            say("\n" + render_plan(replace(item.plan, notes=())).rstrip("\n"))  # the notes of all stand below
    done = {p.entry.code for p in deployment.pruned}
    for gone in deployment.to_prune:
        say(f"- {'deleted' if gone.entry.code in done else 'to delete'}  {gone.project}/{gone.entry.name}")
    for note in all_notes(deployment):
        say(f"note: {note}")
    for error in [*deployment.errors, *deployment.prune_errors]:
        print(f"error: {error}", file=sys.stderr)
    if deployment.errors and not dry_run:
        say("nothing was written")
    say(totals(deployment))
    if as_json:
        print(json.dumps(to_dict(deployment, dry_run=dry_run), indent=2, ensure_ascii=False))
    if summary is not None:
        summary.write_text(markdown(deployment, dry_run=dry_run, target=_target(place)), encoding="utf-8")


def _target(place: Profile) -> str:
    return place.name if place.name != "default" else place.require_api()
