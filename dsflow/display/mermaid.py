"""A workflow as a Mermaid flowchart, which code hosts and wikis draw from text."""

from __future__ import annotations

from dsflow.branches import edge_labels
from dsflow.declare.folding import folded, steps_of
from dsflow.declare.tasks import type_of
from dsflow.definition import Definition
from dsflow.display.graph import edges_of, kind, one_line, parts_of


def workflow_mermaid(definition: Definition, *, every: bool = False) -> str:
    """The graph of a workflow, from top to bottom, with what decides about an edge on it.

    Args:
        every: with a box for each node of a step; else a step has one.
    """
    steps = {} if every else steps_of(definition)
    tasks = [task for task in definition.tasks if task.name not in steps]
    labels = edge_labels(definition, steps)
    parts = parts_of(steps)
    number = {task.name: f"t{n}" for n, task in enumerate(tasks)}
    lines = ["flowchart TD"]
    for task in tasks:
        more = [kind(task), *(f"+ {', '.join(names)}" for names in [parts.get(task.name)] if names)]
        text = "<br>".join([_text(task.name), *(f"<small>{_text(line)}</small>" for line in more)])
        left, right = ("{{", "}}") if type_of(task.task_type).steers else ("[", "]")
        lines.append(f'    {number[task.name]}{left}"{text}"{right}')
    for pre, post in folded(edges_of(definition), steps):
        label = labels.get((pre, post))
        arrow = f'-- "{_text(label)}" -->' if label else "-->"
        lines.append(f"    {number[pre]} {arrow} {number[post]}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """A text inside of quotes: what is neither a letter, a digit nor a plain sign goes as Mermaid's entity code."""
    return "".join(c if c.isalnum() or c in " _.,-+/:=()" else f"#{ord(c)};" for c in one_line(text)) or "#32;"
