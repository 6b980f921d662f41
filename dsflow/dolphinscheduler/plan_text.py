"""A plan as text for a terminal and as JSON. Pure functions."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, replace
from typing import Any

from dsflow.declare.folding import folded, part_of
from dsflow.definition import Relation
from dsflow.dolphinscheduler.plan import Change, Conflict, Plan, Since, TaskChange

_GREEN, _RED, _YELLOW, _BOLD, _DIM, _OFF = "\033[32m", "\033[31m", "\033[33m", "\033[1m", "\033[2m", "\033[0m"
_SIGN = {"added": "+", "removed": "-", "changed": "~", "renamed": ">"}
_COLOUR = {"+": _GREEN, "-": _RED, "~": _YELLOW, ">": _YELLOW}
_ACTION = {"create": "will be created", "update": "will be updated", "unchanged": "no changes"}
SHORT = 60
MOST_LINES = 3
WIDTH = 100
"""Of a long text of an added task so many lines are shown, and so much of each, unless all is asked for."""


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plain data; keys in DolphinScheduler's camel case."""
    return {
        "project": plan.project,
        "workflow": plan.name,
        "action": plan.action,
        "changes": [_change(c) for c in plan.workflow],
        "params": [_change(c) for c in plan.params],
        "tasks": [
            {
                "action": t.action,
                "name": t.name,
                "type": t.task_type,
                **({"oldName": t.old_name} if t.action == "renamed" else {}),
                "changes": [_change(c) for c in t.changes],
            }
            for t in plan.tasks
        ],
        "edgesAdded": [e.to_dict() for e in plan.edges_added],
        "edgesRemoved": [e.to_dict() for e in plan.edges_removed],
        "schedule": [_change(c) for c in plan.schedule],
        "nextRuns": list(plan.next_runs),
        "notes": list(plan.notes),
        "drift": plan.drift,
        "since": _since_to_dict(plan.since) if plan.since else None,
        "problems": list(plan.problems),
    }


def _since_to_dict(since: Since) -> dict[str, Any]:
    sides = {side: plan_to_dict(getattr(since, side)) for side in ("own", "theirs", "unknown")}
    conflicts = [asdict(conflict) for conflict in since.conflicts]
    return {"version": since.version, "when": since.when, **sides, "conflicts": conflicts}


def plan_to_json(plan: Plan) -> str:
    """The plan as JSON, with a newline at its end."""
    return json.dumps(plan_to_dict(plan), indent=2, ensure_ascii=False) + "\n"


def render_plan(plan: Plan, *, color: bool = False, details: bool = True, every: bool = False) -> str:
    """The plan for a terminal, with a newline at its end.

    Args:
        color: with ANSI colours.
        details: also the fields of added tasks, and the differences inside long texts.
        every: each node of a step by itself, and the texts of added tasks in full.
    """
    paint = _Paint(color)
    conflicts = plan.since.conflicts if plan.since is not None else ()
    if not every:
        plan = _fold(plan)
    lines = [f"{paint(_BOLD, f'{plan.project} / {plan.name}')}: {_ACTION[plan.action]}"]
    if plan.action == "create" and not details:
        lines.append(f"  {_count(len(plan.tasks), 'task')}, {_count(len(plan.edges_added), 'edge')}")
    elif plan.since is not None:
        lines += _sides(paint, plan, plan.since, details, every)
        lines += [paint(_RED, f"  {_conflict(conflict)}") for conflict in conflicts]
    else:
        lines += _body(paint, plan, details, every)
    lines += [paint(_DIM, f"  note: {note}") for note in plan.notes]
    if plan.drift:
        lines.append(paint(_RED, f"  warning: {plan.drift}"))
    if plan.action != "unchanged":
        lines.append(f"  {summary(plan)}")
    for problem in plan.problems:
        lines.append(paint(_RED, "  error: " + problem.replace("\n", "\n  ")))
    return "\n".join(lines) + "\n"


