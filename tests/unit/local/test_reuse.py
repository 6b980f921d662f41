"""Which steps are taken from the run before, and which are run again, with real processes and a real engine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsflow import FeatureView, OpenMLDB, Param, Python, Shell, Switch, Table, Workflow
from dsflow import types as t
from dsflow.embedded.server import EmbeddedServer
from dsflow.local.runner import Part, local_run
from dsflow.report import RunReport, TaskReport

Make = Callable[[], Workflow]


def run(make: Make, state: Path, **part: Any) -> RunReport:
    with local_run(make(), state=state, part=Part(**part)) as ended:
        return ended.report


def taken(report: RunReport) -> set[str]:
    """The steps that were taken from the run before."""
    return {task.name for task in report.tasks if task.taken_from}


def ran(report: RunReport) -> dict[str, str]:
    """The steps that were run, and why again."""
    return {task.name: task.because for task in report.tasks if task.attempts}


def scripts(folder: Path, *, script: str = "", second: str = "second", **params: str) -> Make:
    """Two scripts, one after the other; the first counts its runs."""
    counted = folder / "count"

    def make() -> Workflow:
        with Workflow("w", project="p", params={"word": "a", "input": str(folder / "in"), **params}) as wf:
            first = Shell(
                "first",
                f"echo x >> {counted}; cat ${{input}}; {script}\nw=${{word}}; echo '${{setValue(said='$w')}}'",
                outputs={"said": str},
            )
            first >> Shell("second", f"echo ${{said}} {second}")
        return wf

    (folder / "in").touch()
    return make


def count(folder: Path) -> int:
    return len((folder / "count").read_text().splitlines())


def test_what_did_not_change_is_taken_from_the_run_before(tmp_path: Path) -> None:
    make = scripts(tmp_path)
    first = run(make, tmp_path / "state")
    assert (first.state, taken(first)) == ("SUCCESS", set())
    # the counter stands in the script: it is a file of its, and the script has changed it itself
    second = run(make, tmp_path / "state")
    assert taken(second) == {"first", "second"}
    assert second.task("first").outputs == {"said": "a"}
    assert count(tmp_path) == 1
    assert second.task("first").to_dict()["takenFrom"] in (
        folder.name for folder in (tmp_path / "state/runs").iterdir()
    )
    third = run(make, tmp_path / "state")
    assert third.task("first").taken_from == second.task("first").taken_from  # it names the run that ran it


def test_fresh_runs_everything(tmp_path: Path) -> None:
    make = scripts(tmp_path)
    run(make, tmp_path / "state")
    assert ran(run(make, tmp_path / "state", fresh=True)) == {"first": "", "second": ""}
    assert count(tmp_path) == 2
    assert taken(run(make, tmp_path / "state")) == {"first", "second"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"script": "true"}, {"first": "its script changed", "second": "first ran again"}),
        ({"second": "other"}, {"second": "its script changed"}),
        ({"word": "b"}, {"first": "word changed", "second": "said changed"}),
        ({"unused": "b"}, {}),
    ],
)
def test_what_changed_is_run_again_and_says_why(tmp_path: Path, changed: Any, why: dict[str, str]) -> None:
    run(scripts(tmp_path), tmp_path / "state")
    assert ran(run(scripts(tmp_path, **changed), tmp_path / "state")) == why


def test_a_file_that_the_script_names_changed(tmp_path: Path) -> None:
    make, data = scripts(tmp_path), tmp_path / "in"
    run(make, tmp_path / "state")
    data.write_text("new\n")
    again = run(make, tmp_path / "state")
    assert ran(again)["first"].endswith("/in changed")
    os.utime(data)  # its content stays
    assert ran(run(make, tmp_path / "state")) == {}
    seen = data.stat()
    data.write_text("neu\n")  # of the same length, and given the same time
    os.utime(data, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert set(ran(run(make, tmp_path / "state"))) == {"first", "second"}


def test_a_time_in_a_script_is_another_each_time(tmp_path: Path) -> None:
    def make() -> Workflow:
        with Workflow("w", project="p") as wf:
            Shell("now", "echo $[yyyyMMddHHmmss]")
            Shell("never", "echo once")
        return wf

    run(make, tmp_path / "state")
    import time

    time.sleep(1.1)
    assert ran(run(make, tmp_path / "state")) == {"now": "a time in it is another"}


def test_a_variable_of_the_environment_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Workflow:
        with Workflow("w", project="p") as wf:
            Shell("say", "echo $GREETING")
        return wf

    monkeypatch.setenv("GREETING", "hello")
    run(make, tmp_path / "state")
    assert ran(run(make, tmp_path / "state")) == {}
    monkeypatch.setenv("GREETING", "goodbye")
    assert ran(run(make, tmp_path / "state")) == {"say": "a variable of the environment changed"}


def test_a_step_that_failed_is_no_past(tmp_path: Path) -> None:
    make = scripts(tmp_path, script=f"test -e {tmp_path}/go")
    state = tmp_path / "state"
    with_exit = scripts(tmp_path, script=f"test -e {tmp_path}/go || exit 1")
    assert run(with_exit, state).state == "FAILURE"
    (tmp_path / "go").touch()
    assert run(with_exit, state).state == "SUCCESS"
    assert ran(run(with_exit, state)) == {}
    (tmp_path / "go").unlink()
    assert run(with_exit, state).state == "FAILURE"  # nothing is left of the success before
    (tmp_path / "go").touch()
    assert set(ran(run(with_exit, state))) == {"first", "second"}
    assert make().name == "w"


def test_what_was_made_is_gone_or_edited(tmp_path: Path) -> None:
    def make() -> Workflow:
        with Workflow("w", project="p", params={"out": str(tmp_path / "made here")}) as wf:
            Python(
                "make",
                "from pathlib import Path\n"
                "path = Path('${out}')\n"
                "path.write_text('1')\n"
                "print('${setValue(' + f'model={path})' + '}')",
                outputs={"model": str},
                params={"columns": "id, price"},
            ) >> Shell("use", "cat '${model}'")
        return wf

    state = tmp_path / "state"
    assert run(make, state).state == "SUCCESS"
    assert ran(run(make, state)) == {}
    (tmp_path / "made here").write_text("2")
    assert set(ran(run(make, state))) == {"make", "use"}
    (tmp_path / "made here").unlink()
    assert set(ran(run(make, state))) == {"make", "use"}
    assert (tmp_path / "made here").read_text() == "1"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"format": 1}', '{"format": 1, "made": "m", "run": "r", "nodes": 3}']
)
def test_a_damaged_record_is_no_record(tmp_path: Path, damage: str) -> None:
    make, state = scripts(tmp_path), tmp_path / "state"
    run(make, state)
    (state / "steps" / "first.json").write_text(damage)
    assert set(ran(run(make, state))) == {"first", "second"}


def test_an_edited_record_is_no_record(tmp_path: Path) -> None:
    make, state = scripts(tmp_path), tmp_path / "state"
    run(make, state)
    file = state / "steps" / "first.json"
    for key, value in (
        ("nodes", {"first": {"outputs": {"3.2": {"x": "1"}}, "taken": [], "passed": []}}),
        ("inputs", 1),
    ):
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
        assert "first" in ran(run(make, state))


# ---------------------------------------------------------------------------------------------------------- OpenMLDB


def write_clicks(path: Path, rows: int, first: int = 0) -> None:
    lines = [f"{n % 5},{1510000000000 + 1000 * n},{n % 2}" for n in range(first, first + rows)]
    path.write_text("\n".join(["id,ts,label", *lines]) + "\n")


def clicks(folder: Path, window: str = "1h", train: str = "1") -> Make:
    def make() -> Workflow:
        with Workflow("clicks", project="p", params={"data": str(folder / "data.csv"), "least": 0}) as wf:
            table = Table("clicks", database="db", id=t.Int, ts=t.Timestamp, label=t.Int)
            view = FeatureView(
                "view",
                source=table,
                label="label",
                sql=f"SELECT label, count(id) OVER w AS n FROM clicks WINDOW w AS (PARTITION BY id ORDER BY ts"
                f" ROWS_RANGE BETWEEN {window} PRECEDING AND CURRENT ROW)",
            )
            extract = view.extract(str(folder / "features"))
            script = Shell(
                "train", f"cat {folder}/features/*.csv; echo '${{setValue(auc={train})}}'", outputs={"auc": float}
            )
            table.create() >> table.load_offline(wf.params.data) >> extract >> script
            deploy = view.deploy("d", range_bias="inf", rows_bias="inf")
            script >> Switch("good", {script.outputs.auc >= wf.params.least: deploy}, otherwise=Shell("bad", "exit 1"))
            deploy >> table.load_online(wf.params.data)
        return wf

    return make


def names(report: RunReport) -> set[str]:
    """The steps that ran, switches aside, by the node of their own name."""
    around = ("ask ", "check ", "skip ")
    return {t.name for t in report.tasks if t.attempts and not t.name.startswith(around) and t.type != "SWITCH"}


def execute(state: Path, sql: str, mode: str = "online") -> Any:
    with EmbeddedServer(state / "openmldb") as server:
        answer = httpx.post(f"{server.url}/dbs/db", json={"mode": mode, "sql": sql}, timeout=60).json()
    assert answer["code"] == 0, answer
    return answer


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a state in which the workflow has run once; tests work on copies at the same place."""
    folder = tmp_path_factory.mktemp("clicks")
    write_clicks(folder / "data.csv", 20)
    assert run(clicks(folder), folder / "state").state == "SUCCESS"
    shutil.copytree(folder, folder.with_name("kept"), symlinks=True)
    return folder


