"""The main flows, as commands that a user types; each begins with a project of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from tests.contracts.session import Session

Flow = Callable[[Session], None]

_SWITCHING = """
with Workflow("flow", project="{project}", params={{"limit": 10}}) as wf:
    count = Shell("count", "echo '${{setValue(n=12)}}'\\nsleep 1", outputs={{"n": int}})
    many = Shell("many", f"echo there are {{count.outputs.n}}")
    few = Shell("few", "echo only a few")
    count >> Switch("enough?", {{count.outputs.n >= wf.params.limit: many}}, otherwise=few)
"""
_TWO_STEPS = """
from datetime import datetime

with Workflow("flow", project="{project}", params={{"day": "2024-01-01"}}{fields}) as wf:
    first = Shell("first", "echo {first}")
    second = Shell("second", "echo second of ${{day}}")
    first >> second
"""


def bootstrap(do: Session) -> None:
    """A fresh server gets a tenant, a project and an environment; then everything is there already."""
    given = ("--tenant", str(do.profile.tenant), "--project", "contract bootstrap", "--environment", "contract")
    said = do.dsflow("bootstrap", *given, "--env", "CONTRACT=one")
    assert "environment 'contract' made" in said
    said = do.dsflow("bootstrap", *given, "--env", "CONTRACT=one")
    assert said.count("already") == 4, said
    assert "CONTRACT" in do.dsflow("bootstrap", *given, "--env", "CONTRACT=two")


def _in_project(do: Session, name: str) -> str:
    project = f"contract {name}"
    do.dsflow("bootstrap", "--project", project)
    return project


def _two_steps(do: Session, project: str, *, first: str = "first", fields: str = "") -> str:
    return str(do.write("flow.py", _TWO_STEPS.format(project=project, first=first, fields=fields)))


def plan(do: Session) -> None:
    """What would be new, what would change, and nothing."""
    project = _in_project(do, "plan")
    file = _two_steps(do, project)
    do.dsflow("plan", file, code=2)
    do.dsflow("submit", file)
    do.dsflow("plan", file)
    file = _two_steps(do, project, first="changed")
    assert "echo changed" in do.dsflow("plan", file, code=2)


def submit(do: Session) -> None:
    """A new workflow, the same once more, and a change."""
    project = _in_project(do, "submit")
    file = str(do.write("flow.py", _SWITCHING.format(project=project)))
    assert "submitted, version 1" in do.dsflow("submit", file)
    assert "unchanged, nothing was written" in do.dsflow("submit", file)
    do.write("flow.py", _SWITCHING.format(project=project).replace("only a few", "not enough"))
    assert "submitted, version 2" in do.dsflow("submit", file)


def drift(do: Session) -> None:
    """A task that somebody else has edited on the web page is not overwritten unasked."""
    project = _in_project(do, "drift")
    file = _two_steps(do, project)
    do.dsflow("submit", file)
    with do.server() as server:
        state = server.state(project, "flow")
        server.rest.release(state.project_code, int(state.code or 0), "OFFLINE")
        task = next(t for t in state.raw["tasks"] if t["name"] == "first")
        edited = {**task, "taskParams": {**task["taskParams"], "rawScript": "echo by hand"}}
        path = f"/projects/{state.project_code}/task-definition/{task['code']}"
        server.rest.put(path, "edit a task", {"taskDefinitionJsonObj": json.dumps(edited)})
    assert "by hand" in do.dsflow("plan", file, code=2)
    do.dsflow("submit", file, "--yes", code=1)
    do.dsflow("submit", file, "--overwrite-drift")


def schedule(do: Session) -> None:
    """A live schedule, another crontab, and one that is offline."""
    project = _in_project(do, "schedule")
    times = 'start=datetime(2030, 1, 1), end=datetime(2040, 1, 1), timezone="Asia/Shanghai"'
    fields = f', schedule=Schedule("{{crontab}}", {times}{{more}})'
    file = _two_steps(do, project, fields=fields.format(crontab="0 0 2 * * ? *", more=""))
    do.dsflow("submit", file)
    do.dsflow("submit", file)
    _two_steps(do, project, fields=fields.format(crontab="0 30 3 * * ? *", more=""))
    do.dsflow("submit", file)
    _two_steps(do, project, fields=fields.format(crontab="0 30 3 * * ? *", more=", online=False"))
    do.dsflow("submit", file)


def run(do: Session) -> None:
    """A run through a switch with a parameter, its status and the list of runs."""
    project = _in_project(do, "run")
    file = str(do.write("flow.py", _SWITCHING.format(project=project)))
    do.dsflow("submit", file)
    said = do.dsflow("run", file, "--set", "limit=11")
    assert "n=12" in said
    assert "SKIPPED  few" in said
    assert "SUCCESS" in do.dsflow("status", file)
    assert "SUCCESS" in do.dsflow("runs", file)


def logs(do: Session) -> None:
    """The output of each task, of one, and whole."""
    project = _in_project(do, "logs")
    file = _two_steps(do, project)
    do.dsflow("submit", file)
    do.dsflow("run", file, "--tail")
    assert "second of 2024-01-01\n" in do.dsflow("logs", file)
    assert do.dsflow("logs", file, "second") == "second of 2024-01-01\n"
    assert "[INFO]" in do.dsflow("logs", file, "first", "--all")


def backfill(do: Session) -> None:
    """Three days, one after the other."""
    project = _in_project(do, "backfill")
    file = _two_steps(do, project)
    do.dsflow("submit", file)
    said = do.dsflow("backfill", file, "--from", "2024-01-01", "--to", "2024-01-02")
    assert "2024-01-01 00:00:00  SUCCESS" in said
    assert "2024-01-02 00:00:00  SUCCESS" in said


def export(do: Session) -> None:
    """A file for the web page with the server's names, and a workflow of the server as source."""
    project = _in_project(do, "export")
    file = str(do.write("flow.py", _SWITCHING.format(project=project)))
    do.dsflow("submit", file)
    (do.folder / "dsflow.yaml").write_text("profiles: {contract: {}}\n")
    do.dsflow("export", file, "exported.json", "--profile", "contract")
    assert json.loads((do.folder / "exported.json").read_text())[0]["processDefinition"]["name"] == "flow"
    assert "echo only a few" in do.dsflow("import", "--from-server", f"{project}/flow", "-o", "-")


