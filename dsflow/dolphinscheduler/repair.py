"""Mending switches and conditions that lead to tasks of another workflow.

DolphinScheduler's import and copy give every task a new code, and leave the codes inside SWITCH and CONDITIONS tasks as
they were. What such a code meant is found out, in this order: from what the caller says, from the file that was
imported, from the code itself when dsflow made it up, from the task that still has the code on the server, or because
only one task is left that it can mean. Nothing is guessed, and nothing is written before every code has been found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dsflow.dolphinscheduler.errors import VerificationError
from dsflow.dolphinscheduler.lock import submit_lock
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.state import NO_PROJECT, ServerState
from dsflow.dolphinscheduler.wire.branches import Dangling, find_dangling, references, with_params
from dsflow.dolphinscheduler.wire.codec import from_server, normalise
from dsflow.dolphinscheduler.wire.forms import workflow_form
from dsflow.dolphinscheduler.wire.names import Names, made_up_code, server_names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import edges_of, own_row
from dsflow.errors import DsflowError, ServerError

JsonDict = dict[str, Any]

MAX_PROJECTS = 50  # how many projects are asked for the task that has an old code


class RepairError(DsflowError):
    """A branch leads nowhere, and it is not certain where it should lead."""


@dataclass(frozen=True)
class Mending:
    """A reference, what it is to lead to, and how that is known."""

    dangling: Dangling
    target: str
    because: str


@dataclass(frozen=True)
class Choice:
    """A reference for which there is more than one possibility, or none."""

    dangling: Dangling
    options: tuple[str, ...]


@dataclass(frozen=True)
class RepairPlan:
    """What a repair does; ``choices`` must be empty for it to be possible."""

    project: str
    workflow: str
    mendings: tuple[Mending, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every branch leads somewhere already."""
        return not self.mendings and not self.choices

    def lines(self) -> list[str]:
        """One line for each reference."""
        found = [
            f"{m.dangling.task!r}, {m.dangling.place}: {_led(m.dangling)} -> {m.target!r} ({m.because})"
            for m in self.mendings
        ]
        return found + [
            f"{c.dangling.task!r}, {c.dangling.place}: {_led(c.dangling)} -> ? "
            f"(one of {', '.join(map(repr, c.options)) or 'no task'})"
            for c in self.choices
        ]


def _led(dangling: Dangling) -> str:
    """Where a reference leads now: a code that no task has; or it is empty, and its number stands for it."""
    return str(dangling.code) if dangling.code > 0 else f"nothing ({dangling.code})"


@dataclass
class Evidence:
    """What is known about old codes.

    Attributes:
        given: (task, old code) -> task, as the caller says.
        exported: old code -> task name, from an export file.
        look_up: asks the server for the name of the task that has a code.
    """

    given: Mapping[tuple[str, int], str] = field(default_factory=dict)
    exported: Mapping[int, str] = field(default_factory=dict)
    look_up: Callable[[int], str | None] = lambda code: None


# ------------------------------------------------------------------ finding


def decide(raw: JsonDict, evidence: Evidence, project: str = "", workflow: str = "") -> RepairPlan:
    """What each reference that leads nowhere is to lead to.

    Raises:
        RepairError: the caller names a task that does not exist or is not next to the switch, or a branch that is fine.
    """
    raw = with_params(raw)
    names = {int(t["code"]): str(t["name"]) for t in raw["tasks"]}
    dangling = find_dangling(raw)
    _check_given(evidence.given, dangling, names)
    targets: dict[tuple[str, int], tuple[str, str]] = {}
    for d in dict.fromkeys(dangling):
        found = _labelled(raw, names, d, evidence) if d.code < 0 else _known((d.task, d.code), evidence, names)
        if found:
            targets[d.task, d.code] = found
    _deduce(raw, names, dangling, targets)
    mendings = tuple(Mending(d, *targets[d.task, d.code]) for d in dangling if (d.task, d.code) in targets)
    choices = tuple(
        Choice(d, tuple(_candidates(raw, names, d, targets))) for d in dangling if (d.task, d.code) not in targets
    )
    return RepairPlan(project, workflow, mendings, choices)


def _labelled(
    raw: JsonDict, names: Mapping[int, str], dangling: Dangling, evidence: Evidence
) -> tuple[str, str] | None:
    """An emptied branch leads where the edge does that has its condition beside it."""
    if (dangling.task, dangling.code) in evidence.given:
        return evidence.given[dangling.task, dangling.code], "as you say"
    ends = [
        names[edge.post]
        for edge in edges_of(raw)
        if names.get(edge.pre) == dangling.task and edge.label == dangling.label
    ]
    return (ends[0], f"the edge to it says {dangling.label!r}") if len(ends) == 1 else None


