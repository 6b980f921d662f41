"""Commands about the workflows that a server holds, by PROJECT/NAME: list, versions, rollback, delete."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dsflow.cli.deploy import Yes, confirm
from dsflow.cli.loading import load_workflow
from dsflow.cli.options import ProfileName
from dsflow.cli.runs import AsJson, columns
from dsflow.config import load_profile
from dsflow.errors import ConfigError

WorkflowName = Annotated[
    str, typer.Argument(metavar="PROJECT/NAME", help="The workflow on the server; or a pipeline file that declares it.")
]


def parse_workflow(text: str) -> tuple[str, str, Path | None]:
    """Project, name, and the pipeline file if ``text`` names one.

    Raises:
        ConfigError: it is neither PROJECT/NAME nor a pipeline file.
    """
    file = Path(text.rpartition(":")[0] or text) if not Path(text).is_file() else Path(text)
    if file.suffix in (".py", ".yaml", ".yml") and file.is_file():
        workflow = load_workflow(text)
        return workflow.project, workflow.name, file
    project, slash, name = text.partition("/")
    if not slash or not project or not name:
        raise ConfigError(f"{text!r} is not of the form PROJECT/NAME", hint="`dsflow list` shows what the server has")
    return project, name, None


def list_(
    project: Annotated[str | None, typer.Option("--project", metavar="P", help="Only this project.")] = None,
    as_json: AsJson = False,
    profile: ProfileName = None,
) -> None:
    """List the workflows on the server, with the repository that deployed each."""
    from dsflow.dolphinscheduler.catalog import listing
    from dsflow.dolphinscheduler.client import Server

    with Server(load_profile(profile)) as server:
        rows = listing(server, project)
    if as_json:
        print(json.dumps([r.to_dict() for r in rows], indent=2, ensure_ascii=False))
        return
    if not rows:
        print("the server holds no workflow" + (f" in project {project!r}" if project else ""))
        return
    cells = [("WORKFLOW", "STATE", "VERSION", "SCHEDULE", "CHANGED", "DEPLOYED BY")]
    for row in rows:
        name = f"{row.project}/{row.name}"
        cells.append((name, row.state, str(row.version), row.schedule, row.changed, row.owner))
    print(columns(cells))
    for row in rows:
        if row.lost:
            place = f"{row.project}/{row.name}"
            branches = "a branch leads" if row.lost == 1 else f"{row.lost} branches lead"
            print(f"note: {place}: {branches} nowhere since it was copied or imported: dsflow repair {place}")


def versions(
    workflow: WorkflowName,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
    profile: ProfileName = None,
) -> None:
    """List the versions of a workflow that the server keeps: when, by whom, and what each changed.

    Of edges and schedules DolphinScheduler keeps no history, nor of a task that is gone.
    """
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.versions import versions as versions_of

    project, name, file = parse_workflow(workflow)
    with Server(load_profile(profile, start=file)) as server:
        rows = versions_of(server, project, name, limit)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    cells = [("VERSION", "", "MADE", "BY", "CHANGED")]
    for row in rows:
        mark = "current" if row.current else ""
        cells.append((str(row.version), mark, row.time, row.by, _changed(row.changed)))
    print(columns(cells))


_MOST_CHANGES = 3
"""So many changes of a version are named in its line."""


def _changed(words: tuple[str, ...] | None) -> str:
    if words is None:
        return ""
    if not words:
        return "(edges, schedule, or a task that is gone)"
    more = len(words) - _MOST_CHANGES
    return ", ".join(words[:_MOST_CHANGES]) + (f" and {more} more" if more > 0 else "")


def rollback(
    workflow: WorkflowName,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", min=1, help="The one before the current one by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would go back to.")] = False,
    profile: ProfileName = None,
) -> None:
    """Go back to an earlier version of a workflow; it and its schedule are then online or offline as before."""
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.versions import earlier
    from dsflow.dolphinscheduler.versions import rollback as roll_back

    project, name, file = parse_workflow(workflow)
    with Server(load_profile(profile, start=file)) as server:
        if dry_run:
            found, version = earlier(server, project, name, to)
            print(f"{project}/{name}: would go from version {found.version} to {version}; nothing was written")
            return
        done = roll_back(server, project, name, to)
    state = "online" if done.online else "offline"
    schedule = ", its schedule is live" if done.live_schedules else ""
    if done.before == done.after:
        print(f"{project}/{name} is at version {done.after} already: nothing was written")
    else:
        print(f"{project}/{name}: version {done.before} -> {done.after}; it is {state}{schedule}")
        if done.same:
            print("note: both hold the same tasks and settings; a schedule is in no version, and stays as it is")
            print(f"  those before:     {shlex.join(['dsflow', 'versions', workflow])}")
        print(
            f"the next submit or deploy of its source undoes this (as version {done.before} was, or as it is by then)"
        )
    print(done.url)


def delete(workflow: WorkflowName, yes: Yes = False, profile: ProfileName = None) -> None:
    """Delete a workflow from the server, with its schedule."""
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.versions import delete_workflow, held

    project, name, file = parse_workflow(workflow)
    with Server(load_profile(profile, start=file)) as server:
        state = held(server, project, name)
        if not yes:
            schedule = " and its schedule" if state.schedules else ""
            confirm(f"delete workflow {project}/{name} (version {state.version}){schedule}")
        assert state.code is not None
        delete_workflow(server.rest, state.project_code, state.code)
    print(f"{project}/{name}: deleted")
