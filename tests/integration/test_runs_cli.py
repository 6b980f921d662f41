"""Operating runs from the command line, against real servers."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dsflow.cli import following
from dsflow.dolphinscheduler import backfill
from dsflow.dolphinscheduler.client import Server
from tests.integration.commands import Commands, variables

FLOW = """
with Workflow("flow", project="{project}", params={{"who": "me", "code": 0, "nap": 0}}) as wf:
    a = Shell("a", f"echo hello {{wf.params.who}}; sleep {{wf.params.nap}}")
    b = Shell("b", f"echo in b; exit {{wf.params.code}}")
    c = Shell("c", "echo in c")
    a >> b >> c
"""


@pytest.fixture
def dsflow(running: Any, tmp_path: Path, project: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands, in a folder with flow.py, which the server holds already."""
    monkeypatch.setattr(following, "POLL", 0.2)
    commands = Commands(running.profile(), tmp_path, monkeypatch)
    commands.write("flow.py", FLOW.format(project=project))
    done = commands("submit", "flow.py")
    assert done.code == 0, done.all
    return commands


def states(report: Path) -> dict[str, str]:
    data = json.loads(report.read_text())
    return {"": data["state"]} | {t["name"]: t["state"] for t in data["tasks"]}


def started(text: str) -> str:
    """The run's number, from a command's first line."""
    return text.split("run ", 1)[1].split(":", 1)[0]


