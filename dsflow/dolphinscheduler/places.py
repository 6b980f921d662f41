"""Where the boxes of a workflow stand in the drawing of DolphinScheduler's web page.

The page draws each edge as a straight line between two short stubs, and stores no bends; so that an edge does not run
through a box is a matter of where the boxes are. Ranks go along a band of a few columns and then back in the next one,
like a snake, so that a long chain fills a screen and no edge leads across it; where an edge still meets a box, boxes
move to free cells nearby until none does.

Pure and deterministic; names and numbers in, numbers out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import count

from dsflow.layered import lay_out

Edge = tuple[str, str]
Place = tuple[int, int]
"""The upper left corner of a box, in the page's pixels."""
_Move = tuple[int, float, str, Place]

WIDTH, HEIGHT = 220, 48
STEP_X, STEP_Y = 265, 110
_SCREEN = (1280.0, 800.0)  # what the page shows beside its menus, of 1920 x 1080
_LABEL_HEIGHT, _LABEL_CHARACTER = 26.0, 12.5
_ORIGIN = 60
_MARGIN = 8.0  # between an edge and a box that it passes
_GAP_X, _GAP_Y = 30, 40  # between two boxes; the icon of a state stands above its box
_STUB = 12  # how far an edge leaves its box straight
_EFFORT = 720_000  # moves times tasks squared, to be done in a second or two
_MOVES = 200
_MANY = 1_000
_ROWS = 20  # that may be opened
_WIDTHS = (4, 5, 6)  # ranks in a band
_HIT, _CROSSING, _UPWARDS = 1000.0, 3.0, 6.0
_FREE_X, _FREE_Y = WIDTH + _GAP_X, HEIGHT + _GAP_Y
_AROUND = [(right, down) for right in (0, -1, 1, -2, 2) for down in range(-5, 6) if (right, down) != (0, 0)]
# looked at only where those are not enough
_FAR = [(right, down) for right in range(-4, 5) for down in range(-10, 11) if (right, down) not in {(0, 0), *_AROUND}]


def places(
    names: Sequence[str], edges: Iterable[Edge], held: Mapping[str, Place], labels: Mapping[Edge, str] | None = None
) -> dict[str, Place]:
    """A place for every task.

    Args:
        names: the tasks, in the order of their declaration.
        edges: acyclic.
        held: the places that are stored already; they are kept.
        labels: what stands beside edges, half way along; it should not lie on a box.
    """
    known = set(names)
    edges = [e for e in dict.fromkeys(edges) if set(e) <= known and e[0] != e[1]]
    kept = {name: held[name] for name in names if name in held}
    wide = {edge: len(text) * _LABEL_CHARACTER for edge, text in (labels or {}).items() if text}
    if kept:
        return _added(names, edges, kept, wide)
    if not names:
        return {}
    found = _arranged(names, edges, wide).from_origin()
    return {name: found[name] for name in names}


