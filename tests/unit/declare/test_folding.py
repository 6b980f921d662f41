"""A step of several nodes is one row of a plan, a list and a drawing; the reference pipeline stays small."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow import Shell, Table, Workflow, types
from dsflow.declare.folding import folded, steps_of
from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.display.states import whole_steps
from dsflow.display.svg import workflow_svg
from dsflow.display.terminal import workflow_text
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.plan_text import plan_to_dict, render_plan
from dsflow.dolphinscheduler.wire.codec import translate_own_tasks
from dsflow.report import FAILURE, RUNNING, SKIPPED, SUCCESS, WAITING, TaskReport

PIPELINE = Path(__file__).resolve().parents[3] / "pipelines" / "talkingdata.py"
EARLIER = '"""The script of the PYTHON tasks that look whether an OpenMLDB step did what it says.\n\n...\n"""\n'
STEPS = {
    "ask offline talkingdata": "load offline talkingdata",
    "check offline talkingdata": "load offline talkingdata",
    "check extract features": "extract features",
    "skip deploy features": "deploy features",
    "choose deploy features": "deploy features",
    "check deploy features": "deploy features",
    "check online talkingdata": "load online talkingdata",
    "drop old serve features": "serve features",
}
EARLIER_NAMES = {
    "load offline talkingdata": "load talkingdata offline",
    "ask offline talkingdata": "load talkingdata offline: ask",
    "check offline talkingdata": "load talkingdata offline: check",
    "check extract features": "extract features: check",
    "skip deploy features": "deploy features: skip",
    "choose deploy features": "deploy features: choose",
    "check deploy features": "deploy features: check",
    "load online talkingdata": "load talkingdata online",
    "check online talkingdata": "load talkingdata online: check",
    "drop old serve features": "serve features: drop old",
}
ON_THE_PAGE = 18
"""Characters of a name that DolphinScheduler's page shows in a box."""


def renamed(definition: Definition, names: Mapping[str, str]) -> Definition:
    def new(name: Any) -> Any:
        return names.get(name, name)

    tasks = tuple(replace(t, name=new(t.name), task_params=translate_own_tasks(t, new)) for t in definition.tasks)
    relations = tuple(Relation(new(r.pre), new(r.post)) for r in definition.relations)
    return replace(definition, tasks=tasks, relations=relations)


@pytest.fixture(scope="module")
def definition() -> Definition:
    workflow = runpy.run_path(str(PIPELINE))["wf"]
    assert isinstance(workflow, Workflow)
    return workflow.definition()


@pytest.fixture(scope="module")
def earlier(definition: Definition) -> Definition:
    """As a dsflow made it whose checks were longer, whose asks were all nodes of their own, and which put the telling
    word of a name last."""
    tasks = [
        replace(task, task_params={**task.task_params, "rawScript": EARLIER + "x = 1\n", "localParams": []})
        if task.name in STEPS and task.task_type == "PYTHON"
        else task
        for task in definition.tasks
    ]
    ask = replace(next(task for task in tasks if task.name == "ask offline talkingdata"), name="extract features: ask")
    before = Relation("check offline talkingdata", "extract features")
    between = (replace(before, post=ask.name), Relation(ask.name, before.post))
    relations = [*(edge for edge in definition.relations if edge != before), *between]
    made = replace(definition, tasks=(*tasks, ask), relations=tuple(relations))
    return renamed(made, EARLIER_NAMES)


def test_the_reference_pipeline_is_small(definition: Definition) -> None:
    train = definition.task("train").task_params["rawScript"]  # a user's own file, as long as the user likes
    assert len(definition.to_json().encode()) - len(json.dumps(train)) < 48_000
    assert len(definition.tasks) == 17
    assert len(render_plan(build_plan(definition, None)).splitlines()) <= 100  # two screens


def test_which_nodes_make_a_step(definition: Definition, earlier: Definition) -> None:
    assert steps_of(definition) == STEPS
    assert steps_of(earlier) == {EARLIER_NAMES[node]: EARLIER_NAMES.get(step, step) for node, step in STEPS.items()} | {
        "extract features: ask": "extract features"
    }
    edges = folded([(r.pre, r.post) for r in definition.relations], STEPS)
    assert ("load offline talkingdata", "extract features") in edges
    assert ("validate", "deploy features") in edges
    assert len(edges) == 8


def test_a_name_alone_makes_no_step() -> None:
    load = TaskDefinition("load", "OPENMLDB", {"sql": "x"})
    check = TaskDefinition("load: check", "PYTHON", {"rawScript": "print('mine')"})
    assert steps_of(Definition("p", "w", (load, check), ())) == {}
    with Workflow("w", project="p") as wf:
        Shell("a", "true") >> Shell("a: skip", "echo 'x'")
    assert steps_of(wf.definition()) == {}
    assert folded([("a", "a"), ("a", "b")], {}) == [("a", "a"), ("a", "b")]


