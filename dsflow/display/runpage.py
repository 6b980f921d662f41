"""A run as one HTML page: its picture, when each task ran, how it ended, what it wrote, and a training's figures.

The page needs nothing else: no network, no script. Colours come from the reader's choice of light or dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from dsflow.definition import Definition
from dsflow.display.progress import outputs_text, run_summary, taken_text
from dsflow.display.states import duration, look
from dsflow.display.svg import workflow_svg
from dsflow.errors import MissingExtraError
from dsflow.figures import without_figures
from dsflow.report import FAILURE, SKIPPED, TIMEOUT, WAITING, RunReport, TaskReport

if TYPE_CHECKING:
    from dsflow.consistency import ConsistencyReport

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5dbe3, #3a4350); --pale: light-dark(#5b6674, #97a3b1);
  --raised: light-dark(#f6f8fa, #1c2128); --accent: #3b82f6; }
body { font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; margin: 0 auto; max-width: 72rem;
  padding: 1.5rem; background: light-dark(#ffffff, #12161b); color: light-dark(#1e293b, #dbe2ea); }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem } h3 { font-size: .95rem; margin: 0 }
.about { color: var(--pale); margin: .2rem 0 1.2rem }
.scroll { overflow-x: auto } svg { max-width: 100%; height: auto }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; overflow-x: auto;
  font-size: .82rem; margin: .4rem 0 }
details { border-bottom: 1px solid var(--line) } summary { cursor: pointer; padding: .35rem 0 }
summary .outputs, summary .why { color: var(--pale); font-size: .85rem; overflow-wrap: anywhere }
table { border-collapse: collapse; font-size: .88rem } th, td { padding: .25rem .7rem; border: 1px solid var(--line);
  text-align: right; font-variant-numeric: tabular-nums } th { color: var(--pale); font-weight: 600 }
.compared { overflow-x: auto; margin-bottom: 1rem } .compared td { text-align: left }
.gantt { display: grid; grid-template-columns: minmax(6rem, 18rem) 1fr 4.5rem; gap: 2px .8rem; font-size: .82rem }
.gantt .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.gantt .way { position: relative; background: var(--raised); border-radius: 3px; min-height: 1.1rem }
.gantt .bar { position: absolute; top: 2px; bottom: 2px; border-radius: 3px; min-width: 3px }
.gantt .took { text-align: right; color: var(--pale); font-variant-numeric: tabular-nums }
.plots { display: flex; flex-wrap: wrap; gap: 1.2rem } figure { margin: 0 } figcaption { font-weight: 600;
  font-size: .88rem; margin-bottom: .3rem }
"""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
<p class="about">{about}</p>
<div class="scroll">{picture}</div>
{body}
</html>
"""


def run_page(definition: Definition, report: RunReport, compared: Sequence[ConsistencyReport | str] = ()) -> str:
    """A run as a page that needs nothing else.

    Args:
        definition: what ran.
        report: how it went.
        compared: features offline and online, or why they were not compared.
    """
    about = [definition.project, report.where]
    about += [f"run {report.instance}"] if report.instance is not None else []
    parts = ["<h2>How it ended</h2>", f"<pre>{escape(run_summary(definition, report, listed=False).strip())}</pre>"]
    parts += [gantt(report)]
    parts += [_training(task) for task in report.tasks if task.figures]
    parts += [_compared(each) for each in compared]
    parts += ["<h2>Tasks and their logs</h2>", *(_task(task) for task in report.tasks)]
    return _PAGE.format(
        title=escape(f"{report.workflow}: {report.state}"),
        style=_STYLE,
        about=escape(" · ".join(about)),
        picture=workflow_svg(definition, report),
        body="\n".join(part for part in parts if part),
    )


def gantt(report: RunReport) -> str:
    """When each task ran, as bars below each other; '' when nobody knows."""
    ran = [(task.started, task) for task in report.tasks if task.started is not None]
    whole = max([report.seconds, *(began + task.seconds for began, task in ran)], default=0.0)
    if not ran or whole <= 0:
        return ""
    rows = []
    for began, task in sorted(ran, key=lambda pair: pair[0]):
        seen = look(task.state)
        place = f"left:{100 * began / whole:.2f}%;width:{100 * task.seconds / whole:.2f}%;background:{seen.ink}"
        told = escape(f"{task.name}: {task.state}, from {duration(began)} to {duration(began + task.seconds)}")
        rows.append(
            f'<span class="name" title="{told}">{escape(task.name)}</span>'
            f'<span class="way" title="{told}"><span class="bar" style="{place}"></span></span>'
            f'<span class="took">{duration(task.seconds)}</span>'
        )
    return f'<h2>When each task ran</h2>\n<div class="gantt">{"".join(rows)}</div>'


def _training(task: TaskReport) -> str:
    """A training's figures. What is not of the known form is said to be so: a script may write anything."""
    from dsflow.display.plots import plots

    figures: Mapping[str, Any] = task.figures or {}
    head = f"<h2>{escape(task.name)}: how good the model is</h2>"
    try:
        words, table = _judged(figures)
    except (KeyError, TypeError, ValueError, IndexError):
        return f"{head}<p>Its figures are not as dsflow.worker.figures writes them.</p>"
    try:
        drawn = plots(figures)
    except ImportError:
        missing = MissingExtraError("a page with plots", "report", "matplotlib")
        return f'{head}<p>{words}</p>{table}<p class="about">{escape(str(missing))}</p>'
    except (KeyError, TypeError, ValueError, IndexError):
        return f"{head}<p>{words}</p>{table}<p>Its curves are not as dsflow.worker.figures writes them.</p>"
    pictures = [f"<figure><figcaption>{escape(plot.title)}</figcaption>{plot.svg}</figure>" for plot in drawn]
    return f'{head}<p>{words}</p><div class="plots">{"".join([*pictures[:4], table, *pictures[4:]])}</div>'


