"""Imports go one way. import-linter holds the layers (pyproject.toml); here is what its contracts do not say."""

from functools import cache
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


@cache
def imports() -> dict[str, set[str]]:
    """Module -> the modules that it imports, also inside of functions, but for what only type checkers read."""
    graph = grimp.build_graph("dsflow", exclude_type_checking_imports=True)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circle(edges: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_in_a_circle() -> None:
    assert circle(imports()) == []


def test_a_circle_is_seen() -> None:
    edges = {**imports(), "dsflow.errors": {"dsflow.declare.workflow"}}
    assert {"dsflow.errors", "dsflow.declare.workflow"} <= set(circle(edges))


@pytest.mark.parametrize("upper", ["cli", "_api", "source", "local", "display", "consistency", "dolphinscheduler"])
def test_declarations_know_nothing_of_what_is_done_with_them(upper: str) -> None:
    found = {
        (module, other)
        for module, others in imports().items()
        if module.startswith("dsflow.declare")
        for other in others
        if other.startswith(f"dsflow.{upper}")
    }
    assert found == set()


def circles(graph: grimp.ImportGraph) -> list[set[str]]:
    """The groups of modules each of which leads to each other."""
    edges = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    place: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:  # Tarjan's
        place[module] = lowest[module] = len(place)
        stack.append(module)
        for other in edges[module]:
            if other not in place:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == place[module]:
            group = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            found.append(group)

    for module in edges:
        if module not in place:
            visit(module)
    return found


def test_what_only_type_checkers_read_makes_no_large_circle() -> None:
    graph = grimp.build_graph("dsflow", exclude_type_checking_imports=False)
    largest = max(circles(graph), key=len)
    assert len(largest) <= 10, sorted(largest)
    assert len(largest) > 2  # a workflow and its tasks know each other's types
