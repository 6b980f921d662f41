"""Watching a run, against a server made of plain data."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.runs import Run
from dsflow.dolphinscheduler.watch import LogTail, Look, Patience, RunTimeoutError, Watch, own_output
from dsflow.dolphinscheduler.wire.rows import Instance, TaskRun
from dsflow.errors import ServerError, UnreachableError

RUN = Run("p", 1, "w", 2, 3, "http://x/3")
AWAY = UnreachableError("no answer")

LOG_31 = """[LOG-PATH]: /x.log, [HOST]:  h
[INFO] 2026-11-24 03:49:48.318 +0000 - raw script : echo hello
more of the script
[INFO] 2026-11-24 03:49:49.318 +0000 -  -> hello me
second line
[INFO] 2026-11-24 03:49:50.319 +0000 -  -> [INFO] not the worker's
[ERROR] 2026-11-24 03:49:51.000 +0000 - it broke
java.lang.Exception
[INFO] 2026-11-24 03:49:51.001 +0000 - FINALIZE_SESSION
"""
LOG_32 = """[INFO] 2026-11-24 03:51:19.110 +0000 - \r
***********************************************\r
[INFO] 2026-11-24 03:51:20.121 +0000 -  -> \r
\tin b\r
\t  indented\r
[INFO] 2026-11-24 03:51:23.121 +0000 - process has exited.\r
"""


SWITCH_31 = """[LOG-PATH]: /x.log, [HOST]:  Host{address='h:1', ip='h', port=1}
[INFO] 2026-11-26 22:21:15.862 +0000 - switch task starting
[INFO] 2026-11-26 22:21:15.863 +0000 - original condition sentence：${share} >= 0.5
[INFO] 2026-11-26 22:21:15.865 +0000 - condition result : false
[INFO] 2026-11-26 22:21:15.867 +0000 - switch task finished
"""
SWITCH_32 = """[LOG-PATH]: /x.log, [HOST]:  h:1
[INFO] 2026-11-26 22:23:31.000 +0000 - Begin to initialize task
[INFO] 2026-11-26 22:23:31.001 +0000 - End initialize task {
  "taskParams" : "{\\"switchResult\\":{\\"dependTaskList\\":[{\\"condition\\":\\"1\\"}]}}",
}
[INFO] 2026-11-26 22:23:31.002 +0000 - Begin to execute 0 condition: ${share} >= 0.5
[INFO] 2026-11-26 22:23:31.003 +0000 - The condition is not satisfied, move to the default branch: [ask for more]
"""


class Clock:
    """Time that passes when somebody sleeps."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Rest:
    """Answers from a script: each item is a state, or an error to raise."""

    def __init__(self, *answers: str | Exception, logs: dict[int, list[str]] | None = None) -> None:
        self.answers = list(answers)
        self.logs = logs or {}

    def instance(self, project: int, number: int) -> Instance:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Instance(number, answer)

    def task_instances(self, project: int, number: int) -> list[TaskRun]:
        return [
            TaskRun(8, "a", state="FAILURE", has_log=True),
            TaskRun(9, "a", state="RUNNING_EXECUTION", has_log=True),
        ]

    def log_part(self, number: int, skip: int) -> tuple[str, int]:
        lines = self.logs[number][skip:]
        return "".join(f"{line}\r\n" for line in lines), len(lines)


def watch(rest: Rest, *, limit: float | None = None, patience: float = 10) -> tuple[Watch, Clock, list[str]]:
    clock, told = Clock(), list[str]()
    bearing = Patience(patience, poll=1.0, tell=told.append, sleep=clock.sleep, clock=clock)
    return Watch(rest, RUN, bearing, limit), clock, told  # type: ignore[arg-type]


def test_it_looks_until_the_run_has_ended_and_sees_newest_attempts() -> None:
    watched, _, told = watch(Rest("SUBMITTED_SUCCESS", "RUNNING_EXECUTION", "SUCCESS"))
    looks = list(watched.looks())
    assert [look.state for look in looks] == ["WAITING", "RUNNING", "SUCCESS"]
    assert looks[-1].states() == {"a": "RUNNING"}
    assert told == []


