"""`dsflow init`: a project that validates, runs, and passes its own tests; nothing that is there is overwritten."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from dsflow.cli.app import build_app

TEMPLATES = ["fraud", "regression", "etl"]
TOOL = Path(__file__).parents[2] / "tools/make_template_data.py"


def dsflow(folder: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "dsflow", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_is_valid_and_passes_its_own_tests(tmp_path: Path, template: str) -> None:
    said = dsflow(tmp_path, "init", "shop", "--template", template)
    project = tmp_path / "shop"
    assert "dsflow run pipelines/" in said
    assert "error" not in (found := dsflow(project, "validate", "pipelines"))
    assert "warning" not in found
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, capture_output=True, text=True
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "2 passed" in tests.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_files_are_read_as_what_they_are(tmp_path: Path, template: str) -> None:
    dsflow(tmp_path, "init", "shop", "--template", template)
    project = tmp_path / "shop"
    assert ".dsflow/" in (project / ".gitignore").read_text().splitlines()
    flow = yaml.safe_load((project / ".github/workflows/pipelines.yml").read_text())
    assert {"test", "deploy"} == set(flow["jobs"])
    assert yaml.safe_load((project / "dsflow.yaml").read_text())["default"] == "dev"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    said = dsflow(tmp_path, "init", ".", code=1)
    assert "README.md already; nothing was written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"
    assert "is no folder" in dsflow(tmp_path, "init", "README.md", code=1)


def test_the_data_is_what_the_tool_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_template_data", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    committed = tool.TEMPLATES
    for template in TEMPLATES:
        (tmp_path / template / "data").mkdir(parents=True)
    monkeypatch.setattr(tool, "TEMPLATES", tmp_path)
    tool.main()
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.csv"))
    assert made == sorted(path.relative_to(committed) for path in committed.rglob("*.csv"))
    for path in made:
        assert (tmp_path / path).read_bytes() == (committed / path).read_bytes()


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "dsflow-openmldb[local,report]"),
        (
            {"url": "https://git.example.com/dsflow", "vcs_info": {"vcs": "git", "commit_id": "1f3a"}},
            "dsflow-openmldb[local,report] @ git+https://git.example.com/dsflow@1f3a",
        ),
        (
            {"url": "https://example.com/dsflow.whl", "archive_info": {}},
            "dsflow-openmldb[local,report] @ https://example.com/dsflow.whl",
        ),
        ({"url": "file:///home/me/dsflow", "dir_info": {"editable": True}}, "dsflow-openmldb[local,report]"),
    ],
)
def test_its_requirements_say_where_dsflow_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, requirement: str
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr("dsflow.cli.init.distribution", lambda name: Installed())
    result = CliRunner().invoke(build_app(None), ["init", str(tmp_path / "shop")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "shop/requirements.txt").read_text().splitlines()[:2] == [requirement, "pytest"]
    assert ("was installed from a folder" in result.output) is (origin is not None and "dir_info" in origin)
