"""What comes out otherwise on DolphinScheduler 3.3 and later: looked for when the profile names such a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dsflow import newer
from dsflow.definition import Definition
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import rule


@rule("DSF417")
def shadowed_output(model: Model) -> Iterator[Problem]:
    """An output that DolphinScheduler 3.3 and later hand on otherwise."""
    yield from _changes(model, newer.shadowed_outputs)


@rule("DSF418", "warning")
def lost_condition(model: Model) -> Iterator[Problem]:
    """A CONDITIONS task that DolphinScheduler 3.3 and later pass over after a failure."""
    yield from _changes(model, newer.lost_conditions)


def _changes(model: Model, find: Callable[[Definition], Iterator[newer.Change]]) -> Iterator[Problem]:
    if model.definition is None or model.version is None or model.version < newer.FIRST:
        return
    series = f"DolphinScheduler {model.version[0]}.{model.version[1]}"
    for change in find(model.definition):
        yield Problem(f"{series}: {change.message}", change.where, change.hint)
