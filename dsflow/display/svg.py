"""A workflow as an SVG: one file, no fonts, no scripts, no styles that could leak into a notebook's page.

It has no background: what stands outside the boxes is drawn in tones that read on white and on black alike, and the
boxes bring their own ground. Colours never say something alone: a type is written out, a state has its symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from dsflow.branches import edge_labels
from dsflow.declare.folding import Edge, count_of, folded, steps_of
from dsflow.declare.tasks import type_of
from dsflow.definition import Definition, TaskDefinition
from dsflow.display.graph import edges_of, kind, one_line, parts_of, without_cycles
from dsflow.display.palette import shade_of
from dsflow.display.states import duration, look, whole_steps
from dsflow.display.text import drawn_width, fit, wrap
from dsflow.layered import Layout, Node, lay_out
from dsflow.report import SKIPPED, STOPPED, WAITING, RunReport, TaskReport

_FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', "
    "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
)
_NAME, _SMALL, _LABEL, _TITLE = 13.0, 10.5, 11.0, 15.0
_LEAST_WIDTH, _MOST_WIDTH, _PADDING = 132.0, 216.0, 14.0
_LABEL_HEIGHT, _LABEL_MOST = 20.0, 260.0
_MARGIN, _HEADER, _ARROW = 16.0, 42.0, 9.0
# what a notebook's cell shows without making everything smaller
_COMFORTABLE = 980.0

_TEXT, _PALE_TEXT = "#1e293b", "#475569"
_LINE, _FAINT_LINE, _ON_ANY_GROUND = "#8592a3", "#a9b4c2", "#76818e"


@dataclass(frozen=True)
class _Box:
    """What one task's box says."""

    task: TaskDefinition
    lines: list[str]
    ran: TaskReport | None
    height: float
    parts: list[str]


class _Page:
    """Points of the layout on paper, downwards or to the right."""

    def __init__(self, layout: Layout, *, down: bool, depth: Callable[[Node], float], gap: float, top: float) -> None:
        self.layout = layout
        self.down = down
        self.top = top
        self.bands: list[tuple[float, float]] = []  # where each layer begins and ends
        gaps = self._gaps(gap)
        at = 0.0
        for row, room_before in zip(layout.layers, gaps, strict=True):
            at += room_before
            room = max(map(depth, row))
            self.bands.append((at, at + room))
            at += room
        self.width, self.height = (layout.breadth, at) if down else (at, layout.breadth)

    def _gaps(self, gap: float) -> list[float]:
        """The room before each layer: more where lines go far across, so that they do not run flat."""
        far = [0.0] * len(self.layout.layers)
        for route in self.layout.routes.values():
            for a, b in pairwise(route):
                far[b.layer] = max(far[b.layer], abs(a.across - b.across))
        return [gap + min(distance * 0.08, 44.0) if i else 0.0 for i, distance in enumerate(far)]

    def at(self, node: Node) -> tuple[float, float]:
        """The middle of a node."""
        begin, end = self.bands[node.layer]
        return self.point(node.across, (begin + end) / 2)

    def point(self, across: float, deep: float) -> tuple[float, float]:
        """A place on paper."""
        x, y = (across, deep) if self.down else (deep, across)
        return _MARGIN + x, self.top + y


def workflow_svg(definition: Definition, report: RunReport | None = None, *, every: bool = False) -> str:
    """Draw a workflow.

    Args:
        definition: the workflow.
        report: a run of it; then the boxes show states, times and how far it came, in place of the types' colours.
        every: with a box for each node of a step; else a step has one, and its tooltip names them.

    Returns:
        A complete ``<svg>`` element; the same arguments give the same text.
    """
    steps = {} if every else steps_of(definition)
    ran = whole_steps(report.tasks, steps) if report else {}
    tasks = [task for task in definition.tasks if task.name not in steps]
    names = [task.name for task in tasks]
    width = _box_width(tasks)
    parts = parts_of(steps)
    boxes = {task.name: _box(task, ran.get(task.name), width, parts.get(task.name, [])) for task in tasks}
    given = folded(edges_of(definition), steps)
    edges, turned = without_cycles(names, given)
    # a task that runs after itself (a damaged definition) has no arrow that could carry a label
    labels = {
        edge: text for edge, text in edge_labels(definition, steps).items() if edge in given and edge[0] != edge[1]
    }
    label_of = {((e[1], e[0]) if e in turned else e): fit(text, _LABEL, _LABEL_MOST) for e, text in labels.items()}
    page = _choose_page(boxes, names, edges, label_of, width)
    body: list[str] = []
    for edge in edges:
        directions = [e for e in (edge, (edge[1], edge[0])) if e in given]
        body += _edge(page, edge, directions, boxes, width)
    for edge, text in label_of.items():
        body += _label(page, edge, text, labels.get(edge) or labels[(edge[1], edge[0])])
    for name in names:
        body += _task(boxes[name], *page.at(page.layout.nodes[name]), width)
    return _document(definition, report, page, body, steps)