def test_a_step_is_one_row_of_a_list(definition: Definition) -> None:
    text = workflow_text(definition)
    assert "9 tasks (17 nodes)\n" in text
    row = "deploy features OPENMLDB online if auc >= min_auc · + choose, skip, check"
    assert row in " ".join(text.split())
    assert "check deploy" not in text
    every = workflow_text(definition, every=True)
    assert "17 tasks\n" in every
    assert all(name in every for name in STEPS)


def test_a_step_is_one_box_of_a_drawing(definition: Definition) -> None:
    svg = workflow_svg(definition)
    assert "9 tasks (17 nodes)" in svg
    assert "with choose, skip, check</title>" in svg
    assert "check deploy features" not in svg
    assert "check deploy features" in workflow_svg(definition, every=True)


def test_a_step_is_one_row_of_a_first_plan(definition: Definition) -> None:
    plan = build_plan(definition, None)
    text = render_plan(plan)
    assert "  + deploy features [OPENMLDB] + check, choose, skip\n" in text
    assert "  + load offline talkingdata -> extract features\n" in text
    assert text.endswith("  9 tasks added, 8 edges changed, 11 parameters changed, settings changed\n")
    assert max(map(len, text.splitlines())) < 120
    assert len(plan_to_dict(plan)["tasks"]) == 17  # JSON stays whole
    every = render_plan(plan, every=True)
    assert "        +  cursor = connect('${zookeeper}', '${zookeeper_path}')\n" in every
    assert "more lines" not in every


def test_a_step_is_one_row_of_an_update(definition: Definition, earlier: Definition) -> None:
    plan = build_plan(definition, renamed(earlier, {old: new for new, old in EARLIER_NAMES.items()}))
    text = render_plan(plan)
    assert "  ~ extract features [step] + check changed, ask removed\n" in text
    assert "->" not in text, "the edges between steps are the same"
    assert len(text.splitlines()) == 7
    assert "  - extract features: ask [PYTHON]\n" in render_plan(plan, every=True)
    assert "task 'extract features: ask' removed" in plan.differences()


def test_the_new_names_of_an_earlier_dsflow_are_no_new_tasks(definition: Definition, earlier: Definition) -> None:
    plan = build_plan(definition, earlier)
    assert plan.renamed == EARLIER_NAMES
    assert [task.name for task in plan.tasks if task.action in ("added", "removed")] == ["extract features: ask"]
    text = render_plan(plan)
    assert "  > load talkingdata offline -> load offline talkingdata [OPENMLDB] + ask, check renamed\n" in text
    assert "  ~ extract features [step] + check renamed, ask removed\n" in text
    assert text.endswith("  3 tasks changed, 2 tasks renamed\n")


def test_the_page_tells_the_boxes_apart(definition: Definition) -> None:
    shown = [task.name[:ON_THE_PAGE] for task in definition.tasks]
    assert len(set(shown)) == len(definition.tasks)


def test_the_page_tells_the_boxes_of_two_tables_apart() -> None:
    with Workflow("w", project="p") as wf:
        for name in ("orders", "couriers"):
            table = Table(name, database="d", a=types.Int)
            table.load_offline("/x")
            table.load_online("/x")
    names = [task.name for task in wf.definition().tasks]
    assert len({name[:ON_THE_PAGE] for name in names}) == len(names) == 12


def test_each_node_around_a_step_says_what_it_is_for(definition: Definition) -> None:
    for name in STEPS:
        description = definition.task(name).description
        assert description.endswith(".")
        assert description.count(". ") == 0, "one sentence"


@pytest.mark.parametrize(
    ("own", "nodes", "whole"),
    [
        (SUCCESS, [SUCCESS, SUCCESS], SUCCESS),
        (SUCCESS, [SUCCESS, FAILURE], FAILURE),
        (SUCCESS, [SUCCESS, RUNNING], RUNNING),
        (SUCCESS, [SUCCESS, WAITING], RUNNING),
        (WAITING, [WAITING, WAITING], WAITING),
        (SKIPPED, [SUCCESS, SUCCESS], SUCCESS),
        (SKIPPED, [SKIPPED, SKIPPED], SKIPPED),
    ],
)
def test_the_state_of_a_step(own: str, nodes: list[str], whole: str) -> None:
    reports = [TaskReport("s", "OPENMLDB", own, 1.0)]
    reports += [TaskReport(f"s: {i}", "PYTHON", state, 2.0) for i, state in enumerate(nodes)]
    (found,) = whole_steps(reports, {f"s: {i}": "s" for i in range(len(nodes))}).values()
    assert (found.name, found.type, found.state, found.seconds) == ("s", "OPENMLDB", whole, 5.0)
