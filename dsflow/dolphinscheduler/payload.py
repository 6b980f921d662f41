"""What is sent to the server: a Definition in one server's codes, with what the server already holds kept as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.fingerprint import record
from dsflow.dolphinscheduler.wire.forms import sent_task
from dsflow.dolphinscheduler.wire.gateway import WorkflowCall
from dsflow.dolphinscheduler.wire.locations import locations_text, stored
from dsflow.dolphinscheduler.wire.names import Names
from dsflow.dolphinscheduler.wire.series import Series


def held_codes(definition: Definition, state: ServerState, plan: Plan) -> dict[str, int]:
    """The code of each declared task that the server has already, a renamed one under its new name."""
    held = {t["name"]: int(t["code"]) for t in state.raw.get("tasks", [])}
    before = ((t.name, plan.renamed.get(t.name, t.name)) for t in definition.tasks)
    return {name: held[old] for name, old in before if old in held}


def lacks_places(definition: Definition, state: ServerState, plan: Plan) -> bool:
    """Whether the server has no place in its drawing for one of the tasks."""
    codes = held_codes(definition, state, plan)
    known = stored(state.raw["workflow"]) if state.raw else {}
    return any(codes.get(task.name) not in known for task in definition.tasks)


def workflow_call(
    definition: Definition,
    state: ServerState,
    plan: Plan,
    codes: Mapping[str, int],
    names: Names,
    *,
    user: str,
    series: Series,
) -> WorkflowCall:
    """The arguments of the one call that creates or updates a workflow.

    Args:
        state: what the server holds before.
        codes: the code of each task, of new ones too.
        user: who submits.
    """
    return WorkflowCall(
        user=user,
        project=definition.project,
        name=definition.name,
        description=definition.description,
        global_params=json.dumps(codec.params_to_server(definition, series)),
        # These three reach a schedule that the gateway makes; ours goes over REST, which tells when it fails.
        warning_type="NONE",
        warning_group_id=0,
        worker_group="default",
        execution_type=definition.execution_type,
        timeout=definition.timeout,
        online=definition.release_state == "ONLINE",
        relations=json.dumps(codec.relations_to_server(definition, codes, record(definition))),
        tasks=json.dumps([series.words.sent_task(t) for t in _tasks(definition, state, plan, codes, names, series)]),
        locations=_locations(definition, state, plan, codes),
    )


def _locations(definition: Definition, state: ServerState, plan: Plan, codes: Mapping[str, int]) -> str:
    if not lacks_places(definition, state, plan):
        return ""
    return locations_text(definition, codes, stored(state.raw["workflow"]) if state.raw else {})


def _tasks(
    definition: Definition,
    state: ServerState,
    plan: Plan,
    codes: Mapping[str, int],
    names: Names,
    series: Series,
) -> list[JsonDict]:
    """Every task as it is sent: an unchanged one exactly as the server gave it, so that it gets no new version."""
    rows = {int(t["code"]): t for t in state.raw.get("tasks", [])}
    versions = {name: int(rows[code]["version"]) for name, code in codes.items() if code in rows}
    touched = {t.name for t in plan.tasks}
    changed = replace(definition, tasks=tuple(t for t in definition.tasks if t.name in touched))
    written = {t["name"]: t for t in codec.tasks_to_server(changed, codes, names, series, versions=versions)}
    return [written.get(t.name) or sent_task(rows[codes[t.name]]) for t in definition.tasks]
