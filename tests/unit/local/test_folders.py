"""Each name has a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow import Shell, Workflow
from dsflow.local.folders import earlier_folder_name, folder_name
from dsflow.local.runner import default_state, run_local

NAMES = [
    "数据", "训练", "任务1", "任务2", "..", ".", "...", "a/b", "a-b", "a b", "a.b", "A", "a",
    "Clicks", "clicks",
    "CON", "con", "nul.txt", "x", "", " ", "é", "e\u0301", "-", "--", "a-", "-a", "~", "$HOME", "a\nb", "İ", "i",
    "n" * 300, "n" * 301, "a.",
    "数" * 200, "a\\b", "a:b", "\U0001f600", "ｘ",
]  # fmt: skip


def test_names_that_are_folders_themselves() -> None:
    for name in ("a", "talkingdata", "my-flow_2", "v1.2", "0", "_x"):
        assert folder_name(name) == name


def test_no_two_names_share_a_folder(tmp_path: Path) -> None:
    folders = [folder_name(name) for name in NAMES]
    assert len({folder.casefold() for folder in folders}) == len(NAMES)
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert sorted(os.listdir(tmp_path)) == sorted(folders)


@given(st.lists(st.text(max_size=30) | st.sampled_from(NAMES), unique=True, max_size=8))
def test_one_to_one(names: list[str]) -> None:
    assert len({folder_name(name).casefold() for name in names}) == len(names)


@given(st.text())
def test_a_folder_can_be_made_anywhere_and_is_no_name_of_another(name: str) -> None:
    folder = folder_name(name)
    assert folder.isascii()
    assert len(folder) <= 100
    assert folder == folder.lower()
    assert not set(folder) & set('/\\:*?"<>|')
    assert folder.strip(". ") == folder
    assert folder == name or folder_name(folder) != folder


def flow(name: str, project: str = "p", tasks: tuple[str, ...] = ("one",)) -> Workflow:
    with Workflow(name, project=project) as wf:
        for task in tasks:
            Shell(task, "echo hello")
    return wf


def test_tasks_whose_names_looked_alike(tmp_path: Path) -> None:
    names = ("数据", "训练", "..", "Load", "load", "a b", "a-b")
    report = run_local(flow("w", tasks=names), state=tmp_path / "state")
    assert report.state == "SUCCESS"
    logs = list((tmp_path / "state" / "runs" / "latest").glob("*/task.log"))
    assert len(logs) == len(names)


@pytest.mark.parametrize(("one", "other"), [("数据", "训练"), ("a b", "a-b"), ("Flow", "flow"), ("..", "x")])
def test_states_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str) -> None:
    monkeypatch.chdir(tmp_path)
    states = [default_state(flow(*names)) for names in ((one,), (other,), ("w", one), ("w", other))]
    assert len({str(state).casefold() for state in states}) == 4
    for state in states:
        assert state.parent.parent == tmp_path / ".dsflow"


def test_a_state_of_an_older_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dsflow.local.runner import Silent

    notes: list[str] = []

    class Noting(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    monkeypatch.chdir(tmp_path)
    earlier = tmp_path / ".dsflow" / "p" / earlier_folder_name("My Flow")
    (earlier / "runs").mkdir(parents=True)
    assert earlier.name == "My-Flow"
    run_local(flow("My Flow"), display=Noting())
    assert any(f"run with --state {earlier}" in note for note in notes)
    notes.clear()
    run_local(flow("My Flow"), display=Noting())
    assert not any("older dsflow" in note for note in notes)
