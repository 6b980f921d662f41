"""The table of functions is OpenMLDB's: nothing is in it that OpenMLDB does not have."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("sqlglot")

from dsflow.embedded.compiler.functions import FUNCTIONS
from dsflow.openmldb.sdk import Compiler
from tests.conformance import functions


def test_each_function_is_one_that_openmldb_takes() -> None:
    """Recorded from its own compiler: ``python -m tests.conformance.functions``."""
    assert set(FUNCTIONS) == set(functions.recorded())


def test_each_is_a_function_an_aggregate_or_refused_with_a_reason() -> None:
    assert [name for name, known in FUNCTIONS.items() if not (known.overloads or known.fold or known.refused)] == []


def test_the_compiler_takes_what_is_recorded(compiler: Compiler) -> None:
    assert [call for call in functions.recorded().values() if not functions.is_known(compiler, call)] == []


@pytest.mark.parametrize("call", ["nosuch(v)", "sum_were(i, b) OVER w"])
def test_a_name_that_openmldb_does_not_have_is_seen(compiler: Compiler, call: str) -> None:
    assert not functions.is_known(compiler, call)


def test_the_page_of_functions_is_written_from_the_table() -> None:
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "function_reference.py"))
    assert tool["PAGE"].read_text(encoding="utf-8") == tool["reference"](), "run tools/function_reference.py"
