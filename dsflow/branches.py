"""What stands beside the edges that lead out of a SWITCH or CONDITIONS task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dsflow.declare.params import PLACEHOLDER
from dsflow.declare.tasks import type_of
from dsflow.declare.tasks.about import holders
from dsflow.definition import Definition, TaskDefinition

LONGEST_LABEL = 18  # characters beside an edge: a box on DolphinScheduler's page is not much wider

Edge = tuple[str, str]


def edge_labels(definition: Definition, steps: Mapping[str, str] | None = None) -> dict[Edge, str]:
    """What decides whether an edge is taken: a switch's conditions, or how a CONDITIONS task's tasks ended.

    Args:
        steps: the steps of nodes that are folded away; without them, each node stands for itself.
    """
    labels: dict[Edge, list[str]] = {}
    of = steps or {}
    for task in definition.tasks:
        for target, text in _branches(task):
            edge = (of.get(task.name, task.name), of.get(target, target))
            if edge[0] != edge[1] or task.name not in of:
                labels.setdefault(edge, []).append(text)
    return {edge: " or ".join(texts) for edge, texts in labels.items()}


def short_labels(definition: Definition) -> dict[Edge, str]:
    """The same in one short line each."""
    return {edge: _cut(text, LONGEST_LABEL) for edge, text in edge_labels(definition).items()}


def short_label(condition: str) -> str:
    """The short line of one branch of a switch."""
    return _cut(readable(condition), LONGEST_LABEL)


def readable(condition: str) -> str:
    """A switch's expression without the ``${}`` around the names, and without what turns a bool into a text."""
    text = re.sub(r'\("" \+ (\w+)\)|String\((\w+)\)', r"\1\2", PLACEHOLDER.sub(r"\1", condition))
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def _branches(task: TaskDefinition) -> Iterable[tuple[str, str]]:
    for place in type_of(task.task_type).names:
        for holder, key in holders(task.task_params, place.path) if place.leads_on else ():
            for target in _each(holder[key]):
                yield target, readable(str(holder.get(place.edge_by))) if place.edge_by else place.edge


def _each(value: object) -> list[str]:
    return [str(name) for name in (value if isinstance(value, list) else [value]) if name]


def _cut(text: str, longest: int) -> str:
    """A text cut to fit; of a comparison the name is cut, since what decides is at its end."""
    if len(text) <= longest:
        return text
    found = re.fullmatch(r"(\S+) ((?:==|!=|>=|<=|>|<) \S+)", text)
    room = longest - len(found[2]) - 2 if found else 0
    if found and room > 3:
        return f"{found[1][:room]}… {found[2]}"
    return text[: longest - 1].rstrip() + "…"
