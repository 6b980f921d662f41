"""Jobs: states, time, stopping, failing on purpose."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dsflow.embedded import storage
from dsflow.embedded.engine import Engine
from dsflow.embedded.errors import SqlError
from dsflow.embedded.jobs import FAIL_JOB_VARIABLE, JobRun
from dsflow.embedded.results import Result

Run = Callable[..., Result]


@pytest.fixture
def load(run: Run, tmp_path: Path) -> str:
    run("CREATE TABLE t (a int)")
    (tmp_path / "x.csv").write_text("a\n1\n")
    return f"LOAD DATA INFILE '{tmp_path / 'x.csv'}' INTO TABLE t OPTIONS(mode='append')"


def test_rows_of_jobs(run: Run, load: str) -> None:
    shown = run(load, "offline")
    assert [column.name for column in shown.columns][:3] == ["job_id", "job_type", "state"]
    (row,) = shown.rows
    assert row[:3] == (1, "ImportOfflineData", "FINISHED")
    assert row[3] <= row[4]
    assert row[5] == load
    run(load.replace("x.csv", "y.csv"), "online")
    assert [(r[0], r[1], r[2]) for r in run("SHOW JOBS").rows] == [
        (1, "ImportOfflineData", "FINISHED"),
        (2, "ImportOnlineData", "FAILED"),
    ]
    assert "does not exist" in run("SHOW JOB 2").rows[0][8]
    assert "does not exist" in run("SHOW JOBLOG 2").rows[0][0]
    assert "loaded 1 rows" in run("SHOW JOBLOG 1").rows[0][0]


def wait_for(engine: Engine, number: int) -> str:
    job = engine.jobs.wait(number, 20_000)
    assert job is not None
    return job.state


def test_asynchronous(engine: Engine, run: Run, load: str) -> None:
    job = run(load, "offline", sync=False).job
    assert job is not None
    assert job.state in ("SUBMITTED", "RUNNING", "FINISHED")
    assert wait_for(engine, job.id) == "FINISHED"


def slow(run: JobRun) -> str:
    run.connection.execute("SELECT count(*) FROM range(100000000000) a, range(1000000) b").fetchall()
    return "done"


def test_stop(engine: Engine, run: Run) -> None:
    job = engine.jobs.submit("SparkBatchSql", "slow", slow)
    while (current := engine.jobs.get(job.id)) and current.state != "RUNNING":
        time.sleep(0.01)
    time.sleep(0.1)
    assert run(f"STOP JOB {job.id}").rows[0][2] == "KILLED"
    assert run(f"SHOW JOB {job.id}").rows[0][2] == "KILLED"


def test_timeout_lets_the_job_go_on(engine: Engine, run: Run, load: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dsflow.embedded import loading

    stage = loading.stage

    def late(*args: object) -> object:
        time.sleep(0.5)
        return stage(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "stage", late)
    with pytest.raises(SqlError, match="job 1 did not end within 50 ms; it goes on running"):
        run(load, "offline", timeout_ms=50)
    assert wait_for(engine, 1) == "FINISHED"
    assert run("SELECT * FROM t", "offline").rows == ((1,),)


def test_faults(engine: Engine, run: Run, load: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.jobs.add_fault("into table t ", "no space left", times=1)
    failed = run(load, "offline").job
    assert failed is not None
    assert (failed.state, failed.error) == ("FAILED", "no space left")
    assert run("SELECT * FROM t", "offline").rows == ()
    again = run(load, "offline").job
    assert again is not None
    assert again.state == "FINISHED"
    monkeypatch.setenv(FAIL_JOB_VARIABLE, "LOAD DATA")
    third = run(load, "offline").job
    assert third is not None
    assert FAIL_JOB_VARIABLE in third.error


def test_jobs_survive_and_running_ones_are_failed(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        engine.execute("CREATE DATABASE d")
        engine.execute("CREATE TABLE d.t (a int)")
        engine.execute("INSERT INTO d.t VALUES (1)", mode="offline")
        engine._storage.connection().execute("UPDATE dsflow.jobs SET state = 'RUNNING'")
    with Engine(tmp_path) as engine:
        (job,) = engine.jobs.list()
        assert job.state == "FAILED"
        assert "stopped while this job ran" in job.error
        engine.execute("INSERT INTO d.t VALUES (1)", mode="offline")
        assert [job.id for job in engine.jobs.list()] == [1, 2]


def test_memory_is_given_back_when_a_job_ends(
    engine: Engine, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What DuckDB keeps of its file would else stand beside the training, the prediction server and the user's own."""
    run("CREATE TABLE t (a string, b int)")  # two columns, which DuckDB reads itself
    file = tmp_path / "texts.csv"
    file.write_text("a,b\n" + "".join(f"{number * 7919 % 1_000_003:0100},1\n" for number in range(300_000)))
    kept = []
    for most in ("1GiB", "1MiB"):
        monkeypatch.setattr(storage, "_KEPT_MEMORY", most)
        run(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')")
        query = "SELECT sum(memory_usage_bytes)::BIGINT, current_setting('memory_limit') FROM duckdb_memory()"
        kept.append(engine._storage.connection().execute(query).fetchall()[0])
    assert 2 * kept[1][0] < kept[0][0]
    assert kept[1][1] == kept[0][1] != "1.0 MiB"
