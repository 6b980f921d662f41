"""Deploying many workflows: read all, check all, then write what changed, side by side, in the order of their needs.

Few reads: the projects, and in each project its workflows and schedules come as lists; only each workflow's content is
a read of its own. What is unchanged costs that one read and no write.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Literal

from dsflow.declare.tasks.about import WORKFLOW
from dsflow.definition import SUB_WORKFLOW, Definition, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import default_environment, with_environment
from dsflow.dolphinscheduler.lock import Spares, is_dead, lock_name
from dsflow.dolphinscheduler.lock import note as lock_note
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.register import PREFIX, Entry, entries_of, register_definition, register_name
from dsflow.dolphinscheduler.state import NO_PROJECT, Content, ServerState
from dsflow.dolphinscheduler.submit import Checked, SubmitResult, Submitter
from dsflow.dolphinscheduler.versions import delete_workflow
from dsflow.dolphinscheduler.wire.codec import named_by
from dsflow.dolphinscheduler.wire.dependences import dependences, without_dependences
from dsflow.dolphinscheduler.wire.gateway import Gateways
from dsflow.dolphinscheduler.wire.names import Names, server_names
from dsflow.dolphinscheduler.wire.pages import workflow_page
from dsflow.dolphinscheduler.wire.rows import Schedule, WorkflowRow
from dsflow.errors import DeclarationError, DsflowError, ServerError, SourceLocation

READERS = 8
WRITERS = 4

Key = tuple[str, str]
Outcome = Literal["unchanged", "created", "updated", "failed", "skipped", "planned"]


@dataclass(frozen=True)
class Declared:
    """A workflow to deploy.

    Attributes:
        file: its source, relative to the repository's root.
        where: where it was declared.
    """

    definition: Definition
    file: str
    where: SourceLocation | None = None

    @property
    def key(self) -> Key:
        """Project and name."""
        return self.definition.project, self.definition.name


@dataclass
class Item:
    """One workflow of a deployment, and what became of it.

    Attributes:
        error: why it is ``failed`` or ``skipped``.
    """

    declared: Declared
    definition: Definition
    state: ServerState
    plan: Plan
    needs: frozenset[Key] = frozenset()
    outcome: Outcome = "planned"
    error: DsflowError | None = None
    result: SubmitResult | None = None
    url: str = ""

    @property
    def key(self) -> Key:
        """Project and name."""
        return self.declared.key

    @property
    def cut_short(self) -> bool:
        """Whether an earlier submit left its lock behind: submitting removes it, also when nothing would change."""
        return self.state.lock is not None and is_dead(self.state.lock)

    def checked(self, names: Names, project_code: int | None = None) -> Checked:
        """As what was planned and checked.

        Args:
            project_code: of a project that was not there when it was planned.
        """
        state = self.state if project_code is None else replace(self.state, project_code=project_code)
        return Checked(self.definition, state, self.plan, names, recent=False)


@dataclass(frozen=True)
class Pruned:
    """A workflow that the repository deployed and no longer declares."""

    project: str
    project_code: int
    entry: Entry


@dataclass
class Deployment:
    """Everything that a deployment would do, and then: has done.

    Attributes:
        errors: what speaks against writing anything.
        to_prune: what would be deleted.
        pruned: what was.
        prune_errors: what could not be.
        notes: what a user should know.
    """

    owner: str | None
    items: list[Item] = field(default_factory=list)
    errors: list[DsflowError] = field(default_factory=list)
    to_prune: list[Pruned] = field(default_factory=list)
    pruned: list[Pruned] = field(default_factory=list)
    prune_errors: list[DsflowError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    registers: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def changed(self) -> list[Item]:
        """The workflows that are not as declared."""
        return [i for i in self.items if not i.plan.is_empty]

    @property
    def to_submit(self) -> list[Item]:
        """The workflows that are changed, and those whose last submit was cut short."""
        return [i for i in self.items if not i.plan.is_empty or i.cut_short]

    @property
    def all_errors(self) -> list[DsflowError]:
        """Everything that went wrong."""
        return [*self.errors, *self.prune_errors, *(i.error for i in self.items if i.error is not None)]

    @property
    def failed(self) -> bool:
        """Whether anything went wrong."""
        return bool(self.all_errors)


@dataclass
class _Project:
    code: int
    whole: bool = False  # whether all its workflows are known, not only the registers
    workflows: dict[str, WorkflowRow] = field(default_factory=dict)
    schedules: dict[int, list[Schedule]] = field(default_factory=dict)
    registers: dict[str, list[Entry]] = field(default_factory=dict)


class Deployer:
    """Deploys to one server.

    Args:
        server: the server.
        owner: the repository's identity; None leaves no mark, and nothing can be pruned.
        overwrite: also undo what somebody else changed on the server.
        take_over: also deploy what another repository's register lists.
    """

    def __init__(
        self, server: Server, owner: str | None = None, *, overwrite: bool = False, take_over: bool = False
    ) -> None:
        self._server = server
        self._rest = server.rest
        self._owner = owner
        self._overwrite = overwrite
        self._take_over = take_over
        self._gateways = Gateways(server.profile, keep=True)
        self._spares = Spares(server.rest)
        self._submitter = Submitter(server.rest, self._gateways, server.profile, spares=self._spares)
        self._projects: dict[str, _Project] = {}

    # ---------------------------------------------------------------- reading and checking

    def plan(self, declared: list[Declared], *, prune: Iterable[str] | None = None) -> Deployment:
        """Read and check everything; nothing is written.

        Args:
            prune: the paths (relative to the repository's root) below which sources that are gone mean workflows to
                delete; None prunes nothing.
        """
        deployment = Deployment(self._owner)
        _check_unique(declared, deployment)
        self._rest.user(refresh=True)
        codes = {str(p["name"]): int(p["code"]) for p in self._rest.projects()}
        wanted = {d.definition.project for d in declared}
        self._read_projects({n: c for n, c in codes.items() if n in wanted})
        names = server_names(self._rest)
        environment = default_environment(self._rest, self._server.profile, names)
        with ThreadPoolExecutor(READERS) as pool:
            items = pool.map(lambda d: self._item(d, names, environment), declared)
            deployment.items = list(items)
        keys = {i.key: i for i in deployment.items}
        for item in deployment.items:
            item.needs = frozenset(n for n in references(item.definition) if n in keys and n != item.key)
            if item.state.lock is not None:
                deployment.notes.append(f"{'/'.join(item.key)}: {lock_note(item.state.lock)}")
            if item.plan.is_empty:
                item.outcome = "unchanged"
                continue
            deployment.errors += [_at(error, item.declared) for error in self._objections(item, keys, names)]
        _check_order(deployment)
        self._check_owners(deployment)
        if prune is not None:
            self._read_projects({n: c for n, c in codes.items() if n not in wanted}, registers_only=True)
            self._find_prunable(deployment, list(prune))
        return deployment

    def _read_projects(self, codes: dict[str, int], *, registers_only: bool = False) -> None:
        with ThreadPoolExecutor(READERS) as pool:
            found = pool.map(lambda c: self._read_project(c, registers_only), codes.values())
            self._projects.update(zip(codes, found, strict=True))

    def _read_project(self, code: int, registers_only: bool) -> _Project:
        project = _Project(code, whole=not registers_only)
        if registers_only:
            rows = list(self._rest.workflows_named(code, PREFIX, "look for registers"))
        else:
            rows = self._rest.workflows(code)
            for schedule in self._rest.project_schedules(code):
                project.schedules.setdefault(schedule.workflow_code, []).append(schedule)
        project.workflows = {row.name: row for row in rows}
        for name, row in project.workflows.items():
            if name.startswith(PREFIX):
                project.registers[name] = entries_of(self._rest.workflow(code, row.code))
        return project

    def _item(self, declared: Declared, names: Names, environment: str) -> Item:
        definition = with_environment(declared.definition, environment)
        project = self._projects.get(definition.project)
        state = ServerState(project.code if project else NO_PROJECT)
        row = project.workflows.get(definition.name) if project else None
        lock = project.workflows.get(lock_name(definition.name)) if project else None
        if project is not None and row is not None:
            code = row.code
            fills = self._rest.called(lambda series: series.fills_declared)
            held = Content(self._rest.workflow(project.code, code), project.schedules.get(code, []), fills)
            state = held.state(project.code, definition.project, names, lock)
        elif project is not None:
            state = ServerState(project.code, lock=lock)
        item = Item(declared, definition, state, self._submitter.compare(definition, state))
        if state.code is not None:
            item.url = workflow_page(self._server.profile, state.project_code, state.code)
        return item

    def _objections(self, item: Item, keys: dict[Key, Item], names: Names) -> list[DsflowError]:
        """Everything that speaks against submitting it, but for what an earlier submit of this deployment brings."""
        coming = {n: keys[n].definition for n in item.needs if not keys[n].plan.is_empty}
        checked, definition, tasks = item.checked(names), item.definition, []
        found: list[DsflowError] = []
        for task in definition.tasks:
            try:
                tasks.append(_without(task, definition.project, coming))
            except DeclarationError as error:
                found.append(error)
                tasks.append(replace(task, task_params={}))
        checked = replace(checked, definition=replace(definition, tasks=tuple(tasks)))
        try:
            return found + self._submitter.objections(checked, overwrite=self._overwrite)
        except DsflowError as error:
            return [*found, error]

    def _check_owners(self, deployment: Deployment) -> None:
        for item in deployment.items:
            project = self._projects.get(item.definition.project)
            if project is None or item.state.code is None:
                continue
            for name, entries in project.registers.items():
                theirs = self._owner is None or name != register_name(self._owner)
                if not theirs or not any(e.code == item.state.code for e in entries):
                    continue
                other = name.removeprefix(PREFIX)
                what = f"{'/'.join(item.key)} is deployed by {other}"
                if self._take_over:
                    deployment.notes.append(f"{what}: taken over from there")
                elif self._owner is None:
                    deployment.notes.append(f"{what}, and this repository has no identity: see --owner")
                else:
                    error = DeclarationError(
                        f"{what}, not by {self._owner}",
                        hint=f"remove it there; or deploy with --owner {other}, or with --take-over",
                    )
                    deployment.errors.append(_at(error, item.declared))

    def _find_prunable(self, deployment: Deployment, paths: list[str]) -> None:
        if self._owner is None:
            raise DeclarationError(
                "nothing can be pruned for a repository without an identity", hint="give --owner NAME"
            )
        own = register_name(self._owner)
        declared = {i.key for i in deployment.items}
        codes = {i.state.code for i in deployment.items}
        for name, project in sorted(self._projects.items()):
            entries = [e for e in project.registers.get(own, []) if e.within(paths)]
            theirs = {e.code for r, es in project.registers.items() if r != own for e in es}
            if not entries:
                continue
            present = {row.code: row.name for row in self._rest.workflows(project.code)}
            for entry in sorted(entries):
                if (name, entry.name) in declared or entry.code in codes or entry.code not in present:
                    continue
                what = f"{name}/{entry.name} is no longer declared, but is kept:"
                if present[entry.code] != entry.name:
                    deployment.notes.append(f"{what} it was renamed to {present[entry.code]!r} on the server")
                elif entry.code in theirs:
                    deployment.notes.append(f"{what} another repository deploys it too")
                else:
                    deployment.to_prune.append(Pruned(name, project.code, entry))

    # ---------------------------------------------------------------- writing

    def apply(self, deployment: Deployment, tell: Callable[[Item], None] | None = None) -> None:
        """Write what the plan says; one failure stops only what needs that workflow.

        Args:
            tell: is called with each workflow as soon as it is done.

        Raises:
            DeclarationError: the plan has errors; nothing was written.
        """
        if deployment.errors:
            raise DeclarationError("the deployment has errors; nothing was written")
        try:
            self._apply(deployment, tell or (lambda item: None))
        finally:
            if not self._spares.remove():
                deployment.notes.append(
                    f"a workflow {lock_name('...')!r}, a lock, could not be removed: the next submit does it"
                )
            self._gateways.close()

    def _apply(self, deployment: Deployment, tell: Callable[[Item], None]) -> None:
        missing = sorted({i.definition.project for i in deployment.changed} - set(self._projects))
        if missing:
            # if it cannot be used, no empty project is to be left
            self._gateways.give_back(self._gateways.take())
        for project in missing:
            self._projects[project] = _Project(self._rest.create_project(project, ""))
        self._submit_all(deployment, tell)
        if any(i.outcome in ("failed", "skipped") for i in deployment.items):
            if deployment.to_prune:
                deployment.notes.append("nothing was pruned, because not everything could be deployed")
        else:
            self._prune(deployment)
        self._write_registers(deployment)

    def _submit_all(self, deployment: Deployment, tell: Callable[[Item], None]) -> None:
        items = {i.key: i for i in deployment.items}
        pending = {i.key for i in deployment.to_submit}
        order = graphlib.TopologicalSorter({k: items[k].needs & pending for k in pending})
        order.prepare()
        names = server_names(self._rest)  # those of the plan may be old
        running: dict[Future[SubmitResult], Item] = {}
        with ThreadPoolExecutor(WRITERS) as pool:
            while order.is_active():
                for key in order.get_ready():
                    item = items[key]
                    broken = sorted(n for n in item.needs if items[n].outcome in ("failed", "skipped"))
                    if broken:
                        item.outcome = "skipped"
                        item.error = DsflowError(f"it needs {'/'.join(broken[0])}, which could not be deployed")
                        order.done(key)
                        tell(item)
                    else:
                        checked = None  # what names a workflow that came only now is checked with it
                        if not item.needs & pending:
                            checked = item.checked(names, self._projects[item.definition.project].code)
                        future = pool.submit(
                            self._submitter.submit, item.definition, overwrite=self._overwrite, checked=checked
                        )
                        running[future] = item
                done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), set())
                for future in done:
                    item = running.pop(future)
                    self._take(item, future)
                    order.done(item.key)
                    tell(item)

    @staticmethod
    def _take(item: Item, future: Future[SubmitResult]) -> None:
        try:
            item.result = future.result()
        except DsflowError as error:
            item.outcome, item.error = "failed", error
            return
        item.url = item.result.url
        if not item.result.written:
            item.outcome = "unchanged"
        else:
            item.outcome = "created" if item.plan.action == "create" else "updated"

    def _prune(self, deployment: Deployment) -> None:
        for pruned in deployment.to_prune:
            try:
                delete_workflow(self._rest, pruned.project_code, pruned.entry.code)
            except ServerError as error:
                deployment.prune_errors.append(error)
            else:
                deployment.pruned.append(pruned)

    def _write_registers(self, deployment: Deployment) -> None:
        """Write down what belongs to the repository now, where that is not what stands there."""
        if self._owner is None:
            return
        own = register_name(self._owner)
        gone = {p.entry.code for p in deployment.pruned}
        for name, project in self._projects.items():
            before = project.registers.get(own, [])
            present = {row.code for row in project.workflows.values()} if project.whole else None
            entries = {e.code: e for e in before if e.code not in gone and (present is None or e.code in present)}
            for item in deployment.items:
                code = item.result.code if item.result else item.state.code
                if item.definition.project == name and code is not None:
                    entries[code] = Entry(code, item.definition.name, item.declared.file)
            if self._take_over:
                for register, theirs in project.registers.items():  # what is ours now leaves the others' registers
                    kept = [e for e in theirs if e.code not in entries]
                    if register != own and len(kept) != len(theirs):
                        self._write_register(deployment, name, register.removeprefix(PREFIX), kept)
            lock = project.workflows.get(lock_name(own))
            if sorted(entries.values()) != sorted(before) or (lock is not None and is_dead(lock)):
                self._write_register(deployment, name, self._owner, list(entries.values()))

    def _write_register(self, deployment: Deployment, project: str, owner: str, entries: list[Entry]) -> None:
        try:
            result = self._submitter.submit(register_definition(project, owner, entries), overwrite=True)
        except ServerError as error:
            error.message = f"the register of {owner} in project {project!r}: {error.message}"
            deployment.prune_errors.append(error)
            return
        said = {note for item in deployment.items if item.result for note in item.result.notes}
        deployment.notes += [
            f"the register of {owner} in project {project!r}: {n}" for n in result.notes if n not in said
        ]


# ---------------------------------------------------------------- pure functions


def references(definition: Definition) -> set[Key]:
    """The workflows that a workflow's SUB_PROCESS and DEPENDENT tasks name."""
    found: set[Key] = set()
    for task in definition.tasks:
        found.update((definition.project, str(name)) for name in named_by(task, WORKFLOW))
        found.update((one.project, one.workflow) for one in dependences(task))
    return found


def _without(task: TaskDefinition, project: str, coming: dict[Key, Definition]) -> TaskDefinition:
    """A task without its references to workflows that this deployment is about to write."""
    for name in map(str, named_by(task, WORKFLOW)):
        if (project, name) in coming:
            if coming[project, name].release_state != "ONLINE":
                raise DeclarationError(
                    f"task {task.name!r} runs workflow {name!r}, which is declared offline", where=task.where
                )
            return replace(task, task_params={**task.task_params, SUB_WORKFLOW: ""})
    awaited = dependences(task)
    for one in awaited:
        target = coming.get((one.project, one.workflow))
        if target is not None and one.task and one.task not in {t.name for t in target.tasks}:
            raise DeclarationError(
                f"task {task.name!r} waits for task {one.task!r} of {target.project}/{target.name}, "
                "which declares none of that name",
                where=task.where,
            )
    return without_dependences(task, lambda one: (one.project, one.workflow) in coming) if awaited else task


def _check_unique(declared: list[Declared], deployment: Deployment) -> None:
    first: dict[Key, Declared] = {}
    for one in list(declared):
        other = first.setdefault(one.key, one)
        if other is one:
            continue
        declared.remove(one)
        if other.where == one.where and other.definition == one.definition:
            continue  # a file that another one imports
        error = DeclarationError(
            f"workflow {'/'.join(one.key)} is declared twice", hint=f"the other one is at {other.where or other.file}"
        )
        deployment.errors.append(_at(error, one))


def _check_order(deployment: Deployment) -> None:
    pending = {i.key for i in deployment.to_submit}
    try:
        graphlib.TopologicalSorter({i.key: i.needs & pending for i in deployment.to_submit}).prepare()
    except graphlib.CycleError as error:
        names = " -> ".join("/".join(key) for key in error.args[1])
        deployment.errors.append(
            DeclarationError(
                f"these workflows need each other in a circle: {names}",
                hint="deploy one of them without its SUB_PROCESS or DEPENDENT task first",
            )
        )


def _at(error: DsflowError, declared: Declared) -> DsflowError:
    if error.where is None:
        error.where = declared.where or declared.file
    return error
