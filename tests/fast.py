"""Which tests are fast: ``pytest -m fast`` ends within a minute, on one processor of a laptop.

They are the tests of what is pure Python: they start no program and no server, compile no C and train no model. Tests
with many generated examples are not among them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
FOLDERS = ("cli", "conditions", "consistency", "declare", "display", "dolphinscheduler", "openmldb", "source", "worker")
"""Folders below tests/unit whose tests are fast, but for the modules and the fixtures named here."""
MODULES = ("test_config", "test_cron", "test_definition", "test_exported_members", "test_layers", "test_outputs")
"""Modules in tests/unit itself that are."""
SLOW = frozenset(
    [
        "test_a_condition_without_end",
        "test_every_process_gives_the_same_bytes",
        "test_three_hundred_tasks_are_drawn",
        "test_same_text_in_every_process",
        "test_a_hang_ends_at_the_timeout",
    ]
)
"""Tests among them that take a second or more."""
PROGRAMS = frozenset({"compiler", "installed_compiler"})
"""Fixtures that start a program."""


def is_fast(item: pytest.Item) -> bool:
    """Whether a test is one of the fast ones."""
    if UNIT not in item.path.parents or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        return False
    if PROGRAMS & {*getattr(item, "fixturenames", ())} or getattr(item, "originalname", "") in SLOW:
        return False
    parts = item.path.relative_to(UNIT).parts
    return parts[0] in FOLDERS if len(parts) > 1 else item.path.stem in MODULES