def _sides(paint: _Paint, plan: Plan, since: Since, details: bool, every: bool) -> list[str]:
    """What the user changed apart from what somebody else did."""
    base = f"version {since.version}, submitted {since.when}"
    own = _body(paint, since.own, details, every) or ["  nothing"]
    theirs = _body(paint, since.theirs, details, every) or [
        "  nothing but what stands below, or tasks that were removed"
    ]
    unknown = _body(paint, since.unknown, details, every)
    lines = []
    for title, body in (
        (f"your changes since {base}", own),
        (f"drift: changed on the server since {base}; submitting undoes it", theirs),
        ("changed by you or on the server, which keeps no history of it", unknown),
    ):
        if body:
            lines += [f"  {paint(_BOLD, title)}", *("  " + line for line in body)]
    lines += [f"  {text}" for text in next_runs(plan)]
    if any(t.action == "added" for t in since.own.tasks):
        text = "the server keeps no history of removed tasks: one that you added may be one that was removed there"
        lines.append(paint(_DIM, f"  note: {text}"))
    return lines


def _body(paint: _Paint, plan: Plan, details: bool, every: bool) -> list[str]:
    lines = _section(paint, "workflow", plan.workflow)
    lines += _section(paint, "parameters", plan.params, value_of=_param)
    for task in plan.tasks:
        lines += _task(paint, task, details, every)
    lines += [paint.sign("+", f"  + {e.pre} -> {e.post}") for e in plan.edges_added]
    lines += [paint.sign("-", f"  - {e.pre} -> {e.post}") for e in plan.edges_removed]
    lines += _section(paint, "schedule", plan.schedule)
    return lines + [f"      {text}" for text in next_runs(plan)]


def next_runs(plan: Plan) -> list[str]:
    """A heading and the next times of a schedule, or nothing."""
    if not plan.next_runs:
        return []
    return ["next runs:", *(f"  {moment[:-5]} {moment[-5:]}" for moment in plan.next_runs)]


def summary(plan: Plan) -> str:
    """One line that counts."""
    counts = {a: sum(1 for t in plan.tasks if t.action == a) for a in ("added", "changed", "renamed", "removed")}
    parts = [f"{_count(n, 'task')} {a}" for a, n in counts.items() if n]
    edges = len(plan.edges_added) + len(plan.edges_removed)
    if edges:
        parts.append(f"{_count(edges, 'edge')} changed")
    if plan.params:
        parts.append(f"{_count(len(plan.params), 'parameter')} changed")
    if plan.workflow:
        parts.append("settings changed")
    if plan.schedule:
        parts.append("schedule changed")
    return ", ".join(parts) or "no changes"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class _Paint:
    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_OFF}" if self._on else text

    def sign(self, sign: str, text: str) -> str:
        return self(_COLOUR[sign], text)


def _fold(plan: Plan) -> Plan:
    """A plan in which a step of several nodes has one row, which says what happens to them."""
    since = plan.since
    if since is not None:
        since = replace(since, own=_fold(since.own), theirs=_fold(since.theirs), unknown=_fold(since.unknown))
    if not plan.steps:
        return replace(plan, since=since)
    nodes: dict[str, list[TaskChange]] = {}
    rows: dict[str, TaskChange] = {}
    for task in plan.tasks:
        step = plan.steps.get(task.name)
        if step is None:
            rows[task.name] = task
        else:
            nodes.setdefault(step, []).append(task)
    for step, changed in nodes.items():
        row = rows.setdefault(step, TaskChange("changed", step, "", (), step))
        words: dict[str, list[str]] = {}
        for node in changed:
            words.setdefault(node.action, []).append(part_of(node.name, plan.steps))
        whole = row.action in ("added", "removed") and list(words) == [row.action]
        texts = [", ".join(parts) + ("" if whole else f" {action}") for action, parts in words.items()]
        rows[step] = replace(row, changes=(*row.changes, Change(NODES, None, ", ".join(texts))))
    added, removed = (
        folded([(e.pre, e.post) for e in edges], plan.steps) for edges in (plan.edges_added, plan.edges_removed)
    )
    return replace(
        plan,
        tasks=tuple(sorted(rows.values(), key=lambda row: row.name)),
        edges_added=tuple(Relation(*edge) for edge in added if edge not in removed),
        edges_removed=tuple(Relation(*edge) for edge in removed if edge not in added),
        since=since,
    )