@pytest.mark.parametrize(
    "trouble", [AWAY, RefusedError("read", "a page", code=None), RefusedError("read", "no database", code=10000)]
)
def test_a_short_absence_is_told_and_waited_for(trouble: ServerError) -> None:
    watched, _, told = watch(Rest("RUNNING_EXECUTION", trouble, trouble, AuthenticationError("starting"), "SUCCESS"))
    assert [look.state for look in watched.looks()] == ["RUNNING", "SUCCESS"]
    assert told == ["the server does not answer; waiting for it, up to 10 s", "the server is back after 3 s"]


def test_a_long_absence_is_an_error() -> None:
    watched, clock, _ = watch(Rest("RUNNING_EXECUTION", AWAY))
    with pytest.raises(UnreachableError, match="has not answered for 10 s: no answer") as error:
        list(watched.looks())
    assert error.value.exit_code == 5
    assert clock.now == 11


def test_credentials_that_are_refused_at_once_are_no_absence() -> None:
    watched, clock, _ = watch(Rest(AuthenticationError("wrong password")))
    with pytest.raises(AuthenticationError):
        watched.look()
    assert clock.now == 0


def test_a_run_that_is_no_longer_known() -> None:
    watched, _, _ = watch(Rest("RUNNING_EXECUTION", RefusedError("read run 3", "does not exist", code=50001)))
    with pytest.raises(UnreachableError, match="no longer knows run 3") as error:
        list(watched.looks())
    assert error.value.exit_code == 5


def test_one_reading_that_is_refused_is_repeated() -> None:
    refusal = RefusedError("read the tasks", "query task list by process instance id error", code=10103)
    watched, _, told = watch(Rest("RUNNING_EXECUTION", refusal, refusal, "SUCCESS"))
    assert [look.state for look in watched.looks()] == ["RUNNING", "SUCCESS"]
    assert told == []


def test_a_time_limit() -> None:
    watched, clock, _ = watch(Rest("RUNNING_EXECUTION"), limit=2.5)
    with pytest.raises(RunTimeoutError, match=r"not over after 2\.5 s") as error:
        list(watched.looks())
    assert (error.value.exit_code, clock.now) == (4, 2.5)


@pytest.mark.parametrize(
    ("log", "own"),
    [
        (LOG_31, ["hello me", "second line", "[INFO] not the worker's",
                  "[ERROR] 2026-11-24 03:49:51.000 +0000 - it broke", "java.lang.Exception"]),
        (LOG_32, ["in b", "  indented"]),
        ("no worker wrote this\n", ["no worker wrote this"]),
        (SWITCH_31, ["original condition sentence：${share} >= 0.5", "condition result : false"]),
        (SWITCH_32, ["Begin to execute 0 condition: ${share} >= 0.5",
                     "The condition is not satisfied, move to the default branch: [ask for more]"]),
        ("", []),
    ],
)  # fmt: skip
def test_what_a_task_itself_wrote(log: str, own: list[str]) -> None:
    assert own_output(log).splitlines() == own


def look(state: str) -> Look:
    return Look(
        "RUNNING",
        "RUNNING_EXECUTION",
        {
            "a": TaskRun(1, "a", state=state, has_log=True),
            "b": TaskRun(2, "b", state="SUBMITTED_SUCCESS"),
        },
    )


def test_a_log_comes_in_parts_and_each_line_once() -> None:
    head = "[INFO] 2026-11-24 03:49:49.318 +0000 - "
    log = [f"{head} -> one"]
    tail = LogTail(Rest("", logs={1: log}))  # type: ignore[arg-type]
    assert list(tail.news(look("RUNNING_EXECUTION"))) == [("a", "one")]
    assert list(tail.news(look("RUNNING_EXECUTION"))) == []
    log += ["two", f"{head}process has exited"]
    assert list(tail.news(look("SUCCESS"))) == [("a", "two")]
    log += [f"{head} -> late", f"{head}FINALIZE_SESSION"]
    slept: list[float] = []
    sleep: Callable[[float], None] = slept.append
    assert list(tail.last(look("SUCCESS"), sleep)) == [("a", "late")]
    assert slept == []
    whole = LogTail(Rest("", logs={1: log}), "a", whole=True)  # type: ignore[arg-type]
    assert len(list(whole.news(look("RUNNING_EXECUTION")))) == 5
    assert list(LogTail(Rest("", logs={1: log}), "b").last(look("SUCCESS"), sleep)) == []  # type: ignore[arg-type]
