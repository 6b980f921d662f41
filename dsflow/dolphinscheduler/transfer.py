"""Taking workflows out of a server and into one: an export file is imported so that it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dsflow.definition import Definition, JsonDict, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import default_environment, with_environment
from dsflow.dolphinscheduler.repair import rewrite
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.arrival import Target, callees_first, name_taken, own_names, prepare
from dsflow.dolphinscheduler.wire.branches import references, with_params
from dsflow.dolphinscheduler.wire.files import Given, TransferError, definitions, has_live_schedule
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import own_row, set_offline
from dsflow.errors import DsflowError, ServerError


@dataclass(frozen=True)
class Imported:
    """A workflow that was imported.

    Attributes:
        rewritten: how many references of switches and conditions were set to the new codes.
        notes: what a user should know.
    """

    project: str
    name: str
    code: int
    project_code: int
    rewritten: int
    notes: tuple[str, ...] = ()


def import_to_server(
    server: Server, exported: list[JsonDict], project: str, name: str | None = None, given: Given | None = None
) -> list[Imported]:
    """Import a file with the server's own importer, and make of it what the file says.

    The server renames the workflow, gives every task a new code, and leaves switches and conditions pointing to the old
    ones; all of that is put right before the workflow goes online. What fails is deleted again. A server without an
    importer (3.3 and later) gets the workflows submitted.

    Args:
        name: in place of the name in the file (which must then hold one workflow).
        given: names of codes that the file does not name and this server does not have.

    Raises:
        TransferError: a name is taken, a code in the file is none of this server's, or nothing appeared.
        ServerError: the server refuses.
    """
    if name is not None and len(exported) > 1:
        raise TransferError(f"the file holds {len(exported)} workflows: --name goes with one")
    rest = server.rest
    code = rest.project_code(project)
    if code is None:
        raise TransferError(
            f"there is no project {project!r} on the server", hint=f"make it: dsflow bootstrap --project {project!r}"
        )
    held = {w.name for w in rest.workflows(code)}
    ordered = callees_first(exported)
    if not rest.series().has_export:
        return _submit_all(server, ordered, project, name, held, given or {})
    environment = default_environment(rest, server.profile)
    target = Target(project, name, environment, _wanting(environment), rest.series(), given or {})
    coming = own_names(exported)
    for entry in ordered:  # everything that can be refused is refused before anything is written
        prepare(entry, target, held, kinds.server_names(rest), coming)
        held.add(name or own_row(entry).name)
    done: list[Imported] = []
    try:
        for entry in ordered:
            # names anew each time: a workflow may call one that was imported just before
            prepared = prepare(entry, target, set(), kinds.server_names(rest), coming, arrived=True)
            done.append(_import_one(server, prepared, project, code))
    except BaseException as error:
        for one in done:
            _remove(rest, code, one.code, error)
        raise
    return done


def _submit_all(
    server: Server, ordered: list[JsonDict], project: str, name: str | None, held: set[str], given: Given
) -> list[Imported]:
    names = kinds.server_names(server.rest)
    here = {int(code) for code in names.known(kinds.PROJECT).values()}
    found = []
    for entry in ordered:
        # a code is one server's own; an id is a small number, which means something else on another one
        at_home = own_row(entry).project_code in here
        (definition,) = definitions([entry], project, names if at_home else None, given=_told(ordered, given))
        definition = replace(definition, name=name or definition.name)
        if definition.name in held:
            raise name_taken(project, definition.name)
        held.add(definition.name)
        found.append(definition)
    done: list[Imported] = []
    try:
        for definition in found:
            result = server.submit(definition)
            done.append(Imported(project, definition.name, result.code, result.project_code, 0, result.notes))
    except BaseException as error:
        for one in done:
            _remove(server.rest, one.project_code, one.code, error)
        raise
    return done


def _told(ordered: list[JsonDict], given: Given) -> Given:
    """The names of the file's own workflows and tasks, for the others of the file that name them."""
    own = {(kind, code): name for (kind, _, code), name in own_names(ordered).items()}
    return {**own, **given}


def _wanting(environment: str) -> Callable[[str], bool]:
    """Whether submitting gives the environment to a task of a type that names none."""

    def wants(task_type: str) -> bool:
        alone = Definition("", "", (TaskDefinition("", task_type),), ())
        return with_environment(alone, environment) != alone

    return wants


def _import_one(server: Server, entry: JsonDict, project: str, project_code: int) -> Imported:
    rest = server.rest
    wanted = own_row(entry)
    before = {w.code for w in rest.workflows(project_code)}
    rest.import_workflows(project_code, [set_offline(entry)])
    new = [
        w for w in rest.workflows(project_code) if w.code not in before and w.name.startswith(wanted.name + "_import_")
    ]
    if len(new) != 1:
        raise TransferError(
            f"the server took the file, but {len(new)} workflows {wanted.name + '_import_...'!r} appeared in "
            f"project {project!r}"
        )
    code = new[0].code
    try:
        return _put_right(server, entry, project, project_code, new[0].name, wanted.online)
    except BaseException as error:
        _remove(rest, project_code, code, error)
        raise


def _put_right(
    server: Server,
    entry: JsonDict,
    project: str,
    project_code: int,
    name: str,
    online: bool,
) -> Imported:
    wanted = own_row(entry).name
    state = server.state(project, name)
    raw = with_params(state.raw)
    codes = {t["name"]: int(t["code"]) for t in raw["tasks"]}
    new_codes = {int(t["code"]): codes[t["name"]] for t in entry["tasks"]}
    rewritten = 0
    for dangling, put in references(raw):
        if dangling.code in new_codes:
            put(new_codes[dangling.code])
            rewritten += 1
    raw["workflow"]["name"] = wanted
    schedules = [s.id for s in state.schedules]
    live = schedules if has_live_schedule(entry) and online else []
    rewrite(server.rest, state, raw, f"import workflow {wanted!r}", online=online, schedules=live)
    notes = []
    if schedules and not live:
        notes.append("its schedule is there, and offline: exported files do not say whether it was live")
    assert state.code is not None
    return Imported(project, wanted, state.code, project_code, rewritten, tuple(notes))


def _remove(rest: RestClient, project: int, code: int, error: BaseException) -> None:
    try:
        rest.release(project, code, "OFFLINE")
        rest.delete_workflow(project, code)
    except ServerError as second:
        if isinstance(error, DsflowError):
            error.hint = f"{error.hint}; " if error.hint else ""
            error.hint += f"the half-imported workflow {code} could not be deleted ({second.message})"


# ------------------------------------------------------------------ reading a server


def read_definition(server: Server, project: str, name: str) -> Definition:
    """A workflow of the server, to be written as source.

    Tasks that have the environment which submitting gives to tasks without one come without one.

    Raises:
        TransferError: there is no such workflow.
    """
    rest = server.rest
    definition = server.read(project, name)
    if definition is None:
        code = rest.project_code(project)
        known = ", ".join(sorted(w.name for w in rest.workflows(code))) if code else ""
        what = f"project {project!r} has no workflow {name!r}" if code else f"there is no project {project!r}"
        raise TransferError(f"{what} on the server", hint=f"workflows there: {known or 'none'}" if code else None)
    default = default_environment(rest, server.profile)
    bare = replace(definition, tasks=tuple(_without(t, default) for t in definition.tasks))
    same = with_environment(bare, default) == definition
    return bare if same else definition


def _without(task: TaskDefinition, environment: str) -> TaskDefinition:
    return replace(task, environment="") if task.environment == environment else task