def _box_width(tasks: Sequence[TaskDefinition]) -> float:
    widest = max((drawn_width(one_line(t.name), _NAME) for t in tasks), default=0.0)
    return float(round(min(max(widest + 2 * _PADDING, _LEAST_WIDTH), _MOST_WIDTH)))


def _box(task: TaskDefinition, ran: TaskReport | None, width: float, parts: list[str]) -> _Box:
    lines = wrap(one_line(task.name), _NAME, width - 2 * _PADDING)
    return _Box(task, lines, ran, 48.0 if len(lines) == 1 else 64.0, parts)


def _choose_page(
    boxes: Mapping[str, _Box], names: list[str], edges: list[Edge], labels: Mapping[Edge, str], width: float
) -> _Page:
    """To the right as one reads when that fits a notebook's cell, else downwards, else what is less broad."""

    def label_width(edge: Edge) -> float:
        return round(drawn_width(labels[edge], _LABEL) + 18, 1)

    def page(down: bool) -> _Page:
        layout = lay_out(
            names,
            edges,
            breadth=(lambda name: width) if down else (lambda name: boxes[name].height),
            labels={edge: label_width(edge) if down else _LABEL_HEIGHT for edge in labels},
            gap=24.0 if down else 18.0,
        )

        def depth(node: Node) -> float:
            if node.name is not None:
                return boxes[node.name].height if down else width
            if node.label is not None:
                return _LABEL_HEIGHT if down else label_width(node.label)
            return 0.0

        return _Page(layout, down=down, depth=depth, gap=30.0 if down else 36.0, top=_HEADER + _MARGIN)

    right = page(down=False)
    if right.width <= _COMFORTABLE:
        return right
    down = page(down=True)
    return down if down.width <= max(_COMFORTABLE, right.width) else right