def _known(key: tuple[str, int], evidence: Evidence, names: Mapping[int, str]) -> tuple[str, str] | None:
    if key in evidence.given:
        return evidence.given[key], "as you say"
    own = set(names.values())
    made_up = {made_up_code(name): name for name in own}
    for name, because in (
        (evidence.exported.get(key[1]), "in the export file that code is this task"),
        (made_up.get(key[1]), "the code that dsflow export gives to a task of that name"),
        (evidence.look_up(key[1]), "the task that has this code on the server is called so"),
    ):
        if name in own:
            return str(name), because
    return None


def _check_given(given: Mapping[tuple[str, int], str], dangling: Iterable[Dangling], names: Mapping[int, str]) -> None:
    open_ = {(d.task, d.code) for d in dangling}
    for (task, code), target in given.items():
        if (task, code) not in open_:
            known = ", ".join(f"{t}:{c}" for t, c in sorted(open_)) or "none"
            raise RepairError(f"task {task!r} has no dangling branch {code}", hint=f"dangling: {known}")
        if target not in names.values():
            raise RepairError(
                f"{task}:{code}={target}: there is no task {target!r}", hint="tasks: " + ", ".join(names.values())
            )


def _deduce(
    raw: JsonDict,
    names: Mapping[int, str],
    dangling: list[Dangling],
    targets: dict[tuple[str, int], tuple[str, str]],
) -> None:
    """Where one code is left open and one neighbour is not led to yet, they belong together."""
    for task in dict.fromkeys(d.task for d in dangling):
        for upstream in (False, True):
            open_ = {
                d.code for d in dangling if d.task == task and d.upstream == upstream and (task, d.code) not in targets
            }
            if len(open_) != 1:
                continue
            left = _candidates(raw, names, Dangling(task, "", 0, upstream), targets)
            if len(left) == 1:
                side = "before" if upstream else "after"
                because = f"the only task {side} it that nothing else in it leads to"
                targets[task, open_.pop()] = (left[0], because)


def _candidates(
    raw: JsonDict, names: Mapping[int, str], dangling: Dangling, targets: Mapping[tuple[str, int], tuple[str, str]]
) -> list[str]:
    """The neighbours of the task that nothing in it leads to."""
    ends = [(e.post, e.pre) if dangling.upstream else (e.pre, e.post) for e in edges_of(raw)]
    neighbours = [names[other] for mine, other in ends if names.get(mine) == dangling.task and other in names]
    taken = {
        targets[d.task, d.code][0] for d, _ in references(raw) if (d.task, d.code) in targets and _same(d, dangling)
    }
    taken |= {names[d.code] for d, _ in references(raw) if d.code in names and _same(d, dangling)}
    return [name for name in neighbours if name not in taken]


def _same(one: Dangling, other: Dangling) -> bool:
    return one.task == other.task and one.upstream == other.upstream


def exported_names(exported: Any) -> dict[int, str]:
    """Code -> name of every task in an export file."""
    return {int(t["code"]): str(t["name"]) for entry in exported or [] for t in entry.get("tasks") or []}


def server_look_up(rest: RestClient, project: int) -> Callable[[int], str | None]:
    """Asks this project, then the others, for the name of the task that has a code."""
    found: dict[int, str | None] = {}

    def look_up(code: int) -> str | None:
        if code not in found:
            others = [int(p["code"]) for p in rest.projects() if int(p["code"]) != project]
            found[code] = next(
                (name for p in [project, *others][:MAX_PROJECTS] if (name := _task_name(rest, p, code))), None
            )
        return found[code]

    return look_up


def _task_name(rest: RestClient, project: int, code: int) -> str | None:
    row = rest.task(project, code)
    return str(row["name"]) if row else None


# ------------------------------------------------------------------ writing


def repaired(raw: JsonDict, plan: RepairPlan) -> JsonDict:
    """A copy of the workflow in which the plan's references lead where they should."""
    result = with_params(raw)
    codes = {str(t["name"]): int(t["code"]) for t in result["tasks"]}
    targets = {(m.dangling.task, m.dangling.code): codes[m.target] for m in plan.mendings}
    for dangling, put in references(result):
        if (dangling.task, dangling.code) in targets:
            put(targets[dangling.task, dangling.code])
    return result


