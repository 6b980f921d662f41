"""Aggregates by category (``*_cate``, ``top_n_*``) and of frequencies, which answer with a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

AGGREGATES: dict[str, Callable[..., Any]] = {}
MACROS: dict[str, str] = {}
