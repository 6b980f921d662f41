import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsflow.branches import readable
from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.display.svg import workflow_svg
from dsflow.report import FAILURE, RUNNING, SKIPPED, SUCCESS, TIMEOUT, RunReport, TaskReport

from .strategies import chart, dags

SVG = "{http://www.w3.org/2000/svg}"
SWITCH = {
    "switchResult": {
        "dependTaskList": [{"condition": '${auc} >= ${min} && ${k} == "<a&b>"', "nextNode": "deploy"}],
        "nextNode": "reject",
    }
}
BRANCHING = Definition(
    project="p",
    name="w",
    tasks=(
        TaskDefinition("check", "SWITCH", SWITCH),
        TaskDefinition("deploy", "OPENMLDB", {"executeMode": "online"}),
        TaskDefinition("reject", "SHELL"),
    ),
    relations=(Relation("check", "deploy"), Relation("check", "reject")),
)


def parsed(definition, report=None):
    return ET.fromstring(workflow_svg(definition, report))


def texts(svg):
    return [" ".join("".join(e.itertext()).split()) for e in svg.iter(f"{SVG}text")]


def rectangles(svg):
    """The tasks' boxes: every rect of an SVG of shell tasks that are not joined by labelled edges."""
    return [tuple(float(e.get(k)) for k in ("x", "y", "width", "height")) for e in svg.iter(f"{SVG}rect")]


@given(dags())
def test_boxes_never_overlap_and_stay_on_the_page(definition):
    svg = parsed(definition)
    boxes = rectangles(svg)
    assert len(boxes) == len(definition.tasks)
    width, height = float(svg.get("width")), float(svg.get("height"))
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        for x2, y2, w2, h2 in boxes[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


@given(dags(most=8))
def test_no_line_runs_behind_a_box(definition):
    svg = parsed(definition)
    boxes = rectangles(svg)
    for path in svg.iter(f"{SVG}path"):
        if path.get("fill") != "none":
            continue
        for x, y in points_on(path.get("d")):
            assert not any(bx + 1 < x < bx + w - 1 and by + 1 < y < by + h - 1 for bx, by, w, h in boxes)


def points_on(path):
    """Points along a path of M, L and C commands."""
    at = (0.0, 0.0)
    for command, rest in re.findall(r"([MLC])([^MLC]*)", path):
        n = [float(v) for v in rest.split()]
        corners = [at, *zip(n[::2], n[1::2], strict=True)]
        steps = [] if command == "M" else [i / 12 for i in range(13)]
        for t in steps:
            line = corners
            while len(line) > 1:
                line = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(line)]
            yield line[0]
        at = corners[-1]


def test_each_edge_begins_and_ends_at_its_boxes():
    svg = parsed(chart("a b", "a c", "b d", "c d", "a d"))
    boxes = rectangles(svg)
    lines = [p.get("d") for p in svg.iter(f"{SVG}path") if p.get("fill") == "none"]
    assert len(lines) == 5
    for line in lines:
        first, *_, last = points_on(line)
        for x, y in (first, last):
            assert any(bx - 10 <= x <= bx + w + 10 and by - 10 <= y <= by + h + 10 for bx, by, w, h in boxes)


@pytest.mark.parametrize(
    "name",
    [
        "a < b & c > d",
        "\"quoted\" 'too'",
        "</text><script>alert(1)</script>",
        "特征抽取",
        "🦆",
        "bell\x07 and \x00",
        "line\nbreak",
        "]]>",
    ],
)
def test_any_name_is_text_and_nothing_else(name):
    definition = Definition(name, name, (TaskDefinition(name, "SHELL", description=name),), ())
    svg = parsed(definition)
    assert {e.tag for e in svg.iter()} <= {SVG + t for t in ("svg", "title", "desc", "text", "g", "rect", "path")}


@given(st.text())
@example("b")  # the task's own name: an edge to itself
def test_any_text_gives_well_formed_xml(text):
    task = TaskDefinition(text, "SWITCH", {"switchResult": {"dependTaskList": [{"condition": text, "nextNode": text}]}})
    parsed(Definition(text, text, (task, TaskDefinition("b", text)), (Relation(text, "b"),), description=text))


def test_a_switch_says_when_it_takes_which_branch():
    assert {'auc >= min && k == "<a&b>"', "otherwise"} <= set(texts(parsed(BRANCHING)))


@pytest.mark.parametrize(
    ("condition", "text"),
    [('("" + ${on}) == "true"', 'on == "true"'), ("(${a} > 1) && !(${b} < 2)", "(a > 1) && !(b < 2)"), ("x\ny", "x y")],
)
def test_conditions_are_readable(condition, text):
    assert readable(condition) == text


