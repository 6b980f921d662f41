"""How the states of a task look, the same on a terminal and in a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dsflow import report
from dsflow.report import TaskReport


@dataclass(frozen=True)
class Look:
    """A state's symbol, its colour on a terminal (a rich style), and its colours in a drawing."""

    symbol: str
    style: str
    ink: str
    fill: str


_LOOKS = {
    report.SUCCESS: Look("✓", "green", "#15803d", "#e7f6ec"),
    report.FAILURE: Look("✗", "bold red", "#b91c1c", "#fdeaea"),
    report.TIMEOUT: Look("✗", "bold red", "#b91c1c", "#fdeaea"),
    report.RUNNING: Look("▶", "bold cyan", "#0e7490", "#e3f5fa"),
    report.STOPPED: Look("■", "yellow", "#92600f", "#fdf5e1"),
    report.SKIPPED: Look("↷", "dim", "#64748b", "#f1f4f7"),
    report.WAITING: Look("·", "dim", "#64748b", "#f1f4f7"),
}


def look(state: str) -> Look:
    """How a state looks; an unknown one looks like one that waits."""
    return _LOOKS.get(state, _LOOKS[report.WAITING])


def duration(seconds: float) -> str:
    """A time span in words: ``4.1s``, ``2m 05s``, ``1h 02m``."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


_FIRST = (report.FAILURE, report.TIMEOUT, report.STOPPED, report.RUNNING)


def whole_steps(tasks: Iterable[TaskReport], steps: Mapping[str, str]) -> dict[str, TaskReport]:
    """Reports by name, those of a step's nodes put together to one of the step.

    A step is done when one of its nodes is and none is left: of a deployment that is there already, its own node is
    passed over.

    Args:
        steps: the step of each node that is a part of one.
    """
    groups: dict[str, list[TaskReport]] = {}
    for task in tasks:
        groups.setdefault(steps.get(task.name, task.name), []).append(task)
    found = {}
    for name, nodes in groups.items():
        states = [node.state for node in nodes]
        own = next((node for node in nodes if node.name == name), nodes[0])
        state = next((state for state in _FIRST if state in states), own.state)
        if state not in _FIRST and report.SUCCESS in states:
            state = report.RUNNING if report.WAITING in states else report.SUCCESS
        found[name] = replace(own, name=name, state=state, seconds=sum(node.seconds for node in nodes))
    return found
