"""The loop on a laptop as a user types it: run, change, run again; mistakes; two at once; clean up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PIPELINE = """\
from dsflow import FeatureView, Param, Python, Shell, Table, Workflow, types as t

with Workflow(
    "orders",
    project="shop",
    params={{
        "data": Param("/data/orders.csv", local="{{here}}/orders.csv"),
        "out": Param("/out", local="{{state}}/out"),
    }},
) as wf:
    orders = Table("orders", database="shop", id=t.Int, ts=t.Timestamp, price=t.Double)
    view = FeatureView(
        "view",
        source=orders,
        sql="{sql}",
    )
    train = {train}
    {edges}

if __name__ == "__main__":
    wf.cli()
"""
SQL = (
    "SELECT id, sum(price) OVER w AS total FROM orders"
    " WINDOW w AS (PARTITION BY id ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
)
TRAIN = """Shell("train", "cat ${out}/*.csv")"""
EDGES = "orders.create() >> orders.load_offline(wf.params.data) >> view.extract(wf.params.out) >> train"
DATA = "id,ts,price\n1,1510000000000,2.5\n1,1510000001000,3.5\n"


def write(folder: Path, *, sql: str = SQL, train: str = TRAIN, edges: str = EDGES, data: str | None = DATA) -> Path:
    pipeline = folder / "orders.py"
    pipeline.write_text(PIPELINE.format(sql=sql, train=train, edges=edges))
    if data is not None:
        (folder / "orders.csv").write_text(data)
    return pipeline


def dsflow(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder; OpenMLDB's own compiler is not there unless a test names it."""
    done = subprocess.run(
        [sys.executable, "-m", "dsflow", *arguments],
        cwd=folder,
        env={**os.environ, "DSFLOW_OPENMLDB_SDK": str(folder / "none"), **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def test_run_change_and_run_again(tmp_path: Path) -> None:
    write(tmp_path)
    first = dsflow(tmp_path, "run", "orders.py", "--local")
    assert first.returncode == 0, first.stdout + first.stderr
    assert (tmp_path / ".dsflow" / ".gitignore").read_text().splitlines()[-1] == "*"
    write(tmp_path, train=TRAIN.replace("cat", "echo changed; cat"))
    again = dsflow(tmp_path, "run", "orders.py", "--local", "--tail", "--report", "report.json", "--html", "run.html")
    assert again.returncode == 0, again.stdout + again.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert {task["name"] for task in report["tasks"] if "takenFrom" not in task} == {"train"}
    assert "(from the run of " in again.stderr
    assert "(again: its script changed)" in again.stderr
    assert "train │ changed\n" in again.stderr
    assert "<svg" in (tmp_path / "run.html").read_text()
    part = dsflow(tmp_path, "run", "orders.py", "--local", "--from", "extract view", "--report", "report.json")
    assert part.returncode == 0, part.stdout + part.stderr
    states = {task["name"]: task["state"] for task in json.loads((tmp_path / "report.json").read_text())["tasks"]}
    assert {name for name, state in states.items() if state == "SKIPPED"} == {
        "create orders",
        "ask offline orders",
        "load offline orders",
        "check offline orders",
    }
    cleaned = dsflow(tmp_path, "clean", "orders.py")
    assert (cleaned.returncode, (tmp_path / ".dsflow" / "shop" / "orders").exists()) == (0, False), cleaned.stderr
    assert "nothing to remove" in dsflow(tmp_path, "clean", "orders.py").stdout


SLOW = """\
from dsflow import Shell, Workflow
with Workflow("slow", project="p") as wf:
    Shell("wait", "sleep 60")
"""


def test_a_second_run_says_who_holds_the_state(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    first = subprocess.Popen(
        [sys.executable, "-m", "dsflow", "run", "slow.py", "--local"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        held = tmp_path / ".dsflow" / "p" / "slow" / "in-use"
        deadline = time.monotonic() + 120
        while not (held.exists() and held.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        second = dsflow(tmp_path, "run", "slow.py", "--local")
        cleaning = dsflow(tmp_path, "clean", "slow.py")
    finally:
        first.terminate()
        out, err = first.communicate(timeout=60)
    assert second.returncode == 1
    assert f"is in use by process {first.pid}" in second.stderr
    assert "run slow.py --local" in second.stderr
    assert "--state" in second.stderr
    assert (cleaning.returncode, "is in use by" in cleaning.stderr) == (1, True)
    assert first.returncode == 3, out + err
    assert "Traceback" not in out + err
    over = dsflow(tmp_path, "run", "slow.py", "--local", "--timeout", "1")  # the state is free again
    assert over.returncode == 4, over.stdout + over.stderr


def test_clean_takes_no_folder_that_is_no_state(tmp_path: Path) -> None:
    write(tmp_path)
    done = dsflow(tmp_path, "clean", "orders.py", "--state", str(tmp_path))
    assert (done.returncode, "is no state of a local run" in done.stderr) == (1, True)
    assert (tmp_path / "orders.py").exists()


# -------------------------------------------------------------------- mistakes: one message each, place and remedy


def errors(text: str) -> list[str]:
    """The errors of a command's output, a line each."""
    return [line for line in text.splitlines() if ": error DSF" in line or line.startswith("error: ")]


@pytest.mark.parametrize(
    ("changes", "place", "cause", "remedy"),
    [
        ({"sql": SQL.replace("sum(price)", "sum(prize)")}, "orders.py:15", "column prize", "did you mean 'price'?"),
        ({"sql": SQL.replace("sum(price)", "summ(price)")}, "orders.py:15", "function summ", "did you mean 'sum'?"),
        ({"sql": SQL.replace("FROM orders", "FROM order_s")}, "orders.py:15", "order_s", "did you mean 'orders'?"),
        (
            {"sql": SQL.replace("id, sum", "id sum")},
            "orders.py:15",
            "Unexpected token",
            "is a comma or a bracket missing?",
        ),
        ({"train": 'Python("train", file="tarin.py")'}, "orders.py:17", "cannot read tarin.py", "looked in"),
        ({"edges": EDGES + "\n    train >> wf.tasks['create orders']"}, "orders.py", "run in a circle", ""),
        (
            {"edges": EDGES.replace("orders.create() >> ", "orders.create(); ")},
            "orders.py:18",
            "does not run after",
            "add an edge",
        ),
    ],
)
def test_one_mistake_is_one_message(
    tmp_path: Path, changes: dict[str, str], place: str, cause: str, remedy: str
) -> None:
    write(tmp_path, **changes)  # type: ignore[arg-type]
    for command in (["validate", "orders.py"], ["run", "orders.py", "--local"]):
        done = dsflow(tmp_path, *command)
        text = done.stdout + done.stderr
        assert (done.returncode, len(errors(text))) == (1, 1), text
        assert place in errors(text)[0]
        assert cause in errors(text)[0]
        assert remedy in text
        assert ": ok" not in text
    assert not (tmp_path / ".dsflow").exists()


def test_a_missing_comma_gets_a_caret(tmp_path: Path) -> None:
    write(tmp_path, sql=SQL.replace("id, sum", "id sum"))
    lines = dsflow(tmp_path, "validate", "orders.py").stdout.splitlines()
    [caret] = [n for n, line in enumerate(lines) if line.strip(" |") == "^"]
    assert lines[caret - 1][lines[caret].index("^") :].startswith("(price)")
    # here the columns are asked for while the file is read
    write(tmp_path, sql=SQL.replace("id, sum", "id sum"), train='Shell("train", f"echo {view.columns}")')
    lines = dsflow(tmp_path, "show", "orders.py").stderr.splitlines()
    assert "orders.py:12: feature view 'view': the SQL does not parse" in lines[0]
    [caret] = [n for n, line in enumerate(lines) if line.strip(" |") == "^"]
    assert lines[caret - 1][lines[caret].index("^") :].startswith("(price)")
    (tmp_path / "python.py").write_text('from dsflow import Workflow\nWorkflow("w" project="p")\n')
    lines = dsflow(tmp_path, "validate", "python.py").stderr.splitlines()
    assert "python.py:2" in lines[0]
    assert (lines[1], lines[2].strip(" |")) == ('  | Workflow("w" project="p")', "^")


def test_who_compiled_the_sql_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    done = dsflow(tmp_path, "validate", "orders.py")
    assert "ok; its SQL was compiled by the embedded OpenMLDB\n" in done.stdout
    assert "--install-compiler" in done.stdout


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, ["orders.csv does not exist"]),
        ("id,ts,prize\n1,1510000000000,2\n", ["orders.csv", "prize"]),
        ("id,ts,price\n1,1510000000000,cheap\n", ["orders.csv line 2", "price", "cheap"]),
    ],
)
def test_data_that_can_not_be_read(tmp_path: Path, data: str | None, says: list[str]) -> None:
    write(tmp_path, data=data)
    done = dsflow(tmp_path, "run", "orders.py", "--local")
    assert done.returncode == 1
    assert "load offline orders (OPENMLDB) failed" in done.stdout
    for words in says:
        assert words in done.stdout
    assert "it is declared at" in done.stdout


def test_a_script_that_can_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, train='Python("train", file="train.py")')
    (tmp_path / "train.py").write_bytes(b"print('\xff\xfe')\n")
    done = dsflow(tmp_path, "run", "orders.py", "--local")
    assert (done.returncode, len(errors(done.stderr))) == (1, 1), done.stderr
    assert "train.py" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = dsflow(tmp_path, "openmldb", "--dir", str(tmp_path / "db"), "--port", str(port))
    assert (done.returncode, f"127.0.0.1:{port}" in done.stderr) == (1, True), done.stderr
    assert "another port" in done.stderr


def test_an_extra_that_is_missing(tmp_path: Path) -> None:
    write(tmp_path)
    # a package that cannot be found, as in an environment without the extra
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "known = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'duckdb' else known(name, package)\n"
    )
    done = dsflow(tmp_path, "run", "orders.py", "--local", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "needs the package 'duckdb'" in done.stderr
    assert "[local]" in done.stderr
    assert len(errors(done.stderr)) == 1
