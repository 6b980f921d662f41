"""Making a workflow on the server what it is declared to be, and reading it back to be sure.

The order is: read what is there, plan, check everything that can be checked, and only then write. When nothing would
change, nothing is written: no new version, no moment in which the workflow is offline. After writing, the workflow is
read back and compared with the Definition, because the gateway does not report every refusal.

What is asked for side by side is only ever reads; before each write, all of them have been answered. The lock alone is
removed beside a read, the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from dsflow.config import Profile
from dsflow.definition import Definition
from dsflow.dolphinscheduler.checks import ask as ask_for_checks
from dsflow.dolphinscheduler.checks import refusals
from dsflow.dolphinscheduler.drift import content_drift, is_unrecorded, schedule_drift, schedule_edits
from dsflow.dolphinscheduler.errors import DriftError, RefusedError, VerificationError
from dsflow.dolphinscheduler.history import is_as_submitted, since_submitted
from dsflow.dolphinscheduler.lock import GRACE, Lock, Spares, is_dead, lock_name, submit_lock
from dsflow.dolphinscheduler.lock import note as lock_note
from dsflow.dolphinscheduler.pagesave import with_types_of
from dsflow.dolphinscheduler.payload import held_codes, workflow_call
from dsflow.dolphinscheduler.plan import Change, Plan, build_plan
from dsflow.dolphinscheduler.schedules import apply_schedule, bring_online, preview_note, put_back
from dsflow.dolphinscheduler.state import (
    NO_PROJECT,
    Location,
    ServerState,
    ask,
    find,
    locate,
    look_again,
    read,
)
from dsflow.dolphinscheduler.wire.fingerprint import recorded_schedule, schedule_part
from dsflow.dolphinscheduler.wire.forms import content_form
from dsflow.dolphinscheduler.wire.gateway import Gateway, Gateways, Lease, WorkflowCall
from dsflow.dolphinscheduler.wire.names import Names, server_names
from dsflow.dolphinscheduler.wire.pages import workflow_page
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import own_row
from dsflow.errors import DsflowError, ServerError, SeveralErrors, UnreachableError

SETTLE_CHECKS = 20
SETTLE_PAUSE = 0.5  # seconds
WRITE_ATTEMPTS = 3
RESTORE_CHECKS = 4
GRACE_PER_TASK = 0.05  # seconds that the server may need for a task, with much to spare


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


@dataclass(frozen=True)
class Checked:
    """A Definition, what the server held when it was planned and checked, and the plan.

    Attributes:
        names: knows what the checks have asked for.
        recent: it was read a moment ago, so that two small requests under the lock tell whether another submit came
            between. Otherwise it is read anew there: then more may have happened than another submit.
        groups: for the checks, from :func:`dsflow.dolphinscheduler.checks.ask`, where they have been asked for.
    """

    definition: Definition
    state: ServerState
    plan: Plan
    names: Names
    recent: bool = True
    groups: Future[list[str]] | None = None

    @property
    def writes_content(self) -> bool:
        """Whether submitting writes the workflow itself."""
        return _writes_content(self.definition, self.state, self.plan)


class Submitter:
    """Plans and submits to one server.

    Args:
        rest: the REST connection.
        gateways: connect to the gateway; only when something is to be written.
        profile: for the tenant.
        spares: where locks come from and go to; for many submits.
    """

    def __init__(
        self,
        rest: RestClient,
        gateways: Gateways,
        profile: Profile,
        *,
        spares: Spares | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._rest = rest
        self._gateways = gateways
        self._spares = spares
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
                f"the server has no project {project!r} that user {self._rest.user().name!r} may see",
                hint=f"make it: dsflow bootstrap --project {project!r}",
            )
        return code

    def look_ahead(self, definition: Definition) -> Future[Location]:
        """Begin to look for the workflow while something else is asked for."""
        self._rest.soon(self._rest.possible_series)  # what the list of workflows is called depends on it
        return self._rest.soon(locate, self._rest, definition.project, definition.name)

    def read(self, project: str, name: str) -> ServerState:
        """What the server holds under a name; of a project that is not there yet, nothing."""
        return read(self._rest, locate(self._rest, project, name), project, server_names(self._rest))

    def plan(self, definition: Definition, place: Future[Location] | None = None, names: Names | None = None) -> Plan:
        """What :meth:`submit` would do; nothing is written.

        Args:
            place: from :meth:`look_ahead`.
            names: learns what is asked for.
        """
        checked = self._planned(definition, place, names)
        plan = checked.plan
        if not plan.is_empty:
            plan = replace(plan, problems=tuple(str(error) for error in self._refusals(checked)))
        if checked.state.lock is not None:
            plan = replace(plan, notes=(*plan.notes, lock_note(checked.state.lock)))
        return plan

    def _planned(
        self,
        definition: Definition,
        place: Future[Location] | None,
        names: Names | None,
        lease: Lease | None = None,
    ) -> Checked:
        """Read and compare.

        Args:
            lease: when there is a difference, what writing needs is begun; whose it is, is found out meanwhile.
        """
        rest, names = self._rest, names or server_names(self._rest)
        place = place or self.look_ahead(definition)
        user = rest.soon(lambda: rest.user(refresh=True))
        state = read(rest, place.result(), definition.project, names)
        user.result()
        plan, groups = self._differences(definition, state), None
        if lease is not None and not plan.is_empty:
            if _writes_content(definition, state, plan):
                lease.open_ahead(lambda gateway: self._check_server(gateway, definition.project, state.project_code))
            groups = ask_for_checks(rest)
        return Checked(definition, state, self._explained(plan, definition, state), names, groups=groups)

    def compare(self, definition: Definition, state: ServerState, *, alone: bool = False) -> Plan:
        """The plan that leads from a state to a Definition, with its notes, and drift from the server's history.

        Args:
            alone: the state was read under our lock.
        """
        return self._explained(self._differences(definition, state), definition, state, alone=alone)

    def _explained(self, plan: Plan, definition: Definition, state: ServerState, *, alone: bool = False) -> Plan:
        if state.project_code == NO_PROJECT:
            plan = replace(plan, notes=(*plan.notes, _missing(definition.project)))
        if plan.changes_schedule and (note := preview_note(self._rest, definition, state.project_code)):
            plan = replace(plan, notes=(*plan.notes, note))
        content = content_drift(state, plan)
        if content and is_unrecorded(state) and is_as_submitted(self._rest, state, server_names(self._rest), plan):
            content = ""  # it was saved on the page, and nothing was edited
        found = content, schedule_drift(self._rest, state, plan, alone=alone)
        sentences = "; ".join(sentence for sentence in found if sentence)
        if not sentences:
            return plan
        since = since_submitted(self._rest, state, server_names(self._rest), definition, plan)
        return replace(plan, drift=sentences, since=since)

    def _differences(self, definition: Definition, state: ServerState) -> Plan:
        """That plan without drift and notes: the server's history is not read for it."""
        now = datetime.now(timezone.utc)
        held = state.definition and with_types_of(state.definition, state.raw, definition)
        return build_plan(definition, held, extra=self._tenant_change(state), now=now)

    def _tenant_change(self, state: ServerState) -> tuple[Change, ...]:
        """3.1 stores a tenant on the workflow and always takes the submitting user's."""
        held = own_row(state.raw).tenant if state.raw else None
        own = self._rest.user().tenant if held else None
        return (Change("tenant", held, own),) if held != own and self._rest.series().user_has_tenant else ()

    def check(self, checked: Checked, *, overwrite: bool) -> None:
        """Raise for everything that speaks against writing: all of it at once."""
        found = self.objections(checked, overwrite=overwrite)
        if len(found) == 1:
            raise found[0]
        if found:
            definition = checked.definition
            name = f"{definition.project}/{definition.name}"
            raise SeveralErrors(f"workflow {name} cannot be submitted, and nothing was written", found)

    def objections(self, checked: Checked, *, overwrite: bool) -> list[DsflowError]:
        """Everything that speaks against writing."""
        found: list[DsflowError] = []
        if checked.plan.drift and not overwrite:
            hint = "look at the plan; submit --overwrite-drift (deploy --overwrite) replaces what is there"
            found.append(DriftError(checked.plan.drift, hint=hint))
        return found + self._refusals(checked)

    def _refusals(self, checked: Checked) -> list[DsflowError]:
        project = checked.state.project_code
        known = checked.names, checked.plan, checked.groups
        return refusals(self._rest, self._profile, checked.definition, project, *known)

    # ---------------------------------------------------------------- writing

    def submit(
        self,
        definition: Definition,
        *,
        overwrite: bool = False,
        place: Future[Location] | None = None,
        names: Names | None = None,
        checked: Checked | None = None,
    ) -> SubmitResult:
        """Make the server hold exactly what is declared.

        Args:
            overwrite: also when that undoes what somebody else changed on the server.
            place: from :meth:`look_ahead`.
            names: learns what is asked for.
            checked: the Definition as it was planned and checked some time ago: it is read again only under the lock,
                and checked again if the plan is another one by then.

        Raises:
            DriftError: somebody else changed it, or made it without dsflow, and ``overwrite`` is not set.
            UnreachableError: a server does not answer; if that happened while writing, submitting again finishes it.
            UnknownNameError: the Definition names something that the server does not have; nothing was written.
            SeveralErrors: several of these at once; nothing was written.
            RefusedError: the server refused; the workflow's state was restored.
            VerificationError: the server took the change and holds something else.
        """
        ready = checked
        with self._gateways.lease(self._rest.soon) as lease:
            checked = checked or self._planned(definition, place, names, lease)
            state, plan = checked.state, checked.plan
            if plan.is_empty and not (state.lock and is_dead(state.lock)):
                notes = plan.notes
                if state.lock is not None:
                    notes += (lock_note(state.lock),)
                return self._result(definition, state, plan, written=False, notes=notes)
            if checked.writes_content:
                lease.open_ahead()
            if ready is None and not plan.is_empty:
                self.check(checked, overwrite=overwrite)
            return self._carry_out(checked, overwrite, lease)

    def _carry_out(self, checked: Checked, overwrite: bool, lease: Lease) -> SubmitResult:
        definition, state = checked.definition, checked.state
        if checked.writes_content:
            # one that cannot be reached stops us before anything is written, also where places for new tasks make us
            # write over REST: the next change goes through it
            lease.gateway()
        is_new = state.project_code == NO_PROJECT
        if is_new:
            state = replace(state, project_code=self._made_project(definition.project))
            made = tuple(n for n in checked.plan.notes if n != _missing(definition.project))
            made = (*made, f"project {definition.project!r} was not there: it was made")
            checked = replace(checked, state=state, plan=replace(checked.plan, notes=made))
        if checked.writes_content:
            try:
                self._check_server(lease.gateway(), definition.project, state.project_code)
            except ServerError:
                if is_new:
                    self._unmake_project(state.project_code, definition.project)
                raise
        grace = GRACE + GRACE_PER_TASK * len(definition.tasks)
        project, name = state.project_code, definition.name
        with submit_lock(self._rest, project, name, grace=grace, sleep=self._sleep, spares=self._spares) as lock:
            result = self._submit(checked, overwrite, lease, lock)
        if lock.stuck:
            note = f"workflow {lock_name(definition.name)!r}, the lock, could not be removed: the next submit does it"
            result = replace(result, notes=(*result.notes, note))
        return result

    def _check_server(self, gateway: Gateway, project: str, code: int) -> None:
        if code != NO_PROJECT:
            gateway.check_server(self._rest.user().name, project, code)

    def _made_project(self, project: str) -> int:
        try:
            return self._rest.create_project(project, "")
        except ServerError:
            code = self._rest.project_code(project)  # another submit may have been faster
            if code is None:
                raise
            return code

    def _unmake_project(self, code: int, project: str) -> None:
        try:
            self._rest.delete_project(code, project)
        except ServerError:
            return  # somebody uses it already; or the server is away, and the error under way says more

    def _submit(self, checked: Checked, overwrite: bool, lease: Lease, lock: Lock) -> SubmitResult:
        """Under the lock: see whether the plan still holds, write, read back, compare."""
        now, call = self._under_lock(checked, lock)
        definition, state, plan = now.definition, now.state, now.plan
        notes = (*plan.notes, *_history(lock, state))
        if plan.is_empty:
            return self._result(definition, state, plan, written=False, notes=notes)
        if checked.plan.is_empty or lock.waited or lock.taken_over or plan != checked.plan:
            self.check(now, overwrite=overwrite)
        if now.writes_content:
            call = call or self._call(now)
        if now.writes_content:
            notes += tuple(lease.gateway().notes())
        try:
            code, more = self._write_until_taken(now, lease, call, lock)
        except BaseException as error:  # also when the user interrupts: nothing may be left offline
            lock.keep = not self._after_failure(definition, state, error, lock)
            raise
        held = ask(self._rest, state.project_code, code, sent=lock.let_go)()
        lock.let_go()
        after = held.state(state.project_code, definition.project, now.names)
        self._verify(definition, after)
        return self._result(definition, after, plan, written=True, notes=notes + more)

    def _under_lock(self, checked: Checked, lock: Lock) -> tuple[Checked, WorkflowCall | None]:
        """What holds now, and the call if it is known already: that is made while the answers are under way."""
        if lock.waited or lock.taken_over or not checked.recent:
            return self._read_anew(checked, lock), None
        has_changed = look_again(self._rest, checked.state, checked.definition.name)
        call = self._call(checked) if checked.writes_content else None
        return (self._read_anew(checked, lock), None) if has_changed() else (checked, call)

    def _write_until_taken(
        self, now: Checked, lease: Lease, call: WorkflowCall | None, lock: Lock
    ) -> tuple[int, tuple[str, ...]]:
        """:meth:`_write`, and what is left of it again when the server's database preferred another writer."""
        for _ in range(WRITE_ATTEMPTS - 1):
            try:
                return self._write(now, lease, call)
            except RefusedError as error:
                if not error.is_conflict:
                    raise
            self._sleep(SETTLE_PAUSE)
            now = self._read_anew(now, lock)
            if now.plan.is_empty:
                assert now.state.code is not None
                return now.state.code, ()
            call = self._call(now) if now.writes_content else None
        return self._write(now, lease, call)

    def _write(self, now: Checked, lease: Lease, call: WorkflowCall | None) -> tuple[int, tuple[str, ...]]:
        """Write the workflow, or only its release state, and then its schedule; gives its code, and notes."""
        notes: tuple[str, ...] = ()
        if call is not None and call.locations:
            code, notes = self._write_placed(now, call)
        elif call is not None:
            gateway = lease.gateway()
            gateway.check_server(call.user, call.project, now.state.project_code)
            try:
                code = gateway.create_or_update(call)
            except UnreachableError as error:
                code = self._outcome(now.definition, error)
                notes = ("the connection to the gateway broke during the call, but the server carried it out",)
        else:
            assert now.state.code is not None
            code = now.state.code
            if now.plan.changes_release:
                self._rest.release(now.state.project_code, code, now.definition.release_state)
        self._apply_schedule(now, code)
        return code, notes

    def _write_placed(self, now: Checked, call: WorkflowCall) -> tuple[int, tuple[str, ...]]:
        """Write a workflow with places for its tasks, as the web page does; gives its code, and notes."""
        project, code = now.state.project_code, now.state.code
        notes: tuple[str, ...] = ()
        form = content_form(self._rest, call)
        if now.state.online:
            assert code is not None
            self._rest.release(project, code, "OFFLINE")
        try:
            if code is None:
                code = self._rest.create_workflow(project, form)
            else:
                self._rest.update_workflow(project, code, f"write workflow {call.name!r}", form)
        except UnreachableError as error:
            code = self._outcome(now.definition, error, released=False)
            notes = ("the connection broke while the workflow was written, but the server carried it out",)
        if call.online:
            self._rest.release(project, code, "ONLINE")
        return code, notes

    def _read_anew(self, checked: Checked, lock: Lock) -> Checked:
        """What holds under the lock."""
        definition = checked.definition
        names = server_names(self._rest) if checked.recent else checked.names
        place = find(self._rest, checked.state.project_code, definition.name)
        if not lock.taken_over:
            place = replace(place, lock=None)  # it is ours
        state = read(self._rest, place, definition.project, names)
        plan = self.compare(definition, state, alone=True)
        return replace(checked, state=state, plan=plan, names=names, groups=None)

    def _call(self, now: Checked) -> WorkflowCall:
        codes = held_codes(now.definition, now.state, now.plan)
        new = [t.name for t in now.definition.tasks if t.name not in codes]
        codes.update(zip(new, self._rest.task_codes(now.state.project_code, len(new)), strict=True))
        return workflow_call(
            now.definition,
            now.state,
            now.plan,
            codes,
            now.names,
            user=self._rest.user().name,
            series=self._rest.series(),
        )

    def _outcome(self, definition: Definition, error: UnreachableError, *, released: bool = True) -> int:
        """The connection broke during the call: the workflow's code if the server carries it out all the same.

        Until it is known, nothing may be touched: going online in the middle makes the server refuse its own update.

        Args:
            released: the call sets the release state too.
        """
        for _ in range(SETTLE_CHECKS):
            state = self.read(definition.project, definition.name)
            left = self._differences(definition, state)
            done = not _writes_content(definition, state, left) and not (released and left.changes_release)
            if state.code is not None and done:
                return state.code
            self._sleep(SETTLE_PAUSE)
        raise error

    def _apply_schedule(self, now: Checked, code: int) -> None:
        apply_schedule(self._rest, self._profile, now.definition, now.state, now.plan, code, now.names)

    # ---------------------------------------------------------------- afterwards

    def _verify(self, definition: Definition, after: ServerState) -> None:
        name = own_row(after.raw).name
        left = self._differences(definition, after)
        if name != definition.name or not left.is_empty:
            raise VerificationError(
                f"the server took workflow {definition.name!r} without an error, but does not hold what was declared; "
                "still different:",
                left.differences() or [f"the workflow that was written has the name {name!r}"],
                hint="did someone else change it at the same moment? Submitting again shows what is left",
            )

    def _after_failure(self, definition: Definition, before: ServerState, error: BaseException, lock: Lock) -> bool:
        """Restore the release state and the live schedules of a workflow that a failed update left offline.

        Gives:
            Whether nothing is left half done: if so, the lock need not tell the next submit.
        """
        try:
            after = self.read(definition.project, definition.name)
            if before.code is None or not before.online:  # nothing to restore; but is it as it was?
                return (after.code, after.raw, after.schedules) == (before.code, before.raw, before.schedules)
            # A request whose answer was lost may still be under way, and take effect after what comes now.
            for again in range(RESTORE_CHECKS if isinstance(error, UnreachableError) else 1):
                if again:
                    self._sleep(SETTLE_PAUSE)
                    after = self.read(definition.project, definition.name)
                if isinstance(error, RefusedError):  # what the server refuses to run must not stay
                    put_back(self._rest, before.project_code, before.code, before.schedules)
                if not after.online:
                    self._rest.release(before.project_code, before.code, "ONLINE")
                bring_online(self._rest, before.project_code, before.code, before.live_schedules)
            after = self.read(definition.project, definition.name)
        except ServerError as second:
            if before.code is not None and before.online:
                lost = "and its schedule " if before.live_schedules else ""
                _add_hint(
                    error,
                    f"the workflow {lost}may now be offline, and could not be set online again ({second.message}); "
                    "submitting again finishes it",
                )
            return False
        _add_hint(error, _standing(before, after))
        return self._has_no_new_record(definition, before, lock)

    def _has_no_new_record(self, definition: Definition, before: ServerState, lock: Lock) -> bool:
        """A new record beside the old schedule would look as if somebody had edited that one.

        It may also be that of the submit whose lock was taken over.
        """
        try:
            after = replace(self.read(definition.project, definition.name), lock=None)
        except ServerError:
            return False
        then, now = (recorded_schedule(state.raw.get("edges", [])) for state in (before, after))
        return (then == now and not lock.taken_over) or not schedule_edits(after, datetime.now(timezone.utc))

    def _result(
        self, definition: Definition, state: ServerState, plan: Plan, *, written: bool, notes: tuple[str, ...]
    ) -> SubmitResult:
        assert state.code is not None
        return SubmitResult(
            url=workflow_page(self._profile, state.project_code, state.code),
            plan=plan,
            written=written,
            code=state.code,
            project_code=state.project_code,
            version=state.version,
            notes=notes,
        )


