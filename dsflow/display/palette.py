"""What the colours of task types are, in a terminal and in a drawing."""

from __future__ import annotations

from dataclasses import dataclass

from dsflow.declare.tasks import type_of
from dsflow.declare.tasks.about import Colour


@dataclass(frozen=True)
class Shade:
    """One colour.

    Attributes:
        sgr: the terminal's, as a parameter of ECMA-48's SGR; '' for plain.
        ink: of lines and words in a drawing.
        ground: behind them.
    """

    sgr: str
    ink: str
    ground: str


_SHADES: dict[Colour, Shade] = {
    "amber": Shade("33", "#92600f", "#fdf5e1"),
    "blue": Shade("34", "#1d4ed8", "#eaf1fe"),
    "green": Shade("32", "#3f6212", "#f0f7e2"),
    "grey": Shade("37", "#475569", "#eef2f6"),
    "orange": Shade("31", "#c2410c", "#fef0e7"),
    "pink": Shade("35", "#be185d", "#fdebf3"),
    "plain": Shade("", "#52525b", "#f2f2f4"),
    "teal": Shade("36", "#0f766e", "#e4f6f3"),
    "violet": Shade("35", "#6d28d9", "#f2edfd"),
}


def shade_of(task_type: str) -> Shade:
    """The colour of a task type."""
    return _SHADES[type_of(task_type).colour]
