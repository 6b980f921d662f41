"""The embedded OpenMLDB as a process: HTTP, restart, kill, requests during a load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsflow.embedded.failures import StorageError
from dsflow.embedded.server import READY, EmbeddedServer
from dsflow.worker.client import JobFailed, OpenMLDBError, Session, Unreachable

QUERY = (
    "SELECT k, count(v) OVER w AS n FROM t"
    " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "openmldb") as running:
        yield running


@pytest.fixture
def session(server: EmbeddedServer) -> Session:
    session = Session(server.url)
    session.execute("CREATE DATABASE d")
    session.execute("USE d")
    session.execute("CREATE TABLE t (k string, v int, ts timestamp)")
    return session


def call(url: str, method: str = "GET", body: Any = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=30) as response:
        answer: dict[str, Any] = json.loads(response.read())
    return answer


def csv(path: Path, rows: int) -> Path:
    path.write_text("k,v,ts\n" + "".join(f"k{n % 100},{n},{n}\n" for n in range(rows)))
    return path


def test_the_protocol(server: EmbeddedServer, session: Session) -> None:
    base = f"{server.url}/dbs/d"
    assert call(f"{base}/tables/t", "PUT", {"value": [["a", 1, 1000]]}) == {"code": 0, "msg": "ok"}
    session.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    answer = call(f"{base}/deployments/demo", "POST", {"input": [["a", 5, 2000], ["b", 5, 2000]], "need_schema": True})
    assert answer == {
        "code": 0,
        "msg": "ok",
        "data": {
            "schema": [{"name": "k", "type": "string"}, {"name": "n", "type": "int64"}],
            "data": [["a", 2], ["b", 1]],
        },
    }
    as_map = {"k": "a", "v": 5, "ts": 2000, "more": None}
    assert call(f"{base}/deployments/demo", "POST", {"input": [as_map]})["data"] == {"data": [{"k": "a", "n": 2}]}
    described = call(f"{base}/deployments/demo")["data"]
    assert described["name"] == "demo"
    assert described["tables"] == ["t"]
    assert call(f"{base}/procedures/demo") == {"code": -1, "msg": "procedure not found"}
    query = {"mode": "online", "sql": "SELECT v FROM t WHERE k = ?", "input": {"schema": ["string"], "data": ["a"]}}
    assert call(base, "POST", query)["data"] == {"schema": ["Int32"], "data": [[1]]}
    assert call(base, "POST", {"mode": "offsync", "sql": "CREATE TABLE u (a int)"}) == {"code": 0, "msg": "ok"}
    refused = call(base, "POST", {"mode": "online", "sql": "SELECT nope FROM t"})
    assert refused["code"] == 2000
    assert "nope" in refused["msg"]
    assert call(f"{server.url}/refresh", "POST") == {"code": 0, "msg": "ok"}
    assert call(f"{server.url}/nope") == {"code": -1, "msg": "no match method"}
    assert call(f"{server.url}/dbs", "DELETE") == {"code": -1, "msg": "unsupported method"}
    assert call(f"{server.url}/dbs/a.b/tables") == {"code": -1, "msg": "invalid url"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Field input is invalid"),
        ({"input": []}, "Field input is invalid"),
        ({"input": [["a", 1]]}, "Invalid input data size in row 0"),
        ({"input": [["a", 1, 1], 5]}, "Must be array or map, row 1"),
        (
            {"input": [["a", "1", 1]]},
            "Translate to request row failed in array row 0, INVALID_ARGUMENT: trans failed on v(2): 1",
        ),
        (
            {"input": [{"k": "a", "v": 1}]},
            "Translate to request row failed in map row 0, INVALID_ARGUMENT: can't find ts",
        ),
    ],
)
def test_request_rows_refused(server: EmbeddedServer, session: Session, body: Any, message: str) -> None:
    session.execute("DEPLOY demo SELECT k FROM t")
    assert call(f"{server.url}/dbs/d/deployments/demo", "POST", body) == {"code": -1, "msg": message}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "Json parse failed, INVALID_ARGUMENT: req is not object"),
        ({"sql": "x"}, "Json parse failed, INVALID_ARGUMENT: mode parse failed"),
        ({"mode": "online"}, "Json parse failed, INVALID_ARGUMENT: sql parse failed"),
        ({"mode": "x", "sql": "x"}, "Invalid mode x"),
        ({"mode": "online", "sql": "x", "timeout": "1"}, "Json parse failed, INVALID_ARGUMENT: timeout parse failed"),
        (
            {"mode": "online", "sql": "x", "input": {"schema": ["FOO"], "data": [1]}},
            "Json parse failed, INVALID_ARGUMENT: invalid type FOO",
        ),
        (
            {"mode": "online", "sql": "x", "input": {"schema": ["INT"], "data": [1, 2]}},
            "Json parse failed, INVALID_ARGUMENT: data size 2 != schema size 1",
        ),
    ],
)
def test_query_bodies_refused(server: EmbeddedServer, body: Any, message: str) -> None:
    assert call(f"{server.url}/dbs/d", "POST", body) == {"code": -1, "msg": message}


def test_sessions(session: Session, tmp_path: Path) -> None:
    file = csv(tmp_path / "x.csv", 10)
    session.execute("SET @@execute_mode='offline'")
    session.execute("SET @@sync_job=true;")
    load = f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')"
    result = session.execute(load)
    assert result.columns[:3] == ("job_id", "job_type", "state")
    assert result.job is not None
    assert result.job.state == "FINISHED"
    with pytest.raises(JobFailed, match=r"job 2 FAILED: file .*y\.csv does not exist"):
        session.execute(load.replace("x.csv", "y.csv"))
    assert session.execute("SHOW JOB 2").rows[0][2] == "FAILED"
    lenient = Session(session.url, strict=False, database="d")
    lenient.variables |= {"execute_mode": "offline", "sync_job": "true"}
    job = lenient.execute(load.replace("x.csv", "y.csv")).job
    assert job is not None
    assert job.state == "FAILED"
    with pytest.raises(OpenMLDBError, match=r"table d\.nope does not exist"):
        lenient.execute("SELECT * FROM nope")


def test_faults(server: EmbeddedServer, session: Session, tmp_path: Path) -> None:
    file = csv(tmp_path / "x.csv", 10)
    session.variables |= {"execute_mode": "offline", "sync_job": "true"}
    load = f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='overwrite')"
    fault = {"job": "LOAD DATA", "message": "disk full", "times": 1}
    assert call(f"{server.url}/dsflow/fault", "POST", fault) == {"code": 0, "msg": "ok"}
    with pytest.raises(JobFailed, match="disk full"):
        session.execute(load)
    session.execute(load)
    assert call(f"{server.url}/dsflow/fault", "POST", {"job": "("})["code"] == -1


def test_no_server() -> None:
    with pytest.raises(Unreachable, match=r"the embedded OpenMLDB at http://127\.0\.0\.1:9 does not answer"):
        Session("http://127.0.0.1:9").execute("SHOW DATABASES")


def test_a_folder_is_used_once(server: EmbeddedServer) -> None:
    with pytest.raises(StorageError, match="one process at a time can use a folder"):
        EmbeddedServer(server.dir).start()
    assert call(f"{server.url}/dbs")["code"] == 0


def test_serve_until_sigterm(tmp_path: Path) -> None:
    code = "from pathlib import Path; from dsflow.embedded.server import serve; serve(Path('db'), '127.0.0.1', 0)"
    for stop in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process:
            line = process.stdout.readline()
            assert line.startswith(READY)
            assert call(line.removeprefix(READY).strip() + "/dbs")["code"] == 0
            process.send_signal(stop)
            assert process.wait(20) == 0
            assert process.stdout.read() == ""


def test_it_ends_well_when_it_is_stopped(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path).start()
    process = server.process
    assert process is not None
    server.stop()
    assert (process.returncode, (tmp_path / "server.log").read_text()) == (0, "")


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import time; from dsflow.embedded.server import EmbeddedServer; s = EmbeddedServer('db').start();"
        "print(s.url, s.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        url, child = parent.stdout.readline().split()
        assert call(f"{url}/dbs")["code"] == 0
        parent.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(int(child), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the server goes on without its parent")


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("delay", [0.05, 0.3, 0.6])
def test_a_killed_load_leaves_all_or_nothing(tmp_path: Path, mode: str, delay: float) -> None:
    file = csv(tmp_path / "x.csv", 400_000)
    small = csv(tmp_path / "small.csv", 10)
    server = EmbeddedServer(tmp_path / "openmldb").start()
    session = Session(server.url, database="d")
    session.execute("CREATE DATABASE d")
    session.execute("CREATE TABLE t (k string, v int, ts timestamp)")
    session.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    session.variables |= {"execute_mode": mode, "sync_job": "true"}
    session.execute(f"LOAD DATA INFILE '{small}' INTO TABLE t OPTIONS(mode='append')")
    session.variables["sync_job"] = "false"
    session.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')")
    time.sleep(delay)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.stop()

    with EmbeddedServer(tmp_path / "openmldb") as again:
        session.url = again.url
        session.variables["sync_job"] = "true"
        rows = session.execute("SELECT v FROM t").rows
        state, error = session.execute("SHOW JOB 2").rows[0][2], session.execute("SHOW JOB 2").rows[0][8]
        if state == "FINISHED":
            assert len(rows) == 400_010
        else:
            assert (state, error) == ("FAILED", "the embedded OpenMLDB stopped while this job ran")
            assert len(rows) == 10
        session.execute(f"LOAD DATA INFILE '{small}' INTO TABLE t OPTIONS(mode='append')")
        assert len(session.execute("SELECT v FROM t").rows) == len(rows) + 10
        if mode == "online":
            (answer,) = session.request("demo", [["k3", 1, 10**9]])["data"]
            assert answer == ["k3", sum(1 for (v,) in rows if v % 100 == 3) + 1 + 1]


def test_requests_during_a_load(server: EmbeddedServer, session: Session, tmp_path: Path) -> None:
    session.execute(f"DEPLOY demo OPTIONS(RANGE_BIAS='inf') {QUERY}")
    file = csv(tmp_path / "x.csv", 300_000)
    session.variables |= {"sync_job": "true"}
    counts: list[int] = []
    times: list[float] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        own = Session(server.url, database="d")
        try:
            while not done.is_set():
                start = time.perf_counter()
                counts.append(own.request("demo", [["k3", 1, 10**9]])["data"][0][1])
                times.append(time.perf_counter() - start)
        except BaseException as error:
            errors.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for _ in range(2):
        session.execute(f"LOAD DATA INFILE '{file}' INTO TABLE t OPTIONS(mode='append')")
    done.set()
    for asker in askers:
        asker.join()
    assert errors == []
    # a load is seen as a whole or not at all
    assert set(counts) <= {1, 3001, 6001}
    assert len(counts) > 20
    assert max(times) < 5
    assert session.request("demo", [["k3", 1, 10**9]])["data"] == [["k3", 6001]]


def test_many_writers(server: EmbeddedServer, session: Session) -> None:
    def put(name: str) -> None:
        for number in range(30):
            answer = call(f"{server.url}/dbs/d/tables/t", "PUT", {"value": [[name, number, number]]})
            assert answer == {"code": 0, "msg": "ok"}

    writers = [threading.Thread(target=put, args=(f"w{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = session.execute("SELECT k, v FROM t").rows
    assert len(rows) == 120
    for n in range(4):
        assert [v for k, v in rows if k == f"w{n}"] == list(range(30))
