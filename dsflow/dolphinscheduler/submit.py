"""Making a workflow on the server what it is declared to be, and reading it back to be sure.

The order is: read what is there, plan, check everything that can be checked, and only then write. When nothing would
change, nothing is written: no new version, no moment in which the workflow is offline. After writing, the workflow is
read back and compared with the Definition, because the gateway does not report every refusal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dsflow.config import Profile
from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler import codec
from dsflow.dolphinscheduler.checks import check_before_writing
from dsflow.dolphinscheduler.errors import DriftError, VerificationError
from dsflow.dolphinscheduler.fingerprint import fingerprint, record, recorded
from dsflow.dolphinscheduler.gateway import Gateway, WorkflowCall
from dsflow.dolphinscheduler.lock import GRACE, Lock, holder, is_dead, lock_name, submit_lock
from dsflow.dolphinscheduler.names import Names, server_names
from dsflow.dolphinscheduler.plan import Change, Plan, build_plan
from dsflow.dolphinscheduler.rest import RestClient
from dsflow.errors import DsflowError, ServerError, UnreachableError

SETTLE_CHECKS = 20
SETTLE_PAUSE = 0.5  # seconds
GRACE_PER_TASK = 0.05  # seconds that the server may need for a task, with much to spare

_SENT_TASK_FIELDS = (
    "code", "name", "version", "description", "delayTime", "taskType", "taskParams", "flag", "isCache", "taskPriority",
    "workerGroup", "environmentCode", "failRetryTimes", "failRetryInterval", "timeoutFlag", "timeoutNotifyStrategy",
    "timeout", "taskGroupId", "taskGroupPriority", "cpuQuota", "memoryMax", "taskExecuteType",
)  # fmt: skip


@dataclass(frozen=True)
class ServerState:
    """What a server holds under a workflow's name.

    Attributes:
        code: None when there is no such workflow.
        raw: the server's answer to reading it.
        schedules: its schedules, as the server gives them.
        lock: the lock of a submit that is under way or was cut short; see :mod:`dsflow.dolphinscheduler.lock`.
    """

    project_code: int
    code: int | None = None
    raw: JsonDict = field(default_factory=dict)
    schedules: list[JsonDict] = field(default_factory=list)
    definition: Definition | None = None
    lock: JsonDict | None = field(default=None, compare=False)

    @property
    def online(self) -> bool:
        """Whether the workflow is ONLINE."""
        return bool(self.raw) and self.raw["processDefinition"]["releaseState"] == "ONLINE"

    @property
    def version(self) -> int:
        """DolphinScheduler's version number, 0 when there is no such workflow."""
        return int(self.raw["processDefinition"]["version"]) if self.raw else 0

    @property
    def live_schedules(self) -> list[int]:
        """The ids of the schedules that are online."""
        return [int(s["id"]) for s in self.schedules if s.get("releaseState") == "ONLINE"]


@dataclass(frozen=True)
class SubmitResult:
    """What submitting did.

    Attributes:
        url: the workflow's page.
        plan: what was different before.
        written: False when the server held it already and nothing was sent.
        code: the workflow's code on the server.
        version: DolphinScheduler's version of the workflow, after.
        notes: what a user should know.
    """

    url: str
    plan: Plan
    written: bool
    code: int
    project_code: int
    version: int
    notes: tuple[str, ...] = ()


NO_PROJECT = 0
"""In place of the code of a project that does not exist."""


