"""A run as one HTML page: its picture, how each task ended, and what it wrote."""

from __future__ import annotations

from html import escape

from dsflow.definition import Definition
from dsflow.display.progress import outputs_text, run_summary, taken_text
from dsflow.display.states import duration, look
from dsflow.display.svg import workflow_svg
from dsflow.report import FAILURE, TIMEOUT, RunReport, TaskReport

_PAGE = """<!doctype html>
<html lang='en'>
<meta charset='utf-8'>
<meta name='viewport' content='width=device-width'>
<title>{title}</title>
<style>:root {{color-scheme: light dark}} body {{font-family: system-ui, sans-serif; margin: 2rem}}
 svg {{max-width: 100%; height: auto}} pre {{overflow-x: auto}} summary {{cursor: pointer; padding: .2rem 0}}</style>
<h1>{title}</h1>
{picture}
<pre>{summary}</pre>
{tasks}
</html>
"""


def run_page(definition: Definition, report: RunReport) -> str:
    """A run as a page that needs nothing else.

    Args:
        definition: what ran.
        report: how it went.
    """
    return _PAGE.format(
        title=escape(f"{report.workflow}: {report.state}"),
        picture=workflow_svg(definition, report),
        summary=escape(run_summary(definition, report, listed=False).strip()),
        tasks="\n".join(_task(task) for task in report.tasks),
    )


def _task(task: TaskReport) -> str:
    words = [f"{look(task.state).symbol} {task.state}", task.name, f"({task.type})", duration(task.seconds)]
    words += [taken_text(task.taken_from)] if task.taken_from else []
    words += [f"again: {task.because}"] if task.because else []
    words.append(outputs_text(task.outputs))
    is_open = " open" if task.state in (FAILURE, TIMEOUT) else ""
    title = escape("  ".join(word for word in words if word))
    return f"<details{is_open}><summary>{title}</summary><pre>{escape(task.log)}</pre></details>"
