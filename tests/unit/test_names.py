"""The package's names: imported when they are asked for, and from where the type checker takes them."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import dsflow


def typed_imports() -> dict[str, str]:
    """Name -> module, of the imports that only type checkers read."""
    tree = ast.parse(inspect.getsource(dsflow))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("dsflow")
        for alias in node.names
    }


def test_each_name_has_the_home_that_the_type_checker_sees() -> None:
    homes = dict(dsflow._HOME)
    assert typed_imports() == homes
    assert set(dsflow.__all__) == {*homes, "__version__"}
    assert dir(dsflow) == sorted(dsflow.__all__)


@pytest.mark.parametrize("name", dsflow.__all__)
def test_each_name_is_there(name: str) -> None:
    namespace: dict[str, object] = {}
    exec(f"from dsflow import {name}", namespace)
    assert namespace[name] is getattr(dsflow, name)


def test_types_is_the_module() -> None:
    assert dsflow.types is importlib.import_module("dsflow.openmldb.types")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Shel'"):
        _ = dsflow.Shel  # type: ignore[attr-defined]
    assert not hasattr(dsflow, "local_things")


def test_importing_the_package_imports_no_part_of_it() -> None:
    code = "import sys, dsflow; print(*[m for m in sys.modules if m.startswith('dsflow')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == {"dsflow", "dsflow._version"}