def test_conditions_say_success_and_failure():
    params = {"conditionResult": {"successNode": ["deploy"], "failedNode": ["reject"]}}
    tasks = (TaskDefinition("check", "CONDITIONS", params), *BRANCHING.tasks[1:])
    assert {"success", "failure"} <= set(texts(parsed(replace(BRANCHING, tasks=tasks))))


def test_branches_to_one_task_share_a_label():
    both = {"switchResult": {"dependTaskList": [{"condition": "${a} > 1", "nextNode": "deploy"}], "nextNode": "deploy"}}
    tasks = (TaskDefinition("check", "SWITCH", both), *BRANCHING.tasks[1:])
    assert "a > 1 or otherwise" in texts(parsed(replace(BRANCHING, tasks=tasks)))


def test_types_are_written_out_with_the_mode():
    assert {"SWITCH", "OPENMLDB online", "SHELL"} <= set(texts(parsed(BRANCHING)))


def test_a_disabled_task_says_so():
    assert "SHELL · disabled" in texts(parsed(Definition("p", "w", (TaskDefinition("a", "SHELL", flag="NO"),), ())))


def test_a_long_name_is_cut_and_whole_in_the_tooltip():
    name = "the quick brown fox jumps over the lazy dog " * 4
    svg = parsed(Definition("p", "w", (TaskDefinition(name, "SHELL"),), ()))
    assert any(text.endswith("…") for text in texts(svg))
    assert any(name in (title.text or "") for title in svg.iter(f"{SVG}title"))


@pytest.mark.parametrize(
    ("state", "seconds", "shown"),
    [
        (SUCCESS, 4.1, "SHELL ✓ 4.1s"),
        (FAILURE, 75, "SHELL ✗ 1m 15s"),
        (TIMEOUT, 3720, "SHELL ✗ 1h 02m"),
        (RUNNING, 0.0, "SHELL ▶ running"),
        (SKIPPED, 0.0, "SHELL ↷ skipped"),
    ],
)
def test_a_run_shows_states_and_times(state, seconds, shown):
    definition = chart("a b")
    report = RunReport("p/w", state, [TaskReport("a", "SHELL", state, seconds)], seconds)
    assert shown in texts(parsed(definition, report))
    assert workflow_svg(definition, report) != workflow_svg(definition)


def test_the_drawing_is_told_in_words():
    words = parsed(BRANCHING).find(f"{SVG}desc").text
    assert 'check (SWITCH) leads to deploy (auc >= min && k == "<a&b>"), reject (otherwise)' in words


def test_nothing_in_it_depends_on_the_page_around_it():
    text = workflow_svg(BRANCHING)
    assert not re.search(r"\bid=|<style|url\(|class=|href", text)


def test_a_cycle_on_a_server_is_drawn_not_a_hang():
    svg = parsed(chart("a b", "b c", "c a", "b b"))
    arrows = [p for p in svg.iter(f"{SVG}path") if p.get("fill") == "#8592a3"]
    assert len(rectangles(svg)) == 3
    assert len(arrows) == 3


def test_two_tasks_that_wait_for_each_other_have_arrows_at_both_ends():
    svg = parsed(chart("a b", "b a"))
    assert len([p for p in svg.iter(f"{SVG}path") if p.get("fill") == "#8592a3"]) == 2


def test_an_edge_to_a_task_that_is_not_there_is_left_out():
    parsed(Definition("p", "w", (TaskDefinition("a", "SHELL"),), (Relation("a", "gone"), Relation("gone", "a"))))


@pytest.mark.parametrize("definition", [chart(), chart("a b"), BRANCHING], ids=["empty", "small", "branching"])
def test_same_definition_same_text(definition):
    assert workflow_svg(definition) == workflow_svg(Definition.from_dict(definition.to_dict()))


def test_same_text_in_every_process():
    program = (
        "from dsflow.display.svg import workflow_svg;"
        "from dsflow.definition import Definition, Relation, TaskDefinition as T;"
        "n = [f'task {i}' for i in range(20)];"
        "r = [Relation(n[i], n[j]) for i in range(20) for j in range(i + 1, 20) if (i * j) % 7 == 3];"
        "print(workflow_svg(Definition('p', 'w', tuple(T(x, 'SHELL') for x in n), tuple(r))))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_a_long_pipeline_goes_down_and_a_short_one_to_the_right():
    long = parsed(chart(*(f"s{i} s{i + 1}" for i in range(12))))
    short = parsed(chart("a b", "b c"))
    assert float(long.get("height")) > float(long.get("width"))
    assert float(short.get("width")) > float(short.get("height"))


def test_three_hundred_tasks_are_drawn():
    edges = [f"t{i} t{j}" for i in range(299) for j in {i + 1, min(299, i + 7)}]
    assert len(rectangles(parsed(chart(*edges)))) == 300
