"""Feature signatures: continuous, discrete, labels, and the formats csv, libsvm and gcformat."""

from __future__ import annotations

from dsflow.embedded.compiler.functions.registry import Overload

FUNCTIONS: dict[str, list[Overload]] = {}
