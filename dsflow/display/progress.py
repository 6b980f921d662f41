"""A run as it happens: a live table on a terminal, one line for each change of state anywhere else."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from dsflow.definition import Definition
from dsflow.display.graph import edges_of, kind, one_line, reading_order, without_cycles
from dsflow.display.states import duration, look
from dsflow.display.text import pad, shorten, widest
from dsflow.report import (
    FAILURE,
    FINAL_STATES,
    RUNNING,
    SKIPPED,
    STOPPED,
    SUCCESS,
    TIMEOUT,
    WAITING,
    RunReport,
    TaskReport,
)

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_LOG_LINES = 30
_OUTPUTS_ROOM = 20
_EVENT = re.compile(r"^[-\d]{10} [:.\d]{12} \w+ +\[[^\]]*\] - (Publish|Success fire) \w+LifecycleEvent: \{\s*$")
_PROGRESS_PAUSE = 5.0  # seconds between two lines about a task's progress, where lines are written


@dataclass
class _Row:
    """What is known of a task; a copy, since its report goes on changing in other threads."""

    name: str
    type: str
    state: str = WAITING
    seconds: float = 0.0
    attempts: int = 0
    outputs: dict[str, Any] = field(default_factory=dict)
    last_line: str = ""
    told_at: float = 0.0
    taken_from: str = ""
    because: str = ""
    progress: str = ""
    progress_at: float = 0.0

    def elapsed(self, now: float) -> float:
        """How long it has run by now."""
        return self.seconds + (now - self.told_at if self.state == RUNNING else 0.0)

    def remark(self) -> str:
        """How far it is; its outputs; the last line that it wrote: what there is of it."""
        if self.state == RUNNING:
            return self.progress or (f"again: {self.because}" if self.because else self.last_line)
        words = outputs_text(self.outputs)
        if self.taken_from:
            return f"{taken_text(self.taken_from)}  {words}".rstrip()
        return words or self.last_line


class RunDisplay:
    """Shows a run while it goes on. Its methods may be called from any thread.

    Args:
        definition: what runs.
        live: a table that is drawn over and over, instead of lines; None asks the stream whether it is a terminal.
        stream: where to write, by default standard error.
    """

    def __init__(self, definition: Definition, *, live: bool | None = None, stream: TextIO | None = None) -> None:
        self.definition = definition
        self.stream = stream or sys.stderr
        self.live = _is_terminal(self.stream) if live is None else live
        names = [task.name for task in definition.tasks]
        order = reading_order(names, without_cycles(names, edges_of(definition))[0])
        kinds = {task.name: kind(task) for task in definition.tasks}
        self._rows = {name: _Row(name, kinds[name]) for name in order}
        self._width = widest([one_line(name) for name in order])
        self._types = widest(list(kinds.values()))
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._live: Live | None = None
        self._gone = False
        self._on_screen = False

    def __enter__(self) -> RunDisplay:
        self._began = time.monotonic()
        if self.live:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self.stream, force_terminal=True)
            self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4)
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._on_screen = len(self._rows) <= self._room()  # the last table stays there
            self._live.stop()
            self._live = None

    def update(self, task: TaskReport) -> None:
        """Take note of a task's state; call it on each change, and as often as there is something new to see."""
        now = time.monotonic()
        with self._lock:
            row = self._rows.get(task.name)
            if row is None:
                row = self._rows[task.name] = _Row(task.name, task.type)
            changed = (row.state, row.attempts) != (task.state, task.attempts)
            row.state, row.seconds, row.attempts = task.state, task.seconds, task.attempts
            row.outputs, row.told_at = dict(task.outputs), now
            row.taken_from = task.taken_from
            changed = changed or (bool(task.because) and task.because != row.because)
            row.because = task.because
            row.last_line = _last_line(task.log)
            if changed and not self.live and task.state != WAITING:
                self._write(self._change(row))

    def progress(self, task: str, text: str) -> None:
        """Show how far a task is."""
        now = time.monotonic()
        with self._lock:
            row = self._rows.get(task)
            if row is None:
                return
            row.progress = text
            if not self.live and row.state == RUNNING and now - row.progress_at >= _PROGRESS_PAUSE:
                row.progress_at = now
                self._write("  ".join([self._clock(), pad(one_line(row.name), self._width), text]))

    def note(self, text: str) -> None:
        """Show a line that is about no single task."""
        with self._lock:
            if self._live:
                self._live.console.print(text, markup=False, highlight=False)
            else:
                self._write(f"{self._clock()}  {text}")

    def summary(self, report: RunReport) -> str:
        """How a run ended: every task's state, time and outputs; of failed ones the end of the log and what to do.

        The list of tasks is left out where it stands on the same screen already.
        """
        return run_summary(self.definition, report, listed=not (self._on_screen and sys.stdout.isatty()))

    # -- lines -------------------------------------------------------------------------------------------------------

    def _write(self, line: str) -> None:
        """Write a line. A run goes on when nobody can see it any more (a pipe that was closed)."""
        if self._gone:
            return
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        try:
            self.stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            self._gone = True

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began:7.1f}s"

    def _change(self, row: _Row) -> str:
        parts = [self._clock(), pad(one_line(row.name), self._width), row.state]
        if row.state == RUNNING and row.attempts > 1:
            parts.append(f"(attempt {row.attempts})")
        if row.state == RUNNING and row.because:
            parts.append(f"(again: {row.because})")
        if row.taken_from:
            parts.append(f"({taken_text(row.taken_from)})")
        elif row.state in FINAL_STATES and row.state != SKIPPED:
            parts.append(f"({duration(row.seconds)})")
        if row.state == SUCCESS and row.outputs:
            parts.append(outputs_text(row.outputs))
        if row.state in (FAILURE, TIMEOUT) and row.last_line:
            parts.append(shorten(row.last_line, 100))
        return "  ".join(parts)

    # -- table -------------------------------------------------------------------------------------------------------

    def _room(self) -> int:
        """How many tasks the screen has lines for."""
        return (self._live.console.height if self._live else 25) - 4

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        now = time.monotonic()
        with self._lock:
            rows, above, below = _visible(list(self._rows.values()), self._room())
            table = Table.grid(padding=(0, 2), expand=True)
            # where it is narrow, the remarks give way first
            table.add_column(no_wrap=True, min_width=9)
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=min(self._width, 40))
            table.add_column(no_wrap=True, overflow="ellipsis", style="dim", min_width=self._types)
            table.add_column(no_wrap=True, justify="right", min_width=7)
            table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
            if above:
                table.add_row("", Text(f"… {above} more done", style="dim"), "", "", "")
            for row in rows:
                style = look(row.state)
                time_text = duration(row.elapsed(now)) if row.state not in (WAITING, SKIPPED) else ""
                table.add_row(
                    Text(f"{style.symbol} {row.state}", style=style.style),
                    Text(one_line(row.name)),
                    row.type,
                    time_text,
                    Text(one_line(row.remark())),
                )
            if below:
                table.add_row("", Text(f"… {below} more waiting", style="dim"), "", "", "")
            done = sum(row.state in FINAL_STATES for row in self._rows.values())
            table.add_row(
                "", Text(f"{done} of {len(self._rows)} done", style="dim"), "", duration(now - self._began), ""
            )
        return table


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _visible(rows: list[_Row], room: int) -> tuple[list[_Row], int, int]:
    """The rows that fit, and how many are left out above and below: those in the middle of things stay."""
    if len(rows) <= room:
        return rows, 0, 0
    room = max(room - 2, 1)
    active = [i for i, row in enumerate(rows) if row.state not in (WAITING, SUCCESS, SKIPPED)]
    first = next((i for i, row in enumerate(rows) if row.state not in FINAL_STATES), len(rows))
    start = min(active[0] if active else first, first)
    start = max(0, min(start - 1, len(rows) - room))
    return rows[start : start + room], start, len(rows) - start - room


