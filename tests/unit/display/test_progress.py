import io
import re
import threading
import time

import pytest

from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.display.progress import RunDisplay, run_summary, without_events
from dsflow.display.states import duration
from dsflow.errors import SourceLocation
from dsflow.report import (
    FAILURE,
    RUNNING,
    SKIPPED,
    STOPPED,
    SUCCESS,
    TIMEOUT,
    WAITING,
    RunReport,
    TaskReport,
)

from .strategies import chart


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines_of(*updates, definition=None):
    """What a display that is no terminal writes, without the clock."""
    stream = io.StringIO()
    with RunDisplay(definition or chart("load train"), stream=stream) as display:
        for update in updates:
            display.update(update)
    return [re.sub(r"^ *\d+\.\d+s  ", "", line) for line in stream.getvalue().splitlines()]


def task(state, name="train", **fields):
    return TaskReport(name, "PYTHON", state, **fields)


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (task(RUNNING, attempts=1), "train  RUNNING"),
        (task(RUNNING, attempts=2), "train  RUNNING  (attempt 2)"),
        (task(SUCCESS, seconds=4.13), "train  SUCCESS  (4.1s)"),
        (task(SUCCESS, seconds=4, outputs={"auc": 0.951234}), "train  SUCCESS  (4.0s)  auc=0.9512"),
        (task(FAILURE, seconds=1, log="a\nValueError: no\n\n"), "train  FAILURE  (1.0s)  ValueError: no"),
        (task(SKIPPED), "train  SKIPPED"),
        (task(RUNNING, name="lo\nad"), "lo ad  RUNNING"),
    ],
)
def test_one_line_for_a_change(report, line):
    assert lines_of(report) == [line]


def test_no_line_where_nothing_changed():
    assert len(lines_of(task(WAITING), task(RUNNING), task(RUNNING, seconds=3, log="more"), task(SUCCESS))) == 2


def test_a_new_attempt_is_a_change():
    assert len(lines_of(task(RUNNING, attempts=1), task(RUNNING, attempts=2))) == 2


def test_lines_start_with_the_time_since_the_start():
    stream = io.StringIO()
    with RunDisplay(chart("a b"), stream=stream) as display:
        display.note("server at [bold]x[/]")
    assert re.fullmatch(r" +0\.\ds  server at \[bold\]x\[/\]\n", stream.getvalue())


def test_a_report_may_change_after_it_was_told():
    report = task(RUNNING)
    stream = io.StringIO()
    with RunDisplay(chart("load train"), stream=stream) as display:
        display.update(report)
        report.state = SUCCESS
        display.update(report)
    assert [line.split()[1:3] for line in stream.getvalue().splitlines()] == [
        ["train", "RUNNING"],
        ["train", "SUCCESS"],
    ]


