"""Pieces of HTML for a notebook's cells: they bring no ground and no colours of text, so that they read on any page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from dsflow.declare.folding import steps_of
from dsflow.definition import Definition
from dsflow.display.progress import outputs_text, run_summary
from dsflow.display.states import duration, look, whole_steps
from dsflow.display.svg import workflow_svg
from dsflow.report import FAILURE, FINAL_STATES, RUNNING, SKIPPED, TIMEOUT, WAITING, RunReport, TaskReport

# a tone that is seen on white and on black
_LINE = "rgba(128,138,150,.45)"
_CELL = f"padding:.2rem .7rem;border:0;border-bottom:1px solid {_LINE};text-align:left;vertical-align:top"
_ROOM = "max-height:48rem;overflow:auto"
_PICTURE_MOST = 60
"""Tasks of a picture that is drawn while a run goes on; a larger one is drawn at its end."""
_ROWS = 12


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    names = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{plain(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse"><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>'


def plain(text: str) -> str:
    """A text as it is: a notebook takes what stands between two ``$`` for a formula, but not in ``code``."""
    return f'<code style="font:inherit;background:none;padding:0;white-space:pre-wrap">{escape(text)}</code>'


def image(svg: str, about: str) -> str:
    """A drawing as an image: a notebook that is not trusted shows no ``<svg>``, only the texts in it."""
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f'<img alt="{escape(about)}" src="data:image/svg+xml;base64,{data}">'


def headed(title: str, *parts: str) -> str:
    """Parts below a line in bold."""
    return f"<div><p><b>{plain(title)}</b></p>{''.join(parts)}</div>"


def text_block(text: str) -> str:
    """A text as it is, in a box that scrolls when it is long."""
    return f'<pre style="{_ROOM};line-height:1.35">{escape(text.rstrip())}</pre>'


def picture(definition: Definition, report: RunReport) -> str:
    """A run's picture, in a box that scrolls when it is large."""
    drawn = image(workflow_svg(definition, report), f"{report.workflow}: {report.state}")
    return f'<div style="{_ROOM}">{drawn}</div>'


def run_html(definition: Definition, report: RunReport) -> str:
    """A run that has ended: its picture, what it gave, and of what failed the log."""
    summary = run_summary(definition, report, listed=False)
    return f"<div>{picture(definition, report)}{text_block(summary)}</div>"


def progress_html(definition: Definition, report: RunReport, notes: Sequence[str], remarks: dict[str, str]) -> str:
    """A run as it goes on: how much is done, the picture where it is small enough, and what is going on.

    Args:
        report: as it stands now.
        notes: what was said of the run, the last ones of it are shown.
        remarks: how far tasks are, by name.
    """
    steps = steps_of(definition)
    whole = whole_steps(report.tasks, steps)
    done = sum(task.state in FINAL_STATES for task in whole.values())
    share = 100 * done / max(len(whole), 1)
    bar = (
        f'<div style="background:{_LINE};border-radius:4px;height:.5rem;max-width:30rem">'
        f'<div style="background:{look("SUCCESS" if not report.failed else FAILURE).ink};border-radius:4px;height:100%;'
        f'width:{share:.1f}%"></div></div>'
    )
    seen = look(report.state)
    head = f"{seen.symbol} {report.workflow}: {done} of {len(whole)} tasks done, {duration(report.seconds)}"
    active = [task for task in report.tasks if task.state in (RUNNING, FAILURE, TIMEOUT)]
    rows = [_row(task, remarks.get(task.name, "")) for task in active[:_ROWS]]
    rows += [f"… and {len(active) - _ROWS} more"] if len(active) > _ROWS else []
    drawn = picture(definition, report) if len(whole) <= _PICTURE_MOST else ""
    said = text_block("\n".join([*notes[-3:], *rows])) if notes or rows else ""
    return f"<div><p><b>{plain(head)}</b></p>{bar}{drawn}{said}</div>"


def _row(task: TaskReport, remark: str) -> str:
    words = [f"{look(task.state).symbol} {task.state}", task.name, remark or outputs_text(task.outputs)]
    if task.state not in (SKIPPED, WAITING, RUNNING):
        words.append(duration(task.seconds))
    return "  ".join(word for word in words if word)
