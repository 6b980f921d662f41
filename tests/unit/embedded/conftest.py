"""A fresh engine for each test, with a database ``d``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsflow.embedded.engine import Engine
from dsflow.embedded.results import Result


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "engine") as running:
        running.execute("CREATE DATABASE d")
        yield running


@pytest.fixture
def run(engine: Engine) -> Callable[..., Result]:
    """Statements in database ``d``, online unless told otherwise."""

    def execute(sql: str, mode: str = "online", **options: object) -> Result:
        return engine.execute(sql, "d", mode=mode, **options)  # type: ignore[arg-type]

    return execute
