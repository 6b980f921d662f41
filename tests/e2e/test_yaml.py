"""A workflow declared in YAML, by the same commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

WORKFLOW = """\
workflow: nightly
project: demo
params: {min_auc: 0.7}
tasks:
  train: {type: Shell, script: "echo '${setValue(auc=0.8)}'", outputs: {auc: float}}
  check:
    type: Switch
    branches:
      - {if: "${auc} >= ${min_auc}", then: deploy}
    otherwise: reject
  deploy: {type: Shell, script: echo deployed}
  reject: {type: Shell, script: exit 1}
edges:
  - [train, check]
"""


def dsflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsflow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_is_checked_and_run(tmp_path: Path) -> None:
    file = tmp_path / "nightly.yaml"
    file.write_text(WORKFLOW)
    assert "demo/nightly: 4 tasks: ok" in dsflow("validate", str(file)).stdout
    ran = dsflow("run", str(file), "--local", "--state", str(tmp_path / "state"))
    assert (ran.returncode, "nightly: SUCCESS" in ran.stdout) == (0, True), ran.stdout + ran.stderr
    rejected = dsflow("run", str(file), "--local", "--state", str(tmp_path / "state"), "--set", "min_auc=0.9")
    assert rejected.returncode == 1


def test_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "nightly.yaml"
    file.write_text(WORKFLOW.replace("otherwise: reject", "otherwise: rejct"))
    done = dsflow("validate", str(file))
    assert done.returncode == 1
    assert f"{file}:10" in done.stderr
    assert "rejct" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "pipeline", ["pipelines/talkingdata.py", "examples/quickstart.py", "examples/nightly.py:nightly"]
)
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_render_prints_is_a_workflow_too(pipeline: str, form: str, tmp_path: Path) -> None:
    rendered = dsflow("render", pipeline, "--format", form)
    assert rendered.returncode == 0, rendered.stderr
    file = tmp_path / "again.yaml"
    file.write_text(rendered.stdout, encoding="utf-8")
    again = dsflow("render", str(file))
    assert again.returncode == 0, again.stderr
    wanted, got = (yaml.safe_load(text) for text in (rendered.stdout, again.stdout))
    got["fixedParams"] = wanted["fixedParams"]  # their values stand in the text already
    assert got == wanted


def test_a_script_is_rendered_as_one_reads_it() -> None:
    lines = dsflow("render", "examples/quickstart.py", "--format", "yaml").stdout.splitlines()
    assert any(line.endswith("rawScript: |") for line in lines)
    assert any(line.strip() == "import this" for line in lines)


def test_a_rendered_workflow_that_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("name: w\nproject: p\ntasks: [{name: a}]\nrelations: []\n")
    done = dsflow("plan", str(file))
    assert (done.returncode, "looks like a rendered workflow" in done.stderr) == (1, True), done.stderr
