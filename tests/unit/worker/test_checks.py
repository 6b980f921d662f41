"""The script of the checks, against a cluster that answers as OpenMLDB's own SDK does."""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dsflow.worker import checks

JOBS = ("job_id", "job_type", "state", "start_time", "end_time", "parameter", "cluster", "application_id", "error",
        "db", "name", "pid", "cur_task", "component")  # fmt: skip
STATUS = ("Table_id", "Table_name", "Database_name", "Storage_type", "Rows", "Memory_data_size", "Disk_data_size",
          "Partition", "Partition_unalive", "Replica", "Offline_path", "Offline_format", "Offline_symbolic_paths",
          "Warnings")  # fmt: skip
PLACE = {"zk": "127.0.0.1:2181", "path": "/openmldb"}
BEFORE = "2"  # as DolphinScheduler fills it in
LOAD = "LOAD DATA INFILE '/x.csv' INTO TABLE t OPTIONS(format='csv')"
Rows = list[tuple[Any, ...]]


def job(number: int, state: str, statement: str, kind: str = "ImportOnlineData", error: str | None = None) -> Any:
    """A row of SHOW JOBS, as the TaskManager's jobs have it."""
    return (number, kind, state, 1, None, statement, "local[*]", "", error, None, None, None, None, "TaskManager")


def operation(number: int, state: str, name: str, db: str = "d") -> Any:
    """A row of SHOW JOBS FROM NAMESERVER."""
    return (number, "kDeployOP", state, 1, None, None, None, None, None, db, name, 0, "", "NameServer")


def status(rows: object = "5", unalive: str = "0", offline: str = "NULL", symbolic: str = "NULL") -> Any:
    return ("7", "t", "d", "memory", rows, "1", "1", "8", unalive, "1", offline, "csv", symbolic, "leader is missing")


