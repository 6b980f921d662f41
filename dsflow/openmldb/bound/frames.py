"""What the frame of a window says, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from sqlglot import exp

from dsflow.openmldb import nodes
from dsflow.openmldb.ttl import UNITS_MS

Side = Literal["PRECEDING", "CURRENT ROW", "FOLLOWING"]
Unit = Literal["ROWS", "ROWS_RANGE", "RANGE"]


@dataclass(frozen=True)
class Edge:
    """Where a frame begins or ends.

    Attributes:
        side: on which side of the row.
        offset: how far from it, in rows or milliseconds; None is without end, or no literal.
        unbounded: it is without end.
        open: OPEN stands there: the offset itself is outside.
        node: its node.
    """

    side: Side
    offset: int | None
    unbounded: bool
    open: bool
    node: exp.Expr

    @property
    def back(self) -> int | None:
        """How far back a frame that begins here reaches, in rows or milliseconds; None is without end, or not known."""
        if self.side == "CURRENT ROW":
            return 0
        return self.offset if self.offset is None or not self.open else max(self.offset - 1, 0)

    @property
    def before_row(self) -> bool:
        """Whether a frame that ends here leaves out the row itself."""
        return self.side == "PRECEDING" and not self.unbounded and (self.open or self.offset != 0)


@dataclass(frozen=True)
class Frame:
    """``unit`` BETWEEN ``start`` AND ``end``; ``end`` is None where nothing is said."""

    unit: Unit
    start: Edge
    end: Edge | None
    node: exp.Expr

    @property
    def by_rows(self) -> bool:
        """Whether it counts rows; else it measures time."""
        return self.unit == "ROWS"


def frame_of(definition: nodes.WindowDefinition) -> Frame | None:
    """The frame of a window's definition; None when it has none."""
    frame = definition.args.get("frame")
    if frame is None:
        return None
    end = frame.args.get("end")
    return Frame(cast(Unit, frame.args["unit"]), _edge(frame.args["start"]), None if end is None else _edge(end), frame)


def whole_number(node: exp.Expr) -> int | None:
    """A whole number, or an interval such as ``3h`` in milliseconds; None for anything else."""
    text = str(node.this) if isinstance(node, exp.Literal) and not node.is_string else ""
    number, unit = (text[:-1], text[-1:].lower()) if text[-1:].isalpha() else (text, "l")
    return int(number) * UNITS_MS.get(unit, 1) if number.isdigit() and unit in (*UNITS_MS, "l") else None


def _edge(bound: nodes.FrameBound) -> Edge:
    side = cast(Side, bound.args["side"])
    offset = None if bound.this is None else whole_number(bound.this)
    unbounded = bound.this is None and side != "CURRENT ROW"
    return Edge(side, offset, unbounded, bool(bound.args.get("open")), bound)