def _edge(page: _Page, edge: Edge, directions: list[Edge], boxes: Mapping[str, _Box], width: float) -> list[str]:
    """A smooth line through the edge's waypoints, with an arrow at each end that it leads to."""
    route = page.layout.routes[edge]
    half = {n: (boxes[n].height if page.down else width) / 2 for n in edge}
    forward, backward = edge in directions, (edge[1], edge[0]) in directions
    first, last = (sum(page.bands[node.layer]) / 2 for node in (route[0], route[-1]))
    begin = first + half[edge[0]] + (_ARROW if backward else 0)
    end = last - half[edge[1]] - (_ARROW if forward else 0)
    path = [f"M{_xy(page.point(route[0].across, begin))}"]
    # straight through each layer, where boxes may stand beside it; bends only between the layers
    for a, b in pairwise(route):
        here, there = page.bands[a.layer][1], page.bands[b.layer][0]
        out, middle = max(here, begin), (here + there) / 2
        into = min(there, end)
        path.append(f"L{_xy(page.point(a.across, out))}")
        bend = (page.point(a.across, middle), page.point(b.across, middle), page.point(b.across, into))
        path.append(f"C{' '.join(map(_xy, bend))}")
    path.append(f"L{_xy(page.point(route[-1].across, end))}")
    points = [page.point(route[0].across, begin), page.point(route[-1].across, end)]
    reports = [boxes[n].ran for n in edge]
    untaken = any(r is not None and r.state in (SKIPPED, STOPPED, WAITING) for r in reports)
    colour = _FAINT_LINE if untaken else _LINE
    dashes = ' stroke-dasharray="4 4"' if untaken else ""
    drawn = [f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>']
    for there, tip, sign in ((forward, points[1], 1), (backward, points[0], -1)):
        if there:
            drawn.append(_arrow(page, tip, sign, colour))
    return drawn


def _arrow(page: _Page, end: tuple[float, float], sign: int, colour: str) -> str:
    x, y = end
    if page.down:
        corners = ((x - 4.5, y - sign), (x + 4.5, y - sign), (x, y + 8 * sign))
    else:
        corners = ((x - sign, y - 4.5), (x - sign, y + 4.5), (x + 8 * sign, y))
    return f'<path d="M{" L".join(f"{_n(a)} {_n(b)}" for a, b in corners)} Z" fill="{colour}"/>'


def _label(page: _Page, edge: Edge, text: str, whole: str) -> list[str]:
    node = next(n for n in page.layout.routes[edge] if n.label == edge)
    x, y = page.at(node)
    width = round(drawn_width(text, _LABEL) + 18, 1)
    left, top, round_ = x - width / 2, y - _LABEL_HEIGHT / 2, _LABEL_HEIGHT / 2
    return [
        f"<g><title>{_xml(whole)}</title>",
        f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(_LABEL_HEIGHT)}" rx="{_n(round_)}" '
        f'fill="#ffffff" stroke="{_FAINT_LINE}"/>',
        f"{_text(x, y + 3.8, text, size=_LABEL, fill=_TEXT, middle=True)}</g>",
    ]


def _task(box: _Box, x: float, y: float, width: float) -> list[str]:
    task, ran = box.task, box.ran
    shade = shade_of(task.task_type)
    type_ink, type_fill = shade.ink, shade.ground
    ink, fill = (look(ran.state).ink, look(ran.state).fill) if ran else (type_ink, type_fill)
    left, top, height = x - width / 2, y - box.height / 2, box.height
    off = task.flag == "NO"
    dashes = ' stroke-dasharray="5 3"' if off else ""
    parts = [f"<g><title>{_xml(_tooltip(box))}</title>"]
    if type_of(task.task_type).steers:
        parts.append(
            f'<path d="{_hexagon(left, top, width, height)}" fill="{fill}" stroke="{ink}" stroke-width="1.3"{dashes}/>'
        )
    else:
        outline = f'x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="8"'
        parts.append(f'<rect {outline} fill="{fill}" stroke="{ink}" stroke-width="1.3"{dashes}/>')
        # the stripe follows the round corners of the box
        parts.append(
            f'<path d="M{_n(left + 8)} {_n(top)} h-1 a7 8 0 0 0 -7 8 v{_n(height - 16)} a7 8 0 0 0 7 8 h1 '
            f'a3 8 0 0 1 -3 -8 v{_n(16 - height)} a3 8 0 0 1 3 -8 Z" fill="{ink}"/>'
        )
    baseline = top + (21 if len(box.lines) == 1 else 20)
    for i, line in enumerate(box.lines):
        parts.append(_text(x, baseline + 16 * i, line, size=_NAME, fill=_TEXT, middle=True, weight=600))
    below = baseline + 16 * len(box.lines) + 1
    typed = f'font-size="{_n(_SMALL)}" letter-spacing="0.3"'
    words = f"{kind(task)}{' · disabled' if off else ''}"
    if ran is None:
        parts.append(
            f'<text x="{_n(x)}" y="{_n(below)}" text-anchor="middle" {typed} fill="{ink}">{_xml(words)}</text>'
        )
    else:
        state = f"{look(ran.state).symbol} {duration(ran.seconds) if ran.seconds else ran.state.lower()}"
        parts.append(
            f'<text x="{_n(x)}" y="{_n(below)}" text-anchor="middle" {typed} fill="{_PALE_TEXT}">{_xml(words)} '
            f'<tspan dx="5" font-weight="700" fill="{ink}">{_xml(state)}</tspan></text>'
        )
    parts.append("</g>")
    return parts


