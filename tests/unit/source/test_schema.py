"""The JSON Schemas take what the readers take, and refuse a wrong word as they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from typer.testing import CliRunner

from dsflow.cli.app import build_app
from dsflow.config import read_config
from dsflow.errors import ConfigError
from dsflow.source.schema import config_schema, workflow_schema
from dsflow.source.yaml_form import yaml_source
from tests.unit.source.definitions import definitions, every_type

ROOT = Path(__file__).parents[3]
HEAD = "workflow: w\nproject: p\n"


def refused(schema: dict[str, Any], text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return [e.message for document in yaml.safe_load_all(text) for e in validator.iter_errors(document)]


@pytest.mark.parametrize("schema", [config_schema(), workflow_schema()], ids=["config", "workflow"])
def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_it_takes_each_task_type_with_each_field() -> None:
    assert refused(workflow_schema(), yaml_source([every_type()])) == []


@given(definition=definitions())
@settings(max_examples=40, deadline=None)
def test_it_takes_whatever_dsflow_writes(definition: Any) -> None:
    assert refused(workflow_schema(), yaml_source([definition])) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.yaml")), ids=lambda p: p.name)
def test_it_takes_the_examples(path: Path) -> None:
    assert refused(workflow_schema(), path.read_text(encoding="utf-8")) == []


def test_it_takes_the_projects_own_profiles() -> None:
    text = (ROOT / "dsflow.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["profiles"]
    assert refused(config_schema(), text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "'tasks' is a required property"),
        (HEAD + "tasks: {a: {type: Shell, skript: x}}", "'skript' was unexpected"),
        (HEAD + "tasks: {a: {type: Shel}}", "'Shel' is not one of"),
        (HEAD + "tasks: {a: {type: Shell, script: x, priority: URGENT}}", "'URGENT' is not one of"),
        (HEAD + "tasks: {a: {type: Shell, script: x, retries: many}}", "'many' is not of type 'integer'"),
        (HEAD + "tasks: {s: {type: Switch, branches: [{if: x}]}}", "'then' is a required property"),
        (HEAD + "tasks: {}\nedges: [a]", "'a' is not of type 'array'"),
        (HEAD + "tasks: {}\nshedule: x", "'shedule' was unexpected"),
    ],
)
def test_it_refuses_a_wrong_word(text: str, says: str) -> None:
    assert any(says in message for message in refused(workflow_schema(), text)), refused(workflow_schema(), text)


@pytest.mark.parametrize("text", ["profile: {}", "profiles: []", "default: dev\nprofiles: 3"])
def test_a_wrong_configuration_is_refused_by_both(tmp_path: Path, text: str) -> None:
    (tmp_path / "dsflow.yaml").write_text(text)
    with pytest.raises(ConfigError):
        read_config(tmp_path / "dsflow.yaml")
    assert refused(config_schema(), text)


def test_a_secret_stands_in_a_file_only() -> None:
    assert refused(config_schema(), "profiles: {dev: {password: x}}")
    assert not refused(config_schema(), "profiles: {dev: {password_file: x}}")


@pytest.mark.parametrize("kind", ["config", "workflow"])
def test_the_command_prints_and_writes_it(tmp_path: Path, kind: str) -> None:
    printed = CliRunner().invoke(build_app(None), ["schema", kind]).stdout
    file = tmp_path / "schema.json"
    assert CliRunner().invoke(build_app(None), ["schema", kind, "-o", str(file)]).exit_code == 0
    assert json.loads(printed) == json.loads(file.read_text())