def apply(rest: RestClient, state: ServerState, plan: RepairPlan) -> None:
    """Write what the plan says, bring the release state and the live schedules back, and check what came of it.

    Raises:
        RepairError: the plan leaves a choice open.
        RefusedError: the server refused; the workflow is as it was.
        VerificationError: the server took it, and holds something else.
    """
    if plan.choices:
        raise unclear(plan)
    rewrite(rest, state, repaired(state.raw, plan), f"repair workflow {plan.workflow!r}")


def rewrite(
    rest: RestClient,
    state: ServerState,
    wanted: JsonDict,
    doing: str,
    *,
    online: bool | None = None,
    schedules: list[int] | None = None,
) -> None:
    """Replace a workflow's content by ``wanted``, in the server's own form, under the same code.

    Args:
        state: what the server holds now.
        online: whether it is online afterwards; None as before.
        schedules: ids of the schedules that are live afterwards; None as before.

    Raises:
        RefusedError: the server refused; release state and schedules are as before.
        VerificationError: the server took it, and holds something else.
    """
    project, code = state.project_code, state.code
    if code is None:
        raise AssertionError("there is no workflow to rewrite")
    live = state.live_schedules if schedules is None else schedules
    wanted_online = state.online if online is None else online
    with submit_lock(rest, project, own_row(state.raw).name):
        held = own_row(rest.workflow(project, code)).version
        if held != state.version:
            raise RepairError(
                f"workflow {own_row(state.raw).name!r} was changed by someone else at this moment",
                hint="try again",
            )
        try:
            if state.online:
                rest.release(project, code, "OFFLINE")
            rest.update_workflow(project, code, doing, workflow_form(rest, wanted))
        except ServerError as error:
            restore(rest, project, code, state.online, state.live_schedules, error)
            raise
        restore(rest, project, code, wanted_online, live, None)
        _verify(rest, state, wanted)


def restore(
    rest: RestClient, project: int, code: int, online: bool, live: list[int], error: ServerError | None
) -> None:
    """Set the workflow and these schedules online (again).

    Args:
        error: what went wrong before; a further failure is told there.
    """
    if not online:
        return
    try:
        if not own_row(rest.workflow(project, code)).online:
            rest.release(project, code, "ONLINE")
        offline = {s.id for s in rest.schedules(project, code) if not s.online}
        for schedule in live:
            if schedule in offline:
                rest.release_schedule(project, schedule, online=True)
    except ServerError as second:
        if error is None:
            raise
        error.hint = f"{error.hint}; " if error.hint else ""
        error.hint += f"the workflow may now be offline, and could not be set online again ({second.message})"


def _verify(rest: RestClient, state: ServerState, wanted: JsonDict) -> None:
    assert state.code is not None
    names = server_names(rest)
    got = rest.workflow(state.project_code, state.code)
    expected, held = (_comparable(raw, names) for raw in (wanted, got))
    left = [] if expected == held else build_plan(expected, held).differences()
    left += [f"{d.task!r}, {d.place}: still leads to {d.code}" for d in find_dangling(got)] if not left else []
    if left:
        raise VerificationError(
            f"the server took the change of workflow {own_row(wanted).name!r}, but it holds now:",
            left,
            hint="did someone else change it at the same moment?",
        )


def _comparable(raw: JsonDict, names: Names) -> Any:
    return replace(normalise(from_server(raw, "", names)), release_state="")


def unclear(plan: RepairPlan) -> RepairError:
    """The error for a plan that leaves choices open."""
    lines = "".join(f"\n  - {line}" for line in RepairPlan("", "", (), plan.choices).lines())
    first = plan.choices[0]
    example = first.options[0] if first.options else "TASK"
    return RepairError(
        f"it is not certain where these lead:{lines}",
        hint=f"say so, for each: --branch '{first.dangling.task}:{first.dangling.code}={example}'; "
        "or give the file that was imported: --export FILE.json",
    )


def plan_repair(
    rest: RestClient,
    state: ServerState,
    project: str,
    *,
    given: Mapping[tuple[str, int], str] | None = None,
    exported: Any = None,
) -> RepairPlan:
    """What has to be mended in a workflow that a server holds. Writes nothing.

    Args:
        given: (task, old code) -> task.
        exported: the content of the file that was imported.

    Raises:
        RepairError: ``given`` does not fit the workflow.
    """
    evidence = Evidence(given or {}, exported_names(exported), server_look_up(rest, state.project_code))
    return decide(state.raw, evidence, project, own_row(state.raw).name)


def read_state(state: ServerState, project: str, name: str) -> ServerState:
    """The state itself, once it is clear that there is such a workflow.

    Raises:
        RepairError: there is none.
    """
    if state.project_code == NO_PROJECT or state.code is None:
        raise RepairError(f"the server has no workflow {name!r} in project {project!r}")
    return state
