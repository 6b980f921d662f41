"""Definitions to draw, made by hypothesis or by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from dsflow.definition import Definition, Relation, TaskDefinition


def chart(*edges: str, names: str = "") -> Definition:
    """``chart("a b", "b c", names="d")``: a definition of shell tasks with these edges."""
    pairs = [tuple(edge.split()) for edge in edges]
    every = dict.fromkeys([*(name for pair in pairs for name in pair), *names.split()])
    return Definition(
        project="p",
        name="w",
        tasks=tuple(TaskDefinition(name, "SHELL") for name in every),
        relations=tuple(Relation(*pair) for pair in pairs),
    )


@st.composite
def dags(draw: st.DrawFn, most: int = 14) -> Definition:
    """Any acyclic graph, its tasks declared in any order."""
    count = draw(st.integers(0, most))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * count)) if pairs else []
    order = draw(st.permutations(range(count)))
    return Definition(
        project="p",
        name="w",
        tasks=tuple(TaskDefinition(f"t{i}", "SHELL") for i in order),
        relations=tuple(Relation(f"t{a}", f"t{b}") for a, b in edges),
    )
