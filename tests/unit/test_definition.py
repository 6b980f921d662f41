import json
import subprocess
import sys
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow import Conditions, Dependent, DependsOn, OpenMLDB, Schedule, Shell, SubWorkflow, Switch, Workflow, failed
from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.errors import SourceLocation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TASKS = st.builds(
    TaskDefinition,
    name=st.text(),
    task_type=st.text(),
    task_params=st.dictionaries(st.text(), JSON, max_size=3),
    description=st.text(),
    flag=st.sampled_from(["YES", "NO"]),
    timeout=st.integers(0),
    is_cache=st.booleans(),
)
DEFINITIONS = st.builds(
    Definition,
    project=st.text(),
    name=st.text(),
    tasks=st.lists(TASKS, max_size=4).map(tuple),
    relations=st.lists(st.builds(Relation, st.text(), st.text()), max_size=4).map(tuple),
    description=st.text(),
    global_params=st.lists(st.builds(Property, st.text(), value=st.text()), max_size=3).map(tuple),
    timeout=st.integers(0),
    schedule=st.none() | st.builds(ScheduleDefinition, st.text(), st.text(), st.text(), st.text(), st.booleans()),
    fixed_params=st.lists(st.text(), max_size=2).map(tuple),
)


def declared():
    with Workflow(
        "clicks",
        project="fraud",
        params={"min": 0.7, "day": "x", "zookeeper": "h:1"},
        schedule=Schedule("0 0 3 * * ?", "Asia/Shanghai"),
        timeout=60,
        warning_type="FAILURE",
        warning_group="ops",
    ) as wf:
        load = OpenMLDB("load", "LOAD DATA INFILE '/${day}' INTO TABLE t", retries=2)
        train = Shell("训练", "true", outputs={"auc": float, "path": str}, params={"x": 1})
        alert, fine = Shell("alert", "true"), Shell("fine", "true")
        load >> train
        train >> Switch("check", {train.outputs.auc >= wf.params.min: SubWorkflow("go", "serve")}, otherwise=fine)
        Conditions("ends", failed(load), alert, Dependent("late", DependsOn("other"), timeout=5))
    return wf


@given(DEFINITIONS)
def test_to_dict_and_back(definition):
    data = definition.to_dict()
    again = Definition.from_dict(json.loads(json.dumps(data)))
    assert again == definition
    assert again.fixed_params == definition.fixed_params
    assert again.to_dict() == data


def test_a_declared_workflow_goes_through_json():
    definition = declared().definition()
    assert Definition.from_dict(json.loads(definition.to_json())) == definition


@pytest.mark.parametrize("kind", [TaskDefinition, ScheduleDefinition, Property, Relation, Definition])
def test_no_field_is_forgotten_in_the_rendered_form(kind):
    made = {
        TaskDefinition: lambda: TaskDefinition("a", "SHELL"),
        ScheduleDefinition: lambda: ScheduleDefinition("c", "s", "e", "t"),
        Property: lambda: Property("a"),
        Relation: lambda: Relation("a", "b"),
        Definition: lambda: Definition("p", "w", (), ()),
    }[kind]()
    assert len(made.to_dict()) == len([f for f in fields(kind) if f.name != "where"])


def test_a_missing_field_takes_its_default():
    assert Definition.from_dict(
        {"project": "p", "name": "w", "tasks": [{"name": "a", "taskType": "SHELL"}], "relations": []}
    )


def test_compiling_twice_gives_the_same_bytes():
    wf = declared()
    assert wf.definition().to_json() == wf.definition().to_json() == declared().definition().to_json()


def test_every_process_gives_the_same_bytes():
    program = "from tests.unit.test_definition import declared; print(declared().definition().to_json(), end='')"
    root = __file__.rsplit("/tests/", 1)[0]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert outputs == {declared().definition().to_json().encode()}


def test_where_it_was_declared_is_no_part_of_it():
    here = TaskDefinition("a", "SHELL", where=SourceLocation("x.py", 1))
    assert here == replace(here, where=None)
    assert "x.py" not in json.dumps(here.to_dict())


def test_the_order_of_declaration_is_kept():
    definition = declared().definition()
    assert [t.name for t in definition.tasks][:3] == ["load", "训练", "alert"]
    assert definition.upstream("ends") == ["load"]
    assert set(definition.downstream("check")) == {"go", "fine"}
    assert definition.task("load").name == "load"


def test_a_task_that_is_not_there():
    with pytest.raises(KeyError, match="nope"):
        declared().definition().task("nope")


def test_readable_json():
    assert "训练" in declared().definition().to_json()
