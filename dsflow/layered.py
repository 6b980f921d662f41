"""A layered drawing of an acyclic graph (Sugiyama's method), without any package.

1. Layers: every node as early as its longest path allows, sources as late as what follows them allows.
2. Edges that span several layers get a waypoint in each layer between.
3. Order inside the layers: barycentre sweeps and swaps of neighbours, keeping the order with the fewest crossings.
4. Coordinates: each layer in turn goes as near to its neighbours as its order allows. That is a least-squares fit under
   ``x[i+1] >= x[i] + distance``, which pooling adjacent violators solves exactly.

Everything is deterministic: ties keep the order of declaration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Edge = tuple[str, str]

_ORDER_SWEEPS = 24
_PLACE_SWEEPS = 40
_WAYPOINT_BREADTH = 8.0
# long edges should be straight: the more of a segment is waypoints, the more it weighs
_WEIGHTS = {0: 1.0, 1: 2.0, 2: 8.0}


@dataclass
class Node:
    """A node, or a waypoint of an edge.

    Attributes:
        name: the node's name; None for a waypoint.
        layer: which layer, counted from 0.
        breadth: how much room it takes across, that is along its layer.
        across: the middle of that room.
        label: the edge whose label stands on this waypoint.
    """

    name: str | None
    layer: int
    breadth: float
    across: float = 0.0
    label: Edge | None = None
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Where everything is, in layers; what a layer's distance is on paper is the caller's.

    Attributes:
        nodes: nodes by name.
        routes: for each edge its nodes from start to end, waypoints between.
        layers: the nodes of each layer, in their order.
    """

    nodes: dict[str, Node]
    routes: dict[Edge, list[Node]]
    layers: list[list[Node]]

    @property
    def breadth(self) -> float:
        """The room that the widest layer takes; the leftmost thing begins at 0."""
        return max((n.across + n.breadth / 2 for layer in self.layers for n in layer), default=0.0)