@pytest.fixture
def folder(loaded: Path) -> Path:
    """As it was after that run, times and all."""
    for part in ("state", "features", "data.csv"):
        there, kept = loaded / part, loaded.with_name("kept") / part
        if there.is_dir():
            shutil.rmtree(there)
        shutil.copytree(kept, there, symlinks=True) if kept.is_dir() else shutil.copy2(kept, there)
    return loaded


ALL = {"create clicks", "load offline clicks", "extract view", "train", "deploy view", "load online clicks"}


def test_nothing_changed_and_all_is_taken(folder: Path) -> None:
    report = run(clicks(folder), folder / "state")
    assert (report.state, names(report)) == ("SUCCESS", set())
    assert report.task("train").outputs == {"auc": 1.0}
    assert report.task("bad").state == "SKIPPED"


def test_another_training_script_loads_and_extracts_nothing(folder: Path) -> None:
    report = run(clicks(folder, train="0.5"), folder / "state")
    assert (report.state, names(report)) == ("SUCCESS", {"train"})
    assert report.task("train").because == "its script changed"
    assert report.task("train").outputs == {"auc": 0.5}


def test_another_query_extracts_trains_and_deploys(folder: Path) -> None:
    report = run(clicks(folder, window="2h"), folder / "state")
    assert report.state == "SUCCESS"
    assert names(report) == {"extract view", "train", "deploy view"}


