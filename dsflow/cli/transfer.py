"""Commands that bring workflows in and out: export, import, repair."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli.options import ProfileName, Set, parse_set, server_values, target
from dsflow.config import load_profile
from dsflow.declare.workflow import Workflow
from dsflow.errors import ConfigError

if TYPE_CHECKING:
    from dsflow.definition import Definition, JsonDict
    from dsflow.dolphinscheduler.repair import Choice, RepairPlan

_BRANCH = re.compile(r"(?P<task>.+?):(?P<code>-?\d+)=(?P<target>.+)", re.DOTALL)
_NAME_OF = re.compile(r"(?P<kind>[A-Za-z0-9 -]+):(?P<code>[^=]+)=(?P<name>.+)", re.DOTALL)
_SUFFIXES = (".py", ".yaml", ".yml")


def export(
    workflow: Workflow,
    file: Annotated[str, typer.Argument(metavar="FILE.json", help="Where to write it; - is the terminal.")],
    set_: Set = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The server that the file is for; only needed if the workflow names an environment, a datasource, "
            "another workflow or the like.",
        ),
    ] = None,
) -> None:
    """Write the file that DolphinScheduler's own "import workflow" takes. Needs no server."""
    from dsflow.dolphinscheduler.wire import files

    if profile is None:
        exported = files.export(workflow.definition(parse_set(set_)))
    else:
        from dsflow.dolphinscheduler.client import Server
        from dsflow.dolphinscheduler.wire.names import server_names

        place = target(workflow, profile)
        definition = workflow.definition(server_values(workflow, place, parse_set(set_)))
        with Server(place) as server:
            exported = files.export(definition, server_names(server.rest), server.rest.series())
    _write(file, files.to_text(exported), force=True)
    if file != "-" and _steers(workflow):
        print(
            "after importing it on the web page, run: dsflow repair PROJECT/WORKFLOW; or use dsflow import --to-server"
        )


def _steers(workflow: Workflow) -> bool:
    return any(task.about.steers for task in workflow.tasks.values())


def import_(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE.json]", help="A file that DolphinScheduler or dsflow exported, or pydolphinscheduler's YAML."
        ),
    ] = None,
    from_server: Annotated[
        str | None, typer.Option("--from-server", metavar="PROJECT/WORKFLOW", help="Or a workflow of the server.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write it as source: FILE.py, FILE.yaml; - is the terminal."
        ),
    ] = None,
    to_server: Annotated[
        str | None, typer.Option("--to-server", metavar="PROJECT", help="Import it into this project of the server.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Import it under another name.")] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="The project to write into the source.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output file.")] = False,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Python source with each node by itself, not steps such as table.load_offline(...)."
        ),
    ] = False,
    name_of: Annotated[
        list[str] | None,
        typer.Option(
            "--name-of",
            metavar="KIND:CODE=NAME",
            help="The name of what the file knows by a code of a server that is gone, such as datasource:3=orders, "
            "resource:7=/a.jar or workflow:23878883983168=load; repeatable.",
        ),
    ] = None,
    profile: ProfileName = None,
) -> None:
    """Take a workflow in: an export file into a server, or a file's or a server's workflow as Python or YAML source.

    Files of DolphinScheduler 1.x to 3.x are read, and pydolphinscheduler's YAML (which becomes source).
    """
    if (file is None) == (from_server is None):
        raise ConfigError("say what to import: either FILE.json or --from-server PROJECT/WORKFLOW")
    if (output is None) == (to_server is None):
        raise ConfigError("say where to: either -o FILE.py (or FILE.yaml) or --to-server PROJECT")
    if output is not None:
        _check_output(output, force)
        found = _read_definitions(file, from_server, project, profile, _given(name_of))
        _write(output, _source(found, output, name, every), force=force)
    else:
        if file is None:
            raise ConfigError("--to-server takes an export file, not a workflow of the server")
        _import_to_server(file, str(to_server), name, profile, _given(name_of))


def _given(texts: list[str] | None) -> dict[tuple[str, str], str]:
    from dsflow.dolphinscheduler.wire import names as kinds

    known = {kind.lower().replace(" ", "-"): kind for kind in kinds.CODED}
    found = {}
    for text in texts or []:
        match = _NAME_OF.fullmatch(text)
        if match is None or match["kind"].lower() not in known:
            raise ConfigError(
                f"--name-of {text!r} is not of the form KIND:CODE=NAME",
                hint=f"the kinds are {', '.join(sorted(known))}",
            )
        found[known[match["kind"].lower()], match["code"]] = match["name"]
    return found


def _tell_version(exported: list[JsonDict], file: Path) -> None:
    from dsflow.dolphinscheduler.wire.oldfiles import version_note

    if note := version_note(exported):
        print(f"note: {file}: {note}", file=sys.stderr)


def _import_to_server(
    file: Path, project: str, name: str | None, profile: str | None, given: dict[tuple[str, str], str]
) -> None:
    from dsflow.dolphinscheduler import transfer
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.wire import files

    exported = files.read_file(file)
    _tell_version(exported, file)
    with Server(load_profile(profile)) as server:
        for one in transfer.import_to_server(server, exported, project, name, given):
            print(f"{one.project}/{one.name}: imported, {one.rewritten} references of switches and conditions set anew")
            for note in one.notes:
                print(f"note: {note}")


