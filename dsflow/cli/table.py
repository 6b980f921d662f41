"""Every command: its name, what it does in one line, and where it is written.

The table is all that ``dsflow --help`` reads; a command's module is imported when the command is named.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

AUTHOR = "Author"
SERVER = "On a server"
RUNS = "Runs on a server"
MOVE = "In and out"
SERVERS = "Servers of your own"

GROUPS = (AUTHOR, SERVER, RUNS, MOVE, SERVERS)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: what the user types.
        group: the heading that it stands below, one of GROUPS.
        text: what it does, in one sentence.
        place: ``module:function`` below ``dsflow.cli``; a typer.Typer there is a group of commands.
        of_workflow: it is about one workflow: its function takes it first, and a pipeline file's command line has it.
        own_place: its form for a pipeline file's command line, if ``place`` is not about one workflow.
    """

    name: str
    group: str
    text: str
    place: str
    of_workflow: bool = True
    own_place: str = ""

    def load(self, own: bool = False) -> Any:
        """The command's function, or its group of commands; with ``own`` that of a pipeline file's command line."""
        module, _, function = (self.own_place if own and self.own_place else self.place).partition(":")
        return getattr(importlib.import_module(f"dsflow.cli.{module}"), function)


def _all() -> tuple[Command, ...]:
    there = False  # about what the server holds, not one workflow of a file
    own = "validating:validate"
    return (
        Command("init", AUTHOR, "Make a project to begin with.", "init:init", there),
        Command("validate", AUTHOR, "Check without a server: SQL and rules.", "validating:validate_paths", False, own),
        Command("show", AUTHOR, "Draw the workflow, and list the indexes of its tables.", "workflow_commands:show"),
        Command("run", AUTHOR, "Run the workflow and follow it; with --local here.", "workflow_commands:run"),
        Command("render", AUTHOR, "Print the Definition, as JSON or YAML.", "workflow_commands:render"),
        Command("schema", AUTHOR, "Print a JSON Schema for an editor.", "schema:schema", there),
        Command("clean", AUTHOR, "Remove what local runs of the workflow have kept.", "cleaning:clean"),
        Command("consistency", AUTHOR, "Compare features of training and serving.", "consistency:consistency"),
        Command("plan", SERVER, "Show what submit would change.", "workflow_commands:plan"),
        Command("submit", SERVER, "Make the server hold this workflow.", "workflow_commands:submit"),
        Command("deploy", SERVER, "Make the server hold a repository's workflows.", "deploy:deploy", there),
        Command("move", SERVER, "Take a project's workflows to another server.", "move:move", there),
        Command("list", SERVER, "List the server's workflows, and who deployed them.", "catalog:list_", there),
        Command("versions", SERVER, "List the versions of a workflow on the server.", "catalog:versions", there),
        Command("rollback", SERVER, "Go back to an earlier version of a workflow.", "catalog:rollback", there),
        Command("delete", SERVER, "Delete a workflow, with its schedule.", "catalog:delete", there),
        Command("doctor", SERVER, "Check server, gateway, worker and OpenMLDB.", "doctor:doctor", there),
        Command("bootstrap", SERVER, "Set up a fresh server: tenant, project, token.", "project:bootstrap", there),
        Command("runs", RUNS, "List the runs, the newest first.", "runs:runs"),
        Command("status", RUNS, "Say how a run stands.", "runs:status"),
        Command("logs", RUNS, "Print what a run's tasks wrote.", "runs:logs"),
        Command("stop", RUNS, "Stop a run: its running tasks are killed.", "runs:stop"),
        Command("pause", RUNS, "Pause a run: no further tasks start.", "runs:pause"),
        Command("resume", RUNS, "Go on with a paused or stopped run.", "runs:resume"),
        Command("rerun", RUNS, "Run all tasks of a run that has ended again.", "runs:rerun"),
        Command("recover", RUNS, "Run a failed run's failed tasks again and go on.", "runs:recover"),
        Command("backfill", RUNS, "Run the workflow for each date of a range.", "runs:backfill"),
        Command("export", MOVE, "Write a file for DolphinScheduler's own import.", "transfer:export"),
        Command("import", MOVE, "Take an export file in, or make Python of it.", "transfer:import_", there),
        Command("repair", MOVE, "Mend switches that an import or copy broke.", "transfer:repair", there),
        Command("openmldb", SERVERS, "Start the embedded OpenMLDB.", "servers:openmldb", there),
        Command("serve", SERVERS, "Start the prediction server.", "servers:serve", there),
        Command("dolphinscheduler", SERVERS, "Start a DolphinScheduler here.", "dolphinscheduler:GROUP", there),
    )


COMMANDS = {command.name: command for command in _all()}
