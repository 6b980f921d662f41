"""The drawing on DolphinScheduler's page: no two boxes on one spot, no edge through a box, one screen."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsflow.dolphinscheduler.places import HEIGHT, WIDTH, Edge, Place, places

SCREEN = (1290, 840)  # the page's canvas in a window of 1920 x 1080, as seen in a browser


def pipeline(number: int, size: int) -> tuple[list[str], list[Edge]]:
    """Chains, fans, branches that join, and edges that pass over some tasks."""
    choose = random.Random(number)
    names: list[str] = []
    edges: list[Edge] = []

    def new(*before: str) -> str:
        names.append(f"t{len(names)}")
        edges.extend((b, names[-1]) for b in before)
        return names[-1]

    ends = [new()]
    while len(names) < size - 8:
        kind = choose.random()
        first = new(*ends)
        if kind < 0.4:
            ends = [first]
        elif kind < 0.6:
            ends = [new(first) for _ in range(choose.randint(2, 5))]
        elif kind < 0.8:
            ends = []
            for _ in range(choose.randint(2, 3)):
                last = first
                for _ in range(choose.randint(1, 2)):
                    last = new(last)
                ends.append(last)
        else:
            ends = [new(first, new(first))]
    while len(names) < size:
        ends = [new(*ends)]
    return names, edges


def polyline(source: Place, target: Place) -> tuple[float, float, float, float]:
    """The long part of an edge as the page draws it, written down from what was seen: it leaves a box at its middle,
    sideways when the gap between the two is wider than tall, and goes straight on from there."""
    (x, y), (to_x, to_y) = source, target
    gap_x = max(to_x - x, x - to_x) - WIDTH
    gap_y = max(to_y - y, y - to_y) - HEIGHT
    if gap_x >= 0 and (gap_y < 0 or gap_x >= gap_y):
        side = 1 if to_x > x else -1
        return (x + WIDTH / 2 + side * (WIDTH / 2 + 12), y + HEIGHT / 2,
                to_x + WIDTH / 2 - side * (WIDTH / 2 + 12), to_y + HEIGHT / 2)  # fmt: skip
    side = 1 if to_y > y else -1
    return (x + WIDTH / 2, y + HEIGHT / 2 + side * (HEIGHT / 2 + 12),
            to_x + WIDTH / 2, to_y + HEIGHT / 2 - side * (HEIGHT / 2 + 12))  # fmt: skip


def runs_through(edge: Edge, at: dict[str, Place]) -> list[str]:
    """The boxes that hold a point of an edge; looked for point by point."""
    x, y, to_x, to_y = polyline(at[edge[0]], at[edge[1]])
    steps = max(2, int(max(abs(to_x - x), abs(to_y - y)) / 4))
    points = [(x + (to_x - x) * i / steps, y + (to_y - y) * i / steps) for i in range(steps + 1)]
    return [
        name
        for name, (left, top) in at.items()
        if name not in edge and any(left <= a <= left + WIDTH and top <= b <= top + HEIGHT for a, b in points)
    ]


def overlapping(at: dict[str, Place]) -> list[tuple[str, str]]:
    return [
        (a, b)
        for a, b in combinations(at, 2)
        if abs(at[a][0] - at[b][0]) < WIDTH and abs(at[a][1] - at[b][1]) < HEIGHT + 30  # an icon stands above a box
    ]


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from([10, 20]))
@example(81, 20)  # no single move to a cell nearby helps
@example(160, 20)
@example(602, 20)
def test_no_box_on_another_and_no_edge_through_one(number: int, size: int) -> None:
    names, edges = pipeline(number, size)
    at = places(names, edges, {})
    assert list(at) == names
    assert not overlapping(at)
    assert not [e for e in edges if runs_through(e, at)]
    assert places(names, edges, {}) == at  # the same every time


@pytest.mark.parametrize("number", range(4))
def test_sixty_tasks(number: int) -> None:
    names, edges = pipeline(number, 60)
    at = places(names, edges, {})
    assert len(at) == 60
    assert not overlapping(at)
    assert not [e for e in edges if runs_through(e, at)]


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.data())
def test_places_that_exist_are_kept_and_the_others_find_room(number: int, data: st.DataObject) -> None:
    names, edges = pipeline(number, 16)
    drawn = places(names, edges, {})
    missing = data.draw(st.sets(st.sampled_from(names), min_size=1, max_size=5))
    moved = {name: (x + 7, y + 3) for name, (x, y) in drawn.items() if name not in missing}
    at = places(names, edges, moved)
    assert {name: at[name] for name in moved} == moved
    assert not overlapping(at)


def test_a_chain_of_twenty_fits_one_screen() -> None:
    names = [f"t{i}" for i in range(20)]
    at = places(names, list(pairwise(names)), {})
    assert max(x for x, _ in at.values()) + WIDTH <= SCREEN[0] + 60
    assert max(y for _, y in at.values()) + HEIGHT <= SCREEN[1]


def test_a_label_lies_on_no_box() -> None:
    names, edges = ["a", "b", "c", "d"], [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    at = places(names, edges, {}, {("a", "b"): "auc >= min_auc", ("a", "c"): "otherwise"})
    for edge, text in ((("a", "b"), "auc >= min_auc"), (("a", "c"), "otherwise")):
        x, y, to_x, to_y = polyline(at[edge[0]], at[edge[1]])
        middle, centre, half = (x + to_x) / 2, (y + to_y) / 2, len(text) * 12 / 2
        for left, top in at.values():
            assert middle + half < left or middle - half > left + WIDTH or not top - 12 < centre < top + HEIGHT + 12


def test_nothing_and_one() -> None:
    assert places([], [], {}) == {}
    assert list(places(["a"], [("a", "gone")], {})) == ["a"]
