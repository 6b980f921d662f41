"""Reading runs: states, outputs, parameters; and waiting, with a clock that only the test moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dsflow.config import Profile
from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.dolphinscheduler.bootstrap import merge_exports
from dsflow.dolphinscheduler.runs import RECOVER, RESUME, Run, Runs, check_params, map_state, typed
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.wire import v3_2
from dsflow.dolphinscheduler.wire.rows import Instance, TaskRun
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import ParameterError, RunError, UnreachableError
from dsflow.report import FAILURE, RUNNING, SKIPPED, STOPPED, SUCCESS, WAITING

RUN = Run("p", 1, "w", 2, 7, "http://x/7")
BEGAN = datetime(2024, 1, 1)
PROFILE = Profile(api_url="http://x/dolphinscheduler", token="t")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("SUBMITTED_SUCCESS", WAITING), ("DISPATCH", WAITING), ("RUNNING_EXECUTION", RUNNING), ("READY_STOP", RUNNING),
     ("STOP", STOPPED), ("KILL", STOPPED), ("PAUSE", STOPPED), ("FAILURE", FAILURE), ("SUCCESS", SUCCESS),
     ("FORCED_SUCCESS", SUCCESS), ("SOMETHING_NEW", RUNNING)],
)  # fmt: skip
def test_states(theirs: str, ours: str) -> None:
    assert map_state(theirs) == ours


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("INTEGER", "3", 3), ("LONG", "x", "x"), ("DOUBLE", "0.5", 0.5), ("DOUBLE", "1e3", 1000.0),
     ("BOOLEAN", "True", True),
     ("BOOLEAN", "false", False), ("BOOLEAN", "1", "1"), ("LIST", "[1]", [1]), ("LIST", "a,b", "a,b"),
     ("VARCHAR", "010", "010"), ("DATE", "2024-01-01", "2024-01-01")],
)  # fmt: skip
def test_outputs_have_their_declared_type(kind: str, text: str, value: Any) -> None:
    assert typed(kind, text) == value
    assert type(typed(kind, text)) is type(value)


def test_parameters_of_a_start() -> None:
    definition = Definition("p", "w", (), (), global_params=(Property("day"), Property("zk")), fixed_params=("zk",))
    state = ServerState(1, 2, definition=definition)
    check_params(definition, state, {"day": "1"})
    with pytest.raises(ParameterError, match="cannot be set when starting"):
        check_params(definition, state, {"zk": "1"})
    with pytest.raises(ParameterError, match=r"no parameter 'dya'\n  hint: did you mean 'day'\? known: day, zk"):
        check_params(definition, state, {"dya": "1"})


class Server:
    """Instances and task instances as a list of moments; an exception is a moment in which nobody answers."""

    def __init__(self, *moments: Any) -> None:
        self.moments = list(moments)
        self.now = 0.0
        self.attempts: list[TaskRun] = []

    def series(self) -> Series:
        return v3_2.SERIES

    def instance(self, project: int, instance: int) -> Instance:
        if isinstance(self.moments[0], Exception):
            error = self.moments[0]
            if len(self.moments) > 1:
                self.moments.pop(0)
            raise error
        return Instance(instance, self.moments[0][0], started=BEGAN, ended=BEGAN + timedelta(seconds=65))

    def task_instances(self, project: int, instance: int) -> list[TaskRun]:
        moment = self.moments[0] if len(self.moments) == 1 else self.moments.pop(0)
        pool = '[{"prop": "n", "value": "3"}, {"prop": "other", "value": "x"}]'
        return [
            TaskRun(i, n, "SHELL", s, BEGAN, BEGAN + timedelta(seconds=2), pool=pool)
            for i, (n, s) in enumerate(moment[1].items())
        ]

    def task_attempts(self, project: int, instance: int) -> list[TaskRun]:
        return self.attempts

    def log(self, task: int) -> str:
        return f"log {task}\n"

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def runs(server: Server) -> Runs:
    rest: Any = server
    return Runs(rest, PROFILE, sleep=server.sleep, clock=lambda: server.now)


def test_following_tells_each_change_once() -> None:
    one = ("RUNNING_EXECUTION", {"a": "RUNNING_EXECUTION"})
    server = Server(one, one, UnreachableError("gone"), one, ("SUCCESS", {"a": "SUCCESS"}))
    assert list(runs(server).snapshots(RUN)) == [(RUNNING, {"a": RUNNING}), (SUCCESS, {"a": SUCCESS})]


def test_following_gives_up_when_nobody_answers_for_a_minute() -> None:
    server = Server(("RUNNING_EXECUTION", {}), UnreachableError("gone"))
    with pytest.raises(UnreachableError):
        list(runs(server).snapshots(RUN))
    assert 60 < server.now < 65


def test_a_report_of_a_run_that_took_one_branch() -> None:
    server = Server(("FAILURE", {"a": "SUCCESS", "b": "FAILURE"}))
    server.attempts = [
        TaskRun(number, "b", started=BEGAN + timedelta(seconds=start), ended=BEGAN + timedelta(seconds=end))
        for number, start, end in ((5, 64, 65), (4, 59, 62))
    ]
    out = {"localParams": [Property("n", "OUT", "INTEGER").to_dict(), Property("missing", "OUT").to_dict()]}
    definition = Definition(
        "p", "w", (TaskDefinition("c", "SHELL"), TaskDefinition("a", "SHELL", out), TaskDefinition("b", "SHELL")), ()
    )
    report = runs(server).report(RUN, definition)
    assert [(t.name, t.state) for t in report.tasks] == [("c", SKIPPED), ("a", SUCCESS), ("b", FAILURE)]
    assert report.task("a").outputs == {"n": 3}
    b = report.task("b")
    assert (b.attempts, b.seconds, b.log) == (2, 4.0, "log 4\nlog 5\n")
    assert (b.started, report.task("a").started, report.task("c").started) == (59.0, 0.0, None)
    assert (report.state, report.began, report.seconds, report.instance) == (FAILURE, "2024-01-01 00:00:00", 65.0, 7)


def test_recovering_waits_until_the_run_has_moved() -> None:
    server: Any = Server(("FAILURE", {}))
    server.execute = lambda *a: None
    with pytest.raises(RunError, match="did not go on"):
        runs(server).go_on(RUN, RECOVER, RESUME)
    moving: Any = Server(("FAILURE", {}))
    moving.execute = lambda *a: setattr(moving, "moments", [("RUNNING_EXECUTION", {})])
    runs(moving).go_on(RUN, RECOVER, RESUME)
    with pytest.raises(RunError, match="only FAILURE or PAUSE or STOP can be recovered"):
        runs(moving).go_on(RUN, RECOVER, RESUME)


def test_environment_lines_are_merged() -> None:
    lines = {"A": 'export A="1"', "B": 'export B="2"'}
    config = "# mine\nexport A=0\nexport C=3\n  export A=again\nsource x"
    assert merge_exports(config, lines) == ('# mine\nexport A="1"\nexport C=3\nsource x\nexport B="2"', ["A", "B"])
    assert merge_exports('export B="2"\nexport A="1"', lines) == ('export B="2"\nexport A="1"', [])
    assert merge_exports("", {}) == ("", [])