def _hexagon(left: float, top: float, width: float, height: float) -> str:
    middle, right, bottom, cut = top + height / 2, left + width, top + height, 12
    corners = (
        (left, middle),
        (left + cut, top),
        (right - cut, top),
        (right, middle),
        (right - cut, bottom),
        (left + cut, bottom),
    )
    return f"M{' L'.join(f'{_n(x)} {_n(y)}' for x, y in corners)} Z"


def _tooltip(box: _Box) -> str:
    lines = [f"{box.task.name} ({kind(box.task)})"]
    if box.task.description:
        lines.append(box.task.description)
    if box.parts:
        lines.append("with " + ", ".join(box.parts))
    if box.ran:
        lines.append(f"{box.ran.state}, {duration(box.ran.seconds)}")
        lines += [f"{name} = {value}" for name, value in box.ran.outputs.items()]
    return "\n".join(lines)


def _document(
    definition: Definition, report: RunReport | None, page: _Page, body: list[str], steps: Mapping[str, str]
) -> str:
    name = one_line(f"{definition.project} / {definition.name}")
    about = _about(definition, report, steps)
    least = max(drawn_width(fit(name, _TITLE, 900), _TITLE) * 1.08, drawn_width(about, _LABEL))
    width = max(page.width, least) + 2 * _MARGIN
    height = page.height + page.top + _MARGIN
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" style="max-width:100%;height:auto" font-family="{_FONT}">',
        f"<title>{_xml(f'Workflow {name}')}</title>",
        f"<desc>{_xml(_description(definition, report, steps))}</desc>",
        _text(_MARGIN, 26, fit(name, _TITLE, 900), size=_TITLE, fill=_ON_ANY_GROUND, weight=700),
    ]
    if report:
        # a state's ink is too dark for a dark page: the symbol brings its own ground
        mark = look(report.state)
        head.append(f'<circle cx="{_n(_MARGIN + 7)}" cy="41" r="7" fill="{mark.fill}" stroke="{mark.ink}"/>')
        head.append(_text(_MARGIN + 7, 44.5, mark.symbol, size=10, fill=mark.ink, middle=True, weight=700))
    head.append(_text(_MARGIN + (20 if report else 0), 45, about, size=_LABEL, fill=_ON_ANY_GROUND))
    return "\n".join([*head, *body, "</svg>"]) + "\n"


def _about(definition: Definition, report: RunReport | None, steps: Mapping[str, str]) -> str:
    words = [count_of(definition, steps)]
    if report:
        words = [report.state, duration(report.seconds), *words]
    if definition.schedule:
        words.append(f"{definition.schedule.crontab} {definition.schedule.timezone_id}")
    return " · ".join(words)


def _description(definition: Definition, report: RunReport | None, steps: Mapping[str, str]) -> str:
    """The whole drawing in words, for those who can't see it."""
    lines = [_about(definition, report, steps)]
    labels = edge_labels(definition, steps)
    ran = {name: task.state for name, task in whole_steps(report.tasks, steps).items()} if report else {}
    edges = folded(edges_of(definition), steps)
    for task in definition.tasks:
        if task.name in steps:
            continue
        state = f", {ran[task.name]}" if task.name in ran else ""
        targets = [
            f"{post} ({labels[(task.name, post)]})" if (task.name, post) in labels else post
            for pre, post in edges
            if pre == task.name
        ]
        lines.append(f"{task.name} ({kind(task)}{state})" + (f" leads to {', '.join(targets)}" if targets else ""))
    return "\n".join(lines)


def _text(
    x: float, y: float, text: str, *, size: float, fill: str, middle: bool = False, weight: int | None = None
) -> str:
    more = (' text-anchor="middle"' if middle else "") + (f' font-weight="{weight}"' if weight else "")
    return f'<text x="{_n(x)}" y="{_n(y)}"{more} font-size="{_n(size)}" fill="{fill}">{_xml(text)}</text>'


def _xml(text: str) -> str:
    """A text inside an element; characters that XML does not know become U+FFFD."""
    legal = (
        c if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" else "\ufffd"
        for c in text
    )
    return escape("".join(legal))


def _xy(point: tuple[float, float]) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
