import re
from dataclasses import replace

import pytest
from hypothesis import given

from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.display.graph import edges_of, reading_order
from dsflow.display.terminal import draw_lanes, workflow_text
from dsflow.display.text import columns

from .strategies import chart, dags


def edges_drawn(lines):
    """Read the edges back from a drawing, lane by lane, knowing nothing of how it was made."""
    flow = {}  # lane -> the task that a line in it comes from
    edges = set()
    for text, name in lines:
        cells = dict(enumerate(text[::2]))
        reached = [lane for lane, cell in cells.items() if cell in "╯┴╮┬"]
        home = next((lane for lane, cell in cells.items() if cell in "●◆├"), None)
        ending = [lane for lane in flow if cells.get(lane, " ") == " "]
        for lane in ending:
            del flow[lane]
        if name is None:
            if home is not None:
                flow[home] = flow[home] | set().union(*(flow.pop(lane) for lane in reached))
            continue
        edges |= {(pre, name) for pre in flow.get(home, ())}
        flow[home] = {name}
        for lane in reached:
            flow[lane] = {name}
    return edges


@given(dags())
def test_the_drawing_holds_every_edge_and_no_other(definition):
    edges = edges_of(definition)
    order = reading_order([t.name for t in definition.tasks], edges)
    lines = draw_lanes(order, edges)
    assert [name for _, name in lines if name] == order
    assert edges_drawn(lines) == set(edges)


@pytest.mark.parametrize(
    ("edges", "drawn"),
    [
        (["a b", "b c"], ["●", "●", "●"]),
        (["a b", "a c"], ["●─╮", "● │", "  ●"]),
        (["a b", "a c", "b d", "c d"], ["●─╮", "● │", "│ ●", "├─╯", "●"]),
        (["a b", "a c", "a d"], ["●─┬─╮", "● │ │", "  ● │", "    ●"]),
        (["a b", "c d"], ["●", "●", "", "●", "●"]),
    ],
)
def test_small_drawings(edges, drawn):
    definition = chart(*edges)
    lines = draw_lanes(reading_order([t.name for t in definition.tasks], edges_of(definition)), edges_of(definition))
    assert [line for line, _ in lines] == drawn


FULL = Definition(
    project="fraud",
    name="clicks",
    description="Clicks.\nEvery day.",
    tasks=(
        TaskDefinition(
            "train",
            "PYTHON",
            {"localParams": [Property("auc", "OUT", "DOUBLE").to_dict()]},
            fail_retry_times=2,
            timeout=30,
        ),
        TaskDefinition(
            "validate",
            "SWITCH",
            {
                "switchResult": {
                    "dependTaskList": [{"condition": "${auc} >= ${min}", "nextNode": "deploy"}],
                    "nextNode": "reject",
                }
            },
        ),
        TaskDefinition("deploy", "OPENMLDB", {"executeMode": "online"}, description="to the cluster"),
        TaskDefinition("reject", "SHELL", flag="NO"),
    ),
    relations=(Relation("train", "validate"), Relation("validate", "deploy"), Relation("validate", "reject")),
    global_params=(Property("min", "IN", "DOUBLE", "0.7"), Property("note"), Property("zk", value="a:1")),
    fixed_params=("zk",),
    schedule=ScheduleDefinition(
        "0 0 3 * * ? *", "2000-01-01 00:00:00", "2099-12-31 23:59:59", "Asia/Shanghai", online=False
    ),
    timeout=60,
    warning_type="FAILURE",
    warning_group="ops",
    worker_group="gpu",
    execution_type="SERIAL_WAIT",
)


def test_everything_worth_a_look_is_there():
    assert workflow_text(FULL) == (
        "fraud / clicks\n"
        "  Clicks.\n"
        "  Every day.\n"
        "  schedule   0 0 3 * * ? *  (Asia/Shanghai, 2000-01-01 00:00:00 to 2099-12-31 23:59:59, offline)\n"
        "  timeout    60 min\n"
        "  execution  SERIAL_WAIT\n"
        "  warning    FAILURE to ops\n"
        "  workers    gpu\n"
        "\n"
        "parameters\n"
        "  min   DOUBLE   0.7\n"
        "  note  VARCHAR  ''\n"
        "  zk    VARCHAR  a:1  set when submitting only\n"
        "\n"
        "4 tasks\n"
        "  ●    train     PYTHON           gives auc · 2 retries · timeout 30 min\n"
        "  ◆─╮  validate  SWITCH\n"
        "  ● │  deploy    OPENMLDB online  if auc >= min · to the cluster\n"
        "    ●  reject    SHELL            otherwise · disabled\n"
    )


def test_columns_line_up_under_wide_characters():
    definition = Definition("p", "w", (TaskDefinition("特征", "SHELL"), TaskDefinition("abcd", "SHELL")), ())
    assert "  ●  特征  SHELL\n" in workflow_text(definition)
    assert "  ●  abcd  SHELL\n" in workflow_text(definition)


def test_a_graph_too_broad_for_lines_is_told_in_words():
    text = workflow_text(chart(*(f"a p{i}" for i in range(30)), *(f"p{i} z" for i in range(30))))
    assert "┬" not in text
    assert "after a\n" in text
    assert "after p0, p1, p2" in text


def test_a_cycle_of_a_server_is_told():
    assert "after b" in workflow_text(chart("a b", "b a"))


@pytest.mark.parametrize("definition", [chart(), chart(names="a"), replace(FULL, release_state="OFFLINE")])
def test_no_line_ends_in_blanks(definition):
    text = workflow_text(definition)
    assert all(line == line.rstrip() for line in text.splitlines())
    assert text.endswith("\n")


@pytest.mark.parametrize(("definition", "said"), [(chart(), "no tasks"), (chart(names="a"), "1 task\n")])
def test_small_numbers(definition, said):
    assert said in workflow_text(definition)


@pytest.mark.parametrize("width", [20, 40, 80, 100])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal(width, colour):
    text = workflow_text(FULL, width=width, colour=colour)
    plain = re.sub(r"\x1b\[\d*m", "", text)
    assert all(columns(line) <= width for line in plain.splitlines())
    assert (plain != text) is colour
    assert plain == workflow_text(FULL, width=width)


def test_colours_change_no_character():
    assert re.sub(r"\x1b\[\d*m", "", workflow_text(FULL, colour=True)) == workflow_text(FULL)
