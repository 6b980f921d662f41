"""HIVECLI: what a worker's hive command is given."""

import pytest

from dsflow import HiveCli, Workflow
from dsflow.errors import DeclarationError, RunError
from dsflow.local.executors import check_runnable
from dsflow.source.python import python_source


def export(script: str, **more: object) -> Workflow:
    with Workflow("w", project="p", params={"day": "2017-11-09"}) as wf:
        HiveCli("export", script, **more)  # type: ignore[arg-type]
    return wf


def test_it_is_sent_as_the_page_sends_it() -> None:
    [task] = export("SELECT * FROM clicks WHERE day = '${day}'", options="--silent").definition().tasks
    assert task.task_type == "HIVECLI"
    assert task.task_params == {
        "localParams": [],
        "resourceList": [],
        "hiveCliTaskExecutionType": "SCRIPT",
        "hiveSqlScript": "SELECT * FROM clicks WHERE day = '${day}'",
        "hiveCliOptions": "--silent",
    }


def test_it_is_written_back() -> None:
    assert 'HiveCli("export", "SELECT 1")' in python_source(export("SELECT 1").definition())


@pytest.mark.parametrize("script", ['SELECT "a"', "SELECT `a` FROM t", r"SELECT 'a\\b'", "SELECT '$HOME'"])
def test_what_a_shell_would_read_is_refused(script: str) -> None:
    with pytest.raises(DeclarationError, match="give to a shell"):
        export(script)


def test_a_script_is_needed() -> None:
    with pytest.raises(DeclarationError, match="no statement"):
        export(" ")


def test_it_does_not_run_here() -> None:
    with pytest.raises(RunError, match="the hive command is a DolphinScheduler worker's"):
        check_runnable(export("SELECT 1").definition().task("export"))