def test_run_status_runs_and_logs(dsflow: Commands, tmp_path: Path) -> None:
    never = dsflow("status", "flow.py")
    assert (never.code, "has not been run" in never.err) == (1, True)
    assert "has not been run" in dsflow("runs", "flow.py").out

    done = dsflow("run", "flow.py", "--set", "who=you", "--tail", "--report", "r.json")

    assert done.code == 0, done.all
    assert "a │ hello you" in done.err
    assert "Initialize" not in done.err  # the worker's own words are left out
    assert states(tmp_path / "r.json") == {"": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    number = started(done.out)
    status = dsflow("status", "flow.py")
    assert (status.code, f"run {number}:" in status.out, "✓ SUCCESS  c" in status.out) == (0, True, True)
    assert json.loads(dsflow("status", "flow.py", number, "--json").out)["instance"] == int(number)
    dsflow("status", "flow.py", "--html", "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "When each task ran" in page
    assert "hello you" in page
    assert [r["id"] for r in json.loads(dsflow("runs", "flow.py", "--json").out)] == [int(number)]
    assert "start process" in dsflow("runs", "flow.py").out
    assert dsflow("logs", "flow.py", "a").out == "hello you\n"
    assert dsflow("logs", "flow.py").out.count("==> ") == 3
    assert "process has exited" in dsflow("logs", "flow.py", "c", "--all").out
    assert dsflow("logs", "flow.py", "b", "--follow").out == "in b\n"


def test_what_can_not_be_is_refused_in_words(dsflow: Commands) -> None:
    for arguments, words in [
        (("run", "flow.py", "--from", "nope"), "no task 'nope'"),
        (("run", "flow.py", "--only", "nope"), "it has: a, b, c"),
        (("run", "flow.py", "--from", "a", "--only", "b"), "exclude each other"),
        (("run", "flow.py", "--detach", "--tail"), "--detach follows nothing"),
        (("run", "flow.py", "--local", "--detach"), "--detach is for a run on a server"),
        (("run", "flow.py", "--fresh"), "go with --local"),
        (("run", "flow.py", "--apiserver", "http://127.0.0.1:9"), "--apiserver goes with --html"),
        (("status", "flow.py", "--html", "no/run.html"), "there is no folder"),
        (("backfill", "flow.py", "--from", "2024-01-01", "--to", "2024-01-01", "--html", "no/pages"), "cannot make"),
        (
            ("backfill", "flow.py", "--from", "2024-01-01", "--to", "2024-01-01", "--html", "p", "--detach"),
            "--html and --detach exclude each other",
        ),
        (("run", "flow.py", "--set", "nope=1"), "no parameter 'nope'"),
        (("run", "flow.py", "--set", "code=many"), "'code' is of type int; 'many' is not"),
        (("backfill", "flow.py", "--from", "2024-01-01", "--to", "2024-01-01", "--set", "nap=x"), "of type int"),
        (("run", "flow.py", "--report", "no/r.json"), "there is no folder"),
        (("status", "flow.py", "999999"), "has no run 999999"),
        (("recover", "flow.py"), "has not been run"),
        (("backfill", "flow.py", "--from", "soon", "--to", "2024-01-01"), "'soon' is not a date"),
        (("backfill", "flow.py", "--from", "2024-01-03", "--to", "2024-01-01"), "there is no date"),
        (("backfill", "flow.py", "--from", "2999-01-03", "--to", "2999-01-04"), "in the future"),
    ]:
        done = dsflow(*arguments)
        assert (done.code in (1, 2), words in done.err) == (True, True), (arguments, done)
    assert "has not been run" in dsflow("runs", "flow.py").out  # nothing was started


def test_fail_recover_and_parts(dsflow: Commands, running: Any, tmp_path: Path) -> None:
    failed = dsflow("run", "flow.py", "--set", "code=3")
    assert failed.code == 1
    assert "✗ b (SHELL) failed" in failed.out
    assert f"dsflow recover flow.py --run {started(failed.out)}" in failed.out
    assert "doctor" not in failed.out
    assert dsflow("status", "flow.py").code == 1
    refused = dsflow("resume", "flow.py")
    assert (refused.code, "recover runs its failed tasks again" in refused.err) == (1, True)

    recovered = dsflow("recover", "flow.py", "--report", "r.json")
    if running.is_new:  # the start's values hold
        assert (recovered.code, states(tmp_path / "r.json")["b"]) == (1, "FAILURE")
    else:
        assert recovered.code == 0
        assert "code='0' (it was '3')" in recovered.err
        assert states(tmp_path / "r.json")["c"] == "SUCCESS"

    assert dsflow("run", "flow.py", "--from", "b", "--report", "r.json").code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {t["name"]: t["attempts"] for t in report["tasks"]} == {"a": 0, "b": 1, "c": 1}
    assert dsflow("run", "flow.py", "--only", "a", "--report", "r.json").code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {t["name"]: t["attempts"] for t in report["tasks"]} == {"a": 1, "b": 0, "c": 0}
    numbers = [r["id"] for r in json.loads(dsflow("runs", "flow.py", "--json").out)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 3


STEP = """
with Workflow("step", project="{project}") as wf:
    first, ask, load, check, last = (Shell(name, "true") for name in ("first", "ask", "load", "check", "last"))
    first >> ask >> load >> check >> last
    load.make_step(ask, load, check)
"""


def test_a_part_that_is_a_step_of_several_nodes(dsflow: Commands, project: str, tmp_path: Path) -> None:
    dsflow.write("step.py", STEP.format(project=project))
    assert dsflow("submit", "step.py").code == 0
    for option, expected in (("--only", {"ask", "load", "check"}), ("--from", {"ask", "load", "check", "last"})):
        assert dsflow("run", "step.py", option, "load", "--report", "r.json").code == 0
        tasks = json.loads((tmp_path / "r.json").read_text())["tasks"]
        assert {t["name"] for t in tasks if t["state"] == "SUCCESS"} == expected


def test_detach_pause_resume_stop_rerun(dsflow: Commands) -> None:
    detached = dsflow("run", "flow.py", "--set", "nap=8", "--detach")
    number = started(detached.out)
    assert (detached.code, f"dsflow status flow.py {number}" in detached.out) == (0, True)
    assert dsflow("status", "flow.py").code == 4
    time.sleep(0.5)
    paused = dsflow("pause", "flow.py")
    assert "PAUSE" in paused.out
    assert f"dsflow resume flow.py --run {number}" in paused.out
    assert dsflow("status", "flow.py").code == 3
    resumed = dsflow("resume", "flow.py")
    assert (resumed.code, started(resumed.out)) == (0, number)

    detached = dsflow("run", "flow.py", "--set", "nap=60", "--detach")
    number = started(detached.out)
    time.sleep(1)
    stopped = dsflow("stop", "flow.py", "--run", number)
    assert f"run {number}: STOP" in stopped.out
    assert "already: nothing was done" in dsflow("stop", "flow.py").out
    assert dsflow("status", "flow.py", number).code == 3
    rerun = dsflow("rerun", "flow.py", "--timeout", "1")
    assert (rerun.code, started(rerun.out)) == (4, number)  # it naps again: the start's values hold
    assert "it goes on" in rerun.err
    assert dsflow("stop", "flow.py").code == 0


def test_a_time_limit(dsflow: Commands, tmp_path: Path) -> None:
    late = dsflow("run", "flow.py", "--set", "nap=60", "--timeout", "1", "--report", "r.json")
    assert (late.code, states(tmp_path / "r.json")[""]) == (4, "TIMEOUT")
    number = started(late.out)
    assert f"dsflow stop flow.py --run {number}" in late.err
    assert dsflow("status", "flow.py").code == 4
    assert dsflow("stop", "flow.py").code == 0
    late = dsflow("run", "flow.py", "--set", "nap=60", "--timeout", "1", "--stop-on-interrupt")
    assert late.code == 4
    assert dsflow("status", "flow.py").code == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on_or_is_stopped(dsflow: Commands, number: signal.Signals) -> None:
    def interrupted(*more: str) -> tuple[int, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dsflow", "run", "flow.py", "--set", "nap=60", *more],
            cwd=dsflow.folder,
            env={**os.environ, **variables(dsflow.profile)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )
        with process:
            assert process.stdout is not None
            first = process.stdout.readline()
            while "RUNNING" not in process.stdout.readline():
                assert process.poll() is None, first
            process.send_signal(number)
            text = first + process.stdout.read()
        return process.returncode, text

    code, text = interrupted()
    assert (code, "goes on" in text, f"dsflow status flow.py {started(text)}" in text) == (130, True, True)
    assert dsflow("status", "flow.py").code == 4
    assert dsflow("stop", "flow.py").code == 0
    code, text = interrupted("--stop-on-interrupt")
    assert (code, "STOP" in text) == (3, True)
    assert dsflow("status", "flow.py").code == 3


def test_backfill(dsflow: Commands, tmp_path: Path) -> None:
    dates = ("--from", "2024-01-31", "--to", "2024-02-01")
    serial = dsflow("backfill", "flow.py", *dates, "--report", "b.json", "--html", "pages")
    assert serial.code == 0, serial.all
    report = json.loads((tmp_path / "b.json").read_text())
    assert [(r["date"][:10], r["state"]) for r in report["runs"]] == [
        ("2024-01-31", "SUCCESS"), ("2024-02-01", "SUCCESS"),
    ]  # fmt: skip
    numbers = [r["instance"] for r in report["runs"]]
    assert numbers == sorted(numbers)
    pages = sorted((tmp_path / "pages").iterdir())
    assert [page.name[:10] for page in pages] == ["2024-01-31", "2024-02-01"]
    for page, number in zip(pages, numbers, strict=True):
        assert f"run {number}" in page.read_text(encoding="utf-8")

    parallel = dsflow("backfill", "flow.py", "--from", "2024-03-01", "--to", "2024-03-03", "--parallel", "2")
    assert (parallel.code, parallel.out.count("SUCCESS")) == (0, 3)

    failing = dsflow("backfill", "flow.py", "--from", "2024-01-01", "--to", "2024-01-03", "--set", "code=1")
    assert (failing.code, failing.out.count("FAILURE")) == (1, 1)
    assert failing.out.count("SKIPPED") == 3  # two dates and the explanation
    assert "2024-01-04" not in failing.out


def test_a_backfill_follows_the_schedule(
    dsflow: Commands, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "GRACE", 6.0)
    dsflow.write("flow.py", FLOW.format(project=project).replace("params=", 'schedule="0 30 6 ? * MON *", params='))
    assert dsflow("submit", "flow.py").code == 0
    done = dsflow("backfill", "flow.py", "--from", "2024-01-01", "--to", "2024-01-08", "--report", "b.json")
    assert done.code == 0, done.all
    report = json.loads((tmp_path / "b.json").read_text())
    assert [r["date"] for r in report["runs"]] == [f"2024-01-{day} 06:30:00" for day in ("01", "08")]


# ---------------------------------------------------------------- a server that goes away


class Proxy:
    """A line to the server that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._pairs: list[socket.socket] = []
        self.port = 0
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(20)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._pairs:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone already
        self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                upstream = socket.create_connection(self._target)
            except OSError:
                return
            self._pairs += [client, upstream]
            threading.Thread(target=self._pump, args=(client, upstream), daemon=True).start()

    @staticmethod
    def _pump(client: socket.socket, upstream: socket.socket) -> None:
        ends = {client: upstream, upstream: client}
        try:
            while True:
                for one in select.select(list(ends), [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    ends[one].sendall(data)
        except (OSError, ValueError):
            return
        finally:
            client.close()
            upstream.close()


@contextmanager
def proxied(dsflow: Commands, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    url = urlsplit(str(dsflow.profile.api_url))
    proxy = Proxy(str(url.hostname), int(url.port or 80))
    monkeypatch.setenv("DSFLOW_API_URL", f"http://127.0.0.1:{proxy.port}{url.path}")
    yield proxy
    try:
        proxy.cut()
    except OSError:
        pass  # it is cut


def test_a_server_that_comes_back_is_waited_for(dsflow: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(dsflow, monkeypatch) as proxy:
        threading.Timer(3.0, proxy.cut).start()
        threading.Timer(5.5, proxy.open).start()
        done = dsflow("run", "flow.py", "--set", "nap=5", "--server-timeout", "30")
    assert done.code == 0, done.all
    assert "the server does not answer; waiting for it, up to 30 s" in done.err
    assert "the server is back" in done.err


def test_a_server_that_stays_away_is_reported(dsflow: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied(dsflow, monkeypatch) as proxy:
        threading.Timer(3.0, proxy.cut).start()
        done = dsflow("run", "flow.py", "--set", "nap=8", "--server-timeout", "2")
        gone = dsflow("status", "flow.py")
    number = started(done.out)
    assert (done.code, gone.code) == (5, 5)
    assert "the server has not answered for" in done.err
    assert f"dsflow status flow.py {number}" in done.err
    monkeypatch.setenv("DSFLOW_API_URL", str(dsflow.profile.api_url))
    assert dsflow("logs", "flow.py", "--run", number, "--follow").code == 0
    assert dsflow("status", "flow.py", number).code == 0


def test_a_run_that_the_server_has_lost(dsflow: Commands, server: Server, project: str, running: Any) -> None:
    number = int(started(dsflow("run", "flow.py", "--set", "nap=6", "--detach").out))
    code = server.rest.project_code(project)

    def lose() -> None:
        with running.connect() as other:
            other.rest.execute(code, number, "STOP")
            while other.rest.instance(code, number).state not in ("STOP", "SUCCESS"):
                time.sleep(0.1)
            other.rest.delete(f"/projects/{code}/process-instances/{number}", "delete the run")

    lose()
    done = dsflow("status", "flow.py", number)
    assert (done.code, f"has no run {number}" in done.err) == (1, True)
