"""How far a task is: the line that says so, and who shows it."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest

from dsflow import Python, Workflow
from dsflow.display.progress import RunDisplay
from dsflow.embedded.engine import Engine
from dsflow.local.progress import progress_line, read_progress
from dsflow.local.runner import Part, local_definition, local_run


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
        assert all(0 <= p.done <= p.total for p in seen)
        assert engine.jobs.progress() == []