def test_other_data_is_loaded(folder: Path) -> None:
    write_clicks(folder / "data.csv", 30)
    report = run(clicks(folder), folder / "state")
    assert report.state == "SUCCESS"
    assert names(report) == ALL - {"create clicks", "deploy view"}
    assert report.task("ask offline clicks").because.endswith("data.csv changed")
    assert report.task("ask extract view").because == "offline rows of table db.clicks changed"
    assert execute(folder / "state", "SELECT count(*) FROM clicks")["data"]["data"] == [[30]]


def test_data_that_was_only_touched_is_not_loaded(folder: Path) -> None:
    (folder / "data.csv").touch()
    assert names(run(clicks(folder), folder / "state")) == set()


@pytest.mark.parametrize(
    ("sql", "again"),
    [
        ("INSERT INTO clicks VALUES (1, 1510000000000, 1)", {"load online clicks"}),
        ("DELETE FROM clicks WHERE id = 1", {"load online clicks"}),
        ("TRUNCATE TABLE clicks", {"load online clicks"}),
        ("DROP DEPLOYMENT {deployment}", {"deploy view"}),
        ("CREATE TABLE other (x int)", set()),
    ],
)
def test_what_somebody_else_changed_in_openmldb_is_done_again(folder: Path, sql: str, again: set[str]) -> None:
    deployment = clicks(folder)().definition().task("deploy view").task_params["sql"].partition("EXISTS ")[2].split()[0]
    execute(folder / "state", sql.format(deployment=deployment))
    report = run(clicks(folder), folder / "state")
    assert (report.state, names(report)) == ("SUCCESS", again)
    assert names(run(clicks(folder), folder / "state")) == set()


def test_a_table_that_was_dropped_is_made_and_loaded_again(folder: Path) -> None:
    deployment = clicks(folder)().definition().task("deploy view").task_params["sql"].partition("EXISTS ")[2].split()[0]
    execute(folder / "state", f"DROP DEPLOYMENT {deployment}")
    execute(folder / "state", "DROP TABLE clicks")
    report = run(clicks(folder), folder / "state")
    assert report.state == "SUCCESS"
    # the same rows as before are loaded, so that the features of before are those of the table
    assert names(report) == ALL - {"extract view"}