NODES = "(nodes)"
"""The field under which a folded row says what happens to the other nodes of its step."""


def _task(paint: _Paint, task: TaskChange, details: bool, every: bool) -> list[str]:
    sign = _SIGN[task.action]
    name = f"{task.old_name} -> {task.name}" if task.action == "renamed" else task.name
    of_nodes = [str(change.after) for change in task.changes if change.field == NODES]
    kind = f"[{task.task_type}]" if task.task_type else "[step]"
    lines = [paint.sign(sign, f"  {sign} {name} {' + '.join([kind, *of_nodes])}")]
    if task.action == "changed" or details:
        for change in task.changes:
            if change.field != NODES:
                added = task.action == "added"
                lines += _change_lines(paint, change, "      ", added=added, short=added and not every)
    return lines


def _section(paint: _Paint, title: str, changes: tuple[Change, ...], value_of: Any = None) -> list[str]:
    if not changes:
        return []
    lines = [f"  {title}"]
    for change in changes:
        if value_of is not None:
            change = Change(change.field, value_of(change.before), value_of(change.after))
        lines += _change_lines(paint, change, "      ", added=change.before is None)
    return lines


def _change_lines(paint: _Paint, change: Change, indent: str, *, added: bool, short: bool = False) -> list[str]:
    before, after = change.before, change.after
    if _is_long(before) or _is_long(after):
        lines = [f"{indent}{change.field}:"]
        old, new = ("" if added else _text(before)).splitlines(), _text(after).splitlines()
        if added:
            shown = [_cut(line) for line in new[:MOST_LINES]] if short else new
            lines += [paint.sign("+", f"{indent}  + {line}".rstrip()) for line in shown]
            left = len(new) - len(shown)
            return lines + ([paint(_DIM, f"{indent}  ... {left} more lines (--all shows them)")] if left else [])
        for line in list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]:
            colour = {"+": _GREEN, "-": _RED, "@": _DIM}.get(line[:1])
            lines.append(indent + "  " + (paint(colour, line) if colour else line))
        if len(lines) == 1:  # only the line ends differ
            lines += [f"{indent}  - {before!r}", f"{indent}  + {after!r}"]
        return lines
    if added:
        return [f"{indent}{change.field}: {_short(after)}"]
    return [f"{indent}{change.field}: {_short(before)} -> {_short(after)}"]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def _is_long(value: Any) -> bool:
    return (isinstance(value, str) and ("\n" in value or len(value) > SHORT)) or (
        isinstance(value, list | dict) and len(json.dumps(value, ensure_ascii=False, default=str)) > SHORT
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _short(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _conflict(conflict: Conflict) -> str:
    values = [_param(v) for v in (conflict.own, conflict.theirs, conflict.base)]
    if any(map(_is_long, values)):  # the changes above show it
        return f"conflict: {conflict.what} was changed by you and on the server; submitting takes yours"
    own, theirs, base = map(_short, values)
    return f"conflict: {conflict.what}: {own} is yours, {theirs} the server's, {base} was before"


def _param(value: Any) -> Any:
    """``3 (INTEGER)``: a parameter in one breath."""
    if not (isinstance(value, dict) and {"value", "type"} <= value.keys()):
        return value
    return f"{value['value']} ({value['type']})"


def _change(change: Change) -> dict[str, Any]:
    return {"field": change.field, "before": change.before, "after": change.after}