def _compared(report: ConsistencyReport | str) -> str:
    """The features of the same rows, offline and online."""
    from dsflow.display.plots import compared

    head = "<h2>Features offline and online</h2>"
    if isinstance(report, str):
        return f"{head}<p>Not compared: {escape(report)}</p>"
    try:
        drawn = compared(report)
    except ImportError:  # which the training's part has said
        drawn = None
    picture = f"<figure><figcaption>{escape(drawn.title)}</figcaption>{drawn.svg}</figure>" if drawn else ""
    return f'{head}<div class="compared">{report._repr_html_()}</div>{picture}'


def _judged(figures: Mapping[str, Any]) -> tuple[str, str]:
    """How good a model is in a sentence, and its table of confusion, if it tells classes apart."""
    rows = f"On {figures['rows']:d} rows that it has not seen"
    if "rmse" not in figures:
        return f"{rows}, {figures['positives']:d} of them positive.", _confusion(figures)
    share = "" if figures["r2"] is None else f", R² {figures['r2']:.3f}"
    return f"{rows}: RMSE {figures['rmse']:.4g}, mean absolute error {figures['mae']:.4g}{share}.", ""


def _confusion(figures: Mapping[str, Any]) -> str:
    (right_no, wrong_yes), (wrong_no, right_yes) = figures["confusion"]
    told, real = right_yes + wrong_yes, right_yes + wrong_no
    return (
        f"<figure><figcaption>Confusion at the threshold {figures['threshold']:.4g} (best F1)</figcaption>"
        "<table><tr><th></th><th>predicted 0</th><th>predicted 1</th></tr>"
        f"<tr><th>is 0</th><td>{right_no:d}</td><td>{wrong_yes:d}</td></tr>"
        f"<tr><th>is 1</th><td>{wrong_no:d}</td><td>{right_yes:d}</td></tr></table>"
        f"<p>precision {right_yes / max(told, 1):.3f}, recall {right_yes / max(real, 1):.3f}</p></figure>"
    )


def _task(task: TaskReport) -> str:
    words = [f"{look(task.state).symbol} {task.state}", task.name, f"({task.type})"]
    words += [duration(task.seconds)] if task.state not in (SKIPPED, WAITING) else []
    words += [taken_text(task.taken_from)] if task.taken_from else []
    title = escape("  ".join(words))
    title += f' <span class="why">{escape(f"again: {task.because}")}</span>' if task.because else ""
    title += f' <span class="outputs">{escape(outputs_text(task.outputs))}</span>' if task.outputs else ""
    is_open = " open" if task.state in (FAILURE, TIMEOUT) else ""
    log = escape(without_figures(task.log).rstrip()) or "(no log)"
    return f"<details{is_open}><summary>{title}</summary><pre>{log}</pre></details>"
