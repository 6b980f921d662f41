"""Where the tests find things."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dsflow.openmldb.sdk import Compiler, Sdk, SdkMissing, find_sdk
from tests.parallel import (  # noqa: F401  (pytest finds its hooks here)
    SECTIONS,
    Report,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
    pytest_unconfigure,
)

# how long one example takes says more about the machine's other work than about the code
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

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


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Puts lines under a heading at the end of pytest's output."""
    sections = request.config.stash.setdefault(SECTIONS, {})

    def put(title: str, lines: list[str]) -> None:
        sections.setdefault(title, []).extend(lines)

    return put


@pytest.fixture(scope="session")
def installed_compiler() -> Sdk:
    """Where OpenMLDB's own compiler is; without it the test is skipped."""
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    return sdk


@pytest.fixture(scope="module")
def compiler(installed_compiler: Sdk) -> Iterator[Compiler]:
    """OpenMLDB's own compiler."""
    compiler = Compiler(installed_compiler)
    yield compiler
    compiler.close()
