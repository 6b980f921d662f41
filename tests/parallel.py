"""What the tests share when pytest-xdist runs them in several processes: real servers, groups, and what was tried.

``pytest -n 3 --dist loadgroup`` keeps the tests of one server version in one process: one drives each version, and
another one does the rest. To share the time out evenly, tests that are marked ``own_server`` belong to the rest: they
get servers of their own. The controller of the processes names the folder of the servers, stops them at the end, and
prints what the processes report. Without xdist there is one process, which does it all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fast import is_fast
from tests.servers import KINDS, server_command

# what stands at the end of pytest's output: the lines of each section
SECTIONS = pytest.StashKey[dict[str, list[str]]]()
TRIED = "tried on real servers"
Report = Callable[[str, list[str]], None]
"""What the fixture ``report`` gives: it puts lines under a heading at the end of pytest's output."""
SERVERS = pytest.StashKey[Path]()
OWN = "own-servers"


def kept_folder() -> Path | None:
    """Where servers are left running for the next tests, if the environment names such a place."""
    name = os.environ.get("DSFLOW_TEST_DOLPHINSCHEDULER_WORKDIR")
    return Path(name) if name else None


def pytest_configure(config: pytest.Config) -> None:
    """Settle where the servers of this session live; nothing is started yet."""
    config.addinivalue_line(
        "markers", "own_server: with xdist, in another process than other tests of that server version"
    )
    config.addinivalue_line("markers", "fast: pure Python; all of them end within a minute (tests/fast.py says which)")
    given = getattr(config, "workerinput", {}).get("servers")
    config.stash[SERVERS] = Path(given) if given else kept_folder() or Path(tempfile.mkdtemp(prefix="dsflow-servers-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every server of the session, also one whose process has crashed."""
    base = config.stash.get(SERVERS, None)
    if base is None or hasattr(config, "workerinput") or base == kept_folder():
        return
    for info in base.glob("**/server.json"):
        server_command("stop", "--dir", str(info.parent))
    shutil.rmtree(base, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller: tell a process where the servers live."""
    node.workerinput["servers"] = str(node.config.stash[SERVERS])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """In the controller: take what a process reports."""
    sections = node.config.stash.setdefault(SECTIONS, {})
    for title, lines in getattr(node, "workeroutput", {}).get("sections", {}).items():
        sections.setdefault(title, []).extend(lines)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of xdist: hand on what its tests report."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["sections"] = session.config.stash.get(SECTIONS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the tests wrote down with the fixtures ``tally`` and ``report``."""
    for title, lines in sorted(config.stash.get(SECTIONS, {}).items()):
        terminalreporter.section(title)
        for line in sorted(lines) if title == TRIED else lines:
            terminalreporter.write_line(line)


def has_own_server(item: pytest.Item) -> bool:
    """Whether a test runs beside the others of its server's version, and so needs another server."""
    return item.get_closest_marker("own_server") is not None and "PYTEST_XDIST_WORKER" in os.environ


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one server version run in one process, one after the other; those that are fast are marked so."""
    for item in items:
        if is_fast(item):
            item.add_marker(pytest.mark.fast)
        version = getattr(item, "callspec", None) and item.callspec.params.get("running")  # type: ignore[attr-defined]
        if version in KINDS:
            group = OWN if has_own_server(item) else f"DolphinScheduler {version}"
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """See that xdist has understood the groups: two processes on one server would disturb each other's tests."""
    if getattr(session.config.option, "loadgroup", False):
        alone = [i.nodeid for i in session.items if i.get_closest_marker("xdist_group") and "@" not in i.nodeid]
        if alone:
            raise pytest.UsageError(f"this pytest-xdist makes no groups with this pytest: {alone[0]} is in none")