class _Drawing:
    """Places, and what speaks against them.

    Attributes:
        at: the place of each box.
        edges: those whose two ends are placed.
        labels: how wide the label of an edge is.
    """

    def __init__(self, at: Mapping[str, Place], edges: Iterable[Edge], labels: Mapping[Edge, float]) -> None:
        self.at = dict(at)
        self.labels = labels
        self.edges = list(edges)
        self._lines = {edge: self._drawn(edge) for edge in self.edges}
        self._own: dict[str, list[Edge]] = {}
        for edge in self.edges:
            for name in edge:
                self._own.setdefault(name, []).append(edge)

    def add(self, name: str, place: Place, edges: Iterable[Edge]) -> None:
        """One more box."""
        self.at[name] = place
        for edge in edges:
            self.edges.append(edge)
            self._lines[edge] = self._drawn(edge)
            for end in edge:
                self._own.setdefault(end, []).append(edge)

    def move(self, name: str, place: Place) -> None:
        """Put a box elsewhere."""
        self.at[name] = place
        for edge in self._own.get(name, ()):
            self._lines[edge] = self._drawn(edge)

    def open_row(self, name: str) -> None:
        """An empty row below a box."""
        below = [key for key, (_, y) in self.at.items() if y > self.at[name][1]]
        for key in below:
            x, y = self.at[key]
            self.at[key] = x, y + STEP_Y
        self._lines = {edge: self._drawn(edge) for edge in self.edges}

    def hits(self) -> list[tuple[Edge, str]]:
        """Each edge with each box that it, or its label, runs through; with a box beyond a label that its own meets."""
        found = [
            (edge, name)
            for edge, line in self._lines.items()
            for name, place in self.at.items()
            if _meets(line, place) and name not in edge
        ]
        shown = [(edge, self._label(edge)) for edge in self.edges if edge in self.labels]
        found += [(edge, name) for edge, label in shown for name, place in self.at.items() if _covers(label, place)]
        found += [
            (edge, other[1])
            for edge, label in shown
            for other, second in shown
            if edge < other and _overlap(label, second)
        ]
        return found

    def is_free(self, name: str, place: Place) -> bool:
        """Whether a box may stand there as far as other boxes go."""
        x, y = place
        return not any(
            -_FREE_X < x - other[0] < _FREE_X and -_FREE_Y < y - other[1] < _FREE_Y and key != name
            for key, other in self.at.items()
        )

    def hits_of(self, name: str, limit: int) -> int:
        """How often an edge of a box, or its label, meets another box, or others' meet this one; up to ``limit``."""
        own = self._own.get(name, ())
        place, found = self.at[name], 0
        for edge in own:
            line = self._lines[edge]
            for key, other in self.at.items():
                if _meets(line, other) and key not in edge:
                    found += 1
            if found >= limit:
                return found
        for edge, line in self._lines.items():
            if _meets(line, place) and name not in edge:
                found += 1
        shown = {edge: self._label(edge) for edge in self.edges if edge in self.labels}
        for edge, label in shown.items():
            if name in edge:
                found += sum(_covers(label, other) for other in self.at.values())
                found += sum(_overlap(label, other) for key, other in shown.items() if key != edge)
            else:
                found += _covers(label, place)
        return found

    def cost(self, name: str) -> float:
        """What else a box costs where it stands: the length of its edges, those that go up, and crossings."""
        total = 0.0
        own = self._own.get(name, ())
        for edge in own:
            (x, y), (to_x, to_y) = self.at[edge[0]], self.at[edge[1]]
            total += abs(to_x - x) / STEP_X + abs(to_y - y) / STEP_Y + (_UPWARDS if y > to_y else 0.0)
            line = self._lines[edge]
            total += _CROSSING * sum(
                _cross(line, other) and not set(edge) & set(key) for key, other in self._lines.items()
            )
        return total

    def fill(self) -> float:
        """How many screens it takes, by its longer side."""
        xs, ys = zip(*self.at.values(), strict=True)
        wide, tall = max(xs) - min(xs) + WIDTH, max(ys) - min(ys) + HEIGHT
        return float(max(wide / _SCREEN[0], tall / _SCREEN[1]))

    def length(self) -> float:
        """The mean length of the edges, in pixels."""
        ends = [(self.at[a], self.at[b]) for a, b in self.edges]
        return sum(abs(x - u) + abs(y - v) for (x, y), (u, v) in ends) / (len(ends) or 1)

    def from_origin(self) -> dict[str, Place]:
        left, top = (min(place[axis] for place in self.at.values()) for axis in (0, 1))
        return {name: (x - left + _ORIGIN, y - top + _ORIGIN) for name, (x, y) in self.at.items()}

    def _label(self, edge: Edge) -> Rectangle:
        x, y, to_x, to_y = self._lines[edge]
        across, down = (x + to_x) / 2, (y + to_y) / 2
        half = self.labels[edge] / 2
        return across - half, down - _LABEL_HEIGHT / 2, across + half, down + _LABEL_HEIGHT / 2

    def _drawn(self, edge: Edge) -> Line:
        return _line(self.at[edge[0]], self.at[edge[1]])


