"""Finding workflows below paths, and knowing the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dsflow.cli.collecting import collect, definitions
from dsflow.cli.repository import Repository, find_repository, normalised
from dsflow.config import Profile
from dsflow.errors import ConfigError, ParameterError

HEAD = "from dsflow import *\n"


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_files_with_workflows_are_run_and_others_are_not(tmp_path: Path) -> None:
    for name in ("a", "b/c", ".hidden/d", "__pycache__/e"):
        write(tmp_path, f"{name}.py", f"{HEAD}with Workflow({name!r}, project='p') as wf:\n    Shell('s', 'x')\n")
    write(tmp_path, "venv2/pyvenv.cfg", "")
    write(tmp_path, "venv2/x.py", f"{HEAD}1 / 0\n")
    write(tmp_path, "script.py", "raise RuntimeError('not a pipeline')\n")
    found = collect([tmp_path], Repository(None, tmp_path))
    assert [(f.workflow.name, f.file) for f in found.found] == [("a", "a.py"), ("b/c", "b/c.py")]
    assert (found.errors, found.files) == ([], 2)


def test_workflows_in_yaml_are_found_and_other_yaml_is_not(tmp_path: Path) -> None:
    write(tmp_path, "w.yaml", "workflow: w\nproject: p\ntasks:\n  s: {type: Shell, script: x}\n")
    write(tmp_path, "ci/pipeline.yml", "workflow:\n  rules: []\nimage: python\n")
    write(tmp_path, "compose.yaml", "services: {}\n")
    found = collect([tmp_path], Repository(None, tmp_path))
    assert ([f.file for f in found.found], found.errors) == (["w.yaml"], [])
    write(tmp_path, "broken.yaml", "workflow: b\nprojekt: p\n")
    (error,) = collect([tmp_path], Repository(None, tmp_path)).errors
    assert "broken.yaml:2" in str(error)


def test_modules_of_the_same_name_beside_two_files(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path, f"{folder}/common.py", f"NAME = {folder!r}\n")
        text = f"{HEAD}import common\nwith Workflow(common.NAME, project='p') as wf:\n    Shell('s', 'x')\n"
        write(tmp_path, f"{folder}/w.py", text)
    found = collect([tmp_path], Repository(None, tmp_path))
    assert [f.workflow.name for f in found.found] == ["one", "two"]


def test_errors_name_their_place_and_do_not_hide_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "a.py", f"{HEAD}with Workflow('a', project='p') as wf:\n    Shell('s', 'x')\n    Shell('s', 'y')\n")
    write(tmp_path, "b.py", f"{HEAD}import no_such_module_at_all\n")
    write(tmp_path, "c.py", f"{HEAD}raise SystemExit\n")
    write(tmp_path, "d.py", f"{HEAD}with Workflow('d', project='p') as wf:\n    Shell('s', 'x')\n")
    found = collect([tmp_path], Repository(None, tmp_path))
    assert [f.workflow.name for f in found.found] == ["d"]
    assert [Path(str(e.where)).name for e in found.errors] == ["a.py:4", "b.py:2", "c.py:1"]
    with pytest.raises(ConfigError, match="there is no file or folder"):
        collect([tmp_path / "nope"], Repository(None, tmp_path))


def test_set_reaches_those_who_have_the_parameter(tmp_path: Path) -> None:
    write(tmp_path, "a.py", f"{HEAD}with Workflow('a', project='p', params={{'x': 1}}) as wf:\n    Shell('s', 'x')\n")
    write(tmp_path, "b.py", f"{HEAD}with Workflow('b', project='p') as wf:\n    Shell('s', 'x')\n")
    found = collect([tmp_path], Repository(None, tmp_path))
    compiled = definitions(found, Profile(), {"x": "5"})
    assert [[p.value for p in d.global_params if p.prop == "x"] for _, d in compiled] == [["5"], []]
    with pytest.raises(ParameterError, match="none of the 2 workflows"):
        definitions(found, Profile(), {"y": "5"})
    definitions(found, Profile(), {"x": "no number"})
    assert "x" in str(found.errors[0])


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/acme/x.git",
        "https://user:secret@GitHub.com/acme/x",
        "git@github.com:acme/x.git",
        "ssh://git@github.com:22/acme/x.git/",
        "github.com:acme/x",
    ],
)
def test_each_way_to_clone_gives_the_same_name(remote: str) -> None:
    assert normalised(remote) == "github.com/acme/x"


@pytest.mark.parametrize("remote", ["/srv/git/x.git", "file:///srv/git/x.git", "../x", "~/x", r"C:\git\x", "C:/git/x"])
def test_a_folder_of_this_machine_is_no_identity(tmp_path: Path, remote: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    assert find_repository(tmp_path).owner is None


def test_the_repositorys_identity(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    below = tmp_path / "pipelines"
    below.mkdir()
    assert find_repository(below) == Repository(None, tmp_path.resolve())
    remote = "https://user:secret@example.com/acme/x.git"
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    assert find_repository(below).owner == "example.com/acme/x"
    (tmp_path / "dsflow.yaml").write_text("repository: ours\n")
    found = find_repository(below)
    assert (found.owner, found.relative(below / "w.py")) == ("ours", "pipelines/w.py")
    assert find_repository(below, "given").owner == "given"
    (tmp_path / "dsflow.yaml").write_text("repository: [1]\n")
    with pytest.raises(ConfigError, match="is not a name"):
        find_repository(below)


def test_a_script_that_only_speaks_of_dsflow_is_not_run(tmp_path):
    write(tmp_path, "train.py", '"""It needs nothing of dsflow, and no Workflow."""\nraise RuntimeError("was run")\n')
    write(tmp_path, "figures.py", "from dsflow.worker.figures import write_figures\nraise RuntimeError('was run')\n")
    write(tmp_path, "module2.py", "import dsflow.worker.contract as c\nraise RuntimeError('was run')\n")
    write(tmp_path, "named.py", f"{HEAD}with Workflow('a', project='p') as wf:\n    Shell('s', 'x')\n")
    write(tmp_path, "module.py", "import dsflow as d\nwith d.Workflow('b', project='p'):\n    d.Shell('s', 'x')\n")
    write(tmp_path, "broken.py", "from dsflow import (\n")
    found = collect([tmp_path], find_repository(tmp_path))
    assert sorted(f.workflow.name for f in found.found) == ["a", "b"]
    assert [str(e.where) for e in found.errors] == [f"{tmp_path / 'broken.py'}:1"]
