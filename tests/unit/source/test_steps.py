"""Steps of tables and feature views come back from an export as the calls that made them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow import Check, Conditions, FeatureView, Index, Shell, Switch, Table, Workflow, failed, types
from dsflow.definition import Definition
from dsflow.source.from_definition import differences
from dsflow.source.python import python_source

PIPELINE = Path(__file__).resolve().parents[3] / "pipelines" / "talkingdata.py"
SQL = (
    "SELECT a, b, count(a) OVER w AS n FROM t\n"
    "WINDOW w AS (PARTITION BY a ORDER BY b ROWS_RANGE BETWEEN {} PRECEDING AND CURRENT ROW)"
)


def imported(text: str) -> Definition:
    scope: dict[str, Any] = {"__name__": "imported"}
    exec(compile(text, "imported.py", "exec"), scope)
    workflow = scope["wf"]
    assert isinstance(workflow, Workflow)
    return workflow.definition()


def lines(definition: Definition) -> list[str]:
    """The lines inside of the ``with`` block that make tasks and what they are of."""
    text = python_source(definition)
    assert differences(definition, imported(text)) == []
    return [line.strip() for line in text.partition(" as wf:\n")[2].splitlines() if " = " in line or "(" in line]


def made(make: Callable[[Workflow, Table, FeatureView], Any], indexes: list[Index] | None = None) -> Definition:
    params = {"db": "d", "path": "/x.csv", "server": "http://127.0.0.1:8881"}
    with Workflow("w", project="p", params=params) as wf:
        table = Table("t", database=wf.params.db, a=types.Int, b=types.Timestamp, indexes=indexes or [])
        make(wf, table, FeatureView("f", source=table, sql=SQL.format("1h")))
    return wf.definition()


def test_the_reference_pipeline_comes_back_as_it_was_written() -> None:
    definition = runpy.run_path(str(PIPELINE))["wf"].definition()
    found = lines(definition)
    for call in (
        "create_talkingdata = talkingdata.create()",
        "load_offline_talkingdata = talkingdata.load_offline(wf.params.data)",
        'extract_features = features.extract(wf.params.feature_dir, format="parquet")',
        'deploy_features = features.deploy(wf.params.deployment, range_bias="inf", rows_bias="inf")',
        "load_online_talkingdata = talkingdata.load_online(wf.params.data)",
        "{train.outputs.auc >= wf.params.min_auc: deploy_features}",
        "deploy_features >> load_online_talkingdata >> serve_features",
    ):
        assert call in found or call in python_source(definition)
    assert not any("check" in line or "ask" in line for line in found)
    every = python_source(definition, every=True)
    assert "check_offline_talkingdata = Python(" in every
    assert differences(definition, imported(every)) == []


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (lambda wf, t, f: t.create("make it", retries=2), 't.create(name="make it", retries=2)'),
        (lambda wf, t, f: t.load_online(wf.params.path), "t.load_online(wf.params.path)"),
        (lambda wf, t, f: t.load_online("/${db}/y", repeated="refuse"), 't.load_online("/${db}/y", repeated="refuse")'),
        (lambda wf, t, f: t.load_online("/x", repeated="drop"), 't.load_online("/x", repeated="drop")'),
        (lambda wf, t, f: t.load_online("x", replace=True), 't.load_online("x", replace=True)'),
        (lambda wf, t, f: t.load_online("/x", check=False), 't.load_online("/x", check=False)'),
        (lambda wf, t, f: t.load_online("/x", check=Check(5)), 't.load_online("/x", check=Check(5))'),
        (
            lambda wf, t, f: t.load_offline("/x", delimiter="\t", header=False, null_value="it's", deep_copy=False),
            't.load_offline("/x", delimiter="\\t", header=False, null_value="it\'s", deep_copy=False)',
        ),
        (
            lambda wf, t, f: t.load_offline("/x", "load", quote="", header=False),
            't.load_offline("/x", header=False, quote="", name="load")',
        ),
        (
            lambda wf, t, f: t.load_offline("/x", format="parquet", worker_group="big", environment="py"),
            't.load_offline("/x", format="parquet", worker_group="big", environment="py")',
        ),
        (
            lambda wf, t, f: f.extract("/f", coalesce=1, header=False, zookeeper="10.0.0.1:2181"),
            'f.extract("/f", header=False, coalesce=1, zookeeper="10.0.0.1:2181")',
        ),
        (lambda wf, t, f: f.deploy(), "f.deploy()"),
        (lambda wf, t, f: f.deploy("demo", "go", check=False), 'go.deploy("demo", check=False, task="go")'),
        (lambda wf, t, f: f.deploy("x", range_bias=7, check=Check(1)), 'f.deploy("x", range_bias=7, check=Check(1))'),
    ],
)  # fmt: skip
def test_each_call_comes_back(make: Callable[..., Any], call: str) -> None:
    def declare(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.create("first") >> make(wf, table, view)

    found = lines(made(declare))
    assert any(line.endswith(f"= {call}") for line in found), found


def test_what_is_served_comes_back() -> None:
    def declare(wf: Workflow, table: Table, view: FeatureView) -> None:
        train = Shell("train", "true", outputs={"model": str})
        steps = view.deploy(), view.serve(wf.params.server, model_path=train.outputs.model, compare=7, drop_old=False)
        table.create() >> train >> steps[0] >> steps[1]

    text = " ".join(python_source(made(declare)).split())
    assert "f.serve(wf.params.server, model_path=train.outputs.model, compare=7, drop_old=False)" in text


def test_declared_indexes_come_back_as_declared() -> None:
    index = Index(["a"], ts="b", ttl="30d")

    def declare(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.create() >> view.deploy()

    text = python_source(made(declare, [index]))
    assert 'indexes=[Index("a", ts="b", ttl="30d")]' in text
    assert "Index" not in python_source(made(declare))


def test_where_a_step_is_named_by_others() -> None:
    def declare(wf: Workflow, table: Table, view: FeatureView) -> None:
        load, extract = table.load_online("/x"), view.extract("/f")
        Conditions("look", failed(load), success=Shell("tell", "true"), failure=extract)
        start = Shell("start", "true", outputs={"x": float})
        start >> Switch("choose", {start.outputs.x > 1: view.deploy()}, otherwise=Shell("no", "true"))

    text = python_source(made(declare))
    assert "failed(load_online_t)" in text
    assert "failure=extract_f" in text
    assert ": deploy_f}" in text


def changed(definition: Definition, name: str, **params: Any) -> Definition:
    tasks = [
        replace(task, task_params={**task.task_params, **params}) if task.name == name else task
        for task in definition.tasks
    ]
    return replace(definition, tasks=tuple(tasks))


def test_a_step_that_somebody_changed_stays_nodes() -> None:
    def declare(wf: Workflow, table: Table, view: FeatureView) -> None:
        table.create() >> table.load_online("/x") >> Shell("between", "true") >> view.extract("/f")

    definition = made(declare)
    other = changed(definition, "check extract f", rawScript="print('I look myself')")
    text = python_source(other)
    assert differences(other, imported(text)) == []
    assert "t.load_online(" in text
    assert "f.extract(" not in text


def test_what_an_earlier_dsflow_made_stays_nodes() -> None:
    earlier = '"""The script of the PYTHON tasks that look whether an OpenMLDB step did what it says.\n"""\nx = 1\n'
    definition = made(lambda wf, table, view: table.create() >> table.load_online("/x"))
    for name in ("ask online t", "check online t"):
        definition = changed(definition, name, rawScript=earlier)
    text = python_source(definition)
    assert differences(definition, imported(text)) == []
    assert "t.create()" in text
    assert "t.load_online(" not in text


STEPS: st.SearchStrategy[Callable[[Workflow, Table, FeatureView, FeatureView, int], Any]] = st.sampled_from(
    [
        lambda wf, t, f, g, i: t.create(f"create {i}"),
        lambda wf, t, f, g, i: t.load_offline(wf.params.path, f"load {i}"),
        lambda wf, t, f, g, i: t.load_offline("/it", f"load {i}", header=False, check=Check(i + 1)),
        lambda wf, t, f, g, i: t.load_online(wf.params.path, f"online {i}"),
        lambda wf, t, f, g, i: t.load_online("/x", f"online {i}", replace=True, enabled=i % 2 == 0),
        lambda wf, t, f, g, i: f.extract("/f", f"extract {i}"),
        lambda wf, t, f, g, i: g.extract("/g", f"extract {i}", format="parquet"),
        lambda wf, t, f, g, i: f.deploy(f"d{i}", f"deploy {i}"),
        lambda wf, t, f, g, i: g.deploy(wf.params.db, f"deploy {i}", rows_bias=3),
        lambda wf, t, f, g, i: g.serve(wf.params.server, model_path="/m", task=f"serve {i}"),
        lambda wf, t, f, g, i: Shell(f"shell {i}", "echo ${path}"),
    ]
)


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=6), edges=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_any_workflow_comes_back(steps: list[Callable[..., Any]], edges: set[tuple[int, int]]) -> None:
    params = {"db": "d", "path": "/x.csv", "server": "http://127.0.0.1:8881"}
    with Workflow("w", project="p", params=params) as wf:
        table = Table("t", database=wf.params.db, a=types.Int, b=types.Timestamp)
        views = [FeatureView(n, source=table, sql=SQL.format(h)) for n, h in (("f", "1h"), ("g", "2h"))]
        tasks = [table.create("the first"), *(step(wf, table, *views, i) for i, step in enumerate(steps))]
        for pre, post in sorted(edges):
            if pre < post < len(tasks):
                tasks[pre] >> tasks[post]
    definition = wf.definition()
    text = python_source(definition)
    assert differences(definition, imported(text)) == []
    assert text.count(".load_o") + text.count(".extract(") == sum(
        task.name.startswith(("load", "online", "extract")) for task in definition.tasks
    )