def _arranged(names: Sequence[str], edges: list[Edge], labels: Mapping[Edge, float]) -> _Drawing:
    """Ranks along bands, and then boxes moved out of the way of edges."""
    layout = lay_out(names, edges, breadth=lambda name: 1.0, labels={}, gap=0.0)
    ranks = [[n.name for n in layer if n.name is not None] for layer in layout.layers]
    drawings = [_Drawing(_banded(ranks, wide), edges, labels) for wide in _WIDTHS]
    found: list[tuple[int, float, int, _Drawing]] = []
    for drawing in sorted(drawings, key=lambda d: (max(d.fill(), 1.0), len(d.hits()), d.length())):
        _clear(drawing)
        found.append((len(drawing.hits()), max(drawing.fill(), 1.0), len(found), drawing))
        if found[-1][:2] == (0, 1.0):
            break
    return min(found, key=lambda entry: entry[:3])[3]


def _banded(ranks: list[list[str]], wide: int) -> dict[str, Place]:
    """Ranks along bands of so many each."""
    at: dict[str, Place] = {}
    top = 0
    for band, begin in enumerate(range(0, len(ranks), wide)):
        rows = ranks[begin : begin + wide]
        tall = max(len(row) for row in rows)
        for index, row in enumerate(rows):
            column = index if band % 2 == 0 else wide - 1 - index
            for number, name in enumerate(row):
                half_rows = tall - len(row) + 2 * number
                at[name] = (column * STEP_X, top + half_rows * STEP_Y // 2)
        top += tall * STEP_Y
    return at


def _clear(drawing: _Drawing) -> None:
    """Move boxes until no edge runs through one, if that can be reached."""
    stuck: set[tuple[Edge, str]] = set()
    right = max(x for x, _ in drawing.at.values())
    rows = _ROWS
    for _ in range(min(_MOVES, _EFFORT // len(drawing.at) ** 2)):
        hit = next((hit for hit in drawing.hits() if hit not in stuck), None)
        if hit is None:
            if not stuck or rows == 0:
                return
            rows -= 1
            drawing.open_row(min(stuck)[1])
            stuck.clear()
            continue
        ends = (hit[1], *hit[0])
        moves = _moves(drawing, ends, right, _AROUND) or _moves(drawing, ends, right, _FAR)
        if moves:
            _, _, name, place = min(moves)
            drawing.move(name, place)
            stuck.clear()
        else:
            stuck.add(hit)


def _moves(drawing: _Drawing, names: Iterable[str], border: int, around: Sequence[tuple[int, int]]) -> list[_Move]:
    """The best move of each box that has one."""
    return [best for name in names if (best := _best_move(drawing, name, border, around)) is not None]


def _best_move(drawing: _Drawing, name: str, border: int, around: Sequence[tuple[int, int]]) -> _Move | None:
    """Where a box has fewer hits than where it is: how many, what else it costs there, the box, and the place."""
    here = drawing.at[name]
    limit = drawing.hits_of(name, _MANY)
    best: _Move | None = None
    for right, down in around:
        place = here[0] + right * STEP_X, here[1] + down * STEP_Y // 2
        if not 0 <= place[0] <= border or not drawing.is_free(name, place):
            continue
        drawing.move(name, place)
        hits = drawing.hits_of(name, limit)
        if hits < limit or (best is not None and hits == best[0]):
            found = hits, drawing.cost(name), name, place
            best = found if best is None else min(best, found)
            limit = max(best[0], 1)
    drawing.move(name, here)
    return best


def _added(
    names: Sequence[str], edges: list[Edge], kept: dict[str, Place], labels: Mapping[Edge, float]
) -> dict[str, Place]:
    """Places for those that have none, beside what is there."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: [] for name in names})
    for first, second in edges:
        sorter.add(second, first)
    drawing = _Drawing(kept, [e for e in edges if set(e) <= set(kept)], labels)
    for name in sorter.static_order():
        if name in kept:
            continue
        mine = [e for e in edges if name in e and set(e) <= {*drawing.at, name}]
        before = [drawing.at[a] for a, b in mine if b == name]
        after = [drawing.at[b] for a, b in mine if a == name]
        wish = _wish(before, after, list(drawing.at.values()))
        drawing.add(name, wish, mine)
        drawing.move(name, _room(drawing, name, wish))
    return {name: drawing.at[name] for name in names}


def _wish(before: list[Place], after: list[Place], everything: list[Place]) -> Place:
    """Where a new box would like to stand: right of what comes before it, or left of what comes after."""
    if before:
        return max(x for x, _ in before) + STEP_X, sum(y for _, y in before) // len(before)
    if after:
        return min(x for x, _ in after) - STEP_X, sum(y for _, y in after) // len(after)
    return min(x for x, _ in everything), max(y for _, y in everything) + STEP_Y


def _room(drawing: _Drawing, name: str, wish: Place) -> Place:
    """The best free cell near a wish."""
    best: tuple[float, Place] | None = None
    for reach in count(2, 4):
        for down in range(-reach, reach + 1):
            for right in range(-min(reach, 6), min(reach, 6) + 1):
                place = wish[0] + right * STEP_X, wish[1] + down * STEP_Y // 2
                if place[0] < 0 or place[1] < 0 or not drawing.is_free(name, place):
                    continue
                drawing.move(name, place)
                cost = _HIT * drawing.hits_of(name, _MANY) + drawing.cost(name) + abs(down) / 2 + abs(right)
                if best is None or cost < best[0]:
                    best = cost, place
        if best is not None and (best[0] < _HIT or reach > 14):
            return best[1]
    raise AssertionError("the plane has no end")


# ------------------------------------------------------------------ how the page draws an edge

Line = tuple[float, float, float, float]
Rectangle = tuple[float, float, float, float]


def _line(source: Place, target: Place) -> Line:
    """The straight part of an edge: the router ``er`` of the page's library, with an offset of 12."""
    (x, y), (to_x, to_y) = source, target
    right, left = to_x - x - WIDTH, x - to_x - WIDTH
    below, above = to_y - y - HEIGHT, y - to_y - HEIGHT
    across, down = max(right, left), max(below, above)
    middle, to_middle = x + WIDTH / 2, to_x + WIDTH / 2
    centre, to_centre = y + HEIGHT / 2, to_y + HEIGHT / 2
    if across >= 0 and (down < 0 or across >= down):
        sign = 1 if right >= 0 else -1
        reach = WIDTH / 2 + _STUB
        return middle + sign * reach, centre, to_middle - sign * reach, to_centre
    sign = 1 if below >= 0 else -1
    reach = HEIGHT / 2 + _STUB
    return middle, centre + sign * reach, to_middle, to_centre - sign * reach


def _meets(line: Line, place: Place) -> bool:
    """Whether a line comes too near to a box (Liang and Barsky's clipping)."""
    x, y, to_x, to_y = line
    left, top = place[0] - _MARGIN, place[1] - _MARGIN
    right, bottom = place[0] + WIDTH + _MARGIN, place[1] + HEIGHT + _MARGIN
    if max(x, to_x) < left or min(x, to_x) > right or max(y, to_y) < top or min(y, to_y) > bottom:
        return False
    enter, leave = 0.0, 1.0
    for step, low, high in ((to_x - x, left - x, right - x), (to_y - y, top - y, bottom - y)):
        if step == 0:
            if low > 0 or high < 0:
                return False
            continue
        first, last = sorted((low / step, high / step))
        enter, leave = max(enter, first), min(leave, last)
    return enter <= leave


def _cross(one: Line, other: Line) -> bool:
    def side(line: Line, x: float, y: float) -> float:
        return (line[2] - line[0]) * (y - line[1]) - (line[3] - line[1]) * (x - line[0])

    return (
        side(one, other[0], other[1]) * side(one, other[2], other[3]) < 0
        and side(other, one[0], one[1]) * side(other, one[2], one[3]) < 0
    )


def _covers(label: Rectangle, place: Place) -> bool:
    return _overlap(label, (place[0], place[1], place[0] + WIDTH, place[1] + HEIGHT))


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