def import_(do: Session) -> None:
    """An exported file into another project, with its switch set anew."""
    project = _in_project(do, "import")
    file = str(do.write("flow.py", _SWITCHING.format(project=project)))
    do.dsflow("export", file, "exported.json")
    said = do.dsflow("import", "exported.json", "--to-server", project)
    assert f"{project}/flow: imported, 2 references" in said


def repair(do: Session) -> None:
    """A workflow that was copied on the web page has a switch that leads nowhere."""
    project = _in_project(do, "repair")
    file = str(do.write("flow.py", _SWITCHING.format(project=project)))
    do.dsflow("submit", file)
    with do.server() as server:
        state = server.state(project, "flow")
        form = {"codes": state.code, "targetProjectCode": state.project_code}
        server.rest.post(f"/projects/{state.project_code}/process-definition/batch-copy", "copy", form)
        (copy,) = {w.name for w in server.rest.workflows(state.project_code)} - {"flow"}
    do.dsflow("repair", f"{project}/{copy}", "--dry-run", code=2)
    assert "repaired, 2 references set" in do.dsflow("repair", f"{project}/{copy}", "--yes")


def rollback(do: Session) -> None:
    """Back to the first version."""
    project = _in_project(do, "rollback")
    file = _two_steps(do, project)
    do.dsflow("submit", file)
    _two_steps(do, project, first="changed")
    time.sleep(1.1)  # what changed in the second of a version counts as a part of it
    do.dsflow("submit", file)
    shown = do.dsflow("versions", f"{project}/flow")
    assert re.search(r"\n2 +current .+ admin +~ first *\n1 ", shown), shown
    assert "version 2 -> 1" in do.dsflow("rollback", f"{project}/flow")


def delete(do: Session) -> None:
    """A workflow with a live schedule is taken offline and deleted; then it is not there."""
    project = _in_project(do, "delete")
    fields = (
        ', schedule=Schedule("0 0 2 * * ? *", start=datetime(2030, 1, 1), end=datetime(2040, 1, 1), timezone="UTC")'
    )
    do.dsflow("submit", _two_steps(do, project, fields=fields))
    assert "deleted" in do.dsflow("delete", f"{project}/flow", "--yes")
    do.dsflow("delete", f"{project}/flow", "--yes", code=1)


FLOWS: dict[str, Flow] = {
    flow.__name__.rstrip("_"): flow
    for flow in (
        bootstrap, plan, submit, drift, schedule, run, logs, backfill, export, import_, repair, rollback,
        delete,
    )
}  # fmt: skip
