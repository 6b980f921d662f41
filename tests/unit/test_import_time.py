"""``import dsflow`` and ``dsflow --help`` are for every command: what only some of them need is loaded by those."""

import subprocess
import sys

import pytest

HEAVY = {
    "pydolphinscheduler",
    "py4j",
    "duckdb",
    "pandas",
    "pyarrow",
    "xgboost",
    "numpy",
    "sqlglot",
    "sqlalchemy",
    "httpx",
    "starlette",
    "uvicorn",
}
RICH = {"rich", "yaml"}


def loaded_by(program):
    code = f"{program}\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in result.stdout.splitlines()}


DECLARE = (
    "from dsflow import *\nfrom dsflow import types as t\n"
    "with Workflow('w', project='p', params={'x': 1}) as wf:\n"
    "    table = Table('t', database='d', a=t.Int)\n"
    "    table.create() >> OpenMLDB('b', 'SELECT 1') >> Shell('c', 'true')\n"
    "wf.definition()\n"
)


@pytest.mark.parametrize(
    "program",
    ["import dsflow", DECLARE, DECLARE + "wf._repr_svg_()", "import dsflow.cli"],
    ids=["import", "declare", "draw", "cli"],
)
def test_nothing_heavy_is_loaded(program):
    assert not loaded_by(program) & HEAVY


@pytest.mark.parametrize("program", ["import dsflow", DECLARE], ids=["import", "declare"])
def test_what_only_a_terminal_needs_is_not_loaded(program):
    assert not loaded_by(program) & RICH


def test_the_check_sees_what_is_loaded():
    assert "sqlglot" in loaded_by("import sqlglot")