def lay_out(
    names: Sequence[str],
    edges: Sequence[Edge],
    *,
    breadth: Callable[[str], float],
    labels: Mapping[Edge, float],
    gap: float,
) -> Layout:
    """Lay a graph out.

    Args:
        names: the nodes.
        edges: acyclic, each once.
        breadth: the room that a node takes along its layer.
        labels: the room that an edge's label takes there; a labelled edge always has a waypoint for it.
        gap: the least distance between two neighbours in a layer.
    """
    layer = _layers(names, edges, labels)
    nodes = [Node(name, layer[name], breadth(name)) for name in names]
    index = {name: i for i, name in enumerate(names)}
    routes: dict[Edge, list[int]] = {}
    for edge in edges:
        pre, post = index[edge[0]], index[edge[1]]
        route = [pre]
        for at in range(nodes[pre].layer + 1, nodes[post].layer):
            labelled = edge in labels and len(route) == 1
            nodes.append(
                Node(None, at, labels[edge] if labelled else _WAYPOINT_BREADTH, label=edge if labelled else None)
            )
            route.append(len(nodes) - 1)
        route.append(post)
        for a, b in pairwise(route):
            nodes[a].after.append(b)
            nodes[b].before.append(a)
        routes[edge] = route
    layers: list[list[int]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for i in _first_order(nodes, len(names)):
        layers[nodes[i].layer].append(i)
    layers = _reduce_crossings(nodes, layers)
    _place(nodes, layers, gap)
    return Layout(
        nodes={name: nodes[i] for name, i in index.items()},
        routes={edge: [nodes[i] for i in route] for edge, route in routes.items()},
        layers=[[nodes[i] for i in row] for row in layers],
    )


def _layers(names: Sequence[str], edges: Sequence[Edge], labels: Mapping[Edge, float]) -> dict[str, int]:
    after: dict[str, list[Edge]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    for edge in edges:
        after[edge[0]].append(edge)
        waiting[edge[1]] += 1
    sources = [name for name in names if not waiting[name]]
    layer = dict.fromkeys(names, 0)
    ready = list(sources)
    for name in ready:
        for edge in after[name]:
            layer[edge[1]] = max(layer[edge[1]], layer[name] + (2 if edge in labels else 1))
            waiting[edge[1]] -= 1
            if not waiting[edge[1]]:
                ready.append(edge[1])
    for name in sources:
        if after[name]:
            layer[name] = min(layer[edge[1]] - (2 if edge in labels else 1) for edge in after[name])
    return layer


def _first_order(nodes: list[Node], count: int) -> list[int]:
    """Depth first from the sources, so that what belongs together starts together."""
    seen: dict[int, None] = {}
    stack = [i for i in reversed(range(count)) if not nodes[i].before]
    while stack:
        i = stack.pop()
        if i not in seen:
            seen[i] = None
            stack.extend(reversed(nodes[i].after))
    return list(seen)


def _reduce_crossings(nodes: list[Node], layers: list[list[int]]) -> list[list[int]]:
    best, fewest = [list(row) for row in layers], _crossings(nodes, layers)
    for sweep in range(_ORDER_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        place = {i: float(p) for row in layers for p, i in enumerate(row)}
        for row in layers if down else reversed(layers):
            keys = {}
            for i in row:
                near = nodes[i].before if down else nodes[i].after
                keys[i] = sum(place[j] for j in near) / len(near) if near else place[i]
            # every second pair of sweeps lets ties change places, to get out of a dead end
            row.sort(key=lambda i: (keys[i], -place[i] if sweep % 4 > 1 else place[i]))
            place.update((i, float(p)) for p, i in enumerate(row))
        _swap_neighbours(nodes, layers)
        count = _crossings(nodes, layers)
        if count < fewest:
            best, fewest = [list(row) for row in layers], count
    return best


def _swap_neighbours(nodes: list[Node], layers: list[list[int]]) -> None:
    place = {i: p for row in layers for p, i in enumerate(row)}

    def crossed(a: int, b: int) -> int:
        """Crossings between the edges of a and of b while a stands left of b."""
        total = 0
        for side in ("before", "after"):
            right = sorted(place[j] for j in getattr(nodes[b], side))
            total += sum(sum(r < place[j] for r in right) for j in getattr(nodes[a], side))
        return total

    for row in layers:
        for p in range(len(row) - 1):
            a, b = row[p], row[p + 1]
            if crossed(b, a) < crossed(a, b):
                row[p], row[p + 1] = b, a
                place[a], place[b] = p + 1, p


def _crossings(nodes: list[Node], layers: list[list[int]]) -> int:
    place = {i: p for row in layers for p, i in enumerate(row)}
    total = 0
    for row in layers:
        ends: list[int] = []
        for i in row:
            mine = sorted(place[j] for j in nodes[i].after)
            total += sum(len(ends) - bisect_right(ends, end) for end in mine)
            ends = sorted(ends + mine)
    return total


def _place(nodes: list[Node], layers: list[list[int]], gap: float) -> None:
    for row in layers:
        at = 0.0
        for i in row:
            nodes[i].across = at + nodes[i].breadth / 2
            at += nodes[i].breadth + gap
    for sweep in range(_PLACE_SWEEPS):
        # at the end both sides count, so that nothing is left to one of them
        sides = ("before", "after") if sweep >= _PLACE_SWEEPS - 8 else (("before",), ("after",))[sweep % 2]
        for row in layers if sweep % 2 == 0 else reversed(layers):
            _place_row(nodes, row, sides, gap)
    left = min((n.across - n.breadth / 2 for n in nodes), default=0.0)
    for node in nodes:
        node.across = round(node.across - left, 1)


def _place_row(nodes: list[Node], row: list[int], sides: Sequence[str], gap: float) -> None:
    offsets: list[float] = []
    blocks: list[tuple[float, float, int]] = []  # sum of weight * wish, sum of weights, how many nodes
    for i in row:
        node = nodes[i]
        if offsets:
            last = nodes[row[len(offsets) - 1]]
            offsets.append(offsets[-1] + (last.breadth + node.breadth) / 2 + gap)
        else:
            offsets.append(0.0)
        weight, total = 0.0, 0.0
        for side in sides:
            for j in getattr(node, side):
                w = _WEIGHTS[(node.name is None) + (nodes[j].name is None)]
                weight, total = weight + w, total + w * nodes[j].across
        if not weight:
            weight, total = 0.01, 0.01 * node.across
        blocks.append((total - weight * offsets[-1], weight, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            t, w, n = blocks.pop()
            blocks[-1] = (blocks[-1][0] + t, blocks[-1][1] + w, blocks[-1][2] + n)
    position = 0
    for total, weight, count in blocks:
        for _ in range(count):
            nodes[row[position]].across = total / weight + offsets[position]
            position += 1
