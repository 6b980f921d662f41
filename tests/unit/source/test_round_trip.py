"""Definition -> source -> Definition, for Python and YAML: nothing is lost, whatever stands in it."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dsflow import FeatureView, Shell, Table, Workflow
from dsflow import types as t
from dsflow.cli.loading import load_workflows
from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.dolphinscheduler.wire.codec import normalise
from dsflow.source.errors import SourceError
from dsflow.source.layout import block, string
from dsflow.source.python import python_source
from dsflow.source.yaml_form import load_yaml, yaml_source

from .definitions import EMPTY, TEXTS, definitions, every_type, orderly, shell


def from_python(text: str, folder: Path) -> Definition:
    file = folder / "imported.py"
    file.write_text(text, encoding="utf-8", newline="\n")
    (workflow,) = load_workflows(file)
    return workflow.definition()


def from_yaml(text: str, folder: Path) -> Definition:
    file = folder / "imported.yaml"
    file.write_text(text, encoding="utf-8", newline="\n")
    (workflow,) = load_yaml(file)
    return workflow.definition()


@pytest.mark.parametrize("definition", [every_type(), orderly()], ids=["every type", "orderly"])
def test_every_task_type_with_every_field(definition, tmp_path):
    assert normalise(from_python(python_source(definition), tmp_path)) == normalise(definition)
    assert normalise(from_yaml(yaml_source([definition]), tmp_path)) == normalise(definition)


def test_an_imported_create_table_stays_as_it_is(tmp_path):
    """What was derived where the table was declared is text in the source; no index is derived for it again."""
    window = "WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
        view = FeatureView("view", source=clicks, sql=f"SELECT count(ip) OVER w AS n FROM clicks {window}")
        create = clicks.create()
        create >> view.deploy()
        plain = clicks.create("plain", derive_indexes=False)
    definition = wf.definition()
    assert "INDEX(KEY=ip, TS=ts, TTL=3, TTL_TYPE=latest)" in create.statements[-1]
    assert "INDEX" not in plain.statements[-1]
    for back in (
        from_python(python_source(definition), tmp_path),
        from_yaml(yaml_source([definition]), tmp_path),
    ):
        assert normalise(back) == normalise(definition)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions())
@example(definition=Definition("p", "w", (shell("a", "#0"),), ()))  # a comment, and no task's code
def test_anything_comes_back(definition, tmp_path):
    assert normalise(from_python(python_source(definition), tmp_path)) == normalise(definition)
    assert normalise(from_yaml(yaml_source([definition]), tmp_path)) == normalise(definition)


def test_the_source_reads_as_one_would_write_it():
    assert (
        python_source(orderly())
        == '''\
"""The workflow nightly of the project demo."""

from dsflow import Python, Shell, Switch, Workflow

with Workflow("nightly", project="demo", params={"min_auc": 0.7}) as wf:
    train = Python("train", "print(1)", outputs={"auc": float})
    deploy = Shell("deploy", "true")
    reject = Shell("reject", "exit 1")
    check = Switch("check", {train.outputs.auc >= wf.params.min_auc: deploy}, otherwise=reject)
    a = Shell("a", "true")
    b = Shell("b", "true")
    c = Shell("c", "true")
    d = Shell("d", "true")

    train >> check
    deploy >> [a, b] >> c >> d

if __name__ == "__main__":
    wf.cli()
'''
    )


def test_the_yaml_reads_as_one_would_write_it():
    assert (
        yaml_source([orderly()])
        == """\
workflow: nightly
project: demo
params:
  min_auc: 0.7
tasks:
  train:
    type: Python
    body: print(1)
    outputs: {auc: float}
  check:
    type: Switch
    branches:
      - {if: '${auc} >= ${min_auc}', then: deploy}
    otherwise: reject
  deploy: {type: Shell, script: 'true'}
  reject: {type: Shell, script: exit 1}
  a: {type: Shell, script: 'true'}
  b: {type: Shell, script: 'true'}
  c: {type: Shell, script: 'true'}
  d: {type: Shell, script: 'true'}
edges:
  - [train, check]
  - [deploy, [a, b], c, d]