class Submitter:
    """Plans and submits to one server.

    Args:
        rest: the REST connection.
        open_gateway: connects to the gateway; only called when something is to be written.
        profile: for the tenant.
    """

    def __init__(
        self,
        rest: RestClient,
        open_gateway: Callable[[], Gateway],
        profile: Profile,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._rest = rest
        self._open_gateway = open_gateway
        self._profile = profile

    # ---------------------------------------------------------------- reading

    def project_code(self, project: str) -> int:
        """The code of a project.

        Raises:
            ServerError: there is none of that name, or the user may not see it.
        """
        code = self._rest.project_code(project)
        if code is None:
            raise ServerError(
                f"the server has no project {project!r} that user {self._rest.user()['userName']!r} may see",
                hint=f"make it: dsflow bootstrap --project {project!r}",
            )
        return code

    def read(self, project: str, name: str, names: Names | None = None) -> ServerState:
        """What the server holds under a name; of a project that is not there yet, nothing."""
        code = self._rest.project_code(project)
        if code is None:
            return ServerState(NO_PROJECT)
        return self._read(code, project, name, names or server_names(self._rest))

    def _read(self, project_code: int, project: str, name: str, names: Names) -> ServerState:
        row, lock = self._look_up(project_code, name)
        if row is None:
            return ServerState(project_code, lock=lock)
        code = int(row["code"])
        raw = self._rest.workflow(project_code, code)
        schedules = self._rest.schedules(project_code, code)
        definition = codec.from_server(raw, project, names, schedules[0] if schedules else None)
        return ServerState(project_code, code, raw, schedules, definition, lock)

    def _look_up(self, project_code: int, name: str) -> tuple[JsonDict | None, JsonDict | None]:
        """The rows of the workflow and of its lock in the project's list of workflows, by one request."""
        path = f"/projects/{project_code}/process-definition"
        rows = list(self._rest.pages(path, f"look for workflow {name!r}", searchVal=name))
        found = {row["name"]: row for row in rows}
        return found.get(name), found.get(lock_name(name))

    def plan(self, definition: Definition) -> Plan:
        """What :meth:`submit` would do; nothing is written."""
        state = self.read(definition.project, definition.name)
        return self._plan(definition, state)

    def _plan(self, definition: Definition, state: ServerState) -> Plan:
        plan = build_plan(definition, state.definition, extra=self._tenant_change(state))
        if state.project_code == NO_PROJECT:
            note = f"project {definition.project!r} is not there yet: submitting makes it"
            plan = replace(plan, notes=(*plan.notes, note))
        return replace(plan, drift=drift(state)) if plan.changes_content else plan

    def _tenant_change(self, state: ServerState) -> tuple[Change, ...]:
        """3.1 stores a tenant on the workflow and always takes the submitting user's."""
        if self._rest.series() >= (3, 2) or not state.raw:
            return ()
        held = state.raw["processDefinition"].get("tenantCode")
        own = self._rest.user().get("tenantCode")
        return (Change("tenant", held, own),) if held and held != own else ()

    # ---------------------------------------------------------------- writing

    def submit(self, definition: Definition, *, overwrite: bool = False) -> SubmitResult:
        """Make the server hold exactly what is declared.

        Args:
            overwrite: also when that undoes what somebody else changed on the server.

        Raises:
            DriftError: somebody else changed it, or made it without dsflow, and ``overwrite`` is not set.
            UnreachableError: a server does not answer; if that happened while writing, submitting again finishes it.
            UnknownNameError: the Definition names something that the server does not have; nothing was written.
            RefusedError: the server refused; the workflow's state was restored.
            VerificationError: the server took the change and holds something else.
        """
        names = server_names(self._rest)
        state = self.read(definition.project, definition.name, names)
        plan = self._plan(definition, state)
        if plan.is_empty and not (state.lock and is_dead(state.lock)):
            notes = plan.notes
            if state.lock is not None:
                notes += (f"another submit of this workflow is under way ({holder(state.lock)})",)
            return self._result(definition, state, plan, written=False, notes=notes)
        if not plan.is_empty:
            self._refuse(definition, state, plan, overwrite, names)
        project = self._made_project(definition.project) if state.project_code == NO_PROJECT else state.project_code
        grace = GRACE + GRACE_PER_TASK * len(definition.tasks)
        with submit_lock(self._rest, project, definition.name, grace=grace, sleep=self._sleep) as lock:
            result = self._submit(definition, overwrite, lock, replace(state, project_code=project), plan, names)
        if lock.stuck:
            note = f"workflow {lock_name(definition.name)!r}, the lock, could not be removed: the next submit does it"
            result = replace(result, notes=(*result.notes, note))
        return result

    def _made_project(self, project: str) -> int:
        try:
            return self._rest.create_project(project, "")
        except ServerError:
            code = self._rest.project_code(project)  # another submit may have been faster
            if code is None:
                raise
            return code

    def _refuse(
        self, definition: Definition, state: ServerState, plan: Plan, overwrite: bool, names: Names | None = None
    ) -> None:
        """Raise for everything that speaks against writing."""
        if plan.drift and not overwrite:
            raise DriftError(
                plan.drift,
                hint="look at the plan; submit --overwrite-drift (deploy --overwrite) replaces what is there",
            )
        names = names or server_names(self._rest)
        check_before_writing(self._rest, self._profile, definition, state.project_code, names, plan)
        codes = {task.name: 1 for task in definition.tasks}
        codec.tasks_to_server(definition, codes, names, self._rest.series())

    def _submit(
        self, definition: Definition, overwrite: bool, lock: Lock, before: ServerState, checked: Plan, names: Names
    ) -> SubmitResult:
        """Under the lock. ``before`` was read and ``checked`` was planned and checked before we had it."""
        if lock.waited or lock.taken_over or self._changed(before, definition.name):
            names = server_names(self._rest)
            state = self._read(before.project_code, definition.project, definition.name, names)
        else:
            state = before
        plan = self._plan(definition, state)
        notes = (*plan.notes, *_history(lock, state))
        if plan.is_empty:
            return self._result(definition, state, plan, written=False, notes=notes)
        if state is not before or checked.is_empty:
            self._refuse(definition, state, plan, overwrite, names)
        codes = self._settle_codes(definition, state, plan)
        tasks = self._tasks(definition, state, plan, codes, names)
        try:
            if plan.changes_content or any(c.field == "tenant" for c in plan.workflow):
                with self._open_gateway() as gateway:
                    notes += tuple(gateway.notes())
                    try:
                        code = gateway.create_or_update(self._call(definition, tasks, codes))
                    except UnreachableError as error:
                        code = self._outcome(definition, error)
                        notes += ("the connection to the gateway broke during the call, but the server carried it out",)
            else:
                assert state.code is not None
                code = state.code
                if plan.changes_release:
                    self._rest.release(state.project_code, code, definition.release_state)
            self._apply_schedule(definition, state, plan, code, names)
        except BaseException as error:  # also when the user interrupts: nothing may be left offline
            lock.keep = not self._after_failure(definition, state, error)
            raise
        return self._verified(definition, state.project_code, plan, code, notes, names)

    def _changed(self, before: ServerState, name: str) -> bool:
        """Whether the server holds something else than a moment ago, by two small requests."""
        row, _ = self._look_up(before.project_code, name)
        if row is None or before.code is None:
            return (row is None) != (before.code is None)
        process = before.raw["processDefinition"]
        if any(row.get(key) != process.get(key) for key in ("code", "version", "releaseState", "updateTime")):
            return True
        return self._rest.schedules(before.project_code, before.code) != before.schedules

    def _outcome(self, definition: Definition, error: UnreachableError) -> int:
        """The connection broke during the call: the workflow's code if the server carries it out all the same.

        Until it is known, nothing may be touched: going online in the middle makes the server refuse its own update.
        """
        for _ in range(SETTLE_CHECKS):
            state = self.read(definition.project, definition.name)
            left = self._plan(definition, state)
            if state.code is not None and not left.changes_content and not left.changes_release:
                return state.code
            self._sleep(SETTLE_PAUSE)
        raise error

    def _settle_codes(self, definition: Definition, state: ServerState, plan: Plan) -> dict[str, int]:
        held = {t["name"]: int(t["code"]) for t in state.raw.get("taskDefinitionList", [])}
        renamed = plan.renamed
        codes = {
            t.name: held[renamed.get(t.name, t.name)] for t in definition.tasks if renamed.get(t.name, t.name) in held
        }
        new = [t.name for t in definition.tasks if t.name not in codes]
        if new:
            codes.update(zip(new, self._rest.task_codes(state.project_code, len(new)), strict=True))
        return codes

    def _tasks(
        self, definition: Definition, state: ServerState, plan: Plan, codes: dict[str, int], names: Names
    ) -> list[JsonDict]:
        """Every task as it is sent: an unchanged one exactly as the server gave it, so that it gets no new version."""
        rows = {int(t["code"]): t for t in state.raw.get("taskDefinitionList", [])}
        versions = {name: int(rows[code]["version"]) for name, code in codes.items() if code in rows}
        touched = {t.name for t in plan.tasks}
        sent = codec.tasks_to_server(definition, codes, names, self._rest.series(), versions=versions)
        for index, task in enumerate(sent):
            if task["name"] not in touched:
                row = rows[task["code"]]
                sent[index] = {k: row[k] for k in _SENT_TASK_FIELDS if k in row} | {
                    "taskParams": codec.task_params(row)
                }
        return sent

    def _call(self, definition: Definition, tasks: list[JsonDict], codes: dict[str, int]) -> WorkflowCall:
        return WorkflowCall(
            user=self._rest.user()["userName"],
            project=definition.project,
            name=definition.name,
            description=definition.description,
            global_params=json.dumps(codec.params_to_server(definition)),
            # These three reach a schedule that the gateway makes; ours goes over REST, which tells when it fails.
            warning_type="NONE",
            warning_group_id=0,
            worker_group="default",
            execution_type=definition.execution_type,
            timeout=definition.timeout,
            online=definition.release_state == "ONLINE",
            relations=json.dumps(codec.relations_to_server(definition, codes, record(definition))),
            tasks=json.dumps(tasks),
        )

    def _apply_schedule(self, definition: Definition, state: ServerState, plan: Plan, code: int, names: Names) -> None:
        """Make the schedule what is declared, or bring an undeclared one back to the state it had."""
        project, rest = state.project_code, self._rest
        online = definition.release_state == "ONLINE"
        if definition.schedule is None:
            if online:
                self._bring_online(project, code, state.live_schedules)
            return
        held = state.schedules[0] if state.schedules else None
        form = codec.schedule_to_form(
            definition,
            names,
            environment=int(held.get("environmentCode") or -1) if held else -1,
            tenant=self._schedule_tenant(held),
        )
        if held is None:
            if not online:
                rest.release(project, code, "ONLINE")  # a schedule can only be made on an online workflow
            rest.create_schedule(project, {**form, "processDefinitionCode": code})
            if not online:
                rest.release(project, code, "OFFLINE")
            held = rest.schedules(project, code)[0]
        elif plan.changes_schedule:
            self._set_schedule_offline(project, code, int(held["id"]))
            rest.update_schedule(project, int(held["id"]), form)
        if online:
            others = [s for s in state.live_schedules if s != int(held["id"])]
            wanted = [int(held["id"])] if definition.schedule.online else []
            self._bring_online(project, code, wanted + others)
            if not definition.schedule.online:
                self._set_schedule_offline(project, code, int(held["id"]))

    def _schedule_tenant(self, held: JsonDict | None) -> str | None:
        if self._rest.series() < (3, 2):
            return None
        kept = held.get("tenantCode") if held else None
        return str(self._profile.tenant or kept or self._rest.user().get("tenantCode") or "default")

    def _bring_online(self, project: int, code: int, wanted: list[int]) -> None:
        if not wanted:
            return
        live = {int(s["id"]) for s in self._rest.schedules(project, code) if s.get("releaseState") == "ONLINE"}
        for schedule in wanted:
            if schedule not in live:
                self._rest.release_schedule(project, schedule, online=True)

    def _set_schedule_offline(self, project: int, code: int, schedule: int) -> None:
        live = {int(s["id"]) for s in self._rest.schedules(project, code) if s.get("releaseState") == "ONLINE"}
        if schedule in live:
            self._rest.release_schedule(project, schedule, online=False)

    # ---------------------------------------------------------------- afterwards

    def _verified(
        self, definition: Definition, project: int, plan: Plan, code: int, notes: tuple[str, ...], names: Names
    ) -> SubmitResult:
        state = self._read(project, definition.project, definition.name, names)
        left = self._plan(definition, state)
        if state.code != code or not left.is_empty:
            raise VerificationError(
                f"the server took workflow {definition.name!r} without an error, but does not hold what was declared; "
                "still different:",
                left.differences() or [f"it has the code {state.code}, and {code} was written"],
                hint="did someone else change it at the same moment? Submitting again shows what is left",
            )
        return self._result(definition, state, plan, written=True, notes=notes)

    def _after_failure(self, definition: Definition, before: ServerState, error: BaseException) -> bool:
        """Restore the release state and the live schedules of a workflow that a failed update left offline.

        Gives:
            Whether nothing is left half done: if so, the lock need not tell the next submit.
        """
        try:
            after = self.read(definition.project, definition.name)
            if before.code is None or not before.online:  # nothing to restore; but is it as it was?
                return (after.code, after.raw, after.schedules) == (before.code, before.raw, before.schedules)
            if not after.online:
                self._rest.release(before.project_code, before.code, "ONLINE")
            self._bring_online(before.project_code, before.code, before.live_schedules)
            _add_hint(error, "the workflow is online as before")
            return True
        except ServerError as second:
            if before.code is not None and before.online:
                lost = "and its schedule " if before.live_schedules else ""
                _add_hint(
                    error,
                    f"the workflow {lost}may now be offline, and could not be set online again ({second.message}); "
                    "submitting again finishes it",
                )
            return False

    def _result(
        self, definition: Definition, state: ServerState, plan: Plan, *, written: bool, notes: tuple[str, ...]
    ) -> SubmitResult:
        assert state.code is not None
        return SubmitResult(
            url=workflow_url(self._profile, state.project_code, state.code),
            plan=plan,
            written=written,
            code=state.code,
            project_code=state.project_code,
            version=state.version,
            notes=notes,
        )


def _history(lock: Lock, state: ServerState) -> tuple[str, ...]:
    """What whoever had the lock before us left, in words."""
    if lock.taken_over:
        left = []
        if state.code is not None and not state.online:
            left.append("the workflow offline")
        if state.schedules and not state.live_schedules:
            left.append("its schedule offline")
        found = " and ".join(left) or "nothing undone but its lock"
        return (f"an earlier submit ({lock.taken_over}) was cut short; it had left {found}",)
    if lock.waited > 0:
        return (f"waited {lock.waited:.1f} s for another submit of this workflow",)
    return ()


def drift(state: ServerState) -> str:
    """'' or a sentence on how the server's workflow is not what dsflow last submitted."""
    if state.definition is None:
        return ""
    submitted = recorded(state.raw["processTaskRelationList"])
    if submitted == fingerprint(state.definition):
        return ""
    when = state.raw["processDefinition"].get("updateTime")
    what = f"version {state.version} of workflow {state.definition.name!r} on the server"
    change = f"; last changed {when}" if when else ""
    if submitted is None:
        return f"{what} was not submitted by dsflow, or was edited on the web page since{change}"
    return f"{what} was changed since dsflow submitted it{change}"


def _add_hint(error: BaseException, more: str) -> None:
    if isinstance(error, DsflowError):
        error.hint = f"{error.hint}; {more}" if error.hint else more


def web_url(profile: Profile) -> str:
    """Where the web page is: ``web_url`` of the profile, else ``/ui`` beside the API."""
    return (profile.web_url or profile.require_api() + "/ui").rstrip("/")


def workflow_url(profile: Profile, project: int, code: int) -> str:
    """The page of a workflow."""
    return f"{web_url(profile)}/projects/{project}/workflow/definitions/{code}"
