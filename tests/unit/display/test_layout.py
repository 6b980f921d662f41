from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.display.graph import edges_of, reading_order, without_cycles
from dsflow.layered import Layout, lay_out

from .strategies import chart, dags

GAP = 10.0


def laid_out(definition, labels=()) -> Layout:
    names = [task.name for task in definition.tasks]
    return lay_out(names, edges_of(definition), breadth=lambda _: 100.0, labels=dict.fromkeys(labels, 60.0), gap=GAP)


def crossings(layout: Layout) -> int:
    """Counted on the coordinates, pair by pair."""
    segments = [(a, b) for route in layout.routes.values() for a, b in pairwise(route)]
    return sum(
        (a.across - c.across) * (b.across - d.across) < 0
        for i, (a, b) in enumerate(segments)
        for c, d in segments[:i]
        if a.layer == c.layer and a is not c and b is not d
    )


@given(dags())
def test_every_edge_leads_to_a_later_layer_step_by_step(definition):
    layout = laid_out(definition)
    assert set(layout.nodes) == {task.name for task in definition.tasks}
    for (pre, post), route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.nodes[pre], layout.nodes[post])
        assert [b.layer - a.layer for a, b in pairwise(route)] == [1] * (len(route) - 1)


@given(dags())
def test_neighbours_keep_their_distance(definition):
    layout = laid_out(definition)
    for row in layout.layers:
        assert all(b.across - a.across >= (a.breadth + b.breadth) / 2 + GAP - 0.2 for a, b in pairwise(row))
        assert all(node.across - node.breadth / 2 >= -0.1 for node in row)


@given(dags(), st.data())
def test_a_labelled_edge_has_one_place_for_its_label(definition, data):
    edges = edges_of(definition)
    labels = data.draw(st.lists(st.sampled_from(edges), unique=True)) if edges else []
    layout = laid_out(definition, labels)
    for edge, route in layout.routes.items():
        assert [n.label for n in route if n.label] == ([edge] if edge in labels else [])


@pytest.mark.parametrize(
    ("edges", "most"),
    [
        (["a x", "b y", "c z"], 0),
        (["a z", "b y", "c x", "r a", "r b", "r c"], 0),
        (["r a", "r b", "a x", "a y", "b y", "b z", "x e", "y e", "z e"], 0),
        (["a x", "a y", "b x", "b y"], 1),
        (["a x", "a y", "a z", "b x", "b y", "b z"], 3),
        (["a x", "a y", "a z", "b x", "b y", "b z", "c x", "c y", "c z"], 9),
    ],
)
def test_crossings_that_can_be_avoided_are(edges, most):
    assert crossings(laid_out(chart(*edges))) <= most


def test_a_chain_is_straight():
    layout = laid_out(chart("a b", "b c", "c d"))
    assert len({node.across for node in layout.nodes.values()}) == 1


def test_a_fork_is_centred_over_its_branches():
    layout = laid_out(chart("a x", "a y"))
    middle = (layout.nodes["x"].across + layout.nodes["y"].across) / 2
    assert layout.nodes["a"].across == pytest.approx(middle, abs=1)


def test_a_long_edge_is_straight_between_its_ends():
    layout = laid_out(chart("a b", "b c", "c d", "d e", "a e"))
    waypoints = layout.routes[("a", "e")][1:-1]
    assert len(waypoints) == 3
    assert max(n.across for n in waypoints) - min(n.across for n in waypoints) < 1


def test_a_source_stands_right_before_what_needs_it():
    assert laid_out(chart("a b", "b c", "late c")).nodes["late"].layer == 1


@given(dags())
def test_reading_order_is_topological_and_complete(definition):
    names = [task.name for task in definition.tasks]
    order = reading_order(names, edges_of(definition))
    assert sorted(order) == sorted(names)
    assert all(order.index(pre) < order.index(post) for pre, post in edges_of(definition))


def test_reading_order_follows_a_branch_to_its_end():
    names = list("sabxy")
    assert reading_order(names, [("s", "a"), ("s", "x"), ("a", "b"), ("x", "y")]) == ["s", "a", "b", "x", "y"]


@given(st.lists(st.tuples(*[st.sampled_from("abcde")] * 2), unique=True))
def test_without_cycles_leaves_none(edges):
    acyclic, turned = without_cycles("abcde", edges)
    assert len(reading_order("abcde", acyclic)) == 5
    assert {frozenset(e) for e in acyclic} == {frozenset(e) for e in edges if e[0] != e[1]}
    assert turned <= set(edges)


def test_an_acyclic_graph_is_left_alone():
    assert without_cycles("abc", [("a", "b"), ("a", "c"), ("b", "c")]) == ([("a", "b"), ("a", "c"), ("b", "c")], set())