@dataclass
class Cluster:
    """Answers statements: each from a list, whose last entry stays."""

    answers: dict[str, list[Rows]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def rows(self, statement: str) -> tuple[tuple[str, ...], Rows]:
        self.asked.append(statement)
        names: dict[str, tuple[str, ...]] = {
            "SHOW JOBS": JOBS,
            "SHOW JOBS FROM NAMESERVER": JOBS,
            "SHOW TABLE STATUS": STATUS,
            "SHOW DEPLOYMENTS": ("DB", "Deployment"),
        }
        answers = self.answers.get(statement, [[]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if found and isinstance(found[0], Exception):
            raise found[0]
        if statement.startswith(("LOAD DATA ", "SELECT * FROM t__rows INTO ")):
            return JOBS, found
        if statement.startswith("SELECT "):
            return COLUMNS, found
        return names.get(statement, ("FORMAT_STRING_KEY",)), found

    def cursor(self) -> Any:
        return Cursor(self)


class Cursor:
    """As ``openmldb.dbapi.Cursor``: a statement without a result leaves the description of the one before."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.description: Any = None
        self._rows: Rows = []

    def execute(self, statement: str) -> None:
        if statement.startswith(("USE ", "DROP ", "CREATE ", "SET ", "INSERT ")):
            self.cluster.asked.append(statement)
            return
        names, self._rows = self.cluster.rows(statement)
        self.description = [(name, 7, None, None, None, None, True) for name in names]

    def fetchall(self) -> Rows:
        rows, self._rows = self._rows, []
        return rows


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    dbapi = types.ModuleType("openmldb.dbapi")
    dbapi.connect = lambda **options: made  # type: ignore[attr-defined]
    package = types.ModuleType("openmldb")
    package.dbapi = dbapi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "openmldb", package)
    monkeypatch.setitem(sys.modules, "openmldb.dbapi", dbapi)
    monkeypatch.setattr(checks, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(checks, "EFFECT_SECONDS", 0.0)
    return made


def load(online: bool = True, path: str = "/x.csv", minutes: float = 1) -> None:
    check = checks.check_online_load if online else checks.check_offline_load
    check(checks.connect(**PLACE), database="d", table="t", path=path, before=BEFORE, minutes=minutes)


def failure(check: Callable[[], None]) -> str:
    with pytest.raises(SystemExit) as ended:
        check()
    assert isinstance(ended.value.code, str)  # a text: Python prints it, and the exit code is 1
    return ended.value.code


def test_an_online_load_that_was_done(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW JOBS"] = [
        [job(3, "Submitted", LOAD)],  # OpenMLDB's spelling of the first state
        [job(3, "RUNNING", LOAD)],
        [job(3, "FINISHED", LOAD)],
    ]
    cluster.answers["SHOW TABLE STATUS"] = [[("8", "t", "other", *status()[3:]), status("12")]]
    load()
    said = capsys.readouterr().out
    assert "job 3 (ImportOnlineData) is FINISHED" in said
    assert "d.t has 12 online rows" in said
    assert "USE d" in cluster.asked


def test_a_failed_job_is_named_with_its_log(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FAILED", LOAD, error="exit code 1")]]
    cluster.answers["SHOW JOBLOG 3"] = [[("line\n" * 150 + "java.io.FileNotFoundException: /x.csv",)]]
    assert failure(load) == "not done: job 3 (ImportOnlineData) is FAILED: exit code 1"
    log = capsys.readouterr().out
    assert "java.io.FileNotFoundException: /x.csv" in log
    assert "log of job 3 (the last 100 of 151 lines)" in log


@pytest.mark.parametrize("state", ["FAILED", "KILLED", "LOST", "STOPPED"])
@pytest.mark.parametrize("error", [None, "", "null"])
def test_every_other_end_fails(cluster: Cluster, state: str, error: str | None) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, state, LOAD, error=error)]]
    assert failure(load) == f"not done: job 3 (ImportOnlineData) is {state}: OpenMLDB gives no reason; its log is above"


def test_a_log_that_is_not_to_be_had_hides_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FAILED", LOAD, error="boom")]]
    cluster.answers["SHOW JOBLOG 3"] = [[RuntimeError("no such file")]]  # type: ignore[list-item]
    assert "job 3 (ImportOnlineData) is FAILED: boom" in failure(load)
    assert "the log of job 3 is not to be had: no such file" in capsys.readouterr().out


def test_a_job_that_does_not_end_in_time(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "RUNNING", LOAD)]]
    assert failure(lambda: load(minutes=0.0001)) == (
        "not done: job 3 (ImportOnlineData) is still RUNNING after 0.0001 minutes; see SHOW JOBLOG 3"
    )


def test_a_job_that_turns_from_finished_to_failed(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [
        [job(3, "FINISHED", LOAD)],
        [job(3, "FAILED", LOAD, error="executor lost")],
    ]
    cluster.answers["SHOW TABLE STATUS"] = [[status()]]
    assert "job 3 (ImportOnlineData) is FAILED: executor lost" in failure(load)


def test_earlier_jobs_and_other_statements_do_not_count(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [
        [
            job(1, "FINISHED", LOAD),
            job(2, "FINISHED", LOAD),
            job(5, "FINISHED", LOAD, kind="ImportOfflineData"),
            job(6, "FINISHED", LOAD.replace("TABLE t", "TABLE t2")),
        ]
    ]
    message = failure(load)
    assert f"the step started no ImportOnlineData job: none after job {BEFORE} has a statement with" in message
    assert "of those up to it, 2 have" in message


def test_asking_for_the_newest_job(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    checks.ask_jobs(checks.connect(**PLACE), output="jobs")
    cluster.answers["SHOW JOBS"] = [[job(9, "FINISHED", LOAD), job(10, "RUNNING", "SELECT 1"), job(8, "FAILED", LOAD)]]
    checks.ask_jobs(checks.connect(**PLACE), output="jobs")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "setValue" in line] == ["${setValue(jobs=0)}", "${setValue(jobs=10)}"]


def test_of_a_step_that_was_repeated_the_newest_job_counts(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(9, "FAILED", LOAD, error="new"), job(3, "FINISHED", LOAD)]]
    assert "job 9 (ImportOnlineData) is FAILED: new" in failure(load)


def test_a_statement_is_known_again_whatever_its_blanks(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD.replace(" ", "\n  "))]]
    cluster.answers["SHOW TABLE STATUS"] = [[status()]]
    load()


def test_finished_without_online_rows(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD)]]
    cluster.answers["SHOW TABLE STATUS"] = [[status("0")]]
    assert failure(load) == ("not done: the job is FINISHED, but d.t has no online rows; does /x.csv hold any?")


def test_rows_that_are_counted_a_moment_later(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "EFFECT_SECONDS", 60.0)
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD)]]
    cluster.answers["SHOW TABLE STATUS"] = [[status("0")], [status("0")], [status("8")]]
    load()


def test_finished_with_a_dead_partition(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD)]]
    cluster.answers["SHOW TABLE STATUS"] = [[status(unalive="2")]]
    assert "2 partitions of d.t are not alive: leader is missing" in failure(load)


def test_a_table_that_is_gone(cluster: Cluster) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD)]]
    assert failure(load) == "not done: there is no table d.t"


def test_finished_without_offline_data(cluster: Cluster, tmp_path: Path) -> None:
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", LOAD, kind="ImportOfflineData")]]
    cluster.answers["SHOW TABLE STATUS"] = [[status()]]
    assert failure(lambda: load(online=False)) == "not done: the job is FINISHED, but d.t has no offline data"
    cluster.answers["SHOW TABLE STATUS"] = [[status(offline=f"file://{tmp_path}")]]
    assert f"but {tmp_path}, which holds the offline rows of d.t, has no files" in failure(lambda: load(online=False))
    (tmp_path / "part-0.parquet").write_text("rows")
    load(online=False)
    cluster.answers["SHOW TABLE STATUS"] = [[status(offline="hdfs://somewhere/t")]]
    load(online=False)


COLUMNS = ("uid", "at", "amt", "day", "ok", "note")
KINDS = "string,timestamp,double,date,bool,string"
CREATED = """CREATE TABLE `t` (
`uid` varchar,
`at` timestamp,
`amt` double,
`day` date,
`ok` bool,
`note` varchar,
INDEX (KEY=`note`, TS=`at`, TTL_TYPE=ABSOLUTE, TTL=60m),
INDEX (KEY=(`day`,`uid`), TS=`at`, TTL_TYPE=ABSOLUTE, TTL=0m)
) OPTIONS (PARTITIONNUM=8, REPLICANUM=1, STORAGE_MODE='Memory', COMPRESS_TYPE='NoCompress');"""
LINK = "LOAD DATA INFILE '/x.csv' INTO TABLE t__rows OPTIONS(deep_copy=false)"
FIND = "SELECT * FROM t__rows INTO OUTFILE 'openmldb://d.t__equal' OPTIONS(mode='append')"


def equal_rows(refuse: bool = False) -> None:
    checks.keep_equal_rows(
        checks.connect(**PLACE), database="d", table="t", path="/x.csv", kinds=KINDS, rows="t__rows", found="t__equal",
        create_rows="CREATE TABLE t__rows", create_found="CREATE TABLE t__equal", link=LINK, find=FIND, minutes=2,
        refuse=refuse,
    )  # fmt: skip


@pytest.fixture
def doubled(cluster: Cluster) -> Cluster:
    row = ("it's", 5, 1.5, "2020-01-02", True, None)
    cluster.answers[LINK] = [[job(4, "FINISHED", LINK, kind="ImportOfflineData")]]
    cluster.answers[FIND] = [[job(5, "FINISHED", FIND, kind="ExportOfflineData")]]
    cluster.answers["SHOW CREATE TABLE t"] = [[("t", CREATED)]]
    cluster.answers["SHOW TABLE STATUS"] = [[status()]]
    cluster.answers["SELECT * FROM t__equal"] = [[(*row, 3)]]
    cluster.answers[STORED] = [[row, (*row[:2], 1.25, *row[3:])]]
    return cluster


STORED = r"SELECT * FROM t WHERE day = date('2020-01-02') AND uid = 'it\x27s' AND at = timestamp(5)"


def test_rows_that_the_load_left_out_are_inserted(doubled: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    equal_rows()
    once = r"('it\x27s', 5, 1.5, '2020-01-02', true, NULL)"
    assert doubled.asked == [
        "USE d", "DROP TABLE IF EXISTS t__rows", "DROP TABLE IF EXISTS t__equal",
        "CREATE TABLE t__rows", "CREATE TABLE t__equal",
        "SET @@execute_mode='offline'", "SET @@sync_job=true", "SET @@job_timeout=120000", LINK, FIND,
        "SET @@execute_mode='online'", "SET @@sync_job=true", "SET @@job_timeout=120000",
        "SELECT * FROM t__equal", "DROP TABLE IF EXISTS t__rows", "DROP TABLE IF EXISTS t__equal",
        "SHOW CREATE TABLE t", "SHOW JOBS", STORED, f"INSERT INTO t VALUES {once}, {once}",
        "USE d", "SHOW TABLE STATUS",
    ]  # fmt: skip
    assert "of their 3 copies 2 were missing in t and are added" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stored", "said"), [(3, "copies 0 were missing"), (4, "copies 0 were"), (0, "no longer kept")]
)
def test_rows_that_are_there_or_expired_are_not_inserted(
    doubled: Cluster, capsys: pytest.CaptureFixture[str], stored: int, said: str
) -> None:
    doubled.answers[STORED] = [[("it's", 5, 1.5, "2020-01-02", True, None)] * stored]
    equal_rows()
    assert not [statement for statement in doubled.asked if statement.startswith("INSERT")]
    assert said in capsys.readouterr().out


SAID = "loaded 9 rows\nput_if_absent left out 2 of them; the table has 5 rows now"


@pytest.mark.parametrize(
    ("log", "created", "kind", "counted"),
    [
        (SAID, CREATED, "ImportOnlineData", False),
        (SAID.replace("out 2", "out 3"), CREATED, "ImportOnlineData", True),  # one was there before
        (SAID.replace("5 rows", "4 rows"), CREATED, "ImportOnlineData", True),  # one has come since
        (SAID, CREATED.replace("TTL=0m", "TTL=90m"), "ImportOnlineData", True),  # a row may be gone
        (SAID, CREATED, "ImportOfflineData", True),
        ("a log of Spark's", CREATED, "ImportOnlineData", True),
        (RuntimeError("no such log"), CREATED, "ImportOnlineData", True),
    ],
)
def test_rows_that_the_load_has_just_stored_are_there_once(
    doubled: Cluster, log: str | Exception, created: str, kind: str, counted: bool
) -> None:
    doubled.answers["SHOW CREATE TABLE t"] = [[("t", created)]]
    doubled.answers["SHOW JOBS"] = [[job(2, "FINISHED", LOAD, kind), job(7, "FAILED", LOAD.replace("x.csv", "y.csv"))]]
    doubled.answers["SHOW JOBLOG 2"] = [[log]] if isinstance(log, Exception) else [[(log,)]]  # type: ignore[list-item]
    equal_rows()
    assert bool([statement for statement in doubled.asked if statement.startswith("SELECT * FROM t WHERE")]) == counted
    (inserted,) = [statement for statement in doubled.asked if statement.startswith("INSERT")]
    assert inserted.count("2020-01-02") == 2


def test_a_file_without_equal_rows(doubled: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    doubled.answers["SELECT * FROM t__equal"] = [[]]
    equal_rows(refuse=True)
    assert "/x.csv holds no row twice" in capsys.readouterr().out


def test_equal_rows_that_cannot_be_kept(doubled: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 rows of /x.csv are there more than once" in failure(lambda: equal_rows(refuse=True))
    doubled.answers["SHOW CREATE TABLE t"] = [[("t", CREATED.replace("Memory", "SSD"))]]
    assert "t is stored on disk, where OpenMLDB keeps one row of each key and time" in failure(equal_rows)
    doubled.answers["SHOW CREATE TABLE t"] = [[("t", CREATED.replace("`ok` bool,\n", ""))]]
    assert "t has 5 columns, not 6" in failure(equal_rows)
    monkeypatch.setattr(checks, "MOST_EQUAL", 0)
    assert "too many to count one by one" in failure(equal_rows)


def test_the_helping_tables_go_when_a_job_fails(doubled: Cluster) -> None:
    doubled.answers[LINK] = [[job(4, "FAILED", LINK, kind="ImportOfflineData", error="no such file")]]
    doubled.answers["SHOW JOBLOG 4"] = [[("trace",)]]
    assert failure(equal_rows) == f"not done: {LINK}: job 4 is FAILED: no such file"
    assert doubled.asked[-2:] == ["DROP TABLE IF EXISTS t__rows", "DROP TABLE IF EXISTS t__equal"]


@pytest.mark.parametrize(
    ("value", "kind", "literal"),
    [
        (None, "int", "NULL"), (7, "bigint", "7"), (-1.5, "float", "-1.5"), (False, "bool", "false"),
        (1, "bool", "true"), ("a'b\\c\nd?\"é", "string", r"'a\x27b\x5cc\x0ad\x3f\x22é'"),
        ("2020-01-02", "date", "'2020-01-02'"), (1510000000000, "timestamp", "1510000000000"),
    ],
)  # fmt: skip
def test_literals(value: object, kind: str, literal: str) -> None:
    assert checks.inserted(value, kind) == literal


def test_a_row_without_a_key_is_looked_up_by_its_other_values(cluster: Cluster) -> None:
    cluster.answers["SHOW CREATE TABLE t"] = [[("t", CREATED)]]
    names, keys, unlimited = checks.index_to_count_by(checks.connect(**PLACE), "t", KINDS.split(","))
    assert unlimited
    columns = list(zip(names, KINDS.split(","), strict=True))
    assert checks.selection("t", columns, (None, None, 1.0, None, True, "x"), keys) == (
        "SELECT * FROM t WHERE ok = true AND note = 'x'"
    )
    assert checks.selection("t", columns, (None, None, 1.0, None, None, None), keys) == "SELECT * FROM t"


def extract(path: Path | str, form: str = "csv") -> None:
    checks.check_extract(checks.connect(**PLACE), path=str(path), format=form, before=BEFORE, minutes=1)


def test_extracted_files(cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "features"
    statement = f"SELECT a FROM t\nINTO OUTFILE '{folder}' OPTIONS(format='csv')"
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", statement, kind="ExportOfflineData")]]
    assert f"this worker sees no folder {folder}" in failure(lambda: extract(folder))
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    assert f"{folder} holds no rows (0 files)" in failure(lambda: extract(folder))
    part = folder / "part-0.csv"
    part.write_text("a\n")
    assert f"{folder} holds no rows (1 files)" in failure(lambda: extract(folder))
    part.write_text("a\n1\n")
    extract(folder)
    assert f"1 files with 4 bytes in {folder}" in capsys.readouterr().out
    part.write_text("")
    assert "holds no rows" in failure(lambda: extract(folder, "parquet"))
    duckdb.execute(f"COPY (SELECT 1 AS a LIMIT 0) TO '{part}' (FORMAT parquet)")
    assert "holds no rows (1 files)" in failure(lambda: extract(folder, "parquet"))
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{part}' (FORMAT parquet)")
    extract(folder, "parquet")


def test_files_of_another_machine(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    statement = "SELECT a FROM t INTO OUTFILE 'hdfs://x/y' OPTIONS(format='csv')"
    cluster.answers["SHOW JOBS"] = [[job(3, "FINISHED", statement, kind="ExportOfflineData")]]
    extract("hdfs://x/y")
    assert "whether files are there is not checked" in capsys.readouterr().out


def deployed(name: str = "demo_1", minutes: float = 1) -> None:
    checks.check_deployed(checks.connect(**PLACE), database="d", deployment=name, minutes=minutes)


def test_a_deployment_is_awaited(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW DEPLOYMENTS"] = [[("d", "demo_1")]]
    cluster.answers["SHOW JOBS FROM NAMESERVER"] = [
        [operation(1, "RUNNING", "t"), operation(2, "RUNNING", "x", db="other")],
        [operation(1, "FINISHED", "t"), operation(2, "RUNNING", "x", db="other")],
    ]
    deployed()
    assert "d.demo_1 is deployed" in capsys.readouterr().out
    cluster.answers["SHOW JOBS FROM NAMESERVER"] = [[operation(1, "Submitted", "t")]]
    assert failure(lambda: deployed(minutes=0.0001)) == (
        "not done: d.demo_1 is there, but job 1 of the nameserver (kDeployOP of t) is still Submitted after"
        " 0.0001 minutes"
    )


def test_a_deployment_that_is_not_there(cluster: Cluster) -> None:
    assert failure(deployed) == "not done: there is no deployment d.demo_1"
    cluster.answers["SHOW JOBS FROM NAMESERVER"] = [[operation(4, "FAILED", "demo_1"), operation(5, "FAILED", "y")]]
    assert failure(deployed) == (
        "not done: there is no deployment d.demo_1; of the nameserver's jobs job 4 (kDeployOP) is FAILED"
    )


def test_no_deployment_is_there_before_its_database(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW DATABASES"] = [[("other",)]]
    checks.ask_deployed(checks.connect(**PLACE), database="d", deployment="demo_1", output="found")
    assert "${setValue(found=false)}" in capsys.readouterr().out.splitlines()
    assert cluster.asked == ["SHOW DATABASES"]


@pytest.mark.parametrize("there", [True, False])
def test_asking_sets_the_output(cluster: Cluster, there: bool, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answers["SHOW DATABASES"] = [[("d",)]]
    cluster.answers["SHOW DEPLOYMENTS"] = [[("d", "demo_1" if there else "demo_2")]]
    checks.ask_deployed(checks.connect(**PLACE), database="d", deployment="demo_1", output="found")
    assert ("${setValue(found=" + str(there).lower() + ")}") in capsys.readouterr().out.splitlines()


def drop_old(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, health: dict[str, Any]) -> list[str]:
    opener = types.SimpleNamespace(open=lambda url, timeout: io.BytesIO(json.dumps(health).encode()))
    monkeypatch.setattr(checks.urllib.request, "build_opener", lambda *handlers: opener)
    names = ["demo_00000001", "demo_00000002", "demo_00000003", "demo_by_hand", "demo2_00000004"]
    cluster.answers["SHOW DEPLOYMENTS"] = [[("d", name) for name in names]]
    checks.drop_old_deployments(
        checks.connect(**PLACE), database="d", prefix="demo", deployment="demo_00000003", server="http://x"
    )
    return [statement for statement in cluster.asked if statement.startswith("DROP")]


def test_what_is_served_or_can_be_gone_back_to_stays(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    served = {"database": "d", "deployment": "demo_00000003", "previous": {"deployment": "demo_00000002"}}
    assert drop_old(cluster, monkeypatch, served) == ["DROP DEPLOYMENT demo_00000001"]


@pytest.mark.parametrize("change", [{"deployment": "demo_00000009"}, {"database": "other"}])
def test_nothing_is_dropped_when_something_else_is_served(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    assert drop_old(cluster, monkeypatch, {"database": "d", "deployment": "demo_00000003"} | change) == []


def test_a_worker_without_openmldb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openmldb", None)
    message = failure(load)
    assert f"the worker's Python ({sys.executable}) needs the openmldb package" in message
    assert "PYTHON_HOME" in message
