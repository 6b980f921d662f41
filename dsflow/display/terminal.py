"""A workflow as text: its head, its parameters, and its tasks as a graph drawn with lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from dsflow.branches import edge_labels
from dsflow.declare.folding import Edge, count_of, folded, steps_of
from dsflow.declare.tasks import type_of
from dsflow.definition import Definition, TaskDefinition
from dsflow.display.graph import (
    edges_of,
    grouped,
    kind,
    one_line,
    parts_of,
    reading_order,
    without_cycles,
)
from dsflow.display.palette import shade_of
from dsflow.display.text import pad, shorten, widest

# more lanes side by side than this are no help to the eye
_MOST_LANES = 10


Span = tuple[str, str]
"""A piece of a line, and how it looks: parameters of ECMA-48's SGR, '' for plain."""
Line = list[Span]

_BOLD, _DIM = "1", "2"


def workflow_text(
    definition: Definition, *, every: bool = False, width: int | None = None, colour: bool = False
) -> str:
    """Everything of a workflow that is worth a look, as text for a terminal.

    Args:
        every: with a row for each node of a step; else a step has one.
        width: columns that a line may take; what is longer ends with ``…``. None: as long as it is.
        colour: with ECMA-48's escape sequences.

    Returns:
        Lines without trailing blanks, with a line end after the last.
    """
    blocks = [
        _head(definition, width),
        _parameters(definition),
        _tasks(definition, {} if every else steps_of(definition)),
    ]
    return "\n\n".join("\n".join(_written(line, width, colour) for line in block) for block in blocks if block) + "\n"


def _written(line: Line, width: int | None, colour: bool) -> str:
    whole = "".join(text for text, _ in line).rstrip()
    left = len(whole if width is None else shorten(whole, width).removesuffix("…"))
    cut = "…" if left < len(whole) else ""
    kept = []
    for text, style in line:
        piece, left = text[:left], left - len(text[:left])
        kept.append(f"\x1b[{style}m{piece}\x1b[0m" if colour and style and piece.strip() else piece)
    return "".join(kept).rstrip() + cut


def _head(definition: Definition, width: int | None) -> list[Line]:
    lines: list[Line] = [[(one_line(f"{definition.project} / {definition.name}"), _BOLD)]]
    for line in definition.description.splitlines():
        folded_line = textwrap.wrap(line, width - 2) if width is not None else [line]
        lines += [[(f"  {part}", "")] for part in folded_line or [""]]
    facts: list[tuple[str, str]] = []
    schedule = definition.schedule
    if schedule:
        span = f"{schedule.start_time} to {schedule.end_time}"
        state = "" if schedule.online else ", offline"
        facts.append(("schedule", f"{schedule.crontab}  ({schedule.timezone_id}, {span}{state})"))
    if definition.release_state != "ONLINE":
        facts.append(("state", f"{definition.release_state}: it cannot be started"))
    if definition.timeout:
        facts.append(("timeout", f"{definition.timeout} min"))
    if definition.execution_type != "PARALLEL":
        facts.append(("execution", definition.execution_type))
    if definition.warning_type != "NONE":
        group = f" to {definition.warning_group}" if definition.warning_group else ""
        facts.append(("warning", f"{definition.warning_type}{group}"))
    if definition.worker_group != "default":
        facts.append(("workers", definition.worker_group))
    return lines + _table(facts, [_DIM, ""])


def _parameters(definition: Definition) -> list[Line]:
    if not definition.global_params:
        return []
    rows = [
        (
            p.prop,
            p.type,
            one_line(p.value) or "''",
            "set when submitting only" if p.prop in definition.fixed_params else "",
        )
        for p in definition.global_params
    ]
    return [[("parameters", _BOLD)], *_table(rows, ["", _DIM, "", _DIM])]


def _tasks(definition: Definition, steps: Mapping[str, str]) -> list[Line]:
    if not definition.tasks:
        return [[("no tasks", _BOLD)]]
    tasks = {task.name: task for task in definition.tasks if task.name not in steps}
    given = folded(edges_of(definition), steps)
    edges, turned = without_cycles(list(tasks), given)
    order = reading_order(list(tasks), edges)
    labels = edge_labels(definition, steps)
    before = grouped(given)
    parts = parts_of(steps)
    graph = draw_lanes(order, edges, {name for name in order if type_of(tasks[name].task_type).steers})
    wide = widest([line for line, _ in graph]) > 2 * _MOST_LANES
    rows: list[tuple[str, str, str, str]] = []
    types: list[str] = []
    for line, name in graph:
        if name is None:
            if not wide:
                rows.append((line, "", "", ""))
                types.append("")
            continue
        types.append(tasks[name].task_type)
        rows.append(
            (
                ("◆" if type_of(tasks[name].task_type).steers else "●") if wide else line,
                one_line(name),
                kind(tasks[name]),
                _remarks(
                    tasks[name],
                    before.get(name, []),
                    labels,
                    parts.get(name, []),
                    told=wide or any((p, name) in turned for p in tasks),
                ),
            )
        )
    table = _table(rows, ["", "", "", _DIM])
    coloured = [
        [(text, shade_of(kind_).sgr) if n in (1, 5) else (text, style) for n, (text, style) in enumerate(line)]
        for line, kind_ in zip(table, types, strict=True)
    ]
    return [[(count_of(definition, steps), _BOLD)], *coloured]


