"""What doctor makes of what a worker tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler import doctor
from dsflow.dolphinscheduler.doctor import Check, examine, worst
from dsflow.dolphinscheduler.wire import v3_2
from dsflow.report import RunReport, TaskReport
from dsflow.worker.doctor import facts, last_error, worker_workflow

GIB = 1024**3


def task(found: dict[str, Any] | None, state: str = "SUCCESS", log: str = "") -> TaskReport:
    text = log if found is None else f"[INFO] 1 -> \n\tDSFLOW-DOCTOR {json.dumps(found)}\n[INFO] end\n"
    return TaskReport("t", "PYTHON", state, log=text)


def worker(**changes: Any) -> dict[str, Any]:
    there = {"version": "1.4.54", "file": "/x.py"}
    return {
        "executable": "/py/bin/python3",
        "version": "3.11.7",
        "python3": "/py/bin/python3",
        "modules": dict.fromkeys(("openmldb", "sqlalchemy", "pandas", "pyarrow", "sklearn", "xgboost"), there),
        "folders": [{"path": "/tmp", "free": 50 * GIB, "writable": True}],
        "openmldb": {
            "connected": True,
            "select": True,
            "components": [["h:9902", "taskmanager", "1", "online", "NULL"]],
        },
    } | changes


def judged(found: dict[str, Any] | None, state: str = "SUCCESS", log: str = "") -> dict[str, Check]:
    return {c.name: c for c in doctor.judge_python(task(found, state, log), v3_2.SERIES, "zk:2181", "/openmldb")}


def test_a_worker_with_everything():
    assert {c.state for c in judged(worker()).values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "name", "state", "says", "remedy"),
    [
        ({"python3": ""}, "Python", "problem", "no python3 beside", "PYTHON_LAUNCHER="),
        (
            {"modules": worker()["modules"] | {"sqlalchemy": {"version": "2.0.27", "file": ""}}},
            "package sqlalchemy",
            "problem",
            "2.0.27",
            "'sqlalchemy>=1.4,<2'",
        ),
        (
            {"modules": worker()["modules"] | {"xgboost": {"error": "ImportError: libgomp"}}},
            "package xgboost",
            "problem",
            "libgomp",
            "/py/bin/python3 -m pip install 'xgboost'",
        ),
        ({"openmldb": {"error": "timed out"}}, "OpenMLDB", "problem", "timed out", "--zookeeper"),
        ({"openmldb": {"select": True, "components": []}}, "TaskManager", "problem", "no TaskManager", "start"),
        (
            {"openmldb": {"select": True, "components": [["h:1", "taskmanager", "1", "offline", ""]]}},
            "TaskManager",
            "problem",
            "no TaskManager is online",
            "start",
        ),
        (
            {"folders": [{"path": "/d", "free": 2 * GIB, "writable": True}]},
            "disk",
            "warning",
            "2.0 GiB free in /d",
            "room",
        ),
        ({"folders": [{"path": "/d", "free": 1, "writable": True}]}, "disk", "problem", "0.0 GiB free in /d", "room"),
        (
            {"folders": [{"path": "/d", "free": 99 * GIB, "writable": False}]},
            "disk",
            "problem",
            "may not write",
            "folder",
        ),
    ],
)
def test_each_problem_and_its_remedy(changes, name, state, says, remedy):
    check = judged(worker(**changes))[name]
    assert (check.state, says in check.detail, remedy in check.remedy) == (state, True, True), check


def test_a_python_task_that_never_started():
    (check,) = judged(
        None, "FAILURE", "[INFO] x\n -> /no/python3: No such file or directory\n[INFO] exit 127\n"
    ).values()
    assert (check.name, check.state) == ("Python", "problem")
    assert "No such file" in check.detail


def test_the_shell_task():
    fine = {"user": "me", "sh_knows_source": True}
    assert {c.state for c in doctor.judge_shell(task(fine), "me")} == {"ok"}
    warned = list(doctor.judge_shell(task(fine | {"user": "root", "sh_knows_source": False}), "me"))
    assert [(c.name, c.state) for c in warned] == [("tasks start", "warning"), ("sh", "warning")]
    (check,) = doctor.judge_shell(task(None, "FAILURE", "sudo: unknown user: me\n"), "me")
    assert check.state == "problem"
    assert "useradd me" in check.remedy


@pytest.mark.parametrize(
    ("switch", "taken", "other", "state"),
    [
        ("SUCCESS", "SUCCESS", "SKIPPED", "ok"),
        ("SUCCESS", "SKIPPED", "SKIPPED", "problem"),  # 3.1 without a JavaScript engine
        ("FAILURE", "SKIPPED", "SKIPPED", "problem"),
        ("SUCCESS", "SKIPPED", "SUCCESS", "problem"),
    ],
)
def test_the_switch(switch, taken, other, state):
    tasks = [
        TaskReport("switch", "SWITCH", switch),
        TaskReport("taken", "SHELL", taken),
        TaskReport("not taken", "SHELL", other),
    ]
    (check,) = doctor.judge_switch(RunReport("w", "SUCCESS", tasks))
    assert check.state == state
    assert ("nashorn" in check.remedy) == (state == "problem")


def test_the_scripts_in_the_log_are_not_taken_for_their_output():
    definition = worker_workflow("p", zookeeper="zk:1", zookeeper_path="/a", folders=["/tmp"])
    scripts = "\n".join(t.task_params["rawScript"] for t in definition.tasks if "rawScript" in t.task_params)
    assert "DSFLOW-DOCTOR" in scripts
    assert facts(scripts) is None
    assert facts(scripts + '\n -> DSFLOW-DOCTOR {"user": "me"}\n') == {"user": "me"}


def test_the_python_script_runs(capsys):
    definition = worker_workflow("p", zookeeper="zk:1", zookeeper_path="/a", folders=["/no/such/folder/at/all"])
    exec(compile(definition.task("python").task_params["rawScript"], "python", "exec"), {"__name__": "__main__"})
    found = facts(capsys.readouterr().out)
    assert found is not None
    assert found["folders"][0]["path"] == "/"
    assert {"version", "file"} <= set(found["modules"]["pandas"])


def test_the_line_that_says_most():
    log = "[INFO] start\n  File x\nModuleNotFoundError: No module named 'y'\n[INFO] error code 1 returned\n"
    assert last_error(log) == "ModuleNotFoundError: No module named 'y'"
    assert last_error("") == "its log is empty"


def test_without_an_address_there_is_one_problem():
    said: list[Check] = []
    (check,) = examine(Profile(), say=said.append)
    assert said == [check]
    assert (check.name, check.state) == ("profile", "problem")
    assert "DSFLOW_API_URL" in check.remedy
    assert worst([check]) == "problem"
    assert worst([]) == "ok"
