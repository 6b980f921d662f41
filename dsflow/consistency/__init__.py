"""Training/serving skew: the same rows asked offline and online, and their features compared."""

from __future__ import annotations

from dsflow.consistency.check import ask, measure
from dsflow.consistency.report import ColumnReport, ConsistencyReport, Example

__all__ = ["ColumnReport", "ConsistencyReport", "Example", "ask", "measure"]