def _read_definitions(
    file: Path | None,
    from_server: str | None,
    project: str | None,
    profile: str | None,
    given: dict[tuple[str, str], str],
) -> list[Definition]:
    from dataclasses import replace

    from dsflow.dolphinscheduler import transfer
    from dsflow.dolphinscheduler.client import Server

    if file is not None:
        found, notes = _read_file(file, project, profile, given)
        for note in dict.fromkeys(notes):
            print(f"note: {note}", file=sys.stderr)
        return found
    place, workflow = _split(str(from_server))
    with Server(load_profile(profile)) as server:
        definition = transfer.read_definition(server, place, workflow)
    return [replace(definition, project=project or definition.project)]


def _read_file(
    file: Path, project: str | None, profile: str | None, given: dict[tuple[str, str], str]
) -> tuple[list[Definition], list[str]]:
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.wire import files
    from dsflow.dolphinscheduler.wire.names import server_names

    if file.suffix in (".yaml", ".yml"):
        from dsflow.source.pydolphinscheduler_yaml import read_yaml

        return read_yaml(file, project)
    exported = files.read_file(file)
    _tell_version(exported, file)
    notes: list[str] = []
    if profile is None and not any(os.environ.get(name) for name in ("DSFLOW_API_URL", "DSFLOW_PROFILE")):
        return files.definitions(exported, project, given=given, notes=notes), notes
    with Server(load_profile(profile)) as server:  # variables are a profile too
        names = server_names(server.rest)
        return files.definitions(exported, project, names, given=given, notes=notes), notes


def _source(found: list[Definition], output: str, name: str | None, every: bool) -> str:
    from dataclasses import replace

    if name is not None:
        if len(found) > 1:
            raise ConfigError(f"the file holds {len(found)} workflows: --name goes with one")
        found = [replace(found[0], name=name)]
    if output.endswith((".yaml", ".yml")):
        from dsflow.source.yaml_form import yaml_source

        return yaml_source(found)
    if len(found) > 1:
        raise ConfigError(
            f"the file holds {len(found)} workflows ({', '.join(d.name for d in found)}), and a Python file takes one",
            hint="write them as YAML (-o FILE.yaml), or export them one by one",
        )
    from dsflow.source.python import python_source

    return python_source(found[0], every=every)


def _check_output(output: str, force: bool) -> None:
    if output == "-":
        return
    path = Path(output)
    if path.suffix not in _SUFFIXES:
        raise ConfigError(f"{output} is neither a .py nor a .yaml file")
    if path.exists() and not force:
        raise ConfigError(f"{output} exists already", hint="--force overwrites it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent}")


def _write(output: str, text: str, *, force: bool) -> None:
    if output == "-":
        sys.stdout.write(text)
        return
    try:
        with open(output, "w" if force else "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}") from error
    print(f"wrote {output}")


# ------------------------------------------------------------------ repair


def repair(
    workflow: Annotated[str, typer.Argument(metavar="PROJECT/WORKFLOW", help="A workflow on the server.")],
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE.json", help="The file that it was imported from.")
    ] = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(
            "--branch", metavar="SWITCH:OLDCODE=TASK", help="Where a branch leads, if it is not certain; repeatable."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be written. Exit code 0: nothing, 2: something.")
    ] = False,
    profile: ProfileName = None,
) -> None:
    """Mend switches and conditions that an import or a copy on the web page left pointing nowhere."""
    from dsflow.dolphinscheduler import repair as repairs
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.wire import files

    given = dict(_branch(text) for text in branch or [])
    exported = files.read_file(export) if export else None
    project, name = _split(workflow)
    asking = sys.stdin.isatty() and not dry_run and not yes
    with Server(load_profile(profile)) as server:
        state = repairs.read_state(server.state(project, name), project, name)
        plan = repairs.plan_repair(server.rest, state, project, given=given, exported=exported)
        if plan.choices and asking:
            given |= {(c.dangling.task, c.dangling.code): _ask(c) for c in _once(plan)}
            plan = repairs.plan_repair(server.rest, state, project, given=given, exported=exported)
        for line in plan.lines():
            print(line)
        if plan.is_empty:
            print(f"{project}/{name}: every branch leads to a task of the workflow: nothing to repair")
            return
        if plan.choices:
            raise repairs.unclear(plan)
        if dry_run:
            raise typer.Exit(2)
        if not yes:
            _confirm(f"write this to {project}/{name}?")
        repairs.apply(server.rest, state, plan)
        print(f"{project}/{name}: repaired, {len(plan.mendings)} references set")


def _once(plan: RepairPlan) -> list[Choice]:
    return list({(c.dangling.task, c.dangling.code): c for c in plan.choices}.values())


def _ask(choice: Choice) -> str:
    print(f"{choice.dangling.task!r}, {choice.dangling.place}: which task did the code {choice.dangling.code} mean?")
    for number, option in enumerate(choice.options, 1):
        print(f"  {number}: {option}")
    answer: str = typer.prompt("a number or a name")
    if answer.isdigit() and 0 < int(answer) <= len(choice.options):
        return choice.options[int(answer) - 1]
    return answer


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError("nothing was written: there is nobody to ask", hint="give --yes to write, or --dry-run")
    if not typer.confirm(question):
        raise typer.Exit(1)


def _branch(text: str) -> tuple[tuple[str, int], str]:
    match = _BRANCH.fullmatch(text)
    if not match:
        raise ConfigError(f"--branch {text!r} is not of the form SWITCH:OLDCODE=TASK")
    return (match["task"], int(match["code"])), match["target"]


def _split(text: str) -> tuple[str, str]:
    project, slash, workflow = text.partition("/")
    if not slash or not project or not workflow:
        raise ConfigError(f"{text!r} is not of the form PROJECT/WORKFLOW")
    return project, workflow


COMMANDS: list[Callable[..., None]] = [import_, repair]
