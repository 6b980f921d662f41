"""The figures of a training step: what it wrote beside its model, found again in its log or on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1

# as a worker's log has it: after the worker's own words, or as it is
_LINE = re.compile(r"^(?:\[[A-Z]+\].*?->)?\s*figures: (\{.*\})\s*$", re.MULTILINE)


def figures_in(log: str) -> dict[str, Any] | None:
    """The last figures that `write_figures` wrote into a log; None when there are none of a known form."""
    for found in reversed(_LINE.findall(log)):
        if (figures := _read(found)) is not None:
            return figures
    return None


def figures_beside(outputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The figures beside a model whose path is one of a task's outputs, where that is a path of this machine."""
    for value in outputs.values():
        if isinstance(value, str) and value.startswith("/"):
            path = Path(f"{value}.figures.json")
            if path.is_file():
                return _read(path.read_text(encoding="utf-8", errors="replace"))
    return None


def without_figures(log: str) -> str:
    """A log with a few words where the figures stood."""
    return _LINE.sub("(figures of the model)", log)


def _read(text: str) -> dict[str, Any] | None:
    """The figures; None for a text of another form, since anything may stand in a log."""
    try:
        figures = json.loads(text)
    except ValueError:
        return None
    return figures if isinstance(figures, dict) and figures.get("format") == FORMAT else None
