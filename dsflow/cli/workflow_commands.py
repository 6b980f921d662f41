"""Commands about one workflow: validate, show, render, plan, submit, run."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli.options import ProfileName, ReportFile, Set, parse_set, server_values, target
from dsflow.errors import RunError
from dsflow.report import SUCCESS, RunReport, TaskReport
from dsflow.workflow import Workflow

if TYPE_CHECKING:
    from dsflow.definition import Definition
    from dsflow.display.progress import RunDisplay
    from dsflow.local.runner import LocalRun


def validate(workflow: Workflow, set_: Set = None) -> None:
    """Check the workflow, without any server."""
    definition = workflow.definition(parse_set(set_))
    print(
        f"{definition.project}/{definition.name}: {len(definition.tasks)} tasks, {len(definition.relations)} edges: ok"
    )


def show(workflow: Workflow, set_: Set = None) -> None:
    """Draw the workflow in the terminal."""
    from dsflow.display.terminal import workflow_text

    print(workflow_text(workflow.definition(parse_set(set_))))


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
        import yaml

        yaml.safe_dump(definition.to_dict(), sys.stdout, sort_keys=False, allow_unicode=True)
    else:
        raise typer.BadParameter(f"{format!r} is neither json nor yaml")


def plan(workflow: Workflow, set_: Set = None, profile: ProfileName = None) -> None:
    """Show what submit would change. Exit code 0: nothing, 2: something."""
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.plan_text import render_plan

    place = target(workflow, profile)
    definition = workflow.definition(server_values(workflow, place, parse_set(set_)))
    with Server(place) as server:
        found = server.plan(definition)
    print(render_plan(found))
    raise typer.Exit(0 if found.is_empty else 2)


def submit(workflow: Workflow, set_: Set = None, profile: ProfileName = None) -> None:
    """Make the server hold this workflow, and read it back to be sure."""
    from dsflow.dolphinscheduler.client import Server

    place = target(workflow, profile)
    definition = workflow.definition(server_values(workflow, place, parse_set(set_)))
    with Server(place) as server:
        result = server.submit(definition)
    for note in result.notes:
        print(f"note: {note}")
    name = f"{definition.project}/{definition.name}"
    print(f"{name}: submitted" if result.written else f"{name}: unchanged, nothing was written")
    print(result.url)


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
    report: ReportFile = None,
    profile: ProfileName = None,
) -> None:
    """Run the workflow and follow it to its end; here with --local, else on the server."""
    values = parse_set(set_)
    if report is not None and not report.absolute().parent.is_dir():
        raise RunError(f"there is no folder {report.absolute().parent} for the report")
    if not local and (serve or state is not None):
        raise typer.BadParameter("--serve and --state go with --local")
    outcome = (
        _run_local(workflow, values, state, serve, report) if local else _run_there(workflow, values, profile, report)
    )
    raise typer.Exit(0 if outcome.state == SUCCESS else 1)


def _run_local(
    workflow: Workflow, values: dict[str, str], state: Path | None, serve: bool, report: Path | None
) -> RunReport:
    from dsflow.display.progress import RunDisplay
    from dsflow.local.runner import local_run

    _terminate_like_interrupt()
    display = RunDisplay(workflow.definition())
    with local_run(workflow, values=dict(values), state=state, display=display) as ended:
        outcome = ended.report
        if report is not None:
            outcome.write(report)
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


def _run_there(workflow: Workflow, values: dict[str, str], profile: str | None, report: Path | None) -> RunReport:
    from dsflow.display.progress import RunDisplay
    from dsflow.dolphinscheduler.client import Server

    place = target(workflow, profile)
    definition: Definition = workflow.definition(server_values(workflow, place, {}))
    display = RunDisplay(definition)
    with Server(place) as server:
        started = server.start(definition, params=values)
        print(f"run {started.instance}: {started.url}", flush=True)
        with display:
            server.follow(started, _tell(definition, display))
        outcome = server.report(started, definition)
    if report is not None:
        outcome.write(report)
    print(display.summary(outcome))
    return outcome


def _tell(definition: Definition, display: RunDisplay) -> Callable[[str, Mapping[str, str]], None]:
    """Turn the server's snapshots into changes of tasks."""
    reports = {task.name: TaskReport(task.name, task.task_type) for task in definition.tasks}
    since: dict[str, float] = {}

    def on_change(_: str, states: Mapping[str, str]) -> None:
        now = time.monotonic()
        for name, state in states.items():
            report = reports.get(name)
            if report is not None and report.state != state:
                report.state = state
                report.seconds = now - since.setdefault(name, now)
                display.update(report)

    return on_change


COMMANDS: list[Callable[..., None]] = [validate, show, render, plan, submit, run]
