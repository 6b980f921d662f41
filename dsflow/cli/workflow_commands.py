"""Commands about one workflow: show, render, plan, submit, run."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli.exits import CHANGES, FAILED, OK, TIMED_OUT, of_state
from dsflow.cli.following import (
    SERVER_TIMEOUT,
    Detach,
    Following,
    ServerTimeout,
    StopOnInterrupt,
    Tail,
    Timeout,
    check_report,
    write_page,
)
from dsflow.cli.options import PageFile, ProfileName, ReportFile, Set, parse_set, server_values, target
from dsflow.cli.runs import run_there
from dsflow.cli.validating import validate_first
from dsflow.declare.workflow import Workflow
from dsflow.errors import ConfigError, UnreachableError
from dsflow.report import SUCCESS, TIMEOUT, RunReport

if TYPE_CHECKING:
    from dsflow.config import Profile
    from dsflow.definition import Definition
    from dsflow.dolphinscheduler.plan import Plan
    from dsflow.local.runner import LocalRun, Part

Offline = Annotated[
    bool, typer.Option("--offline", help="Leave the workflow and its schedule offline, whatever is declared.")
]


All = Annotated[bool, typer.Option("--all", help="Every node of each step, and every text in full.")]


NoValidate = Annotated[bool, typer.Option("--no-validate", help="Go on although `validate` would find errors.")]


def show(
    workflow: Workflow,
    set_: Set = None,
    every: All = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Draw it into a file: *.svg, *.html, *.png or *.mmd (Mermaid)."
        ),
    ] = None,
) -> None:
    """Draw the workflow in the terminal, and list the indexes that its tables get for what is deployed.

    In a terminal lines are cut to its width, unless --all is given.
    """
    definition = workflow.definition(parse_set(set_))
    if output is not None:
        from dsflow.display.files import write_picture

        write_picture(definition, output, every=every)
        return
    from dsflow.display.indexes import indexes_text
    from dsflow.display.terminal import workflow_text

    seen = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if seen and not every else None
    colour = seen and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    print(workflow_text(definition, every=every, width=width, colour=colour))
    if indexes := indexes_text(workflow):
        print(indexes)


def render(
    workflow: Workflow,
    set_: Set = None,
    format: Annotated[str, typer.Option("--format", metavar="json|yaml", help="The form of the output.")] = "json",
) -> None:
    """Print the Definition: what is compared, exported and submitted."""
    definition = workflow.definition(parse_set(set_))
    if format == "json":
        sys.stdout.write(definition.to_json())
    elif format == "yaml":
        from dsflow.source.yaml_form import rendered_yaml

        sys.stdout.write(rendered_yaml(definition))
    else:
        raise typer.BadParameter(f"{format!r} is neither json nor yaml")


def plan(
    workflow: Workflow,
    set_: Set = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    offline: Offline = False,
    every: All = False,
    profile: ProfileName = None,
) -> None:
    """Show what submit would change.

    Exit code 0: nothing, 2: something, 1: it cannot be told or would be refused, 5: no answer.
    """
    from dsflow.dolphinscheduler.client import Server

    definition, place = _submitted(workflow, set_, offline, profile)
    with Server(place) as server:
        found = server.plan(definition)
    _show_plan(found, json_, every)
    raise typer.Exit(_exit_code(found))


def submit(
    workflow: Workflow,
    set_: Set = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan; exit codes as of plan.")] = False,
    offline: Offline = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing. Without a terminal nothing is asked anyway.")
    ] = False,
    overwrite_drift: Annotated[
        bool,
        typer.Option("--overwrite-drift", help="Also undo what somebody else changed on the server since dsflow did."),
    ] = False,
    every: All = False,
    no_validate: NoValidate = False,
    profile: ProfileName = None,
) -> None:
    """Make the server hold this workflow, and read it back to be sure. It is validated first.

    What somebody else changed on the server is not undone unasked: in a terminal the plan is shown and a question
    asked, elsewhere (and with --yes) the command ends with exit code 1. Exit code 5: a server did not answer.
    """
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.errors import DriftError
    from dsflow.dolphinscheduler.plan_text import next_runs

    definition, place = _submitted(workflow, set_, offline, profile)
    if not no_validate:
        given = server_values(workflow, place, parse_set(set_))
        validate_first(workflow, given, place, "nothing was submitted")
    with Server(place) as server:
        if dry_run:
            found = server.plan(definition)
            _show_plan(found, False, every)
            raise typer.Exit(_exit_code(found))
        try:
            result = server.submit(definition, overwrite=overwrite_drift)
        except DriftError as drift:
            if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise
            _show_plan(server.plan(definition), False, every)
            if not typer.confirm("undo what was changed on the server?"):
                raise drift from None
            result = server.submit(definition, overwrite=True)
    for note in result.notes:
        print(f"note: {note}")
    name = f"{definition.project}/{definition.name}"
    done = f"submitted, version {result.version}" if result.written else "unchanged, nothing was written"
    print(f"{name}: {done}")
    for line in next_runs(result.plan):
        print(f"  {line}")
    print(result.url)


def _submitted(
    workflow: Workflow, assignments: list[str] | None, offline: bool, profile: str | None
) -> tuple[Definition, Profile]:
    place = target(workflow, profile)
    definition = workflow.definition(server_values(workflow, place, parse_set(assignments)))
    return replace(definition, release_state="OFFLINE") if offline else definition, place


def _exit_code(found: Plan) -> int:
    if found.problems:
        return FAILED
    return OK if found.is_empty else CHANGES


def _show_plan(found: Plan, as_json: bool, every: bool) -> None:
    from dsflow.dolphinscheduler.plan_text import plan_to_json, render_plan

    sys.stdout.write(plan_to_json(found) if as_json else render_plan(found, color=sys.stdout.isatty(), every=every))


def run(
    workflow: Workflow,
    set_: Set = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run here, on an embedded OpenMLDB, without any server.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Where a local run keeps its data, models and logs."),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="After a local run keep its servers up until Ctrl-C.")] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Run all steps here; else those whose inputs did not change are those of the run before."
        ),
    ] = False,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TASK", help="Start with this task; all that comes after it runs.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="TASK", help="Run this one task, with its checks.")
    ] = None,
    tail: Tail = False,
    timeout: Timeout = None,
    detach: Detach = False,
    stop_on_interrupt: StopOnInterrupt = False,
    report: ReportFile = None,
    html: PageFile = None,
    apiserver: Annotated[
        str | None,
        typer.Option(
            "--apiserver",
            metavar="URL",
            help="With --html: compare there the features offline and online; here it does.",
        ),
    ] = None,
    server_timeout: ServerTimeout = SERVER_TIMEOUT,
    no_validate: NoValidate = False,
    profile: ProfileName = None,
) -> None:
    """Run the workflow and follow it to its end; here with --local (it is validated first), else on the server.

    Exit code 0: SUCCESS, 1: FAILURE, 3: it was stopped, 4: --timeout is over, 5: the server went away.
    """
    values = parse_set(set_)
    check_report(report)
    check_report(html)
    if not local and (serve or fresh or state is not None):
        raise typer.BadParameter("--serve, --state and --fresh go with --local")
    if apiserver is not None and (local or html is None):
        raise typer.BadParameter("--apiserver goes with --html of a run on a server: a run here has its own")
    if from_ is not None and only is not None:
        raise typer.BadParameter("--from and --only exclude each other")
    if not local:
        following = Following(
            tail, timeout, detach, stop_on_interrupt, report, server_timeout, profile, html, apiserver
        )
        try:
            code = run_there(workflow, values, following, start_at=from_, only=only)
        except (ConfigError, UnreachableError) as error:
            here = "`run --local` runs it here, without a server"
            error.hint = f"{error.hint}; {here}" if error.hint else here
            raise
        raise typer.Exit(code)
    if detach:
        raise typer.BadParameter("--detach is for a run on a server: one with --local ends with the command")
    if stop_on_interrupt or server_timeout != SERVER_TIMEOUT:
        raise typer.BadParameter(
            "--stop-on-interrupt and --server-timeout are for a run on a server: Ctrl-C always ends one with --local"
        )
    from dsflow.local.runner import Part

    part = Part(from_, only, fresh, timeout, tail)
    part.check(workflow)
    if not no_validate:
        validate_first(workflow, values, target(workflow, profile), "nothing was run")
    outcome = _run_local(workflow, values, state, serve, report, html, profile, part)
    raise typer.Exit(TIMED_OUT if outcome.state == TIMEOUT else of_state(outcome.state))


def _run_local(
    workflow: Workflow,
    values: dict[str, str],
    state: Path | None,
    serve: bool,
    report: Path | None,
    page: Path | None,
    profile: str | None,
    part: Part,
) -> RunReport:
    from dsflow.cli.consistency import compared
    from dsflow.config import load_version
    from dsflow.display.progress import RunDisplay
    from dsflow.local.runner import local_definition, local_run, local_values

    _terminate_like_interrupt()
    display = RunDisplay(local_definition(workflow))
    version = load_version(profile, start=workflow.folder)
    with local_run(workflow, values=dict(values), state=state, display=display, version=version, part=part) as ended:
        outcome = ended.report
        if report is not None:
            outcome.write(report)
        if page is not None:
            places = {"here": str(workflow.folder), "openmldb": ended.openmldb_url}
            given = local_values(workflow, values, places)
            served = outcome.state == SUCCESS and bool(ended.openmldb_url)
            found = compared(workflow, ended.openmldb_url, given) if served else []
            write_page(page, display.definition, outcome, found)
        print(display.summary(outcome))
        print(f"logs: {ended.folder}")
        if serve and outcome.state == SUCCESS:
            _keep_serving(ended)
    return outcome


def _keep_serving(ended: LocalRun) -> None:
    import json

    print(f"\nembedded OpenMLDB:  {ended.openmldb_url}")
    if ended.predict_url:
        print(f"prediction server:  {ended.predict_url}")
        if ended.report.prediction:
            click = json.dumps(ended.report.prediction["request"])
            print(f"try:  curl -X POST {ended.predict_url}/predict -d '{click}'")
    print("Ctrl-C stops them", flush=True)
    stop = threading.Event()
    try:
        while not stop.wait(3600):
            continue
    except KeyboardInterrupt:
        print("stopping")


def _terminate_like_interrupt() -> None:
    """Let SIGTERM end a run as Ctrl-C does, so that the servers it started do not outlive it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