def _standing(before: ServerState, after: ServerState) -> str:
    """What stands on the server after a failure, in words that can be relied on."""
    if not after.online:
        return "the workflow is OFFLINE: set it online on the page, or submit again"
    said = "the workflow is online as before"
    if before.version != after.version:
        said += f" (with what was submitted, as version {after.version})"
    lost = set(before.live_schedules) - set(after.live_schedules)
    if lost:
        return f"{said}, but its schedule is OFFLINE: set it online on the page, or submit again"
    if before.live_schedules:
        return f"{said}, and its schedule is live"
    return f"{said}; its schedule is OFFLINE, as it was found" if after.schedules else said


def _missing(project: str) -> str:
    return f"project {project!r} is not there yet: submitting makes it"


def _writes_content(definition: Definition, state: ServerState, plan: Plan) -> bool:
    """Whether the workflow itself is to be written, and not only its release state or its schedule.

    A schedule that is declared anew is written down in dsflow's record, which is a part of the workflow.
    """
    if plan.changes_content or any(c.field == "tenant" for c in plan.workflow):
        return True
    if not plan.changes_schedule:
        return False
    return recorded_schedule(state.raw["edges"]) != schedule_part(definition)


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


def _add_hint(error: BaseException, more: str) -> None:
    if isinstance(error, DsflowError):
        error.hint = f"{error.hint}; {more}" if error.hint else more
