"""Conditions: filled and evaluated as DolphinScheduler does."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.definition import Property
from dsflow.local.expressions import ExpressionError, evaluate, fill

VALUES = {
    "auc": Property("auc", "OUT", "DOUBLE", "0.83"),
    "n": Property("n", "IN", "LONG", "3"),
    "who": Property("who", "IN", "VARCHAR", "ann"),
    "on": Property("on", "IN", "BOOLEAN", "true"),
}


@pytest.mark.parametrize(
    ("condition", "filled"),
    [
        ("${auc} >= 0.7", "0.83 >= 0.7"),
        ("${who} == 'ann'", '"ann" == "ann"'),
        ("'${who}' == 'ann'", '"ann" == "ann"'),
        ("${on} == true", "true == true"),
        ("${unknown} > 1", "${unknown} > 1"),
    ],
)
def test_fill(condition: str, filled: str) -> None:
    assert fill(condition, VALUES) == filled


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.83 >= 0.7", True),
        ("0.83 >= 0.9", False),
        ('"ann" == "ann"', True),
        ('"10" < "9"', True),
        ('"10" < 9', False),
        ("1 == true", True),
        ("1 === true", False),
        ("null == 0", False),
        ("!(1 > 2) && (2 > 1 || 1 / 0 > 5)", True),
        ("1 + 2 * 3 == 7", True),
        ("-7 % 3 == -1", True),
        ("5", False),
        ('"x"', False),
        ("NaN == NaN", False),
        ("2 > 1 == true", True),
        ('Number("100") > Number("9")', True),
        ('String(true) == "true"', True),
    ],
)
def test_evaluate(expression: str, value: bool) -> None:
    assert evaluate(expression) is value


UNKNOWN = ["", "1 >", "(1 > 2", "1 > 2)", "x > 1", "[1].includes(1)", "1 = 1", "${a} > 1", "a.b"]


@pytest.mark.parametrize("expression", UNKNOWN)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match=r"condition|value"):
        evaluate(expression)


_numbers = st.integers(0, 20).map(str) | st.floats(0, 100, allow_nan=False).map(lambda x: f"{x:.3f}")
_texts = st.text("ab19 ", max_size=3).map(json.dumps)
_atoms = _numbers | _texts | st.sampled_from(["true", "false", "null"])
_OPERATORS = ["==", "!=", "===", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&&", "||"]
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(_OPERATORS), inner).map(" ".join),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"!({e})"),
        inner.map(lambda e: f"-({e})"),
        inner.map(lambda e: f"Number({e})"),
        inner.map(lambda e: f"String({e})"),
    ),
    max_leaves=6,
)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs a JavaScript engine to compare with: install node")
@settings(max_examples=3, deadline=None)
@given(st.lists(_expressions, min_size=200, max_size=200))
def test_agrees_with_javascript(expressions: list[str]) -> None:
    script = f"console.log(JSON.stringify({json.dumps(expressions)}.map(e => eval(e) === true)))"
    answers = json.loads(subprocess.run(["node", "-e", script], check=True, capture_output=True, text=True).stdout)
    assert [evaluate(e) for e in expressions] == answers
