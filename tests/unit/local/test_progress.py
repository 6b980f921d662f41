"""How far a task is: the line that says so, and who shows it."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dsflow import OpenMLDB, Python, Workflow
from dsflow.display.progress import RunDisplay
from dsflow.embedded.engine import Engine
from dsflow.local import executors
from dsflow.local.progress import progress_line, read_progress
from dsflow.local.runner import Part, local_definition, local_run
from dsflow.local.values import Shared, TaskValues
from dsflow.worker import client
from dsflow.worker.client import Result, Session


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("progress: 30/100 rounds", "30 of 100 rounds (30 %)"),
        ("progress: 1200000 rows", "1,200,000 rows"),
        ("progress: 7", "7"),
        ("progress: 52428800/104857600 bytes", "52.4 MB of 105 MB (50 %)"),
        ("progress: 5/0 rows", "5 of 0 rows"),
        ("progress: 120/100 rounds", "120 of 100 rounds (100 %)"),
        ("progress: soon", None),
        ("my progress: 1/2", None),
        ("progress: -1/2", None),
        ("", None),
    ],
)
def test_the_line(line: str, shown: str | None) -> None:
    assert read_progress(line) == shown


def test_what_is_written_is_read() -> None:
    assert read_progress(progress_line(1, 3, "rows")) == "1 of 3 rows (33 %)"
    assert read_progress(progress_line(1, None, "rows")) == "1 rows"


SCRIPT = """\
import time
print("progress: 1/2 rounds", flush=True)
print("a line of its own", flush=True)
time.sleep(1)
print("progress: 2/2 rounds", flush=True)
"""


@pytest.mark.parametrize("tail", [False, True])
def test_a_script_says_how_far_it_is(tmp_path: Path, tail: bool) -> None:
    with Workflow("w", project="p") as wf:
        Python("train", SCRIPT)
    stream = io.StringIO()
    display = RunDisplay(local_definition(wf), live=False, stream=stream)
    with local_run(wf, state=tmp_path, display=display, part=Part(tail=tail)) as ended:
        assert ended.report.state == "SUCCESS"
    shown = stream.getvalue()
    assert re.search(r"train  1 of 2 rounds \(50 %\)\n", shown), shown
    assert ("train │ a line of its own\n" in shown) is tail
    assert "progress:" not in shown
    assert "progress: 2/2 rounds" in ended.report.task("train").log


def test_a_load_says_how_far_it_is(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    with open(file, "w") as out:
        out.write("id,word\n")
        out.writelines(f"{n},word {n}\n" for n in range(400_000))
    with Engine(tmp_path / "engine") as engine:
        engine.execute("CREATE DATABASE db")
        engine.execute("CREATE TABLE t (id int, word string)", "db")
        load = f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='overwrite')"
        job = engine.execute(load, "db", mode="offline", sync=False).job
        assert job is not None
        seen = []
        while engine.jobs.get(job.id).state in ("SUBMITTED", "RUNNING"):  # type: ignore[union-attr]
            seen += engine.jobs.progress()
            time.sleep(0.002)
        assert engine.jobs.get(job.id).state == "FINISHED"  # type: ignore[union-attr]
        assert {(p.job, p.statement) for p in seen} == {(job.id, load)}
        assert {p.total for p in seen if p.unit == "bytes"} == {file.stat().st_size}
        assert all(p.total is not None and 0 <= p.done <= p.total for p in seen)
        assert engine.jobs.progress() == []


def test_a_file_that_is_read_line_by_line_says_how_far_it_is(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    lines = [f"{n},word {n}" for n in range(120_000)]
    lines[7] = '7,"a \\" in quotes"'  # which DuckDB reads in another way than Spark
    file.write_text("\n".join(["id,word", *lines, ""]))
    with Engine(tmp_path / "engine") as engine:
        engine.execute("CREATE DATABASE db")
        engine.execute("CREATE TABLE t (id int, word string)", "db")
        job = engine.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t", "db", mode="offline", sync=False).job
        assert job is not None
        seen = []
        while engine.jobs.get(job.id).state in ("SUBMITTED", "RUNNING"):  # type: ignore[union-attr]
            seen += engine.jobs.progress()
            time.sleep(0.002)
        assert engine.jobs.get(job.id).state == "FINISHED"  # type: ignore[union-attr]
    counted = [p.done for p in seen if (p.unit, p.total) == ("rows read", None)]
    assert set(counted) >= {50_000, 100_000}
    assert counted == sorted(counted)


class _FarAs(BaseHTTPRequestHandler):
    """Answers that the job of a statement is at 1 of 4 rows."""

    statement = ""

    def do_GET(self) -> None:
        assert self.path == "/dsflow/progress"
        jobs = [
            {"job": 1, "statement": statement, "done": done, "total": 4, "unit": "rows"}
            for statement, done in ((self.statement, 0), ("another's", 3), (f" {self.statement}\n", 1))
        ]
        body = json.dumps({"code": 0, "data": jobs}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is the test's."""


class _SlowLoad(Session):
    def execute(self, statement: str, parameters: tuple[tuple[str, Any], ...] = ()) -> Result:
        if statement.strip().startswith("LOAD DATA"):
            time.sleep(0.5)
        return Result()


def test_the_log_of_a_task_says_how_far_its_job_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workflow("w", project="p") as wf:
        OpenMLDB("load", ["USE db", "LOAD DATA INFILE '/x' INTO TABLE t"], "offline")
    definition = wf.definition()
    monkeypatch.setattr(client, "Session", _SlowLoad)
    monkeypatch.setattr(executors, "PROGRESS_PERIOD", 0.02)
    monkeypatch.setattr(_FarAs, "statement", "LOAD DATA INFILE '/x' INTO TABLE t")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _FarAs)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with open(tmp_path / "log", "w+", encoding="utf-8") as log:
            attempt = executors.Attempt(
                task=definition.task("load"),
                folder=tmp_path,
                log=log,
                values=TaskValues(Shared(definition, {}, datetime.now()), definition.task("load"), {(3, 2): {}}),
                series=[(3, 2)],
                timeout=None,
                stop=threading.Event(),
                openmldb_url=f"http://127.0.0.1:{server.server_port}",
            )
            executors.run_openmldb(attempt)
            log.seek(0)
            text = log.read()
    finally:
        server.shutdown()
        server.server_close()
    assert text.count("progress:") == 1, text
    assert progress_line(1, 4, "rows") in text.splitlines()