def test_updates_from_many_threads_give_whole_lines():
    names = [f"t{i}" for i in range(40)]
    stream = io.StringIO()
    with RunDisplay(chart(names=" ".join(names)), stream=stream) as display:
        threads = [threading.Thread(target=display.update, args=(task(SUCCESS, name=n, seconds=1),)) for n in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(line.split()[1] for line in stream.getvalue().splitlines()) == sorted(names)


def test_a_closed_stream_does_not_stop_the_run():
    stream = io.StringIO()
    with RunDisplay(chart("load train"), stream=stream) as display:
        stream.close()
        display.update(task(RUNNING))
        display.note("x")


def test_a_stream_that_knows_no_chinese_gets_a_question_mark():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with RunDisplay(chart(names="x"), stream=stream) as display:
        display.note("特征 ok")
    assert b"?? ok" in raw.getvalue()


def test_a_terminal_gets_a_table(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "40")
    stream = Terminal()
    with RunDisplay(chart("load train"), stream=stream) as display:
        display.update(task(RUNNING, name="load", log="[red]reading\n"))
        display.note("server at [http://x]")
        display.update(task(SUCCESS, name="load", seconds=2.0, outputs={"rows": 3}))
        display.update(task(FAILURE, seconds=1.0, log="boom"))
    text = stream.getvalue()
    assert "server at [http://x]" in text
    last = text[text.rindex("load") :]
    assert "rows=3" in last
    assert "boom" in last
    assert "2 of 2 done" in last
    assert "✓ SUCCESS" in text
    assert "✗ FAILURE" in text


def test_a_running_task_counts_on_between_updates(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    display = RunDisplay(chart("load train"), live=True, stream=Terminal())
    now = time.monotonic()
    display.update(task(RUNNING, seconds=2.0))
    row = display._rows["train"]
    assert row.elapsed(now + 3) == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("running", [0, 30, 59])
def test_a_run_longer_than_the_screen_shows_what_runs(monkeypatch, running):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "20")
    stream = Terminal()
    with RunDisplay(chart(*(f"t{i:02} t{i + 1:02}" for i in range(59))), stream=stream) as display:
        for i in range(running):
            display.update(task(SUCCESS, name=f"t{i:02}"))
        display.update(task(RUNNING, name=f"t{running:02}"))
    last = stream.getvalue().rsplit("\x1b[2K", 1)[-1]
    assert f"t{running:02}" in last
    assert len(last.splitlines()) <= 20


@pytest.mark.parametrize(
    ("term", "tty", "live"), [("xterm", True, True), ("dumb", True, False), ("xterm", False, False)]
)
def test_live_is_for_terminals(monkeypatch, term, tty, live):
    monkeypatch.setenv("TERM", term)
    assert RunDisplay(chart("a b"), stream=Terminal() if tty else io.StringIO()).live is live


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (4.13, "4.1s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (125, "2m 05s"),
        (3599.6, "1h 00m"),
        (3725, "1h 02m"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


DEFINITION = Definition(
    project="fraud",
    name="clicks",
    tasks=(
        TaskDefinition("load", "OPENMLDB"),
        TaskDefinition("train", "PYTHON", timeout=5, where=SourceLocation("pipelines/clicks.py", 44)),
        TaskDefinition("serve", "HTTP"),
    ),
    relations=(Relation("load", "train"), Relation("train", "serve")),
)


def summary(train, serve=STOPPED, **fields):
    tasks = [
        TaskReport("load", "OPENMLDB", SUCCESS, 2.0, attempts=1),
        train,
        TaskReport("serve", "HTTP", serve),
    ]
    return run_summary(DEFINITION, RunReport("fraud/clicks", train.state, tasks, 8.25, **fields))


def test_a_good_run():
    train = TaskReport("train", "PYTHON", SUCCESS, 4.1, {"auc": 0.95, "path": "/m/1.bin"}, attempts=2)
    prediction = {"request": {"ip": 1}, "answer": {"score": 0.5000001, "deployment": "demo", "database": "db"}}
    prediction["answer"]["model"] = {"path": "/m/1.bin", "version": "2d5d", "attributes": {"auc": "0.98"}}
    assert summary(train, SKIPPED, prediction=prediction) == (
        "✓ SUCCESS  load       2.0s\n"
        "✓ SUCCESS  train      4.1s  2 attempts  auc=0.95 path=/m/1.bin\n"
        "↷ SKIPPED  serve\n"
        "\n"
        "a prediction for a new row, one second after one of the online table\n"
        "  request  ip=1\n"
        "  score    0.5\n"
        "  by       model 2d5d (auc 0.98), deployment demo, database db\n"
        "\n"
        "✓ fraud/clicks: SUCCESS in 8.2s\n"
    )


def test_a_failed_run_shows_the_end_of_the_log_and_where_to_go():
    log = "\n".join(f"line {i}" for i in range(100))
    text = summary(TaskReport("train", "PYTHON", FAILURE, 4.1, log=log, attempts=1))
    assert "✗ train (PYTHON) failed; the last 30 of 100 lines of its log:\n  │ line 70\n" in text
    assert "line 69\n" not in text
    assert "  │ line 99\n  → it is declared at pipelines/clicks.py:44\n" in text
    assert "not run because of that: serve" in text
    assert text.endswith("✗ fraud/clicks: FAILURE in 8.2s\n")


@pytest.mark.parametrize(
    ("train", "fields", "said"),
    [
        (TaskReport("train", "PYTHON", TIMEOUT, 300), {}, "its timeout is 5 min"),
        (TaskReport("train", "PYTHON", FAILURE, 1), {}, "failed and wrote no log"),
        (TaskReport("train", "PYTHON", FAILURE, 1, log="x", attempts=3), {}, "failed after 3 attempts; its log:"),
        (TaskReport("train", "PYTHON", FAILURE, 1, log="x"), {"where": "http://ds/1"}, "the whole run: http://ds/1"),
    ],
)
def test_what_a_failure_says(train, fields, said):
    assert said in summary(train, **fields)


def test_events_of_newer_servers_do_not_hide_what_a_script_wrote():
    stamp = "2024-03-01 07:48:46.041 INFO  [exclusive-task-executor-container-worker-0] - "
    event = [f"{stamp}Publish TaskExecutorFailedLifecycleEvent: {{", *['  "taskInstanceId" : 10,'] * 40, "}"]
    fired = [line.replace("Publish", "Success fire") for line in event[:-1]] + ["} "]
    own = ["Traceback:", "{", '  "rows" : 3', "}", "KeyError: 'clicks'"]
    assert without_events([*event, *own, *event, *fired, f"{stamp}FINALIZE_SESSION", *fired]) == [
        *own,
        f"{stamp}FINALIZE_SESSION",
    ]
    assert without_events([*own, *event[:5]]) == [*own, *event[:5]]  # cut off: it may be anything
    failed = TaskReport("train", "PYTHON", state=FAILURE, log="\n".join([*own, *event, *fired]))
    text = run_summary(Definition("p", "w", (), ()), RunReport("w", FAILURE, tasks=[failed]))
    assert "the last 5 of 89 lines of its log:\n  │ Traceback:\n" in text
    assert "LifecycleEvent" not in text


def test_of_what_goes_on_no_duration_is_made_up():
    tasks = [
        TaskReport("load", "OPENMLDB", SUCCESS, 0.0, attempts=1),
        TaskReport("train", "PYTHON", RUNNING, attempts=1),
    ]
    text = run_summary(DEFINITION, RunReport("fraud/clicks", RUNNING, tasks, 0.0, where="http://ds/1"))
    assert "✓ SUCCESS  load       0.0s\n" in text
    assert "▶ RUNNING  train\n" in text
    assert text.endswith("▶ fraud/clicks: RUNNING (http://ds/1)\n")


def test_a_task_the_definition_does_not_have_is_shown_all_the_same():
    report = RunReport("p/w", FAILURE, [TaskReport("old", "SHELL", FAILURE, 1, log="gone")], 1)
    assert "✗ old (SHELL) failed; its log:\n  │ gone\n" in run_summary(DEFINITION, report)


def test_the_summary_names_outputs_that_a_task_did_not_give():
    report = RunReport("flow", SUCCESS, [task(SUCCESS, "load"), task(SUCCESS, missing=["auc", "path"])])
    text = run_summary(chart("load train"), report)
    assert (
        "! train succeeded, but gave no value to its output auc, path\n  → what asks for ${auc} found nothing" in text
    )
    assert "load succeeded" not in text