def _remarks(
    task: TaskDefinition, before: Sequence[str], labels: Mapping[Edge, str], parts: Sequence[str], *, told: bool
) -> str:
    """What decides whether the task runs, what it gives, and what is unusual about it.

    Args:
        parts: what nodes it has as a step beside its own.
        told: whether the lines do not show what it runs after, so that words must.
    """
    remarks = [f"if {labels[edge]}" for edge in ((pre, task.name) for pre in before) if edge in labels]
    remarks = [r.removeprefix("if ") if r in ("if otherwise",) else r for r in remarks]
    if told and before:
        remarks.append("after " + ", ".join(map(one_line, before)))
    outputs = [p.prop for p in task.local_params if p.direct == "OUT"]
    if outputs:
        remarks.append("gives " + ", ".join(outputs))
    if parts:
        remarks.append("+ " + ", ".join(parts))
    if task.flag == "NO":
        remarks.append("disabled")
    if task.fail_retry_times:
        remarks.append(f"{task.fail_retry_times} retr{'y' if task.fail_retry_times == 1 else 'ies'}")
    if task.timeout:
        remarks.append(f"timeout {task.timeout} min")
    if task.description:
        remarks.append(shorten(one_line(task.description), 60))
    return " · ".join(remarks)


def draw_lanes(
    order: Sequence[str], edges: Iterable[Edge], steering: frozenset[str] | set[str] = frozenset()
) -> list[tuple[str, str | None]]:
    """The graph as lines of text, one line for a task, as ``git log --graph`` draws commits.

    Args:
        order: the tasks, in a topological order of ``edges``.
        edges: acyclic.
        steering: tasks to mark as places where the way forks.

    Returns:
        Lines with the task that each belongs to (None for a line that only joins lanes).
    """
    after: dict[str, list[str]] = {name: [] for name in order}
    for pre, post in edges:
        after[pre].append(post)
    lanes: list[str | None] = []  # which task each lane leads to
    lines: list[tuple[str, str | None]] = []
    for name in order:
        mine = [i for i, target in enumerate(lanes) if target == name]
        if mine:
            home = mine[0]
        else:
            home = _free(lanes)
            if lines and lines[-1][0][2 * home : 2 * home + 1].strip():
                # what ended right above would look as if it led here
                lines.append((_line(lanes, len(lanes), (), "", corner="", middle=""), None))
        if len(mine) > 1:
            lines.append((_joined(lanes, home, mine[1:]), None))
            for i in mine[1:]:
                lanes[i] = None
        lanes[home] = None
        targets = after[name]
        mark = "◆" if name in steering else "●"
        passing = list(lanes)
        passing[home] = None
        if targets:
            lanes[home] = targets[0]
        opened = []
        for target in targets[1:]:
            lane = _free(lanes, beyond=home)
            lanes[lane] = target
            opened.append(lane)
        lines.append((_forked(passing, home, opened, mark), name))
        while lanes and lanes[-1] is None:
            lanes.pop()
    return lines


def _free(lanes: list[str | None], beyond: int = -1) -> int:
    for i in range(beyond + 1, len(lanes)):
        if lanes[i] is None:
            return i
    lanes.append(None)
    if len(lanes) - 1 <= beyond:
        return _free(lanes, beyond)
    return len(lanes) - 1


def _forked(passing: Sequence[str | None], home: int, opened: Sequence[int], mark: str) -> str:
    """A task's line: its mark, and the lanes that begin at it."""
    return _line(passing, home, opened, mark, corner="╮", middle="┬")


def _joined(lanes: Sequence[str | None], home: int, ends: Sequence[int]) -> str:
    """The line above a task, where lanes that lead to it come together."""
    passing = [None if i in ends or i == home else target for i, target in enumerate(lanes)]
    return _line(passing, home, ends, "├", corner="╯", middle="┴")


def _line(
    passing: Sequence[str | None], home: int, reached: Sequence[int], mark: str, *, corner: str, middle: str
) -> str:
    last = max(reached, default=home)
    cells = []
    for i in range(max(len(passing), last + 1)):
        inside = home < i < last
        if i == home:
            cell = mark
        elif i == last and reached:
            cell = corner
        elif i in reached:
            cell = middle
        elif i < len(passing) and passing[i] is not None:
            cell = "┼" if inside else "│"
        else:
            cell = "─" if inside else " "
        cells.append(cell + ("─" if home <= i < last else " "))
    return "".join(cells).rstrip()


def _table(rows: Sequence[Sequence[str]], styles: Sequence[str], indent: str = "  ") -> list[Line]:
    """Rows with their cells below each other: of each cell the gap before it, and itself in its column's style."""
    if not rows:
        return []
    widths = [widest([row[i] for row in rows]) for i in range(len(styles))]
    lines = []
    for row in rows:
        line: Line = []
        for cell, width, style in zip(row, widths, styles, strict=True):
            line += [("  " if line else indent, ""), (pad(cell, width), style)]
        lines.append(line)
    return lines
