"""The CI files that users copy: they parse, and every dsflow command in them exists with those options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from dsflow.cli.app import build_app

FILES = ("github-actions.yml", "gitlab-ci.yml")


def read(root: Path, name: str) -> Any:
    return yaml.safe_load((root / "examples/ci" / name).read_text(encoding="utf-8"))


def scripts(data: Any) -> list[str]:
    """Every line that a job runs."""
    found: list[str] = []
    jobs = data["jobs"].values() if "jobs" in data else [v for v in data.values() if isinstance(v, dict)]
    for job in jobs:
        found += [step["run"] for step in job.get("steps", []) if "run" in step]
        for key in ("before_script", "script", "after_script"):
            found += job.get(key, [])
    return [line for text in found for line in text.splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_every_command_is_one_that_dsflow_has(root: Path, name: str) -> None:
    lines = [line for line in scripts(read(root, name)) if line.startswith("dsflow ")]
    assert len(lines) == 2
    program: Any = typer.main.get_command(build_app(None))
    for line in lines:
        command, *arguments = shlex.split(line)[1:]
        parsed = program.commands[command].make_context(command, list(arguments))
        assert [str(p) for p in parsed.params["paths"]] == ["pipelines"]
        assert parsed.params["prune"] is True
        assert parsed.params["dry_run"] is not parsed.params["yes"]


def test_a_wrong_option_would_be_noticed() -> None:
    program: Any = typer.main.get_command(build_app(None))
    with pytest.raises(Exception, match="--dryrun") as error:
        program.commands["deploy"].make_context("deploy", ["pipelines", "--dryrun"])
    assert type(error.value).__name__ == "NoSuchOption"


def test_github_deploys_on_main_only_and_keeps_secrets_from_forks(root: Path) -> None:
    data = read(root, "github-actions.yml")
    on = data[True]  # YAML reads the word `on` as a truth value, and GitHub knows that
    assert on["push"]["branches"] == ["main"]
    assert on["push"]["paths"] == on["pull_request"]["paths"]
    assert data["jobs"]["deploy"]["if"] == "github.event_name == 'push'"
    assert "head.repo.full_name == github.repository" in data["jobs"]["plan"]["if"]
    assert data["permissions"] == {"contents": "read"}
    assert data["jobs"]["plan"]["permissions"]["pull-requests"] == "write"
    assert {k: v for k, v in data["env"].items() if "TOKEN" in k and "secrets." not in v} == {}
    for job in data["jobs"].values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "secrets." not in step.get("run", "")


def test_gitlab_deploys_on_the_default_branch_only(root: Path) -> None:
    data = read(root, "gitlab-ci.yml")
    assert data["deploy"]["rules"][0]["if"] == "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    assert data["plan"]["rules"][0]["if"] == '$CI_PIPELINE_SOURCE == "merge_request_event"'
    assert data["deploy"]["resource_group"]


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_one_that_dsflow_reads(root: Path, name: str) -> None:
    from dsflow.config import _VARIABLES

    text = (root / "examples/ci" / name).read_text(encoding="utf-8")
    used = set(re.findall(r"DSFLOW_[A-Z_]+", text))
    assert used
    assert used <= set(_VARIABLES.values())
    summaries = re.findall(r"--summary (\S+)", text)
    for file in summaries:
        assert text.count(file) > 1, f"nothing reads {file}"
