"""Arrays, maps and the functions that split and join texts."""

from __future__ import annotations

from dsflow.embedded.compiler.functions.registry import Overload

FUNCTIONS: dict[str, list[Overload]] = {}