@pytest.mark.parametrize(
    ("gone", "again"),
    [
        ("state/openmldb", ALL - {"extract view"}),
        ("state/steps", ALL - {"deploy view"}),  # it looks by itself, and finds its deployment
        ("features", {"extract view", "train"}),
        ("features/_SUCCESS", {"extract view", "train"}),
    ],
)
def test_folders_that_were_deleted(folder: Path, gone: str, again: set[str]) -> None:
    target = folder / gone
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    report = run(clicks(folder), folder / "state")
    assert report.state == "SUCCESS"
    assert names(report) == again


def test_statements_by_hand_are_run_again_when_their_table_changed(tmp_path: Path) -> None:
    def make(value: int = 1) -> Workflow:
        with Workflow("w", project="p") as wf:
            table = OpenMLDB("table", "CREATE DATABASE IF NOT EXISTS db; CREATE TABLE IF NOT EXISTS db.a (x int)")
            table >> OpenMLDB("row", f"INSERT INTO db.a VALUES ({value})", mode="online")
        return wf

    def rows() -> list[list[int]]:
        return sorted(execute(state, "SELECT x FROM a")["data"]["data"])

    state = tmp_path / "state"
    assert run(make, state).state == "SUCCESS"
    assert ran(run(make, state)) == {}
    assert rows() == [[1]]
    assert ran(run(lambda: make(2), state)) == {"row": "its statements changed"}
    assert rows() == [[1], [2]]
    execute(state, "DELETE FROM a WHERE x = 1")
    assert ran(run(lambda: make(2), state)) == {"row": "online rows of table db.a changed"}


def test_a_script_that_asks_openmldb_is_always_run(tmp_path: Path) -> None:
    def make() -> Workflow:
        with Workflow("w", project="p", params={"where": Param("x", local="{openmldb}")}) as wf:
            OpenMLDB("base", "CREATE DATABASE IF NOT EXISTS db") >> Python(
                "ask", "import openmldb.dbapi as dbapi\nprint(dbapi)"
            )
        return wf

    state = tmp_path / "state"
    assert run(make, state).state == "SUCCESS"
    assert set(ran(run(make, state))) == {"ask"}


# ------------------------------------------------------------------------------------------------------------- parts


def test_from_a_task_the_outputs_before_it_are_those_of_the_last_run(tmp_path: Path) -> None:
    make, state = scripts(tmp_path, second="${word}"), tmp_path / "state"
    run(make, state)
    report = run(make, state, start_at="second")
    assert [(task.name, task.state) for task in report.tasks] == [("first", "SKIPPED"), ("second", "SUCCESS")]
    assert "a a" in report.task("second").log
    assert count(tmp_path) == 1


def test_only_one_task(tmp_path: Path) -> None:
    make, state = scripts(tmp_path), tmp_path / "state"
    report = run(make, state, only="first")
    assert [(task.name, task.state) for task in report.tasks] == [("first", "SUCCESS"), ("second", "SKIPPED")]
    assert set(ran(run(make, state))) == {"second"}


def test_from_a_task_without_the_output_that_it_needs(tmp_path: Path) -> None:
    from dsflow.errors import RunError

    with pytest.raises(RunError, match="asks for the output 'said' of 'first', which has not run here"):
        run(scripts(tmp_path), tmp_path / "state", start_at="second")


def test_a_task_that_there_is_not(tmp_path: Path) -> None:
    from dsflow.errors import RunError

    with pytest.raises(RunError) as error:
        run(scripts(tmp_path), tmp_path / "state", only="frist")
    assert error.value.hint == "did you mean 'first'?"
    assert not (tmp_path / "state").exists()


def test_the_time_for_a_run_is_over(tmp_path: Path) -> None:
    def make() -> Workflow:
        with Workflow("w", project="p") as wf:
            Shell("slow", "sleep 60") >> Shell("after", "true")
        return wf

    report = run(make, tmp_path / "state", limit=1)
    assert report.state == "TIMEOUT"
    assert [task.state for task in report.tasks] == ["STOPPED", "SKIPPED"]
    assert report.seconds < 30


def test_reports_say_nothing_of_what_is_as_ever() -> None:
    assert not {"takenFrom", "because"} & TaskReport("a", "SHELL").to_dict().keys()
