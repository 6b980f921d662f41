"""A switch's JavaScript as Python, where Python's operators write the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.declare.params import Condition, Reference
from dsflow.source.conditions import parse

KNOWN = {
    "auc": Reference("auc", float, "train"),
    "n": Reference("n", int),
    "m": Reference("m", int),
    "who": Reference("who", str),
    "flag": Reference("flag", bool),
}

NUMBERS = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9).filter(lambda x: x == x)
COMPARISONS = st.one_of(
    st.builds(lambda a, b: KNOWN[a] >= b, st.sampled_from(["auc", "n"]), NUMBERS),
    st.builds(lambda a, b: KNOWN[a] != KNOWN[b], st.sampled_from(["auc", "n"]), st.sampled_from(["m", "auc"])),
    st.builds(
        lambda text: KNOWN["who"] == text, st.text(st.characters(exclude_characters="'$", exclude_categories=["Cs"]))
    ),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(Condition.__and__, inner, inner),
        st.builds(Condition.__or__, inner, inner),
        st.builds(Condition.__invert__, inner),
    ),
    max_leaves=6,
)


@given(condition=CONDITIONS)
def test_what_the_operators_write_is_read_back(condition):
    assert parse(condition.expression, KNOWN) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "${auc}",
        "${auc} > ",
        "${auc}>0.5",
        "${auc} > 0.50",
        "${auc} > 1e400",
        "${nobody} > 1",
        "${who} > 3",
        "${who}.indexOf('a') >= 0",
        "(${auc} > 1)",
        "(${auc} > 1) && ${n} > 2",
        "(${auc} > 1) && (${n} > 2) && (${n} > 3)",
        "((${auc} > 1)",
        "!(${auc} > 1) ",
        "${n} >= ${m}",
        "${who} == 'me'",
        "${flag} == true",
        "0.5 < ${auc}",
    ],
)
def test_what_they_would_write_otherwise_stays_as_it_is(text):
    assert parse(text, KNOWN) is None