def _last_line(log: str) -> str:
    """The last line of a log that is not blank."""
    end = log[-4000:].rstrip()
    return one_line(end.rsplit("\n", 1)[-1])


def outputs_text(outputs: dict[str, Any]) -> str:
    """``auc=0.95 model_path=/m/1.bin``; numbers with four digits after the point at most."""
    return " ".join(f"{name}={_value(value)}" for name, value in outputs.items())


def _value(value: Any) -> str:
    return (
        f"{value:.4f}".rstrip("0").rstrip(".")
        if isinstance(value, float) and abs(value) >= 1e-3
        else one_line(str(value))
    )


def taken_text(run: str) -> str:
    """``from the run of 02:11:33``; with the date where it was another day."""
    try:
        when = datetime.strptime(run[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return f"from run {run}"
    return f"from the run of {when:%H:%M:%S}" if when.date() == datetime.now().date() else f"from the run of {when}"


def run_summary(definition: Definition, report: RunReport, *, listed: bool = True) -> str:
    """How a run ended, as plain text with a line end after the last line.

    Args:
        definition: what ran; says where a failed task was declared.
        report: how it went.
        listed: begin with a line for each task.
    """
    width = widest([one_line(task.name) for task in report.tasks])
    states = widest([task.state for task in report.tasks])
    names = [task.name for task in definition.tasks]
    order = {n: i for i, n in enumerate(reading_order(names, without_cycles(names, edges_of(definition))[0]))}
    lines = []
    for task in sorted(report.tasks, key=lambda task: order.get(task.name, len(order))) if listed else ():
        ran = task.state not in (SKIPPED, WAITING) and (task.seconds or (task.attempts and task.state in FINAL_STATES))
        parts = [
            f"{look(task.state).symbol} {pad(task.state, states)}",
            pad(one_line(task.name), width),
            f"{duration(task.seconds) if ran else '':>8}",
            f"{task.attempts} attempts" if task.attempts > 1 else "",
            taken_text(task.taken_from) if task.taken_from else "",
            outputs_text(task.outputs),
        ]
        lines.append("  ".join(part for i, part in enumerate(parts) if part or i < 3).rstrip())
    if not listed:  # the table cuts what is long
        lines += [
            f"{one_line(task.name)}: {words}"
            for task in report.tasks
            if len(words := outputs_text(task.outputs)) > _OUTPUTS_ROOM
        ]
    for task in report.failed:
        lines += ["", *_failure(definition, report, task)]
    for task in report.tasks:
        if task.missing:
            lines += ["", *_missing(task)]
    stopped = [one_line(task.name) for task in report.tasks if task.state in (STOPPED, WAITING)]
    if stopped and report.failed:
        lines += ["", f"not run because of that: {', '.join(stopped)}"]
    if report.prediction is not None:
        lines += ["", *_prediction(report.prediction)]
    where = f" ({report.where})" if report.where != "local" else ""
    took = f" in {duration(report.seconds)}" if report.seconds or report.state in FINAL_STATES else ""
    lines += ["", f"{look(report.state).symbol} {report.workflow}: {report.state}{took}{where}"]
    return "\n".join(lines) + "\n"


def _failure(definition: Definition, report: RunReport, task: TaskReport) -> list[str]:
    """The end of the log, and where to go from there."""
    log = task.log.rstrip().splitlines()
    kept = without_events(log)[-_LOG_LINES:]
    name = one_line(task.name)
    if kept:
        size = f"the last {len(kept)} of {len(log)} lines of its log" if len(log) > len(kept) else "its log"
        lines = [
            f"{look(task.state).symbol} {name} ({task.type}) {_ended(task)}; {size}:",
            *(f"  │ {line}" for line in kept),
        ]
    else:
        lines = [f"{look(task.state).symbol} {name} ({task.type}) {_ended(task)} and wrote no log"]
    return lines + [f"  → {step}" for step in _next_steps(definition, report, task)]


def without_events(log: Sequence[str]) -> list[str]:
    """A log's lines without the events that DolphinScheduler 3.3 and later write into it: dozens of lines of JSON.

    They stand also after the last line of the script, where its error is looked for.
    """
    kept: list[str] = []
    event: list[str] = []
    for line in log:
        if event or _EVENT.search(line):
            event.append(line)
            if line.rstrip() == "}":
                event.clear()
        else:
            kept.append(line)
    return kept + event  # of one that is cut off nobody knows where it ends


def _missing(task: TaskReport) -> list[str]:
    """DolphinScheduler says nothing of it."""
    names = ", ".join(task.missing)
    return [
        f"! {one_line(task.name)} succeeded, but gave no value to its output {names}",
        f"  → what asks for ${{{task.missing[0]}}} found nothing there: has a switch taken the wrong branch?",
    ]


def _ended(task: TaskReport) -> str:
    attempts = f" after {task.attempts} attempts" if task.attempts > 1 else ""
    return ("ran out of time" if task.state == TIMEOUT else "failed") + attempts


def _next_steps(definition: Definition, report: RunReport, task: TaskReport) -> Sequence[str]:
    steps: list[str] = []
    declared = next((t for t in definition.tasks if t.name == task.name), None)
    if declared and declared.where:
        steps.append(f"it is declared at {declared.where}")
    if task.state == TIMEOUT and declared and declared.timeout:
        steps.append(
            f"its timeout is {declared.timeout} min: give it more with timeout=, or find out what it waits for"
        )
    if report.where != "local":
        steps.append(f"the whole run: {report.where}")
    return steps


def _prediction(prediction: dict[str, Any]) -> list[str]:
    """The request and the answer in pairs; the answer's parts that are not known here as they are."""
    answer = prediction.get("answer")
    parts = dict(answer) if isinstance(answer, dict) else {"answer": answer}
    model = parts.pop("model", None)
    by = [f"{name} {parts.pop(name)}" for name in ("deployment", "database") if name in parts]
    if isinstance(model, dict):
        attributes = model.get("attributes") or {}
        auc = f" (auc {attributes['auc']})" if isinstance(attributes, dict) and "auc" in attributes else ""
        by.insert(0, f"model {model.get('version', '')}{auc}")
    elif model is not None:
        by.insert(0, f"model {_pairs(model)}")
    rows = {"request": prediction.get("request"), **parts} | ({"by": ", ".join(by)} if by else {})
    width = widest(list(rows))
    lines = ["a prediction for a new row, one second after one of the online table"]
    return lines + [f"  {pad(name, width)}  {_pairs(value)}" for name, value in rows.items()]


def _pairs(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_pairs(item)}" for name, item in value.items())
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(value))
