"""`dsflow validate PATH...`, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TWO = """\
from dsflow import Shell, Workflow

with Workflow("one", project="demo", params={"n": 3}) as one:
    Shell("say", "echo ${n}")
with Workflow("two", project="demo") as two:
    Shell("say", "echo 'unended")
"""


def validate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsflow", "validate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it prints, but for the note on a machine without OpenMLDB's compiler."""
    return [line for line in done.stdout.splitlines() if not line.startswith("not checked: DSF108")]


def test_the_projects_examples_and_pipelines(root: Path) -> None:
    done = validate(root / "examples", root / "pipelines")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": ok") == len(said(done)) >= 5
    assert "fraud-detection/talkingdata" in done.stdout


def test_the_indexes_of_one_pipeline_are_listed(root: Path) -> None:
    pipeline = root / "pipelines" / "talkingdata.py"
    listed = [
        "indexes of talkingdata, derived",
        "  INDEX(KEY=ip, TS=click_time)             for deploy features",
        "  INDEX(KEY=(app, ip), TS=click_time)      for deploy features",
        "  INDEX(KEY=(app, ip, os), TS=click_time)  for deploy features",
    ]
    assert said(validate(pipeline))[1:] == [f"  {line}" for line in listed]
    indexes = json.loads(validate(pipeline, "--json").stdout)["indexes"]
    assert [index["index"] for index in indexes] == [line.split("  ")[1] for line in listed[1:]]
    command = [sys.executable, str(pipeline), "show"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert shown.rstrip().splitlines()[-len(listed) :] == listed


def test_every_workflow_of_a_folder_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "two.py"
    file.write_text(TWO)
    (tmp_path / "broken.py").write_text("import dsflow\n1 / 0\n")
    done = validate(tmp_path)
    assert done.returncode == 1
    assert "demo/one: 1 task: ok" in done.stdout
    assert "two.py:6" in done.stdout
    assert "DSF302" in done.stdout
    assert "broken.py:2" in done.stderr
    assert "Traceback" not in done.stderr
    alone = validate(f"{file}:one")
    assert (alone.returncode, alone.stdout) == (0, "demo/one: 1 task: ok\n")
    found = json.loads(validate(file, "--json").stdout)["findings"]
    assert [(f["code"], f["line"]) for f in found] == [("DSF302", 6)]


def test_what_can_not_be_checked_is_said(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(TWO)
    for arguments, says in (
        ((tmp_path / "nowhere",), "there is no file or folder"),
        ((f"{tmp_path / 'two.py'}:three",), "declares no workflow 'three'"),
        ((tmp_path, "--set", "m=1"), "none of the 2 workflows has such a parameter"),
    ):
        done = validate(*arguments)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