"""
    )


@pytest.mark.parametrize("definition", [every_type(), orderly()], ids=["every type", "orderly"])
def test_a_formatter_would_change_nothing(definition, tmp_path):
    file = tmp_path / "x.py"
    file.write_text(python_source(definition), encoding="utf-8", newline="\n")
    for arguments in (
        ["format", "--diff", "--line-length", "120"],
        ["check", "--select", "E,F,I", "--line-length", "150"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--isolated", str(file)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_long_texts_are_read_line_by_line():
    script = "set -e\necho 'one'\n\necho \"two\"\n"
    definition = replace(orderly(), tasks=(shell("make it", script),), relations=())
    assert f'MAKE_IT_SCRIPT = """\\\n{script}"""\n' in python_source(definition)
    assert "script: |\n      set -e\n      echo 'one'\n\n      echo \"two\"\n" in yaml_source([definition])


def test_a_script_with_a_docstring_needs_no_escapes():
    script = 'def f():\n    """What it does."""\n'
    definition = replace(orderly(), tasks=(shell("a", script),), relations=())
    assert f"A_SCRIPT = '''\\\n{script}'''\n" in python_source(definition)


def test_the_same_definition_gives_the_same_bytes():
    assert python_source(every_type()) == python_source(every_type())


def test_several_workflows_make_one_yaml_file(tmp_path):
    both = [orderly(), replace(orderly(), name="second")]
    file = tmp_path / "both.yaml"
    file.write_text(yaml_source(both), encoding="utf-8")
    assert [w.name for w in load_yaml(file)] == ["nightly", "second"]


def test_two_tasks_that_name_each_other_are_told_apart(tmp_path):
    """A switch leads to CONDITIONS that look at the switch: neither could be declared first."""
    group = {"relation": "AND", "dependItemList": [{"depTaskCode": "switch", "status": "SUCCESS"}]}
    tasks = (
        TaskDefinition(
            "switch",
            "SWITCH",
            {
                **EMPTY,
                "switchResult": {
                    "dependTaskList": [{"condition": "1 == 1", "nextNode": "conditions"}],
                    "nextNode": "a",
                },
            },
        ),
        TaskDefinition(
            "conditions",
            "CONDITIONS",
            {
                **EMPTY,
                "conditionResult": {"successNode": ["b"], "failedNode": ["c"]},
                "dependence": {"relation": "AND", "dependTaskList": [group]},
            },
        ),
        shell("a"),
        shell("b"),
        shell("c"),
    )
    edges = [("switch", "conditions"), ("switch", "a"), ("conditions", "b"), ("conditions", "c")]
    definition = replace(orderly(), tasks=tasks, relations=tuple(Relation(a, b) for a, b in edges))
    assert normalise(from_python(python_source(definition), tmp_path)) == normalise(definition)
    assert normalise(from_yaml(yaml_source([definition]), tmp_path)) == normalise(definition)


def test_a_switch_without_its_edges_gets_none(tmp_path):
    definition = replace(orderly(), relations=(Relation("train", "check"),))
    text = python_source(definition)
    assert "RawTask" in text
    assert normalise(from_python(text, tmp_path)) == normalise(definition)


def test_a_branch_that_leads_nowhere_is_to_be_repaired_first():
    switch = TaskDefinition("check", "SWITCH", {**EMPTY, "switchResult": {"dependTaskList": [], "nextNode": "#123"}})
    with pytest.raises(SourceError, match="dsflow repair demo/nightly") as caught:
        python_source(replace(orderly(), tasks=(switch,), relations=()))
    assert "'check'" in str(caught.value)


def test_what_can_not_be_declared_is_named():
    with pytest.raises(SourceError, match="cpu_quota"):
        python_source(replace(orderly(), tasks=(shell("a", cpu_quota=0),), relations=()))


def test_checks_stay_on_unless_the_workflow_needs_them_off():
    assert "strict" not in python_source(orderly())
    assert "strict=False" in python_source(every_type())


@settings(max_examples=300, deadline=None)
@given(text=TEXTS | st.text("'\"\\\n\ra", max_size=25))
def test_any_text_is_written_exactly(text):
    assert ast.literal_eval(block(text)) == text
    assert ast.literal_eval(string(text)) == text


def test_tasks_that_all_run_before_the_same_ones_come_back():
    with Workflow("w", project="p") as wf:
        a, b, c, d = (Shell(name, "true") for name in "abcd")
        a >> [c, d]
        b >> [c, d]
    text = python_source(wf.definition())
    assert "    a >> [c, d]\n    b >> [c, d]\n" in text
    scope: dict[str, object] = {"__name__": "pipeline"}
    exec(compile(text, "pipeline.py", "exec"), scope)
    assert scope["wf"].definition() == wf.definition()
