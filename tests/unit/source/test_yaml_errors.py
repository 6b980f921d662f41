"""What is wrong in a YAML file is told with its line."""

from __future__ import annotations

import pytest

from dsflow.errors import DeclarationError
from dsflow.source.yaml_form import load_yaml

HEAD = "workflow: w\nproject: p\n"
TASKS = "tasks:\n  a: {type: Shell, script: x}\n  b: {type: Shell, script: x}\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: [\n", 2, "not valid YAML"),
        ("- 1\n", 1, "a workflow must be a mapping"),
        ("project: p\ntasks: {}\n", 1, "no 'workflow'"),
        (HEAD, 1, "no 'tasks'"),
        (HEAD + TASKS + "workflow: x\n", 6, "there twice"),
        (HEAD + TASKS + "shedule: x\n", 6, "did you mean 'schedule'?"),
        (HEAD + "description: 3\n" + TASKS, 1, "description=3 is not a string"),
        (HEAD + "params: {x: 2020-01-01}\n" + TASKS, 3, "put it in quotes"),
        (HEAD + "params: {x: {type: INTEGER}}\n" + TASKS, 3, "has no value"),
        (HEAD + "params:\n  x: {value: 1, tipe: INTEGER}\n" + TASKS, 4, "did you mean 'type'?"),
        (HEAD + "schedule: {zone: UTC}\n" + TASKS, 3, "no field 'zone'"),
        (HEAD + "schedule: {cron: '0 0 2 * * ?', start: soon}\n" + TASKS, 3, "'soon' is no moment"),
        (HEAD + "schedule: x\n" + TASKS, 1, "Quartz"),
        (HEAD + "tasks:\n  a: {script: x}\n", 4, "has no type"),
        (HEAD + "tasks:\n  a: {type: shell, script: x}\n", 4, "did you mean 'Shell'?"),
        (HEAD + "tasks:\n  a:\n    type: Shell\n    skript: x\n", 6, "did you mean 'script'?"),
        (HEAD + "tasks:\n  a:\n    type: Python\n    args: {}\n", 6, "no field 'args'"),
        (
            HEAD + "tasks:\n  b: {type: Shell, script: x}\n\n  a:\n    type: Shell\n",
            6,
            "give either a script or a file",
        ),
        (HEAD + TASKS + "edges:\n  - [a, c]\n", 7, "there is no task 'c'"),
        (HEAD + TASKS + "edges:\n  - [a, b]\n  - [b, a]\n", 8, "in a circle"),
        (HEAD + TASKS + "edges: [a]\n", 6, "an edge must be a list"),
        (HEAD + TASKS + "  s:\n    type: Switch\n    branches:\n      - {if: x}\n    otherwise: a\n", 9, "no 'then'"),
        (HEAD + TASKS + "  s:\n    type: Switch\n    branches: []\n    otherwise: d\n", 9, "there is no task 'd'"),
        (HEAD + TASKS + "  c:\n    type: Conditions\n    when: {ended: a}\n", 8, "{succeeded: TASK}"),
        (HEAD + TASKS + "  d:\n    type: Dependent\n    on: {task: x}\n", 8, "which workflow"),
    ],
)
def test_the_line_is_told(tmp_path, text, line, says):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(DeclarationError) as caught:
        [workflow.definition() for workflow in load_yaml(file)]
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{file}:{line}:"), str(caught.value)


def test_a_file_as_in_the_documentation(tmp_path):
    from dsflow.source import yaml_form

    text = (yaml_form.__doc__ or "").split("::\n\n", 1)[1].split("\n\nEvery field", 1)[0]
    (tmp_path / "train.py").write_text("print(1)\n")
    file = tmp_path / "x.yaml"
    file.write_text("\n".join(line[4:] for line in text.splitlines()))
    (workflow,) = load_yaml(file)
    definition = workflow.definition()
    assert [t.name for t in definition.tasks] == ["train", "check", "deploy", "reject"]
    assert definition.schedule is not None
    assert definition.schedule.crontab == "0 0 2 * * ? *"
    assert {(r.pre, r.post) for r in definition.relations} == {
        ("train", "check"),
        ("check", "deploy"),
        ("check", "reject"),
    }
    assert definition.task("train").task_params["rawScript"] == "print(1)\n"


def test_on_and_numbers_are_names_like_others(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text(HEAD + "tasks:\n  1: {type: Shell, script: x}\n  yes: {type: Dependent, on: {workflow: y}}\n")
    (workflow,) = load_yaml(file)
    assert [t.name for t in workflow.definition().tasks] == ["1", "yes"]


def test_several_errors_of_reading(tmp_path):
    with pytest.raises(DeclarationError, match="No such file"):
        load_yaml(tmp_path / "no.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff")
    with pytest.raises(DeclarationError, match="not UTF-8"):
        load_yaml(tmp_path / "x.yaml")
