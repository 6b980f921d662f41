"""Where the tests find things."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def openmldb_data() -> Path:
    """OpenMLDB's conformance cases and the demo's golden features."""
    folder = os.environ.get("DSFLOW_TEST_OPENMLDB")
    if not folder:
        pytest.skip("set DSFLOW_TEST_OPENMLDB to the folder with cases.jsonl and talkingdata/ to run this")
    return Path(folder)
